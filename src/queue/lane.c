/* SPDX-License-Identifier: MIT */
/*
 * Life cycle of a lane and the size of its window; see lane.h. The two threads are in
 * lane_claimer.c and lane_finisher.c. No lock is held across a call of the store, an engine or a
 * kind.
 */
#include "queue/lane.h"

#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "queue/lane_pool.h"

enum {
	LANE_STACK_BYTES = 512 * 1024,
	/*
	 * How much work the CPU lane claims ahead, by the smoothed cost of a run. It hides the
	 * commits between two short tasks; long tasks are claimed one per executor.
	 */
	CPU_WINDOW_US = 20 * 1000,
	CPU_WINDOW_MAX = 1024,
};

/*
 * How much the CPU lane claims ahead. Nothing while it is not known what runs cost: what is claimed
 * behind a long one would pay for a crash with an attempt.
 */
static size_t
cpu_window_locked(const struct lane_pool *lane) REQUIRES(lane->lock)
{
	size_t executors = lane->conf.executors;
	if (!lane->cost_is_known)
		return executors;
	double ahead = (double)executors * CPU_WINDOW_US / (lane->cost_us + 1.0);
	size_t window = ahead > CPU_WINDOW_MAX ? CPU_WINDOW_MAX : (size_t)ahead;
	return window > executors ? window : executors;
}

size_t
lane_room_locked(const struct lane_pool *lane)
{
	if (lane->held || lane->unwritten >= LANE_UNWRITTEN_MAX_BYTES)
		return 0;
	/* Results need space, too. The claimer looks again at its poll. */
	if (atomic_load_explicit(&lane->conf.admission->disk_low, memory_order_relaxed))
		return 0;
	size_t window = lane->conf.slots;
	size_t used = lane->executing + lane->uncommitted + lane->claiming;
	if (lane->conf.lane == LANE_CPU) {
		window = cpu_window_locked(lane);
		used = lane->executing;
	}
	size_t room = window > used ? window - used : 0;
	return room < LANE_BATCH_MAX ? room : LANE_BATCH_MAX;
}

size_t
lane_run_weight(const struct run *run)
{
	return sizeof(*run) + (output_is_spilled(&run->output) ? (size_t)LANE_SPILLED_BYTES
							       : run->output.memory.capacity);
}

int64_t
lane_waiting(const struct lane_pool *lane)
{
	return atomic_load_explicit(
	    &lane->conf.admission->waiting[lane->conf.lane], memory_order_acquire);
}

bool
lane_has_reason(const struct lane_pool *lane)
{
	return lane_waiting(lane) > 0 || atomic_load_explicit(&lane->woken, memory_order_acquire);
}

/*
 * Whether the claimer should look again now that a run has ended. A free place in the IO lane is a
 * transfer that could be under way. In the CPU lane places are cheap: what counts is that no
 * executor runs dry; else claiming waits until half of the window is free, for a larger batch.
 */
static bool
lane_wants_tasks_locked(const struct lane_pool *lane) REQUIRES(lane->lock)
{
	size_t room = lane_room_locked(lane);
	if (room == 0 || !lane_has_reason(lane))
		return false;
	return lane->conf.lane == LANE_IO || room >= lane->executing ||
	       lane->executing <= 2 * (size_t)lane->conf.executors;
}

struct run *
lane_spare_take_locked(struct lane_pool *lane)
{
	struct run *run = lane->spare;
	if (run != NULL) {
		lane->spare = run->next;
		lane->spare_count--;
	}
	return run;
}

void
lane_spare_give_locked(struct lane_pool *lane, struct run *run)
{
	if (lane->spare_count >= LANE_SPARES_MAX) {
		free(run);
		return;
	}
	run->next = lane->spare;
	lane->spare = run;
	lane->spare_count++;
}

struct run *
lane_run_new(struct lane_pool *lane, struct run *spare, struct task *task)
{
	struct run *run = spare != NULL ? spare : malloc(sizeof(*run));
	if (run == NULL)
		return NULL;
	*run = (struct run){
		.task = *task,
		.stop = &lane->stop,
		.watch = progress_board_watch(lane->conf.progress),
	};
	*task = (struct task){ 0 };
	output_init(&run->output, store_output_conf(lane->conf.store));
	outcome_init(&run->outcome);
	return run;
}

void
lane_run_done(struct run *run)
{
	task_done(&run->task);
	output_done(&run->output);
	outcome_done(&run->outcome);
}

/* The first run counts whole, later ones for an eighth. */
static void
note_cost_locked(struct lane_pool *lane, double cost_us) REQUIRES(lane->lock)
{
	lane->cost_us =
	    lane->cost_is_known ? lane->cost_us + (cost_us - lane->cost_us) / 8 : cost_us;
	lane->cost_is_known = true;
}

