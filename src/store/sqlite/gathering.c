/* SPDX-License-Identifier: MIT */
/* Divides what waits into groups when it comes, in the way in which it will be taken. */
#include "store/sqlite/gathering.h"

#include "store/sqlite/command.h"

static void
next_group(struct gathering *gathering)
{
	gathering->shares = 0;
	gathering->bell = (gathering->bell + 1) % GATHERING_BELLS;
}

void
gathering_init(struct gathering *gathering)
{
	command_list_init(&gathering->list);
	gathering->shares = 0;
	gathering->bell = 0;
	for (size_t i = 0; i < GATHERING_BELLS; i++)
		bell_init(&gathering->bells[i]);
}

void
gathering_add(struct gathering *gathering, struct command *command)
{
	if (gathering->shares >= GATHERING_MAX)
		next_group(gathering);
	gathering->shares += command_share(command);
	command->bell = &gathering->bells[gathering->bell];
	command_list_add(&gathering->list, command);
}

size_t
gathering_take(struct gathering *gathering, struct command_list *group, size_t *weight_bytes)
{
	struct command_list *list = &gathering->list;
	size_t shares = 0, count = 0;

	while (
	    list->first != NULL && shares < GATHERING_MAX && *weight_bytes < GATHERING_MAX_BYTES) {
		struct command *command = command_list_take(list);

		shares += command_share(command);
		*weight_bytes += command_weight(command);
		command_list_add(group, command);
		count++;
	}
	if (list->first == NULL)
		next_group(gathering);
	return count;
}
