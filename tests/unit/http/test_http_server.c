/* SPDX-License-Identifier: MIT */
/* The server as clients see it, over loopback and a fake queue: endpoints, statuses, connections.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "fake_queue.h"
#include "http/http_listen.h"
#include "http/http_server.h"

#define PATIENCE_MS 20000
#define BODY_MAX    4096
#define DONE        FAKE_QUEUE_ID(1)
#define TEXT        FAKE_QUEUE_ID(2)
#define BINARY      FAKE_QUEUE_ID(3)
#define QUEUED      FAKE_QUEUE_ID(4)
#define FAILED      FAKE_QUEUE_ID(5)
#define LARGE       FAKE_QUEUE_ID(6)
#define REJECTED    FAKE_QUEUE_ID(7)
#define ODD         FAKE_QUEUE_ID(8)
#define LARGE_BYTES 300000
#define SUBMISSION  "{\"type\":\"factorial\",\"args\":{\"n\":\"5\"}}"

struct rig {
	struct queue *queue;
	struct http_server *server;
	uint16_t port;
	char *large;
};

static void
put(struct queue *queue, const char *id, const char *type, enum task_state task_state,
    const char *data, size_t size, bool is_utf8, const char *media_type)
{
	static char response[] = "{\"status\":200}";
	struct task_result result;
	char copy[64];

	assert_true(size <= sizeof(copy));
	if (data != NULL)
		memcpy(copy, data, size);
	task_result_init(&result);
	strcpy(result.status.id, id);
	strcpy(result.status.type, type);
	result.status.state = task_state;
	result.status.attempt = 1;
	result.status.created_at_ms = 1767323045678;
	result.status.started_at_ms = task_state == TASK_QUEUED ? 0 : 1767323045679;
	result.status.finished_at_ms = task_state_is_final(task_state) ? 1767323045680 : 0;
	result.has_content = data != NULL;
	result.data = data != NULL ? copy : NULL;
	result.bytes = size;
	result.is_utf8 = is_utf8;
	strcpy(result.media_type, media_type);
	if (task_state == TASK_FAILED) {
		result.failure = FAILURE_CONNECT;
		strcpy(result.message, "Connection refused");
	}
	if (strcmp(type, "http-fetch") == 0)
		result.response = response;
	fake_queue_put(queue, &result);
}

static void
put_large(struct rig *rig)
{
	struct task_result result;
	FILE *file = tmpfile();

	rig->large = malloc(LARGE_BYTES);
	for (size_t i = 0; i < LARGE_BYTES; i++)
		rig->large[i] = i % 50 == 0 ? '"' : (char)('a' + i % 26);
	assert_non_null(file);
	assert_int_equal(fwrite(rig->large, 1, LARGE_BYTES, file), LARGE_BYTES);
	fflush(file);
	task_result_init(&result);
	strcpy(result.status.id, LARGE);
	strcpy(result.status.type, "http-fetch");
	result.status.state = TASK_SUCCEEDED;
	result.has_content = true;
	result.is_utf8 = true;
	result.bytes = LARGE_BYTES;
	result.fd = fileno(file);
	fake_queue_put(rig->queue, &result);
	fclose(file);
}

static struct rig *
rig_open(unsigned connections_max)
{
	static const char *const names[] = { "queue.example" };
	struct sockaddr_storage storage = { 0 };
	struct sockaddr_in *address = (struct sockaddr_in *)&storage;
	struct rig *rig = calloc(1, sizeof(*rig));
	struct http_conf conf = {
		.host_names = names,
		.host_name_count = ARRAY_SIZE(names),
		.connections_max = connections_max,
		.connections_fuse = connections_max + 50,
		.body_max_bytes = BODY_MAX,
		.header_timeout_ms = 10000,
		.body_timeout_ms = 10000,
		.idle_timeout_ms = 60000,
		.send_timeout_ms = 10000,
	};
	struct error error;

	rig->queue = fake_queue_new();
	put(rig->queue, DONE, "factorial", TASK_SUCCEEDED, "120", 3, true, "text/plain");
	put(rig->queue, TEXT, "http-fetch", TASK_SUCCEEDED, "<p>\"x\"\n\0</p>", 12, true,
	    "text/html");
	put(rig->queue, BINARY, "http-fetch", TASK_SUCCEEDED, "\xff\xfe\0z", 4, false, "");
	put(rig->queue, QUEUED, "factorial", TASK_QUEUED, NULL, 0, true, "");
	put(rig->queue, FAILED, "http-fetch", TASK_FAILED, NULL, 0, true, "");
	put(rig->queue, REJECTED, "factorial", TASK_REJECTED, NULL, 0, true, "");
	put(rig->queue, ODD, "http-fetch", TASK_SUCCEEDED, "", 0, true, "text/html\r\nX: y");
	put_large(rig);
	address->sin_family = AF_INET;
	address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(
	    http_bind(&storage, sizeof(*address), &conf.listen_fd, &rig->port, &error), STATUS_OK);
	assert_int_equal(http_server_open(&conf, rig->queue, &rig->server, &error), STATUS_OK);
	return rig;
}

static void
rig_close(struct rig *rig)
{
	http_server_close(rig->server, clock_mono_ms() + PATIENCE_MS);
	fake_queue_free(rig->queue);
	free(rig->large);
	free(rig);
}

static int
setup(void **state)
{
	*state = rig_open(100);
	return 0;
}

static int
teardown(void **state)
{
	rig_close(*state);
	return 0;
}

static int
dial(const struct rig *rig)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_port = htons(rig->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval patience = { .tv_sec = PATIENCE_MS / 1000 };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return fd;
}

static void
say(int fd, const char *text, size_t size)
{
	while (size > 0) {
		ssize_t n = send(fd, text, size, MSG_NOSIGNAL);

		if (n < 0)
			return; /* cut; the answer tells */
		text += n;
		size -= (size_t)n;
	}
}

