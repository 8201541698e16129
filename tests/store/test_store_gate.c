/* SPDX-License-Identifier: MIT */
/*
 * Claims through a gate, on every back end: what is admitted, deferred and passed over, what is
 * recalled and in which order, and what else may become of a task that is deferred. The host of a
 * task is its arguments.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store_env.h"

/* A gate that does to each task what its host's name begins with. */
struct gate {
	struct store_gate store;
	struct store_recall recalls[4];
	unsigned begun;
	unsigned judged;
	unsigned admits; /* of "some" */
};

static void
on_begin(void *context)
{
	struct gate *gate = context;

	gate->begun++;
	gate->judged = 0;
}

static enum store_gate_word
on_judge(void *context, const char *type, const char *args, size_t args_size, const char **ret_host)
{
	struct gate *gate = context;

	assert_string_equal(type, "http-fetch");
	assert_int_equal(strlen(args), args_size);
	gate->judged++;
	if (strncmp(args, "pass", 4) == 0)
		return STORE_GATE_PASS_OVER;
	if (strncmp(args, "free", 4) == 0)
		return STORE_GATE_ADMIT;
	if (gate->admits > 0) {
		gate->admits--;
		return STORE_GATE_ADMIT;
	}
	*ret_host = strcmp(args, "other") == 0 ? "other" : "some";
	return STORE_GATE_DEFER;
}

static struct gate
new_gate(void)
{
	return (struct gate){ .store = { .begin = on_begin, .judge = on_judge } };
}

static void
add_recall(struct gate *gate, const char *host, size_t max)
{
	gate->recalls[gate->store.recall_count++] =
	    (struct store_recall){ .host = host, .max = max, .ret_count = 77 };
}

static void
submit(struct store_env *env, unsigned n, const char *host, struct task_terms terms)
{
	struct task_new task = {
		.type = "http-fetch",
		.lane = LANE_IO,
		.args = host,
		.args_size = strlen(host),
		.terms = terms,
		.created_at_ms = env->now_ms,
	};

	task.terms.max_attempts = 3;
	store_env_id(n, task.id);
	assert_int_equal(store_submit(env->store, &task, 1, NULL, NULL, &env->error), STATUS_OK);
}

/* Claims through a gate; the numbers of the tasks, as text. They are kept in `ret_tasks`, which may
   be NULL. */
static const char *
claim(struct store_env *env, struct gate *gate, size_t max, struct task *ret_tasks)
{
	static char text[1024];
	struct task tasks[64];
	size_t count = 0;
	size_t used = 0;

	assert_true(max <= ARRAY_SIZE(tasks));
	gate->store.context = gate;
	gate->store.recalls = gate->recalls;
	assert_int_equal(store_claim_through(env->store, &gate->store, LANE_IO, false, max,
			     env->now_ms, tasks, &count, &env->error),
	    STATUS_OK);
	assert_true(gate->begun > 0);
	text[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		used += (size_t)snprintf(
		    text + used, sizeof(text) - used, "%lu ", strtoul(tasks[i].id, NULL, 16));
		if (ret_tasks != NULL)
			ret_tasks[i] = tasks[i];
		else
			task_done(&tasks[i]);
	}
	return text;
}

static void
assert_counts(struct store_env *env, int64_t ready, int64_t deferred, int64_t running)
{
	struct store_counts counts;

	assert_int_equal(store_counts(env->store, &counts, NULL), STATUS_OK);
	assert_int_equal(counts.queued_by_lane[LANE_IO], ready);
	assert_int_equal(counts.deferred_by_lane[LANE_IO], deferred);
	assert_int_equal(counts.held_by_lane[LANE_IO], 0);
	assert_int_equal(counts.running_by_lane[LANE_IO], running);
	assert_int_equal(counts.by_state[TASK_QUEUED], ready + deferred);
	assert_int_equal(counts.deferred_by_lane[LANE_CPU], 0);
}

static void
test_the_gate_admits_defers_and_passes_over(void **state)
{
	static const char *const hosts[] = { "some", "free", "pass", "other", "free", "some" };
	struct store_env *env = *state;
	struct gate gate = new_gate();

	for (unsigned n = 1; n <= ARRAY_SIZE(hosts); n++)
		submit(env, n, hosts[n - 1], (struct task_terms){ 0 });
	assert_string_equal(claim(env, &gate, 10, NULL), "2 5 ");
	assert_int_equal(gate.judged, 6);
	assert_int_equal(gate.store.ret_deferred, 3);
	assert_counts(env, 1, 3, 2);
	/* Who is deferred is in nobody's way, and QUEUED as if nothing had been. */
	assert_int_equal(store_env_state(env, 1), TASK_QUEUED);
	gate = new_gate();
	assert_string_equal(claim(env, &gate, 10, NULL), "");
	assert_int_equal(gate.judged, 1);
	assert_int_equal(gate.store.ret_deferred, 0);
	assert_counts(env, 1, 3, 2);
}

