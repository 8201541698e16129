/* SPDX-License-Identifier: MIT */
/* From libcurl's codes and our own findings to the failure that clients see. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <errno.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "kinds/fetch/fetch_failure.h"

static const struct fetch_settings settings = { .body_max_bytes = 5000 };

static struct outcome
outcome_of(struct fetch_end end, const struct fetch_progress *progress)
{
	struct outcome outcome;

	outcome_init(&outcome);
	end.progress = progress;
	end.settings = &settings;
	end.body_max_bytes = 1000;
	if (end.error_text == NULL)
		end.error_text = "";
	fetch_failure_note(&end, &outcome);
	return outcome;
}

static void
check(
    struct fetch_end end, struct fetch_progress progress, enum failure failure, const char *message)
{
	struct outcome outcome = outcome_of(end, &progress);

	assert_int_equal(outcome.verdict, VERDICT_FAILED);
	if (outcome.failure != failure || strcmp(outcome.message, message) != 0)
		fail_msg("code %d: %s '%s', expected %s '%s'", end.code,
		    failure_word(outcome.failure), outcome.message, failure_word(failure), message);
	outcome_done(&outcome);
}

static void
test_every_status_from_200_to_299_is_a_success(void **state)
{
	struct fetch_progress progress = { .has_answer = true, .media_type = "text/plain" };

	(void)state;
	for (long status = 100; status < 600; status++) {
		struct outcome outcome =
		    outcome_of((struct fetch_end){ .code = CURLE_OK, .status = status }, &progress);
		char message[64];

		assert_string_equal(outcome.media_type, "text/plain");
		if (status >= 200 && status <= 299) {
			assert_int_equal(outcome.verdict, VERDICT_SUCCEEDED);
			assert_int_equal(outcome.failure, FAILURE_NONE);
		} else {
			assert_int_equal(outcome.verdict, VERDICT_FAILED);
			assert_int_equal(outcome.failure, FAILURE_HTTP_STATUS);
			snprintf(message, sizeof(message), "HTTP status %ld", status);
			assert_string_equal(outcome.message, message);
		}
		outcome_done(&outcome);
	}
}

static void
test_a_refused_connection_has_the_words_that_clients_know(void **state)
{
	(void)state;
	check((struct fetch_end){ .code = CURLE_COULDNT_CONNECT, .os_errno = ECONNREFUSED },
	    (struct fetch_progress){ .attempts_allowed = 1 }, FAILURE_CONNECT,
	    "Connection refused");
	check((struct fetch_end){ .code = CURLE_COULDNT_CONNECT, .os_errno = EHOSTUNREACH },
	    (struct fetch_progress){ .attempts_allowed = 1 }, FAILURE_CONNECT, "No route to host");
	check((struct fetch_end){ .code = CURLE_COULDNT_CONNECT }, (struct fetch_progress){ 0 },
	    FAILURE_CONNECT, "Could not connect");
}

static void
test_a_denial_is_one_only_when_every_attempt_was_denied(void **state)
{
	static const char text[] = "The address policy forbids the destination";

	(void)state;
	check((struct fetch_end){ .code = CURLE_COULDNT_CONNECT, .os_errno = ECONNREFUSED },
	    (struct fetch_progress){ .attempts_denied = 2 }, FAILURE_DESTINATION_DENIED, text);
	check((struct fetch_end){ .code = CURLE_COULDNT_CONNECT, .os_errno = ECONNREFUSED },
	    (struct fetch_progress){ .attempts_denied = 2, .attempts_allowed = 1 }, FAILURE_CONNECT,
	    "Connection refused");
	/* The second line of defence. */
	check((struct fetch_end){ .code = CURLE_ABORTED_BY_CALLBACK },
	    (struct fetch_progress){ .attempts_denied = 1 }, FAILURE_DESTINATION_DENIED, text);
	check((struct fetch_end){ .code = CURLE_LOGIN_DENIED, .redirects = 1 },
	    (struct fetch_progress){ .has_answer = true }, FAILURE_DESTINATION_DENIED,
	    "A redirect leads to a URL with user information");
}

