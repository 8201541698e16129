/* SPDX-License-Identifier: MIT */
/* See soak_book.h. One thread; nothing is freed before the end of the program. */
#include "soak_book.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	FIELDS = 5,
	CONTENT_MAX = 64 << 20,
};

static const char *const words[WORD_COUNT] = { "", "QUEUED", "RUNNING", "SUCCEEDED", "FAILED",
	"REJECTED" };

static bool
read_content(struct item *item, const char *path)
{
	FILE *file = fopen(path, "rb");
	bool good = false;
	long size;

	if (file == NULL || fseek(file, 0, SEEK_END) != 0)
		goto out;
	size = ftell(file);
	if (size < 0 || size > CONTENT_MAX || fseek(file, 0, SEEK_SET) != 0)
		goto out;
	item->content_size = (size_t)size;
	item->content = malloc(item->content_size + 1);
	if (item->content == NULL)
		goto out;
	good = fread(item->content, 1, item->content_size, file) == item->content_size;
	item->content[item->content_size] = '\0';
out:
	if (file != NULL)
		fclose(file);
	return good;
}

/* Cut a line at its tabs, in place; the last field takes the rest. */
static bool
split(char *line, char *fields[FIELDS])
{
	line[strcspn(line, "\n")] = '\0';
	for (size_t i = 0; i < FIELDS; i++) {
		fields[i] = line;
		if (i + 1 < FIELDS) {
			line = strchr(line, '\t');
			if (line == NULL)
				return false;
			*line++ = '\0';
		}
	}
	return true;
}

static bool
read_item(struct catalogue *catalogue, char *line)
{
	struct item *item = &catalogue->items[catalogue->count];
	char *fields[FIELDS];

	if (catalogue->count == BOOK_ITEMS_MAX || !split(line, fields))
		return false;
	item->group = strcmp(fields[0], "0") == 0 ? GROUP_FACTORIAL : GROUP_FETCH;
	item->weight = (unsigned)strtoul(fields[1], NULL, 10);
	item->raw = strcmp(fields[2], "1") == 0;
	item->body = strdup(fields[4]);
	if (item->body == NULL || item->weight == 0)
		return false;
	item->body_size = strlen(item->body);
	if (strcmp(fields[3], "-") != 0 && !read_content(item, fields[3]))
		return false;
	catalogue->weight[item->group] += item->weight;
	catalogue->count++;
	return true;
}

bool
catalogue_read(struct catalogue *catalogue, const char *path)
{
	FILE *file = fopen(path, "r");
	char *line = NULL;
	size_t size = 0;
	bool good = file != NULL;

	memset(catalogue, 0, sizeof(*catalogue));
	while (good && getline(&line, &size, file) > 0) {
		good = read_item(catalogue, line);
		if (!good)
			fprintf(stderr, "soakgen: %s: item %zu is not usable\n", path,
			    catalogue->count + 1);
	}
	if (file == NULL)
		fprintf(stderr, "soakgen: %s: %s\n", path, strerror(errno));
	else
		fclose(file);
	free(line);
	return good && catalogue->count > 0;
}

size_t
catalogue_choose(const struct catalogue *catalogue, enum group group, uint64_t dice)
{
	unsigned left;

	if (catalogue->weight[group] == 0)
		group = group == GROUP_FETCH ? GROUP_FACTORIAL : GROUP_FETCH;
	left = (unsigned)(dice % catalogue->weight[group]);
	for (size_t i = 0; i < catalogue->count; i++) {
		const struct item *item = &catalogue->items[i];

		if (item->group != group)
			continue;
		if (left < item->weight)
			return i;
		left -= item->weight;
	}
	return 0;
}

bool
item_matches_json(const struct item *item, const char *body)
{
	const char *at = strstr(body, "\"result\":");
	bool is_text = item->group == GROUP_FETCH;

	if (item->content == NULL)
		return at != NULL;
	if (at == NULL)
		return false;
	at += strlen("\"result\":");
	at += strspn(at, " ");
	if (is_text && *at++ != '"')
		return false;
	if (strncmp(at, item->content, item->content_size) != 0)
		return false;
	at += item->content_size;
	return is_text ? *at == '"' : *at == '}' || *at == ',';
}

bool
item_matches_raw(const struct item *item, const char *body, size_t body_size)
{
	return item->content == NULL ||
	       (body_size == item->content_size && memcmp(body, item->content, body_size) == 0);
}

enum word
word_of_answer(const char *body)
{
	const char *at = strstr(body, "\"status\":");

	if (at == NULL)
		return WORD_NONE;
	at += strlen("\"status\":");
	at += strspn(at, " \"");
	for (enum word word = WORD_QUEUED; word < WORD_COUNT; word++) {
		size_t size = strlen(words[word]);

		if (strncmp(at, words[word], size) == 0 && at[size] == '"')
			return word;
	}
	return WORD_NONE;
}

bool
id_of_answer(const char *body, char id[BOOK_ID_SIZE])
{
	const char *at = strstr(body, "\"id\":");

	if (at == NULL)
		return false;
	at += strlen("\"id\":");
	at += strspn(at, " \"");
	if (strspn(at, "0123456789abcdef-") != BOOK_ID_SIZE - 1)
		return false;
	memcpy(id, at, BOOK_ID_SIZE - 1);
	id[BOOK_ID_SIZE - 1] = '\0';
	return true;
}

static unsigned
nibble(char digit)
{
	return digit <= '9' ? (unsigned)(digit - '0') : (unsigned)(digit - 'a') + 10;
}

static void
pack_id(const char *id, uint8_t packed[16])
{
	size_t at = 0;

	for (size_t i = 0; i < 16; i++) {
		if (id[at] == '-')
			at++;
		packed[i] = (uint8_t)(nibble(id[at]) << 4 | nibble(id[at + 1]));
		at += 2;
	}
}

bool
ledger_open(struct ledger *ledger, const char *path)
{
	_Static_assert(sizeof(struct record) == 32, "the ledger's reader knows this size");
	ledger->count = 0;
	ledger->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (ledger->fd < 0)
		fprintf(stderr, "soakgen: %s: %s\n", path, strerror(errno));
	return ledger->fd >= 0;
}

bool
ledger_write(struct ledger *ledger, enum event event, enum word word, size_t item, int http_status,
    const char *id)
{
	struct record *record;
	struct timespec now;

	if (ledger->count == sizeof(ledger->records) / sizeof(ledger->records[0]) &&
	    !ledger_flush(ledger))
		return false;
	clock_gettime(CLOCK_REALTIME, &now);
	record = &ledger->records[ledger->count++];
	memset(record, 0, sizeof(*record));
	record->event = (uint8_t)event;
	record->word = (uint8_t)word;
	record->item = (uint16_t)item;
	record->http_status = (uint16_t)http_status;
	record->wall_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
	if (id != NULL && id[0] != '\0')
		pack_id(id, record->id);
	return true;
}

bool
ledger_flush(struct ledger *ledger)
{
	const char *from = (const char *)ledger->records;
	size_t left = ledger->count * sizeof(ledger->records[0]);

	while (left > 0) {
		ssize_t put = write(ledger->fd, from, left);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0) {
			fprintf(stderr, "soakgen: the ledger: %s\n", strerror(errno));
			return false;
		}
		from += put;
		left -= (size_t)put;
	}
	ledger->count = 0;
	return true;
}
