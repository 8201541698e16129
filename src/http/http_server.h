/* SPDX-License-Identifier: MIT */
/*
 * The HTTP server: libmicrohttpd in thread-per-connection mode, a reaper with absolute deadlines,
 * and the routes. Only http/ includes microhttpd.h. Opened and closed by the main thread.
 */
#ifndef TASKQ_HTTP_HTTP_SERVER_H
#define TASKQ_HTTP_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct queue;
struct http_server;

/* What libmicrohttpd keeps for each connection: a request's header has to fit. */
#define HTTP_LIBRARY_BYTES ((size_t)16 << 10)

struct http_conf {
	int listen_fd;         /* from http_bind; taken by http_server_open, also when it fails */
	bool listen_is_passed; /* somebody else keeps the socket open: whoever connects after the
				  end waits for the next service, and is not refused */
	const char *const *host_names; /* accepted in Host beside localhost and IP literals */
	size_t host_name_count;
	unsigned connections_max; /* served at once; requests on further ones get 503 and a close */
	unsigned
	    connections_fuse; /* libmicrohttpd's own limit, well above: resets begin only there */
	unsigned waiting_max; /* requests that may wait for a task at once; beyond it 503 */
	size_t body_max_bytes;
	size_t bodies_max_bytes; /* of all requests together; beyond it 503 */
	int64_t header_timeout_ms;
	int64_t body_timeout_ms;
	int64_t idle_timeout_ms;
	int64_t send_timeout_ms;
	int64_t heartbeat_ms;  /* of streams of events */
	int64_t began_mono_ms; /* when the service began, for its uptime */
	const char *node;      /* the name of where attempts run; UTF-8; borrowed */
};

/**
 * http_server_open - listen and serve
 * @queue: borrowed; must outlive the server
 * Returns OK; BUSY when the address is in use; INVALID; IO; NOMEM.
 */
enum status http_server_open(const struct http_conf *conf, struct queue *queue,
    struct http_server **ret_server, struct error *error) NODISCARD;

/**
 * http_server_library - the version of libmicrohttpd that is at work; static storage
 */
const char *http_server_library(void);

/**
 * http_server_drain - the first half of the end: from now on every response closes its connection
 * and readiness is false. Connections are still accepted, so that clients get a clear 503 and reads
 * work; but on a passed socket they are left for the next service, which will not refuse them.
 */
void http_server_drain(struct http_server *server);

/**
 * http_server_close - accept no more and refuse new connections (but see listen_is_passed), wait
 * for requests under way until the deadline, stop, join all threads, free; NULL is fine
 */
void http_server_close(struct http_server *server, int64_t deadline_mono_ms);

#endif
