/* SPDX-License-Identifier: MIT */
/* The endpoints as clients see them, over loopback and a fake queue. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/service_clock.h"
#include "http_rig.h"

/* What the two health endpoints say ---------------------------------------------------------- */

static void
test_health_is_ok_and_readiness_follows_the_queue(void **state)
{
	struct rig *rig = *state;
	struct answer *answer;

	answer = rig_get(rig, "/healthz", 200);
	assert_string_equal(answer->body, "{\"status\":\"ok\"}\n");
	answer_free(answer);
	answer = rig_get(rig, "/readyz", 200);
	assert_string_equal(answer->body, "{\"status\":\"ready\"}\n");
	answer_free(answer);
	fake_queue_answer(rig->queue, STATUS_BUSY, REFUSAL_DISK_LOW, 9);
	answer = rig_get(rig, "/readyz", 503);
	assert_non_null(strstr(answer->body, "\"disk_low\""));
	answer_free(answer);
	answer_free(rig_get(rig, "/healthz", 200));
	fake_queue_fail_reads(rig->queue, STATUS_IO);
	answer_free(rig_get(rig, "/healthz", 200));
}

static void
test_every_answer_has_the_fields_of_every_answer(void **state)
{
	static const char *const paths[] = { "/healthz", "/nothing", "/tasks/" DONE,
		"/tasks/" DONE "/result", "/tasks/" QUEUED, "/healthz?x" };
	struct rig *rig = *state;

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		struct answer *answer = rig_ask(rig, "GET", paths[i], "", NULL);
		char id[100];

		assert_field(answer, "X-Content-Type-Options", "nosniff");
		assert_field(answer, "Cache-Control", "no-store");
		assert_non_null(answer_field(answer, "X-Request-Id", id, sizeof(id)));
		assert_int_equal(strlen(id), 16);
		assert_no_field(answer, "Server");
		assert_no_field(answer, "Connection");
		answer_free(answer);
	}
}

static void
test_a_decent_request_id_comes_back_and_others_are_replaced(void **state)
{
	static const char id64[] =
	    "0123456789012345678901234567890123456789012345678901234567890-_z";
	struct rig *rig = *state;
	char fields[200], value[100];
	struct answer *answer;

	snprintf(fields, sizeof(fields), "X-Request-Id: %s\r\n", id64);
	answer = rig_ask(rig, "GET", "/healthz", fields, NULL);
	assert_field(answer, "X-Request-Id", id64);
	answer_free(answer);
	snprintf(fields, sizeof(fields), "X-Request-Id: %s5\r\n", id64);
	answer = rig_ask(rig, "GET", "/healthz", fields, NULL);
	assert_int_equal(strlen(answer_field(answer, "X-Request-Id", value, sizeof(value))), 16);
	answer_free(answer);
	answer = rig_ask(rig, "GET", "/healthz", "X-Request-Id: a b\r\n", NULL);
	assert_int_equal(strlen(answer_field(answer, "X-Request-Id", value, sizeof(value))), 16);
	answer_free(answer);
}

/* Reads --------------------------------------------------------------------------------------- */

static void
test_status_answer_member_by_member(void **state)
{
	struct rig *rig = *state;
	struct answer *answer = rig_get(rig, "/tasks/submissions/" DONE, 200);

	assert_string_equal(answer->body,
	    "{\"id\":\"" DONE "\",\"status\":\"SUCCEEDED\",\"type\":\"factorial\","
	    "\"created_at\":\"2026-01-02T03:04:05.678Z\",\"started_at\":\"2026-01-02T03:04:05.679Z\","
	    "\"finished_at\":\"2026-01-02T03:04:05.680Z\",\"attempts\":1,\"progress\":1}\n");
	assert_field(answer, "Content-Type", "application/json");
	answer_free(answer);
	answer = rig_get(rig, "/tasks/submissions/" QUEUED, 200);
	assert_non_null(strstr(answer->body, "\"status\":\"QUEUED\""));
	assert_non_null(strstr(answer->body, "\"started_at\":null,\"finished_at\":null"));
	assert_null(strstr(answer->body, "progress"));
	answer_free(answer);
	answer = rig_get(rig, "/tasks/submissions/" FAILED, 200);
	assert_null(strstr(answer->body, "progress"));
	answer_free(answer);
}

