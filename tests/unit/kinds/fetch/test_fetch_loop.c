/* SPDX-License-Identifier: MIT */
/*
 * The words on runs in the engine's hands: cancelled, out of time, handed back, while a transfer
 * hangs or while a run only waits for its turn. Nothing here measures how long it took; where it
 * took too long another limit has its say, and the failure or its message is another one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <poll.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "engine_rig.h"
#include "kinds/fetch/fetch_engine.h"
#include "kinds/fetch/fetch_kind.h"
#include "kinds/fetch/fetch_transfer.h"
#include "origin_process.h"
#include "silent_listener.h"

static struct origin_process origin;
static struct silent_listener silent;
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

static int
setup(void **state)
{
	struct fetch_settings settings = rig_settings();

	(void)state;
	settings.per_host_max = 1;
	silent_listener_open(&silent);
	rig_open(&rig, &settings);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	rig_close(&rig);
	silent_listener_close(&silent);
	return 0;
}

/* Until a transfer hangs at the listener, which leaves it there. */
static void
await_hanging(void)
{
	struct pollfd waiting = { .fd = silent.v4_fd, .events = POLLIN };

	assert_int_equal(poll(&waiting, 1, 60000), 1);
}

static struct rig_run *
add_hanging(void)
{
	struct rig_run *run = rig_add(&rig, "http://127.0.0.1:%u/hanging", silent.port);

	await_hanging();
	return run;
}

static struct rig_run *
add_waiting(void)
{
	return rig_add(&rig, "http://127.0.0.1:%u/waiting", silent.port);
}

static void
cancel(struct rig_run *run)
{
	atomic_store(&run->run.is_cancelled, true);
}

static void
check_cancelled(const struct rig_run *run)
{
	rig_check_failed(run, FAILURE_CANCELLED);
	assert_false(run->run.outcome.may_be_mended);
	assert_int_equal(run->run.outcome.retry_after_ms, 0);
}

static void
check_out_of_time(const struct rig_run *run, const char *message)
{
	rig_check_failed(run, FAILURE_TIMEOUT);
	assert_string_equal(run->run.outcome.message, message);
	assert_true(run->run.outcome.may_be_mended);
	assert_int_equal(run->run.output.bytes, 0);
}

static void
check_released(const struct rig_run *run)
{
	assert_int_equal(run->run.outcome.verdict, VERDICT_RELEASED);
	assert_int_equal(run->run.outcome.failure, FAILURE_NONE);
	assert_null(run->run.outcome.response);
}

/* What is known of a transfer without an answer. */
static void
check_reported(const struct rig_run *run)
{
	json_t *report = rig_response(run);
	const char *url = json_string_value(json_object_get(report, "url"));

	assert_non_null(url);
	assert_non_null(strstr(url, "/hanging"));
	assert_true(json_is_object(json_object_get(report, "timing_ms")));
	assert_null(json_object_get(report, "status"));
	json_decref(report);
}

static void
test_a_cancelled_transfer_ends_and_reports_what_is_known(void **state)
{
	struct rig_run *run = add_hanging();

	(void)state;
	cancel(run);
	rig_wait(&rig, run);
	check_cancelled(run);
	check_reported(run);
	assert_int_equal(run->run.deadline_mono_us, 0);
}

static void
test_a_run_is_cancelled_while_it_waits_for_its_hosts_place(void **state)
{
	struct rig_run *hanging = add_hanging(), *waiting = add_waiting();

	(void)state;
	cancel(waiting);
	rig_wait(&rig, waiting);
	check_cancelled(waiting);
	assert_null(waiting->run.outcome.response);
	assert_false(rig_is_back(&rig, hanging));
	cancel(hanging);
	rig_wait(&rig, hanging);
	check_cancelled(hanging);
	assert_int_equal(silent_listener_count(&silent), 1);
}

static void
test_a_run_that_is_cancelled_before_the_engine_sees_it_never_connects(void **state)
{
	struct rig_run *run;

	(void)state;
	rig.is_cancelled = true;
	run = rig_fetch(&rig, "http://127.0.0.1:%u/", silent.port);
	check_cancelled(run);
	assert_null(run->run.outcome.response);
	assert_int_equal(silent_listener_count(&silent), 0);
}

static void
test_the_place_of_a_cancelled_transfer_goes_to_the_next(void **state)
{
	struct rig_run *hanging = rig_add(&rig, "http://127.0.0.1:%u/hang", origin.port);
	struct rig_run *next = rig_add(&rig, "http://127.0.0.1:%u/ok", origin.port);

	(void)state;
	/* Elsewhere, so that the engine has begun what was added before. */
	rig_check_content(rig_fetch(&rig, "http://127.0.0.2:%u/ok", origin.port), "ok\n");
	assert_false(rig_is_back(&rig, next));
	cancel(hanging);
	rig_wait(&rig, next);
	check_cancelled(hanging);
	rig_check_content(next, "ok\n");
}

