/* SPDX-License-Identifier: MIT */
/* The body loader against the tricky inputs of JSONTestSuite and our own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/utf8.h"
#include "http/json_body.h"

struct input {
	const char *text;
	size_t size;
};

#define INPUT(literal)                       \
	{                                    \
		literal, sizeof(literal) - 1 \
	}

static enum status
load_up_to(
    size_t values_max, const char *text, size_t size, struct faults *faults, struct error *error)
{
	json_t *value = NULL;
	enum status status;
	/* A copy of exactly the size, so that AddressSanitizer sees a byte too many. */
	char *copy = malloc(size > 0 ? size : 1);

	memcpy(copy, text, size);
	faults_init(faults);
	status = json_body_load(size > 0 ? copy : NULL, size, values_max, &value, faults, error);
	if (status == STATUS_OK)
		assert_non_null(value);
	else
		assert_null(value);
	json_decref(value);
	free(copy);
	return status;
}

static enum status
load(const char *text, size_t size, struct faults *faults, struct error *error)
{
	return load_up_to(JSON_BODY_VALUES_MAX, text, size, faults, error);
}

static const struct input accepted[] = {
	INPUT("{}"),
	INPUT("[]"),
	INPUT(" \t\r\n{ \"a\" : [ 1 , -0 , 1e2 , 1.5E-3 , true , false , null ] } \n"),
	INPUT("{\"a\":\"\\u0061\\n\\/\\\"\\ud83d\\ude00\"}"),
	INPUT("{\"a\":{\"a\":{\"a\":1}}}"),
	INPUT("[{\"a\":1},{\"a\":2}]"),
	INPUT("{\"a\":9223372036854775807,\"b\":-9223372036854775808}"),
	INPUT("{\"\":\"\"}"),
	INPUT("[\"\xe2\x82\xac\xf0\x9f\x98\x80\xef\xbf\xbf\"]"),
	INPUT("[\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"]"),
};

static const struct input refused[] = {
	INPUT(""),
	INPUT(" "),
	INPUT("null"),
	INPUT("5"),
	INPUT("\"x\""),
	INPUT("{"),
	INPUT("}"),
	INPUT("["),
	INPUT("[1,]"),
	INPUT("[,1]"),
	INPUT("[1 2]"),
	INPUT("[1}"),
	INPUT("{\"a\"}"),
	INPUT("{\"a\":}"),
	INPUT("{\"a\":1,}"),
	INPUT("{,}"),
	INPUT("{a:1}"),
	INPUT("{'a':1}"),
	INPUT("{1:1}"),
	INPUT("{} {}"),
	INPUT("{}x"),
	INPUT("{}\0"),
	INPUT("\xef\xbb\xbf{}"),
	INPUT("\xff\xfe{\0}\0"),
	INPUT("[01]"),
	INPUT("[+1]"),
	INPUT("[.5]"),
	INPUT("[1.]"),
	INPUT("[1e]"),
	INPUT("[0x1]"),
	INPUT("[-]"),
	INPUT("[- 1]"),
	INPUT("[NaN]"),
	INPUT("[Infinity]"),
	INPUT("[-Infinity]"),
	INPUT("[1e400]"),
	INPUT("[True]"),
	INPUT("[nul]"),
	INPUT("[9223372036854775808]"),
	INPUT("[-9223372036854775809]"),
	INPUT("[\"]"),
	INPUT("[\"\\\"]"),
	INPUT("[\"\\x\"]"),
	INPUT("[\"\\u12\"]"),
	INPUT("[\"\\u000g\"]"),
	INPUT("[\"\\u0000\"]"),
	INPUT("{\"\\u0000\":1}"),
	INPUT("[\"\\ud800\"]"),
	INPUT("[\"\\ud800\\n\"]"),
	INPUT("[\"\\udc00\\ud800\"]"),
	INPUT("[\"\0\"]"),
	INPUT("[\"\n\"]"),
	INPUT("[\"\x1f\"]"),
	INPUT("[\"\xff\"]"),
	INPUT("[\"\xc0\x80\"]"),
	INPUT("[\"\xe0\x80\x80\"]"),
	INPUT("[\"\xed\xa0\x80\"]"),
	INPUT("[\"\xf4\x90\x80\x80\"]"),
	INPUT("[\"\xc3\"]"),
	INPUT("{\"\xff\":1}"),
	INPUT("[\x0c]"),
	INPUT("[1]//"),
	INPUT("/**/[1]"),
	INPUT("{\"a\":1,\"a\":1}"),
	INPUT("{\"a\":1,\"\\u0061\":2}"),
	INPUT("{\"x\":[{\"a\":{},\"a\":[]}]}"),
};

static void
test_json_is_accepted(void **state)
{
	struct faults faults;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(accepted); i++) {
		if (load(accepted[i].text, accepted[i].size, &faults, NULL) != STATUS_OK)
			fail_msg("refused: %s", accepted[i].text);
		assert_int_equal(faults.count, 0);
	}
}