static void
test_our_own_lack_of_descriptors_is_not_blamed_on_the_destination(void **state)
{
	(void)state;
	check((struct fetch_end){ .code = CURLE_COULDNT_CONNECT },
	    (struct fetch_progress){ .attempts_allowed = 1, .socket_errno = EMFILE },
	    FAILURE_INTERNAL, "No socket for a connection: Too many open files");
}

static void
test_a_timeout_says_where_it_happened(void **state)
{
	const struct fetch_end end = { .code = CURLE_OPERATION_TIMEDOUT };

	(void)state;
	check(end, (struct fetch_progress){ .is_looking_up = true }, FAILURE_TIMEOUT,
	    "Timed out resolving the host name");
	check(end, (struct fetch_progress){ .attempts_allowed = 1 }, FAILURE_TIMEOUT,
	    "Timed out connecting");
	check(end, (struct fetch_progress){ .is_connected = true }, FAILURE_TIMEOUT,
	    "Timed out waiting for the answer");
	check(end, (struct fetch_progress){ .is_connected = true, .has_answer = true },
	    FAILURE_TIMEOUT, "Timed out receiving the answer");
}

static void
test_a_full_disk_fails_nothing_but_hands_the_task_back(void **state)
{
	const struct fetch_progress progress = { .output_status = STATUS_FULL };
	const struct fetch_end end = { .code = CURLE_WRITE_ERROR, .progress = &progress };
	struct outcome outcome;

	(void)state;
	outcome_init(&outcome);
	fetch_failure_note(&end, &outcome);
	assert_int_equal(outcome.verdict, VERDICT_RELEASED);
	assert_int_equal(outcome.failure, FAILURE_NONE);
	outcome_done(&outcome);
}

static void
test_what_our_callbacks_refused_is_told_apart(void **state)
{
	const struct fetch_end end = { .code = CURLE_WRITE_ERROR };

	(void)state;
	check(end, (struct fetch_progress){ .body_is_too_large = true }, FAILURE_BODY_TOO_LARGE,
	    "The content is larger than 1000 bytes");
	check((struct fetch_end){ .code = CURLE_FILESIZE_EXCEEDED }, (struct fetch_progress){ 0 },
	    FAILURE_BODY_TOO_LARGE, "The content is larger than 1000 bytes");
	check(end, (struct fetch_progress){ .wire_is_wasted = true }, FAILURE_BODY_TOO_LARGE,
	    "The answer takes far more bytes than its content has");
	check(end, (struct fetch_progress){ .headers_are_too_large = true },
	    FAILURE_HEADERS_TOO_LARGE, "The header is larger than 196608 bytes");
	check(end, (struct fetch_progress){ .output_status = STATUS_IO }, FAILURE_STORAGE,
	    "The content could not be stored");
	check(end, (struct fetch_progress){ .output_status = STATUS_NOMEM }, FAILURE_OUT_OF_MEMORY,
	    "Not enough memory");
	check((struct fetch_end){ .code = CURLE_COULDNT_RESOLVE_HOST },
	    (struct fetch_progress){ .lookup_was_refused = true }, FAILURE_DNS,
	    "Too many names are being resolved");
}

static void
test_code_1_is_a_scheme_or_an_answer_that_is_not_http(void **state)
{
	const struct fetch_end end = { .code = CURLE_UNSUPPORTED_PROTOCOL };

	(void)state;
	check(end, (struct fetch_progress){ .is_connected = true }, FAILURE_PROTOCOL,
	    "The answer is not HTTP/1");
	check(end, (struct fetch_progress){ .is_connected = true, .has_answer = true },
	    FAILURE_UNSUPPORTED_SCHEME, "A redirect leads to a scheme other than http and https");
	check(end,
	    (struct fetch_progress){ .is_connected = true, .has_answer = true, .is_https = true },
	    FAILURE_UNSUPPORTED_SCHEME, "A redirect leads from https to another scheme");
}

