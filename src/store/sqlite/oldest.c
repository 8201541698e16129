/* SPDX-License-Identifier: MIT */
/*
 * The oldest that waits, as statements; see oldest.h. The index of what is ready goes by lane,
 * priority and the order of submission, so a few rows of each priority are looked at: the first one
 * is not always the one that waits for longest, because a task that was held, or has failed before,
 * keeps its place. Runs in the maintenance thread, on a reader. Must not write.
 */
#include "store/sqlite/oldest.h"

/* Whether the task that was found before still waits as it did. */
static enum status
check_still(const struct oldest *oldest, enum lane lane, const struct sqlite_conn *conn,
    bool *ret_waits, struct error *error)
{
	struct binding binding = bind_begin(conn, SQLITE_OLDEST_STILL);
	int rc;

	bind_int(&binding, oldest->seq[lane]);
	rc = binding.rc;
	if (rc == SQLITE_OK)
		rc = sqlite3_step(binding.statement);
	*ret_waits = rc == SQLITE_ROW &&
		     sqlite3_column_int64(binding.statement, 0) == oldest->since_ms[lane];
	(void)sqlite3_reset(binding.statement);
	return sqlite_status(conn->db, rc, "cannot look for the oldest task", error);
}

/* Takes a row of oldest_first where that one waits for longer than any so far. */
static void
consider(struct oldest *oldest, enum lane lane, sqlite3_stmt *row)
{
	int64_t since_ms = sqlite3_column_int64(row, 1);

	if (oldest->seq[lane] != 0 && since_ms >= oldest->since_ms[lane])
		return;
	oldest->seq[lane] = sqlite3_column_int64(row, 0);
	oldest->since_ms[lane] = since_ms;
}

/* Looks at the first that wait with a priority. */
static enum status
look(struct oldest *oldest, enum lane lane, bool isolated, int priority,
    const struct sqlite_conn *conn, struct error *error)
{
	struct binding binding = bind_begin(conn, SQLITE_OLDEST_FIRST);
	int rc;

	bind_int(&binding, lane);
	bind_int(&binding, isolated);
	bind_int(&binding, priority);
	bind_int(&binding, STORE_OLDEST_LOOKS_MAX);
	rc = binding.rc;
	if (rc == SQLITE_OK) {
		while ((rc = sqlite3_step(binding.statement)) == SQLITE_ROW)
			consider(oldest, lane, binding.statement);
	}
	(void)sqlite3_reset(binding.statement);
	return sqlite_status(conn->db, rc, "cannot look for the oldest task", error);
}

/* Finds who waits for longest in a lane, or nobody. */
static enum status
find(struct oldest *oldest, enum lane lane, const struct sqlite_conn *conn, struct error *error)
{
	bool still_waits = false;
	enum status status = STATUS_OK;

	if (oldest->seq[lane] != 0)
		status = check_still(oldest, lane, conn, &still_waits, error);
	if (status != STATUS_OK || still_waits)
		return status;
	oldest->seq[lane] = 0;
	oldest->since_ms[lane] = 0;
	for (int priority = 0; priority <= TASK_PRIORITY_LAST; priority++) {
		status = look(oldest, lane, false, priority, conn, error);
		if (status == STATUS_OK)
			status = look(oldest, lane, true, priority, conn, error);
		if (status != STATUS_OK)
			break;
	}
	return status;
}

enum status
oldest_read(struct oldest *oldest, struct readers *readers, const int64_t waiting[LANE_COUNT],
    int64_t ret_since_ms[LANE_COUNT], struct error *error)
{
	enum status status = STATUS_OK;

	for (int lane = 0; lane < LANE_COUNT && status == STATUS_OK; lane++) {
		if (waiting[lane] == 0) {
			oldest->seq[lane] = 0;
			oldest->since_ms[lane] = 0;
			continue;
		}
		struct sqlite_conn *conn = reader_take(readers);
		status = find(oldest, (enum lane)lane, conn, error);
		reader_give(readers, conn);
	}
	for (int lane = 0; lane < LANE_COUNT && status == STATUS_OK; lane++)
		ret_since_ms[lane] = oldest->since_ms[lane];
	return status;
}
