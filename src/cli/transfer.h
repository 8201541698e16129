/* SPDX-License-Identifier: MIT */
/*
 * One exchange with the service, by libcurl: a request goes out, an answer comes in. The only user
 * of libcurl's transfers. Main thread; one at a time, over one connection that is kept.
 */
#ifndef TASKQ_CLI_TRANSFER_H
#define TASKQ_CLI_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/status.h"

#define ANSWER_FIELD_SIZE 128

struct answer {
	long status;            /* of HTTP; 0: none came */
	int64_t retry_after_ms; /* 0: not told */
	int64_t content_bytes;  /* of Content-Length; -1: not told */
	char media_type[ANSWER_FIELD_SIZE];
	char etag[ANSWER_FIELD_SIZE];
	char content_range[ANSWER_FIELD_SIZE];
	struct buf body; /* where no sink took it; NUL-terminated, "" without one */
};

/* Takes content as it comes. Returns false to end the transfer. */
typedef bool transfer_sink(void *arg, const struct answer *head, const char *data, size_t size);

/* Whatever is asked for is the same done twice as done once: libcurl sends a request again where a
   connection that was kept has brought nothing, and so does client_call. That is so of GET and
   DELETE; a POST has a key. */
struct call {
	const char *method;
	const char *path; /* with its query, as it is to be sent */
	const char *body; /* JSON; NULL: none */
	size_t body_bytes;
	const char *key;      /* Idempotency-Key; NULL: none, for what is no POST */
	const char *range;    /* the value of Range without "bytes="; NULL: none */
	const char *if_range; /* NULL: none */
	bool takes_busy;      /* 503 is an answer like others, for the caller to deal with */
	int64_t wait_ms;      /* how long the service was asked to wait */
	int64_t limit_ms;     /* how long all of it may take; 0: no matter */
	transfer_sink *sink;  /* of the body of a 200 or 206; NULL: into answer->body */
	void *sink_arg;
};

struct transfer;

/* How far a transfer without an answer came. */
enum transfer_reach {
	TRANSFER_NOT_CONNECTED, /* the service got nothing of it */
	TRANSFER_CONNECTED,
};

/**
 * transfer_open
 * @url: see service_url.h
 * Returns OK; INVALID for the URL; NOMEM.
 */
enum status transfer_open(
    const char *url, struct transfer **ret_transfer, struct error *error) NODISCARD;
void transfer_close(struct transfer *transfer);

/**
 * transfer_url - the URL of the service to show, without credentials; borrowed
 */
const char *transfer_url(const struct transfer *transfer);

/**
 * transfer_run - send a request and take the answer
 * @tick: called ten times a second meanwhile; may be NULL
 * @ret_answer: always set, for answer_done
 * Returns OK with whatever the service answered; IO where there was no answer, or it broke off (its
 * head is in ret_answer then, where it had come), and *ret_reach tells how far it came; FULL for an
 * answer without a sink of more than 16 MiB; CANCELLED when stop_is_wanted() or the sink refused
 * more; NOMEM. Blocks as long as the service is not silent for a minute beyond call->wait_ms.
 */
enum status transfer_run(struct transfer *transfer, const struct call *call,
    void (*tick)(void *arg), void *tick_arg, struct answer *ret_answer,
    enum transfer_reach *ret_reach, struct error *error) NODISCARD;

/**
 * transfer_idle - let at most so much time pass
 */
void transfer_idle(struct transfer *transfer, int ms);

/**
 * transfer_escape - append a text as it may stand in a query
 */
void transfer_escape(struct transfer *transfer, const char *text, struct buf *out);

void answer_done(struct answer *answer);

#endif
