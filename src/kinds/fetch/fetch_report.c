/* SPDX-License-Identifier: MIT */
/*
 * Writing the `response` object; see fetch_report.h. Reads the handle's figures, changes nothing.
 * The text is written by hand: a tree of jansson's and its printing of doubles cost ten times as
 * much, more than a quarter of all that the engine did for a small page.
 */
#include "kinds/fetch/fetch_report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "kinds/fetch/url_policy.h"

enum {
	REPORT_URL_MAX_BYTES = 8192,
	REPORT_USUAL_BYTES = 400,
	ESCAPE_MAX_BYTES = 6,
	REPORT_MAX_BYTES =
	    ESCAPE_MAX_BYTES * (REPORT_URL_MAX_BYTES + TASK_MEDIA_TYPE_SIZE) + REPORT_USUAL_BYTES,
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
static void
append_phase(struct buf *report, const char *name, curl_off_t from_us, curl_off_t to_us)
{
	curl_off_t us = to_us > from_us ? to_us - from_us : 0;

	buf_printf(report, "%s:%" PRId64 ".%03d", name, (int64_t)(us / 1000), (int)(us % 1000));
}

static void
append_timing(struct buf *report, CURL *easy)
{
	curl_off_t dns = time_us(easy, CURLINFO_NAMELOOKUP_TIME_T);
	curl_off_t connected = time_us(easy, CURLINFO_CONNECT_TIME_T);
	curl_off_t secured = time_us(easy, CURLINFO_APPCONNECT_TIME_T);
	curl_off_t sent = time_us(easy, CURLINFO_PRETRANSFER_TIME_T);
	curl_off_t first_byte = time_us(easy, CURLINFO_STARTTRANSFER_TIME_T);
	curl_off_t total = time_us(easy, CURLINFO_TOTAL_TIME_T);

	buf_text(report, "\"timing_ms\":{");
	append_phase(report, "\"dns\"", 0, dns);
	append_phase(report, ",\"connect\"", dns, connected);
	append_phase(report, ",\"tls\"", connected, secured);
	append_phase(report, ",\"first_byte\"", sent, first_byte);
	append_phase(report, ",\"total\"", 0, total);
	buf_text(report, "}");
}

/* A member with a text that is valid UTF-8, and a comma. */
static void
append_text(struct buf *report, const char *name, const char *text)
{
	buf_printf(report, "\"%s\":\"", name);
	while (*text != '\0') {
		size_t plain = 0;

		while (
		    (unsigned char)text[plain] >= 0x20 && text[plain] != '"' && text[plain] != '\\')
			plain++;
		buf_append(report, text, plain);
		text += plain;
		if (*text != '\0')
			buf_printf(report, "\\u%04x", (unsigned char)*text++);
	}
	buf_text(report, "\",");
}

static void
append_url(struct buf *report, CURL *easy, const char *first_url)
{
	char *effective = NULL, *redacted = NULL;
	const char *url = first_url;

	if (curl_easy_getinfo(easy, CURLINFO_EFFECTIVE_URL, &effective) == CURLE_OK &&
	    effective != NULL && effective[0] != '\0')
		url = effective;
	if (strpbrk(url, "@#") != NULL) {
		redacted = url_policy_redact(url);
		url = redacted;
	}
	size_t size = url != NULL ? strlen(url) : 0;
	if (url != NULL && size <= REPORT_URL_MAX_BYTES && utf8_is_valid(url, size))
		append_text(report, "url", url);
	free(redacted);
}

char *
fetch_report_write(CURL *easy, const struct fetch_progress *progress, const char *first_url)
{
	long status = 0, redirects = 0;
	struct buf report;

	(void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	(void)curl_easy_getinfo(easy, CURLINFO_REDIRECT_COUNT, &redirects);
	buf_init(&report, REPORT_MAX_BYTES);
	(void)buf_reserve(&report, REPORT_USUAL_BYTES);
	buf_text(&report, "{");
	if (progress->has_answer) {
		buf_printf(&report, "\"status\":%ld,", status);
		append_text(&report, "content_type", progress->media_type);
		buf_printf(&report, "\"bytes\":%" PRIu64 ",", progress->body_bytes);
	}
	append_url(&report, easy, first_url);
	buf_printf(&report, "\"redirects\":%ld,", redirects);
	append_timing(&report, easy);
	buf_text(&report, "}");
	char *text = buf_take(&report, NULL);
	buf_done(&report);
	return text;
}

char *
fetch_report_host(CURL *easy)
{
	struct url_parts parts = { .url = NULL };
	char *url = NULL, *host;

	/* It is one that may be fetched, or its answer would not be there; but a server wrote it.
	 */
	if (curl_easy_getinfo(easy, CURLINFO_EFFECTIVE_URL, &url) != CURLE_OK || url == NULL ||
	    url_policy_check(url, strlen(url), &parts, NULL) != STATUS_OK)
		return NULL;
	host = parts.authority;
	parts.authority = NULL;
	url_parts_done(&parts);
	return host;
}

curl_off_t
fetch_report_retry_after_s(CURL *easy)
{
	struct curl_header *header;
	curl_off_t seconds = 0;

	/* The figure may be that of a redirect on the way, so the last answer has to have one. */
	if (curl_easy_header(easy, "Retry-After", 0, CURLH_HEADER, -1, &header) != CURLHE_OK ||
	    curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &seconds) != CURLE_OK)
		return 0;
	return seconds;
}
