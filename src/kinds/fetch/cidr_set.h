/* SPDX-License-Identifier: MIT */
/*
 * Sets of IP addresses, written as CIDR blocks and kept as sorted, disjoint ranges per family, so
 * that a lookup is one binary search. Built once, read by any thread afterwards. Pure; knows
 * nothing of what a set is for.
 */
#ifndef TASKQ_KINDS_FETCH_CIDR_SET_H
#define TASKQ_KINDS_FETCH_CIDR_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/status.h"

/* An IP address in network byte order; an IPv4 address in the first four bytes, zeros after it. */
struct ip_address {
	sa_family_t family; /* AF_INET or AF_INET6 */
	uint8_t bytes[16];
};

struct ip_range {
	uint8_t first[16];
	uint8_t last[16];
};

struct ip_ranges {
	struct ip_range *list;
	size_t count;
	size_t capacity;
};

struct cidr_set {
	struct ip_ranges v4;
	struct ip_ranges v6;
	bool sealed;
};

void cidr_set_init(struct cidr_set *set);
void cidr_set_done(struct cidr_set *set);

/**
 * cidr_set_add - put one block into a set that is not sealed yet
 * @text: "ADDRESS/PREFIX", or "ADDRESS" alone for the one address. No zone id, no leading zeros,
 * no bits beyond the prefix, no block inside ::ffff:0:0/96 (that is IPv4 in another dress): nothing
 * is guessed. An IPv6 block never holds IPv4 addresses.
 * Returns OK, INVALID, NOMEM.
 */
enum status cidr_set_add(struct cidr_set *set, const char *text, struct error *error) NODISCARD;

/**
 * cidr_set_add_address - put one address into a set that is not sealed yet
 */
enum status cidr_set_add_address(
    struct cidr_set *set, const struct ip_address *address, struct error *error) NODISCARD;

/**
 * cidr_set_seal - sort and merge; from here on the set is read alone
 */
void cidr_set_seal(struct cidr_set *set);

/**
 * cidr_set_contains - whether a sealed set holds the address, by its own family alone
 */
bool cidr_set_contains(const struct cidr_set *set, const struct ip_address *address);

/**
 * ip_address_parse - an address literal as inet_pton(3) takes it; false for anything else
 */
bool ip_address_parse(const char *text, struct ip_address *ret_address);

/**
 * ip_address_unmap - the IPv4 address in an IPv4-mapped one (::ffff:a.b.c.d); false for others
 */
bool ip_address_unmap(const struct ip_address *address, struct ip_address *ret_v4);

#endif
