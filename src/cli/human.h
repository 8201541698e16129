/* SPDX-License-Identifier: MIT */
/*
 * Figures as people read them. Pure, but that times are shown in the zone of the process. Each
 * writes into HUMAN_SIZE bytes and returns them, so that calls stand as arguments.
 */
#ifndef TASKQ_CLI_HUMAN_H
#define TASKQ_CLI_HUMAN_H

#include <stdint.h>

#define HUMAN_SIZE 32

/**
 * human_duration - "0 ms", "850 ms", "12.3 s", "4 min 05 s", "2 h 03 min", "3 d 04 h"
 * Negative ones are shown as 0: clocks of two machines differ.
 */
char *human_duration(int64_t ms, char ret_text[HUMAN_SIZE]);

/**
 * human_seconds - what is still to come: whole seconds, rounded up, "7 s", or minutes and more as
 * above
 */
char *human_seconds(int64_t ms, char ret_text[HUMAN_SIZE]);

/**
 * human_short_duration - the same in at most six columns: "850ms", "12.3s", "4m05s", "2h03m", "30d"
 */
char *human_short_duration(int64_t ms, char ret_text[HUMAN_SIZE]);

/**
 * human_bytes - "0 bytes", "1 byte", "1023 bytes", "1.0 KiB", "64.0 MiB"
 */
char *human_bytes(uint64_t bytes, char ret_text[HUMAN_SIZE]);

/**
 * human_count - "1,234,567"
 */
char *human_count(int64_t count, char ret_text[HUMAN_SIZE]);

/**
 * human_rate - per second: "0", "0.25", "3.1", "312", "45,000"
 */
char *human_rate(double per_s, char ret_text[HUMAN_SIZE]);

/**
 * human_time - "2026-01-02 03:04:05.678" in the zone of the process
 */
char *human_time(int64_t wall_ms, char ret_text[HUMAN_SIZE]);

/**
 * human_clock - "03:04:05"
 */
char *human_clock(int64_t wall_ms, char ret_text[HUMAN_SIZE]);

#endif
