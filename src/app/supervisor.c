/* SPDX-License-Identifier: MIT */
/* systemd's protocol, the little of it that a service needs; see supervisor.h. Main thread. */
#include "app/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/num.h"

enum {
	FIRST_PASSED_FD = 3, /* SD_LISTEN_FDS_START */
	/* A supervisor whose queue is full is waited for: never for long, since it may be waiting
	   for us. */
	SEND_TIMEOUT_MS = 1000,
	/* The housekeeping comes round once a second; twice is no reason for worry. */
	SILENT_LEAST_MS = 2500,
	/* Behind the draining come the last answers and the closing of the database. */
	CLOSING_MS = 15000,
};

/* A variable that is a whole number; false where it is not set. */
static bool
number_of(const char *name, uint64_t *ret_value, bool *ret_is_number)
{
	const char *text = getenv(name);

	if (text == NULL)
		return false;
	*ret_is_number = num_parse_u64(text, strlen(text), ret_value) == STATUS_OK;
	return true;
}

/* Whether a variable names this process: the others are not meant for us, but for a child that a
   parent has forgotten to clear them for. */
static bool
is_for_us(const char *name, bool or_unset)
{
	uint64_t pid = 0;
	bool is_number = false;

	if (!number_of(name, &pid, &is_number))
		return or_unset;
	return is_number && pid == (uint64_t)getpid();
}

static enum status
check_passed(int fd, struct error *error)
{
	struct sockaddr_storage address = { .ss_family = AF_UNSPEC };
	socklen_t address_size = sizeof(address);
	int type = 0, is_listening = 0;
	socklen_t type_size = sizeof(type), listening_size = sizeof(is_listening);

	if (getsockname(fd, (struct sockaddr *)&address, &address_size) != 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_size) != 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &listening_size) != 0)
		return error_set(error, STATUS_INVALID,
		    "the descriptor that was passed is no socket: %s", strerror(errno));
	if ((address.ss_family != AF_INET && address.ss_family != AF_INET6) ||
	    type != SOCK_STREAM || is_listening == 0)
		return error_set(error, STATUS_INVALID,
		    "found a passed socket of family %d and type %d that does %slisten, expected a "
		    "TCP socket that listens (ListenStream=ADDRESS:PORT, Accept=no)",
		    (int)address.ss_family, type, is_listening == 0 ? "not " : "");
	return STATUS_OK;
}

static enum status
take_socket(struct supervisor *supervisor, struct error *error)
{
	uint64_t count = 0;
	bool is_number = false;
	enum status status;

	if (!is_for_us("LISTEN_PID", false) || !number_of("LISTEN_FDS", &count, &is_number))
		return STATUS_OK;
	if (!is_number || count != 1)
		return error_set(error, STATUS_INVALID,
		    "found LISTEN_FDS '%.20s', expected 1: the service listens on one address",
		    getenv("LISTEN_FDS"));
	status = check_passed(FIRST_PASSED_FD, error);
	if (status != STATUS_OK)
		return status;
	if (fcntl(FIRST_PASSED_FD, F_SETFD, FD_CLOEXEC) != 0 ||
	    fcntl(FIRST_PASSED_FD, F_SETFL, O_NONBLOCK) != 0)
		return error_set(
		    error, STATUS_IO, "cannot set up the passed socket: %s", strerror(errno));
	supervisor->socket_fd = FIRST_PASSED_FD;
	return STATUS_OK;
}

/* NOTIFY_SOCKET is a path, or @NAME in the abstract namespace. */
static bool
parse_notify_address(struct supervisor *supervisor, const char *text)
{
	struct sockaddr_un *address = &supervisor->notify_address;
	size_t size = strlen(text);

	if ((text[0] != '/' && text[0] != '@') || size < 2 || size >= sizeof(address->sun_path))
		return false;
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(address->sun_path, text, size);
	if (text[0] == '@')
		address->sun_path[0] = '\0';
	/* An abstract name ends with its size, a path with its NUL. */
	supervisor->notify_address_size =
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size + (text[0] == '/' ? 1 : 0));
	return true;
}

