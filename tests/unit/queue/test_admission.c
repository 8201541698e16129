/* SPDX-License-Identifier: MIT */
/* Admission: both sides of the depth limit, refusals by cause, rates and the Retry-After made of
 * them. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "queue/admission.h"

static void
test_enter_admits_up_to_the_limit_and_not_one_more(void **state)
{
	(void)state;
	struct admission admission;
	admission_init(&admission, 3, 5, 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(admission_enter(&admission, LANE_CPU, false), REFUSAL_NONE);
	assert_int_equal(admission_enter(&admission, LANE_CPU, false), REFUSAL_QUEUE_FULL);
	assert_int_equal(admission_check(&admission), REFUSAL_QUEUE_FULL);
	assert_int_equal(admission_tick(&admission, 1000), 1);
	assert_int_equal(admission_tick(&admission, 1000), 0);
	admission_leave(&admission, LANE_CPU, 1);
	assert_int_equal(admission_check(&admission), REFUSAL_NONE);
	assert_int_equal(admission_enter(&admission, LANE_CPU, false), REFUSAL_NONE);
}

static void
test_a_full_lane_does_not_refuse_the_other(void **state)
{
	(void)state;
	struct admission admission;
	admission_init(&admission, 1, 5, 0);
	assert_int_equal(admission_enter(&admission, LANE_IO, false), REFUSAL_NONE);
	assert_int_equal(admission_enter(&admission, LANE_IO, false), REFUSAL_QUEUE_FULL);
	assert_int_equal(admission_enter(&admission, LANE_CPU, false), REFUSAL_NONE);
}

/* Enters a batch with these shares; the lane that is full has to be told. */
static enum refusal
enter_batch(struct admission *admission, int64_t cpu, int64_t io, enum lane full)
{
	const struct admission_places places = {
		.waiting = { [LANE_CPU] = cpu, [LANE_IO] = io },
	};
	enum lane told = LANE_CPU;
	enum refusal refusal = admission_enter_batch(admission, &places, &told);
	if (refusal == REFUSAL_QUEUE_FULL)
		assert_int_equal(told, full);
	return refusal;
}

static void
assert_waiting(struct admission *admission, int64_t cpu, int64_t io)
{
	assert_int_equal(atomic_load(&admission->waiting[LANE_CPU]), cpu);
	assert_int_equal(atomic_load(&admission->waiting[LANE_IO]), io);
}

static void
test_a_batch_takes_all_its_places_or_none(void **state)
{
	(void)state;
	struct admission admission;
	struct queue_stats stats;
	admission_init(&admission, 10, 5, 0);
	assert_int_equal(enter_batch(&admission, 7, 10, LANE_CPU), REFUSAL_NONE);
	assert_waiting(&admission, 7, 10);
	/* One lane has no room; both; the other. */
	assert_int_equal(enter_batch(&admission, 3, 1, LANE_IO), REFUSAL_QUEUE_FULL);
	assert_int_equal(enter_batch(&admission, 4, 1, LANE_CPU), REFUSAL_QUEUE_FULL);
	assert_int_equal(enter_batch(&admission, 4, 0, LANE_CPU), REFUSAL_QUEUE_FULL);
	assert_waiting(&admission, 7, 10);
	assert_int_equal(enter_batch(&admission, 3, 0, LANE_CPU), REFUSAL_NONE);
	assert_int_equal(admission_enter(&admission, LANE_CPU, false), REFUSAL_QUEUE_FULL);
	assert_waiting(&admission, 10, 10);
	admission_leave(&admission, LANE_CPU, 10);
	admission_leave(&admission, LANE_IO, 10);
	/* More than may ever wait. */
	assert_int_equal(enter_batch(&admission, 0, 11, LANE_IO), REFUSAL_QUEUE_FULL);
	assert_int_equal(enter_batch(&admission, 1, 11, LANE_IO), REFUSAL_QUEUE_FULL);
	assert_waiting(&admission, 0, 0);
	admission_stats(&admission, &stats);
	assert_int_equal(stats.refused[REFUSAL_QUEUE_FULL], 6); /* a batch counts once */
}

