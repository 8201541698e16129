/* SPDX-License-Identifier: MIT */
/* GET /tasks and GET /tasks/{id}/attempts as clients see them, over loopback and a fake queue. */
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

#include "http_rig.h"

static json_t *
get(const struct rig *rig, const char *path)
{
	struct answer *answer = rig_get(rig, path, 200);
	json_t *json;

	assert_field(answer, "Content-Type", "application/json");
	json = json_loadb(answer->body, answer->size, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(json);
	answer_free(answer);
	return json;
}

static void
assert_problem(const struct rig *rig, const char *path, int status, const char *type)
{
	struct answer *answer = rig_get(rig, path, status);

	assert_field(answer, "Content-Type", "application/problem+json");
	if (strstr(answer->body, type) == NULL)
		fail_msg("%s: %s", path, answer->body);
	answer_free(answer);
}

static void
test_a_list_member_by_member(void **state)
{
	struct answer *answer = rig_get(*state, "/tasks?status=FAILED,QUEUED", 200);

	assert_string_equal(answer->body,
	    "{\"tasks\":[{\"id\":\"" FAILED "\",\"status\":\"FAILED\",\"type\":\"http-fetch\","
	    "\"created_at\":\"2026-01-02T03:04:05.678Z\",\"started_at\":\"2026-01-02T03:04:05.679Z\","
	    "\"finished_at\":\"2026-01-02T03:04:05.680Z\",\"attempts\":1,\"code\":\"connect\","
	    "\"priority\":5,\"args\":{\"n\":\"5\"}},"
	    "{\"id\":\"" QUEUED "\",\"status\":\"QUEUED\",\"type\":\"factorial\","
	    "\"created_at\":\"2026-01-02T03:04:05.678Z\",\"started_at\":null,"
	    "\"finished_at\":null,\"attempts\":0,\"code\":null,\"priority\":5,"
	    "\"run_at\":\"2026-01-02T03:04:06.678Z\",\"expires_at\":\"2026-01-02T03:04:07.678Z\","
	    "\"args\":{\"n\":\"5\"}}],\"next_cursor\":null}\n");
	answer_free(answer);
	answer = rig_get(*state, "/tasks?status=SUCCEEDED&limit=1", 200);
	assert_non_null(strstr(answer->body, ",\"attempts\":1,\"progress\":1,\"code\":null,"));
	answer_free(answer);
	answer = rig_get(*state, "/tasks?status=RUNNING", 200);
	assert_string_equal(answer->body, "{\"tasks\":[],\"next_cursor\":null}\n");
	answer_free(answer);
}

static void
test_cursors_lead_through_all_pages(void **state)
{
	static const char *const expected[] = { ODD, REJECTED, LARGE, FAILED, QUEUED, BINARY, TEXT,
		DONE };
	char path[200] = "/tasks?limit=3";
	size_t seen = 0;

	for (int pages = 0; path[0] != '\0'; pages++) {
		json_t *page = get(*state, path);
		json_t *tasks = json_object_get(page, "tasks");
		const char *cursor = json_string_value(json_object_get(page, "next_cursor"));

		assert_true(pages < 3);
		for (size_t i = 0; i < json_array_size(tasks); i++) {
			const json_t *id = json_object_get(json_array_get(tasks, i), "id");

			assert_string_equal(json_string_value(id), expected[seen++]);
		}
		path[0] = '\0';
		if (cursor != NULL)
			(void)snprintf(path, sizeof(path), "/tasks?cursor=%s&limit=3", cursor);
		json_decref(page);
	}
	assert_int_equal(seen, 8);
}

static void
test_the_queue_is_asked_what_the_client_asks(void **state)
{
	struct rig *rig = *state;
	struct store_list_query query;

	json_decref(get(rig, "/tasks"));
	query = fake_queue_last_query(rig->queue);
	assert_int_equal(query.tasks_max, 50);
	assert_int_equal(query.looks_max, 10000);
	assert_int_equal(query.states, 0);
	json_decref(
	    get(rig, "/tasks?limit=2&created_after=2026-01-02T03:04:05.678Z&type=factorial"));
	query = fake_queue_last_query(rig->queue);
	assert_int_equal(query.tasks_max, 2);
	assert_int_equal(query.created_from_ms, 1767323045678);
	assert_string_equal(query.type, "factorial");
}

static void
test_attempts_member_by_member(void **state)
{
	struct answer *answer = rig_get(*state, "/tasks/" FAILED "/attempts", 200);

	assert_string_equal(answer->body,
	    "{\"id\":\"" FAILED "\",\"attempts\":["
	    "{\"attempt\":1,\"started_at\":\"2026-01-02T03:04:05.000Z\","
	    "\"ended_at\":\"2026-01-02T03:04:05.100Z\",\"outcome\":\"crashed\",\"code\":null,"
	    "\"message\":null,\"response\":null,\"node\":\"node-1\"},"
	    "{\"attempt\":2,\"started_at\":\"2026-01-02T03:04:05.679Z\","
	    "\"ended_at\":\"2026-01-02T03:04:05.680Z\",\"outcome\":\"failed\",\"code\":\"connect\","
	    "\"message\":\"Connection refused\",\"response\":{\"status\":200},"
	    "\"node\":\"node-1\"}]}\n");
	answer_free(answer);
	answer = rig_get(*state, "/tasks/" QUEUED "/attempts", 200);
	assert_string_equal(answer->body, "{\"id\":\"" QUEUED "\",\"attempts\":[]}\n");
	answer_free(answer);
	assert_problem(
	    *state, "/tasks/" FAKE_QUEUE_ID(9) "/attempts", 404, "/problems/no-such-task");
}

static void
test_what_cannot_be_taken_is_400(void **state)
{
	static const char *const invalid[] = { "/tasks?limit=0", "/tasks?limit=1&limit=1",
		"/tasks?cursor=x", "/tasks?type=x", "/tasks?status=", "/tasks?url_prefix=" };
	static const char *const unknown[] = { "/tasks?x", "/tasks?wait=1",
		"/tasks/" DONE "/attempts?limit=1" };

	for (size_t i = 0; i < ARRAY_SIZE(invalid); i++)
		assert_problem(*state, invalid[i], 400, "/problems/invalid-parameter");
	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++)
		assert_problem(*state, unknown[i], 400, "/problems/unknown-parameter");
}

