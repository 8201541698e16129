/* SPDX-License-Identifier: MIT */
/*
 * How often and when something is tried again: until a time has passed since the first failure in a
 * row, with pauses that grow, and no sooner than the service has asked for. Pure.
 */
#ifndef TASKQ_CLI_PATIENCE_H
#define TASKQ_CLI_PATIENCE_H

#include <stdint.h>

struct patience {
	int64_t budget_ms;
	int64_t first_mono_ms; /* of the failures in a row; 0: none */
	unsigned failures;
};

/**
 * patience_begin
 * @budget_ms: 0: nothing is tried again
 */
void patience_begin(struct patience *patience, int64_t budget_ms);

/**
 * patience_reset - something worked: whatever fails next is the first failure
 */
void patience_reset(struct patience *patience);

/**
 * patience_pause_ms - something failed: how long to pause before the next try, or -1: give up
 * Between a half and all of a bound that doubles from 200 ms up to 5 s, so that clients that failed
 * together do not come back together; at least what the service asked for. Where that would end
 * after the budget, pausing is in vain, and it is -1; but the pause of our own choice is cut so
 * that the last try is made when the budget ends.
 * @retry_after_ms: what the service asked for; 0: nothing
 * @random: any number
 */
int64_t patience_pause_ms(
    struct patience *patience, int64_t now_mono_ms, int64_t retry_after_ms, uint64_t random);

#endif
