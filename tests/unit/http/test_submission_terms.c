/* SPDX-License-Identifier: MIT */
/*
 * The terms of submissions: each limit at and one past, each fault with its pointer and what was
 * expected, and the defaults where nothing is said. Bodies come through the loader, as from the
 * wire.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "http/json_body.h"
#include "http/submission.h"
#include "http/submission_batch.h"
#include "http/submission_terms.h"
#include "kinds/kind_settings.h"

#define NOW_TEXT "2026-01-02T03:04:05.678Z"
#define NOW_MS   INT64_C(1767323045678)
#define GOOD     "\"type\":\"factorial\",\"args\":{\"n\":\"5\"}"

static const struct kind_settings settings = {
	.factorial = { .n_max = 100 },
	.fetch = { .body_max_bytes = 1000, .redirects_max = 5 },
};

static const struct task_terms defaults = {
	.priority = 5,
	.max_attempts = 3,
	.backoff_ms = 1000,
	.max_backoff_ms = 60000,
};

static const struct submission_rules rules = {
	.kinds = &settings,
	.default_terms = &defaults,
	.now_ms = NOW_MS,
};

static json_t *
load(const char *text)
{
	struct faults faults;
	struct error error = { "" };
	json_t *body = NULL;

	faults_init(&faults);
	if (json_body_load(text, strlen(text), SUBMISSION_BATCH_VALUES_MAX, &body, &faults,
		&error) != STATUS_OK)
		fail_msg("%s: %s", text, error.text);
	return body;
}

static struct task_terms
accepted(const char *text)
{
	struct task_terms terms = { .priority = -1 };
	struct faults faults;
	json_t *body = load(text);

	faults_init(&faults);
	submission_terms_check(body, &defaults, NOW_MS, &faults, &terms);
	if (faults.count > 0)
		fail_msg("%s: %s %s", text, faults.list[0].pointer, faults.list[0].detail);
	json_decref(body);
	return terms;
}

/* Checks that there are exactly these faults: pairs of pointer and detail, in any order. */
static void
assert_faults(const char *text, size_t count, const char *const (*expected)[2])
{
	struct task_terms terms = { .priority = 4711 };
	struct faults faults;
	json_t *body = load(text);

	faults_init(&faults);
	submission_terms_check(body, &defaults, NOW_MS, &faults, &terms);
	if (faults.count != count)
		fail_msg("%s: %zu faults", text, faults.count);
	for (size_t i = 0; i < count; i++) {
		size_t at = 0;

		while (at < count && strcmp(faults.list[at].pointer, expected[i][0]) != 0)
			at++;
		if (at == count)
			fail_msg("%s: %s is not named", text, expected[i][0]);
		if (strcmp(faults.list[at].detail, expected[i][1]) != 0)
			fail_msg("%s: %s", text, faults.list[at].detail);
	}
	assert_int_equal(terms.priority, 4711);
	json_decref(body);
}

#define ASSERT_FAULTS(text, ...)                                                     \
	assert_faults((text), ARRAY_SIZE(((const char *const[][2]){ __VA_ARGS__ })), \
	    (const char *const[][2]){ __VA_ARGS__ })

/* One fault. */
static void
assert_fault(const char *text, const char *pointer, const char *detail)
{
	ASSERT_FAULTS(text, { pointer, detail });
}

/* {"member":"TIME"}, so far from now. */
static char *
at(const char *member, int64_t from_now_ms)
{
	static char text[100];
	char time[CLOCK_RFC3339_SIZE];

	clock_format_rfc3339(NOW_MS + from_now_ms, time);
	snprintf(text, sizeof(text), "{\"%s\":\"%s\"}", member, time);
	return text;
}

static void
assert_same_terms(const struct task_terms *terms, const struct task_terms *expected)
{
	assert_int_equal(terms->priority, expected->priority);
	assert_int_equal(terms->run_at_ms, expected->run_at_ms);
	assert_int_equal(terms->expires_at_ms, expected->expires_at_ms);
	assert_int_equal(terms->timeout_ms, expected->timeout_ms);
	assert_int_equal(terms->max_attempts, expected->max_attempts);
	assert_int_equal(terms->backoff_ms, expected->backoff_ms);
	assert_int_equal(terms->max_backoff_ms, expected->max_backoff_ms);
}

