/* SPDX-License-Identifier: MIT */
/* Counts lines per second in one atomic word. Any thread. */
#include "http/log_gate.h"

#define COUNT_BITS 32
#define COUNT_MAX  UINT32_MAX

bool
log_gate_opens(struct log_gate *gate, int64_t now_mono_ms, unsigned *ret_suppressed)
{
	uint64_t second = (uint64_t)(now_mono_ms / 1000) & COUNT_MAX;
	uint64_t seen = atomic_load(&gate->window);
	uint64_t count, next;

	do {
		count = seen >> COUNT_BITS == second ? seen & COUNT_MAX : 0;
		next = second << COUNT_BITS | (count < COUNT_MAX ? count + 1 : count);
	} while (!atomic_compare_exchange_weak(&gate->window, &seen, next));
	if (count >= LOG_GATE_LINES_PER_SECOND)
		return false;
	/* Only the first line of a second tells what the one before kept back. */
	*ret_suppressed = 0;
	if (count == 0 && (seen & COUNT_MAX) > LOG_GATE_LINES_PER_SECOND)
		*ret_suppressed = (unsigned)((seen & COUNT_MAX) - LOG_GATE_LINES_PER_SECOND);
	return true;
}
