/* SPDX-License-Identifier: MIT */
/*
 * Judges request headers. The connection's own thread. Framing comes first: while it is unclear
 * where the request ends, nothing else about it is worth an answer, and the connection must end.
 */
#include "http/http_check.h"

#include <string.h>

#include "base/compiler.h"
#include "base/num.h"
#include "http/http_field.h"
#include "http/http_host.h"
#include "http/http_media_type.h"
#include "http/http_query.h"
#include "http/http_routes.h"

#define RETRY_SOON_S "1"

/* Makes the reply a refusal that is sent at once and ends the connection. */
#define REFUSE_AND_CLOSE(request, ...)                         \
	do {                                                   \
		reply_problem(&(request)->reply, __VA_ARGS__); \
		(request)->reply.close = true;                 \
		(request)->is_hopeless = true;                 \
	} while (0)

static bool
is_refused(const struct request *request)
{
	return request->reply.status != 0;
}

static void
check_transfer_encoding(struct request *request)
{
	const struct request_head *head = &request->head;

	if (head->content_length_count > 0)
		REFUSE_AND_CLOSE(request, PROBLEM_BAD_REQUEST, NULL,
		    "The request has both Content-Length and Transfer-Encoding.");
	else if (request->is_http_1_0)
		REFUSE_AND_CLOSE(request, PROBLEM_BAD_REQUEST, NULL,
		    "Transfer-Encoding does not exist in HTTP/1.0.");
	else if (head->transfer_encoding_count > 1 ||
		 !field_span_is(field_text(head->transfer_encoding), "chunked"))
		REFUSE_AND_CLOSE(request, PROBLEM_NOT_IMPLEMENTED, NULL,
		    "The only Transfer-Encoding that is understood is chunked.");
	request->content_length = REQUEST_UNKNOWN_BYTES;
}

static void
check_content_length(struct request *request)
{
	struct span text = field_text(request->head.content_length);
	uint64_t bytes = 0;
	enum status status = num_parse_u64(text.data, text.size, &bytes);

	if (request->head.content_length_count > 1)
		REFUSE_AND_CLOSE(request, PROBLEM_BAD_REQUEST, NULL,
		    "The request has more than one Content-Length.");
	else if (status == STATUS_FULL ||
		 (status == STATUS_OK &&
		     bytes > request->conf->body_max_bytes + REQUEST_BODY_SLACK))
		REFUSE_AND_CLOSE(request, PROBLEM_BODY_TOO_LARGE, NULL,
		    "The body may have at most %zu bytes.", request->conf->body_max_bytes);
	else if (status != STATUS_OK)
		REFUSE_AND_CLOSE(request, PROBLEM_BAD_REQUEST, NULL,
		    "The Content-Length is not a decimal number.");
	request->content_length = bytes;
}

static void
check_framing(struct request *request)
{
	const struct request_head *head = &request->head;

	request->content_length = 0;
	if (head->has_bad_name)
		REFUSE_AND_CLOSE(request, PROBLEM_BAD_REQUEST, NULL,
		    "The request has a field whose name is not a token.");
	else if (head->is_distorted)
		REFUSE_AND_CLOSE(request, PROBLEM_BAD_REQUEST, NULL,
		    "The header has a folded line, a line without a name, a control character "
		    "or a line end that is not CR LF.");
	else if (request->method == METHOD_UNKNOWN)
		REFUSE_AND_CLOSE(
		    request, PROBLEM_NOT_IMPLEMENTED, NULL, "The request method is not known.");
	else if (head->transfer_encoding_count > 0)
		check_transfer_encoding(request);
	else if (head->content_length_count > 0)
		check_content_length(request);
}

static void
check_host(struct request *request)
{
	const struct request_head *head = &request->head;

	if (head->host_count > 1 || (head->host_count == 0 && !request->is_http_1_0)) {
		REFUSE_AND_CLOSE(request, PROBLEM_BAD_REQUEST, NULL,
		    "The request must have exactly one Host field.");
		return;
	}
	if (head->host_count == 0)
		return;
	switch (host_check(head->host, request->conf->host_names, request->conf->host_name_count)) {
	case HOST_OURS:
		break;
	case HOST_FOREIGN:
		reply_problem(&request->reply, PROBLEM_MISDIRECTED, NULL,
		    "The service does not go by the name in the Host field.");
		break;
	case HOST_INVALID:
		REFUSE_AND_CLOSE(request, PROBLEM_BAD_REQUEST, NULL,
		    "The Host field is not a host with an optional port.");
		break;
	}
}

static void
check_expect(struct request *request)
{
	const char *expect = request->head.expect;

	if (expect != NULL && !field_span_is(field_text(expect), "100-continue"))
		REFUSE_AND_CLOSE(request, PROBLEM_EXPECTATION_FAILED, NULL,
		    "The only expectation that can be met is 100-continue.");
}

static void
allow(struct request *request, const char *methods)
{
	request->reply.status = 204;
	reply_field(&request->reply, "Allow", "%s", methods);
}

