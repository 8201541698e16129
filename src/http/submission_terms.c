/* SPDX-License-Identifier: MIT */
/*
 * Checks the terms of submissions; see submission_terms.h. Pure, any thread: what time it is is
 * told. Integers beyond 64 bits were refused by the parser already, so nothing here can wrap.
 */
#include "http/submission_terms.h"

#include <inttypes.h>
#include <stdbool.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "kinds/kind.h"

/* Two members of which one may say when something is to be. */
struct moment_members {
	const char *at;   /* as a time */
	const char *from; /* as milliseconds from now */
	int64_t from_min_ms, from_max_ms;
	int64_t days_max; /* ahead, of a time; 0: no limit */
	bool may_have_passed;
};

static const struct moment_members start_members = {
	.at = "run_at",
	.from = "delay_ms",
	.from_min_ms = 0,
	.from_max_ms = SUBMISSION_DELAY_MAX_MS,
	.days_max = SUBMISSION_AHEAD_MAX_DAYS,
	.may_have_passed = true,
};

static const struct moment_members expiry_members = {
	.at = "expires_at",
	.from = "ttl_ms",
	.from_min_ms = 1,
	.from_max_ms = SUBMISSION_TTL_MAX_MS,
};

/* Reads a member if it is there; a value stays what it was where it is not. Returns whether there
   was no fault. */
static bool
read_integer(const json_t *object, const char *base, const char *name, int64_t min, int64_t max,
    struct faults *faults, int64_t *ret_value)
{
	const json_t *member = json_object_get(object, name);
	int64_t value;

	if (member == NULL)
		return true;
	if (!json_is_integer(member)) {
		faults_add(faults, base, name,
		    "is not an integer; expected %" PRId64 " to %" PRId64, min, max);
		return false;
	}
	value = json_integer_value(member);
	if (value < min || value > max) {
		faults_add(faults, base, name, "is %" PRId64 "; expected %" PRId64 " to %" PRId64,
		    value, min, max);
		return false;
	}
	*ret_value = value;
	return true;
}

/* Reads a time if it is there. */
static void
read_time(const json_t *body, const struct moment_members *members, int64_t now_ms,
    struct faults *faults, int64_t *ret_wall_ms)
{
	const json_t *member = json_object_get(body, members->at);
	int64_t wall_ms;

	if (member == NULL)
		return;
	if (!json_is_string(member))
		faults_add(faults, "", members->at,
		    "is not a string; expected a time as in RFC 3339, like "
		    "\"2026-01-02T03:04:05Z\"");
	else if (clock_parse_rfc3339(
		     json_string_value(member), json_string_length(member), &wall_ms) != STATUS_OK)
		faults_add(faults, "", members->at,
		    "is not a time; expected one as in RFC 3339, like \"2026-01-02T03:04:05Z\", "
		    "in the years 1970 to 9999");
	else if (!members->may_have_passed && wall_ms <= now_ms)
		faults_add(faults, "", members->at, "has passed; expected a time after now");
	else if (members->days_max > 0 && wall_ms - now_ms > members->days_max * SUBMISSION_DAY_MS)
		faults_add(faults, "", members->at,
		    "is too far ahead; expected at most %" PRId64 " days from now",
		    members->days_max);
	else
		*ret_wall_ms = wall_ms;
}

/* Reads when something is to be from whichever member is there; false where a fault was noted. */
static bool
read_moment(const json_t *body, const struct moment_members *members, int64_t now_ms,
    struct faults *faults, int64_t *ret_wall_ms)
{
	size_t faults_before = faults->count;
	int64_t from_now_ms = 0;
	bool is_relative = json_object_get(body, members->from) != NULL;

	if (is_relative && json_object_get(body, members->at) != NULL)
		faults_add(
		    faults, "", members->from, "stands beside %s; expected only one", members->at);
	read_time(body, members, now_ms, faults, ret_wall_ms);
	(void)read_integer(body, "", members->from, members->from_min_ms, members->from_max_ms,
	    faults, &from_now_ms);
	if (is_relative)
		*ret_wall_ms = now_ms + from_now_ms;
	return faults->count == faults_before;
}

