/* SPDX-License-Identifier: MIT */
/*
 * Transfers through a real engine: what is denied never connects, limits hold to the byte, and each
 * way in which an origin can misbehave ends in its own failure.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "engine_rig.h"
#include "kinds/fetch/address_policy.h"
#include "kinds/fetch/fetch_kind.h"
#include "origin_process.h"
#include "silent_listener.h"

/* The first line of defence can be left open, to try the second alone. */
static atomic_bool first_line_is_open;

bool __real_address_policy_allows(
    const struct address_policy *policy, const struct sockaddr *address, socklen_t size);
bool __wrap_address_policy_allows(
    const struct address_policy *policy, const struct sockaddr *address, socklen_t size);

bool
__wrap_address_policy_allows(
    const struct address_policy *policy, const struct sockaddr *address, socklen_t size)
{
	return atomic_load(&first_line_is_open) ||
	       __real_address_policy_allows(policy, address, size);
}

static struct origin_process origin;
static struct engine_rig rig;

static int
group_setup(void **state)
{
	struct error error;

	(void)state;
	assert_int_equal(fetch_setup(&error), STATUS_OK);
	origin_start(&origin, "0.0.0.0", NULL, NULL);
	return 0;
}

static int
group_teardown(void **state)
{
	(void)state;
	origin_stop(&origin);
	return 0;
}

/* A fetch of a path at the origin. */
static struct rig_run *
get(const char *path)
{
	return rig_fetch(&rig, "http://127.0.0.2:%u%s", origin.port, path);
}

/* Every spelling of this machine that a parser, a resolver or libcurl itself understands. */
static const char *const this_machine[] = { "127.0.0.1", "127.1", "127.0.1", "2130706433",
	"017700000001", "0x7f000001", "0x7f.1", "0177.0.0.1", "%31%32%37.0.0.1", "127%2e0%2e0%2e1",
	"0", "0.0.0.0", "00.0.0.0", "[::1]", "[0:0:0:0:0:0:0:1]", "[::]", "[::ffff:127.0.0.1]",
	"[::ffff:7f00:1]", "[::ffff:0:127.0.0.1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]",
	"[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "localhost", "LOCALHOST", "a.localhost" };

static void
test_no_spelling_of_this_machine_is_ever_connected_to(void **state)
{
	struct fetch_settings settings = rig_settings();
	struct silent_listener listener;

	(void)state;
	settings.allow_count = 0;
	silent_listener_open(&listener);
	rig_open(&rig, &settings);
	for (size_t i = 0; i < ARRAY_SIZE(this_machine); i++) {
		rig_add(&rig, "http://%s:%u/", this_machine[i], listener.port);
		rig_add(&rig, "https://%s:%u/", this_machine[i], listener.port);
	}
	rig_wait_all(&rig);
	for (const struct rig_run *run = rig.runs; run != NULL; run = run->next) {
		rig_check_failed(run, FAILURE_DESTINATION_DENIED);
		assert_string_equal(
		    run->run.outcome.message, "The address policy forbids the destination");
	}
	assert_int_equal(silent_listener_count(&listener), 0);
	rig_close(&rig);
	silent_listener_close(&listener);
}

static void
test_misshapen_urls_fail_before_anything_else(void **state)
{
	/* before and after the listener's port */
	static const char *const urls[][2] = { { "http://[fe80::1%25lo]:", "/" },
		{ "http://8.8.8.8\\@127.0.0.1:", "/" }, { "http:///127.0.0.1:", "/" },
		{ "http://user@127.0.0.1:", "/" }, { "gopher://127.0.0.1:", "/_x" },
		{ "file:///etc/hostname?", "" } };
	struct fetch_settings settings = rig_settings();
	struct silent_listener listener;

	(void)state;
	silent_listener_open(&listener);
	rig_open(&rig, &settings);
	for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
		struct rig_run *run =
		    rig_fetch(&rig, "%s%u%s", urls[i][0], listener.port, urls[i][1]);

		rig_check_failed(run, FAILURE_INVALID_ARGUMENT);
	}
	assert_int_equal(silent_listener_count(&listener), 0);
	rig_close(&rig);
	silent_listener_close(&listener);
}

