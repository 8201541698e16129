/* SPDX-License-Identifier: MIT */
/*
 * POST /tasks/{id}/retry as clients see it, over loopback and a fake queue: which tasks may be run
 * again, as what, and which requests may ask for it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "http_rig.h"

#define OLD   FAKE_QUEUE_ID(5)
#define OTHER FAKE_QUEUE_ID(6)
#define NEW   FAKE_QUEUE_ID(0)
#define PATH  "/tasks/" OLD "/retry"
#define JSON  "Content-Type: application/json\r\n"

/* What the old task was, unless a test says otherwise. */
static struct store_submission
usual(void)
{
	static char args[] = "{\"n\":\"5\"}";

	return (struct store_submission){
		.type = "factorial",
		.state = TASK_FAILED,
		.terms = { .priority = 2,
		    .timeout_ms = 700,
		    .max_attempts = 7,
		    .backoff_ms = 10,
		    .max_backoff_ms = 20 },
		.args = args,
	};
}

static void
put(const struct rig *rig, struct store_submission old)
{
	fake_queue_put_submission(rig->queue, OLD, &old);
}

/* Asks for a retry, and expects a status and, in the body, a text. */
static void
ask(const struct rig *rig, const char *fields, const char *body, int status, const char *text)
{
	struct answer *answer = rig_ask(rig, "POST", PATH, fields, body);

	if (answer->status != status || strstr(answer->body, text) == NULL)
		fail_msg("[%s][%s]: %d %s", fields, body == NULL ? "" : body, answer->status,
		    answer->body);
	answer_free(answer);
}

static void
assert_terms_equal(const struct task_terms *found, const struct task_terms *expected)
{
	assert_int_equal(found->priority, expected->priority);
	assert_int_equal(found->run_at_ms, expected->run_at_ms);
	assert_int_equal(found->expires_at_ms, expected->expires_at_ms);
	assert_int_equal(found->timeout_ms, expected->timeout_ms);
	assert_int_equal(found->max_attempts, expected->max_attempts);
	assert_int_equal(found->backoff_ms, expected->backoff_ms);
	assert_int_equal(found->max_backoff_ms, expected->max_backoff_ms);
}

static void
test_a_task_that_failed_or_was_rejected_is_run_again_as_it_was(void **state)
{
	static const enum task_state states[] = { TASK_FAILED, TASK_REJECTED };

	static const char *const bodies[] = { NULL, "", "{}", " {\t}\r\n" };
	struct rig *rig = *state;
	unsigned accepted = 0;

	for (size_t i = 0; i < ARRAY_SIZE(states) * ARRAY_SIZE(bodies); i++) {
		struct store_submission old = usual();
		struct fake_queue_task task;
		struct task_terms terms;
		struct answer *answer;

		old.state = states[i % ARRAY_SIZE(states)];
		put(rig, old);
		answer = rig_ask(rig, "POST", PATH, JSON, bodies[i / ARRAY_SIZE(states)]);
		assert_int_equal(answer->status, 202);
		assert_string_equal(answer->body, "{\"id\":\"" NEW "\"}\n");
		assert_field(answer, "Location", "/tasks/submissions/" NEW);
		assert_no_field(answer, "Idempotency-Replayed");
		answer_free(answer);
		assert_int_equal(fake_queue_submitted(rig->queue), ++accepted);
		task = fake_queue_last_task(rig->queue);
		assert_string_equal(task.type, "factorial");
		assert_string_equal(task.args, "{\"n\":\"5\"}");
		assert_string_equal(task.retry_of, OLD);
		terms = fake_queue_last_terms(rig->queue);
		assert_terms_equal(&terms, &old.terms);
	}
}

static void
test_what_is_not_a_retry_names_no_other_task(void **state)
{
	struct rig *rig = *state;

	put(rig, usual());
	ask(rig, JSON, NULL, 202, NEW);
	answer_free(rig_submit(rig, SUBMISSION));
	assert_int_equal(fake_queue_submitted(rig->queue), 2);
	assert_string_equal(fake_queue_last_task(rig->queue).retry_of, "");
}