static void
test_what_is_not_named_is_as_by_default(void **state)
{
	struct task_terms terms = accepted("{}");

	(void)state;
	assert_same_terms(&terms, &defaults);
	terms = accepted("{\"retry\":{}}");
	assert_same_terms(&terms, &defaults);
	terms = accepted("{\"type\":5,\"other\":{\"priority\":11}}");
	assert_same_terms(&terms, &defaults);
}

static void
test_every_member_at_once(void **state)
{
	struct task_terms terms =
	    accepted("{\"priority\":9,\"delay_ms\":5000,\"ttl_ms\":5001,\"timeout_ms\":250,"
		     "\"retry\":{\"max_attempts\":7,\"backoff_ms\":20,\"max_backoff_ms\":300}}");

	(void)state;
	assert_int_equal(terms.priority, 9);
	assert_int_equal(terms.run_at_ms, NOW_MS + 5000);
	assert_int_equal(terms.expires_at_ms, NOW_MS + 5001);
	assert_int_equal(terms.timeout_ms, 250);
	assert_int_equal(terms.max_attempts, 7);
	assert_int_equal(terms.backoff_ms, 20);
	assert_int_equal(terms.max_backoff_ms, 300);
}

static void
test_a_priority_is_0_to_9(void **state)
{
	(void)state;
	assert_int_equal(accepted("{\"priority\":0}").priority, 0);
	assert_int_equal(accepted("{\"priority\":5}").priority, 5);
	assert_int_equal(accepted("{\"priority\":9}").priority, 9);
	assert_fault("{\"priority\":10}", "/priority", "is 10; expected 0 to 9");
	assert_fault("{\"priority\":-1}", "/priority", "is -1; expected 0 to 9");
}

static void
test_a_delay_is_at_most_365_days(void **state)
{
	(void)state;
	assert_int_equal(accepted("{\"delay_ms\":0}").run_at_ms, 0);
	assert_int_equal(accepted("{\"delay_ms\":1}").run_at_ms, NOW_MS + 1);
	assert_int_equal(
	    accepted("{\"delay_ms\":31536000000}").run_at_ms, NOW_MS + INT64_C(31536000000));
	assert_fault(
	    "{\"delay_ms\":31536000001}", "/delay_ms", "is 31536000001; expected 0 to 31536000000");
	assert_fault("{\"delay_ms\":-1}", "/delay_ms", "is -1; expected 0 to 31536000000");
}

static void
test_a_start_is_at_most_365_days_ahead_and_at_once_when_it_has_passed(void **state)
{
	(void)state;
	assert_int_equal(accepted("{\"run_at\":\"1970-01-01T00:00:00Z\"}").run_at_ms, 0);
	assert_int_equal(accepted(at("run_at", -1)).run_at_ms, 0);
	assert_int_equal(accepted("{\"run_at\":\"" NOW_TEXT "\"}").run_at_ms, 0);
	assert_int_equal(accepted(at("run_at", 1)).run_at_ms, NOW_MS + 1);
	assert_int_equal(
	    accepted("{\"run_at\":\"2026-01-02t05:04:05.6799z\"}").run_at_ms, NOW_MS + 7200001);
	assert_int_equal(
	    accepted("{\"run_at\":\"2026-01-02T04:04:05.679+01:00\"}").run_at_ms, NOW_MS + 1);
	assert_int_equal(accepted("{\"run_at\":\"2027-01-02T03:04:05.678Z\"}").run_at_ms,
	    NOW_MS + SUBMISSION_DELAY_MAX_MS);
	assert_fault("{\"run_at\":\"2027-01-02T03:04:05.679Z\"}", "/run_at",
	    "is too far ahead; expected at most 365 days from now");
	assert_fault("{\"run_at\":\"9999-12-31T23:59:59.999Z\"}", "/run_at",
	    "is too far ahead; expected at most 365 days from now");
}

