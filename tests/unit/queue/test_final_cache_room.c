/* SPDX-License-Identifier: MIT */
/*
 * Results of tasks that ended of late share a bounded memory: the latest are served, one that had
 * to make room is gone as a whole, and readers and writers at once see whole ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "base/sync.h"
#include "final_cache_rig.h"

/* Each id has one content, its own number many times over, so that a mixture would show. */
static size_t
numbered_size(unsigned n)
{
	return FINAL_CACHE_RESULT_MAX_BYTES - n * 131 % 400;
}

static void
put_numbered(struct final_cache *cache, unsigned n, size_t size, int64_t now_ms)
{
	char data[FINAL_CACHE_RESULT_MAX_BYTES];
	struct task_result result;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(n >> 8 * (i % 4));
	task_result_init(&result);
	result.status = make_status(n, TASK_SUCCEEDED);
	(void)snprintf(result.media_type, sizeof(result.media_type), "text/%u", n);
	result.has_content = true;
	result.bytes = size;
	result.data = data;
	final_cache_put_result(cache, &result, at(cache, now_ms));
}

/* NULL, or what is wrong with it. Not known at all is not wrong. */
static const char *
fault_of_numbered(
    struct final_cache *cache, unsigned n, size_t size, int64_t now_ms, bool *ret_has_result)
{
	struct task_status status;
	struct task_result result;
	char media_type[TASK_MEDIA_TYPE_SIZE];
	char id[UUID_TEXT_SIZE];
	const char *fault = NULL;

	*ret_has_result = false;
	make_id(n, id);
	if (final_cache_get_status(cache, id, now_ms, &status) &&
	    (strcmp(status.id, id) != 0 || status.created_at_ms != 100 + n))
		return "a state of another task";
	if (!final_cache_get_result(cache, id, now_ms, &result))
		return NULL;
	*ret_has_result = true;
	(void)snprintf(media_type, sizeof(media_type), "text/%u", n);
	if (strcmp(result.status.id, id) != 0 || strcmp(result.media_type, media_type) != 0)
		fault = "a result of another task";
	if (!result.has_content || result.bytes != size || result.data[size] != '\0')
		fault = "a content of another size";
	for (uint64_t i = 0; i < result.bytes && fault == NULL; i++) {
		if (result.data[i] != (char)(n >> 8 * (i % 4)))
			fault = "a content of another task";
	}
	task_result_done(&result);
	return fault;
}

/* Whether its result is there; if so, it is its own. */
static bool
has_numbered(struct final_cache *cache, unsigned n, size_t size, int64_t now_ms)
{
	bool has_result;
	const char *fault = fault_of_numbered(cache, n, size, now_ms, &has_result);

	if (fault != NULL)
		fail_msg("%u: %s", n, fault);
	return has_result;
}

#define TASKS 4096
#define SURE  800 /* of the first and the last, chance has no say in */

static void
test_of_more_results_than_there_is_room_for_the_latest_are_served(void **state)
{
	struct final_cache *cache;
	unsigned whole = 0;

	(void)state;
	assert_int_equal(final_cache_new(TASKS, &cache, NULL), STATUS_OK);
	/* Each takes twice its share of the memory: half of them have room, by ids at random. */
	for (unsigned n = 0; n < TASKS; n++) {
		put_numbered(cache, n, 1000, NOW_MS + n);
		assert_true(has_numbered(cache, n, 1000, NOW_MS + n));
	}
	for (unsigned n = 0; n < TASKS; n++) {
		bool has_state = knows_status(cache, n, NOW_MS + TASKS);
		bool has_result = has_numbered(cache, n, 1000, NOW_MS + TASKS);

		assert_false(has_result && !has_state);
		if (n < SURE || n >= TASKS - SURE)
			assert_int_equal(has_result, n >= SURE && has_state);
		whole += has_result;
	}
	/* No more than the memory that the header tells, and that well used. */
	assert_in_range(whole, TASKS * 512 / 1000 * 7 / 10, TASKS * 512 / 1000);
	/* What had to make room is read from the store, and put again. */
	for (unsigned n = 0; n < SURE; n++) {
		put_numbered(cache, n, 1000, NOW_MS + TASKS);
		assert_true(has_numbered(cache, n, 1000, NOW_MS + TASKS));
	}
	final_cache_free(cache);
}

static void
test_results_within_their_share_last_as_long_as_their_states(void **state)
{
	struct final_cache *cache;

	(void)state;
	assert_int_equal(final_cache_new(TASKS, &cache, NULL), STATUS_OK);
	/* Two thirds of it, since ids fall into the rings at random. */
	for (unsigned n = 0; n < TASKS; n++)
		put_numbered(cache, n, 300, NOW_MS + n);
	for (unsigned n = 0; n < TASKS; n++)
		assert_int_equal(has_numbered(cache, n, 300, NOW_MS + TASKS),
		    knows_status(cache, n, NOW_MS + TASKS));
	final_cache_free(cache);
}

