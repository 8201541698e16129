/* SPDX-License-Identifier: MIT */
/*
 * Tasks that ask hosts: what is slow or wants to be left alone takes no places from others, nobody
 * overtakes anybody, and waiting for a host costs no attempt. The engine's part is the test's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/service_clock.h"
#include "queue_scene.h"

/* Four places in the lane, one at a host, pauses of a minute. */
static struct queue_conf
usual(void)
{
	struct queue_conf conf = scene_usual;

	conf.io_slots = 4;
	conf.host_places = 1;
	conf.host_pause_max_ms = 60000;
	return conf;
}

static enum status
submit_with(struct scene *scene, const char *host, const struct task_terms *terms,
    char ret_id[UUID_TEXT_SIZE], enum refusal *ret_refusal)
{
	unsigned retry_after_s;
	char args[64];

	snprintf(args, sizeof(args), "{\"host\":\"%s\"}", host);
	const struct queue_task task = { &carry_kind, args, strlen(args), terms, 0, NULL };
	return queue_submit(scene->queue, &task, NULL, ret_id, ret_refusal, &retry_after_s, NULL);
}

static void
submit(struct scene *scene, const char *host, char ret_id[UUID_TEXT_SIZE])
{
	enum refusal refusal;

	assert_int_equal(submit_with(scene, host, NULL, ret_id, &refusal), STATUS_OK);
}

/* Takes the run of a task out of the engine, once it is there. */
static struct run *
take(const char *id)
{
	for (;;) {
		struct run **at;
		struct run *run;

		lock_acquire(&scene_shared.lock);
		for (at = &scene_shared.carrying; *at != NULL; at = &(*at)->next) {
			if (strcmp((*at)->task.id, id) == 0)
				break;
		}
		run = *at;
		if (run != NULL) {
			*at = run->next;
			scene_shared.carried--;
		}
		lock_release(&scene_shared.lock);
		if (run != NULL)
			return run;
		scene_nap();
	}
}

static void
put_aside(const char *id)
{
	struct run *run = take(id);

	run_end_early(run, RUN_PUT_ASIDE);
	scene_carry_end(run);
}

static void
succeed(const char *id)
{
	struct run *run = take(id);

	run_begin(run);
	outcome_succeed(&run->outcome, "");
	scene_carry_end(run);
}

/* Ends an attempt as a host does that wants to be left alone. */
static void
fail_with_pause(const char *id, int64_t pause_ms)
{
	struct run *run = take(id);

	run_begin(run);
	outcome_fail(&run->outcome, FAILURE_HTTP_STATUS, "HTTP status 429");
	run->outcome.pause_ms = pause_ms;
	scene_carry_end(run);
}

static int64_t
count_deferred(struct scene *scene)
{
	struct store_counts counts;

	assert_int_equal(store_counts(scene->store, &counts, NULL), STATUS_OK);
	return counts.deferred_by_lane[LANE_IO];
}

static void
await_deferred(struct scene *scene, int64_t count)
{
	while (count_deferred(scene) != count)
		scene_nap();
}

static void
assert_untouched(struct scene *scene, const char *id)
{
	struct task_status status;

	assert_int_equal(queue_read_status(scene->queue, id, &status, NULL), STATUS_OK);
	assert_int_equal(status.state, TASK_QUEUED);
	assert_int_equal(status.attempt, 0);
	assert_int_equal(status.started_at_ms, 0);
}

static void
assert_succeeded(struct scene *scene, const char *id)
{
	struct task_status status = scene_await_final(scene, id);

	assert_int_equal(status.state, TASK_SUCCEEDED);
	assert_int_equal(status.attempt, 1);
}