static void
test_a_claim_ends_when_it_has_enough(void **state)
{
	struct store_env *env = *state;
	struct gate gate = new_gate();

	for (unsigned n = 1; n <= 6; n++)
		submit(env, n, n % 2 == 0 ? "free" : "some", (struct task_terms){ 0 });
	assert_string_equal(claim(env, &gate, 2, NULL), "2 4 ");
	assert_int_equal(gate.judged, 4);
	assert_counts(env, 2, 2, 2);
}

/* Behind so many that are not admitted it looks no further; the next one does. */
static void
test_the_number_of_those_that_are_not_admitted_is_bounded(void **state)
{
	struct store_env *env = *state;
	struct gate gate = new_gate();

	for (unsigned n = 1; n <= STORE_GATE_ASIDE_MAX; n++)
		submit(env, n, "some", (struct task_terms){ 0 });
	submit(env, STORE_GATE_ASIDE_MAX + 1, "free", (struct task_terms){ 0 });
	assert_string_equal(claim(env, &gate, 5, NULL), "");
	assert_int_equal(gate.judged, STORE_GATE_ASIDE_MAX);
	assert_counts(env, 1, STORE_GATE_ASIDE_MAX, 0);
	gate = new_gate();
	assert_string_equal(claim(env, &gate, 5, NULL), "257 ");
	/* One less, and it is found at once. */
	gate = new_gate();
	for (unsigned n = 300; n < 300 + STORE_GATE_ASIDE_MAX - 1; n++)
		submit(env, n, "pass", (struct task_terms){ 0 });
	submit(env, 999, "free", (struct task_terms){ 0 });
	assert_string_equal(claim(env, &gate, 5, NULL), "999 ");
}

static void
test_what_is_recalled_has_its_old_place(void **state)
{
	struct store_env *env = *state;
	struct gate gate = new_gate();

	submit(env, 1, "some", (struct task_terms){ .priority = 5 });
	submit(env, 2, "some", (struct task_terms){ .priority = 9 });
	submit(env, 3, "some", (struct task_terms){ .priority = 5 });
	submit(env, 4, "some", (struct task_terms){ .priority = 1 });
	submit(env, 5, "other", (struct task_terms){ .priority = 0 });
	assert_string_equal(claim(env, &gate, 10, NULL), "");
	assert_counts(env, 0, 5, 0);
	submit(env, 6, "free", (struct task_terms){ .priority = 5 });
	submit(env, 7, "some", (struct task_terms){ .priority = 5 });
	/* The first three of the host, by priority and age; and one that came later is deferred. */
	gate = new_gate();
	gate.admits = 3;
	add_recall(&gate, "some", 3);
	add_recall(&gate, "nobody", 3);
	assert_string_equal(claim(env, &gate, 10, NULL), "4 1 3 6 ");
	assert_int_equal(gate.recalls[0].ret_count, 3);
	assert_int_equal(gate.recalls[1].ret_count, 0);
	assert_int_equal(gate.store.ret_deferred, 1);
	assert_counts(env, 0, 3, 4);
	/* Fewer than asked for: there are no others. */
	gate = new_gate();
	gate.admits = 10;
	add_recall(&gate, "some", 10);
	assert_string_equal(claim(env, &gate, 10, NULL), "7 2 ");
	assert_int_equal(gate.recalls[0].ret_count, 2);
	assert_counts(env, 0, 1, 6);
}

static void
test_many_are_recalled_at_once(void **state)
{
	struct store_env *env = *state;
	struct gate gate = new_gate();

	for (unsigned n = 1; n <= 200; n++)
		submit(env, n, "some", (struct task_terms){ 0 });
	assert_string_equal(claim(env, &gate, 1, NULL), "");
	gate = new_gate();
	add_recall(&gate, "some", 150);
	gate.admits = 1;
	assert_string_equal(claim(env, &gate, 1, NULL), "1 ");
	assert_int_equal(gate.recalls[0].ret_count, 150);
	assert_counts(env, 149, 50, 1);
}

