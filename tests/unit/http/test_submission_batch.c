/* SPDX-License-Identifier: MIT */
/* Batches of submissions: both sides of each limit, every fault named with its index, and good ones
 * taken apart in order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "http/json_body.h"
#include "http/submission_batch.h"
#include "kinds/kind_settings.h"

#define GOOD "{\"type\":\"factorial\",\"args\":{\"n\":\"5\"}}"

static const struct kind_settings settings = {
	.factorial = { .n_max = 1000 },
	.fetch = { .body_max_bytes = 1000, .redirects_max = 5 },
};

static const struct task_terms default_terms = { .priority = 5, .max_attempts = 3 };

static const struct submission_rules rules = {
	.kinds = &settings,
	.default_terms = &default_terms,
	.now_ms = 1767323045678,
};

/* Loads and checks a body as the endpoint does; the body is gone when it returns. */
static enum status
check(const char *text, struct submission_batch *batch, struct faults *faults)
{
	json_t *body = NULL;
	struct error error;
	enum status status;

	faults_init(faults);
	submission_batch_init(batch);
	status =
	    json_body_load(text, strlen(text), SUBMISSION_BATCH_VALUES_MAX, &body, faults, &error);
	if (status != STATUS_OK)
		fail_msg("%s", error.text);
	status = submission_batch_check(&rules, body, batch, faults, &error);
	if (status == STATUS_INVALID)
		assert_true(strlen(error.text) > 0);
	json_decref(body);
	return status;
}

/* {"tasks":[element,element,...]} */
static char *
repeated(const char *element, size_t count)
{
	struct buf text;

	buf_init(&text, 1 << 24);
	buf_text(&text, "{\"tasks\":[");
	for (size_t i = 0; i < count; i++) {
		buf_text(&text, i > 0 ? "," : "");
		buf_text(&text, element);
	}
	buf_text(&text, "]}");
	return buf_take(&text, NULL);
}

static void
test_each_task_has_its_kind_and_its_arguments(void **state)
{
	static const struct {
		const char *type, *args;
	} expected[] = {
		{ "factorial", "{\"n\":\"5\"}" },
		{ "http-fetch", "{\"url\":\"http://example.com/\"}" },
		{ "factorial", "{\"n\":\"1000\"}" },
		{ "factorial", "{\"n\":\"0\"}" },
	};
	struct submission_batch batch;
	struct faults faults;

	(void)state;
	assert_int_equal(
	    check("{\"tasks\":[" GOOD
		  ",{\"args\":{\"url\":\"HTTP://EXAMPLE.com\"},\"type\":\"http-fetch\"},"
		  "{\"type\":\"factorial\",\"args\":{\"n\":1000}},"
		  "{\"type\":\"factorial\",\"args\":{\"n\":0}}]}",
		&batch, &faults),
	    STATUS_OK);
	assert_int_equal(batch.count, ARRAY_SIZE(expected));
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		assert_string_equal(batch.tasks[i].kind->type, expected[i].type);
		assert_int_equal(batch.tasks[i].args_size, strlen(expected[i].args));
		assert_memory_equal(
		    batch.tasks[i].args, expected[i].args, strlen(expected[i].args));
	}
	submission_batch_done(&batch);
}

static void
test_a_thousand_are_taken_and_one_more_is_not(void **state)
{
	(void)state;
	for (size_t count = SUBMISSION_BATCH_MAX; count <= SUBMISSION_BATCH_MAX + 1; count++) {
		char *text = repeated(GOOD, count);
		struct submission_batch batch;
		struct faults faults;
		bool fits = count == SUBMISSION_BATCH_MAX;

		assert_int_equal(check(text, &batch, &faults), fits ? STATUS_OK : STATUS_INVALID);
		if (fits) {
			assert_int_equal(batch.count, count);
			for (size_t i = 0; i < count; i++)
				assert_memory_equal(batch.tasks[i].args, "{\"n\":\"5\"}", 9);
		} else {
			assert_int_equal(faults.count, 1);
			assert_string_equal(faults.list[0].pointer, "/tasks");
			assert_non_null(strstr(faults.list[0].detail, "1001"));
			assert_non_null(strstr(faults.list[0].detail, "1 to 1000"));
		}
		submission_batch_done(&batch);
		free(text);
	}
}

/* The pointers of all faults, in the order of the list. */
static void
assert_faults(const char *text, size_t count, const char *const *pointers)
{
	struct submission_batch batch;
	struct faults faults;

	assert_int_equal(check(text, &batch, &faults), STATUS_INVALID);
	if (faults.count != count)
		fail_msg("%s: %zu faults", text, faults.count);
	for (size_t i = 0; i < count; i++)
		assert_string_equal(faults.list[i].pointer, pointers[i]);
	submission_batch_done(&batch);
}

