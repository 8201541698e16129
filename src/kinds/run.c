/* SPDX-License-Identifier: MIT */
/* The word on an attempt and how far it is; see run.h. Called by executors. Must not block. */
#include "kinds/run.h"

#include <assert.h>
#include <inttypes.h>

#include "base/clock.h"

void
run_begin(struct run *run)
{
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
	return RUN_GO_ON;
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
	case RUN_HAND_BACK:
	case RUN_GO_ON:
		break;
	}
	assert(word == RUN_HAND_BACK);
	run->outcome.verdict = VERDICT_RELEASED;
}