/* The finisher has it from here on. */
static void
hand_over_locked(struct lane_pool *lane, struct run *run) REQUIRES(lane->lock)
{
	run->next = NULL;
	lane->executing--;
	lane->uncommitted++;
	lane->unwritten += lane_run_weight(run);
	bool first = lane->finished == NULL;
	*lane->finished_tail = run;
	lane->finished_tail = &run->next;
	if (first)
		cond_signal(&lane->finish_changed);
	if (lane_wants_tasks_locked(lane))
		cond_signal(&lane->claim_changed);
}

void
lane_hand_over(struct lane_pool *lane, struct run *run)
{
	assert(run->host == NULL);
	lock_acquire(&lane->lock);
	hand_over_locked(lane, run);
	lock_release(&lane->lock);
}

/* A run leaves its host, which may have said something. Returns when something may be recalled. */
static int64_t
leave_host(const struct lane_pool *lane, const struct run *run)
{
	const struct outcome *outcome = &run->outcome;
	struct hosts *hosts = lane->conf.hosts;
	int64_t now_mono_ms = clock_mono_ms();
	enum host_leave why = HOST_LEAVE_UNASKED;
	if (outcome->verdict == VERDICT_DEFERRED)
		why = HOST_LEAVE_ASIDE;
	else if (run->has_begun && outcome->verdict != VERDICT_RELEASED)
		why = HOST_LEAVE_ANSWERED;
	if (outcome->pause_ms > 0) {
		hosts_pause(hosts, run->host, outcome->pause_ms, now_mono_ms);
		if (outcome->pause_host != NULL)
			hosts_pause_named(
			    hosts, outcome->pause_host, outcome->pause_ms, now_mono_ms);
	}
	hosts_leave(hosts, run->host, why, now_mono_ms);
	return hosts_due_mono_ms(hosts);
}

void
lane_finished(void *context, struct run *run)
{
	struct lane_pool *lane = context;
	enum verdict verdict = run->outcome.verdict;
	bool measured = verdict != VERDICT_RELEASED && verdict != VERDICT_DEFERRED;
	/* Handed back although nobody asked for it: its output found no space. */
	if (verdict == VERDICT_RELEASED && !atomic_load_explicit(&lane->stop, memory_order_acquire))
		admission_note_disk_full(lane->conf.admission);
	int64_t recall_ms = run->host != NULL ? leave_host(lane, run) : INT64_MAX;
	double cost_us = (double)run_over(run);
	lock_acquire(&lane->lock);
	if (measured)
		note_cost_locked(lane, cost_us);
	while (lane->conf.lane == LANE_CPU && !lane->closing &&
	       lane->unwritten >= LANE_UNWRITTEN_MAX_BYTES)
		cond_wait(&lane->written, &lane->lock);
	hand_over_locked(lane, run);
	/* Also where that is later: what the claimer waits for may be later still. */
	if (recall_ms < lane->look_at_mono_ms)
		cond_signal(&lane->claim_changed);
	lock_release(&lane->lock);
}

bool
lane_pause(struct lane_pool *lane, struct cond *cond, int64_t *backoff_ms)
{
	int64_t until_ms = clock_mono_ms() + *backoff_ms;
	*backoff_ms =
	    *backoff_ms * 2 < LANE_BACKOFF_LAST_MS ? *backoff_ms * 2 : LANE_BACKOFF_LAST_MS;
	lock_acquire(&lane->lock);
	while (!lane->closing && cond_wait_until(cond, &lane->lock, until_ms))
		;
	bool goes_on = !lane->closing;
	lock_release(&lane->lock);
	return goes_on;
}

static enum status
open_engines(struct lane_pool *lane, struct error *error)
{
	if (lane->conf.lane == LANE_CPU)
		return cpu_pool_open(
		    lane->conf.executors, lane->conf.kinds, lane_finished, lane, &lane->cpu, error);
	size_t count;
	const struct kind *const *kinds = kinds_table(&count);
	lane->engines = calloc(count, sizeof(lane->engines[0]));
	if (lane->engines == NULL)
		return error_set(error, STATUS_NOMEM, "no memory for engines");
	for (size_t i = 0; i < count; i++) {
		if (kinds[i]->lane != lane->conf.lane)
			continue;
		struct lane_engine *slot = &lane->engines[lane->engine_count];
		struct pulse *pulse = kind_figures_pulse(lane->conf.figures, kinds[i]);
		enum status status = kinds[i]->engine->open(
		    lane->conf.kinds, lane_finished, lane, pulse, &slot->engine, error);
		if (status != STATUS_OK) {
			error_prefix(error, "%s", kinds[i]->type);
			return status;
		}
		slot->kind = kinds[i];
		lane->engine_count++;
	}
	return STATUS_OK;
}