static void
test_redirects_into_denied_space_are_not_followed(void **state)
{
	static const char *const only[] = { "127.0.0.2/32" };
	struct fetch_settings settings = rig_settings();
	struct silent_listener listener;

	(void)state;
	settings.allow_cidrs = only;
	silent_listener_open(&listener);
	rig_open(&rig, &settings);
	for (size_t i = 0; i < ARRAY_SIZE(this_machine); i++)
		rig_add(&rig, "http://127.0.0.2:%u/redirect-to?url=http%%3A//%s%%3A%u/",
		    origin.port, this_machine[i], listener.port);
	rig_add(&rig, "http://127.0.0.2:%u/redirect-to?url=//127.0.0.1:%u/", origin.port,
	    listener.port);
	rig_add(&rig, "http://127.0.0.2:%u/redirect-to?url=http://u:p@127.0.0.2:%u/", origin.port,
	    listener.port);
	rig_add(&rig, "http://127.0.0.2:%u/redirect-to?url=http://127.0.0.2:22/", origin.port);
	rig_add(&rig, "http://127.0.0.2:%u/redirect-to?url=http://127.0.0.2:1023/", origin.port);
	rig_wait_all(&rig);
	for (const struct rig_run *run = rig.runs; run != NULL; run = run->next) {
		rig_check_failed(run, FAILURE_DESTINATION_DENIED);
		assert_int_equal(run->run.output.bytes, 0);
	}
	assert_int_equal(silent_listener_count(&listener), 0);
	rig_close(&rig);
	silent_listener_close(&listener);
}

static void
test_redirects_out_of_http_are_refused(void **state)
{
	static const char *const urls[] = { "ftp://127.0.0.2:", "file:///etc/hostname?",
		"gopher://127.0.0.2:", "dict://127.0.0.2:", "ldap://127.0.0.2:" };
	struct fetch_settings settings = rig_settings();
	struct silent_listener listener;

	(void)state;
	silent_listener_open(&listener);
	rig_open(&rig, &settings);
	for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
		struct rig_run *run = rig_fetch(&rig, "http://127.0.0.2:%u/redirect-to?url=%s%u/",
		    origin.port, urls[i], listener.port);

		rig_check_failed(run, FAILURE_UNSUPPORTED_SCHEME);
	}
	assert_int_equal(silent_listener_count(&listener), 0);
	rig_close(&rig);
	silent_listener_close(&listener);
}

static void
test_our_own_port_is_denied_although_the_address_is_allowed(void **state)
{
	struct fetch_settings settings = rig_settings();
	struct silent_listener listener;

	(void)state;
	silent_listener_open(&listener);
	settings.own_port = listener.port;
	rig_open(&rig, &settings);
	rig_check_failed(
	    rig_fetch(&rig, "http://127.0.0.1:%u/", listener.port), FAILURE_DESTINATION_DENIED);
	rig_check_failed(rig_fetch(&rig, "http://127.0.0.2:%u/redirect-to?url=http://127.1:%u/",
			     origin.port, listener.port),
	    FAILURE_DESTINATION_DENIED);
	assert_int_equal(silent_listener_count(&listener), 0);
	rig_close(&rig);
	silent_listener_close(&listener);
}

static void
test_the_second_line_of_defence_lets_no_request_out(void **state)
{
	static const char *const only[] = { "127.0.0.3/32" };
	struct fetch_settings settings = rig_settings();
	char *stats;

	(void)state;
	settings.allow_cidrs = only;
	rig_open(&rig, &settings);
	rig_fetch(&rig, "http://127.0.0.3:%u/stats/reset", origin.port);
	atomic_store(&first_line_is_open, true);
	struct rig_run *run = rig_fetch(&rig, "http://127.0.0.2:%u/ok", origin.port);
	atomic_store(&first_line_is_open, false);
	rig_check_failed(run, FAILURE_DESTINATION_DENIED);
	/* The origin may hear of the connection, which ended at once, after we asked. */
	for (int tries = 0;; tries++) {
		stats =
		    rig_content(rig_fetch(&rig, "http://127.0.0.3:%u/stats", origin.port), NULL);
		assert_non_null(strstr(stats, "\"requests\": 0,"));
		if (strstr(stats, "\"connections\": 1,") != NULL)
			break;
		assert_true(tries < 10000);
		free(stats);
	}
	free(stats);
	rig_close(&rig);
}

static void
test_proxy_variables_are_not_obeyed(void **state)
{
	static const char *const names[] = { "http_proxy", "HTTP_PROXY", "https_proxy",
		"HTTPS_PROXY", "all_proxy", "ALL_PROXY" };
	struct fetch_settings settings = rig_settings();
	struct silent_listener listener;
	char proxy[64];

	(void)state;
	silent_listener_open(&listener);
	snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%u/", listener.port);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_int_equal(setenv(names[i], proxy, 1), 0);
	rig_open(&rig, &settings);
	rig_check_content(get("/ok"), "ok\n");
	rig_check_failed(rig_fetch(&rig, "http://10.0.0.1/"), FAILURE_DESTINATION_DENIED);
	rig_check_failed(rig_fetch(&rig, "https://10.0.0.1/"), FAILURE_DESTINATION_DENIED);
	rig_close(&rig);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_int_equal(unsetenv(names[i]), 0);
	assert_int_equal(silent_listener_count(&listener), 0);
	silent_listener_close(&listener);
}

