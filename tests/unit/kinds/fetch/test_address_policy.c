/* SPDX-License-Identifier: MIT */
/* The verdict: every special range at its ends and past them, the lists, ports, our own port. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "kinds/fetch/address_policy.h"

static struct address_policy *
policy_of(const struct address_policy_conf *conf)
{
	struct address_policy *policy = NULL;
	struct error error = { "" };

	if (address_policy_new(conf, &policy, &error) != STATUS_OK)
		fail_msg("%s", error.text);
	return policy;
}

static struct address_policy *
policy_with(const char *allow, const char *deny, uint16_t own_port)
{
	const struct address_policy_conf conf = {
		.allow_cidrs = &allow,
		.allow_count = allow != NULL,
		.deny_cidrs = &deny,
		.deny_count = deny != NULL,
		.own_port = own_port,
	};

	return policy_of(&conf);
}

/* Through both doors, which must agree. */
static bool
allows_port(const struct address_policy *policy, const char *text, uint16_t port)
{
	struct sockaddr_storage storage = { 0 };
	socklen_t size;
	bool verdict;

	if (strchr(text, ':') == NULL) {
		struct sockaddr_in *in = (struct sockaddr_in *)&storage;

		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		assert_int_equal(inet_pton(AF_INET, text, &in->sin_addr), 1);
		size = sizeof(*in);
	} else {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&storage;

		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		assert_int_equal(inet_pton(AF_INET6, text, &in6->sin6_addr), 1);
		size = sizeof(*in6);
	}
	verdict = address_policy_allows(policy, (struct sockaddr *)&storage, size);
	assert_int_equal(verdict, address_policy_allows_literal(policy, text, port));
	return verdict;
}

static bool
allows(const struct address_policy *policy, const char *text)
{
	return allows_port(policy, text, 80);
}

static void
test_every_special_range_is_denied_from_its_first_to_its_last_address(void **state)
{
	/* before (allowed unless it is NULL), first, last, after (the same) */
	static const char *const ranges[][4] = {
		{ NULL, "0.0.0.0", "0.255.255.255", "1.0.0.0" },
		{ "9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0" },
		{ "100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0" },
		{ "126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0" },
		{ "168.63.129.15", "168.63.129.16", "168.63.129.16", "168.63.129.17" },
		{ "169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0" },
		{ "172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0" },
		{ "191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0" },
		{ "192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0" },
		{ "192.88.98.255", "192.88.99.0", "192.88.99.255", "192.88.100.0" },
		{ "192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0" },
		{ "198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0" },
		{ "198.51.99.255", "198.51.100.0", "198.51.100.255", "198.51.101.0" },
		{ "203.0.112.255", "203.0.113.0", "203.0.113.255", "203.0.114.0" },
		{ "223.255.255.255", "224.0.0.0", "255.255.255.255", NULL },
		{ NULL, "::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2000::" },
		{ "2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		    "2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:200::" },
		{ "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff",
		    "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::" },
		{ "2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		    "2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2003::" },
		{ "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		    "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff:1000::" },
		{ "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		    "4000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL },
	};
	struct address_policy *policy = policy_with(NULL, NULL, 0);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
		if (allows(policy, ranges[i][1]))
			fail_msg("%s is allowed", ranges[i][1]);
		if (allows(policy, ranges[i][2]))
			fail_msg("%s is allowed", ranges[i][2]);
		for (size_t j = 0; j < 4; j += 3)
			if (ranges[i][j] != NULL && !allows(policy, ranges[i][j]))
				fail_msg("%s is denied", ranges[i][j]);
	}
	address_policy_free(policy);
}

static void
test_addresses_that_stand_for_something_else_are_denied(void **state)
{
	static const char *const denied[] = { "::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8",
		"::127.0.0.1", "::8.8.8.8", "64:ff9b::8.8.8.8", "64:ff9b::7f00:1", "64:ff9b:1::1",
		"2002:7f00:1::", "2001:0:808:808::1", "100::1", "5f00::1", "fc00::1",
		"fd00:ec2::254", "fe80::1", "febf::1", "fec0::1", "ff02::1", "ff0e::1",
		"169.254.169.254", "100.100.100.200", "192.0.0.192" };
	struct address_policy *policy = policy_with(NULL, NULL, 0);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(denied); i++)
		if (allows(policy, denied[i]))
			fail_msg("%s is allowed", denied[i]);
	assert_true(allows(policy, "8.8.8.8"));
	assert_true(allows(policy, "93.184.216.34"));
	assert_true(allows(policy, "2606:4700:4700::1111"));
	address_policy_free(policy);
}

static void
test_only_web_ports_and_those_above_1023_are_allowed(void **state)
{
	static const struct {
		uint16_t port;
		bool allowed;
	} ports[] = { { 0, false }, { 1, false }, { 22, false }, { 25, false }, { 79, false },
		{ 80, true }, { 81, false }, { 442, false }, { 443, true }, { 444, false },
		{ 1023, false }, { 1024, true }, { 8080, true }, { 65535, true } };
	struct address_policy *policy = policy_with("127.0.0.0/8", NULL, 0);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ports); i++) {
		assert_int_equal(allows_port(policy, "8.8.8.8", ports[i].port), ports[i].allowed);
		/* The allow list opens addresses, not ports. */
		assert_int_equal(allows_port(policy, "127.0.0.1", ports[i].port), ports[i].allowed);
	}
	assert_false(address_policy_allows_literal(policy, "8.8.8.8", -1));
	assert_false(address_policy_allows_literal(policy, "8.8.8.8", 65536 + 80));
	address_policy_free(policy);
}