static void
test_a_time_to_live_is_1_ms_to_366_days(void **state)
{
	(void)state;
	assert_int_equal(accepted("{\"ttl_ms\":1}").expires_at_ms, NOW_MS + 1);
	assert_int_equal(
	    accepted("{\"ttl_ms\":31622400000}").expires_at_ms, NOW_MS + INT64_C(31622400000));
	assert_fault("{\"ttl_ms\":0}", "/ttl_ms", "is 0; expected 1 to 31622400000");
	assert_fault("{\"ttl_ms\":-5}", "/ttl_ms", "is -5; expected 1 to 31622400000");
	assert_fault(
	    "{\"ttl_ms\":31622400001}", "/ttl_ms", "is 31622400001; expected 1 to 31622400000");
}

static void
test_a_task_expires_after_now(void **state)
{
	(void)state;
	assert_int_equal(accepted(at("expires_at", 1)).expires_at_ms, NOW_MS + 1);
	assert_int_equal(accepted("{\"expires_at\":\"9999-12-31T23:59:59.999Z\"}").expires_at_ms,
	    INT64_C(253402300799999));
	assert_fault("{\"expires_at\":\"" NOW_TEXT "\"}", "/expires_at",
	    "has passed; expected a time after now");
	assert_fault(at("expires_at", -1), "/expires_at", "has passed; expected a time after now");
	assert_fault("{\"expires_at\":\"1970-01-01T00:00:00Z\"}", "/expires_at",
	    "has passed; expected a time after now");
}

static void
test_a_task_expires_after_it_may_start_in_whatever_form(void **state)
{
	(void)state;
	accepted("{\"delay_ms\":1000,\"ttl_ms\":1001}");
	assert_fault("{\"delay_ms\":1000,\"ttl_ms\":1000}", "/ttl_ms",
	    "is 1000, not after the start that delay_ms asks for; expected more than 1000");
	accepted("{\"run_at\":\"2026-01-02T03:04:06.678Z\",\"ttl_ms\":1001}");
	assert_fault("{\"run_at\":\"2026-01-02T03:04:06.678Z\",\"ttl_ms\":1000}", "/ttl_ms",
	    "is 1000, not after the start that run_at asks for; expected more than 1000");
	accepted("{\"delay_ms\":1000,\"expires_at\":\"2026-01-02T03:04:06.679Z\"}");
	assert_fault("{\"delay_ms\":1000,\"expires_at\":\"2026-01-02T03:04:06.678Z\"}",
	    "/expires_at", "is not after the start that delay_ms asks for; expected a later time");
	accepted("{\"run_at\":\"2026-01-02T03:04:06.678Z\","
		 "\"expires_at\":\"2026-01-02T03:04:06.679Z\"}");
	assert_fault("{\"run_at\":\"2026-01-02T03:04:06.678Z\","
		     "\"expires_at\":\"2026-01-02T04:04:06.678+01:00\"}",
	    "/expires_at", "is not after the start that run_at asks for; expected a later time");
	/* A start that has passed, or is now, is before any expiry. */
	accepted("{\"run_at\":\"2020-01-01T00:00:00Z\",\"ttl_ms\":1}");
	accepted("{\"delay_ms\":0,\"ttl_ms\":1}");
	accepted("{\"delay_ms\":0,\"expires_at\":\"2026-01-02T03:04:05.679Z\"}");
	/* The latest start leaves a day to expire in. */
	accepted("{\"delay_ms\":31536000000,\"ttl_ms\":31622400000}");
}

static void
test_two_forms_of_the_same_moment_are_a_fault(void **state)
{
	(void)state;
	assert_fault("{\"run_at\":\"" NOW_TEXT "\",\"delay_ms\":0}", "/delay_ms",
	    "stands beside run_at; expected only one");
	assert_fault("{\"ttl_ms\":1,\"expires_at\":\"2027-01-01T00:00:00Z\"}", "/ttl_ms",
	    "stands beside expires_at; expected only one");
	/* What they say is judged all the same, but not which of them is later. */
	ASSERT_FAULTS("{\"run_at\":\"2028-01-01T00:00:00Z\",\"delay_ms\":0,\"ttl_ms\":1}",
	    { "/run_at", "is too far ahead; expected at most 365 days from now" },
	    { "/delay_ms", "stands beside run_at; expected only one" });
	assert_fault("{\"run_at\":\"2026-06-01T00:00:00Z\",\"delay_ms\":1,\"ttl_ms\":1}",
	    "/delay_ms", "stands beside run_at; expected only one");
}

