/* SPDX-License-Identifier: MIT */
/*
 * Names: mixed and changing answers, slow and failing ones. getaddrinfo is the fake one of
 * tests/lib-preload/fake_dns.c, linked in, so that no packet leaves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dirent.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "engine_rig.h"
#include "kinds/fetch/fetch_engine.h"
#include "kinds/fetch/fetch_kind.h"
#include "kinds/fetch/fetch_lookups.h"
#include "origin_process.h"
#include "silent_listener.h"

static struct origin_process origin;
static struct engine_rig rig;

static int
group_setup(void **state)
{
	struct error error;

	(void)state;
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

static void
open_with(const char *names, const char *const *allow, size_t allow_count, long timeout_ms)
{
	struct fetch_settings settings = rig_settings();

	settings.allow_cidrs = allow;
	settings.allow_count = allow_count;
	settings.total_timeout_ms = timeout_ms;
	settings.in_flight_max = 256;
	assert_int_equal(setenv("TASKQ_FAKE_DNS", names, 1), 0);
	rig_open(&rig, &settings);
}

static const char *const second_only[] = { "127.0.0.2/32" };

/* Threads that libcurl has for lookups now; the engine's own is not counted. */
static unsigned
lookup_threads(void)
{
	DIR *dir = opendir("/proc/self/task");
	const struct dirent *entry;
	unsigned count = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		char path[300], name[32] = "";
		FILE *file;

		snprintf(path, sizeof(path), "/proc/self/task/%s/comm", entry->d_name);
		file = fopen(path, "r");
		if (file == NULL)
			continue;
		if (fgets(name, sizeof(name), file) != NULL && strcmp(name, "tq-fetch\n") == 0)
			count++;
		fclose(file);
	}
	closedir(dir);
	return count > 0 ? count - 1 : 0;
}

/* Until so many lookups are under way; the engine says nothing about it. */
static void
await_lookups(unsigned least, unsigned most)
{
	int64_t until_mono_ms = clock_mono_ms() + 60000;
	unsigned now = lookup_threads();

	lock_acquire(&rig.lock);
	while ((now < least || now > most) && clock_mono_ms() < until_mono_ms) {
		(void)cond_wait_until(&rig.changed, &rig.lock, clock_mono_ms() + 10);
		now = lookup_threads();
	}
	lock_release(&rig.lock);
	assert_in_range(now, least, most);
}

static void
test_a_name_is_looked_up_and_fetched(void **state)
{
	(void)state;
	open_with("good.test=127.0.0.2", second_only, 1, 30000);
	for (int i = 0; i < 50; i++)
		rig_add(&rig, "http://good.test:%u/ok", origin.port);
	rig_wait_all(&rig);
	for (const struct rig_run *run = rig.runs; run != NULL; run = run->next)
		rig_check_content(run, "ok\n");
	rig_close(&rig);
}

static void
test_of_mixed_answers_only_the_allowed_one_is_dialled(void **state)
{
	(void)state;
	open_with("mixed.test=127.0.0.1,127.0.0.2;worse.test=::1,10.0.0.1,127.0.0.1,127.0.0.2",
	    second_only, 1, 30000);
	rig_check_content(rig_fetch(&rig, "http://mixed.test:%u/ok", origin.port), "ok\n");
	rig_check_content(rig_fetch(&rig, "http://worse.test:%u/ok", origin.port), "ok\n");
	rig_check_content(
	    rig_fetch(&rig, "http://127.0.0.2:%u/redirect-to?url=http://mixed.test:%u/ok",
		origin.port, origin.port),
	    "ok\n");
	rig_close(&rig);
}

static void
test_when_every_answer_is_denied_nothing_is_dialled(void **state)
{
	struct silent_listener listener;
	struct rig_run *run;

	(void)state;
	silent_listener_open(&listener);
	open_with("evil.test=127.0.0.1;all.test=10.0.0.1,127.0.0.1,::1,fd00::1,::ffff:127.0.0.2",
	    second_only, 1, 30000);
	run = rig_fetch(&rig, "http://evil.test:%u/", listener.port);
	rig_check_failed(run, FAILURE_DESTINATION_DENIED);
	assert_null(strstr(run->run.outcome.message, "127.0.0.1"));
	assert_null(strstr(run->run.outcome.response, "127.0.0.1"));
	rig_check_failed(
	    rig_fetch(&rig, "http://all.test:%u/", listener.port), FAILURE_DESTINATION_DENIED);
	rig_check_failed(rig_fetch(&rig, "http://127.0.0.2:%u/redirect-to?url=http://evil.test:%u/",
			     origin.port, listener.port),
	    FAILURE_DESTINATION_DENIED);
	assert_int_equal(silent_listener_count(&listener), 0);
	rig_close(&rig);
	silent_listener_close(&listener);
}