/* An answer: the head with its NUL, and the body. */
struct answer {
	int status;
	char head[4096];
	char *body;
	size_t size;
};

static void
answer_free(struct answer *answer)
{
	free(answer->body);
	free(answer);
}

static const char *
field(const struct answer *answer, const char *name, char *value, size_t size)
{
	char wanted[100];
	const char *at;

	snprintf(wanted, sizeof(wanted), "\r\n%s: ", name);
	at = strcasestr(answer->head, wanted);
	if (at == NULL)
		return NULL;
	at += strlen(wanted);
	snprintf(value, size, "%.*s", (int)strcspn(at, "\r"), at);
	return value;
}

static void
assert_field(const struct answer *answer, const char *name, const char *expected)
{
	char value[200];

	if (field(answer, name, value, sizeof(value)) == NULL)
		fail_msg("no %s in %s", name, answer->head);
	assert_string_equal(value, expected);
}

static void
assert_no_field(const struct answer *answer, const char *name)
{
	char value[200];

	if (field(answer, name, value, sizeof(value)) != NULL)
		fail_msg("%s in %s", name, answer->head);
}

static void
read_exactly(int fd, char *out, size_t size)
{
	while (size > 0) {
		ssize_t n = recv(fd, out, size, 0);

		assert_true(n > 0);
		out += n;
		size -= (size_t)n;
	}
}

static void
read_line(int fd, char *line, size_t room)
{
	size_t size = 0;

	while (size < 2 || memcmp(line + size - 2, "\r\n", 2) != 0) {
		assert_true(size + 1 < room);
		read_exactly(fd, line + size++, 1);
	}
	line[size] = '\0';
}

static void
read_chunks(int fd, struct answer *answer)
{
	char line[100];
	size_t size;

	do {
		read_line(fd, line, sizeof(line));
		size = strtoul(line, NULL, 16);
		answer->body = realloc(answer->body, answer->size + size + 2);
		read_exactly(fd, answer->body + answer->size, size + 2);
		answer->size += size;
	} while (size > 0);
	answer->body[answer->size] = '\0';
}

/* Reads one answer off a connection; NULL when it ended without one. */
static struct answer *
hear(int fd, bool is_head)
{
	struct answer *answer = calloc(1, sizeof(*answer));
	char value[32];
	size_t used = 0;

	while (used < 4 || memcmp(answer->head + used - 4, "\r\n\r\n", 4) != 0) {
		assert_true(used + 1 < sizeof(answer->head));
		if (recv(fd, answer->head + used, 1, 0) != 1) {
			assert_int_equal(used, 0);
			free(answer);
			return NULL;
		}
		used++;
	}
	answer->status = atoi(answer->head + strlen("HTTP/1.1 "));
	if (field(answer, "Transfer-Encoding", value, sizeof(value)) != NULL && !is_head) {
		read_chunks(fd, answer);
		return answer;
	}
	if (field(answer, "Content-Length", value, sizeof(value)) != NULL && !is_head &&
	    answer->status != 304)
		answer->size = strtoul(value, NULL, 10);
	answer->body = malloc(answer->size + 1);
	read_exactly(fd, answer->body, answer->size);
	answer->body[answer->size] = '\0';
	return answer;
}

