/* SPDX-License-Identifier: MIT */
/*
 * Idempotency-Key: what is a key and what is none, and what submissions with one are answered, over
 * loopback and a fake queue.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "http/http_idempotency.h"
#include "http_rig.h"

#define A32  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A127 A32 A32 A32 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void
assert_key(const char *value, const char *expected)
{
	char key[IDEMPOTENCY_KEY_MAX + 1];

	if (!idempotency_key_parse(value, key))
		fail_msg("[%s] is refused", value);
	assert_string_equal(key, expected);
}

static void
test_keys_in_quotes_and_without(void **state)
{
	static const char *const same[] = { "k", " k ", "\tk\t", "\"k\"", " \"k\"\t" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(same); i++)
		assert_key(same[i], "k");
	assert_key("8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324");
	assert_key("a b", "a b");
	assert_key("\"a b\"", "a b");
	assert_key("!#$%&'()*+-./09:<=>?@AZ[]^_`az{|}~", "!#$%&'()*+-./09:<=>?@AZ[]^_`az{|}~");
	/* What only quotes can hold. */
	assert_key("\" \"", " ");
	assert_key("\" k \"", " k ");
	assert_key("\"a,b;c\"", "a,b;c");
	assert_key("\"\\\"\"", "\"");
	assert_key("\"\\\\\"", "\\");
	assert_key("\"a\\\\\\\"b\"", "a\\\"b");
}

static void
test_what_is_no_key(void **state)
{
	static const char *const values[] = { "", " ", "\t", "\"\"", "\"", "\"k", "k\"", "\"k\"\"",
		"\"\"k\"", "\"\"\"", "\"k\" x", "x \"k\"", "\"k\";a=1", "\"k\", \"l\"", "k,l",
		"k;a", "a\"b", "a\\b", "\\", "\"\\\"", "\"a\\\"", "\"\\k\"", "\"a\\ \"", "a\tb",
		"\"a\tb\"", "a\x1f", "a\x7f", "\"a\x7f\"", "a\x80", "\"\xc3\xa4\"", "\xc3\xa4" };
	char key[IDEMPOTENCY_KEY_MAX + 1];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		if (idempotency_key_parse(values[i], key))
			fail_msg("[%s] is taken", values[i]);
}

static void
test_keys_at_their_longest_and_one_past(void **state)
{
	char key[IDEMPOTENCY_KEY_MAX + 1];

	(void)state;
	assert_key(A127 "b", A127 "b");
	assert_key("\"" A127 "b\"", A127 "b");
	assert_key("  " A127 "b  ", A127 "b");
	/* What counts are the characters that an escape stands for. */
	assert_key("\"" A127 "\\\"\"", A127 "\"");
	assert_false(idempotency_key_parse(A127 "bc", key));
	assert_false(idempotency_key_parse("\"" A127 "bc\"", key));
	assert_false(idempotency_key_parse("\"" A127 "b\\\"\"", key));
}

/* On the wire ---------------------------------------------------------------------------------- */

#define ONE      "/tasks/submissions"
#define MANY     "/tasks/submissions/batch"
#define BATCH    "{\"tasks\":[" SUBMISSION "," SUBMISSION "]}"
#define REPLAYED "Idempotency-Replayed"

static struct answer *
post(const struct rig *rig, const char *path, const char *fields, const char *body)
{
	char all[600];

	(void)snprintf(all, sizeof(all), "Content-Type: application/json\r\n%s", fields);
	return rig_ask(rig, "POST", path, all, body);
}

static void
assert_problem(struct answer *answer, int status, const char *type)
{
	char text[64];

	assert_int_equal(answer->status, status);
	(void)snprintf(text, sizeof(text), "{\"type\":\"%s\",", type);
	if (strstr(answer->body, text) == NULL)
		fail_msg("%s", answer->body);
	assert_no_field(answer, REPLAYED);
	assert_no_field(answer, "Location");
	answer_free(answer);
}

static void
test_the_queue_gets_the_key_and_what_is_submitted_by_it(void **state)
{
	struct rig *rig = *state;
	struct idempotency first, again, other;
	struct answer *answer = post(rig, ONE, "Idempotency-Key: \"a\\\"b\"\r\n", SUBMISSION);

	assert_int_equal(answer->status, 202);
	assert_no_field(answer, REPLAYED);
	answer_free(answer);
	assert_int_equal(fake_queue_submitted(rig->queue), 1);
	first = fake_queue_last_key(rig->queue);
	assert_string_equal(first.key, "a\"b");
	answer_free(post(rig, ONE, "idempotency-key: c\r\n", SUBMISSION));
	again = fake_queue_last_key(rig->queue);
	assert_string_equal(again.key, "c");
	assert_memory_equal(again.fingerprint, first.fingerprint, sizeof(first.fingerprint));
	/* One byte more, though it means the same. */
	answer_free(post(rig, ONE, "Idempotency-Key: c\r\n", SUBMISSION " "));
	other = fake_queue_last_key(rig->queue);
	assert_memory_not_equal(other.fingerprint, first.fingerprint, sizeof(first.fingerprint));
	answer_free(post(rig, ONE, "", SUBMISSION));
	assert_string_equal(fake_queue_last_key(rig->queue).key, "");
	assert_int_equal(fake_queue_submitted(rig->queue), 4);
}

