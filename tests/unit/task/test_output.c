/* SPDX-License-Identifier: MIT */
/*
 * An attempt's output across its threshold and through a failing disk. pwrite, fdatasync and
 * sync_file_range are wrapped, so that short writes, a full disk and I/O errors come when the test
 * says so.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "task/output.h"

#define MEMORY_MAX 100

static char dir[64];
static struct output_conf conf = {
	.spill_dir = dir, .run_name = "run", .memory_max_bytes = MEMORY_MAX
};

static struct {
	size_t piece;   /* bytes that one pwrite takes at most; 0: all */
	int interrupts; /* that many calls end with EINTR first */
	int writes_ok;  /* calls that still succeed before `write_errno`; -1: all */
	int write_errno;
	int sync_errno;
	int syncs;
	int range_errno;
	int ranges_ok;          /* calls of sync_file_range that still succeed before; -1: all */
	uint64_t range_begun;   /* so far it was asked to write */
	uint64_t range_awaited; /* so far it was waited for */
} disk;

ssize_t __real_pwrite(int fd, const void *data, size_t size, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *data, size_t size, off_t offset);
int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __real_sync_file_range(int fd, off_t offset, off_t size, unsigned flags);
int __wrap_sync_file_range(int fd, off_t offset, off_t size, unsigned flags);

ssize_t
__wrap_pwrite(int fd, const void *data, size_t size, off_t offset)
{
	if (disk.interrupts > 0) {
		disk.interrupts--;
		errno = EINTR;
		return -1;
	}
	if (disk.writes_ok == 0) {
		errno = disk.write_errno;
		return disk.write_errno == 0 ? 0 : -1;
	}
	if (disk.writes_ok > 0)
		disk.writes_ok--;
	return __real_pwrite(
	    fd, data, disk.piece != 0 && size > disk.piece ? disk.piece : size, offset);
}

int
__wrap_fdatasync(int fd)
{
	disk.syncs++;
	if (disk.sync_errno != 0) {
		errno = disk.sync_errno;
		return -1;
	}
	return __real_fdatasync(fd);
}

/* Ranges must come without gaps. */
int
__wrap_sync_file_range(int fd, off_t offset, off_t size, unsigned flags)
{
	uint64_t *so_far =
	    (flags & SYNC_FILE_RANGE_WAIT_AFTER) != 0 ? &disk.range_awaited : &disk.range_begun;

	if (disk.interrupts > 0) {
		disk.interrupts--;
		errno = EINTR;
		return -1;
	}
	if (disk.ranges_ok == 0) {
		errno = disk.range_errno;
		return -1;
	}
	if (disk.ranges_ok > 0)
		disk.ranges_ok--;
	assert_int_equal(offset, *so_far);
	*so_far += (uint64_t)size;
	return __real_sync_file_range(fd, offset, size, flags);
}

static int
dir_make(void **state)
{
	(void)state;
	memset(&disk, 0, sizeof(disk));
	disk.writes_ok = -1;
	disk.ranges_ok = -1;
	snprintf(dir, sizeof(dir), "/tmp/test_output.XXXXXX");
	return mkdtemp(dir) == NULL ? -1 : 0;
}