static void
test_what_could_never_enter_is_told_apart_from_what_has_to_wait(void **state)
{
	(void)state;
	struct admission admission;
	struct error error = { "" };
	admission_init(&admission, 3, 2, 0);
	const struct admission_places fits = { .waiting = { 3, 3 }, .held = 2 },
				      cpu = { .waiting = { 4, 3 }, .held = 2 },
				      io = { .waiting = { 3, 4 }, .held = 2 },
				      held = { .waiting = { 3, 3 }, .held = 3 };
	admission_returned(&admission, LANE_CPU, 3);
	assert_int_equal(admission_can_ever_enter(&admission, &fits, &error), STATUS_OK);
	assert_int_equal(admission_can_ever_enter(&admission, &cpu, &error), STATUS_INVALID);
	assert_string_equal(error.text,
	    "has 4 to wait for the cpu lane, where at most 3 may ever wait (queue-max)");
	assert_int_equal(admission_can_ever_enter(&admission, &io, &error), STATUS_INVALID);
	assert_string_equal(
	    error.text, "has 4 to wait for the io lane, where at most 3 may ever wait (queue-max)");
	assert_int_equal(admission_can_ever_enter(&admission, &held, &error), STATUS_INVALID);
	assert_string_equal(
	    error.text, "has 3 to wait for a time, where at most 2 may ever wait (scheduled-max)");
}

static void
test_what_waits_for_a_time_has_a_bound_of_its_own(void **state)
{
	(void)state;
	struct admission admission;
	struct queue_stats stats;
	enum lane full = LANE_CPU;
	admission_init(&admission, 1, 3, 0);
	assert_int_equal(admission_enter(&admission, LANE_CPU, false), REFUSAL_NONE);
	assert_int_equal(admission_enter(&admission, LANE_CPU, false), REFUSAL_QUEUE_FULL);
	assert_int_equal(admission_enter_held(&admission), REFUSAL_NONE);
	const struct admission_places many = { .held = 3 }, fits = { .held = 2 },
				      no_lane = { .waiting = { 1, 1 }, .held = 1 };
	assert_int_equal(admission_enter_batch(&admission, &many, &full), REFUSAL_SCHEDULE_FULL);
	assert_int_equal(atomic_load(&admission.held), 1);
	assert_int_equal(admission_enter_batch(&admission, &no_lane, &full), REFUSAL_QUEUE_FULL);
	assert_int_equal(atomic_load(&admission.held), 1);
	assert_waiting(&admission, 1, 0);
	assert_int_equal(admission_enter_batch(&admission, &fits, &full), REFUSAL_NONE);
	assert_int_equal(admission_enter_held(&admission), REFUSAL_SCHEDULE_FULL);
	assert_int_equal(admission_check(&admission), REFUSAL_QUEUE_FULL);
	/* What becomes ready waits although the lane is full. */
	admission_readied(&admission, LANE_CPU, 2);
	assert_waiting(&admission, 3, 0);
	assert_int_equal(atomic_load(&admission.held), 1);
	admission_held(&admission, 4);
	assert_int_equal(admission_enter_held(&admission), REFUSAL_SCHEDULE_FULL);
	admission_unhold(&admission, 5);
	assert_int_equal(admission_enter_held(&admission), REFUSAL_NONE);
	admission_stats(&admission, &stats);
	assert_int_equal(stats.refused[REFUSAL_SCHEDULE_FULL], 3);
	assert_int_equal(stats.held_max, 3);
	assert_int_equal(
	    admission_retry_after_s(&admission, LANE_CPU, 1, REFUSAL_SCHEDULE_FULL), 60);
}