static void
test_denied_answers_cost_no_time_however_many_come_first(void **state)
{
	char names[1024] = "far.test=", all_denied[1100];

	(void)state;
	for (int i = 1; i <= 20; i++)
		snprintf(names + strlen(names), sizeof(names) - strlen(names),
		    "10.0.0.%d,fd00::%d,", i, i);
	snprintf(all_denied, sizeof(all_denied), "%s::1", names);
	snprintf(names + strlen(names), sizeof(names) - strlen(names), "127.0.0.2");
	/* libcurl alone takes 200 ms and more for each address. */
	open_with(names, second_only, 1, 3000);
	rig_check_content(rig_fetch(&rig, "http://far.test:%u/ok", origin.port), "ok\n");
	rig_close(&rig);
	open_with(all_denied, second_only, 1, 3000);
	rig_check_failed(
	    rig_fetch(&rig, "http://far.test:%u/ok", origin.port), FAILURE_DESTINATION_DENIED);
	rig_close(&rig);
}

static void
test_a_name_that_changes_its_answer_is_judged_by_each(void **state)
{
	(void)state;
	/* Each engine has its own cache, so each asks once. */
	open_with("rebind.test=127.0.0.2|127.0.0.1|127.0.0.2", second_only, 1, 30000);
	rig_check_content(rig_fetch(&rig, "http://rebind.test:%u/ok", origin.port), "ok\n");
	rig_close(&rig);
	open_with("rebind.test=127.0.0.2|127.0.0.1|127.0.0.2", second_only, 1, 30000);
	rig_check_failed(
	    rig_fetch(&rig, "http://rebind.test:%u/ok", origin.port), FAILURE_DESTINATION_DENIED);
	rig_close(&rig);
}

static void
test_a_name_that_does_not_exist_is_a_failure_of_its_own(void **state)
{
	struct rig_run *run;

	(void)state;
	open_with("gone.test=!", second_only, 1, 30000);
	run = rig_fetch(&rig, "http://gone.test:%u/", origin.port);
	rig_check_failed(run, FAILURE_DNS);
	assert_string_equal(run->run.outcome.message, "Could not resolve the host name");
	rig_check_failed(rig_fetch(&rig, "http://127.0.0.1.:%u/", origin.port), FAILURE_DNS);
	rig_check_failed(
	    rig_fetch(&rig, "http://127.0.0.2:%u/redirect-to?url=http://gone.test/", origin.port),
	    FAILURE_DNS);
	rig_close(&rig);
}

static void
test_a_slow_name_stalls_nobody_and_ends_in_time(void **state)
{
	struct rig_run *slow;
	json_t *response;

	(void)state;
	open_with("slow.test=127.0.0.2@4000", second_only, 1, 2000);
	slow = rig_add(&rig, "http://slow.test:%u/ok", origin.port);
	for (int i = 0; i < 50; i++)
		rig_add(&rig, "http://127.0.0.2:%u/ok?%d", origin.port, i);
	rig_wait_all(&rig);
	rig_check_failed(slow, FAILURE_TIMEOUT);
	assert_string_equal(slow->run.outcome.message, "Timed out resolving the host name");
	assert_int_equal(slow->order, 51);
	/* It ended although its lookup goes on. */
	assert_int_equal(lookup_threads(), 1);
	response = rig_response(slow);
	assert_true(json_number_value(
			json_object_get(json_object_get(response, "timing_ms"), "total")) < 4000);
	json_decref(response);
	rig_close(&rig);
}

static void
test_those_who_wait_for_one_name_share_one_lookup_and_its_failure(void **state)
{
	(void)state;
	open_with("one.test=127.0.0.2@2000", second_only, 1, 500);
	await_lookups(0, 0); /* of earlier tests */
	for (int i = 0; i < 100; i++)
		rig_add(&rig, "http://one.test:%u/ok", origin.port);
	rig_wait_all(&rig);
	for (const struct rig_run *run = rig.runs; run != NULL; run = run->next)
		rig_check_failed(run, FAILURE_TIMEOUT);
	assert_int_equal(lookup_threads(), 1);
	rig_close(&rig);
}

static struct rig_run *
add_with_limit(const char *name, int64_t timeout_ms)
{
	rig.terms.timeout_ms = timeout_ms;
	return rig_add(&rig, "http://%s:%u/ok", name, origin.port);
}