static void
test_the_allow_list_opens_what_it_names_and_nothing_beside(void **state)
{
	static const char *const allow[] = { "127.0.0.4/30", "fd00:1::/64", "169.254.169.254" };
	const struct address_policy_conf conf = { .allow_cidrs = allow, .allow_count = 3 };
	struct address_policy *policy = policy_of(&conf);

	(void)state;
	assert_false(allows(policy, "127.0.0.3"));
	assert_true(allows(policy, "127.0.0.4"));
	assert_true(allows(policy, "127.0.0.7"));
	assert_false(allows(policy, "127.0.0.8"));
	assert_true(allows(policy, "fd00:1::ffff"));
	assert_false(allows(policy, "fd00:1:0:1::"));
	assert_true(allows(policy, "169.254.169.254"));
	assert_false(allows(policy, "169.254.169.253"));
	assert_true(allows(policy, "8.8.8.8"));
	address_policy_free(policy);
}

static void
test_the_deny_list_wins_over_the_allow_list_and_over_public_space(void **state)
{
	static const char *const allow[] = { "127.0.0.0/8", "fd00::/8", "8.8.0.0/16" };
	static const char *const deny[] = { "127.0.0.1/32", "8.8.8.0/24", "fd00:2::/32" };
	const struct address_policy_conf conf = {
		.allow_cidrs = allow, .allow_count = 3, .deny_cidrs = deny, .deny_count = 3
	};
	struct address_policy *policy = policy_of(&conf);

	(void)state;
	assert_false(allows(policy, "127.0.0.1"));
	assert_true(allows(policy, "127.0.0.2"));
	assert_false(allows(policy, "8.8.8.8"));
	assert_true(allows(policy, "8.8.9.8"));
	assert_false(allows(policy, "fd00:2::1"));
	assert_true(allows(policy, "fd00:3::1"));
	address_policy_free(policy);
}

static void
test_no_list_opens_mapped_addresses(void **state)
{
	static const char *const allow[] = { "127.0.0.0/8", "8.8.8.8", "::/0" };
	const struct address_policy_conf conf = { .allow_cidrs = allow, .allow_count = 3 };
	struct address_policy *policy = policy_of(&conf);

	(void)state;
	assert_true(allows(policy, "127.0.0.1"));
	assert_true(allows(policy, "::1"));
	assert_true(allows(policy, "::127.0.0.1"));
	assert_true(allows(policy, "64:ff9b::7f00:1"));
	assert_false(allows(policy, "::ffff:127.0.0.1"));
	assert_false(allows(policy, "::ffff:8.8.8.8"));
	assert_false(allows(policy, "::ffff:93.184.216.34"));
	address_policy_free(policy);
}

