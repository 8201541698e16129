/* SPDX-License-Identifier: MIT */
/* GET /stats as clients see it, over loopback and a fake queue. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/process_usage.h"
#include "http_rig.h"

static json_t *
get_stats(const struct rig *rig)
{
	struct answer *answer = rig_get(rig, "/stats", 200);
	json_t *json;

	assert_field(answer, "Content-Type", "application/json");
	assert_field(answer, "Cache-Control", "no-store");
	json = json_loadb(answer->body, answer->size, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(json);
	answer_free(answer);
	return json;
}

static json_int_t
member(const json_t *json, const char *object, const char *name)
{
	const json_t *value = json_object_get(json_object_get(json, object), name);

	assert_true(json_is_integer(value));
	return json_integer_value(value);
}

static const int64_t bounds[] = { 100, 2500, 5000000 };

static const char expected[] =
    "\"tasks\":{\"QUEUED\":1,\"RUNNING\":2,\"SUCCEEDED\":3000000000,\"FAILED\":4,"
    "\"REJECTED\":5},"
    "\"kept\":{\"bytes\":70000000000,\"bytes_max\":80000000000,\"purged\":41,\"purged_early\":40},"
    "\"lanes\":{\"cpu\":{\"queued\":10,\"scheduled\":13,\"deferred\":14,\"running\":11,\"slots\":12,\"busy\":2,\"oldest_wait_s\":61.5,\"drained_per_s\":1.5,\"wait_s\":2.5},"
    "\"io\":{\"queued\":20,\"scheduled\":23,\"deferred\":24,\"running\":21,\"slots\":22,\"busy\":0,\"oldest_wait_s\":0,\"drained_per_s\":0.001,\"wait_s\":null}},"
    "\"hosts\":{\"known\":41,\"paused\":42,\"deferring\":43,\"pauses\":44,\"deferrals\":45},"
    "\"admission\":{\"state\":\"queue_full\",\"waiting_max\":1000,\"wait_max_s\":3000,\"scheduled_max\":2000,\"refused\":{"
    "\"queue_full\":31,\"wait_too_long\":36,\"host_full\":37,\"schedule_full\":35,\"disk_low\":32,\"draining\":33,\"store_busy\":34}},"
    "\"types\":{\"a\\\"b\":{\"submitted\":9,\"answered\":4,\"succeeded\":5,"
    "\"failed\":{\"dns\":1,\"cancelled\":2},\"rejected\":{\"expired\":1},\"retried\":{},"
    "\"wait_ms\":{\"count\":2,\"sum\":1.5,\"buckets\":[{\"le\":0.1,\"count\":1},"
    "{\"le\":null,\"count\":2}]},"
    "\"run_ms\":{\"count\":0,\"sum\":0,\"buckets\":[{\"le\":0.1,\"count\":0},"
    "{\"le\":null,\"count\":0}]}}},"
    "\"store\":{\"commits\":7,\"commands\":99,\"commit_failures\":3,\"commit_ms\":{\"count\":7,\"sum\":12.345,"
    "\"buckets\":[{\"le\":0.1,\"count\":1},{\"le\":2.5,\"count\":3},"
    "{\"le\":5000,\"count\":6},{\"le\":null,\"count\":7}]},"
    "\"checkpoints\":8,\"database_bytes\":45056,\"wal_bytes\":4152,"
    "\"result_files\":17,\"result_file_bytes\":5000000000,\"disk_free_bytes\":null,"
    "\"disk_free_min_bytes\":1048576},"
    "\"http\":{\"connections\":1,\"connections_max\":100,"
    "\"waiting\":0,\"waiting_max\":50,\"requests\":0},";

/* The queue's figures, digit by digit. */
static void
test_every_figure_of_the_queue_stands_in_its_place(void **state)
{
	const struct queue_stats stats = {
		.store = {
			.counts = { .by_state = { 1, 2, INT64_C(3000000000), 4, 5 }, .kept_bytes = INT64_C(70000000000) },
			.commit_us = { .bounds = bounds,
			    .bound_count = 3,
			    .cumulative = { 1, 3, 6, 7 },
			    .count = 7,
			    .sum = 12345 },
			.commit_commands = { .sum = 99 },
			.commits_failed = 3,
			.result_files = 17,
			.result_file_bytes = INT64_C(5000000000),
			.checkpoints = 8,
			.database_bytes = 45056,
			.wal_bytes = 4152,
		},
		.lanes = { { .queued = 10,
			       .scheduled = 13,
			       .deferred = 14,
			       .running = 11,
			       .slots = 12,
			       .busy = 2,
			       .oldest_wait_ms = 61500,
			       .drained_per_1000_s = 1500,
			       .wait_ms = 2500 },
		    { .queued = 20,
			.scheduled = 23,
			.deferred = 24,
			.running = 21,
			.slots = 22,
			.drained_per_1000_s = 1,
			.wait_ms = -1 } },
		.hosts = { .known = 41, .paused = 42, .deferring = 43, .pauses = 44, .deferrals = 45 },
		.types = { { .is_kind = true,
			       .tasks = { .type = "a\"b",
				   .submitted = 9,
				   .answered = 4,
				   .succeeded = 5,
				   .failed = { [FAILURE_DNS] = 1, [FAILURE_CANCELLED] = 2 },
				   .rejected = { [FAILURE_EXPIRED] = 1 } },
			       .wait_us = { .bounds = bounds,
				   .bound_count = 1,
				   .cumulative = { 1, 2 },
				   .count = 2,
				   .sum = 1500 },
			       .run_us = { .bounds = bounds, .bound_count = 1 } },
		    { .is_kind = false, .tasks = { .type = "gone" } } },
		.type_count = 2,
		.disk_free_bytes = PROCESS_USAGE_UNKNOWN,
		.disk_free_min_bytes = 1048576,
		.admission = REFUSAL_QUEUE_FULL,
		.waiting_max = 1000,
		.wait_max_s = 3000,
		.held_max = 2000,
		.refused = { 0, 31, 36, 37, 35, 32, 33, 34 },
		.kept_bytes_max = INT64_C(80000000000),
		.purged = 41,
		.purged_early = 40,
	};
	struct rig *rig = *state;
	struct answer *answer;

	fake_queue_put_stats(rig->queue, &stats);
	answer = rig_get(rig, "/stats", 200);
	assert_non_null(strstr(answer->body, expected));
	assert_memory_equal(answer->body, "{\"version\":\"" TASKQ_VERSION "\",\"uptime_s\":",
	    strlen("{\"version\":\"" TASKQ_VERSION "\",\"uptime_s\":"));
	answer_free(answer);
}

