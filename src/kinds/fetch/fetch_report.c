/* SPDX-License-Identifier: MIT */
/* Writing the `response` object; see fetch_report.h. Reads the handle's figures, changes nothing.
 */
#include "kinds/fetch/fetch_report.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "kinds/fetch/url_policy.h"

enum {
	REPORT_URL_MAX_BYTES = 8192,
	TIMING_DIGITS = 6, /* significant ones: microseconds up to a second, then less */
};

static curl_off_t
time_us(CURL *easy, CURLINFO what)
{
	curl_off_t us = 0;

	if (curl_easy_getinfo(easy, what, &us) != CURLE_OK || us < 0)
		return 0;
	return us;
}

/* Milliseconds between two points that libcurl counts from the start; 0 if the second was not
   reached. */
static double
phase_ms(curl_off_t from_us, curl_off_t to_us)
{
	return to_us > from_us ? (double)(to_us - from_us) / 1000.0 : 0.0;
}

static json_t *
timing(CURL *easy)
{
	curl_off_t dns = time_us(easy, CURLINFO_NAMELOOKUP_TIME_T);
	curl_off_t connected = time_us(easy, CURLINFO_CONNECT_TIME_T);
	curl_off_t secured = time_us(easy, CURLINFO_APPCONNECT_TIME_T);
	curl_off_t sent = time_us(easy, CURLINFO_PRETRANSFER_TIME_T);
	curl_off_t first_byte = time_us(easy, CURLINFO_STARTTRANSFER_TIME_T);
	curl_off_t total = time_us(easy, CURLINFO_TOTAL_TIME_T);

	return json_pack("{s:f, s:f, s:f, s:f, s:f}", "dns", phase_ms(0, dns), "connect",
	    phase_ms(dns, connected), "tls", phase_ms(connected, secured), "first_byte",
	    phase_ms(sent, first_byte), "total", phase_ms(0, total));
}

static json_t *
shown_url(CURL *easy, const char *first_url)
{
	char *effective = NULL, *redacted = NULL;
	const char *url = first_url;
	json_t *text = NULL;

	if (curl_easy_getinfo(easy, CURLINFO_EFFECTIVE_URL, &effective) == CURLE_OK &&
	    effective != NULL && effective[0] != '\0')
		url = effective;
	if (strpbrk(url, "@#") != NULL) {
		redacted = url_policy_redact(url);
		url = redacted;
	}
	if (url != NULL && strlen(url) <= REPORT_URL_MAX_BYTES)
		text = json_string(url);
	free(redacted);
	return text;
}

char *
fetch_report_write(CURL *easy, const struct fetch_progress *progress, const char *first_url)
{
	json_t *report = json_object();
	json_t *url = shown_url(easy, first_url);
	long status = 0, redirects = 0;
	int failed = 0;
	char *text = NULL;

	(void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	(void)curl_easy_getinfo(easy, CURLINFO_REDIRECT_COUNT, &redirects);
	if (progress->has_answer) {
		failed |= json_object_set_new(report, "status", json_integer(status));
		failed |=
		    json_object_set_new(report, "content_type", json_string(progress->media_type));
		failed |= json_object_set_new(
		    report, "bytes", json_integer((json_int_t)progress->body_bytes));
	}
	if (url != NULL)
		failed |= json_object_set_new(report, "url", url);
	failed |= json_object_set_new(report, "redirects", json_integer(redirects));
	failed |= json_object_set_new(report, "timing_ms", timing(easy));
	if (failed == 0)
		text = json_dumps(report, JSON_COMPACT | JSON_REAL_PRECISION(TIMING_DIGITS));
	json_decref(report);
	return text;
}
