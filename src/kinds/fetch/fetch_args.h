/* SPDX-License-Identifier: MIT */
/* The arguments of http-fetch: checked at submission, read again when an attempt begins. */
#ifndef TASKQ_KINDS_FETCH_FETCH_ARGS_H
#define TASKQ_KINDS_FETCH_FETCH_ARGS_H

#include <jansson.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/status.h"
#include "kinds/fetch/url_policy.h"
#include "task/faults.h"

/**
 * fetch_args_check - as check_args in struct kind: {"url": string} and nothing else
 * @ret_args: {"url": normalised}; its status tells whether memory sufficed
 */
void fetch_args_check(const json_t *args, struct faults *faults, struct buf *ret_args);

/**
 * fetch_args_prefix - as args_prefix_of_url in struct kind
 * @url_prefix: valid UTF-8
 */
void fetch_args_prefix(const char *url_prefix, struct buf *ret_args);

/**
 * fetch_args_read - the URL in normalised arguments; they were stored, so they are checked again
 * Returns OK; INVALID; NOMEM.
 */
enum status fetch_args_read(
    const char *args, size_t size, struct url_parts *ret_url, struct error *error) NODISCARD;

#endif
