/* SPDX-License-Identifier: MIT */
/*
 * The audit: is the database whole, do its counters and contents agree with its tasks. Each thing
 * is looked at in one snapshot, so that what a service does meanwhile cannot look like a fault. Run
 * by the thread of an operator's command. Must not write anything.
 */
#include "store/sqlite/audit.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "store/sqlite/command_apply.h"
#include "store/sqlite/result_list.h"
#include "store/sqlite/sqlite_counters.h"
#include "store/sqlite/sqlite_migrate.h"
#include "store/sqlite/sqlite_open.h"
#include "store/sqlite/sqlite_reads.h"
#include "store/store_purge.h"

#define RESTORE_ADVICE                                                                     \
	"stop the service, keep the data directory as it is, and restore a backup beside " \
	"it: operating.md, Damage"

static const enum sqlite_statement audit_statements[] = {
	SQLITE_TXN_BEGIN_READ,
	SQLITE_TXN_COMMIT,
	SQLITE_SNAPSHOT_TAKE,
	SQLITE_AUDIT_INTEGRITY,
	SQLITE_AUDIT_STRAY_CONTENTS,
	SQLITE_AUDIT_STRAY_ATTEMPTS,
};

/* Those that differ from one schema version to another. */
static const enum sqlite_statement row_statements[] = { SQLITE_COUNTER_LIST, SQLITE_AUDIT_WALK };

static const enum sqlite_statement row_statements_v1[] = { SQLITE_COUNTER_LIST_V1,
	SQLITE_AUDIT_WALK_V1 };

void
audit_tell(struct audit *audit, const char *check, enum store_verdict verdict, const char *advice,
    const char *fmt, ...)
{
	struct store_finding *finding;
	va_list args;

	if (audit->report.count == STORE_FINDINGS_MAX)
		return;
	finding = &audit->report.list[audit->report.count++];
	finding->check = check;
	finding->verdict = verdict;
	finding->advice = advice;
	va_start(args, fmt);
	(void)vsnprintf(finding->found, sizeof(finding->found), fmt, args);
	va_end(args);
	utf8_scrub(finding->found); /* whoever names a file can write anything */
	if (verdict > audit->report.worst)
		audit->report.worst = verdict;
}

/* Damage that stands in the way of a look is what the look has found. */
static enum status
tell_damage(struct audit *audit, const char *check, enum status status)
{
	if (status != STATUS_CORRUPT)
		return status;
	audit_tell(audit, check, STORE_VERDICT_DAMAGE, RESTORE_ADVICE, "%s", audit->error->text);
	return STATUS_OK;
}

static enum status
audit_opening(struct audit *audit, const char *db_path)
{
	struct visit *visit = &audit->visit;
	int64_t pages = 0;
	enum status status = visit_open(audit->dir, db_path, visit, audit->error);

	if (status == STATUS_INVALID) {
		audit_tell(audit, "database", STORE_VERDICT_DAMAGE,
		    "use the program and the version that it belongs to", "%s", audit->error->text);
		return STATUS_OK;
	}
	if (status == STATUS_OK)
		status = sqlite_conn_prepare(
		    &visit->conn, audit_statements, ARRAY_SIZE(audit_statements), audit->error);
	if (status == STATUS_OK)
		status = result_list_prepare(&visit->conn, audit->error);
	if (status == STATUS_OK)
		status = sqlite_pragma_get(&visit->conn, "page_count", &pages, audit->error);
	/* A statement that does not fit: tables or columns of this version are not there. */
	if (status == STATUS_INTERNAL)
		status = STATUS_CORRUPT;
	if (status != STATUS_OK)
		return tell_damage(audit, "database", status);
	if (visit->schema_version < sqlite_schema_version())
		audit_tell(audit, "database", STORE_VERDICT_NOTE,
		    "make a backup, then start the service, which brings it up to date",
		    "schema version %lld, older than this program's, which is %lld; %lld pages",
		    (long long)visit->schema_version, (long long)sqlite_schema_version(),
		    (long long)pages);
	else
		audit_tell(audit, "database", STORE_VERDICT_OK, "",
		    "schema version %lld, %lld pages, %s", (long long)visit->schema_version,
		    (long long)pages, visit->is_still ? "no log" : "with a log");
	return STATUS_OK;
}

