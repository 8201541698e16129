/* SPDX-License-Identifier: MIT */
/*
 * For the tests of operators' commands: a store with a task of every sort in it, ways to spoil it,
 * and what a directory looks like.
 */
#ifndef TASKQ_TESTS_UPKEEP_RIG_H
#define TASKQ_TESTS_UPKEEP_RIG_H

#include "store/store_upkeep.h"
#include "store_env.h"

#define RIG_PATH_SIZE 256

/**
 * rig_fill - task 1 QUEUED, 2 RUNNING, 3 SUCCEEDED with its content in the database, 4 with it in a
 * file, 5 FAILED, 6 with an attempt that failed before, 7 deferred for a host
 */
void rig_fill(struct store_env *env);

/* rig_path - of something in the data directory */
void rig_path(const struct store_env *env, const char *name, char ret_path[RIG_PATH_SIZE]);

/* rig_result_path - of the file of task 4 */
void rig_result_path(const struct store_env *env, char ret_path[RIG_PATH_SIZE]);

/* rig_write - make a file in the data directory, or write over a part of one */
void rig_write(const struct store_env *env, const char *name, long offset, const char *data);

/* rig_meddle - run SQL on the closed database as a stranger with a shell would */
void rig_meddle(const struct store_env *env, const char *sql);

/* rig_become_version_1 - put a database of schema version 1 in the place of the closed store's */
void rig_become_version_1(const struct store_env *env);

/**
 * rig_listing - what is in a data directory, with modes, sizes and, of files, times of change;
 * free()
 */
char *rig_listing(const char *dir, bool with_times);

/**
 * rig_assert_found - a report has exactly one finding of a check, with this verdict, whose text
 * holds this
 */
void rig_assert_found(const struct store_report *report, const char *check,
    enum store_verdict verdict, const char *text);

/* rig_assert_ok - whatever was looked at is all right, and everything was */
void rig_assert_ok(const struct store_report *report);

#endif
