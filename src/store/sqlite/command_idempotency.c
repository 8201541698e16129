/* SPDX-License-Identifier: MIT */
/*
 * A submission's key as statements; see command.c. That one connection writes is what decides
 * between submissions with the same key: whoever comes later finds the row of the first, be it in
 * the same transaction.
 */
#include <stdlib.h>
#include <string.h>

#include "store/sqlite/command_apply.h"
#include "store/sqlite/idempotency_row.h"

/* So many of the oldest rows go with each that comes: the table shrinks where it has too many, and
   no submission pays for all of them. */
#define FORGET_MAX 4

static int64_t
now_ms(const struct command *command)
{
	return command->submit.tasks[0].created_at_ms;
}

enum status
command_find_idempotency(struct command *command, struct writer *writer, struct error *error)
{
	int rc = idempotency_row_find(&writer->conn, command->submit.idempotency, now_ms(command));

	return sqlite_status(writer->conn.db, rc, "cannot look up a key", error);
}

/* Returns an SQLite result code. */
static int
forget_some(const struct command *command, struct writer *writer)
{
	struct binding binding = bind_begin(&writer->conn, SQLITE_IDEMPOTENCY_EXPIRED);
	char keys[FORGET_MAX][IDEMPOTENCY_KEY_MAX + 1];
	int count = 0;
	int rc;

	bind_int(&binding, now_ms(command) - command->submit.idempotency->keep_ms);
	bind_int(&binding, FORGET_MAX);
	rc = binding.rc;
	while (rc == SQLITE_OK && (rc = sqlite3_step(binding.statement)) == SQLITE_ROW &&
	       count < FORGET_MAX)
		rc = column_word(binding.statement, 0, keys[count++], sizeof(keys[0]));
	(void)sqlite3_reset(binding.statement);
	for (int i = 0; rc == SQLITE_DONE && i < count; i++) {
		binding = bind_begin(&writer->conn, SQLITE_IDEMPOTENCY_FORGET);
		bind_word(&binding, keys[i]);
		rc = bind_run(&binding);
	}
	return rc;
}

/* The ids of the tasks with a comma between two; *ret_size without the NUL. NULL: no memory. */
static char *
join_ids(const struct command *command, size_t *ret_size)
{
	size_t count = command->submit.count;
	char *text = malloc(count * UUID_TEXT_SIZE);

	if (text == NULL)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		char *at = text + i * UUID_TEXT_SIZE;

		memcpy(at, command->submit.tasks[i].id, UUID_TEXT_LENGTH);
		at[UUID_TEXT_LENGTH] = i + 1 < count ? ',' : '\0';
	}
	*ret_size = count * UUID_TEXT_SIZE - 1;
	return text;
}

enum status
command_keep_idempotency(struct command *command, struct writer *writer, struct error *error)
{
	const struct idempotency *idempotency = command->submit.idempotency;
	struct binding binding;
	size_t size = 0;
	char *ids;
	int rc = forget_some(command, writer);

	if (rc != SQLITE_DONE)
		return sqlite_status(writer->conn.db, rc, "cannot forget a key", error);
	ids = join_ids(command, &size);
	if (ids == NULL)
		return error_set(error, STATUS_NOMEM, "no memory for the ids of a submission");
	binding = bind_begin(&writer->conn, SQLITE_IDEMPOTENCY_KEEP);
	bind_word(&binding, idempotency->key);
	bind_blob(&binding, idempotency->fingerprint, IDEMPOTENCY_FINGERPRINT_BYTES);
	bind_int(&binding, now_ms(command));
	bind_text(&binding, ids, size);
	rc = bind_run(&binding);
	free(ids);
	return sqlite_status(writer->conn.db, rc, "cannot keep a key", error);
}
