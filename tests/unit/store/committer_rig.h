/* SPDX-License-Identifier: MIT */
/*
 * For the tests of the committer: one on a database of its own, over a disk that can be held in a
 * flush or made to fail, and calls of it, each in a thread. A failing step fails the test.
 */
#ifndef TASKQ_TESTS_COMMITTER_RIG_H
#define TASKQ_TESTS_COMMITTER_RIG_H

#include <pthread.h>
#include <stdatomic.h>

#include "shim_vfs.h"
#include "store/sqlite/committer.h"
#include "store_env.h"

/* What a commit has handed over. */
struct handed {
	enum lane lane;
	size_t count;
	struct task_start *starts;
};

#define HANDED_MAX 8

/* A committer on the database of an environment whose own store is closed. */
struct fixture {
	struct store_env *env;
	struct writer writer;
	struct committer committer;
	atomic_bool is_dead;
	atomic_int deaths;
	bool is_stopped;
	struct handed handed[HANDED_MAX]; /* the committing thread's until a call has ended */
	size_t handed_count;
};

/* One call in a thread of its own. */
struct call {
	struct fixture *fixture;
	pthread_t thread;
	struct command command;
	struct task_new new;
	struct task_start start;
	struct task task;
	struct error error;
	enum status status;
};

/* How many calls a test makes that wait together, where the number is all the same. */
#define CALLS 20

/* committer_rig_setup / committer_rig_teardown - a struct fixture of its own for each test */
int committer_rig_setup(void **state);
int committer_rig_teardown(void **state);
#define COMMITTER_RIG_TEST(function) \
	cmocka_unit_test_setup_teardown(function, committer_rig_setup, committer_rig_teardown)

/* stop - end the committer, which commits what waits; the teardown does, where a test has not */
void stop(struct fixture *fixture);

/* call_start / call_end - begin the call of a command that is filled in; its status, at its end */
void call_start(struct fixture *fixture, struct call *call);
enum status call_end(struct call *call);

/* submit_start - begin to submit task n, a factorial that waits */
void submit_start(struct fixture *fixture, struct call *call, unsigned n, const char *args);

/* claim_start - begin to claim one task of the CPU lane */
void claim_start(struct fixture *fixture, struct call *call);

/* end_all - the end of these calls, which succeed */
void end_all(struct call *first, struct call *calls, unsigned count);

/**
 * await_waiting - until so many commands stand on the lists
 * Returns at how many bells their callers wait.
 */
unsigned await_waiting(struct fixture *fixture, size_t count);

/* occupy - hold the committer in a flush, that of task 0, so that what is called meanwhile waits */
void occupy(struct fixture *fixture, struct call *call);

/**
 * put_spent_task - a task that waits although it has no attempt left: it violates a CHECK when it
 * is claimed
 */
void put_spent_task(struct fixture *fixture);

#endif