static void
test_a_lack_of_memory_amid_a_header_is_a_long_line(void **state)
{
	const struct fetch_end end = { .code = CURLE_OUT_OF_MEMORY };

	(void)state;
	check(end, (struct fetch_progress){ .is_connected = true }, FAILURE_HEADERS_TOO_LARGE,
	    "A header line is too large");
	check(end, (struct fetch_progress){ 0 }, FAILURE_OUT_OF_MEMORY, "Not enough memory");
}

static void
test_words_of_libcurl_on_tls_are_made_plain_and_cut(void **state)
{
	char text[CURL_ERROR_SIZE];
	struct fetch_progress progress = { 0 };

	(void)state;
	check((struct fetch_end){ .code = CURLE_PEER_FAILED_VERIFICATION,
		  .error_text = "SSL certificate problem: self-signed\n\xc3\xbc" },
	    progress, FAILURE_TLS, "TLS: SSL certificate problem: self-signed???");
	check((struct fetch_end){ .code = CURLE_SSL_CONNECT_ERROR }, progress, FAILURE_TLS,
	    "TLS: SSL connect error");
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	struct outcome outcome = outcome_of(
	    (struct fetch_end){ .code = CURLE_SSL_CIPHER, .error_text = text }, &progress);
	assert_int_equal(outcome.failure, FAILURE_TLS);
	assert_in_range(strlen(outcome.message), 100, TASK_MESSAGE_SIZE - 1);
	outcome_done(&outcome);
}

static void
test_no_code_is_left_without_a_failure_and_a_message(void **state)
{
	const struct fetch_progress progress = { 0 };

	(void)state;
	for (int code = 1; code < CURL_LAST; code++) {
		struct outcome outcome =
		    outcome_of((struct fetch_end){ .code = (CURLcode)code }, &progress);

		assert_int_equal(outcome.verdict, VERDICT_FAILED);
		assert_in_range(outcome.failure, FAILURE_NONE + 1, FAILURE_COUNT - 1);
		assert_true(outcome.message[0] != '\0');
		outcome_done(&outcome);
	}
}

static void
test_the_plain_codes(void **state)
{
	static const struct {
		CURLcode code;
		enum failure failure;
	} codes[] = { { CURLE_COULDNT_RESOLVE_HOST, FAILURE_DNS },
		{ CURLE_TOO_MANY_REDIRECTS, FAILURE_TOO_MANY_REDIRECTS },
		{ CURLE_GOT_NOTHING, FAILURE_CONNECTION_LOST },
		{ CURLE_PARTIAL_FILE, FAILURE_CONNECTION_LOST },
		{ CURLE_SEND_ERROR, FAILURE_CONNECTION_LOST },
		{ CURLE_RECV_ERROR, FAILURE_CONNECTION_LOST },
		{ CURLE_WEIRD_SERVER_REPLY, FAILURE_PROTOCOL },
		{ CURLE_URL_MALFORMAT, FAILURE_INVALID_ARGUMENT },
		{ CURLE_FAILED_INIT, FAILURE_INTERNAL } };
	const struct fetch_progress progress = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		struct outcome outcome =
		    outcome_of((struct fetch_end){ .code = codes[i].code }, &progress);

		assert_int_equal(outcome.failure, codes[i].failure);
		outcome_done(&outcome);
	}
	check((struct fetch_end){ .code = CURLE_URL_MALFORMAT, .redirects = 1 }, progress,
	    FAILURE_PROTOCOL, "A redirect leads to a malformed URL");
	check((struct fetch_end){ .code = CURLE_RECV_ERROR,
		  .error_text = "Illegal or missing hexadecimal sequence in chunked-encoding" },
	    progress, FAILURE_PROTOCOL, "The answer is not valid HTTP");
}

