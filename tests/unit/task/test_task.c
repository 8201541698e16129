/* SPDX-License-Identifier: MIT */
/* What the records own. Leaks show under AddressSanitizer. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

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
		cmocka_unit_test(test_lanes_have_words),
	};

	return cmocka_run_group_tests_name("task", tests, NULL, NULL);
}