static int
dir_remove(void **state)
{
	char path[512];
	struct dirent *entry;
	DIR *list = opendir(dir);

	(void)state;
	while (list != NULL && (entry = readdir(list)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
		if (entry->d_name[0] != '.')
			unlink(path);
	}
	if (list != NULL)
		closedir(list);
	return rmdir(dir);
}

static size_t
files_in_dir(void)
{
	DIR *list = opendir(dir);
	size_t count = 0;

	assert_non_null(list);
	for (struct dirent *entry; (entry = readdir(list)) != NULL;)
		count += entry->d_name[0] != '.' ? 1 : 0;
	closedir(list);
	return count;
}

/* The expected content: byte i of every test is this. */
static char
byte_at(size_t i)
{
	return (char)('a' + i % 26);
}

static enum status
write_bytes(struct output *output, size_t size)
{
	char *data = malloc(size + 1);
	enum status status;

	assert_non_null(data);
	for (size_t i = 0; i < size; i++)
		data[i] = byte_at((size_t)output->bytes + i);
	status = output_write(output, data, size, NULL);
	free(data);
	return status;
}

static void
assert_content(const struct output *output, size_t size)
{
	char *data = malloc(size + 2);

	assert_non_null(data);
	assert_int_equal(output->bytes, size);
	if (output_is_spilled(output))
		assert_int_equal(pread(output->fd, data, size + 1, 0), size);
	else if (size > 0)
		memcpy(data, output->memory.data, size);
	for (size_t i = 0; i < size; i++)
		assert_int_equal(data[i], byte_at(i));
	free(data);
}

static void
test_content_up_to_the_threshold_stays_in_memory(void **state)
{
	struct output output;

	(void)state;
	output_init(&output, &conf);
	assert_content(&output, 0);
	assert_true(output_is_utf8(&output));
	assert_int_equal(output_write(&output, NULL, 0, NULL), STATUS_OK);
	for (size_t i = 0; i < MEMORY_MAX; i++)
		assert_int_equal(write_bytes(&output, 1), STATUS_OK);
	assert_false(output_is_spilled(&output));
	assert_content(&output, MEMORY_MAX);
	assert_int_equal(files_in_dir(), 0);
	output_done(&output);
}

static void
test_one_byte_more_spills_to_a_private_file(void **state)
{
	struct output output;
	struct stat st;
	char expected[128];

	(void)state;
	output_init(&output, &conf);
	assert_int_equal(write_bytes(&output, MEMORY_MAX), STATUS_OK);
	assert_int_equal(write_bytes(&output, 1), STATUS_OK);
	assert_true(output_is_spilled(&output));
	assert_content(&output, MEMORY_MAX + 1);
	assert_int_equal(output.memory.capacity, 0);
	snprintf(expected, sizeof(expected), "%s/tmp-run-", dir);
	assert_memory_equal(output.spill_path, expected, strlen(expected));
	assert_int_equal(fstat(output.fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_true((fcntl(output.fd, F_GETFD) & FD_CLOEXEC) != 0);
	output_done(&output);
	assert_int_equal(files_in_dir(), 0);
}

static void
test_one_large_write_spills_at_once(void **state)
{
	struct output output;

	(void)state;
	output_init(&output, &conf);
	assert_int_equal(write_bytes(&output, 100000), STATUS_OK);
	assert_true(output_is_spilled(&output));
	assert_content(&output, 100000);
	output_done(&output);
}

static void
test_a_threshold_of_zero_spills_the_first_byte(void **state)
{
	struct output_conf none = { .spill_dir = dir, .run_name = "run", .memory_max_bytes = 0 };
	struct output output;

	(void)state;
	output_init(&output, &none);
	assert_int_equal(write_bytes(&output, 1), STATUS_OK);
	assert_true(output_is_spilled(&output));
	assert_content(&output, 1);
	output_done(&output);
}

static void
test_short_and_interrupted_writes_lose_nothing(void **state)
{
	struct output output;

	(void)state;
	disk.piece = 7;
	disk.interrupts = 3;
	output_init(&output, &conf);
	for (int i = 0; i < 20; i++)
		assert_int_equal(write_bytes(&output, 33), STATUS_OK);
	assert_int_equal(disk.interrupts, 0);
	assert_content(&output, 20 * 33);
	output_done(&output);
}

static void
assert_write_fails(int number, enum status expected)
{
	struct error error = { "" };
	struct output output;

	output_init(&output, &conf);
	assert_int_equal(write_bytes(&output, MEMORY_MAX + 50), STATUS_OK);
	disk.piece = 10;
	disk.writes_ok = 2;
	disk.write_errno = number;
	assert_int_equal(
	    output_write(&output, "0123456789012345678901234567890", 31, &error), expected);
	assert_non_null(strstr(error.text, "spill file"));
	assert_content(&output, MEMORY_MAX + 50); /* not one byte of the failed write */
	disk.writes_ok = -1;
	assert_int_equal(write_bytes(&output, 50), STATUS_OK);
	assert_content(&output, MEMORY_MAX + 100);
	output_done(&output);
	assert_int_equal(files_in_dir(), 0);
}

static void
test_a_full_disk_is_full_and_leaves_the_content_as_it_was(void **state)
{
	(void)state;
	assert_write_fails(ENOSPC, STATUS_FULL);
	assert_write_fails(EDQUOT, STATUS_FULL);
}

static void
test_an_io_error_is_io_and_leaves_the_content_as_it_was(void **state)
{
	(void)state;
	assert_write_fails(EIO, STATUS_IO);
	assert_write_fails(0, STATUS_IO); /* a write that writes nothing must not loop */
}

static void
test_a_failure_while_spilling_keeps_the_content_in_memory(void **state)
{
	struct output output;

	(void)state;
	output_init(&output, &conf);
	assert_int_equal(write_bytes(&output, MEMORY_MAX), STATUS_OK);
	disk.writes_ok = 0;
	disk.write_errno = ENOSPC;
	assert_int_equal(write_bytes(&output, 1), STATUS_FULL);
	assert_false(output_is_spilled(&output));
	assert_content(&output, MEMORY_MAX);
	assert_int_equal(files_in_dir(), 0);
	disk.writes_ok = -1;
	assert_int_equal(write_bytes(&output, 1), STATUS_OK);
	assert_content(&output, MEMORY_MAX + 1);
	output_done(&output);
}

static void
test_a_missing_spill_directory_is_an_io_error(void **state)
{
	struct output_conf missing = {
		.spill_dir = "/nonexistent/dir", .run_name = "run", .memory_max_bytes = 3
	};
	struct error error = { "" };
	struct output output;

	(void)state;
	output_init(&output, &missing);
	assert_int_equal(output_write(&output, "abcd", 4, &error), STATUS_IO);
	assert_non_null(strstr(error.text, "No such file"));
	assert_int_equal(output.bytes, 0);
	output_done(&output);
}

static void
test_a_file_of_a_dead_run_in_the_way_is_stepped_over(void **state)
{
	struct output first, second;
	unsigned long serial;
	char path[128];
	int fd;

	(void)state;
	output_init(&first, &conf);
	assert_int_equal(write_bytes(&first, MEMORY_MAX + 1), STATUS_OK);
	serial = strtoul(strrchr(first.spill_path, '-') + 1, NULL, 10);
	snprintf(path, sizeof(path), "%s/tmp-run-%lu", dir, serial + 1);
	fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	output_init(&second, &conf);
	assert_int_equal(write_bytes(&second, MEMORY_MAX + 1), STATUS_OK);
	assert_string_not_equal(second.spill_path, path);
	output_done(&first);
	output_done(&second);
	assert_int_equal(files_in_dir(), 1);
}

#define MIB ((size_t)1024 * 1024)

static void
test_a_large_output_is_on_disk_but_for_its_end(void **state)
{
	struct output output;
	char *mib = calloc(1, MIB);

	(void)state;
	assert_non_null(mib);
	output_init(&output, &conf);
	assert_int_equal(output_settle(&output, NULL), STATUS_OK);
	for (uint64_t bytes = MIB; bytes <= 40 * MIB; bytes += MIB) {
		disk.interrupts = bytes % (8 * MIB) == 0 ? 2 : 0;
		assert_int_equal(output_write(&output, mib, MIB, NULL), STATUS_OK);
		assert_int_equal(output_settle(&output, NULL), STATUS_OK);
		assert_true(disk.range_begun <= bytes);
		assert_true(bytes - disk.range_begun < OUTPUT_UNSETTLED_MAX_BYTES / 2);
		assert_true(bytes - disk.range_awaited < OUTPUT_UNSETTLED_MAX_BYTES);
	}
	/* Another content begins anew. */
	output_clear(&output);
	disk.range_begun = disk.range_awaited = 0;
	for (int i = 0; i < 9; i++) {
		assert_int_equal(output_write(&output, mib, MIB, NULL), STATUS_OK);
		assert_int_equal(output_settle(&output, NULL), STATUS_OK);
	}
	assert_int_equal(disk.range_begun, 8 * MIB);
	assert_int_equal(disk.range_awaited, 4 * MIB);
	output_done(&output);
	free(mib);
}

/* Many at once, as nobody settles between. */
static void
test_a_large_output_is_settled_in_steps(void **state)
{
	struct output output;
	char *data = calloc(1, 21 * MIB);

	(void)state;
	assert_non_null(data);
	output_init(&output, &conf);
	assert_int_equal(output_write(&output, data, 21 * MIB, NULL), STATUS_OK);
	assert_int_equal(output_settle(&output, NULL), STATUS_OK);
	assert_int_equal(disk.range_begun, 20 * MIB);
	assert_int_equal(disk.range_awaited, 16 * MIB);
	output_done(&output);
	free(data);
}

static void
test_a_failure_to_settle_is_told_unless_the_file_system_cannot(void **state)
{
	static const struct {
		int number;
		enum status status;
	} cases[] = { { EIO, STATUS_IO }, { ENOSPC, STATUS_FULL }, { EDQUOT, STATUS_FULL },
		{ EINVAL, STATUS_OK }, { ENOSYS, STATUS_OK }, { EOPNOTSUPP, STATUS_OK } };

	char *data = calloc(1, 21 * MIB);

	(void)state;
	assert_non_null(data);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int ok = 0; ok < 3; ok++) {
			struct error error = { "" };
			struct output output;

			output_init(&output, &conf);
			disk.ranges_ok = ok;
			disk.range_begun = disk.range_awaited = 0;
			disk.range_errno = cases[i].number;
			assert_int_equal(output_write(&output, data, 21 * MIB, NULL), STATUS_OK);
			assert_int_equal(output_settle(&output, &error), cases[i].status);
			assert_int_equal(error.text[0] != '\0', cases[i].status != STATUS_OK);
			output_done(&output);
		}
	}
	free(data);
}

static void
test_clearing_forgets_memory_file_and_encoding(void **state)
{
	struct output output;

	(void)state;
	output_init(&output, &conf);
	assert_int_equal(output_write(&output, "\xff", 1, NULL), STATUS_OK);
	assert_false(output_is_utf8(&output));
	output_clear(&output);
	assert_true(output_is_utf8(&output));
	assert_content(&output, 0);
	assert_int_equal(write_bytes(&output, MEMORY_MAX + 1), STATUS_OK);
	output_clear(&output);
	assert_false(output_is_spilled(&output));
	assert_int_equal(files_in_dir(), 0);
	assert_int_equal(write_bytes(&output, 5), STATUS_OK);
	assert_content(&output, 5);
	output_done(&output);
}

static void
test_utf8_is_judged_across_writes_and_the_spill(void **state)
{
	struct output output;
	char filler[MEMORY_MAX];

	(void)state;
	memset(filler, 'f', sizeof(filler));
	output_init(&output, &conf);
	assert_int_equal(output_write(&output, filler, MEMORY_MAX - 1, NULL), STATUS_OK);
	assert_int_equal(output_write(&output, "\xc3", 1, NULL), STATUS_OK);
	assert_false(output_is_utf8(&output));
	assert_int_equal(output_write(&output, "\xb6", 1, NULL), STATUS_OK);
	assert_true(output_is_spilled(&output));
	assert_true(output_is_utf8(&output));
	output_done(&output);
}

static void
test_a_persisted_file_is_flushed_named_and_stays(void **state)
{
	struct output output;
	char path[128], first;
	struct stat st;
	int fd;

	(void)state;
	output_init(&output, &conf);
	assert_int_equal(write_bytes(&output, 5000), STATUS_OK);
	assert_int_equal(output_persist(&output, "kept", NULL), STATUS_OK);
	assert_int_equal(disk.syncs, 1);
	assert_true(output_is_spilled(&output));
	output_done(&output);
	snprintf(path, sizeof(path), "%s/kept", dir);
	assert_int_equal(files_in_dir(), 1);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 5000);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(fd, &first, 1), 1);
	assert_int_equal(first, byte_at(0));
	close(fd);
}

