/* SPDX-License-Identifier: MIT */
/*
 * One exchange with the service, by libcurl; see transfer.h. Main thread. It must not interpret
 * answers beyond their status and fields, and sends nothing twice.
 */
#include "cli/transfer.h"

#include <assert.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "cli/service_url.h"
#include "cli/stop.h"

#define TICK_MS            100
#define CONNECT_TIMEOUT_MS 10000L
#define SILENCE_S          60 /* beyond what was asked for: then the connection is dead */
#define BODY_MAX_BYTES     ((size_t)16 << 20)
#define URL_MAX_BYTES      ((size_t)65536)
#define FIELD_MAX_BYTES    ((size_t)1024)
#define RETRY_AFTER_MAX_S  86400
#define SECOND_MS          INT64_C(1000)

struct transfer {
	struct service_url url;
	CURLM *multi;
	CURL *easy;
};

/* One exchange as it goes on. */
struct exchange {
	struct transfer *transfer;
	const struct call *call;
	struct answer *answer;
	bool has_head;
	bool head_is_whole; /* the empty line behind it has come */
	bool sink_refused;
};

void
answer_done(struct answer *answer)
{
	buf_done(&answer->body);
}

const char *
transfer_url(const struct transfer *transfer)
{
	return transfer->url.base;
}

void
transfer_escape(struct transfer *transfer, const char *text, struct buf *out)
{
	char *escaped = curl_easy_escape(transfer->easy, text, 0);

	if (escaped != NULL)
		buf_text(out, escaped);
	else
		out->status = STATUS_NOMEM;
	curl_free(escaped);
}

void
transfer_idle(struct transfer *transfer, int ms)
{
	(void)curl_multi_poll(transfer->multi, NULL, 0, ms, NULL);
}

/* One field of the answer; "" where it has none or a longer one. */
static void
take_field(CURL *easy, const char *name, char ret_text[ANSWER_FIELD_SIZE])
{
	struct curl_header *header;

	ret_text[0] = '\0';
	if (curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK &&
	    strlen(header->value) < ANSWER_FIELD_SIZE)
		memcpy(ret_text, header->value, strlen(header->value) + 1);
}

static void
take_head(struct exchange *exchange)
{
	struct answer *answer = exchange->answer;
	CURL *easy = exchange->transfer->easy;
	char text[ANSWER_FIELD_SIZE];
	curl_off_t bytes = -1;
	uint64_t seconds;

	(void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &answer->status);
	(void)curl_easy_getinfo(easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &bytes);
	answer->content_bytes = bytes;
	take_field(easy, "Content-Type", answer->media_type);
	take_field(easy, "ETag", answer->etag);
	take_field(easy, "Content-Range", answer->content_range);
	take_field(easy, "Retry-After", text);
	if (num_parse_u64(text, strlen(text), &seconds) == STATUS_OK)
		answer->retry_after_ms =
		    SECOND_MS *
		    (int64_t)(seconds < RETRY_AFTER_MAX_S ? seconds : RETRY_AFTER_MAX_S);
	exchange->has_head = true;
}

/* libcurl takes a head that breaks off for one that has ended there. */
static size_t
on_field(char *data, size_t one, size_t size, void *arg)
{
	struct exchange *exchange = arg;

	(void)one;
	exchange->head_is_whole = size > 0 && (data[0] == '\r' || data[0] == '\n');
	return size;
}

static size_t
on_body(char *data, size_t one, size_t size, void *arg)
{
	struct exchange *exchange = arg;
	const struct call *call = exchange->call;
	struct answer *answer = exchange->answer;

	(void)one;
	if (!exchange->has_head)
		take_head(exchange);
	if (call->sink != NULL && (answer->status == 200 || answer->status == 206)) {
		if (call->sink(call->sink_arg, answer, data, size))
			return size;
		exchange->sink_refused = true;
		return 0;
	}
	buf_append(&answer->body, data, size);
	return buf_status(&answer->body) == STATUS_OK ? size : 0;
}