static struct answer *
ask_on(int fd, const char *method, const char *path, const char *fields, const char *body)
{
	char head[4096];
	int size = snprintf(
	    head, sizeof(head), "%s %s HTTP/1.1\r\nHost: localhost\r\n%s", method, path, fields);

	if (body != NULL)
		size += snprintf(
		    head + size, sizeof(head) - size, "Content-Length: %zu\r\n", strlen(body));
	size += snprintf(head + size, sizeof(head) - size, "\r\n");
	say(fd, head, size);
	if (body != NULL)
		say(fd, body, strlen(body));
	return hear(fd, strcmp(method, "HEAD") == 0);
}

static struct answer *
ask(const struct rig *rig, const char *method, const char *path, const char *fields,
    const char *body)
{
	int fd = dial(rig);
	struct answer *answer = ask_on(fd, method, path, fields, body);

	close(fd);
	return answer;
}

static struct answer *
get(const struct rig *rig, const char *path, int status)
{
	struct answer *answer = ask(rig, "GET", path, "", NULL);

	assert_non_null(answer);
	assert_int_equal(answer->status, status);
	return answer;
}

static struct answer *
submit(const struct rig *rig, const char *body)
{
	return ask(rig, "POST", "/tasks/submissions", "Content-Type: application/json\r\n", body);
}

static bool
ends(int fd)
{
	char byte;

	return recv(fd, &byte, 1, 0) <= 0;
}

/* What the two health endpoints say ---------------------------------------------------------- */

static void
test_health_is_ok_and_readiness_follows_the_queue(void **state)
{
	struct rig *rig = *state;
	struct answer *answer;

	answer = get(rig, "/healthz", 200);
	assert_string_equal(answer->body, "{\"status\":\"ok\"}\n");
	answer_free(answer);
	answer = get(rig, "/readyz", 200);
	assert_string_equal(answer->body, "{\"status\":\"ready\"}\n");
	answer_free(answer);
	fake_queue_answer(rig->queue, STATUS_BUSY, REFUSAL_DISK_LOW, 9);
	answer = get(rig, "/readyz", 503);
	assert_non_null(strstr(answer->body, "\"disk_low\""));
	answer_free(answer);
	answer_free(get(rig, "/healthz", 200));
	fake_queue_fail_reads(rig->queue, STATUS_IO);
	answer_free(get(rig, "/healthz", 200));
}

static void
test_every_answer_has_the_fields_of_every_answer(void **state)
{
	static const char *const paths[] = { "/healthz", "/nothing", "/tasks/" DONE,
		"/tasks/" DONE "/result", "/tasks/" QUEUED, "/healthz?x" };
	struct rig *rig = *state;

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		struct answer *answer = ask(rig, "GET", paths[i], "", NULL);
		char id[100];

		assert_field(answer, "X-Content-Type-Options", "nosniff");
		assert_field(answer, "Cache-Control", "no-store");
		assert_non_null(field(answer, "X-Request-Id", id, sizeof(id)));
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
	answer = ask(rig, "GET", "/healthz", fields, NULL);
	assert_field(answer, "X-Request-Id", id64);
	answer_free(answer);
	snprintf(fields, sizeof(fields), "X-Request-Id: %s5\r\n", id64);
	answer = ask(rig, "GET", "/healthz", fields, NULL);
	assert_int_equal(strlen(field(answer, "X-Request-Id", value, sizeof(value))), 16);
	answer_free(answer);
	answer = ask(rig, "GET", "/healthz", "X-Request-Id: a b\r\n", NULL);
	assert_int_equal(strlen(field(answer, "X-Request-Id", value, sizeof(value))), 16);
	answer_free(answer);
}

/* Reads --------------------------------------------------------------------------------------- */

