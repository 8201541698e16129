/* SPDX-License-Identifier: MIT */
/*
 * The committer: what starts with its submission is handed over once, after its commit, and never
 * without one; of those under one key it is the first.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "committer_rig.h"

/* As submit_start for a task that starts with its submission. */
static void
submit_start_running(struct fixture *fixture, struct call *call, unsigned n, enum lane lane)
{
	*call = (struct call){
		.new = { .type = lane == LANE_CPU ? "factorial" : "http-fetch",
		    .lane = lane,
		    .args = "{}",
		    .args_size = 2,
		    .terms.max_attempts = 3 },
		.command = { .kind = COMMAND_SUBMIT },
	};
	store_env_id(n, call->new.id);
	call->command.submit.tasks = &call->new;
	call->command.submit.count = 1;
	call->command.submit.start = &call->start;
	call_start(fixture, call);
}

/* The n-th hand-over is of these calls, in this order. */
static void
assert_handed(const struct fixture *fixture, size_t n, enum lane lane, struct call *const *calls,
    size_t count)
{
	const struct task_start *start = fixture->handed[n].starts;

	assert_true(n < fixture->handed_count);
	assert_int_equal(fixture->handed[n].lane, lane);
	assert_int_equal(fixture->handed[n].count, count);
	for (size_t i = 0; i < count; i++, start = start->next) {
		assert_ptr_equal(start, &calls[i]->start);
		assert_true(i == 0 || calls[i - 1]->start.seq < start->seq);
	}
	assert_null(start);
}

/* The row of a task that has started is the one that was handed over. */
static void
assert_row_runs(struct fixture *fixture, const struct call *call)
{
	char sql[256], expected[64];
	char *found;

	(void)snprintf(sql, sizeof(sql),
	    "SELECT seq, status, attempt, lease FROM task WHERE id = '%s'", call->new.id);
	(void)snprintf(
	    expected, sizeof(expected), "%lld|RUNNING|1|1\n", (long long)call->start.seq);
	found = store_env_sql(fixture->env, sql);
	assert_string_equal(found, expected);
	free(found);
}

static void
test_what_a_transaction_starts_is_handed_over_at_once_lane_by_lane(void **state)
{
	struct fixture *fixture = *state;
	struct call first, queued, calls[CALLS];
	struct call *by_lane[LANE_COUNT][CALLS];
	size_t counts[LANE_COUNT] = { 0 };

	occupy(fixture, &first);
	for (unsigned i = 0; i < CALLS; i++) {
		enum lane lane = i % 3 == 1 ? LANE_CPU : LANE_IO;

		submit_start_running(fixture, &calls[i], i + 1, lane);
		by_lane[lane][counts[lane]++] = &calls[i];
		await_waiting(fixture, i + 1);
	}
	submit_start(fixture, &queued, CALLS + 1, "{}");
	await_waiting(fixture, CALLS + 1);
	shim_vfs_release_sync();
	assert_int_equal(call_end(&queued), STATUS_OK);
	end_all(&first, calls, CALLS);
	assert_int_equal(fixture->handed_count, 2);
	for (int lane = 0; lane < LANE_COUNT; lane++)
		assert_handed(fixture, (size_t)lane, (enum lane)lane, by_lane[lane], counts[lane]);
	for (unsigned i = 0; i < CALLS; i++)
		assert_row_runs(fixture, &calls[i]);
}

static void
test_an_id_that_exists_is_left_out_of_what_its_transaction_starts(void **state)
{
	struct fixture *fixture = *state;
	struct call first, calls[3];
	struct call *const good[] = { &calls[0], &calls[2] };

	occupy(fixture, &first); /* task 0 */
	for (unsigned i = 0; i < 3; i++) {
		submit_start_running(fixture, &calls[i], i == 1 ? 0 : i + 1, LANE_CPU);
		await_waiting(fixture, i + 1);
	}
	shim_vfs_release_sync();
	assert_int_equal(call_end(&first), STATUS_OK);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(call_end(&calls[i]), i == 1 ? STATUS_CONFLICT : STATUS_OK);
	assert_int_equal(fixture->handed_count, 1);
	assert_handed(fixture, 0, LANE_CPU, good, 2);
}

