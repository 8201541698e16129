/* SPDX-License-Identifier: MIT */
/*
 * Every option that a transfer is given, and that each result counts. curl_easy_setopt is wrapped:
 * it records, fails where it is told to, and makes the test's certificate a trusted one, so that
 * redirects between http and https can be tried.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "engine_rig.h"
#include "kinds/fetch/fetch_kind.h"
#include "kinds/fetch/fetch_options.h"
#include "kinds/fetch/fetch_transfer.h"
#include "origin_process.h"

#define CERTIFICATE "tests/data/tls/origin.pem"
#define KEY         "tests/data/tls/origin-key.pem"

enum {
	CALLS_MAX = 100
};

/* All of these are used by the test's thread, or set before an engine is opened. */
static bool record;

static struct {
	CURLoption option;
	const void *value;
} calls[CALLS_MAX];

static size_t call_count;
static size_t fail_at;
static CURLcode fail_code;
static bool trust_the_origin;

CURLcode __real_curl_easy_setopt(CURL *easy, CURLoption option, ...);
CURLcode __wrap_curl_easy_setopt(CURL *easy, CURLoption option, ...);

/* A long, a pointer and a curl_off_t all travel as one 64-bit word. */
CURLcode
__wrap_curl_easy_setopt(CURL *easy, CURLoption option, ...)
{
	va_list list;

	va_start(list, option);
	const void *value = va_arg(list, const void *);
	va_end(list);
	if (record) {
		assert_true(call_count < CALLS_MAX);
		calls[call_count].option = option;
		calls[call_count].value = value;
		call_count++;
		if (call_count == fail_at)
			return fail_code;
	}
	if (trust_the_origin && option == CURLOPT_SSL_VERIFYPEER)
		assert_int_equal(
		    __real_curl_easy_setopt(easy, CURLOPT_CAINFO, CERTIFICATE), CURLE_OK);
	return __real_curl_easy_setopt(easy, option, value);
}

static const struct fetch_settings settings = {
	.user_agent = "test/1.0",
	.connect_timeout_ms = 1234,
	.total_timeout_ms = 5678,
	.body_max_bytes = 1 << 20,
	.redirects_max = 50,
	.in_flight_max = 10,
	.per_host_max = 5,
};

static char http_url[] = "http://example.com/", https_url[] = "https://example.com/";
static const struct fetch_args http = {
	.url = { .url = http_url },
	.body_max_bytes = 99999,
	.redirects_max = 7,
};
static const struct fetch_args https = {
	.url = { .url = https_url, .is_https = true },
	.body_max_bytes = 99999,
	.redirects_max = 7,
};

static CURLcode
set(const struct fetch_args *args)
{
	CURL *easy = curl_easy_init();
	CURLcode code;

	assert_non_null(easy);
	call_count = 0;
	record = true;
	code = fetch_options_set(easy, &settings, args);
	record = false;
	curl_easy_cleanup(easy);
	return code;
}

static const void *
value_of(CURLoption option)
{
	for (size_t i = 0; i < call_count; i++)
		if (calls[i].option == option)
			return calls[i].value;
	fail_msg("option %d is not set", (int)option);
	return NULL;
}

static bool
is_set(CURLoption option)
{
	for (size_t i = 0; i < call_count; i++)
		if (calls[i].option == option)
			return true;
	return false;
}

static void
test_this_libcurl_takes_every_option(void **state)
{
	(void)state;
	assert_int_equal(set(&http), CURLE_OK);
	assert_int_equal(set(&https), CURLE_OK);
}

