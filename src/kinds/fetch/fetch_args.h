/* SPDX-License-Identifier: MIT */
/* The arguments of http-fetch: checked at submission, read again when an attempt begins. */
#ifndef TASKQ_KINDS_FETCH_FETCH_ARGS_H
#define TASKQ_KINDS_FETCH_FETCH_ARGS_H

#include <curl/curl.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/status.h"
#include "kinds/fetch/url_policy.h"
#include "kinds/kind_settings.h"
#include "task/faults.h"
#include "task/task.h"

/* What is to be fetched, and how much of it at most. */
struct fetch_args {
	struct url_parts url;
	struct curl_slist *headers; /* beside our own; NULL: none */
	uint64_t body_max_bytes;
	long redirects_max;
};

/**
 * fetch_args_check - as check_args in struct kind
 * @args:     {"url": string}, and where they are wanted "headers" (an object of strings),
 *            "max_bytes", "max_redirects" (integers, 0 to what the settings allow); nothing else
 * @ret_args: the same, the URL first and in its normal form; its status tells whether memory
 *            sufficed
 */
void fetch_args_check(const struct fetch_settings *settings, const json_t *args,
    struct faults *faults, struct buf *ret_args);

/**
 * fetch_args_prefix - as args_prefix_of_url in struct kind
 * @url_prefix: valid UTF-8
 */
void fetch_args_prefix(const char *url_prefix, struct buf *ret_args);

/**
 * fetch_args_host - as host_of in struct kind: the authority of the URL, as struct url_parts has it
 */
bool fetch_args_host(const char *args, size_t size, char ret_host[TASK_HOST_SIZE]);

/**
 * fetch_args_read - normalised arguments; they were stored, so they are checked again, by the
 * settings of now
 * Returns OK; INVALID; NOMEM.
 */
enum status fetch_args_read(const struct fetch_settings *settings, const char *text, size_t size,
    struct fetch_args *ret_args, struct error *error) NODISCARD;

/* Zeroed ones are fine. */
void fetch_args_done(struct fetch_args *args);

#endif
