/* SPDX-License-Identifier: MIT */
/*
 * The entry of http-fetch in the table of kinds. check_args runs in any thread, fetch_setup in the
 * main thread before there are others; attempts run in the engine.
 */
#include "kinds/fetch/fetch_kind.h"

#include <curl/curl.h>

#include "kinds/fetch/fetch_args.h"
#include "kinds/fetch/fetch_engine.h"

static enum status
check_settings(const struct kind_settings *settings, struct error *error)
{
	return fetch_engine_check_settings(&settings->fetch, error);
}

static void
check_args(const struct kind_settings *settings, const json_t *args, struct faults *faults,
    struct buf *ret_args)
{
	fetch_args_check(&settings->fetch, args, faults, ret_args);
}

const struct kind kind_fetch = {
	.type = "http-fetch",
	.lane = LANE_IO,
	.result_form = RESULT_TEXT,
	.check_settings = check_settings,
	.check_args = check_args,
	.args_prefix_of_url = fetch_args_prefix,
	.host_of = fetch_args_host,
	.engine = &fetch_engine_ops,
};

enum status
fetch_setup(struct error *error)
{
	CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);

	if (code != CURLE_OK)
		return error_set(
		    error, STATUS_INTERNAL, "libcurl does not start: %s", curl_easy_strerror(code));
	/* A resolver that blocks would stall every transfer. */
	const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
	if ((info->features & CURL_VERSION_ASYNCHDNS) == 0 ||
	    (info->features & CURL_VERSION_SSL) == 0)
		return error_set(error, STATUS_INTERNAL,
		    "libcurl %s lacks asynchronous name resolution or TLS", info->version);
	return STATUS_OK;
}