static void
test_status_answer_member_by_member(void **state)
{
	struct rig *rig = *state;
	struct answer *answer = get(rig, "/tasks/submissions/" DONE, 200);

	assert_string_equal(answer->body,
	    "{\"id\":\"" DONE "\",\"status\":\"SUCCEEDED\",\"type\":\"factorial\","
	    "\"created_at\":\"2026-01-02T03:04:05.678Z\",\"started_at\":\"2026-01-02T03:04:05.679Z\","
	    "\"finished_at\":\"2026-01-02T03:04:05.680Z\",\"attempts\":1}\n");
	assert_field(answer, "Content-Type", "application/json");
	answer_free(answer);
	answer = get(rig, "/tasks/submissions/" QUEUED, 200);
	assert_non_null(strstr(answer->body, "\"status\":\"QUEUED\""));
	assert_non_null(strstr(answer->body, "\"started_at\":null,\"finished_at\":null"));
	answer_free(answer);
}

static void
test_results_in_each_form(void **state)
{
	struct rig *rig = *state;
	struct answer *answer;

	answer = get(rig, "/tasks/" DONE, 200);
	assert_string_equal(answer->body,
	    "{\"id\":\"" DONE
	    "\",\"status\":\"SUCCEEDED\",\"type\":\"factorial\",\"result\":120}\n");
	answer_free(answer);
	answer = get(rig, "/tasks/" TEXT, 200);
	assert_string_equal(answer->body,
	    "{\"id\":\"" TEXT "\",\"status\":\"SUCCEEDED\",\"type\":\"http-fetch\","
	    "\"result\":\"<p>\\\"x\\\"\\n\\u0000</p>\",\"response\":{\"status\":200}}\n");
	answer_free(answer);
	answer = get(rig, "/tasks/" BINARY, 200);
	assert_non_null(strstr(
	    answer->body, "\"result\":\"//4Aeg==\",\"result_encoding\":\"base64\",\"response\":"));
	answer_free(answer);
	answer = get(rig, "/tasks/" ODD, 200);
	assert_non_null(strstr(answer->body, "\"result\":\"\""));
	answer_free(answer);
}

static void
test_a_failure_has_the_five_members_and_the_code(void **state)
{
	struct rig *rig = *state;
	struct answer *answer = get(rig, "/tasks/" FAILED, 200);

	assert_non_null(strstr(answer->body,
	    "\"status\":\"FAILED\",\"type\":\"http-fetch\",\"result\":{\"cause\":null,"
	    "\"stackTrace\":[],\"message\":\"Connection refused\",\"suppressed\":[],"
	    "\"localizedMessage\":\"Connection refused\",\"code\":\"connect\"},\"response\":"));
	answer_free(answer);
	answer = get(rig, "/tasks/" REJECTED, 200);
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
		struct answer *answer = get(rig, paths[i], 400);

		assert_field(answer, "Content-Type", "application/problem+json");
		assert_field(answer, "Retry-After", "1");
		answer_free(answer);
	}
	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++)
		answer_free(get(rig, unknown[i], 404));
}

static void
test_a_store_that_fails_is_500_and_a_busy_one_503(void **state)
{
	struct rig *rig = *state;
	struct answer *answer;

	fake_queue_fail_reads(rig->queue, STATUS_BUSY);
	answer = get(rig, "/tasks/" DONE, 503);
	assert_field(answer, "Retry-After", "1");
	answer_free(answer);
	fake_queue_fail_reads(rig->queue, STATUS_IO);
	answer = get(rig, "/tasks/submissions/" DONE, 500);
	assert_null(strstr(answer->body, "as the test says"));
	answer_free(answer);
}

static void
test_a_large_result_is_streamed_whole(void **state)
{
	struct rig *rig = *state;
	struct answer *answer = get(rig, "/tasks/" LARGE, 200);
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
	struct answer *answer = get(rig, "/tasks/" TEXT "/result", 200);

	assert_int_equal(answer->size, 12);
	assert_memory_equal(answer->body, "<p>\"x\"\n\0</p>", 12);
	assert_field(answer, "Content-Type", "text/html");
	assert_field(answer, "ETag", "\"" TEXT "\"");
	assert_field(answer, "Accept-Ranges", "bytes");
	assert_field(answer, "Content-Disposition", "attachment; filename=\"" TEXT "\"");
	assert_field(answer, "Content-Security-Policy", "default-src 'none'; sandbox");
	answer_free(answer);
	answer = get(rig, "/tasks/" LARGE "/result", 200);
	assert_int_equal(answer->size, LARGE_BYTES);
	assert_memory_equal(answer->body, rig->large, LARGE_BYTES);
	answer_free(answer);
	answer_free(get(rig, "/tasks/" FAILED "/result", 404));
}

