/* SPDX-License-Identifier: MIT */
/*
 * The copying of a data directory, for backup.c: database, result files, audit. One thread of an
 * operator's command.
 */
#ifndef TASKQ_STORE_SQLITE_DATA_COPY_H
#define TASKQ_STORE_SQLITE_DATA_COPY_H

#include "store/sqlite/data_dir.h"
#include "store/store_upkeep.h"

/**
 * data_copy - copy what is in one directory into another, which is locked and has neither database
 * nor results; everything is flushed before the database gets its name, and that name last
 * Returns as store_backup; after a failure data_copy_discard is due.
 */
enum status data_copy(const struct data_dir *from, const struct data_dir *to,
    const struct store_copy_conf *conf, struct store_copied *ret_copied,
    struct error *error) NODISCARD;

/**
 * data_copy_discard - remove what data_copy has put into a directory; what cannot be removed stays
 */
void data_copy_discard(const struct data_dir *to);

/* sqlite_backup / sqlite_restore - store_backup, store_restore */
enum status sqlite_backup(const struct store_copy_conf *conf, struct store_copied *ret_copied,
    struct error *error) NODISCARD;
enum status sqlite_restore(const struct store_copy_conf *conf, struct store_copied *ret_copied,
    struct error *error) NODISCARD;

#endif
