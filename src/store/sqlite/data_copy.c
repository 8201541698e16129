/* SPDX-License-Identifier: MIT */
/*
 * Copies a data directory, in use or not. The database first, in one read transaction over a
 * connection that can neither write nor checkpoint; then the result files that the copy names: a
 * file is there before the row that names it, and never changes. What the service purges meanwhile
 * takes its files along; such a task is purged from the copy, too. The only database that is
 * written to is the copy, under its temporary name.
 */
#include "store/sqlite/data_copy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file_copy.h"
#include "store/sqlite/audit.h"
#include "store/sqlite/result_list.h"
#include "store/sqlite/sqlite_open.h"

/* Pages that are copied from one question whether to go on to the next: 4 MiB. */
#define STEP_PAGES 1024

struct copying {
	const struct data_dir *from;
	const struct data_dir *to;
	const struct store_copy_conf *conf;
	struct visit visit;      /* of the source */
	struct sqlite_conn conn; /* of the copy */
	struct store_copied copied;
	struct error *error;
};

static const enum sqlite_statement visit_statements[] = {
	SQLITE_TXN_BEGIN_READ,
	SQLITE_TXN_COMMIT,
	SQLITE_SNAPSHOT_TAKE,
};

static const enum sqlite_statement copy_statements[] = {
	SQLITE_TXN_BEGIN,
	SQLITE_TXN_COMMIT,
	SQLITE_TXN_ROLLBACK,
	SQLITE_COPY_TOTAL,
	SQLITE_PURGE_ATTEMPTS,
	SQLITE_PURGE_RESULT,
	SQLITE_PURGE_TASK,
};

/* By the version of the source's schema, which is that of the copy. */
static enum sqlite_statement
uncount_of(const struct copying *copying)
{
	return copying->visit.schema_version < 2 ? SQLITE_COPY_UNCOUNT_V1 : SQLITE_COPY_UNCOUNT;
}

static enum status
open_source(struct copying *copying)
{
	struct sqlite_conn *conn = &copying->visit.conn;
	enum status status =
	    visit_open(copying->from, copying->from->db_path, &copying->visit, copying->error);

	if (status == STATUS_OK)
		status = sqlite_conn_prepare(
		    conn, visit_statements, ARRAY_SIZE(visit_statements), copying->error);
	if (status == STATUS_OK)
		status = result_list_prepare(conn, copying->error);
	return status;
}

/* Takes the snapshot. Without a transaction of ours each step would take one of its own, and begin
   anew whenever the service has committed. */
static enum status
begin_snapshot(struct copying *copying)
{
	struct sqlite_conn *conn = &copying->visit.conn;
	enum status status = sqlite_conn_exec(conn, SQLITE_TXN_BEGIN_READ, copying->error);
	struct binding binding = bind_begin(conn, SQLITE_SNAPSHOT_TAKE);

	if (status != STATUS_OK)
		return status;
	return sqlite_status(conn->db, bind_run(&binding), "cannot begin to read", copying->error);
}

static enum status
copy_pages(struct copying *copying)
{
	sqlite3_backup *backup =
	    sqlite3_backup_init(copying->conn.db, "main", copying->visit.conn.db, "main");
	enum status status = STATUS_OK;
	int rc;

	if (backup == NULL)
		return sqlite_status(copying->conn.db, sqlite3_errcode(copying->conn.db),
		    "cannot begin to copy", copying->error);
	do {
		if (copying->conf->is_cancelled(copying->conf->context))
			status = error_set(copying->error, STATUS_CANCELLED, "cancelled");
		else
			rc = sqlite3_backup_step(backup, STEP_PAGES);
	} while (status == STATUS_OK && rc == SQLITE_OK);
	rc = sqlite3_backup_finish(backup);
	if (status == STATUS_OK)
		status =
		    sqlite_status(copying->conn.db, rc, "cannot copy the database", copying->error);
	return status;
}