static void
test_what_waits_for_its_host_counts_and_a_tenth_is_kept_for_other_hosts(void **state)
{
	(void)state;
	struct admission admission;
	struct queue_stats stats;
	const struct admission_places behind = { .waiting = { 0, 2 },
		.is_behind = { false, true } },
				      other = { .waiting = { 0, 2 } };
	enum lane full = LANE_CPU;
	admission_init(&admission, 20, 5, 0);
	admission_deferred(&admission, LANE_IO, 16);
	assert_int_equal(admission_enter(&admission, LANE_IO, true), REFUSAL_NONE);
	assert_int_equal(admission_enter_batch(&admission, &behind, &full), REFUSAL_HOST_FULL);
	assert_int_equal(full, LANE_IO);
	assert_int_equal(admission_enter(&admission, LANE_IO, true), REFUSAL_NONE);
	assert_int_equal(admission_enter(&admission, LANE_IO, true), REFUSAL_HOST_FULL);
	assert_int_equal(admission_check(&admission), REFUSAL_NONE);
	assert_int_equal(admission_enter_batch(&admission, &other, &full), REFUSAL_NONE);
	assert_int_equal(admission_enter(&admission, LANE_IO, false), REFUSAL_QUEUE_FULL);
	assert_int_equal(admission_enter(&admission, LANE_IO, true), REFUSAL_QUEUE_FULL);
	assert_int_equal(admission_check(&admission), REFUSAL_QUEUE_FULL);
	assert_int_equal(admission_enter(&admission, LANE_CPU, false), REFUSAL_NONE);
	assert_int_equal(admission_retry_after_s(&admission, LANE_IO, 1, REFUSAL_HOST_FULL), 60);
	/* A claim defers three of those that waited and recalls five of the others. */
	admission_sift(&admission, LANE_IO, 5, 3);
	assert_waiting(&admission, 1, 4 + 5 - 3);
	assert_int_equal(atomic_load(&admission.deferred[LANE_IO]), 16 + 3 - 5);
	/* They are part of what a full queue has to be rid of: 20 of 20, and two go in a second. */
	admission_tick(&admission, 1000);
	admission_taken(&admission, LANE_IO, 2);
	admission_returned(&admission, LANE_IO, 2);
	admission_tick(&admission, 1000);
	assert_int_equal(admission_retry_after_s(&admission, LANE_IO, 6, REFUSAL_QUEUE_FULL), 3);
	/* Two are taken and put aside for their host: nothing has gone. */
	admission_taken(&admission, LANE_IO, 2);
	admission_put_aside(&admission, LANE_IO, 2);
	assert_waiting(&admission, 1, 4);
	assert_int_equal(atomic_load(&admission.deferred[LANE_IO]), 16);
	admission_tick(&admission, 1000);
	admission_stats(&admission, &stats);
	assert_int_equal(stats.lanes[LANE_IO].drained_per_1000_s, 1500);
	admission_undefer(&admission, LANE_IO, 16);
	assert_int_equal(admission_enter(&admission, LANE_IO, true), REFUSAL_NONE);
	admission_stats(&admission, &stats);
	assert_int_equal(stats.refused[REFUSAL_HOST_FULL], 2);
	assert_int_equal(stats.refused[REFUSAL_QUEUE_FULL], 2);
}

static void
test_draining_and_a_low_disk_refuse_a_batch_and_take_no_place(void **state)
{
	(void)state;
	struct admission admission;
	admission_init(&admission, 10, 5, 0);
	atomic_store(&admission.disk_low, true);
	assert_int_equal(enter_batch(&admission, 1, 1, LANE_CPU), REFUSAL_DISK_LOW);
	atomic_store(&admission.draining, true);
	assert_int_equal(enter_batch(&admission, 1, 1, LANE_CPU), REFUSAL_DRAINING);
	assert_waiting(&admission, 0, 0);
}

/* Takes and gives back places of both lanes, and looks that nobody ever has too many. */
static void *
crowd(void *arg)
{
	struct admission *admission = arg;
	for (int i = 0; i < 20000; i++) {
		const struct admission_places places = {
			.waiting = { 1 + i % 5, 1 + i % 7 },
		};
		enum lane full;
		if (admission_enter_batch(admission, &places, &full) != REFUSAL_NONE)
			continue;
		for (int lane = 0; lane < LANE_COUNT; lane++) {
			if (atomic_load(&admission->waiting[lane]) > admission->waiting_max)
				return arg; /* more than may wait */
		}
		for (int lane = 0; lane < LANE_COUNT; lane++)
			admission_leave(admission, (enum lane)lane, places.waiting[lane]);
	}
	return NULL;
}

static void
test_batches_at_once_never_exceed_the_limit_together(void **state)
{
	(void)state;
	struct admission admission;
	pthread_t threads[4];
	admission_init(&admission, 9, 5, 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, crowd, &admission), 0);
	for (int i = 0; i < 4; i++) {
		void *fault;
		assert_int_equal(pthread_join(threads[i], &fault), 0);
		assert_null(fault);
	}
	assert_waiting(&admission, 0, 0);
}

