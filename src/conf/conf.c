/* SPDX-License-Identifier: MIT */
/*
 * Where settings come from: the command line and the environment, and the order in which they and
 * the file are applied. Main thread, before any other thread exists. It reads one file at most and
 * must not print, exit or look at the process's own environment.
 */
#include "conf/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "conf/conf_table.h"

#define READ_BYTES ((size_t)16384)

/* Options that are not settings. */
static const char *const command_names[] = {
	"config",
	"help",
	"version",
	"check-config",
	"print-config",
	NULL,
};

static const enum conf_action command_actions[] = {
	CONF_ACTION_RUN,
	CONF_ACTION_HELP,
	CONF_ACTION_VERSION,
	CONF_ACTION_CHECK,
	CONF_ACTION_PRINT,
};

struct args {
	int argc;
	char *const *argv;
	int at;
};

/* One option: a setting, or with index CONF_SETTING_COUNT one of command_names. */
struct option {
	size_t index;
	size_t command;
	const char *value; /* empty for the commands that take none */
};

static enum status
refuse_option(const char *name, size_t size, struct error *error)
{
	const char *near = conf_table_suggest(name, size, command_names);
	char found[CONF_QUOTE_SIZE];

	conf_quote(name, size, found);
	if (near != NULL)
		return error_set(error, STATUS_INVALID,
		    "found unknown option '--%s', did you mean '--%s'?", found, near);
	return error_set(error, STATUS_INVALID,
	    "found unknown option '--%s', expected one that --help lists", found);
}

static size_t
find_command(const char *name, size_t size)
{
	size_t i;

	for (i = 0; command_names[i] != NULL; i++) {
		if (strlen(command_names[i]) == size && memcmp(command_names[i], name, size) == 0)
			break;
	}
	return i;
}

static enum status
take_value(struct args *args, const char *name, struct error *error)
{
	const char *next = args->at < args->argc ? args->argv[args->at] : NULL;

	if (next == NULL)
		return error_set(
		    error, STATUS_INVALID, "%s: found nothing behind it, expected a value", name);
	if (strncmp(next, "--", 2) == 0) {
		char found[CONF_QUOTE_SIZE];

		conf_quote(next, strlen(next), found);
		return error_set(error, STATUS_INVALID,
		    "%s: found '%s', expected a value (write OPTION=VALUE for one that begins "
		    "with --)",
		    name, found);
	}
	args->at++;
	return STATUS_OK;
}

/* Returns NOT_FOUND behind the last argument. */
static enum status
next_option(struct args *args, struct option *ret_option, struct error *error)
{
	struct option option = { .value = "" };
	char found[CONF_QUOTE_SIZE];
	const char *argument;
	const char *name;
	size_t size;
	bool takes_value;

	if (args->at >= args->argc)
		return STATUS_NOT_FOUND;
	argument = args->argv[args->at++];
	if (strncmp(argument, "--", 2) != 0 || argument[2] == '\0') {
		conf_quote(argument, strlen(argument), found);
		return error_set(error, STATUS_INVALID,
		    "found stray argument '%s', expected --NAME VALUE", found);
	}
	name = argument + 2;
	size = strcspn(name, "=");
	option.index = conf_table_find(name, size);
	option.command = find_command(name, size);
	takes_value = option.index < CONF_SETTING_COUNT || option.command == 0;
	if (option.index == CONF_SETTING_COUNT && command_names[option.command] == NULL)
		return refuse_option(name, size, error);
	if (name[size] == '=') {
		option.value = name + size + 1;
		if (!takes_value)
			return error_set(error, STATUS_INVALID,
			    "--%s: found a value, expected none", command_names[option.command]);
	} else if (takes_value) {
		enum status status = take_value(args, argument, error);

		if (status != STATUS_OK)
			return status;
		option.value = args->argv[args->at - 1];
	}
	*ret_option = option;
	return STATUS_OK;
}

