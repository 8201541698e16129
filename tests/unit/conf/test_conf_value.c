/* SPDX-License-Identifier: MIT */
/*
 * One value at a time: every limit of every kind of setting at and one past, and every allocation
 * of a load refused once. malloc and its kin are wrapped by the linker (see tests.mk).
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conf/conf.h"
#include "conf/conf_table.h"

#define T(text) ((char *)(uintptr_t)(text)) /* argument vectors are not const */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

static long allocations_left = -1; /* -1: no limit */

static bool
may_allocate(void)
{
	if (allocations_left == 0)
		return false;
	if (allocations_left > 0)
		allocations_left--;
	return true;
}

void *
__wrap_malloc(size_t size)
{
	return may_allocate() ? __real_malloc(size) : NULL;
}

void *
__wrap_calloc(size_t count, size_t size)
{
	return may_allocate() ? __real_calloc(count, size) : NULL;
}

void *
__wrap_realloc(void *old, size_t size)
{
	return may_allocate() ? __real_realloc(old, size) : NULL;
}

static struct conf conf;
static struct error error;

static int
setup(void **state)
{
	(void)state;
	return conf_init(&conf, &error) == STATUS_OK ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	allocations_left = -1;
	conf_done(&conf);
	return 0;
}

static enum status
apply(size_t index, enum conf_origin origin, const char *text)
{
	struct conf_source source = { .origin = origin };

	return conf_value_apply(&conf, &source, index, text, strlen(text), &error);
}

static enum status
apply_number(size_t index, int64_t number)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRId64, number);
	return apply(index, CONF_FROM_FILE, text);
}

static void
test_every_number_is_accepted_at_its_limits_and_refused_one_past(void **state)
{
	(void)state;
	for (size_t i = 0; i < CONF_SETTING_COUNT; i++) {
		const struct conf_setting *setting = &conf_settings[i];
		const int64_t *field = (const void *)((const char *)&conf + setting->offset);

		if (setting->type != CONF_TYPE_INT)
			continue;
		assert_int_equal(*field, setting->default_number);
		assert_int_equal(apply_number(i, setting->min), STATUS_OK);
		assert_int_equal(*field, setting->min);
		assert_int_equal(apply_number(i, setting->max), STATUS_OK);
		assert_int_equal(*field, setting->max);
		assert_int_equal(apply_number(i, setting->min - 1), STATUS_INVALID);
		assert_int_equal(apply_number(i, setting->max + 1), STATUS_INVALID);
		assert_int_equal(*field, setting->max);
		assert_int_equal(conf.origins[i], CONF_FROM_FILE);
	}
}

static void
test_a_number_is_digits_and_nothing_else(void **state)
{
	static const char *const refused[] = { "", " 5", "5 ", "+5", "-5", "05", "0x5", "5.0", "5k",
		"1e3", "five", "18446744073709551617", "99999999999999999999999999999999" };

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		assert_int_equal(
		    apply(CONF_INDEX_queue_max, CONF_FROM_FILE, refused[i]), STATUS_INVALID);
	assert_int_equal(conf.queue_max, 100000);
	assert_int_equal(conf.origins[CONF_INDEX_queue_max], CONF_FROM_DEFAULT);
}

static void
test_text_is_accepted_at_its_limit_and_refused_one_byte_past(void **state)
{
	char text[66];

	(void)state;
	memset(text, 'a', sizeof(text));
	text[64] = '\0';
	assert_int_equal(apply(CONF_INDEX_listen, CONF_FROM_FILE, text), STATUS_INVALID);
	assert_non_null(strstr(error.text, "expected 1 to 63 bytes without control characters"));
	assert_string_equal(conf.listen, "127.0.0.1:18991");
	text[63] = '\0';
	assert_int_equal(apply(CONF_INDEX_listen, CONF_FROM_FILE, text), STATUS_OK);
	assert_string_equal(conf.listen, text);
}

static void
test_empty_text_and_control_characters_are_refused(void **state)
{
	static const char *const refused[] = { "", "a\nb", "a\tb", "a\r", "\x7f", "\x01" };

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		assert_int_equal(
		    apply(CONF_INDEX_data_dir, CONF_FROM_ENVIRONMENT, refused[i]), STATUS_INVALID);
	assert_int_equal(apply(CONF_INDEX_data_dir, CONF_FROM_FILE, "d\xc3\xa4 \xff"), STATUS_OK);
	assert_string_equal(conf.data_dir, "d\xc3\xa4 \xff");
}

static void
test_a_switch_is_yes_or_no(void **state)
{
	static const char *const refused[] = { "", "YES", "true", "1", "ye", "yess", "yes|no" };

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		assert_int_equal(apply(CONF_INDEX_allow_open_listen, CONF_FROM_FILE, refused[i]),
		    STATUS_INVALID);
	assert_int_equal(apply(CONF_INDEX_allow_open_listen, CONF_FROM_FILE, "yes"), STATUS_OK);
	assert_true(conf.allow_open_listen);
	assert_int_equal(apply(CONF_INDEX_allow_open_listen, CONF_FROM_FILE, "no"), STATUS_OK);
	assert_false(conf.allow_open_listen);
}

static void
test_a_word_is_one_of_its_words(void **state)
{
	static const char *const words[] = { "error", "warn", "info", "debug" };
	static const char *const refused[] = { "", "Error", "err", "error|warn", "infos", "|" };

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		assert_int_equal(apply(CONF_INDEX_log_level, CONF_FROM_FILE, words[i]), STATUS_OK);
		assert_string_equal(conf.log_level, words[i]);
	}
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		assert_int_equal(
		    apply(CONF_INDEX_log_level, CONF_FROM_FILE, refused[i]), STATUS_INVALID);
	assert_string_equal(conf.log_level, "debug");
}