/* The whole database, under its temporary name. */
static enum status
copy_database_once(struct copying *copying)
{
	enum status status = open_source(copying);

	if (status == STATUS_OK)
		status = data_dir_begin_database(copying->to, copying->error);
	if (status == STATUS_OK)
		status = sqlite_conn_open(copying->to->new_db_path, SQLITE_ROLE_CREATOR, 0,
		    &copying->conn, copying->error);
	if (status == STATUS_OK)
		status = begin_snapshot(copying);
	if (status == STATUS_OK)
		status = copy_pages(copying);
	/* From here on the service can empty its log again. */
	if (status == STATUS_OK)
		status = sqlite_conn_exec(&copying->visit.conn, SQLITE_TXN_COMMIT, copying->error);
	if (status == STATUS_OK)
		status = sqlite_conn_leave_log(&copying->conn, copying->error);
	return status;
}

static enum status
copy_database(struct copying *copying)
{
	for (int i = 0; i < VISIT_TRIES; i++) {
		enum status status = copy_database_once(copying);

		if (copying->visit.conn.db == NULL || !visit_is_disturbed(&copying->visit))
			return status;
		sqlite_conn_close(&copying->conn);
		visit_close(&copying->visit);
	}
	return error_set(copying->error, STATUS_BUSY,
	    "the service was started and stopped while its database was copied; try again");
}

/* Takes a task out of the copy, as the service's purge has taken it out of the source. */
static enum status
drop_task(struct copying *copying, const struct listed_result *listed)
{
	const enum sqlite_statement uncount = uncount_of(copying);

	const enum sqlite_statement steps[] = {
		uncount,
		SQLITE_PURGE_ATTEMPTS,
		SQLITE_PURGE_RESULT,
		SQLITE_PURGE_TASK,
	};
	enum status status = sqlite_conn_exec(&copying->conn, SQLITE_TXN_BEGIN, copying->error);

	for (size_t i = 0; status == STATUS_OK && i < ARRAY_SIZE(steps); i++) {
		struct binding binding = bind_begin(&copying->conn, steps[i]);

		bind_int(&binding, listed->seq);
		if (steps[i] == SQLITE_COPY_UNCOUNT)
			bind_text(&binding, listed->id, UUID_TEXT_LENGTH);
		status = sqlite_status(
		    copying->conn.db, bind_run(&binding), "cannot take out a task", copying->error);
	}
	if (status == STATUS_OK)
		status = sqlite_conn_exec(&copying->conn, SQLITE_TXN_COMMIT, copying->error);
	copying->copied.purged++;
	return status;
}

/* A file that is not there: its task was purged, or the file is lost. That is lost in the copy as
   well, and the audit tells of it. */
static enum status
handle_missing(struct copying *copying, const struct listed_result *listed)
{
	struct result_owner owner;
	enum status status;

	if (visit_is_disturbed(&copying->visit)) {
		visit_close(&copying->visit);
		status = open_source(copying);
		if (status != STATUS_OK)
			return status;
	}
	status = result_list_owner(&copying->visit.conn, listed->id, &owner, copying->error);
	return status == STATUS_NOT_FOUND ? drop_task(copying, listed) : status;
}

static enum status
io_error(struct copying *copying, const char *what, const char *name)
{
	bool is_full = errno == ENOSPC || errno == EDQUOT;

	return error_set(copying->error, is_full ? STATUS_FULL : STATUS_IO,
	    "cannot %s results/%s: %s", what, name, strerror(errno));
}

