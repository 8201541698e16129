/* SPDX-License-Identifier: MIT */
/* The kind "factorial": what it accepts, how it names what it does not, and how a run ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <pthread.h>
#include <sched.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "kinds/factorial/factorial.h"
#include "kinds/factorial/factorial_kind.h"
#include "kinds/kind_settings.h"

static const struct kind_settings settings = { .factorial = { .n_max = 1000 } };

struct checked {
	struct faults faults;
	char args[256]; /* the normalised arguments, "" when there are none */
};

static void
check(const char *json, struct checked *ret_checked)
{
	json_error_t error;
	json_t *args = json_loads(json, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
	struct buf buf;

	assert_non_null(args);
	buf_init(&buf, sizeof(ret_checked->args) - 1);
	faults_init(&ret_checked->faults);
	kind_factorial.check_args(&settings, args, &ret_checked->faults, &buf);
	assert_int_equal(buf_status(&buf), STATUS_OK);
	snprintf(
	    ret_checked->args, sizeof(ret_checked->args), "%s", buf.data == NULL ? "" : buf.data);
	buf_done(&buf);
	json_decref(args);
}

static void
assert_accepts(const char *json, const char *normalised)
{
	struct checked checked;

	check(json, &checked);
	if (checked.faults.count != 0)
		fail_msg("%s: %s", json, checked.faults.list[0].detail);
	assert_string_equal(checked.args, normalised);
}

static void
assert_refuses(const char *json, const char *pointer, const char *part_of_detail)
{
	struct checked checked;

	check(json, &checked);
	assert_int_equal(checked.faults.count, 1);
	assert_string_equal(checked.args, "");
	assert_string_equal(checked.faults.list[0].pointer, pointer);
	if (strstr(checked.faults.list[0].detail, part_of_detail) == NULL)
		fail_msg("%s: %s", json, checked.faults.list[0].detail);
}

static void
test_a_decimal_string_and_an_integer_mean_the_same(void **state)
{
	(void)state;
	assert_accepts("{\"n\": \"50\"}", "{\"n\":\"50\"}");
	assert_accepts("{\"n\": 50}", "{\"n\":\"50\"}");
	assert_accepts("{\"n\": \"0\"}", "{\"n\":\"0\"}");
	assert_accepts("{\"n\": 0}", "{\"n\":\"0\"}");
	assert_accepts("{\"n\": -0}", "{\"n\":\"0\"}");
	assert_accepts("{\"n\": \"\\u0035\"}", "{\"n\":\"5\"}");
}

static void
test_n_is_accepted_up_to_the_setting_and_not_one_past(void **state)
{
	(void)state;
	assert_accepts("{\"n\": \"1000\"}", "{\"n\":\"1000\"}");
	assert_accepts("{\"n\": 1000}", "{\"n\":\"1000\"}");
	assert_refuses("{\"n\": \"1001\"}", "/args/n", "found \"1001\", expected at most 1000");
	assert_refuses("{\"n\": 1001}", "/args/n", "found 1001, expected 0 to 1000");
	assert_refuses("{\"n\": 9223372036854775807}", "/args/n", "found 9223372036854775807");
	assert_refuses("{\"n\": \"18446744073709551616\"}", "/args/n", "expected at most 1000");
}

static void
test_every_other_spelling_of_a_number_is_refused_and_quoted(void **state)
{
	static const char *const texts[] = { "", "-1", "+1", " 1", "1 ", "01", "00", "1.0", "1e2",
		"0x10", "1_0", "ten", "1,0" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		char json[64], found[64];

		snprintf(json, sizeof(json), "{\"n\": \"%s\"}", texts[i]);
		snprintf(found, sizeof(found), "found \"%s\", expected decimal digits", texts[i]);
		assert_refuses(json, "/args/n", found);
	}
	assert_refuses("{\"n\": \"1\\u00002\"}", "/args/n", "found \"1");
	assert_refuses("{\"n\": \"\\u0661\"}", "/args/n", "found \"\xd9\xa1\"");
	assert_refuses("{\"n\": \"1\\n\"}", "/args/n", "found \"1?\"");
	assert_refuses("{\"n\": -1}", "/args/n", "found -1, expected 0 to 1000");
}

static void
test_every_other_type_is_refused_and_named(void **state)
{
	(void)state;
	assert_refuses("{\"n\": 1.0}", "/args/n", "found a number with a fraction or an exponent");
	assert_refuses("{\"n\": 1e2}", "/args/n", "found a number with a fraction or an exponent");
	assert_refuses("{\"n\": true}", "/args/n", "found true");
	assert_refuses("{\"n\": false}", "/args/n", "found false");
	assert_refuses("{\"n\": null}", "/args/n", "found null");
	assert_refuses("{\"n\": []}", "/args/n", "found an array");
	assert_refuses("{\"n\": {}}", "/args/n", "found an object");
	assert_refuses("{}", "/args/n", "missing");
}

static void
test_arguments_that_are_no_object_are_refused(void **state)
{
	(void)state;
	assert_refuses("[]", "/args", "found an array, expected an object");
	assert_refuses("\"50\"", "/args", "found a string, expected an object");
	assert_refuses("50", "/args", "found an integer, expected an object");
	assert_refuses("null", "/args", "found null, expected an object");
}

static void
test_every_fault_is_named_at_once(void **state)
{
	struct checked checked;
	bool has_seen[3] = { false, false, false };

	(void)state;
	check("{\"n\": -5, \"m/\": 1, \"N\": 2}", &checked);
	assert_int_equal(checked.faults.count, 3);
	assert_string_equal(checked.args, "");
	for (size_t i = 0; i < 3; i++) {
		const char *pointer = checked.faults.list[i].pointer;

		has_seen[0] |= strcmp(pointer, "/args/n") == 0;
		has_seen[1] |= strcmp(pointer, "/args/m~1") == 0;
		has_seen[2] |= strcmp(pointer, "/args/N") == 0;
	}
	assert_true(has_seen[0] && has_seen[1] && has_seen[2]);
	assert_refuses("{\"n\": 5, \"m\": 1}", "/args/m", "unknown member");
}

static void
test_a_long_wrong_value_is_quoted_in_part(void **state)
{
	char json[400];

	(void)state;
	memset(json, '9', 307);
	memcpy(json, "{\"n\": \"", 7);
	memcpy(json + 307, "\"}", 3);
	assert_refuses(json, "/args/n", "9999...\", expected at most 1000");
	json[306] = 'x';
	assert_refuses(json, "/args/n", "9999...\", expected decimal digits");
}

static void
test_settings_up_to_the_arithmetics_limit_are_accepted(void **state)
{
	struct kind_settings other = { .factorial = { .n_max = FACTORIAL_N_LIMIT } };
	struct error error = { "" };

	(void)state;
	assert_int_equal(kind_factorial.check_settings(&other, &error), STATUS_OK);
	other.factorial.n_max++;
	assert_int_equal(kind_factorial.check_settings(&other, &error), STATUS_INVALID);
	assert_non_null(strstr(error.text, "factorial-max-n"));
}

static const struct kind_settings large = { .factorial = { .n_max = FACTORIAL_N_LIMIT } };

/* A run of the given stored arguments. */
struct ran {
	struct output_conf conf;
	atomic_bool stop;
	struct run run;
};

static void
ran_begin(struct ran *ran, const char *args, size_t memory_max_bytes)
{
	memset(ran, 0, sizeof(*ran));
	ran->conf = (struct output_conf){
		.spill_dir = "/nonexistent", .run_name = "run", .memory_max_bytes = memory_max_bytes
	};
	ran->run.task.args = strdup(args);
	ran->run.task.args_size = strlen(args);
	ran->run.stop = &ran->stop;
	output_init(&ran->run.output, &ran->conf);
	outcome_init(&ran->run.outcome);
	run_begin(&ran->run);
}

static void
ran_done(struct ran *ran)
{
	task_done(&ran->run.task);
	output_done(&ran->run.output);
	outcome_done(&ran->run.outcome);
}

static void
test_a_run_writes_the_digits_and_succeeds(void **state)
{
	static const char digits[] =
	    "30414093201713378043612608166064768844377641568960512000000000000";
	struct ran ran;

	(void)state;
	ran_begin(&ran, "{\"n\":\"50\"}", 1000);
	kind_factorial.run(&settings, &ran.run);
	assert_int_equal(ran.run.outcome.verdict, VERDICT_SUCCEEDED);
	assert_string_equal(ran.run.outcome.media_type, "text/plain; charset=utf-8");
	assert_int_equal(ran.run.output.bytes, sizeof(digits) - 1);
	assert_memory_equal(ran.run.output.memory.data, digits, sizeof(digits) - 1);
	assert_true(output_is_utf8(&ran.run.output));
	ran_done(&ran);
}

static void
test_a_run_of_some_length_notes_its_progress(void **state)
{
	struct ran ran;

	(void)state;
	ran_begin(&ran, "{\"n\":\"20000\"}", 100000);
	kind_factorial.run(&large, &ran.run);
	assert_int_equal(ran.run.outcome.verdict, VERDICT_SUCCEEDED);
	assert_in_range(run_progress_now(&ran.run), 750, 999);
	ran_done(&ran);
	ran_begin(&ran, "{\"n\":\"150\"}", 1000);
	kind_factorial.run(&settings, &ran.run);
	assert_int_equal(run_progress_now(&ran.run), -1);
	ran_done(&ran);
}

static void
test_stored_arguments_that_do_not_hold_any_more_fail(void **state)
{
	static const char *const stored[] = { "{\"n\":\"1001\"}", "{}", "[]", "{\"n\":\"1\"", "",
		"{\"n\":\"1\",\"n\":\"2\"}", "{\"n\":\"1\",\"x\":2}" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(stored); i++) {
		struct ran ran;

		ran_begin(&ran, stored[i], 1000);
		kind_factorial.run(&settings, &ran.run);
		assert_int_equal(ran.run.outcome.verdict, VERDICT_FAILED);
		assert_int_equal(ran.run.outcome.failure, FAILURE_INVALID_ARGUMENT);
		assert_memory_equal(ran.run.outcome.message, "The stored arguments are not", 28);
		assert_int_equal(ran.run.output.bytes, 0);
		ran_done(&ran);
	}
}

static void
test_an_output_that_cannot_be_written_fails_as_storage(void **state)
{
	struct ran ran;

	(void)state;
	ran_begin(&ran, "{\"n\":\"50\"}", 64); /* one byte short of the result */
	kind_factorial.run(&settings, &ran.run);
	assert_int_equal(ran.run.outcome.verdict, VERDICT_FAILED);
	assert_int_equal(ran.run.outcome.failure, FAILURE_STORAGE);
	assert_non_null(strstr(ran.run.outcome.message, "No such file or directory"));
	ran_done(&ran);
}

/* Just enough for 1,000,000, in whole MiB, and one MiB less. */
static void
test_what_takes_more_memory_than_there_is_is_refused(void **state)
{
	struct kind_settings limited = { .factorial = { .n_max = FACTORIAL_N_LIMIT } };
	uint64_t mib = (factorial_bytes(1000000) >> 20) + 1;
	struct faults faults;
	struct buf args;
	json_t *value;

	(void)state;
	for (uint64_t less = 0; less < 2; less++) {
		for (int is_string = 0; is_string < 2; is_string++) {
			limited.cpu_memory_max_bytes = (mib - less) << 20;
			value = is_string ? json_pack("{s:s}", "n", "1000000")
					  : json_pack("{s:i}", "n", 1000000);
			assert_non_null(value);
			faults_init(&faults);
			buf_init(&args, 100);
			kind_factorial.check_args(&limited, value, &faults, &args);
			json_decref(value);
			assert_int_equal(faults.count, less);
			if (less > 0) {
				assert_string_equal(faults.list[0].pointer, "/args/n");
				assert_non_null(strstr(faults.list[0].detail,
				    "1000000, which takes 14 MiB of memory to compute"));
				assert_non_null(strstr(faults.list[0].detail, "at most 13 MiB"));
			}
			buf_done(&args);
		}
	}
}

static void
test_a_stored_task_that_takes_more_memory_than_there_is_now_fails(void **state)
{
	static const struct kind_settings limited = { .factorial = { .n_max = FACTORIAL_N_LIMIT },
		.cpu_memory_max_bytes = 13 << 20 };
	struct ran ran;

	(void)state;
	ran_begin(&ran, "{\"n\":\"1000000\"}", 1000);
	kind_factorial.run(&limited, &ran.run);
	assert_int_equal(ran.run.outcome.verdict, VERDICT_FAILED);
	assert_int_equal(ran.run.outcome.failure, FAILURE_INVALID_ARGUMENT);
	assert_non_null(strstr(ran.run.outcome.message, "MiB"));
	ran_done(&ran);
}

static uint64_t
memory_bytes(const struct kind_settings *limits, const char *args)
{
	return kind_factorial.memory_bytes(limits, args, args != NULL ? strlen(args) : 0);
}

static void
test_the_memory_of_a_run_is_that_of_its_arithmetic(void **state)
{
	static const struct kind_settings million = { .factorial = { .n_max = 1000000 } };

	(void)state;
	assert_int_equal(memory_bytes(&million, NULL), factorial_bytes(1000000));
	assert_int_equal(memory_bytes(&million, "{\"n\":\"200\"}"), 0);
	assert_int_equal(memory_bytes(&million, "{\"n\":\"201\"}"), factorial_bytes(201));
	assert_int_equal(memory_bytes(&million, "{\"n\":\"1000000\"}"), factorial_bytes(1000000));
	/* What no run would compute. */
	assert_int_equal(memory_bytes(&million, "{\"n\":\"100000001\"}"), 0);
	assert_int_equal(memory_bytes(&million, "{\"n\":1000}"), 0);
	assert_int_equal(memory_bytes(&million, ""), 0);
}

/* More than any test has time for: only its word ends such a run. */
#define ENDLESS "{\"n\":\"100000000\"}"

static void *
run_main(void *arg)
{
	struct ran *ran = arg;

	kind_factorial.run(&large, &ran->run);
	return NULL;
}

/* Until the thread has computed for 20 ms, which a run does only in the midst of its work. */
static void
await_computing(pthread_t thread)
{
	clockid_t clock;
	struct timespec used = { 0 };

	assert_int_equal(pthread_getcpuclockid(thread, &clock), 0);
	while (used.tv_sec == 0 && used.tv_nsec < 20000000) {
		(void)sched_yield();
		assert_int_equal(clock_gettime(clock, &used), 0);
	}
}

static void
run_and_end(struct ran *ran, atomic_bool *flag)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, run_main, ran), 0);
	await_computing(thread);
	atomic_store(flag, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(ran->run.output.bytes, 0);
}

