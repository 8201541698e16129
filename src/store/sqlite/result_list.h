/* SPDX-License-Identifier: MIT */
/*
 * Which tasks have their content in a file, a slice at a time, and whose a file is: for operators'
 * commands, over a connection of their own. One thread per connection.
 */
#ifndef TASKQ_STORE_SQLITE_RESULT_LIST_H
#define TASKQ_STORE_SQLITE_RESULT_LIST_H

#include "store/sqlite/readers.h"
#include "store/sqlite/result_files.h"

#define RESULT_LIST_MAX 256

struct listed_result {
	int64_t seq;
	char id[UUID_TEXT_SIZE];
	char name[RESULT_FILE_NAME_SIZE]; /* within results/ */
	int64_t bytes;
};

struct result_list {
	struct listed_result list[RESULT_LIST_MAX];
	size_t count;
	int64_t after_seq; /* where the next slice begins */
};

/**
 * result_list_prepare - the statements of these functions
 */
enum status result_list_prepare(struct sqlite_conn *conn, struct error *error) NODISCARD;

/**
 * result_list_next - the next slice; a zeroed list stands before the first, an empty one is behind
 * the last
 * Returns OK, CORRUPT, IO, NOMEM, BUSY.
 */
enum status result_list_next(
    struct result_list *list, struct sqlite_conn *conn, struct error *error) NODISCARD;

/**
 * result_list_owner - whose a file is as of now
 * Returns OK; NOT_FOUND without such a task; CORRUPT, IO, NOMEM, BUSY.
 */
enum status result_list_owner(struct sqlite_conn *conn, const char *id,
    struct result_owner *ret_owner, struct error *error) NODISCARD;

#endif
