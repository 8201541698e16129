/* SPDX-License-Identifier: MIT */
/* Signals and reports for the main thread; see signals.h. A signalfd and an eventfd under one poll.
 */
#include "app/signals.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"

/* timeout(1) sends what it sends to the process and then to its group, which is one wish. */
#define SAME_WISH_MS 250

struct signals {
	int signal_fd;
	int report_fd;
	bool is_stopping; /* main thread alone, as the next */
	int64_t stopping_mono_ms;
	atomic_bool died;
	atomic_bool stopped;
};

enum status
signals_open(struct signals **ret_signals, struct error *error)
{
	struct signals *signals = calloc(1, sizeof(*signals));
	if (signals == NULL)
		return error_set(error, STATUS_NOMEM, "no memory for signals");
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	/* Under nohup it is ignored, but would be read from the descriptor all the same. */
	struct sigaction at_hangup;
	if (sigaction(SIGHUP, NULL, &at_hangup) == 0 && at_hangup.sa_handler != SIG_IGN)
		sigaddset(&set, SIGHUP);
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigaction(SIGPIPE, &ignore, NULL);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signals->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	signals->report_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (signals->signal_fd < 0 || signals->report_fd < 0) {
		enum status status =
		    error_set(error, STATUS_IO, "no descriptor for signals: %s", strerror(errno));
		signals_close(signals);
		return status;
	}
	*ret_signals = signals;
	return STATUS_OK;
}

/*
 * Takes pending signals up to one that is a wish to stop; false when there is none. A terminal that
 * goes away may send SIGHUP twice, by the kernel and by the shell: it never is the second wish.
 * Nor is what comes right behind the first.
 */
static bool
take_stop(struct signals *signals)
{
	struct signalfd_siginfo info;

	while (read(signals->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		int64_t now_mono_ms = clock_mono_ms();

		if (signals->is_stopping &&
		    (info.ssi_signo == SIGHUP ||
			now_mono_ms - signals->stopping_mono_ms < SAME_WISH_MS))
			continue;
		signals->is_stopping = true;
		signals->stopping_mono_ms = now_mono_ms;
		return true;
	}
	return false;
}

/* What poll(2) may wait until a time; a little longer at most, never forever but for -1. */
static int
poll_timeout_ms(int64_t until_mono_ms)
{
	int64_t left_ms = until_mono_ms - clock_mono_ms();

	if (until_mono_ms == INT64_MAX)
		return -1;
	return left_ms <= 0 ? 0 : left_ms < INT_MAX ? (int)left_ms : INT_MAX;
}

enum signals_event
signals_wait(struct signals *signals, int64_t timeout_ms)
{
	int64_t until_mono_ms = timeout_ms < 0 ? INT64_MAX : clock_mono_ms() + timeout_ms;

	for (;;) {
		if (atomic_load(&signals->died))
			return SIGNALS_STORE_DIED;
		if (atomic_load(&signals->stopped))
			return SIGNALS_STOPPED;
		if (take_stop(signals))
			return SIGNALS_STOP;
		struct pollfd fds[] = {
			{ .fd = signals->signal_fd, .events = POLLIN },
			{ .fd = signals->report_fd, .events = POLLIN },
		};
		int ready = poll(fds, 2, poll_timeout_ms(until_mono_ms));
		if (ready == 0 && clock_mono_ms() >= until_mono_ms)
			return SIGNALS_QUIET;
		if (ready > 0 && (fds[1].revents & POLLIN) != 0) {
			uint64_t count;
			ssize_t got = read(signals->report_fd, &count, sizeof(count));
			(void)got; /* only empties the counter; the flags say what happened */
		}
	}
}

static void
report(struct signals *signals, atomic_bool *flag)
{
	atomic_store(flag, true);
	const uint64_t one = 1;
	ssize_t put = write(signals->report_fd, &one, sizeof(one));
	(void)put; /* a full counter wakes as well */
}

void
signals_report_death(struct signals *signals)
{
	report(signals, &signals->died);
}

void
signals_report_stopped(struct signals *signals)
{
	report(signals, &signals->stopped);
}

void
signals_close(struct signals *signals)
{
	if (signals == NULL)
		return;
	if (signals->signal_fd >= 0)
		close(signals->signal_fd);
	if (signals->report_fd >= 0)
		close(signals->report_fd);
	free(signals);
}
