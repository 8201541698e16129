/* SPDX-License-Identifier: MIT */
/*
 * The timekeeper: one thread that sleeps until the next task is due, lets those whose time has come
 * wait for their lanes, rejects those that have expired, and keeps the service's clock.
 */
#ifndef TASKQ_QUEUE_TIMEKEEPER_H
#define TASKQ_QUEUE_TIMEKEEPER_H

#include <stdint.h>

#include "base/status.h"
#include "queue/admission.h"
#include "queue/waiters.h"
#include "store/store.h"

struct timekeeper;

struct timekeeper_conf {
	struct store *store;         /* borrowed */
	struct admission *admission; /* borrowed */
	struct waiters *waiters;     /* borrowed; told of what has expired */
	/* Tasks have come to wait for a lane; any thread, must not block. */
	void (*readied)(void *context, enum lane lane);
	void *context;
};

/**
 * timekeeper_new / timekeeper_free - nobody may note before or after; free stops first, NULL is
 * fine
 */
enum status timekeeper_new(const struct timekeeper_conf *conf, struct timekeeper **ret_timekeeper,
    struct error *error) NODISCARD;
void timekeeper_free(struct timekeeper *timekeeper);

/**
 * timekeeper_start - start the thread, which looks at the store at once
 */
enum status timekeeper_start(struct timekeeper *timekeeper, struct error *error) NODISCARD;

/**
 * timekeeper_stop - stop and join the thread; idempotent, NULL is fine
 */
void timekeeper_stop(struct timekeeper *timekeeper);

/**
 * timekeeper_note - something that is committed will be due at this time; any thread, cheap
 */
void timekeeper_note(struct timekeeper *timekeeper, int64_t at_ms);

#endif