static void
test_times_that_have_passed_are_dropped_and_those_ahead_hold(void **state)
{
	struct rig *rig = *state;
	int64_t now_ms = clock_wall_ms();
	struct store_submission old = usual();
	struct task_terms terms;

	old.terms.run_at_ms = now_ms - 5000;
	old.terms.expires_at_ms = now_ms - 1;
	put(rig, old);
	ask(rig, JSON, NULL, 202, NEW);
	terms = fake_queue_last_terms(rig->queue);
	assert_int_equal(terms.run_at_ms, 0);
	assert_int_equal(terms.expires_at_ms, 0);
	old.terms.expires_at_ms = now_ms + 1000000;
	put(rig, old);
	ask(rig, JSON, NULL, 202, NEW);
	terms = fake_queue_last_terms(rig->queue);
	assert_int_equal(terms.run_at_ms, 0);
	assert_int_equal(terms.expires_at_ms, now_ms + 1000000);
	old.terms.run_at_ms = now_ms + 500000;
	put(rig, old);
	ask(rig, JSON, NULL, 202, NEW);
	terms = fake_queue_last_terms(rig->queue);
	assert_int_equal(terms.run_at_ms, now_ms + 500000);
	assert_int_equal(terms.expires_at_ms, now_ms + 1000000);
	assert_int_equal(terms.priority, 2);
	assert_int_equal(terms.max_attempts, 7);
}

static void
test_any_other_task_cannot_be_run_again(void **state)
{
	static const enum task_state states[] = { TASK_QUEUED, TASK_RUNNING, TASK_SUCCEEDED };
	struct rig *rig = *state;

	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		struct store_submission old = usual();
		char word[32];

		old.state = states[i];
		put(rig, old);
		(void)snprintf(word, sizeof(word), "is %s.", task_state_name(states[i]));
		ask(rig, JSON, NULL, 409, "\"/problems/not-retriable\"");
		ask(rig, JSON, "{}", 409, word);
	}
	assert_int_equal(fake_queue_submitted(rig->queue), 0);
}

static void
test_a_task_that_there_is_not(void **state)
{
	struct rig *rig = *state;
	struct answer *answer;

	ask(rig, JSON, NULL, 404, "\"/problems/no-such-task\"");
	answer = rig_ask(rig, "POST", "/tasks/nonsense/retry", JSON, NULL);
	assert_int_equal(answer->status, 404);
	assert_non_null(strstr(answer->body, "about:blank"));
	answer_free(answer);
	fake_queue_fail_reads(rig->queue, STATUS_BUSY);
	ask(rig, JSON, NULL, 503, "\"/problems/store-busy\"");
	fake_queue_fail_reads(rig->queue, STATUS_IO);
	ask(rig, JSON, NULL, 500, "Internal Server Error");
	assert_int_equal(fake_queue_submitted(rig->queue), 0);
}

/* What a page of another origin can make a browser send without asking first. */
static void
test_a_request_that_is_not_declared_as_json_does_nothing(void **state)
{
	static const char *const fields[] = { "", "Content-Type: text/plain\r\n",
		"Content-Type: application/x-www-form-urlencoded\r\n",
		"Content-Type: multipart/form-data; boundary=b\r\n", "Content-Type: \r\n",
		"Content-Type: application/json;charset=latin1\r\n",
		"Content-Type: text/plain, application/json\r\n", JSON JSON };
	static const char *const bodies[] = { NULL, "", "{}" };
	struct rig *rig = *state;

	put(rig, usual());
	for (size_t i = 0; i < ARRAY_SIZE(fields) * ARRAY_SIZE(bodies); i++)
		ask(rig, fields[i / ARRAY_SIZE(bodies)], bodies[i % ARRAY_SIZE(bodies)], 415,
		    "Unsupported Media Type");
	assert_int_equal(fake_queue_submitted(rig->queue), 0);
	ask(rig, "Content-Type: application/json; charset=utf-8\r\n", NULL, 202, NEW);
}