static bool
add_field(struct curl_slist **list, const char *name, const char *prefix, const char *value)
{
	struct curl_slist *longer;
	struct buf field;
	char *text;

	buf_init(&field, FIELD_MAX_BYTES);
	buf_printf(&field, "%s: %s%s", name, prefix, value);
	text = buf_take(&field, NULL);
	buf_done(&field);
	longer = text != NULL ? curl_slist_append(*list, text) : NULL;
	free(text);
	if (longer != NULL)
		*list = longer;
	return longer != NULL;
}

/* The fields of a request; NULL without memory. */
static struct curl_slist *
fields_of(const struct call *call)
{
	struct curl_slist *list = NULL;
	/* libcurl would ask before it sends a body of a MiB, and wait for the answer. */
	bool is_whole = (list = curl_slist_append(NULL, "Expect:")) != NULL;

	if (is_whole && call->body != NULL)
		is_whole = add_field(&list, "Content-Type", "", "application/json");
	if (is_whole && call->key != NULL)
		is_whole = add_field(&list, "Idempotency-Key", "", call->key);
	if (is_whole && call->range != NULL)
		is_whole = add_field(&list, "Range", "bytes=", call->range);
	if (is_whole && call->if_range != NULL)
		is_whole = add_field(&list, "If-Range", "", call->if_range);
	if (!is_whole) {
		curl_slist_free_all(list);
		list = NULL;
	}
	return list;
}

static bool
set_body(CURL *easy, const struct call *call)
{
	if (strcmp(call->method, "GET") == 0)
		return curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L) == CURLE_OK;
	if (strcmp(call->method, "POST") == 0)
		return curl_easy_setopt(easy, CURLOPT_POST, 1L) == CURLE_OK &&
		       curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
			   (curl_off_t)(call->body != NULL ? call->body_bytes : 0)) == CURLE_OK &&
		       curl_easy_setopt(easy, CURLOPT_POSTFIELDS,
			   call->body != NULL ? call->body : "") == CURLE_OK;
	return curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, call->method) == CURLE_OK;
}

/* Options that depend on the request. */
static bool
set_request(struct exchange *exchange, const char *url, struct curl_slist *fields)
{
	const struct call *call = exchange->call;
	const struct transfer *transfer = exchange->transfer;
	CURL *easy = transfer->easy;

	curl_easy_reset(easy);
	return curl_easy_setopt(easy, CURLOPT_URL, url) == CURLE_OK && set_body(easy, call) &&
	       curl_easy_setopt(easy, CURLOPT_HTTPHEADER, fields) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) ==
		   CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_USERAGENT, "taskq/" TASKQ_VERSION) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_USERNAME, transfer->url.user) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_PASSWORD, transfer->url.password) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME,
		   (long)(call->wait_ms / SECOND_MS) + SILENCE_S) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)call->limit_ms) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_field) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_HEADERDATA, exchange) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange) == CURLE_OK;
}

/* Lets the transfer run to its end; CANCELLED when the user wants to stop. */
static enum status
drive(struct transfer *transfer, void (*tick)(void *arg), void *tick_arg, CURLcode *ret_code)
{
	int running = 1, left;
	CURLMsg *message;

	if (curl_multi_add_handle(transfer->multi, transfer->easy) != CURLM_OK)
		return STATUS_NOMEM;
	while (running > 0 && !stop_is_wanted()) {
		if (curl_multi_perform(transfer->multi, &running) != CURLM_OK)
			break;
		if (tick != NULL)
			tick(tick_arg);
		if (running > 0 &&
		    curl_multi_poll(transfer->multi, NULL, 0, TICK_MS, NULL) != CURLM_OK)
			break;
	}
	*ret_code = CURLE_FAILED_INIT;
	message = curl_multi_info_read(transfer->multi, &left);
	if (message != NULL && message->msg == CURLMSG_DONE)
		*ret_code = message->data.result;
	(void)curl_multi_remove_handle(transfer->multi, transfer->easy);
	return running > 0 && stop_is_wanted() ? STATUS_CANCELLED : STATUS_OK;
}

/* Whether nothing can have reached the service. */
static bool
is_not_connected(CURLcode code, CURL *easy)
{
	curl_off_t connected_us = 0;

	if (code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST)
		return true;
	return code == CURLE_OPERATION_TIMEDOUT &&
	       curl_easy_getinfo(easy, CURLINFO_CONNECT_TIME_T, &connected_us) == CURLE_OK &&
	       connected_us == 0;
}