static void
test_a_failed_flush_persists_nothing(void **state)
{
	struct error error = { "" };
	struct output output;

	(void)state;
	output_init(&output, &conf);
	assert_int_equal(write_bytes(&output, 5000), STATUS_OK);
	disk.sync_errno = EIO;
	assert_int_equal(output_persist(&output, "kept", &error), STATUS_IO);
	assert_non_null(strstr(error.text, "flush"));
	disk.sync_errno = ENOSPC;
	assert_int_equal(output_persist(&output, "kept", &error), STATUS_FULL);
	output_done(&output);
	assert_int_equal(files_in_dir(), 0);
}

static void
test_a_failed_rename_persists_nothing(void **state)
{
	struct output output;
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/occupied", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	output_init(&output, &conf);
	assert_int_equal(write_bytes(&output, 5000), STATUS_OK);
	assert_int_equal(output_persist(&output, "occupied", NULL), STATUS_IO);
	output_done(&output);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(files_in_dir(), 0);
}

static void
test_done_twice_and_done_of_nothing_are_fine(void **state)
{
	struct output output;

	(void)state;
	output_done(NULL);
	output_init(&output, &conf);
	assert_int_equal(write_bytes(&output, 5000), STATUS_OK);
	output_done(&output);
	output_done(&output);
	assert_int_equal(files_in_dir(), 0);
}

