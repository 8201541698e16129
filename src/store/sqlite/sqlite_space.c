/* SPDX-License-Identifier: MIT */
/* Free pages; see sqlite_space.h. */
#include "store/sqlite/sqlite_space.h"

#define PAGES_PER_FURTHER_CALL 65536

unsigned
space_calls(int64_t free_pages)
{
	int64_t calls = 1 + free_pages / PAGES_PER_FURTHER_CALL;

	if (free_pages < SPACE_PAGES_KEPT)
		return 0;
	return calls < SPACE_CALLS_MAX ? (unsigned)calls : SPACE_CALLS_MAX;
}

/* A commit that fails is undone, and nobody counts on it; damage, by the library's code, is damage.
 */
static enum status
judge(const struct sqlite_conn *conn, int rc, struct error *error)
{
	struct error why = { .text = "" };
	enum status status = sqlite_status(conn->db, rc, "cannot give free pages back", &why);

	return status == STATUS_CORRUPT ? error_set(error, status, "%s", why.text) : STATUS_OK;
}

enum status
space_give_back(const struct sqlite_conn *conn, unsigned *ret_calls, struct error *error)
{
	struct binding binding = bind_begin(conn, SQLITE_FREE_PAGES);
	int rc = sqlite3_step(binding.statement);

	*ret_calls = rc == SQLITE_ROW ? space_calls(sqlite3_column_int64(binding.statement, 0)) : 0;
	(void)sqlite3_reset(binding.statement);
	if (*ret_calls == 0)
		return judge(conn, rc, error);
	binding = bind_begin(conn, SQLITE_FREE_SOME);
	return judge(conn, bind_run(&binding), error);
}
