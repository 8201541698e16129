/* SPDX-License-Identifier: MIT */
/*
 * What becomes of runs that are over: their completion or their handing back, and who hears of it
 * after the commit. The finisher's thread. Must not try anything again: that is lane_finisher.c.
 */
#include "queue/lane_write.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/service_clock.h"
#include "queue/retry_pause.h"

/* Another attempt is to follow, after its pause, or the outcome is final. */
static void
decide_retry(const struct run *run, struct completion *completion)
{
	const struct outcome *outcome = &run->outcome;
	const struct task *task = &run->task;
	if (!retry_follows(task, outcome))
		return;
	uint64_t random;
	arc4random_buf(&random, sizeof(random));
	completion->is_retried = true;
	completion->retry_at_ms =
	    completion->finished_at_ms +
	    retry_pause_ms(&task->terms, task->attempt, outcome->retry_after_ms, random);
}

/* What is to be run again waits: for its time, or for its lane. */
static void
note_retried(struct lane_pool *lane, const struct completion *completion)
{
	if (completion->retry_at_ms > completion->finished_at_ms) {
		admission_held(lane->conf.admission, 1);
		timekeeper_note(lane->conf.timekeeper, completion->retry_at_ms);
	} else {
		admission_returned(lane->conf.admission, lane->conf.lane, 1);
		lane_wake(lane);
	}
}

/* What has been committed is told to those who wait for it. */
static void
tell(struct lane_pool *lane, const struct completion *completion,
    struct final_cache_moment before_commit)
{
	if (completion->ret_status == STATUS_CONFLICT) {
		log_warn(LOG_EVENT("stale_completion"), LOG_STR("task", completion->task->id),
		    LOG_INT("lease", completion->task->lease));
		return;
	}
	if (completion->ret_state == TASK_QUEUED) {
		note_retried(lane, completion);
		waiters_tell(lane->conf.waiters, completion->task->id, WAITER_CHANGED);
		return;
	}
	/* What ended by a cancel is not what the completion says: readers ask the store. */
	if (completion_is_kept(completion))
		final_cache_put_completion(lane->conf.recent, completion, before_commit);
	waiters_tell(lane->conf.waiters, completion->task->id, WAITER_ENDED);
}

bool
lane_run_is_ended(const struct run *run)
{
	enum verdict verdict = run->outcome.verdict;
	return verdict == VERDICT_SUCCEEDED || verdict == VERDICT_FAILED;
}

static enum status
complete_runs(struct lane_pool *lane, struct run *const *runs, size_t count, struct error *error)
{
	struct completion completions[LANE_BATCH_MAX];
	int64_t now_ms = service_clock_ms();
	size_t used = 0;
	for (size_t i = 0; i < count; i++) {
		if (!lane_run_is_ended(runs[i]))
			continue;
		completions[used] = (struct completion){
			.task = &runs[i]->task,
			.outcome = &runs[i]->outcome,
			.output = &runs[i]->output,
			.finished_at_ms = now_ms,
			.ret_status = STATUS_OK,
		};
		decide_retry(runs[i], &completions[used++]);
	}
	if (used == 0)
		return STATUS_OK;
	struct final_cache_moment moment = final_cache_moment(lane->conf.recent, clock_mono_ms());
	enum status status = store_complete(lane->conf.store, completions, used, error);
	if (status != STATUS_OK)
		return status;
	for (size_t i = 0; i < used; i++)
		tell(lane, &completions[i], moment);
	return STATUS_OK;
}

/* What follows from tasks that have been handed back, of which so many wait again. */
static void
note_handed_back(struct lane_pool *lane, const struct task *tasks, size_t count, size_t queued)
{
	/* What has not started after all can expire, or has done so. */
	if (queued > 0)
		timekeeper_note(lane->conf.timekeeper, 0);
	/* Some may have been cancelled, and have ended by that: who waits has a look. */
	for (size_t i = 0; i < count; i++)
		waiters_tell(lane->conf.waiters, tasks[i].id,
		    queued < count ? WAITER_ENDED : WAITER_CHANGED);
}

static enum status
release_runs(struct lane_pool *lane, struct run *const *runs, size_t count, struct error *error)
{
	struct task tasks[LANE_BATCH_MAX]; /* borrowed: task_done is the runs' business */
	size_t used = 0;
	for (size_t i = 0; i < count; i++) {
		if (runs[i]->outcome.verdict == VERDICT_RELEASED)
			tasks[used++] = runs[i]->task;
	}
	if (used == 0)
		return STATUS_OK;
	size_t queued;
	enum status status =
	    store_release(lane->conf.store, tasks, used, service_clock_ms(), &queued, error);
	if (status != STATUS_OK)
		return status;
	admission_returned(lane->conf.admission, lane->conf.lane, (int64_t)queued);
	note_handed_back(lane, tasks, used, queued);
	return status;
}

/* Those that were put aside wait for their hosts from now on. */
static enum status
defer_runs(struct lane_pool *lane, struct run *const *runs, size_t count, struct error *error)
{
	struct task tasks[LANE_BATCH_MAX]; /* borrowed, as in release_runs */
	struct run_host *hosts[LANE_BATCH_MAX];
	const char *names[LANE_BATCH_MAX];
	size_t used = 0;
	for (size_t i = 0; i < count; i++) {
		if (runs[i]->outcome.verdict != VERDICT_DEFERRED)
			continue;
		hosts[used] = runs[i]->host;
		names[used] = hosts_name(runs[i]->host);
		tasks[used++] = runs[i]->task;
	}
	if (used == 0)
		return STATUS_OK;
	size_t queued;
	enum status status =
	    store_defer(lane->conf.store, tasks, names, used, service_clock_ms(), &queued, error);
	if (status != STATUS_OK)
		return status;
	admission_put_aside(lane->conf.admission, lane->conf.lane, (int64_t)queued);
	int64_t now_mono_ms = clock_mono_ms();
	for (size_t i = 0; i < used; i++)
		hosts_note_deferred(lane->conf.hosts, hosts[i], now_mono_ms);
	note_handed_back(lane, tasks, used, queued);
	lane_wake(lane);
	return status;
}

enum status
lane_write(struct lane_pool *lane, struct run *const *runs, size_t count, struct error *error)
{
	enum status status = complete_runs(lane, runs, count, error);
	if (status == STATUS_OK)
		status = release_runs(lane, runs, count, error);
	return status == STATUS_OK ? defer_runs(lane, runs, count, error) : status;
}
