/* SPDX-License-Identifier: MIT */
/* Trying again; see patience.h. Pure. */
#include "cli/patience.h"

#define PAUSE_FIRST_MS INT64_C(200)
#define PAUSE_MAX_MS   INT64_C(5000)

void
patience_begin(struct patience *patience, int64_t budget_ms)
{
	*patience = (struct patience){ .budget_ms = budget_ms };
}

void
patience_reset(struct patience *patience)
{
	patience_begin(patience, patience->budget_ms);
}

int64_t
patience_pause_ms(
    struct patience *patience, int64_t now_mono_ms, int64_t retry_after_ms, uint64_t random)
{
	int64_t bound_ms = PAUSE_FIRST_MS;
	int64_t pause_ms, left_ms;

	if (patience->failures++ == 0)
		patience->first_mono_ms = now_mono_ms;
	left_ms = patience->budget_ms - (now_mono_ms - patience->first_mono_ms);
	if (left_ms <= 0 || retry_after_ms > left_ms)
		return -1;
	for (unsigned i = 1; i < patience->failures && bound_ms < PAUSE_MAX_MS; i++)
		bound_ms *= 2;
	if (bound_ms > PAUSE_MAX_MS)
		bound_ms = PAUSE_MAX_MS;
	pause_ms = bound_ms / 2 + (int64_t)(random % (uint64_t)(bound_ms / 2 + 1));
	if (pause_ms < retry_after_ms)
		pause_ms = retry_after_ms;
	return pause_ms < left_ms ? pause_ms : left_ms;
}
