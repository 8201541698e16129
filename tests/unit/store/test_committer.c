/* SPDX-License-Identifier: MIT */
/*
 * The committer: what waits shares a transaction, within bounds; a command that breaks it fails
 * alone; what frees goes before what fills; nothing is left behind at the end. What starts with
 * its submission: test_committer_starts.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "committer_rig.h"

static void
test_what_waits_during_a_flush_shares_the_next_transaction(void **state)
{
	struct fixture *fixture = *state;
	struct call first, calls[CALLS];
	uint64_t before;

	occupy(fixture, &first);
	for (unsigned i = 0; i < CALLS; i++)
		submit_start(fixture, &calls[i], i + 1, "{}");
	await_waiting(fixture, CALLS);
	before = fixture->writer.commits;
	shim_vfs_release_sync();
	end_all(&first, calls, CALLS);
	stop(fixture);
	/* The one that was under way, and one for all the others. */
	assert_int_equal(fixture->writer.commits, before + 2);
}

static void
test_a_transaction_is_bounded_in_commands(void **state)
{
	static struct call calls[GATHERING_MAX + 1];
	struct fixture *fixture = *state;
	struct call first;
	uint64_t before;

	/* As many as fit, and one more. */
	for (unsigned round = 0; round < 2; round++) {
		unsigned count = GATHERING_MAX + round;

		shim_vfs_hold_sync();
		submit_start(fixture, &first, round * 1000, "{}");
		shim_vfs_await_sync();
		for (unsigned i = 0; i < count; i++)
			submit_start(fixture, &calls[i], round * 1000 + i + 1, "{}");
		assert_int_equal(await_waiting(fixture, count), 1 + round);
		before = fixture->writer.commits;
		shim_vfs_release_sync();
		end_all(&first, calls, count);
		assert_int_equal(fixture->writer.commits, before + 2 + round);
	}
}

static void
test_a_transaction_is_bounded_in_bytes(void **state)
{
	struct fixture *fixture = *state;
	size_t size = GATHERING_MAX_BYTES / 2 + 1;
	char *args = malloc(size + 1);
	struct call first, calls[3];
	uint64_t before;

	assert_non_null(args);
	memset(args, ' ', size);
	args[size] = '\0';
	occupy(fixture, &first);
	for (unsigned i = 0; i < 3; i++)
		submit_start(fixture, &calls[i], i + 1, args);
	await_waiting(fixture, 3);
	before = fixture->writer.commits;
	shim_vfs_release_sync();
	end_all(&first, calls, 3);
	stop(fixture);
	/* The one under way, then two that reach the bound, then the third. */
	assert_int_equal(fixture->writer.commits, before + 3);
	free(args);
}

static void
count_begin(void *context)
{
	++*(unsigned *)context;
}

static void
test_a_command_that_breaks_the_transaction_fails_alone(void **state)
{
	struct fixture *fixture = *state;
	struct call first, before, bad, after;
	struct store_counts counts;
	unsigned begun = 0;
	struct store_gate gate = { .begin = count_begin, .context = &begun };
	struct call gated = { .command = {
				  .kind = COMMAND_CLAIM,
				  .claim = { .gate = &gate,
				      .lane = LANE_IO,
				      .max = 1,
				      .tasks = &gated.task },
			      } };

	put_spent_task(fixture);
	occupy(fixture, &first);
	submit_start(fixture, &before, 1, "{}");
	await_waiting(fixture, 1);
	call_start(fixture, &gated);
	await_waiting(fixture, 2);
	claim_start(fixture, &bad);
	await_waiting(fixture, 3);
	submit_start(fixture, &after, 2, "{}");
	await_waiting(fixture, 4);
	shim_vfs_release_sync();
	assert_int_equal(call_end(&first), STATUS_OK);
	assert_int_equal(call_end(&before), STATUS_OK);
	assert_int_equal(call_end(&after), STATUS_OK);
	assert_int_equal(call_end(&gated), STATUS_OK);
	assert_int_equal(begun, 2); /* in the transaction that came to nothing, and by itself */
	assert_int_equal(call_end(&bad), STATUS_INTERNAL);
	assert_non_null(strstr(bad.error.text, "CHECK"));
	assert_null(bad.task.args);
	assert_int_equal(atomic_load(&fixture->deaths), 0);
	counters_read(&fixture->writer.counters, &counts);
	assert_int_equal(counts.by_state[TASK_QUEUED], 3);
	assert_int_equal(counts.by_state[TASK_RUNNING], 0);
}

