/* SPDX-License-Identifier: MIT */
/* The words of the wire contract, and every move between two states against the contract's list. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "task/task_state.h"

static void
test_the_words_are_those_of_the_wire(void **state)
{
	static const char *const words[] = { "QUEUED", "RUNNING", "SUCCEEDED", "FAILED",
		"REJECTED" };

	(void)state;
	assert_int_equal(ARRAY_SIZE(words), TASK_STATE_COUNT);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		enum task_state parsed = TASK_STATE_COUNT;

		assert_string_equal(task_state_name((enum task_state)i), words[i]);
		assert_true(task_state_parse(words[i], &parsed));
		assert_int_equal(parsed, i);
	}
}

static void
test_no_other_word_is_read(void **state)
{
	static const char *const wrong[] = { "", "queued", "QUEUE", "QUEUED ", "SCHEDULED",
		"CANCELLED" };
	enum task_state parsed = TASK_FAILED;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_false(task_state_parse(wrong[i], &parsed));
	assert_int_equal(parsed, TASK_FAILED);
}

static void
test_exactly_the_listed_moves_are_legal(void **state)
{
	static const enum task_state legal[][2] = {
		{ TASK_QUEUED, TASK_RUNNING },
		{ TASK_QUEUED, TASK_REJECTED },
		{ TASK_QUEUED, TASK_FAILED },
		{ TASK_RUNNING, TASK_SUCCEEDED },
		{ TASK_RUNNING, TASK_FAILED },
		{ TASK_RUNNING, TASK_QUEUED },
	};

	(void)state;
	for (int from = 0; from < TASK_STATE_COUNT; from++) {
		for (int to = 0; to < TASK_STATE_COUNT; to++) {
			bool is_listed = false;

			for (size_t i = 0; i < ARRAY_SIZE(legal); i++)
				is_listed |= (int)legal[i][0] == from && (int)legal[i][1] == to;
			assert_int_equal(
			    task_state_can_move((enum task_state)from, (enum task_state)to),
			    is_listed);
		}
	}
}

static void
test_nothing_moves_out_of_a_final_state(void **state)
{
	int finals = 0;

	(void)state;
	for (int from = 0; from < TASK_STATE_COUNT; from++) {
		bool can_leave = false;

		for (int to = 0; to < TASK_STATE_COUNT; to++)
			can_leave |=
			    task_state_can_move((enum task_state)from, (enum task_state)to);
		assert_int_equal(task_state_is_final((enum task_state)from), !can_leave);
		finals += task_state_is_final((enum task_state)from) ? 1 : 0;
	}
	assert_int_equal(finals, 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_words_are_those_of_the_wire),
		cmocka_unit_test(test_no_other_word_is_read),
		cmocka_unit_test(test_exactly_the_listed_moves_are_legal),
		cmocka_unit_test(test_nothing_moves_out_of_a_final_state),
	};

	return cmocka_run_group_tests_name("task_state", tests, NULL, NULL);
}
