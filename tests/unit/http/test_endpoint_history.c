/* SPDX-License-Identifier: MIT */
/* GET /stats/history as clients see it, and what is noted for it, over loopback and a fake queue.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>
#include <poll.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/service_clock.h"
#include "http/http_connections.h"
#include "http/http_history.h"
#include "http_rig.h"

#define PATH "/stats/history"

static json_t *
get_json(const struct rig *rig, const char *path)
{
	struct answer *answer = rig_get(rig, path, 200);
	json_t *json;

	assert_field(answer, "Content-Type", "application/json");
	assert_field(answer, "Cache-Control", "no-store");
	json = json_loadb(answer->body, answer->size, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(json);
	answer_free(answer);
	return json;
}

/* A value by its path, such as "lanes.cpu.queued". */
static json_t *
at(json_t *json, const char *path)
{
	char name[32];

	while (json != NULL && *path != '\0') {
		size_t length = strcspn(path, ".");

		assert_true(length < sizeof(name));
		memcpy(name, path, length);
		name[length] = '\0';
		json = json_object_get(json, name);
		path += length + (path[length] == '.');
	}
	assert_non_null(json);
	return json;
}

static double
number(json_t *json, const char *path, size_t row)
{
	json_t *value = json_array_get(at(at(json, "series"), path), row);

	assert_true(json_is_number(value));
	return json_number_value(value);
}

/* Every array is as long as at_ms, whatever there is. */
static void
assert_all_are_as_long(json_t *json, size_t length)
{
	const char *name;
	json_t *inner;

	if (json_is_array(json)) {
		assert_int_equal(json_array_size(json), length);
		return;
	}
	assert_true(json_is_object(json));
	json_object_foreach(json, name, inner) assert_all_are_as_long(inner, length);
}

/*
 * The thread of the rig's server looks once a second as well; what a test notes is in rows of its
 * own, with times long past.
 */
static void
test_every_figure_stands_in_its_place(void **state)
{
	static const int64_t bounds[] = { 1000, 2000 };
	struct rig *rig = *state;
	struct http_figures figures;
	struct connections *connections = NULL;
	struct http_history *history = NULL;
	struct chronicle_rows rows;
	struct error error;
	struct queue_stats stats = { .type_count = 2 };
	int64_t now_ms = service_clock_ms();

	http_figures_init(&figures, 0);
	assert_int_equal(connections_open(&(struct connections_conf){ .connections_max = 1 },
			     &connections, &error),
	    STATUS_OK);
	figures.connections = connections;
	fake_queue_put_stats(rig->queue, &stats);
	assert_int_equal(http_history_open(rig->queue, &figures, &history, &error), STATUS_OK);
	stats.types[0].tasks.submitted = 10;
	stats.types[1].tasks.submitted = 1;
	stats.types[1].tasks.succeeded = 7;
	stats.types[1].tasks.failed[FAILURE_TIMEOUT] = 3;
	stats.types[0].tasks.rejected[FAILURE_EXPIRED] = 2;
	stats.types[1].run_us = (struct histogram_snapshot){
		.bounds = bounds, .bound_count = 2, .cumulative = { 0, 4, 4 }, .count = 4
	};
	stats.refused[REFUSAL_QUEUE_FULL] = 5;
	stats.refused[REFUSAL_DISK_LOW] = 1;
	stats.lanes[LANE_IO] = (struct lane_stats){ .queued = 1,
		.scheduled = 2,
		.deferred = 3,
		.running = 4,
		.busy = 5,
		.oldest_wait_ms = 6 };
	fake_queue_put_stats(rig->queue, &stats);
	http_history_look(history, now_ms + 1000000);
	assert_int_equal(chronicle_read(http_history_rows(history), CHRONICLE_SECONDS,
			     now_ms + 999999, 1, &rows, &error),
	    STATUS_OK);
	assert_int_equal(rows.count, 1);
#define VALUE(column) rows.values[column]
	assert_int_equal(VALUE(HISTORY_SUBMITTED), 11);
	assert_int_equal(VALUE(HISTORY_SUCCEEDED), 7);
	assert_int_equal(VALUE(HISTORY_FAILED), 3);
	assert_int_equal(VALUE(HISTORY_REJECTED), 2);
	assert_int_equal(VALUE(HISTORY_REFUSED), 6);
	assert_int_equal(VALUE(HISTORY_FAILED_BY + FAILURE_TIMEOUT), 3);
	assert_int_equal(VALUE(HISTORY_FAILED_BY + FAILURE_EXPIRED), 0);
	for (int level = 0; level < HISTORY_LEVELS; level++) {
		static const int64_t expected[] = { 1, 2, 3, 4, 6 };

		assert_int_equal(
		    VALUE(HISTORY_COUNTERS + LANE_IO * HISTORY_LEVELS + level), expected[level]);
		assert_int_equal(VALUE(HISTORY_COUNTERS + LANE_CPU * HISTORY_LEVELS + level), 0);
	}
	assert_int_equal(VALUE(HISTORY_COUNTERS + HISTORY_PEAKS + LANE_IO), 5000);
	/* The second latency of the second kind: spread between 1 and 2 ms. */
	assert_int_equal(VALUE(HISTORY_COUNTERS + HISTORY_PEAKS + HISTORY_MEANS +
			       (HISTORY_KIND_US + 3) * CHRONICLE_QUANTILES),
	    1500);
	assert_int_equal(VALUE(HISTORY_COUNTERS + HISTORY_PEAKS + HISTORY_MEANS +
			       (HISTORY_KIND_US + 2) * CHRONICLE_QUANTILES),
	    CHRONICLE_UNKNOWN);
	chronicle_rows_done(&rows);
	http_history_close(history);
	http_figures_done(&figures);
	connections_close(connections);
}

