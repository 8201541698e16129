/* SPDX-License-Identifier: MIT */
/* Visits; see visit.h. Run by the thread of an operator's command, never within the service. */
#include "store/sqlite/visit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/sqlite/sqlite_migrate.h"
#include "store/sqlite/sqlite_open.h"

static enum status
look(const struct visit *visit, struct stat *ret_info, struct error *error)
{
	if (lstat(visit->db_path, ret_info) == 0)
		return STATUS_OK;
	return error_set(error, errno == ENOENT ? STATUS_NOT_FOUND : STATUS_IO,
	    "cannot look at %s: %s", visit->db_path, strerror(errno));
}

/* Whether there is a log, be it empty: a service may have it open. */
static bool
has_log(const struct visit *visit)
{
	struct stat info;

	return lstat(visit->log_path, &info) == 0 || errno != ENOENT;
}

static enum status
check_version(struct visit *visit, struct error *error)
{
	enum status status =
	    sqlite_pragma_get(&visit->conn, "user_version", &visit->schema_version, error);

	if (status != STATUS_OK)
		return status;
	if (visit->schema_version < 1)
		return error_set(error, STATUS_CORRUPT,
		    "the database has schema version %lld, expected 1 or more",
		    (long long)visit->schema_version);
	if (visit->schema_version > sqlite_schema_version())
		return error_set(error, STATUS_INVALID,
		    "the database has schema version %lld, newer than this program, which knows "
		    "versions up to %lld",
		    (long long)visit->schema_version, (long long)sqlite_schema_version());
	return STATUS_OK;
}

enum status
visit_open(
    const struct data_dir *dir, const char *db_path, struct visit *ret_visit, struct error *error)
{
	struct visit visit = { .db_path = db_path };
	bool has_database = false;
	enum status status = STATUS_OK;

	/* Of the final name alone it says what is wrong where there is none. */
	if (db_path == dir->db_path)
		status = data_dir_has_database(dir, &has_database, error);
	if (status == STATUS_OK && asprintf(&visit.log_path, "%s-wal", db_path) < 0) {
		visit.log_path = NULL;
		status = error_set(error, STATUS_NOMEM, "no memory for a path");
	}
	if (status == STATUS_OK)
		status = look(&visit, &visit.at_begin, error);
	if (status == STATUS_OK) {
		visit.is_still = !has_log(&visit);
		status = sqlite_conn_open(db_path,
		    visit.is_still ? SQLITE_ROLE_STILL_VISITOR : SQLITE_ROLE_VISITOR, 0,
		    &visit.conn, error);
	}
	if (status == STATUS_OK)
		status = check_version(&visit, error);
	if (status == STATUS_OK)
		*ret_visit = visit;
	else
		visit_close(&visit);
	return status;
}

bool
visit_is_disturbed(const struct visit *visit)
{
	struct stat info;

	if (!visit->is_still)
		return false;
	return has_log(visit) || look(visit, &info, NULL) != STATUS_OK ||
	       info.st_ino != visit->at_begin.st_ino || info.st_size != visit->at_begin.st_size ||
	       info.st_mtim.tv_sec != visit->at_begin.st_mtim.tv_sec ||
	       info.st_mtim.tv_nsec != visit->at_begin.st_mtim.tv_nsec;
}

void
visit_close(struct visit *visit)
{
	sqlite_conn_close(&visit->conn);
	free(visit->log_path);
	*visit = (struct visit){ 0 };
}
