/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as the body of a submission: the loader and the validation refuse them with a fault and
 * a sentence, or accept them, and then the kind's arguments are JSON that is accepted again and
 * gives the same arguments. Whatever is said about a fault is valid UTF-8 and makes valid JSON.
 */
#include "fuzz.h"

#include <string.h>

#include "base/utf8.h"
#include "http/http_reply.h"
#include "http/json_body.h"
#include "http/submission.h"
#include "kinds/kind_settings.h"

static const struct kind_settings settings = {
	.factorial = { .n_max = 100000 },
	.fetch = { .body_max_bytes = 16777216, .redirects_max = 5, .own_port = 18991 },
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

/* Normalised arguments are accepted as they are. */
static void
require_stable(const struct submission *submission)
{
	struct faults faults;
	struct buf again;
	json_t *args =
	    json_loadb(submission->args.data, submission->args.size, JSON_REJECT_DUPLICATES, NULL);

	FUZZ_REQUIRE(args != NULL);
	faults_init(&faults);
	buf_init(&again, SUBMISSION_ARGS_MAX_BYTES);
	submission->kind->check_args(&settings, args, &faults, &again);
	FUZZ_REQUIRE(faults.count == 0);
	FUZZ_REQUIRE(again.size == submission->args.size);
	FUZZ_REQUIRE(memcmp(again.data, submission->args.data, again.size) == 0);
	buf_done(&again);
	json_decref(args);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct submission submission;
	struct faults faults;
	struct error error = { "" };
	json_t *body = NULL;
	enum status status;

	faults_init(&faults);
	submission_init(&submission);
	status =
	    json_body_load((const char *)data, size, JSON_BODY_VALUES_MAX, &body, &faults, &error);
	if (status == STATUS_INVALID) {
		require_told(&faults, &error, PROBLEM_INVALID_JSON);
	} else {
		FUZZ_REQUIRE(status == STATUS_OK);
		status = submission_check(&settings, body, &submission, &faults, &error);
		if (status == STATUS_INVALID)
			require_told(&faults, &error, PROBLEM_INVALID_SUBMISSION);
		else
			require_stable(&submission);
	}
	submission_done(&submission);
	json_decref(body);
	return 0;
}
