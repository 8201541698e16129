/* SPDX-License-Identifier: MIT */
/* Which URLs are accepted, what becomes of them, and that each refusal names its fault. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "kinds/fetch/url_policy.h"

static void
check_accepted(const char *url, const char *normal, const char *authority)
{
	struct url_parts parts;
	struct error error = { "" };

	if (url_policy_check(url, strlen(url), &parts, &error) != STATUS_OK)
		fail_msg("%s is refused: %s", url, error.text);
	assert_string_equal(parts.url, normal);
	assert_string_equal(parts.authority, authority);
	assert_int_equal(parts.is_https, strncmp(normal, "https:", 6) == 0);
	url_parts_done(&parts);
	/* The normal form is accepted as it is. */
	assert_int_equal(url_policy_check(normal, strlen(normal), &parts, &error), STATUS_OK);
	assert_string_equal(parts.url, normal);
	assert_string_equal(parts.authority, authority);
	url_parts_done(&parts);
	url_parts_done(&parts);
}

static void
check_refused(const char *url, size_t size, const char *fault)
{
	struct url_parts parts = { .url = NULL };
	struct error error = { "" };

	if (url_policy_check(url, size, &parts, &error) != STATUS_INVALID)
		fail_msg("%s is accepted as %s", url, parts.url);
	if (strstr(error.text, fault) == NULL)
		fail_msg("%s: '%s' does not say '%s'", url, error.text, fault);
	assert_null(parts.url);
}

