/* SPDX-License-Identifier: MIT */
/* Requests judged by their header alone: framing first, then everything else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "http/http_check.h"
#include "http/http_head.h"
#include "http/http_routes.h"

#define ID       "018f0000-0000-7000-8000-00000000000a"
#define BODY_MAX 1000
#define ACCEPT   "Accept"

static const char *const host_names[] = { "queue.example" };
static const struct http_conf conf = {
	.host_names = host_names,
	.host_name_count = 1,
	.body_max_bytes = BODY_MAX,
};

struct field {
	const char *name;
	const char *value;
};

#define FIELDS(...)                \
	(const struct field[])     \
	{                          \
		__VA_ARGS__,       \
		{                  \
			NULL, NULL \
		}                  \
	}
#define HOST                        \
	{                           \
		"Host", "localhost" \
	}
#define JSON                                       \
	{                                          \
		"Content-Type", "application/json" \
	}

/* Judges a request; the reply is for reply_done. */
static void
judge(struct request *request, const char *method, const char *target, const char *version,
    const struct field *fields, bool is_over)
{
	memset(request, 0, sizeof(*request));
	request->conf = &conf;
	request->method = method_parse(method);
	request->is_http_1_0 = strcmp(version, "1.0") == 0;
	target_parse(target, &request->target);
	for (; fields->name != NULL; fields++)
		head_add(&request->head, fields->name, strlen(fields->name), fields->value);
	reply_init(&request->reply);
	request_check(request, is_over);
}

static void
assert_judged(const char *method, const char *target, const char *version,
    const struct field *fields, unsigned status, bool closes)
{
	struct request request;

	judge(&request, method, target, version, fields, false);
	if (request.reply.status != status || request.reply.close != closes ||
	    request.is_hopeless != closes)
		fail_msg("%s %s: %u, %s", method, target, request.reply.status,
		    request.reply.close ? "closes" : "stays");
	if (status == 0)
		assert_non_null(request.route);
	reply_done(&request.reply);
}

static void
test_good_requests_pass(void **state)
{
	(void)state;
	assert_judged("GET", "/healthz", "1.1", FIELDS(HOST), 0, false);
	assert_judged("HEAD", "/tasks/" ID, "1.1", FIELDS(HOST), 0, false);
	assert_judged("GET", "/healthz", "1.0", FIELDS({ "X", "y" }), 0, false);
	assert_judged("POST", "/tasks/submissions", "1.1",
	    FIELDS(HOST, JSON, { "Content-Length", "1000" }, { "Expect", "100-Continue" }), 0,
	    false);
	assert_judged("POST", "http://evil/tasks/submissions", "1.1",
	    FIELDS(HOST, JSON, { "transfer-encoding", " Chunked " }), 0, false);
	assert_judged("GET", "/healthz?", "1.1", FIELDS(HOST, { "Content-Length", "5" }), 0, false);
}

static void
assert_waits(const char *target, const struct field *fields, unsigned wait_s, bool is_preferred)
{
	struct request request;

	judge(&request, "GET", target, "1.1", fields, false);
	if (request.reply.status != 0 || request.wait_s != wait_s ||
	    request.wait_is_preferred != is_preferred)
		fail_msg("%s: status %u, waits %u s, %s", target, request.reply.status,
		    request.wait_s, request.wait_is_preferred ? "preferred" : "not preferred");
	reply_done(&request.reply);
}

static void
test_keys_are_noted_and_not_judged(void **state)
{
	struct request request;

	(void)state;
	judge(&request, "POST", "/tasks/submissions", "1.1",
	    FIELDS(HOST, JSON, { "idempotency-KEY", "a" }, { "Idempotency-Key", "\"b\"" }), false);
	assert_int_equal(request.reply.status, 0);
	assert_int_equal(request.head.idempotency_key_count, 2);
	assert_string_equal(request.head.idempotency_key, "\"b\"");
	reply_done(&request.reply);
}