static void
test_a_list_is_accepted_at_its_limit_and_refused_one_item_past(void **state)
{
	struct conf_source source = { .origin = CONF_FROM_FILE };

	(void)state;
	for (int i = 0; i < 32; i++)
		assert_int_equal(
		    conf_value_apply(&conf, &source, CONF_INDEX_host_names, "h", 1, &error),
		    STATUS_OK);
	assert_int_equal(conf_value_apply(&conf, &source, CONF_INDEX_host_names, "h", 1, &error),
	    STATUS_INVALID);
	assert_string_equal(error.text, "found more than 32 items, expected at most that many");
	assert_int_equal(conf.host_names.count, 32);
}

static void
test_the_environment_splits_a_list_at_commas(void **state)
{
	char text[2 * 33];

	(void)state;
	assert_int_equal(apply(CONF_INDEX_host_names, CONF_FROM_ENVIRONMENT, "a,b,c"), STATUS_OK);
	assert_int_equal(conf.host_names.count, 3);
	assert_string_equal(conf.host_names.items[2], "c");
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = i % 2 == 0 ? 'h' : ',';
	text[2 * 32 - 1] = '\0';
	assert_int_equal(apply(CONF_INDEX_host_names, CONF_FROM_ENVIRONMENT, text), STATUS_OK);
	assert_int_equal(conf.host_names.count, 32);
	text[2 * 32 - 1] = ',';
	text[2 * 33 - 1] = '\0';
	assert_int_equal(apply(CONF_INDEX_host_names, CONF_FROM_ENVIRONMENT, text), STATUS_INVALID);
}

static void
test_an_item_is_accepted_at_its_limit_and_refused_one_byte_past(void **state)
{
	char text[257];

	(void)state;
	memset(text, 'a', sizeof(text));
	text[256] = '\0';
	assert_int_equal(apply(CONF_INDEX_host_names, CONF_FROM_FILE, text), STATUS_INVALID);
	text[255] = '\0';
	assert_int_equal(apply(CONF_INDEX_host_names, CONF_FROM_FILE, text), STATUS_OK);
}

static void
test_an_item_holds_no_blank_comma_or_control_character(void **state)
{
	(void)state;
	assert_int_equal(apply(CONF_INDEX_host_names, CONF_FROM_FILE, "a,b"), STATUS_INVALID);
	assert_string_equal(error.text, "found 'a,b', expected one item without blanks and commas");
	assert_int_equal(apply(CONF_INDEX_host_names, CONF_FROM_FILE, "a b"), STATUS_INVALID);
	assert_int_equal(
	    apply(CONF_INDEX_host_names, CONF_FROM_ENVIRONMENT, "a, b"), STATUS_INVALID);
	assert_int_equal(apply(CONF_INDEX_host_names, CONF_FROM_FILE, "a\tb"), STATUS_INVALID);
}

static void
test_messages_show_found_text_cut_and_plain(void **state)
{
	char text[200];

	(void)state;
	memset(text, 'a', sizeof(text));
	text[1] = '\x1b';
	text[199] = '\0';
	assert_int_equal(apply(CONF_INDEX_queue_max, CONF_FROM_FILE, text), STATUS_INVALID);
	assert_int_equal(strncmp(error.text, "found 'a?aaa", 12), 0);
	assert_non_null(
	    strstr(error.text, "aaa...', expected a decimal integer, 1 to 100000000 tasks"));
}

static void
test_a_zeroed_conf_and_null_may_be_freed(void **state)
{
	struct conf zeroed = { 0 };

	(void)state;
	conf_done(&zeroed);
	conf_done(NULL);
	conf_done(&conf);
	assert_null(conf.origins);
}

static void
test_every_refused_allocation_is_reported_and_leaks_nothing(void **state)
{
	char *args[] = { T("taskqd"), T("--data-dir=other"), T("--host-name=a"), NULL };
	char *variables[] = { T("TASKQD_FETCH_ALLOW=a,b,c"), T("TASKQD_CONFIG=/dev/null"), NULL };
	enum status status = STATUS_NOMEM;
	long allowed;

	(void)state;
	for (allowed = 0; status != STATUS_OK && allowed < 100; allowed++) {
		struct conf loaded = { 0 };
		enum conf_action action;

		allocations_left = allowed;
		status = conf_load(3, args, variables, &loaded, &action, &error);
		allocations_left = -1;
		if (status != STATUS_OK) {
			assert_int_equal(status, STATUS_NOMEM);
			assert_non_null(strstr(error.text, "out of memory"));
			assert_null(loaded.origins);
		}
		conf_done(&loaded);
	}
	assert_int_equal(status, STATUS_OK);
	/* The table, each text and word, the file's buffer and the values above. */
	assert_true(allowed > 10);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_every_number_is_accepted_at_its_limits_and_refused_one_past),
		TEST(test_a_number_is_digits_and_nothing_else),
		TEST(test_text_is_accepted_at_its_limit_and_refused_one_byte_past),
		TEST(test_empty_text_and_control_characters_are_refused),
		TEST(test_a_switch_is_yes_or_no),
		TEST(test_a_word_is_one_of_its_words),
		TEST(test_a_list_is_accepted_at_its_limit_and_refused_one_item_past),
		TEST(test_the_environment_splits_a_list_at_commas),
		TEST(test_an_item_is_accepted_at_its_limit_and_refused_one_byte_past),
		TEST(test_an_item_holds_no_blank_comma_or_control_character),
		TEST(test_messages_show_found_text_cut_and_plain),
		TEST(test_a_zeroed_conf_and_null_may_be_freed),
		TEST(test_every_refused_allocation_is_reported_and_leaks_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
