/* SPDX-License-Identifier: MIT */
/* GET /openapi.json as clients see it, over loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>

#include "http_rig.h"

#define PATH "/openapi.json"

static void
test_it_is_json_that_may_be_kept(void **state)
{
	struct answer *answer = rig_get(*state, PATH, 200);
	json_t *json = json_loadb(answer->body, answer->size, JSON_REJECT_DUPLICATES, NULL);

	assert_field(answer, "Content-Type", "application/json");
	assert_field(answer, "Cache-Control", "no-cache");
	assert_non_null(json);
	assert_non_null(json_object_get(json, "paths"));
	json_decref(json);
	answer_free(answer);
}

static void
test_who_has_it_gets_304(void **state)
{
	struct answer *whole = rig_get(*state, PATH, 200);
	char etag[64], fields[128];
	struct answer *answer;

	assert_non_null(answer_field(whole, "ETag", etag, sizeof(etag)));
	(void)snprintf(fields, sizeof(fields), "If-None-Match: \"a\", %s\r\n", etag);
	answer = rig_ask(*state, "GET", PATH, fields, NULL);
	assert_int_equal(answer->status, 304);
	assert_int_equal(answer->size, 0);
	assert_field(answer, "ETag", etag);
	answer_free(answer);
	answer = rig_ask(*state, "GET", PATH, "If-None-Match: \"a\"\r\n", NULL);
	assert_int_equal(answer->status, 200);
	assert_int_equal(answer->size, whole->size);
	assert_memory_equal(answer->body, whole->body, whole->size);
	answer_free(answer);
	answer_free(whole);
}

static void
test_other_answers_are_not_kept(void **state)
{
	struct answer *answer = rig_ask(*state, "GET", PATH "?a=1", "", NULL);

	assert_int_equal(answer->status, 400);
	assert_field(answer, "Cache-Control", "no-store");
	assert_no_field(answer, "ETag");
	answer_free(answer);
	answer = rig_ask(*state, "GET", PATH, "Accept: text/html\r\n", NULL);
	assert_int_equal(answer->status, 406);
	answer_free(answer);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_it_is_json_that_may_be_kept, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_who_has_it_gets_304, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(
		    test_other_answers_are_not_kept, rig_setup, rig_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
