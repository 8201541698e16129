/* SPDX-License-Identifier: MIT */
/* The decision on another attempt; see retry_pause.h. Pure functions, any thread. */
#include "queue/retry_pause.h"

bool
retry_follows(const struct task *task, const struct outcome *outcome)
{
	return outcome->verdict == VERDICT_FAILED && outcome->may_be_mended &&
	       task->attempt < task->terms.max_attempts;
}

int64_t
retry_pause_ms(const struct task_terms *terms, int attempt, int64_t retry_after_ms, uint64_t random)
{
	int64_t bound_ms = terms->backoff_ms;
	int64_t pause_ms;

	for (int i = 1; i < attempt && bound_ms < terms->max_backoff_ms; i++)
		bound_ms *= 2;
	if (bound_ms > terms->max_backoff_ms)
		bound_ms = terms->max_backoff_ms;
	pause_ms = (int64_t)(random % ((uint64_t)bound_ms + 1));
	return pause_ms > retry_after_ms ? pause_ms : retry_after_ms;
}