static void
test_returned_tasks_count_even_over_the_limit(void **state)
{
	(void)state;
	struct admission admission;
	admission_init(&admission, 2, 5, 0);
	admission_returned(&admission, LANE_CPU, 5);
	assert_int_equal(admission_enter(&admission, LANE_CPU, false), REFUSAL_QUEUE_FULL);
	admission_taken(&admission, LANE_CPU, 3);
	assert_int_equal(admission_enter(&admission, LANE_CPU, false), REFUSAL_QUEUE_FULL);
	admission_taken(&admission, LANE_CPU, 1);
	assert_int_equal(admission_enter(&admission, LANE_CPU, false), REFUSAL_NONE);
}

static void
test_draining_and_a_low_disk_refuse_and_take_no_place(void **state)
{
	(void)state;
	struct admission admission;
	admission_init(&admission, 1, 5, 0);
	atomic_store(&admission.disk_low, true);
	assert_int_equal(admission_enter(&admission, LANE_CPU, false), REFUSAL_DISK_LOW);
	assert_int_equal(admission_check(&admission), REFUSAL_DISK_LOW);
	atomic_store(&admission.draining, true);
	assert_int_equal(admission_enter(&admission, LANE_CPU, false), REFUSAL_DRAINING);
	atomic_store(&admission.disk_low, false);
	atomic_store(&admission.draining, false);
	assert_int_equal(admission_enter(&admission, LANE_CPU, false), REFUSAL_NONE);
}

static void
test_refusals_are_counted_by_reason(void **state)
{
	(void)state;
	struct admission admission;
	struct queue_stats stats;
	admission_init(&admission, 1, 5, 0);
	assert_int_equal(admission_enter(&admission, LANE_IO, false), REFUSAL_NONE);
	for (int i = 0; i < 3; i++)
		assert_int_equal(admission_enter(&admission, LANE_IO, false), REFUSAL_QUEUE_FULL);
	admission_note_refusal(&admission, REFUSAL_STORE_BUSY);
	atomic_store(&admission.disk_low, true);
	assert_int_equal(admission_enter(&admission, LANE_CPU, false), REFUSAL_DISK_LOW);
	admission_stats(&admission, &stats);
	assert_int_equal(stats.admission, REFUSAL_DISK_LOW);
	assert_int_equal(stats.waiting_max, 1);
	assert_int_equal(stats.refused[REFUSAL_NONE], 0);
	assert_int_equal(stats.refused[REFUSAL_QUEUE_FULL], 3);
	assert_int_equal(stats.refused[REFUSAL_DISK_LOW], 1);
	assert_int_equal(stats.refused[REFUSAL_DRAINING], 0);
	assert_int_equal(stats.refused[REFUSAL_STORE_BUSY], 1);
	assert_int_equal(admission_tick(&admission, 1000), 5);
	/* A look for readiness is no refusal, and a tick forgets nothing. */
	assert_int_equal(admission_check(&admission), REFUSAL_DISK_LOW);
	atomic_store(&admission.draining, true);
	assert_int_equal(admission_enter(&admission, LANE_CPU, false), REFUSAL_DRAINING);
	admission_stats(&admission, &stats);
	assert_int_equal(stats.admission, REFUSAL_DRAINING);
	assert_int_equal(stats.refused[REFUSAL_DRAINING], 1);
	assert_int_equal(stats.refused[REFUSAL_QUEUE_FULL], 3);
}

static void
test_the_drain_rate_is_told_by_lane(void **state)
{
	(void)state;
	struct admission admission;
	struct queue_stats stats;
	admission_init(&admission, 100, 5, 0);
	admission_returned(&admission, LANE_IO, 50);
	admission_taken(&admission, LANE_IO, 5);
	admission_tick(&admission, 2000);
	admission_stats(&admission, &stats);
	assert_int_equal(stats.lanes[LANE_IO].drained_per_1000_s, 2500);
	assert_int_equal(stats.lanes[LANE_CPU].drained_per_1000_s, 0);
}

/* So many have come to wait, and a tick has seen it. */
static void
begin_waiting(struct admission *admission, enum lane lane, int64_t waiting_max, int64_t waiting)
{
	admission_init(admission, waiting_max, 5, 0);
	admission_returned(admission, lane, waiting);
	admission_tick(admission, 1000);
}

