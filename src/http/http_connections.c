/* SPDX-License-Identifier: MIT */
/*
 * The list of connections and the reaper. add and remove run in libmicrohttpd's listening thread,
 * connection_enter in the connection's own, the scans in the reaper.
 *
 * shutdown(2) is called with the lock held: remove takes the same lock before the descriptor is
 * closed, so the number cannot belong to somebody else by then. It does not block. A scan reads one
 * word per connection; of those that are idle or slow to take a response it also asks the kernel,
 * once a second, how many bytes have moved.
 */
#include "http/http_connections.h"

#include <assert.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/sync.h"

#define SCAN_INTERVAL_MS      500
#define ASK_EVERY_SCANS       2 /* scans from one question about idle connections to the next */
#define SURPLUS_TIMEOUT_US    2000000
#define LEAVING_TIMEOUT_US    2000000
#define SETTLE_HEADER_US      1000000
#define SEND_BYTES_PER_SECOND 16384 /* a client that takes less is cut */
#define EVICT_BATCH           8
#define EVICT_PAUSE_US        10000
#define EVICT_IDLE_FRACTION   8 /* of the idle timeout; who came back sooner is not sent away */
#define PHASE_BITS            3
#define PHASE_MASK            ((1 << PHASE_BITS) - 1)
#define NEVER_US              (INT64_MAX >> PHASE_BITS)

struct connections {
	struct connections_conf conf;
	struct lock lock;
	struct cond changed;      /* the list got its first member, settling moved on, stop */
	struct connection *first; /* guarded by lock, as are all up to `stop` */
	int64_t evict_again_us;   /* not before then, when the last look found nobody idle */
	unsigned scans;
	bool stop;
	atomic_bool settling;
	atomic_uint serving; /* open and not leaving; written with the lock held */
	pthread_t reaper;
};

static int64_t
state_make(enum phase phase, int64_t deadline_us)
{
	return (int64_t)((uint64_t)deadline_us << PHASE_BITS) | (int64_t)phase;
}

static enum phase
state_phase(int64_t state)
{
	return (enum phase)(state & PHASE_MASK);
}

static int64_t
state_deadline(int64_t state)
{
	return state >> PHASE_BITS;
}

/* Moves a connection on unless its thread has done so meanwhile. */
static bool
state_replace(struct connection *connection, int64_t from, enum phase phase, int64_t deadline_us)
{
	return atomic_compare_exchange_strong(
	    &connection->state, &from, state_make(phase, deadline_us));
}

static int64_t
budget_us(const struct connections_conf *conf, enum phase phase)
{
	switch (phase) {
	case PHASE_HEADER:
		return conf->header_timeout_ms * 1000;
	case PHASE_IDLE:
		return conf->idle_timeout_ms * 1000;
	case PHASE_BODY:
		return conf->body_timeout_ms * 1000;
	case PHASE_SENDING:
		return conf->send_timeout_ms * 1000;
	case PHASE_HANDLING:
	case PHASE_LEAVING:
	case PHASE_CUT:
		break;
	}
	return -1;
}

