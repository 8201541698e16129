/* SPDX-License-Identifier: MIT */
/*
 * The address policy: compiled lists and the verdict; see address_policy.h for the rules. Made by
 * the thread that opens the engine, read by the engine's thread. Must not resolve names, and must
 * not trust anything about an address that it has not checked itself.
 */
#include "kinds/fetch/address_policy.h"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "kinds/fetch/cidr_set.h"
#include "kinds/fetch/url_policy.h"

/*
 * What a fetch may not reach. IPv4: the special-purpose registry (RFC 6890), multicast, class E,
 * and one public address by which Azure's platform talks to its machines.
 * (learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16)
 */
static const char *const special_blocks[] = {
	"0.0.0.0/8",        /* this network, RFC 791 */
	"10.0.0.0/8",       /* private, RFC 1918 */
	"100.64.0.0/10",    /* shared address space, RFC 6598 */
	"127.0.0.0/8",      /* loopback, RFC 1122 */
	"168.63.129.16/32", /* Azure's platform channel */
	"169.254.0.0/16",   /* link-local, RFC 3927; cloud metadata */
	"172.16.0.0/12",    /* private, RFC 1918 */
	"192.0.0.0/24",     /* IETF protocol assignments, RFC 6890 */
	"192.0.2.0/24",     /* documentation, RFC 5737 */
	"192.88.99.0/24",   /* 6to4 relays, RFC 7526 */
	"192.168.0.0/16",   /* private, RFC 1918 */
	"198.18.0.0/15",    /* benchmarking, RFC 2544 */
	"198.51.100.0/24",  /* documentation, RFC 5737 */
	"203.0.113.0/24",   /* documentation, RFC 5737 */
	"224.0.0.0/4",      /* multicast, RFC 5771 */
	"240.0.0.0/4",      /* reserved, RFC 1112, and limited broadcast */
	"2001::/23",        /* IETF protocol assignments: Teredo, ORCHID, benchmarking */
	"2001:db8::/32",    /* documentation, RFC 3849 */
	"2002::/16",        /* 6to4, embeds any IPv4 address, RFC 3056 */
	"3fff::/20",        /* documentation, RFC 9637 */
};

/* Of IPv6 only global unicast as IANA gives it out; loopback, mapped, compatible, translated,
   NAT64, unique local, link-local and multicast addresses all lie outside. */
static const char *const global_blocks[] = { "0.0.0.0/0", "2000::/3" };

/* The machine itself whatever its interfaces say. */
static const char *const self_blocks[] = { "0.0.0.0/8", "127.0.0.0/8", "::/128", "::1/128" };

struct address_policy {
	struct cidr_set deny;
	struct cidr_set allow;
	struct cidr_set special;
	struct cidr_set global;
	struct cidr_set self;
	bool self_is_known; /* false: any address may be ours */
	uint16_t own_port;
};

static enum status
compile(struct cidr_set *set, const char *const *cidrs, size_t count, struct error *error)
{
	for (size_t i = 0; i < count; i++) {
		enum status status = cidr_set_add(set, cidrs[i], error);

		if (status != STATUS_OK)
			return status;
	}
	return STATUS_OK;
}

/* False unless the address is one of IPv4 or IPv6, whole. */
static bool
address_read(
    const struct sockaddr *from, socklen_t size, struct ip_address *ret_address, uint16_t *ret_port)
{
	struct ip_address address = { .family = AF_UNSPEC };

	if (size < sizeof(sa_family_t))
		return false;
	if (from->sa_family == AF_INET && size >= sizeof(struct sockaddr_in)) {
		struct sockaddr_in in;

		memcpy(&in, from, sizeof(in));
		address.family = AF_INET;
		memcpy(address.bytes, &in.sin_addr, 4);
		*ret_port = ntohs(in.sin_port);
	} else if (from->sa_family == AF_INET6 && size >= sizeof(struct sockaddr_in6)) {
		struct sockaddr_in6 in6;

		memcpy(&in6, from, sizeof(in6));
		address.family = AF_INET6;
		memcpy(address.bytes, &in6.sin6_addr, 16);
		*ret_port = ntohs(in6.sin6_port);
	} else {
		return false;
	}
	*ret_address = address;
	return true;
}

