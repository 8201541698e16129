/* SPDX-License-Identifier: MIT */
/*
 * The key that a client gives a submission, so that sending it again makes no second task, and what
 * the store knows of it. One thread at a time, caller's memory.
 */
#ifndef TASKQ_STORE_IDEMPOTENCY_H
#define TASKQ_STORE_IDEMPOTENCY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/uuid.h"

#define IDEMPOTENCY_KEY_MAX           128
#define IDEMPOTENCY_FINGERPRINT_BYTES 32

/* What stands under a key. */
enum idempotency_verdict {
	IDEMPOTENCY_FRESH,    /* nothing, or what has been kept for long enough */
	IDEMPOTENCY_REPLAYED, /* the same submission */
	IDEMPOTENCY_MISMATCH, /* another one */
};

/*
 * store_read_idempotency tells what stands under the key at a time. store_submit does that within
 * its commit, when its first task is created. FRESH: the tasks are inserted, and stand under the
 * key from then on, in the same commit. Otherwise nothing is inserted, the status is OK all the
 * same, and a start is still the caller's. Of calls with one key at once, one is FRESH.
 * What failed, whatever the status, has left nothing under the key.
 */
struct idempotency {
	char key[IDEMPOTENCY_KEY_MAX + 1];                        /* printable ASCII, not empty */
	unsigned char fingerprint[IDEMPOTENCY_FINGERPRINT_BYTES]; /* of what is submitted */
	int64_t keep_ms; /* what is older than that does not count any more */

	enum idempotency_verdict ret_verdict; /* on OK; FRESH otherwise */
	char (*ret_ids)[UUID_TEXT_SIZE];      /* REPLAYED: of its tasks in order; owned */
	size_t ret_count;
};

/**
 * idempotency_is_known - whether something stands under the key, so that nothing was inserted
 * NULL is none.
 */
bool idempotency_is_known(const struct idempotency *idempotency);

/**
 * idempotency_reset - FRESH, and free the ids; NULL is fine
 */
void idempotency_reset(struct idempotency *idempotency);

#endif
