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

unsigned
space_give_back(const struct sqlite_conn *conn)
{
	struct binding binding = bind_begin(conn, SQLITE_FREE_PAGES);
	unsigned calls = 0;

	if (sqlite3_step(binding.statement) == SQLITE_ROW)
		calls = space_calls(sqlite3_column_int64(binding.statement, 0));
	(void)sqlite3_reset(binding.statement);
	if (calls == 0)
		return 0;
	binding = bind_begin(conn, SQLITE_FREE_SOME);
	while (sqlite3_step(binding.statement) == SQLITE_ROW)
		;
	(void)sqlite3_reset(binding.statement);
	return calls;
}