static void
test_a_time_is_an_rfc_3339_string(void **state)
{
	static const char *const texts[] = { "\"\"", "\"now\"", "\"2026-02-30T00:00:00Z\"",
		"\"2026-01-02\"", "\"2026-01-02T03:04:05\"", "\"2026-01-02 03:04:05Z\"",
		"\"1969-12-31T23:59:59Z\"", "\"10000-01-01T00:00:00Z\"", "\"1767323045678\"" };
	static const char *const others[] = { "1767323045678", "1.5", "true", "false", "null", "[]",
		"{}" };
	static const char *const names[] = { "run_at", "expires_at" };
	char text[100], pointer[20];

	(void)state;
	for (size_t name = 0; name < ARRAY_SIZE(names); name++) {
		snprintf(pointer, sizeof(pointer), "/%s", names[name]);
		for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
			snprintf(text, sizeof(text), "{\"%s\":%s}", names[name], texts[i]);
			assert_fault(text, pointer,
			    "is not a time; expected one as in RFC 3339, like "
			    "\"2026-01-02T03:04:05Z\", in the years 1970 to 9999");
		}
		for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
			snprintf(text, sizeof(text), "{\"%s\":%s}", names[name], others[i]);
			assert_fault(text, pointer,
			    "is not a string; expected a time as in RFC 3339, like "
			    "\"2026-01-02T03:04:05Z\"");
		}
	}
}

static void
test_a_timeout_is_1_ms_to_a_day(void **state)
{
	(void)state;
	assert_int_equal(accepted("{\"timeout_ms\":1}").timeout_ms, 1);
	assert_int_equal(accepted("{\"timeout_ms\":86400000}").timeout_ms, 86400000);
	assert_fault("{\"timeout_ms\":0}", "/timeout_ms", "is 0; expected 1 to 86400000");
	assert_fault(
	    "{\"timeout_ms\":86400001}", "/timeout_ms", "is 86400001; expected 1 to 86400000");
}

static void
test_attempts_are_1_to_100(void **state)
{
	(void)state;
	assert_int_equal(accepted("{\"retry\":{\"max_attempts\":1}}").max_attempts, 1);
	assert_int_equal(accepted("{\"retry\":{\"max_attempts\":100}}").max_attempts, 100);
	assert_fault(
	    "{\"retry\":{\"max_attempts\":0}}", "/retry/max_attempts", "is 0; expected 1 to 100");
	assert_fault("{\"retry\":{\"max_attempts\":101}}", "/retry/max_attempts",
	    "is 101; expected 1 to 100");
}

static void
test_pauses_have_limits(void **state)
{
	struct task_terms terms;

	(void)state;
	terms = accepted("{\"retry\":{\"backoff_ms\":0,\"max_backoff_ms\":0}}");
	assert_int_equal(terms.backoff_ms, 0);
	assert_int_equal(terms.max_backoff_ms, 0);
	terms = accepted("{\"retry\":{\"backoff_ms\":3600000,\"max_backoff_ms\":86400000}}");
	assert_int_equal(terms.backoff_ms, 3600000);
	assert_int_equal(terms.max_backoff_ms, 86400000);
	assert_fault(
	    "{\"retry\":{\"backoff_ms\":-1}}", "/retry/backoff_ms", "is -1; expected 0 to 3600000");
	assert_fault("{\"retry\":{\"backoff_ms\":3600001}}", "/retry/backoff_ms",
	    "is 3600001; expected 0 to 3600000");
	assert_fault("{\"retry\":{\"max_backoff_ms\":-1}}", "/retry/max_backoff_ms",
	    "is -1; expected 0 to 86400000");
	assert_fault("{\"retry\":{\"max_backoff_ms\":86400001}}", "/retry/max_backoff_ms",
	    "is 86400001; expected 0 to 86400000");
}

