/* SPDX-License-Identifier: MIT */
/*
 * The claimer of a lane: takes tasks from the store as the lane has room for them. One thread per
 * lane. A task belongs to the claimer from the claim until an engine has taken it.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/service_clock.h"
#include "queue/lane_gate.h"
#include "queue/lane_pool.h"

/* Hands tasks back, as often as that takes: nobody else knows that they do not run. */
static enum status
release(struct lane_pool *lane, const struct task *tasks, size_t count, size_t *ret_queued)
{
	int64_t backoff_ms = LANE_BACKOFF_FIRST_MS;
	for (;;) {
		struct error error = { "" };
		enum status status = store_release(
		    lane->conf.store, tasks, count, service_clock_ms(), ret_queued, &error);
		if (status == STATUS_OK)
			return status;
		log_error(LOG_EVENT("release_failed"), LOG_STR("status", status_name(status)),
		    LOG_ERROR(&error), LOG_INT("tasks", count));
		if (status == STATUS_UNKNOWN ||
		    !lane_pause(lane, &lane->claim_changed, &backoff_ms))
			return status;
	}
}

/* Hands back tasks that no memory could be had for; they cost no attempt. */
static void
give_back(struct lane_pool *lane, struct task *tasks, size_t count)
{
	size_t queued;
	enum status status = release(lane, tasks, count, &queued);
	if (status == STATUS_OK) {
		admission_returned(lane->conf.admission, lane->conf.lane, (int64_t)queued);
		timekeeper_note(lane->conf.timekeeper, 0); /* as release_runs */
		for (size_t i = 0; i < count; i++)
			waiters_tell(lane->conf.waiters, tasks[i].id,
			    queued < count ? WAITER_ENDED : WAITER_CHANGED);
	}
	for (size_t i = 0; i < count; i++)
		task_done(&tasks[i]);
}

static void
dispatch(struct lane_pool *lane, struct run *runs)
{
	lock_acquire(&lane->lock);
	for (struct run *run = runs; run != NULL; run = run->next)
		lane_list_locked(lane, run);
	lock_release(&lane->lock);
	lane_dispatch(lane, runs);
}

/* Takes tasks from the store, through the gate where the lane has one. */
static enum status
take(struct lane_pool *lane, struct lane_gate *gate, bool isolated, size_t max, struct task *tasks,
    size_t *ret_count)
{
	struct error error = { "" };
	enum status status = lane->conf.hosts != NULL
				 ? lane_gate_claim(gate, isolated, max, tasks, ret_count, &error)
				 : store_claim(lane->conf.store, lane->conf.lane, isolated, max,
				       service_clock_ms(), tasks, ret_count, &error);
	if (status != STATUS_OK)
		log_error(LOG_EVENT("claim_failed"), LOG_STR("status", status_name(status)),
		    LOG_ERROR(&error));
	return status;
}

/* Hosts of tasks that are not executed after all. */
static void
leave_hosts(struct lane_pool *lane, struct run_host *const *hosts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (hosts[i] == NULL)
			continue;
		hosts_leave(lane->conf.hosts, hosts[i], HOST_LEAVE_UNASKED, clock_mono_ms());
		hosts_let_go(lane->conf.hosts, hosts[i]);
	}
}

/* Makes runs of tasks, each in the memory of a spare run as long as there are any. Returns how many
   were made: fewer where memory is gone. */
static size_t
make_runs(struct lane_pool *lane, struct run *spares, struct task *tasks, size_t count,
    struct run_host *const *hosts, struct run **ret_runs)
{
	struct run **end = ret_runs;
	size_t made = 0;
	for (; made < count; made++) {
		struct run *spare = spares;
		if (spare != NULL)
			spares = spare->next;
		struct run *run = lane_run_new(lane, spare, &tasks[made]);
		if (run == NULL)
			break;
		run->host = hosts != NULL ? hosts[made] : NULL;
		*end = run;
		end = &run->next;
	}
	*end = NULL;
	return made;
}

