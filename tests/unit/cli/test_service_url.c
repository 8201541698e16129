/* SPDX-License-Identifier: MIT */
/* Where the service is: forms that are taken, and that nothing shows credentials. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "cli/service_url.h"

static void
test_the_base_is_what_paths_go_behind(void **state)
{
	static const struct {
		const char *text, *base;
	} cases[] = {
		{ "http://127.0.0.1:18991", "http://127.0.0.1:18991" },
		{ "http://127.0.0.1:18991/", "http://127.0.0.1:18991" },
		{ "localhost:18991", "http://localhost:18991" },
		{ "127.0.0.1", "http://127.0.0.1" },
		{ "http://[::1]:18991/", "http://[::1]:18991" },
		{ "https://queue.example/a/b//", "https://queue.example/a/b" },
		{ "HTTP://queue.example", "http://queue.example" },
		{ "http://u:p@queue.example:1/x", "http://queue.example:1/x" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct service_url url;
		struct error error = { "" };

		if (service_url_parse(cases[i].text, &url, &error) != STATUS_OK)
			fail_msg("%s: %s", cases[i].text, error.text);
		assert_string_equal(url.base, cases[i].base);
		service_url_done(&url);
	}
}

static void
test_credentials_are_decoded_and_kept_apart(void **state)
{
	struct service_url url;
	struct error error;

	(void)state;
	assert_int_equal(service_url_parse("http://a%40b:c%3ad@host", &url, &error), STATUS_OK);
	assert_string_equal(url.user, "a@b");
	assert_string_equal(url.password, "c:d");
	assert_null(strstr(url.base, "a%40b"));
	service_url_done(&url);
	assert_int_equal(service_url_parse("http://host", &url, &error), STATUS_OK);
	assert_null(url.user);
	assert_null(url.password);
	service_url_done(&url);
	service_url_done(&url);
}

static void
test_what_is_no_place_of_a_service_is_refused(void **state)
{
	static const char *const texts[] = { "", "ftp://host", "file:///etc/passwd", "http://",
		"http://host:port", "http://host:99999", "http://host/?a=b", "http://host/#a",
		"http://ho st/", "http://u:secret@host:99999", "http://u:secret@host/?q",
		"ftp://u:secret@host" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct service_url url;
		struct error error = { "" };

		if (service_url_parse(texts[i], &url, &error) != STATUS_INVALID)
			fail_msg("'%s' was taken", texts[i]);
		assert_non_null(strstr(error.text, "expected one such as http://127.0.0.1:18991"));
		assert_null(strstr(error.text, "secret"));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_base_is_what_paths_go_behind),
		cmocka_unit_test(test_credentials_are_decoded_and_kept_apart),
		cmocka_unit_test(test_what_is_no_place_of_a_service_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