static void
test_a_task_that_is_handed_back_for_its_host_has_made_no_attempt(void **state)
{
	static const char *const hosts[] = { "some", "other", "some" };
	struct store_env *env = *state;
	struct gate gate = new_gate();
	struct task tasks[3], again[3];
	struct store_cancelled cancelled;
	struct task_status status;
	char id[UUID_TEXT_SIZE];
	size_t queued = 0;

	for (unsigned n = 1; n <= 3; n++)
		submit(env, n, "free", (struct task_terms){ 0 });
	assert_string_equal(claim(env, &gate, 3, tasks), "1 2 3 ");
	store_env_id(3, id);
	assert_int_equal(
	    store_cancel(env->store, id, env->now_ms, &cancelled, &env->error), STATUS_OK);
	assert_int_equal(
	    store_defer(env->store, tasks, hosts, 3, env->now_ms, &queued, &env->error), STATUS_OK);
	assert_int_equal(queued, 2); /* somebody had cancelled the third */
	assert_int_equal(store_env_state(env, 3), TASK_FAILED);
	assert_counts(env, 0, 2, 0);
	store_env_id(1, id);
	assert_int_equal(store_read_status(env->store, id, &status, &env->error), STATUS_OK);
	assert_int_equal(status.state, TASK_QUEUED);
	assert_int_equal(status.attempt, 0);
	assert_int_equal(status.started_at_ms, 0);
	/* A second time changes nothing: the lease is over. */
	assert_int_equal(
	    store_defer(env->store, tasks, hosts, 3, env->now_ms, &queued, &env->error), STATUS_OK);
	assert_int_equal(queued, 0);
	gate = new_gate();
	add_recall(&gate, "some", 5);
	assert_string_equal(claim(env, &gate, 3, again), "1 ");
	assert_int_equal(again[0].attempt, 1);
	assert_int_equal(again[0].lease, tasks[0].lease + 1);
	task_done(&again[0]);
	for (int i = 0; i < 3; i++)
		task_done(&tasks[i]);
}

static void
test_hosts_are_found_one_after_the_other_also_after_a_crash(void **state)
{
	struct store_env *env = *state;
	struct gate gate = new_gate();
	char host[TASK_HOST_SIZE];

	assert_int_equal(store_next_host(env->store, "", host, &env->error), STATUS_NOT_FOUND);
	submit(env, 1, "some", (struct task_terms){ 0 });
	submit(env, 2, "other", (struct task_terms){ 0 });
	submit(env, 3, "some", (struct task_terms){ 0 });
	submit(env, 4, "free", (struct task_terms){ 0 });
	assert_string_equal(claim(env, &gate, 3, NULL), "4 ");
	store_env_crash(env);
	assert_counts(env, 1, 3, 0); /* the one that ran is ready again */
	assert_int_equal(store_next_host(env->store, "", host, &env->error), STATUS_OK);
	assert_string_equal(host, "other");
	assert_int_equal(store_next_host(env->store, "other", host, &env->error), STATUS_OK);
	assert_string_equal(host, "some");
	assert_int_equal(store_next_host(env->store, "some", host, &env->error), STATUS_NOT_FOUND);
	gate = new_gate();
	gate.admits = 2;
	add_recall(&gate, "some", 5);
	assert_string_equal(claim(env, &gate, 5, NULL), "1 3 4 ");
	assert_int_equal(store_next_host(env->store, "", host, &env->error), STATUS_OK);
	assert_string_equal(host, "other");
	assert_int_equal(store_next_host(env->store, "other", host, &env->error), STATUS_NOT_FOUND);
}

static void
test_what_is_deferred_can_be_cancelled_and_can_expire(void **state)
{
	struct store_env *env = *state;
	struct gate gate = new_gate();
	struct store_cancelled cancelled;
	struct store_advance advance;
	char id[UUID_TEXT_SIZE];

	submit(env, 1, "some", (struct task_terms){ .expires_at_ms = env->now_ms + 100 });
	submit(env, 2, "some", (struct task_terms){ .expires_at_ms = env->now_ms + 200 });
	submit(env, 3, "some", (struct task_terms){ 0 });
	submit(env, 4, "pass", (struct task_terms){ .expires_at_ms = env->now_ms + 100 });
	assert_string_equal(claim(env, &gate, 3, NULL), "");
	store_env_id(3, id);
	assert_int_equal(
	    store_cancel(env->store, id, env->now_ms, &cancelled, &env->error), STATUS_OK);
	assert_int_equal(cancelled.what, STORE_CANCEL_REJECTED);
	assert_int_equal(cancelled.waited, WAIT_FOR_HOST);
	assert_int_equal(store_env_state(env, 3), TASK_REJECTED);
	env->now_ms += 100;
	assert_int_equal(store_advance(env->store, env->now_ms, &advance, &env->error), STATUS_OK);
	assert_int_equal(advance.expired_count, 2);
	assert_int_equal(advance.expired_ready[LANE_IO], 1);
	assert_int_equal(advance.expired_deferred[LANE_IO], 1);
	assert_int_equal(advance.readied[LANE_IO], 0); /* it waits for no time */
	assert_int_equal(advance.next_at_ms, env->now_ms + 100);
	assert_int_equal(store_env_state(env, 1), TASK_REJECTED);
	assert_counts(env, 0, 1, 0);
	/* One that is recalled too late does not run, either. */
	env->now_ms += 100;
	gate = new_gate();
	gate.admits = 1;
	add_recall(&gate, "some", 5);
	assert_string_equal(claim(env, &gate, 3, NULL), "");
	assert_int_equal(gate.judged, 0);
	assert_counts(env, 1, 0, 0);
}

