/* SPDX-License-Identifier: MIT */
/*
 * The ring of small results: what fits comes back whole, what has been overwritten does not come
 * back at all, and no byte outside of the ring's memory is touched. Each ring's memory is a block
 * of its own with guards at both ends, which AddressSanitizer sees beyond, too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "queue/result_ring.h"

/* What a record takes beside its texts and content: a header and four NULs. */
#define OVERHEAD_BYTES 20
#define GUARD_BYTES    32
#define GUARD          '\xa5'

struct rig {
	struct result_ring ring;
	size_t size;
	char *block; /* guard, ring, guard */
};

static void
rig_init(struct rig *rig, size_t size)
{
	rig->size = size;
	rig->block = malloc(size + 2 * GUARD_BYTES);
	assert_non_null(rig->block);
	/* Also the ring is dirty: it must not look at what it has not written. */
	memset(rig->block, GUARD, size + 2 * GUARD_BYTES);
	result_ring_init(&rig->ring, rig->block + GUARD_BYTES, size);
}

static void
rig_done(struct rig *rig)
{
	for (size_t i = 0; i < GUARD_BYTES; i++) {
		assert_int_equal(rig->block[i], GUARD);
		assert_int_equal(rig->block[GUARD_BYTES + rig->size + i], GUARD);
	}
	free(rig->block);
}

/* Result number n with `size` bytes of content, all of it told by its number. */
struct numbered {
	struct result_parts parts;
	char media_type[32];
	char message[32];
	char response[32];
	char content[RESULT_RING_RESULT_MAX_BYTES];
};

static void
make_numbered(struct numbered *numbered, unsigned n, size_t size)
{
	uint32_t seed = n;

	(void)snprintf(numbered->media_type, sizeof(numbered->media_type), "text/%u", n);
	(void)snprintf(numbered->message, sizeof(numbered->message), "message %u", n);
	(void)snprintf(numbered->response, sizeof(numbered->response), "{\"number\":%u}", n);
	for (size_t i = 0; i < size; i++) {
		seed = seed * 1664525 + 1013904223;
		numbered->content[i] = (char)(seed >> 24);
	}
	numbered->parts = (struct result_parts){
		.failure = n % 2 ? FAILURE_HTTP_STATUS : FAILURE_NONE,
		.has_content = true,
		.is_utf8 = n % 3 == 0,
		.media_type = numbered->media_type,
		.message = numbered->message,
		.response = n % 5 != 0 ? numbered->response : NULL,
		.content = numbered->content,
		.content_size = size,
	};
}

static uint64_t
put_numbered(struct rig *rig, unsigned n, size_t size)
{
	struct numbered numbered;
	uint64_t position;

	make_numbered(&numbered, n, size);
	position = result_ring_put(&rig->ring, &numbered.parts);
	assert_int_not_equal(position, RESULT_RING_NONE);
	return position;
}

/* Bytes of a record, without the rounding. */
static size_t
numbered_bytes(unsigned n, size_t size)
{
	struct numbered numbered;

	make_numbered(&numbered, n, size);
	return OVERHEAD_BYTES + strlen(numbered.media_type) + strlen(numbered.message) +
	       (numbered.parts.response != NULL ? strlen(numbered.response) : 0) + size;
}

static size_t
rounded_up(size_t size)
{
	return (size + RESULT_RING_ALIGNMENT - 1) / RESULT_RING_ALIGNMENT * RESULT_RING_ALIGNMENT;
}

/* The content size that makes a record take so many bytes. */
static size_t
content_for(unsigned n, size_t record_bytes)
{
	return record_bytes - numbered_bytes(n, 0);
}

/* Whether it is there; if so, all of it has to be its own. */
static bool
has_parts(struct rig *rig, uint64_t position, const struct result_parts *parts)
{
	struct task_result result;
	bool found;

	task_result_init(&result);
	found = result_ring_get(&rig->ring, position, &result);
	if (found) {
		assert_int_equal(result.failure, parts->failure);
		assert_int_equal(result.is_utf8, parts->is_utf8);
		assert_string_equal(result.media_type, parts->media_type);
		assert_string_equal(result.message, parts->message);
		if (parts->response == NULL)
			assert_null(result.response);
		else
			assert_string_equal(result.response, parts->response);
		assert_int_equal(result.has_content, parts->has_content);
		assert_int_equal(result.bytes, parts->content_size);
		if (parts->has_content) {
			assert_memory_equal(result.data, parts->content, parts->content_size);
			assert_int_equal(result.data[parts->content_size], '\0');
		} else {
			assert_null(result.data);
		}
	} else {
		assert_null(result.response);
		assert_null(result.data);
		assert_false(result.has_content);
	}
	task_result_done(&result);
	return found;
}

