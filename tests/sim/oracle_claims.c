/* SPDX-License-Identifier: MIT */
/* How tasks are taken up, deferred for hosts and recalled; see oracle.h. */
#include <inttypes.h>
#include <string.h>

#include "oracle.h"

enum {
	LONG_US = 60000,      /* for which a task was deferred that nobody may overtake */
	COUNTED_US = 1000000, /* for which who was recalled is counted on */
};

/* Whether a task may be claimed. */
static bool
is_claimable(const struct oracle_task *task, enum lane lane, bool isolated, int64_t now_ms)
{
	if (task->state != TASK_QUEUED || oracle_wait(task) != WAIT_FOR_LANE ||
	    task->lane != lane || task->is_isolated != isolated)
		return false;
	return !oracle_is_new(task) || task->terms.expires_at_ms == 0 ||
	       task->terms.expires_at_ms > now_ms;
}

/* What has to be looked at next: by priority, and oldest first. */
static struct oracle_task *
next_claimable(struct oracle *oracle, enum lane lane, bool isolated, int64_t now_ms)
{
	struct oracle_task *next = NULL;

	for (size_t i = 0; i < oracle->count; i++) {
		struct oracle_task *task = oracle->tasks[i];

		if (task->looked_at != oracle->looks &&
		    is_claimable(task, lane, isolated, now_ms) &&
		    (next == NULL || task->terms.priority < next->terms.priority))
			next = task;
	}
	return next;
}

/* A store may give the key of a task that is gone again, but no two tasks have one at a time. */
static void
check_seq(const struct oracle *oracle, const struct oracle_task *task, int64_t seq)
{
	if (seq <= 0 || (task->seq != 0 && task->seq != seq))
		oracle_fail(oracle, task, "its key is %" PRId64, seq);
	for (size_t i = 0; i < oracle->count && task->seq == 0; i++) {
		if (oracle->tasks[i]->seq == seq)
			oracle_fail(oracle, task, "it has the key %" PRId64 " of task %s", seq,
			    oracle->tasks[i]->id);
	}
}

static void
check_claim(const struct oracle *oracle, const struct oracle_task *task, const struct task *told,
    int64_t now_ms)
{
	const struct task_terms *terms = &task->terms;

	check_seq(oracle, task, told->seq);
	if (task->attempt >= terms->max_attempts)
		oracle_fail(oracle, task, "it was claimed for an attempt above its maximum");
	if (told->lease != task->lease + 1 || told->attempt != task->attempt + 1)
		oracle_fail(oracle, task, "claimed with lease %" PRId64 " and attempt %d",
		    told->lease, told->attempt);
	if (strcmp(told->type, task->type) != 0 || told->lane != task->lane ||
	    told->args_size != strlen(task->args) || strcmp(told->args, task->args) != 0 ||
	    told->created_at_ms != task->created_at_ms || told->started_at_ms != now_ms ||
	    told->is_isolated != task->is_isolated || strcmp(told->retry_of, task->retry_of) != 0 ||
	    told->terms.max_attempts != terms->max_attempts ||
	    told->terms.timeout_ms != terms->timeout_ms ||
	    told->terms.backoff_ms != terms->backoff_ms ||
	    told->terms.max_backoff_ms != terms->max_backoff_ms)
		oracle_fail(oracle, task,
		    "the claim tells it otherwise: type %s, lane %d, %s, "
		    "created at %" PRId64 ", started at %" PRId64,
		    told->type, (int)told->lane, told->args, told->created_at_ms,
		    told->started_at_ms);
}

/* The first of the tasks that are deferred for a host. */
static struct oracle_task *
first_deferred(const struct oracle *oracle, const char *host)
{
	struct oracle_task *first = NULL;

	for (size_t i = 0; i < oracle->count; i++) {
		struct oracle_task *task = oracle->tasks[i];

		if (strcmp(task->deferred_for, host) == 0 &&
		    (first == NULL || task->terms.priority < first->terms.priority))
			first = task;
	}
	return first;
}

static void
recall(struct oracle *oracle, const struct store_recall *recalled, int64_t now_ms)
{
	for (size_t i = 0; i < recalled->max; i++) {
		struct oracle_task *task = first_deferred(oracle, recalled->host);

		if ((task != NULL) != (i < recalled->ret_count))
			oracle_fail(oracle, task, "%zu of %zu tasks were recalled for %s",
			    recalled->ret_count, recalled->max, recalled->host);
		if (task == NULL)
			return;
		oracle_move(oracle, task, TASK_QUEUED, 0);
		task->is_recalled = true;
		oracle_note(oracle, task, now_ms, "recalled");
		oracle->recalled++;
	}
}

bool
oracle_lost_recall(const struct oracle *oracle, const char *host)
{
	for (size_t i = 0; i < oracle->count; i++) {
		const struct oracle_task *task = oracle->tasks[i];
		char name[TASK_HOST_SIZE];

		if (task->is_recalled && task->state == TASK_REJECTED &&
		    oracle->now_us() - task->moved_us < COUNTED_US &&
		    oracle->host_of(task->args, strlen(task->args), name) &&
		    strcmp(name, host) == 0)
			return true;
	}
	return false;
}