static void
assert_handed_back(const struct ran *ran)
{
	assert_int_equal(ran->run.outcome.verdict, VERDICT_RELEASED);
	assert_int_equal(ran->run.outcome.failure, FAILURE_NONE);
	assert_string_equal(ran->run.outcome.message, "");
}

/* Another attempt would compute the same for as long. */
static void
assert_failed_for_good(const struct ran *ran, enum failure failure)
{
	assert_int_equal(ran->run.outcome.verdict, VERDICT_FAILED);
	assert_int_equal(ran->run.outcome.failure, failure);
	assert_false(ran->run.outcome.may_be_mended);
	assert_int_equal(ran->run.output.bytes, 0);
}

static void
test_a_run_that_is_ended_before_it_computes_writes_nothing(void **state)
{
	static const char *const stored[] = { "{\"n\":\"0\"}", "{\"n\":\"200\"}", "{\"n\":\"201\"}",
		"{\"n\":\"1000\"}" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(stored); i++) {
		struct ran ran;

		ran_begin(&ran, stored[i], 10000);
		atomic_store(&ran.stop, true);
		kind_factorial.run(&settings, &ran.run);
		assert_handed_back(&ran);
		/* Whoever cancels it has the last word. */
		atomic_store(&ran.run.is_cancelled, true);
		kind_factorial.run(&settings, &ran.run);
		assert_failed_for_good(&ran, FAILURE_CANCELLED);
		ran_done(&ran);
	}
}