static void
test_a_body_says_nothing_or_is_refused(void **state)
{
	static const struct {
		const char *body;
		const char *text;
	} cases[] = {
		{ "{\"priority\":1}", "\"pointer\":\"/priority\"" },
		{ "{\"type\":\"factorial\",\"args\":{}}", "\"pointer\":\"/args\"" },
		{ "[]", "\"pointer\":\"\"" },
		{ "null", "/problems/invalid-json" },
		{ " ", "/problems/invalid-json" },
		{ "{", "/problems/invalid-json" },
		{ "{}{}", "/problems/invalid-json" },
		{ "{\"a\":1,\"a\":1}", "/problems/invalid-json" },
		{ "{\"a\":\"\xff\"}", "/problems/invalid-json" },
	};
	struct rig *rig = *state;

	put(rig, usual());
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		ask(rig, JSON, cases[i].body, 400, cases[i].text);
	assert_int_equal(fake_queue_submitted(rig->queue), 0);
}

/* The rig's queue takes n up to 100,000. */
static void
test_what_would_not_be_accepted_today_is_not_run_again(void **state)
{
	static char at[] = "{\"n\":\"100000\"}", beyond[] = "{\"n\":\"100001\"}",
		    many[] = "{\"n\":\"x\",\"m\":1}", url[] = "{\"url\":\"ftp://a/\"}",
		    no_json[] = "{\"n\":";

	static const struct {
		const char *type;
		char *args;
		int status;
		const char *texts[3];
	} cases[] = {
		{ "factorial", at, 202, { NEW, "", "" } },
		{ "factorial", beyond, 409,
		    { "\"/problems/limits-changed\"", "\"pointer\":\"/args/n\"", "100000" } },
		{ "factorial", many, 409,
		    { "\"pointer\":\"/args/n\"", "\"pointer\":\"/args/m\"", "" } },
		{ "http-fetch", url, 409, { "\"pointer\":\"/args/url\"", "", "" } },
		{ "gone", at, 409, { "\"pointer\":\"/type\"", "", "" } },
		/* Which the service itself has written. */
		{ "factorial", no_json, 500, { "Internal Server Error", "", "" } },
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct store_submission old = usual();

		(void)snprintf(old.type, sizeof(old.type), "%s", cases[i].type);
		old.args = cases[i].args;
		put(rig, old);
		for (size_t j = 0; j < ARRAY_SIZE(cases[i].texts); j++)
			ask(rig, JSON, NULL, cases[i].status, cases[i].texts[j]);
	}
	assert_int_equal(fake_queue_submitted(rig->queue), 3);
}

static void
test_it_is_refused_for_load_as_a_submission_is(void **state)
{
	static const struct {
		enum refusal refusal;
		const char *type;
	} cases[] = {
		{ REFUSAL_QUEUE_FULL, "/problems/queue-full" },
		{ REFUSAL_SCHEDULE_FULL, "/problems/schedule-full" },
		{ REFUSAL_DISK_LOW, "/problems/disk-low" },
		{ REFUSAL_DRAINING, "/problems/draining" },
		{ REFUSAL_STORE_BUSY, "/problems/store-busy" },
	};
	struct rig *rig = *state;
	struct answer *answer;

	put(rig, usual());
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		fake_queue_answer(rig->queue, STATUS_BUSY, cases[i].refusal, 17);
		answer = rig_ask(rig, "POST", PATH, JSON, NULL);
		assert_int_equal(answer->status, 503);
		assert_non_null(strstr(answer->body, cases[i].type));
		assert_field(answer, "Retry-After", "17");
		answer_free(answer);
	}
	fake_queue_answer(rig->queue, STATUS_IO, REFUSAL_NONE, 0);
	ask(rig, JSON, NULL, 500, "Internal Server Error");
	/* Where nobody knows, there is no answer. */
	fake_queue_answer(rig->queue, STATUS_UNKNOWN, REFUSAL_NONE, 0);
	assert_null(rig_ask(rig, "POST", PATH, JSON, NULL));
}

