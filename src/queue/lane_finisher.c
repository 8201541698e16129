/* SPDX-License-Identifier: MIT */
/*
 * The finisher of a lane: writes what attempts produced. One thread per lane. A run belongs to it
 * from lane_finished() until its commit; a run that cannot be written for want of disk space waits
 * here and is tried again, since its work is done and its place in memory is paid for.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/service_clock.h"
#include "queue/lane_pool.h"
#include "queue/retry_pause.h"

enum {
	/* Tries of one run by itself, on errors that no space or waiting mends. */
	SINGLE_TRIES_MAX = 5,
};

struct batch {
	struct run *runs[LANE_BATCH_MAX];
	size_t count;
	size_t weight; /* as it was counted when they finished */
};

/* Takes up to a batch from the finished list; an empty batch means the end. */
static void
take_batch(struct lane_pool *lane, struct batch *batch)
{
	*batch = (struct batch){ .count = 0 };
	lock_acquire(&lane->lock);
	while (lane->finished == NULL && !lane->drained)
		cond_wait(&lane->finish_changed, &lane->lock);
	while (lane->finished != NULL && batch->count < LANE_BATCH_MAX) {
		struct run *run = lane->finished;
		size_t weight = lane_run_weight(run);
		if (batch->count > 0 && batch->weight + weight > LANE_BATCH_MAX_BYTES)
			break;
		lane->finished = run->next;
		run->next = NULL;
		batch->runs[batch->count++] = run;
		batch->weight += weight;
	}
	if (lane->finished == NULL)
		lane->finished_tail = &lane->finished;
	lock_release(&lane->lock);
}

/* What is written, or given up, leaves the lane. */
static void
retire_batch(struct lane_pool *lane, struct batch *batch)
{
	bool isolated = false;
	for (size_t i = 0; i < batch->count; i++) {
		struct run *run = batch->runs[i];
		isolated = isolated || run->task.is_isolated;
		if (run->host != NULL)
			hosts_let_go(lane->conf.hosts, run->host);
		progress_board_remove(lane->conf.progress, run);
		lane_run_done(run);
	}
	lock_acquire(&lane->lock);
	for (size_t i = 0; i < batch->count; i++) {
		LIST_REMOVE(batch->runs[i], in_lane);
		lane_spare_give_locked(lane, batch->runs[i]);
	}
	bool had_room = lane_room_locked(lane) > 0;
	lane->uncommitted -= batch->count;
	lane->unwritten -= batch->weight;
	cond_broadcast(&lane->written);
	if (isolated) {
		/* The next of those that run alone may begin: a reason to look. */
		lane->isolated_running = false;
		atomic_store_explicit(&lane->woken, true, memory_order_release);
	}
	if (isolated || (!had_room && lane_room_locked(lane) > 0))
		cond_signal(&lane->claim_changed);
	if (lane_is_empty_locked(lane))
		cond_broadcast(&lane->became_empty);
	lock_release(&lane->lock);
}

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

/* Whether its attempt counts. */
static bool
is_ended(const struct run *run)
{
	enum verdict verdict = run->outcome.verdict;
	return verdict == VERDICT_SUCCEEDED || verdict == VERDICT_FAILED;
}

static enum status
complete_runs(struct lane_pool *lane, struct run **runs, size_t count, struct error *error)
{
	struct completion completions[LANE_BATCH_MAX];
	int64_t now_ms = service_clock_ms();
	size_t used = 0;
	for (size_t i = 0; i < count; i++) {
		if (!is_ended(runs[i]))
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
release_runs(struct lane_pool *lane, struct run **runs, size_t count, struct error *error)
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
defer_runs(struct lane_pool *lane, struct run **runs, size_t count, struct error *error)
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

/* Hands back what has not ended. */
static enum status
hand_back_runs(struct lane_pool *lane, struct run **runs, size_t count, struct error *error)
{
	enum status status = release_runs(lane, runs, count, error);
	return status == STATUS_OK ? defer_runs(lane, runs, count, error) : status;
}

static bool
lane_is_closing(struct lane_pool *lane)
{
	lock_acquire(&lane->lock);
	bool closing = lane->closing;
	lock_release(&lane->lock);
	return closing;
}

/*
 * Writes one run by itself. An error that neither space nor waiting mends (its spill file is gone,
 * say) must not hold up its neighbours for ever: after some tries the task fails for want of its
 * result.
 */
static enum status
write_single(struct lane_pool *lane, struct run *run, struct error *error)
{
	int64_t backoff_ms = LANE_BACKOFF_FIRST_MS;
	for (int attempt = 1;; attempt++) {
		enum status status = is_ended(run) ? complete_runs(lane, &run, 1, error)
						   : hand_back_runs(lane, &run, 1, error);
		if (status == STATUS_OK || status == STATUS_UNKNOWN)
			return status;
		log_error(LOG_EVENT("completion_failed"), LOG_STR("task", run->task.id),
		    LOG_STR("status", status_name(status)), LOG_ERROR(error));
		if (lane_is_closing(lane))
			return status;
		bool waiting_helps = status == STATUS_FULL || status == STATUS_BUSY;
		if (!waiting_helps && attempt >= SINGLE_TRIES_MAX) {
			if (!is_ended(run) || run->outcome.failure == FAILURE_STORAGE)
				return status;
			output_clear(&run->output);
			outcome_done(&run->outcome);
			outcome_init(&run->outcome);
			outcome_fail(
			    &run->outcome, FAILURE_STORAGE, "The result could not be stored");
		}
		lane_pause(lane, &lane->finish_changed, &backoff_ms);
	}
}

/* Returns UNKNOWN when the store has stopped for good. Other failures are logged, and the rows stay
   RUNNING until the next start of the service mends them. */
static enum status
write_batch(struct lane_pool *lane, struct batch *batch)
{
	struct error error = { "" };
	enum status status = complete_runs(lane, batch->runs, batch->count, &error);
	if (status == STATUS_OK)
		status = hand_back_runs(lane, batch->runs, batch->count, &error);
	if (status == STATUS_OK || status == STATUS_UNKNOWN)
		return status;
	log_error(LOG_EVENT("completions_failed"), LOG_STR("status", status_name(status)),
	    LOG_ERROR(&error), LOG_INT("tasks", batch->count));
	/* What the first call did write answers CONFLICT now, which drops a result that is stored
	   already: the same one. */
	for (size_t i = 0; i < batch->count; i++) {
		status = write_single(lane, batch->runs[i], &error);
		if (status == STATUS_UNKNOWN)
			return status;
		if (status != STATUS_OK)
			log_error(LOG_EVENT("completion_given_up"),
			    LOG_STR("task", batch->runs[i]->task.id),
			    LOG_STR("status", status_name(status)), LOG_ERROR(&error));
	}
	return STATUS_OK;
}

void *
lane_finisher_main(void *arg)
{
	struct lane_pool *lane = arg;
	bool store_stopped = false;
	for (;;) {
		struct batch batch;
		take_batch(lane, &batch);
		if (batch.count == 0)
			return NULL;
		if (!store_stopped && write_batch(lane, &batch) == STATUS_UNKNOWN)
			store_stopped = true;
		retire_batch(lane, &batch);
	}
}