/* However fast the lane goes. */
static void
test_a_queue_full_of_what_waits_for_hosts_has_no_room_soon(void **state)
{
	(void)state;
	struct admission admission;
	begin_waiting(&admission, LANE_IO, 1000, 100);
	admission_passed(&admission, LANE_IO, 50);
	admission_tick(&admission, 1000);
	admission_deferred(&admission, LANE_IO, 900);
	assert_int_equal(admission_retry_after_s(&admission, LANE_IO, 1, REFUSAL_QUEUE_FULL), 2);
	admission_leave(&admission, LANE_IO, 1);
	admission_deferred(&admission, LANE_IO, 1);
	assert_int_equal(admission_retry_after_s(&admission, LANE_IO, 1, REFUSAL_QUEUE_FULL), 60);
	assert_int_equal(admission_retry_after_s(&admission, LANE_IO, 900, REFUSAL_QUEUE_FULL), 60);
	assert_int_equal(admission_retry_after_s(&admission, LANE_IO, 1, REFUSAL_WAIT_TOO_LONG), 1);
}

static void
test_retry_after_is_the_time_until_a_tenth_has_drained(void **state)
{
	(void)state;
	struct admission admission;
	begin_waiting(&admission, LANE_CPU, 1000, 1100);
	admission_taken(&admission, LANE_CPU, 100); /* 1,000 wait; 100 left within a second */
	admission_tick(&admission, 1000);
	assert_int_equal(admission_retry_after_s(&admission, LANE_CPU, 1, REFUSAL_QUEUE_FULL), 1);
	struct admission slow;
	begin_waiting(&slow, LANE_CPU, 1000, 1010);
	admission_taken(&slow, LANE_CPU, 10);
	admission_tick(&slow, 1000);
	assert_int_equal(admission_retry_after_s(&slow, LANE_CPU, 1, REFUSAL_QUEUE_FULL), 10);
}

static void
test_retry_after_is_short_until_it_is_known_and_long_where_none_goes(void **state)
{
	(void)state;
	struct admission admission;
	admission_init(&admission, 1000, 5, 0);
	/* One in ten seconds, for long; then a surge within a moment. */
	for (int i = 0; i < 1000; i++) {
		admission_passed(&admission, LANE_CPU, 1);
		admission_tick(&admission, 10000);
	}
	admission_returned(&admission, LANE_CPU, 1000);
	assert_int_equal(admission_retry_after_s(&admission, LANE_CPU, 1, REFUSAL_QUEUE_FULL), 1);
	for (int i = 0; i < 5; i++) {
		admission_tick(&admission, 1000);
		assert_int_equal(
		    admission_retry_after_s(&admission, LANE_CPU, 1, REFUSAL_QUEUE_FULL), 1);
	}
	admission_tick(&admission, 1000);
	assert_int_equal(admission_retry_after_s(&admission, LANE_CPU, 1, REFUSAL_QUEUE_FULL), 60);
}

static void
test_retry_after_of_a_batch_is_the_time_until_its_share_is_free(void **state)
{
	(void)state;
	struct admission admission;
	begin_waiting(&admission, LANE_CPU, 1000, 1000);
	admission_taken(&admission, LANE_CPU, 10); /* 990 wait; 10 are taken each second */
	admission_tick(&admission, 1000);
	for (int64_t places = 1; places <= 100; places++)
		assert_int_equal(
		    admission_retry_after_s(&admission, LANE_CPU, places, REFUSAL_QUEUE_FULL), 9);
	assert_int_equal(
	    admission_retry_after_s(&admission, LANE_CPU, 500, REFUSAL_QUEUE_FULL), 49);
	assert_int_equal(
	    admission_retry_after_s(&admission, LANE_CPU, 1000, REFUSAL_QUEUE_FULL), 99);
}

