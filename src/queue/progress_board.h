/* SPDX-License-Identifier: MIT */
/*
 * The attempts whose progress is known, by their task's id, for those who ask how far one is. An
 * attempt gets here with its first progress, so one that is done at once never does. Whoever asks
 * takes a lock that an attempt holds only while it comes and goes.
 */
#ifndef TASKQ_QUEUE_PROGRESS_BOARD_H
#define TASKQ_QUEUE_PROGRESS_BOARD_H

#include "base/status.h"
#include "kinds/run.h"
#include "queue/waiters.h"

struct progress_board;

/**
 * progress_board_new - a board without attempts
 * @waiters: borrowed; told of progress (WAITER_PROGRESSED) that is awaited, and of the first
 */
enum status progress_board_new(
    struct waiters *waiters, struct progress_board **ret_board, struct error *error) NODISCARD;

/**
 * progress_board_free - every attempt must have been removed; NULL is fine
 */
void progress_board_free(struct progress_board *board);

/**
 * progress_board_watch - for the `watch` of runs, which belong to the board while they are executed
 */
const struct run_watch *progress_board_watch(const struct progress_board *board);

/**
 * progress_board_remove - take a run off that has been executed, or never was; by its owner
 */
void progress_board_remove(struct progress_board *board, struct run *run);

/**
 * progress_board_read  - how far an attempt is, as run_progress_now; -1 where it is not known
 * progress_board_await - the same, and where it is no further than `seen`, those who wait for the
 * task will be told of its next progress, once
 * Any thread.
 */
int progress_board_read(struct progress_board *board, const char *id, int attempt);
int progress_board_await(struct progress_board *board, const char *id, int attempt, int seen);

#endif