static void
find_listener(struct supervisor *supervisor)
{
	const struct timeval patience = { .tv_sec = SEND_TIMEOUT_MS / 1000 };
	const char *text = getenv("NOTIFY_SOCKET");

	if (text == NULL || text[0] == '\0')
		return;
	if (!parse_notify_address(supervisor, text)) {
		log_warn(LOG_EVENT("notify_ignored"), LOG_STR("socket", text));
		return;
	}
	supervisor->notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (supervisor->notify_fd < 0) {
		log_warn(LOG_EVENT("notify_failed"), LOG_STR("error", strerror(errno)));
		return;
	}
	(void)setsockopt(
	    supervisor->notify_fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
}

static void
find_watchdog(struct supervisor *supervisor)
{
	uint64_t interval_us = 0;
	bool is_number = false;

	if (supervisor->notify_fd < 0 || !is_for_us("WATCHDOG_PID", true) ||
	    !number_of("WATCHDOG_USEC", &interval_us, &is_number))
		return;
	if (!is_number || interval_us < 1000 || interval_us > INT64_MAX) {
		log_warn(
		    LOG_EVENT("watchdog_ignored"), LOG_STR("interval_us", getenv("WATCHDOG_USEC")));
		return;
	}
	supervisor->watchdog_ms = (int64_t)(interval_us / 1000);
}

enum status
supervisor_open(struct supervisor *ret_supervisor, struct error *error)
{
	struct supervisor supervisor = { .socket_fd = -1, .notify_fd = -1 };
	enum status status = take_socket(&supervisor, error);

	if (status != STATUS_OK)
		return status;
	find_listener(&supervisor);
	find_watchdog(&supervisor);
	*ret_supervisor = supervisor;
	return STATUS_OK;
}

void
supervisor_close(struct supervisor *supervisor)
{
	if (supervisor->notify_fd >= 0)
		(void)close(supervisor->notify_fd);
	supervisor->notify_fd = -1;
}

static void tell(const struct supervisor *supervisor, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* One datagram: assignments, a line each. */
static void
tell(const struct supervisor *supervisor, const char *fmt, ...)
{
	char text[256];
	va_list args;
	int size;

	if (supervisor->notify_fd < 0)
		return;
	va_start(args, fmt);
	size = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (size < 0 || (size_t)size >= sizeof(text))
		return;
	if (sendto(supervisor->notify_fd, text, (size_t)size, MSG_NOSIGNAL,
		(const struct sockaddr *)&supervisor->notify_address,
		supervisor->notify_address_size) < 0)
		log_warn(LOG_EVENT("notify_failed"), LOG_STR("error", strerror(errno)));
}

void
supervisor_ready(const struct supervisor *supervisor, const char *address)
{
	tell(supervisor, "READY=1\nSTATUS=serving on http://%s\n", address);
}

void
supervisor_stopping(const struct supervisor *supervisor, int64_t timeout_ms)
{
	/* Without it drain-timeout-ms would end where the unit's TimeoutStopSec= does, by SIGKILL.
	 */
	tell(supervisor,
	    "STOPPING=1\nEXTEND_TIMEOUT_USEC=%" PRId64 "\nSTATUS=draining, for %" PRId64
	    " ms at most\n",
	    (timeout_ms + CLOSING_MS) * 1000, timeout_ms);
}

int64_t
supervisor_pause_ms(const struct supervisor *supervisor)
{
	if (supervisor->watchdog_ms == 0)
		return -1;
	return supervisor->watchdog_ms < 3 ? 1 : supervisor->watchdog_ms / 3;
}

void
supervisor_ping(struct supervisor *supervisor, int64_t silent_ms, int64_t waiting, int64_t running)
{
	int64_t most_ms = supervisor->watchdog_ms / 2;
	if (supervisor->watchdog_ms == 0)
		return;
	bool hangs = silent_ms > (most_ms < SILENT_LEAST_MS ? SILENT_LEAST_MS : most_ms);

	if (hangs && !supervisor->is_withheld)
		log_error(LOG_EVENT("watchdog_withheld"), LOG_INT("silent_ms", silent_ms),
		    LOG_INT("watchdog_ms", supervisor->watchdog_ms));
	else if (!hangs && supervisor->is_withheld)
		log_warn(LOG_EVENT("watchdog_resumed"));
	supervisor->is_withheld = hangs;
	if (hangs)
		tell(supervisor, "STATUS=the writer of the store hangs for %" PRId64 " ms\n",
		    silent_ms);
	else
		tell(supervisor, "WATCHDOG=1\nSTATUS=%" PRId64 " tasks wait, %" PRId64 " run\n",
		    waiting, running);
}

void
supervisor_ping_stopping(const struct supervisor *supervisor)
{
	if (supervisor->watchdog_ms > 0)
		tell(supervisor, "WATCHDOG=1\n");
}