static void
test_the_longest_pause_is_at_least_the_first(void **state)
{
	struct task_terms terms;

	(void)state;
	accepted("{\"retry\":{\"backoff_ms\":500,\"max_backoff_ms\":500}}");
	assert_fault("{\"retry\":{\"backoff_ms\":500,\"max_backoff_ms\":499}}",
	    "/retry/max_backoff_ms", "is 499; expected at least backoff_ms, which is 500");
	/* The default of the first one counts, too. */
	assert_int_equal(accepted("{\"retry\":{\"max_backoff_ms\":1000}}").max_backoff_ms, 1000);
	assert_fault("{\"retry\":{\"max_backoff_ms\":999}}", "/retry/max_backoff_ms",
	    "is 999; expected at least backoff_ms, which is 1000");
	/* The default of the longest gives way. */
	terms = accepted("{\"retry\":{\"backoff_ms\":60001}}");
	assert_int_equal(terms.backoff_ms, 60001);
	assert_int_equal(terms.max_backoff_ms, 60001);
	assert_int_equal(accepted("{\"retry\":{\"backoff_ms\":60000}}").max_backoff_ms, 60000);
	/* A first one that is a fault is not what the longest is held to. */
	assert_fault("{\"retry\":{\"backoff_ms\":-1,\"max_backoff_ms\":0}}", "/retry/backoff_ms",
	    "is -1; expected 0 to 3600000");
}

static void
test_retry_is_an_object_of_known_members(void **state)
{
	(void)state;
	assert_fault("{\"retry\":3}", "/retry", "is an integer; expected an object");
	assert_fault("{\"retry\":null}", "/retry", "is null; expected an object");
	assert_fault("{\"retry\":[]}", "/retry", "is an array; expected an object");
	assert_fault("{\"retry\":true}", "/retry", "is true; expected an object");
	assert_fault("{\"retry\":{\"attempts\":3}}", "/retry/attempts", "unknown member");
	assert_fault("{\"retry\":{\"a/b\":3,\"max_attempts\":3}}", "/retry/a~1b", "unknown member");
}

static const struct {
	const char *format, *pointer, *range;
} integers[] = {
	{ "{\"priority\":%s}", "/priority", "0 to 9" },
	{ "{\"delay_ms\":%s}", "/delay_ms", "0 to 31536000000" },
	{ "{\"ttl_ms\":%s}", "/ttl_ms", "1 to 31622400000" },
	{ "{\"timeout_ms\":%s}", "/timeout_ms", "1 to 86400000" },
	{ "{\"retry\":{\"max_attempts\":%s}}", "/retry/max_attempts", "1 to 100" },
	{ "{\"retry\":{\"backoff_ms\":%s}}", "/retry/backoff_ms", "0 to 3600000" },
	{ "{\"retry\":{\"max_backoff_ms\":%s}}", "/retry/max_backoff_ms", "0 to 86400000" },
};

/* One of the bodies above, with a value. */
static const char *
body_with(size_t which, const char *value)
{
	static char text[200];
	const char *at_value = strstr(integers[which].format, "%s");

	snprintf(text, sizeof(text), "%.*s%s%s", (int)(at_value - integers[which].format),
	    integers[which].format, value, at_value + 2);
	return text;
}

static void
test_only_integers_are_integers(void **state)
{
	static const char *const values[] = { "5.0", "5e0", "1e1", "-0.0", "\"5\"", "\"\"", "true",
		"false", "null", "[]", "[5]", "{}" };
	char detail[100];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(integers); i++) {
		snprintf(
		    detail, sizeof(detail), "is not an integer; expected %s", integers[i].range);
		for (size_t j = 0; j < ARRAY_SIZE(values); j++)
			assert_fault(body_with(i, values[j]), integers[i].pointer, detail);
	}
}

static void
test_the_largest_integers_are_out_of_range_and_do_not_wrap(void **state)
{
	static const char *const values[] = { "9223372036854775807", "-9223372036854775808",
		"4294967297", "-4294967295" };
	char detail[100];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(integers); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(values); j++) {
			/* 2^32 + 1 ms are 50 days, which two of them may be. */
			if (j == 2 && (i == 1 || i == 2)) {
				accepted(body_with(i, values[j]));
				continue;
			}
			snprintf(detail, sizeof(detail), "is %s; expected %s", values[j],
			    integers[i].range);
			assert_fault(body_with(i, values[j]), integers[i].pointer, detail);
		}
	}
}