static enum status
audit_integrity(struct audit *audit)
{
	struct sqlite_conn *conn = &audit->visit.conn;
	struct binding binding = bind_begin(conn, SQLITE_AUDIT_INTEGRITY);
	uint64_t reads_failed = sqlite_reads_failed();
	char first[160];
	int faults = 0;
	int rc;

	first[0] = '\0';
	while ((rc = sqlite3_step(binding.statement)) == SQLITE_ROW) {
		const unsigned char *line = sqlite3_column_text(binding.statement, 0);

		if (faults++ == 0 && line != NULL)
			(void)snprintf(first, sizeof(first), "%s", (const char *)line);
	}
	(void)sqlite3_reset(binding.statement);
	if (rc != SQLITE_DONE)
		return tell_damage(audit, "integrity",
		    sqlite_status(conn->db, rc, "integrity_check", audit->error));
	if (sqlite_reads_failed() != reads_failed)
		return error_set(
		    audit->error, STATUS_IO, "integrity_check: the disk does not read it all");
	if (faults == 1 && strcmp(first, "ok") == 0)
		audit_tell(
		    audit, "integrity", STORE_VERDICT_OK, "", "every page, index and constraint");
	else
		audit_tell(audit, "integrity", STORE_VERDICT_DAMAGE, RESTORE_ADVICE,
		    "%d faults or more, the first: %s", faults, first);
	return STATUS_OK;
}

struct recount {
	struct counters counters;
	int64_t tasks;
	int64_t bad_contents; /* not there, or of another size than the task says */
};

/* What a task counts for; schema version 1 counted no bytes, and its walk has no such columns. */
static int64_t
counted_bytes(sqlite3_stmt *row, enum task_state state)
{
	if (!task_state_is_final(state) || sqlite3_column_count(row) < 11)
		return 0;
	return store_kept_bytes(&(struct store_kept){
	    .args = (size_t)sqlite3_column_bytes(row, 8),
	    .message = (size_t)sqlite3_column_bytes(row, 9),
	    .response = (size_t)sqlite3_column_bytes(row, 10),
	    .content = (uint64_t)sqlite3_column_int64(row, 5),
	    .attempts = sqlite3_column_int(row, 7),
	});
}

static int
recount_row(struct recount *recount, sqlite3_stmt *row)
{
	char type[TASK_TYPE_SIZE], word[16], where[8];
	int64_t lane = sqlite3_column_int64(row, 1);
	enum task_state state;
	enum counted in;
	int rc = column_word(row, 0, type, sizeof(type));

	if (rc == SQLITE_OK)
		rc = column_word(row, 2, word, sizeof(word));
	if (rc == SQLITE_OK)
		rc = column_word(row, 4, where, sizeof(where));
	if (rc != SQLITE_OK)
		return rc;
	if (!task_state_parse(word, &state) || lane < 0 || lane >= LANE_COUNT)
		return SQLITE_CORRUPT;
	in = state == TASK_QUEUED ? queued_row_counted(queued_row_wait(row, 3))
				  : (enum counted)state;
	recount->tasks++;
	if (strcmp(where, "row") == 0 &&
	    (sqlite3_column_type(row, 6) == SQLITE_NULL ||
		sqlite3_column_int64(row, 5) != sqlite3_column_int64(row, 6)))
		recount->bad_contents++;
	return counters_add(&recount->counters, type, (enum lane)lane, in,
		   counted_bytes(row, state), NULL) == STATUS_OK
		   ? SQLITE_OK
		   : SQLITE_NOMEM;
}

static enum status
recount_all(struct audit *audit, struct recount *recount)
{
	struct sqlite_conn *conn = &audit->visit.conn;
	const enum sqlite_statement *statements =
	    audit->visit.schema_version < 2 ? row_statements_v1 : row_statements;
	enum status status =
	    sqlite_conn_prepare(conn, statements, ARRAY_SIZE(row_statements), audit->error);
	struct binding binding;
	int rc;

	if (status == STATUS_OK)
		status = counters_load(&recount->counters, conn, statements[0], audit->error);
	if (status != STATUS_OK)
		return status;
	counters_recount(&recount->counters);
	binding = bind_begin(conn, statements[1]);
	while ((rc = sqlite3_step(binding.statement)) == SQLITE_ROW) {
		int taken = recount_row(recount, binding.statement);

		if (taken != SQLITE_OK) {
			rc = taken;
			break;
		}
	}
	(void)sqlite3_reset(binding.statement);
	return sqlite_status(conn->db, rc, "cannot read the tasks", audit->error);
}