static bool
has_numbered(struct rig *rig, uint64_t position, unsigned n, size_t size)
{
	struct numbered numbered;

	make_numbered(&numbered, n, size);
	return has_parts(rig, position, &numbered.parts);
}

static void
test_where_nothing_was_put_nothing_is(void **state)
{
	const struct result_parts parts = { .media_type = "", .message = "" };
	struct rig rig;

	(void)state;
	rig_init(&rig, 2 * RESULT_RING_RECORD_MAX_BYTES);
	assert_false(has_parts(&rig, RESULT_RING_NONE, &parts));
	for (unsigned n = 0; n < 1000; n++) {
		(void)put_numbered(&rig, n, n % 500);
		assert_false(has_parts(&rig, RESULT_RING_NONE, &parts));
	}
	rig_done(&rig);
}

static void
test_the_smallest_and_the_largest_result_come_back(void **state)
{
	char media_type[TASK_MEDIA_TYPE_SIZE];
	char message[TASK_MESSAGE_SIZE];
	char content[RESULT_RING_RESULT_MAX_BYTES];
	const struct result_parts parts[] = {
		{ .media_type = "", .message = "" },
		{ .media_type = "", .message = "", .response = "", .has_content = true },
		{ .media_type = media_type,
		    .message = message,
		    .response = "{}",
		    .has_content = true,
		    .content = content,
		    .content_size = sizeof(content) - (sizeof(message) - 1) - 2 },
		{ .media_type = media_type,
		    .message = "",
		    .has_content = true,
		    .content = content,
		    .content_size = sizeof(content) },
	};
	struct rig rig;

	(void)state;
	memset(media_type, 't', sizeof(media_type) - 1);
	media_type[sizeof(media_type) - 1] = '\0';
	memset(message, 'm', sizeof(message) - 1);
	message[sizeof(message) - 1] = '\0';
	memset(content, '\xff', sizeof(content));
	/* The smallest ring there may be: each largest one takes all of it. */
	rig_init(&rig, RESULT_RING_RECORD_MAX_BYTES);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < ARRAY_SIZE(parts); i++)
			assert_true(
			    has_parts(&rig, result_ring_put(&rig.ring, &parts[i]), &parts[i]));
	}
	rig_done(&rig);
}

static void
test_one_byte_over_the_limit_is_refused_and_leaves_the_ring_as_it_was(void **state)
{
	char text[RESULT_RING_RESULT_MAX_BYTES + 2];
	struct result_parts parts = { .media_type = "", .message = "12", .content = text };
	uint64_t latest;
	struct rig rig;

	(void)state;
	memset(text, 'x', sizeof(text));
	text[RESULT_RING_RESULT_MAX_BYTES + 1] = '\0';
	rig_init(&rig, RESULT_RING_RECORD_MAX_BYTES);
	latest = put_numbered(&rig, 7, 900);
	parts.has_content = true;
	parts.response = "345";
	parts.content_size = RESULT_RING_RESULT_MAX_BYTES - 5 + 1;
	assert_int_equal(result_ring_put(&rig.ring, &parts), RESULT_RING_NONE);
	parts.content_size = SIZE_MAX;
	assert_int_equal(result_ring_put(&rig.ring, &parts), RESULT_RING_NONE);
	parts.content_size = 0;
	parts.response = text;
	assert_int_equal(result_ring_put(&rig.ring, &parts), RESULT_RING_NONE);
	assert_true(has_numbered(&rig, latest, 7, 900));
	parts.response = "345";
	parts.content_size = RESULT_RING_RESULT_MAX_BYTES - 5;
	assert_true(has_parts(&rig, result_ring_put(&rig.ring, &parts), &parts));
	assert_false(has_numbered(&rig, latest, 7, 900));
	rig_done(&rig);
}

/* Ten records of 800 bytes in a ring of 8000: the eleventh costs the first, and so on. */
static void
test_a_ring_holds_what_fills_it_and_one_more_costs_exactly_the_oldest(void **state)
{
	uint64_t positions[40];
	struct rig rig;

	(void)state;
	rig_init(&rig, 8000);
	for (unsigned n = 0; n < ARRAY_SIZE(positions); n++) {
		positions[n] = put_numbered(&rig, n, content_for(n, 800));
		for (unsigned i = 0; i <= n; i++)
			assert_int_equal(
			    has_numbered(&rig, positions[i], i, content_for(i, 800)), i + 10 > n);
	}
	rig_done(&rig);
}

