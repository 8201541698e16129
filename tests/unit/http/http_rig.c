/* SPDX-License-Identifier: MIT */
/* The rig. The test's own threads. */
#include "http_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "http/http_listen.h"

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
	result.status.attempt = task_state == TASK_QUEUED ? 0 : 1;
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

struct rig *
rig_open_with(unsigned connections_max, size_t bodies_max_bytes)
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
		.waiting_max = connections_max / 2,
		.body_max_bytes = BODY_MAX,
		.bodies_max_bytes = bodies_max_bytes,
		.header_timeout_ms = 10000,
		.body_timeout_ms = 10000,
		.idle_timeout_ms = 60000,
		.send_timeout_ms = 10000,
		.heartbeat_ms = 2 * PATIENCE_MS,
		.node = "node-1",
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

struct rig *
rig_open(unsigned connections_max)
{
	return rig_open_with(connections_max, 64 * BODY_MAX);
}

void
rig_close(struct rig *rig)
{
	http_server_close(rig->server, clock_mono_ms() + PATIENCE_MS);
	fake_queue_free(rig->queue);
	free(rig->large);
	free(rig);
}

int
rig_setup(void **state)
{
	*state = rig_open(100);
	return 0;
}

int
rig_teardown(void **state)
{
	rig_close(*state);
	return 0;
}

int
rig_dial(const struct rig *rig)
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

void
client_say(int fd, const char *text, size_t size)
{
	while (size > 0) {
		ssize_t n = send(fd, text, size, MSG_NOSIGNAL);

		if (n < 0)
			return; /* cut; the answer tells */
		text += n;
		size -= (size_t)n;
	}
}

void
answer_free(struct answer *answer)
{
	free(answer->body);
	free(answer);
}

const char *
answer_field(const struct answer *answer, const char *name, char *value, size_t size)
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

void
assert_field(const struct answer *answer, const char *name, const char *expected)
{
	char value[200];

	if (answer_field(answer, name, value, sizeof(value)) == NULL)
		fail_msg("no %s in %s", name, answer->head);
	assert_string_equal(value, expected);
}

void
assert_no_field(const struct answer *answer, const char *name)
{
	char value[200];

	if (answer_field(answer, name, value, sizeof(value)) != NULL)
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
struct answer *
client_hear(int fd, bool is_head)
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
	answer->status = (int)strtol(answer->head + strlen("HTTP/1.1 "), NULL, 10);
	if (answer_field(answer, "Transfer-Encoding", value, sizeof(value)) != NULL && !is_head) {
		read_chunks(fd, answer);
		return answer;
	}
	if (answer_field(answer, "Content-Length", value, sizeof(value)) != NULL && !is_head &&
	    answer->status != 304)
		answer->size = strtoul(value, NULL, 10);
	answer->body = malloc(answer->size + 1);
	read_exactly(fd, answer->body, answer->size);
	answer->body[answer->size] = '\0';
	return answer;
}

struct answer *
client_ask(int fd, const char *method, const char *path, const char *fields, const char *body)
{
	char head[4096];
	int size = snprintf(
	    head, sizeof(head), "%s %s HTTP/1.1\r\nHost: localhost\r\n%s", method, path, fields);

	if (body != NULL)
		size += snprintf(
		    head + size, sizeof(head) - size, "Content-Length: %zu\r\n", strlen(body));
	size += snprintf(head + size, sizeof(head) - size, "\r\n");
	client_say(fd, head, size);
	if (body != NULL)
		client_say(fd, body, strlen(body));
	return client_hear(fd, strcmp(method, "HEAD") == 0);
}

struct answer *
rig_ask(const struct rig *rig, const char *method, const char *path, const char *fields,
    const char *body)
{
	int fd = rig_dial(rig);
	struct answer *answer = client_ask(fd, method, path, fields, body);

	close(fd);
	return answer;
}

struct answer *
rig_get(const struct rig *rig, const char *path, int status)
{
	struct answer *answer = rig_ask(rig, "GET", path, "", NULL);

	assert_non_null(answer);
	assert_int_equal(answer->status, status);
	return answer;
}

struct answer *
rig_submit(const struct rig *rig, const char *body)
{
	return rig_ask(
	    rig, "POST", "/tasks/submissions", "Content-Type: application/json\r\n", body);
}

bool
client_sees_end(int fd)
{
	char byte;

	return recv(fd, &byte, 1, 0) <= 0;
}