static void
test_the_smallest_ring_holds_four_of_the_largest_and_one_more_costs_the_oldest(void **state)
{
	static const unsigned order[] = { 0, 1, 2, 3, 3, 0 };
	char media_type[TASK_MEDIA_TYPE_SIZE] = "";
	char content[FINAL_CACHE_RESULT_MAX_BYTES] = "";
	const struct sample sample = {
		.message = "", .media_type = media_type, .content = content, .content_size = 1024
	};
	struct final_cache *cache;

	(void)state;
	memset(media_type, 't', sizeof(media_type) - 1);
	/* One set of four, and one ring. */
	assert_int_equal(final_cache_new(1, &cache, NULL), STATUS_OK);
	for (unsigned i = 0; i < ARRAY_SIZE(order); i++) {
		content[0] = (char)('0' + order[i]);
		put_completion(cache, order[i], &sample, sizeof(content));
		for (unsigned n = 0; n < 4 && n <= i; n++) {
			struct task_status status = make_status(n, TASK_SUCCEEDED);

			content[0] = (char)('0' + n);
			if (n + 4 != i) {
				assert_known(cache, n, &sample, true);
				continue;
			}
			/* A state that is read again does not bring the result back. */
			assert_true(knows_status(cache, n, NOW_MS));
			assert_false(knows_result(cache, n, NOW_MS));
			final_cache_put_status(cache, &status, at(cache, NOW_MS));
			assert_false(knows_result(cache, n, NOW_MS));
		}
	}
	final_cache_free(cache);
}

#define THREADS 4
#define ROUNDS  3000

struct thread {
	struct final_cache *cache;
	pthread_t thread;
	unsigned index;
	unsigned ids;
	unsigned found;
	unsigned missed;
	const char *fault;
};

static void *
thread_main(void *arg)
{
	struct thread *thread = arg;
	unsigned seed = thread->index + 1;
	bool has_result;

	for (unsigned i = 0; i < ROUNDS && thread->fault == NULL; i++) {
		seed = seed * 1103515245 + 12345;
		unsigned n = (seed >> 16) % thread->ids;
		struct task_status status = make_status(n, TASK_SUCCEEDED);

		switch (i % 3) {
		case 0:
			put_numbered(thread->cache, n, numbered_size(n), NOW_MS + i);
			break;
		case 1:
			final_cache_put_status(
			    thread->cache, &status, at(thread->cache, NOW_MS + i));
			break;
		default:
			thread->fault = fault_of_numbered(
			    thread->cache, n, numbered_size(n), NOW_MS + i, &has_result);
			thread->found += has_result;
			thread->missed += !has_result;
		}
	}
	return NULL;
}

/* Tells how often the threads found a result, and how often not. */
static void
run_threads(struct final_cache *cache, unsigned ids, unsigned *ret_found, unsigned *ret_missed)
{
	struct thread threads[THREADS];

	*ret_found = 0;
	*ret_missed = 0;
	for (unsigned i = 0; i < THREADS; i++) {
		threads[i] = (struct thread){ .cache = cache, .index = i, .ids = ids };
		assert_int_equal(
		    thread_start(&threads[i].thread, "cache", 0, thread_main, &threads[i], NULL),
		    STATUS_OK);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		thread_join(threads[i].thread);
		if (threads[i].fault != NULL)
			fail_msg("%s", threads[i].fault);
		*ret_found += threads[i].found;
		*ret_missed += threads[i].missed;
	}
}

static void
test_threads_that_overwrite_each_others_results_see_whole_ones_or_none(void **state)
{
	unsigned found, missed;
	struct final_cache *cache;

	(void)state;
	/* More ids than there is room for, in several rings. */
	assert_int_equal(final_cache_new(16, &cache, NULL), STATUS_OK);
	run_threads(cache, 24, &found, &missed);
	assert_true(found > 0);
	final_cache_free(cache);
	/* One ring, and an entry for each id: a result that is missed was overwritten. */
	assert_int_equal(final_cache_new(1, &cache, NULL), STATUS_OK);
	for (unsigned n = 0; n < 4; n++)
		put_numbered(cache, n, numbered_size(n), NOW_MS);
	run_threads(cache, 4, &found, &missed);
	for (unsigned n = 0; n < 4; n++)
		assert_true(knows_status(cache, n, NOW_MS));
	assert_true(found > 0 && missed > 0);
	final_cache_free(cache);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_of_more_results_than_there_is_room_for_the_latest_are_served),
		cmocka_unit_test(test_results_within_their_share_last_as_long_as_their_states),
		cmocka_unit_test(
		    test_the_smallest_ring_holds_four_of_the_largest_and_one_more_costs_the_oldest),
		cmocka_unit_test(
		    test_threads_that_overwrite_each_others_results_see_whole_ones_or_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