static void
test_the_status_of_a_running_task_has_its_progress_where_it_is_known(void **state)
{
	static const struct {
		int progress;
		const char *shown;
	} cases[] = { { QUEUE_PROGRESS_UNKNOWN, "\"attempts\":1}\n" },
		{ 0, "\"attempts\":1,\"progress\":0}\n" },
		{ 1, "\"attempts\":1,\"progress\":0.001}\n" },
		{ 120, "\"attempts\":1,\"progress\":0.12}\n" },
		{ 999, "\"attempts\":1,\"progress\":0.999}\n" },
		{ QUEUE_PROGRESS_WHOLE, "\"attempts\":1,\"progress\":1}\n" } };
	struct rig *rig = *state;

	fake_queue_change(rig->queue, QUEUED, TASK_RUNNING, 1);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct answer *answer;

		fake_queue_progress(rig->queue, QUEUED, cases[i].progress);
		answer = rig_get(rig, "/tasks/submissions/" QUEUED, 200);
		assert_non_null(strstr(answer->body, cases[i].shown));
		answer_free(answer);
	}
}

static void
test_results_in_each_form(void **state)
{
	struct rig *rig = *state;
	struct answer *answer;

	answer = rig_get(rig, "/tasks/" DONE, 200);
	assert_string_equal(answer->body,
	    "{\"id\":\"" DONE
	    "\",\"status\":\"SUCCEEDED\",\"type\":\"factorial\",\"result\":120}\n");
	answer_free(answer);
	answer = rig_get(rig, "/tasks/" TEXT, 200);
	assert_string_equal(answer->body,
	    "{\"id\":\"" TEXT "\",\"status\":\"SUCCEEDED\",\"type\":\"http-fetch\","
	    "\"result\":\"<p>\\\"x\\\"\\n\\u0000</p>\",\"response\":{\"status\":200}}\n");
	answer_free(answer);
	answer = rig_get(rig, "/tasks/" BINARY, 200);
	assert_non_null(strstr(
	    answer->body, "\"result\":\"//4Aeg==\",\"result_encoding\":\"base64\",\"response\":"));
	answer_free(answer);
	answer = rig_get(rig, "/tasks/" ODD, 200);
	assert_non_null(strstr(answer->body, "\"result\":\"\""));
	answer_free(answer);
}

static void
test_a_failure_has_the_five_members_and_the_code(void **state)
{
	struct rig *rig = *state;
	struct answer *answer = rig_get(rig, "/tasks/" FAILED, 200);

	assert_non_null(strstr(answer->body,
	    "\"status\":\"FAILED\",\"type\":\"http-fetch\",\"result\":{\"cause\":null,"
	    "\"stackTrace\":[],\"message\":\"Connection refused\",\"suppressed\":[],"
	    "\"localizedMessage\":\"Connection refused\",\"code\":\"connect\"},\"response\":"));
	answer_free(answer);
	answer = rig_get(rig, "/tasks/" REJECTED, 200);
	assert_non_null(strstr(answer->body, "\"status\":\"REJECTED\""));
	assert_non_null(strstr(answer->body, "\"stackTrace\":[]"));
	answer_free(answer);
}

static void
test_a_task_that_has_not_ended_is_400_and_an_unknown_one_404(void **state)
{
	static const char *const paths[] = { "/tasks/" QUEUED, "/tasks/" QUEUED "/result" };
	static const char *const unknown[] = { "/tasks/" FAKE_QUEUE_ID(9),
		"/tasks/submissions/" FAKE_QUEUE_ID(9), "/tasks/" FAKE_QUEUE_ID(9) "/result",
		"/tasks/x" };
	struct rig *rig = *state;

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		struct answer *answer = rig_get(rig, paths[i], 400);

		assert_field(answer, "Content-Type", "application/problem+json");
		assert_field(answer, "Retry-After", "1");
		answer_free(answer);
	}
	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++)
		answer_free(rig_get(rig, unknown[i], 404));
}

