/* SPDX-License-Identifier: MIT */
/*
 * The supervisor that has started this process, if one did that speaks systemd's protocol: a socket
 * that it passes, what it is told, the watchdog that it keeps. The protocol is a few environment
 * variables and datagrams (sd_notify(3), sd_listen_fds(3), sd_watchdog_enabled(3)) and takes no
 * library. Main thread.
 */
#ifndef TASKQ_APP_SUPERVISOR_H
#define TASKQ_APP_SUPERVISOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/status.h"

struct supervisor {
	int socket_fd; /* passed to us: bound, and listening for clients; -1: none. The user's */
	int notify_fd; /* -1: nobody wants to be told */
	struct sockaddr_un notify_address;
	socklen_t notify_address_size;
	int64_t watchdog_ms; /* it ends a service that says nothing for so long; 0: no watchdog */
	bool is_withheld;    /* the watchdog hears nothing, because the service hangs */
};

/**
 * supervisor_open - find out who has started us, by the environment
 * Whom it cannot tell anything is logged and left untold.
 * Returns OK; INVALID when sockets were passed and they are not one TCP socket that listens.
 */
enum status supervisor_open(struct supervisor *ret_supervisor, struct error *error) NODISCARD;

void supervisor_close(struct supervisor *supervisor);

/**
 * supervisor_ready - the service serves, at this address
 * supervisor_stopping - it drains, for so long at most, and must not be killed meanwhile
 */
void supervisor_ready(const struct supervisor *supervisor, const char *address);
void supervisor_stopping(const struct supervisor *supervisor, int64_t timeout_ms);

/**
 * supervisor_pause_ms - until it is to be pinged again, a third of what it would wait; -1: never
 */
int64_t supervisor_pause_ms(const struct supervisor *supervisor);

/**
 * supervisor_ping - tell the watchdog that the service lives; not where its housekeeping, which
 * goes through the writer of the store, has not come round for half of what the watchdog waits
 * @silent_ms:        since it came round
 * @waiting, @running: tasks, for people to read
 */
void supervisor_ping(
    struct supervisor *supervisor, int64_t silent_ms, int64_t waiting, int64_t running);

/**
 * supervisor_ping_stopping - the same while the service drains, which has a limit of its own
 */
void supervisor_ping_stopping(const struct supervisor *supervisor);

#endif
