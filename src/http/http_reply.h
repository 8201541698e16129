/* SPDX-License-Identifier: MIT */
/*
 * An answer before it is on the wire: status, fields and one of five kinds of body. Endpoints fill
 * it and know nothing of libmicrohttpd. One thread at a time, caller's memory.
 */
#ifndef TASKQ_HTTP_HTTP_REPLY_H
#define TASKQ_HTTP_HTTP_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/status.h"
#include "task/faults.h"

struct body_source;

#define REPLY_FIELDS_MAX     8
#define REPLY_FIELD_SIZE     128
#define REPLY_BODY_MAX_BYTES ((size_t)256 << 20)
#define REPLY_UNKNOWN_BYTES  UINT64_MAX

#define MEDIA_TYPE_JSON    "application/json"
#define MEDIA_TYPE_PROBLEM "application/problem+json"
#define MEDIA_TYPE_EVENTS  "text/event-stream"
#define MEDIA_TYPE_TEXT    "text/plain; charset=utf-8"
#define MEDIA_TYPE_METRICS "text/plain; version=0.0.4; charset=utf-8"

enum problem {
#define PROBLEM(constant, status, type, title) PROBLEM_##constant,
#include "http/problem.def"
#undef PROBLEM
};

struct reply_field {
	const char *name; /* static storage */
	char value[REPLY_FIELD_SIZE];
};

/* A field that is the same in many answers. */
struct reply_constant {
	const char *name;
	const char *value;
};

struct reply {
	unsigned status;        /* 0: nothing to say yet */
	const char *media_type; /* borrowed; lives as long as the reply. NULL: no Content-Type */
	struct reply_field fields[REPLY_FIELDS_MAX];
	size_t field_count;
	const struct reply_constant *constants; /* static, ended by a NULL name; NULL: none */
	bool may_be_kept;                       /* a field of its own says how; else "no-store" */
	bool close;                             /* end the connection after it */
	bool drop;                              /* end the connection instead of answering */
	struct buf body;            /* the body when all of the following are not there */
	const char *constant_body;  /* static; `bytes` of it */
	struct body_source *source; /* owned */
	int fd;                     /* owned; -1, or a file with the body ... */
	uint64_t offset;            /* ... from here on ... */
	uint64_t bytes;             /* ... for so long; also the source's size, or UNKNOWN_BYTES */
};

/**
 * reply_init - nothing to say yet; reply_done frees what it owns
 */
void reply_init(struct reply *reply);
void reply_done(struct reply *reply);

/**
 * reply_field - add a response field; a value that does not fit is a programmer's error
 */
void reply_field(struct reply *reply, const char *name, const char *fmt, ...) PRINTF_LIKE(3, 4);

/**
 * reply_text - begin an answer of this media type; append the text to the buffer that is returned
 * reply_json - the same with JSON
 * @media_type:     static storage
 * @expected_bytes: how much is likely to come, so that it is allocated at once
 */
struct buf *reply_text(
    struct reply *reply, unsigned status, const char *media_type, size_t expected_bytes);
struct buf *reply_json(struct reply *reply, unsigned status, size_t expected_bytes);

/**
 * reply_problem - make it a problem+json answer, dropping what was there but for the fields
 * @faults: named one by one; NULL or empty for none
 * @fmt:    the detail, a sentence for people; whatever it quotes is made valid UTF-8
 */
void reply_problem(struct reply *reply, enum problem problem, const struct faults *faults,
    const char *fmt, ...) PRINTF_LIKE(4, 5);

/**
 * reply_internal - a 500 with a neutral text for the client; `error` is for the log
 */
void reply_internal(struct reply *reply, const char *what, const struct error *error);

#endif
