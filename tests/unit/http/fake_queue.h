/* SPDX-License-Identifier: MIT */
/*
 * queue.h over memory, for tests of http/: tasks are put in by the test, submissions are kept or
 * refused as the test says, and nothing ever runs. Linked in the place of the real queue.
 */
#ifndef TASKQ_TESTS_FAKE_QUEUE_H
#define TASKQ_TESTS_FAKE_QUEUE_H

#include "kinds/kind_settings.h"
#include "queue/queue.h"

#define FAKE_QUEUE_ID(n) "018f0000-0000-7000-8000-00000000000" #n

/**
 * fake_queue_new - an empty queue that accepts everything
 */
struct queue *fake_queue_new(void);
void fake_queue_free(struct queue *queue);

/**
 * fake_queue_put - make a task known; content is copied, a file descriptor is duplicated per read
 */
void fake_queue_put(struct queue *queue, const struct task_result *result);

/**
 * fake_queue_complete - let a task that is there succeed with the digits 120, and wake who waits
 */
void fake_queue_complete(struct queue *queue, const char *id);

/**
 * fake_queue_change - move a task that is there on, and tell those who wait for it; started so many
 * milliseconds after it was created as it has attempts, and finished after a hundred
 */
void fake_queue_change(struct queue *queue, const char *id, enum task_state state, int attempt);

/**
 * fake_queue_progress - how far all that is RUNNING is from now on; tells those who wait for `id`
 */
void fake_queue_progress(struct queue *queue, const char *id, int progress);

/**
 * fake_queue_put_submission - what a task is said to have been submitted as; one at a time. `args`
 * is borrowed for as long as it may be read
 */
void fake_queue_put_submission(
    struct queue *queue, const char *id, const struct store_submission *submission);

/**
 * fake_queue_last_task - the type, arguments and retry_of of the last task that was accepted; ""
 * where there is none
 */
struct fake_queue_task {
	char type[TASK_TYPE_SIZE];
	char args[256];
	char retry_of[UUID_TEXT_SIZE];
};
struct fake_queue_task fake_queue_last_task(struct queue *queue);

/**
 * fake_queue_answer - what submissions get from now on
 */
void fake_queue_answer(
    struct queue *queue, enum status status, enum refusal refusal, unsigned retry_after_s);

/**
 * fake_queue_answer_cancel - what cancels get from now on
 */
void fake_queue_answer_cancel(
    struct queue *queue, enum status status, struct store_cancelled cancelled);

/**
 * fake_queue_answer_key - what stands under every key from now on, as reads have it and as
 * submissions do; REPLAYED with the ids 0, 1, ... of `count` tasks
 */
void fake_queue_answer_key(struct queue *queue, enum idempotency_verdict read,
    enum idempotency_verdict submitted, size_t count);

/**
 * fake_queue_last_key - the one that was given last; "" where there was none with a submission
 */
struct idempotency fake_queue_last_key(struct queue *queue);

/**
 * fake_queue_hold - let submissions wait (true) or go on (false)
 */
void fake_queue_hold(struct queue *queue, bool hold);

/**
 * fake_queue_await_held - wait until so many submissions are waiting
 */
void fake_queue_await_held(struct queue *queue, unsigned count);

/**
 * fake_queue_fail_reads - the status that reads get from now on
 */
void fake_queue_fail_reads(struct queue *queue, enum status status);

/**
 * fake_queue_put_stats - what queue_stats gives from now on
 */
void fake_queue_put_stats(struct queue *queue, const struct queue_stats *stats);

/**
 * fake_queue_submitted - how many submissions were accepted
 */
unsigned fake_queue_submitted(struct queue *queue);

/**
 * fake_queue_last_query - what was listed last; worth looking at as far as it needs no memory
 */
struct store_list_query fake_queue_last_query(struct queue *queue);

/**
 * fake_queue_last_terms - those of the last task that was accepted
 */
struct task_terms fake_queue_last_terms(struct queue *queue);

#endif