/* The first walk: every option is known and complete, and what is asked for beside settings. */
static enum status
read_commands(
    int argc, char *const *argv, enum conf_action *action, const char **config, struct error *error)
{
	struct args args = { argc, argv, 1 };
	struct option option = { 0 };
	enum status status;

	while ((status = next_option(&args, &option, error)) == STATUS_OK) {
		enum conf_action wanted;

		if (option.index < CONF_SETTING_COUNT)
			continue;
		if (option.command == 0) {
			if (*config != NULL)
				return error_set(error, STATUS_INVALID,
				    "--config: found a second time, expected once");
			*config = option.value;
			continue;
		}
		wanted = command_actions[option.command];
		if (wanted == CONF_ACTION_HELP || wanted == CONF_ACTION_VERSION) {
			*action = wanted;
			return STATUS_OK;
		}
		if (*action != CONF_ACTION_RUN && *action != wanted)
			return error_set(error, STATUS_INVALID,
			    "found --check-config and --print-config, expected one of them");
		*action = wanted;
	}
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status
apply_arguments(struct conf *conf, int argc, char *const *argv, struct error *error)
{
	struct conf_source source = { .origin = CONF_FROM_COMMAND_LINE };
	struct args args = { argc, argv, 1 };
	struct option option = { 0 };
	enum status status;

	while ((status = next_option(&args, &option, error)) == STATUS_OK) {
		if (option.index == CONF_SETTING_COUNT)
			continue;
		status = conf_value_apply(
		    conf, &source, option.index, option.value, strlen(option.value), error);
		if (status != STATUS_OK) {
			error_prefix(error, "--%s", conf_settings[option.index].name);
			return status;
		}
	}
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status
refuse_variable(const char *variable, size_t size, struct error *error)
{
	size_t prefix = sizeof(CONF_ENV_PREFIX) - 1;
	char env_name[CONF_ENV_NAME_SIZE] = "";
	char found[CONF_QUOTE_SIZE];
	char guess[CONF_ENV_NAME_SIZE];
	const char *near = NULL;

	if (size - prefix < sizeof(guess)) {
		for (size_t i = prefix; i < size; i++)
			guess[i - prefix] = variable[i] == '_' ? '-' : variable[i];
		near = conf_table_suggest(guess, size - prefix, NULL);
	}
	conf_quote(variable, size, found);
	if (near != NULL) {
		conf_table_env_name(near, env_name);
		return error_set(error, STATUS_INVALID,
		    "found unknown variable %s, did you mean %s?", found, env_name);
	}
	return error_set(error, STATUS_INVALID,
	    "found unknown variable %s, expected one that --help lists", found);
}

/* Index of the setting whose variable this is, or CONF_SETTING_COUNT. */
static size_t
find_variable(const char *variable, size_t size)
{
	size_t i;

	for (i = 0; i < CONF_SETTING_COUNT; i++) {
		char name[CONF_ENV_NAME_SIZE];

		conf_table_env_name(conf_settings[i].name, name);
		if (strlen(name) == size && memcmp(name, variable, size) == 0)
			break;
	}
	return i;
}

static enum status
apply_environment(struct conf *conf, char *const *variables, struct error *error)
{
	struct conf_source source = { .origin = CONF_FROM_ENVIRONMENT };

	for (; *variables != NULL; variables++) {
		const char *variable = *variables;
		size_t size = strcspn(variable, "=");
		const char *value = variable[size] == '=' ? variable + size + 1 : "";
		size_t index;
		enum status status;

		if (strncmp(variable, CONF_ENV_PREFIX, sizeof(CONF_ENV_PREFIX) - 1) != 0)
			continue;
		if (strncmp(variable, "TASKQD_CONFIG=", 14) == 0)
			continue;
		index = find_variable(variable, size);
		if (index == CONF_SETTING_COUNT)
			return refuse_variable(variable, size, error);
		status = conf_value_apply(conf, &source, index, value, strlen(value), error);
		if (status != STATUS_OK) {
			char name[CONF_ENV_NAME_SIZE];

			conf_table_env_name(conf_settings[index].name, name);
			error_prefix(error, "%s", name);
			return status;
		}
	}
	return STATUS_OK;
}

static enum status
read_file(const char *path, struct buf *buf, struct error *error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	enum status status = STATUS_OK;

	if (fd < 0)
		return error_set(error, STATUS_IO, "cannot open: %s", strerror(errno));
	for (;;) {
		char *room = buf_reserve(buf, READ_BYTES);
		ssize_t got;

		if (room == NULL) {
			status = error_set(error, buf_status(buf), "out of memory");
			break;
		}
		got = read(fd, room, READ_BYTES);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			status = error_set(error, STATUS_IO, "cannot read: %s", strerror(errno));
		if (got <= 0)
			break;
		buf->size += (size_t)got;
		buf->data[buf->size] = '\0';
		/* One byte too many is enough for conf_parse_file to refuse it. */
		if (buf->size > CONF_FILE_MAX_BYTES)
			break;
	}
	close(fd);
	return status;
}

static enum status
apply_file(struct conf *conf, const char *path, struct error *error)
{
	struct buf buf;
	enum status status;

	buf_init(&buf, CONF_FILE_MAX_BYTES + 2 * READ_BYTES);
	status = read_file(path, &buf, error);
	if (status != STATUS_OK) {
		char found[CONF_QUOTE_SIZE];

		conf_quote(path, strlen(path), found);
		error_prefix(error, "configuration file '%s'", found);
	} else if (buf.size > 0) {
		status = conf_parse_file(conf, path, buf.data, buf.size, error);
	}
	buf_done(&buf);
	return status;
}

/* The file that --config names, or else TASKQD_CONFIG. NULL: none. */
static enum status
choose_file(const char *config, char *const *variables, const char **ret_path, struct error *error)
{
	const char *path = config;

	for (; path == NULL && *variables != NULL; variables++) {
		if (strncmp(*variables, "TASKQD_CONFIG=", 14) == 0)
			path = *variables + 14;
	}
	if (path != NULL && *path == '\0')
		return error_set(error, STATUS_INVALID,
		    "%s: found an empty name, expected a configuration file",
		    config != NULL ? "--config" : "TASKQD_CONFIG");
	*ret_path = path;
	return STATUS_OK;
}

enum status
conf_load(int argc, char *const *argv, char *const *variables, struct conf *ret_conf,
    enum conf_action *ret_action, struct error *error)
{
	enum conf_action action = CONF_ACTION_RUN;
	struct conf conf = { 0 };
	const char *config = NULL;
	const char *path = NULL;
	enum status status;

	status = read_commands(argc, argv, &action, &config, error);
	if (status == STATUS_OK)
		status = conf_init(&conf, error);
	if (status != STATUS_OK)
		goto out;
	/* Help must come even where the configuration is broken. */
	if (action != CONF_ACTION_HELP && action != CONF_ACTION_VERSION) {
		status = choose_file(config, variables, &path, error);
		if (status == STATUS_OK && path != NULL)
			status = apply_file(&conf, path, error);
		if (status == STATUS_OK)
			status = apply_environment(&conf, variables, error);
		if (status == STATUS_OK)
			status = apply_arguments(&conf, argc, argv, error);
	}
	if (status == STATUS_OK) {
		*ret_conf = conf;
		*ret_action = action;
		conf = (struct conf){ 0 };
	}
out:
	conf_done(&conf);
	return status;
}
