/* SPDX-License-Identifier: MIT */
/*
 * The Idempotency-Key field (draft-ietf-httpapi-idempotency-key-header): a submission that was made
 * before is answered as it was then. For the endpoints that take submissions; the connection's own
 * thread.
 */
#ifndef TASKQ_HTTP_HTTP_IDEMPOTENCY_H
#define TASKQ_HTTP_HTTP_IDEMPOTENCY_H

#include <stdbool.h>
#include <stddef.h>

#include "http/http_request.h"
#include "queue/queue.h"

/**
 * idempotency_key_parse - the key that a field's value stands for
 * A string of RFC 8941 in its quotes, with \" and \\ in it, or the same text without them: 1 to
 * IDEMPOTENCY_KEY_MAX bytes of printable ASCII. Without quotes none of them is '"', '\', ',' or
 * ';', which mean something in a field. Parameters are not understood. Pure.
 * Returns whether it is one; ret_key is worth nothing otherwise.
 */
bool idempotency_key_parse(const char *value, char ret_key[IDEMPOTENCY_KEY_MAX + 1]);

/**
 * idempotency_begin - the start of an endpoint that takes submissions, before the body is judged:
 * what was accepted once is accepted again, though its times have passed and the queue is full
 * @accepted: writes the 202 of tasks with these ids
 * @room:     the caller's memory
 * @ret_key:  set in any case: `room` for queue_submit and idempotency_reset, or NULL where there is
 *            no such field
 * Returns false where the reply has been made: 202, 400, 422, or what a failed lookup comes to.
 */
bool idempotency_begin(struct request *request,
    void (*accepted)(struct reply *reply, char (*ids)[UUID_TEXT_SIZE], size_t count),
    struct idempotency *room, struct idempotency **ret_key);

/**
 * idempotency_answer - make the reply where something stands under the key, be it since a moment
 * @key: may be NULL
 * Returns whether it was made.
 */
bool idempotency_answer(struct request *request,
    void (*accepted)(struct reply *reply, char (*ids)[UUID_TEXT_SIZE], size_t count),
    const struct idempotency *key);

#endif
