/* SPDX-License-Identifier: MIT */
/*
 * Judging URLs with libcurl's parser; see url_policy.h. Any thread, no state. The checks on the raw
 * text come first, because a normalised URL hides what the parser was lenient about; the checks on
 * the parts come after, because only the parser knows what it will connect to.
 */
#include "kinds/fetch/url_policy.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/num.h"

enum {
	HOST_MAX_BYTES = 255,
	SHOWN_SCHEME_MAX = 32, /* bytes of a refused scheme that a fault repeats */
};

bool
url_policy_allows_port(unsigned port)
{
	return port == 80 || port == 443 || (port >= 1024 && port <= 65535);
}

/* A private copy with its NUL, every byte of it acceptable. */
static enum status
copy_checked(const char *text, size_t size, char **ret_copy, struct error *error)
{
	if (size == 0)
		return error_set(error, STATUS_INVALID, "is empty, expected a URL");
	if (size > URL_MAX_BYTES)
		return error_set(error, STATUS_INVALID, "is %zu bytes long, expected at most %d",
		    size, URL_MAX_BYTES);
	for (size_t i = 0; i < size; i++) {
		unsigned char byte = (unsigned char)text[i];

		if (byte > 0x20 && byte < 0x7f && byte != '\\')
			continue;
		if (byte == ' ')
			return error_set(error, STATUS_INVALID,
			    "has a space at byte %zu, expected it percent-encoded", i);
		if (byte >= 0x80)
			return error_set(error, STATUS_INVALID,
			    "has a byte outside ASCII at %zu, expected percent-encoding, or "
			    "punycode in the host",
			    i);
		return error_set(
		    error, STATUS_INVALID, "has the forbidden byte 0x%02x at %zu", byte, i);
	}
	char *copy = strndup(text, size);
	if (copy == NULL)
		return error_set(error, STATUS_NOMEM, "no memory for a URL");
	*ret_copy = copy;
	return STATUS_OK;
}

/* Scheme, exactly two slashes, no user information: as written, before any leniency. */
static enum status
check_form(const char *url, struct error *error)
{
	size_t scheme = strcspn(url, ":/?#");

	if (url[scheme] != ':' || scheme == 0)
		return error_set(
		    error, STATUS_INVALID, "has no scheme, expected http:// or https://");
	if (!(scheme == 4 && strncasecmp(url, "http", 4) == 0) &&
	    !(scheme == 5 && strncasecmp(url, "https", 5) == 0))
		return error_set(error, STATUS_INVALID,
		    "unsupported_scheme: '%.*s', expected http or https",
		    (int)(scheme > SHOWN_SCHEME_MAX ? SHOWN_SCHEME_MAX : scheme), url);
	const char *authority = url + scheme;
	if (strncmp(authority, "://", 3) != 0 || authority[3] == '/')
		return error_set(error, STATUS_INVALID,
		    "is malformed, expected exactly two slashes between scheme and host");
	authority += 3;
	size_t length = strcspn(authority, "/?#");
	if (length == 0)
		return error_set(error, STATUS_INVALID, "has no host");
	if (memchr(authority, '@', length) != NULL)
		return error_set(error, STATUS_INVALID,
		    "has user information in it, expected none before the host");
	return STATUS_OK;
}

static enum status
parse_failed(CURLUcode code, struct error *error)
{
	if (code == CURLUE_OUT_OF_MEMORY)
		return error_set(error, STATUS_NOMEM, "no memory to parse a URL");
	if (code == CURLUE_BAD_PORT_NUMBER)
		return error_set(error, STATUS_INVALID, "has a malformed port");
	if (code == CURLUE_BAD_IPV6)
		return error_set(error, STATUS_INVALID, "has a malformed IPv6 address");
	return error_set(error, STATUS_INVALID, "is malformed: %s", curl_url_strerror(code));
}

/* The parser decodes %XX in hosts, so this also keeps '@' and ':' from coming in that way. */
static enum status
check_host(const char *host, bool *ret_is_address, struct error *error)
{
	unsigned char bytes[16];
	char literal[INET6_ADDRSTRLEN];
	size_t length = strlen(host);

	if (host[0] == '[') {
		if (length < 3 || length - 2 >= sizeof(literal) || host[length - 1] != ']')
			return error_set(error, STATUS_INVALID, "has a malformed IPv6 address");
		memcpy(literal, host + 1, length - 2);
		literal[length - 2] = '\0';
		if (inet_pton(AF_INET6, literal, bytes) != 1)
			return error_set(error, STATUS_INVALID, "has a malformed IPv6 address");
		*ret_is_address = true;
		return STATUS_OK;
	}
	if (length == 0)
		return error_set(error, STATUS_INVALID, "has no host");
	if (length > HOST_MAX_BYTES)
		return error_set(error, STATUS_INVALID,
		    "has a host of %zu bytes, expected at most %d", length, HOST_MAX_BYTES);
	if (host[strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			      "0123456789.-_")] != '\0')
		return error_set(error, STATUS_INVALID,
		    "has a host with characters other than letters, digits, '.', '-' and '_'");
	*ret_is_address = inet_pton(AF_INET, host, bytes) == 1;
	return STATUS_OK;
}

static void
lower(char *text)
{
	for (; *text != '\0'; text++)
		if (*text >= 'A' && *text <= 'Z')
			*text = (char)(*text - 'A' + 'a');
}

static enum status
check_port(CURLU *handle, char **ret_port, struct error *error)
{
	char *port = NULL;
	uint64_t number;
	CURLUcode code = curl_url_get(handle, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT);

	if (code != CURLUE_OK)
		return parse_failed(code, error);
	if (num_parse_u64(port, strlen(port), &number) != STATUS_OK || number > 65535 ||
	    !url_policy_allows_port((unsigned)number)) {
		enum status status = error_set(error, STATUS_INVALID,
		    "has port %.8s, expected 80, 443 or 1024 to 65535", port);

		curl_free(port);
		return status;
	}
	*ret_port = port;
	return STATUS_OK;
}

