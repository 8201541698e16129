/* SPDX-License-Identifier: MIT */
/* The table of commands, and how they are called; see verb.h. Main thread. */
#include "app/verb.h"

#include <string.h>

static const struct verb verbs[] = {
	{ "check", NULL, "look whether settings and data are all right", verb_check },
	{ "backup", "DIRECTORY", "copy the data into a new directory", verb_backup },
	{ "restore", "DIRECTORY", "put a backup where there are no data", verb_restore },
	{ "healthcheck", NULL, "ask the running service whether it is ready", verb_healthcheck },
};

static const struct verb *
find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	}
	return NULL;
}

enum status
verb_parse(int argc, char *const *argv, const struct verb **ret_verb, const char **ret_operand,
    int *ret_words, struct error *error)
{
	const char *operand = NULL;
	const struct verb *verb;

	*ret_verb = NULL;
	*ret_operand = NULL;
	*ret_words = 0;
	if (argc < 2 || argv[1][0] == '-')
		return STATUS_OK;
	verb = find(argv[1]);
	if (verb == NULL)
		return error_set(error, STATUS_INVALID,
		    "found unknown command '%.60s', expected one that --help lists", argv[1]);
	if (verb->operand != NULL) {
		operand = argc > 2 ? argv[2] : "";
		/* "./-x" names a directory that begins with a dash. */
		if (operand[0] == '\0' || operand[0] == '-')
			return error_set(error, STATUS_INVALID, "%s: found '%.60s', expected a %s",
			    verb->name, operand, verb->operand);
	}
	*ret_verb = verb;
	*ret_operand = operand;
	*ret_words = operand == NULL ? 1 : 2;
	return STATUS_OK;
}

void
verb_print_usage(FILE *stream)
{
	fprintf(stream, "usage: taskqd [OPTION]...\n");
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		fprintf(stream, "       taskqd %s%s%s [OPTION]...\n", verbs[i].name,
		    verbs[i].operand == NULL ? "" : " ",
		    verbs[i].operand == NULL ? "" : verbs[i].operand);
	fputs("\nWithout a command it serves. Commands:\n", stream);
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		fprintf(stream, "  %-17s %s\n", verbs[i].name, verbs[i].help);
	fputc('\n', stream);
}
