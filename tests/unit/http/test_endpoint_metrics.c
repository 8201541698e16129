/* SPDX-License-Identifier: MIT */
/* GET /metrics as clients see it, over loopback and a fake queue. The end-to-end tests parse it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>

#include "base/compiler.h"
#include "http_rig.h"

/* Whether a sample, or any other line, stands in the answer. */
static bool
has_line(const struct answer *answer, const char *line)
{
	size_t size = strlen(line);

	for (const char *at = answer->body; at != NULL; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (strncmp(at, line, size) == 0 && at[size] == '\n')
			return true;
		if (*at == '\0')
			break;
	}
	return false;
}

static void
assert_line(const struct answer *answer, const char *line)
{
	if (!has_line(answer, line))
		fail_msg("no line '%s' in\n%s", line, answer->body);
}

static struct answer *
get(const struct rig *rig)
{
	struct answer *answer = rig_get(rig, "/metrics", 200);

	assert_field(answer, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
	assert_field(answer, "Cache-Control", "no-store");
	return answer;
}

static const int64_t bounds[] = { 100, 2500, 5000000 };

static void
put_stats(struct rig *rig)
{
	const struct queue_stats stats = {
		.store = {
			.counts = { .kept_bytes = 55 },
			.commit_us = { .bounds = bounds,
			    .bound_count = 3,
			    .cumulative = { 1, 3, 6, 7 },
			    .count = 7,
			    .sum = 12345 },
			.commit_commands = { .bounds = bounds, .bound_count = 1, .sum = 99 },
			.checkpoint_us = { .bounds = bounds, .bound_count = 1 },
			.checkpoints = 8,
			.commits_failed = 9,
			.database_bytes = 45056,
			.wal_bytes = 4152,
			.result_files = 10,
			.result_file_bytes = 11,
			.schema_version = 2,
		},
		.lanes = { { .queued = 20, .slots = 21, .busy = 22, .oldest_wait_ms = 61500 },
		    { .queued = 30, .slots = 31, .busy = 32 } },
		.types = { { .is_kind = true,
			       .tasks = { .type = "work",
				   .by_state = { 41, 42, INT64_C(3000000000), 44, 45 },
				   .held = 1,
				   .submitted = 46,
				   .answered = 47,
				   .succeeded = 48,
				   .failed = { [FAILURE_DNS] = 49, [FAILURE_CANCELLED] = 50 },
				   .rejected = { [FAILURE_EXPIRED] = 51 },
				   .retried = { [FAILURE_TLS] = 52 },
				   .interrupted = 53,
				   .purged = 54 },
			       .wait_us = { .bounds = bounds,
				   .bound_count = 1,
				   .cumulative = { 1, 2 },
				   .count = 2,
				   .sum = 1500 },
			       .run_us = { .bounds = bounds, .bound_count = 1 } },
		    { .is_kind = false, .tasks = { .type = "go\"ne\n", .by_state = { 0, 0, 7 } } } },
		.type_count = 2,
		.kept_bytes_max = 56,
		.purged_early = 57,
		.disk_free_bytes = 60,
		.disk_free_min_bytes = 61,
		.waiting_max = 62,
		.held_max = 63,
		.refused = { [REFUSAL_QUEUE_FULL] = 64 },
		.admission = REFUSAL_QUEUE_FULL,
	};

	fake_queue_put_stats(rig->queue, &stats);
}

static void
test_every_figure_of_the_queue_has_its_line(void **state)
{
	static const char *const lines[] = {
		"# HELP taskq_tasks_submitted_total Tasks stored.",
		"# TYPE taskq_tasks_submitted_total counter",
		"# TYPE taskq_tasks gauge",
		"# TYPE taskq_task_wait_seconds histogram",
		"taskq_tasks{type=\"work\",state=\"queued\"} 40",
		"taskq_tasks{type=\"work\",state=\"scheduled\"} 1",
		"taskq_tasks{type=\"work\",state=\"running\"} 42",
		"taskq_tasks{type=\"work\",state=\"succeeded\"} 3000000000",
		"taskq_tasks{type=\"work\",state=\"failed\"} 44",
		"taskq_tasks{type=\"work\",state=\"rejected\"} 45",
		"taskq_tasks{type=\"go\\\"ne?\",state=\"succeeded\"} 7",
		"taskq_tasks_submitted_total{type=\"work\"} 46",
		"taskq_tasks_answered_total{type=\"work\"} 47",
		"taskq_tasks_finished_total{type=\"work\",outcome=\"succeeded\",code=\"none\"} 48",
		"taskq_tasks_finished_total{type=\"work\",outcome=\"failed\",code=\"dns\"} 49",
		"taskq_tasks_finished_total{type=\"work\",outcome=\"failed\",code=\"cancelled\"} 50",
		"taskq_tasks_finished_total{type=\"work\",outcome=\"failed\",code=\"tls\"} 0",
		"taskq_tasks_finished_total{type=\"work\",outcome=\"rejected\",code=\"expired\"} 51",
		"taskq_tasks_finished_total{type=\"work\",outcome=\"rejected\",code=\"cancelled\"} 0",
		"taskq_task_retries_total{type=\"work\",code=\"tls\"} 52",
		"taskq_task_retries_total{type=\"work\",code=\"dns\"} 0",
		"taskq_task_interruptions_total{type=\"work\"} 53",
		"taskq_tasks_deleted_total{type=\"work\"} 54",
		"taskq_task_wait_seconds_bucket{type=\"work\",lane=\"cpu\",le=\"0.0001\"} 1",
		"taskq_task_wait_seconds_bucket{type=\"work\",lane=\"cpu\",le=\"+Inf\"} 2",
		"taskq_task_wait_seconds_sum{type=\"work\",lane=\"cpu\"} 0.0015",
		"taskq_task_wait_seconds_count{type=\"work\",lane=\"cpu\"} 2",
		"taskq_task_run_seconds_count{type=\"work\",lane=\"cpu\"} 0",
		"taskq_queue_waiting_tasks{lane=\"cpu\"} 20",
		"taskq_queue_waiting_tasks{lane=\"io\"} 30",
		"taskq_queue_waiting_tasks_limit 62",
		"taskq_queue_scheduled_tasks_limit 63",
		"taskq_queue_oldest_waiting_seconds{lane=\"cpu\"} 61.5",
		"taskq_queue_oldest_waiting_seconds{lane=\"io\"} 0",
		"taskq_executors{lane=\"cpu\"} 21",
		"taskq_executors_busy{lane=\"io\"} 32",
		"taskq_submissions_refused_total{reason=\"queue_full\"} 64",
		"taskq_submissions_refused_total{reason=\"draining\"} 0",
		"taskq_store_commit_seconds_bucket{le=\"0.0025\"} 3",
		"taskq_store_commit_seconds_sum 0.012345",
		"taskq_store_commit_commands_sum 99",
		"taskq_store_commit_failures_total 9",
		"taskq_store_checkpoints_total 8",
		"taskq_store_database_bytes 45056",
		"taskq_store_wal_bytes 4152",
		"taskq_store_result_files 10",
		"taskq_store_result_file_bytes 11",
		"taskq_store_kept_bytes 55",
		"taskq_store_kept_bytes_limit 56",
		"taskq_tasks_deleted_early_total 57",
		"taskq_store_schema_version 2",
		"taskq_disk_free_bytes 60",
		"taskq_disk_free_min_bytes 61",
		"taskq_check_ok{check=\"admission\"} 0",
		"taskq_check_ok{check=\"committer\"} 1",
	};
	struct rig *rig = *state;
	struct answer *answer;

	put_stats(rig);
	answer = get(rig);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		assert_line(answer, lines[i]);
	/* Nothing of it runs any more. */
	assert_null(strstr(answer->body, "taskq_task_run_seconds_count{type=\"go"));
	answer_free(answer);
}

static void
test_what_is_not_known_is_left_out(void **state)
{
	struct rig *rig = *state;
	struct queue_stats stats = { .disk_free_bytes = -1 };
	struct answer *answer;

	/* What every back end has. */
	stats.store.commit_us = (struct histogram_snapshot){ .bounds = bounds, .bound_count = 1 };
	stats.store.commit_commands = stats.store.checkpoint_us = stats.store.commit_us;
	fake_queue_put_stats(rig->queue, &stats);
	answer = get(rig);
	assert_null(strstr(answer->body, "taskq_disk_free_bytes"));
	assert_null(strstr(answer->body, "taskq_store_kept_bytes_limit"));
	assert_line(answer, "taskq_disk_free_min_bytes 0");
	answer_free(answer);
}

static void
test_answers_are_told_by_pattern_and_never_by_path(void **state)
{
	struct rig *rig = *state;
	struct answer *answer;

	put_stats(rig);
	answer_free(rig_get(rig, "/tasks/" DONE, 200));
	answer_free(rig_get(rig, "/tasks/" QUEUED, 400));
	answer_free(rig_get(rig, "/secret-path", 404));
	answer_free(rig_ask(rig, "DELETE", "/metrics", "", NULL));
	answer_free(rig_ask(rig, "HEAD", "/livez", "", NULL));
	answer_free(get(rig));
	answer = get(rig);
	assert_line(answer,
	    "taskq_http_responses_total{method=\"GET\",route=\"/tasks/{id}\",status=\"2xx\"} 1");
	assert_line(answer,
	    "taskq_http_responses_total{method=\"GET\",route=\"/tasks/{id}\",status=\"4xx\"} 1");
	assert_line(answer,
	    "taskq_http_responses_total{method=\"GET\",route=\"/tasks/{id}\",status=\"5xx\"} 0");
	assert_line(answer,
	    "taskq_http_responses_total{method=\"other\",route=\"other\",status=\"4xx\"} 2");
	assert_line(
	    answer, "taskq_http_responses_total{method=\"GET\",route=\"/livez\",status=\"2xx\"} 1");
	assert_line(answer,
	    "taskq_http_responses_total{method=\"GET\",route=\"/metrics\",status=\"2xx\"} 1");
	assert_line(answer,
	    "taskq_http_response_seconds_count{method=\"GET\",route=\"/tasks/{id}\","
	    "status=\"2xx\"} 1");
	/* Of what has not happened there are no buckets. */
	assert_null(strstr(answer->body,
	    "taskq_http_response_seconds_count{method=\"GET\",route=\"/tasks/{id}\",status=\"5xx\"}"));
	assert_null(strstr(answer->body, "secret"));
	assert_null(strstr(answer->body, DONE));
	answer_free(answer);
}

static void
test_connections_are_told(void **state)
{
	struct rig *rig = rig_open(2);
	int first = rig_dial(rig), second = rig_dial(rig);
	struct answer *answer;

	(void)state;
	put_stats(rig);
	answer_free(client_ask(first, "GET", "/livez", "", NULL));
	answer_free(client_ask(second, "GET", "/livez", "", NULL));
	answer = rig_ask(rig, "GET", "/tasks/" DONE, "", NULL);
	assert_int_equal(answer->status, 503);
	answer_free(answer);
	/* It is answered beyond the limit itself. */
	answer = get(rig);
	assert_line(answer, "taskq_http_connections_limit 2");
	assert_line(answer, "taskq_http_connections_refused_total 1");
	assert_line(answer, "taskq_http_connections_accepted_total 4");
	assert_line(answer, "taskq_http_waiting_requests 0");
	assert_line(answer, "taskq_http_waiting_requests_limit 1");
	assert_line(answer, "taskq_http_requests_dropped_total 0");
	answer_free(answer);
	close(first);
	close(second);
	rig_close(rig);
}

static void
test_requests_without_an_answer_are_counted(void **state)
{
	struct rig *rig = *state;
	struct answer *answer;

	put_stats(rig);
	fake_queue_answer(rig->queue, STATUS_UNKNOWN, REFUSAL_NONE, 0);
	assert_null(rig_submit(rig, SUBMISSION));
	answer = get(rig);
	assert_line(answer, "taskq_http_requests_dropped_total 1");
	answer_free(answer);
}

static void
test_the_process_goes_by_the_usual_names(void **state)
{
	static const char *const names[] = { "process_cpu_seconds_total",
		"process_resident_memory_bytes", "process_virtual_memory_bytes", "process_open_fds",
		"process_max_fds", "process_threads", "process_start_time_seconds" };
	struct rig *rig = *state;
	struct answer *answer;

	put_stats(rig);
	answer = get(rig);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char line[64];
		const char *at;

		(void)snprintf(line, sizeof(line), "\n%s ", names[i]);
		at = strstr(answer->body, line);
		if (at == NULL || at[strlen(line)] < '0' || at[strlen(line)] > '9')
			fail_msg("no %s in\n%s", names[i], answer->body);
	}
	assert_non_null(strstr(
	    answer->body, "taskq_build_info{version=\"" TASKQ_VERSION "\",libmicrohttpd=\"0."));
	answer_free(answer);
}

