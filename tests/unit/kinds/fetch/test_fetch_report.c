/* SPDX-License-Identifier: MIT */
/* The response object: its members after a success, after a failure, and what is never in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "engine_rig.h"
#include "http/base64_text.h"
#include "kinds/fetch/fetch_kind.h"
#include "origin_process.h"

static struct origin_process origin;
static struct engine_rig rig;

static int
group_setup(void **state)
{
	const struct fetch_settings settings = rig_settings();
	struct error error;

	(void)state;
	assert_int_equal(fetch_setup(&error), STATUS_OK);
	origin_start(&origin, "0.0.0.0", NULL, NULL);
	rig_open(&rig, &settings);
	return 0;
}

static int
group_teardown(void **state)
{
	(void)state;
	rig_close(&rig);
	origin_stop(&origin);
	return 0;
}

static json_t *
report_of(const char *path)
{
	return rig_response(rig_fetch(&rig, "http://127.0.0.2:%u%s", origin.port, path));
}

static void
check_url(const json_t *report, const char *path)
{
	char expected[256];

	snprintf(expected, sizeof(expected), "http://127.0.0.2:%u%s", origin.port, path);
	assert_string_equal(json_string_value(json_object_get(report, "url")), expected);
}

static void
check_timing(const json_t *report)
{
	static const char *const phases[] = { "dns", "connect", "tls", "first_byte", "total" };
	const json_t *timing = json_object_get(report, "timing_ms");

	assert_int_equal(json_object_size(timing), ARRAY_SIZE(phases));
	for (size_t i = 0; i < ARRAY_SIZE(phases); i++) {
		const json_t *phase = json_object_get(timing, phases[i]);

		assert_true(json_is_number(phase));
		assert_true(json_number_value(phase) >= 0);
		assert_true(json_number_value(phase) <=
			    json_number_value(json_object_get(timing, "total")));
	}
	assert_true(json_number_value(json_object_get(timing, "total")) > 0);
}

static void
test_a_success_reports_everything(void **state)
{
	json_t *report = report_of("/bytes/12345");

	(void)state;
	assert_int_equal(json_object_size(report), 6);
	assert_int_equal(json_integer_value(json_object_get(report, "status")), 200);
	assert_int_equal(json_integer_value(json_object_get(report, "bytes")), 12345);
	assert_int_equal(json_integer_value(json_object_get(report, "redirects")), 0);
	assert_string_equal(
	    json_string_value(json_object_get(report, "content_type")), "application/octet-stream");
	check_url(report, "/bytes/12345");
	check_timing(report);
	json_decref(report);
}

static void
test_after_redirects_the_last_hop_is_reported(void **state)
{
	json_t *report = report_of("/redirect/3");

	(void)state;
	assert_int_equal(json_integer_value(json_object_get(report, "status")), 200);
	assert_int_equal(json_integer_value(json_object_get(report, "redirects")), 3);
	assert_int_equal(json_integer_value(json_object_get(report, "bytes")), 3);
	check_url(report, "/ok");
	check_timing(report);
	json_decref(report);
	/* No Content-Type of an earlier hop. */
	report = report_of("/redirect-to?url=/content-type");
	assert_string_equal(json_string_value(json_object_get(report, "content_type")), "");
	json_decref(report);
}

static void
test_a_status_that_is_no_success_is_reported_whole(void **state)
{
	json_t *report = report_of("/status/503");

	(void)state;
	assert_int_equal(json_integer_value(json_object_get(report, "status")), 503);
	assert_int_equal(json_integer_value(json_object_get(report, "bytes")), 11);
	check_url(report, "/status/503");
	json_decref(report);
}

static void
test_without_an_answer_only_what_is_known_is_reported(void **state)
{
	static const char *const paths[] = { "/empty-reply", "/reset", "/garbage", "/http09" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		json_t *report = report_of(paths[i]);

		assert_int_equal(json_object_size(report), 3);
		assert_null(json_object_get(report, "status"));
		check_url(report, paths[i]);
		check_timing(report);
		json_decref(report);
	}
}

