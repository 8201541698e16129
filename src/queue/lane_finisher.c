/* SPDX-License-Identifier: MIT */
/*
 * The finisher of a lane: writes what attempts produced. One thread per lane. A run belongs to it
 * from lane_finished() until its commit; a run that cannot be written for want of disk space waits
 * here and is tried again, since its work is done and its place in memory is paid for. One that
 * cannot be written for another reason is parked: it is tried now and then, and nobody waits for
 * it.
 */
#include "base/clock.h"
#include "base/log.h"
#include "queue/lane_write.h"

enum {
	/* Tries of one run by itself, on errors that no space or waiting mends. */
	SINGLE_TRIES_MAX = 5,
	/* Between two tries of what is parked. */
	PARKED_MS = 1000,
};

struct batch {
	struct run *runs[LANE_BATCH_MAX];
	size_t count;
	size_t weight; /* as it was counted when they finished, or were parked */
};

struct finisher {
	struct lane_pool *lane;
	struct run *parked; /* what could not be written, the first one first */
	struct run **parked_tail;
	int64_t parked_at_mono_ms; /* when they are tried next, where there are any */
};

/* Waits until runs have finished, or those that are parked are to be tried. Returns false where it
   is the end. */
static bool
await_locked(const struct finisher *finisher, struct lane_pool *lane) REQUIRES(lane->lock)
{
	while (lane->finished == NULL && !lane->drained) {
		if (finisher->parked == NULL)
			cond_wait(&lane->finish_changed, &lane->lock);
		else if (!cond_wait_until(
			     &lane->finish_changed, &lane->lock, finisher->parked_at_mono_ms))
			break;
	}
	return lane->finished != NULL || !lane->drained;
}

/* Takes up to a batch from the finished list; none where it is the end, of which it returns false,
   or only those that are parked are to be tried. */
static bool
take_batch(const struct finisher *finisher, struct batch *batch)
{
	struct lane_pool *lane = finisher->lane;
	*batch = (struct batch){ .count = 0 };
	lock_acquire(&lane->lock);
	bool goes_on = await_locked(finisher, lane);
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
	return goes_on;
}

/* Takes up to a batch of what is parked. */
static void
take_parked(struct finisher *finisher, struct batch *batch)
{
	*batch = (struct batch){ .count = 0 };
	while (finisher->parked != NULL && batch->count < LANE_BATCH_MAX) {
		struct run *run = finisher->parked;
		finisher->parked = run->next;
		batch->runs[batch->count++] = run;
		batch->weight += lane_run_weight(run);
	}
	if (finisher->parked == NULL)
		finisher->parked_tail = &finisher->parked;
}

/* Keeps a run of a batch for later. It counts for what it holds now: its output may be gone. */
static void
park(struct finisher *finisher, struct batch *batch, struct run *run)
{
	if (finisher->parked == NULL)
		finisher->parked_at_mono_ms = clock_mono_ms() + PARKED_MS;
	batch->weight -= lane_run_weight(run);
	run->next = NULL;
	*finisher->parked_tail = run;
	finisher->parked_tail = &run->next;
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
		enum status status = lane_write(lane, &run, 1, error);
		if (status == STATUS_OK || status == STATUS_UNKNOWN)
			return status;
		log_error(LOG_EVENT("completion_failed"), LOG_STR("task", run->task.id),
		    LOG_STR("status", status_name(status)), LOG_ERROR(error));
		bool waiting_helps = status == STATUS_FULL || status == STATUS_BUSY;
		if (!waiting_helps && attempt >= SINGLE_TRIES_MAX) {
			if (!lane_run_is_ended(run) || run->outcome.failure == FAILURE_STORAGE)
				return status;
			output_clear(&run->output);
			outcome_done(&run->outcome);
			outcome_init(&run->outcome);
			outcome_fail(
			    &run->outcome, FAILURE_STORAGE, "The result could not be stored");
		}
		if (!lane_pause(lane, &lane->finish_changed, &backoff_ms))
			return status;
	}
}

/* The same for one that was parked, without patience or words. */
static enum status
write_parked(struct lane_pool *lane, struct run *run, struct error *error)
{
	return lane_write(lane, &run, 1, error);
}

/*
 * Writes a batch, or as much of it as can be; the rest is parked, and leaves the batch. Returns
 * UNKNOWN when the store has stopped for good.
 * @write: how each is written by itself where the batch as a whole could not be
 */
static enum status
write_batch(struct finisher *finisher, struct batch *batch,
    enum status (*write)(struct lane_pool *lane, struct run *run, struct error *error))
{
	struct lane_pool *lane = finisher->lane;
	struct error error = { "" };
	size_t count = batch->count;
	size_t written = 0;
	enum status status = lane_write(lane, batch->runs, count, &error);
	if (status == STATUS_OK || status == STATUS_UNKNOWN)
		return status;
	log_error(LOG_EVENT("completions_failed"), LOG_STR("status", status_name(status)),
	    LOG_ERROR(&error), LOG_INT("tasks", count));
	/* What the first call did write answers CONFLICT now, which drops a result that is stored
	   already: the same one. */
	for (size_t i = 0; i < count; i++) {
		struct run *run = batch->runs[i];
		if (status != STATUS_UNKNOWN)
			status = write(lane, run, &error);
		if (status == STATUS_OK || status == STATUS_UNKNOWN)
			batch->runs[written++] = run;
		else
			park(finisher, batch, run);
	}
	batch->count = written;
	return status == STATUS_UNKNOWN ? status : STATUS_OK;
}

/* Tries what is parked, as long as all of it can be written. */
static enum status
try_parked(struct finisher *finisher)
{
	enum status status = STATUS_OK;
	bool is_written = true;
	while (status == STATUS_OK && is_written && finisher->parked != NULL) {
		struct batch batch;
		take_parked(finisher, &batch);
		size_t count = batch.count;
		status = write_batch(finisher, &batch, write_parked);
		is_written = batch.count == count;
		retire_batch(finisher->lane, &batch);
	}
	finisher->parked_at_mono_ms = clock_mono_ms() + PARKED_MS;
	return status;
}

/* Gives up what could not be written to the very end: its rows stay RUNNING until the next start of
   the service mends them. */
static void
give_up_parked(struct finisher *finisher)
{
	while (finisher->parked != NULL) {
		struct batch batch;
		take_parked(finisher, &batch);
		log_error(LOG_EVENT("completions_given_up"), LOG_INT("tasks", batch.count));
		retire_batch(finisher->lane, &batch);
	}
}

void *
lane_finisher_main(void *arg)
{
	struct finisher finisher = { .lane = arg };
	enum status status = STATUS_OK;
	finisher.parked_tail = &finisher.parked;
	for (bool goes_on = true; goes_on;) {
		struct batch batch;
		goes_on = take_batch(&finisher, &batch);
		if (batch.count > 0 && status == STATUS_OK)
			status = write_batch(&finisher, &batch, write_single);
		if (batch.count > 0)
			retire_batch(finisher.lane, &batch);
		bool is_due = !goes_on || clock_mono_ms() >= finisher.parked_at_mono_ms;
		if (finisher.parked != NULL && is_due && status == STATUS_OK)
			status = try_parked(&finisher);
	}
	give_up_parked(&finisher);
	return NULL;
}
