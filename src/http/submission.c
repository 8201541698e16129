/* SPDX-License-Identifier: MIT */
/* Checks submissions. Pure, any thread. Knows the members, and no kind by name. */
#include "http/submission.h"

#include <stdio.h>

#include "base/compiler.h"
#include "http/submission_terms.h"

static const char *const members[] = { "type", "args", "priority", "run_at", "delay_ms",
	"expires_at", "ttl_ms", "timeout_ms", "retry" };

void
submission_init(struct submission *submission)
{
	submission->kind = NULL;
	submission->terms = (struct task_terms){ .max_attempts = 0 };
	buf_init(&submission->args, SUBMISSION_ARGS_MAX_BYTES);
}

void
submission_done(struct submission *submission)
{
	buf_done(&submission->args);
}

static const char *
type_words(char *text, size_t size)
{
	size_t count;
	const struct kind *const *kinds = kinds_table(&count);
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < count && used < size; i++)
		used += (size_t)snprintf(
		    text + used, size - used, "%s%s", i > 0 ? ", " : "", kinds[i]->type);
	return text;
}

static const struct kind *
check_type(const json_t *type, struct faults *faults)
{
	const struct kind *kind = NULL;
	char words[128];

	if (type == NULL)
		faults_add(faults, "", "type", "is missing; expected one of: %s",
		    type_words(words, sizeof(words)));
	else if (!json_is_string(type))
		faults_add(faults, "", "type", "is not a string; expected one of: %s",
		    type_words(words, sizeof(words)));
	else if ((kind = kinds_find(json_string_value(type))) == NULL)
		faults_add(faults, "", "type", "is not a known type; expected one of: %s",
		    type_words(words, sizeof(words)));
	return kind;
}

enum status
submission_check(const struct submission_rules *rules, const json_t *body,
    struct submission *ret_submission, struct faults *faults, struct error *error)
{
	struct submission *submission = ret_submission;
	size_t faults_before = faults->count;
	const json_t *args;
	size_t found;

	if (!json_is_object(body)) {
		faults_add(
		    faults, "", NULL, "is not an object; expected {\"type\": ..., \"args\": ...}");
		return error_set(error, STATUS_INVALID, "The body is not an object.");
	}
	kinds_check_member_names(body, "", members, ARRAY_SIZE(members), faults);
	submission->kind = check_type(json_object_get(body, "type"), faults);
	args = json_object_get(body, "args");
	if (args == NULL)
		faults_add(faults, "", "args", "is missing; expected an object");
	else if (submission->kind != NULL)
		submission->kind->check_args(rules->kinds, args, faults, &submission->args);
	submission_terms_check(
	    body, rules->default_terms, rules->now_ms, faults, &submission->terms);
	submission->created_at_ms = rules->now_ms;
	found = faults->count - faults_before;
	if (found > 0)
		return error_set(error, STATUS_INVALID, "The submission has %zu fault%s.", found,
		    found == 1 ? "" : "s");
	if (buf_status(&submission->args) != STATUS_OK)
		return error_set(error, STATUS_NOMEM, "no memory for the arguments");
	return STATUS_OK;
}