static void
test_a_store_that_fails_is_500_and_a_busy_one_503(void **state)
{
	struct rig *rig = *state;
	struct answer *answer;

	fake_queue_fail_reads(rig->queue, STATUS_BUSY);
	answer = rig_get(rig, "/tasks/" DONE, 503);
	assert_field(answer, "Retry-After", "1");
	answer_free(answer);
	fake_queue_fail_reads(rig->queue, STATUS_IO);
	answer = rig_get(rig, "/tasks/submissions/" DONE, 500);
	assert_null(strstr(answer->body, "as the test says"));
	answer_free(answer);
}

static void
test_a_large_result_is_streamed_whole(void **state)
{
	struct rig *rig = *state;
	struct answer *answer = rig_get(rig, "/tasks/" LARGE, 200);
	json_t *body = json_loadb(answer->body, answer->size, 0, NULL);
	const json_t *result = json_object_get(body, "result");

	assert_field(answer, "Transfer-Encoding", "chunked");
	assert_int_equal(json_string_length(result), LARGE_BYTES);
	assert_memory_equal(json_string_value(result), rig->large, LARGE_BYTES);
	json_decref(body);
	answer_free(answer);
}

/* The raw content ------------------------------------------------------------------------------ */

static void
test_raw_content_comes_so_that_no_browser_runs_it(void **state)
{
	struct rig *rig = *state;
	struct answer *answer = rig_get(rig, "/tasks/" TEXT "/result", 200);

	assert_int_equal(answer->size, 12);
	assert_memory_equal(answer->body, "<p>\"x\"\n\0</p>", 12);
	assert_field(answer, "Content-Type", "text/html");
	assert_field(answer, "ETag", "\"" TEXT "\"");
	assert_field(answer, "Accept-Ranges", "bytes");
	assert_field(answer, "Content-Disposition", "attachment; filename=\"" TEXT "\"");
	assert_field(answer, "Content-Security-Policy", "default-src 'none'; sandbox");
	answer_free(answer);
	answer = rig_get(rig, "/tasks/" LARGE "/result", 200);
	assert_int_equal(answer->size, LARGE_BYTES);
	assert_memory_equal(answer->body, rig->large, LARGE_BYTES);
	answer_free(answer);
	answer_free(rig_get(rig, "/tasks/" FAILED "/result", 404));
}

static void
test_a_media_type_that_cannot_stand_in_a_header_becomes_octet_stream(void **state)
{
	struct rig *rig = *state;
	struct answer *answer = rig_get(rig, "/tasks/" ODD "/result", 200);

	assert_field(answer, "Content-Type", "application/octet-stream");
	assert_int_equal(answer->size, 0);
	answer_free(answer);
}

static void
assert_raw(const struct rig *rig, const char *method, const char *id, const char *fields,
    int status, const char *range, const char *body)
{
	char path[100];
	struct answer *answer;

	snprintf(path, sizeof(path), "/tasks/%s/result", id);
	answer = rig_ask(rig, method, path, fields, NULL);
	assert_int_equal(answer->status, status);
	if (range != NULL)
		assert_field(answer, "Content-Range", range);
	else
		assert_no_field(answer, "Content-Range");
	if (body != NULL) {
		assert_int_equal(answer->size, strlen(body));
		assert_memory_equal(answer->body, body, answer->size);
	}
	answer_free(answer);
}

