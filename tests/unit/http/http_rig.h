/* SPDX-License-Identifier: MIT */
/*
 * A server over a fake queue with a handful of tasks, and a client that speaks to it over loopback.
 * Every wait ends after PATIENCE_MS and fails the test.
 */
#ifndef TASKQ_TESTS_HTTP_RIG_H
#define TASKQ_TESTS_HTTP_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fake_queue.h"
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

/* An answer: the head with its NUL, and the body. */
struct answer {
	int status;
	char head[4096];
	char *body;
	size_t size;
};

/* A server with a connection limit; rig_setup and rig_teardown are for cmocka. */
struct rig *rig_open(unsigned connections_max);
struct rig *rig_open_with(unsigned connections_max, size_t bodies_max_bytes);
void rig_close(struct rig *rig);
int rig_setup(void **state);
int rig_teardown(void **state);

/* A connection to the server, with patience. */
int rig_dial(const struct rig *rig);

/* Sends as much as the server takes. */
void client_say(int fd, const char *text, size_t size);

void answer_free(struct answer *answer);

/* The value of a response field, copied; NULL when it is not there. */
const char *answer_field(const struct answer *answer, const char *name, char *value, size_t size);
void assert_field(const struct answer *answer, const char *name, const char *expected);
void assert_no_field(const struct answer *answer, const char *name);

/* Reads one answer off a connection; NULL when it ended without one. */
struct answer *client_hear(int fd, bool is_head);

/* One exchange: `fields` are whole lines; a body brings its Content-Length. */
struct answer *client_ask(
    int fd, const char *method, const char *path, const char *fields, const char *body);

/* The same on a connection of its own. rig_get expects a status. */
struct answer *rig_ask(const struct rig *rig, const char *method, const char *path,
    const char *fields, const char *body);
struct answer *rig_get(const struct rig *rig, const char *path, int status);
struct answer *rig_submit(const struct rig *rig, const char *body);

/* Whether the connection ends, rather than giving a further byte. */
bool client_sees_end(int fd);

#endif