/* Takes the parts out of a parsed URL; what it has made stays in *parts also on failure. */
static enum status
read_parts(CURLU *handle, struct url_parts *parts, struct error *error)
{
	char *host = NULL, *port = NULL, *scheme = NULL, *url = NULL;
	CURLUcode code = curl_url_get(handle, CURLUPART_ZONEID, &host, 0);
	enum status status = STATUS_OK;

	if (code != CURLUE_NO_ZONEID) {
		status = error_set(error, STATUS_INVALID, "has a zone id, expected none");
		goto out;
	}
	code = curl_url_get(handle, CURLUPART_HOST, &host, 0);
	if (code == CURLUE_OK) {
		/* Letters only: a host with anything else is refused just below. */
		lower(host);
		status = check_host(host, &parts->is_address, error);
		if (status != STATUS_OK)
			goto out;
		code = curl_url_set(handle, CURLUPART_HOST, host, 0);
	}
	if (code == CURLUE_OK)
		code = curl_url_set(handle, CURLUPART_FRAGMENT, NULL, 0);
	if (code == CURLUE_OK)
		code = curl_url_get(handle, CURLUPART_SCHEME, &scheme, 0);
	if (code == CURLUE_OK)
		code = curl_url_get(handle, CURLUPART_URL, &url, CURLU_NO_DEFAULT_PORT);
	if (code != CURLUE_OK) {
		status = parse_failed(code, error);
		goto out;
	}
	if (strlen(url) > URL_MAX_BYTES) {
		status = error_set(error, STATUS_INVALID,
		    "is %zu bytes long when normalised, expected at most %d", strlen(url),
		    URL_MAX_BYTES);
		goto out;
	}
	status = check_port(handle, &port, error);
	if (status != STATUS_OK)
		goto out;
	parts->is_https = strcmp(scheme, "https") == 0;
	parts->url = strdup(url);
	if (parts->url == NULL || asprintf(&parts->authority, "%s:%s", host, port) < 0) {
		parts->authority = NULL;
		status = error_set(error, STATUS_NOMEM, "no memory for a URL");
	}
out:
	curl_free(host);
	curl_free(port);
	curl_free(scheme);
	curl_free(url);
	return status;
}

static enum status
parse(const char *url, struct url_parts *ret_parts, struct error *error)
{
	struct url_parts parts = { .url = NULL };
	CURLU *handle = curl_url();

	if (handle == NULL)
		return error_set(error, STATUS_NOMEM, "no memory to parse a URL");
	CURLUcode code = curl_url_set(handle, CURLUPART_URL, url, CURLU_DISALLOW_USER);
	enum status status =
	    code == CURLUE_OK ? read_parts(handle, &parts, error) : parse_failed(code, error);
	if (status == STATUS_OK)
		*ret_parts = parts;
	else
		url_parts_done(&parts);
	curl_url_cleanup(handle);
	return status;
}

static bool
host_has_escapes(const char *url)
{
	const char *authority = strstr(url, "://") + 3;

	return memchr(authority, '%', strcspn(authority, "/?#")) != NULL;
}

enum status
url_policy_check(const char *text, size_t size, struct url_parts *ret_parts, struct error *error)
{
	struct url_parts parts, decoded;
	char *copy = NULL;
	enum status status = copy_checked(text, size, &copy, error);

	if (status != STATUS_OK)
		return status;
	status = check_form(copy, error);
	if (status == STATUS_OK)
		status = parse(copy, &parts, error);
	if (status != STATUS_OK)
		goto out;
	/* The parser decodes a host only after it has looked for numeric addresses in it: what it
	   makes of 1%2e2 is 1.2, which it reads as 1.0.0.2 the next time. */
	if (host_has_escapes(copy)) {
		status = parse(parts.url, &decoded, error);
		url_parts_done(&parts);
		if (status != STATUS_OK)
			goto out;
		parts = decoded;
	}
	*ret_parts = parts;
out:
	free(copy);
	return status;
}

void
url_parts_done(struct url_parts *parts)
{
	if (parts == NULL)
		return;
	free(parts->url);
	free(parts->authority);
	*parts = (struct url_parts){ .url = NULL };
}

bool
url_policy_same_origin(const char *url, const struct url_parts *parts)
{
	struct url_parts other;
	struct error error;

	if (parse(url, &other, &error) != STATUS_OK)
		return false;
	bool same =
	    other.is_https == parts->is_https && strcmp(other.authority, parts->authority) == 0;
	url_parts_done(&other);
	return same;
}

char *
url_policy_redact(const char *url)
{
	char *shown = NULL, *copy = NULL;
	CURLU *handle = curl_url();

	if (handle != NULL && curl_url_set(handle, CURLUPART_URL, url, 0) == CURLUE_OK &&
	    curl_url_set(handle, CURLUPART_USER, NULL, 0) == CURLUE_OK &&
	    curl_url_set(handle, CURLUPART_PASSWORD, NULL, 0) == CURLUE_OK &&
	    curl_url_set(handle, CURLUPART_OPTIONS, NULL, 0) == CURLUE_OK &&
	    curl_url_set(handle, CURLUPART_FRAGMENT, NULL, 0) == CURLUE_OK &&
	    curl_url_get(handle, CURLUPART_URL, &shown, 0) == CURLUE_OK)
		copy = strdup(shown);
	curl_free(shown);
	curl_url_cleanup(handle);
	return copy;
}