static void
test_what_starts_beside_a_command_that_breaks_the_transaction_is_handed_over_once(void **state)
{
	struct fixture *fixture = *state;
	struct call first, before, bad, queued, after;
	struct call *const starts[] = { &before, &after };

	put_spent_task(fixture);
	occupy(fixture, &first);
	submit_start_running(fixture, &before, 1, LANE_IO);
	await_waiting(fixture, 1);
	submit_start(fixture, &queued, 2, "{}");
	await_waiting(fixture, 2);
	claim_start(fixture, &bad);
	await_waiting(fixture, 3);
	submit_start_running(fixture, &after, 3, LANE_IO);
	await_waiting(fixture, 4);
	shim_vfs_release_sync();
	assert_int_equal(call_end(&first), STATUS_OK);
	assert_int_equal(call_end(&before), STATUS_OK);
	assert_int_equal(call_end(&queued), STATUS_OK);
	assert_int_equal(call_end(&after), STATUS_OK);
	assert_int_equal(call_end(&bad), STATUS_INTERNAL);
	/* Each had a transaction of its own. */
	assert_int_equal(fixture->handed_count, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_handed(fixture, i, LANE_IO, &starts[i], 1);
		assert_row_runs(fixture, starts[i]);
	}
}

static void
test_a_transaction_that_fails_hands_nothing_over(void **state)
{
	struct fixture *fixture = *state;
	struct call first, calls[CALLS];

	/* The first flush of all is that of the log's header, before a commit's writes. */
	submit_start(fixture, &first, 99, "{}");
	assert_int_equal(call_end(&first), STATUS_OK);
	occupy(fixture, &first);
	for (unsigned i = 0; i < CALLS; i++)
		submit_start_running(fixture, &calls[i], i + 1, LANE_CPU);
	await_waiting(fixture, CALLS);
	shim_vfs_fail(SHIM_WRITE, 0, 1, SQLITE_FULL);
	shim_vfs_release_sync();
	assert_int_equal(call_end(&first), STATUS_OK);
	for (unsigned i = 0; i < CALLS; i++)
		assert_int_equal(call_end(&calls[i]), STATUS_FULL);
	assert_int_equal(shim_vfs_fired(), 1);
	assert_int_equal(fixture->handed_count, 0);
	shim_vfs_fail(SHIM_SYNC, 0, 1, SQLITE_IOERR_FSYNC);
	for (unsigned i = 0; i < CALLS; i++)
		submit_start_running(fixture, &calls[i], i + 1, LANE_CPU);
	for (unsigned i = 0; i < CALLS; i++)
		assert_int_equal(call_end(&calls[i]), STATUS_UNKNOWN);
	assert_int_equal(fixture->handed_count, 0);
	assert_int_equal(atomic_load(&fixture->deaths), 1);
}

/* As submit_start_running for the CPU lane, under a key. */
static void
submit_start_keyed(struct fixture *fixture, struct call *call, struct idempotency *key, unsigned n,
    unsigned char what)
{
	*call = (struct call){
		.new = { .type = "factorial",
		    .lane = LANE_CPU,
		    .args = "{}",
		    .args_size = 2,
		    .terms.max_attempts = 3 },
		.command = { .kind = COMMAND_SUBMIT },
	};
	*key = (struct idempotency){ .key = "key", .fingerprint = { what }, .keep_ms = 1000 };
	store_env_id(n, call->new.id);
	call->command.submit.tasks = &call->new;
	call->command.submit.count = 1;
	call->command.submit.start = &call->start;
	call->command.submit.idempotency = key;
	call_start(fixture, call);
}

/* Of four with one key that wait together the first is stored and starts. A command that breaks
   their transaction makes no difference. */
