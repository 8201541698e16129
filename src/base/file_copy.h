/* SPDX-License-Identifier: MIT */
/* The bytes of one file into another; shared where the file system can do that. Any thread. */
#ifndef TASKQ_BASE_FILE_COPY_H
#define TASKQ_BASE_FILE_COPY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

/**
 * file_copy - append what follows the offset of one file, to its end, at the offset of the other
 * Does not flush.
 * @is_cancelled: asked before each piece of some MiB; NULL: never
 * @ret_bytes:    how many were copied
 * Returns OK; CANCELLED; FULL without disk space; IO.
 */
enum status file_copy(int from_fd, int to_fd, bool (*is_cancelled)(void *context), void *context,
    uint64_t *ret_bytes, struct error *error) NODISCARD;

#endif