static void
test_the_answer_of_an_earlier_hop_is_not_reported_as_the_last(void **state)
{
	json_t *report = report_of("/redirect-to?url=/empty-reply");

	(void)state;
	assert_null(json_object_get(report, "status"));
	assert_int_equal(json_integer_value(json_object_get(report, "redirects")), 1);
	check_url(report, "/empty-reply");
	json_decref(report);
	report = report_of("/redirect-to?url=http://10.0.0.1/");
	assert_null(json_object_get(report, "status"));
	assert_string_equal(json_string_value(json_object_get(report, "url")), "http://10.0.0.1/");
	json_decref(report);
}

static void
test_user_information_and_fragments_are_never_reported(void **state)
{
	struct rig_run *run = rig_fetch(&rig,
	    "http://127.0.0.2:%u/redirect-to?url=http://user:secret@127.0.0.2:%u/ok", origin.port,
	    origin.port);
	json_t *report = rig_response(run);
	const char *url = json_string_value(json_object_get(report, "url"));

	(void)state;
	assert_non_null(url);
	assert_null(strstr(url, "user:secret@127.0.0.2:"));
	json_decref(report);
	report = report_of("/redirect-to?url=/ok%23fragment");
	check_url(report, "/ok");
	json_decref(report);
}

static void
test_quotes_and_backslashes_are_reported_as_they_came(void **state)
{
	json_t *report = report_of("/content-type?value=a/b;p=%22c%5Cd%22&\"e\"");

	(void)state;
	assert_string_equal(
	    json_string_value(json_object_get(report, "content_type")), "a/b;p=\"c\\d\"");
	check_url(report, "/content-type?value=a/b;p=%22c%5Cd%22&\"e\"");
	json_decref(report);
}

static void
test_a_url_of_8_kib_is_reported_and_a_longer_one_left_out(void **state)
{
	char base[64];
	int base_size = snprintf(base, sizeof(base), "http://127.0.0.2:%u/ok?", origin.port);

	(void)state;
	for (int over = 0; over <= 1; over++) {
		struct rig_run *run = rig_fetch(&rig, "http://127.0.0.2:%u/redirect-long/%d",
		    origin.port, 8192 - base_size + over);
		json_t *report = rig_response(run);
		const char *url = json_string_value(json_object_get(report, "url"));

		rig_check_content(run, "ok\n");
		if (over == 0)
			assert_int_equal(strlen(url), 8192);
		else
			assert_null(url);
		json_decref(report);
	}
}

static int64_t
retry_after_ms(const char *path)
{
	const struct rig_run *run = rig_fetch(&rig, "http://127.0.0.2:%u%s", origin.port, path);

	rig_check_failed(run, FAILURE_HTTP_STATUS);
	return run->run.outcome.retry_after_ms;
}