#define ASSERT_FAULTS(text, ...)                                             \
	assert_faults((text), ARRAY_SIZE(((const char *[]){ __VA_ARGS__ })), \
	    (const char *[]){ __VA_ARGS__ })

static void
test_a_body_without_a_list_of_tasks_is_told_so(void **state)
{
	(void)state;
	ASSERT_FAULTS("[]", "");
	ASSERT_FAULTS("[" GOOD "]", "");
	ASSERT_FAULTS("{}", "/tasks");
	ASSERT_FAULTS("{\"tasks\":[]}", "/tasks");
	ASSERT_FAULTS("{\"tasks\":null}", "/tasks");
	ASSERT_FAULTS("{\"tasks\":" GOOD "}", "/tasks");
	ASSERT_FAULTS("{\"tasks\":{\"0\":" GOOD "}}", "/tasks");
	ASSERT_FAULTS("{\"task\":[" GOOD "]}", "/task", "/tasks");
	ASSERT_FAULTS("{\"tasks\":[" GOOD "],\"a/b\":1}", "/a~1b");
}

static void
test_every_fault_of_every_submission_is_named_with_its_index(void **state)
{
	(void)state;
	ASSERT_FAULTS("{\"tasks\":[" GOOD ",5]}", "/tasks/1");
	ASSERT_FAULTS("{\"tasks\":[[]," GOOD ",null]}", "/tasks/0", "/tasks/2");
	ASSERT_FAULTS("{\"tasks\":[{}," GOOD ",{\"type\":\"x\",\"args\":{}}],\"more\":1}", "/more",
	    "/tasks/0/type", "/tasks/0/args", "/tasks/2/type");
	ASSERT_FAULTS("{\"tasks\":[" GOOD "," GOOD
		      ",{\"type\":\"factorial\",\"args\":{\"n\":1001,\"m\":1},\"p\":1},"
		      "{\"type\":\"http-fetch\",\"args\":{\"url\":\"x\"}},"
		      "{\"type\":\"http-fetch\",\"args\":5},"
		      "{\"type\":\"factorial\",\"args\":{}}]}",
	    "/tasks/2/p", "/tasks/2/args/n", "/tasks/2/args/m", "/tasks/3/args/url",
	    "/tasks/4/args", "/tasks/5/args/n");
}

static void
test_more_faults_than_are_kept_are_counted(void **state)
{
	char *text = repeated("{\"type\":1}", SUBMISSION_BATCH_MAX);
	struct submission_batch batch;
	struct faults faults;

	(void)state;
	assert_int_equal(check(text, &batch, &faults), STATUS_INVALID);
	assert_int_equal(faults.count, 2 * SUBMISSION_BATCH_MAX);
	assert_string_equal(faults.list[FAULTS_MAX - 1].pointer, "/tasks/7/args");
	submission_batch_done(&batch);
	free(text);
}

static void
test_the_last_of_a_thousand_is_named_in_full(void **state)
{
	char *text = repeated(GOOD, SUBMISSION_BATCH_MAX);
	char *last = strrchr(text, '5');

	(void)state;
	*last = 'x';
	ASSERT_FAULTS(text, "/tasks/999/args/n");
	free(text);
}

/* The dearest submissions that may come are within the bound of values: they are judged one by one.
 */
static void
test_submissions_of_sixteen_values_are_looked_into(void **state)
{
	/* With the comma before it: 16. */
	char *text = repeated("{\"type\":\"factorial\",\"args\":{\"n\":1},\"more\":"
			      "[0,0,0,0,0,0,0,0,0,0,0]}",
	    SUBMISSION_BATCH_MAX - 1);
	struct submission_batch batch;
	struct faults faults;

	(void)state;
	assert_int_equal(check(text, &batch, &faults), STATUS_INVALID);
	assert_int_equal(faults.count, SUBMISSION_BATCH_MAX - 1);
	assert_string_equal(faults.list[1].pointer, "/tasks/1/more");
	submission_batch_done(&batch);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_task_has_its_kind_and_its_arguments),
		cmocka_unit_test(test_a_thousand_are_taken_and_one_more_is_not),
		cmocka_unit_test(test_a_body_without_a_list_of_tasks_is_told_so),
		cmocka_unit_test(test_every_fault_of_every_submission_is_named_with_its_index),
		cmocka_unit_test(test_more_faults_than_are_kept_are_counted),
		cmocka_unit_test(test_the_last_of_a_thousand_is_named_in_full),
		cmocka_unit_test(test_submissions_of_sixteen_values_are_looked_into),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