static void
test_a_run_is_handed_back_in_the_midst_of_its_work(void **state)
{
	struct ran ran;

	(void)state;
	ran_begin(&ran, ENDLESS, 10000);
	run_and_end(&ran, &ran.stop);
	assert_handed_back(&ran);
	ran_done(&ran);
}

static void
test_a_run_is_cancelled_in_the_midst_of_its_work(void **state)
{
	struct ran ran;

	(void)state;
	ran_begin(&ran, ENDLESS, 10000);
	run_and_end(&ran, &ran.run.is_cancelled);
	assert_failed_for_good(&ran, FAILURE_CANCELLED);
	ran_done(&ran);
}

static void
test_a_run_that_is_out_of_time_fails_and_is_not_worth_another_attempt(void **state)
{
	struct ran ran;

	(void)state;
	ran_begin(&ran, ENDLESS, 10000);
	ran.run.task.terms.timeout_ms = 30;
	run_begin(&ran.run);
	kind_factorial.run(&large, &ran.run);
	assert_failed_for_good(&ran, FAILURE_TIMEOUT);
	assert_non_null(strstr(ran.run.outcome.message, "30 ms"));
	assert_true(clock_mono_us() >= ran.run.deadline_mono_us);
	ran_done(&ran);
}

static void
test_a_run_within_its_time_succeeds(void **state)
{
	struct ran ran;

	(void)state;
	ran_begin(&ran, "{\"n\":\"1000\"}", 10000);
	ran.run.task.terms.timeout_ms = 600000;
	run_begin(&ran.run);
	kind_factorial.run(&settings, &ran.run);
	assert_int_equal(ran.run.outcome.verdict, VERDICT_SUCCEEDED);
	assert_int_equal(ran.run.output.bytes, 2568);
	ran_done(&ran);
}