static void
test_a_time_limit_shorter_than_the_total_one_ends_a_transfer(void **state)
{
	struct rig_run *run;

	(void)state;
	rig.terms.timeout_ms = 300;
	run = add_hanging();
	rig_wait(&rig, run);
	check_out_of_time(run, "The attempt took longer than its limit of 300 ms");
	check_reported(run);
	assert_int_equal(run->run.deadline_mono_us - run->run.began_mono_us, 300000);
}

static void
test_a_time_limit_longer_than_the_total_one_does_not_extend_it(void **state)
{
	struct fetch_settings settings = rig_settings();
	struct rig_run *run;

	(void)state;
	rig_close(&rig);
	settings.total_timeout_ms = 300;
	rig_open(&rig, &settings);
	rig.terms.timeout_ms = 50000;
	run = add_hanging();
	rig_wait(&rig, run);
	check_out_of_time(run, "Timed out waiting for the answer");
	check_reported(run);
}

static void
test_a_fetch_within_its_time_succeeds(void **state)
{
	(void)state;
	rig.terms.timeout_ms = 50000;
	rig_check_content(rig_fetch(&rig, "http://127.0.0.1:%u/ok", origin.port), "ok\n");
}

static void
test_time_does_not_run_out_while_a_run_waits_for_its_hosts_place(void **state)
{
	struct rig_run *slow = rig_add(&rig, "http://127.0.0.1:%u/slow/2500", origin.port);
	struct rig_run *waiting;

	(void)state;
	rig.terms.timeout_ms = 2000;
	waiting = rig_add(&rig, "http://127.0.0.1:%u/ok", origin.port);
	rig_wait_all(&rig);
	assert_int_equal(slow->run.outcome.verdict, VERDICT_SUCCEEDED);
	assert_int_equal(slow->order, 1);
	rig_check_content(waiting, "ok\n");
	/* What the lane measures does not hold the wait either. */
	assert_true(waiting->run.began_mono_us - slow->run.began_mono_us > 2000000);
}

static void
test_what_is_handed_back_reports_nothing_whatever_its_time_limit(void **state)
{
	struct rig_run *hanging, *waiting;

	(void)state;
	rig.terms.timeout_ms = 50000;
	hanging = add_hanging();
	waiting = add_waiting();
	atomic_store(&rig.stop, true);
	rig_wait_all(&rig);
	check_released(hanging);
	check_released(waiting);
}

static void
test_an_abort_hands_back_all_but_what_is_cancelled(void **state)
{
	struct rig_run *hanging = add_hanging(), *waiting = add_waiting(), *other = add_waiting();

	(void)state;
	cancel(other);
	fetch_engine_ops.abort(rig.engine);
	rig_wait_all(&rig);
	check_released(hanging);
	check_released(waiting);
	check_cancelled(other);
}

static void
check_put_aside(const struct rig_run *run)
{
	assert_int_equal(run->run.outcome.verdict, VERDICT_DEFERRED);
	assert_int_equal(run->run.outcome.failure, FAILURE_NONE);
	assert_null(run->run.outcome.response);
	assert_false(run->run.has_begun);
}

/* The engine has one place for a host; this one is said to have three. */
static void
test_those_that_came_last_are_put_aside_when_a_host_has_no_place_for_them(void **state)
{
	struct run_host host = { .places = 3 };
	struct rig_run *hanging, *waiting[4];

	(void)state;
	atomic_init(&host.ended_mono_us, INT64_MIN / 2);
	rig.host = &host;
	hanging = add_hanging();
	for (size_t i = 0; i < ARRAY_SIZE(waiting); i++)
		waiting[i] = add_waiting();
	rig_wait(&rig, waiting[2]);
	check_put_aside(waiting[2]);
	rig_wait(&rig, waiting[3]);
	check_put_aside(waiting[3]);
	/* Two may go on waiting: cancelling another proves that the engine has looked again. */
	cancel(waiting[1]);
	rig_wait(&rig, waiting[1]);
	check_cancelled(waiting[1]);
	assert_false(rig_is_back(&rig, waiting[0]));
	assert_false(rig_is_back(&rig, hanging));
	cancel(hanging);
	cancel(waiting[0]);
	rig_wait_all(&rig);
	check_cancelled(waiting[0]);
}