static void
test_a_media_type_that_cannot_stand_in_a_header_becomes_octet_stream(void **state)
{
	struct rig *rig = *state;
	struct answer *answer = get(rig, "/tasks/" ODD "/result", 200);

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
	answer = ask(rig, method, path, fields, NULL);
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
	int fd = dial(rig);

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		struct answer *answer = get(rig, paths[i], 200);
		struct answer *head = ask_on(fd, "HEAD", paths[i], "", NULL);
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
	struct answer *answer = submit(rig, SUBMISSION);

	assert_int_equal(answer->status, 202);
	assert_string_equal(answer->body, "{\"id\":\"" FAKE_QUEUE_ID(0) "\"}\n");
	assert_field(answer, "Location", "/tasks/submissions/" FAKE_QUEUE_ID(0));
	assert_int_equal(fake_queue_submitted(rig->queue), 1);
	answer_free(answer);
}

static void
test_bad_submissions_are_400_and_reach_nobody(void **state)
{
	static const char *const bodies[] = { "", "{", "[]", "{}", "{\"type\":\"x\",\"args\":{}}",
		SUBMISSION SUBMISSION };
	struct rig *rig = *state;

	for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
		struct answer *answer = submit(rig, bodies[i]);

		assert_int_equal(answer->status, 400);
		assert_non_null(strstr(answer->body, "\"errors\":[{\"pointer\":"));
		answer_free(answer);
	}
	assert_int_equal(fake_queue_submitted(rig->queue), 0);
}

static void
test_each_refusal_is_503_with_its_own_type_and_retry_after(void **state)
{
	static const struct {
		enum refusal refusal;
		const char *type;
	} cases[] = {
		{ REFUSAL_QUEUE_FULL, "/problems/queue-full" },
		{ REFUSAL_DISK_LOW, "/problems/disk-low" },
		{ REFUSAL_DRAINING, "/problems/draining" },
		{ REFUSAL_STORE_BUSY, "/problems/store-busy" },
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct answer *answer;

		fake_queue_answer(rig->queue, STATUS_BUSY, cases[i].refusal, 42);
		answer = submit(rig, SUBMISSION);
		assert_int_equal(answer->status, 503);
		assert_field(answer, "Retry-After", "42");
		assert_non_null(strstr(answer->body, cases[i].type));
		answer_free(answer);
	}
}

static void
test_an_unknown_outcome_is_no_answer_and_a_failure_is_500(void **state)
{
	struct rig *rig = *state;
	struct answer *answer;

	fake_queue_answer(rig->queue, STATUS_UNKNOWN, REFUSAL_NONE, 0);
	assert_null(submit(rig, SUBMISSION));
	fake_queue_answer(rig->queue, STATUS_IO, REFUSAL_NONE, 0);
	answer = submit(rig, SUBMISSION);
	assert_int_equal(answer->status, 500);
	answer_free(answer);
}

/* Connections ---------------------------------------------------------------------------------- */

static void
test_refusals_that_leave_the_framing_whole_keep_the_connection(void **state)
{
	static const struct {
		const char *method;
		const char *path;
		const char *fields;
		const char *body;
		int status;
	} cases[] = {
		{ "GET", "/nothing", "", NULL, 404 },
		{ "POST", "/nothing", "", "body", 404 },
		{ "PUT", "/healthz", "", "body", 405 },
		{ "POST", "/tasks/submissions", "Content-Type: text/plain\r\n", "body", 415 },
		{ "POST", "/tasks/submissions", "Content-Type: application/json\r\n", "{", 400 },
		{ "GET", "/healthz", "Accept: image/png\r\n", NULL, 406 },
		{ "OPTIONS", "/healthz", "", NULL, 204 },
		{ "GET", "/healthz?x=1", "", NULL, 400 },
		{ "GET", "/healthz", "", "body", 200 },
		{ "POST", "/tasks/submissions", "Content-Type: application/json\r\n", SUBMISSION,
		    202 },
	};
	struct rig *rig = *state;
	int fd = dial(rig);

	for (size_t round = 0; round < 3; round++) {
		for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
			struct answer *answer = ask_on(
			    fd, cases[i].method, cases[i].path, cases[i].fields, cases[i].body);

			assert_non_null(answer);
			assert_int_equal(answer->status, cases[i].status);
			assert_no_field(answer, "Connection");
			answer_free(answer);
		}
	}
	close(fd);
}