void
oracle_check_turn(const struct oracle *oracle, const struct oracle_task *task)
{
	char host[TASK_HOST_SIZE];
	const struct oracle_task *first;

	if (oracle->host_of == NULL || !oracle->is_calm() ||
	    !oracle->host_of(task->args, strlen(task->args), host))
		return;
	first = first_deferred(oracle, host);
	if (first == NULL || first->terms.priority > task->terms.priority || first->is_isolated ||
	    task->is_isolated || oracle->now_us() - first->moved_us < LONG_US)
		return;
	for (size_t i = 0; oracle->tasks[i] != first; i++) {
		if (oracle->tasks[i] == task && first->terms.priority == task->terms.priority)
			return; /* it is older */
	}
	if (oracle_lost_recall(oracle, host))
		return;
	oracle_fail(oracle, first, "it is deferred for %s, and %s is let go there before it", host,
	    task->id);
}

static void
claim(struct oracle *oracle, struct oracle_task *task, const struct task *told, int64_t now_ms)
{
	check_claim(oracle, task, told, now_ms);
	oracle_check_turn(oracle, task);
	task->seq = told->seq;
	task->lease++;
	task->attempt++;
	task->started_at_ms = now_ms;
	oracle_move(oracle, task, TASK_RUNNING, 0);
	task->is_recalled = false;
	oracle_note(oracle, task, now_ms, "claimed: lease %" PRId64 ", attempt %d", task->lease,
	    task->attempt);
	oracle->claimed++;
	oracle->isolated += told->is_isolated;
}

/* The word on the task that is next in a look. */
static enum store_gate_word
word_on(const struct oracle *oracle, const struct oracle_task *next, const struct oracle_look *look,
    size_t at)
{
	if (look == NULL)
		return STORE_GATE_ADMIT;
	if (at == look->count)
		oracle_fail(oracle, next, "the gate was not asked about it, and it was next");
	if (look->judged[at].args_hash != oracle_hash(next->args, strlen(next->args)))
		oracle_fail(oracle, next, "the gate was asked about another one before it");
	return look->judged[at].word;
}

static void
check_told(const struct oracle *oracle, const struct oracle_task *next, const char *id,
    enum lane lane, bool isolated, int64_t now_ms)
{
	const struct oracle_task *task = oracle_find(oracle, id);

	if (task == NULL)
		oracle_fail(oracle, NULL, "task %s was claimed, which is not there", id);
	if (!is_claimable(task, lane, isolated, now_ms))
		oracle_fail(oracle, task,
		    "it was claimed at %" PRId64 " for lane %d%s, which must not be", now_ms,
		    (int)lane, isolated ? ", isolated" : "");
	if (task != next)
		oracle_fail(oracle, task,
		    "it was claimed before task %s, priority %d, which was next",
		    next != NULL ? next->id : "of nobody", next != NULL ? next->terms.priority : 0);
}

void
oracle_claimed(struct oracle *oracle, enum lane lane, bool isolated, size_t max, int64_t now_ms,
    const struct oracle_look *look, const struct task *tasks, size_t count)
{
	size_t most = isolated ? 1 : max;
	size_t taken = 0, asides = 0, deferred = 0;
	struct oracle_task *next;

	for (size_t i = 0; look != NULL && i < look->gate->recall_count; i++)
		recall(oracle, &look->gate->recalls[i], now_ms);
	oracle->looks++;
	while (taken < most && asides < STORE_GATE_ASIDE_MAX &&
	       (next = next_claimable(oracle, lane, isolated, now_ms)) != NULL) {
		enum store_gate_word word = word_on(oracle, next, look, taken + asides);

		next->looked_at = oracle->looks;
		if (word == STORE_GATE_ADMIT) {
			if (taken == count)
				oracle_fail(oracle, next,
				    "it was not claimed at %" PRId64 ", although it was next",
				    now_ms);
			check_told(oracle, next, tasks[taken].id, lane, isolated, now_ms);
			claim(oracle, next, &tasks[taken++], now_ms);
			continue;
		}
		if (word == STORE_GATE_DEFER) {
			oracle_defer(oracle, next, look->judged[taken + asides].host);
			oracle_note(oracle, next, now_ms, "deferred for %s", next->deferred_for);
			deferred++;
		}
		asides++;
	}
	if (taken < count)
		check_told(oracle, NULL, tasks[taken].id, lane, isolated, now_ms);
	if (look != NULL && (look->count != taken + asides || look->gate->ret_deferred != deferred))
		oracle_fail(oracle, NULL,
		    "the gate was asked %zu times, not %zu; %zu tasks are said to be deferred, and "
		    "are %zu",
		    look->count, taken + asides, look->gate->ret_deferred, deferred);
}

void
oracle_next_host(
    const struct oracle *oracle, const char *after, const char *host, enum status status)
{
	const struct oracle_task *first = NULL;

	for (size_t i = 0; i < oracle->count; i++) {
		const struct oracle_task *task = oracle->tasks[i];

		if (strcmp(task->deferred_for, after) > 0 &&
		    (first == NULL || strcmp(task->deferred_for, first->deferred_for) < 0))
			first = task;
	}
	if ((status == STATUS_OK) != (first != NULL) ||
	    (first != NULL && strcmp(host, first->deferred_for) != 0))
		oracle_fail(oracle, first, "the host after '%s' is said to be '%s': %s", after,
		    status == STATUS_OK ? host : "", status_name(status));
}