static void
test_reads_that_fail(void **state)
{
	static const char *const paths[] = { "/tasks", "/tasks/" DONE "/attempts" };
	struct rig *rig = *state;

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		fake_queue_fail_reads(rig->queue, STATUS_BUSY);
		assert_problem(rig, paths[i], 503, "/problems/store-busy");
		fake_queue_fail_reads(rig->queue, STATUS_IO);
		answer_free(rig_get(rig, paths[i], 500));
		fake_queue_fail_reads(rig->queue, STATUS_NOMEM);
		answer_free(rig_get(rig, paths[i], 500));
	}
}

static void
test_methods_and_media_types(void **state)
{
	static const char *const paths[] = { "/tasks", "/tasks/" DONE "/attempts",
		"/tasks?limit=3" };
	struct rig *rig = *state;

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		struct answer *answer = rig_get(rig, paths[i], 200);
		char length[32];
		int fd = rig_dial(rig);
		struct answer *head = client_ask(fd, "HEAD", paths[i], "", NULL);

		(void)snprintf(length, sizeof(length), "%zu", answer->size);
		assert_field(head, "Content-Length", length);
		answer_free(head);
		answer_free(answer);
		close(fd);
		answer = rig_ask(rig, "POST", paths[i], "", "{}");
		assert_int_equal(answer->status, 405);
		assert_field(answer, "Allow", "GET, HEAD, OPTIONS");
		answer_free(answer);
		answer = rig_ask(rig, "OPTIONS", paths[i], "", NULL);
		assert_int_equal(answer->status, 204);
		answer_free(answer);
		answer = rig_ask(rig, "GET", paths[i], "Accept: text/html\r\n", NULL);
		assert_int_equal(answer->status, 406);
		answer_free(answer);
	}
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, rig_setup, rig_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_list_member_by_member),
		TEST(test_cursors_lead_through_all_pages),
		TEST(test_the_queue_is_asked_what_the_client_asks),
		TEST(test_attempts_member_by_member),
		TEST(test_what_cannot_be_taken_is_400),
		TEST(test_reads_that_fail),
		TEST(test_methods_and_media_types),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
