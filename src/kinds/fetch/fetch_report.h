/* SPDX-License-Identifier: MIT */
/* What is reported of a fetch beside the content: mostly the `response` object. The engine's
 * thread. */
#ifndef TASKQ_KINDS_FETCH_FETCH_REPORT_H
#define TASKQ_KINDS_FETCH_FETCH_REPORT_H

#include <curl/curl.h>

#include "kinds/fetch/fetch_transfer.h"

/**
 * fetch_report_write - describe a transfer that has ended, as JSON object text
 * @first_url: what was asked for; the report names where it ended
 * {"status", "url", "content_type", "bytes", "redirects", "timing_ms": {"dns", "connect", "tls",
 * "first_byte", "total"}}; without an answer only url, redirects and timing_ms. The phases are how
 * long each took, summed over redirects, 0 where there was none (a connection used again, plain
 * http); first_byte is from the request to the first byte of its answer. No user information is in
 * the URL; one that is over 8 KiB or not UTF-8 is left out.
 * Returns text to free with free(), or NULL when memory is gone.
 */
char *fetch_report_write(CURL *easy, const struct fetch_progress *progress, const char *first_url);

/**
 * fetch_report_host - whom the latest answer is from: the authority of the URL that redirects led
 * to, as struct url_parts has it; NULL: it cannot be told. Free with free().
 */
char *fetch_report_host(CURL *easy);

/**
 * fetch_report_retry_after_s - how long the latest answer asks to wait (Retry-After, RFC 9110
 * section 10.2.3), as a number of seconds or as a date; 0 or less: it does not, or not in a way
 * that libcurl understands
 */
curl_off_t fetch_report_retry_after_s(CURL *easy);

#endif