static void
test_a_slow_host_takes_no_places_from_others_and_its_tasks_keep_their_order(void **state)
{
	struct scene *scene = *state;
	char slow[6][UUID_TEXT_SIZE], other[UUID_TEXT_SIZE];

	scene_open_queue(scene, usual());
	for (int i = 0; i < 4; i++)
		submit(scene, "slow", slow[i]);
	scene_await(&scene_shared.carried, 4);
	submit(scene, "other", other); /* all places are taken */
	put_aside(slow[3]);
	put_aside(slow[2]);
	succeed(other);
	assert_succeeded(scene, other);
	put_aside(slow[1]);
	await_deferred(scene, 3);
	/* What comes now waits behind those that do. */
	submit(scene, "slow", slow[4]);
	submit(scene, "slow", slow[5]);
	await_deferred(scene, 5);
	for (int i = 1; i < 6; i++)
		assert_untouched(scene, slow[i]);
	scene_await(&scene_shared.carried, 1);
	submit(scene, "other", other);
	succeed(other);
	/* Each makes room for the next one. */
	for (int i = 0; i < 6; i++) {
		assert_true(count_deferred(scene) > 3 - i);
		succeed(slow[i]);
		assert_succeeded(scene, slow[i]);
	}
	assert_int_equal(count_deferred(scene), 0);
	assert_int_equal(scene_shared.carried_most, 4);
}

static void
test_a_host_that_pauses_is_asked_by_nobody_until_it_is_over(void **state)
{
	struct scene *scene = *state;
	struct queue_stats stats;
	char angry[4][UUID_TEXT_SIZE], other[UUID_TEXT_SIZE];

	scene_open_queue(scene, usual());
	submit(scene, "angry", angry[0]);
	fail_with_pause(angry[0], 500);
	int64_t paused_mono_ms = clock_mono_ms();
	for (int i = 1; i < 4; i++)
		submit(scene, "angry", angry[i]);
	await_deferred(scene, 3);
	submit(scene, "other", other);
	succeed(other);
	assert_succeeded(scene, other);
	queue_stats(scene->queue, &stats);
	assert_int_equal(stats.hosts.deferring, 1);
	assert_int_equal(stats.hosts.pauses, 1);
	assert_int_equal(stats.hosts.known, 2);
	assert_int_equal(stats.lanes[LANE_IO].queued, 0);
	assert_int_equal(stats.lanes[LANE_IO].deferred, 3);
	/* One at a time, and none too early. */
	struct run *run = take(angry[1]);
	assert_true(clock_mono_ms() >= paused_mono_ms + 450);
	assert_int_equal(count_deferred(scene), 2);
	outcome_succeed(&run->outcome, "");
	run->has_begun = true;
	scene_carry_end(run);
	succeed(angry[2]);
	succeed(angry[3]);
	for (int i = 1; i < 4; i++)
		assert_succeeded(scene, angry[i]);
	assert_int_equal(scene_await_final(scene, angry[0]).state, TASK_FAILED);
}

static void
test_the_host_that_a_redirect_led_to_pauses_too(void **state)
{
	struct scene *scene = *state;
	char ids[2][UUID_TEXT_SIZE], late[2][UUID_TEXT_SIZE];

	scene_open_queue(scene, usual());
	submit(scene, "from", ids[0]);
	struct run *run = take(ids[0]);
	run_begin(run);
	outcome_fail(&run->outcome, FAILURE_HTTP_STATUS, "HTTP status 503");
	run->outcome.pause_ms = 60000;
	run->outcome.pause_host = strdup("to");
	scene_carry_end(run);
	submit(scene, "to", late[0]);
	submit(scene, "from", late[1]);
	await_deferred(scene, 2);
	submit(scene, "else", ids[1]);
	succeed(ids[1]);
	assert_succeeded(scene, ids[1]);
}

static void
test_what_is_deferred_can_be_cancelled_and_expires(void **state)
{
	struct scene *scene = *state;
	struct task_terms terms = { .max_attempts = 3 };
	struct store_cancelled cancelled;
	char first[UUID_TEXT_SIZE], ids[3][UUID_TEXT_SIZE];
	enum refusal refusal;

	scene_open_queue(scene, usual());
	submit(scene, "angry", first);
	fail_with_pause(first, 60000);
	submit(scene, "angry", ids[0]);
	terms.expires_at_ms = service_clock_ms() + 200;
	assert_int_equal(submit_with(scene, "angry", &terms, ids[1], &refusal), STATUS_OK);
	submit(scene, "angry", ids[2]);
	await_deferred(scene, 3);
	assert_int_equal(queue_cancel(scene->queue, ids[0], &cancelled, NULL), STATUS_OK);
	assert_int_equal(cancelled.what, STORE_CANCEL_REJECTED);
	assert_int_equal(scene_await_final(scene, ids[0]).state, TASK_REJECTED);
	assert_int_equal(scene_await_final(scene, ids[1]).state, TASK_REJECTED);
	assert_untouched(scene, ids[2]);
	await_deferred(scene, 1);
}

