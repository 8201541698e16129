/* SPDX-License-Identifier: MIT */
/*
 * From reply to libmicrohttpd's response object. The connection's own thread. The response takes
 * the body over: memory is freed, files are closed and sources end when the last byte is out or the
 * client is gone.
 */
#include "http/http_send.h"

#include <stdlib.h>

#include "base/log.h"
#include "http/body_source.h"

static ssize_t
source_read(void *context, uint64_t position, char *out, size_t room)
{
	struct body_source *source = context;
	ssize_t n = source->read(source, out, room);

	(void)position;
	if (n < 0) {
		log_error(LOG_EVENT("body_failed"));
		return MHD_CONTENT_READER_END_WITH_ERROR;
	}
	return n > 0 ? n : MHD_CONTENT_READER_END_OF_STREAM;
}

static void
source_free(void *context)
{
	struct body_source *source = context;

	source->free(source);
}

static struct MHD_Response *
response_of_source(struct reply *reply)
{
	uint64_t size = reply->bytes == REPLY_UNKNOWN_BYTES ? MHD_SIZE_UNKNOWN : reply->bytes;
	struct MHD_Response *response = MHD_create_response_from_callback(
	    size, reply->source->block_bytes, source_read, reply->source, source_free);

	if (response != NULL)
		reply->source = NULL;
	return response;
}

static struct MHD_Response *
response_of_file(struct reply *reply)
{
	struct MHD_Response *response =
	    MHD_create_response_from_fd_at_offset64(reply->bytes, reply->fd, reply->offset);

	if (response != NULL)
		reply->fd = -1;
	return response;
}

static struct MHD_Response *
response_of_memory(struct reply *reply)
{
	struct MHD_Response *response;
	size_t size = 0;
	char *data;

	if (reply->body.size == 0)
		return MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
	data = buf_take(&reply->body, &size);
	if (data == NULL)
		return NULL;
	response = MHD_create_response_from_buffer_with_free_callback(size, data, free);
	if (response == NULL)
		free(data);
	return response;
}

/* The library takes what it never writes to as if it would. */
static struct MHD_Response *
response_of_constant(const struct reply *reply)
{
	return MHD_create_response_from_buffer(
	    (size_t)reply->bytes, (void *)(uintptr_t)reply->constant_body, MHD_RESPMEM_PERSISTENT);
}

static bool
add_fields(
    struct MHD_Response *response, const struct reply *reply, const char *request_id, bool close)
{
	bool ok = MHD_add_response_header(response, "X-Request-Id", request_id) == MHD_YES &&
		  MHD_add_response_header(response, "X-Content-Type-Options", "nosniff") == MHD_YES;

	if (ok && !reply->may_be_kept)
		ok = MHD_add_response_header(response, "Cache-Control", "no-store") == MHD_YES;
	if (ok && reply->media_type != NULL)
		ok =
		    MHD_add_response_header(response, "Content-Type", reply->media_type) == MHD_YES;
	for (size_t i = 0; ok && i < reply->field_count; i++)
		ok = MHD_add_response_header(
			 response, reply->fields[i].name, reply->fields[i].value) == MHD_YES;
	for (const struct reply_constant *constant = reply->constants;
	     ok && constant != NULL && constant->name != NULL; constant++)
		ok = MHD_add_response_header(response, constant->name, constant->value) == MHD_YES;
	if (ok && close)
		ok = MHD_add_response_header(response, "Connection", "close") == MHD_YES;
	return ok;
}

/*
 * To HEAD the library sends the last chunk of a body that it does not send: whoever keeps the
 * connection reads that as the beginning of the next answer. Without chunks the connection ends.
 */
static bool
avoid_chunks(struct MHD_Response *response, const struct reply *reply, bool is_head)
{
	return !is_head || reply->bytes != REPLY_UNKNOWN_BYTES ||
	       MHD_set_response_options(response, MHD_RF_HTTP_VERSION_1_0_ONLY, MHD_RO_END) ==
		   MHD_YES;
}

bool
reply_send(struct reply *reply, struct MHD_Connection *mhd, const char *request_id, bool close,
    bool is_head)
{
	struct MHD_Response *response;
	bool sent = false;

	if (buf_status(&reply->body) != STATUS_OK)
		return false;
	if (reply->source != NULL)
		response = response_of_source(reply);
	else if (reply->fd >= 0)
		response = response_of_file(reply);
	else if (reply->constant_body != NULL)
		response = response_of_constant(reply);
	else
		response = response_of_memory(reply);
	if (response == NULL)
		return false;
	if (avoid_chunks(response, reply, is_head) &&
	    add_fields(response, reply, request_id, close))
		sent = MHD_queue_response(mhd, reply->status, response) == MHD_YES;
	MHD_destroy_response(response);
	return sent;
}
