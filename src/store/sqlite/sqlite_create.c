/* SPDX-License-Identifier: MIT */
/* Makes the database; see sqlite_create.h. Run by the thread that opens the store. */
#include "store/sqlite/sqlite_create.h"

#include "store/sqlite/sqlite_migrate.h"
#include "store/sqlite/sqlite_open.h"

static enum status
create(const struct data_dir *dir, struct error *error)
{
	struct sqlite_conn conn = { 0 };
	enum status status = data_dir_begin_database(dir, error);

	if (status != STATUS_OK)
		return status;
	status = sqlite_conn_open(dir->new_db_path, SQLITE_ROLE_CREATOR, 0, &conn, error);
	if (status == STATUS_OK)
		status = sqlite_migrate(&conn, error);
	sqlite_conn_close(&conn);
	if (status != STATUS_OK) {
		error_prefix(error, "cannot create %.160s", dir->db_path);
		return status;
	}
	return data_dir_end_database(dir, error);
}

enum status
sqlite_create_missing(const struct data_dir *dir, struct error *error)
{
	bool has_database = false;
	enum status status = data_dir_has_database(dir, &has_database, error);

	return status == STATUS_OK && !has_database ? create(dir, error) : status;
}
