/* SPDX-License-Identifier: MIT */
/*
 * Keys of submissions on the wire; see http_idempotency.h. A request without one costs a look at a
 * pointer. The key is not logged: it may say more than its client thinks.
 */
#include "http/http_idempotency.h"

#include <string.h>

#include "base/compiler.h"
#include "base/sha256.h"
#include "http/http_endpoints.h"
#include "http/http_field.h"
#include "http/http_routes.h"

_Static_assert(IDEMPOTENCY_FINGERPRINT_BYTES == SHA256_BYTES, "a fingerprint is a SHA-256");

static bool
is_printable(char c)
{
	return c >= ' ' && c <= '~';
}

/* The inside of a quoted string. Returns whether its escapes are good and no quote is bare. */
static bool
unquote(struct span text, char ret_key[IDEMPOTENCY_KEY_MAX + 1], size_t *ret_size)
{
	size_t size = 0;

	for (size_t i = 0; i < text.size; i++) {
		char c = text.data[i];

		if (c == '"' || !is_printable(c) || size == IDEMPOTENCY_KEY_MAX)
			return false;
		if (c == '\\') {
			if (++i == text.size || (text.data[i] != '"' && text.data[i] != '\\'))
				return false;
			c = text.data[i];
		}
		ret_key[size++] = c;
	}
	*ret_size = size;
	return true;
}

static bool
take_bare(struct span text, char ret_key[IDEMPOTENCY_KEY_MAX + 1], size_t *ret_size)
{
	if (text.size > IDEMPOTENCY_KEY_MAX)
		return false;
	for (size_t i = 0; i < text.size; i++) {
		if (!is_printable(text.data[i]) || strchr("\"\\,;", text.data[i]) != NULL)
			return false;
		ret_key[i] = text.data[i];
	}
	*ret_size = text.size;
	return true;
}

bool
idempotency_key_parse(const char *value, char ret_key[IDEMPOTENCY_KEY_MAX + 1])
{
	struct span text = field_text(value);
	size_t size = 0;
	bool is_good;

	if (text.size >= 2 && text.data[0] == '"' && text.data[text.size - 1] == '"')
		is_good = unquote((struct span){ text.data + 1, text.size - 2 }, ret_key, &size);
	else
		is_good = take_bare(text, ret_key, &size);
	if (!is_good || size == 0)
		return false;
	ret_key[size] = '\0';
	return true;
}

/* What was submitted: where to, and every byte of it. */
static enum status
take_fingerprint(
    const struct request *request, unsigned char ret_fingerprint[], struct error *error)
{
	const char *path = request->route->pattern;
	bool has_id = strchr(path, '{') != NULL;
	const struct sha256_piece pieces[] = {
		{ path, strlen(path) + 1 },
		{ request->id, has_id ? sizeof(request->id) : 0 },
		{ request->body.data, request->body.size },
	};

	return sha256(pieces, ARRAY_SIZE(pieces), ret_fingerprint, error);
}

static bool
take_key(struct request *request, struct idempotency *key)
{
	const struct request_head *head = &request->head;

	if (head->idempotency_key_count > 1)
		reply_problem(&request->reply, PROBLEM_INVALID_FIELD, NULL,
		    "The field Idempotency-Key may be given once.");
	else if (!idempotency_key_parse(head->idempotency_key, key->key))
		reply_problem(&request->reply, PROBLEM_INVALID_FIELD, NULL,
		    "The field Idempotency-Key takes 1 to %d printable ASCII characters, in "
		    "quotes or without '\"', '\\', ',' and ';'.",
		    IDEMPOTENCY_KEY_MAX);
	else
		return true;
	return false;
}

bool
idempotency_begin(struct request *request,
    void (*accepted)(struct reply *reply, char (*ids)[UUID_TEXT_SIZE], size_t count),
    struct idempotency *room, struct idempotency **ret_key)
{
	struct error error;
	enum status status;

	*ret_key = NULL;
	if (request->head.idempotency_key_count == 0)
		return true;
	*room = (struct idempotency){ .ret_verdict = IDEMPOTENCY_FRESH };
	*ret_key = room;
	if (!take_key(request, room))
		return false;
	status = take_fingerprint(request, room->fingerprint, &error);
	if (status == STATUS_OK)
		status = queue_read_idempotency(request->queue, room, &error);
	if (status != STATUS_OK) {
		endpoint_read_failed(request, status, &error);
		return false;
	}
	return !idempotency_answer(request, accepted, room);
}

bool
idempotency_answer(struct request *request,
    void (*accepted)(struct reply *reply, char (*ids)[UUID_TEXT_SIZE], size_t count),
    const struct idempotency *key)
{
	if (!idempotency_is_known(key))
		return false;
	if (key->ret_verdict == IDEMPOTENCY_MISMATCH) {
		reply_problem(&request->reply, PROBLEM_IDEMPOTENCY_MISMATCH, NULL,
		    "Something else was submitted with this Idempotency-Key. Nothing was stored.");
		return true;
	}
	accepted(&request->reply, key->ret_ids, key->ret_count);
	reply_field(&request->reply, "Idempotency-Replayed", "true");
	return true;
}
