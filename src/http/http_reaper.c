/* SPDX-License-Identifier: MIT */
/*
 * The reaper: looks at every connection twice a second and ends those whose phase has lasted longer
 * than it may. Runs in a thread of its own, with the list's lock held while it looks.
 *
 * shutdown(2) is called under that lock: a connection is removed under the same lock before its
 * descriptor is closed, so the number cannot belong to somebody else by then. It does not block. A
 * look reads one word per connection; only of those that are idle or slow to take a response it
 * also asks the kernel how many bytes have moved.
 */
#include "http/http_reaper.h"

#include <linux/tcp.h>
#include <malloc.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "queue/waiters.h"

#define SCAN_INTERVAL_MS      500
#define ASK_EVERY_SCANS       4   /* scans from one question about idle connections to the next */
#define CROWD                 256 /* connections worth giving memory back after */
#define LEAVING_TIMEOUT_US    2000000
#define SEND_BYTES_PER_SECOND 16384 /* a client that takes less is cut */

int64_t
phase_budget_us(const struct connections_conf *conf, enum phase phase)
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
reaper_dismiss_locked(
    struct connections *list, struct connection *connection, int64_t state, int64_t now_us)
{
	if (!state_replace(connection, state, PHASE_LEAVING, now_us + LEAVING_TIMEOUT_US))
		return;
	if (!atomic_exchange(&connection->is_leaving, true))
		atomic_fetch_sub(&list->serving, 1);
	(void)shutdown(connection->fd, SHUT_RD);
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
	int64_t deadline_us = now_us + phase_budget_us(&list->conf, PHASE_HEADER);

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
	int64_t budget = phase_budget_us(&list->conf, PHASE_SENDING);
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
		reaper_dismiss_locked(list, connection, state, now_us);
	else if (phase == PHASE_SENDING && extend_sending_locked(list, connection, state, now_us))
		return;
	else if (state_replace(connection, state, PHASE_CUT, NEVER_US))
		(void)shutdown(connection->fd, SHUT_RDWR);
}

/* Whether the client of a stream takes nothing any more of what the kernel holds for it. */
static bool
has_stalled_locked(struct connections *list, struct connection *connection, int64_t now_us)
    REQUIRES(list->lock)
{
	struct tcp_info info = { 0 };
	socklen_t size = sizeof(info);

	if (getsockopt(connection->fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0)
		return false;
	if (info.tcpi_bytes_acked != connection->taken_bytes ||
	    (info.tcpi_unacked == 0 && info.tcpi_notsent_bytes == 0)) {
		connection->taken_bytes = info.tcpi_bytes_acked;
		connection->taken_at_us = now_us;
	}
	return now_us - connection->taken_at_us >= phase_budget_us(&list->conf, PHASE_SENDING);
}

/* Whether the peer has ended the connection, or at least its own side of it. */
static bool
peer_is_gone(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLRDHUP };

	return poll(&poll_fd, 1, 0) > 0;
}

/* A client that is gone keeps nobody waiting, and one that has stalled is gone. */
static void
watch_waiter_locked(struct connections *list, struct connection *connection, int64_t state,
    int64_t now_us) REQUIRES(list->lock)
{
	if (connection->is_stream && has_stalled_locked(list, connection, now_us) &&
	    state_replace(connection, state, PHASE_CUT, NEVER_US))
		(void)shutdown(connection->fd, SHUT_RDWR);
	if (peer_is_gone(connection->fd))
		waiters_give_up(connection->waiter);
}

static void
scan_locked(struct connections *list) REQUIRES(list->lock)
{
	int64_t now_us = clock_mono_us();
	bool ask = list->scans++ % ASK_EVERY_SCANS == 0;

	for (struct connection *c = list->first; c != NULL; c = c->next) {
		int64_t state = atomic_load_explicit(&c->state, memory_order_relaxed);
		enum phase phase = state_phase(state);

		if (c->waiter != NULL)
			watch_waiter_locked(list, c, state, now_us);
		if (now_us >= state_deadline(state))
			expire_locked(list, c, state, now_us);
		else if (ask && phase == PHASE_IDLE)
			watch_idle_locked(list, c, state, now_us);
		else if (phase == PHASE_SENDING)
			(void)progress_locked(list, c, state);
	}
}

/*
 * A connection costs some 20 KiB of heap, which malloc keeps once it had it. Most of a crowd having
 * left, the memory goes back to the system.
 */
static void
give_memory_back_locked(struct connections *list) REQUIRES(list->lock)
{
	unsigned serving = atomic_load(&list->serving);

	if (list->peak < CROWD || serving > list->peak / 2)
		return;
	list->peak = serving;
	lock_release(&list->lock);
	(void)malloc_trim(0);
	lock_acquire(&list->lock);
}

void *
reaper_run(void *arg)
{
	struct connections *list = arg;
	int64_t next_ms;

	lock_acquire(&list->lock);
	while (!list->stop) {
		give_memory_back_locked(list);
		if (list->first == NULL && !list->stop) {
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