static void
test_ranges_and_conditions_of_raw_content(void **state)
{
	struct rig *rig = *state;
	char piece[101] = "";

	memcpy(piece, rig->large + 123456, 100);
	assert_raw(rig, "GET", DONE, "Range: bytes=1-1\r\n", 206, "bytes 1-1/3", "2");
	assert_raw(rig, "GET", DONE, "Range: bytes=-2\r\n", 206, "bytes 1-2/3", "20");
	assert_raw(rig, "GET", DONE, "Range: bytes=0-0,2-2\r\n", 200, NULL, "120");
	assert_raw(rig, "GET", DONE, "Range: bytes=3-\r\n", 416, "bytes */3", NULL);
	assert_raw(rig, "GET", ODD, "Range: bytes=0-\r\n", 416, "bytes */0", NULL);
	assert_raw(rig, "HEAD", DONE, "Range: bytes=1-1\r\n", 200, NULL, "");
	assert_raw(rig, "GET", LARGE, "Range: bytes=123456-123555\r\n", 206,
	    "bytes 123456-123555/300000", piece);
	assert_raw(rig, "GET", DONE, "Range: bytes=1-1\r\nIf-Range: \"" DONE "\"\r\n", 206,
	    "bytes 1-1/3", "2");
	assert_raw(
	    rig, "GET", DONE, "Range: bytes=1-1\r\nIf-Range: \"other\"\r\n", 200, NULL, "120");
	assert_raw(rig, "GET", DONE, "If-None-Match: \"x\", W/\"" DONE "\"\r\n", 304, NULL, "");
	assert_raw(rig, "GET", DONE, "If-None-Match: \"x\"\r\n", 200, NULL, "120");
	assert_raw(rig, "GET", DONE, "Accept: image/*\r\n", 406, NULL, NULL);
	assert_raw(rig, "GET", DONE, "Accept: text/*\r\n", 200, NULL, "120");
}

static void
test_head_has_the_fields_of_get_and_no_body(void **state)
{
	static const char *const paths[] = { "/healthz", "/tasks/" DONE, "/tasks/" TEXT "/result",
		"/tasks/" LARGE "/result", "/tasks/submissions/" DONE };
	struct rig *rig = *state;
	int fd = rig_dial(rig);

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		struct answer *answer = rig_get(rig, paths[i], 200);
		struct answer *head = client_ask(fd, "HEAD", paths[i], "", NULL);
		char length[32];

		snprintf(length, sizeof(length), "%zu", answer->size);
		assert_field(head, "Content-Length", length);
		answer_free(head);
		answer_free(answer);
	}
	close(fd);
}

/* Submissions ---------------------------------------------------------------------------------- */

static void
test_a_submission_is_202_with_its_location(void **state)
{
	struct rig *rig = *state;
	struct answer *answer = rig_submit(rig, SUBMISSION);

	assert_int_equal(answer->status, 202);
	assert_string_equal(answer->body, "{\"id\":\"" FAKE_QUEUE_ID(0) "\"}\n");
	assert_field(answer, "Location", "/tasks/submissions/" FAKE_QUEUE_ID(0));
	assert_int_equal(fake_queue_submitted(rig->queue), 1);
	answer_free(answer);
}

static void
test_the_queue_gets_the_terms_of_a_submission(void **state)
{
	struct rig *rig = *state;
	int64_t before_ms = service_clock_ms();
	struct task_terms terms;

	answer_free(rig_submit(rig, SUBMISSION));
	terms = fake_queue_last_terms(rig->queue);
	assert_int_equal(terms.priority, TASK_PRIORITY_DEFAULT);
	assert_int_equal(terms.run_at_ms, 0);
	assert_int_equal(terms.backoff_ms, queue_default_terms(rig->queue)->backoff_ms);
	answer_free(rig_submit(rig,
	    "{\"type\":\"factorial\",\"args\":{\"n\":\"5\"},\"priority\":2,\"delay_ms\":60000}"));
	terms = fake_queue_last_terms(rig->queue);
	assert_int_equal(fake_queue_submitted(rig->queue), 2);
	assert_int_equal(terms.priority, 2);
	assert_in_range(terms.run_at_ms, before_ms + 60000, service_clock_ms() + 60000);
	assert_int_equal(terms.max_attempts, queue_default_terms(rig->queue)->max_attempts);
}

static void
test_bad_submissions_are_400_and_reach_nobody(void **state)
{
	static const char *const bodies[] = { "", "{", "[]", "{}", "{\"type\":\"x\",\"args\":{}}",
		SUBMISSION SUBMISSION,
		"{\"type\":\"factorial\",\"args\":{\"n\":\"5\"},\"priority\":10}" };
	struct rig *rig = *state;

	for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
		struct answer *answer = rig_submit(rig, bodies[i]);

		assert_int_equal(answer->status, 400);
		assert_non_null(strstr(answer->body, "\"errors\":[{\"pointer\":"));
		answer_free(answer);
	}
	assert_int_equal(fake_queue_submitted(rig->queue), 0);
}

