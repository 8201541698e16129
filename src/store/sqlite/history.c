/* SPDX-License-Identifier: MIT */
/*
 * Pages of tasks and attempts, as statements; see history.h. Rows are judged and copied one by one
 * while the statement stands, and nothing waits meanwhile: the read transaction ends with the page.
 */
#include "store/sqlite/history.h"

#include <stdlib.h>
#include <string.h>

#include "store/store_backend.h"

/* Rows that a statement sorts and keeps at most: some hundred KiB. */
#define SORTED_LOOKS_MAX 1000

/* A row of any of the lists. The arguments are SQLite's until its next step. */
static int
row_task(sqlite3_stmt *row, struct store_list_task *ret_task)
{
	struct store_list_task task = {
		.priority = sqlite3_column_int(row, 9),
		.run_at_ms = sqlite3_column_int64(row, 11),
		.expires_at_ms = sqlite3_column_int64(row, 12),
	};

	union {
		const void *fixed;
		char *loose;
	} args = { .fixed = sqlite3_column_blob(row, 8) };

	int rc = row_status(row, &task.status);

	if (rc == SQLITE_OK)
		rc = row_failure(row, 10, &task.failure);
	if (rc != SQLITE_OK)
		return rc;
	task.args = args.loose;
	task.args_size = (size_t)sqlite3_column_bytes(row, 8);
	if (task.args == NULL && task.args_size > 0)
		return SQLITE_NOMEM;
	*ret_task = task;
	return SQLITE_OK;
}

/* Offers rows to a page until it is full or they are at their end. Returns a result code. */
static int
fill(sqlite3_stmt *statement, struct store_list_page *page)
{
	enum list_offer offer = LIST_OFFER_NEXT;
	int rc = SQLITE_ROW;

	while (offer == LIST_OFFER_NEXT && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
		struct store_list_task task;

		rc = row_task(statement, &task);
		if (rc != SQLITE_OK)
			return rc;
		offer = store_list_offer(page, &task);
	}
	return offer == LIST_OFFER_NOMEM ? SQLITE_NOMEM : rc;
}

static enum status
run_list(struct readers *readers, enum sqlite_statement statement, struct store_list_page *page,
    struct error *error)
{
	char from_id[UUID_TEXT_SIZE], before_id[UUID_TEXT_SIZE];
	struct sqlite_conn *conn = reader_take(readers);
	struct binding binding = bind_begin(conn, statement);
	enum status status;
	int rc;

	store_list_range(page->query, from_id, before_id);
	bind_word(&binding, before_id);
	bind_word(&binding, from_id);
	/* One more tells whether there is more. */
	bind_int(&binding, (int64_t)page->query->looks_max + 1);
	rc = binding.rc;
	if (rc == SQLITE_OK)
		rc = fill(binding.statement, page);
	status = sqlite_status(conn->db, rc, "cannot list tasks", error);
	(void)sqlite3_reset(binding.statement);
	reader_give(readers, conn);
	return status;
}

/* The statement that has the fewest rows to look at. What runs is never much. */
static enum sqlite_statement
choose_statement(const struct store_list_query *query, int64_t unfinished)
{
	const unsigned running = 1u << TASK_RUNNING;
	const unsigned open = running | 1u << TASK_QUEUED;
	const unsigned unsuccessful = 1u << TASK_FAILED | 1u << TASK_REJECTED;

	if (query->states == running)
		return SQLITE_LIST_RUNNING;
	if (query->states == 0)
		return SQLITE_LIST_NEWEST;
	if ((query->states & ~unsuccessful) == 0)
		return SQLITE_LIST_UNSUCCESSFUL;
	if ((query->states & ~open) == 0 && unfinished <= HISTORY_UNFINISHED_MAX)
		return SQLITE_LIST_UNFINISHED;
	return SQLITE_LIST_NEWEST;
}

static bool
has_to_sort(enum sqlite_statement statement)
{
	return statement == SQLITE_LIST_RUNNING || statement == SQLITE_LIST_UNFINISHED;
}

enum status
history_list(struct readers *readers, const struct store_list_query *query, int64_t unfinished,
    struct store_list *ret_list, struct error *error)
{
	enum sqlite_statement statement = choose_statement(query, unfinished);
	struct store_list_query bounded = *query;
	struct store_list_page page;
	enum status status;

	if (has_to_sort(statement) && bounded.looks_max > SORTED_LOOKS_MAX)
		bounded.looks_max = SORTED_LOOKS_MAX;
	status = store_list_begin(&bounded, &page, error);
	if (status == STATUS_OK)
		status = run_list(readers, statement, &page, error);
	if (status != STATUS_OK) {
		store_list_done(&page.list);
		return status;
	}
	*ret_list = page.list;
	return STATUS_OK;
}

static int
take_submission(sqlite3_stmt *row, void *context)
{
	struct store_submission *submission = context;
	struct task_terms *terms = &submission->terms;
	char word[16];
	int rc = column_word(row, 0, submission->type, sizeof(submission->type));

	if (rc == SQLITE_OK)
		rc = column_word(row, 1, word, sizeof(word));
	if (rc != SQLITE_OK)
		return rc;
	if (!task_state_parse(word, &submission->state))
		return SQLITE_CORRUPT;
	terms->priority = sqlite3_column_int(row, 3);
	terms->run_at_ms = sqlite3_column_int64(row, 4);
	terms->expires_at_ms = sqlite3_column_int64(row, 5);
	terms->timeout_ms = sqlite3_column_int64(row, 6);
	terms->max_attempts = sqlite3_column_int(row, 7);
	terms->backoff_ms = sqlite3_column_int64(row, 8);
	terms->max_backoff_ms = sqlite3_column_int64(row, 9);
	return row_copy(row, 2, &submission->args, &submission->args_size);
}

