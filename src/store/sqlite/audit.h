/* SPDX-License-Identifier: MIT */
/* Whether a data directory is all right; see store/store_upkeep.h. One thread, read-only. */
#ifndef TASKQ_STORE_SQLITE_AUDIT_H
#define TASKQ_STORE_SQLITE_AUDIT_H

#include "store/sqlite/visit.h"
#include "store/store_upkeep.h"

/* An audit under way. */
struct audit {
	const struct data_dir *dir;
	struct visit visit;
	struct store_report report;
	struct error *error;
};

/**
 * audit_database - audit one of a directory's databases, and the results beside it
 * @db_path: as for visit_open
 * Returns as store_audit.
 */
enum status audit_database(const struct data_dir *dir, const char *db_path,
    struct store_report *ret_report, struct error *error) NODISCARD;

/* sqlite_audit - store_audit */
enum status sqlite_audit(
    const char *data_dir, struct store_report *ret_report, struct error *error) NODISCARD;

/**
 * audit_tell - put a finding into the report
 * @advice: static storage
 */
void audit_tell(struct audit *audit, const char *check, enum store_verdict verdict,
    const char *advice, const char *fmt, ...) PRINTF_LIKE(5, 6);

/* audit_results - the part about files: those that tasks need, and those that none needs */
enum status audit_results(struct audit *audit) NODISCARD;

#endif
