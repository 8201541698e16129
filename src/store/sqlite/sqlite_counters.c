/* SPDX-License-Identifier: MIT */
/*
 * Counters by type, lane and state. The writer's thread changes them; what others see of them is in
 * counters_shown.c. Never counts rows, but for the results in files, once, when the store is
 * opened.
 */
#include "store/sqlite/sqlite_counters.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void
counters_init(struct counters *counters)
{
	*counters = (struct counters){ 0 };
	seqlock_init(&counters->shown, counters->words, SEQLOCK_WORDS(struct counters_shown));
}

void
counters_done(struct counters *counters)
{
	free(counters->list);
	counters->list = NULL;
	counters->count = 0;
	counters->capacity = 0;
}

/* A type and lane come into being with their first task; there are a handful of them. */
static struct counter *
find_or_add(struct counters *counters, const char *type, enum lane lane)
{
	struct counter *counter;

	for (size_t i = 0; i < counters->count; i++) {
		size_t at = (counters->latest + i) % counters->count;

		counter = &counters->list[at];
		if (counter->lane == lane && strcmp(counter->type, type) == 0) {
			counters->latest = at;
			return counter;
		}
	}
	if (counters->count == counters->capacity) {
		size_t capacity = counters->capacity == 0 ? 8 : counters->capacity * 2;

		counter = realloc(counters->list, capacity * sizeof(*counter));
		if (counter == NULL)
			return NULL;
		counters->list = counter;
		counters->capacity = capacity;
	}
	counter = &counters->list[counters->count++];
	*counter = (struct counter){ .lane = lane };
	assert(strlen(type) < sizeof(counter->type));
	memcpy(counter->type, type, strlen(type) + 1);
	return counter;
}

/* The counter of a type and lane, to be changed; NULL when there is no memory. */
static struct counter *
change(struct counters *counters, const char *type, enum lane lane, struct error *error)
{
	struct counter *counter = find_or_add(counters, type, lane);

	if (counter == NULL)
		(void)error_set(error, STATUS_NOMEM, "no memory for a counter");
	else
		counter->is_changed = true;
	return counter;
}

enum status
counters_add(struct counters *counters, const char *type, enum lane lane, enum counted in,
    int64_t bytes, struct error *error)
{
	struct counter *counter = change(counters, type, lane, error);

	if (counter == NULL)
		return STATUS_NOMEM;
	counter->pending.in[in].tasks++;
	counter->pending.in[in].bytes += bytes;
	counter->pending.events.submitted++;
	if (in == COUNTED_SUCCEEDED) {
		counter->pending.events.answered++;
		counter->pending.events.succeeded++;
	}
	return STATUS_OK;
}

/* What a task's coming to be counted elsewhere comes to as an event. */
static void
note_move(struct events *events, enum counted to, enum failure why)
{
	switch (to) {
	case COUNTED_QUEUED:
	case COUNTED_HELD:
	case COUNTED_DEFERRED:
		events->retried[why] += why != FAILURE_NONE;
		break;
	case COUNTED_RUNNING:
		break;
	case COUNTED_SUCCEEDED:
		events->succeeded++;
		break;
	case COUNTED_FAILED:
		events->failed[why]++;
		break;
	case COUNTED_REJECTED:
		events->rejected[why]++;
		break;
	}
}

enum status
counters_move(struct counters *counters, const char *type, enum lane lane, enum counted from,
    enum counted to, enum failure why, int64_t bytes, struct error *error)
{
	struct counter *counter = change(counters, type, lane, error);

	if (counter == NULL)
		return STATUS_NOMEM;
	counter->pending.in[from].tasks--;
	counter->pending.in[to].tasks++;
	counter->pending.in[to].bytes += bytes;
	note_move(&counter->pending.events, to, why);
	return STATUS_OK;
}

enum status
counters_interrupted(
    struct counters *counters, const char *type, enum lane lane, struct error *error)
{
	struct counter *counter = change(counters, type, lane, error);

	if (counter == NULL)
		return STATUS_NOMEM;
	counter->pending.events.interrupted++;
	return STATUS_OK;
}

enum status
counters_remove(struct counters *counters, const char *type, enum lane lane, enum counted in,
    int64_t bytes, struct error *error)
{
	struct counter *counter = change(counters, type, lane, error);

	if (counter == NULL)
		return STATUS_NOMEM;
	counter->pending.in[in].tasks--;
	counter->pending.in[in].bytes -= bytes;
	counter->pending.events.purged++;
	return STATUS_OK;
}

void
counters_file(struct counters *counters, int by, int64_t bytes)
{
	counters->files_pending.count += by;
	counters->files_pending.bytes += by * bytes;
}

struct tally
counters_sum(const struct counters *counters)
{
	struct tally sum = { 0 };

	for (size_t i = 0; i < counters->count; i++) {
		const struct tally *pending = counters->list[i].pending.in;

		for (size_t in = 0; in < COUNTED_COUNT; in++) {
			sum.tasks += pending[in].tasks;
			sum.bytes += pending[in].bytes;
		}
	}
	return sum;
}

static const char held_word[] = "SCHEDULED";
static const char deferred_word[] = "DEFERRED";

static const char *
counted_word(enum counted in)
{
	if (in == COUNTED_HELD)
		return held_word;
	return in == COUNTED_DEFERRED ? deferred_word : task_state_name((enum task_state)in);
}

