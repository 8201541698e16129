/* SPDX-License-Identifier: MIT */
/* How outcomes are noted. Leaks show under AddressSanitizer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/utf8.h"
#include "task/outcome.h"

static void
test_an_outcome_begins_as_not_finished(void **state)
{
	struct outcome outcome;

	(void)state;
	memset(&outcome, 0xff, sizeof(outcome));
	outcome_init(&outcome);
	assert_int_equal(outcome.verdict, VERDICT_RELEASED);
	assert_int_equal(outcome.failure, FAILURE_NONE);
	assert_string_equal(outcome.message, "");
	assert_string_equal(outcome.media_type, "");
	assert_null(outcome.response);
}

static void
test_a_media_type_is_kept_whole_or_dropped(void **state)
{
	struct outcome outcome;
	char media_type[TASK_MEDIA_TYPE_SIZE + 1];

	(void)state;
	outcome_init(&outcome);
	outcome_succeed(&outcome, "text/plain");
	assert_int_equal(outcome.verdict, VERDICT_SUCCEEDED);
	assert_string_equal(outcome.media_type, "text/plain");
	memset(media_type, 'm', sizeof(media_type));
	media_type[TASK_MEDIA_TYPE_SIZE - 1] = '\0';
	outcome_succeed(&outcome, media_type);
	assert_string_equal(outcome.media_type, media_type);
	media_type[TASK_MEDIA_TYPE_SIZE - 1] = 'm';
	media_type[TASK_MEDIA_TYPE_SIZE] = '\0';
	outcome_succeed(&outcome, media_type);
	assert_string_equal(outcome.media_type, "");
	outcome_succeed(&outcome, NULL);
	assert_string_equal(outcome.media_type, "");
}

static void
test_a_failure_has_a_code_and_a_message(void **state)
{
	struct outcome outcome;

	(void)state;
	outcome_init(&outcome);
	outcome_fail(&outcome, FAILURE_CONNECT, "Connection %s", "refused");
	assert_int_equal(outcome.verdict, VERDICT_FAILED);
	assert_int_equal(outcome.failure, FAILURE_CONNECT);
	assert_string_equal(outcome.message, "Connection refused");
	outcome_succeed(&outcome, NULL);
	assert_int_equal(outcome.failure, FAILURE_NONE);
	assert_string_equal(outcome.message, "");
}

static void
test_a_message_is_cut_and_valid_utf8(void **state)
{
	struct outcome outcome;
	char text[400];

	(void)state;
	outcome_init(&outcome);
	for (size_t lead = 240; lead < 260; lead++) {
		memset(text, 't', lead);
		memcpy(text + lead, "\xe2\x82\xac\xe2\x82\xac", 7);
		outcome_fail(&outcome, FAILURE_INTERNAL, "%s", text);
		assert_true(strlen(outcome.message) < sizeof(outcome.message));
		assert_true(utf8_is_valid(outcome.message, strlen(outcome.message)));
	}
	outcome_fail(&outcome, FAILURE_INTERNAL, "%s", "bad \xff byte");
	assert_string_equal(outcome.message, "bad ? byte");
}

static void
test_an_outcome_frees_what_it_owns_once(void **state)
{
	struct outcome outcome;

	(void)state;
	outcome_init(&outcome);
	assert_int_equal(outcome.pause_ms, 0);
	outcome.response = strdup("{}");
	outcome.pause_host = strdup("example.com:80");
	outcome_done(&outcome);
	outcome_done(&outcome);
	outcome_done(NULL);
	assert_null(outcome.response);
	assert_null(outcome.pause_host);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_outcome_begins_as_not_finished),
		cmocka_unit_test(test_a_media_type_is_kept_whole_or_dropped),
		cmocka_unit_test(test_a_failure_has_a_code_and_a_message),
		cmocka_unit_test(test_a_message_is_cut_and_valid_utf8),
		cmocka_unit_test(test_an_outcome_frees_what_it_owns_once),
	};

	return cmocka_run_group_tests_name("outcome", tests, NULL, NULL);
}