static void
test_retry_after_stays_within_1_and_300(void **state)
{
	(void)state;
	struct admission admission;
	begin_waiting(&admission, LANE_IO, 100000, 100001);
	admission_taken(&admission, LANE_IO, 1);
	admission_tick(&admission, 1000); /* one a second: a tenth takes 10,000 s */
	assert_int_equal(admission_retry_after_s(&admission, LANE_IO, 1, REFUSAL_QUEUE_FULL), 300);
	admission_leave(&admission, LANE_IO, 50000);
	assert_int_equal(admission_retry_after_s(&admission, LANE_IO, 1, REFUSAL_QUEUE_FULL), 1);
	assert_int_equal(admission_retry_after_s(&admission, LANE_IO, 1, REFUSAL_STORE_BUSY), 1);
	assert_int_equal(admission_retry_after_s(&admission, LANE_IO, 1, REFUSAL_DISK_LOW), 30);
	assert_int_equal(admission_retry_after_s(&admission, LANE_IO, 1, REFUSAL_DRAINING), 5);
}

/* Tasks go at this pace from a queue in which so many wait. */
static void
pace(struct admission *admission, enum lane lane, int64_t waiting, int64_t taken_per_s)
{
	admission_returned(admission, lane, waiting);
	for (int i = 0; i < 13; i++) {
		admission_tick(admission, 1000);
		admission_returned(admission, lane, taken_per_s);
		admission_taken(admission, lane, taken_per_s);
	}
	admission_tick(admission, 1000);
}

static void
test_what_would_wait_too_long_is_refused_and_not_a_task_sooner(void **state)
{
	(void)state;
	struct admission admission;
	struct queue_stats stats;
	const struct admission_places three = { .waiting = { 3, 0 } },
				      two = { .waiting = { 2, 0 } };
	enum lane full = LANE_IO;
	admission_init(&admission, 1000, 5, 10);
	pace(&admission, LANE_CPU, 197, 20); /* 200 are gone in ten seconds */
	assert_int_equal(admission_enter(&admission, LANE_CPU, false), REFUSAL_NONE);
	assert_int_equal(admission_enter_batch(&admission, &three, &full), REFUSAL_WAIT_TOO_LONG);
	assert_int_equal(full, LANE_CPU);
	assert_int_equal(admission_check(&admission), REFUSAL_NONE);
	assert_int_equal(admission_enter_batch(&admission, &two, &full), REFUSAL_NONE);
	assert_waiting(&admission, 200, 0);
	assert_int_equal(admission_enter(&admission, LANE_CPU, false), REFUSAL_WAIT_TOO_LONG);
	assert_int_equal(admission_check(&admission), REFUSAL_WAIT_TOO_LONG);
	/* It concerns neither the other lane nor what waits for a time. */
	assert_int_equal(admission_enter(&admission, LANE_IO, false), REFUSAL_NONE);
	assert_int_equal(admission_enter_held(&admission), REFUSAL_NONE);
	/* A tenth of the 200 is gone in a second; a batch of 100 has room in five. */
	assert_int_equal(
	    admission_retry_after_s(&admission, LANE_CPU, 1, REFUSAL_WAIT_TOO_LONG), 1);
	assert_int_equal(
	    admission_retry_after_s(&admission, LANE_CPU, 100, REFUSAL_WAIT_TOO_LONG), 5);
	/* One that is larger than all of them has room when none waits. */
	assert_int_equal(
	    admission_retry_after_s(&admission, LANE_CPU, 900, REFUSAL_WAIT_TOO_LONG), 10);
	admission_stats(&admission, &stats);
	assert_int_equal(stats.lanes[LANE_CPU].wait_ms, 10000);
	assert_int_equal(stats.lanes[LANE_IO].wait_ms, -1);
	assert_int_equal(stats.wait_max_s, 10);
	assert_int_equal(stats.refused[REFUSAL_WAIT_TOO_LONG], 2);
	assert_int_equal(stats.refused[REFUSAL_QUEUE_FULL], 0);
	admission_taken(&admission, LANE_CPU, 1);
	assert_int_equal(admission_enter(&admission, LANE_CPU, false), REFUSAL_NONE);
}

