/* SPDX-License-Identifier: MIT */
/*
 * The engine as a whole: every run comes back once, hosts do not hold each other up, limits are
 * seen at the origin, connections are used again, and no descriptor is left behind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sched.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "engine_rig.h"
#include "kinds/fetch/fetch_engine.h"
#include "kinds/fetch/fetch_kind.h"
#include "kinds/fetch/fetch_transfer.h"
#include "origin_process.h"

/* In threads other than the test's: how many more allocations are granted; negative: all. */
static atomic_int calloc_grants = -1;
static pthread_t test_thread;

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

void *
__wrap_calloc(size_t count, size_t size)
{
	if (!pthread_equal(pthread_self(), test_thread) && atomic_load(&calloc_grants) >= 0 &&
	    atomic_fetch_sub(&calloc_grants, 1) == 0)
		return NULL;
	return __real_calloc(count, size);
}

static struct origin_process origin;
static struct engine_rig rig;

static int
group_setup(void **state)
{
	struct error error;

	(void)state;
	test_thread = pthread_self();
	assert_int_equal(fetch_setup(&error), STATUS_OK);
	origin_start(&origin, "0.0.0.0", NULL, NULL);
	return 0;
}

static int
group_teardown(void **state)
{
	(void)state;
	origin_stop(&origin);
	return 0;
}

/* A figure of the origin, asked through another address than those under test. */
static json_int_t
stats(const char *path, const char *figure)
{
	struct rig_run *run = rig_fetch(&rig, "http://127.9.9.9:%u/stats", origin.port);
	char *content = rig_content(run, NULL);
	json_t *all = json_loads(content, 0, NULL);
	const json_t *from = all;
	json_int_t value;

	assert_non_null(all);
	if (path != NULL)
		from = json_object_get(json_object_get(all, "paths"), path);
	value = json_integer_value(json_object_get(from, figure));
	json_decref(all);
	free(content);
	return value;
}

static void
reset_stats(void)
{
	rig_fetch(&rig, "http://127.9.9.9:%u/stats/reset", origin.port);
}

/* Until so many requests hang at the origin; each try is a fetch, so it does not spin. */
static void
await_running(json_int_t count)
{
	int64_t until_mono_ms = clock_mono_ms() + 60000;

	while (stats(NULL, "running") < count)
		assert_true(clock_mono_ms() < until_mono_ms);
	assert_int_equal(stats(NULL, "running"), count);
}

static void
check_all_released(const char *word)
{
	for (const struct rig_run *run = rig.runs; run != NULL; run = run->next) {
		if (strstr(run->run.task.args, word) == NULL)
			continue;
		assert_int_equal(run->given_back, 1);
		assert_int_equal(run->run.outcome.verdict, VERDICT_RELEASED);
		assert_int_equal(run->run.outcome.failure, FAILURE_NONE);
	}
}

static void
test_opening_and_closing_leaves_nothing(void **state)
{
	struct fetch_settings settings = rig_settings();
	unsigned before = rig_descriptors();

	(void)state;
	for (int i = 0; i < 3; i++) {
		rig_open(&rig, &settings);
		rig_close(&rig);
	}
	assert_int_equal(rig_descriptors(), before);
	fetch_engine_ops.close(NULL);
}

static void
test_settings_that_cannot_be_used_are_refused(void **state)
{
	static const char *const bad[] = { "10.0.0.0/33" };
	struct kind_settings settings = { .fetch = rig_settings() };
	struct engine *engine = NULL;
	struct pulse pulse;
	struct error error;
	unsigned before = rig_descriptors();

	(void)state;
	assert_int_equal(fetch_engine_check_settings(&settings.fetch, &error), STATUS_OK);
	settings.fetch.deny_cidrs = bad;
	settings.fetch.deny_count = 1;
	assert_int_equal(fetch_engine_check_settings(&settings.fetch, &error), STATUS_INVALID);
	assert_non_null(strstr(error.text, "10.0.0.0/33"));
	assert_int_equal(
	    fetch_engine_ops.open(&settings, NULL, NULL, &pulse, &engine, &error), STATUS_INVALID);
	assert_null(engine);
	assert_int_equal(rig_descriptors(), before);
}

