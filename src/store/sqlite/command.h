/* SPDX-License-Identifier: MIT */
/*
 * What a calling thread asks of the committer. A command lives on the caller's stack until its
 * event is set; the committer applies it within a transaction that it shares with others.
 */
#ifndef TASKQ_STORE_SQLITE_COMMAND_H
#define TASKQ_STORE_SQLITE_COMMAND_H

#include "base/sync.h"
#include "store/sqlite/sqlite_writer.h"
#include "store/store.h"

enum command_kind {
	COMMAND_SUBMIT,
	COMMAND_CLAIM,
	COMMAND_COMPLETE,
	COMMAND_RELEASE,
	COMMAND_CANCEL,
	COMMAND_ADVANCE,
	COMMAND_PURGE,
	COMMAND_MAINTAIN, /* between transactions, as is the next */
	COMMAND_GIVE_SPACE_BACK,
};

struct command {
	enum command_kind kind;

	union {
		struct {
			const struct task_new *tasks; /* all or none */
			size_t count;
			struct task_start *start;        /* NULL: QUEUED; else RUNNING at once */
			struct idempotency *idempotency; /* NULL: none */
		} submit;

		struct {
			struct store_gate *gate; /* NULL: none */
			enum lane lane;
			bool isolated;
			size_t max;
			int64_t now_ms;
			struct task *tasks; /* the caller's array */
			size_t count;       /* filled so far */
		} claim;

		struct {
			struct completion *list;
			size_t count;
		} complete;

		struct {
			const struct task *list;
			const char *const *hosts; /* of each; NULL: none is deferred */
			size_t count;
			int64_t now_ms;
			size_t queued;
		} release;

		struct {
			const char *id;
			int64_t now_ms;
			struct store_cancelled *ret;
		} cancel;

		struct {
			int64_t now_ms;
			struct store_advance *ret;
		} advance;

		struct {
			const struct store_retention *retention;
			int64_t now_ms;
			struct store_purged *ret;
			int64_t *
			    leases; /* array of STORE_PURGE_MAX: of those that had a file; else 0 */
		} purge;

		struct {
			unsigned space_calls; /* see writer_maintain */
		} maintain;
	};

	/* The command's own fate if its transaction commits: OK, CONFLICT, NOT_FOUND. Then that of
	   the transaction, once the event is set. */
	enum status status;
	struct error *error; /* the caller's, may be NULL */
	struct event done;
	struct bell *bell; /* at which the caller waits */
	struct command *next;
};

/**
 * command_apply - run the statements of a command within the open transaction
 * Returns OK when the transaction may go on, whatever the command's own status; otherwise the
 * transaction has to be rolled back: INTERNAL or CONFLICT when this command is to blame, or FULL,
 * IO, NOMEM, BUSY, CORRUPT.
 */
enum status command_apply(
    struct command *command, struct writer *writer, struct error *error) NODISCARD;

/**
 * command_undo - forget what command_apply left in memory; for commands applied or not
 */
void command_undo(struct command *command);

/**
 * command_weight - roughly how many bytes the command writes, to bound a transaction
 */
size_t command_weight(const struct command *command);

/**
 * command_share - how many of a transaction's GATHERING_MAX places the command takes
 */
size_t command_share(const struct command *command);

#endif