static struct answer *
submit_batch(const struct rig *rig, const char *body)
{
	return rig_ask(
	    rig, "POST", "/tasks/submissions/batch", "Content-Type: application/json\r\n", body);
}

#define BATCH "{\"tasks\":[" SUBMISSION "," SUBMISSION "]}"

static void
test_a_batch_is_202_with_all_ids(void **state)
{
	struct rig *rig = *state;
	struct answer *answer = submit_batch(rig, "{\"tasks\":[" SUBMISSION "]}");

	assert_int_equal(answer->status, 202);
	assert_string_equal(answer->body, "{\"ids\":[\"" FAKE_QUEUE_ID(0) "\"]}\n");
	assert_int_equal(fake_queue_submitted(rig->queue), 1);
	answer_free(answer);
	answer = submit_batch(rig, BATCH);
	assert_int_equal(answer->status, 202);
	assert_string_equal(
	    answer->body, "{\"ids\":[\"" FAKE_QUEUE_ID(0) "\",\"" FAKE_QUEUE_ID(1) "\"]}\n");
	assert_field(answer, "Content-Type", "application/json");
	assert_no_field(answer, "Location");
	assert_int_equal(fake_queue_submitted(rig->queue), 3);
	answer_free(answer);
}

static void
test_the_queue_gets_the_terms_of_each_of_a_batch(void **state)
{
	struct rig *rig = *state;

	answer_free(submit_batch(rig, BATCH));
	assert_int_equal(fake_queue_last_terms(rig->queue).priority, TASK_PRIORITY_DEFAULT);
	answer_free(
	    submit_batch(rig, "{\"tasks\":[" SUBMISSION
			      ",{\"type\":\"factorial\",\"args\":{\"n\":\"5\"},\"priority\":8}]}"));
	assert_int_equal(fake_queue_submitted(rig->queue), 4);
	assert_int_equal(fake_queue_last_terms(rig->queue).priority, 8);
}

static void
test_bad_batches_are_400_and_reach_nobody(void **state)
{
	static const struct {
		const char *body, *pointer;
	} cases[] = {
		{ "", "" },
		{ "[" SUBMISSION "]", "" },
		{ SUBMISSION, "/tasks" },
		{ "{\"tasks\":[]}", "/tasks" },
		{ "{\"tasks\":[" SUBMISSION "],\"tasks\":[]}", "/tasks" },
		{ "{\"tasks\":[" SUBMISSION ",{}]}", "/tasks/1/args" },
		{ "{\"tasks\":[" SUBMISSION "," SUBMISSION "x]}", "/tasks/1" },
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct answer *answer = submit_batch(rig, cases[i].body);
		char expected[64];

		snprintf(expected, sizeof(expected), "{\"pointer\":\"%s\",", cases[i].pointer);
		assert_int_equal(answer->status, 400);
		if (strstr(answer->body, expected) == NULL)
			fail_msg("%s: %s", cases[i].body, answer->body);
		answer_free(answer);
	}
	assert_int_equal(fake_queue_submitted(rig->queue), 0);
}

/* A submission, or a batch of two. */
static struct answer *
submit_either(const struct rig *rig, bool is_batch)
{
	return is_batch ? submit_batch(rig, BATCH) : rig_submit(rig, SUBMISSION);
}

