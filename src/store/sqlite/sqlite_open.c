/* SPDX-License-Identifier: MIT */
/*
 * Connections with the pragmas that the store's promises stand on. Every pragma is set and read
 * back, because SQLite ignores what it does not know or cannot do. Run by the thread that opens the
 * store. Must not make the tables: that is sqlite_migrate.c's business.
 */
#include "store/sqlite/sqlite_open.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "store/sqlite/sqlite_memory.h"
#include "store/sqlite/sqlite_reads.h"

struct pragma {
	const char *name;
	const char *value;
	const char *expected;
};

/* The freed content of a page is overwritten, whole freed pages are not written again for it. */
static const struct pragma creator_pragmas[] = {
	{ "page_size", "4096", "4096" },
	{ "auto_vacuum", "INCREMENTAL", "2" }, /* only takes before the first table */
	{ "secure_delete", "FAST", "2" },
	{ "journal_mode", "DELETE", "delete" },
	{ "synchronous", "FULL", "2" },
	{ "mmap_size", "0", "0" },
};

static const struct pragma writer_pragmas[] = {
	{ "cell_size_check", "ON", "1" }, { "mmap_size", "0", "0" },
	{ "journal_mode", "WAL", "wal" }, { "synchronous", "FULL", "2" },
	{ "wal_autocheckpoint", "0", "0" }, { "secure_delete", "FAST", "2" },
	{ "temp_store", "MEMORY", "2" }, { "trusted_schema", "OFF", "0" },
	{ "cache_size", "-8192", "-8192" }, /* KiB */
};

static const struct pragma reader_pragmas[] = {
	{ "cell_size_check", "ON", "1" },
	{ "mmap_size", "0", "0" },
	{ "wal_autocheckpoint", "0", "0" },
	{ "temp_store", "MEMORY", "2" },
	{ "trusted_schema", "OFF", "0" },
	{ "cache_size", "-256", "-256" },
	{ "query_only", "ON", "1" },
};

static void
setup_once(void)
{
	sqlite_memory_setup(); /* first: the library may not be in use yet */
	sqlite_reads_setup();
}

void
sqlite_setup(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	(void)pthread_once(&once, setup_once);
}

/* Runs one statement and copies the first column of its last row as text, "" without rows. */
static int
query_text(sqlite3 *db, const char *sql, char *ret_text, size_t size)
{
	sqlite3_stmt *statement = NULL;
	int rc = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);

	ret_text[0] = '\0';
	if (rc != SQLITE_OK)
		return rc;
	while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
		int copied = column_word(statement, 0, ret_text, size);

		if (copied != SQLITE_OK) {
			rc = copied;
			break;
		}
	}
	(void)sqlite3_finalize(statement);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static enum status
pragma_set(sqlite3 *db, const struct pragma *pragma, struct error *error)
{
	char sql[128], found[64];
	int rc;

	(void)snprintf(sql, sizeof(sql), "PRAGMA %s=%s", pragma->name, pragma->value);
	rc = query_text(db, sql, found, sizeof(found));
	if (rc == SQLITE_OK) {
		(void)snprintf(sql, sizeof(sql), "PRAGMA %s", pragma->name);
		rc = query_text(db, sql, found, sizeof(found));
	}
	if (rc != SQLITE_OK)
		return sqlite_status(db, rc, sql, error);
	if (strcmp(found, pragma->expected) != 0)
		return error_set(error, STATUS_INTERNAL, "PRAGMA %s is %s, expected %s",
		    pragma->name, found, pragma->expected);
	return STATUS_OK;
}

static enum status
pragmas_set(sqlite3 *db, const struct pragma *pragmas, size_t count, struct error *error)
{
	for (size_t i = 0; i < count; i++) {
		enum status status = pragma_set(db, &pragmas[i], error);

		if (status != STATUS_OK)
			return status;
	}
	return STATUS_OK;
}

static enum status
role_setup(sqlite3 *db, enum sqlite_role role, uint64_t wal_max_bytes, struct error *error)
{
	char limit[32], id[32];
	struct pragma size_limit = { "journal_size_limit", limit, limit };
	struct pragma application = { "application_id", id, id };
	enum status status;
	int rc;

	switch (role) {
	case SQLITE_ROLE_CREATOR:
		(void)snprintf(id, sizeof(id), "%d", SQLITE_APPLICATION_ID);
		status = pragmas_set(db, creator_pragmas, ARRAY_SIZE(creator_pragmas), error);
		if (status != STATUS_OK)
			return status;
		return pragma_set(db, &application, error);
	case SQLITE_ROLE_WRITER:
		(void)snprintf(limit, sizeof(limit), "%llu", (unsigned long long)wal_max_bytes);
		status = pragmas_set(db, writer_pragmas, ARRAY_SIZE(writer_pragmas), error);
		if (status != STATUS_OK)
			return status;
		return pragma_set(db, &size_limit, error);
	case SQLITE_ROLE_READER:
	case SQLITE_ROLE_VISITOR:
	case SQLITE_ROLE_STILL_VISITOR:
		/* Closing a reader must never checkpoint. */
		rc = sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
		if (rc != SQLITE_OK)
			return sqlite_status(db, rc, "no checkpoint on close", error);
		return pragmas_set(db, reader_pragmas, ARRAY_SIZE(reader_pragmas), error);
	}
	return STATUS_INTERNAL;
}

