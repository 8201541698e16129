/* SPDX-License-Identifier: MIT */
/*
 * Header fields that a submission adds to its request: which ones, and as libcurl wants them. What
 * frames the request, names its destination or is between two hops is not the submitter's. Pure;
 * any thread.
 */
#ifndef TASKQ_KINDS_FETCH_FETCH_HEADERS_H
#define TASKQ_KINDS_FETCH_FETCH_HEADERS_H

#include <curl/curl.h>
#include <jansson.h>

#include "base/status.h"
#include "task/faults.h"

enum {
	FETCH_HEADERS_MAX = 32,
	FETCH_HEADERS_TOTAL_MAX_BYTES = 4096, /* names and values together */
};

/**
 * fetch_headers_check - add a fault for everything that is wrong with `headers`
 * @headers: any JSON value; right is an object from names to values, each a string
 */
void fetch_headers_check(json_t *headers, struct faults *faults);

/**
 * fetch_headers_list - checked headers as a list, which the caller frees
 * Returns OK, also for an empty object, which makes NULL; NOMEM.
 */
enum status fetch_headers_list(json_t *headers, struct curl_slist **ret_list) NODISCARD;

#endif
