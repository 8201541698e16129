/* SPDX-License-Identifier: MIT */
/*
 * A disk that does not read what is on it: reads of the kernel fail, each at its turn. That is no
 * damage, whatever the library makes of it: what is asked meanwhile is an I/O error, nothing is
 * lost, and the store goes on when the disk does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>
#include <errno.h>

#include "upkeep_rig.h"

/* In the place of libc's, for the library as well; by another name, because headers may have that
   one inline. */
ssize_t watched_pread(int fd, void *data, size_t size, off_t offset) __asm__("pread64");

static atomic_int reads_before; /* until the next one fails; < 0: none does */
static atomic_int reads_failed;
static bool is_lasting; /* those behind it fail as well */
static int read_errno = EIO;

ssize_t
watched_pread(int fd, void *data, size_t size, off_t offset)
{
	if (atomic_load(&reads_before) >= 0 && atomic_fetch_sub(&reads_before, 1) == 0) {
		atomic_fetch_add(&reads_failed, 1);
		atomic_store(&reads_before, is_lasting ? 0 : -1);
		errno = read_errno;
		return -1;
	}
	return syscall(SYS_pread64, fd, data, size, offset);
}

static void
fail_read(int before)
{
	atomic_store(&reads_failed, 0);
	atomic_store(&reads_before, before);
}

/* Returns whether a read has failed. */
static bool
fail_no_more(void)
{
	atomic_store(&reads_before, -1);
	return atomic_load(&reads_failed) > 0;
}

enum {
	READS_MAX = 5000,
	/* More contents than the writer caches, in a file that is looked through at the opening. */
	CONTENTS = 80,
	CONTENT_BYTES = 128 * 1024,
	WAITING = 1000, /* and from there on */
	WAITING_COUNT = 8,
};

static void
fill(struct store_env *env)
{
	char *content = calloc(1, CONTENT_BYTES);

	assert_non_null(content);
	store_env_close(env);
	env->conf.inline_max_bytes = CONTENT_BYTES;
	store_env_open(env);
	for (unsigned n = 0; n < WAITING_COUNT; n++)
		store_env_submit(env, WAITING + n);
	for (unsigned n = 1; n <= CONTENTS; n++)
		assert_int_equal(store_env_submit_ended(env, n, content, CONTENT_BYTES), STATUS_OK);
	free(content);
	/* What the readers and the writer have read is forgotten. */
	store_env_close(env);
	store_env_open(env);
}

static enum status
read_a_status(struct store_env *env)
{
	struct task_status status;
	char id[UUID_TEXT_SIZE];

	store_env_id(CONTENTS / 2, id);
	return store_read_status(env->store, id, &status, &env->error);
}

static enum status
read_a_result(struct store_env *env)
{
	struct task_result result;
	char id[UUID_TEXT_SIZE];
	enum status status;

	store_env_id(CONTENTS / 2, id);
	status = store_read_result(env->store, id, &result, &env->error);
	if (status == STATUS_OK)
		task_result_done(&result);
	return status;
}

static enum status
list(struct store_env *env)
{
	const struct store_list_query query = {
		.created_before_ms = INT64_MAX, .tasks_max = 100, .looks_max = 100
	};
	struct store_list page;
	enum status status = store_list(env->store, &query, &page, &env->error);

	if (status == STATUS_OK)
		store_list_done(&page);
	return status;
}

static enum status
claim(struct store_env *env)
{
	struct task task;
	size_t count = 0;
	enum status status =
	    store_claim(env->store, LANE_CPU, false, 1, env->now_ms, &task, &count, &env->error);

	if (status == STATUS_OK) {
		assert_int_equal(count, 1);
		task_done(&task);
	}
	return status;
}

static enum status
cancel(struct store_env *env)
{
	struct store_cancelled cancelled;
	char id[UUID_TEXT_SIZE];

	store_env_id(WAITING + WAITING_COUNT - 1, id);
	return store_cancel(env->store, id, env->now_ms, &cancelled, &env->error);
}

