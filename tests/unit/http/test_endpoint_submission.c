/* SPDX-License-Identifier: MIT */
/* GET /tasks/{id}/submission as clients see it, over loopback and a fake queue. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "http_rig.h"

#define PATH "/tasks/" FAILED "/submission"

static void
put(struct rig *rig, struct task_terms terms)
{
	static char args[] = "{\"n\":\"\\\"5\"}";
	struct store_submission submission = {
		.type = "factorial",
		.state = TASK_FAILED,
		.terms = terms,
		.args = args,
		.args_size = strlen(args),
	};

	fake_queue_put_submission(rig->queue, FAILED, &submission);
}

static void
assert_body(struct rig *rig, const char *expected)
{
	struct answer *answer = rig_get(rig, PATH, 200);

	assert_field(answer, "Content-Type", "application/json");
	assert_int_equal(answer->size, strlen(expected));
	assert_memory_equal(answer->body, expected, answer->size);
	answer_free(answer);
}

static void
test_all_that_was_asked_for_is_told(void **state)
{
	put(*state, (struct task_terms){ .priority = 0,
			.run_at_ms = 1767323045678,
			.expires_at_ms = 1767323046000,
			.timeout_ms = 700,
			.max_attempts = 7,
			.backoff_ms = 0,
			.max_backoff_ms = 20 });
	assert_body(*state,
	    "{\"type\":\"factorial\",\"args\":{\"n\":\"\\\"5\"},\"priority\":0,"
	    "\"run_at\":\"2026-01-02T03:04:05.678Z\",\"expires_at\":\"2026-01-02T03:04:06.000Z\","
	    "\"timeout_ms\":700,"
	    "\"retry\":{\"max_attempts\":7,\"backoff_ms\":0,\"max_backoff_ms\":20}}\n");
}

static void
test_what_was_not_set_is_not_there(void **state)
{
	put(*state,
	    (struct task_terms){ .priority = 5, .max_attempts = 1, .max_backoff_ms = 60000 });
	assert_body(*state,
	    "{\"type\":\"factorial\",\"args\":{\"n\":\"\\\"5\"},\"priority\":5,"
	    "\"retry\":{\"max_attempts\":1,\"backoff_ms\":0,\"max_backoff_ms\":60000}}\n");
}

static void
test_unknown_tasks_failing_reads_and_other_types_have_their_answers(void **state)
{
	struct rig *rig = *state;
	struct answer *answer = rig_get(rig, "/tasks/" DONE "/submission", 404);

	assert_non_null(strstr(answer->body, "/problems/no-such-task"));
	answer_free(answer);
	answer = rig_ask(rig, "GET", PATH, "Accept: text/html\r\n", NULL);
	assert_int_equal(answer->status, 406);
	answer_free(answer);
	answer = rig_ask(rig, "POST", PATH, "", NULL);
	assert_int_equal(answer->status, 405);
	answer_free(answer);
}

int
main(void)
{
#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		WITH_RIG(test_all_that_was_asked_for_is_told),
		WITH_RIG(test_what_was_not_set_is_not_there),
		WITH_RIG(test_unknown_tasks_failing_reads_and_other_types_have_their_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
