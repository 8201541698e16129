/* SPDX-License-Identifier: MIT */
/* Looks under a key; see idempotency_row.h. Leaves no statement open, so no transaction either. */
#include "store/sqlite/idempotency_row.h"

#include <stdlib.h>
#include <string.h>

/* Takes ids apart that stand with a comma between two. */
static int
take_ids(const char *text, size_t size, struct idempotency *idempotency)
{
	size_t count = (size + 1) / UUID_TEXT_SIZE;
	char(*ids)[UUID_TEXT_SIZE];

	if (count == 0 || size + 1 != count * UUID_TEXT_SIZE)
		return SQLITE_CORRUPT;
	ids = calloc(count, sizeof(*ids));
	if (ids == NULL)
		return SQLITE_NOMEM;
	for (size_t i = 0; i < count; i++) {
		if (!uuid_parse(text + i * UUID_TEXT_SIZE, UUID_TEXT_LENGTH, ids[i])) {
			free(ids);
			return SQLITE_CORRUPT;
		}
	}
	idempotency->ret_ids = ids;
	idempotency->ret_count = count;
	return SQLITE_OK;
}

static int
take_row(sqlite3_stmt *row, struct idempotency *idempotency)
{
	const void *fingerprint = sqlite3_column_blob(row, 0);
	const void *ids;
	int rc;

	if (sqlite3_column_bytes(row, 0) != IDEMPOTENCY_FINGERPRINT_BYTES)
		return SQLITE_CORRUPT;
	if (fingerprint == NULL)
		return SQLITE_NOMEM;
	if (memcmp(fingerprint, idempotency->fingerprint, IDEMPOTENCY_FINGERPRINT_BYTES) != 0) {
		idempotency->ret_verdict = IDEMPOTENCY_MISMATCH;
		return SQLITE_OK;
	}
	ids = sqlite3_column_text(row, 1);
	if (ids == NULL)
		return SQLITE_NOMEM;
	rc = take_ids(ids, (size_t)sqlite3_column_bytes(row, 1), idempotency);
	if (rc == SQLITE_OK)
		idempotency->ret_verdict = IDEMPOTENCY_REPLAYED;
	return rc;
}

int
idempotency_row_find(
    const struct sqlite_conn *conn, struct idempotency *idempotency, int64_t now_ms)
{
	struct binding binding = bind_begin(conn, SQLITE_IDEMPOTENCY_FIND);
	int rc;

	idempotency_reset(idempotency);
	bind_word(&binding, idempotency->key);
	bind_int(&binding, now_ms - idempotency->keep_ms);
	rc = binding.rc;
	if (rc == SQLITE_OK)
		rc = sqlite3_step(binding.statement);
	if (rc == SQLITE_ROW)
		rc = take_row(binding.statement, idempotency);
	else if (rc == SQLITE_DONE)
		rc = SQLITE_OK;
	(void)sqlite3_reset(binding.statement);
	return rc;
}
