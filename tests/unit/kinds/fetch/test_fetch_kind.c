/* SPDX-License-Identifier: MIT */
/* The entry of http-fetch in the table of kinds: every door leads where it should. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kinds/fetch/fetch_engine.h"
#include "kinds/fetch/fetch_kind.h"
#include "kinds/kind_settings.h"

static void
test_setting_up_again_does_no_harm(void **state)
{
	struct error error;

	(void)state;
	assert_int_equal(fetch_setup(&error), STATUS_OK);
	assert_int_equal(fetch_setup(&error), STATUS_OK);
}

static void
test_the_entry_is_that_of_a_kind_with_an_engine(void **state)
{
	(void)state;
	assert_string_equal(kind_fetch.type, "http-fetch");
	assert_int_equal(kind_fetch.lane, LANE_IO);
	assert_int_equal(kind_fetch.result_form, RESULT_TEXT);
	assert_ptr_equal(kind_fetch.engine, &fetch_engine_ops);
	assert_null(kind_fetch.run);
}

static void
test_the_address_lists_are_checked_as_settings(void **state)
{
	static const char *const good[] = { "10.0.0.0/8" };
	static const char *const bad[] = { "10.0.0.0/8", "10.0.0.0/x" };
	struct kind_settings settings = { .fetch = { .allow_cidrs = good, .allow_count = 1 } };
	struct error error;

	(void)state;
	assert_int_equal(kind_fetch.check_settings(&settings, &error), STATUS_OK);
	settings.fetch.deny_cidrs = bad;
	settings.fetch.deny_count = 2;
	assert_int_equal(kind_fetch.check_settings(&settings, &error), STATUS_INVALID);
	assert_non_null(strstr(error.text, "fetch-deny"));
}

static void
test_arguments_go_through_the_url_policy(void **state)
{
	const struct kind_settings settings = { .fetch = { .redirects_max = 1 } };
	json_t *args = json_pack("{s:s}", "url", "HTTP://127.1:80/");
	struct faults faults;
	struct buf text;

	(void)state;
	faults_init(&faults);
	buf_init(&text, 4096);
	kind_fetch.check_args(&settings, args, &faults, &text);
	assert_int_equal(faults.count, 0);
	/* Where it leads is judged at connect time: a submission may name any address. */
	assert_string_equal(text.data, "{\"url\":\"http://127.0.0.1/\"}");
	buf_done(&text);
	json_decref(args);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_setting_up_again_does_no_harm),
		cmocka_unit_test(test_the_entry_is_that_of_a_kind_with_an_engine),
		cmocka_unit_test(test_the_address_lists_are_checked_as_settings),
		cmocka_unit_test(test_arguments_go_through_the_url_policy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
