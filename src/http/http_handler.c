/* SPDX-License-Identifier: MIT */
/*
 * The callbacks. A session is a connection with its one current request; it is made and freed by
 * the listening thread and used by the connection's own thread in between. The order of calls per
 * request: target, header (first call), pieces of the body, end (last call), completed.
 *
 * An answer given in the first call ends the connection, and none can be given in between, so a
 * request that is refused without need to close waits, its body dropped, for the last call.
 */
#include "http/http_handler.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "http/http_check.h"
#include "http/http_head.h"
#include "http/http_layout.h"
#include "http/http_routes.h"
#include "http/http_send.h"

struct session {
	struct connection connection;
	uint64_t random; /* state of the generator of request ids */
	bool has_target;
	bool has_header;
	const char *raw_target; /* where it is in the header; for struct layout alone */
	size_t raw_target_size;
	struct layout layout;
	size_t body_bytes; /* of this request, counted in bodies_bytes */
	struct request request;
};

/* splitmix64: ids that do not repeat; nobody has to be unable to guess them. */
static uint64_t
next_random(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

static struct session *
session_of(struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info == NULL ? NULL : info->socket_context;
}

static void
session_start(struct http_context *context, struct MHD_Connection *mhd, void **socket_context)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct session *session = malloc(sizeof(*session));
	uint64_t serial = atomic_fetch_add(&context->figures.accepted, 1);

	*socket_context = session;
	if (session == NULL || info == NULL) {
		/* Without a session every request is dropped, and so is the connection. */
		*socket_context = NULL;
		free(session);
		return;
	}
	session->random = context->request_id_seed ^ (serial * 0xd1342543de82ef95);
	session->has_target = false;
	session->has_header = false;
	session->body_bytes = 0;
	session->request.queue = context->queue;
	session->request.conf = &context->conf;
	session->request.draining = &context->draining;
	session->request.figures = &context->figures;
	session->request.json_gate = &context->json_gate;
	session->request.connection = &session->connection;
	connections_add(context->connections, &session->connection, info->connect_fd);
}

void
handler_on_connection(void *context, struct MHD_Connection *mhd, void **socket_context,
    enum MHD_ConnectionNotificationCode code)
{
	switch (code) {
	case MHD_CONNECTION_NOTIFY_STARTED:
		session_start(context, mhd, socket_context);
		break;
	case MHD_CONNECTION_NOTIFY_CLOSED:
		if (*socket_context != NULL) {
			struct session *session = *socket_context;

			connections_remove(&session->connection);
			free(session);
			*socket_context = NULL;
		}
		break;
	}
}

void *
handler_on_target(void *context, const char *target, struct MHD_Connection *mhd)
{
	struct session *session = session_of(mhd);

	(void)context;
	if (session == NULL)
		return NULL;
	connection_enter(&session->connection, PHASE_HEADER, clock_mono_us());
	target_parse(target, &session->request.target);
	session->raw_target = target;
	session->raw_target_size = strlen(target);
	session->has_target = true;
	session->has_header = false;
	return session;
}

size_t
handler_unescape(void *context, struct MHD_Connection *mhd, char *text)
{
	(void)context;
	(void)mhd;
	return strlen(text);
}

static enum MHD_Result
add_header(void *context, enum MHD_ValueKind kind, const char *name, size_t name_size,
    const char *value, size_t value_size)
{
	struct session *session = context;

	(void)kind;
	layout_field(&session->layout, name, name_size, value, value_size);
	head_add(&session->request.head, name, name_size, value);
	return MHD_YES;
}

static void
read_header(
    struct session *session, struct MHD_Connection *mhd, const char *method, const char *version)
{
	struct request_head *head = &session->request.head;
	const union MHD_ConnectionInfo *info;

	memset(head, 0, sizeof(*head));
	layout_begin(
	    &session->layout, method, session->raw_target, session->raw_target_size, version);
	(void)MHD_get_connection_values_n(mhd, MHD_HEADER_KIND, add_header, session);
	info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	head->is_distorted = layout_is_known() && (info == NULL || !layout_end(&session->layout,
								       method, info->header_size));
}

static bool
is_usable_request_id(const char *id)
{
	size_t size =
	    strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");

	return size > 0 && size < REQUEST_ID_SIZE && id[size] == '\0';
}