static void
test_urls_are_normalised(void **state)
{
	static const char *const urls[][3] = {
		{ "http://example.com", "http://example.com/", "example.com:80" },
		{ "HTTP://EXAMPLE.com/", "http://example.com/", "example.com:80" },
		{ "https://Example.COM/Path?Query#frag", "https://example.com/Path?Query",
		    "example.com:443" },
		{ "http://example.com:80/", "http://example.com/", "example.com:80" },
		{ "https://example.com:443/", "https://example.com/", "example.com:443" },
		{ "http://example.com:443/", "http://example.com:443/", "example.com:443" },
		{ "http://example.com:08080/", "http://example.com:8080/", "example.com:8080" },
		{ "http://example.com/a/../b/./c", "http://example.com/b/c", "example.com:80" },
		{ "http://example.com?x=1", "http://example.com/?x=1", "example.com:80" },
		{ "http://a_b-c.example.:1024/", "http://a_b-c.example.:1024/",
		    "a_b-c.example.:1024" },
		{ "http://127.1/", "http://127.0.0.1/", "127.0.0.1:80" },
		{ "http://2130706433/", "http://127.0.0.1/", "127.0.0.1:80" },
		{ "http://0x7f.1/", "http://127.0.0.1/", "127.0.0.1:80" },
		{ "http://0177.0.0.1/", "http://127.0.0.1/", "127.0.0.1:80" },
		{ "http://%31%32%37.0.0.1/", "http://127.0.0.1/", "127.0.0.1:80" },
		{ "http://127%2e1/", "http://127.0.0.1/", "127.0.0.1:80" },
		{ "http://0/", "http://0.0.0.0/", "0.0.0.0:80" },
		{ "http://[::1]:8080/", "http://[::1]:8080/", "[::1]:8080" },
		{ "http://[0:0::1]/", "http://[::1]/", "[::1]:80" },
		{ "http://[2001:DB8::A]/", "http://[2001:db8::a]/", "[2001:db8::a]:80" },
		{ "http://example.com/~a'b(c)|{d}^`e`\"<f>",
		    "http://example.com/~a'b(c)|{d}^`e`\"<f>", "example.com:80" },
		{ "http://example.com/a@b:c//d", "http://example.com/a@b:c//d", "example.com:80" },
		{ "http://example.com/%00%0a%zz", "http://example.com/%00%0a%zz",
		    "example.com:80" },
		{ "http://xn--bcher-kva.example/", "http://xn--bcher-kva.example/",
		    "xn--bcher-kva.example:80" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(urls); i++)
		check_accepted(urls[i][0], urls[i][1], urls[i][2]);
}

static void
test_address_literals_are_told_from_names(void **state)
{
	static const struct {
		const char *url;
		bool is_address;
	} urls[] = { { "http://10.0.0.1/", true }, { "http://127.1/", true },
		{ "http://[::1]/", true }, { "http://example.com/", false },
		{ "http://10.0.0.1.example/", false }, { "http://127.0.0.1./", false },
		{ "http://localhost/", false } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
		struct url_parts parts;

		assert_int_equal(
		    url_policy_check(urls[i].url, strlen(urls[i].url), &parts, NULL), STATUS_OK);
		assert_int_equal(parts.is_address, urls[i].is_address);
		url_parts_done(&parts);
	}
}

static void
test_each_refusal_names_its_fault(void **state)
{
	static const char *const urls[][2] = {
		{ "", "empty" },
		{ "example.com", "scheme" },
		{ "/path", "scheme" },
		{ "//example.com/", "scheme" },
		{ "?http://example.com/", "scheme" },
		{ "://example.com/", "scheme" },
		{ "ftp://example.com/", "unsupported_scheme: 'ftp'" },
		{ "file:///etc/passwd", "unsupported_scheme: 'file'" },
		{ "gopher://example.com/_x", "unsupported_scheme" },
		{ "javascript:alert(1)", "unsupported_scheme" },
		{ "httpx://example.com/", "unsupported_scheme" },
		{ "http", "scheme" },
		{ "http:", "two slashes" },
		{ "http:example.com", "two slashes" },
		{ "http:/example.com/", "two slashes" },
		{ "http:///example.com/", "two slashes" },
		{ "http://", "host" },
		{ "http://?", "host" },
		{ "http://#", "host" },
		{ "http://:80/", "" },
		{ "http://user@example.com/", "user information" },
		{ "http://user:pw@example.com/", "user information" },
		{ "http://@example.com/", "user information" },
		{ "http://:@example.com/", "user information" },
		{ "http://a%40b/", "" },
		{ "http://a%3ab/", "" },
		{ "http://a%2fb/", "" },
		{ "http://127.0.0.1%00/", "" },
		{ "http://ex%61mple%20.com/", "" },
		{ "http://[fe80::1%25lo]/", "zone id" },
		{ "http://[fe80::1%lo]/", "zone id" },
		{ "http://[::1/", "" },
		{ "http://[::1]x/", "" },
		{ "http://[]/", "" },
		{ "http://[::g]/", "" },
		{ "http://[v1.x]/", "" },
		{ "http://ex(ample.com/", "" },
		{ "http://example.com:0/", "port" },
		{ "http://example.com:1/", "port" },
		{ "http://example.com:22/", "port" },
		{ "http://example.com:1023/", "port" },
		{ "http://example.com:65536/", "port" },
		{ "http://example.com:99999999999999999999/", "port" },
		{ "http://example.com:-1/", "port" },
		{ "http://example.com:8a/", "port" },
		{ "http://example.com/a b", "space" },
		{ " http://example.com/", "space" },
		{ "http://example.com/\t", "0x09" },
		{ "http://example.com/\r\nX: y", "0x0d" },
		{ "http://example.com/\x7f", "0x7f" },
		{ "http://example.com\\@evil.example/", "0x5c" },
		{ "http://b\xc3\xbc"
		  "cher.example/",
		    "ASCII" },
		{ "http://\xe2\x91\xa0.example/", "ASCII" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(urls); i++)
		check_refused(urls[i][0], strlen(urls[i][0]), urls[i][1]);
	check_refused("http://example.com/\0x", 21, "0x00");
}

static void
test_a_url_of_2048_bytes_is_accepted_and_one_of_2049_is_not(void **state)
{
	char url[URL_MAX_BYTES + 2];
	struct url_parts parts;

	(void)state;
	memset(url, 'p', sizeof(url));
	memcpy(url, "http://example.com/", 19);
	assert_int_equal(url_policy_check(url, URL_MAX_BYTES, &parts, NULL), STATUS_OK);
	assert_int_equal(strlen(parts.url), URL_MAX_BYTES);
	url_parts_done(&parts);
	check_refused(url, URL_MAX_BYTES + 1, "2049");
	/* The normal form, which has a slash more, is measured as well. */
	memset(url, 'q', sizeof(url));
	memcpy(url, "http://example.com?", 19);
	check_refused(url, URL_MAX_BYTES, "normalised");
}

static void
test_a_host_of_255_bytes_is_accepted_and_one_of_256_is_not(void **state)
{
	char url[400];
	struct url_parts parts;

	(void)state;
	for (int size = 255; size <= 256; size++) {
		memset(url, 'h', sizeof(url));
		memcpy(url, "http://", 7);
		url[7 + size] = '/';
		enum status status = url_policy_check(url, (size_t)size + 8, &parts, NULL);
		assert_int_equal(status, size == 255 ? STATUS_OK : STATUS_INVALID);
		if (status == STATUS_OK)
			url_parts_done(&parts);
	}
}

static void
test_redacting_leaves_neither_user_information_nor_fragment(void **state)
{
	static const char *const urls[][2] = {
		{ "http://user:secret@example.com/a?b#c", "http://example.com/a?b" },
		{ "https://user@example.com:8443/", "https://example.com:8443/" },
		{ "http://example.com/a@b", "http://example.com/a@b" },
		{ "http://example.com/#secret", "http://example.com/" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
		char *shown = url_policy_redact(urls[i][0]);

		assert_string_equal(shown, urls[i][1]);
		free(shown);
	}
	assert_null(url_policy_redact("not a url"));
}

static void
test_an_origin_is_scheme_host_and_port(void **state)
{
	static const char *const same[] = { "http://example.com/",
		"HTTP://EXAMPLE.com:80/other?x#y" };
	static const char *const other[] = { "https://example.com/", "http://example.com:8080/",
		"http://example.com.evil/", "http://sub.example.com/", "http://127.0.0.1/", "",
		"example.com", "http://u@example.com/", "https://example.com:80/" };
	struct url_parts parts;
	struct error error;

	(void)state;
	assert_int_equal(url_policy_check("http://example.com/a", strlen("http://example.com/a"),
			     &parts, &error),
	    STATUS_OK);
	for (size_t i = 0; i < ARRAY_SIZE(same); i++)
		assert_true(url_policy_same_origin(same[i], &parts));
	for (size_t i = 0; i < ARRAY_SIZE(other); i++)
		assert_false(url_policy_same_origin(other[i], &parts));
	url_parts_done(&parts);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_origin_is_scheme_host_and_port),
		cmocka_unit_test(test_urls_are_normalised),
		cmocka_unit_test(test_address_literals_are_told_from_names),
		cmocka_unit_test(test_each_refusal_names_its_fault),
		cmocka_unit_test(test_a_url_of_2048_bytes_is_accepted_and_one_of_2049_is_not),
		cmocka_unit_test(test_a_host_of_255_bytes_is_accepted_and_one_of_256_is_not),
		cmocka_unit_test(test_redacting_leaves_neither_user_information_nor_fragment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