static void
test_integers_beyond_64_bits_are_refused_with_their_place(void **state)
{
	static const char *const values[] = { "9223372036854775808", "-9223372036854775809",
		"18446744073709551621" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(integers); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(values); j++) {
			const char *text = body_with(i, values[j]);
			struct faults faults;
			struct error error;
			json_t *body = NULL;

			faults_init(&faults);
			assert_int_equal(json_body_load(text, strlen(text), JSON_BODY_VALUES_MAX,
					     &body, &faults, &error),
			    STATUS_INVALID);
			assert_int_equal(faults.count, 1);
			assert_string_equal(faults.list[0].pointer, integers[i].pointer);
		}
	}
}

static void
test_every_fault_is_named_at_once(void **state)
{
	(void)state;
	ASSERT_FAULTS("{\"priority\":10,\"run_at\":\"x\",\"ttl_ms\":0,\"timeout_ms\":0,"
		      "\"retry\":{\"max_attempts\":0,\"backoff_ms\":3600001,"
		      "\"max_backoff_ms\":null,\"jitter\":1}}",
	    { "/priority", "is 10; expected 0 to 9" },
	    { "/run_at", "is not a time; expected one as in RFC 3339, like "
			 "\"2026-01-02T03:04:05Z\", in the years 1970 to 9999" },
	    { "/ttl_ms", "is 0; expected 1 to 31622400000" },
	    { "/timeout_ms", "is 0; expected 1 to 86400000" },
	    { "/retry/max_attempts", "is 0; expected 1 to 100" },
	    { "/retry/backoff_ms", "is 3600001; expected 0 to 3600000" },
	    { "/retry/max_backoff_ms", "is not an integer; expected 0 to 86400000" },
	    { "/retry/jitter", "unknown member" });
}

/* As parts of submissions ---------------------------------------------------------------------- */

static void
test_a_submission_has_its_terms_beside_its_arguments(void **state)
{
	struct submission submission;
	struct faults faults;
	struct error error;
	json_t *body = load("{" GOOD ",\"priority\":1,\"delay_ms\":5,\"retry\":{}}");

	(void)state;
	faults_init(&faults);
	submission_init(&submission);
	assert_int_equal(submission_check(&rules, body, &submission, &faults, &error), STATUS_OK);
	assert_int_equal(submission.terms.priority, 1);
	assert_int_equal(submission.terms.run_at_ms, NOW_MS + 5);
	assert_int_equal(submission.terms.max_attempts, 3);
	submission_done(&submission);
	json_decref(body);
}

/* The pointers of all faults of a submission or a batch, in the order of the list. */
static void
assert_pointers(const struct faults *faults, size_t count, const char *const *pointers)
{
	assert_int_equal(faults->count, count);
	for (size_t i = 0; i < count; i++)
		assert_string_equal(faults->list[i].pointer, pointers[i]);
}

static void
test_a_submission_is_told_of_its_terms_beside_everything_else(void **state)
{
	static const char *const pointers[] = { "/Priority", "/type", "/args", "/priority",
		"/retry/x" };
	struct submission submission;
	struct faults faults;
	struct error error = { "" };
	json_t *body = load("{\"type\":\"x\",\"priority\":-1,\"Priority\":1,\"retry\":{\"x\":1}}");

	(void)state;
	faults_init(&faults);
	submission_init(&submission);
	assert_int_equal(
	    submission_check(&rules, body, &submission, &faults, &error), STATUS_INVALID);
	assert_string_equal(error.text, "The submission has 5 faults.");
	assert_pointers(&faults, ARRAY_SIZE(pointers), pointers);
	submission_done(&submission);
	json_decref(body);
}

static void
test_a_batch_names_the_index_of_a_fault(void **state)
{
	static const char *const pointers[] = { "/tasks/1/run_at", "/tasks/3/retry/backoff_ms",
		"/tasks/3/retry/x~0y" };
	struct submission_batch batch;
	struct faults faults;
	struct error error;
	json_t *body =
	    load("{\"tasks\":[{" GOOD "},{" GOOD ",\"run_at\":\"\"},{" GOOD
		 ",\"priority\":0},{" GOOD ",\"retry\":{\"backoff_ms\":-1,\"x~y\":1}}]}");

	(void)state;
	faults_init(&faults);
	submission_batch_init(&batch);
	assert_int_equal(
	    submission_batch_check(&rules, body, &batch, &faults, &error), STATUS_INVALID);
	assert_int_equal(faults.count, 3);
	/* Members of one object come in no particular order. */
	assert_string_equal(faults.list[0].pointer, pointers[0]);
	for (size_t i = 1; i < 3; i++)
		assert_true(strcmp(faults.list[1].pointer, pointers[i]) == 0 ||
			    strcmp(faults.list[2].pointer, pointers[i]) == 0);
	submission_batch_done(&batch);
	json_decref(body);
}

