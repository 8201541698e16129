/* SPDX-License-Identifier: MIT */
/*
 * A committer on the database of an environment whose own store is closed; see committer_rig.h.
 * Each call runs in a thread of its own, everything else in the test's.
 */
#include "committer_rig.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
on_death(void *context, const char *why)
{
	struct fixture *fixture = context;

	(void)why;
	atomic_store(&fixture->is_dead, true);
	atomic_fetch_add(&fixture->deaths, 1);
}

static void
on_started(void *context, enum lane lane, struct task_start *starts, size_t count)
{
	struct fixture *fixture = context;

	if (fixture->handed_count < HANDED_MAX)
		fixture->handed[fixture->handed_count] = (struct handed){ lane, count, starts };
	fixture->handed_count++;
}

int
committer_rig_setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	char path[256];

	assert_non_null(fixture);
	shim_vfs_install();
	fixture->env = store_env_new(STORE_ENV_SQLITE);
	store_env_close(fixture->env);
	(void)snprintf(path, sizeof(path), "%s/taskq.db", fixture->env->dir);
	assert_int_equal(writer_open(path, 1 << 26, &fixture->writer, NULL), STATUS_OK);
	assert_int_equal(committer_start(&fixture->committer, &fixture->writer, &fixture->is_dead,
			     on_death, fixture, NULL),
	    STATUS_OK);
	committer_on_start(&fixture->committer, on_started, fixture);
	*state = fixture;
	return 0;
}

void
stop(struct fixture *fixture)
{
	if (!fixture->is_stopped)
		committer_stop(&fixture->committer);
	fixture->is_stopped = true;
}

int
committer_rig_teardown(void **state)
{
	struct fixture *fixture = *state;

	stop(fixture);
	writer_close(&fixture->writer, false);
	store_env_free(fixture->env);
	shim_vfs_remove();
	free(fixture);
	return 0;
}

static void *
call_main(void *arg)
{
	struct call *call = arg;

	call->status = committer_run(&call->fixture->committer, &call->command);
	return NULL;
}

void
call_start(struct fixture *fixture, struct call *call)
{
	call->fixture = fixture;
	call->command.error = &call->error;
	assert_int_equal(thread_start(&call->thread, "call", 0, call_main, call, NULL), STATUS_OK);
}

enum status
call_end(struct call *call)
{
	thread_join(call->thread);
	return call->status;
}

void
submit_start(struct fixture *fixture, struct call *call, unsigned n, const char *args)
{
	*call = (struct call){
		.new = { .type = "factorial",
		    .args = args,
		    .args_size = strlen(args),
		    .terms.max_attempts = 3 },
		.command = { .kind = COMMAND_SUBMIT },
	};
	store_env_id(n, call->new.id);
	call->command.submit.tasks = &call->new;
	call->command.submit.count = 1;
	call_start(fixture, call);
}

void
claim_start(struct fixture *fixture, struct call *call)
{
	*call = (struct call){
		.command = { .kind = COMMAND_CLAIM, .claim = { .max = 1, .now_ms = 5 } },
	};
	call->command.claim.tasks = &call->task;
	call_start(fixture, call);
}

void
end_all(struct call *first, struct call *calls, unsigned count)
{
	assert_int_equal(call_end(first), STATUS_OK);
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(call_end(&calls[i]), STATUS_OK);
}

static size_t
list_length(const struct command_list *list, unsigned *bells)
{
	size_t length = 0;

	for (const struct command *c = list->first; c != NULL; c = c->next, length++)
		*bells += c->next == NULL || c->next->bell != c->bell;
	return length;
}

unsigned
await_waiting(struct fixture *fixture, size_t count)
{
	struct committer *committer = &fixture->committer;
	size_t waiting = 0;
	unsigned bells = 0;

	while (waiting != count) {
		bells = 0;
		lock_acquire(&committer->lock);
		waiting = list_length(&committer->urgent.list, &bells) +
			  list_length(&committer->submits.list, &bells);
		lock_release(&committer->lock);
		(void)sched_yield();
	}
	return bells;
}

void
occupy(struct fixture *fixture, struct call *call)
{
	shim_vfs_hold_sync();
	submit_start(fixture, call, 0, "{}");
	shim_vfs_await_sync();
}

void
put_spent_task(struct fixture *fixture)
{
	assert_int_equal(
	    sqlite3_exec(fixture->writer.conn.db,
		"INSERT INTO task (seq, id, type, lane, args, status, attempt, max_attempts, lease, "
		"priority, created_at) VALUES (1, '000000ff-0000-7000-8000-000000000000', 'factorial', 0, '{}', "
		"'QUEUED', 1, 1, 1, 0, 0)",
		NULL, NULL, NULL),
	    SQLITE_OK);
	fixture->writer.next_seq = 2;
}