static void
test_rows_come_second_by_second_and_only_new_ones_where_asked(void **state)
{
	struct rig *rig = *state;
	char path[100];
	json_t *json = NULL;
	size_t count = 0;
	json_int_t last;

	/* The thread looks by itself. */
	for (int tries = 0; count < 2 && tries < PATIENCE_MS / 10; tries++) {
		json_decref(json);
		json = get_json(rig, PATH);
		count = json_array_size(at(json, "at_ms"));
		if (count < 2)
			(void)poll(NULL, 0, 10);
	}
	assert_true(count >= 2);
	assert_int_equal(json_integer_value(at(json, "step_s")), 1);
	assert_int_equal(json_integer_value(at(json, "rows_max")), 600);
	assert_all_are_as_long(at(json, "series"), count);
	assert_true(number(json, "http.connections", count - 1) >= 0);
	last = json_integer_value(json_array_get(at(json, "at_ms"), count - 1));
	json_decref(json);

	(void)snprintf(path, sizeof(path), PATH "?after_ms=%lld", (long long)last - 1);
	json = get_json(rig, path);
	assert_int_equal(json_integer_value(json_array_get(at(json, "at_ms"), 0)), last);
	json_decref(json);
	json = get_json(rig, PATH "?limit=1&step=1");
	assert_int_equal(json_array_size(at(json, "at_ms")), 1);
	json_decref(json);
	json = get_json(rig, PATH "?after_ms=9223372036854775807");
	assert_int_equal(json_array_size(at(json, "at_ms")), 0);
	assert_all_are_as_long(at(json, "series"), 0);
	json_decref(json);
	json = get_json(rig, PATH "?step=60");
	assert_int_equal(json_integer_value(at(json, "step_s")), 60);
	assert_int_equal(json_integer_value(at(json, "rows_max")), 1440);
	json_decref(json);
}

static void
test_both_sides_of_each_limit(void **state)
{
	static const struct {
		const char *query;
		int status;
	} cases[] = {
		{ "?step=1", 200 },
		{ "?step=60", 200 },
		{ "?step=0", 400 },
		{ "?step=2", 400 },
		{ "?step=59", 400 },
		{ "?step=61", 400 },
		{ "?step=", 400 },
		{ "?step=1s", 400 },
		{ "?step=1&step=1", 400 },
		{ "?limit=1", 200 },
		{ "?limit=1440", 200 },
		{ "?limit=0", 400 },
		{ "?limit=1441", 400 },
		{ "?limit=-1", 400 },
		{ "?limit=18446744073709551615", 400 },
		{ "?limit=18446744073709551616", 400 },
		{ "?after_ms=0", 200 },
		{ "?after_ms=9223372036854775807", 200 },
		{ "?after_ms=9223372036854775808", 400 },
		{ "?after_ms=-1", 400 },
		{ "?after_ms=2026-01-02T03:04:05Z", 400 },
		{ "?after=1", 400 },
		{ "?wait=1", 400 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char path[100];
		struct answer *answer;

		(void)snprintf(path, sizeof(path), PATH "%s", cases[i].query);
		answer = rig_ask(*state, "GET", path, "", NULL);
		if (answer->status != cases[i].status)
			fail_msg("%s: %d", path, answer->status);
		if (answer->status == 400)
			assert_non_null(strstr(answer->body, "/problems/"));
		answer_free(answer);
	}
}

static void
test_it_is_answered_when_nothing_else_is(void **state)
{
	struct rig *rig = rig_open(1);
	int first = rig_dial(rig);

	(void)state;
	fake_queue_fail_reads(rig->queue, STATUS_UNKNOWN);
	answer_free(client_ask(first, "GET", "/healthz", "", NULL));
	json_decref(get_json(rig, PATH));
	http_server_drain(rig->server);
	json_decref(get_json(rig, PATH));
	close(first);
	rig_close(rig);
}

int
main(void)
{
#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		WITH_RIG(test_every_figure_stands_in_its_place),
		WITH_RIG(test_rows_come_second_by_second_and_only_new_ones_where_asked),
		WITH_RIG(test_both_sides_of_each_limit),
		cmocka_unit_test(test_it_is_answered_when_nothing_else_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