#define BATCH 5

/* A call that submits BATCH tasks: first, first + 1, ... but task 0 in the place `taken`. */
static void
batch_start(struct fixture *fixture, struct call *call, struct task_new *tasks, unsigned first,
    unsigned taken)
{
	*call = (struct call){ .command = { .kind = COMMAND_SUBMIT } };
	for (unsigned i = 0; i < BATCH; i++) {
		tasks[i] = (struct task_new){
			.type = "factorial", .args = "{}", .args_size = 2, .terms.max_attempts = 3
		};
		store_env_id(i == taken ? 0 : first + i, tasks[i].id);
	}
	call->command.submit.tasks = tasks;
	call->command.submit.count = BATCH;
	call_start(fixture, call);
}

/* Refuses the row of task n, whichever statement of a batch that is. */
static void
refuse_row(struct fixture *fixture, unsigned n)
{
	char id[UUID_TEXT_SIZE], sql[256];

	store_env_id(n, id);
	(void)snprintf(sql, sizeof(sql),
	    "CREATE TEMP TRIGGER refusal BEFORE INSERT ON main.task WHEN NEW.id = '%s' "
	    "BEGIN SELECT RAISE(ABORT, 'refused'); END",
	    id);
	assert_int_equal(sqlite3_exec(fixture->writer.conn.db, sql, NULL, NULL, NULL), SQLITE_OK);
}

static void
allow_rows(struct fixture *fixture)
{
	assert_int_equal(
	    sqlite3_exec(fixture->writer.conn.db, "DROP TRIGGER refusal", NULL, NULL, NULL),
	    SQLITE_OK);
}

/* A batch whose row k cannot be inserted shares a transaction with two tasks that can. */
static void
fail_batch_at(struct fixture *fixture, unsigned round, unsigned k, bool is_taken)
{
	struct call first, before, bad, after;
	struct task_new tasks[BATCH];
	struct store_counts counts;
	char *rows, expected[16];

	shim_vfs_hold_sync();
	submit_start(fixture, &first, 3 * round, "{}");
	shim_vfs_await_sync();
	submit_start(fixture, &before, 3 * round + 1, "{}");
	await_waiting(fixture, 1);
	batch_start(fixture, &bad, tasks, 1000, is_taken ? k : BATCH);
	await_waiting(fixture, 2);
	submit_start(fixture, &after, 3 * round + 2, "{}");
	await_waiting(fixture, 3);
	shim_vfs_release_sync();
	assert_int_equal(call_end(&first), STATUS_OK);
	assert_int_equal(call_end(&before), STATUS_OK);
	assert_int_equal(call_end(&after), STATUS_OK);
	assert_int_equal(call_end(&bad), is_taken ? STATUS_CONFLICT : STATUS_INTERNAL);
	assert_non_null(strstr(bad.error.text, is_taken ? "exists" : "refused"));
	counters_read(&fixture->writer.counters, &counts);
	assert_int_equal(counts.by_state[TASK_QUEUED], 3 * (round + 1));
	(void)snprintf(expected, sizeof(expected), "%u\n", 3 * (round + 1));
	rows = store_env_sql(fixture->env, "SELECT count(*) FROM task");
	assert_string_equal(rows, expected);
	free(rows);
}

static void
test_a_batch_fails_as_a_whole_and_alone_at_whichever_row(void **state)
{
	struct fixture *fixture = *state;

	for (unsigned k = 0; k < BATCH; k++) {
		refuse_row(fixture, 1000 + k);
		fail_batch_at(fixture, 2 * k, k, false);
		allow_rows(fixture);
		fail_batch_at(fixture, 2 * k + 1, k, true);
	}
	assert_int_equal(atomic_load(&fixture->deaths), 0);
}

