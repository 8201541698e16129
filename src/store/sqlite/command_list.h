/* SPDX-License-Identifier: MIT */
/*
 * A list of commands that is added to at its end and taken from at its front. It is strung on the
 * commands themselves, so one is in one list at a time, and nothing is allocated.
 */
#ifndef TASKQ_STORE_SQLITE_COMMAND_LIST_H
#define TASKQ_STORE_SQLITE_COMMAND_LIST_H

struct command;

struct command_list {
	struct command *first;
	struct command **end;
};

void command_list_init(struct command_list *list);
void command_list_add(struct command_list *list, struct command *command);

/**
 * command_list_take - take the first; NULL when there is none
 */
struct command *command_list_take(struct command_list *list);

#endif