static void
test_a_body_at_the_limit_is_kept_and_one_byte_more_is_refused(void **state)
{
	static const char *const forms[] = { "bytes", "chunked", "until-close" };
	static const size_t limits[] = { 0, 1, 1000, 16384, 200000 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		struct fetch_settings settings = rig_settings();

		settings.body_max_bytes = limits[i];
		rig_open(&rig, &settings);
		for (size_t j = 0; j < ARRAY_SIZE(forms); j++) {
			size_t size;
			struct rig_run *run = rig_fetch(
			    &rig, "http://127.0.0.2:%u/%s/%zu", origin.port, forms[j], limits[i]);
			char *content = rig_content(run, &size);

			assert_int_equal(run->run.outcome.verdict, VERDICT_SUCCEEDED);
			assert_int_equal(size, limits[i]);
			for (size_t k = 0; k < size; k++)
				assert_int_equal(content[k], "0123456789abcdef"[k % 16]);
			free(content);

			run = rig_fetch(&rig, "http://127.0.0.2:%u/%s/%zu", origin.port, forms[j],
			    limits[i] + 1);
			rig_check_failed(run, FAILURE_BODY_TOO_LARGE);
			assert_int_equal(run->run.output.bytes, 0);
		}
		rig_close(&rig);
	}
}

static void
test_an_endless_body_and_a_bomb_end_at_the_limit(void **state)
{
	struct fetch_settings settings = rig_settings();

	(void)state;
	settings.body_max_bytes = 100000;
	rig_open(&rig, &settings);
	rig_check_failed(get("/endless"), FAILURE_BODY_TOO_LARGE);
	/* Not decoded: it is the 200 KB on the wire that are too many. */
	rig_check_failed(get("/gzip-bomb"), FAILURE_BODY_TOO_LARGE);
	rig_close(&rig);
}

static void
test_content_is_the_bytes_as_they_were_sent(void **state)
{
	struct fetch_settings settings = rig_settings();
	char *content;
	size_t size;

	(void)state;
	rig_open(&rig, &settings);
	content = rig_content(get("/binary"), &size);
	assert_int_equal(size, 256);
	for (size_t i = 0; i < 256; i++)
		assert_int_equal((unsigned char)content[i], i);
	free(content);
	content = rig_content(get("/nul"), &size);
	assert_int_equal(size, 6);
	assert_memory_equal(content, "a\0b\0\0c", 6);
	free(content);
	content = rig_content(get("/gzip"), &size);
	assert_memory_equal(content, "\x1f\x8b", 2);
	free(content);
	rig_check_content(get("/empty"), "");
	rig_check_content(get("/no-content"), "");
	rig_check_content(get("/many-interim/3"), "after interim\n");
	rig_check_content(get("/trailer"), "body\n");
	rig_close(&rig);
}

static void
test_redirects_up_to_the_limit_are_followed_and_their_bodies_dropped(void **state)
{
	struct fetch_settings settings = rig_settings();
	struct rig_run *run;

	(void)state;
	rig_open(&rig, &settings);
	rig_check_content(get("/redirect/1"), "ok\n");
	rig_check_content(get("/redirect/5"), "ok\n");
	rig_check_failed(get("/redirect/6"), FAILURE_TOO_MANY_REDIRECTS);
	run = get("/redirect-loop");
	rig_check_failed(run, FAILURE_TOO_MANY_REDIRECTS);
	assert_int_equal(run->run.output.bytes, 0);
	rig_check_content(get("/redirect-empty"), "");
	rig_check_failed(get("/redirect-to?url=http://"), FAILURE_PROTOCOL);
	rig_close(&rig);

	settings.redirects_max = 0;
	rig_open(&rig, &settings);
	rig_check_content(get("/ok"), "ok\n");
	rig_check_failed(get("/redirect/1"), FAILURE_TOO_MANY_REDIRECTS);
	rig_close(&rig);
}