static void
set_request_id(struct session *session)
{
	static const char hex[] = "0123456789abcdef";
	struct request *request = &session->request;
	const char *given = request->head.request_id;
	uint64_t random;

	if (given != NULL && is_usable_request_id(given)) {
		memcpy(request->request_id, given, strlen(given) + 1);
		return;
	}
	random = next_random(&session->random);
	for (size_t i = 0; i < 16; i++, random >>= 4)
		request->request_id[i] = hex[random & 15];
	request->request_id[16] = '\0';
}

/* What failed by our own doing is worth a line by itself; all else only when somebody debugs. */
static enum log_level
log_level_of(const struct reply *reply)
{
	if (reply->drop || reply->status == 500)
		return LOG_LEVEL_ERROR;
	return reply->status == 503 ? LOG_LEVEL_WARN : LOG_LEVEL_DEBUG;
}

static void
log_request(struct http_context *context, const struct session *session, int64_t now_us)
{
	static const char *const methods[] = {
		[METHOD_GET] = "GET",
		[METHOD_HEAD] = "HEAD",
		[METHOD_POST] = "POST",
		[METHOD_DELETE] = "DELETE",
		[METHOD_OPTIONS] = "OPTIONS",
		[METHOD_OTHER] = "other",
		[METHOD_UNKNOWN] = "unknown",
	};
	const struct request *request = &session->request;
	const struct reply *reply = &request->reply;
	enum log_level level = log_level_of(reply);
	unsigned suppressed = 0;

	if (!log_is_enabled(level))
		return;
	/* Clients can make 503 happen at will; whoever asks for debug gets all of it. */
	if (level != LOG_LEVEL_DEBUG && !log_is_enabled(LOG_LEVEL_DEBUG) &&
	    !log_gate_opens(&context->failure_lines, now_us / 1000, &suppressed))
		return;
	log_write(
	    level, LOG_FIELDS(LOG_EVENT("request"), LOG_STR("request_id", request->request_id),
		       LOG_STR("method", methods[request->method]),
		       LOG_STR("route", request->route != NULL ? request->route->pattern : "-"),
		       LOG_INT("status", reply->drop ? 0 : reply->status),
		       LOG_INT("duration_us", now_us - request->began_mono_us),
		       LOG_INT("suppressed", suppressed)));
}

static enum MHD_Result
answer(struct http_context *context, struct session *session, struct MHD_Connection *mhd)
{
	struct request *request = &session->request;
	struct reply *reply = &request->reply;
	bool close = reply->close || atomic_load(request->draining) ||
		     connections_is_leaving(&session->connection);
	int64_t now_us;

	if (!reply->drop &&
	    !reply_send(reply, mhd, request->request_id, close, request->method == METHOD_HEAD))
		reply->drop = true;
	now_us = clock_mono_us();
	log_request(context, session, now_us);
	if (reply->drop) {
		atomic_fetch_add_explicit(&context->figures.dropped, 1, memory_order_relaxed);
		return MHD_NO;
	}
	http_figures_answer(&context->figures, request, now_us - request->began_mono_us);
	connection_enter(&session->connection, PHASE_SENDING, now_us);
	return MHD_YES;
}

/* The first call: everything that the header alone tells. */
static enum MHD_Result
on_header(struct http_context *context, struct session *session, struct MHD_Connection *mhd,
    const char *method, const char *version)
{
	struct request *request = &session->request;
	bool is_over = connections_is_over(&session->connection);

	session->has_header = true;
	request->has_waited = false;
	request->began_mono_us = clock_mono_us();
	request->method = method_parse(method);
	request->is_http_1_0 = strcmp(version, "HTTP/1.0") == 0;
	request->received_bytes = 0;
	buf_init(&request->body, request->conf->body_max_bytes);
	reply_init(&request->reply);
	read_header(session, mhd, method, version);
	set_request_id(session);
	request_check(request, is_over);
	if (is_over && request->reply.status == 503)
		atomic_fetch_add_explicit(&context->figures.refused, 1, memory_order_relaxed);
	if (request->is_hopeless)
		return answer(context, session, mhd);
	connection_enter(&session->connection,
	    request->content_length > 0 ? PHASE_BODY : PHASE_HANDLING, request->began_mono_us);
	return MHD_YES;
}