static void
test_a_thousand_with_every_member_have_their_own_terms(void **state)
{
	struct submission_batch batch;
	struct faults faults;
	struct error error;
	struct buf text;
	json_t *body;

	(void)state;
	buf_init(&text, 1 << 20);
	buf_text(&text, "{\"tasks\":[");
	for (int i = 0; i < SUBMISSION_BATCH_MAX; i++)
		buf_printf(&text,
		    "%s{" GOOD ",\"priority\":%d,\"delay_ms\":%d,\"ttl_ms\":%d,\"timeout_ms\":%d,"
		    "\"retry\":{\"max_attempts\":%d,\"backoff_ms\":%d,\"max_backoff_ms\":%d}}",
		    i > 0 ? "," : "", i % 10, i + 1, i + 2, i + 3, i % 100 + 1, i, i + 4);
	buf_text(&text, "]}");
	buf_append(&text, "", 1);
	assert_int_equal(buf_status(&text), STATUS_OK);
	body = load(text.data);
	faults_init(&faults);
	submission_batch_init(&batch);
	assert_int_equal(submission_batch_check(&rules, body, &batch, &faults, &error), STATUS_OK);
	json_decref(body);
	assert_int_equal(batch.count, SUBMISSION_BATCH_MAX);
	for (int i = 0; i < SUBMISSION_BATCH_MAX; i++) {
		const struct task_terms *terms = batch.tasks[i].terms;

		assert_int_equal(terms->priority, i % 10);
		assert_int_equal(terms->run_at_ms, NOW_MS + i + 1);
		assert_int_equal(terms->expires_at_ms, NOW_MS + i + 2);
		assert_int_equal(terms->timeout_ms, i + 3);
		assert_int_equal(terms->max_attempts, i % 100 + 1);
		assert_int_equal(terms->backoff_ms, i);
		assert_int_equal(terms->max_backoff_ms, i + 4);
	}
	submission_batch_done(&batch);
	buf_done(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_not_named_is_as_by_default),
		cmocka_unit_test(test_every_member_at_once),
		cmocka_unit_test(test_a_priority_is_0_to_9),
		cmocka_unit_test(test_a_delay_is_at_most_365_days),
		cmocka_unit_test(
		    test_a_start_is_at_most_365_days_ahead_and_at_once_when_it_has_passed),
		cmocka_unit_test(test_a_time_to_live_is_1_ms_to_366_days),
		cmocka_unit_test(test_a_task_expires_after_now),
		cmocka_unit_test(test_a_task_expires_after_it_may_start_in_whatever_form),
		cmocka_unit_test(test_two_forms_of_the_same_moment_are_a_fault),
		cmocka_unit_test(test_a_time_is_an_rfc_3339_string),
		cmocka_unit_test(test_a_timeout_is_1_ms_to_a_day),
		cmocka_unit_test(test_attempts_are_1_to_100),
		cmocka_unit_test(test_pauses_have_limits),
		cmocka_unit_test(test_the_longest_pause_is_at_least_the_first),
		cmocka_unit_test(test_retry_is_an_object_of_known_members),
		cmocka_unit_test(test_only_integers_are_integers),
		cmocka_unit_test(test_the_largest_integers_are_out_of_range_and_do_not_wrap),
		cmocka_unit_test(test_integers_beyond_64_bits_are_refused_with_their_place),
		cmocka_unit_test(test_every_fault_is_named_at_once),
		cmocka_unit_test(test_a_submission_has_its_terms_beside_its_arguments),
		cmocka_unit_test(test_a_submission_is_told_of_its_terms_beside_everything_else),
		cmocka_unit_test(test_a_batch_names_the_index_of_a_fault),
		cmocka_unit_test(test_a_thousand_with_every_member_have_their_own_terms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