static void
test_a_status_that_is_no_success_keeps_its_content(void **state)
{
	static const int statuses[] = { 300, 304, 400, 404, 418, 429, 500, 503, 599 };
	struct fetch_settings settings = rig_settings();

	(void)state;
	rig_open(&rig, &settings);
	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
		struct rig_run *run =
		    rig_fetch(&rig, "http://127.0.0.2:%u/status/%d", origin.port, statuses[i]);
		char expected[32], *content = rig_content(run, NULL);

		rig_check_failed(run, FAILURE_HTTP_STATUS);
		snprintf(expected, sizeof(expected), "HTTP status %d", statuses[i]);
		assert_string_equal(run->run.outcome.message, expected);
		snprintf(expected, sizeof(expected), "status %d\n", statuses[i]);
		assert_string_equal(content, statuses[i] == 304 ? "" : expected);
		assert_string_equal(
		    run->run.outcome.media_type, statuses[i] == 304 ? "" : "text/plain");
		free(content);
	}
	rig_close(&rig);
}

static void
test_each_breakage_has_its_failure_and_leaves_no_content(void **state)
{
	static const struct {
		const char *path;
		enum failure failure;
	} breakages[] = {
		{ "/short", FAILURE_CONNECTION_LOST },
		{ "/short-chunked", FAILURE_CONNECTION_LOST },
		{ "/reset", FAILURE_CONNECTION_LOST },
		{ "/reset-body", FAILURE_CONNECTION_LOST },
		{ "/empty-reply", FAILURE_CONNECTION_LOST },
		{ "/bad-chunk", FAILURE_PROTOCOL },
		{ "/garbage", FAILURE_PROTOCOL },
		{ "/http09", FAILURE_PROTOCOL },
		{ "/bad-version", FAILURE_PROTOCOL },
		{ "/huge-header/110000", FAILURE_HEADERS_TOO_LARGE },
		{ "/many-headers/3000", FAILURE_HEADERS_TOO_LARGE },
		{ "/many-interim/10000", FAILURE_HEADERS_TOO_LARGE },
	};
	struct fetch_settings settings = rig_settings();

	(void)state;
	rig_open(&rig, &settings);
	for (size_t i = 0; i < ARRAY_SIZE(breakages); i++) {
		struct rig_run *run = get(breakages[i].path);

		rig_check_failed(run, breakages[i].failure);
		assert_int_equal(run->run.output.bytes, 0);
		assert_string_equal(run->run.outcome.media_type, "");
	}
	rig_check_content(get("/huge-header/90000"), "huge header\n");
	rig_check_content(get("/many-headers/1500"), "many headers\n");
	rig_close(&rig);
}

static void
test_time_limits_end_a_fetch(void **state)
{
	static const char *const paths[][2] = {
		{ "/hang", "Timed out waiting for the answer" },
		{ "/hang-body", "Timed out receiving the answer" },
		{ "/drip/1000/50", "Timed out receiving the answer" },
		{ "/slow/60000", "Timed out waiting for the answer" },
	};
	struct fetch_settings settings = rig_settings();
	struct rig_run *runs[ARRAY_SIZE(paths)];

	(void)state;
	settings.total_timeout_ms = 1000;
	rig_open(&rig, &settings);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		runs[i] = rig_add(&rig, "http://127.0.0.2:%u%s", origin.port, paths[i][0]);
	rig_wait_all(&rig);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		rig_check_failed(runs[i], FAILURE_TIMEOUT);
		assert_string_equal(runs[i]->run.outcome.message, paths[i][1]);
		assert_int_equal(runs[i]->run.output.bytes, 0);
	}
	rig_close(&rig);
}

static void
test_a_refused_connection_is_told_in_the_words_that_clients_know(void **state)
{
	struct fetch_settings settings = rig_settings();
	struct silent_listener listener;

	(void)state;
	silent_listener_open(&listener);
	silent_listener_close(&listener);
	rig_open(&rig, &settings);
	struct rig_run *run = rig_fetch(&rig, "http://127.0.0.1:%u/", listener.port);
	rig_check_failed(run, FAILURE_CONNECT);
	assert_string_equal(run->run.outcome.message, "Connection refused");
	rig_close(&rig);
}