static enum status
purge(struct store_env *env)
{
	const struct store_retention retention = { .tasks_max = CONTENTS };
	static struct store_purged purged;

	return store_purge(env->store, &retention, env->now_ms, &purged, &env->error);
}

static enum status
submit(struct store_env *env)
{
	static unsigned next = 2 * WAITING;

	return store_env_submit_as(env, next++, "factorial", LANE_CPU, 3);
}

static void
check_calls(struct store_env *env)
{
	static enum status (*const calls[])(struct store_env * env) = { read_a_status,
		read_a_result, list, claim, cancel, purge, submit };

	static const int errnos[] = { EIO, ENXIO, ERANGE };
	int fired = 0;

	fill(env);
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		bool has_failed = true;

		for (int before = 0; has_failed; before++) {
			enum status status;

			assert_true(before < READS_MAX);
			read_errno = errnos[fired % 3];
			fail_read(before);
			status = calls[i](env);
			has_failed = fail_no_more();
			fired += has_failed;
			if (status != (has_failed ? STATUS_IO : STATUS_OK))
				fail_msg("call %zu, read %d: %s: %s", i, before,
				    status_name(status), env->error.text);
			assert_int_equal(atomic_load(&env->deaths), 0);
		}
	}
	assert_true(fired >= 10);
	store_env_check_counters(env);
}

static void
test_what_cannot_be_read_is_an_io_error_and_the_store_goes_on(void **state)
{
	check_calls(*state);
}

static void
test_the_store_goes_on_after_a_time_in_which_nothing_was_read(void **state)
{
	is_lasting = true;
	check_calls(*state);
}

static void
test_a_store_that_cannot_be_read_is_not_opened_and_not_called_damaged(void **state)
{
	struct store_env *env = *state;
	bool has_failed = true;
	int fired = 0;

	for (unsigned n = 1; n <= 3; n++)
		store_env_submit(env, n);
	for (int before = 0; has_failed; before++) {
		enum status status;

		store_env_close(env);
		assert_true(before < READS_MAX);
		fail_read(before);
		status = store_env_try_open(env);
		has_failed = fail_no_more();
		fired += has_failed;
		if (status != STATUS_OK && (status != STATUS_IO || !has_failed))
			fail_msg("read %d: %s: %s", before, status_name(status), env->error.text);
		if (status != STATUS_OK)
			store_env_open(env);
		assert_int_equal(store_env_state(env, 3), TASK_QUEUED);
	}
	assert_true(fired > 10);
}

static void
test_an_audit_that_cannot_read_finds_no_damage(void **state)
{
	struct store_env *env = *state;
	bool has_failed = true;
	int fired = 0;

	rig_fill(env);
	store_env_close(env);
	for (int before = 0; has_failed; before++) {
		struct store_report report = { .worst = STORE_VERDICT_OK };
		enum status status;

		assert_true(before < READS_MAX);
		fail_read(before);
		status = store_audit(env->dir, &report, &env->error);
		has_failed = fail_no_more();
		fired += has_failed;
		if (status != (has_failed ? STATUS_IO : STATUS_OK))
			fail_msg("read %d: %s: %s", before, status_name(status), env->error.text);
		assert_int_equal(report.worst, STORE_VERDICT_OK);
	}
	assert_true(fired > 10);
}

static int
setup(void **state)
{
	fail_no_more();
	is_lasting = false;
	return store_env_setup(state);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_what_cannot_be_read_is_an_io_error_and_the_store_goes_on, setup,
		    store_env_teardown),
		cmocka_unit_test_setup_teardown(
		    test_the_store_goes_on_after_a_time_in_which_nothing_was_read, setup,
		    store_env_teardown),
		cmocka_unit_test_setup_teardown(
		    test_a_store_that_cannot_be_read_is_not_opened_and_not_called_damaged, setup,
		    store_env_teardown),
		cmocka_unit_test_setup_teardown(
		    test_an_audit_that_cannot_read_finds_no_damage, setup, store_env_teardown),
	};

	return store_env_main_sqlite(tests, ARRAY_SIZE(tests));
}
