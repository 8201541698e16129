/* SPDX-License-Identifier: MIT */
/*
 * An in-memory back end of the store, for the tests of what stands on it. It keeps the contract of
 * store.h, as the conformance suite checks, and adds what tests need: failures on demand, and gates
 * at which calls wait until the test lets them go. The tasks live in the struct fake_store, so that
 * closing the store and opening it again is a crash: what was RUNNING is recovered.
 *
 * All functions are safe from any thread. A directory is needed all the same (struct store_conf's
 * data_dir): outputs above the inline limit spill there, below results/.
 */
#ifndef TASKQ_TESTS_FAKE_STORE_H
#define TASKQ_TESTS_FAKE_STORE_H

#include "store/store.h"

struct fake_store;

enum fake_op {
	FAKE_SUBMIT,
	FAKE_CLAIM,
	FAKE_COMPLETE,
	FAKE_RELEASE,
	FAKE_CANCEL,
	FAKE_ADVANCE,
	FAKE_PURGE,
	FAKE_NEXT_HOST,
	FAKE_READ_STATUS,
	FAKE_READ_RESULT,
	FAKE_READ_IDEMPOTENCY,
	FAKE_LIST,
	FAKE_READ_SUBMISSION,
	FAKE_READ_ATTEMPTS,
	FAKE_OLDEST,
	FAKE_COUNTS,
	FAKE_MAINTAIN,
	FAKE_OP_COUNT,
};

/**
 * fake_store_new / fake_store_free - the tasks; aborts when memory is gone; free after store_close
 */
struct fake_store *fake_store_new(void);
void fake_store_free(struct fake_store *fake);

/**
 * fake_store_open - as store_open, on these tasks
 */
enum status fake_store_open(struct fake_store *fake, const struct store_conf *conf, int64_t now_ms,
    struct store **ret_store, struct store_recovery *ret_recovery, struct error *error) NODISCARD;

/**
 * fake_store_fail - the next `times` calls of an operation return `status` and change nothing
 * UNKNOWN kills the store: `fatal` is called once, and every later call returns UNKNOWN.
 */
void fake_store_fail(struct fake_store *fake, enum fake_op op, enum status status, unsigned times);

/**
 * fake_store_claim_twice - from now on every claim begins anew once, as after a transaction that
 * came to nothing
 */
void fake_store_claim_twice(struct fake_store *fake);

/**
 * fake_store_close_gate - from now on calls of an operation wait before they do anything
 * fake_store_await_gate - wait until `count` calls stand at the gate
 * fake_store_pass_gate  - let `count` of the waiting calls through, in any order
 * fake_store_open_gate  - let all through, and later ones too
 */
void fake_store_close_gate(struct fake_store *fake, enum fake_op op);
void fake_store_await_gate(struct fake_store *fake, enum fake_op op, unsigned count);
void fake_store_pass_gate(struct fake_store *fake, enum fake_op op, unsigned count);
void fake_store_open_gate(struct fake_store *fake, enum fake_op op);

/**
 * fake_store_close_exit / fake_store_await_exit / fake_store_open_exit - the same for calls that
 * have done what they do and are about to return
 */
void fake_store_close_exit(struct fake_store *fake, enum fake_op op);
void fake_store_await_exit(struct fake_store *fake, enum fake_op op, unsigned count);
void fake_store_open_exit(struct fake_store *fake, enum fake_op op);

/**
 * fake_store_calls - calls of an operation that have begun so far
 */
unsigned fake_store_calls(struct fake_store *fake, enum fake_op op);

/**
 * fake_store_await_calls - wait until `count` calls of an operation have ended since the beginning
 */
void fake_store_await_calls(struct fake_store *fake, enum fake_op op, unsigned count);

#endif
