/* SPDX-License-Identifier: MIT */
/* The address to serve on: parsing, printing, and whether other machines can reach it. Pure. */
#ifndef TASKQ_APP_LISTEN_ADDRESS_H
#define TASKQ_APP_LISTEN_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

/* "[" IPv6 "]:" port and NUL */
#define LISTEN_ADDRESS_TEXT_SIZE (INET6_ADDRSTRLEN + 10)

/**
 * listen_address_parse - "127.0.0.1:18991" or "[::1]:18991"; IP literals only, a name could mean
 * anything tomorrow
 * Returns OK, INVALID.
 */
enum status listen_address_parse(const char *text, struct sockaddr_storage *ret_address,
    socklen_t *ret_size, struct error *error) NODISCARD;

/**
 * listen_address_is_loopback - whether only this machine can reach it
 */
bool listen_address_is_loopback(const struct sockaddr_storage *address);

/**
 * listen_address_port - 0: whichever is free
 */
uint16_t listen_address_port(const struct sockaddr_storage *address);

/**
 * listen_address_covers - whether a socket bound to an address is one that was asked for: the same
 * host, and the same port unless any would do
 */
bool listen_address_covers(
    const struct sockaddr_storage *asked, const struct sockaddr_storage *bound);

/**
 * listen_address_make_reachable - where to ask a service of this machine that serves there: every
 * address becomes the loopback one
 */
void listen_address_make_reachable(struct sockaddr_storage *address);

/**
 * listen_address_print - as in a URL, with the given port
 */
void listen_address_print(
    const struct sockaddr_storage *address, uint16_t port, char ret_text[LISTEN_ADDRESS_TEXT_SIZE]);

#endif