enum status
history_submission(struct readers *readers, const char *id, struct store_submission *ret_submission,
    struct error *error)
{
	struct store_submission found = { .args = NULL };
	enum status status =
	    read_one(readers, SQLITE_READ_SUBMISSION, id, take_submission, &found, error);

	if (status == STATUS_OK)
		*ret_submission = found;
	else
		store_submission_done(&found);
	return status;
}

/* The columns that an attempt has in common, wherever it is recorded, from `column` on. */
static int
row_attempt_end(sqlite3_stmt *row, int column, struct store_attempt *attempt)
{
	size_t size;
	int rc = row_failure(row, column, &attempt->failure);

	if (rc == SQLITE_OK)
		rc = column_word(row, column + 1, attempt->message, sizeof(attempt->message));
	if (rc == SQLITE_OK && sqlite3_column_type(row, column + 2) != SQLITE_NULL)
		rc = row_copy(row, column + 2, &attempt->response, &size);
	return rc;
}

/* The attempt that stands in the task's own row. */
static int
row_latest(sqlite3_stmt *row, struct store_attempt *attempt)
{
	enum task_state state = TASK_QUEUED;
	char word[16];
	int rc = column_word(row, 0, word, sizeof(word));

	if (rc != SQLITE_OK)
		return rc;
	if (!task_state_parse(word, &state))
		return SQLITE_CORRUPT;
	attempt->attempt = sqlite3_column_int(row, 1);
	attempt->started_at_ms = sqlite3_column_int64(row, 2);
	attempt->ended_at_ms = sqlite3_column_int64(row, 3);
	rc = row_attempt_end(row, 4, attempt);
	attempt->outcome = attempt_outcome_of_task(state, attempt->failure);
	return rc;
}

/* One that was followed by another. */
static int
row_earlier(sqlite3_stmt *row, struct store_attempt *attempt)
{
	char word[16];
	int rc = column_word(row, 10, word, sizeof(word));

	if (rc != SQLITE_OK)
		return rc;
	if (!attempt_outcome_parse(word, &attempt->outcome))
		return SQLITE_CORRUPT;
	attempt->attempt = sqlite3_column_int(row, 7);
	attempt->started_at_ms = sqlite3_column_int64(row, 8);
	attempt->ended_at_ms = sqlite3_column_int64(row, 9);
	return row_attempt_end(row, 11, attempt);
}

/* Room for one attempt more, zeroed and counted; NULL: no memory. */
static struct store_attempt *
attempts_add(struct store_attempts *attempts)
{
	struct store_attempt *list = attempts->list;
	size_t count = attempts->count;

	/* Doubled at the powers of two. */
	if ((count & (count - 1)) == 0) {
		list = realloc(list, (count == 0 ? 1 : 2 * count) * sizeof(*list));
		if (list == NULL)
			return NULL;
		attempts->list = list;
	}
	attempts->count++;
	list[count] = (struct store_attempt){ 0 };
	return &list[count];
}

/*
 * Gathers the attempts of one task. The latest is in every row: it is read with the first, so that
 * it is known when there is no further one, and is put last.
 */
static int
gather(sqlite3_stmt *statement, struct store_attempts *attempts, bool *ret_is_found)
{
	struct store_attempt latest = { 0 };
	struct store_attempt *added;
	bool is_begun = false;
	int rc;

	while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
		rc = SQLITE_OK;
		if (!*ret_is_found) {
			*ret_is_found = true;
			is_begun = sqlite3_column_type(statement, 2) != SQLITE_NULL;
			if (is_begun)
				rc = row_latest(statement, &latest);
		}
		if (rc == SQLITE_OK && sqlite3_column_type(statement, 7) != SQLITE_NULL) {
			added = attempts_add(attempts);
			rc = added == NULL ? SQLITE_NOMEM : row_earlier(statement, added);
		}
		if (rc != SQLITE_OK)
			break;
	}
	if (rc == SQLITE_DONE && is_begun) {
		added = attempts_add(attempts);
		if (added != NULL) {
			*added = latest;
			return SQLITE_DONE;
		}
		rc = SQLITE_NOMEM;
	}
	free(latest.response);
	return rc;
}

enum status
history_attempts(struct readers *readers, const char *id, struct store_attempts *ret_attempts,
    struct error *error)
{
	struct sqlite_conn *conn = reader_take(readers);
	struct binding binding = bind_begin(conn, SQLITE_READ_ATTEMPTS);
	struct store_attempts attempts = { 0 };
	bool is_found = false;
	enum status status;
	int rc;

	bind_text(&binding, id, UUID_TEXT_LENGTH);
	rc = binding.rc;
	if (rc == SQLITE_OK)
		rc = gather(binding.statement, &attempts, &is_found);
	status = sqlite_status(conn->db, rc, "cannot read the attempts", error);
	(void)sqlite3_reset(binding.statement);
	reader_give(readers, conn);
	if (status == STATUS_OK && !is_found)
		status = error_set(error, STATUS_NOT_FOUND, "there is no task %s", id);
	if (status != STATUS_OK) {
		store_attempts_done(&attempts);
		return status;
	}
	*ret_attempts = attempts;
	return STATUS_OK;
}