static enum status
note_interfaces(struct address_policy *policy, struct error *error)
{
	struct ifaddrs *interfaces = NULL;
	enum status status = STATUS_OK;

	/* A sandbox without AF_NETLINK cannot list them; own_port is then denied everywhere. */
	policy->self_is_known = getifaddrs(&interfaces) == 0;
	if (!policy->self_is_known)
		return STATUS_OK;
	for (const struct ifaddrs *at = interfaces; at != NULL && status == STATUS_OK;
	     at = at->ifa_next) {
		struct ip_address address;
		uint16_t port;
		socklen_t size = sizeof(struct sockaddr_in);

		if (at->ifa_addr == NULL)
			continue;
		if (at->ifa_addr->sa_family == AF_INET6)
			size = sizeof(struct sockaddr_in6);
		if (address_read(at->ifa_addr, size, &address, &port))
			status = cidr_set_add_address(&policy->self, &address, error);
	}
	freeifaddrs(interfaces);
	return status;
}

enum status
address_policy_new(
    const struct address_policy_conf *conf, struct address_policy **ret_policy, struct error *error)
{
	struct address_policy *policy = calloc(1, sizeof(*policy));
	enum status status;

	if (policy == NULL)
		return error_set(error, STATUS_NOMEM, "no memory for the address policy");
	policy->own_port = conf->own_port;

	status = compile(&policy->allow, conf->allow_cidrs, conf->allow_count, error);
	if (status != STATUS_OK) {
		error_prefix(error, "fetch-allow");
		goto out;
	}
	status = compile(&policy->deny, conf->deny_cidrs, conf->deny_count, error);
	if (status != STATUS_OK) {
		error_prefix(error, "fetch-deny");
		goto out;
	}
	status = compile(&policy->special, special_blocks, ARRAY_SIZE(special_blocks), error);
	if (status == STATUS_OK)
		status = compile(&policy->global, global_blocks, ARRAY_SIZE(global_blocks), error);
	if (status == STATUS_OK)
		status = compile(&policy->self, self_blocks, ARRAY_SIZE(self_blocks), error);
	if (status == STATUS_OK)
		status = note_interfaces(policy, error);
	if (status != STATUS_OK)
		goto out;
	cidr_set_seal(&policy->allow);
	cidr_set_seal(&policy->deny);
	cidr_set_seal(&policy->special);
	cidr_set_seal(&policy->global);
	cidr_set_seal(&policy->self);
	*ret_policy = policy;
	policy = NULL;
out:
	address_policy_free(policy);
	return status;
}

void
address_policy_free(struct address_policy *policy)
{
	if (policy == NULL)
		return;
	cidr_set_done(&policy->allow);
	cidr_set_done(&policy->deny);
	cidr_set_done(&policy->special);
	cidr_set_done(&policy->global);
	cidr_set_done(&policy->self);
	free(policy);
}

static bool
verdict(const struct address_policy *policy, const struct ip_address *address, uint16_t port)
{
	struct ip_address v4;

	if (!url_policy_allows_port(port) || ip_address_unmap(address, &v4))
		return false;
	if (cidr_set_contains(&policy->deny, address))
		return false;
	if (policy->own_port != 0 && port == policy->own_port &&
	    (!policy->self_is_known || cidr_set_contains(&policy->self, address)))
		return false;
	if (cidr_set_contains(&policy->allow, address))
		return true;
	return !cidr_set_contains(&policy->special, address) &&
	       cidr_set_contains(&policy->global, address);
}

bool
address_policy_allows(
    const struct address_policy *policy, const struct sockaddr *address, socklen_t size)
{
	struct ip_address ip;
	uint16_t port;

	return address_read(address, size, &ip, &port) && verdict(policy, &ip, port);
}

bool
address_policy_allows_literal(const struct address_policy *policy, const char *address, int port)
{
	struct ip_address ip;

	if (port < 0 || port > UINT16_MAX || !ip_address_parse(address, &ip))
		return false;
	return verdict(policy, &ip, (uint16_t)port);
}
