/* SPDX-License-Identifier: MIT */
/*
 * Between epoll and libcurl; see fetch_events.h. The engine's thread alone, but for
 * fetch_events_wake. Must not know what a transfer is.
 */
#include "kinds/fetch/fetch_events.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "kinds/fetch/fetch_options.h"

enum {
	EVENTS_PER_ROUND = 256
};

/* libcurl says what it wants to know of a socket. Returns 0, or -1 to fail the transfer. */
static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *socket_data)
{
	const struct fetch_events *events = user;
	struct epoll_event event = { .data.fd = fd };

	(void)socket_data;
	events->socket_told(easy, fd, what == CURL_POLL_REMOVE);
	if (what == CURL_POLL_REMOVE) {
		/* It may be closed already, which has removed it. */
		(void)epoll_ctl(events->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
		return 0;
	}
	if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
		event.events |= EPOLLIN;
	if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
		event.events |= EPOLLOUT;
	/* A connection that is used again was removed at the end of its last transfer, so it is
	   nearly always new here. */
	if (epoll_ctl(events->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0)
		return 0;
	if (errno != EEXIST)
		return -1;
	return epoll_ctl(events->epoll_fd, EPOLL_CTL_MOD, fd, &event);
}

static int
on_timer(CURLM *multi, long timeout_ms, void *user)
{
	struct fetch_events *events = user;

	(void)multi;
	events->timer_mono_ms = timeout_ms < 0 ? -1 : clock_mono_ms() + timeout_ms;
	return 0;
}

static CURLM *
multi_new(struct fetch_events *events)
{
	CURLM *multi = fetch_options_multi_new(events->settings);

	if (multi == NULL)
		return NULL;
	if (curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket) != CURLM_OK ||
	    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, events) != CURLM_OK ||
	    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer) != CURLM_OK ||
	    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, events) != CURLM_OK) {
		(void)curl_multi_cleanup(multi);
		return NULL;
	}
	return multi;
}

enum status
fetch_events_open(struct fetch_events *events, const struct fetch_settings *settings,
    void (*socket_told)(CURL *easy, curl_socket_t fd, bool is_gone), struct error *error)
{
	struct epoll_event wake = { .events = EPOLLIN };

	*events = (struct fetch_events){
		.settings = settings,
		.epoll_fd = -1,
		.wake_fd = -1,
		.timer_mono_ms = -1,
		.socket_told = socket_told,
	};
	events->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	events->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	wake.data.fd = events->wake_fd;
	if (events->epoll_fd == -1 || events->wake_fd == -1 ||
	    epoll_ctl(events->epoll_fd, EPOLL_CTL_ADD, events->wake_fd, &wake) != 0)
		return error_set(error, STATUS_IO, "cannot watch descriptors: %s", strerror(errno));
	events->multi = multi_new(events);
	if (events->multi == NULL)
		return error_set(error, STATUS_NOMEM, "libcurl gives no multi handle");
	return STATUS_OK;
}

void
fetch_events_close(struct fetch_events *events)
{
	if (events->multi != NULL)
		(void)curl_multi_cleanup(events->multi);
	if (events->epoll_fd != -1)
		(void)close(events->epoll_fd);
	if (events->wake_fd != -1)
		(void)close(events->wake_fd);
	*events = (struct fetch_events){ .epoll_fd = -1, .wake_fd = -1, .timer_mono_ms = -1 };
}

bool
fetch_events_renew(struct fetch_events *events)
{
	CURLM *multi = multi_new(events);

	if (multi == NULL)
		return false;
	(void)curl_multi_cleanup(events->multi);
	events->multi = multi;
	events->timer_mono_ms = -1;
	return true;
}

static int
until_timer_ms(const struct fetch_events *events, int wait_ms)
{
	int64_t left_ms;

	if (events->timer_mono_ms < 0)
		return wait_ms;
	left_ms = events->timer_mono_ms - clock_mono_ms();
	if (left_ms <= 0)
		return 0;
	return left_ms < wait_ms ? (int)left_ms : wait_ms;
}

/*
 * An event may be stale: what was done for an earlier one of the same round can have closed the
 * socket and opened another of the same number. libcurl then finds nothing to read, and no harm.
 */
static void
socket_ready(struct fetch_events *events, const struct epoll_event *event)
{
	int what = 0, running;

	if ((event->events & EPOLLIN) != 0)
		what |= CURL_CSELECT_IN;
	if ((event->events & EPOLLOUT) != 0)
		what |= CURL_CSELECT_OUT;
	/* Never CURL_CSELECT_ERR alone, which libcurl takes for a failure of its own: it is to read
	   what befell the socket, and to try anew where that befell a connection kept for reuse. */
	if ((event->events & (EPOLLERR | EPOLLHUP)) != 0)
		what |= CURL_CSELECT_IN | CURL_CSELECT_ERR;
	(void)curl_multi_socket_action(events->multi, event->data.fd, what, &running);
}

void
fetch_events_round(struct fetch_events *events, int wait_ms)
{
	struct epoll_event ready[EVENTS_PER_ROUND];
	int count =
	    epoll_wait(events->epoll_fd, ready, EVENTS_PER_ROUND, until_timer_ms(events, wait_ms));
	int running;

	for (int i = 0; i < count; i++) {
		uint64_t wakes;

		if (ready[i].data.fd != events->wake_fd)
			socket_ready(events, &ready[i]);
		else if (read(events->wake_fd, &wakes, sizeof(wakes)) < 0)
			continue; /* EAGAIN: it was level zero again */
	}
	if (events->timer_mono_ms >= 0 && events->timer_mono_ms <= clock_mono_ms()) {
		events->timer_mono_ms = -1;
		(void)curl_multi_socket_action(events->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	}
}

void
fetch_events_wake(const struct fetch_events *events)
{
	uint64_t one = 1;
	/* It can only fail with EAGAIN, when the counter is full: the thread is being woken. */
	ssize_t written = write(events->wake_fd, &one, sizeof(one));

	(void)written;
}
