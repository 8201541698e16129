/* SPDX-License-Identifier: MIT */
/*
 * Commands as a whole: which statements they run (command_*.c), and what they weigh. Run by the
 * committer within its transaction. Every write to a running task names its lease and looks at the
 * number of rows changed. Must not commit, wake or block on anything but SQLite.
 */
#include "store/sqlite/command_apply.h"

/* What a row costs beside its texts: indexes, headers, the page that it shares. */
#define ROW_BYTES 512

enum status
command_apply(struct command *command, struct writer *writer, struct error *error)
{
	command->status = STATUS_OK;
	switch (command->kind) {
	case COMMAND_SUBMIT:
		return command_apply_submit(command, writer, error);
	case COMMAND_CLAIM:
		return command_apply_claim(command, writer, error);
	case COMMAND_COMPLETE:
		return command_apply_complete(command, writer, error);
	case COMMAND_RELEASE:
		return command_apply_release(command, writer, error);
	case COMMAND_CANCEL:
		return command_apply_cancel(command, writer, error);
	case COMMAND_ADVANCE:
		return command_apply_advance(command, writer, error);
	case COMMAND_PURGE:
		return command_apply_purge(command, writer, error);
	case COMMAND_MAINTAIN:
	case COMMAND_GIVE_SPACE_BACK:
		break;
	}
	return STATUS_OK;
}

void
command_undo(struct command *command)
{
	if (command->kind == COMMAND_SUBMIT && command->submit.idempotency != NULL)
		idempotency_reset(command->submit.idempotency);
	if (command->kind != COMMAND_CLAIM)
		return;
	for (size_t i = 0; i < command->claim.count; i++)
		task_done(&command->claim.tasks[i]);
	command->claim.count = 0;
}

static size_t
task_weight(const struct task_new *task)
{
	size_t content = task->ended != NULL ? task->ended->content_size : 0;

	return ROW_BYTES + task->args_size + content;
}

static size_t
claim_weight(const struct command *command)
{
	const struct store_gate *gate = command->claim.gate;
	size_t rows = command->claim.max;

	if (gate != NULL)
		rows += STORE_GATE_ASIDE_MAX;
	for (size_t i = 0; gate != NULL && i < gate->recall_count; i++)
		rows += gate->recalls[i].max;
	return ROW_BYTES * rows;
}

size_t
command_weight(const struct command *command)
{
	size_t weight = 0;

	switch (command->kind) {
	case COMMAND_SUBMIT:
		for (size_t i = 0; i < command->submit.count; i++)
			weight += task_weight(&command->submit.tasks[i]);
		if (command->submit.idempotency != NULL)
			weight += ROW_BYTES + command->submit.count * UUID_TEXT_SIZE;
		return weight;
	case COMMAND_CLAIM:
		return claim_weight(command);
	case COMMAND_COMPLETE:
		for (size_t i = 0; i < command->complete.count; i++)
			weight += ROW_BYTES + command->complete.list[i].output->memory.size;
		return weight;
	case COMMAND_RELEASE:
		return ROW_BYTES * command->release.count;
	case COMMAND_CANCEL:
		return ROW_BYTES;
	case COMMAND_ADVANCE:
		return (size_t)2 * ROW_BYTES * STORE_ADVANCE_MAX;
	case COMMAND_PURGE:
		return (size_t)4 * ROW_BYTES * STORE_PURGE_MAX;
	case COMMAND_MAINTAIN:
	case COMMAND_GIVE_SPACE_BACK:
		break;
	}
	return weight;
}

size_t
command_share(const struct command *command)
{
	return command->kind == COMMAND_SUBMIT ? command->submit.count : 1;
}