static void
test_numbers_are_what_they_have_to_be(void **state)
{
	static const struct {
		CURLoption option;
		intptr_t value;
	} numbers[] = { { CURLOPT_NOSIGNAL, 1 }, { CURLOPT_QUICK_EXIT, 1 },
		{ CURLOPT_FOLLOWLOCATION, 1 }, { CURLOPT_MAXREDIRS, 7 },
		{ CURLOPT_SSL_VERIFYPEER, 1 }, { CURLOPT_SSL_VERIFYHOST, 2 },
		{ CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2 },
		{ CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1 }, { CURLOPT_HTTP09_ALLOWED, 0 },
		{ CURLOPT_NETRC, CURL_NETRC_IGNORED }, { CURLOPT_DISALLOW_USERNAME_IN_URL, 1 },
		{ CURLOPT_CONNECTTIMEOUT_MS, 1234 }, { CURLOPT_TIMEOUT_MS, 5678 },
		{ CURLOPT_MAXFILESIZE_LARGE, 99999 }, { CURLOPT_MAXAGE_CONN, 30 },
		{ CURLOPT_HTTP_CONTENT_DECODING, 0 }, { CURLOPT_HTTPGET, 1 } };

	(void)state;
	assert_int_equal(set(&http), CURLE_OK);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		assert_int_equal((intptr_t)value_of(numbers[i].option), numbers[i].value);
}

static void
test_texts_are_what_they_have_to_be(void **state)
{
	(void)state;
	assert_int_equal(set(&http), CURLE_OK);
	assert_string_equal(value_of(CURLOPT_PROXY), "");
	assert_string_equal(value_of(CURLOPT_PROTOCOLS_STR), "http,https");
	assert_string_equal(value_of(CURLOPT_REDIR_PROTOCOLS_STR), "http,https");
	assert_string_equal(value_of(CURLOPT_USERAGENT), "test/1.0");
	assert_string_equal(value_of(CURLOPT_URL), "http://example.com/");
	assert_null(value_of(CURLOPT_CAPATH));
	assert_int_equal(set(&https), CURLE_OK);
	assert_string_equal(value_of(CURLOPT_REDIR_PROTOCOLS_STR), "https");
}

static void
test_what_gives_a_fetch_a_past_is_never_touched(void **state)
{
	static const CURLoption options[] = { CURLOPT_COOKIEFILE, CURLOPT_COOKIEJAR, CURLOPT_COOKIE,
		CURLOPT_HSTS, CURLOPT_HSTS_CTRL, CURLOPT_ALTSVC, CURLOPT_ALTSVC_CTRL,
		CURLOPT_NETRC_FILE, CURLOPT_USERPWD, CURLOPT_ACCEPT_ENCODING, CURLOPT_SHARE,
		CURLOPT_UNRESTRICTED_AUTH, CURLOPT_AUTOREFERER };

	(void)state;
	assert_int_equal(set(&http), CURLE_OK);
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		assert_false(is_set(options[i]));
}

static void
test_each_option_that_is_refused_stops_the_transfer(void **state)
{
	struct fetch_context context = { .settings = &settings };
	struct fetch_transfer *transfer = fetch_transfer_new(&context);
	struct fetch_job job = { .args = http };
	struct error error;
	size_t all;

	(void)state;
	assert_non_null(transfer);
	call_count = 0;
	record = true;
	assert_int_equal(fetch_transfer_prepare(transfer, &job, &error), STATUS_OK);
	all = call_count;
	assert_true(all > 30);
	for (fail_at = 1; fail_at <= all; fail_at++) {
		call_count = 0;
		fail_code = CURLE_UNKNOWN_OPTION;
		assert_int_equal(fetch_transfer_prepare(transfer, &job, &error), STATUS_INTERNAL);
		assert_int_equal(call_count, fail_at);
		call_count = 0;
		fail_code = CURLE_OUT_OF_MEMORY;
		assert_int_equal(fetch_transfer_prepare(transfer, &job, &error), STATUS_NOMEM);
		assert_int_equal(call_count, fail_at);
	}
	record = false;
	fail_at = 0;
	fetch_transfer_free(transfer);
	fetch_transfer_free(NULL);
}

static void
test_a_limit_of_zero_bytes_is_not_taken_for_none(void **state)
{
	struct fetch_args empty = http;
	CURL *easy = curl_easy_init();

	(void)state;
	empty.body_max_bytes = 0;
	call_count = 0;
	record = true;
	assert_int_equal(fetch_options_set(easy, &settings, &empty), CURLE_OK);
	record = false;
	assert_false(is_set(CURLOPT_MAXFILESIZE_LARGE));
	curl_easy_cleanup(easy);
}

