/* SPDX-License-Identifier: MIT */
/*
 * The committer's thread and the way into it. The lock guards the lists alone and is never held
 * over a statement, a wake-up or a callback. A command must not be touched after its event is set:
 * it lives on the stack of a caller who is gone by then.
 */
#include "store/sqlite/committer.h"

#include <assert.h>

#include "store/sqlite/sqlite_space.h"

enum status
committer_run(struct committer *committer, struct command *command)
{
	bool must_wake;

	event_init(&command->done);
	lock_acquire(&committer->lock);
	assert(!committer->is_stopping && "no call may be under way when the store is closed");
	gathering_add(
	    command->kind == COMMAND_SUBMIT ? &committer->submits : &committer->urgent, command);
	must_wake = committer->is_sleeping;
	committer->is_sleeping = false;
	lock_release(&committer->lock);
	if (must_wake)
		cond_signal(&committer->wake);
	event_wait(&command->done, command->bell);
	return command->status;
}

/* A group of commands on its way through one transaction. */
struct group {
	struct command_list list;
	size_t count;
};

/* Waits for work and takes a group of it; an empty group means the end. */
static void
group_take(struct committer *committer, struct group *group)
{
	size_t weight = 0;

	command_list_init(&group->list);
	lock_acquire(&committer->lock);
	while (committer->urgent.list.first == NULL && committer->submits.list.first == NULL &&
	       !committer->is_stopping) {
		committer->is_sleeping = true;
		cond_wait(&committer->wake, &committer->lock);
	}
	committer->is_sleeping = false;
	group->count = gathering_take(&committer->urgent, &group->list, &weight);
	group->count += gathering_take(&committer->submits, &group->list, &weight);
	lock_release(&committer->lock);
}

/* Wakes every caller of a group. @error is for those of whom @status is not OK. */
static void
group_finish(struct group *group, enum status status, const struct error *error)
{
	struct command *command = group->list.first;

	while (command != NULL) {
		struct command *next = command->next;
		struct bell *bell = command->bell;

		if (status != STATUS_OK) {
			command_undo(command);
			command->status = status;
			if (command->error != NULL)
				*command->error = *error;
		}
		event_set(&command->done);
		/* With one call of the kernel for all who wait there. */
		if (next == NULL || next->bell != bell)
			bell_ring(bell);
		command = next;
	}
}

/* Hands over what a committed group has started, lane by lane, in one go each. */
static void
group_start(const struct committer *committer, const struct group *group)
{
	struct task_start *starts[LANE_COUNT] = { NULL };
	struct task_start **ends[LANE_COUNT];
	size_t counts[LANE_COUNT] = { 0 };

	for (int lane = 0; lane < LANE_COUNT; lane++)
		ends[lane] = &starts[lane];
	for (const struct command *c = group->list.first; c != NULL; c = c->next) {
		if (c->kind != COMMAND_SUBMIT || c->submit.start == NULL ||
		    c->status != STATUS_OK || idempotency_is_known(c->submit.idempotency))
			continue;
		enum lane lane = c->submit.tasks[0].lane;
		*ends[lane] = c->submit.start;
		ends[lane] = &c->submit.start->next;
		counts[lane]++;
	}
	for (int lane = 0; lane < LANE_COUNT; lane++) {
		*ends[lane] = NULL;
		if (counts[lane] > 0)
			committer->started(committer->started_context, (enum lane)lane,
			    starts[lane], counts[lane]);
	}
}

/* Applies the commands and commits. Returns what became of the transaction. */
static enum status
group_commit(struct committer *committer, struct group *group, struct error *error)
{
	uint64_t commits = committer->writer->commits;
	size_t weight = 0;
	enum status status;

	for (const struct command *c = group->list.first; c != NULL; c = c->next)
		weight += command_weight(c);
	status = writer_begin(committer->writer, weight, error);

	if (status != STATUS_OK)
		return status;
	for (struct command *c = group->list.first; c != NULL && status == STATUS_OK; c = c->next)
		status = command_apply(c, committer->writer, error);
	if (status == STATUS_OK) {
		status = writer_commit(committer->writer, error);
		if (committer->writer->commits != commits)
			writer_figures_commit(&committer->writer->figures, group->count);
		return status;
	}
	if (writer_rollback(committer->writer, error) != STATUS_OK)
		return STATUS_UNKNOWN;
	return status;
}

/* Whether one command alone is why a transaction could not go on. */
static bool
is_of_one_command(enum status status)
{
	return status == STATUS_INTERNAL || status == STATUS_CONFLICT;
}

static bool
is_fatal(enum status status)
{
	return status == STATUS_UNKNOWN || status == STATUS_CORRUPT;
}

static void group_run(struct committer *committer, struct group *group);

/* One command broke the transaction of all: each gets a transaction of its own, so that it fails
   alone. */
