/* SPDX-License-Identifier: MIT */
/*
 * The committer: what waits shares a transaction, within bounds; a command that breaks it fails
 * alone; what frees goes before what fills; what starts is handed over once, after its commit;
 * nothing is left behind at the end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sched.h>

#include "base/compiler.h"
#include "shim_vfs.h"
#include "store/sqlite/committer.h"
#include "store_env.h"

/* What a commit has handed over. */
struct handed {
	enum lane lane;
	size_t count;
	struct task_start *starts;
};

#define HANDED_MAX 8

/* A committer on the database of an environment whose own store is closed. */
struct fixture {
	struct store_env *env;
	struct writer writer;
	struct committer committer;
	atomic_bool is_dead;
	atomic_int deaths;
	bool is_stopped;
	struct handed handed[HANDED_MAX]; /* the committing thread's until a call has ended */
	size_t handed_count;
};

static void
on_death(void *context, const char *why)
{
	struct fixture *fixture = context;

	(void)why;
	atomic_store(&fixture->is_dead, true);
	atomic_fetch_add(&fixture->deaths, 1);
}

static void
on_started(void *context, enum lane lane, struct task_start *starts, size_t count)
{
	struct fixture *fixture = context;

	if (fixture->handed_count < HANDED_MAX)
		fixture->handed[fixture->handed_count] = (struct handed){ lane, count, starts };
	fixture->handed_count++;
}

static int
setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	char path[256];

	assert_non_null(fixture);
	shim_vfs_install();
	fixture->env = store_env_new(STORE_ENV_SQLITE);
	store_env_close(fixture->env);
	(void)snprintf(path, sizeof(path), "%s/taskq.db", fixture->env->dir);
	assert_int_equal(writer_open(path, 1 << 26, &fixture->writer, NULL), STATUS_OK);
	assert_int_equal(committer_start(&fixture->committer, &fixture->writer, &fixture->is_dead,
			     on_death, fixture, NULL),
	    STATUS_OK);
	committer_on_start(&fixture->committer, on_started, fixture);
	*state = fixture;
	return 0;
}

static void
stop(struct fixture *fixture)
{
	if (!fixture->is_stopped)
		committer_stop(&fixture->committer);
	fixture->is_stopped = true;
}

static int
teardown(void **state)
{
	struct fixture *fixture = *state;

	stop(fixture);
	writer_close(&fixture->writer, false);
	store_env_free(fixture->env);
	shim_vfs_remove();
	free(fixture);
	return 0;
}

/* One call in a thread of its own. */
struct call {
	struct fixture *fixture;
	pthread_t thread;
	struct command command;
	struct task_new new;
	struct task_start start;
	struct task task;
	struct error error;
	enum status status;
};

static void *
call_main(void *arg)
{
	struct call *call = arg;

	call->status = committer_run(&call->fixture->committer, &call->command);
	return NULL;
}

static void
call_start(struct fixture *fixture, struct call *call)
{
	call->fixture = fixture;
	call->command.error = &call->error;
	assert_int_equal(thread_start(&call->thread, "call", 0, call_main, call, NULL), STATUS_OK);
}

static void
submit_start(struct fixture *fixture, struct call *call, unsigned n, const char *args)
{
	*call = (struct call){
		.new = { .type = "factorial",
		    .args = args,
		    .args_size = strlen(args),
		    .terms.max_attempts = 3 },
		.command = { .kind = COMMAND_SUBMIT },
	};
	store_env_id(n, call->new.id);
	call->command.submit.tasks = &call->new;
	call->command.submit.count = 1;
	call_start(fixture, call);
}

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

static void
claim_start(struct fixture *fixture, struct call *call)
{
	*call = (struct call){
		.command = { .kind = COMMAND_CLAIM, .claim = { .max = 1, .now_ms = 5 } },
	};
	call->command.claim.tasks = &call->task;
	call_start(fixture, call);
}

static enum status
call_end(struct call *call)
{
	thread_join(call->thread);
	return call->status;
}

static size_t
list_length(const struct command_list *list, unsigned *bells)
{
	size_t length = 0;

	for (const struct command *c = list->first; c != NULL; c = c->next, length++)
		*bells += c->next == NULL || c->next->bell != c->bell;
	return length;
}

/* Until so many commands stand on the lists. Returns at how many bells their callers wait. */
static unsigned
await_waiting(struct fixture *fixture, size_t count)
{
	struct committer *committer = &fixture->committer;
	size_t waiting = 0;
	unsigned bells = 0;

	while (waiting != count) {
		bells = 0;
		lock_acquire(&committer->lock);
		waiting = list_length(&committer->urgent.list, &bells) +
			  list_length(&committer->submits.list, &bells);
		lock_release(&committer->lock);
		(void)sched_yield();
	}
	return bells;
}

static void
end_all(struct call *first, struct call *calls, unsigned count)
{
	assert_int_equal(call_end(first), STATUS_OK);
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(call_end(&calls[i]), STATUS_OK);
}

/* Holds the committer in a flush, so that what is called meanwhile waits. */
static void
occupy(struct fixture *fixture, struct call *call)
{
	shim_vfs_hold_sync();
	submit_start(fixture, call, 0, "{}");
	shim_vfs_await_sync();
}

#define CALLS 20

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

/* A task that waits although it has no attempt left violates a CHECK when it is claimed. */
static void
put_spent_task(struct fixture *fixture)
{
	assert_int_equal(
	    sqlite3_exec(fixture->writer.conn.db,
		"INSERT INTO task (seq, id, type, lane, args, status, attempt, max_attempts, lease, "
		"priority, created_at) VALUES (1, '000000ff-0000-7000-8000-000000000000', 'factorial', 0, '{}', "
		"'QUEUED', 1, 1, 1, 0, 0)",
		NULL, NULL, NULL),
	    SQLITE_OK);
	fixture->writer.next_seq = 2;
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

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_what_waits_during_a_flush_shares_the_next_transaction),
		TEST(test_a_transaction_is_bounded_in_commands),
		TEST(test_a_transaction_is_bounded_in_bytes),
		TEST(test_a_command_that_breaks_the_transaction_fails_alone),
		TEST(test_a_batch_fails_as_a_whole_and_alone_at_whichever_row),
		TEST(test_a_batch_takes_as_many_places_of_a_transaction_as_it_has_tasks),
		TEST(test_what_a_transaction_starts_is_handed_over_at_once_lane_by_lane),
		TEST(test_an_id_that_exists_is_left_out_of_what_its_transaction_starts),
		TEST(
		    test_what_starts_beside_a_command_that_breaks_the_transaction_is_handed_over_once),
		TEST(test_a_transaction_that_fails_hands_nothing_over),
		TEST(test_of_one_key_in_a_transaction_the_first_is_stored_and_handed_over),
		TEST(
		    test_of_one_key_beside_a_command_that_breaks_the_transaction_the_first_is_stored),
		TEST(test_what_was_found_in_a_transaction_that_fails_is_forgotten),
		TEST(test_claims_go_before_submissions_that_waited_longer),
		TEST(test_a_commit_of_unknown_outcome_answers_all_that_shared_it_and_all_that_wait),
		TEST(test_stopping_commits_what_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