void
connection_enter(struct connection *connection, enum phase phase, int64_t now_us)
{
	struct connections *list = connection->owner;
	int64_t state = atomic_load_explicit(&connection->state, memory_order_relaxed);
	int64_t budget = budget_us(&list->conf, phase);
	int64_t deadline_us = budget < 0 ? NEVER_US : now_us + budget;

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

/* Lets an idle connection end by itself: what has already arrived is still read and answered. */
static void
dismiss_locked(struct connections *list, struct connection *connection, int64_t state,
    int64_t now_us) REQUIRES(list->lock)
{
	if (!state_replace(connection, state, PHASE_LEAVING, now_us + LEAVING_TIMEOUT_US))
		return;
	if (!atomic_exchange(&connection->is_leaving, true))
		atomic_fetch_sub(&list->serving, 1);
	(void)shutdown(connection->fd, SHUT_RD);
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
	int64_t idle_us = budget_us(&list->conf, PHASE_IDLE);
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
		dismiss_locked(list, oldest[i], states[i], now_us);
	if (count == 0)
		list->evict_again_us = now_us + EVICT_PAUSE_US;
}

void
connections_add(struct connections *list, struct connection *connection, int fd)
{
	int64_t now_us = clock_mono_us();
	int64_t budget = budget_us(&list->conf, PHASE_HEADER);

	*connection = (struct connection){ .owner = list, .fd = fd };
	lock_acquire(&list->lock);
	if (atomic_fetch_add(&list->serving, 1) + 1 > list->conf.connections_max) {
		evict_idle_locked(list, now_us);
		connection->is_surplus = atomic_load(&list->serving) > list->conf.connections_max;
	}
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

unsigned
connections_count(const struct connections *list)
{
	return atomic_load(&list->serving);
}

/* What the kernel knows of a connection: bytes that the peer has sent, or has taken. */
static uint64_t
bytes_moved(int fd, bool by_peer)
{
	struct tcp_info info = { 0 };
	socklen_t size = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0)
		return 0;
	return by_peer ? info.tcpi_bytes_received : info.tcpi_bytes_acked;
}

/*
 * Notes how far a connection has come in its present state when the reaper first sees it there.
 * Returns the bytes that have moved since.
 */
static uint64_t
progress_locked(struct connections *list, struct connection *connection, int64_t state)
    REQUIRES(list->lock)
{
	uint64_t bytes = bytes_moved(connection->fd, state_phase(state) == PHASE_IDLE);

	(void)list;
	if (connection->seen_state != state) {
		connection->seen_state = state;
		connection->seen_bytes = bytes;
	}
	return bytes - connection->seen_bytes;
}

/*
 * libmicrohttpd says nothing until the request line is complete, so the first bytes of one are
 * noticed here: from then on the deadline of a header counts.
 */
static void
watch_idle_locked(struct connections *list, struct connection *connection, int64_t state,
    int64_t now_us) REQUIRES(list->lock)
{
	int64_t deadline_us = now_us + budget_us(&list->conf, PHASE_HEADER);

	/* Never later than the idle deadline that it replaces. */
	if (deadline_us > state_deadline(state))
		deadline_us = state_deadline(state);
	if (progress_locked(list, connection, state) > 0)
		(void)state_replace(connection, state, PHASE_HEADER, deadline_us);
}

/*
 * The time to take a response is up. A client that has been taking it all the while, at a rate that
 * no patient attacker can make cheap, gets as much time again; so does one whose progress nobody
 * has measured yet, once.
 */
static bool
extend_sending_locked(struct connections *list, struct connection *connection, int64_t state,
    int64_t now_us) REQUIRES(list->lock)
{
	int64_t budget = budget_us(&list->conf, PHASE_SENDING);
	uint64_t enough = (uint64_t)(budget / 1000) * SEND_BYTES_PER_SECOND / 1000;
	bool is_measured = connection->seen_state == state;
	uint64_t moved = progress_locked(list, connection, state);

	if (is_measured && moved < enough)
		return false;
	if (!state_replace(connection, state, PHASE_SENDING, now_us + budget))
		return false;
	connection->seen_state = state_make(PHASE_SENDING, now_us + budget);
	connection->seen_bytes += moved;
	return true;
}

/* A deadline has passed. */
static void
expire_locked(struct connections *list, struct connection *connection, int64_t state,
    int64_t now_us) REQUIRES(list->lock)
{
	enum phase phase = state_phase(state);

	if (phase == PHASE_IDLE)
		dismiss_locked(list, connection, state, now_us);
	else if (phase == PHASE_SENDING && extend_sending_locked(list, connection, state, now_us))
		return;
	else if (state_replace(connection, state, PHASE_CUT, NEVER_US))
		(void)shutdown(connection->fd, SHUT_RDWR);
}

static void
scan_locked(struct connections *list) REQUIRES(list->lock)
{
	int64_t now_us = clock_mono_us();
	bool ask = list->scans++ % ASK_EVERY_SCANS == 0;

	for (struct connection *c = list->first; c != NULL; c = c->next) {
		int64_t state = atomic_load_explicit(&c->state, memory_order_relaxed);
		enum phase phase = state_phase(state);

		if (now_us >= state_deadline(state))
			expire_locked(list, c, state, now_us);
		else if (ask && phase == PHASE_IDLE)
			watch_idle_locked(list, c, state, now_us);
		else if (phase == PHASE_SENDING)
			(void)progress_locked(list, c, state);
	}
}

static void *
reaper_run(void *arg)
{
	struct connections *list = arg;
	int64_t next_ms;

	lock_acquire(&list->lock);
	while (!list->stop) {
		if (list->first == NULL) {
			cond_wait(&list->changed, &list->lock);
			continue;
		}
		next_ms = clock_mono_ms() + SCAN_INTERVAL_MS;
		while (!list->stop && clock_mono_ms() < next_ms)
			(void)cond_wait_until(&list->changed, &list->lock, next_ms);
		scan_locked(list);
	}
	lock_release(&list->lock);
	return NULL;
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
			dismiss_locked(list, c, state, now_us);
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
