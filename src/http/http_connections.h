/* SPDX-License-Identifier: MIT */
/*
 * All open connections, and the reaper: a thread that cuts every connection whose phase has lasted
 * longer than it may. Deadlines are absolute, so that a client that sends a byte now and then gains
 * nothing. libmicrohttpd's own timeout is not used: it measures inactivity only, and in this mode
 * it spins (the README beside this file).
 *
 * A connection belongs to whoever embeds it. Its phase is one atomic word, written by the thread
 * that serves the connection and read by the reaper, so a request takes no lock at all.
 */
#ifndef TASKQ_HTTP_HTTP_CONNECTIONS_H
#define TASKQ_HTTP_HTTP_CONNECTIONS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

struct connections;
struct waiter;

enum phase {
	PHASE_HEADER,   /* a request header is awaited or arrives: after accept, or once it began */
	PHASE_IDLE,     /* between requests; nothing of the next one has been seen */
	PHASE_BODY,     /* a request body arrives */
	PHASE_HANDLING, /* the service works; no deadline */
	PHASE_SENDING,  /* the client takes the response */
	PHASE_LEAVING,  /* told to go while idle: answers what it had sent already, then ends */
	PHASE_CUT,      /* shut down; its thread is about to notice */
};

struct connection {
	struct connections *owner;
	struct connection *next; /* guarded by the owner's lock, as are the three below */
	struct connection *previous;
	uint64_t seen_bytes;   /* moved when the reaper first saw the connection in a state ... */
	int64_t seen_state;    /* ... and which state that was */
	struct waiter *waiter; /* what its thread waits with; guarded, too, as are those up to fd */
	bool is_stream;        /* and sends while it does */
	uint64_t taken_bytes;  /* by the client of a stream ... */
	int64_t taken_at_us;   /* ... and when it last took any, or had taken all */
	int fd;
	bool is_surplus; /* beyond the limit when it came; written before it is shared, then by
			    its own thread */
	atomic_bool is_leaving; /* told to go; written with the lock held */
	_Atomic(int64_t) state; /* deadline_mono_us * 8 + phase */
};

struct connections_conf {
	unsigned connections_max;
	unsigned waiting_max; /* of them, those whose request may wait for a task */
	int64_t header_timeout_ms;
	int64_t body_timeout_ms;
	int64_t idle_timeout_ms;
	int64_t send_timeout_ms;
};

/**
 * connections_open - an empty list and the thread that watches it
 */
enum status connections_open(const struct connections_conf *conf, struct connections **ret_list,
    struct error *error) NODISCARD;

/**
 * connections_close - join the thread and free; every connection must be gone. NULL is fine
 */
void connections_close(struct connections *list);

/**
 * connections_add - take note of a connection that was just accepted
 * Beyond the limit those that have been idle longest are told to go; where none has been idle for
 * an eighth of the idle timeout, the new one is surplus and gets two seconds for its header and as
 * long for its body.
 */
void connections_add(struct connections *list, struct connection *connection, int fd);

/**
 * connections_remove - forget a connection; must be called before its descriptor is closed
 */
void connections_remove(struct connection *connection);

/**
 * connections_is_over - whether requests of this connection must be refused, because it came beyond
 * the limit and there is still no room. By its own thread.
 */
bool connections_is_over(struct connection *connection);

/**
 * connections_is_leaving - whether the connection was told to go. By its own thread.
 */
bool connections_is_leaving(const struct connection *connection);

/**
 * connection_enter - begin a phase; by the connection's own thread, without a lock
 * @now_us: the monotonic clock
 * HEADER keeps the deadline of a header that is already under way. SENDING is given the same time
 * again and again while the client takes the response at a fair rate.
 */
void connection_enter(struct connection *connection, enum phase phase, int64_t now_us);

/**
 * connection_wait_begin / connection_wait_end - the thread of the connection waits for a task
 * @waiter: added; the reaper lets it go on (waiters_give_up) within a second of the client's going,
 *          or of its shutting its sending side
 * By the connection's own thread. Returns false where as many wait as may.
 */
bool connection_wait_begin(struct connection *connection, struct waiter *waiter);
void connection_wait_end(struct connection *connection);

/**
 * connection_stream_begin - as connection_wait_begin for a response that is sent meanwhile, piece
 * by piece; until connection_wait_end
 * A client that takes nothing of what was sent for as long as it may take to send a response is
 * cut.
 */
bool connection_stream_begin(struct connection *connection, struct waiter *waiter);

/**
 * connections_waiting - how many connections wait for a task
 */
unsigned connections_waiting(const struct connections *list);

/**
 * connections_settle - the end: tell idle connections to go, give those that have not sent a whole
 * header a second more, and wait until no request is under way or the deadline has come
 */
void connections_settle(struct connections *list, int64_t deadline_mono_ms);

/**
 * connections_count - open connections, those about to leave excepted
 */
unsigned connections_count(const struct connections *list);

#endif
