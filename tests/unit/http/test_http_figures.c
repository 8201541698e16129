/* SPDX-License-Identifier: MIT */
/* The server's own figures: how old what the process uses may be, and who asks for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "http/http_figures.h"

enum {
	READERS = 4,
	READINGS = 2000,
};

static unsigned reads; /* of this process's usage; the tests' thread alone */
static struct process_usage next_usage;
static atomic_uint parallel_reads;

/* In the place of the real one. */
void
process_usage_read(struct process_usage *ret_usage)
{
	unsigned count = atomic_fetch_add(&parallel_reads, 1) + 1;

	*ret_usage = next_usage;
	if (next_usage.cpu_us == PROCESS_USAGE_UNKNOWN)
		ret_usage->cpu_us = count;
	else
		reads++;
}

static void
test_the_usage_is_read_again_after_a_second_and_not_before(void **state)
{
	struct http_figures figures;
	struct process_usage usage;
	int64_t now_ms;

	(void)state;
	reads = 0;
	next_usage = (struct process_usage){ .threads = 1, .cpu_us = 10 };
	http_figures_init(&figures, 5);
	assert_int_equal(figures.began_mono_ms, 5);
	assert_int_equal(reads, 1);
	now_ms = figures.usage_mono_ms;
	next_usage = (struct process_usage){ .threads = 2, .cpu_us = 20 };
	http_figures_usage(&figures, now_ms + FIGURES_USAGE_MAX_AGE_MS - 1, &usage);
	assert_int_equal(usage.threads, 1);
	assert_int_equal(reads, 1);
	http_figures_usage(&figures, now_ms + FIGURES_USAGE_MAX_AGE_MS, &usage);
	assert_int_equal(usage.threads, 2);
	assert_int_equal(reads, 2);
	next_usage = (struct process_usage){ .threads = 3, .cpu_us = 30 };
	http_figures_usage(&figures, now_ms + 2 * FIGURES_USAGE_MAX_AGE_MS - 1, &usage);
	assert_int_equal(usage.threads, 2);
	assert_int_equal(reads, 2);
	http_figures_done(&figures);
}

static void
test_cpu_time_does_not_go_back(void **state)
{
	struct http_figures figures;
	struct process_usage usage;

	(void)state;
	next_usage = (struct process_usage){ .threads = 1, .cpu_us = 10 };
	http_figures_init(&figures, 0);
	next_usage = (struct process_usage){ .threads = 2, .cpu_us = 9 };
	http_figures_usage(&figures, figures.usage_mono_ms + FIGURES_USAGE_MAX_AGE_MS, &usage);
	assert_int_equal(usage.cpu_us, 10);
	assert_int_equal(usage.threads, 1);
	http_figures_done(&figures);
}

static void *
read_main(void *arg)
{
	struct http_figures *figures = arg;
	struct process_usage usage = { .cpu_us = 0 };
	int64_t now_ms = clock_mono_ms();

	for (int i = 0; i < READINGS; i++) {
		int64_t before = usage.cpu_us;

		http_figures_usage(figures, now_ms + i, &usage);
		if (usage.cpu_us < before)
			return NULL;
	}
	return arg;
}

static void
test_many_readers_at_once_see_it_go_on(void **state)
{
	struct http_figures figures;
	pthread_t threads[READERS];

	(void)state;
	next_usage = (struct process_usage){ .cpu_us = PROCESS_USAGE_UNKNOWN };
	atomic_store(&parallel_reads, 0);
	http_figures_init(&figures, 0);
	for (size_t i = 0; i < READERS; i++)
		assert_int_equal(
		    thread_start(&threads[i], "reader", 0, read_main, &figures, NULL), STATUS_OK);
	for (size_t i = 0; i < READERS; i++) {
		void *result = NULL;

		assert_int_equal(pthread_join(threads[i], &result), 0);
		assert_non_null(result);
	}
	assert_in_range(atomic_load(&parallel_reads), 2, 1 + READERS * READINGS / 1000);
	http_figures_done(&figures);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_usage_is_read_again_after_a_second_and_not_before),
		cmocka_unit_test(test_cpu_time_does_not_go_back),
		cmocka_unit_test(test_many_readers_at_once_see_it_go_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
