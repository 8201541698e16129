/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as the body of a submission, and of a batch of them: the loader and the validation
 * refuse them with a fault and a sentence, or accept them, and then the kind's arguments are JSON
 * that is accepted again and gives the same arguments. Whatever is said about a fault is valid
 * UTF-8 and makes valid JSON.
 */
#include "fuzz.h"

#include <string.h>

#include "base/utf8.h"
#include "http/http_reply.h"
#include "http/json_body.h"
#include "http/submission.h"
#include "http/submission_batch.h"
#include "http/submission_terms.h"
#include "kinds/kind_settings.h"

static const struct kind_settings settings = {
	.factorial = { .n_max = 100000 },
	.fetch = { .body_max_bytes = 16777216, .redirects_max = 5, .own_port = 18991 },
};

static const struct task_terms default_terms = {
	.priority = TASK_PRIORITY_DEFAULT,
	.max_attempts = 3,
	.backoff_ms = 1000,
	.max_backoff_ms = 60000,
};

static const struct submission_rules rules = {
	.kinds = &settings,
	.default_terms = &default_terms,
	.now_ms = 1767323045678, /* 2026-01-02T03:04:05.678Z */
};

static void
require_told(const struct faults *faults, const struct error *error, enum problem problem)
{
	struct reply reply;
	json_t *value;

	FUZZ_REQUIRE(faults->count > 0);
	FUZZ_REQUIRE(error->text[0] != '\0');
	for (size_t i = 0; i < faults->count && i < FAULTS_MAX; i++) {
		const struct fault *fault = &faults->list[i];

		FUZZ_REQUIRE(utf8_is_valid(fault->pointer, strlen(fault->pointer)));
		FUZZ_REQUIRE(utf8_is_valid(fault->detail, strlen(fault->detail)));
		FUZZ_REQUIRE(fault->pointer[0] == '\0' || fault->pointer[0] == '/');
		FUZZ_REQUIRE(fault->detail[0] != '\0');
	}
	reply_init(&reply);
	reply_problem(&reply, problem, faults, "%s", error->text);
	value = json_loadb(reply.body.data, reply.body.size, JSON_REJECT_DUPLICATES, NULL);
	FUZZ_REQUIRE(value != NULL);
	json_decref(value);
	reply_done(&reply);
}

/* Terms that are accepted are within their limits and can be obeyed. */
static void
require_possible(const struct task_terms *terms)
{
	FUZZ_REQUIRE(terms->priority >= 0 && terms->priority <= TASK_PRIORITY_LAST);
	FUZZ_REQUIRE(terms->run_at_ms == 0 || terms->run_at_ms > rules.now_ms);
	FUZZ_REQUIRE(terms->run_at_ms <= rules.now_ms + SUBMISSION_DELAY_MAX_MS);
	FUZZ_REQUIRE(terms->expires_at_ms == 0 || terms->expires_at_ms > rules.now_ms);
	FUZZ_REQUIRE(terms->expires_at_ms == 0 || terms->expires_at_ms > terms->run_at_ms);
	FUZZ_REQUIRE(terms->timeout_ms >= 0 && terms->timeout_ms <= SUBMISSION_TIMEOUT_MAX_MS);
	FUZZ_REQUIRE(terms->max_attempts >= 1 && terms->max_attempts <= SUBMISSION_ATTEMPTS_MAX);
	FUZZ_REQUIRE(terms->backoff_ms >= 0 && terms->backoff_ms <= SUBMISSION_BACKOFF_MAX_MS);
	FUZZ_REQUIRE(terms->max_backoff_ms >= terms->backoff_ms);
	FUZZ_REQUIRE(terms->max_backoff_ms <= SUBMISSION_MAX_BACKOFF_MAX_MS);
}

/* Normalised arguments are accepted as they are. */
static void
require_stable(const struct kind *kind, const char *text, size_t size)
{
	struct faults faults;
	struct buf again;
	json_t *args = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);

	FUZZ_REQUIRE(args != NULL);
	faults_init(&faults);
	buf_init(&again, SUBMISSION_ARGS_MAX_BYTES);
	kind->check_args(&settings, args, &faults, &again);
	FUZZ_REQUIRE(faults.count == 0);
	FUZZ_REQUIRE(again.size == size);
	FUZZ_REQUIRE(memcmp(again.data, text, again.size) == 0);
	buf_done(&again);
	json_decref(args);
}

/* The body as a value, or NULL where it is told what it is instead. */
static json_t *
load(const uint8_t *data, size_t size, size_t values_max)
{
	struct faults faults;
	struct error error = { "" };
	json_t *body = NULL;
	enum status status;

	faults_init(&faults);
	status = json_body_load((const char *)data, size, values_max, &body, &faults, &error);
	if (status == STATUS_INVALID)
		require_told(&faults, &error, PROBLEM_INVALID_JSON);
	else
		FUZZ_REQUIRE(status == STATUS_OK);
	return body;
}

static void
try_submission(const json_t *body)
{
	struct submission submission;
	struct faults faults;
	struct error error = { "" };

	faults_init(&faults);
	submission_init(&submission);
	if (submission_check(&rules, body, &submission, &faults, &error) == STATUS_INVALID) {
		require_told(&faults, &error, PROBLEM_INVALID_SUBMISSION);
	} else {
		require_stable(submission.kind, submission.args.data, submission.args.size);
		require_possible(&submission.terms);
	}
	submission_done(&submission);
}

static void
try_batch(const json_t *body)
{
	struct submission_batch batch;
	struct faults faults;
	struct error error = { "" };

	faults_init(&faults);
	submission_batch_init(&batch);
	if (submission_batch_check(&rules, body, &batch, &faults, &error) == STATUS_INVALID) {
		require_told(&faults, &error, PROBLEM_INVALID_SUBMISSION);
	} else {
		FUZZ_REQUIRE(batch.count > 0);
		for (size_t i = 0; i < batch.count; i++) {
			const struct queue_task *task = &batch.tasks[i];

			require_stable(task->kind, task->args, task->args_size);
			require_possible(task->terms);
		}
	}
	submission_batch_done(&batch);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *body = load(data, size, JSON_BODY_VALUES_MAX);

	if (body != NULL)
		try_submission(body);
	json_decref(body);
	body = load(data, size, SUBMISSION_BATCH_VALUES_MAX);
	if (body != NULL)
		try_batch(body);
	json_decref(body);
	return 0;
}