static void
test_media_types_are_taken_when_they_are_printable_and_short(void **state)
{
	static const char *const types[][2] = {
		{ "text/html", "text/html" },
		{ "text/html;%20charset=utf-8", "text/html; charset=utf-8" },
		{ "%20%09text/x%20%20", "text/x" },
		{ "", "" },
		{ "text/%C3%BC", "" },
		{ "text/x%7F", "" },
		{ "text/x%01y", "" },
	};
	struct fetch_settings settings = rig_settings();
	char long_type[TASK_MEDIA_TYPE_SIZE + 1];

	(void)state;
	rig_open(&rig, &settings);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct rig_run *run = rig_fetch(
		    &rig, "http://127.0.0.2:%u/content-type?value=%s", origin.port, types[i][0]);

		rig_check_content(run, "typed\n");
		assert_string_equal(run->run.outcome.media_type, types[i][1]);
	}
	assert_string_equal(get("/content-type")->run.outcome.media_type, "");
	memset(long_type, 't', sizeof(long_type));
	long_type[TASK_MEDIA_TYPE_SIZE - 1] = '\0';
	assert_string_equal(
	    rig_fetch(&rig, "http://127.0.0.2:%u/content-type?value=%s", origin.port, long_type)
		->run.outcome.media_type,
	    long_type);
	long_type[TASK_MEDIA_TYPE_SIZE - 1] = 't';
	long_type[TASK_MEDIA_TYPE_SIZE] = '\0';
	assert_string_equal(
	    rig_fetch(&rig, "http://127.0.0.2:%u/content-type?value=%s", origin.port, long_type)
		->run.outcome.media_type,
	    "");
	rig_close(&rig);
}

static void
test_progress_is_known_where_the_length_is(void **state)
{
	static const struct {
		const char *path;
		int progress;
	} cases[] = { { "/bytes/200000", RUN_PROGRESS_WHOLE }, { "/short", 100 },
		{ "/reset-body", 100 }, { "/chunked/200000", -1 }, { "/until-close/200000", -1 },
		/* What comes whole at once is not under way, and a redirect's length is not its. */
		{ "/ok", -1 }, { "/empty", -1 }, { "/redirect/2", -1 },
		{ "/redirect-to?url=/chunked/200000", -1 },
		{ "/redirect-to?url=/bytes/200000", RUN_PROGRESS_WHOLE } };
	struct fetch_settings settings = rig_settings();

	(void)state;
	rig_open(&rig, &settings);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(run_progress_now(&get(cases[i].path)->run), cases[i].progress);
	rig_close(&rig);
}

static void
test_nothing_of_one_fetch_reaches_the_next(void **state)
{
	struct fetch_settings settings = rig_settings();
	char *content;

	(void)state;
	rig_open(&rig, &settings);
	rig_check_content(get("/cookie"), "cookie\n");
	content = rig_content(get("/echo"), NULL);
	assert_non_null(strstr(content, "[\"User-Agent\", \"rig/1.0\"]"));
	assert_null(strcasestr(content, "cookie"));
	assert_null(strcasestr(content, "authorization"));
	assert_null(strcasestr(content, "referer"));
	assert_null(strcasestr(content, "accept-encoding"));
	free(content);
	rig_close(&rig);
}

static void
test_a_full_disk_and_a_missing_directory_are_failures_of_storage(void **state)
{
	struct fetch_settings settings = rig_settings();

	(void)state;
	rig_open(&rig, &settings);
	rig.output.spill_dir = "/nonexistent/taskq";
	rig_check_failed(get("/bytes/200000"), FAILURE_STORAGE);
	rig_check_content(get("/ok"), "ok\n");
	rig_close(&rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_spelling_of_this_machine_is_ever_connected_to),
		cmocka_unit_test(test_misshapen_urls_fail_before_anything_else),
		cmocka_unit_test(test_redirects_into_denied_space_are_not_followed),
		cmocka_unit_test(test_redirects_out_of_http_are_refused),
		cmocka_unit_test(test_our_own_port_is_denied_although_the_address_is_allowed),
		cmocka_unit_test(test_the_second_line_of_defence_lets_no_request_out),
		cmocka_unit_test(test_proxy_variables_are_not_obeyed),
		cmocka_unit_test(test_a_body_at_the_limit_is_kept_and_one_byte_more_is_refused),
		cmocka_unit_test(test_an_endless_body_and_a_bomb_end_at_the_limit),
		cmocka_unit_test(test_content_is_the_bytes_as_they_were_sent),
		cmocka_unit_test(
		    test_redirects_up_to_the_limit_are_followed_and_their_bodies_dropped),
		cmocka_unit_test(test_a_status_that_is_no_success_keeps_its_content),
		cmocka_unit_test(test_each_breakage_has_its_failure_and_leaves_no_content),
		cmocka_unit_test(test_time_limits_end_a_fetch),
		cmocka_unit_test(test_a_refused_connection_is_told_in_the_words_that_clients_know),
		cmocka_unit_test(test_media_types_are_taken_when_they_are_printable_and_short),
		cmocka_unit_test(test_progress_is_known_where_the_length_is),
		cmocka_unit_test(test_nothing_of_one_fetch_reaches_the_next),
		cmocka_unit_test(test_a_full_disk_and_a_missing_directory_are_failures_of_storage),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
