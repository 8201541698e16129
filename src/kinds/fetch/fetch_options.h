/* SPDX-License-Identifier: MIT */
/*
 * Every libcurl option that a transfer is given, in one place, each result checked: an option that
 * libcurl does not take is a transfer that does not start. The engine's thread alone.
 */
#ifndef TASKQ_KINDS_FETCH_FETCH_OPTIONS_H
#define TASKQ_KINDS_FETCH_FETCH_OPTIONS_H

#include <curl/curl.h>

#include "kinds/fetch/fetch_args.h"
#include "kinds/kind_settings.h"

struct fetch_callbacks {
	curl_resolver_start_callback resolver_start;
	curl_opensocket_callback open_socket;
	curl_closesocket_callback close_socket;
	curl_prereq_callback request;
	curl_write_callback header;
	curl_write_callback body;
	void *transfer; /* what all but close_socket are given */
	void *context;  /* what close_socket is given */
	char *error_text;
};

/**
 * fetch_options_set - what a transfer may do, on a handle that was just reset
 * @args: their header fields are borrowed until the transfer has ended
 * Returns the first code that is not CURLE_OK.
 */
CURLcode fetch_options_set(
    CURL *easy, const struct fetch_settings *settings, const struct fetch_args *args);

CURLcode fetch_options_set_callbacks(CURL *easy, const struct fetch_callbacks *callbacks);

/**
 * fetch_options_refuse_downgrade - from now on redirects may lead to https alone
 */
CURLcode fetch_options_refuse_downgrade(CURL *easy);

/**
 * fetch_options_multi_new - the multi handle that transfers share: connections, names, certificates
 * At most in_flight_max and FETCH_IDLE_CONNECTIONS_MAX connections are ever open.
 * Returns NULL when memory is gone or libcurl refuses an option.
 */
CURLM *fetch_options_multi_new(const struct fetch_settings *settings);

#endif