static void
test_each_refusal_is_503_with_its_own_type_and_retry_after(void **state)
{
	static const struct {
		enum refusal refusal;
		const char *type;
	} cases[] = {
		{ REFUSAL_QUEUE_FULL, "/problems/queue-full" },
		{ REFUSAL_WAIT_TOO_LONG, "/problems/wait-too-long" },
		{ REFUSAL_HOST_FULL, "/problems/host-full" },
		{ REFUSAL_SCHEDULE_FULL, "/problems/schedule-full" },
		{ REFUSAL_DISK_LOW, "/problems/disk-low" },
		{ REFUSAL_DRAINING, "/problems/draining" },
		{ REFUSAL_STORE_BUSY, "/problems/store-busy" },
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < 2 * ARRAY_SIZE(cases); i++) {
		size_t n = i / 2;
		struct answer *answer;

		fake_queue_answer(rig->queue, STATUS_BUSY, cases[n].refusal, 42);
		answer = submit_either(rig, i % 2 == 1);
		assert_int_equal(answer->status, 503);
		assert_field(answer, "Retry-After", "42");
		assert_non_null(strstr(answer->body, cases[n].type));
		answer_free(answer);
	}
}

static void
test_what_could_never_be_accepted_is_400_with_its_place(void **state)
{
	static const char *const pointers[] = { "{\"pointer\":\"\",", "{\"pointer\":\"/tasks\"," };
	struct rig *rig = *state;

	fake_queue_answer(rig->queue, STATUS_INVALID, REFUSAL_NONE, 0);
	for (int is_batch = 0; is_batch < 2; is_batch++) {
		struct answer *answer = submit_either(rig, is_batch);
		char value[16];

		assert_int_equal(answer->status, 400);
		assert_null(answer_field(answer, "Retry-After", value, sizeof(value)));
		assert_non_null(strstr(answer->body, "/problems/invalid-submission"));
		assert_non_null(strstr(answer->body, pointers[is_batch]));
		answer_free(answer);
	}
}

static void
test_an_unknown_outcome_is_no_answer_and_a_failure_is_500(void **state)
{
	struct rig *rig = *state;
	struct answer *answer;

	for (int is_batch = 0; is_batch < 2; is_batch++) {
		fake_queue_answer(rig->queue, STATUS_UNKNOWN, REFUSAL_NONE, 0);
		assert_null(submit_either(rig, is_batch));
		fake_queue_answer(rig->queue, STATUS_IO, REFUSAL_NONE, 0);
		answer = submit_either(rig, is_batch);
		assert_int_equal(answer->status, 500);
		answer_free(answer);
	}
}

int
main(void)
{
#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		WITH_RIG(test_health_is_ok_and_readiness_follows_the_queue),
		WITH_RIG(test_every_answer_has_the_fields_of_every_answer),
		WITH_RIG(test_a_decent_request_id_comes_back_and_others_are_replaced),
		WITH_RIG(test_status_answer_member_by_member),
		WITH_RIG(test_the_status_of_a_running_task_has_its_progress_where_it_is_known),
		WITH_RIG(test_results_in_each_form),
		WITH_RIG(test_a_failure_has_the_five_members_and_the_code),
		WITH_RIG(test_a_task_that_has_not_ended_is_400_and_an_unknown_one_404),
		WITH_RIG(test_a_store_that_fails_is_500_and_a_busy_one_503),
		WITH_RIG(test_a_large_result_is_streamed_whole),
		WITH_RIG(test_raw_content_comes_so_that_no_browser_runs_it),
		WITH_RIG(test_a_media_type_that_cannot_stand_in_a_header_becomes_octet_stream),
		WITH_RIG(test_ranges_and_conditions_of_raw_content),
		WITH_RIG(test_head_has_the_fields_of_get_and_no_body),
		WITH_RIG(test_a_submission_is_202_with_its_location),
		WITH_RIG(test_the_queue_gets_the_terms_of_a_submission),
		WITH_RIG(test_bad_submissions_are_400_and_reach_nobody),
		WITH_RIG(test_a_batch_is_202_with_all_ids),
		WITH_RIG(test_the_queue_gets_the_terms_of_each_of_a_batch),
		WITH_RIG(test_bad_batches_are_400_and_reach_nobody),
		WITH_RIG(test_each_refusal_is_503_with_its_own_type_and_retry_after),
		WITH_RIG(test_what_could_never_be_accepted_is_400_with_its_place),
		WITH_RIG(test_an_unknown_outcome_is_no_answer_and_a_failure_is_500),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