static void
assert_one_of_a_key(struct fixture *fixture, bool is_broken)
{
	struct idempotency keys[4];
	struct call first, bad, calls[4];
	struct call *const good[] = { &calls[0] };

	if (is_broken)
		put_spent_task(fixture);
	occupy(fixture, &first);
	for (unsigned i = 0; i < 4; i++) {
		submit_start_keyed(fixture, &calls[i], &keys[i], i + 1, i == 2);
		await_waiting(fixture, i + 1);
	}
	if (is_broken) {
		claim_start(fixture, &bad);
		await_waiting(fixture, 5);
	}
	shim_vfs_release_sync();
	assert_int_equal(call_end(&first), STATUS_OK);
	if (is_broken)
		assert_int_equal(call_end(&bad), STATUS_INTERNAL);
	for (unsigned i = 0; i < 4; i++) {
		static const enum idempotency_verdict verdicts[] = { IDEMPOTENCY_FRESH,
			IDEMPOTENCY_REPLAYED, IDEMPOTENCY_MISMATCH, IDEMPOTENCY_REPLAYED };

		assert_int_equal(call_end(&calls[i]), STATUS_OK);
		assert_int_equal(keys[i].ret_verdict, verdicts[i]);
		assert_int_equal(keys[i].ret_count, verdicts[i] == IDEMPOTENCY_REPLAYED);
		if (verdicts[i] == IDEMPOTENCY_REPLAYED)
			assert_string_equal(keys[i].ret_ids[0], calls[0].new.id);
		idempotency_reset(&keys[i]);
	}
	assert_int_equal(fixture->handed_count, 1);
	assert_handed(fixture, 0, LANE_CPU, good, 1);
	assert_row_runs(fixture, &calls[0]);
}

static void
test_of_one_key_in_a_transaction_the_first_is_stored_and_handed_over(void **state)
{
	assert_one_of_a_key(*state, false);
}

static void
test_of_one_key_beside_a_command_that_breaks_the_transaction_the_first_is_stored(void **state)
{
	assert_one_of_a_key(*state, true);
}

static void
test_what_was_found_in_a_transaction_that_fails_is_forgotten(void **state)
{
	struct fixture *fixture = *state;
	struct idempotency keys[2];
	struct call first, calls[2];

	submit_start(fixture, &first, 99, "{}");
	assert_int_equal(call_end(&first), STATUS_OK);
	occupy(fixture, &first);
	for (unsigned i = 0; i < 2; i++)
		submit_start_keyed(fixture, &calls[i], &keys[i], i + 1, 0);
	await_waiting(fixture, 2);
	shim_vfs_fail(SHIM_WRITE, 0, 1, SQLITE_FULL);
	shim_vfs_release_sync();
	assert_int_equal(call_end(&first), STATUS_OK);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(call_end(&calls[i]), STATUS_FULL);
		assert_int_equal(keys[i].ret_verdict, IDEMPOTENCY_FRESH);
		assert_null(keys[i].ret_ids);
	}
	assert_int_equal(fixture->handed_count, 0);
	submit_start_keyed(fixture, &calls[0], &keys[0], 3, 1);
	assert_int_equal(call_end(&calls[0]), STATUS_OK);
	assert_int_equal(keys[0].ret_verdict, IDEMPOTENCY_FRESH);
	assert_int_equal(fixture->handed_count, 1);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		COMMITTER_RIG_TEST(
		    test_what_a_transaction_starts_is_handed_over_at_once_lane_by_lane),
		COMMITTER_RIG_TEST(
		    test_an_id_that_exists_is_left_out_of_what_its_transaction_starts),
		COMMITTER_RIG_TEST(
		    test_what_starts_beside_a_command_that_breaks_the_transaction_is_handed_over_once),
		COMMITTER_RIG_TEST(test_a_transaction_that_fails_hands_nothing_over),
		COMMITTER_RIG_TEST(
		    test_of_one_key_in_a_transaction_the_first_is_stored_and_handed_over),
		COMMITTER_RIG_TEST(
		    test_of_one_key_beside_a_command_that_breaks_the_transaction_the_first_is_stored),
		COMMITTER_RIG_TEST(test_what_was_found_in_a_transaction_that_fails_is_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
