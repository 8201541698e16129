/* SPDX-License-Identifier: MIT */
/* Submissions: every fault is named at once, and a good one reaches its kind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "http/submission.h"
#include "kinds/kind_settings.h"

static const struct kind_settings settings = {
	.factorial = { .n_max = 100 },
	.fetch = { .body_max_bytes = 1000, .redirects_max = 5 },
};

static const struct task_terms default_terms = { .priority = 5, .max_attempts = 3 };

static const struct submission_rules rules = {
	.kinds = &settings,
	.default_terms = &default_terms,
	.now_ms = 1767323045678,
};

static enum status
check(const char *text, struct submission *submission, struct faults *faults)
{
	json_t *body = json_loads(text, JSON_DECODE_ANY, NULL);
	struct error error;
	enum status status;

	assert_non_null(body);
	faults_init(faults);
	submission_init(submission);
	status = submission_check(&rules, body, submission, faults, &error);
	if (status == STATUS_INVALID)
		assert_true(strlen(error.text) > 0);
	json_decref(body);
	return status;
}

static void
test_a_good_submission_has_its_kind_and_arguments(void **state)
{
	struct submission submission;
	struct faults faults;

	(void)state;
	assert_int_equal(
	    check("{\"type\":\"factorial\",\"args\":{\"n\":\"50\"}}", &submission, &faults),
	    STATUS_OK);
	assert_string_equal(submission.kind->type, "factorial");
	assert_true(submission.args.size > 0);
	submission_done(&submission);
}

static void
assert_faults(const char *text, size_t count, const char *const *pointers)
{
	struct submission submission;
	struct faults faults;

	assert_int_equal(check(text, &submission, &faults), STATUS_INVALID);
	if (faults.count != count)
		fail_msg("%s: %zu faults", text, faults.count);
	for (size_t i = 0; i < count; i++) {
		bool found = false;

		for (size_t j = 0; j < count; j++)
			if (strcmp(faults.list[j].pointer, pointers[i]) == 0)
				found = true;
		if (!found)
			fail_msg("%s: %s is not named", text, pointers[i]);
	}
	submission_done(&submission);
}

/* In any order. */
#define ASSERT_FAULTS(text, ...)                                             \
	assert_faults((text), ARRAY_SIZE(((const char *[]){ __VA_ARGS__ })), \
	    (const char *[]){ __VA_ARGS__ })

static void
test_every_fault_is_named_at_once(void **state)
{
	(void)state;
	ASSERT_FAULTS("{}", "/type", "/args");
	ASSERT_FAULTS("{\"type\":\"nothing\",\"args\":{}}", "/type");
	ASSERT_FAULTS("{\"type\":\"Factorial\",\"args\":{}}", "/type");
	ASSERT_FAULTS("{\"type\":5,\"more\":1}", "/type", "/args", "/more");
	ASSERT_FAULTS("{\"type\":null,\"args\":{\"n\":1}}", "/type");
	ASSERT_FAULTS("{\"type\":\"factorial\"}", "/args");
	ASSERT_FAULTS("{\"type\":\"factorial\",\"args\":{\"n\":\"x\",\"m\":1},\"p\":1}", "/args/n",
	    "/args/m", "/p");
	ASSERT_FAULTS("{\"type\":\"factorial\",\"args\":{\"n\":\"101\"}}", "/args/n");
}

static void
test_a_body_that_is_no_object_is_one_fault_at_its_root(void **state)
{
	static const char *const bodies[] = { "[]", "5", "\"x\"", "null", "true" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bodies); i++)
		ASSERT_FAULTS(bodies[i], "");
}

static void
test_a_type_of_any_length_is_only_unknown(void **state)
{
	char text[4000] = "{\"args\":{\"n\":1},\"type\":\"";
	size_t size = strlen(text);

	(void)state;
	memset(text + size, 'f', 3000);
	strcpy(text + size + 3000, "\"}");
	ASSERT_FAULTS(text, "/type");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_good_submission_has_its_kind_and_arguments),
		cmocka_unit_test(test_every_fault_is_named_at_once),
		cmocka_unit_test(test_a_body_that_is_no_object_is_one_fault_at_its_root),
		cmocka_unit_test(test_a_type_of_any_length_is_only_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
