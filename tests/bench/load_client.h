/* SPDX-License-Identifier: MIT */
/*
 * One client of the load generator: its connection, its requests, and whether an answer is right.
 * Belongs to one thread. Knows nothing of time.
 */
#ifndef TASKQ_TESTS_BENCH_LOAD_CLIENT_H
#define TASKQ_TESTS_BENCH_LOAD_CLIENT_H

#include "load_answer.h"
#include "load_run.h"

#define LOAD_REQUEST_MAX 1024

enum load_phase {
	LOAD_PHASE_SUBMIT,
	LOAD_PHASE_STATUS,
	LOAD_PHASE_RESULT,
};

struct load_client {
	int fd; /* -1: not connected */
	enum load_phase phase;
	bool in_flight;
	bool unsent; /* the connection is not established yet */
	int64_t began_ns;
	int64_t due_ns;           /* when to poll again */
	struct load_client *next; /* in the list of those that wait to poll, or of the idle ones */
	const struct load_target *target;
	char id[LOAD_ID_LENGTH + 1];
	struct load_answer answer;
};

/**
 * load_client_connect - make the connection and have epoll watch it for input
 * @serial: for new connections: chooses the source address, so that ephemeral ports last
 * A new connection is made without blocking, because a full backlog would hold up all clients.
 */
bool load_client_connect(
    struct load_client *client, const struct load_conf *conf, int epoll_fd, unsigned serial);

void load_client_disconnect(struct load_client *client);

/**
 * load_client_write_request - the request of the client's phase
 * @n: the factorial to submit, in LOAD_PHASE_SUBMIT
 * Returns its size.
 */
size_t load_client_write_request(const struct load_client *client, const struct load_conf *conf,
    unsigned n, char request[LOAD_REQUEST_MAX]);

/* Takes the id out of a 202; false unless it is a UUID of version 7. */
bool load_client_take_id(struct load_client *client);

/* Is the answer to a GET the expected one? For a cycle: of a task that may still run. */
bool load_client_answer_is_right(const struct load_client *client, const struct load_conf *conf);

#endif