/* Whom a cancel meets on the way from the engine to the store. */
static void
test_a_task_that_was_cancelled_before_it_is_put_aside_fails(void **state)
{
	struct scene *scene = *state;
	struct store_cancelled cancelled;
	char id[UUID_TEXT_SIZE];

	scene_open_queue(scene, usual());
	submit(scene, "slow", id);
	struct run *run = take(id);
	assert_int_equal(queue_cancel(scene->queue, id, &cancelled, NULL), STATUS_OK);
	assert_int_equal(cancelled.what, STORE_CANCEL_REQUESTED);
	run_end_early(run, RUN_PUT_ASIDE);
	scene_carry_end(run);
	scene_assert_failed(scene, id, FAILURE_CANCELLED);
	assert_int_equal(count_deferred(scene), 0);
}

static void
test_what_is_deferred_survives_the_end_of_the_queue(void **state)
{
	struct scene *scene = *state;
	char ids[3][UUID_TEXT_SIZE];

	scene_open_queue(scene, usual());
	submit(scene, "angry", ids[0]);
	fail_with_pause(ids[0], 60000);
	submit(scene, "angry", ids[1]);
	submit(scene, "angry", ids[2]);
	await_deferred(scene, 2);
	queue_drain(scene->queue, clock_mono_ms() + 100000);
	queue_close(scene->queue);
	scene->queue = NULL;
	assert_int_equal(count_deferred(scene), 2);
	/* The pause is forgotten. */
	scene_open_queue(scene, usual());
	succeed(ids[1]);
	succeed(ids[2]);
	assert_succeeded(scene, ids[1]);
	assert_succeeded(scene, ids[2]);
	assert_int_equal(count_deferred(scene), 0);
}

static void
test_a_claim_that_begins_anew_or_fails_leaves_no_trace(void **state)
{
	struct scene *scene = *state;
	char ids[6][UUID_TEXT_SIZE];

	fake_store_claim_twice(scene->fake);
	scene_open_queue(scene, usual());
	submit(scene, "slow", ids[0]);
	submit(scene, "slow", ids[1]);
	put_aside(ids[1]);
	await_deferred(scene, 1);
	for (int i = 2; i < 6; i++)
		submit(scene, "slow", ids[i]);
	await_deferred(scene, 5);
	fake_store_fail(scene->fake, FAKE_CLAIM, STATUS_BUSY, 2);
	for (int i = 0; i < 6; i++) {
		succeed(ids[i]);
		assert_succeeded(scene, ids[i]);
	}
	assert_int_equal(count_deferred(scene), 0);
}

static void
test_a_store_that_cannot_defer_is_asked_again(void **state)
{
	struct scene *scene = *state;
	char ids[2][UUID_TEXT_SIZE];

	scene_open_queue(scene, usual());
	submit(scene, "slow", ids[0]);
	submit(scene, "slow", ids[1]);
	fake_store_fail(scene->fake, FAKE_RELEASE, STATUS_FULL, 3);
	put_aside(ids[1]);
	await_deferred(scene, 1);
	succeed(ids[0]);
	succeed(ids[1]);
	assert_succeeded(scene, ids[1]);
}

