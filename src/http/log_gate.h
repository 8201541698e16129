/* SPDX-License-Identifier: MIT */
/*
 * Lets a few lines a second into the log and counts the others. For events that clients can cause
 * at will. Any thread, no lock.
 */
#ifndef TASKQ_HTTP_LOG_GATE_H
#define TASKQ_HTTP_LOG_GATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define LOG_GATE_LINES_PER_SECOND 10

/* Zeroed: open. */
struct log_gate {
	_Atomic(uint64_t) window; /* second << 32 | lines asked for in it */
};

/**
 * log_gate_opens - whether a line may be written now
 * @ret_suppressed: set when it may: how many were not, in the latest second that had any
 */
bool log_gate_opens(struct log_gate *gate, int64_t now_mono_ms, unsigned *ret_suppressed);

#endif