/* Claims once; *ret_count tells how many. Everything claimed is dispatched or handed back. */
static enum status
claim(struct lane_pool *lane, struct lane_gate *gate, bool isolated, size_t max, size_t *ret_count)
{
	struct run_host *const *hosts = lane->conf.hosts != NULL ? gate->admitted : NULL;
	struct task tasks[LANE_BATCH_MAX];
	size_t count = 0;
	enum status status = take(lane, gate, isolated, max, tasks, &count);
	if (status != STATUS_OK)
		return status;
	admission_taken(lane->conf.admission, lane->conf.lane, (int64_t)count);
	for (size_t i = 0; i < count; i++)
		waiters_tell(lane->conf.waiters, tasks[i].id, WAITER_CHANGED);
	struct run *spares = NULL;
	lock_acquire(&lane->lock);
	for (size_t i = 0; i < count; i++) {
		struct run *spare = lane_spare_take_locked(lane);
		if (spare == NULL)
			break;
		spare->next = spares;
		spares = spare;
	}
	lane->executing += count;
	if (isolated && count > 0)
		lane->isolated_running = true;
	lock_release(&lane->lock);
	struct run *runs = NULL;
	size_t made = make_runs(lane, spares, tasks, count, hosts, &runs);
	if (made < count) {
		lock_acquire(&lane->lock);
		lane->executing -= count - made;
		if (isolated)
			lane->isolated_running = false;
		lock_release(&lane->lock);
	}
	dispatch(lane, runs);
	*ret_count = made;
	if (made == count)
		return STATUS_OK;
	if (hosts != NULL)
		leave_hosts(lane, hosts + made, count - made);
	give_back(lane, &tasks[made], count - made);
	return STATUS_NOMEM;
}

/*
 * How many to claim. A place of the IO lane is a hard bound, and tasks that start with their
 * submission take places while the store is looked at: so those of the claim are taken before it,
 * and no more than there are tasks to find.
 */
static size_t
limit_claim(const struct lane_pool *lane, size_t room, size_t recalled)
{
	int64_t waiting = lane_waiting(lane) + (int64_t)recalled;
	if (lane->conf.lane == LANE_CPU || room == 0)
		return room;
	if (waiting < 1)
		return 1;
	return (uint64_t)waiting < room ? (size_t)waiting : room;
}

/* When there is a reason to look although nobody says so: at the next poll, or when something is to
   be recalled. */
static int64_t
look_at_ms(const struct lane_pool *lane, int64_t poll_at_ms)
{
	int64_t due_ms = lane->conf.hosts != NULL ? hosts_due_mono_ms(lane->conf.hosts) : INT64_MAX;
	return due_ms < poll_at_ms ? due_ms : poll_at_ms;
}

/* Waits until there is room and, unless `more` is known to wait, a reason to look; 0 means the end.
 */
static size_t
wait_for_room(
    struct lane_pool *lane, bool more, bool *ret_isolated, struct hosts_recalls *ret_recalls)
{
	int64_t poll_at_ms = clock_mono_ms() + LANE_POLL_MS;
	size_t room = 0;
	ret_recalls->count = 0;
	ret_recalls->tasks = 0;
	lock_acquire(&lane->lock);
	while (!lane->closing) {
		int64_t now_ms = clock_mono_ms();
		int64_t at_ms = look_at_ms(lane, poll_at_ms);
		bool reason = more || now_ms >= at_ms ||
			      atomic_load_explicit(&lane->woken, memory_order_acquire);
		room = lane_room_locked(lane);
		if (room > 0 && reason)
			break;
		lane->look_at_mono_ms = now_ms < at_ms ? at_ms : now_ms + LANE_POLL_MS;
		cond_wait_until(&lane->claim_changed, &lane->lock, lane->look_at_mono_ms);
	}
	if (!lane->closing && lane->conf.hosts != NULL)
		hosts_begin_recalls(lane->conf.hosts, room, clock_mono_ms(), ret_recalls);
	room = lane->closing ? 0 : limit_claim(lane, room, ret_recalls->tasks);
	lane->claiming = room;
	*ret_isolated = !lane->isolated_running;
	lock_release(&lane->lock);
	return room;
}

