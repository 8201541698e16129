/* SPDX-License-Identifier: MIT */
/*
 * The kind "factorial": {"n": "50"} in, the decimal digits of n! out. check_args runs in connection
 * threads, run in the executors of the CPU lane. Must not compute: factorial.h does.
 */
#include "kinds/factorial/factorial_kind.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <stddef.h>
#include <string.h>

#include "base/compiler.h"
#include "base/num.h"
#include "base/scratch.h"
#include "kinds/factorial/factorial.h"
#include "kinds/factorial/small_factorials.h"
#include "kinds/kind_settings.h"

#define MEDIA_TYPE      "text/plain; charset=utf-8"
#define FOUND_BYTES_MAX 40 /* of a wrong value, quoted back */
#define MIB             ((uint64_t)1 << 20)

static const char *const member_names[] = { "n" };

/* Reads the digits of "n" in a string; notes a fault and returns false unless they are a number. */
static bool
read_digits(const json_t *value, uint64_t n_max, struct faults *faults, uint64_t *ret_n)
{
	const char *text = json_string_value(value);
	size_t size = json_string_length(value);
	int shown = (int)(size < FOUND_BYTES_MAX ? size : FOUND_BYTES_MAX);
	const char *more = size > FOUND_BYTES_MAX ? "..." : "";
	uint64_t n;
	enum status status = num_parse_u64(text, size, &n);

	if (status == STATUS_OK && n <= n_max) {
		*ret_n = n;
		return true;
	}
	if (status == STATUS_INVALID)
		faults_add(faults, "/args", "n",
		    "found \"%.*s%s\", expected decimal digits without sign, spaces or leading zeros, "
		    "0 to %" PRIu64,
		    shown, text, more, n_max);
	else
		faults_add(faults, "/args", "n", "found \"%.*s%s\", expected at most %" PRIu64,
		    shown, text, more, n_max);
	return false;
}

/* Notes a fault where the memory that n takes is more than all factorials may have. */
static void
check_memory(const struct kind_settings *settings, uint64_t n, struct faults *faults)
{
	uint64_t bytes = factorial_bytes(n);
	uint64_t bytes_max = settings->cpu_memory_max_bytes;

	if (bytes_max > 0 && bytes > bytes_max)
		faults_add(faults, "/args", "n",
		    "found %" PRIu64 ", which takes %" PRIu64
		    " MiB of memory to compute, expected one "
		    "that takes at most %" PRIu64 " MiB",
		    n, bytes / MIB + 1, bytes_max / MIB);
}

/* Reads the arguments; false when a fault was noted. */
static bool
read_args(const struct kind_settings *settings, const json_t *args, struct faults *faults,
    uint64_t *ret_n)
{
	uint64_t n_max = settings->factorial.n_max;
	size_t faults_before = faults->count;
	const json_t *value;
	uint64_t n = 0;

	if (!json_is_object(args)) {
		faults_add(faults, "/args", NULL,
		    "found %s, expected an object with the member \"n\"",
		    kinds_json_type_name(args));
		return false;
	}
	value = json_object_get(args, "n");
	if (value == NULL) {
		faults_add(faults, "/args", "n",
		    "missing, expected a decimal string or an integer, 0 to %" PRIu64, n_max);
	} else if (json_is_string(value)) {
		(void)read_digits(value, n_max, faults, &n);
	} else if (!json_is_integer(value)) {
		faults_add(faults, "/args", "n",
		    "found %s, expected a decimal string or an integer, 0 to %" PRIu64,
		    kinds_json_type_name(value), n_max);
	} else if (json_integer_value(value) < 0 || (uint64_t)json_integer_value(value) > n_max) {
		faults_add(faults, "/args", "n",
		    "found %" JSON_INTEGER_FORMAT ", expected 0 to %" PRIu64,
		    json_integer_value(value), n_max);
	} else {
		n = (uint64_t)json_integer_value(value);
	}
	if (faults->count == faults_before)
		check_memory(settings, n, faults);
	kinds_check_member_names(args, "/args", member_names, ARRAY_SIZE(member_names), faults);
	if (faults->count != faults_before)
		return false;
	*ret_n = n;
	return true;
}

static enum status
factorial_check_settings(const struct kind_settings *settings, struct error *error)
{
	if (settings->factorial.n_max > FACTORIAL_N_LIMIT)
		return error_set(error, STATUS_INVALID,
		    "factorial-max-n: found %" PRIu64 ", expected at most %d",
		    settings->factorial.n_max, FACTORIAL_N_LIMIT);
	return STATUS_OK;
}

static void
factorial_check_args(const struct kind_settings *settings, const json_t *args,
    struct faults *faults, struct buf *ret_args)
{
	uint64_t n;

	if (read_args(settings, args, faults, &n))
		buf_printf(ret_args, "{\"n\":\"%" PRIu64 "\"}", n);
}

/* Reads the stored arguments; false when the outcome says why not. */
static bool
read_stored_args(const struct kind_settings *settings, struct run *run, uint64_t *ret_n)
{
	_Alignas(max_align_t) char scratch[2048]; /* for jansson */
	struct faults faults;
	json_error_t error;
	bool is_read = false;
	json_t *args;

	scratch_begin(scratch, sizeof(scratch));
	args = json_loadb(run->task.args, run->task.args_size, JSON_REJECT_DUPLICATES, &error);
	if (args == NULL) {
		if (json_error_code(&error) == json_error_out_of_memory)
			outcome_fail(&run->outcome, FAILURE_OUT_OF_MEMORY,
			    "Not enough memory to read the arguments");
		else
			outcome_fail(&run->outcome, FAILURE_INVALID_ARGUMENT,
			    "The stored arguments are not JSON: %s", error.text);
		goto out;
	}
	faults_init(&faults);
	is_read = read_args(settings, args, &faults, ret_n);
	if (!is_read)
		outcome_fail(&run->outcome, FAILURE_INVALID_ARGUMENT,
		    "The stored arguments are not acceptable: %s: %s", faults.list[0].pointer,
		    faults.list[0].detail);
out:
	json_decref(args);
	scratch_end();
	return is_read;
}

