/* SPDX-License-Identifier: MIT */
/*
 * A hash table of runs by their task's id, with a lock for each bucket. The lock keeps a run from
 * being freed while somebody looks at it; its progress itself is an atomic word.
 */
#include "queue/progress_board.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/sync.h"
#include "base/uuid.h"

enum {
	BUCKETS = 256, /* a power of two */
};

LIST_HEAD(run_list, run);

struct bucket {
	struct lock lock;
	struct run_list runs;
};

struct progress_board {
	struct waiters *waiters;
	struct run_watch watch;
	struct bucket buckets[BUCKETS];
};

static struct bucket *
bucket_of(struct progress_board *board, const char *id)
{
	return &board->buckets[uuid_hash(id) & (BUCKETS - 1)];
}

/* What run_progress calls. */
static void
on_progress(void *context, struct run *run)
{
	struct progress_board *board = context;
	struct bucket *bucket = bucket_of(board, run->task.id);

	lock_acquire(&bucket->lock);
	if (!run->is_watched)
		LIST_INSERT_HEAD(&bucket->runs, run, in_watch);
	run->is_watched = true;
	lock_release(&bucket->lock);
	waiters_tell(board->waiters, run->task.id, WAITER_PROGRESSED);
}

enum status
progress_board_new(struct waiters *waiters, struct progress_board **ret_board, struct error *error)
{
	struct progress_board *board = calloc(1, sizeof(*board));

	if (board == NULL)
		return error_set(error, STATUS_NOMEM, "no memory for the board of progress");
	board->waiters = waiters;
	board->watch = (struct run_watch){ .progressed = on_progress, .context = board };
	for (size_t i = 0; i < BUCKETS; i++) {
		lock_init(&board->buckets[i].lock, LOCK_RANK_LEAF);
		LIST_INIT(&board->buckets[i].runs);
	}
	*ret_board = board;
	return STATUS_OK;
}

void
progress_board_free(struct progress_board *board)
{
	if (board == NULL)
		return;
	for (size_t i = 0; i < BUCKETS; i++) {
		assert(LIST_EMPTY(&board->buckets[i].runs));
		lock_done(&board->buckets[i].lock);
	}
	free(board);
}

const struct run_watch *
progress_board_watch(const struct progress_board *board)
{
	return &board->watch;
}

void
progress_board_remove(struct progress_board *board, struct run *run)
{
	struct bucket *bucket;

	if (!run->is_watched)
		return;
	bucket = bucket_of(board, run->task.id);
	lock_acquire(&bucket->lock);
	LIST_REMOVE(run, in_watch);
	run->is_watched = false;
	lock_release(&bucket->lock);
}

static struct run *
find_locked(struct bucket *bucket, const char *id, int attempt) REQUIRES(bucket->lock)
{
	struct run *run;

	LIST_FOREACH(run, &bucket->runs, in_watch)
	{
		if (run->task.attempt == attempt && memcmp(run->task.id, id, UUID_TEXT_LENGTH) == 0)
			return run;
	}
	return NULL;
}

int
progress_board_read(struct progress_board *board, const char *id, int attempt)
{
	struct bucket *bucket = bucket_of(board, id);
	int progress = -1;
	const struct run *run;

	lock_acquire(&bucket->lock);
	run = find_locked(bucket, id, attempt);
	if (run != NULL)
		progress = run_progress_now(run);
	lock_release(&bucket->lock);
	return progress;
}

int
progress_board_await(struct progress_board *board, const char *id, int attempt, int seen)
{
	struct bucket *bucket = bucket_of(board, id);
	int progress = -1;
	struct run *run;

	lock_acquire(&bucket->lock);
	run = find_locked(bucket, id, attempt);
	if (run != NULL)
		progress = run_progress_now(run);
	/* First the wish, then the look: whatever is noted between them is seen, or told. */
	if (run != NULL && progress <= seen) {
		atomic_store(&run->progress_is_told, false);
		progress = run_progress_now(run);
	}
	lock_release(&bucket->lock);
	return progress;
}
