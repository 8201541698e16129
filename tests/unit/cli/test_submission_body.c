/* SPDX-License-Identifier: MIT */
/* The body of a submission from the command line, and the way back from a fault to an option. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "cli/submission_body.h"

static void
check(const struct options *options, const char *type, const char *subject, const char *expected)
{
	struct error error = { "" };
	char *text = NULL;

	if (submission_body(options, type, subject, &text, &error) != STATUS_OK)
		fail_msg("%s", error.text);
	assert_string_equal(text, expected);
	free(text);
}

static void
refused(const struct options *options, const char *type, const char *subject, const char *told)
{
	struct error error = { "" };
	char *text = NULL;

	assert_int_equal(submission_body(options, type, subject, &text, &error), STATUS_INVALID);
	assert_null(text);
	if (strstr(error.text, told) == NULL)
		fail_msg("said '%s', not '%s'", error.text, told);
}

static void
test_a_task_without_terms(void **state)
{
	struct options options;

	(void)state;
	options_init(&options);
	check(&options, "factorial", "50", "{\"type\":\"factorial\",\"args\":{\"n\":\"50\"}}");
	check(&options, "fetch", "http://a/?b",
	    "{\"type\":\"http-fetch\",\"args\":{\"url\":\"http://a/?b\"}}");
	check(&options, "http-fetch", "\"\n",
	    "{\"type\":\"http-fetch\",\"args\":{\"url\":\"\\\"\\n\"}}");
	/* The service says what is wrong with it. */
	check(&options, "factorial", "x", "{\"type\":\"factorial\",\"args\":{\"n\":\"x\"}}");
	refused(&options, "fact", "1", "there is no type of task 'fact'");
	refused(&options, "factorial", "\xff", "no text in UTF-8");
}

static void
test_every_term_gets_to_its_member(void **state)
{
	struct options options;

	(void)state;
	options_init(&options);
	options.priority = 0;
	options.run_at_ms = 0;
	options.delay_ms = 1;
	options.expires_at_ms = INT64_C(1773144000678);
	options.ttl_ms = 2;
	options.timeout_ms = 3;
	options.attempts = 4;
	options.backoff_ms = 5;
	options.max_backoff_ms = 6;
	check(&options, "factorial", "1",
	    "{\"type\":\"factorial\",\"args\":{\"n\":\"1\"},\"priority\":0,"
	    "\"run_at\":\"1970-01-01T00:00:00.000Z\",\"delay_ms\":1,"
	    "\"expires_at\":\"2026-03-10T12:00:00.678Z\",\"ttl_ms\":2,\"timeout_ms\":3,"
	    "\"retry\":{\"max_attempts\":4,\"backoff_ms\":5,\"max_backoff_ms\":6}}");
}

static void
test_what_is_for_a_fetch_stands_in_its_arguments(void **state)
{
	struct options options;

	(void)state;
	options_init(&options);
	options.max_bytes = 1024;
	options.max_redirects = 0;
	options.headers =
	    (struct option_list){ { "Accept: text/html", "X-A:\t1 : 2 ", "X-B:" }, 3 };
	check(&options, "fetch", "u",
	    "{\"type\":\"http-fetch\",\"args\":{\"url\":\"u\",\"max_bytes\":1024,"
	    "\"max_redirects\":0,\"headers\":{\"Accept\":\"text/html\",\"X-A\":\"1 : 2\","
	    "\"X-B\":\"\"}}}");
	refused(&options, "factorial", "1", "--max-bytes is for a fetch");
	options.max_bytes = options.max_redirects = OPTION_UNSET;
	refused(&options, "factorial", "1", "--header is for a fetch");
}

static void
test_headers_have_a_name_once_and_a_value(void **state)
{
	static const struct {
		const char *first, *second, *told;
	} faults[] = {
		{ "Accept", NULL, "expected 'NAME: VALUE'" },
		{ ": x", NULL, "expected 'NAME: VALUE'" },
		{ "", NULL, "expected 'NAME: VALUE'" },
		{ "A: 1", "a: 2", "found A twice" },
		{ "A: \xff", NULL, "expected text in UTF-8" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		struct options options;

		options_init(&options);
		options.headers.items[options.headers.count++] = faults[i].first;
		if (faults[i].second != NULL)
			options.headers.items[options.headers.count++] = faults[i].second;
		refused(&options, "fetch", "u", faults[i].told);
	}
}

static void
test_pointers_of_faults_lead_back_to_what_was_written(void **state)
{
	static const struct {
		const char *pointer, *place;
	} cases[] = {
		{ "/priority", "--priority" },
		{ "/run_at", "--run-at" },
		{ "/delay_ms", "--delay" },
		{ "/ttl_ms", "--ttl" },
		{ "/retry/max_attempts", "--attempts" },
		{ "/retry/max_backoff_ms", "--max-backoff" },
		{ "/args/n", "the number" },
		{ "/args/url", "the URL" },
		{ "/args/max_bytes", "--max-bytes" },
		{ "/args/headers", "--header" },
		{ "/args/headers/Host", "--header" },
		{ "", "" },
		{ "/args", "/args" },
		{ "/args/nn", "/args/nn" },
		{ "/retry", "/retry" },
		{ "/priority/x", "/priority/x" },
		{ "/max_attempts", "/max_attempts" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(submission_place(cases[i].pointer), cases[i].place);
}

static void
test_keys_are_strings_of_structured_fields(void **state)
{
	char field[SUBMISSION_KEY_SIZE], key[130];
	struct error error;

	(void)state;
	assert_int_equal(submission_key("a b", field, &error), STATUS_OK);
	assert_string_equal(field, "\"a b\"");
	assert_int_equal(submission_key("\"\\", field, &error), STATUS_OK);
	assert_string_equal(field, "\"\\\"\\\\\"");
	memset(key, '"', 128);
	key[128] = '\0';
	assert_int_equal(submission_key(key, field, &error), STATUS_OK);
	assert_int_equal(strlen(field), 258);
	key[128] = '"';
	key[129] = '\0';
	assert_int_equal(submission_key(key, field, &error), STATUS_INVALID);
	assert_int_equal(submission_key("", field, &error), STATUS_INVALID);
	assert_int_equal(submission_key("a\r\nEvil: 1", field, &error), STATUS_INVALID);
	assert_int_equal(submission_key("\xc3\xa4", field, &error), STATUS_INVALID);
	assert_int_equal(submission_key("\x7f", field, &error), STATUS_INVALID);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_task_without_terms),
		cmocka_unit_test(test_every_term_gets_to_its_member),
		cmocka_unit_test(test_what_is_for_a_fetch_stands_in_its_arguments),
		cmocka_unit_test(test_headers_have_a_name_once_and_a_value),
		cmocka_unit_test(test_pointers_of_faults_lead_back_to_what_was_written),
		cmocka_unit_test(test_keys_are_strings_of_structured_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
