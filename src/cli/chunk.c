/* SPDX-License-Identifier: MIT */
/* Lines that are submitted together; see chunk.h. Pure. */
#include "cli/chunk.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"

#define HEAD     "{\"tasks\":["
#define TAIL     "]}"
#define AROUND   (sizeof(HEAD) + sizeof(TAIL))
#define OVERHEAD 4 /* values that the head has, as the service counts them */

enum status
chunk_init(struct chunk *chunk, size_t most, struct error *error)
{
	*chunk = (struct chunk){ .most = most };
	buf_init(&chunk->text, CHUNK_BYTES_MAX);
	chunk->entries = calloc(CHUNK_TASKS_MAX, sizeof(*chunk->entries));
	if (chunk->entries == NULL)
		return error_set(error, STATUS_NOMEM, "no memory for a batch");
	chunk_clear(chunk);
	return STATUS_OK;
}

void
chunk_done(struct chunk *chunk)
{
	buf_done(&chunk->text);
	free(chunk->entries);
	chunk->entries = NULL;
}

void
chunk_clear(struct chunk *chunk)
{
	chunk->count = 0;
	chunk->values = OVERHEAD;
	chunk->text.size = 0;
}

/* How many values the service will count in a text: one for each comma and each opening bracket
   outside of strings, and one. */
static size_t
count_values(const char *text, size_t size)
{
	size_t values = 1;
	bool is_string = false;

	for (size_t i = 0; i < size; i++) {
		if (is_string && text[i] == '\\')
			i++;
		else if (text[i] == '"')
			is_string = !is_string;
		else if (!is_string && (text[i] == ',' || text[i] == '{' || text[i] == '['))
			values++;
	}
	return values;
}

enum status
chunk_add(struct chunk *chunk, uint64_t line, const char *text, size_t size)
{
	size_t values = count_values(text, size);
	size_t bytes = chunk->text.size + chunk->count + size + AROUND;

	if (chunk->count > 0 && (chunk->count >= chunk->most || bytes > CHUNK_BYTES_MAX ||
				    chunk->values + values > CHUNK_VALUES_MAX))
		return STATUS_FULL;
	chunk->entries[chunk->count] =
	    (struct chunk_entry){ .line = line, .offset = chunk->text.size, .size = size };
	buf_append(&chunk->text, text, size);
	if (buf_status(&chunk->text) != STATUS_OK)
		return buf_status(&chunk->text);
	chunk->count++;
	chunk->values += values;
	return STATUS_OK;
}

enum status
chunk_add_refused(struct chunk *chunk, uint64_t line)
{
	if (chunk->count >= chunk->most)
		return STATUS_FULL;
	chunk->entries[chunk->count++] = (struct chunk_entry){ .line = line, .is_refused = true };
	return STATUS_OK;
}

void
chunk_body(
    const struct chunk *chunk, size_t first, size_t count, struct buf *body, size_t *ret_tasks)
{
	size_t tasks = 0;

	body->size = 0;
	buf_text(body, HEAD);
	for (size_t i = first; i < first + count; i++) {
		const struct chunk_entry *entry = &chunk->entries[i];

		if (entry->is_refused)
			continue;
		if (tasks++ > 0)
			buf_text(body, ",");
		buf_append(body, chunk->text.data + entry->offset, entry->size);
	}
	buf_text(body, TAIL);
	*ret_tasks = tasks;
}

struct chunk_entry *
chunk_entry_of(struct chunk *chunk, size_t first, size_t count, size_t task_index)
{
	for (size_t i = first; i < first + count; i++) {
		if (chunk->entries[i].is_refused)
			continue;
		if (task_index-- == 0)
			return &chunk->entries[i];
	}
	return NULL;
}

const char *
chunk_pointer(const char *pointer, size_t *ret_task_index)
{
	static const char prefix[] = "/tasks/";
	size_t size;
	uint64_t index;

	if (strncmp(pointer, prefix, sizeof(prefix) - 1) != 0)
		return NULL;
	pointer += sizeof(prefix) - 1;
	size = strcspn(pointer, "/");
	if (num_parse_u64(pointer, size, &index) != STATUS_OK || index >= CHUNK_TASKS_MAX)
		return NULL;
	*ret_task_index = (size_t)index;
	return pointer + size;
}

void
chunk_key(const char *prefix, uint64_t line, const struct buf *body, char ret_key[CHUNK_KEY_SIZE])
{
	/* FNV-1a. It only has to tell bodies of the same lines apart, after some were left out; the
	   service compares them in full. */
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < body->size; i++)
		hash = (hash ^ (uint8_t)body->data[i]) * UINT64_C(0x100000001b3);
	(void)snprintf(ret_key, CHUNK_KEY_SIZE, "%.*s.%" PRIu64 ".%016" PRIx64, CHUNK_PREFIX_MAX,
	    prefix, line, hash);
}