static void
end_claiming(struct lane_pool *lane)
{
	lock_acquire(&lane->lock);
	lane->claiming = 0;
	lane_forget_cancels_locked(lane);
	if (lane_is_empty_locked(lane))
		cond_broadcast(&lane->became_empty);
	lock_release(&lane->lock);
}

/*
 * One look at the store: a task of those that run alone, where none is running, and as many others
 * as there is room for, with what is recalled. *ret_count tells how many came.
 */
static enum status
claim_some(struct lane_pool *lane, struct lane_gate *gate, size_t room, bool isolated_idle,
    int64_t *isolated_at_ms, size_t *ret_count)
{
	struct lane_gate alone = { .lane = lane };
	size_t isolated_count = 0;
	size_t count = 0;
	enum status status = STATUS_OK;
	gate->store.ret_deferred = 0;
	if (isolated_idle && clock_mono_ms() >= *isolated_at_ms) {
		status = claim(lane, &alone, true, 1, &isolated_count);
		if (status == STATUS_OK && isolated_count == 0)
			*isolated_at_ms = clock_mono_ms() + LANE_POLL_MS;
	}
	if (status == STATUS_OK && room > isolated_count)
		status = claim(lane, gate, false, room - isolated_count, &count);
	else if (lane->conf.hosts != NULL)
		hosts_end_recalls(lane->conf.hosts, &gate->recalls, false, clock_mono_ms());
	*ret_count = isolated_count + count;
	return status;
}

/*
 * What is deferred is known by host. At the start, and should the store ever have something that
 * nobody knows of, the store is asked; where it does not answer, again at *at_ms, whatever else
 * there is to do meanwhile.
 */
static void
find_deferred(struct lane_pool *lane, bool is_idle, int64_t *at_ms)
{
	struct hosts *hosts = lane->conf.hosts;
	struct store_counts counts;
	struct error error = { "" };
	if (hosts == NULL)
		return;
	bool has_to = hosts_are_unsure(hosts) ? clock_mono_ms() >= *at_ms
					      : is_idle && !hosts_any_deferring(hosts);
	if (!has_to)
		return;
	/* What gets lost from here on is to be looked for again. */
	hosts_set_unsure(hosts, false);
	enum status status = store_counts(lane->conf.store, &counts, &error);
	if (status == STATUS_OK && counts.deferred_by_lane[lane->conf.lane] > 0)
		status = lane_gate_find(lane, &error);
	if (status == STATUS_OK)
		return;
	hosts_set_unsure(hosts, true);
	*at_ms = clock_mono_ms() + LANE_POLL_MS;
	log_error(LOG_EVENT("deferred_not_found"), LOG_STR("status", status_name(status)),
	    LOG_ERROR(&error));
}

void *
lane_claimer_main(void *arg)
{
	struct lane_pool *lane = arg;
	struct lane_gate gate = { .lane = lane };
	int64_t backoff_ms = LANE_BACKOFF_FIRST_MS;
	bool more = true;
	int64_t isolated_at_ms = 0; /* when to look for isolated tasks again */
	int64_t find_at_ms = 0;     /* when to ask the store again for what is deferred */
	find_deferred(lane, true, &find_at_ms);
	for (;;) {
		bool isolated_idle;
		size_t room = wait_for_room(lane, more, &isolated_idle, &gate.recalls);
		if (room == 0)
			return NULL;
		/* Cleared before the claim: a submission committed after it wakes us again. */
		atomic_store_explicit(&lane->woken, false, memory_order_release);
		size_t count = 0;
		enum status status =
		    claim_some(lane, &gate, room, isolated_idle, &isolated_at_ms, &count);
		end_claiming(lane);
		if (status == STATUS_UNKNOWN)
			return NULL; /* the store has stopped for good */
		if (status != STATUS_OK) {
			lane_pause(lane, &lane->claim_changed, &backoff_ms);
			more = true;
			continue;
		}
		backoff_ms = LANE_BACKOFF_FIRST_MS;
		/* Behind what was deferred may be others. */
		more = (count >= room || gate.store.ret_deferred > 0) && lane_waiting(lane) > 0;
		find_deferred(lane, count == 0 && !more, &find_at_ms);
	}
}