static void
test_the_fingerprint_is_of_the_path_and_the_body(void **state)
{
	/* printf '/tasks/submissions\0%s' "$body" | sha256sum */
	static const unsigned char expected[4] = { 0x05, 0xec, 0x4b, 0xfc };
	struct rig *rig = *state;
	struct idempotency key;

	answer_free(post(rig, ONE, "Idempotency-Key: a\r\n", "{}"));
	key = fake_queue_last_key(rig->queue);
	assert_memory_equal(key.fingerprint, expected, sizeof(expected));
	answer_free(post(rig, MANY, "Idempotency-Key: a\r\n", "{}"));
	key = fake_queue_last_key(rig->queue);
	assert_memory_not_equal(key.fingerprint, expected, sizeof(expected));
}

static void
test_what_is_known_is_answered_as_it_was_then(void **state)
{
	struct rig *rig = *state;
	struct answer *then, *now;

	then = post(rig, ONE, "Idempotency-Key: a\r\n", SUBMISSION);
	fake_queue_answer_key(rig->queue, IDEMPOTENCY_REPLAYED, IDEMPOTENCY_FRESH, 1);
	/* Neither a full queue nor a body that would be refused now makes a difference. */
	fake_queue_answer(rig->queue, STATUS_BUSY, REFUSAL_QUEUE_FULL, 9);
	for (int i = 0; i < 2; i++) {
		now = post(rig, ONE, "Idempotency-Key: a\r\n", i == 0 ? SUBMISSION : "{");
		assert_int_equal(now->status, 202);
		assert_string_equal(now->body, then->body);
		assert_field(now, "Location", ONE "/" FAKE_QUEUE_ID(0));
		assert_field(now, "Content-Type", "application/json");
		assert_field(now, REPLAYED, "true");
		answer_free(now);
	}
	answer_free(then);
	assert_int_equal(fake_queue_submitted(rig->queue), 1);
	/* A request without the field is what it always was. */
	now = post(rig, ONE, "", SUBMISSION);
	assert_int_equal(now->status, 503);
	answer_free(now);
}

static void
test_a_known_batch_is_answered_with_all_its_ids(void **state)
{
	struct rig *rig = *state;
	struct answer *then = post(rig, MANY, "Idempotency-Key: a\r\n", BATCH), *now;

	fake_queue_answer_key(rig->queue, IDEMPOTENCY_REPLAYED, IDEMPOTENCY_FRESH, 2);
	now = post(rig, MANY, "Idempotency-Key: a\r\n", BATCH);
	assert_int_equal(now->status, 202);
	assert_string_equal(now->body, then->body);
	assert_string_equal(
	    now->body, "{\"ids\":[\"" FAKE_QUEUE_ID(0) "\",\"" FAKE_QUEUE_ID(1) "\"]}\n");
	assert_field(now, REPLAYED, "true");
	assert_no_field(now, "Location");
	answer_free(now);
	answer_free(then);
	assert_int_equal(fake_queue_submitted(rig->queue), 2);
}

/* The lookup finds nothing, and the commit finds one of the same moment. */
static void
test_what_another_submits_meanwhile_is_answered_as_its_own(void **state)
{
	struct rig *rig = *state;
	struct answer *answer;

	fake_queue_answer_key(rig->queue, IDEMPOTENCY_FRESH, IDEMPOTENCY_REPLAYED, 1);
	answer = post(rig, ONE, "Idempotency-Key: a\r\n", SUBMISSION);
	assert_int_equal(answer->status, 202);
	assert_string_equal(answer->body, "{\"id\":\"" FAKE_QUEUE_ID(0) "\"}\n");
	assert_field(answer, "Location", ONE "/" FAKE_QUEUE_ID(0));
	assert_field(answer, REPLAYED, "true");
	answer_free(answer);
	fake_queue_answer_key(rig->queue, IDEMPOTENCY_FRESH, IDEMPOTENCY_REPLAYED, 2);
	answer = post(rig, MANY, "Idempotency-Key: a\r\n", BATCH);
	assert_int_equal(answer->status, 202);
	assert_non_null(strstr(answer->body, FAKE_QUEUE_ID(1)));
	assert_field(answer, REPLAYED, "true");
	answer_free(answer);
	fake_queue_answer_key(rig->queue, IDEMPOTENCY_FRESH, IDEMPOTENCY_MISMATCH, 0);
	assert_problem(post(rig, ONE, "Idempotency-Key: a\r\n", SUBMISSION), 422,
	    "/problems/idempotency-mismatch");
	assert_problem(post(rig, MANY, "Idempotency-Key: a\r\n", BATCH), 422,
	    "/problems/idempotency-mismatch");
	assert_int_equal(fake_queue_submitted(rig->queue), 0);
}

