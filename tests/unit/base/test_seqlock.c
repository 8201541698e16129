/* SPDX-License-Identifier: MIT */
/* Records that are read as a whole while they are written, in full and in part. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/seqlock.h"
#include "base/sync.h"

enum {
	WORDS = 200,
	READERS = 3,
	READS = 4000,
	WRITES = 100,
};

struct record {
	char name[16];
	int64_t numbers[WORDS];
};

struct scene {
	struct seqlock seqlock;
	atomic_uint_least64_t words[SEQLOCK_WORDS(struct record)];
	atomic_uint reading; /* readers that have not ended */
};

static void
scene_init(struct scene *scene)
{
	seqlock_init(&scene->seqlock, scene->words, SEQLOCK_WORDS(struct record));
	atomic_init(&scene->reading, 0);
}

static void
test_a_new_record_is_zeros_and_what_is_written_is_read(void **state)
{
	static struct scene scene;
	static const struct record zeros;
	struct record record = { .name = "fifteen letters",
		.numbers = { [0] = -1, [WORDS - 1] = INT64_MIN } };
	struct record read;

	(void)state;
	scene_init(&scene);
	memset(&read, 0xff, sizeof(read));
	seqlock_read(&scene.seqlock, &read, sizeof(read));
	assert_memory_equal(&read, &zeros, sizeof(read));
	seqlock_write(&scene.seqlock, &record, sizeof(record));
	seqlock_read(&scene.seqlock, &read, sizeof(read));
	assert_memory_equal(&read, &record, sizeof(read));
}

static void
test_a_part_that_is_written_leaves_the_rest(void **state)
{
	static struct scene scene;
	struct record record = { .name = "first", .numbers = { 1, 2, 3 } };
	struct record read;

	(void)state;
	scene_init(&scene);
	seqlock_write(&scene.seqlock, &record, sizeof(record));
	memset(&record, 0, sizeof(record));
	strcpy(record.name, "second");
	seqlock_write(&scene.seqlock, &record, sizeof(record.name));
	seqlock_read(&scene.seqlock, &read, sizeof(read));
	assert_string_equal(read.name, "second");
	assert_int_equal(read.numbers[2], 3);
	seqlock_read(&scene.seqlock, &record, sizeof(record.name));
	assert_string_equal(record.name, "second");
}

/* Returns NULL where a record is of two writes, or older than the one before. */
static void *
read_main(void *arg)
{
	struct scene *scene = arg;
	struct record record;
	int64_t last = 0;
	bool is_whole = true;

	/* They may all be done before the writer has begun. */
	for (int i = 0; i < READS || last < WRITES; i++) {
		seqlock_read(&scene->seqlock, &record, sizeof(record));
		for (size_t at = 1; at < WORDS; at++)
			is_whole = is_whole && record.numbers[at] == record.numbers[0];
		is_whole = is_whole && record.numbers[0] >= last;
		last = record.numbers[0];
	}
	atomic_fetch_sub(&scene->reading, 1);
	return is_whole ? arg : NULL;
}

static void
test_readers_never_see_two_writes_at_once(void **state)
{
	static struct scene scene;
	pthread_t threads[READERS];
	struct record record = { .name = "" };

	(void)state;
	scene_init(&scene);
	atomic_store(&scene.reading, READERS);
	for (size_t i = 0; i < READERS; i++)
		assert_int_equal(
		    thread_start(&threads[i], "reader", 0, read_main, &scene, NULL), STATUS_OK);
	while (atomic_load(&scene.reading) > 0) {
		int64_t next = record.numbers[0] + 1;

		for (size_t at = 0; at < WORDS; at++)
			record.numbers[at] = next;
		seqlock_write(&scene.seqlock, &record, sizeof(record));
	}
	for (size_t i = 0; i < READERS; i++) {
		void *result = NULL;

		assert_int_equal(pthread_join(threads[i], &result), 0);
		assert_non_null(result);
	}
	assert_true(record.numbers[0] >= WRITES);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_new_record_is_zeros_and_what_is_written_is_read),
		cmocka_unit_test(test_a_part_that_is_written_leaves_the_rest),
		cmocka_unit_test(test_readers_never_see_two_writes_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