static void
test_a_wait_is_taken_from_the_query_or_else_from_the_preference(void **state)
{
	(void)state;
	assert_waits("/tasks/" ID, FIELDS(HOST), 0, false);
	assert_waits("/tasks/" ID "?wait=0", FIELDS(HOST), 0, false);
	assert_waits("/tasks/" ID "?wait=60", FIELDS(HOST), 60, false);
	assert_waits("/tasks/submissions/" ID "?w%61it=%31", FIELDS(HOST), 1, false);
	assert_waits("/tasks/" ID, FIELDS(HOST, { "Prefer", "wait=59" }), 59, true);
	assert_waits("/tasks/submissions/" ID,
	    FIELDS(HOST, { "Prefer", "respond-async" }, { "prefer", "wait=60" }), 60, true);
	/* A wish for more is granted in part; the query wins. */
	assert_waits("/tasks/" ID, FIELDS(HOST, { "Prefer", "wait=61" }), 60, true);
	assert_waits("/tasks/" ID, FIELDS(HOST, { "Prefer", "wait=99999999999" }), 60, true);
	assert_waits("/tasks/" ID "?wait=5", FIELDS(HOST, { "Prefer", "wait=7" }), 5, false);
	/* Nothing to wait for, or nothing that is understood. */
	assert_waits("/healthz", FIELDS(HOST, { "Prefer", "wait=7" }), 0, false);
	assert_waits("/tasks/" ID "/result", FIELDS(HOST, { "Prefer", "wait=7" }), 0, false);
	assert_waits("/tasks/" ID, FIELDS(HOST, { "Prefer", "wait=soon" }), 0, false);
}

static void
test_a_wait_that_cannot_be_taken_is_refused(void **state)
{
	static const char *const queries[] = { "wait", "wait=", "wait=61", "wait=-1", "wait=+1",
		"wait=1.0", "wait=1s", "wait=%201", "wait=18446744073709551616", "wait=1&wait=1",
		"wait=1&wait=x", "wait=1&more=1", "more=1&wait=1", "Wait=1" };
	char target[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(queries); i++) {
		(void)snprintf(target, sizeof(target), "/tasks/" ID "?%s", queries[i]);
		assert_judged("GET", target, "1.1", FIELDS(HOST), 400, false);
	}
	assert_judged("GET", "/healthz?wait=1", "1.1", FIELDS(HOST), 400, false);
	assert_judged("GET", "/tasks/" ID "/result?wait=1", "1.1", FIELDS(HOST), 400, false);
}

