/* SPDX-License-Identifier: MIT */
/* Limits of control groups, read from directories that look like the kernel's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/cgroup.h"

#define PATH_SIZE 256

struct tree {
	char root[64];
	char membership[PATH_SIZE];
};

/* Makes a file below the root, and the directories on its way. */
static void
put(const struct tree *tree, const char *name, const char *text)
{
	char path[PATH_SIZE];
	FILE *stream;

	(void)snprintf(path, sizeof(path), "%s/%s", tree->root, name);
	for (char *slash = strchr(path + strlen(tree->root) + 1, '/'); slash != NULL;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(path, 0700);
		*slash = '/';
	}
	stream = fopen(path, "w");
	assert_non_null(stream);
	assert_true(fputs(text, stream) >= 0);
	assert_int_equal(fclose(stream), 0);
}

static int
setup(void **state)
{
	struct tree *tree = calloc(1, sizeof(*tree));

	assert_non_null(tree);
	(void)snprintf(tree->root, sizeof(tree->root), "/tmp/taskq-cgroup-XXXXXX");
	assert_non_null(mkdtemp(tree->root));
	(void)snprintf(tree->membership, sizeof(tree->membership), "%s/membership", tree->root);
	*state = tree;
	return 0;
}

static int
remove_entry(const char *path, const struct stat *info, int type, struct FTW *place)
{
	(void)info;
	(void)type;
	(void)place;
	return remove(path);
}

static int
teardown(void **state)
{
	struct tree *tree = *state;

	(void)nftw(tree->root, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	free(tree);
	return 0;
}

static void
assert_limits(const struct tree *tree, unsigned cores, uint64_t memory_bytes)
{
	struct cgroup_limits limits = { .cores = 99 };

	cgroup_read(tree->membership, tree->root, &limits);
	assert_int_equal(limits.cores, cores);
	assert_int_equal(limits.memory_bytes, memory_bytes);
}

static void
test_without_groups_nothing_limits(void **state)
{
	struct tree *tree = *state;

	assert_limits(tree, 0, UINT64_MAX);
	put(tree, "membership", "0::/a\n");
	assert_limits(tree, 0, UINT64_MAX);
}

static void
test_a_container_sees_its_group_as_the_root(void **state)
{
	struct tree *tree = *state;

	put(tree, "membership", "0::/\n");
	put(tree, "cpu.max", "150000 100000\n");
	put(tree, "memory.max", "268435456\n");
	assert_limits(tree, 2, 268435456);
}

static void
test_a_service_is_limited_by_its_own_group(void **state)
{
	struct tree *tree = *state;

	put(tree, "membership", "1:name=systemd:/x\n0::/system.slice/taskqd.service\n");
	put(tree, "system.slice/taskqd.service/cpu.max", "100000 100000\n");
	put(tree, "system.slice/taskqd.service/memory.max", "1073741824\n");
	put(tree, "system.slice/cpu.max", "max 100000\n");
	put(tree, "system.slice/memory.max", "max\n");
	assert_limits(tree, 1, 1073741824);
}

static void
test_the_least_of_all_groups_above_counts(void **state)
{
	struct tree *tree = *state;

	put(tree, "membership", "0::/a/b/c\n");
	put(tree, "a/b/c/cpu.max", "400000 100000\n");
	put(tree, "a/b/c/memory.max", "max\n");
	put(tree, "a/b/cpu.max", "max 100000\n");
	put(tree, "a/b/memory.max", "5000000\n");
	put(tree, "a/cpu.max", "20000 10000\n");
	put(tree, "a/memory.max", "7000000\n");
	assert_limits(tree, 2, 5000000);
}

static void
test_version_1_is_asked_where_it_is_mounted(void **state)
{
	struct tree *tree = *state;

	put(tree, "membership", "5:memory:/x\n4:cpu,cpuacct:/x\n");
	put(tree, "cpu/cpu.cfs_quota_us", "-1\n");
	put(tree, "cpu/cpu.cfs_period_us", "100000\n");
	put(tree, "memory/memory.limit_in_bytes", "9223372036854771712\n");
	assert_limits(tree, 0, UINT64_C(9223372036854771712));
	put(tree, "cpu/cpu.cfs_quota_us", "300001\n");
	put(tree, "memory/memory.limit_in_bytes", "33554432\n");
	assert_limits(tree, 4, 33554432);
}

static void
test_what_makes_no_sense_does_not_limit(void **state)
{
	static const char *const cpu[] = { "", "max", "1", "x 100000", "100000 0", "0 100000",
		"-1 100000", "100000 100000 1", "99999999999999999999 1" };
	struct tree *tree = *state;

	put(tree, "membership", "0::/\n");
	for (size_t i = 0; i < sizeof(cpu) / sizeof(cpu[0]); i++) {
		put(tree, "cpu.max", cpu[i]);
		assert_limits(tree, 0, UINT64_MAX);
	}
	put(tree, "cpu.max", "18446744073709551615 1\n");
	assert_limits(tree, 4096, UINT64_MAX);
	put(tree, "memory.max", "12 MiB\n");
	assert_limits(tree, 4096, UINT64_MAX);
	put(tree, "membership", "0::\nnonsense");
	assert_limits(tree, 4096, UINT64_MAX);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_without_groups_nothing_limits, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_a_container_sees_its_group_as_the_root, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_a_service_is_limited_by_its_own_group, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_the_least_of_all_groups_above_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_version_1_is_asked_where_it_is_mounted, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_what_makes_no_sense_does_not_limit, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