static void
check_target(struct request *request)
{
	const struct target *target = &request->target;
	struct reply *reply = &request->reply;

	switch (target->verdict) {
	case TARGET_PATH:
		break;
	case TARGET_ASTERISK:
		if (request->method == METHOD_OPTIONS)
			allow(request, "GET, HEAD, POST, DELETE, OPTIONS");
		else
			reply_problem(
			    reply, PROBLEM_BAD_TARGET, NULL, "The target * is for OPTIONS alone.");
		break;
	case TARGET_UNROUTABLE:
		reply_problem(reply, PROBLEM_NOT_FOUND, NULL, "There is nothing at this path.");
		break;
	case TARGET_INVALID:
		reply_problem(
		    reply, PROBLEM_BAD_TARGET, NULL, "Not understood: %s.", target->fault);
		break;
	case TARGET_LONG_QUERY:
		reply_problem(reply, PROBLEM_QUERY_TOO_LONG, NULL,
		    "The query may have at most %d bytes.", TARGET_QUERY_SIZE - 1);
		break;
	}
}

static void
check_route(struct request *request)
{
	struct reply *reply = &request->reply;
	const char *path = request->target.path;

	switch (routes_match(request->method, path, request->id, &request->route)) {
	case ROUTE_FOUND:
		break;
	case ROUTE_NO_PATH:
		reply_problem(reply, PROBLEM_NOT_FOUND, NULL, "There is nothing at this path.");
		break;
	case ROUTE_NO_METHOD:
		if (request->method == METHOD_OPTIONS) {
			allow(request, routes_allow(path));
			break;
		}
		reply_problem(reply, PROBLEM_METHOD_NOT_ALLOWED, NULL, "This path allows %s.",
		    routes_allow(path));
		reply_field(reply, "Allow", "%s", routes_allow(path));
		break;
	}
}

/* The one media type of the answer, or NULL where the endpoint knows better. */
static const char *
answer_type(const struct request *request)
{
	unsigned flags = request->route->flags;

	if ((flags & ROUTE_GIVES_EVENTS) != 0)
		return MEDIA_TYPE_EVENTS;
	if ((flags & ROUTE_GIVES_TEXT) != 0 || request->is_verbose)
		return MEDIA_TYPE_TEXT;
	return (flags & ROUTE_GIVES_JSON) != 0 ? MEDIA_TYPE_JSON : NULL;
}

static void
check_accept(struct request *request)
{
	const struct request_head *head = &request->head;
	const char *type = answer_type(request);

	if (head->accept_count > REQUEST_ACCEPT_MAX)
		reply_problem(&request->reply, PROBLEM_BAD_REQUEST, NULL,
		    "The request may have at most %d Accept fields.", REQUEST_ACCEPT_MAX);
	else if (type != NULL && accept_quality(head->accept, head->accept_count, type) == 0)
		reply_problem(&request->reply, PROBLEM_NOT_ACCEPTABLE, NULL,
		    "The answer is %s, which the request does not accept.", type);
}

/* Only for routes that read the body; whatever others get is dropped. */
static void
check_content(struct request *request)
{
	const struct request_head *head = &request->head;

	if (head->content_type_count != 1 || !media_type_is_json(head->content_type))
		reply_problem(&request->reply, PROBLEM_UNSUPPORTED_MEDIA_TYPE, NULL,
		    "The body must be declared as %s.", MEDIA_TYPE_JSON);
	else if (head->content_encoding != NULL &&
		 !field_span_is(field_text(head->content_encoding), "identity"))
		reply_problem(&request->reply, PROBLEM_UNSUPPORTED_MEDIA_TYPE, NULL,
		    "The body must have no Content-Encoding.");
	else if (request->content_length != REQUEST_UNKNOWN_BYTES &&
		 request->content_length > request->conf->body_max_bytes)
		reply_problem(&request->reply, PROBLEM_BODY_TOO_LARGE, NULL,
		    "The body may have at most %zu bytes.", request->conf->body_max_bytes);
}

/*
 * A connection that came beyond the limit. A small body is read and dropped before the answer:
 * closing with bytes unread resets the connection, and the client may never see the 503.
 */
static void
check_limit(struct request *request, bool is_over)
{
	if (!is_over)
		return;
	request->reply.close = true;
	if (request->route != NULL && (request->route->flags & ROUTE_ALWAYS_OPEN) != 0)
		return;
	reply_problem(&request->reply, PROBLEM_TOO_MANY_CONNECTIONS, NULL,
	    "As many connections are open as are served at once.");
	reply_field(&request->reply, "Retry-After", RETRY_SOON_S);
}

/*
 * Who asks before sending a body that is refused already is told so, not asked for it: the answer
 * goes out at once, in the place of 100 (RFC 9110 section 10.1.1).
 */
static void
check_unwanted(struct request *request)
{
	bool asks = request->head.expect != NULL && !request->is_http_1_0;

	if (!is_refused(request) || !asks || request->content_length == 0)
		return;
	request->reply.close = true;
	request->is_hopeless = true;
}

void
request_check(struct request *request, bool is_over)
{
	void (*const checks[])(struct request *) = { check_framing, check_host, check_expect,
		check_target, check_route, query_check_prefer, query_check, check_accept };

	request->route = NULL;
	request->is_hopeless = false;
	for (size_t i = 0; i < ARRAY_SIZE(checks) && !is_refused(request); i++)
		checks[i](request);
	if (!is_refused(request) && (request->route->flags & ROUTE_TAKES_JSON) != 0)
		check_content(request);
	/* Last, because health, readiness and figures are exempt. */
	if (!request->is_hopeless)
		check_limit(request, is_over);
	check_unwanted(request);
}
