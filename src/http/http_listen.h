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
 * http_listen - a bound, listening, non-blocking TCP socket
 * @address:  IPv4 or IPv6; an IPv6 socket takes IPv6 alone
 * @ret_port: the port it is bound to
 * Returns OK; BUSY when somebody else listens there; INVALID for an address that is not ours or
 * not allowed; IO.
 */
enum status http_listen(const struct sockaddr_storage *address, socklen_t size, int *ret_fd,
    uint16_t *ret_port, struct error *error) NODISCARD;

#endif
