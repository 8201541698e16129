/* SPDX-License-Identifier: MIT */
/*
 * What operators do to a data directory from a process of their own: look whether all of it is
 * right, copy it while a service may be running on it, put a copy back. None of it opens the store.
 * One thread, which blocks on disk for as long as it takes to read everything.
 */
#ifndef TASKQ_STORE_STORE_UPKEEP_H
#define TASKQ_STORE_STORE_UPKEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

enum store_verdict {
	STORE_VERDICT_OK,
	STORE_VERDICT_NOTE,   /* not as it should be; the service sets it right by itself */
	STORE_VERDICT_LOSS,   /* the results of some tasks are lost; everything else works */
	STORE_VERDICT_DAMAGE, /* what the database says cannot be relied on */
};

/* One thing that was looked at. */
struct store_finding {
	const char *check; /* its name, a word; static storage */
	enum store_verdict verdict;
	char found[256];
	const char *advice; /* what to do; "" where nothing has to be; static storage */
};

#define STORE_FINDINGS_MAX 8

struct store_report {
	struct store_finding list[STORE_FINDINGS_MAX];
	size_t count;
	enum store_verdict worst;
};

/**
 * store_audit - read everything, and tell of each thing whether it is right
 * Writes nothing, makes nothing, migrates nothing, and keeps no service from starting or working;
 * only its log cannot be emptied meanwhile. Where the database is damaged what builds on it is not
 * looked at.
 * Returns OK when it could look, whatever was found; NOT_FOUND where there is no database; BUSY
 * when services were started and stopped under it; IO; NOMEM.
 */
enum status store_audit(
    const char *data_dir, struct store_report *ret_report, struct error *error) NODISCARD;

struct store_copy_conf {
	const char *from_dir; /* a data directory, in use or not */
	const char *to_dir;
	bool (*is_cancelled)(void *context); /* asked now and then */
	void *context;
};

struct store_copied {
	int64_t tasks;
	int64_t files; /* results that are files */
	uint64_t bytes;
	int64_t purged; /* tasks that the service deleted while they were copied: left out */
	struct store_report report; /* of the copy */
};

/**
 * store_backup - copy a data directory as it is at one moment after this call began
 * @to_dir: must not exist, nor be in from_dir or below; has the whole copy from the moment on in
 * which it does. A data directory itself, that holds the database and results/ alone
 * The copy is audited before it gets its name; results that are lost are lost in the copy too, and
 * do not keep it from being made.
 * Returns OK, with the copy flushed to disk; CONFLICT when to_dir exists, or is within the data;
 * CORRUPT when what was copied is damaged; CANCELLED; NOT_FOUND, INVALID, BUSY, FULL, IO, NOMEM.
 * Unless OK, to_dir has not come into being, and nothing else is left.
 */
enum status store_backup(const struct store_copy_conf *conf, struct store_copied *ret_copied,
    struct error *error) NODISCARD;

/**
 * store_restore - put a backup, or any other data directory, in a place where there is nothing
 * @to_dir: made when it is missing; may hold anything but a database, its log, or results
 * The database comes last: before, no service starts there. Audited as a backup is.
 * Returns as store_backup; CONFLICT when there is something; BUSY when a service is running there.
 * Unless OK, what was put there is removed.
 */
enum status store_restore(const struct store_copy_conf *conf, struct store_copied *ret_copied,
    struct error *error) NODISCARD;

#endif