static struct idempotency
key_of(const struct rig *rig, const char *path, const char *body)
{
	struct answer *answer = rig_ask(rig, "POST", path, JSON "Idempotency-Key: k\r\n", body);

	assert_int_equal(answer->status, 202);
	answer_free(answer);
	return fake_queue_last_key(rig->queue);
}

static void
test_a_key_stands_for_one_task_and_one_body(void **state)
{
	struct rig *rig = *state;
	struct store_submission old = usual();
	struct idempotency first, again;

	put(rig, old);
	first = key_of(rig, PATH, NULL);
	assert_string_equal(first.key, "k");
	again = key_of(rig, PATH, NULL);
	assert_memory_equal(first.fingerprint, again.fingerprint, sizeof(first.fingerprint));
	/* However the id is spelt. */
	again = key_of(rig, "/tasks/018F0000-0000-7000-8000-000000000005/retry", NULL);
	assert_memory_equal(first.fingerprint, again.fingerprint, sizeof(first.fingerprint));
	again = key_of(rig, PATH, "{}");
	assert_memory_not_equal(first.fingerprint, again.fingerprint, sizeof(first.fingerprint));
	fake_queue_put_submission(rig->queue, OTHER, &old);
	again = key_of(rig, "/tasks/" OTHER "/retry", NULL);
	assert_memory_not_equal(first.fingerprint, again.fingerprint, sizeof(first.fingerprint));
}

/* The id of a request before it on the same connection has no part in it. */
static void
test_the_key_of_a_submission_does_not_depend_on_earlier_requests(void **state)
{
	static const char fields[] = JSON "Idempotency-Key: k\r\n";
	struct rig *rig = *state;
	struct idempotency first;
	struct idempotency again;
	int fd = rig_dial(rig);

	answer_free(client_ask(fd, "POST", "/tasks/submissions", fields, SUBMISSION));
	first = fake_queue_last_key(rig->queue);
	answer_free(client_ask(fd, "GET", "/tasks/submissions/" OTHER, "", NULL));
	answer_free(client_ask(fd, "POST", "/tasks/submissions", fields, SUBMISSION));
	again = fake_queue_last_key(rig->queue);
	assert_memory_equal(first.fingerprint, again.fingerprint, sizeof(first.fingerprint));
	(void)close(fd);
}

static void
test_what_comes_again_is_answered_again_whatever_has_become_of_the_old_task(void **state)
{
	struct rig *rig = *state;
	struct answer *answer;

	/* There is no such task, and nothing else would be admitted. */
	fake_queue_answer(rig->queue, STATUS_BUSY, REFUSAL_DRAINING, 1);
	fake_queue_answer_key(rig->queue, IDEMPOTENCY_REPLAYED, IDEMPOTENCY_FRESH, 1);
	answer = rig_ask(rig, "POST", PATH, JSON "Idempotency-Key: k\r\n", "{}");
	assert_int_equal(answer->status, 202);
	assert_string_equal(answer->body, "{\"id\":\"" NEW "\"}\n");
	assert_field(answer, "Location", "/tasks/submissions/" NEW);
	assert_field(answer, "Idempotency-Replayed", "true");
	answer_free(answer);
	fake_queue_answer_key(rig->queue, IDEMPOTENCY_MISMATCH, IDEMPOTENCY_FRESH, 0);
	ask(rig, JSON "Idempotency-Key: k\r\n", NULL, 422, "/problems/idempotency-mismatch");
	ask(rig, JSON "Idempotency-Key: \"\r\n", NULL, 400, "/problems/invalid-field");
	/* And where another was faster by a moment. */
	put(rig, usual());
	fake_queue_answer(rig->queue, STATUS_OK, REFUSAL_NONE, 0);
	fake_queue_answer_key(rig->queue, IDEMPOTENCY_FRESH, IDEMPOTENCY_REPLAYED, 1);
	answer = rig_ask(rig, "POST", PATH, JSON "Idempotency-Key: k\r\n", NULL);
	assert_int_equal(answer->status, 202);
	assert_field(answer, "Idempotency-Replayed", "true");
	answer_free(answer);
	assert_int_equal(fake_queue_submitted(rig->queue), 0);
}