static void
test_how_long_an_answer_asks_to_wait_in_seconds(void **state)
{
	static const struct {
		const char *value;
		int64_t ms;
	} values[] = { { "1", 1000 }, { "120", 120000 }, { "3600", 3600000 }, { "3601", 0 },
		{ "0", 0 }, { "-5", 0 }, { "soon", 0 }, { "", 0 }, { "9223372036854775807", 0 },
		{ "9223372036854775808", 0 }, { "18446744073709551617", 0 },
		{ "99999999999999999999999999", 0 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		char path[100];

		snprintf(path, sizeof(path), "/status/503?retry-after=%s", values[i].value);
		if (retry_after_ms(path) != values[i].ms)
			fail_msg("%s", path);
	}
	assert_int_equal(retry_after_ms("/status/429?retry-after=7"), 7000);
	assert_int_equal(retry_after_ms("/status/503"), 0);
	assert_int_equal(retry_after_ms("/status/404?retry-after=7"), 0);
}

static int64_t
retry_after_date_ms(time_t in_s)
{
	time_t when = time(NULL) + in_s;
	struct tm calendar;
	char path[100];

	assert_non_null(gmtime_r(&when, &calendar));
	assert_true(
	    strftime(path, sizeof(path),
		"/status/503?retry-after=%a,%%20%d%%20%b%%20%Y%%20%H:%M:%S%%20GMT", &calendar) > 0);
	return retry_after_ms(path);
}

static void
test_how_long_an_answer_asks_to_wait_as_a_date(void **state)
{
	(void)state;
	/* Rounded to a second, and less by what the fetch takes. */
	assert_in_range(retry_after_date_ms(1800), 1700 * 1000, 1800 * 1000);
	assert_int_equal(retry_after_date_ms(3600 + 3600), 0);
	assert_int_equal(retry_after_date_ms(-1800), 0);
	assert_int_equal(
	    retry_after_ms("/status/503?retry-after=Fri,%2031%20Dec%209999%2023:59:59%20GMT"), 0);
	assert_int_equal(
	    retry_after_ms("/status/503?retry-after=Sun,%2006%20Nov%201994%2008:49:37%20GMT"), 0);
}

/* libcurl keeps the figure of an earlier hop. */
static void
test_what_a_redirect_asks_to_wait_is_not_what_its_target_asks(void **state)
{
	static const char hop[] = "HTTP/1.1 302 Found\r\nRetry-After: 9\r\nContent-Length: 0\r\n"
				  "Location: /status/503%s\r\n\r\n";
	static const char *const queries[] = { "", "?retry-after=8" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(queries); i++) {
		char answer[200], encoded[300], path[1000] = "/raw?base64=";
		size_t size = (size_t)snprintf(answer, sizeof(answer), hop, queries[i]);

		assert_true(base64_text_size(size) < sizeof(encoded));
		size = base64_text_encode(answer, size, encoded);
		for (size_t at = 0; at < size; at++)
			snprintf(path + strlen(path), sizeof(path) - strlen(path), "%%%02x",
			    encoded[at]);
		assert_int_equal(retry_after_ms(path), i * 8000);
	}
}

static void
test_who_pauses_is_also_the_host_that_a_redirect_led_to(void **state)
{
	const struct rig_run *run;
	char expected[64];

	(void)state;
	run = rig_fetch(&rig, "http://127.0.0.2:%u/status/503?retry-after=7", origin.port);
	assert_int_equal(run->run.outcome.pause_ms, 7000);
	assert_null(run->run.outcome.pause_host);
	run = rig_fetch(&rig,
	    "http://127.0.0.2:%u/redirect-to?url=http://127.0.0.3:%u/status/429?retry-after=7",
	    origin.port, origin.port);
	rig_check_failed(run, FAILURE_HTTP_STATUS);
	assert_int_equal(run->run.outcome.pause_ms, 7000);
	snprintf(expected, sizeof(expected), "127.0.0.3:%u", origin.port);
	assert_string_equal(run->run.outcome.pause_host, expected);
	run = rig_fetch(&rig, "http://127.0.0.2:%u/ok", origin.port);
	assert_int_equal(run->run.outcome.pause_ms, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_success_reports_everything),
		cmocka_unit_test(test_after_redirects_the_last_hop_is_reported),
		cmocka_unit_test(test_a_status_that_is_no_success_is_reported_whole),
		cmocka_unit_test(test_without_an_answer_only_what_is_known_is_reported),
		cmocka_unit_test(test_the_answer_of_an_earlier_hop_is_not_reported_as_the_last),
		cmocka_unit_test(test_user_information_and_fragments_are_never_reported),
		cmocka_unit_test(test_quotes_and_backslashes_are_reported_as_they_came),
		cmocka_unit_test(test_how_long_an_answer_asks_to_wait_in_seconds),
		cmocka_unit_test(test_how_long_an_answer_asks_to_wait_as_a_date),
		cmocka_unit_test(test_what_a_redirect_asks_to_wait_is_not_what_its_target_asks),
		cmocka_unit_test(test_who_pauses_is_also_the_host_that_a_redirect_led_to),
		cmocka_unit_test(test_a_url_of_8_kib_is_reported_and_a_longer_one_left_out),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