/* Others that wait meanwhile do not hide those that were not found. */
static void
test_what_was_not_found_at_the_start_is_looked_for_again(void **state)
{
	struct scene *scene = *state;
	char ids[2][UUID_TEXT_SIZE], slow[2][UUID_TEXT_SIZE];

	scene_open_queue(scene, usual());
	submit(scene, "angry", ids[0]);
	fail_with_pause(ids[0], 60000);
	submit(scene, "angry", ids[1]);
	await_deferred(scene, 1);
	queue_close(scene->queue);
	fake_store_fail(scene->fake, FAKE_NEXT_HOST, STATUS_IO, 1000000);
	scene_open_queue(scene, usual());
	submit(scene, "slow", slow[0]);
	submit(scene, "slow", slow[1]);
	put_aside(slow[1]);
	await_deferred(scene, 2);
	fake_store_fail(scene->fake, FAKE_NEXT_HOST, STATUS_IO, 0);
	succeed(ids[1]);
	assert_succeeded(scene, ids[1]);
	succeed(slow[0]);
	succeed(slow[1]);
	assert_succeeded(scene, slow[1]);
}

static void
test_a_tenth_of_the_queue_is_kept_for_hosts_that_nobody_waits_for(void **state)
{
	struct scene *scene = *state;
	struct queue_conf conf = usual();
	struct queue_stats stats;
	struct queue_task batch[2];
	char ids[20][UUID_TEXT_SIZE];
	enum refusal refusal = REFUSAL_NONE;
	unsigned retry_after_s;

	conf.waiting_max = 20;
	scene_open_queue(scene, conf);
	submit(scene, "angry", ids[0]);
	fail_with_pause(ids[0], 60000);
	for (int i = 0; i < 18; i++) {
		submit(scene, "angry", ids[1]);
		await_deferred(scene, i + 1);
	}
	assert_int_equal(submit_with(scene, "angry", NULL, ids[1], &refusal), STATUS_BUSY);
	assert_int_equal(refusal, REFUSAL_HOST_FULL);
	batch[0] = (struct queue_task){ &carry_kind, "{\"host\":\"other\"}", 16, NULL, 0, NULL };
	batch[1] = (struct queue_task){ &carry_kind, "{\"host\":\"angry\"}", 16, NULL, 0, NULL };
	assert_int_equal(queue_submit_batch(
			     scene->queue, batch, 2, NULL, ids + 2, &refusal, &retry_after_s, NULL),
	    STATUS_BUSY);
	assert_int_equal(refusal, REFUSAL_HOST_FULL);
	assert_int_equal(retry_after_s, 60);
	assert_int_equal(queue_readiness(scene->queue), REFUSAL_NONE);
	batch[1] = batch[0];
	assert_int_equal(queue_submit_batch(
			     scene->queue, batch, 2, NULL, ids + 2, &refusal, &retry_after_s, NULL),
	    STATUS_OK);
	queue_stats(scene->queue, &stats);
	assert_int_equal(stats.refused[REFUSAL_HOST_FULL], 2);
	assert_int_equal(stats.refused[REFUSAL_QUEUE_FULL], 0);
	succeed(ids[2]);
	succeed(ids[3]);
	/* And all of it is the bound. */
	fake_store_close_gate(scene->fake, FAKE_CLAIM);
	for (int i = 0; i < 2; i++)
		assert_int_equal(submit_with(scene, "x", NULL, ids[4 + i], &refusal), STATUS_OK);
	while (submit_with(scene, "y", NULL, ids[6], &refusal) == STATUS_OK)
		;
	assert_int_equal(refusal, REFUSAL_QUEUE_FULL);
	fake_store_open_gate(scene->fake, FAKE_CLAIM);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE_TEST(
		    test_a_slow_host_takes_no_places_from_others_and_its_tasks_keep_their_order),
		SCENE_TEST(test_a_host_that_pauses_is_asked_by_nobody_until_it_is_over),
		SCENE_TEST(test_the_host_that_a_redirect_led_to_pauses_too),
		SCENE_TEST(test_what_is_deferred_can_be_cancelled_and_expires),
		SCENE_TEST(test_a_task_that_was_cancelled_before_it_is_put_aside_fails),
		SCENE_TEST(test_what_is_deferred_survives_the_end_of_the_queue),
		SCENE_TEST(test_a_claim_that_begins_anew_or_fails_leaves_no_trace),
		SCENE_TEST(test_a_store_that_cannot_defer_is_asked_again),
		SCENE_TEST(test_what_was_not_found_at_the_start_is_looked_for_again),
		SCENE_TEST(test_a_tenth_of_the_queue_is_kept_for_hosts_that_nobody_waits_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