/* Drops what has been received; the answer is there already. */
static void
drop_body(struct http_context *context, struct session *session)
{
	buf_done(&session->request.body);
	atomic_fetch_sub_explicit(
	    &context->bodies_bytes, session->body_bytes, memory_order_relaxed);
	session->body_bytes = 0;
}

/* Keeps a piece, unless all requests together hold too much. */
static void
keep_piece(struct http_context *context, struct session *session, const char *piece, size_t size)
{
	struct request *request = &session->request;
	size_t before =
	    atomic_fetch_add_explicit(&context->bodies_bytes, size, memory_order_relaxed);

	session->body_bytes += size;
	if (size <= context->conf.bodies_max_bytes &&
	    before <= context->conf.bodies_max_bytes - size) {
		buf_append(&request->body, piece, size);
		return;
	}
	drop_body(context, session);
	reply_problem(&request->reply, PROBLEM_TOO_MANY_BODIES, NULL,
	    "Too many request bodies are being received at once.");
	reply_field(&request->reply, "Retry-After", "1");
}

/* A piece of the body. Returns MHD_NO when a body without length goes on for far too long. */
static enum MHD_Result
on_piece(struct http_context *context, struct session *session, const char *piece, size_t size)
{
	struct request *request = &session->request;

	request->received_bytes += size;
	if (request->reply.status != 0 || (request->route->flags & ROUTE_TAKES_JSON) == 0) {
		/* Dropped. */
	} else if (request->received_bytes > request->conf->body_max_bytes) {
		drop_body(context, session);
		reply_problem(&request->reply, PROBLEM_BODY_TOO_LARGE, NULL,
		    "The body may have at most %zu bytes.", request->conf->body_max_bytes);
	} else {
		keep_piece(context, session, piece, size);
	}
	if (request->received_bytes > request->conf->body_max_bytes + REQUEST_BODY_OVERSHOOT)
		return MHD_NO;
	return MHD_YES;
}

/* The last call: the request is complete. */
static enum MHD_Result
on_end(struct http_context *context, struct session *session, struct MHD_Connection *mhd)
{
	struct request *request = &session->request;

	if (request->content_length > 0)
		connection_enter(&session->connection, PHASE_HANDLING, 0);
	if (buf_status(&request->body) != STATUS_OK)
		request->reply.drop = true;
	else if (request->reply.status == 0)
		request->route->handle(request);
	return answer(context, session, mhd);
}

enum MHD_Result
handler_on_request(void *context, struct MHD_Connection *mhd, const char *url, const char *method,
    const char *version, const char *upload, size_t *upload_size, void **request_context)
{
	struct session *session = *request_context;
	size_t size = *upload_size;

	(void)url;
	if (session == NULL || !session->has_target)
		return MHD_NO;
	if (!session->has_header)
		return on_header(context, session, mhd, method, version);
	if (size > 0) {
		*upload_size = 0;
		return on_piece(context, session, upload, size);
	}
	return on_end(context, session, mhd);
}

void
handler_on_completed(void *context, struct MHD_Connection *mhd, void **request_context,
    enum MHD_RequestTerminationCode code)
{
	struct session *session = *request_context;

	(void)mhd;
	(void)code;
	if (session == NULL)
		return;
	if (session->has_header) {
		drop_body(context, session);
		reply_done(&session->request.reply);
	}
	session->has_target = false;
	session->has_header = false;
	*request_context = NULL;
	connection_enter(&session->connection, PHASE_IDLE, clock_mono_us());
}

void
handler_log(void *context, const char *fmt, va_list ap)
{
	struct http_context *http = context;
	unsigned suppressed;
	char text[256];
	size_t size;

	if (!log_gate_opens(&http->library_lines, clock_mono_ms(), &suppressed) ||
	    vsnprintf(text, sizeof(text), fmt, ap) < 0)
		return;
	size = strlen(text);
	while (size > 0 && (text[size - 1] == '\n' || text[size - 1] == ' '))
		text[--size] = '\0';
	log_info(
	    LOG_EVENT("libmicrohttpd"), LOG_STR("text", text), LOG_INT("suppressed", suppressed));
}
