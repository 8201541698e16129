/* SPDX-License-Identifier: MIT */
/* The word on an attempt and how far it is; see run.h. Called by executors. Must not block. */
#include "kinds/run.h"

#include <assert.h>
#include <inttypes.h>

#include "base/clock.h"

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
