/* SPDX-License-Identifier: MIT */
/*
 * The server's own figures: how old what the process uses may be, and who asks for it; answers by
 * route.
 */
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

static void
answer(struct http_figures *figures, const struct route *route, unsigned status, bool has_waited,
    int64_t took_us)
{
	static struct request request;

	request.route = route;
	request.has_waited = has_waited;
	request.reply.status = status;
	http_figures_answer(figures, &request, took_us);
}

static void
test_answers_are_counted_by_route_and_class(void **state)
{
	static struct http_figures figures;
	size_t count;
	const struct route *routes = routes_table(&count);

	(void)state;
	next_usage = (struct process_usage){ .threads = 1 };
	http_figures_init(&figures, 0);
	answer(&figures, &routes[0], 200, false, 10);
	answer(&figures, &routes[0], 202, false, 20);
	answer(&figures, &routes[0], 304, false, 30);
	answer(&figures, &routes[count - 1], 404, false, 40);
	answer(&figures, NULL, 404, false, 50);
	answer(&figures, NULL, 599, false, 60);
	for (size_t i = 0; i <= count; i++) {
		const struct route *route = i < count ? &routes[i] : NULL;

		for (unsigned status_class = 2; status_class <= 5; status_class++) {
			int64_t expected = 0;

			if (i == 0 && status_class <= 3)
				expected = status_class == 2 ? 2 : 1;
			if ((i == count - 1 && status_class == 4) ||
			    (i == count && status_class >= 4))
				expected = 1;
			assert_int_equal(
			    http_figures_count(http_figures_of(&figures, route, status_class)),
			    expected);
		}
	}
	http_figures_done(&figures);
}

static void
test_who_waited_counts_and_took_no_time(void **state)
{
	static struct http_figures figures;
	size_t count;
	const struct route *routes = routes_table(&count);
	const struct answer_figures *answers;
	struct histogram_snapshot took_us;

	(void)state;
	next_usage = (struct process_usage){ .threads = 1 };
	http_figures_init(&figures, 0);
	answer(&figures, &routes[0], 200, false, 1500);
	answer(&figures, &routes[0], 200, true, 60000000);
	answers = http_figures_of(&figures, &routes[0], 2);
	histogram_read(&answers->took_us, &took_us);
	assert_int_equal(took_us.count, 1);
	assert_int_equal(took_us.sum, 1500);
	assert_int_equal(http_figures_count(answers), 2);
	http_figures_done(&figures);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_usage_is_read_again_after_a_second_and_not_before),
		cmocka_unit_test(test_cpu_time_does_not_go_back),
		cmocka_unit_test(test_many_readers_at_once_see_it_go_on),
		cmocka_unit_test(test_answers_are_counted_by_route_and_class),
		cmocka_unit_test(test_who_waited_counts_and_took_no_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