enum status
lane_open(const struct lane_conf *conf, struct lane_pool **ret_lane, struct error *error)
{
	struct lane_pool *lane = calloc(1, sizeof(*lane));
	if (lane == NULL)
		return error_set(error, STATUS_NOMEM, "no memory for a lane");
	lane->conf = *conf;
	atomic_init(&lane->stop, false);
	atomic_init(&lane->woken, true); /* tasks may wait from an earlier run */
	lane->finished_tail = &lane->finished;
	LIST_INIT(&lane->runs);
	lock_init(&lane->lock, LOCK_RANK_LANE);
	cond_init(&lane->claim_changed);
	cond_init(&lane->finish_changed);
	cond_init(&lane->became_empty);
	cond_init(&lane->written);
	enum status status = open_engines(lane, error);
	if (status != STATUS_OK)
		goto out;
	bool cpu = conf->lane == LANE_CPU;
	status = thread_start(&lane->finisher, cpu ? "tq-cpu-finish" : "tq-io-finish",
	    LANE_STACK_BYTES, lane_finisher_main, lane, error);
	if (status != STATUS_OK)
		goto out;
	lane->finisher_started = true;
	status = thread_start(&lane->claimer, cpu ? "tq-cpu-claim" : "tq-io-claim",
	    LANE_STACK_BYTES, lane_claimer_main, lane, error);
	if (status != STATUS_OK)
		goto out;
	lane->claimer_started = true;
	*ret_lane = lane;
	lane = NULL;
out:
	lane_close(lane);
	return status;
}

void
lane_wake(struct lane_pool *lane)
{
	/* One signal is enough until the claimer has looked; the others cost one exchange. */
	if (atomic_exchange_explicit(&lane->woken, true, memory_order_acq_rel))
		return;
	lock_acquire(&lane->lock);
	cond_signal(&lane->claim_changed);
	lock_release(&lane->lock);
}

void
lane_hold(struct lane_pool *lane)
{
	lock_acquire(&lane->lock);
	lane->held = true;
	lock_release(&lane->lock);
}

bool
lane_is_empty_locked(const struct lane_pool *lane)
{
	return lane->executing + lane->uncommitted + lane->claiming == 0;
}

bool
lane_wait_empty(struct lane_pool *lane, int64_t deadline_mono_ms)
{
	lock_acquire(&lane->lock);
	while (!lane_is_empty_locked(lane) &&
	       cond_wait_until(&lane->became_empty, &lane->lock, deadline_mono_ms))
		;
	bool empty = lane_is_empty_locked(lane);
	lock_release(&lane->lock);
	return empty;
}

void
lane_stop(struct lane_pool *lane)
{
	lock_acquire(&lane->lock);
	lane->held = true;
	lane->closing = true;
	cond_broadcast(&lane->claim_changed);
	cond_broadcast(&lane->finish_changed);
	cond_broadcast(&lane->written);
	lock_release(&lane->lock);
	if (lane->claimer_started)
		thread_join(lane->claimer);
	lane->claimer_started = false;
	lock_acquire(&lane->lock);
	while (lane->starting > 0 || lane->cancelling > 0)
		cond_wait(&lane->became_empty, &lane->lock);
	lock_release(&lane->lock);
	/* Nothing is added from here on; what is in the engines comes back through the finisher. */
	atomic_store_explicit(&lane->stop, true, memory_order_release);
	/* All engines are asked to end before the first is waited for. */
	for (size_t i = 0; i < lane->engine_count; i++)
		lane->engines[i].kind->engine->abort(lane->engines[i].engine);
	cpu_pool_close(lane->cpu);
	lane->cpu = NULL;
	for (size_t i = 0; i < lane->engine_count; i++)
		lane->engines[i].kind->engine->close(lane->engines[i].engine);
	lane->engine_count = 0;
	lock_acquire(&lane->lock);
	lane->drained = true;
	cond_broadcast(&lane->finish_changed);
	lock_release(&lane->lock);
	if (lane->finisher_started)
		thread_join(lane->finisher);
	lane->finisher_started = false;
}

void
lane_close(struct lane_pool *lane)
{
	if (lane == NULL)
		return;
	lane_stop(lane);
	while (lane->spare != NULL) {
		struct run *run = lane->spare;
		lane->spare = run->next;
		free(run);
	}
	free(lane->engines);
	cond_done(&lane->written);
	cond_done(&lane->became_empty);
	cond_done(&lane->finish_changed);
	cond_done(&lane->claim_changed);
	lock_done(&lane->lock);
	free(lane);
}