int
main(void)
{
#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, dir_make, dir_remove)
	const struct CMUnitTest tests[] = {
		IN_DIR(test_content_up_to_the_threshold_stays_in_memory),
		IN_DIR(test_one_byte_more_spills_to_a_private_file),
		IN_DIR(test_one_large_write_spills_at_once),
		IN_DIR(test_a_threshold_of_zero_spills_the_first_byte),
		IN_DIR(test_short_and_interrupted_writes_lose_nothing),
		IN_DIR(test_a_full_disk_is_full_and_leaves_the_content_as_it_was),
		IN_DIR(test_an_io_error_is_io_and_leaves_the_content_as_it_was),
		IN_DIR(test_a_failure_while_spilling_keeps_the_content_in_memory),
		IN_DIR(test_a_missing_spill_directory_is_an_io_error),
		IN_DIR(test_a_file_of_a_dead_run_in_the_way_is_stepped_over),
		IN_DIR(test_a_large_output_is_on_disk_but_for_its_end),
		IN_DIR(test_a_large_output_is_settled_in_steps),
		IN_DIR(test_a_failure_to_settle_is_told_unless_the_file_system_cannot),
		IN_DIR(test_clearing_forgets_memory_file_and_encoding),
		IN_DIR(test_utf8_is_judged_across_writes_and_the_spill),
		IN_DIR(test_a_persisted_file_is_flushed_named_and_stays),
		IN_DIR(test_a_failed_flush_persists_nothing),
		IN_DIR(test_a_failed_rename_persists_nothing),
		IN_DIR(test_done_twice_and_done_of_nothing_are_fine),
	};

	return cmocka_run_group_tests_name("output", tests, NULL, NULL);
}
