/* SPDX-License-Identifier: MIT */
/* What the records own, and how outcomes are noted. Leaks show under AddressSanitizer. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/utf8.h"
#include "task/task.h"

static void
test_records_that_own_nothing_are_done_without_harm(void **state)
{
	struct task_result zeroed = { .bytes = 0 }, fresh;
	struct outcome outcome;

	(void)state;
	task_done(NULL);
	task_done(&(struct task){ .seq = 0 });
	outcome_done(NULL);
	outcome_init(&outcome);
	outcome_done(&outcome);
	task_result_done(NULL);
	task_result_done(&zeroed);
	assert_true(fcntl(0, F_GETFD) != -1); /* a zeroed record does not own descriptor 0 */
	task_result_init(&fresh);
	assert_int_equal(fresh.fd, -1);
	task_result_done(&fresh);
}

static void
test_records_free_what_they_own_once(void **state)
{
	struct task task = { .args = strdup("{}"), .args_size = 2 };
	struct outcome outcome;
	struct task_result result;

	(void)state;
	task_done(&task);
	task_done(&task);
	assert_null(task.args);
	outcome_init(&outcome);
	outcome.response = strdup("{}");
	outcome_done(&outcome);
	outcome_done(&outcome);
	task_result_init(&result);
	result.response = strdup("{}");
	result.data = strdup("x");
	task_result_done(&result);
	task_result_done(&result);
	assert_null(result.data);
}

static void
test_a_results_file_is_closed(void **state)
{
	struct task_result result;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_true(fd > 0);
	task_result_init(&result);
	result.has_content = true;
	result.fd = fd;
	task_result_done(&result);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(result.fd, -1);
}

static void
test_a_results_file_may_have_descriptor_0(void **state)
{
	struct task_result result;
	int saved = fcntl(0, F_DUPFD_CLOEXEC, 3);

	(void)state;
	assert_true(saved > 0);
	task_result_init(&result);
	result.has_content = true;
	result.fd = 0;
	task_result_done(&result);
	assert_int_equal(fcntl(0, F_GETFD), -1);
	assert_int_equal(dup2(saved, 0), 0);
	close(saved);
}

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
test_lanes_have_words(void **state)
{
	(void)state;
	assert_string_equal(lane_word(LANE_CPU), "cpu");
	assert_string_equal(lane_word(LANE_IO), "io");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records_that_own_nothing_are_done_without_harm),
		cmocka_unit_test(test_records_free_what_they_own_once),
		cmocka_unit_test(test_a_results_file_is_closed),
		cmocka_unit_test(test_a_results_file_may_have_descriptor_0),
		cmocka_unit_test(test_an_outcome_begins_as_not_finished),
		cmocka_unit_test(test_a_media_type_is_kept_whole_or_dropped),
		cmocka_unit_test(test_a_failure_has_a_code_and_a_message),
		cmocka_unit_test(test_a_message_is_cut_and_valid_utf8),
		cmocka_unit_test(test_lanes_have_words),
	};

	return cmocka_run_group_tests_name("task", tests, NULL, NULL);
}