static enum status
copy_result(struct copying *copying, const struct listed_result *listed)
{
	enum status status = STATUS_OK;
	uint64_t bytes = 0;
	int from_fd, to_fd = -1;

	errno = ENOENT;
	from_fd = copying->from->results_fd == -1 ? -1
						  : openat(copying->from->results_fd, listed->name,
							O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (from_fd == -1)
		return errno == ENOENT ? handle_missing(copying, listed)
				       : io_error(copying, "open", listed->name);
	to_fd = openat(copying->to->results_fd, listed->name,
	    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (to_fd == -1) {
		status = io_error(copying, "create", listed->name);
		goto out;
	}
	status = data_dir_adopt(copying->to->fd, to_fd, listed->name, copying->error);
	if (status == STATUS_OK)
		status = file_copy(from_fd, to_fd, copying->conf->is_cancelled,
		    copying->conf->context, &bytes, copying->error);
	if (status != STATUS_OK)
		error_prefix(copying->error, "results/%s", listed->name);
	copying->copied.files++;
	copying->copied.bytes += bytes;
out:
	if (to_fd != -1)
		(void)close(to_fd);
	(void)close(from_fd);
	return status;
}

static enum status
copy_results(struct copying *copying)
{
	const enum sqlite_statement uncount = uncount_of(copying);
	struct result_list list = { .after_seq = 0 };
	enum status status = sqlite_conn_prepare(
	    &copying->conn, copy_statements, ARRAY_SIZE(copy_statements), copying->error);

	if (status == STATUS_OK)
		status = sqlite_conn_prepare(&copying->conn, &uncount, 1, copying->error);
	if (status == STATUS_OK)
		status = result_list_prepare(&copying->conn, copying->error);
	do {
		if (status == STATUS_OK)
			status = result_list_next(&list, &copying->conn, copying->error);
		for (size_t i = 0; status == STATUS_OK && i < list.count; i++)
			status = copy_result(copying, &list.list[i]);
	} while (status == STATUS_OK && list.count > 0);
	/* All of the files at once: many small flushes of many small files take minutes. */
	if (status == STATUS_OK && syncfs(copying->to->results_fd) != 0)
		status = io_error(copying, "flush", "");
	return status;
}

static enum status
count_tasks(struct copying *copying)
{
	struct binding binding = bind_begin(&copying->conn, SQLITE_COPY_TOTAL);
	int rc = sqlite3_step(binding.statement);

	if (rc == SQLITE_ROW)
		copying->copied.tasks = sqlite3_column_int64(binding.statement, 0);
	(void)sqlite3_reset(binding.statement);
	return sqlite_status(copying->conn.db, rc, "cannot read the counters", copying->error);
}

static enum status
audit_copy(struct copying *copying)
{
	struct store_report *report = &copying->copied.report;
	enum status status =
	    audit_database(copying->to, copying->to->new_db_path, report, copying->error);

	for (size_t i = 0; status == STATUS_OK && i < report->count; i++) {
		if (report->list[i].verdict == STORE_VERDICT_DAMAGE)
			status = error_set(copying->error, STATUS_CORRUPT,
			    "what was copied is damaged: %s: %s", report->list[i].check,
			    report->list[i].found);
	}
	return status;
}

enum status
data_copy(const struct data_dir *from, const struct data_dir *to,
    const struct store_copy_conf *conf, struct store_copied *ret_copied, struct error *error)
{
	struct error local = { "" };
	struct copying copying = {
		.from = from,
		.to = to,
		.conf = conf,
		.error = error != NULL ? error : &local,
	};
	enum status status = copy_database(&copying);

	if (status == STATUS_OK)
		status = copy_results(&copying);
	if (status == STATUS_OK)
		status = count_tasks(&copying);
	sqlite_conn_close(&copying.conn);
	visit_close(&copying.visit);
	if (status == STATUS_OK)
		status = audit_copy(&copying);
	if (status == STATUS_OK)
		status = data_dir_end_database(to, copying.error);
	if (status == STATUS_OK)
		*ret_copied = copying.copied;
	return status;
}

void
data_copy_discard(const struct data_dir *to)
{
	static const char *const names[] = { "taskq.db", "taskq.db.new", "taskq.db.new-journal",
		"taskq.db.new-wal", "taskq.db.new-shm" };
	const struct dirent *entry;
	int fd = openat(to->results_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd == -1 ? NULL : fdopendir(fd);

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		(void)unlinkat(to->fd, names[i], 0);
	if (stream == NULL) {
		if (fd != -1)
			(void)close(fd);
		return;
	}
	while ((entry = readdir(stream)) != NULL) {
		char id[UUID_TEXT_SIZE];
		int64_t lease;

		if (result_file_parse(entry->d_name, id, &lease))
			(void)unlinkat(to->results_fd, entry->d_name, 0);
	}
	(void)closedir(stream);
}
