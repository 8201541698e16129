/* SPDX-License-Identifier: MIT */
/* GET / and the dashboard's files as clients see them, over loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>

#include "base/compiler.h"
#include "http/web_assets.h"
#include "http_rig.h"

#define BROWSER "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"

static void
assert_is_page_safe(const struct answer *answer)
{
	char policy[512];

	assert_non_null(answer_field(answer, "Content-Security-Policy", policy, sizeof(policy)));
	assert_memory_equal(policy, "default-src 'none'; ", strlen("default-src 'none'; "));
	assert_non_null(strstr(policy, "; frame-ancestors 'none'"));
	assert_non_null(strstr(policy, "; script-src 'self';"));
	assert_null(strstr(policy, "unsafe"));
	assert_field(answer, "X-Content-Type-Options", "nosniff");
	assert_field(answer, "Referrer-Policy", "no-referrer");
	assert_field(answer, "Cache-Control", "no-cache");
}

static void
test_browsers_get_the_page(void **state)
{
	const struct web_asset *page = web_asset_find(WEB_ASSET_PAGE);
	struct answer *answer = rig_ask(*state, "GET", "/", BROWSER, NULL);

	assert_int_equal(answer->status, 200);
	assert_field(answer, "Content-Type", "text/html; charset=utf-8");
	assert_field(answer, "Vary", "Accept, Accept-Encoding");
	assert_no_field(answer, "Content-Encoding");
	assert_is_page_safe(answer);
	assert_int_equal(answer->size, page->plain.size);
	assert_memory_equal(answer->body, page->plain.data, page->plain.size);
	answer_free(answer);
}

/* They got this before there was a page. */
static void
test_whoever_does_not_name_html_finds_nothing(void **state)
{
	static const char *const fields[] = { "", "Accept: */*\r\n", "Accept: application/json\r\n",
		"Accept: text/*\r\n", "Accept: text/html;q=0\r\n",
		"Accept: text/html;q=nonsense\r\n" };

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		struct answer *answer = rig_ask(*state, "GET", "/", fields[i], NULL);

		assert_int_equal(answer->status, 404);
		assert_field(answer, "Content-Type", "application/problem+json");
		assert_field(answer, "Cache-Control", "no-store");
		assert_field(answer, "Vary", "Accept");
		assert_no_field(answer, "Content-Security-Policy");
		answer_free(answer);
	}
}

static void
test_each_form_of_a_file_has_its_tag(void **state)
{
	const struct web_asset *chart = web_asset_find("chart.js");
	char plain_tag[100], gzip_tag[100], fields[256];
	struct answer *answer = rig_ask(*state, "GET", "/dashboard/chart.js", "", NULL);

	assert_int_equal(answer->status, 200);
	assert_int_equal(answer->size, chart->plain.size);
	assert_no_field(answer, "Content-Encoding");
	assert_non_null(answer_field(answer, "ETag", plain_tag, sizeof(plain_tag)));
	assert_is_page_safe(answer);
	answer_free(answer);

	answer =
	    rig_ask(*state, "GET", "/dashboard/chart.js", "Accept-Encoding: br, gzip\r\n", NULL);
	assert_int_equal(answer->status, 200);
	assert_field(answer, "Content-Encoding", "gzip");
	assert_field(answer, "Content-Type", "text/javascript; charset=utf-8");
	assert_int_equal(answer->size, chart->gzip.size);
	assert_memory_equal(answer->body, chart->gzip.data, chart->gzip.size);
	assert_non_null(answer_field(answer, "ETag", gzip_tag, sizeof(gzip_tag)));
	assert_string_not_equal(plain_tag, gzip_tag);
	assert_true(plain_tag[0] == '"');
	answer_free(answer);

	(void)snprintf(fields, sizeof(fields), "If-None-Match: %s\r\n", plain_tag);
	answer = rig_ask(*state, "GET", "/dashboard/chart.js", fields, NULL);
	assert_int_equal(answer->status, 304);
	assert_int_equal(answer->size, 0);
	assert_field(answer, "ETag", plain_tag);
	assert_field(answer, "Cache-Control", "no-cache");
	answer_free(answer);
	/* The tag of the one form says nothing of the other. */
	(void)snprintf(
	    fields, sizeof(fields), "If-None-Match: %s\r\nAccept-Encoding: gzip\r\n", plain_tag);
	answer = rig_ask(*state, "GET", "/dashboard/chart.js", fields, NULL);
	assert_int_equal(answer->status, 200);
	answer_free(answer);
}

static void
test_only_the_files_that_there_are_are_found(void **state)
{
	static const char *const paths[] = { "/dashboard/", "/dashboard/nothing.js",
		"/dashboard/app.js/x", "/dashboard/index.html", "/dashboard", "/dashboard/App.js",
		"/dashboard/..%2fapp.js" };

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		struct answer *answer = rig_ask(*state, "GET", paths[i], BROWSER, NULL);

		assert_true(answer->status == 404 || answer->status == 400);
		assert_field(answer, "Content-Type", "application/problem+json");
		answer_free(answer);
	}
}

static void
test_head_tells_the_size_and_other_methods_are_refused(void **state)
{
	const struct web_asset *page = web_asset_find(WEB_ASSET_PAGE);
	char length[32], expected[32];
	struct answer *answer = rig_ask(*state, "HEAD", "/", BROWSER, NULL);

	(void)snprintf(expected, sizeof(expected), "%zu", page->plain.size);
	assert_int_equal(answer->status, 200);
	assert_int_equal(answer->size, 0);
	assert_non_null(answer_field(answer, "Content-Length", length, sizeof(length)));
	assert_string_equal(length, expected);
	answer_free(answer);
	answer = rig_ask(*state, "POST", "/", BROWSER, NULL);
	assert_int_equal(answer->status, 405);
	assert_field(answer, "Allow", "GET, HEAD, OPTIONS");
	answer_free(answer);
	answer = rig_ask(*state, "GET", "/?x=1", BROWSER, NULL);
	assert_int_equal(answer->status, 400);
	answer_free(answer);
}

static void
test_the_page_is_there_when_nothing_else_is(void **state)
{
	struct rig *rig = rig_open(1);
	int first = rig_dial(rig);
	struct answer *answer;

	(void)state;
	fake_queue_fail_reads(rig->queue, STATUS_UNKNOWN);
	answer_free(client_ask(first, "GET", "/healthz", "", NULL));
	answer = rig_ask(rig, "GET", "/", BROWSER, NULL);
	assert_int_equal(answer->status, 200);
	answer_free(answer);
	http_server_drain(rig->server);
	answer = rig_ask(rig, "GET", "/dashboard/app.js", "", NULL);
	assert_int_equal(answer->status, 200);
	answer_free(answer);
	close(first);
	rig_close(rig);
}

int
main(void)
{
#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		WITH_RIG(test_browsers_get_the_page),
		WITH_RIG(test_whoever_does_not_name_html_finds_nothing),
		WITH_RIG(test_each_form_of_a_file_has_its_tag),
		WITH_RIG(test_only_the_files_that_there_are_are_found),
		WITH_RIG(test_head_tells_the_size_and_other_methods_are_refused),
		cmocka_unit_test(test_the_page_is_there_when_nothing_else_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