static void
group_split(struct committer *committer, struct group *group)
{
	struct command *command;

	for (command = group->list.first; command != NULL; command = command->next)
		command_undo(command);
	while ((command = command_list_take(&group->list)) != NULL) {
		struct group single = { .count = 1 };

		command_list_init(&single.list);
		command_list_add(&single.list, command);
		group_run(committer, &single);
	}
}

static bool
is_dead(const struct committer *committer)
{
	return atomic_load_explicit(committer->is_dead, memory_order_acquire);
}

/* Wakes a group with what came of it, once the world knows if it was the end of the store. */
static void
group_conclude(
    struct committer *committer, struct group *group, enum status status, const struct error *error)
{
	if (is_fatal(status)) {
		committer->died(committer->context, error->text);
		status = STATUS_UNKNOWN;
	}
	if (status == STATUS_OK)
		group_start(committer, group);
	group_finish(group, status, error);
}

static void
group_refuse(struct group *group)
{
	struct error error = { .text = "the store has stopped" };

	group_finish(group, STATUS_UNKNOWN, &error);
}

static void
group_run(struct committer *committer, struct group *group)
{
	struct error error = { .text = "" };
	enum status status;

	if (is_dead(committer)) {
		group_refuse(group);
		return;
	}
	status = group_commit(committer, group, &error);
	if (is_of_one_command(status) && group->count > 1) {
		group_split(committer, group);
		return;
	}
	if (status != STATUS_OK && !is_of_one_command(status))
		writer_figures_failure(&committer->writer->figures);
	group_conclude(committer, group, status, &error);
}

static bool
is_maintenance(const struct command *command)
{
	return command->kind == COMMAND_MAINTAIN || command->kind == COMMAND_GIVE_SPACE_BACK;
}

static enum status
maintain(struct committer *committer, struct command *command, struct error *error)
{
	if (command->kind == COMMAND_MAINTAIN)
		return writer_maintain(committer->writer, &command->maintain.space_calls, error);
	return space_give_back(&committer->writer->conn, &command->maintain.space_calls, error);
}

/* Maintenance runs between transactions, by itself. */
static void
maintain_run(struct committer *committer, struct command *command)
{
	struct group single = { .count = 1 };
	struct error error = { .text = "" };
	enum status status;

	command_list_init(&single.list);
	command_list_add(&single.list, command);
	command->status = STATUS_OK;
	if (is_dead(committer)) {
		group_refuse(&single);
		return;
	}
	status = maintain(committer, command, &error);
	group_conclude(committer, &single, status, &error);
}

/* Takes the maintenance commands out of a group and runs them. */
static void
group_maintain(struct committer *committer, struct group *group)
{
	struct command_list rest;
	struct command *command;

	command_list_init(&rest);
	while ((command = command_list_take(&group->list)) != NULL) {
		if (is_maintenance(command)) {
			group->count--;
			maintain_run(committer, command);
		} else {
			command_list_add(&rest, command);
		}
	}
	command_list_init(&group->list);
	while ((command = command_list_take(&rest)) != NULL)
		command_list_add(&group->list, command);
}

static void *
committer_main(void *arg)
{
	struct committer *committer = arg;

	for (;;) {
		struct error error;
		struct group group;

		group_take(committer, &group);
		if (group.count == 0)
			return NULL;
		writer_figures_begin(&committer->writer->figures);
		group_maintain(committer, &group);
		if (group.count > 0)
			group_run(committer, &group);
		if (!is_dead(committer) &&
		    writer_checkpoint_if_due(committer->writer, &error) != STATUS_OK)
			committer->died(committer->context, error.text);
		writer_figures_end(&committer->writer->figures);
	}
}

enum status
committer_start(struct committer *committer, struct writer *writer, const atomic_bool *is_dead,
    void (*died)(void *context, const char *why), void *context, struct error *error)
{
	enum status status;

	*committer = (struct committer){
		.writer = writer,
		.died = died,
		.context = context,
		.is_dead = is_dead,
	};
	lock_init(&committer->lock, LOCK_RANK_STORE_COMMITTER);
	cond_init(&committer->wake);
	gathering_init(&committer->urgent);
	gathering_init(&committer->submits);
	status = thread_start(&committer->thread, "committer", 0, committer_main, committer, error);
	if (status != STATUS_OK) {
		cond_done(&committer->wake);
		lock_done(&committer->lock);
	}
	return status;
}

void
committer_on_start(struct committer *committer,
    void (*started)(void *context, enum lane lane, struct task_start *starts, size_t count),
    void *context)
{
	lock_acquire(&committer->lock);
	committer->started = started;
	committer->started_context = context;
	lock_release(&committer->lock);
}

void
committer_stop(struct committer *committer)
{
	lock_acquire(&committer->lock);
	committer->is_stopping = true;
	lock_release(&committer->lock);
	cond_signal(&committer->wake);
	thread_join(committer->thread);
	cond_done(&committer->wake);
	lock_done(&committer->lock);
}