static void
test_where_any_number_of_bytes_is_kept_there_is_no_most(void **state)
{
	const struct queue_stats stats = { .kept_bytes_max = 0 };
	struct rig *rig = *state;
	json_t *json;

	fake_queue_put_stats(rig->queue, &stats);
	json = get_stats(rig);
	assert_true(json_is_null(json_object_get(json_object_get(json, "kept"), "bytes_max")));
	assert_int_equal(member(json, "kept", "bytes"), 0);
	json_decref(json);
}

static void
test_connections_and_answers_are_counted(void **state)
{
	struct rig *rig = *state;
	int fd = rig_dial(rig);
	json_t *json;

	for (int i = 0; i < 3; i++)
		answer_free(client_ask(fd, "GET", "/healthz", "", NULL));
	answer_free(client_ask(fd, "GET", "/nothing", "", NULL));
	json = get_stats(rig);
	assert_int_equal(member(json, "http", "connections"), 2);
	assert_int_equal(member(json, "http", "requests"), 4);
	json_decref(json);
	json = get_stats(rig);
	assert_int_equal(member(json, "http", "requests"), 5);
	json_decref(json);
	close(fd);
}

static void
test_the_process_is_told_and_its_uptime(void **state)
{
	struct rig *rig = *state;
	json_t *json = get_stats(rig);
	double uptime_s = json_number_value(json_object_get(json, "uptime_s"));

	assert_true(member(json, "process", "rss_bytes") > 0);
	assert_true(member(json, "process", "descriptors") > 0);
	assert_true(member(json, "process", "threads") > 0);
	assert_true(json_is_number(json_object_get(json_object_get(json, "process"), "cpu_s")));
	/* The rig says that the service began when the machine did. */
	assert_true(uptime_s > 0 && uptime_s <= (double)clock_mono_ms() / 1000);
	json_decref(json);
}

static void
test_it_is_answered_when_reads_fail_and_nothing_is_admitted(void **state)
{
	struct rig *rig = *state;

	fake_queue_fail_reads(rig->queue, STATUS_UNKNOWN);
	fake_queue_answer(rig->queue, STATUS_BUSY, REFUSAL_DRAINING, 5);
	http_server_drain(rig->server);
	json_decref(get_stats(rig));
}

static void
test_it_is_answered_beyond_the_connection_limit(void **state)
{
	struct rig *rig = rig_open(1);
	int first = rig_dial(rig);

	(void)state;
	answer_free(client_ask(first, "GET", "/healthz", "", NULL));
	json_decref(get_stats(rig));
	close(first);
	rig_close(rig);
}

static void
test_other_methods_parameters_and_media_types_are_refused(void **state)
{
	struct rig *rig = *state;
	struct answer *answer;

	answer = rig_ask(rig, "POST", "/stats", "", NULL);
	assert_int_equal(answer->status, 405);
	assert_field(answer, "Allow", "GET, HEAD, OPTIONS");
	answer_free(answer);
	answer = rig_ask(rig, "GET", "/stats?since=1", "", NULL);
	assert_int_equal(answer->status, 400);
	answer_free(answer);
	answer = rig_ask(rig, "GET", "/stats", "Accept: text/plain\r\n", NULL);
	assert_int_equal(answer->status, 406);
	answer_free(answer);
	answer = rig_ask(rig, "HEAD", "/stats", "", NULL);
	assert_int_equal(answer->status, 200);
	assert_int_equal(answer->size, 0);
	answer_free(answer);
}

int
main(void)
{
#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		WITH_RIG(test_every_figure_of_the_queue_stands_in_its_place),
		WITH_RIG(test_where_any_number_of_bytes_is_kept_there_is_no_most),
		WITH_RIG(test_connections_and_answers_are_counted),
		WITH_RIG(test_the_process_is_told_and_its_uptime),
		WITH_RIG(test_it_is_answered_when_reads_fail_and_nothing_is_admitted),
		cmocka_unit_test(test_it_is_answered_beyond_the_connection_limit),
		WITH_RIG(test_other_methods_parameters_and_media_types_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