static void
test_framing_in_doubt_is_refused_and_closes(void **state)
{
	static const struct {
		struct field fields[3];
		const char *version;
		unsigned status;
	} cases[] = {
		{ { { "Content-Length", "3" }, { "Content-Length", "3" } }, "1.1", 400 },
		{ { { "Content-Length", "3" }, { "content-length", "4" } }, "1.1", 400 },
		{ { { "Content-Length", "3" }, { "Transfer-Encoding", "chunked" } }, "1.1", 400 },
		{ { { "Transfer-Encoding", "chunked" } }, "1.0", 400 },
		{ { { "Transfer-Encoding", "identity" } }, "1.1", 501 },
		{ { { "Transfer-Encoding", "gzip, chunked" } }, "1.1", 501 },
		{ { { "Transfer-Encoding", "xchunked" } }, "1.1", 501 },
		{ { { "Transfer-Encoding", "" } }, "1.1", 501 },
		{ { { "Transfer-Encoding", "chunked" }, { "Transfer-Encoding", "chunked" } }, "1.1",
		    501 },
		{ { { "Content-Length", "" } }, "1.1", 400 },
		{ { { "Content-Length", "+3" } }, "1.1", 400 },
		{ { { "Content-Length", "-1" } }, "1.1", 400 },
		{ { { "Content-Length", "0x3" } }, "1.1", 400 },
		{ { { "Content-Length", "3, 3" } }, "1.1", 400 },
		{ { { "Content-Length", "03" } }, "1.1", 400 },
		{ { { "Content-Length", "18446744073709551615" } }, "1.1", 413 },
		{ { { "Content-Length", "18446744073709551616" } }, "1.1", 413 },
		{ { { "", "x" } }, "1.1", 400 },
		{ { { "Na me", "x" } }, "1.1", 400 },
		{ { { "Na\x01me", "x" } }, "1.1", 400 },
		{ { { "Name ", "x" } }, "1.1", 400 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct field fields[] = { HOST, JSON, cases[i].fields[0], cases[i].fields[1],
			{ NULL, NULL } };

		if (fields[2].name != NULL && fields[2].value == NULL)
			fields[2].name = NULL;
		assert_judged(
		    "POST", "/tasks/submissions", cases[i].version, fields, cases[i].status, true);
	}
}

static void
test_a_distorted_header_is_refused_and_closes(void **state)
{
	struct request request;

	(void)state;
	judge(&request, "GET", "/healthz", "1.1", FIELDS(HOST), false);
	assert_int_equal(request.reply.status, 0);
	request.head.is_distorted = true;
	request_check(&request, false);
	assert_int_equal(request.reply.status, 400);
	assert_true(request.reply.close);
	reply_done(&request.reply);
}

static void
test_declared_bodies_around_the_limits(void **state)
{
	char length[32];

	(void)state;
	assert_judged("POST", "/tasks/submissions", "1.1",
	    FIELDS(HOST, JSON, { "Content-Length", "1001" }), 413, false);
	snprintf(
	    length, sizeof(length), "%llu", (unsigned long long)(BODY_MAX + REQUEST_BODY_SLACK));
	assert_judged("POST", "/tasks/submissions", "1.1",
	    FIELDS(HOST, JSON, { "Content-Length", length }), 413, false);
	snprintf(length, sizeof(length), "%llu",
	    (unsigned long long)(BODY_MAX + REQUEST_BODY_SLACK + 1));
	assert_judged("POST", "/tasks/submissions", "1.1",
	    FIELDS(HOST, JSON, { "Content-Length", length }), 413, true);
	assert_judged(
	    "GET", "/nothing", "1.1", FIELDS(HOST, { "Content-Length", length }), 413, true);
}

static void
test_hosts_are_judged(void **state)
{
	(void)state;
	assert_judged("GET", "/healthz", "1.1", FIELDS({ "X", "y" }), 400, true);
	assert_judged("GET", "/healthz", "1.1", FIELDS(HOST, HOST), 400, true);
	assert_judged("GET", "/healthz", "1.0", FIELDS(HOST, HOST), 400, true);
	assert_judged("GET", "/healthz", "1.1", FIELDS({ "Host", "a b" }), 400, true);
	assert_judged("GET", "/healthz", "1.1", FIELDS({ "Host", "evil" }), 421, false);
	assert_judged("GET", "/healthz", "1.0", FIELDS({ "Host", "evil" }), 421, false);
	assert_judged("GET", "/healthz", "1.1", FIELDS({ "Host", "Queue.Example:1" }), 0, false);
}

static void
test_methods_targets_and_queries_are_judged(void **state)
{
	(void)state;
	assert_judged("FOO", "/healthz", "1.1", FIELDS(HOST), 501, true);
	assert_judged("get", "/healthz", "1.1", FIELDS(HOST), 501, true);
	assert_judged("PUT", "/healthz", "1.1", FIELDS(HOST), 405, false);
	assert_judged("TRACE", "/healthz", "1.1", FIELDS(HOST), 405, false);
	assert_judged("CONNECT", "localhost:80", "1.1", FIELDS(HOST), 400, false);
	assert_judged("GET", "*", "1.1", FIELDS(HOST), 400, false);
	assert_judged("OPTIONS", "*", "1.1", FIELDS(HOST), 204, false);
	assert_judged("OPTIONS", "/healthz", "1.1", FIELDS(HOST), 204, false);
	assert_judged("OPTIONS", "/nothing", "1.1", FIELDS(HOST), 404, false);
	assert_judged("GET", "/nothing", "1.1", FIELDS(HOST), 404, false);
	assert_judged("GET", "/tasks/x", "1.1", FIELDS(HOST), 404, false);
	assert_judged("GET", "/%00", "1.1", FIELDS(HOST), 400, false);
	assert_judged("GET", "/healthz?a=b", "1.1", FIELDS(HOST), 400, false);
	assert_judged("GET", "/nothing?a=b", "1.1", FIELDS(HOST), 404, false);
	assert_judged("GET", "/healthz", "1.1", FIELDS(HOST, { "Expect", "x" }), 417, true);
}

static void
test_405_and_204_carry_allow(void **state)
{
	static const char *const methods[] = { "PUT", "OPTIONS" };
	struct request request;

	(void)state;
	judge(&request, "OPTIONS", "*", "1.1", FIELDS(HOST), false);
	assert_string_equal(request.reply.fields[0].value, "GET, HEAD, POST, DELETE, OPTIONS");
	reply_done(&request.reply);
	for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
		judge(&request, methods[i], "/tasks/submissions", "1.1", FIELDS(HOST), false);
		assert_int_equal(request.reply.field_count, 1);
		assert_string_equal(request.reply.fields[0].name, "Allow");
		assert_string_equal(request.reply.fields[0].value, "POST, OPTIONS");
		reply_done(&request.reply);
	}
}