static void
test_one_connection_serves_many_fetches_in_a_row(void **state)
{
	struct fetch_settings settings = rig_settings();

	(void)state;
	rig_open(&rig, &settings);
	reset_stats();
	for (int i = 0; i < 100; i++)
		rig_check_content(rig_fetch(&rig, "http://127.0.0.1:%u/ok", origin.port), "ok\n");
	assert_int_equal(stats("/ok", "requests"), 100);
	/* One for the fetches; the connection to the figures was there before. */
	assert_int_equal(stats(NULL, "connections"), 1);
	rig_close(&rig);
}

static void
test_many_at_once_use_their_connections_again(void **state)
{
	struct fetch_settings settings = rig_settings();

	(void)state;
	rig_open(&rig, &settings);
	reset_stats();
	for (int i = 0; i < 2000; i++)
		rig_add(&rig, "http://127.0.0.1:%u/ok", origin.port);
	rig_wait_all(&rig);
	assert_int_equal(stats("/ok", "requests"), 2000);
	assert_in_range(stats(NULL, "connections"), 1, 64 + 1);
	rig_close(&rig);
}

static struct event may_go_on;
static struct bell bell;

static void
hang(struct rig_run *run)
{
	(void)run;
	event_wait(&may_go_on, &bell);
}

/* It can be hung up by what it calls; a disk that does not answer would do it, too. */
static void
test_a_thread_that_hangs_is_late_and_one_that_has_ended_is_not(void **state)
{
	struct fetch_settings settings = rig_settings();
	struct rig_run *run;

	(void)state;
	event_init(&may_go_on);
	bell_init(&bell);
	rig_open(&rig, &settings);
	rig.on_finished = hang;
	run = rig_add(&rig, "http://127.0.0.1:%u/ok", origin.port);
	/* It was to look at its runs every 50 ms. */
	while (pulse_late_ms(&rig.pulse, clock_mono_ms()) < 100)
		(void)sched_yield();
	event_set(&may_go_on);
	bell_ring(&bell);
	rig_wait(&rig, run);
	while (pulse_late_ms(&rig.pulse, clock_mono_ms()) > 0)
		(void)sched_yield();
	rig_close(&rig);
	assert_int_equal(pulse_late_ms(&rig.pulse, INT64_MAX), 0);
}

static void
test_one_host_gets_no_more_at_once_than_its_cap_and_others_go_on(void **state)
{
	struct fetch_settings settings = rig_settings();

	(void)state;
	settings.per_host_max = 3;
	settings.in_flight_max = 16;
	rig_open(&rig, &settings);
	reset_stats();
	for (int i = 0; i < 12; i++)
		rig_add(&rig, "http://127.0.0.1:%u/hang", origin.port);
	await_running(3);
	for (int i = 0; i < 20; i++)
		rig_check_content(rig_fetch(&rig, "http://127.0.0.2:%u/ok", origin.port), "ok\n");
	assert_int_equal(stats("/hang", "concurrent_max"), 3);
	assert_int_equal(stats("/hang", "requests"), 3);
	fetch_engine_ops.abort(rig.engine);
	rig_wait_all(&rig);
	check_all_released("/hang");
	rig_close(&rig);
}

static void
test_no_more_are_in_flight_than_the_limit(void **state)
{
	struct fetch_settings settings = rig_settings();

	(void)state;
	settings.in_flight_max = 5;
	rig_open(&rig, &settings);
	reset_stats();
	for (int i = 0; i < 40; i++)
		rig_add(&rig, "http://127.0.1.%d:%u/slow/20", i, origin.port);
	rig_wait_all(&rig);
	for (const struct rig_run *run = rig.runs; run != NULL; run = run->next)
		assert_int_equal(run->run.outcome.verdict, VERDICT_SUCCEEDED);
	assert_int_equal(stats("/slow/20", "requests"), 40);
	assert_in_range(stats("/slow/20", "concurrent_max"), 1, 5);
	rig_close(&rig);
}

