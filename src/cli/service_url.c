/* SPDX-License-Identifier: MIT */
/* Where the service is; see service_url.h. libcurl takes the URL apart, as it will do to connect.
 */
#include "cli/service_url.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPECTED "expected one such as " SERVICE_URL_DEFAULT

/* A part of the URL as memory of our own; NULL where there is none. */
static enum status
take_part(CURLU *parts, CURLUPart part, unsigned flags, char **ret_text)
{
	char *text = NULL;
	CURLUcode code = curl_url_get(parts, part, &text, flags);

	*ret_text = NULL;
	if (code == CURLUE_OUT_OF_MEMORY)
		return STATUS_NOMEM;
	if (code == CURLUE_OK) {
		*ret_text = strdup(text);
		curl_free(text);
		if (*ret_text == NULL)
			return STATUS_NOMEM;
	}
	return STATUS_OK;
}

static bool
has_part(CURLU *parts, CURLUPart part)
{
	char *text = NULL;
	bool is_there = curl_url_get(parts, part, &text, 0) == CURLUE_OK;

	curl_free(text);
	return is_there;
}

static enum status
check_scheme(CURLU *parts, struct error *error)
{
	char *scheme;
	enum status status = take_part(parts, CURLUPART_SCHEME, 0, &scheme);

	if (status == STATUS_OK &&
	    (scheme == NULL || (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)))
		status = error_set(error, STATUS_INVALID,
		    "the URL of the service begins with '%s', " EXPECTED,
		    scheme == NULL ? "" : scheme);
	free(scheme);
	return status;
}

/* Takes the credentials out, so that what is left can be shown. */
static enum status
take_credentials(CURLU *parts, struct service_url *url)
{
	enum status status = take_part(parts, CURLUPART_USER, CURLU_URLDECODE, &url->user);

	if (status == STATUS_OK)
		status = take_part(parts, CURLUPART_PASSWORD, CURLU_URLDECODE, &url->password);
	if (status == STATUS_OK &&
	    (curl_url_set(parts, CURLUPART_USER, NULL, 0) != CURLUE_OK ||
		curl_url_set(parts, CURLUPART_PASSWORD, NULL, 0) != CURLUE_OK))
		status = STATUS_NOMEM;
	return status;
}

enum status
service_url_parse(const char *text, struct service_url *ret_url, struct error *error)
{
	struct service_url url = { .base = NULL };
	CURLU *parts = curl_url();
	enum status status = STATUS_NOMEM;
	CURLUcode code;

	if (parts == NULL)
		goto out;
	code = curl_url_set(parts, CURLUPART_URL, text, CURLU_GUESS_SCHEME);
	if (code != CURLUE_OK && code != CURLUE_OUT_OF_MEMORY)
		status = error_set(error, STATUS_INVALID,
		    "the URL of the service cannot be understood: %s, " EXPECTED,
		    curl_url_strerror(code));
	if (code != CURLUE_OK)
		goto out;
	status = check_scheme(parts, error);
	if (status != STATUS_OK)
		goto out;
	if (has_part(parts, CURLUPART_QUERY) || has_part(parts, CURLUPART_FRAGMENT)) {
		status = error_set(error, STATUS_INVALID,
		    "the URL of the service has a query or a fragment, " EXPECTED);
		goto out;
	}
	status = take_credentials(parts, &url);
	if (status == STATUS_OK)
		status = take_part(parts, CURLUPART_URL, 0, &url.base);
	if (status == STATUS_OK && url.base == NULL)
		status = error_set(
		    error, STATUS_INVALID, "the URL of the service cannot be written, " EXPECTED);
	if (status != STATUS_OK)
		goto out;
	for (size_t size = strlen(url.base); size > 0 && url.base[size - 1] == '/'; size--)
		url.base[size - 1] = '\0';
	*ret_url = url;
	url = (struct service_url){ .base = NULL };
out:
	if (status == STATUS_NOMEM)
		(void)error_set(error, status, "no memory for the URL of the service");
	service_url_done(&url);
	curl_url_cleanup(parts);
	return status;
}

void
service_url_done(struct service_url *url)
{
	free(url->base);
	free(url->user);
	free(url->password);
	*url = (struct service_url){ .base = NULL };
}