static bool
answer(const struct kind_settings *limits, const char *args, struct task_ended *ret_ended)
{
	return kind_factorial.answer(limits, args, strlen(args), ret_ended);
}

static void
assert_not_answered(const char *args)
{
	struct task_ended ended;

	if (answer(&settings, args, &ended))
		fail_msg("answered: %s", args);
}

static void
test_an_answer_is_what_a_run_gives(void **state)
{
	static const int numbers[] = { 0, 1, 2, 50, 99, 100, 199, 200 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		struct task_ended ended;
		struct ran ran;
		char args[32];

		snprintf(args, sizeof(args), "{\"n\":\"%d\"}", numbers[i]);
		ran_begin(&ran, args, 1000);
		kind_factorial.run(&settings, &ran.run);
		assert_int_equal(ran.run.outcome.verdict, VERDICT_SUCCEEDED);
		assert_true(answer(&settings, args, &ended));
		assert_string_equal(ended.media_type, ran.run.outcome.media_type);
		assert_int_equal(ended.content_size, ran.run.output.memory.size);
		assert_memory_equal(ended.content, ran.run.output.memory.data, ended.content_size);
		assert_int_equal(ended.is_utf8, output_is_utf8(&ran.run.output));
		ran_done(&ran);
	}
}

static void
test_what_has_to_be_computed_is_not_answered(void **state)
{
	(void)state;
	assert_not_answered("{\"n\":\"201\"}");
	assert_not_answered("{\"n\":\"1000\"}");
	assert_not_answered("{\"n\":\"1001\"}");
	assert_not_answered("{\"n\":\"18446744073709551615\"}");
	assert_not_answered("{\"n\":\"18446744073709551616\"}");
}