static void
test_nearly_json_is_refused_with_one_fault_and_a_sentence(void **state)
{
	struct faults faults;
	struct error error;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		const struct fault *fault = &faults.list[0];

		if (load(refused[i].text, refused[i].size, &faults, &error) != STATUS_INVALID)
			fail_msg("accepted: %s", refused[i].text);
		assert_int_equal(faults.count, 1);
		assert_true(strlen(error.text) > 10);
		assert_true(utf8_is_valid(fault->pointer, strlen(fault->pointer)));
		assert_true(utf8_is_valid(fault->detail, strlen(fault->detail)));
	}
}

static void
assert_place(const char *text, const char *pointer, const char *place)
{
	struct faults faults;
	struct error error;

	assert_int_equal(load(text, strlen(text), &faults, &error), STATUS_INVALID);
	assert_string_equal(faults.list[0].pointer, pointer);
	if (strstr(error.text, place) == NULL)
		fail_msg("'%s' does not tell '%s'", error.text, place);
}

static void
test_the_place_of_a_fault_is_named(void **state)
{
	(void)state;
	assert_place("{\"a\":1,\n \"a\":1}", "/a", "line 2");
	assert_place("{\"args\":{\"n\":1,\"n\":2}}", "/args/n", "line 1");
	assert_place("{\"args\":{\"n\":99999999999999999999}}", "/args/n", "line 1");
	assert_place("[1,\n2,\n[3,x]]", "/2/1", "line 3");
	assert_place("{\"a/b\":\"\\u0000\"}", "/a~1b", "line 1");
	assert_place("", "", "empty");
}

/* "[[[ ... ]]]" or the same of objects, `depth` levels deep. */
static char *
nested(size_t depth, bool objects, size_t *ret_size)
{
	const char *opening = objects ? "{\"a\":" : "[";
	size_t unit = strlen(opening);
	char *text = malloc(depth * (unit + 1) + 2);
	size_t size = 0;

	for (size_t i = 0; i < depth; i++, size += unit)
		memcpy(text + size, opening, unit);
	if (objects)
		text[size++] = '1';
	for (size_t i = 0; i < depth; i++)
		text[size++] = objects ? '}' : ']';
	*ret_size = size;
	return text;
}

static void
test_nesting_at_the_limit_is_read_and_one_past_is_refused(void **state)
{
	struct faults faults;
	struct error error;

	(void)state;
	for (int objects = 0; objects < 2; objects++) {
		for (size_t extra = 0; extra < 2; extra++) {
			size_t size;
			char *text = nested(JSON_BODY_DEPTH_MAX + extra, objects != 0, &size);

			assert_int_equal(load(text, size, &faults, &error),
			    extra == 0 ? STATUS_OK : STATUS_INVALID);
			if (extra == 1)
				assert_non_null(strstr(error.text, "deeper than 32 levels"));
			free(text);
		}
	}
}

static void
assert_limit(size_t values_max, const char *told)
{
	struct faults faults;
	struct error error;
	/* One for the array's place, one for the array, and one for every comma; a string's do not
	   count. */
	struct buf text;

	buf_init(&text, 1 << 20);
	buf_text(&text, "[\",,,[[[{{{\"");
	for (size_t i = 0; i < values_max - 2; i++)
		buf_text(&text, ",1");
	buf_text(&text, "]");
	assert_int_equal(load_up_to(values_max, text.data, text.size, &faults, &error), STATUS_OK);
	text.data[text.size - 1] = ',';
	buf_text(&text, "1]");
	assert_int_equal(
	    load_up_to(values_max, text.data, text.size, &faults, &error), STATUS_INVALID);
	assert_int_equal(faults.count, 1);
	assert_string_equal(faults.list[0].pointer, "");
	assert_non_null(strstr(error.text, told));
	assert_non_null(strstr(faults.list[0].detail, told));
	buf_done(&text);
}

static void
test_values_at_the_limit_are_read_and_one_more_is_refused(void **state)
{
	(void)state;
	assert_limit(JSON_BODY_VALUES_MAX, "1000 values");
	assert_limit(2, "2 values");
	assert_limit(16000, "16000 values");
}

static void
test_two_megabytes_of_brackets_do_no_harm(void **state)
{
	struct faults faults;
	struct error error;
	size_t size = 2 << 20;
	char *text = malloc(size);

	(void)state;
	memset(text, '[', size);
	assert_int_equal(load(text, size, &faults, &error), STATUS_INVALID);
	assert_non_null(strstr(error.text, "line 1, column 33"));
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json_is_accepted),
		cmocka_unit_test(test_nearly_json_is_refused_with_one_fault_and_a_sentence),
		cmocka_unit_test(test_the_place_of_a_fault_is_named),
		cmocka_unit_test(test_nesting_at_the_limit_is_read_and_one_past_is_refused),
		cmocka_unit_test(test_values_at_the_limit_are_read_and_one_more_is_refused),
		cmocka_unit_test(test_two_megabytes_of_brackets_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
