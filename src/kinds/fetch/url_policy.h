/* SPDX-License-Identifier: MIT */
/*
 * Which URLs a submission may name, and their normal form. A courtesy that names faults early: the
 * parser is the fetcher's own (curl_url), so both read a URL alike, and the verdict on where it
 * leads is the address policy's at connect time. Pure; any thread; looks nothing up.
 */
#ifndef TASKQ_KINDS_FETCH_URL_POLICY_H
#define TASKQ_KINDS_FETCH_URL_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define URL_MAX_BYTES 2048

struct url_parts {
	char *url; /* normalised: scheme and host in lower case, numeric IPv4 hosts dotted, dot
		      segments removed, no default port, no fragment */
	char *authority; /* "host:port" with the port always there: what per-host limits count */
	bool is_https;
	bool is_address; /* the host is an address: no name has to be resolved */
};

/**
 * url_policy_check - parse, judge and normalise a URL
 * @text, @size: need not be NUL-terminated
 * Accepts printable ASCII without spaces and backslashes, at most URL_MAX_BYTES before and after
 * normalising; "http://" or "https://"; no user information, not even empty; a host of letters,
 * digits, '.', '-', '_', or an IP literal without a zone id; a port that url_policy_allows_port.
 * What it accepts it accepts again, unchanged, in its normal form.
 * Returns OK; INVALID with a text that names the fault; NOMEM.
 */
enum status url_policy_check(
    const char *text, size_t size, struct url_parts *ret_parts, struct error *error) NODISCARD;

/* NULL and zeroed parts are fine. */
void url_parts_done(struct url_parts *parts);

/**
 * url_policy_allows_port - 80, 443, and 1024 to 65535: the ports below are other protocols'
 */
bool url_policy_allows_port(unsigned port);

/**
 * url_policy_same_origin - whether a URL has the scheme, host and port of these parts; false as
 * well when it cannot be parsed or memory is gone
 */
bool url_policy_same_origin(const char *url, const struct url_parts *parts);

/**
 * url_policy_redact - a URL without user information and fragment, for showing; NULL when it cannot
 * be parsed or memory is gone. Free with free().
 */
char *url_policy_redact(const char *url);

#endif
