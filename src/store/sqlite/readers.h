/* SPDX-License-Identifier: MIT */
/*
 * The pool of reading connections, and what is read through it. A reader sees every commit that was
 * acknowledged before it began. Any thread; a caller waits while all readers are in use.
 */
#ifndef TASKQ_STORE_SQLITE_READERS_H
#define TASKQ_STORE_SQLITE_READERS_H

#include "base/sync.h"
#include "store/sqlite/sqlite_statement.h"
#include "store/store.h"

struct readers {
	struct sqlite_conn *conns;
	size_t count;

	struct lock lock;
	struct cond returned;
	struct sqlite_conn **idle; /* guarded by lock: a stack, so that warm caches come first */
	size_t idle_count;         /* guarded by lock */
	size_t waiting;            /* guarded by lock */
};

/**
 * readers_open - open `count` connections to a database that the writer has open
 */
enum status readers_open(
    const char *path, size_t count, struct readers *ret_readers, struct error *error) NODISCARD;

/* readers_close - none may be in use; half-opened ones are fine */
void readers_close(struct readers *readers);

/**
 * reader_take / reader_give - a connection for one statement, which is reset before it goes back:
 * a reset ends the read transaction, so that no reader ever holds the log back
 */
struct sqlite_conn *reader_take(struct readers *readers);
void reader_give(struct readers *readers, struct sqlite_conn *conn);

/* Parts of rows. They return SQLite result codes: OK, NOMEM, CORRUPT for what cannot be there. */

/* row_status - columns 0 to 7 of the statements that begin as read_status does */
int row_status(sqlite3_stmt *row, struct task_status *status);

/* row_failure - of a word, which may be null */
int row_failure(sqlite3_stmt *row, int column, enum failure *ret_failure);

/* row_copy - a text or blob with a NUL behind it; the caller's to free */
int row_copy(sqlite3_stmt *row, int column, char **ret_data, size_t *ret_size);

/**
 * read_one - run a statement for one id
 * @take: copies from its row; a result code
 * Returns OK; NOT_FOUND without such a task; CORRUPT. What `take` took is half-taken otherwise.
 */
enum status read_one(struct readers *readers, enum sqlite_statement statement, const char *id,
    int (*take)(sqlite3_stmt *row, void *context), void *context, struct error *error) NODISCARD;

/**
 * read_status - as store_read_status; also CORRUPT
 */
enum status read_status(struct readers *readers, const char *id, struct task_status *ret_status,
    struct error *error) NODISCARD;

/* Where the content of a result is. */
enum content_where {
	CONTENT_NONE,
	CONTENT_ROW,
	CONTENT_FILE,
};

/**
 * read_result - as store_read_result, but a content in a file is not opened; also CORRUPT
 * @ret_lease: of the attempt that wrote the result: the second half of the file's name
 */
enum status read_result(struct readers *readers, const char *id, struct task_result *ret_result,
    enum content_where *ret_where, int64_t *ret_lease, struct error *error) NODISCARD;

/* Who owns the file results/<id>-<lease>. */
struct result_owner {
	int64_t lease;
	enum task_state state;
	enum content_where where;
};

/* row_owner - the columns of result_owner; as the parts of rows above */
int row_owner(sqlite3_stmt *row, struct result_owner *ret_owner);

/**
 * read_owner - Returns OK, NOT_FOUND without such a task, CORRUPT
 */
enum status read_owner(struct readers *readers, const char *id, struct result_owner *ret_owner,
    struct error *error) NODISCARD;

/**
 * read_next_host - as store_next_host; also CORRUPT
 */
enum status read_next_host(struct readers *readers, const char *after,
    char ret_host[TASK_HOST_SIZE], struct error *error) NODISCARD;

/**
 * read_idempotency - as store_read_idempotency; also CORRUPT
 */
enum status read_idempotency(struct readers *readers, struct idempotency *idempotency,
    int64_t now_ms, struct error *error) NODISCARD;

#endif