static void
test_a_certificate_that_nobody_signed_is_refused(void **state)
{
	struct fetch_settings rig_conf = rig_settings();
	struct origin_process tls;
	struct engine_rig rig;

	(void)state;
	origin_start(&tls, "0.0.0.0", CERTIFICATE, KEY);
	rig_open(&rig, &rig_conf);
	struct rig_run *run = rig_fetch(&rig, "https://127.0.0.2:%u/ok", tls.port);
	rig_check_failed(run, FAILURE_TLS);
	assert_non_null(strstr(run->run.outcome.message, "self-signed"));
	/* Not TLS at all, and no HTTP where TLS is spoken. */
	rig_check_failed(
	    rig_fetch(&rig, "http://127.0.0.2:%u/ok", tls.port), FAILURE_CONNECTION_LOST);
	rig_close(&rig);
	origin_stop(&tls);
}

static void
test_a_redirect_may_lead_to_https_and_never_back(void **state)
{
	struct fetch_settings rig_conf = rig_settings();
	struct origin_process plain, tls;
	struct engine_rig rig;
	struct rig_run *run;

	(void)state;
	origin_start(&plain, "0.0.0.0", NULL, NULL);
	origin_start(&tls, "0.0.0.0", CERTIFICATE, KEY);
	trust_the_origin = true;
	rig_open(&rig, &rig_conf);
	rig_check_content(rig_fetch(&rig, "https://127.0.0.2:%u/ok", tls.port), "ok\n");
	rig_check_content(rig_fetch(&rig, "https://127.0.0.2:%u/redirect/3", tls.port), "ok\n");
	rig_check_content(
	    rig_fetch(&rig, "http://127.0.0.2:%u/redirect-to?url=https://127.0.0.2:%u/ok",
		plain.port, tls.port),
	    "ok\n");
	/* Another name than in the certificate. */
	rig_check_failed(rig_fetch(&rig, "https://127.0.0.3:%u/ok", tls.port), FAILURE_TLS);

	run = rig_fetch(&rig, "https://127.0.0.2:%u/redirect-to?url=http://127.0.0.2:%u/ok",
	    tls.port, plain.port);
	rig_check_failed(run, FAILURE_UNSUPPORTED_SCHEME);
	assert_non_null(strstr(run->run.outcome.message, "from https"));
	run = rig_fetch(&rig,
	    "http://127.0.0.2:%u/redirect-to?url="
	    "https://127.0.0.2:%u/redirect-to?url%%3Dhttp://127.0.0.2:%u/ok",
	    plain.port, tls.port, plain.port);
	rig_check_failed(run, FAILURE_UNSUPPORTED_SCHEME);
	/* The handle has no memory of it. */
	for (int i = 0; i < 3; i++)
		rig_check_content(
		    rig_fetch(&rig, "http://127.0.0.2:%u/redirect/2", plain.port), "ok\n");
	rig_close(&rig);
	trust_the_origin = false;
	origin_stop(&tls);
	origin_stop(&plain);
}

static int
group_setup(void **state)
{
	struct error error;

	(void)state;
	assert_int_equal(fetch_setup(&error), STATUS_OK);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_this_libcurl_takes_every_option),
		cmocka_unit_test(test_numbers_are_what_they_have_to_be),
		cmocka_unit_test(test_texts_are_what_they_have_to_be),
		cmocka_unit_test(test_what_gives_a_fetch_a_past_is_never_touched),
		cmocka_unit_test(test_each_option_that_is_refused_stops_the_transfer),
		cmocka_unit_test(test_a_limit_of_zero_bytes_is_not_taken_for_none),
		cmocka_unit_test(test_a_certificate_that_nobody_signed_is_refused),
		cmocka_unit_test(test_a_redirect_may_lead_to_https_and_never_back),
	};

	return cmocka_run_group_tests(tests, group_setup, NULL);
}