static bool
may_be_mended(struct fetch_end end, struct fetch_progress progress)
{
	struct outcome outcome = outcome_of(end, &progress);
	bool may_be = outcome.may_be_mended;

	outcome_done(&outcome);
	return may_be;
}

static void
test_another_attempt_can_mend_a_status_that_passes(void **state)
{
	static const long passing[] = { 408, 425, 429, 500, 502, 503, 504 };
	size_t found = 0;

	(void)state;
	for (long status = 100; status < 1000; status++) {
		bool passes = found < ARRAY_SIZE(passing) && passing[found] == status;

		assert_int_equal(
		    may_be_mended((struct fetch_end){ .code = CURLE_OK, .status = status },
			(struct fetch_progress){ .has_answer = true }),
		    passes);
		found += passes;
	}
	assert_int_equal(found, ARRAY_SIZE(passing));
}

static void
test_another_attempt_can_mend_what_the_network_did(void **state)
{
	static const CURLcode codes[] = { CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_CONNECT,
		CURLE_OPERATION_TIMEDOUT, CURLE_SSL_CONNECT_ERROR, CURLE_GOT_NOTHING,
		CURLE_PARTIAL_FILE, CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_OUT_OF_MEMORY,
		/* A callback of ours that denied nothing. */
		CURLE_ABORTED_BY_CALLBACK };

	(void)state;
	for (int code = 1; code < CURL_LAST; code++) {
		bool is_one = false;

		for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
			is_one |= codes[i] == (CURLcode)code;
		if (may_be_mended((struct fetch_end){ .code = (CURLcode)code },
			(struct fetch_progress){ 0 }) != is_one)
			fail_msg("code %d: expected %d", code, is_one);
	}
	/* Our own shortages pass as well. */
	assert_true(may_be_mended((struct fetch_end){ .code = CURLE_COULDNT_RESOLVE_HOST },
	    (struct fetch_progress){ .lookup_was_refused = true }));
	assert_true(may_be_mended((struct fetch_end){ .code = CURLE_COULDNT_CONNECT },
	    (struct fetch_progress){ .attempts_allowed = 1, .socket_errno = EMFILE }));
	assert_true(may_be_mended((struct fetch_end){ .code = CURLE_WRITE_ERROR },
	    (struct fetch_progress){ .output_status = STATUS_NOMEM }));
}

static void
test_no_attempt_can_mend_what_was_refused(void **state)
{
	const struct fetch_end written = { .code = CURLE_WRITE_ERROR };

	(void)state;
	assert_false(may_be_mended((struct fetch_end){ .code = CURLE_COULDNT_CONNECT },
	    (struct fetch_progress){ .attempts_denied = 1 }));
	assert_false(may_be_mended((struct fetch_end){ .code = CURLE_ABORTED_BY_CALLBACK },
	    (struct fetch_progress){ .attempts_denied = 1 }));
	assert_false(may_be_mended((struct fetch_end){ .code = CURLE_LOGIN_DENIED, .redirects = 1 },
	    (struct fetch_progress){ .has_answer = true }));
	assert_false(may_be_mended(written, (struct fetch_progress){ .body_is_too_large = true }));
	assert_false(
	    may_be_mended(written, (struct fetch_progress){ .headers_are_too_large = true }));
	assert_false(may_be_mended(written, (struct fetch_progress){ .output_status = STATUS_IO }));
	/* Libcurl's own cap on a header line, and a chunk that is none. */
	assert_false(may_be_mended((struct fetch_end){ .code = CURLE_OUT_OF_MEMORY },
	    (struct fetch_progress){ .is_connected = true }));
	assert_false(may_be_mended(
	    (struct fetch_end){ .code = CURLE_RECV_ERROR, .error_text = "bad chunked-encoding" },
	    (struct fetch_progress){ .is_connected = true }));
}

