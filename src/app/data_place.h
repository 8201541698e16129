/* SPDX-License-Identifier: MIT */
/* Where the data are: the directory is there, and how large its disk is. */
#ifndef TASKQ_APP_DATA_PLACE_H
#define TASKQ_APP_DATA_PLACE_H

#include <stdint.h>

#include "base/status.h"

/**
 * data_place_prepare - make the directory (mode 0700), durably, when it is missing
 * Returns OK; INVALID where its path is longer than the store takes; IO; NOMEM.
 */
enum status data_place_prepare(const char *path, struct error *error) NODISCARD;

/**
 * data_place_disk_bytes - size of the file system that it is on; 0: not known
 */
uint64_t data_place_disk_bytes(const char *path);

#endif
