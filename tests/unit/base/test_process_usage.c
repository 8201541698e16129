/* SPDX-License-Identifier: MIT */
/* What the kernel says of this process follows what it does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/process_usage.h"
#include "base/sync.h"

static void
test_descriptors_are_counted_exactly(void **state)
{
	struct process_usage before, after;
	int fds[50];

	(void)state;
	process_usage_read(&before);
	assert_true(before.descriptors >= 3);
	for (size_t i = 0; i < 50; i++) {
		fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
		assert_true(fds[i] >= 0);
	}
	process_usage_read(&after);
	assert_int_equal(after.descriptors, before.descriptors + 50);
	for (size_t i = 0; i < 50; i++)
		close(fds[i]);
	process_usage_read(&after);
	assert_int_equal(after.descriptors, before.descriptors);
}

static struct bell bell;

static void *
wait_main(void *event)
{
	event_wait(event, &bell);
	return NULL;
}

static void
test_threads_are_counted_exactly(void **state)
{
	struct process_usage before, after;
	struct event events[2];
	pthread_t threads[2];

	(void)state;
	bell_init(&bell);
	for (size_t i = 0; i < 2; i++) {
		/* A sanitizer adds a thread of its own beside the first. */
		process_usage_read(&before);
		event_init(&events[i]);
		assert_int_equal(
		    thread_start(&threads[i], "waiter", 0, wait_main, &events[i], NULL), STATUS_OK);
	}
	process_usage_read(&after);
	for (size_t i = 0; i < 2; i++) {
		event_set(&events[i]);
		bell_ring(&bell);
		thread_join(threads[i]);
	}
	assert_true(before.threads >= 2);
	assert_int_equal(after.threads, before.threads + 1);
}

static void
test_the_limit_of_descriptors_is_the_one_in_effect(void **state)
{
	struct process_usage usage;
	struct rlimit limit, lower;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	process_usage_read(&usage);
	assert_int_equal(usage.descriptors_max, limit.rlim_cur);
	lower = limit;
	lower.rlim_cur = limit.rlim_cur - 1;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &lower), 0);
	process_usage_read(&usage);
	assert_int_equal(usage.descriptors_max, limit.rlim_cur - 1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void
test_memory_grows_when_it_is_touched(void **state)
{
	const size_t size = (size_t)32 << 20;
	struct process_usage before, after;
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_ptr_not_equal(memory, MAP_FAILED);
	process_usage_read(&before);
	assert_true(before.rss_bytes > 0);
	assert_true(before.virtual_bytes >= before.rss_bytes);
	assert_true(before.virtual_bytes >= (int64_t)size);
	memset(memory, 1, size);
	process_usage_read(&after);
	assert_true(after.rss_bytes >= before.rss_bytes + (int64_t)size * 3 / 4);
	munmap(memory, size);
}

static void
test_cpu_time_goes_on_and_never_back(void **state)
{
	struct process_usage first, before, now;

	(void)state;
	process_usage_read(&first);
	before = first;
	do {
		process_usage_read(&now);
		assert_true(now.cpu_us >= before.cpu_us);
		before = now;
	} while (now.cpu_us < first.cpu_us + 20000);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_descriptors_are_counted_exactly),
		cmocka_unit_test(test_threads_are_counted_exactly),
		cmocka_unit_test(test_the_limit_of_descriptors_is_the_one_in_effect),
		cmocka_unit_test(test_memory_grows_when_it_is_touched),
		cmocka_unit_test(test_cpu_time_goes_on_and_never_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