static void
check_retry_after(long status, curl_off_t asked_s, int64_t expected_ms)
{
	const struct fetch_progress progress = { .has_answer = true };
	struct outcome outcome = outcome_of(
	    (struct fetch_end){ .code = CURLE_OK, .status = status, .retry_after_s = asked_s },
	    &progress);

	assert_int_equal(outcome.retry_after_ms, expected_ms);
	outcome_done(&outcome);
}

static void
test_a_wish_for_a_later_attempt_is_granted_up_to_an_hour(void **state)
{
	(void)state;
	for (long status = 500; status <= 504; status++) {
		bool passes = status != 501;

		check_retry_after(status, 1, passes ? 1000 : 0);
		check_retry_after(status, 3600, passes ? 3600000 : 0);
		check_retry_after(status, 3601, 0);
	}
	check_retry_after(429, 120, 120000);
	check_retry_after(503, 0, 0);
	check_retry_after(503, -1, 0);
	check_retry_after(503, INT64_MIN, 0);
	check_retry_after(503, INT64_MAX, 0);
	/* Where there is no later attempt there is nothing to wait for. */
	check_retry_after(404, 120, 0);
	check_retry_after(302, 120, 0);
	check_retry_after(200, 120, 0);
}

static void
check_pause(long status, curl_off_t asked_s, int64_t expected_ms)
{
	const struct fetch_progress progress = { .has_answer = true };
	struct outcome outcome = outcome_of(
	    (struct fetch_end){ .code = CURLE_OK, .status = status, .retry_after_s = asked_s },
	    &progress);

	assert_int_equal(outcome.pause_ms, expected_ms);
	assert_null(outcome.pause_host);
	outcome_done(&outcome);
}

static void
test_a_host_pauses_for_429_and_503_however_long_it_asks(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		long status = i == 0 ? 429 : 503;

		check_pause(status, 1, 1000);
		check_pause(status, 3601, 3601000);
		check_pause(status, INT64_MAX, INT64_C(100000000000));
		check_pause(status, 0, 0);
		check_pause(status, -1, 0);
		check_pause(status, INT64_MIN, 0);
	}
	check_pause(200, 5, 0);
	check_pause(302, 5, 0);
	check_pause(408, 5, 0);
	check_pause(500, 5, 0);
	check_pause(502, 5, 0);
	check_pause(504, 5, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_status_from_200_to_299_is_a_success),
		cmocka_unit_test(test_a_refused_connection_has_the_words_that_clients_know),
		cmocka_unit_test(test_a_denial_is_one_only_when_every_attempt_was_denied),
		cmocka_unit_test(test_our_own_lack_of_descriptors_is_not_blamed_on_the_destination),
		cmocka_unit_test(test_a_timeout_says_where_it_happened),
		cmocka_unit_test(test_a_full_disk_fails_nothing_but_hands_the_task_back),
		cmocka_unit_test(test_what_our_callbacks_refused_is_told_apart),
		cmocka_unit_test(test_code_1_is_a_scheme_or_an_answer_that_is_not_http),
		cmocka_unit_test(test_a_lack_of_memory_amid_a_header_is_a_long_line),
		cmocka_unit_test(test_words_of_libcurl_on_tls_are_made_plain_and_cut),
		cmocka_unit_test(test_no_code_is_left_without_a_failure_and_a_message),
		cmocka_unit_test(test_the_plain_codes),
		cmocka_unit_test(test_another_attempt_can_mend_a_status_that_passes),
		cmocka_unit_test(test_another_attempt_can_mend_what_the_network_did),
		cmocka_unit_test(test_no_attempt_can_mend_what_was_refused),
		cmocka_unit_test(test_a_wish_for_a_later_attempt_is_granted_up_to_an_hour),
		cmocka_unit_test(test_a_host_pauses_for_429_and_503_however_long_it_asks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