static void
test_media_types_are_judged(void **state)
{
	(void)state;
	assert_judged("POST", "/tasks/submissions", "1.1", FIELDS(HOST), 415, false);
	assert_judged("POST", "/tasks/submissions", "1.1", FIELDS(HOST, JSON, JSON), 415, false);
	assert_judged("POST", "/tasks/submissions", "1.1",
	    FIELDS(HOST, { "Content-Type", "text/plain" }), 415, false);
	assert_judged("POST", "/tasks/submissions", "1.1",
	    FIELDS(HOST, JSON, { "Content-Encoding", "gzip" }), 415, false);
	assert_judged("POST", "/tasks/submissions", "1.1",
	    FIELDS(HOST, JSON, { "Content-Encoding", "identity" }), 0, false);
	assert_judged("POST", "/tasks/submissions", "1.1",
	    FIELDS(HOST, JSON, { ACCEPT, "text/html" }), 406, false);
	assert_judged("GET", "/healthz", "1.1",
	    FIELDS(HOST, { ACCEPT, "text/html" }, { ACCEPT, "*/*;q=0.1" }), 0, false);
	assert_judged(
	    "GET", "/metrics", "1.1", FIELDS(HOST, { ACCEPT, "application/json" }), 406, false);
	assert_judged("GET", "/metrics", "1.1",
	    FIELDS(HOST,
		{ ACCEPT,
		    "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.3" }),
	    0, false);
	/* The same path has another answer where it is asked for it. */
	assert_judged("GET", "/readyz?verbose", "1.1", FIELDS(HOST, { ACCEPT, "application/json" }),
	    406, false);
	assert_judged(
	    "GET", "/readyz?verbose", "1.1", FIELDS(HOST, { ACCEPT, "text/plain" }), 0, false);
	assert_judged("GET", "/readyz", "1.1", FIELDS(HOST, { ACCEPT, "text/plain" }), 406, false);
	/* What the content is, only the endpoint knows. */
	assert_judged(
	    "GET", "/tasks/" ID "/result", "1.1", FIELDS(HOST, { ACCEPT, "text/html" }), 0, false);
}

static void
test_accept_fields_at_their_limit_and_one_past(void **state)
{
	struct field fields[REQUEST_ACCEPT_MAX + 3] = { HOST };

	(void)state;
	for (size_t i = 1; i <= REQUEST_ACCEPT_MAX; i++)
		fields[i] = (struct field){ ACCEPT, "*/*" };
	assert_judged("GET", "/healthz", "1.1", fields, 0, false);
	fields[REQUEST_ACCEPT_MAX + 1] = (struct field){ ACCEPT, "*/*" };
	assert_judged("GET", "/healthz", "1.1", fields, 400, false);
}

static void
assert_over(const char *method, const char *target, unsigned status)
{
	struct request request;

	judge(&request, method, target, "1.1", FIELDS(HOST, JSON), true);
	assert_int_equal(request.reply.status, status);
	assert_true(request.reply.close);
	assert_false(request.is_hopeless);
	if (status == 503)
		assert_string_equal(
		    request.reply.fields[request.reply.field_count - 1].name, "Retry-After");
	reply_done(&request.reply);
}

static void
test_beyond_the_limit_only_health_and_readiness_are_served(void **state)
{
	(void)state;
	assert_over("POST", "/tasks/submissions", 503);
	assert_over("GET", "/tasks/" ID, 503);
	assert_over("GET", "/nothing", 503);
	assert_over("GET", "/healthz", 0);
	assert_over("GET", "/readyz", 0);
	assert_over("GET", "/livez", 0);
	assert_over("GET", "/stats", 0);
	assert_over("GET", "/metrics", 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_requests_pass),
		cmocka_unit_test(test_keys_are_noted_and_not_judged),
		cmocka_unit_test(test_a_wait_is_taken_from_the_query_or_else_from_the_preference),
		cmocka_unit_test(test_a_wait_that_cannot_be_taken_is_refused),
		cmocka_unit_test(test_framing_in_doubt_is_refused_and_closes),
		cmocka_unit_test(test_a_distorted_header_is_refused_and_closes),
		cmocka_unit_test(test_declared_bodies_around_the_limits),
		cmocka_unit_test(test_hosts_are_judged),
		cmocka_unit_test(test_methods_targets_and_queries_are_judged),
		cmocka_unit_test(test_405_and_204_carry_allow),
		cmocka_unit_test(test_media_types_are_judged),
		cmocka_unit_test(test_accept_fields_at_their_limit_and_one_past),
		cmocka_unit_test(test_beyond_the_limit_only_health_and_readiness_are_served),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
