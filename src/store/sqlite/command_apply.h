/* SPDX-License-Identifier: MIT */
/*
 * The commands one by one, as command_apply runs them: same contract. For the files command*.c
 * alone.
 */
#ifndef TASKQ_STORE_SQLITE_COMMAND_APPLY_H
#define TASKQ_STORE_SQLITE_COMMAND_APPLY_H

#include "store/sqlite/command.h"

enum status command_apply_submit(
    struct command *command, struct writer *writer, struct error *error) NODISCARD;
enum status command_apply_claim(
    struct command *command, struct writer *writer, struct error *error) NODISCARD;
enum status command_apply_complete(
    struct command *command, struct writer *writer, struct error *error) NODISCARD;
enum status command_apply_release(
    struct command *command, struct writer *writer, struct error *error) NODISCARD;
enum status command_apply_cancel(
    struct command *command, struct writer *writer, struct error *error) NODISCARD;
enum status command_apply_advance(
    struct command *command, struct writer *writer, struct error *error) NODISCARD;
enum status command_apply_purge(
    struct command *command, struct writer *writer, struct error *error) NODISCARD;

/**
 * command_find_idempotency - for a submission with a key: what stands under it, as of this
 * transaction
 * command_keep_idempotency - put the tasks under the key, where nothing stands; forget some of what
 * has been kept for long enough
 */
enum status command_find_idempotency(
    struct command *command, struct writer *writer, struct error *error) NODISCARD;
enum status command_keep_idempotency(
    struct command *command, struct writer *writer, struct error *error) NODISCARD;

/**
 * command_insert_content - keep a content in the database; returns an SQLite result code
 */
int command_insert_content(int64_t seq, const void *content, size_t size, struct writer *writer);

/* A QUEUED task that is to be changed: found first, because a statement must not change the index
   that it walks. */
struct queued_row {
	int64_t seq;
	char type[TASK_TYPE_SIZE];
	enum lane lane;
	enum task_wait wait;
	size_t args_bytes; /* this and the next matter for one that ends */
	int attempts;      /* begun */
};

/**
 * queued_row_take - the columns seq, type and lane of a row; the other members are the caller's
 * queued_row_wait - what a task waits for by its held_until
 * Returns an SQLite result code.
 */
int queued_row_take(sqlite3_stmt *row, struct queued_row *ret_found);
enum task_wait queued_row_wait(sqlite3_stmt *row, int column);

/* queued_row_counted - where a task is counted that waits for this */
enum counted queued_row_counted(enum task_wait wait);

/**
 * command_ready  - let a task that is held or deferred wait for its lane
 * command_defer  - let one that waits for its lane wait for a host
 * command_reject - make a QUEUED task REJECTED
 * Each counts the task as what it is then; CORRUPT where it is not QUEUED.
 */
enum status command_ready(struct writer *writer, const struct queued_row *row, int64_t now_ms,
    struct error *error) NODISCARD;
enum status command_defer(struct writer *writer, const struct queued_row *row, const char *host,
    struct error *error) NODISCARD;
enum status command_reject(struct writer *writer, const struct queued_row *row, int64_t now_ms,
    enum failure failure, const char *message, struct error *error) NODISCARD;

/**
 * bind_media_type - bind a media type, or null where it is not known
 * bind_time       - bind a time or a number, or null where it is 0
 */
void bind_media_type(struct binding *binding, const char *media_type);
void bind_time(struct binding *binding, int64_t value);

#endif
