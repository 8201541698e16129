/* SPDX-License-Identifier: MIT */
/*
 * From how a transfer ended to the outcome that clients see: libcurl's code and what we saw
 * ourselves become one stable failure word and a sentence. Pure; the engine's thread.
 */
#ifndef TASKQ_KINDS_FETCH_FETCH_FAILURE_H
#define TASKQ_KINDS_FETCH_FETCH_FAILURE_H

#include <curl/curl.h>

#include "kinds/fetch/fetch_transfer.h"
#include "task/task.h"

struct fetch_end {
	CURLcode code;
	const struct fetch_progress *progress;
	long status;   /* of the latest answer; 0 when there was none */
	long os_errno; /* of the latest failed connection attempt */
	long redirects;
	curl_off_t retry_after_s; /* as the latest answer asks; 0 or less: it does not */
	const char *error_text;   /* libcurl's own words, "" for none */
	const struct fetch_settings *settings;
	uint64_t body_max_bytes; /* of this fetch */
};

/**
 * fetch_failure_note - fill in verdict, failure, message and media type, and for a failure whether
 * another attempt can mend it and how soon, and for how long the host wants to be left alone
 * A message never holds an address that a name was resolved to.
 */
void fetch_failure_note(const struct fetch_end *end, struct outcome *outcome);

#endif
