/* SPDX-License-Identifier: MIT */
/*
 * The verdict on a destination, given at connect time on the resolved address: for every hop, every
 * address of a name, every attempt. It fails closed: what is not understood is denied. Immutable
 * after it is made; any thread.
 *
 * The order, first match decides:
 *   1. port 0, or a port that is neither 80 nor 443 nor at least 1024     denied
 *   2. an IPv4-mapped IPv6 address                                       denied
 *   3. an address in the operator's deny list                            denied
 *   4. our own API's port at an address of this machine                  denied
 *   5. an address in the operator's allow list                           allowed
 *   6. a special-purpose address (RFC 6890's registries and more)        denied
 *   7. any other IPv4 address, any other IPv6 address within 2000::/3    allowed
 *   8. everything else                                                   denied
 *
 * An IPv4-mapped IPv6 address (::ffff:a.b.c.d) makes the kernel speak IPv4 to a.b.c.d. It is always
 * denied: no list can open it, because whatever it reaches has an IPv4 address to be judged by.
 * Other IPv6 addresses that embed IPv4 ones (compatible, translated, 6to4, Teredo, NAT64) are
 * denied unless the allow list holds them as IPv6.
 */
#ifndef TASKQ_KINDS_FETCH_ADDRESS_POLICY_H
#define TASKQ_KINDS_FETCH_ADDRESS_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/status.h"

struct address_policy;

struct address_policy_conf {
	const char *const *allow_cidrs;
	size_t allow_count;
	const char *const *deny_cidrs;
	size_t deny_count;
	uint16_t own_port; /* 0: none */
};

/**
 * address_policy_new - compile the lists and note the addresses of this machine's interfaces
 * Interfaces that get an address later are not known to rule 4; the others hold for them. Where the
 * interfaces cannot be listed (a sandbox), rule 4 denies our port at every address.
 * Returns OK; INVALID when a CIDR is malformed; NOMEM.
 */
enum status address_policy_new(const struct address_policy_conf *conf,
    struct address_policy **ret_policy, struct error *error) NODISCARD;

void address_policy_free(struct address_policy *policy);

/**
 * address_policy_allows - whether a connection to this address and port may be made
 * @size: bytes of the address; too few for its family is a denial
 */
bool address_policy_allows(
    const struct address_policy *policy, const struct sockaddr *address, socklen_t size);

/**
 * address_policy_allows_literal - the same for an address in its text form
 */
bool address_policy_allows_literal(
    const struct address_policy *policy, const char *address, int port);

#endif
