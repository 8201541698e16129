/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a URL, and as a CIDR: a URL is refused with a fault in plain text, or accepted, and
 * then its normal form is accepted unchanged, is what libcurl connects to, and hides nothing.
 */
#include "fuzz.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>
#include <jansson.h>

#include "kinds/fetch/cidr_set.h"
#include "kinds/fetch/fetch_args.h"
#include "kinds/fetch/url_policy.h"

static void
check_plain(const char *text)
{
	FUZZ_REQUIRE(text[0] != '\0');
	for (; *text != '\0'; text++)
		FUZZ_REQUIRE(*text >= ' ' && *text <= '~');
}

/* The parts as libcurl itself takes them from the normal form. */
static void
check_as_libcurl_reads_it(const struct url_parts *parts)
{
	CURLU *handle = curl_url();
	char *part = NULL, *host = NULL, *port = NULL, authority[600];

	FUZZ_REQUIRE(handle != NULL);
	FUZZ_REQUIRE(curl_url_set(handle, CURLUPART_URL, parts->url, 0) == CURLUE_OK);
	FUZZ_REQUIRE(curl_url_get(handle, CURLUPART_USER, &part, 0) == CURLUE_NO_USER);
	FUZZ_REQUIRE(curl_url_get(handle, CURLUPART_PASSWORD, &part, 0) == CURLUE_NO_PASSWORD);
	FUZZ_REQUIRE(curl_url_get(handle, CURLUPART_ZONEID, &part, 0) == CURLUE_NO_ZONEID);
	FUZZ_REQUIRE(curl_url_get(handle, CURLUPART_FRAGMENT, &part, 0) == CURLUE_NO_FRAGMENT);
	FUZZ_REQUIRE(curl_url_get(handle, CURLUPART_SCHEME, &part, 0) == CURLUE_OK);
	FUZZ_REQUIRE(strcmp(part, parts->is_https ? "https" : "http") == 0);
	FUZZ_REQUIRE(curl_url_get(handle, CURLUPART_HOST, &host, 0) == CURLUE_OK);
	FUZZ_REQUIRE(curl_url_get(handle, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK);
	snprintf(authority, sizeof(authority), "%s:%s", host, port);
	FUZZ_REQUIRE(strcmp(authority, parts->authority) == 0);
	FUZZ_REQUIRE(url_policy_allows_port((unsigned)strtoul(port, NULL, 10)));
	curl_free(part);
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(handle);
}

/* Whom the stored arguments say that they ask. */
static void
check_host(const struct url_parts *parts)
{
	char args[6 * URL_MAX_BYTES], host[TASK_HOST_SIZE];
	json_t *object = json_pack("{s:s}", "url", parts->url);
	size_t size = json_dumpb(object, args, sizeof(args), JSON_COMPACT);

	FUZZ_REQUIRE(object != NULL && size > 0 && size < sizeof(args));
	args[size] = '\0';
	FUZZ_REQUIRE(fetch_args_host(args, size, host));
	FUZZ_REQUIRE(strcmp(host, parts->authority) == 0);
	json_decref(object);
}

static void
check_url(const char *text, size_t size)
{
	struct url_parts parts, again;
	struct error error = { "" };
	enum status status = url_policy_check(text, size, &parts, &error);

	if (status != STATUS_OK) {
		FUZZ_REQUIRE(status == STATUS_INVALID);
		check_plain(error.text);
		return;
	}
	check_plain(parts.url);
	FUZZ_REQUIRE(strlen(parts.url) <= URL_MAX_BYTES);
	FUZZ_REQUIRE(strncmp(parts.url, parts.is_https ? "https://" : "http://",
			 parts.is_https ? 8 : 7) == 0);
	check_as_libcurl_reads_it(&parts);
	check_host(&parts);
	FUZZ_REQUIRE(url_policy_check(parts.url, strlen(parts.url), &again, &error) == STATUS_OK);
	FUZZ_REQUIRE(strcmp(parts.url, again.url) == 0);
	FUZZ_REQUIRE(strcmp(parts.authority, again.authority) == 0);
	FUZZ_REQUIRE(parts.is_address == again.is_address);
	char *shown = url_policy_redact(parts.url);
	FUZZ_REQUIRE(shown != NULL);
	free(shown);
	url_parts_done(&parts);
	url_parts_done(&again);
}

static void
check_cidr(const char *text)
{
	struct cidr_set set;
	struct error error = { "" };

	cidr_set_init(&set);
	enum status status = cidr_set_add(&set, text, &error);
	FUZZ_REQUIRE(status == STATUS_OK || status == STATUS_INVALID);
	FUZZ_REQUIRE(set.v4.count + set.v6.count == (status == STATUS_OK ? 1 : 0));
	cidr_set_seal(&set);
	if (status == STATUS_OK) {
		struct ip_address first = { .family = set.v4.count != 0 ? AF_INET : AF_INET6 };

		memcpy(first.bytes,
		    first.family == AF_INET ? set.v4.list[0].first : set.v6.list[0].first, 16);
		FUZZ_REQUIRE(cidr_set_contains(&set, &first));
	}
	cidr_set_done(&set);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);

	FUZZ_REQUIRE(text != NULL);
	check_url((const char *)data, size);
	check_cidr(text);
	free(text);
	return 0;
}
