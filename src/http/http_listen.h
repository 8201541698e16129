/* SPDX-License-Identifier: MIT */
/*
 * The listening socket. It is ours and not libmicrohttpd's, so that its errors have names and its
 * end is in our hands.
 */
#ifndef TASKQ_HTTP_HTTP_LISTEN_H
#define TASKQ_HTTP_HTTP_LISTEN_H

#include <netinet/in.h>
#include <stdint.h>

#include "base/status.h"

/**
 * http_bind - a bound, non-blocking TCP socket that does not listen yet
 * The port is known before anything else starts, so that fetches can be kept from it, and a port
 * that is taken is found before the database is touched.
 * @address:  IPv4 or IPv6; an IPv6 socket takes IPv6 alone
 * @ret_port: the port it is bound to
 * Returns OK; BUSY when somebody else listens there; INVALID for an address that is not ours or
 * not allowed; IO.
 */
enum status http_bind(const struct sockaddr_storage *address, socklen_t size, int *ret_fd,
    uint16_t *ret_port, struct error *error) NODISCARD;

/**
 * http_listen - let clients connect from now on
 * Returns OK; BUSY when somebody else was faster; IO.
 */
enum status http_listen(int fd, struct error *error) NODISCARD;

#endif
