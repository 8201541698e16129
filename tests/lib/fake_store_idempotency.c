/* SPDX-License-Identifier: MIT */
/* The keys of submissions in the in-memory back end: a list that is searched. Under its lock. */
#include <stdlib.h>
#include <string.h>

#include "fake_store_parts.h"

static struct fake_key *
find(struct fake_store *fake, const char *key)
{
	for (size_t i = 0; i < fake->key_count; i++) {
		if (strcmp(fake->keys[i].key, key) == 0)
			return &fake->keys[i];
	}
	return NULL;
}

void
fake_key_find(struct fake_store *fake, struct idempotency *idempotency, int64_t now_ms)
{
	const struct fake_key *key = find(fake, idempotency->key);

	if (key == NULL || key->created_at_ms <= now_ms - idempotency->keep_ms)
		return;
	if (memcmp(key->fingerprint, idempotency->fingerprint, sizeof(key->fingerprint)) != 0) {
		idempotency->ret_verdict = IDEMPOTENCY_MISMATCH;
		return;
	}
	idempotency->ret_verdict = IDEMPOTENCY_REPLAYED;
	idempotency->ret_count = key->count;
	idempotency->ret_ids = fake_must(calloc(key->count, sizeof(*key->ids)));
	memcpy(idempotency->ret_ids, key->ids, key->count * sizeof(*key->ids));
}

void
fake_key_keep(struct fake_store *fake, const struct idempotency *idempotency,
    const struct task_new *tasks, size_t count)
{
	struct fake_key *key = find(fake, idempotency->key);

	if (key == NULL) {
		fake->keys =
		    fake_must(realloc(fake->keys, (fake->key_count + 1) * sizeof(*fake->keys)));
		key = &fake->keys[fake->key_count++];
		key->ids = NULL;
	}
	memcpy(key->key, idempotency->key, sizeof(key->key));
	memcpy(key->fingerprint, idempotency->fingerprint, sizeof(key->fingerprint));
	key->created_at_ms = tasks[0].created_at_ms;
	key->count = count;
	free(key->ids);
	key->ids = fake_must(calloc(count, sizeof(*key->ids)));
	for (size_t i = 0; i < count; i++)
		memcpy(key->ids[i], tasks[i].id, UUID_TEXT_SIZE);
}

void
fake_keys_free(struct fake_store *fake)
{
	for (size_t i = 0; i < fake->key_count; i++)
		free(fake->keys[i].ids);
	free(fake->keys);
}