static void
test_our_own_port_is_denied_at_every_address_of_this_machine(void **state)
{
	static const char *const allow[] = { "0.0.0.0/0", "::/0" };
	const struct address_policy_conf conf = {
		.allow_cidrs = allow, .allow_count = 2, .own_port = 18991
	};
	struct address_policy *policy = policy_of(&conf);
	struct ifaddrs *interfaces;
	int tried = 0;

	(void)state;
	assert_int_equal(getifaddrs(&interfaces), 0);
	for (struct ifaddrs *at = interfaces; at != NULL; at = at->ifa_next) {
		char text[INET6_ADDRSTRLEN];
		const void *bytes;

		if (at->ifa_addr == NULL)
			continue;
		if (at->ifa_addr->sa_family == AF_INET)
			bytes = &((struct sockaddr_in *)(void *)at->ifa_addr)->sin_addr;
		else if (at->ifa_addr->sa_family == AF_INET6)
			bytes = &((struct sockaddr_in6 *)(void *)at->ifa_addr)->sin6_addr;
		else
			continue;
		assert_non_null(inet_ntop(at->ifa_addr->sa_family, bytes, text, sizeof(text)));
		if (allows_port(policy, text, 18991))
			fail_msg("our port at %s is allowed", text);
		assert_true(allows_port(policy, text, 18992));
		tried++;
	}
	freeifaddrs(interfaces);
	assert_true(tried > 0);
	assert_false(allows_port(policy, "127.0.0.1", 18991));
	assert_false(allows_port(policy, "127.1.2.3", 18991));
	assert_false(allows_port(policy, "0.0.0.0", 18991));
	assert_false(allows_port(policy, "::1", 18991));
	assert_false(allows_port(policy, "::", 18991));
	assert_true(allows_port(policy, "8.8.8.8", 18991));
	assert_true(allows_port(policy, "2606:4700::1", 18991));
	address_policy_free(policy);
}

static void
test_what_is_not_a_whole_ip_address_is_denied(void **state)
{
	struct address_policy *policy = policy_with("0.0.0.0/0", NULL, 0);
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(80) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(80) };
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	(void)state;
	in.sin_addr.s_addr = htonl(0x08080808);
	assert_true(address_policy_allows(policy, (struct sockaddr *)&in, sizeof(in)));
	assert_false(address_policy_allows(policy, (struct sockaddr *)&in, sizeof(in) - 1));
	assert_false(address_policy_allows(policy, (struct sockaddr *)&in, 1));
	assert_false(address_policy_allows(policy, (struct sockaddr *)&in, 0));
	in6.sin6_addr.s6_addr[0] = 0x26;
	assert_true(address_policy_allows(policy, (struct sockaddr *)&in6, sizeof(in6)));
	assert_false(address_policy_allows(policy, (struct sockaddr *)&in6, sizeof(in6) - 1));
	assert_false(address_policy_allows(policy, (struct sockaddr *)&un, sizeof(un)));
	in.sin_family = AF_UNSPEC;
	assert_false(address_policy_allows(policy, (struct sockaddr *)&in, sizeof(in)));

	assert_false(address_policy_allows_literal(policy, "", 80));
	assert_false(address_policy_allows_literal(policy, "8.8.8", 80));
	assert_false(address_policy_allows_literal(policy, "8.8.8.8 ", 80));
	assert_false(address_policy_allows_literal(policy, "fe80::1%lo", 80));
	assert_false(address_policy_allows_literal(policy, "example.com", 80));
	address_policy_free(policy);
}

static void
test_a_malformed_list_is_refused_and_named(void **state)
{
	static const char *const good[] = { "10.0.0.0/8" };
	static const char *const bad[] = { "10.0.0.0/8", "nonsense" };
	struct address_policy *policy = NULL;
	struct error error;
	struct address_policy_conf conf = { .allow_cidrs = bad, .allow_count = 2 };

	(void)state;
	assert_int_equal(address_policy_new(&conf, &policy, &error), STATUS_INVALID);
	assert_non_null(strstr(error.text, "fetch-allow"));
	assert_non_null(strstr(error.text, "nonsense"));
	conf = (struct address_policy_conf){
		.allow_cidrs = good, .allow_count = 1, .deny_cidrs = bad, .deny_count = 2
	};
	assert_int_equal(address_policy_new(&conf, &policy, &error), STATUS_INVALID);
	assert_non_null(strstr(error.text, "fetch-deny"));
	assert_null(policy);
	address_policy_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_every_special_range_is_denied_from_its_first_to_its_last_address),
		cmocka_unit_test(test_addresses_that_stand_for_something_else_are_denied),
		cmocka_unit_test(test_only_web_ports_and_those_above_1023_are_allowed),
		cmocka_unit_test(test_the_allow_list_opens_what_it_names_and_nothing_beside),
		cmocka_unit_test(test_the_deny_list_wins_over_the_allow_list_and_over_public_space),
		cmocka_unit_test(test_no_list_opens_mapped_addresses),
		cmocka_unit_test(test_our_own_port_is_denied_at_every_address_of_this_machine),
		cmocka_unit_test(test_what_is_not_a_whole_ip_address_is_denied),
		cmocka_unit_test(test_a_malformed_list_is_refused_and_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