/* Four records of 1000 bytes in a ring of 4000, then small ones over the first of them. */
static void
test_a_result_is_lost_with_its_first_byte_and_not_before(void **state)
{
	enum {
		SMALL = 200
	};

	uint64_t positions[4 + 1000 / SMALL + 1];
	struct rig rig;

	(void)state;
	rig_init(&rig, 4000);
	for (unsigned n = 0; n < ARRAY_SIZE(positions); n++) {
		size_t record_bytes = n < 4 ? 1000 : SMALL;

		positions[n] = put_numbered(&rig, n, content_for(n, record_bytes));
		assert_true(has_numbered(&rig, positions[n], n, content_for(n, record_bytes)));
		assert_int_equal(has_numbered(&rig, positions[0], 0, content_for(0, 1000)), n < 4);
		if (n > 0)
			assert_int_equal(has_numbered(&rig, positions[1], 1, content_for(1, 1000)),
			    n < 4 + 1000 / SMALL);
	}
	rig_done(&rig);
}

/* Whatever is left at the end, from nothing to all but eight bytes of what the record needs. */
static void
test_a_record_that_would_straddle_the_end_begins_the_next_lap(void **state)
{
	(void)state;
	for (size_t left = 0; left <= 800; left += RESULT_RING_ALIGNMENT) {
		size_t sizes[] = { 1000, 1000, 1000 - left, 800, 1000 };
		uint64_t positions[ARRAY_SIZE(sizes)];
		struct rig rig;

		rig_init(&rig, 3000);
		for (unsigned n = 0; n < 4; n++) {
			sizes[n] = content_for(n, sizes[n]);
			positions[n] = put_numbered(&rig, n, sizes[n]);
		}
		/* It lies at the end if it fits there exactly, at the start otherwise. */
		assert_int_equal(has_numbered(&rig, positions[0], 0, sizes[0]), left == 800);
		for (unsigned n = 1; n < 4; n++)
			assert_true(has_numbered(&rig, positions[n], n, sizes[n]));
		sizes[4] = content_for(4, sizes[4]);
		positions[4] = put_numbered(&rig, 4, sizes[4]);
		assert_false(has_numbered(&rig, positions[0], 0, sizes[0]));
		assert_int_equal(has_numbered(&rig, positions[1], 1, sizes[1]), left == 800);
		for (unsigned n = 2; n < 5; n++)
			assert_true(has_numbered(&rig, positions[n], n, sizes[n]));
		rig_done(&rig);
	}
}

/* After each of many results of all sizes the earlier ones are as a plain model says. */
static void
test_at_any_time_the_latest_are_whole_and_the_others_gone(void **state)
{
	enum {
		LATEST = 64,
		RESULTS = 3000
	};

	static const size_t rings[] = { RESULT_RING_RECORD_MAX_BYTES,
		2 * RESULT_RING_RECORD_MAX_BYTES, 4 * RESULT_RING_RECORD_MAX_BYTES, 8192 };

	(void)state;
	for (unsigned r = 0; r < ARRAY_SIZE(rings); r++) {
		uint64_t positions[LATEST];
		uint64_t begins[LATEST]; /* bytes of the model's laps before each */
		size_t sizes[LATEST];
		uint64_t end = 0;
		uint32_t seed = r + 1;
		struct rig rig;

		rig_init(&rig, rings[r]);
		for (unsigned n = 0; n < RESULTS; n++) {
			unsigned at = n % LATEST;
			unsigned first = n < LATEST ? 0 : n - LATEST + 1;
			size_t bytes;

			seed = seed * 1664525 + 1013904223;
			sizes[at] = (seed >> 16) % (seed >> 31 ? 990 : 60);
			positions[at] = put_numbered(&rig, n, sizes[at]);
			bytes = rounded_up(numbered_bytes(n, sizes[at]));
			if (end % rings[r] + bytes > rings[r])
				end += rings[r] - end % rings[r];
			begins[at] = end;
			end += bytes;
			for (unsigned i = first; i <= n; i++)
				assert_int_equal(
				    has_numbered(&rig, positions[i % LATEST], i, sizes[i % LATEST]),
				    begins[i % LATEST] + rings[r] >= end);
			/* As many as the header promises. */
			unsigned kept = (unsigned)(rings[r] / RESULT_RING_RECORD_MAX_BYTES);
			for (unsigned i = n; i > first && i + kept - 1 > n; i--)
				assert_true(begins[i % LATEST] + rings[r] >= end);
		}
		rig_done(&rig);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_where_nothing_was_put_nothing_is),
		cmocka_unit_test(test_the_smallest_and_the_largest_result_come_back),
		cmocka_unit_test(
		    test_one_byte_over_the_limit_is_refused_and_leaves_the_ring_as_it_was),
		cmocka_unit_test(
		    test_a_ring_holds_what_fills_it_and_one_more_costs_exactly_the_oldest),
		cmocka_unit_test(test_a_result_is_lost_with_its_first_byte_and_not_before),
		cmocka_unit_test(test_a_record_that_would_straddle_the_end_begins_the_next_lap),
		cmocka_unit_test(test_at_any_time_the_latest_are_whole_and_the_others_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
