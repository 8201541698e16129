/* SPDX-License-Identifier: MIT */
/*
 * What --help and --print-config show, both from the table. Main thread only. Errors of the stream
 * stay in it, for the caller to ask with ferror(); what conf_print writes must always be readable
 * by conf_parse_file as the same configuration.
 */
#include <inttypes.h>
#include <string.h>

#include "conf/conf_table.h"

#define HELP_COLUMNS 79
#define HELP_INDENT  10

static const char *
origin_text(enum conf_origin origin)
{
	switch (origin) {
	case CONF_FROM_DEFAULT:
		return "default";
	case CONF_FROM_FILE:
		return "file";
	case CONF_FROM_ENVIRONMENT:
		return "environment";
	case CONF_FROM_COMMAND_LINE:
		return "command line";
	}
	return "?";
}

static bool
needs_quotes(const char *text)
{
	size_t size = strlen(text);

	return size == 0 || text[0] == ' ' || text[size - 1] == ' ' || strpbrk(text, "#\"") != NULL;
}

static void
print_text(const char *text, FILE *stream)
{
	if (!needs_quotes(text)) {
		fputs(text, stream);
		return;
	}
	fputc('"', stream);
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', stream);
		fputc(*text, stream);
	}
	fputc('"', stream);
}

static void
print_list(const char *name, const struct conf_list *list, const char *origin, FILE *stream)
{
	if (list->count == 0)
		fprintf(stream, "%s =    # %s\n", name, origin);
	for (size_t i = 0; i < list->count; i++) {
		fprintf(stream, "%s = ", name);
		print_text(list->items[i], stream);
		fprintf(stream, "    # %s\n", origin);
	}
}

void
conf_print(const struct conf *conf, FILE *stream)
{
	for (size_t i = 0; i < CONF_SETTING_COUNT; i++) {
		const struct conf_setting *setting = &conf_settings[i];
		const void *field = (const char *)conf + setting->offset;
		const char *origin = origin_text(conf->origins[i]);

		switch (setting->type) {
		case CONF_TYPE_INT:
			fprintf(stream, "%s = %" PRId64 "    # %s (%s)\n", setting->name,
			    *(const int64_t *)field, origin, setting->unit);
			break;
		case CONF_TYPE_BOOL:
			fprintf(stream, "%s = %s    # %s\n", setting->name,
			    *(const bool *)field ? "yes" : "no", origin);
			break;
		case CONF_TYPE_TEXT:
		case CONF_TYPE_WORD:
			fprintf(stream, "%s = ", setting->name);
			print_text(*(char *const *)field, stream);
			fprintf(stream, "    # %s\n", origin);
			break;
		case CONF_TYPE_LIST:
			print_list(setting->name, field, origin, stream);
			break;
		}
	}
}

/* One paragraph, indented and broken at blanks. */
static void
print_wrapped(const char *text, FILE *stream)
{
	size_t column = 0;

	while (*text != '\0') {
		size_t word = strcspn(text, " ");

		if (column > 0 && column + 1 + word > HELP_COLUMNS) {
			fputc('\n', stream);
			column = 0;
		}
		if (column == 0) {
			fprintf(stream, "%*s", HELP_INDENT, "");
			column = HELP_INDENT;
		} else {
			fputc(' ', stream);
			column++;
		}
		fwrite(text, 1, word, stream);
		column += word;
		text += word;
		text += strspn(text, " ");
	}
	fputc('\n', stream);
}

static const char *
value_word(enum conf_type type)
{
	switch (type) {
	case CONF_TYPE_INT:
		return "N";
	case CONF_TYPE_TEXT:
		return "TEXT";
	case CONF_TYPE_LIST:
		return "ITEM";
	case CONF_TYPE_BOOL:
		return "yes|no";
	case CONF_TYPE_WORD:
		return "WORD";
	}
	return "?";
}

static void
print_setting(const struct conf_setting *setting, FILE *stream)
{
	char expected[96];

	conf_value_describe(setting, expected, sizeof(expected));
	fprintf(stream, "  --%s %s\n", setting->name, value_word(setting->type));
	print_wrapped(setting->help, stream);
	switch (setting->type) {
	case CONF_TYPE_INT:
		fprintf(stream, "%*s%s; default %" PRId64 "\n", HELP_INDENT, "", expected,
		    setting->default_number);
		break;
	case CONF_TYPE_BOOL:
		fprintf(stream, "%*s%s; default %s\n", HELP_INDENT, "", expected,
		    setting->default_number != 0 ? "yes" : "no");
		break;
	case CONF_TYPE_TEXT:
	case CONF_TYPE_WORD:
		fprintf(stream, "%*s%s; default %s\n", HELP_INDENT, "", expected,
		    setting->default_text);
		break;
	case CONF_TYPE_LIST:
		fprintf(stream, "%*srepeatable, %s; default none\n", HELP_INDENT, "", expected);
		break;
	}
}

void
conf_print_help(FILE *stream)
{
	fputs("Options:\n"
	      "  --NAME VALUE, --NAME=VALUE\n"
	      "                    a setting, of those below\n"
	      "  --config FILE     read settings from FILE (or the one TASKQD_CONFIG names)\n"
	      "  --check-config    check every setting, then exit\n"
	      "  --print-config    print every setting and where it comes from, then exit\n"
	      "  --version         print the version, then exit\n"
	      "  --help            print this, then exit\n"
	      "\n"
	      "The command line wins over the environment, the environment over the file. A\n"
	      "setting NAME is TASKQD_NAME in the environment, in capitals and with _ for -\n"
	      "(the items of a list are separated by commas there), and NAME = VALUE in the\n"
	      "file. See taskqd(8) and taskqd.conf(5).\n"
	      "\n"
	      "Settings:\n",
	    stream);
	for (size_t i = 0; i < CONF_SETTING_COUNT; i++)
		print_setting(&conf_settings[i], stream);
}
