/* SPDX-License-Identifier: MIT */
/*
 * A store in a temporary directory for tests, on either back end, with the calls that every test of
 * it makes. A failing call fails the test; one thread per environment unless a function says more.
 */
#ifndef TASKQ_TESTS_STORE_ENV_H
#define TASKQ_TESTS_STORE_ENV_H

#include <stdatomic.h>

#include "fake_store.h"
#include "store/store.h"

enum store_env_kind {
	STORE_ENV_SQLITE,
	STORE_ENV_FAKE,
};

#define STORE_ENV_INLINE_MAX 1000
#define STORE_ENV_START_MS   INT64_C(1767225600000) /* 2026-01-01T00:00:00Z */

struct store_env {
	enum store_env_kind kind;
	char dir[128];  /* the data directory */
	char root[64];  /* what is removed at the end; holds dir */
	int generation; /* crashes so far */
	struct fake_store *fake;
	struct store_conf conf; /* may be changed between close and open */
	struct store *store;    /* NULL while closed */
	struct store_recovery recovery;
	struct error error;
	atomic_int deaths; /* calls of `fatal` */
	int64_t now_ms;    /* the tests' clock */
};

/**
 * store_env_new / store_env_free - make the directory, and open; close, and remove it
 */
struct store_env *store_env_new(enum store_env_kind kind);
void store_env_free(struct store_env *env);

enum status store_env_try_open(struct store_env *env);
void store_env_open(struct store_env *env);
void store_env_close(struct store_env *env);

/**
 * store_env_crash - as if the process were killed now: goes on with an image of the files as they
 * are, recovered
 */
void store_env_crash(struct store_env *env);

/**
 * store_env_id - the n-th id of the tests: valid, in the order of n
 */
void store_env_id(unsigned n, char ret_id[UUID_TEXT_SIZE]);

/**
 * store_env_submit_as - submit task n; any thread
 */
enum status store_env_submit_as(
    struct store_env *env, unsigned n, const char *type, enum lane lane, int max_attempts);

/* store_env_submit - task n, a factorial with 3 attempts */
void store_env_submit(struct store_env *env, unsigned n);

/**
 * store_env_submit_batch - submit these tasks in one call: factorials, but every n that divides by
 * 3 is a fetch; 3 attempts; any thread
 */
enum status store_env_submit_batch(struct store_env *env, const unsigned *numbers, size_t count);

/**
 * store_env_submit_ended - submit task n, a factorial that has ended with this content, as UTF-8
 * text/plain, 7 ms after it was created; any thread
 */
enum status store_env_submit_ended(
    struct store_env *env, unsigned n, const void *content, size_t size);

/* store_env_claim - claim up to max of the CPU lane's; returns how many */
size_t store_env_claim(struct store_env *env, size_t max, struct task *ret_tasks);

/* store_env_claim_one - claim exactly one; the caller's to task_done */
void store_env_claim_one(struct store_env *env, bool isolated, struct task *ret_task);

/**
 * store_env_succeed / store_env_fail - complete a task with a content or a failure; returns the
 * completion's ret_status
 */
enum status store_env_succeed(
    struct store_env *env, const struct task *task, const void *content, size_t size);
enum status store_env_fail(struct store_env *env, const struct task *task, enum failure failure);

/* store_env_release - hand a task back; returns how many are QUEUED by it */
size_t store_env_release(struct store_env *env, const struct task *task);

/* store_env_state - the state of task n */
enum task_state store_env_state(struct store_env *env, unsigned n);

/**
 * store_env_run - run a program (cp, rm) and return its exit status. Copies and removals of
 * database files are left to other processes.
 */
int store_env_run(const char *const *argv);

/**
 * store_env_main - run a suite on both back ends, the fake one first; for main() to return
 * Each test gets a struct store_env of its own as its state: STORE_ENV_TEST(function).
 */
struct CMUnitTest;
int store_env_main(const struct CMUnitTest *tests, size_t count);
int store_env_setup(void **state);
int store_env_teardown(void **state);
#define STORE_ENV_TEST(function) \
	cmocka_unit_test_setup_teardown(function, store_env_setup, store_env_teardown)

/* The same over a disk that the test makes fail: shim_vfs.h. */
int store_env_setup_on_shim(void **state);
int store_env_teardown_on_shim(void **state);
#define STORE_ENV_TEST_ON_SHIM(function) \
	cmocka_unit_test_setup_teardown( \
	    function, store_env_setup_on_shim, store_env_teardown_on_shim)

/* store_env_main_sqlite - the same on the real back end alone */
int store_env_main_sqlite(const struct CMUnitTest *tests, size_t count);

/**
 * store_env_sql - look into the real back end's database, as a person does while the service runs
 * Returns the rows, a line each, values between '|'; free().
 */
char *store_env_sql(struct store_env *env, const char *sql);

/**
 * store_env_check_counters - the counters in the real back end's database are those of its tasks
 * and of their bytes, and what did not succeed, and that alone, has a code; every environment ends
 * with it, unless the store has died
 */
void store_env_check_counters(struct store_env *env);

/**
 * store_env_read_data - the text of a file below tests/data; free()
 */
char *store_env_read_data(const char *name);

#endif
