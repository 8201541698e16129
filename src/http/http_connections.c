/* SPDX-License-Identifier: MIT */
/*
 * The list of connections. add and remove run in libmicrohttpd's listening thread, connection_enter
 * in the connection's own and without a lock, settle in the main thread.
 */
#include "http/http_connections.h"

#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/sync.h"
#include "http/http_reaper.h"

#define SURPLUS_TIMEOUT_US  2000000
#define SETTLE_HEADER_US    1000000
#define EVICT_BATCH         8
#define EVICT_PAUSE_US      10000
#define EVICT_IDLE_FRACTION 8 /* of the idle timeout; who came back sooner is not sent away */

void
connection_enter(struct connection *connection, enum phase phase, int64_t now_us)
{
	struct connections *list = connection->owner;
	int64_t state = atomic_load_explicit(&connection->state, memory_order_relaxed);
	int64_t budget = phase_budget_us(&list->conf, phase);
	int64_t deadline_us;

	if (phase == PHASE_BODY && connection->is_surplus && budget > SURPLUS_TIMEOUT_US)
		budget = SURPLUS_TIMEOUT_US;
	deadline_us = budget < 0 ? NEVER_US : now_us + budget;

	/* Once the socket is shut down, its thread has nothing left to say about deadlines. */
	if (state_phase(state) == PHASE_CUT ||
	    (phase == PHASE_HEADER && state_phase(state) == PHASE_HEADER))
		return;
	/* The reaper is the only other writer, and it moves only what it has judged by this word.
	 */
	if (!state_replace(connection, state, phase, deadline_us)) {
		state = atomic_load(&connection->state);
		if (state_phase(state) == PHASE_CUT || phase == PHASE_HEADER)
			return;
		(void)state_replace(connection, state, phase, deadline_us);
	}
	/* Pairs with connections_settle, which sets the flag first and looks at the words then. */
	if (phase == PHASE_IDLE && atomic_load(&list->settling)) {
		lock_acquire(&list->lock);
		cond_broadcast(&list->changed);
		lock_release(&list->lock);
	}
}

/*
 * Dismisses up to EVICT_BATCH of the connections that have been idle longest. Clients that ask once
 * a second over a connection of their own are idle most of the time; those stay.
 */
static void
evict_idle_locked(struct connections *list, int64_t now_us) REQUIRES(list->lock)
{
	struct connection *oldest[EVICT_BATCH];
	int64_t states[EVICT_BATCH];
	size_t count = 0;
	int64_t idle_us = phase_budget_us(&list->conf, PHASE_IDLE);
	int64_t latest_us = now_us + idle_us - idle_us / EVICT_IDLE_FRACTION;

	if (now_us < list->evict_again_us)
		return;
	for (struct connection *c = list->first; c != NULL; c = c->next) {
		int64_t state = atomic_load_explicit(&c->state, memory_order_relaxed);
		size_t at = count;

		if (state_phase(state) != PHASE_IDLE || state_deadline(state) > latest_us)
			continue;
		/* An earlier deadline means idle for longer: the words order by it. */
		while (at > 0 && states[at - 1] > state)
			at--;
		if (at == EVICT_BATCH)
			continue;
		if (count < EVICT_BATCH)
			count++;
		for (size_t i = count - 1; i > at; i--) {
			states[i] = states[i - 1];
			oldest[i] = oldest[i - 1];
		}
		states[at] = state;
		oldest[at] = c;
	}
	for (size_t i = 0; i < count; i++)
		reaper_dismiss_locked(list, oldest[i], states[i], now_us);
	if (count == 0)
		list->evict_again_us = now_us + EVICT_PAUSE_US;
}

void
connections_add(struct connections *list, struct connection *connection, int fd)
{
	int64_t now_us = clock_mono_us();
	int64_t budget = phase_budget_us(&list->conf, PHASE_HEADER);

	*connection = (struct connection){ .owner = list, .fd = fd };
	lock_acquire(&list->lock);
	if (atomic_fetch_add(&list->serving, 1) + 1 > list->conf.connections_max) {
		evict_idle_locked(list, now_us);
		connection->is_surplus = atomic_load(&list->serving) > list->conf.connections_max;
	}
	if (atomic_load(&list->serving) > list->peak)
		list->peak = atomic_load(&list->serving);
	if (connection->is_surplus && budget > SURPLUS_TIMEOUT_US)
		budget = SURPLUS_TIMEOUT_US;
	atomic_init(&connection->state, state_make(PHASE_HEADER, now_us + budget));
	connection->next = list->first;
	if (list->first != NULL)
		list->first->previous = connection;
	else
		cond_broadcast(&list->changed);
	list->first = connection;
	lock_release(&list->lock);
}

