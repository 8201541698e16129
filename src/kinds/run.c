/* SPDX-License-Identifier: MIT */
/*
 * The word on an attempt, how far it is, and when it begins and ends; see run.h. Called by
 * executors. Must not block.
 */
#include "kinds/run.h"

#include <assert.h>
#include <inttypes.h>

#include "base/clock.h"
#include "base/compiler.h"

/* Microseconds. From a lane with room to one that is behind by hours. */
static const int64_t wait_bounds_us[] = { 1000, 5000, 25000, 100000, 250000, 500000, 1000000,
	2500000, 5000000, 10000000, 30000000, 60000000, 300000000, 1800000000, 7200000000 };

/* From a factorial of some hundred digits to a fetch that takes as long as it may. */
static const int64_t run_bounds_us[] = { 100, 1000, 5000, 25000, 50000, 100000, 250000, 500000,
	1000000, 2500000, 5000000, 10000000, 30000000, 120000000, 600000000 };

void
run_figures_init(struct run_figures *figures)
{
	histogram_init(&figures->wait_us, wait_bounds_us, ARRAY_SIZE(wait_bounds_us));
	histogram_init(&figures->run_us, run_bounds_us, ARRAY_SIZE(run_bounds_us));
	atomic_init(&figures->busy, 0);
}

/* How long the task has waited for this: in the store by the clock of tasks, in the lane by ours.
 */
static int64_t
waited_us(const struct run *run)
{
	int64_t in_store_ms = run->task.started_at_ms - run->task.waits_since_ms;
	int64_t in_lane_us = run->began_mono_us - run->taken_mono_us;

	return (in_store_ms > 0 ? in_store_ms * 1000 : 0) + (in_lane_us > 0 ? in_lane_us : 0);
}

void
run_wait(struct run *run)
{
	run->has_begun = false;
	run->began_mono_us = clock_mono_us();
	run->deadline_mono_us = 0;
}

void
run_begin(struct run *run)
{
	run->has_begun = true;
	run->began_mono_us = clock_mono_us();
	run->deadline_mono_us = run->task.terms.timeout_ms > 0
				    ? run->began_mono_us + run->task.terms.timeout_ms * 1000
				    : 0;
	if (run->figures == NULL || run->is_counted)
		return;
	run->is_counted = true;
	histogram_add(&run->figures->wait_us, waited_us(run));
	atomic_fetch_add_explicit(&run->figures->busy, 1, memory_order_relaxed);
}

int64_t
run_over(struct run *run)
{
	int64_t took_us = clock_mono_us() - run->began_mono_us;

	if (!run->is_counted)
		return took_us;
	run->is_counted = false;
	atomic_fetch_sub_explicit(&run->figures->busy, 1, memory_order_relaxed);
	if (run->outcome.verdict != VERDICT_RELEASED)
		histogram_add(&run->figures->run_us, took_us);
	return took_us;
}

enum run_word
run_word(const struct run *run)
{
	if (atomic_load_explicit(&run->is_cancelled, memory_order_acquire))
		return RUN_CANCELLED;
	if (run->deadline_mono_us > 0 && clock_mono_us() >= run->deadline_mono_us)
		return RUN_OUT_OF_TIME;
	if (run->stop != NULL && atomic_load_explicit(run->stop, memory_order_acquire))
		return RUN_HAND_BACK;
	if (run->host == NULL || run->has_begun)
		return RUN_GO_ON;
	int64_t paused_until_us =
	    atomic_load_explicit(&run->host->paused_until_mono_us, memory_order_relaxed);
	return paused_until_us > 0 && clock_mono_us() < paused_until_us ? RUN_PUT_ASIDE : RUN_GO_ON;
}

unsigned
run_host_pace(const struct run_host *host, int64_t now_mono_us)
{
	int64_t ended_us = atomic_load_explicit(&host->ended_mono_us, memory_order_relaxed);
	if (now_mono_us - ended_us > 2 * RUN_PATIENCE_MS * 1000)
		return 0;
	return atomic_load_explicit(&host->pace, memory_order_relaxed);
}

enum run_word
run_word_waiting(const struct run *run)
{
	const struct run_host *host = run->host;
	enum run_word word = run_word(run);
	if (word != RUN_GO_ON || host == NULL || run->has_begun)
		return word;
	unsigned taken = atomic_load_explicit(&host->taken, memory_order_relaxed);
	if (taken <= host->places)
		return word;
	int64_t now_us = clock_mono_us();
	bool is_late = now_us - run->began_mono_us > RUN_PATIENCE_MS * 1000;
	return is_late && taken - host->places > run_host_pace(host, now_us) ? RUN_PUT_ASIDE : word;
}

/* 1 and the thousandths that are done. In floating point: the product could be too large. */
static unsigned
mark_of(uint64_t done, uint64_t total)
{
	unsigned thousandths;

	if (done >= total)
		return RUN_PROGRESS_WHOLE + 1;
	thousandths = (unsigned)((double)done / (double)total * RUN_PROGRESS_WHOLE);
	/* All of it is said of all of it alone. */
	return (thousandths < RUN_PROGRESS_WHOLE ? thousandths : RUN_PROGRESS_WHOLE - 1) + 1;
}

void
run_progress(struct run *run, uint64_t done, uint64_t total)
{
	unsigned before = atomic_load_explicit(&run->progress, memory_order_relaxed);
	unsigned mark = mark_of(done, total);

	if (total == 0 || (before == 0 && done >= total))
		return;
	do {
		if (mark <= before)
			return;
	} while (!atomic_compare_exchange_weak(&run->progress, &before, mark));
	/* Who awaits more clears the flag first and looks at the progress then. */
	if (run->watch != NULL && !atomic_load(&run->progress_is_told) &&
	    !atomic_exchange(&run->progress_is_told, true))
		run->watch->progressed(run->watch->context, run);
}

int
run_progress_now(const struct run *run)
{
	return (int)atomic_load(&run->progress) - 1;
}

void
run_end_early(struct run *run, enum run_word word)
{
	output_clear(&run->output);
	switch (word) {
	case RUN_CANCELLED:
		outcome_fail(&run->outcome, FAILURE_CANCELLED, "Cancelled while running");
		return;
	case RUN_OUT_OF_TIME:
		outcome_fail(&run->outcome, FAILURE_TIMEOUT,
		    "The attempt took longer than its limit of %" PRId64 " ms",
		    run->task.terms.timeout_ms);
		return;
	case RUN_PUT_ASIDE:
		run->outcome.verdict = VERDICT_DEFERRED;
		return;
	case RUN_HAND_BACK:
	case RUN_GO_ON:
		break;
	}
	assert(word == RUN_HAND_BACK);
	run->outcome.verdict = VERDICT_RELEASED;
}