static void
test_it_is_answered_when_reads_fail_and_nothing_is_admitted(void **state)
{
	struct rig *rig = *state;
	struct answer *answer;

	put_stats(rig);
	fake_queue_fail_reads(rig->queue, STATUS_UNKNOWN);
	fake_queue_answer(rig->queue, STATUS_BUSY, REFUSAL_DRAINING, 5);
	http_server_drain(rig->server);
	answer = get(rig);
	assert_line(answer, "taskq_check_ok{check=\"shutdown\"} 0");
	answer_free(answer);
}

static void
assert_status(
    const struct rig *rig, const char *method, const char *path, const char *fields, int status)
{
	struct answer *answer = rig_ask(rig, method, path, fields, NULL);

	if (answer->status != status)
		fail_msg("%s %s %s: %d", method, path, fields, answer->status);
	if (status == 405)
		assert_field(answer, "Allow", "GET, HEAD, OPTIONS");
	if (strcmp(method, "HEAD") == 0)
		assert_int_equal(answer->size, 0);
	answer_free(answer);
}

static void
test_other_methods_parameters_hosts_and_media_types_are_refused(void **state)
{
	struct rig *rig = *state;

	put_stats(rig);
	assert_status(rig, "POST", "/metrics", "", 405);
	assert_status(rig, "DELETE", "/metrics", "", 405);
	assert_status(rig, "HEAD", "/metrics", "", 200);
	assert_status(rig, "OPTIONS", "/metrics", "", 204);
	assert_status(rig, "GET", "/metrics?name[]=up", "", 400);
	assert_status(rig, "GET", "/metrics?verbose", "", 400);
	assert_status(rig, "GET", "/metrics", "Accept: application/json\r\n", 406);
	assert_status(rig, "GET", "/metrics", "Accept: text/plain;q=0\r\n", 406);
	/* As Prometheus 2 and 3 ask. */
	assert_status(rig, "GET", "/metrics",
	    "Accept: application/openmetrics-text;version=1.0.0,"
	    "application/openmetrics-text;version=0.0.1;q=0.75,"
	    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1\r\nAccept-Encoding: gzip\r\n"
	    "X-Prometheus-Scrape-Timeout-Seconds: 10\r\n",
	    200);
	assert_status(rig, "GET", "/metrics",
	    "Accept: application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
	    "encoding=delimited;q=0.6,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.5,"
	    "text/plain;version=0.0.4;q=0.4,*/*;q=0.3\r\n",
	    200);
}

int
main(void)
{
#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		WITH_RIG(test_every_figure_of_the_queue_has_its_line),
		WITH_RIG(test_what_is_not_known_is_left_out),
		WITH_RIG(test_answers_are_told_by_pattern_and_never_by_path),
		cmocka_unit_test(test_connections_are_told),
		WITH_RIG(test_requests_without_an_answer_are_counted),
		WITH_RIG(test_the_process_goes_by_the_usual_names),
		WITH_RIG(test_it_is_answered_when_reads_fail_and_nothing_is_admitted),
		WITH_RIG(test_other_methods_parameters_hosts_and_media_types_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
