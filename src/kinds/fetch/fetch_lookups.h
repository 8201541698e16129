/* SPDX-License-Identifier: MIT */
/*
 * How many name lookups are under way. libcurl runs each getaddrinfo in a thread of its own; with
 * CURLOPT_QUICK_EXIT a transfer that times out or is aborted does not wait for its thread, which
 * lives on until the system's resolver gives up. Those left behind count as well, or a stranger
 * with a dead name server could make threads without bound. The engine's thread alone.
 */
#ifndef TASKQ_KINDS_FETCH_FETCH_LOOKUPS_H
#define TASKQ_KINDS_FETCH_FETCH_LOOKUPS_H

#include <stdbool.h>
#include <stdint.h>

enum {
	/* Never more than this at once... */
	FETCH_LOOKUPS_MAX = 64,
	/* ...and some of them are kept for what redirects lead to, which cannot wait. */
	FETCH_LOOKUPS_ADMIT_MAX = 48,
};

struct fetch_lookups {
	unsigned running;     /* by transfers in flight */
	unsigned left_behind; /* by transfers that have ended; an upper bound */
	int64_t counted_mono_ms;
};

/**
 * fetch_lookups_can_begin - whether one more stays within `max`
 * Where only lookups left behind stand in the way it counts how many of them still live, at most
 * ten times a second.
 */
bool fetch_lookups_can_begin(struct fetch_lookups *lookups, unsigned max, int64_t now_mono_ms);

/**
 * fetch_lookups_name_thread - give the calling thread, and so the lookup threads that libcurl
 * starts from it, the name by which they are counted
 */
void fetch_lookups_name_thread(void);

#endif
