/* SPDX-License-Identifier: MIT */
/* Commands in a row, first in, first out. One thread at a time: whoever owns the list. */
#include "store/sqlite/command_list.h"

#include <stddef.h>

#include "store/sqlite/command.h"

void
command_list_init(struct command_list *list)
{
	list->first = NULL;
	list->end = &list->first;
}

void
command_list_add(struct command_list *list, struct command *command)
{
	command->next = NULL;
	*list->end = command;
	list->end = &command->next;
}

struct command *
command_list_take(struct command_list *list)
{
	struct command *command = list->first;

	if (command == NULL)
		return NULL;
	list->first = command->next;
	if (list->first == NULL)
		list->end = &list->first;
	return command;
}
