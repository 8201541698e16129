/* SPDX-License-Identifier: MIT */
/* Liveness and readiness, short for programs and verbose for people, over a fake queue. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "http_rig.h"

static void
assert_body(const struct rig *rig, const char *path, int status, const char *expected)
{
	struct answer *answer = rig_get(rig, path, status);

	assert_string_equal(answer->body, expected);
	assert_field(answer, "Content-Type",
	    expected[0] == '{' ? "application/json" : "text/plain; charset=utf-8");
	if (status == 503)
		assert_field(answer, "Retry-After", "1");
	else
		assert_no_field(answer, "Retry-After");
	answer_free(answer);
}

static void
test_alive_is_whoever_answers(void **state)
{
	struct rig *rig = *state;

	assert_body(rig, "/livez", 200, "{\"status\":\"ok\"}\n");
	assert_body(rig, "/healthz", 200, "{\"status\":\"ok\"}\n");
	assert_body(rig, "/livez?verbose", 200, "[+]http ok\nlivez check passed\n");
	assert_body(rig, "/healthz?verbose=true", 200, "[+]http ok\nhealthz check passed\n");
	assert_body(rig, "/livez?verbose=false", 200, "{\"status\":\"ok\"}\n");
	/* Whatever else is wrong. */
	fake_queue_answer(rig->queue, STATUS_BUSY, REFUSAL_DRAINING, 5);
	fake_queue_fail_reads(rig->queue, STATUS_UNKNOWN);
	http_server_drain(rig->server);
	assert_body(rig, "/livez", 200, "{\"status\":\"ok\"}\n");
}

static void
test_every_check_has_a_line(void **state)
{
	struct rig *rig = *state;
	const struct queue_stats stats = {
		.disk_free_bytes = 1 << 30,
		.disk_free_min_bytes = 1 << 29,
		.lanes = { { .queued = 1 }, { .queued = 2 } },
		.waiting_max = 3,
	};

	fake_queue_put_stats(rig->queue, &stats);
	assert_body(rig, "/readyz", 200, "{\"status\":\"ready\"}\n");
	assert_body(rig, "/readyz?verbose", 200,
	    "[+]shutdown ok\n"
	    "[+]disk ok: 1024 MiB free, at least 512 MiB are kept free\n"
	    "[+]admission ok: 1 wait in the cpu lane and 2 in the io lane, of 3 that may\n"
	    "[+]store ok\n"
	    "[+]committer ok\n"
	    "[+]fetch_engine ok\n"
	    "readyz check passed\n");
}

static void
test_what_fails_is_told_and_the_first_of_it_in_short(void **state)
{
	struct rig *rig = *state;
	const struct queue_stats stats = {
		.disk_free_bytes = -1,
		.store = { .writer_late_ms = 12000 },
		.engine_late_ms = 99000,
		.waiting_max = 3,
	};

	fake_queue_put_stats(rig->queue, &stats);
	assert_body(
	    rig, "/readyz", 503, "{\"status\":\"not_ready\",\"reason\":\"committer_stalled\"}\n");
	http_server_drain(rig->server);
	assert_body(rig, "/readyz", 503, "{\"status\":\"not_ready\",\"reason\":\"draining\"}\n");
	assert_body(rig, "/readyz?verbose", 503,
	    "[-]shutdown failed: draining: the service is shutting down\n"
	    "[+]disk ok\n"
	    "[+]admission ok: 0 wait in the cpu lane and 0 in the io lane, of 3 that may\n"
	    "[+]store ok\n"
	    "[-]committer failed: committer_stalled: it has been stuck for 12 s\n"
	    "[-]fetch_engine failed: fetch_engine_stalled: it has been stuck for 99 s\n"
	    "readyz check failed\n");
}

static void
test_a_commit_that_failed_a_moment_ago_is_a_reason(void **state)
{
	struct rig *rig = *state;
	struct queue_stats stats = { .store = { .failed_mono_ms = clock_mono_ms() } };

	/* As a fault that is repeated: the moment does not pass while the test looks. */
	stats.store.failed_mono_ms += 3600000;
	fake_queue_put_stats(rig->queue, &stats);
	assert_body(
	    rig, "/readyz", 503, "{\"status\":\"not_ready\",\"reason\":\"store_failing\"}\n");
}

static void
assert_refused(const struct rig *rig, const char *path, const char *fields, int status)
{
	struct answer *answer = rig_ask(rig, "GET", path, fields, NULL);

	if (answer->status != status)
		fail_msg("%s %s: %d", path, fields, answer->status);
	answer_free(answer);
}

static void
test_the_parameter_is_taken_strictly(void **state)
{
	static const char *const paths[] = { "/livez", "/healthz", "/readyz" };
	struct rig *rig = *state;

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		static const char *const queries[] = { "?verbose=yes", "?verbose=1",
			"?verbose=TRUE", "?verbose&verbose", "?verbose=true&verbose=false",
			"?verbos", "?Verbose", "?verbose&exclude=disk", "?wait=1" };

		for (size_t j = 0; j < ARRAY_SIZE(queries); j++) {
			char path[64];

			(void)snprintf(path, sizeof(path), "%s%s", paths[i], queries[j]);
			assert_refused(rig, path, "", 400);
		}
	}
	assert_refused(rig, "/stats?verbose", "", 400);
	assert_refused(rig, "/tasks/" DONE "?verbose", "", 400);
	assert_refused(rig, "/readyz?verbose", "Accept: application/json\r\n", 406);
	assert_refused(rig, "/readyz?verbose", "Accept: text/*\r\n", 200);
	assert_refused(rig, "/readyz", "Accept: text/plain\r\n", 406);
}

int
main(void)
{
#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		WITH_RIG(test_alive_is_whoever_answers),
		WITH_RIG(test_every_check_has_a_line),
		WITH_RIG(test_what_fails_is_told_and_the_first_of_it_in_short),
		WITH_RIG(test_a_commit_that_failed_a_moment_ago_is_a_reason),
		WITH_RIG(test_the_parameter_is_taken_strictly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
