/* SPDX-License-Identifier: MIT */
/* The tasks that a verb is about; see ids.h. Main thread. */
#include "cli/ids.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/explain.h"
#include "cli/lines.h"
#include "cli/stop.h"

#define LINE_MAX_BYTES ((size_t)4096)
#define ORDER_SIZE     48

static enum exit_status
refuse(struct cli *cli, const char *place, const char *text, size_t size)
{
	return explain_usage(cli,
	    "%sfound '%.*s', expected the id of a task, such as "
	    "018f3c4e-8a5b-7c1d-9e2f-0123456789ab",
	    place, (int)(size < 60 ? size : 60), text);
}

enum exit_status
ids_one(struct cli *cli, char ret_id[UUID_TEXT_SIZE])
{
	const char *text = cli->options.arguments[0];

	return uuid_parse(text, strlen(text), ret_id) ? EXIT_STATUS_OK
						      : refuse(cli, "", text, strlen(text));
}

/* Whether the others can be gone on with. */
static bool
ends_all(enum exit_status exit_status)
{
	switch (exit_status) {
	case EXIT_STATUS_UNREACHABLE:
	case EXIT_STATUS_USAGE:
	case EXIT_STATUS_LOCAL:
		return true;
	case EXIT_STATUS_OK:
	case EXIT_STATUS_FAILED:
	case EXIT_STATUS_REJECTED:
	case EXIT_STATUS_NOT_FOUND:
	case EXIT_STATUS_BUSY:
	case EXIT_STATUS_REFUSED:
	case EXIT_STATUS_NOT_ENDED:
	case EXIT_STATUS_SERVICE:
		break;
	}
	return stop_is_wanted();
}

/* Does it, and keeps the first exit status that is not OK. Returns whether to go on. */
static bool
act(struct cli *cli, ids_action *action, const char *id, const char *order, enum exit_status *first)
{
	enum exit_status exit_status = action(cli, id, order);

	if (*first == EXIT_STATUS_OK)
		*first = exit_status;
	return !ends_all(exit_status);
}

static enum exit_status
each_argument(struct cli *cli, ids_action *action)
{
	const char *const *arguments = cli->options.arguments;
	size_t count = cli->options.argument_count;
	enum exit_status first = EXIT_STATUS_OK;
	char id[UUID_TEXT_SIZE], order[ORDER_SIZE] = "";

	for (size_t i = 0; i < count; i++)
		if (!uuid_parse(arguments[i], strlen(arguments[i]), id))
			return refuse(cli, "", arguments[i], strlen(arguments[i]));
	for (size_t i = 0; i < count; i++) {
		(void)uuid_parse(arguments[i], strlen(arguments[i]), id);
		if (count > 1)
			(void)snprintf(order, sizeof(order), "%zu of %zu", i + 1, count);
		if (!act(cli, action, id, order, &first))
			break;
	}
	return first;
}

/* The id that a line holds, or NULL for a line without anything. */
static const char *
trim(const char *line, size_t *size)
{
	const char *tab;

	while (*size > 0 && (*line == ' ' || *line == '\t')) {
		line++;
		(*size)--;
	}
	tab = memchr(line, '\t', *size);
	if (tab != NULL)
		*size = (size_t)(tab - line);
	while (*size > 0 && line[*size - 1] == ' ')
		(*size)--;
	return *size > 0 ? line : NULL;
}

static enum exit_status
each_line(struct cli *cli, ids_action *action)
{
	enum exit_status first = EXIT_STATUS_OK;
	char id[UUID_TEXT_SIZE], order[ORDER_SIZE];
	struct error error;
	struct lines lines;
	const char *line;
	enum status status;
	size_t size;

	lines_init(&lines, STDIN_FILENO, LINE_MAX_BYTES);
	while ((status = lines_next(&lines, &line, &size, &error)) == STATUS_OK) {
		line = trim(line, &size);
		if (line == NULL)
			continue;
		(void)snprintf(order, sizeof(order), "line %" PRIu64, lines.number);
		if (!uuid_parse(line, size, id)) {
			char place[ORDER_SIZE + 4];

			(void)snprintf(place, sizeof(place), "%s: ", order);
			first = refuse(cli, place, line, size);
			break;
		}
		if (!act(cli, action, id, order, &first))
			break;
	}
	if (status != STATUS_OK && status != STATUS_NOT_FOUND)
		first = explain_local(cli, status, &error);
	lines_done(&lines);
	return first;
}

enum exit_status
ids_each(struct cli *cli, ids_action *action)
{
	if (cli->options.argument_count == 1 && strcmp(cli->options.arguments[0], "-") == 0)
		return each_line(cli, action);
	return each_argument(cli, action);
}