/* What a statement says that gives one number. */
static enum status
count(struct audit *audit, enum sqlite_statement statement, int64_t *ret_count)
{
	struct sqlite_conn *conn = &audit->visit.conn;
	struct binding binding = bind_begin(conn, statement);
	int rc = sqlite3_step(binding.statement);

	if (rc == SQLITE_ROW)
		*ret_count = sqlite3_column_int64(binding.statement, 0);
	(void)sqlite3_reset(binding.statement);
	return sqlite_status(conn->db, rc, sqlite_statement_name(statement), audit->error);
}

static void
tell_rows(struct audit *audit, const struct recount *recount, int64_t stray_contents,
    int64_t stray_attempts)
{
	struct error difference = { "" };

	if (counters_difference(&recount->counters, &difference))
		audit_tell(audit, "counters", STORE_VERDICT_DAMAGE,
		    "the service would refuse or accept by wrong figures: restore a backup", "%s",
		    difference.text);
	else
		audit_tell(audit, "counters", STORE_VERDICT_OK, "", "as the %lld tasks have it",
		    (long long)recount->tasks);
	if (recount->bad_contents > 0 || stray_contents > 0 || stray_attempts > 0)
		audit_tell(audit, "contents", STORE_VERDICT_DAMAGE, RESTORE_ADVICE,
		    "%lld tasks without the content that they name, %lld contents and %lld attempts "
		    "without their task",
		    (long long)recount->bad_contents, (long long)stray_contents,
		    (long long)stray_attempts);
	else
		audit_tell(audit, "contents", STORE_VERDICT_OK, "",
		    "every content and attempt belongs to its task");
}

/* The tasks against their counters, contents and attempts: in one snapshot. */
static enum status
audit_rows(struct audit *audit)
{
	struct sqlite_conn *conn = &audit->visit.conn;
	struct recount recount = { .tasks = 0 };
	int64_t kept = 0, stray_contents = 0, stray_attempts = 0;
	enum status status = sqlite_conn_exec(conn, SQLITE_TXN_BEGIN_READ, audit->error);

	if (status != STATUS_OK)
		return status;
	counters_init(&recount.counters);
	status = count(audit, SQLITE_SNAPSHOT_TAKE, &kept);
	if (status == STATUS_OK)
		status = recount_all(audit, &recount);
	if (status == STATUS_OK)
		status = count(audit, SQLITE_AUDIT_STRAY_CONTENTS, &stray_contents);
	if (status == STATUS_OK)
		status = count(audit, SQLITE_AUDIT_STRAY_ATTEMPTS, &stray_attempts);
	if (status == STATUS_OK)
		tell_rows(audit, &recount, stray_contents, stray_attempts);
	counters_done(&recount.counters);
	if (sqlite3_get_autocommit(conn->db) == 0)
		status_ignore(sqlite_conn_exec(conn, SQLITE_TXN_COMMIT, NULL));
	return tell_damage(audit, "counters", status);
}

static enum status
audit_once(struct audit *audit, const char *db_path)
{
	enum status status = audit_opening(audit, db_path);

	if (status == STATUS_OK && audit->report.worst < STORE_VERDICT_DAMAGE)
		status = audit_integrity(audit);
	if (status == STATUS_OK && audit->report.worst < STORE_VERDICT_DAMAGE)
		status = audit_rows(audit);
	if (status == STATUS_OK && audit->report.worst < STORE_VERDICT_DAMAGE)
		status = tell_damage(audit, "results", audit_results(audit));
	return status;
}

enum status
audit_database(const struct data_dir *dir, const char *db_path, struct store_report *ret_report,
    struct error *error)
{
	for (int i = 0; i < VISIT_TRIES; i++) {
		struct error local = { "" };
		struct audit audit = { .dir = dir, .error = error != NULL ? error : &local };
		enum status status = audit_once(&audit, db_path);
		bool is_disturbed = audit.visit.conn.db != NULL && visit_is_disturbed(&audit.visit);

		visit_close(&audit.visit);
		if (is_disturbed)
			continue;
		if (status == STATUS_OK)
			*ret_report = audit.report;
		return status;
	}
	return error_set(error, STATUS_BUSY,
	    "the service was started and stopped while %s was read; try again", db_path);
}

enum status
sqlite_audit(const char *data_dir, struct store_report *ret_report, struct error *error)
{
	struct data_dir dir;
	enum status status = data_dir_look(data_dir, &dir, error);

	if (status != STATUS_OK)
		return status;
	status = audit_database(&dir, dir.db_path, ret_report, error);
	data_dir_close(&dir);
	return status;
}