static void
test_what_is_over_the_setting_is_not_answered(void **state)
{
	static const struct kind_settings lower = { .factorial = { .n_max = 100 } };
	struct task_ended ended;

	(void)state;
	assert_false(answer(&lower, "{\"n\":\"101\"}", &ended));
	assert_true(answer(&lower, "{\"n\":\"100\"}", &ended));
	assert_int_equal(ended.content_size, 158);
}

/* A run reads them by the rules of JSON, or fails them. */
static void
test_arguments_in_any_other_spelling_are_not_answered(void **state)
{
	static const char *const stored[] = { "{\"n\":50}", "{\"n\": \"50\"}", "{ \"n\":\"50\"}",
		" {\"n\":\"50\"}", "{\"n\":\"50\"} ", "{\"n\":\"50\" }", "{\"n\":\" 50\"}",
		"{\"n\":\"50 \"}", "{\"n\":\"\"}", "{\"n\":\"}", "{\"n\":", "{\"n\":\"", "{\"",
		"{}", "", "\"}", "{\"n\":\"1234567890123456789012345\"}",
		"{\"n\":\"0000000000000000000000050\"}", "{\"n\":\"050\"}", "{\"n\":\"+50\"}",
		"{\"n\":\"-0\"}", "{\"n\":\"0x10\"}", "{\"n\":\"5\\u0030\"}",
		"{\"n\":\"50\",\"m\":\"\"}", "{\"n\":\"50\",\"n\":\"50\"}", "{\"N\":\"50\"}",
		"{\"m\":\"50\"}", "[\"n\",\"50\"]", "{\"n\":\"50\"", "{\"n\":\"50}" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(stored); i++)
		assert_not_answered(stored[i]);
}

