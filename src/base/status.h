/* SPDX-License-Identifier: MIT */
/*
 * The one error channel: a small closed enum for what the caller does next, and a caller-owned text
 * for the person who reads the log. The text has a fixed size, so it works when memory is gone.
 * Library code fills it and never logs; the edges (http replies, executors, maintenance, app) log
 * it.
 */
#ifndef TASKQ_BASE_STATUS_H
#define TASKQ_BASE_STATUS_H

#include "base/compiler.h"

enum status {
	STATUS_OK,
	STATUS_INVALID,   /* the caller's input is wrong */
	STATUS_NOT_FOUND, /* no such thing */
	STATUS_CONFLICT,  /* the state has moved on: a superseded lease, a final task */
	STATUS_FULL,      /* a bound is reached: queue, disk, buffer, size limit */
	STATUS_BUSY,      /* the same call may succeed later; the only such code */
	STATUS_TIMEOUT,
	STATUS_CANCELLED, /* stopped on request */
	STATUS_NOMEM,
	STATUS_IO,      /* an I/O error; nothing was stored */
	STATUS_UNKNOWN, /* a commit failed so that its outcome cannot be known before a restart */
	STATUS_CORRUPT, /* stored data is damaged */
	STATUS_INTERNAL,
};

struct error {
	char text[256];
};

/**
 * status_name - the lower-case word for a status, for logs; static storage
 */
const char *status_name(enum status status);

/**
 * status_ignore - drop a status on purpose, where failure has no consequence
 */
void status_ignore(enum status status);

/**
 * error_set - write an error text and return its status, so that callers write `return
 * error_set(..)`
 * @error: may be NULL; otherwise overwritten, cut at its size, control characters made spaces
 * @fmt:   lower case, no full stop; says what was found and what was expected, never a secret
 */
enum status error_set(struct error *error, enum status status, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

/* What the analyzers of scripts/check-lint cannot see from here: it returns what it is given. */
#ifdef TASKQ_LINT
#	define error_set(error, status, ...) (error_set(error, status, __VA_ARGS__), (status))
#endif

/**
 * error_prefix - put context in front of an error text ("context: text"); may be given NULL
 */
void error_prefix(struct error *error, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
