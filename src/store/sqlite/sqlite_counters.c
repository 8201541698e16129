/* SPDX-License-Identifier: MIT */
/*
 * Counters by type, lane and state. The writer's thread changes them; any thread reads the sums
 * under a leaf lock. Never counts rows.
 */
#include "store/sqlite/sqlite_counters.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void
counters_init(struct counters *counters)
{
	*counters = (struct counters){ 0 };
	lock_init(&counters->lock, LOCK_RANK_LEAF);
}

void
counters_done(struct counters *counters)
{
	free(counters->list);
	lock_done(&counters->lock);
	*counters = (struct counters){ 0 };
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

enum status
counters_add(struct counters *counters, const char *type, enum lane lane, enum counted in,
    int64_t bytes, struct error *error)
{
	struct counter *counter = find_or_add(counters, type, lane);

	if (counter == NULL)
		return error_set(error, STATUS_NOMEM, "no memory for a counter");
	counter->pending[in].tasks++;
	counter->pending[in].bytes += bytes;
	return STATUS_OK;
}

enum status
counters_move(struct counters *counters, const char *type, enum lane lane, enum counted from,
    enum counted to, int64_t bytes, struct error *error)
{
	struct counter *counter = find_or_add(counters, type, lane);

	if (counter == NULL)
		return error_set(error, STATUS_NOMEM, "no memory for a counter");
	counter->pending[from].tasks--;
	counter->pending[to].tasks++;
	counter->pending[to].bytes += bytes;
	return STATUS_OK;
}

enum status
counters_remove(struct counters *counters, const char *type, enum lane lane, enum counted in,
    int64_t bytes, struct error *error)
{
	struct counter *counter = find_or_add(counters, type, lane);

	if (counter == NULL)
		return error_set(error, STATUS_NOMEM, "no memory for a counter");
	counter->pending[in].tasks--;
	counter->pending[in].bytes -= bytes;
	return STATUS_OK;
}

struct tally
counters_sum(const struct counters *counters)
{
	struct tally sum = { 0 };

	for (size_t i = 0; i < counters->count; i++) {
		for (size_t in = 0; in < COUNTED_COUNT; in++) {
			sum.tasks += counters->list[i].pending[in].tasks;
			sum.bytes += counters->list[i].pending[in].bytes;
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
		memset(counters->list[i].pending, 0, sizeof(counters->list[i].pending));
}

bool
counters_difference(const struct counters *counters, struct error *ret_text)
{
	for (size_t i = 0; i < counters->count; i++) {
		const struct counter *counter = &counters->list[i];

		for (size_t in = 0; in < COUNTED_COUNT; in++) {
			const struct tally *said = &counter->committed[in];
			const struct tally *found = &counter->pending[in];
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

			if (tally_is(&counter->pending[in], &counter->committed[in]))
				continue;
			binding = bind_begin(conn, SQLITE_COUNTER_WRITE);
			bind_word(&binding, counter->type);
			bind_int(&binding, counter->lane);
			bind_word(&binding, counted_word((enum counted)in));
			bind_int(&binding, counter->pending[in].tasks);
			bind_int(&binding, counter->pending[in].bytes);
			rc = bind_run(&binding);
			if (rc != SQLITE_DONE)
				return rc;
		}
	}
	return SQLITE_OK;
}

static void
show(struct counters *counters)
{
	struct store_counts sums = { 0 };

	for (size_t i = 0; i < counters->count; i++) {
		const struct tally *committed = counters->list[i].committed;
		enum lane lane = counters->list[i].lane;

		for (size_t state = 0; state < TASK_STATE_COUNT; state++) {
			sums.by_state[state] += committed[state].tasks;
			sums.kept_bytes += committed[state].bytes;
		}
		sums.by_state[TASK_QUEUED] +=
		    committed[COUNTED_HELD].tasks + committed[COUNTED_DEFERRED].tasks;
		sums.queued_by_lane[lane] += committed[COUNTED_QUEUED].tasks;
		sums.held_by_lane[lane] += committed[COUNTED_HELD].tasks;
		sums.deferred_by_lane[lane] += committed[COUNTED_DEFERRED].tasks;
		sums.running_by_lane[lane] += committed[COUNTED_RUNNING].tasks;
	}
	lock_acquire(&counters->lock);
	counters->shown = sums;
	lock_release(&counters->lock);
}

void
counters_committed(struct counters *counters)
{
	for (size_t i = 0; i < counters->count; i++) {
		struct counter *counter = &counters->list[i];

		memcpy(counter->committed, counter->pending, sizeof(counter->committed));
	}
	show(counters);
}

void
counters_rolled_back(struct counters *counters)
{
	for (size_t i = 0; i < counters->count; i++) {
		struct counter *counter = &counters->list[i];

		memcpy(counter->pending, counter->committed, sizeof(counter->pending));
	}
}

void
counters_read(struct counters *counters, struct store_counts *ret_counts)
{
	lock_acquire(&counters->lock);
	*ret_counts = counters->shown;
	lock_release(&counters->lock);
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
	counter->pending[in].tasks = sqlite3_column_int64(row, 3);
	counter->pending[in].bytes = sqlite3_column_int64(row, 4);
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