static bool
counted_parse(const char *word, enum counted *ret_in)
{
	enum task_state state;

	if (strcmp(word, held_word) == 0 || strcmp(word, deferred_word) == 0) {
		*ret_in = strcmp(word, held_word) == 0 ? COUNTED_HELD : COUNTED_DEFERRED;
		return true;
	}
	if (!task_state_parse(word, &state))
		return false;
	*ret_in = (enum counted)state;
	return true;
}

static bool
tally_is(const struct tally *a, const struct tally *b)
{
	return a->tasks == b->tasks && a->bytes == b->bytes;
}

void
counters_recount(struct counters *counters)
{
	for (size_t i = 0; i < counters->count; i++)
		memset(counters->list[i].pending.in, 0, sizeof(counters->list[i].pending.in));
}

bool
counters_difference(const struct counters *counters, struct error *ret_text)
{
	for (size_t i = 0; i < counters->count; i++) {
		const struct counter *counter = &counters->list[i];

		for (size_t in = 0; in < COUNTED_COUNT; in++) {
			const struct tally *said = &counter->committed.in[in];
			const struct tally *found = &counter->pending.in[in];
			bool is_tasks = said->tasks != found->tasks;

			if (tally_is(said, found))
				continue;
			(void)error_set(ret_text, STATUS_CORRUPT,
			    "of type %s in lane %d, %s: the counter says %lld%s, there are %lld",
			    counter->type, (int)counter->lane, counted_word((enum counted)in),
			    (long long)(is_tasks ? said->tasks : said->bytes),
			    is_tasks ? "" : " bytes",
			    (long long)(is_tasks ? found->tasks : found->bytes));
			return true;
		}
	}
	return false;
}

int
counters_write(struct counters *counters, const struct sqlite_conn *conn)
{
	for (size_t i = 0; i < counters->count; i++) {
		const struct counter *counter = &counters->list[i];

		for (size_t in = 0; in < COUNTED_COUNT; in++) {
			struct binding binding;
			int rc;

			if (tally_is(&counter->pending.in[in], &counter->committed.in[in]))
				continue;
			binding = bind_begin(conn, SQLITE_COUNTER_WRITE);
			bind_word(&binding, counter->type);
			bind_int(&binding, counter->lane);
			bind_word(&binding, counted_word((enum counted)in));
			bind_int(&binding, counter->pending.in[in].tasks);
			bind_int(&binding, counter->pending.in[in].bytes);
			rc = bind_run(&binding);
			if (rc != SQLITE_DONE)
				return rc;
		}
	}
	return SQLITE_OK;
}

void
counters_committed(struct counters *counters)
{
	for (size_t i = 0; i < counters->count; i++) {
		struct counter *counter = &counters->list[i];

		if (counter->is_changed)
			counter->committed = counter->pending;
		counter->is_changed = false;
	}
	counters->files_committed = counters->files_pending;
	counters_show(counters);
}

void
counters_rolled_back(struct counters *counters)
{
	for (size_t i = 0; i < counters->count; i++) {
		struct counter *counter = &counters->list[i];

		if (counter->is_changed)
			counter->pending = counter->committed;
		counter->is_changed = false;
	}
	counters->files_pending = counters->files_committed;
}

/* Takes one row of the table; SQLITE_CORRUPT when it makes no sense. */
static int
load_row(struct counters *counters, sqlite3_stmt *row)
{
	char type[TASK_TYPE_SIZE], word[16];
	struct counter *counter;
	enum counted in;
	int64_t lane = sqlite3_column_int64(row, 1);
	int rc = column_word(row, 0, type, sizeof(type));

	if (rc == SQLITE_OK)
		rc = column_word(row, 2, word, sizeof(word));
	if (rc != SQLITE_OK)
		return rc;
	if (!counted_parse(word, &in) || lane < 0 || lane >= LANE_COUNT)
		return SQLITE_CORRUPT;
	counter = find_or_add(counters, type, (enum lane)lane);
	if (counter == NULL)
		return SQLITE_NOMEM;
	counter->pending.in[in].tasks = sqlite3_column_int64(row, 3);
	counter->pending.in[in].bytes = sqlite3_column_int64(row, 4);
	counter->is_changed = true;
	return SQLITE_OK;
}

enum status
counters_load(struct counters *counters, struct sqlite_conn *conn, enum sqlite_statement list,
    struct error *error)
{
	struct binding binding = bind_begin(conn, list);
	int rc;

	while ((rc = sqlite3_step(binding.statement)) == SQLITE_ROW) {
		int loaded = load_row(counters, binding.statement);

		if (loaded != SQLITE_OK) {
			rc = loaded;
			break;
		}
	}
	(void)sqlite3_reset(binding.statement);
	if (rc != SQLITE_DONE)
		return sqlite_status(conn->db, rc, "cannot read the counters", error);
	counters_committed(counters);
	return STATUS_OK;
}

enum status
counters_load_files(struct counters *counters, struct sqlite_conn *conn, struct error *error)
{
	struct binding binding = bind_begin(conn, SQLITE_RESULT_FILES);
	int rc = sqlite3_step(binding.statement);

	if (rc == SQLITE_ROW) {
		counters->files_pending.count = sqlite3_column_int64(binding.statement, 0);
		counters->files_pending.bytes = sqlite3_column_int64(binding.statement, 1);
	}
	(void)sqlite3_reset(binding.statement);
	if (rc != SQLITE_ROW)
		return sqlite_status(conn->db, rc, "cannot count the results in files", error);
	counters_committed(counters);
	return STATUS_OK;
}