void
connections_remove(struct connection *connection)
{
	struct connections *list = connection->owner;

	lock_acquire(&list->lock);
	if (connection->previous != NULL)
		connection->previous->next = connection->next;
	else
		list->first = connection->next;
	if (connection->next != NULL)
		connection->next->previous = connection->previous;
	if (!atomic_load(&connection->is_leaving))
		atomic_fetch_sub(&list->serving, 1);
	if (atomic_load(&list->settling))
		cond_broadcast(&list->changed);
	lock_release(&list->lock);
}

bool
connections_is_over(struct connection *connection)
{
	struct connections *list = connection->owner;

	if (connection->is_surplus && atomic_load_explicit(&list->serving, memory_order_relaxed) <=
					  list->conf.connections_max)
		connection->is_surplus = false;
	return connection->is_surplus;
}

bool
connections_is_leaving(const struct connection *connection)
{
	return atomic_load_explicit(&connection->is_leaving, memory_order_relaxed);
}

static bool
take_place(struct connection *connection, struct waiter *waiter, bool is_stream)
{
	struct connections *list = connection->owner;
	bool has_place;

	lock_acquire(&list->lock);
	has_place = atomic_load(&list->waiting) < list->conf.waiting_max;
	if (has_place) {
		atomic_fetch_add(&list->waiting, 1);
		connection->waiter = waiter;
		connection->is_stream = is_stream;
		connection->taken_at_us = clock_mono_us();
	}
	lock_release(&list->lock);
	return has_place;
}

bool
connection_wait_begin(struct connection *connection, struct waiter *waiter)
{
	return take_place(connection, waiter, false);
}

bool
connection_stream_begin(struct connection *connection, struct waiter *waiter)
{
	return take_place(connection, waiter, true);
}

void
connection_wait_end(struct connection *connection)
{
	struct connections *list = connection->owner;

	lock_acquire(&list->lock);
	atomic_fetch_sub(&list->waiting, 1);
	connection->waiter = NULL;
	lock_release(&list->lock);
}

unsigned
connections_waiting(const struct connections *list)
{
	return atomic_load(&list->waiting);
}

unsigned
connections_count(const struct connections *list)
{
	return atomic_load(&list->serving);
}

/*
 * Dismisses what is idle, hurries what has not sent a whole header, and tells whether any request
 * is still to be answered.
 */
static bool
settle_locked(struct connections *list, int64_t header_deadline_us) REQUIRES(list->lock)
{
	int64_t now_us = clock_mono_us();
	bool under_way = false;

	for (struct connection *c = list->first; c != NULL; c = c->next) {
		int64_t state = atomic_load(&c->state);

		switch (state_phase(state)) {
		case PHASE_IDLE:
			reaper_dismiss_locked(list, c, state, now_us);
			break;
		case PHASE_HEADER:
			if (state_deadline(state) > header_deadline_us)
				(void)state_replace(c, state, PHASE_HEADER, header_deadline_us);
			under_way = true;
			break;
		case PHASE_BODY:
		case PHASE_HANDLING:
		case PHASE_SENDING:
		case PHASE_LEAVING:
			under_way = true;
			break;
		case PHASE_CUT:
			break;
		}
	}
	return under_way;
}

void
connections_settle(struct connections *list, int64_t deadline_mono_ms)
{
	int64_t header_deadline_us = clock_mono_us() + SETTLE_HEADER_US;

	atomic_store(&list->settling, true);
	lock_acquire(&list->lock);
	while (settle_locked(list, header_deadline_us) && clock_mono_ms() < deadline_mono_ms)
		(void)cond_wait_until(&list->changed, &list->lock, deadline_mono_ms);
	lock_release(&list->lock);
}

enum status
connections_open(
    const struct connections_conf *conf, struct connections **ret_list, struct error *error)
{
	struct connections *list = calloc(1, sizeof(*list));
	enum status status;

	if (list == NULL)
		return error_set(error, STATUS_NOMEM, "no memory for the list of connections");
	list->conf = *conf;
	lock_init(&list->lock, LOCK_RANK_HTTP_CONNECTIONS);
	cond_init(&list->changed);
	status = thread_start(&list->reaper, "http-reaper", 0, reaper_run, list, error);
	if (status != STATUS_OK) {
		cond_done(&list->changed);
		lock_done(&list->lock);
		free(list);
		return status;
	}
	*ret_list = list;
	return STATUS_OK;
}

void
connections_close(struct connections *list)
{
	if (list == NULL)
		return;
	lock_acquire(&list->lock);
	assert(list->first == NULL);
	list->stop = true;
	cond_broadcast(&list->changed);
	lock_release(&list->lock);
	thread_join(list->reaper);
	cond_done(&list->changed);
	lock_done(&list->lock);
	free(list);
}