static void
test_the_path_takes_post_alone(void **state)
{
	static const char *const methods[] = { "GET", "HEAD", "PUT", "DELETE", "PATCH" };
	struct rig *rig = *state;
	struct answer *answer;

	for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
		answer = rig_ask(rig, methods[i], PATH, "", NULL);
		assert_int_equal(answer->status, 405);
		assert_field(answer, "Allow", "POST, OPTIONS");
		answer_free(answer);
	}
	answer = rig_ask(rig, "OPTIONS", PATH, "", NULL);
	assert_int_equal(answer->status, 204);
	assert_field(answer, "Allow", "POST, OPTIONS");
	assert_no_field(answer, "Access-Control-Allow-Origin");
	answer_free(answer);
	ask(rig, JSON "Host: evil.example\r\n", NULL, 400, "Host");
	ask(rig, JSON "Accept: text/html\r\n", NULL, 406, "application/json");
}

static void
test_a_task_names_the_one_that_it_runs_again(void **state)
{
	static const char member[] = ",\"retry_of\":\"" OLD "\"";
	struct rig *rig = *state;
	struct task_result result;
	struct answer *answer;

	task_result_init(&result);
	result.status = (struct task_status){ .id = FAKE_QUEUE_ID(9),
		.retry_of = OLD,
		.type = "factorial",
		.state = TASK_SUCCEEDED };
	result.has_content = true;
	result.bytes = 3;
	result.data = strdup("120");
	fake_queue_put(rig->queue, &result);
	task_result_done(&result);
	answer = rig_get(rig, "/tasks/submissions/" FAKE_QUEUE_ID(9), 200);
	assert_non_null(strstr(answer->body, member));
	answer_free(answer);
	answer = rig_get(rig, "/tasks/" FAKE_QUEUE_ID(9), 200);
	assert_non_null(strstr(answer->body, member));
	assert_non_null(strstr(answer->body, "\"result\":120}"));
	answer_free(answer);
	answer = rig_get(rig, "/tasks?limit=1", 200);
	assert_non_null(strstr(answer->body, member));
	answer_free(answer);
	/* Others have no such member. */
	answer = rig_get(rig, "/tasks/submissions/" DONE, 200);
	assert_null(strstr(answer->body, "retry_of"));
	answer_free(answer);
	answer = rig_get(rig, "/tasks/" DONE, 200);
	assert_null(strstr(answer->body, "retry_of"));
	answer_free(answer);
}

int
main(void)
{
#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		WITH_RIG(test_a_task_that_failed_or_was_rejected_is_run_again_as_it_was),
		WITH_RIG(test_what_is_not_a_retry_names_no_other_task),
		WITH_RIG(test_times_that_have_passed_are_dropped_and_those_ahead_hold),
		WITH_RIG(test_any_other_task_cannot_be_run_again),
		WITH_RIG(test_a_task_that_there_is_not),
		WITH_RIG(test_a_request_that_is_not_declared_as_json_does_nothing),
		WITH_RIG(test_a_body_says_nothing_or_is_refused),
		WITH_RIG(test_what_would_not_be_accepted_today_is_not_run_again),
		WITH_RIG(test_it_is_refused_for_load_as_a_submission_is),
		WITH_RIG(test_a_key_stands_for_one_task_and_one_body),
		WITH_RIG(test_the_key_of_a_submission_does_not_depend_on_earlier_requests),
		WITH_RIG(
		    test_what_comes_again_is_answered_again_whatever_has_become_of_the_old_task),
		WITH_RIG(test_the_path_takes_post_alone),
		WITH_RIG(test_a_task_names_the_one_that_it_runs_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
