/* SPDX-License-Identifier: MIT */
/*
 * Schema migrations. A version is a run of statements in sql/sqlite/schema_<version>.sql that ends
 * with its number in PRAGMA user_version; each is applied in one transaction, so that a killed
 * migration leaves the version before. Run by the thread that opens the store. Append-only.
 */
#include "store/sqlite/sqlite_migrate.h"

#include "store/sqlite/sqlite_open.h"

struct migration {
	enum sqlite_statement first;
	enum sqlite_statement last;
};

/* migrations[v] leads from version v to v + 1. */
static const struct migration migrations[] = {
	{ SQLITE_V1_TASK, SQLITE_V1_VERSION },
	{ SQLITE_V2_TASK_PRIORITY, SQLITE_V2_VERSION },
};

int64_t
sqlite_schema_version(void)
{
	return (int64_t)(ARRAY_SIZE(migrations));
}

static enum status
migrate_one(struct sqlite_conn *conn, const struct migration *migration, struct error *error)
{
	enum status status = sqlite_conn_exec(conn, SQLITE_TXN_BEGIN, error);

	if (status != STATUS_OK)
		return status;
	for (int i = (int)migration->first; i <= (int)migration->last; i++) {
		status = sqlite_conn_exec(conn, (enum sqlite_statement)i, error);
		if (status != STATUS_OK)
			goto out;
	}
	status = sqlite_conn_exec(conn, SQLITE_TXN_COMMIT, error);
out:
	if (status != STATUS_OK && sqlite3_get_autocommit(conn->db) == 0)
		status_ignore(sqlite_conn_exec(conn, SQLITE_TXN_ROLLBACK, NULL));
	return status;
}

enum status
sqlite_migrate(struct sqlite_conn *conn, struct error *error)
{
	int64_t version = 0;
	enum status status = sqlite_pragma_get(conn, "user_version", &version, error);

	if (status != STATUS_OK)
		return status;
	if (version < 0)
		return error_set(error, STATUS_CORRUPT,
		    "the database has schema version %lld, expected 0 or more", (long long)version);
	if (version > sqlite_schema_version())
		return error_set(error, STATUS_INVALID,
		    "the database has schema version %lld, newer than this program, which knows "
		    "versions up to %lld",
		    (long long)version, (long long)sqlite_schema_version());
	for (; version < sqlite_schema_version(); version++) {
		status = migrate_one(conn, &migrations[version], error);
		if (status != STATUS_OK) {
			error_prefix(error, "cannot bring the schema to version %lld",
			    (long long)version + 1);
			return status;
		}
	}
	return STATUS_OK;
}