static void
test_bodies_at_the_limit_and_one_past(void **state)
{
	struct rig *rig = *state;
	char *body = malloc(BODY_MAX + 2);
	int fd = dial(rig);

	for (size_t extra = 0; extra < 2; extra++) {
		struct answer *answer;

		memset(body, ' ', BODY_MAX + 1);
		memcpy(body, SUBMISSION, strlen(SUBMISSION));
		body[BODY_MAX + extra] = '\0';
		answer = ask_on(
		    fd, "POST", "/tasks/submissions", "Content-Type: application/json\r\n", body);
		assert_int_equal(answer->status, extra == 0 ? 202 : 413);
		answer_free(answer);
	}
	answer_free(ask_on(fd, "GET", "/healthz", "", NULL));
	free(body);
	close(fd);
}

static void
test_a_body_far_over_the_limit_is_refused_unread_and_ends_the_connection(void **state)
{
	struct rig *rig = *state;
	int fd = dial(rig);
	struct answer *answer = ask_on(fd, "POST", "/tasks/submissions",
	    "Content-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 9000000\r\n",
	    NULL);

	assert_int_equal(answer->status, 413);
	assert_field(answer, "Connection", "close");
	assert_true(ends(fd));
	answer_free(answer);
	close(fd);
}

static void
say_chunk(int fd, size_t size)
{
	char *chunk = malloc(size + 100);
	int head = sprintf(chunk, "%zx\r\n", size);

	memset(chunk + head, ' ', size);
	memcpy(chunk + head + size, "\r\n", 2);
	say(fd, chunk, head + size + 2);
	free(chunk);
}

static void
test_a_chunked_body_over_the_limit_is_413_and_an_endless_one_is_cut(void **state)
{
	static const char head[] =
	    "POST /tasks/submissions HTTP/1.1\r\nHost: localhost\r\n"
	    "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
	struct rig *rig = *state;
	struct answer *answer;
	int fd = dial(rig);

	say(fd, head, strlen(head));
	say_chunk(fd, BODY_MAX);
	say_chunk(fd, 1);
	say(fd, "0\r\n\r\n", 5);
	answer = hear(fd, false);
	assert_int_equal(answer->status, 413);
	answer_free(answer);
	answer = ask_on(fd, "GET", "/healthz", "", NULL);
	assert_int_equal(answer->status, 200);
	answer_free(answer);
	say(fd, head, strlen(head));
	for (int i = 0; i < 40; i++)
		say_chunk(fd, 65536);
	assert_null(hear(fd, false));
	close(fd);
	assert_int_equal(fake_queue_submitted(rig->queue), 0);
}

static void
test_a_fault_of_framing_ends_the_connection_and_runs_no_successor(void **state)
{
	static const char *const heads[] = {
		"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
		"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
		"Host: localhost\r\n\r\n",
		"X: a\r\n b\r\nContent-Length: 0\r\n\r\n",
		"X: y\r\n: z\r\nContent-Length: 0\r\n\r\n",
		"X: a\nContent-Length: 0\r\n\r\n",
		"X(: a\r\nContent-Length: 0\r\n\r\n",
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < ARRAY_SIZE(heads); i++) {
		char text[2000];
		int size = snprintf(text, sizeof(text),
		    "POST /tasks/submissions HTTP/1.1\r\nHost: localhost\r\n"
		    "Content-Type: application/json\r\n%s"
		    "POST /tasks/submissions HTTP/1.1\r\nHost: localhost\r\n"
		    "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
		    heads[i], strlen(SUBMISSION), SUBMISSION);
		struct answer *answer;
		int fd = dial(rig);

		say(fd, text, size);
		answer = hear(fd, false);
		assert_non_null(answer);
		if (answer->status != 400 && answer->status != 501)
			fail_msg("%s: %d", heads[i], answer->status);
		assert_true(ends(fd));
		answer_free(answer);
		close(fd);
	}
	assert_int_equal(fake_queue_submitted(rig->queue), 0);
}

