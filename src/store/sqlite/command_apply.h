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

/* A QUEUED task, as far as its end is concerned. */
struct queued {
	int64_t seq;
	char type[TASK_TYPE_SIZE];
	enum lane lane;
	bool is_held; /* and counted so */
	size_t args_bytes;
	int attempts; /* begun */
};

/**
 * command_reject - make a QUEUED task REJECTED, and count it so
 */
enum status command_reject(struct writer *writer, const struct queued *queued, int64_t now_ms,
    enum failure failure, const char *message, struct error *error) NODISCARD;

/**
 * bind_media_type - bind a media type, or null where it is not known
 * bind_time       - bind a time or a number, or null where it is 0
 */
void bind_media_type(struct binding *binding, const char *media_type);
void bind_time(struct binding *binding, int64_t value);

#endif
