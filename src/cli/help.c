/* SPDX-License-Identifier: MIT */
/* What taskq tells about itself; see help.h. Main thread. All of it is our own text. */
#include "cli/help.h"

#include <string.h>

#include "base/compiler.h"

#define COLUMNS        79
#define VERB_COLUMNS   10
#define OPTION_COLUMNS 28

static const struct {
	int status;
	const char *meaning;
} statuses[] = {
	{ EXIT_STATUS_OK, "done; a task that was waited for has succeeded" },
	{ EXIT_STATUS_FAILED, "a task is FAILED" },
	{ EXIT_STATUS_USAGE, "the command line is wrong" },
	{ EXIT_STATUS_REJECTED, "a task is REJECTED: cancelled or expired before it started" },
	{ EXIT_STATUS_NOT_FOUND, "there is no such task, or it left no content" },
	{ EXIT_STATUS_BUSY, "the service takes nothing now, because of load" },
	{ EXIT_STATUS_UNREACHABLE, "the service cannot be reached, or does not answer" },
	{ EXIT_STATUS_REFUSED, "the service refuses what was asked for" },
	{ EXIT_STATUS_NOT_ENDED, "a task has not ended, or not in the time given" },
	{ EXIT_STATUS_SERVICE, "a fault of the service, or it is not a taskqd" },
	{ EXIT_STATUS_LOCAL, "a fault on this side: a file, memory, standard output" },
};

/* One paragraph of at most `size` bytes, broken at blanks; the first line goes on where the cursor
   is, which is `indent`. */
static void
put_wrapped(const char *text, size_t size, size_t indent, FILE *stream)
{
	size_t column = indent, at = 0;

	while (at < size) {
		size_t word = strcspn(text + at, " ");

		word = word < size - at ? word : size - at;
		if (column > indent && column + 1 + word > COLUMNS) {
			fprintf(stream, "\n%*s", (int)indent, "");
			column = indent;
		} else if (column > indent) {
			fputc(' ', stream);
			column++;
		}
		fwrite(text + at, 1, word, stream);
		column += word;
		at += word + strspn(text + at + word, " ");
	}
	fputc('\n', stream);
}

static void
put_option(const struct option *option, FILE *stream)
{
	char shown[64];
	int length =
	    snprintf(shown, sizeof(shown), "  %c%c%s --%s%s%s", option->letter != '\0' ? '-' : ' ',
		option->letter != '\0' ? option->letter : ' ', option->letter != '\0' ? "," : " ",
		option->name, option->value[0] != '\0' ? " " : "", option->value);

	fprintf(stream, "%-*s", OPTION_COLUMNS, shown);
	if (length >= OPTION_COLUMNS)
		fprintf(stream, "\n%*s", OPTION_COLUMNS, "");
	put_wrapped(option->help, strlen(option->help), OPTION_COLUMNS, stream);
}

static void
put_options(unsigned groups, FILE *stream)
{
	for (size_t i = 0; i < option_count; i++)
		if ((option_table[i].groups & groups) != 0)
			put_option(&option_table[i], stream);
}

/* Lines as they are, two columns in. */
static void
put_lines(const char *text, FILE *stream)
{
	while (*text != '\0') {
		size_t size = strcspn(text, "\n");

		fprintf(stream, "  %.*s\n", (int)size, text);
		text += size + (text[size] == '\n' ? 1 : 0);
	}
}

void
help_usage(const struct verb *verb, FILE *stream)
{
	fprintf(stream, "Usage: taskq %s [OPTION ...]%s%s\n", verb->name,
	    verb->arguments[0] != '\0' ? " " : "", verb->arguments);
}

void
help_verb(const struct verb *verb, FILE *stream)
{
	const char *text = verb->text;

	help_usage(verb, stream);
	while (*text != '\0') {
		size_t size = strcspn(text, "\n");

		fputs("\n  ", stream);
		put_wrapped(text, size, 2, stream);
		text += size + (text[size] == '\n' ? 1 : 0);
	}
	if (verb->groups != 0) {
		fputs("\nOptions:\n", stream);
		put_options(verb->groups, stream);
	}
	fputs("\nOptions of every verb:\n", stream);
	put_options(OPTION_COMMON, stream);
	fputs("\nExamples:\n", stream);
	put_lines(verb->examples, stream);
}

void
help_overview(FILE *stream)
{
	fputs("taskq submits tasks to a taskqd, waits for them and brings their results.\n\n"
	      "Usage: taskq VERB [OPTION ...] [ARGUMENT ...]\n\nVerbs:\n",
	    stream);
	for (size_t i = 0; verb_table[i] != NULL; i++) {
		fprintf(stream, "  %-*s", VERB_COLUMNS, verb_table[i]->name);
		put_wrapped(verb_table[i]->summary, strlen(verb_table[i]->summary),
		    VERB_COLUMNS + 2, stream);
	}
	fputs("\nOptions of every verb:\n", stream);
	put_options(OPTION_COMMON, stream);
	fputs("\nExit status:\n", stream);
	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++)
		fprintf(stream, "  %2d  %s\n", statuses[i].status, statuses[i].meaning);
	fputs("\nMore about one: taskq help VERB, and all of it: man taskq\n", stream);
}