/* What the end of a transfer means. */
static enum status
judge(const struct exchange *exchange, CURLcode code, enum transfer_reach *ret_reach,
    struct error *error)
{
	const struct transfer *transfer = exchange->transfer;
	long os_errno = 0;

	*ret_reach = TRANSFER_CONNECTED;
	if (exchange->sink_refused)
		return STATUS_CANCELLED;
	if (code == CURLE_OK && exchange->head_is_whole)
		return STATUS_OK;
	if (code == CURLE_OK)
		return error_set(error, STATUS_IO, "%s gave no complete answer: its head broke off",
		    transfer->url.base);
	if (exchange->answer->body.status != STATUS_OK)
		return error_set(error, exchange->answer->body.status,
		    "the answer of %s is larger than expected", transfer->url.base);
	if (code == CURLE_OUT_OF_MEMORY)
		return error_set(error, STATUS_NOMEM, "no memory for a request");
	if (!is_not_connected(code, transfer->easy))
		return error_set(error, STATUS_IO, "%s gave no complete answer: %s",
		    transfer->url.base, curl_easy_strerror(code));
	*ret_reach = TRANSFER_NOT_CONNECTED;
	(void)curl_easy_getinfo(transfer->easy, CURLINFO_OS_ERRNO, &os_errno);
	return error_set(error, STATUS_IO, "cannot reach %s: %s", transfer->url.base,
	    code == CURLE_COULDNT_CONNECT && os_errno != 0 ? strerror((int)os_errno)
							   : curl_easy_strerror(code));
}

enum status
transfer_run(struct transfer *transfer, const struct call *call, void (*tick)(void *arg),
    void *tick_arg, struct answer *ret_answer, enum transfer_reach *ret_reach, struct error *error)
{
	struct exchange exchange = { .transfer = transfer, .call = call, .answer = ret_answer };
	struct curl_slist *fields = fields_of(call);
	enum status status = STATUS_NOMEM;
	CURLcode code = CURLE_OK;
	struct buf url;

	assert(call->key != NULL || strcmp(call->method, "POST") != 0);
	*ret_answer = (struct answer){ .content_bytes = -1 };
	*ret_reach = TRANSFER_NOT_CONNECTED;
	buf_init(&ret_answer->body, BODY_MAX_BYTES);
	buf_text(&ret_answer->body, "");
	buf_init(&url, URL_MAX_BYTES);
	buf_printf(&url, "%s%s", transfer->url.base, call->path);
	if (fields != NULL && buf_status(&url) == STATUS_OK &&
	    set_request(&exchange, url.data, fields))
		status = drive(transfer, tick, tick_arg, &code);
	if (status == STATUS_NOMEM)
		(void)error_set(error, status, "no memory for a request");
	if (status == STATUS_OK)
		status = judge(&exchange, code, ret_reach, error);
	/* Where no body has followed it, the head is still to be taken. */
	if (!exchange.has_head && (status == STATUS_OK || status == STATUS_IO))
		take_head(&exchange);
	buf_done(&url);
	curl_slist_free_all(fields);
	return status;
}

enum status
transfer_open(const char *url, struct transfer **ret_transfer, struct error *error)
{
	struct transfer *transfer = calloc(1, sizeof(*transfer));
	enum status status;

	if (transfer == NULL)
		return error_set(error, STATUS_NOMEM, "no memory for transfers");
	status = service_url_parse(url, &transfer->url, error);
	if (status != STATUS_OK)
		goto out;
	transfer->multi = curl_multi_init();
	transfer->easy = curl_easy_init();
	if (transfer->multi == NULL || transfer->easy == NULL) {
		status = error_set(error, STATUS_NOMEM, "no memory for transfers");
		goto out;
	}
	*ret_transfer = transfer;
	transfer = NULL;
out:
	transfer_close(transfer);
	return status;
}

void
transfer_close(struct transfer *transfer)
{
	if (transfer == NULL)
		return;
	curl_easy_cleanup(transfer->easy);
	if (transfer->multi != NULL)
		(void)curl_multi_cleanup(transfer->multi);
	service_url_done(&transfer->url);
	free(transfer);
}