static void
test_an_isolated_task_passes_the_gate_as_well(void **state)
{
	struct store_env *env = *state;
	struct gate gate = new_gate();
	struct task task;
	size_t count = 0;

	submit(env, 1, "some", (struct task_terms){ 0 });
	for (int i = 0; i < 2; i++) {
		gate = new_gate();
		gate.admits = 1;
		assert_string_equal(claim(env, &gate, 1, NULL), "1 ");
		store_env_crash(env);
	}
	/* Its last attempt, by itself: deferred, recalled, claimed. */
	for (unsigned admits = 0; admits < 2; admits++) {
		gate = new_gate();
		gate.admits = admits;
		gate.store.context = &gate;
		gate.store.recalls = gate.recalls;
		if (admits == 1)
			add_recall(&gate, "some", 1);
		assert_int_equal(store_claim_through(env->store, &gate.store, LANE_IO, true, 1,
				     env->now_ms, &task, &count, &env->error),
		    STATUS_OK);
		assert_int_equal(count, admits);
		assert_int_equal(gate.store.ret_deferred, 1 - admits);
		assert_counts(env, 0, 1 - admits, admits);
	}
	assert_true(task.is_isolated);
	assert_int_equal(task.attempt, 3);
	task_done(&task);
}

static void
test_a_claim_that_is_done_again_begins_anew(void **state)
{
	struct store_env *env = *state;
	struct gate gate = new_gate();

	if (env->kind != STORE_ENV_FAKE)
		return; /* test_committer has it for the real one */
	fake_store_claim_twice(env->fake);
	submit(env, 1, "some", (struct task_terms){ 0 });
	submit(env, 2, "free", (struct task_terms){ 0 });
	assert_string_equal(claim(env, &gate, 3, NULL), "2 ");
	assert_int_equal(gate.begun, 2);
	assert_int_equal(gate.store.ret_deferred, 1);
	assert_counts(env, 0, 1, 1);
}

static void
test_people_see_for_whom_a_task_waits(void **state)
{
	struct store_env *env = *state;
	struct gate gate = new_gate();
	char *rows;

	if (env->kind != STORE_ENV_SQLITE)
		return;
	submit(env, 1, "some", (struct task_terms){ 0 });
	submit(env, 2, "free", (struct task_terms){ 0 });
	(void)claim(env, &gate, 3, NULL);
	rows = store_env_sql(
	    env, "SELECT status, held_until, deferred_for FROM task_history ORDER BY id");
	assert_string_equal(rows, "QUEUED||some\nRUNNING||\n");
	free(rows);
	rows = store_env_sql(
	    env, "SELECT status, count FROM queue_stats WHERE count > 0 ORDER BY status");
	assert_string_equal(rows, "DEFERRED|1\nRUNNING|1\n");
	free(rows);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		STORE_ENV_TEST(test_the_gate_admits_defers_and_passes_over),
		STORE_ENV_TEST(test_a_claim_ends_when_it_has_enough),
		STORE_ENV_TEST(test_the_number_of_those_that_are_not_admitted_is_bounded),
		STORE_ENV_TEST(test_what_is_recalled_has_its_old_place),
		STORE_ENV_TEST(test_many_are_recalled_at_once),
		STORE_ENV_TEST(test_a_task_that_is_handed_back_for_its_host_has_made_no_attempt),
		STORE_ENV_TEST(test_hosts_are_found_one_after_the_other_also_after_a_crash),
		STORE_ENV_TEST(test_what_is_deferred_can_be_cancelled_and_can_expire),
		STORE_ENV_TEST(test_an_isolated_task_passes_the_gate_as_well),
		STORE_ENV_TEST(test_a_claim_that_is_done_again_begins_anew),
		STORE_ENV_TEST(test_people_see_for_whom_a_task_waits),
	};

	return store_env_main(tests, ARRAY_SIZE(tests));
}
