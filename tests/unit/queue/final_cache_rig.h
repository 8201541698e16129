/* SPDX-License-Identifier: MIT */
/*
 * For the tests of tasks that ended of late: task n, put into a cache in the ways that its callers
 * have, and looked for there. The tests' clock is an argument.
 */
#ifndef TASKQ_TESTS_FINAL_CACHE_RIG_H
#define TASKQ_TESTS_FINAL_CACHE_RIG_H

#include "queue/final_cache.h"

#define NOW_MS INT64_C(1000000)

/* A result as a test describes it: put as a completion and as what the store has read. */
struct sample {
	enum failure failure; /* FAILURE_NONE: SUCCEEDED */
	const char *message;
	const char *media_type;
	const char *response; /* or NULL */
	const char *content;
	size_t content_size;
};

/* at - the moment now, by the tests' clock */
struct final_cache_moment at(const struct final_cache *cache, int64_t now_ms);

void make_id(unsigned n, char ret_id[UUID_TEXT_SIZE]);
struct task_status make_status(unsigned n, enum task_state state);

/* knows_status / knows_result - whether that of task n is there; if so, it is its own and final */
bool knows_status(struct final_cache *cache, unsigned n, int64_t now_ms);
bool knows_result(struct final_cache *cache, unsigned n, int64_t now_ms);

/* put_completion - as the lane's finisher does; the content spills from spill_above bytes on */
void put_completion(
    struct final_cache *cache, unsigned n, const struct sample *sample, size_t spill_above);

/* put_result - as a reader does with what came from the store */
void put_result(struct final_cache *cache, unsigned n, const struct sample *sample);

/* assert_known - the state and the result of task n are there, with every member of the sample */
void assert_known(struct final_cache *cache, unsigned n, const struct sample *sample, bool is_utf8);

#endif