static void
test_something_else_under_the_key_is_422(void **state)
{
	struct rig *rig = *state;

	fake_queue_answer_key(rig->queue, IDEMPOTENCY_MISMATCH, IDEMPOTENCY_FRESH, 0);
	assert_problem(post(rig, ONE, "Idempotency-Key: a\r\n", SUBMISSION), 422,
	    "/problems/idempotency-mismatch");
	assert_problem(post(rig, MANY, "Idempotency-Key: a\r\n", BATCH), 422,
	    "/problems/idempotency-mismatch");
	assert_problem(
	    post(rig, ONE, "Idempotency-Key: a\r\n", "{"), 422, "/problems/idempotency-mismatch");
	assert_int_equal(fake_queue_submitted(rig->queue), 0);
}

static void
test_a_bad_key_or_two_are_400_that_names_the_field(void **state)
{
	static const char *const fields[] = { "Idempotency-Key:\r\n", "Idempotency-Key: a,b\r\n",
		"Idempotency-Key: \"\"\r\n", "Idempotency-Key: " A127 "bc\r\n",
		"Idempotency-Key: a\r\nIdempotency-Key: a\r\n",
		"Idempotency-Key: a\r\nIdempotency-Key:\r\n" };
	struct rig *rig = *state;

	fake_queue_answer_key(rig->queue, IDEMPOTENCY_REPLAYED, IDEMPOTENCY_FRESH, 1);
	for (size_t i = 0; i < 2 * ARRAY_SIZE(fields); i++) {
		struct answer *answer = i % 2 == 0 ? post(rig, ONE, fields[i / 2], SUBMISSION)
						   : post(rig, MANY, fields[i / 2], BATCH);

		assert_non_null(strstr(answer->body, "Idempotency-Key"));
		assert_problem(answer, 400, "/problems/invalid-field");
	}
	assert_int_equal(fake_queue_submitted(rig->queue), 0);
	/* Where nothing is submitted it means nothing. */
	answer_free(rig_get(rig, "/healthz", 200));
	struct answer *answer = rig_ask(rig, "GET", "/tasks/" DONE, fields[1], NULL);
	assert_int_equal(answer->status, 200);
	answer_free(answer);
}

static void
test_a_lookup_that_fails_is_503_or_500_and_nothing_is_submitted(void **state)
{
	struct rig *rig = *state;
	struct answer *answer;

	fake_queue_fail_reads(rig->queue, STATUS_BUSY);
	answer = post(rig, ONE, "Idempotency-Key: a\r\n", SUBMISSION);
	assert_field(answer, "Retry-After", "1");
	assert_problem(answer, 503, "/problems/store-busy");
	fake_queue_fail_reads(rig->queue, STATUS_IO);
	assert_problem(post(rig, MANY, "Idempotency-Key: a\r\n", BATCH), 500, "about:blank");
	answer = post(rig, ONE, "", SUBMISSION);
	assert_int_equal(answer->status, 202);
	answer_free(answer);
	assert_int_equal(fake_queue_submitted(rig->queue), 1);
}

static void
test_what_is_refused_with_a_key_is_refused_as_without(void **state)
{
	struct rig *rig = *state;
	struct answer *answer;

	assert_problem(
	    post(rig, ONE, "Idempotency-Key: a\r\n", "{"), 400, "/problems/invalid-json");
	assert_problem(
	    post(rig, ONE, "Idempotency-Key: a\r\n", "{}"), 400, "/problems/invalid-submission");
	fake_queue_answer(rig->queue, STATUS_BUSY, REFUSAL_DRAINING, 9);
	answer = post(rig, ONE, "Idempotency-Key: a\r\n", SUBMISSION);
	assert_field(answer, "Retry-After", "9");
	assert_problem(answer, 503, "/problems/draining");
	fake_queue_answer(rig->queue, STATUS_UNKNOWN, REFUSAL_NONE, 0);
	assert_null(post(rig, ONE, "Idempotency-Key: a\r\n", SUBMISSION));
}

int
main(void)
{
#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys_in_quotes_and_without),
		cmocka_unit_test(test_what_is_no_key),
		cmocka_unit_test(test_keys_at_their_longest_and_one_past),
		WITH_RIG(test_the_queue_gets_the_key_and_what_is_submitted_by_it),
		WITH_RIG(test_the_fingerprint_is_of_the_path_and_the_body),
		WITH_RIG(test_what_is_known_is_answered_as_it_was_then),
		WITH_RIG(test_a_known_batch_is_answered_with_all_its_ids),
		WITH_RIG(test_what_another_submits_meanwhile_is_answered_as_its_own),
		WITH_RIG(test_something_else_under_the_key_is_422),
		WITH_RIG(test_a_bad_key_or_two_are_400_that_names_the_field),
		WITH_RIG(test_a_lookup_that_fails_is_503_or_500_and_nothing_is_submitted),
		WITH_RIG(test_what_is_refused_with_a_key_is_refused_as_without),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