static void
test_an_abort_gives_everything_back_and_what_is_added_later(void **state)
{
	struct fetch_settings settings = rig_settings();

	(void)state;
	settings.per_host_max = 4;
	rig_open(&rig, &settings);
	reset_stats();
	for (int i = 0; i < 20; i++) {
		rig_add(&rig, "http://127.0.0.1:%u/hang", origin.port);
		rig_add(&rig, "http://127.0.0.2:%u/hang-body", origin.port);
	}
	await_running(8);
	fetch_engine_ops.abort(rig.engine);
	rig_wait_all(&rig);
	check_all_released("/hang");
	rig_fetch(&rig, "http://127.0.0.1:%u/ok?late", origin.port);
	check_all_released("late");
	rig_close(&rig);
}

static void
test_closing_gives_back_what_runs_what_waits_and_what_was_just_added(void **state)
{
	struct fetch_settings settings = rig_settings();

	(void)state;
	settings.per_host_max = 2;
	rig_open(&rig, &settings);
	reset_stats();
	for (int i = 0; i < 5; i++)
		rig_add(&rig, "http://127.0.0.1:%u/hang", origin.port);
	await_running(2);
	for (int i = 0; i < 1000; i++)
		rig_add(&rig, "http://127.0.0.3:%u/hang?new", origin.port);
	rig_close(&rig);
}

static void
test_the_stop_flag_alone_gives_runs_back(void **state)
{
	struct fetch_settings settings = rig_settings();
	struct rig_run *other;

	(void)state;
	settings.per_host_max = 2;
	rig_open(&rig, &settings);
	reset_stats();
	for (int i = 0; i < 6; i++)
		rig_add(&rig, "http://127.0.0.1:%u/hang?stopped", origin.port);
	await_running(2);
	atomic_store(&rig.stop, true);
	rig_wait_all(&rig);
	check_all_released("stopped");
	/* The engine itself goes on for runs that are not stopped. */
	atomic_store(&rig.stop, false);
	other = rig_fetch(&rig, "http://127.0.0.2:%u/ok", origin.port);
	rig_check_content(other, "ok\n");
	rig_close(&rig);
}

static void
test_arguments_that_are_not_acceptable_any_more_fail_the_run(void **state)
{
	struct fetch_settings settings = rig_settings();
	struct rig_run *run;

	(void)state;
	rig_open(&rig, &settings);
	run = rig_fetch(&rig, "ftp://127.0.0.1/");
	rig_check_failed(run, FAILURE_INVALID_ARGUMENT);
	assert_non_null(strstr(run->run.outcome.message, "unsupported_scheme"));
	rig_close(&rig);
}

static void
test_without_memory_a_run_fails_and_comes_back(void **state)
{
	struct fetch_settings settings = rig_settings();

	(void)state;
	/* The job, its host, its transfer; then there is enough. */
	for (int grants = 0; grants <= 3; grants++) {
		struct rig_run *run;

		rig_open(&rig, &settings);
		atomic_store(&calloc_grants, grants);
		run = rig_fetch(&rig, "http://127.0.0.1:%u/ok", origin.port);
		atomic_store(&calloc_grants, -1);
		if (grants < 3)
			rig_check_failed(run, FAILURE_OUT_OF_MEMORY);
		else
			rig_check_content(run, "ok\n");
		rig_check_content(rig_fetch(&rig, "http://127.0.0.1:%u/ok", origin.port), "ok\n");
		rig_close(&rig);
	}
}

/* The most descriptors seen while runs finished. */
static atomic_uint descriptors_max;

