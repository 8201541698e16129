/* SPDX-License-Identifier: MIT */
/*
 * Ranges of addresses, sorted and merged; see cidr_set.h. IPv4 and IPv6 share one representation of
 * 16 bytes, compared with memcmp, in a list of ranges each. Pure; must not look anything up.
 */
#include "kinds/fetch/cidr_set.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"

enum {
	CIDR_TEXT_MAX = 63, /* longer than any address with a prefix */
	MAPPED_PREFIX = 96, /* bits of ::ffff:0:0/96 */
};

static const uint8_t mapped_prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

bool
ip_address_parse(const char *text, struct ip_address *ret_address)
{
	struct ip_address address = { .family = AF_INET };

	if (inet_pton(AF_INET, text, address.bytes) != 1) {
		address.family = AF_INET6;
		if (inet_pton(AF_INET6, text, address.bytes) != 1)
			return false;
	}
	*ret_address = address;
	return true;
}

bool
ip_address_unmap(const struct ip_address *address, struct ip_address *ret_v4)
{
	struct ip_address v4 = { .family = AF_INET };

	if (address->family != AF_INET6 ||
	    memcmp(address->bytes, mapped_prefix, sizeof(mapped_prefix)) != 0)
		return false;
	memcpy(v4.bytes, address->bytes + sizeof(mapped_prefix), 4);
	*ret_v4 = v4;
	return true;
}

void
cidr_set_init(struct cidr_set *set)
{
	*set = (struct cidr_set){ .sealed = false };
}

void
cidr_set_done(struct cidr_set *set)
{
	free(set->v4.list);
	free(set->v6.list);
	cidr_set_init(set);
}

static enum status
ranges_add(struct ip_ranges *ranges, const struct ip_range *range, struct error *error)
{
	if (ranges->count == ranges->capacity) {
		size_t capacity = ranges->capacity == 0 ? 16 : ranges->capacity * 2;
		struct ip_range *list = reallocarray(ranges->list, capacity, sizeof(*list));

		if (list == NULL)
			return error_set(error, STATUS_NOMEM, "no memory for address ranges");
		ranges->list = list;
		ranges->capacity = capacity;
	}
	ranges->list[ranges->count++] = *range;
	return STATUS_OK;
}

/* The range of the first `prefix` bits of an address; false when later bits are set. */
static bool
range_of_prefix(const struct ip_address *address, unsigned prefix, struct ip_range *ret_range)
{
	size_t size = address->family == AF_INET ? 4 : 16;
	struct ip_range range;

	memcpy(range.first, address->bytes, sizeof(range.first));
	memcpy(range.last, address->bytes, sizeof(range.last));
	for (size_t i = 0; i < size; i++) {
		unsigned fixed = prefix <= i * 8 ? 0 : prefix - (unsigned)i * 8;
		unsigned host_bits = fixed >= 8 ? 0 : 0xffU >> fixed;

		if ((range.first[i] & host_bits) != 0)
			return false;
		range.last[i] = (uint8_t)(range.last[i] | host_bits);
	}
	*ret_range = range;
	return true;
}

static enum status
add_block(struct cidr_set *set, const struct ip_address *address, unsigned prefix, const char *text,
    struct error *error)
{
	struct ip_range range;

	assert(!set->sealed);
	if (!range_of_prefix(address, prefix, &range))
		return error_set(error, STATUS_INVALID, "%s has bits set beyond its prefix", text);
	return ranges_add(address->family == AF_INET ? &set->v4 : &set->v6, &range, error);
}

enum status
cidr_set_add(struct cidr_set *set, const char *text, struct error *error)
{
	char literal[CIDR_TEXT_MAX + 1];
	struct ip_address address, v4;
	size_t length = strlen(text);
	uint64_t prefix;

	if (length > CIDR_TEXT_MAX)
		return error_set(
		    error, STATUS_INVALID, "a CIDR of %zu bytes, expected ADDRESS/PREFIX", length);
	memcpy(literal, text, length + 1);
	char *slash = strchr(literal, '/');
	if (slash != NULL)
		*slash = '\0';
	if (!ip_address_parse(literal, &address))
		return error_set(
		    error, STATUS_INVALID, "'%s' is not a CIDR, expected ADDRESS/PREFIX", text);

	unsigned prefix_max = address.family == AF_INET ? 32 : 128;
	if (slash == NULL)
		prefix = prefix_max;
	else if (num_parse_u64(slash + 1, strlen(slash + 1), &prefix) != STATUS_OK ||
		 prefix > prefix_max)
		return error_set(error, STATUS_INVALID,
		    "'%s' is not a CIDR, expected a prefix of 0 to %u", text, prefix_max);
	if (prefix >= MAPPED_PREFIX && ip_address_unmap(&address, &v4))
		return error_set(error, STATUS_INVALID,
		    "'%s' maps IPv4 addresses, expected them as an IPv4 block", text);
	return add_block(set, &address, (unsigned)prefix, text, error);
}

enum status
cidr_set_add_address(struct cidr_set *set, const struct ip_address *address, struct error *error)
{
	return add_block(set, address, address->family == AF_INET ? 32 : 128, "address", error);
}

static int
compare_ranges(const void *left, const void *right)
{
	const struct ip_range *a = left;
	const struct ip_range *b = right;

	return memcmp(a->first, b->first, sizeof(a->first));
}

/* Sorted by first address, each range swallows those that begin within it. */
static void
ranges_seal(struct ip_ranges *ranges)
{
	size_t kept = 0;

	if (ranges->count == 0)
		return;
	qsort(ranges->list, ranges->count, sizeof(ranges->list[0]), compare_ranges);
	for (size_t i = 1; i < ranges->count; i++) {
		struct ip_range *range = &ranges->list[i];
		struct ip_range *before = &ranges->list[kept];

		if (memcmp(range->first, before->last, sizeof(range->first)) > 0)
			ranges->list[++kept] = *range;
		else if (memcmp(range->last, before->last, sizeof(range->last)) > 0)
			memcpy(before->last, range->last, sizeof(before->last));
	}
	ranges->count = kept + 1;
}

void
cidr_set_seal(struct cidr_set *set)
{
	ranges_seal(&set->v4);
	ranges_seal(&set->v6);
	set->sealed = true;
}

bool
cidr_set_contains(const struct cidr_set *set, const struct ip_address *address)
{
	const struct ip_ranges *ranges = address->family == AF_INET ? &set->v4 : &set->v6;
	size_t low = 0, high = ranges->count;

	assert(set->sealed);
	/* The range that holds the address is the last one that begins at or before it. */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (memcmp(ranges->list[middle].first, address->bytes, 16) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 && memcmp(address->bytes, ranges->list[low - 1].last, 16) <= 0;
}