static void
test_beyond_the_limit_requests_get_503_and_health_is_served(void **state)
{
	struct rig *rig = rig_open(1);
	struct answer *answer;
	int first, second, third;

	(void)state;
	first = dial(rig);
	answer_free(ask_on(first, "GET", "/healthz", "", NULL));
	second = dial(rig);
	answer = ask_on(second, "GET", "/tasks/" DONE, "", NULL);
	assert_int_equal(answer->status, 503);
	assert_field(answer, "Retry-After", "1");
	assert_field(answer, "Connection", "close");
	assert_true(ends(second));
	answer_free(answer);
	third = dial(rig);
	answer = ask_on(third, "GET", "/readyz", "", NULL);
	assert_int_equal(answer->status, 200);
	answer_free(answer);
	answer = ask_on(first, "GET", "/tasks/" DONE, "", NULL);
	assert_int_equal(answer->status, 200);
	answer_free(answer);
	close(first);
	close(second);
	close(third);
	rig_close(rig);
}

/* The end -------------------------------------------------------------------------------------- */

static void
test_while_draining_every_answer_ends_its_connection(void **state)
{
	struct rig *rig = *state;
	struct answer *answer;
	int fd = dial(rig);

	answer_free(ask_on(fd, "GET", "/healthz", "", NULL));
	http_server_drain(rig->server);
	answer = ask_on(fd, "GET", "/tasks/" DONE, "", NULL);
	assert_int_equal(answer->status, 200);
	assert_field(answer, "Connection", "close");
	assert_true(ends(fd));
	answer_free(answer);
	close(fd);
	answer = get(rig, "/readyz", 503);
	assert_non_null(strstr(answer->body, "\"draining\""));
	answer_free(answer);
	answer_free(get(rig, "/healthz", 200));
}

static void *
submit_held(void *arg)
{
	return submit(arg, SUBMISSION);
}

static void *
release_once_refused(void *arg)
{
	const struct rig *rig = arg;
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_port = htons(rig->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int refused = 0;

	/* Closing has begun when nobody listens any more. */
	while (!refused) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		refused = connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0;
		close(fd);
	}
	fake_queue_hold(rig->queue, false);
	return NULL;
}

static void
test_closing_waits_for_the_request_under_way_and_answers_it(void **state)
{
	struct rig *rig = rig_open(10);
	pthread_t submitter, releaser;
	void *answered = NULL;
	struct answer *answer;
	int idle = dial(rig);

	(void)state;
	answer_free(ask_on(idle, "GET", "/healthz", "", NULL));
	fake_queue_hold(rig->queue, true);
	assert_int_equal(pthread_create(&submitter, NULL, submit_held, rig), 0);
	fake_queue_await_held(rig->queue, 1);
	assert_int_equal(pthread_create(&releaser, NULL, release_once_refused, rig), 0);
	http_server_close(rig->server, clock_mono_ms() + PATIENCE_MS);
	rig->server = NULL;
	pthread_join(releaser, NULL);
	pthread_join(submitter, &answered);
	answer = answered;
	assert_non_null(answer);
	assert_int_equal(answer->status, 202);
	assert_field(answer, "Connection", "close");
	assert_true(ends(idle));
	answer_free(answer);
	close(idle);
	rig_close(rig);
}

int
main(void)
{
#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		WITH_RIG(test_health_is_ok_and_readiness_follows_the_queue),
		WITH_RIG(test_every_answer_has_the_fields_of_every_answer),
		WITH_RIG(test_a_decent_request_id_comes_back_and_others_are_replaced),
		WITH_RIG(test_status_answer_member_by_member),
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
		WITH_RIG(test_bad_submissions_are_400_and_reach_nobody),
		WITH_RIG(test_each_refusal_is_503_with_its_own_type_and_retry_after),
		WITH_RIG(test_an_unknown_outcome_is_no_answer_and_a_failure_is_500),
		WITH_RIG(test_refusals_that_leave_the_framing_whole_keep_the_connection),
		WITH_RIG(test_bodies_at_the_limit_and_one_past),
		WITH_RIG(test_a_body_far_over_the_limit_is_refused_unread_and_ends_the_connection),
		WITH_RIG(test_a_chunked_body_over_the_limit_is_413_and_an_endless_one_is_cut),
		WITH_RIG(test_a_fault_of_framing_ends_the_connection_and_runs_no_successor),
		cmocka_unit_test(test_beyond_the_limit_requests_get_503_and_health_is_served),
		WITH_RIG(test_while_draining_every_answer_ends_its_connection),
		cmocka_unit_test(test_closing_waits_for_the_request_under_way_and_answers_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