static void
test_no_wait_is_too_long_where_none_is_named_nobody_waits_or_nothing_is_known(void **state)
{
	(void)state;
	struct admission admission;
	struct queue_stats stats;
	const struct admission_places many = { .waiting = { 900, 0 } };
	enum lane full;
	/* Any wait may be. */
	admission_init(&admission, 1000, 5, 0);
	pace(&admission, LANE_CPU, 999, 20);
	assert_int_equal(admission_enter(&admission, LANE_CPU, false), REFUSAL_NONE);
	assert_int_equal(admission_enter(&admission, LANE_CPU, false), REFUSAL_QUEUE_FULL);
	admission_stats(&admission, &stats);
	assert_int_equal(stats.lanes[LANE_CPU].wait_ms, 50000);
	/* The last one has gone, and the next tick has not come: the pace of before is no reason.
	 */
	admission_init(&admission, 1000, 5, 10);
	pace(&admission, LANE_CPU, 200, 20);
	assert_int_equal(admission_enter(&admission, LANE_CPU, false), REFUSAL_WAIT_TOO_LONG);
	admission_taken(&admission, LANE_CPU, 200);
	assert_int_equal(admission_enter_batch(&admission, &many, &full), REFUSAL_NONE);
	/* And with it nothing is known any more. */
	assert_int_equal(admission_enter(&admission, LANE_CPU, false), REFUSAL_WAIT_TOO_LONG);
	admission_tick(&admission, 1000);
	assert_int_equal(admission_enter(&admission, LANE_CPU, false), REFUSAL_NONE);
	admission_stats(&admission, &stats);
	assert_int_equal(stats.lanes[LANE_CPU].wait_ms, -1);
}

static void
test_a_surge_that_drains_fast_is_not_refused(void **state)
{
	(void)state;
	struct admission admission;
	admission_init(&admission, 100000, 5, 60);
	/* An hour of next to nothing. */
	for (int i = 0; i < 3600; i++) {
		assert_int_equal(admission_enter(&admission, LANE_CPU, false), REFUSAL_NONE);
		admission_taken(&admission, LANE_CPU, 1);
		admission_tick(&admission, 1000);
	}
	/* Then 40,000 a second for half a minute, of which 30,000 go until it is full. */
	int64_t refused = 0;
	for (int i = 0; i < 30; i++) {
		for (int n = 0; n < 40000; n++) {
			enum refusal refusal = admission_enter(&admission, LANE_CPU, false);
			assert_int_not_equal(refusal, REFUSAL_WAIT_TOO_LONG);
			refused += refusal == REFUSAL_QUEUE_FULL;
		}
		admission_taken(&admission, LANE_CPU, 30000);
		admission_tick(&admission, 1000);
	}
	assert_in_range(refused, 200000, 240000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_enter_admits_up_to_the_limit_and_not_one_more),
		cmocka_unit_test(test_a_full_lane_does_not_refuse_the_other),
		cmocka_unit_test(test_a_batch_takes_all_its_places_or_none),
		cmocka_unit_test(test_what_could_never_enter_is_told_apart_from_what_has_to_wait),
		cmocka_unit_test(test_what_waits_for_a_time_has_a_bound_of_its_own),
		cmocka_unit_test(
		    test_what_waits_for_its_host_counts_and_a_tenth_is_kept_for_other_hosts),
		cmocka_unit_test(test_draining_and_a_low_disk_refuse_a_batch_and_take_no_place),
		cmocka_unit_test(test_batches_at_once_never_exceed_the_limit_together),
		cmocka_unit_test(test_returned_tasks_count_even_over_the_limit),
		cmocka_unit_test(test_draining_and_a_low_disk_refuse_and_take_no_place),
		cmocka_unit_test(test_refusals_are_counted_by_reason),
		cmocka_unit_test(test_the_drain_rate_is_told_by_lane),
		cmocka_unit_test(test_a_queue_full_of_what_waits_for_hosts_has_no_room_soon),
		cmocka_unit_test(test_retry_after_is_the_time_until_a_tenth_has_drained),
		cmocka_unit_test(
		    test_retry_after_is_short_until_it_is_known_and_long_where_none_goes),
		cmocka_unit_test(test_retry_after_of_a_batch_is_the_time_until_its_share_is_free),
		cmocka_unit_test(test_retry_after_stays_within_1_and_300),
		cmocka_unit_test(test_what_would_wait_too_long_is_refused_and_not_a_task_sooner),
		cmocka_unit_test(
		    test_no_wait_is_too_long_where_none_is_named_nobody_waits_or_nothing_is_known),
		cmocka_unit_test(test_a_surge_that_drains_fast_is_not_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
