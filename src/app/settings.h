/* SPDX-License-Identifier: MIT */
/*
 * What the parts take of the settings where that is more than a number each. Pure; results borrow
 * from the settings.
 */
#ifndef TASKQ_APP_SETTINGS_H
#define TASKQ_APP_SETTINGS_H

#include "base/status.h"
#include "conf/conf.h"
#include "kinds/kind_settings.h"
#include "store/store_purge.h"
#include "task/task.h"

/**
 * settings_of_kinds - all but what only the machine and the bound socket tell
 */
struct kind_settings settings_of_kinds(const struct conf *conf);

/**
 * settings_of_host_places - how many fetches one host may have at once
 * @in_flight: that there may be at all, of which it is a share by default
 */
unsigned settings_of_host_places(const struct conf *conf, unsigned in_flight);

/**
 * settings_of_terms - the terms of a task whose submission names none
 * Returns OK; INVALID where the settings contradict each other.
 */
enum status settings_of_terms(
    const struct conf *conf, struct task_terms *ret_terms, struct error *error) NODISCARD;

/**
 * settings_of_retention - how long completed tasks are kept, and how many
 * settings_of_disk_free - free space below which submissions are refused; bytes
 * @disk_bytes: size of the file system with the data directory, of which both are a share by
 * default; 0: not known
 */
struct store_retention settings_of_retention(const struct conf *conf, uint64_t disk_bytes);
uint64_t settings_of_disk_free(const struct conf *conf, uint64_t disk_bytes);

#endif
