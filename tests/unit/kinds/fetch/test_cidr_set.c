/* SPDX-License-Identifier: MIT */
/* Sets of addresses: what a CIDR may look like, and what a set of them holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "kinds/fetch/cidr_set.h"

static struct cidr_set
set_of(const char *const *cidrs, size_t count)
{
	struct cidr_set set;
	struct error error = { "" };

	cidr_set_init(&set);
	for (size_t i = 0; i < count; i++)
		if (cidr_set_add(&set, cidrs[i], &error) != STATUS_OK)
			fail_msg("%s: %s", cidrs[i], error.text);
	cidr_set_seal(&set);
	return set;
}

static bool
holds(const struct cidr_set *set, const char *text)
{
	struct ip_address address;

	assert_true(ip_address_parse(text, &address));
	return cidr_set_contains(set, &address);
}

static void
test_malformed_blocks_are_refused(void **state)
{
	static const char *const bad[] = { "", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1",
		"10.0.0.0/+8", "10.0.0.0/08", "10.0.0.0/8 ", " 10.0.0.0/8", "10.0.0.0/8/8",
		"10.0.0/8", "010.0.0.0/8", "10.0.0.0/99999999999999999999", "10.0.0.1/8",
		"10.0.0.0/7x", "127.1", "0x7f000001", "localhost", "::/129", "::1/127x",
		"fe80::1%lo", "fe80::%1/64", "2001:db8::1/32", "[::1]/128", "::ffff:10.0.0.0/104",
		"::ffff:10.0.0.1", "::ffff:0:0/96", "1:2:3:4:5:6:7:8:9/64",
		"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000/64" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct cidr_set set;
		struct error error = { "" };

		cidr_set_init(&set);
		if (cidr_set_add(&set, bad[i], &error) != STATUS_INVALID)
			fail_msg("'%s' was accepted", bad[i]);
		assert_true(error.text[0] != '\0');
		assert_int_equal(set.v4.count + set.v6.count, 0);
		cidr_set_done(&set);
	}
}

static void
test_an_empty_set_holds_nothing(void **state)
{
	struct cidr_set set = set_of(NULL, 0);

	(void)state;
	assert_false(holds(&set, "0.0.0.0"));
	assert_false(holds(&set, "::"));
	assert_false(holds(&set, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
	cidr_set_done(&set);
}

static void
test_a_block_holds_its_first_and_last_address_and_not_their_neighbours(void **state)
{
	static const char *const blocks[] = { "10.1.2.0/23", "192.0.2.7", "2001:db8:0:8::/61",
		"2001:db9::5/128", "128.0.0.0/31" };
	struct cidr_set set = set_of(blocks, ARRAY_SIZE(blocks));

	(void)state;
	assert_false(holds(&set, "10.1.1.255"));
	assert_true(holds(&set, "10.1.2.0"));
	assert_true(holds(&set, "10.1.3.255"));
	assert_false(holds(&set, "10.1.4.0"));
	assert_false(holds(&set, "192.0.2.6"));
	assert_true(holds(&set, "192.0.2.7"));
	assert_false(holds(&set, "192.0.2.8"));
	assert_false(holds(&set, "2001:db8:0:7:ffff:ffff:ffff:ffff"));
	assert_true(holds(&set, "2001:db8:0:8::"));
	assert_true(holds(&set, "2001:db8:0:f:ffff:ffff:ffff:ffff"));
	assert_false(holds(&set, "2001:db8:0:10::"));
	assert_false(holds(&set, "2001:db9::4"));
	assert_true(holds(&set, "2001:db9::5"));
	assert_false(holds(&set, "2001:db9::6"));
	assert_true(holds(&set, "128.0.0.1"));
	assert_false(holds(&set, "128.0.0.2"));
	cidr_set_done(&set);
}

static void
test_the_whole_of_a_family_is_not_the_other_family(void **state)
{
	static const char *const all_v4[] = { "0.0.0.0/0" };
	static const char *const all_v6[] = { "::/0" };
	struct cidr_set v4 = set_of(all_v4, 1);
	struct cidr_set v6 = set_of(all_v6, 1);

	(void)state;
	assert_true(holds(&v4, "0.0.0.0"));
	assert_true(holds(&v4, "255.255.255.255"));
	assert_false(holds(&v4, "::"));
	assert_false(holds(&v4, "::ffff:1.2.3.4"));
	assert_true(holds(&v6, "::"));
	assert_true(holds(&v6, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
	assert_false(holds(&v6, "1.2.3.4"));
	cidr_set_done(&v4);
	cidr_set_done(&v6);
}

static void
test_overlapping_nested_and_repeated_blocks_merge_in_any_order(void **state)
{
	static const char *const blocks[] = { "10.3.0.0/16", "10.0.0.0/14", "10.1.0.0/16",
		"10.0.0.0/14", "172.16.0.0/12", "10.3.255.255/32", "10.8.0.0/16" };
	struct cidr_set set = set_of(blocks, ARRAY_SIZE(blocks));

	(void)state;
	assert_int_equal(set.v4.count, 3);
	assert_true(holds(&set, "10.0.0.0"));
	assert_true(holds(&set, "10.3.255.255"));
	assert_false(holds(&set, "10.4.0.0"));
	assert_true(holds(&set, "10.8.1.1"));
	assert_true(holds(&set, "172.31.255.255"));
	assert_false(holds(&set, "172.32.0.0"));
	cidr_set_done(&set);
}

static void
test_many_blocks_agree_with_a_search_one_by_one(void **state)
{
	/* Every third /24 of 10.0.0.0/8, put in from the end. */
	struct cidr_set set;
	char text[32];

	(void)state;
	cidr_set_init(&set);
	for (int i = 65535; i >= 0; i--) {
		if (i % 3 != 0)
			continue;
		snprintf(text, sizeof(text), "10.%d.%d.0/24", i / 256, i % 256);
		assert_int_equal(cidr_set_add(&set, text, NULL), STATUS_OK);
	}
	cidr_set_seal(&set);
	for (int i = 0; i < 65536; i++) {
		snprintf(text, sizeof(text), "10.%d.%d.77", i / 256, i % 256);
		assert_int_equal(holds(&set, text), i % 3 == 0);
	}
	cidr_set_done(&set);
}

static void
test_only_mapped_addresses_are_unmapped(void **state)
{
	struct ip_address address, v4;

	(void)state;
	assert_true(ip_address_parse("::ffff:1.2.3.4", &address));
	assert_true(ip_address_unmap(&address, &v4));
	assert_int_equal(v4.family, AF_INET);
	assert_memory_equal(v4.bytes, "\1\2\3\4", 4);
	assert_true(ip_address_parse("::1.2.3.4", &address));
	assert_false(ip_address_unmap(&address, &v4));
	assert_true(ip_address_parse("::fffe:1.2.3.4", &address));
	assert_false(ip_address_unmap(&address, &v4));
	assert_true(ip_address_parse("1.2.3.4", &address));
	assert_false(ip_address_unmap(&address, &v4));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_malformed_blocks_are_refused),
		cmocka_unit_test(test_an_empty_set_holds_nothing),
		cmocka_unit_test(
		    test_a_block_holds_its_first_and_last_address_and_not_their_neighbours),
		cmocka_unit_test(test_the_whole_of_a_family_is_not_the_other_family),
		cmocka_unit_test(test_overlapping_nested_and_repeated_blocks_merge_in_any_order),
		cmocka_unit_test(test_many_blocks_agree_with_a_search_one_by_one),
		cmocka_unit_test(test_only_mapped_addresses_are_unmapped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
