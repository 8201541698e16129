/* SPDX-License-Identifier: MIT */
/*
 * Copying files: every byte, by the kernel and by hand, until it is cancelled or the disk is full.
 * The kernel's copying is wrapped at link time, to say no.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file_copy.h"

#define LARGE_BYTES ((size_t)300000)

static int refused_errno; /* the kernel does not copy, and says this */
static int refused_after; /* ... after so many pieces that it did copy */

ssize_t __real_copy_file_range(
    int from, off64_t *from_at, int to, off64_t *to_at, size_t size, unsigned flags);
ssize_t __wrap_copy_file_range(
    int from, off64_t *from_at, int to, off64_t *to_at, size_t size, unsigned flags);

ssize_t
__wrap_copy_file_range(
    int from, off64_t *from_at, int to, off64_t *to_at, size_t size, unsigned flags)
{
	if (refused_errno != 0 && refused_after-- <= 0) {
		errno = refused_errno;
		return -1;
	}
	/* Small pieces, so that there are several. */
	return __real_copy_file_range(from, from_at, to, to_at, size < 65536 ? size : 65536, flags);
}

static int
file_of(const void *data, size_t size)
{
	int fd = memfd_create("file", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), size);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static int
setup(void **state)
{
	char *data = malloc(LARGE_BYTES);

	assert_non_null(data);
	for (size_t i = 0; i < LARGE_BYTES; i++)
		data[i] = (char)(i * 7 + i / 251);
	*state = data;
	refused_errno = refused_after = 0;
	return 0;
}

static int
teardown(void **state)
{
	free(*state);
	return 0;
}

static void
assert_copies(const char *data, size_t size)
{
	int from = file_of(data, size), to = file_of("", 0);
	char *found = malloc(size + 1);
	uint64_t bytes = 99;

	assert_non_null(found);
	assert_int_equal(file_copy(from, to, NULL, NULL, &bytes, NULL), STATUS_OK);
	assert_int_equal(bytes, size);
	assert_int_equal(lseek(to, 0, SEEK_END), size);
	assert_int_equal(pread(to, found, size + 1, 0), size);
	assert_memory_equal(found, data, size);
	free(found);
	close(from);
	close(to);
}

static void
test_every_byte_is_copied_by_the_kernel(void **state)
{
	assert_copies(*state, 0);
	assert_copies(*state, 1);
	assert_copies(*state, LARGE_BYTES);
}

static void
test_every_byte_is_copied_by_hand_where_the_kernel_does_not(void **state)
{
	static const int numbers[] = { EXDEV, EINVAL, ENOSYS, EOPNOTSUPP, EPERM };

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		for (int after = 0; after < 3; after++) {
			refused_errno = numbers[i];
			refused_after = after;
			assert_copies(*state, LARGE_BYTES);
		}
	}
}

static bool
is_third(void *context)
{
	int *calls = context;

	return ++*calls == 3;
}

static void
test_it_is_asked_before_each_piece_whether_to_go_on(void **state)
{
	for (int by_hand = 0; by_hand < 2; by_hand++) {
		int from = file_of(*state, LARGE_BYTES), to = file_of("", 0);
		uint64_t bytes = 99;
		int calls = 0;

		refused_errno = by_hand ? EXDEV : 0;
		refused_after = 0;
		assert_int_equal(
		    file_copy(from, to, is_third, &calls, &bytes, NULL), STATUS_CANCELLED);
		assert_int_equal(calls, 3);
		assert_int_equal(bytes, 99);
		assert_true(lseek(to, 0, SEEK_END) < (off_t)LARGE_BYTES);
		close(from);
		close(to);
	}
}

static void
test_a_full_disk_and_a_faulty_one_are_told_apart(void **state)
{
	struct error error;
	int from = file_of(*state, LARGE_BYTES), to = file_of("", 0);
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	uint64_t bytes = 99;

	assert_true(full >= 0);
	refused_errno = EIO;
	assert_int_equal(file_copy(from, to, NULL, NULL, &bytes, &error), STATUS_IO);
	refused_errno = ENOSPC;
	assert_int_equal(file_copy(from, to, NULL, NULL, &bytes, &error), STATUS_FULL);
	refused_errno = EXDEV;
	assert_int_equal(file_copy(from, full, NULL, NULL, &bytes, &error), STATUS_FULL);
	assert_int_equal(file_copy(full, to, NULL, NULL, &bytes, &error), STATUS_IO);
	assert_int_equal(bytes, 99);
	close(from);
	close(to);
	close(full);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_every_byte_is_copied_by_the_kernel, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_every_byte_is_copied_by_hand_where_the_kernel_does_not, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_it_is_asked_before_each_piece_whether_to_go_on, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_a_full_disk_and_a_faulty_one_are_told_apart, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