static void
test_out_of_time_for_a_name_are_those_who_would_not_have_waited_longer(void **state)
{
	struct rig_run *first, *patient[3] = { NULL }, *others[50];

	(void)state;
	open_with("far.test=127.0.0.2@2500", second_only, 1, 30000);
	await_lookups(0, 0); /* of earlier tests */
	first = add_with_limit("far.test", 400);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		others[i] = add_with_limit("far.test", 400 - (int64_t)i);
		if (i == 25)
			patient[0] = add_with_limit("far.test", 0);
	}
	patient[1] = add_with_limit("far.test", 20000);
	patient[2] = add_with_limit("far.test", 40000);
	rig_wait(&rig, first);
	rig_check_failed(first, FAILURE_TIMEOUT);
	assert_string_equal(
	    first->run.outcome.message, "The attempt took longer than its limit of 400 ms");
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		rig_wait(&rig, others[i]);
		rig_check_failed(others[i], FAILURE_TIMEOUT);
		assert_string_equal(
		    others[i]->run.outcome.message, "Timed out resolving the host name");
		assert_true(others[i]->run.outcome.may_be_mended);
	}
	/* The next one has asked again, for itself and those behind it. */
	for (size_t i = 0; i < ARRAY_SIZE(patient); i++)
		assert_false(rig_is_back(&rig, patient[i]));
	for (size_t i = 0; i < ARRAY_SIZE(patient); i++) {
		rig_wait(&rig, patient[i]);
		rig_check_content(patient[i], "ok\n");
	}
	rig_close(&rig);
}

static void
test_a_cancelled_lookup_leaves_the_name_to_the_next_one(void **state)
{
	struct rig_run *first, *second;

	(void)state;
	open_with("name.test=127.0.0.2@1500", second_only, 1, 30000);
	await_lookups(0, 0); /* of earlier tests */
	first = add_with_limit("name.test", 0);
	second = add_with_limit("name.test", 0);
	await_lookups(1, 1);
	atomic_store(&first->run.is_cancelled, true);
	rig_wait_all(&rig);
	rig_check_failed(first, FAILURE_CANCELLED);
	rig_check_content(second, "ok\n");
	rig_close(&rig);
}

static void
test_never_more_lookups_than_the_limit_are_left_behind(void **state)
{
	enum verdict verdict = VERDICT_FAILED;
	unsigned most = 0, tries;
	bool all_back = false;

	(void)state;
	/* Longer than the timeout: every lookup is left behind, and the next ones wait for it. */
	open_with("*.slow.test=127.0.0.2@700", second_only, 1, 200);
	await_lookups(0, 0); /* of earlier tests */
	for (int i = 0; i < 150; i++)
		rig_add(&rig, "http://n%d.slow.test:%u/ok", i, origin.port);
	/* Addresses need no lookup and do not wait for any. */
	for (tries = 0; verdict != VERDICT_SUCCEEDED && tries < 100; tries++)
		verdict =
		    rig_fetch(&rig, "http://127.0.0.2:%u/ok", origin.port)->run.outcome.verdict;
	assert_int_equal(verdict, VERDICT_SUCCEEDED);
	lock_acquire(&rig.lock);
	all_back = rig.given_back == 150 + tries;
	lock_release(&rig.lock);
	assert_false(all_back);
	while (!all_back) {
		unsigned now = lookup_threads();

		most = now > most ? now : most;
		lock_acquire(&rig.lock);
		all_back = rig.given_back == 150 + tries;
		if (!all_back)
			cond_wait_until(&rig.changed, &rig.lock, clock_mono_ms() + 20);
		lock_release(&rig.lock);
	}
	assert_in_range(most, 2, FETCH_LOOKUPS_MAX);
	rig_close(&rig);
}

static void
test_an_abort_does_not_wait_for_lookups(void **state)
{
	(void)state;
	open_with("*.slow.test=127.0.0.2@3000", second_only, 1, 30000);
	await_lookups(0, 0); /* of earlier tests */
	for (int i = 0; i < 20; i++)
		rig_add(&rig, "http://a%d.slow.test:%u/ok", i, origin.port);
	await_lookups(20, 20);
	fetch_engine_ops.abort(rig.engine);
	rig_wait_all(&rig);
	for (const struct rig_run *run = rig.runs; run != NULL; run = run->next)
		assert_int_equal(run->run.outcome.verdict, VERDICT_RELEASED);
	assert_in_range(lookup_threads(), 1, 20);
	rig_close(&rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_name_is_looked_up_and_fetched),
		cmocka_unit_test(test_of_mixed_answers_only_the_allowed_one_is_dialled),
		cmocka_unit_test(test_when_every_answer_is_denied_nothing_is_dialled),
		cmocka_unit_test(test_denied_answers_cost_no_time_however_many_come_first),
		cmocka_unit_test(test_a_name_that_changes_its_answer_is_judged_by_each),
		cmocka_unit_test(test_a_name_that_does_not_exist_is_a_failure_of_its_own),
		cmocka_unit_test(test_a_slow_name_stalls_nobody_and_ends_in_time),
		cmocka_unit_test(test_those_who_wait_for_one_name_share_one_lookup_and_its_failure),
		cmocka_unit_test(
		    test_out_of_time_for_a_name_are_those_who_would_not_have_waited_longer),
		cmocka_unit_test(test_a_cancelled_lookup_leaves_the_name_to_the_next_one),
		cmocka_unit_test(test_never_more_lookups_than_the_limit_are_left_behind),
		cmocka_unit_test(test_an_abort_does_not_wait_for_lookups),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
