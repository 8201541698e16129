/* SPDX-License-Identifier: MIT */
/*
 * What the soak's load generator reads and writes: the catalogue of submissions with the exact
 * content that each must bring, and the ledger, in which every submission's fate is written down.
 */
#ifndef TASKQ_SOAK_BOOK_H
#define TASKQ_SOAK_BOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	BOOK_ITEMS_MAX = 512,
	BOOK_ID_SIZE = 37, /* a UUID as text, with NUL */
};

/* A group is a kind of task; the generator is told which share of the submissions each gets. */
enum group {
	GROUP_FACTORIAL,
	GROUP_FETCH,
};

struct item {
	enum group group;
	unsigned weight; /* how often within its group */
	bool raw;        /* its content is read at /result, not as JSON */
	char *body;      /* of the submission, NUL-terminated */
	size_t body_size;
	char *content; /* what a success must bring; NULL: not known */
	size_t content_size;
};

struct catalogue {
	struct item items[BOOK_ITEMS_MAX];
	size_t count;
	unsigned weight[2]; /* sums by group */
};

/* The words of tests/soak/ledger.py are the same, in the same order. */
enum event {
	EVENT_ACKNOWLEDGED = 1, /* 202: the id is known */
	EVENT_REFUSED,          /* 503: nothing was stored */
	EVENT_UNKNOWN,          /* sent, and the connection broke before an answer */
	EVENT_FINAL,            /* the first final status that was seen */
	EVENT_WRONG,            /* a result that is not what it must be */
	EVENT_LOST,             /* 404 for an acknowledged id */
	EVENT_CHANGED,          /* a status after a final one that is not the same */
	EVENT_UNEXPECTED,       /* an answer that the contract does not have there */
};

enum word {
	WORD_NONE,
	WORD_QUEUED,
	WORD_RUNNING,
	WORD_SUCCEEDED,
	WORD_FAILED,
	WORD_REJECTED,
	WORD_COUNT,
};

/* One record of the ledger file, little-endian as the machine is, no padding. */
struct record {
	uint8_t event;
	uint8_t word;
	uint16_t item;
	uint16_t http_status;
	uint16_t zero;
	uint64_t wall_ms;
	uint8_t id[16]; /* of the task; zeros where it is not known */
};

struct ledger {
	int fd;
	size_t count;
	struct record records[1024];
};

/*
 * Read a catalogue: one item a line, five fields separated by tabs: group (0, 1), weight, 1 if its
 * content is read raw, the file with its content or "-", and the body of the submission. Returns
 * false and says why on standard error.
 */
bool catalogue_read(struct catalogue *catalogue, const char *path);

/* Choose an item of a group by weight; `dice` is any random number. */
size_t catalogue_choose(const struct catalogue *catalogue, enum group group, uint64_t dice);

/* The JSON members of a result answer: whether the content stands in it, exactly. */
bool item_matches_json(const struct item *item, const char *body);

bool item_matches_raw(const struct item *item, const char *body, size_t body_size);

/* The status word of an answer; WORD_NONE where there is none. */
enum word word_of_answer(const char *body);

/* Copy the id of a 202; false where there is none. */
bool id_of_answer(const char *body, char id[BOOK_ID_SIZE]);

bool ledger_open(struct ledger *ledger, const char *path);

/* Write one record; it reaches the file at the latest with the next ledger_flush(). */
bool ledger_write(struct ledger *ledger, enum event event, enum word word, size_t item,
    int http_status, const char *id);

bool ledger_flush(struct ledger *ledger);

#endif