/* Large results go to disk as they come: what is left in the end would hold up other tasks. */
static enum status
write_output(void *context, const char *digits, size_t size, struct error *error)
{
	enum status status = output_write(context, digits, size, error);

	return status == STATUS_OK ? output_settle(context, error) : status;
}

static void
note_failure(struct outcome *outcome, enum status status, const struct error *error)
{
	switch (status) {
	case STATUS_FULL: /* again, when there is space */
		outcome->verdict = VERDICT_RELEASED;
		return;
	case STATUS_NOMEM:
		outcome_fail(outcome, FAILURE_OUT_OF_MEMORY, "Out of memory: %s", error->text);
		return;
	case STATUS_IO:
		outcome_fail(
		    outcome, FAILURE_STORAGE, "The result could not be stored: %s", error->text);
		return;
	case STATUS_INVALID:
		outcome_fail(
		    outcome, FAILURE_INVALID_ARGUMENT, "Invalid argument: %s", error->text);
		return;
	case STATUS_OK:
	case STATUS_NOT_FOUND:
	case STATUS_CONFLICT:
	case STATUS_BUSY:
	case STATUS_TIMEOUT:
	case STATUS_UNKNOWN:
	case STATUS_CORRUPT:
	case STATUS_INTERNAL:
	case STATUS_CANCELLED: /* see factorial_run */
		break;
	}
	outcome_fail(outcome, FAILURE_INTERNAL, "Internal error: %s", error->text);
}

/* The word on a run as the arithmetic was told it: it ends by the one that it has heard. */
struct heard {
	struct run *run;
	enum run_word word;
};

static bool
is_to_stop(void *context)
{
	struct heard *heard = context;

	heard->word = run_word(heard->run);
	return heard->word != RUN_GO_ON;
}

static void
note_progress(void *context, uint64_t done, uint64_t total)
{
	const struct heard *heard = context;

	run_progress(heard->run, done, total);
}

static void
factorial_run(const struct kind_settings *settings, struct run *run)
{
	struct heard heard = { .run = run, .word = RUN_GO_ON };
	const struct effort_watch watch = {
		.is_to_stop = is_to_stop, .progress = note_progress, .context = &heard
	};
	const struct digit_sink sink = { .write = write_output, .context = &run->output };
	struct error error = { "" };
	enum status status;
	uint64_t n;

	if (!read_stored_args(settings, run, &n))
		return;
	status = factorial_decimal(n, &watch, &sink, &error);
	if (heard.word != RUN_GO_ON) {
		run_end_early(run, heard.word);
		/* The same digits would take the same time again. */
		run->outcome.may_be_mended = false;
	} else if (status == STATUS_OK) {
		outcome_succeed(&run->outcome, MEDIA_TYPE);
	} else {
		note_failure(&run->outcome, status, &error);
	}
}

/* Reads arguments that are stored exactly as factorial_check_args writes them. */
static bool
read_normalised(const char *args, size_t size, uint64_t *ret_n)
{
	static const char before[] = "{\"n\":\"", after[] = "\"}";
	size_t around = sizeof(before) - 1 + sizeof(after) - 1;

	return size > around && memcmp(args, before, sizeof(before) - 1) == 0 &&
	       memcmp(args + size - (sizeof(after) - 1), after, sizeof(after) - 1) == 0 &&
	       num_parse_u64(args + sizeof(before) - 1, size - around, ret_n) == STATUS_OK;
}

static uint64_t
factorial_memory_bytes(const struct kind_settings *settings, const char *args, size_t args_size)
{
	uint64_t n = settings->factorial.n_max;

	/* Arguments that are no number compute nothing. */
	if (args != NULL && !read_normalised(args, args_size, &n))
		return 0;
	return n <= FACTORIAL_N_LIMIT ? factorial_bytes(n) : 0;
}

static bool
factorial_answer(const struct kind_settings *settings, const char *args, size_t args_size,
    struct task_ended *ret_ended)
{
	const char *digits;
	size_t size;
	uint64_t n;

	if (!read_normalised(args, args_size, &n) || n > settings->factorial.n_max)
		return false;
	digits = small_factorials_digits(n, &size);
	if (digits == NULL)
		return false;
	*ret_ended = (struct task_ended){
		.media_type = MEDIA_TYPE,
		.content = digits,
		.content_size = size,
		.is_utf8 = true,
	};
	return true;
}

enum status
factorial_setup(struct error *error)
{
	/* Without the handler at exit: it would free under threads that still compute then. */
	if (!OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL))
		return error_set(error, STATUS_INTERNAL, "libcrypto cannot be initialised");
	return STATUS_OK;
}

const struct kind kind_factorial = {
	.type = "factorial",
	.lane = LANE_CPU,
	.result_form = RESULT_INTEGER,
	.check_settings = factorial_check_settings,
	.check_args = factorial_check_args,
	.run = factorial_run,
	.memory_bytes = factorial_memory_bytes,
	.answer = factorial_answer,
	.engine = NULL,
};