/* Where the arguments end is told by their size, not by what lies behind. */
static void
test_an_answer_reads_no_further_than_the_arguments(void **state)
{
	static const char args[] = "{\"n\":\"50\"}0\"}";
	struct task_ended ended;

	(void)state;
	assert_true(kind_factorial.answer(&settings, args, strlen("{\"n\":\"50\"}"), &ended));
	assert_int_equal(ended.content_size, 65);
	assert_false(kind_factorial.answer(&settings, args, strlen("{\"n\":\"50\""), &ended));
}

static void
test_the_kind_is_a_cpu_kind_with_an_integer_result(void **state)
{
	(void)state;
	assert_string_equal(kind_factorial.type, "factorial");
	assert_int_equal(kind_factorial.lane, LANE_CPU);
	assert_int_equal(kind_factorial.result_form, RESULT_INTEGER);
	assert_null(kind_factorial.engine);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_decimal_string_and_an_integer_mean_the_same),
		cmocka_unit_test(test_n_is_accepted_up_to_the_setting_and_not_one_past),
		cmocka_unit_test(test_every_other_spelling_of_a_number_is_refused_and_quoted),
		cmocka_unit_test(test_every_other_type_is_refused_and_named),
		cmocka_unit_test(test_arguments_that_are_no_object_are_refused),
		cmocka_unit_test(test_every_fault_is_named_at_once),
		cmocka_unit_test(test_a_long_wrong_value_is_quoted_in_part),
		cmocka_unit_test(test_settings_up_to_the_arithmetics_limit_are_accepted),
		cmocka_unit_test(test_a_run_writes_the_digits_and_succeeds),
		cmocka_unit_test(test_a_run_of_some_length_notes_its_progress),
		cmocka_unit_test(test_stored_arguments_that_do_not_hold_any_more_fail),
		cmocka_unit_test(test_an_output_that_cannot_be_written_fails_as_storage),
		cmocka_unit_test(test_what_takes_more_memory_than_there_is_is_refused),
		cmocka_unit_test(test_a_stored_task_that_takes_more_memory_than_there_is_now_fails),
		cmocka_unit_test(test_the_memory_of_a_run_is_that_of_its_arithmetic),
		cmocka_unit_test(test_a_run_that_is_ended_before_it_computes_writes_nothing),
		cmocka_unit_test(test_a_run_is_handed_back_in_the_midst_of_its_work),
		cmocka_unit_test(test_a_run_is_cancelled_in_the_midst_of_its_work),
		cmocka_unit_test(
		    test_a_run_that_is_out_of_time_fails_and_is_not_worth_another_attempt),
		cmocka_unit_test(test_a_run_within_its_time_succeeds),
		cmocka_unit_test(test_an_answer_is_what_a_run_gives),
		cmocka_unit_test(test_what_has_to_be_computed_is_not_answered),
		cmocka_unit_test(test_what_is_over_the_setting_is_not_answered),
		cmocka_unit_test(test_arguments_in_any_other_spelling_are_not_answered),
		cmocka_unit_test(test_an_answer_reads_no_further_than_the_arguments),
		cmocka_unit_test(test_the_kind_is_a_cpu_kind_with_an_integer_result),
	};

	return cmocka_run_group_tests_name("factorial_kind", tests, NULL, NULL);
}