static void
note_descriptors(struct rig_run *run)
{
	unsigned now = rig_descriptors();

	(void)run;
	if (now > atomic_load(&descriptors_max))
		atomic_store(&descriptors_max, now);
}

static void
test_a_thousand_hosts_leave_no_descriptor_behind(void **state)
{
	struct fetch_settings settings = rig_settings();
	unsigned before = rig_descriptors(), after;
	int64_t until_mono_ms;

	(void)state;
	settings.in_flight_max = 32;
	rig_open(&rig, &settings);
	rig.on_finished = note_descriptors;
	atomic_store(&descriptors_max, 0);
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 1000; i++)
			rig_add(
			    &rig, "http://127.1.%d.%d:%u/ok", i / 250, i % 250 + 1, origin.port);
	rig_wait_all(&rig);
	for (const struct rig_run *run = rig.runs; run != NULL; run = run->next)
		rig_check_content(run, "ok\n");
	/* Those in use, those kept, and a few of the engine's and of the process's own. */
	assert_in_range(
	    atomic_load(&descriptors_max), before, before + 32 + FETCH_IDLE_CONNECTIONS_MAX + 8);
	/* What a burst leaves beyond those to be kept is closed soon. */
	until_mono_ms = clock_mono_ms() + 60000;
	after = rig_descriptors();
	lock_acquire(&rig.lock);
	while (after > before + FETCH_IDLE_CONNECTIONS_MAX + 8 && clock_mono_ms() < until_mono_ms) {
		(void)cond_wait_until(&rig.changed, &rig.lock, clock_mono_ms() + 10);
		after = rig_descriptors();
	}
	lock_release(&rig.lock);
	assert_in_range(after, before, before + FETCH_IDLE_CONNECTIONS_MAX + 8);
	rig_close(&rig);
	assert_int_equal(rig_descriptors(), before);
}

static void
test_large_contents_go_through_files_and_are_whole(void **state)
{
	struct fetch_settings settings = rig_settings();

	(void)state;
	rig_open(&rig, &settings);
	for (int i = 0; i < 16; i++)
		rig_add(&rig, "http://127.0.0.1:%u/bytes/%d", origin.port, 102399 + i % 3);
	rig_wait_all(&rig);
	for (const struct rig_run *run = rig.runs; run != NULL; run = run->next) {
		size_t size;
		char *content = rig_content(run, &size);

		assert_int_equal(run->run.outcome.verdict, VERDICT_SUCCEEDED);
		assert_in_range(size, 102399, 102401);
		for (size_t i = 0; i < size; i++)
			assert_true(content[i] == "0123456789abcdef"[i % 16]);
		free(content);
	}
	rig_close(&rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_opening_and_closing_leaves_nothing),
		cmocka_unit_test(test_settings_that_cannot_be_used_are_refused),
		cmocka_unit_test(test_one_connection_serves_many_fetches_in_a_row),
		cmocka_unit_test(test_many_at_once_use_their_connections_again),
		cmocka_unit_test(test_a_thread_that_hangs_is_late_and_one_that_has_ended_is_not),
		cmocka_unit_test(test_one_host_gets_no_more_at_once_than_its_cap_and_others_go_on),
		cmocka_unit_test(test_no_more_are_in_flight_than_the_limit),
		cmocka_unit_test(test_an_abort_gives_everything_back_and_what_is_added_later),
		cmocka_unit_test(
		    test_closing_gives_back_what_runs_what_waits_and_what_was_just_added),
		cmocka_unit_test(test_the_stop_flag_alone_gives_runs_back),
		cmocka_unit_test(test_arguments_that_are_not_acceptable_any_more_fail_the_run),
		cmocka_unit_test(test_without_memory_a_run_fails_and_comes_back),
		cmocka_unit_test(test_a_thousand_hosts_leave_no_descriptor_behind),
		cmocka_unit_test(test_large_contents_go_through_files_and_are_whole),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