/* Before any pragma of the writer, some of which change the file. */
static enum status
check_identity(struct sqlite_conn *conn, struct error *error)
{
	int64_t application = 0, vacuum = 0;
	enum status status = sqlite_pragma_get(conn, "application_id", &application, error);

	if (status == STATUS_OK)
		status = sqlite_pragma_get(conn, "auto_vacuum", &vacuum, error);
	if (status != STATUS_OK)
		return status;
	if (application != SQLITE_APPLICATION_ID)
		return error_set(error, STATUS_INVALID,
		    "the database was made by another program: application_id is %lld, expected %d",
		    (long long)application, SQLITE_APPLICATION_ID);
	if (vacuum != 2)
		return error_set(error, STATUS_INVALID,
		    "the database has auto_vacuum %lld, expected 2 (incremental)",
		    (long long)vacuum);
	return STATUS_OK;
}

/* The URI of a file that SQLite need not lock, nor look for a log of. */
static char *
still_uri(const char *path)
{
	static const char plain[] =
	    "/._-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	struct buf uri;

	buf_init(&uri, 3 * strlen(path) + 64);
	buf_text(&uri, "file:");
	for (; *path != '\0'; path++) {
		if (strchr(plain, *path) != NULL)
			buf_append(&uri, path, 1);
		else
			buf_printf(&uri, "%%%02x", (unsigned char)*path);
	}
	buf_text(&uri, "?immutable=1");
	return buf_take(&uri, &(size_t){ 0 });
}

static int
open_file(const char *path, enum sqlite_role role, sqlite3 **ret_db)
{
	bool writes = role == SQLITE_ROLE_CREATOR || role == SQLITE_ROLE_WRITER;
	int flags = (writes ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) | SQLITE_OPEN_NOMUTEX |
		    SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE;
	char *uri;
	int rc;

	if (role != SQLITE_ROLE_STILL_VISITOR)
		return sqlite3_open_v2(path, ret_db, flags, NULL);
	uri = still_uri(path);
	if (uri == NULL)
		return SQLITE_NOMEM;
	rc = sqlite3_open_v2(uri, ret_db, flags | SQLITE_OPEN_URI, NULL);
	free(uri);
	return rc;
}

enum status
sqlite_conn_open(const char *path, enum sqlite_role role, uint64_t wal_max_bytes,
    struct sqlite_conn *ret_conn, struct error *error)
{
	struct sqlite_conn conn = { 0 };
	enum status status = STATUS_OK;
	int rc;

	sqlite_setup();
	rc = open_file(path, role, &conn.db);
	if (rc == SQLITE_OK)
		rc = sqlite3_busy_timeout(conn.db, SQLITE_BUSY_TIMEOUT_MS);
	if (rc != SQLITE_OK)
		status = sqlite_status(conn.db, rc, "cannot open the database", error);
	else if (role != SQLITE_ROLE_CREATOR && role != SQLITE_ROLE_READER)
		status = check_identity(&conn, error);
	if (status == STATUS_OK)
		status = role_setup(conn.db, role, wal_max_bytes, error);
	if (status != STATUS_OK) {
		sqlite_conn_close(&conn);
		return status;
	}
	*ret_conn = conn;
	return STATUS_OK;
}

enum status
sqlite_conn_leave_log(struct sqlite_conn *conn, struct error *error)
{
	static const struct pragma journal = { "journal_mode", "DELETE", "delete" };

	return pragma_set(conn->db, &journal, error);
}

enum status
sqlite_pragma_get(
    struct sqlite_conn *conn, const char *name, int64_t *ret_value, struct error *error)
{
	sqlite3_stmt *statement = NULL;
	int64_t value = 0;
	char sql[64];
	int rc;

	(void)snprintf(sql, sizeof(sql), "PRAGMA %s", name);
	rc = sqlite3_prepare_v2(conn->db, sql, -1, &statement, NULL);
	if (rc == SQLITE_OK) {
		while ((rc = sqlite3_step(statement)) == SQLITE_ROW)
			value = sqlite3_column_int64(statement, 0);
		(void)sqlite3_finalize(statement);
	}
	if (rc != SQLITE_DONE)
		return sqlite_status(conn->db, rc, sql, error);
	*ret_value = value;
	return STATUS_OK;
}
