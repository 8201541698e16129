/* SPDX-License-Identifier: MIT */
/* Accept-Encoding. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "http/http_coding.h"

static void
test_gzip_is_taken_where_the_client_says_so(void **state)
{
	static const struct {
		const char *value;
		bool takes;
	} cases[] = {
		{ "gzip", true },
		{ "GZIP", true },
		{ "x-gzip", true },
		{ "gzip, deflate, br, zstd", true },
		{ "br;q=1.0, gzip;q=0.8, *;q=0.1", true },
		{ "gzip;q=0.001", true },
		{ "gzip ; q=0.5", true },
		{ "*", true },
		{ "*;q=0.5", true },
		{ "identity, *;q=0.1", true },
		{ "", false },
		{ "identity", false },
		{ "br", false },
		{ "gzip;q=0", false },
		{ "gzip;q=0.000", false },
		{ "gzip;q=0, *", false },
		{ "*, gzip;q=0", false },
		{ "*;q=0", false },
		{ "gzipped", false },
		{ "gzip;q=2", false },
		{ "gzip;q=", false },
		{ "gzip;q=0.0001", false },
		{ "gzip;level=9", false },
		{ "g zip", false },
		{ "\"gzip\"", false },
		{ ";q=1", false },
		{ ",,gzip", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		if (coding_takes_gzip(&cases[i].value, 1) != cases[i].takes)
			fail_msg("'%s'", cases[i].value);
	}
}

static void
test_all_fields_count_and_none_takes_nothing(void **state)
{
	static const char *const together[] = { "br", "identity, gzip" };
	static const char *const refused[] = { "*", "gzip;q=0" };

	(void)state;
	assert_true(coding_takes_gzip(together, 2));
	assert_false(coding_takes_gzip(together, 1));
	assert_false(coding_takes_gzip(refused, 2));
	assert_false(coding_takes_gzip(NULL, 0));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gzip_is_taken_where_the_client_says_so),
		cmocka_unit_test(test_all_fields_count_and_none_takes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
