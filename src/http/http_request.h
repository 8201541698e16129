/* SPDX-License-Identifier: MIT */
/*
 * One request as endpoints see it: where it goes, the fields that matter, its body, and the answer
 * that is being made. It is part of its connection's memory and is used again for the next request,
 * so it is filled anew field by field; only the connection's own thread touches it.
 */
#ifndef TASKQ_HTTP_HTTP_REQUEST_H
#define TASKQ_HTTP_HTTP_REQUEST_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/uuid.h"
#include "http/http_reply.h"
#include "http/http_server.h"
#include "http/http_target.h"
#include "task/task.h"

#define REQUEST_ID_SIZE        65
#define REQUEST_ACCEPT_MAX     8
#define REQUEST_PREFER_MAX     4
#define REQUEST_CODINGS_MAX    4
#define REQUEST_BODY_SLACK     ((uint64_t)256 << 10) /* over the limit, still read and dropped */
#define REQUEST_BODY_OVERSHOOT ((uint64_t)1 << 20)   /* over the limit of a body without length */
#define REQUEST_UNKNOWN_BYTES  UINT64_MAX

struct connection;
struct http_figures;
struct json_gate;
struct route;

/* Known methods. Everything else is answered with 501. */
enum method {
	METHOD_GET,
	METHOD_HEAD,
	METHOD_POST,
	METHOD_DELETE,
	METHOD_OPTIONS,
	METHOD_OTHER, /* known, but nothing here supports it: PUT, PATCH, TRACE, ... */
	METHOD_UNKNOWN,
};

/* The request's header, reduced to what we act on. Values are borrowed from libmicrohttpd. Where a
   field without a count of its own stands twice, its value is "", which nothing takes. */
struct request_head {
	const char *host;
	unsigned host_count;
	const char *content_length;
	unsigned content_length_count;
	const char *transfer_encoding;
	unsigned transfer_encoding_count;
	const char *content_type;
	unsigned content_type_count;
	const char *content_encoding;
	const char *expect;
	const char *request_id;
	const char *range;
	const char *if_range;
	const char *idempotency_key;
	unsigned idempotency_key_count;
	const char *last_event_id;
	unsigned last_event_id_count;
	const char *if_match[2];
	unsigned if_match_count;
	const char *if_none_match[2];
	unsigned if_none_match_count;
	const char *accept[REQUEST_ACCEPT_MAX];
	unsigned accept_count;
	const char *prefer[REQUEST_PREFER_MAX]; /* the first of them; more are not heeded */
	unsigned prefer_count;
	const char *accept_encoding[REQUEST_CODINGS_MAX]; /* likewise */
	unsigned accept_encoding_count;
	bool has_bad_name;
	bool is_distorted; /* bytes of it are not where RFC 9112 wants them */
};

struct request {
	struct queue *queue;
	const struct http_conf *conf;
	const atomic_bool *draining;
	struct http_figures *figures;
	struct json_gate *json_gate;   /* for bodies that become large when they are parsed */
	struct connection *connection; /* that the request came over */
	enum method method;
	bool is_http_1_0;
	struct target target;
	struct request_head head;
	const struct route *route; /* NULL until the target is known */
	char id[UUID_TEXT_SIZE];   /* the {id} of the path */
	bool is_hopeless;          /* refused so that reading on makes no sense */
	unsigned wait_s;         /* how long to wait for the task to end; HTTP_WAIT_MAX_S at most */
	bool wait_is_preferred;  /* by Prefer, so that the answer tells that it was heeded */
	bool has_waited;         /* for its task, as long as the client liked */
	bool is_verbose;         /* the answer tells more, as text */
	uint64_t content_length; /* REQUEST_UNKNOWN_BYTES for a chunked body; 0 for none */
	uint64_t received_bytes; /* of the body so far */
	struct buf body;         /* the body, unless it is being dropped */
	struct reply reply;
	char media_type[TASK_MEDIA_TYPE_SIZE]; /* where reply.media_type is not a literal */
	char request_id[REQUEST_ID_SIZE];
	int64_t began_mono_us; /* when the header was complete */
};

#endif