static void
test_what_waits_is_put_aside_when_its_host_pauses_and_what_runs_goes_on(void **state)
{
	struct run_host host = { .places = 100 };
	struct rig_run *running, *waiting[2], *late;

	(void)state;
	rig.host = &host;
	running = rig_add(&rig, "http://127.0.0.1:%u/slow/1000", origin.port);
	for (size_t i = 0; i < ARRAY_SIZE(waiting); i++)
		waiting[i] = rig_add(&rig, "http://127.0.0.1:%u/ok", origin.port);
	/* Elsewhere, so that the engine has begun what was added before. */
	rig.host = NULL;
	rig_check_content(rig_fetch(&rig, "http://127.0.0.2:%u/ok", origin.port), "ok\n");
	atomic_store(&host.paused_until_mono_us, INT64_MAX);
	rig.host = &host;
	late = rig_fetch(&rig, "http://127.0.0.3:%u/ok", origin.port);
	check_put_aside(late);
	for (size_t i = 0; i < ARRAY_SIZE(waiting); i++) {
		rig_wait(&rig, waiting[i]);
		check_put_aside(waiting[i]);
	}
	rig_wait(&rig, running);
	assert_int_equal(running->run.outcome.verdict, VERDICT_SUCCEEDED);
	/* Nothing is put aside where all is to end. */
	atomic_store(&host.paused_until_mono_us, 0);
	running = rig_add(&rig, "http://127.0.0.1:%u/hang", origin.port);
	rig_check_content(rig_fetch(&rig, "http://127.0.0.2:%u/ok", origin.port), "ok\n");
	fetch_engine_ops.abort(rig.engine);
	rig_wait(&rig, running);
	check_released(running);
}

/* The transfer that has got a part of its answer, made by hand. */
static void
break_off(enum run_word word, struct run *run)
{
	static const struct output_conf conf = { .run_name = "run", .memory_max_bytes = 1000 };
	static char url[] = "http://127.0.0.1/part";
	struct fetch_settings settings = rig_settings();
	struct fetch_context context = { .settings = &settings };
	struct fetch_job job = { .run = run, .args = { .url = { .url = url } } };
	struct fetch_transfer *transfer = fetch_transfer_new(&context);

	assert_non_null(transfer);
	output_init(&run->output, &conf);
	outcome_init(&run->outcome);
	assert_int_equal(fetch_transfer_prepare(transfer, &job, NULL), STATUS_OK);
	transfer->progress.has_answer = true;
	transfer->progress.body_bytes = 4;
	strcpy(transfer->progress.media_type, "text/plain");
	assert_int_equal(output_write(&run->output, "part", 4, NULL), STATUS_OK);
	fetch_transfer_break_off(transfer, word);
	assert_int_equal(run->output.bytes, 0);
	assert_string_equal(run->outcome.media_type, "");
	fetch_transfer_free(transfer);
}

static void
test_an_answer_that_was_broken_off_is_reported_without_its_content(void **state)
{
	static const enum run_word words[] = { RUN_CANCELLED, RUN_OUT_OF_TIME, RUN_HAND_BACK };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		struct run run = { .next = NULL };
		const char *response;

		break_off(words[i], &run);
		response = run.outcome.response;
		if (words[i] == RUN_HAND_BACK) {
			assert_null(response);
		} else {
			assert_non_null(response);
			assert_non_null(strstr(response, "\"content_type\":\"text/plain\""));
			assert_non_null(strstr(response, "\"bytes\":4,"));
		}
		output_done(&run.output);
		outcome_done(&run.outcome);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_a_cancelled_transfer_ends_and_reports_what_is_known, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_a_run_is_cancelled_while_it_waits_for_its_hosts_place, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_a_run_that_is_cancelled_before_the_engine_sees_it_never_connects, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    test_the_place_of_a_cancelled_transfer_goes_to_the_next, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_a_time_limit_shorter_than_the_total_one_ends_a_transfer, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_a_time_limit_longer_than_the_total_one_does_not_extend_it, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    test_a_fetch_within_its_time_succeeds, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_time_does_not_run_out_while_a_run_waits_for_its_hosts_place, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    test_what_is_handed_back_reports_nothing_whatever_its_time_limit, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    test_an_abort_hands_back_all_but_what_is_cancelled, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_those_that_came_last_are_put_aside_when_a_host_has_no_place_for_them,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_what_waits_is_put_aside_when_its_host_pauses_and_what_runs_goes_on, setup,
		    teardown),
		cmocka_unit_test(
		    test_an_answer_that_was_broken_off_is_reported_without_its_content),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
