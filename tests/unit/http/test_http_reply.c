/* SPDX-License-Identifier: MIT */
/* Replies: fields, JSON bodies and problems. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>

#include "http/http_reply.h"

static json_t *
body_of(const struct reply *reply)
{
	json_t *value =
	    json_loadb(reply->body.data, reply->body.size, JSON_REJECT_DUPLICATES, NULL);

	assert_non_null(value);
	return value;
}

static void
assert_text(const json_t *object, const char *name, const char *expected)
{
	assert_string_equal(json_string_value(json_object_get(object, name)), expected);
}

static void
test_a_problem_has_the_members_of_the_rfc(void **state)
{
	struct reply reply;
	json_t *body;

	(void)state;
	reply_init(&reply);
	reply_problem(&reply, PROBLEM_QUEUE_FULL, NULL, "It has %d tasks.", 7);
	assert_int_equal(reply.status, 503);
	assert_string_equal(reply.media_type, "application/problem+json");
	body = body_of(&reply);
	assert_text(body, "type", "/problems/queue-full");
	assert_text(body, "title", "The queue is full");
	assert_text(body, "detail", "It has 7 tasks.");
	assert_int_equal(json_integer_value(json_object_get(body, "status")), 503);
	assert_null(json_object_get(body, "errors"));
	json_decref(body);
	reply_done(&reply);
}

static void
test_faults_are_listed_and_their_number_is_told_when_some_are_left_out(void **state)
{
	struct faults faults;
	struct reply reply;
	json_t *body, *errors;

	(void)state;
	for (size_t count = FAULTS_MAX; count <= FAULTS_MAX + 1; count++) {
		faults_init(&faults);
		for (size_t i = 0; i < count; i++)
			faults_add(&faults, "/args", "n", "is %zu", i);
		reply_init(&reply);
		reply_problem(&reply, PROBLEM_INVALID_SUBMISSION, &faults, "-");
		body = body_of(&reply);
		errors = json_object_get(body, "errors");
		assert_int_equal(json_array_size(errors), FAULTS_MAX);
		assert_text(json_array_get(errors, 1), "pointer", "/args/n");
		assert_text(json_array_get(errors, 1), "detail", "is 1");
		assert_int_equal(json_integer_value(json_object_get(body, "errors_total")),
		    count > FAULTS_MAX ? count : 0);
		json_decref(body);
		reply_done(&reply);
	}
}

static void
test_a_detail_is_valid_json_whatever_it_quotes(void **state)
{
	char text[2000];
	struct reply reply;
	json_t *body;

	(void)state;
	memset(text, '\xff', sizeof(text));
	text[0] = '"';
	text[1] = '\n';
	text[sizeof(text) - 1] = '\0';
	reply_init(&reply);
	reply_problem(&reply, PROBLEM_BAD_REQUEST, NULL, "%s", text);
	body = body_of(&reply);
	assert_true(strlen(json_string_value(json_object_get(body, "detail"))) > 100);
	json_decref(body);
	reply_done(&reply);
}

static void
test_a_problem_replaces_a_body_and_keeps_fields(void **state)
{
	struct reply reply;

	(void)state;
	reply_init(&reply);
	reply_field(&reply, "Allow", "%s", "GET");
	buf_text(reply_json(&reply, 200, 10), "{}");
	assert_string_equal(reply.media_type, "application/json");
	reply_problem(&reply, PROBLEM_METHOD_NOT_ALLOWED, NULL, "-");
	assert_int_equal(reply.status, 405);
	assert_null(strstr(reply.body.data, "{}"));
	assert_int_equal(reply.field_count, 1);
	assert_string_equal(reply.fields[0].value, "GET");
	reply_done(&reply);
}

static void
test_an_internal_fault_tells_the_client_nothing_of_the_inside(void **state)
{
	struct error error = { "disk /dev/secret is on fire" };
	struct reply reply;

	(void)state;
	reply_init(&reply);
	reply_internal(&reply, "read", &error);
	assert_int_equal(reply.status, 500);
	assert_null(strstr(reply.body.data, "secret"));
	reply_done(&reply);
}

static void
test_every_problem_is_described_in_full(void **state)
{
	static const struct {
		unsigned status;
		const char *type;
		const char *title;
	} problems[] = {

#define PROBLEM(constant, status, type, title) { status, type, title },
#include "http/problem.def"
#undef PROBLEM
	};

	(void)state;
	for (size_t i = 0; i < sizeof(problems) / sizeof(problems[0]); i++) {
		assert_in_range(problems[i].status, 400, 599);
		assert_true(strcmp(problems[i].type, "about:blank") == 0 ||
			    strncmp(problems[i].type, "/problems/", 10) == 0);
		assert_true(strlen(problems[i].title) > 0);
		for (size_t j = 0; j < i; j++)
			if (strcmp(problems[i].type, "about:blank") != 0)
				assert_string_not_equal(problems[i].type, problems[j].type);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_problem_has_the_members_of_the_rfc),
		cmocka_unit_test(
		    test_faults_are_listed_and_their_number_is_told_when_some_are_left_out),
		cmocka_unit_test(test_a_detail_is_valid_json_whatever_it_quotes),
		cmocka_unit_test(test_a_problem_replaces_a_body_and_keeps_fields),
		cmocka_unit_test(test_an_internal_fault_tells_the_client_nothing_of_the_inside),
		cmocka_unit_test(test_every_problem_is_described_in_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