static void
test_a_batch_takes_as_many_places_of_a_transaction_as_it_has_tasks(void **state)
{
	static struct call calls[GATHERING_MAX / BATCH + 2];
	static struct task_new tasks[ARRAY_SIZE(calls)][BATCH];
	struct fixture *fixture = *state;
	struct call first;
	uint64_t before;

	occupy(fixture, &first);
	for (unsigned i = 0; i < ARRAY_SIZE(calls); i++)
		batch_start(fixture, &calls[i], tasks[i], 1000 + i * BATCH, BATCH);
	assert_int_equal(await_waiting(fixture, ARRAY_SIZE(calls)), 2);
	before = fixture->writer.commits;
	shim_vfs_release_sync();
	end_all(&first, calls, ARRAY_SIZE(calls));
	stop(fixture);
	/* The one under way; as many batches as reach the bound; the one that is left. */
	assert_int_equal(fixture->writer.commits, before + 3);
}

static void
test_claims_go_before_submissions_that_waited_longer(void **state)
{
	struct fixture *fixture = *state;
	struct call first, second, claim;

	occupy(fixture, &first);
	submit_start(fixture, &second, 1, "{}");
	await_waiting(fixture, 1);
	claim_start(fixture, &claim);
	await_waiting(fixture, 2);
	/* Both in one transaction: the claim saw the first task, and would see the second after. */
	shim_vfs_release_sync();
	assert_int_equal(call_end(&first), STATUS_OK);
	assert_int_equal(call_end(&second), STATUS_OK);
	assert_int_equal(call_end(&claim), STATUS_OK);
	assert_int_equal(claim.command.claim.count, 1);
	assert_string_equal(claim.task.id, first.new.id);
	task_done(&claim.task);
}

static void
test_a_commit_of_unknown_outcome_answers_all_that_shared_it_and_all_that_wait(void **state)
{
	struct fixture *fixture = *state;
	struct call calls[CALLS], first, late;

	occupy(fixture, &first);
	for (unsigned i = 0; i < CALLS; i++)
		submit_start(fixture, &calls[i], i + 1, "{}");
	await_waiting(fixture, CALLS);
	shim_vfs_fail(SHIM_SYNC, 0, 1, SQLITE_IOERR_FSYNC);
	shim_vfs_release_sync();
	assert_int_equal(call_end(&first), STATUS_UNKNOWN);
	for (unsigned i = 0; i < CALLS; i++)
		assert_int_equal(call_end(&calls[i]), STATUS_UNKNOWN);
	submit_start(fixture, &late, 99, "{}");
	assert_int_equal(call_end(&late), STATUS_UNKNOWN);
	assert_int_equal(atomic_load(&fixture->deaths), 1);
}

static void
test_stopping_commits_what_waits(void **state)
{
	struct fixture *fixture = *state;
	struct call calls[CALLS];

	for (unsigned i = 0; i < CALLS; i++)
		submit_start(fixture, &calls[i], i, "{}");
	for (unsigned i = 0; i < CALLS; i++)
		assert_int_equal(call_end(&calls[i]), STATUS_OK);
	stop(fixture);
	assert_true(sqlite3_get_autocommit(fixture->writer.conn.db) != 0);
	assert_int_equal(fixture->writer.next_seq, CALLS + 1);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		COMMITTER_RIG_TEST(test_what_waits_during_a_flush_shares_the_next_transaction),
		COMMITTER_RIG_TEST(test_a_transaction_is_bounded_in_commands),
		COMMITTER_RIG_TEST(test_a_transaction_is_bounded_in_bytes),
		COMMITTER_RIG_TEST(test_a_command_that_breaks_the_transaction_fails_alone),
		COMMITTER_RIG_TEST(test_a_batch_fails_as_a_whole_and_alone_at_whichever_row),
		COMMITTER_RIG_TEST(
		    test_a_batch_takes_as_many_places_of_a_transaction_as_it_has_tasks),
		COMMITTER_RIG_TEST(test_claims_go_before_submissions_that_waited_longer),
		COMMITTER_RIG_TEST(
		    test_a_commit_of_unknown_outcome_answers_all_that_shared_it_and_all_that_wait),
		COMMITTER_RIG_TEST(test_stopping_commits_what_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