/* A task that is to start may not have expired by then. */
static void
check_order(
    const json_t *body, const struct task_terms *terms, int64_t now_ms, struct faults *faults)
{
	const char *start =
	    json_object_get(body, start_members.at) != NULL ? start_members.at : start_members.from;

	if (terms->expires_at_ms == 0 || terms->expires_at_ms > terms->run_at_ms)
		return;
	if (json_object_get(body, expiry_members.at) != NULL)
		faults_add(faults, "", expiry_members.at,
		    "is not after the start that %s asks for; expected a later time", start);
	else
		faults_add(faults, "", expiry_members.from,
		    "is %" PRId64
		    ", not after the start that %s asks for; expected more than %" PRId64,
		    terms->expires_at_ms - now_ms, start, terms->run_at_ms - now_ms);
}

static void
read_moments(
    const json_t *body, int64_t now_ms, struct faults *faults, struct task_terms *ret_terms)
{
	bool has_start = read_moment(body, &start_members, now_ms, faults, &ret_terms->run_at_ms);
	bool has_expiry =
	    read_moment(body, &expiry_members, now_ms, faults, &ret_terms->expires_at_ms);

	if (has_start && has_expiry)
		check_order(body, ret_terms, now_ms, faults);
	if (ret_terms->run_at_ms <= now_ms)
		ret_terms->run_at_ms = 0;
}

static void
read_retry(const json_t *retry, struct faults *faults, struct task_terms *ret_terms)
{
	static const char *const members[] = { "max_attempts", "backoff_ms", "max_backoff_ms" };
	int64_t attempts = ret_terms->max_attempts;
	bool has_backoff, has_max;

	if (!json_is_object(retry)) {
		faults_add(
		    faults, "", "retry", "is %s; expected an object", kinds_json_type_name(retry));
		return;
	}
	kinds_check_member_names(retry, "/retry", members, ARRAY_SIZE(members), faults);
	(void)read_integer(
	    retry, "/retry", members[0], 1, SUBMISSION_ATTEMPTS_MAX, faults, &attempts);
	ret_terms->max_attempts = (int)attempts;
	has_backoff = read_integer(retry, "/retry", members[1], 0, SUBMISSION_BACKOFF_MAX_MS,
	    faults, &ret_terms->backoff_ms);
	has_max = read_integer(retry, "/retry", members[2], 0, SUBMISSION_MAX_BACKOFF_MAX_MS,
	    faults, &ret_terms->max_backoff_ms);
	if (!has_backoff || !has_max || ret_terms->max_backoff_ms >= ret_terms->backoff_ms)
		return;
	if (json_object_get(retry, members[2]) == NULL)
		ret_terms->max_backoff_ms = ret_terms->backoff_ms;
	else
		faults_add(faults, "/retry", members[2],
		    "is %" PRId64 "; expected at least backoff_ms, which is %" PRId64,
		    ret_terms->max_backoff_ms, ret_terms->backoff_ms);
}

void
submission_terms_check(const json_t *body, const struct task_terms *defaults, int64_t now_ms,
    struct faults *faults, struct task_terms *ret_terms)
{
	struct task_terms terms = *defaults;
	size_t faults_before = faults->count;
	const json_t *retry = json_object_get(body, "retry");
	int64_t priority = terms.priority;

	(void)read_integer(body, "", "priority", 0, TASK_PRIORITY_LAST, faults, &priority);
	terms.priority = (int)priority;
	read_moments(body, now_ms, faults, &terms);
	(void)read_integer(
	    body, "", "timeout_ms", 1, SUBMISSION_TIMEOUT_MAX_MS, faults, &terms.timeout_ms);
	if (retry != NULL)
		read_retry(retry, faults, &terms);
	if (faults->count == faults_before)
		*ret_terms = terms;
}
