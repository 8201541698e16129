/* SPDX-License-Identifier: MIT */
/*
 * A record lies in one piece: where it does not fit at the end of the ring, the rest of the lap is
 * skipped. The head counts all bytes of all laps, the skipped ones too, so a record is whole as
 * long as the head is no more than a lap past its beginning. What an overwritten record's position
 * leads to is never looked at: it may be the middle of another.
 */
#include "queue/result_ring.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/block_size.h"

/* Texts and content stand one after the other, each with a NUL behind it. */
struct record {
	enum failure failure;
	bool has_content;
	bool is_utf8;
	bool has_response;
	uint16_t media_type_size;
	uint16_t message_size;
	uint16_t response_size;
	uint16_t content_size;
	char bytes[];
};

#define NULS 4

/* The media type's size counts its NUL. */
_Static_assert(
    sizeof(struct record) + RESULT_RING_RESULT_MAX_BYTES + TASK_MEDIA_TYPE_SIZE + (NULS - 1) <=
	RESULT_RING_RECORD_MAX_BYTES,
    "the largest record is larger than the header says");
_Static_assert(RESULT_RING_RECORD_MAX_BYTES % RESULT_RING_ALIGNMENT == 0, "a record is aligned");
_Static_assert(RESULT_RING_ALIGNMENT % _Alignof(struct record) == 0, "a record can be aligned");

void
result_ring_init(struct result_ring *ring, void *bytes, size_t size)
{
	assert((uintptr_t)bytes % RESULT_RING_ALIGNMENT == 0);
	assert(size % RESULT_RING_ALIGNMENT == 0 && size >= RESULT_RING_RECORD_MAX_BYTES);
	*ring = (struct result_ring){
		.bytes = bytes,
		.size = size,
		/* More than a lap past RESULT_RING_NONE, which thereby reads as overwritten. */
		.head = 2 * (uint64_t)size,
	};
}

static struct record *
record_at(const struct result_ring *ring, uint64_t position)
{
	void *record = ring->bytes + position % ring->size;

	return record;
}

/* Room for a record of so many bytes, which the oldest lose. */
static uint64_t
reserve(struct result_ring *ring, size_t size)
{
	size_t to_end = ring->size - (size_t)(ring->head % ring->size);
	uint64_t position;

	if (size > to_end)
		ring->head += to_end;
	position = ring->head;
	ring->head += size;
	return position;
}

static char *
keep_bytes(char *at, const char *data, size_t size)
{
	if (size > 0)
		memcpy(at, data, size);
	at[size] = '\0';
	return at + size + 1;
}

uint64_t
result_ring_put(struct result_ring *ring, const struct result_parts *parts)
{
	size_t media_type_size = strlen(parts->media_type);
	size_t message_size = strlen(parts->message);
	size_t response_size = parts->response != NULL ? strlen(parts->response) : 0;
	struct record *record;
	uint64_t position;
	size_t size;
	char *at;

	assert(media_type_size < TASK_MEDIA_TYPE_SIZE && message_size < TASK_MESSAGE_SIZE);
	if (parts->content_size > RESULT_RING_RESULT_MAX_BYTES ||
	    response_size > RESULT_RING_RESULT_MAX_BYTES)
		return RESULT_RING_NONE;
	size = message_size + response_size + parts->content_size;
	if (size > RESULT_RING_RESULT_MAX_BYTES)
		return RESULT_RING_NONE;
	size += sizeof(*record) + media_type_size + NULS;
	size += (RESULT_RING_ALIGNMENT - size % RESULT_RING_ALIGNMENT) % RESULT_RING_ALIGNMENT;
	position = reserve(ring, size);
	record = record_at(ring, position);
	*record = (struct record){
		.failure = parts->failure,
		.has_content = parts->has_content,
		.is_utf8 = parts->is_utf8,
		.has_response = parts->response != NULL,
		.media_type_size = (uint16_t)media_type_size,
		.message_size = (uint16_t)message_size,
		.response_size = (uint16_t)response_size,
		.content_size = (uint16_t)parts->content_size,
	};
	at = keep_bytes(record->bytes, parts->media_type, media_type_size);
	at = keep_bytes(at, parts->message, message_size);
	at = keep_bytes(at, parts->response, response_size);
	(void)keep_bytes(at, parts->content, parts->content_size);
	return position;
}

bool
result_ring_get(const struct result_ring *ring, uint64_t position, struct task_result *result)
{
	const struct record *record;
	const char *at;

	if (ring->head - position > ring->size)
		return false;
	record = record_at(ring, position);
	at = record->bytes;
	result->failure = record->failure;
	result->is_utf8 = record->is_utf8;
	memcpy(result->media_type, at, record->media_type_size + 1U);
	at += record->media_type_size + 1;
	memcpy(result->message, at, record->message_size + 1U);
	at += record->message_size + 1;
	if (record->has_response) {
		result->response = malloc(block_size(record->response_size + 1U));
		if (result->response == NULL)
			return false;
		memcpy(result->response, at, record->response_size + 1U);
	}
	at += record->response_size + 1;
	if (record->has_content) {
		result->data = malloc(block_size(record->content_size + 1U));
		if (result->data == NULL)
			return false;
		memcpy(result->data, at, record->content_size + 1U);
		result->has_content = true;
		result->bytes = record->content_size;
	}
	return true;
}
