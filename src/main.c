/* SPDX-License-Identifier: MIT */
/*
 * taskqd: commands, options, settings, exit statuses. Everything else is in app/. The only file
 * that ends the process.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/app.h"
#include "app/malloc_tuning.h"
#include "app/plan.h"
#include "app/verb.h"
#include "base/log.h"
#include "conf/conf.h"

/* Documented in taskqd(8). */
enum exit_status {
	EXIT_STATUS_OK = 0,
	EXIT_STATUS_START = 1,
	EXIT_STATUS_SETTINGS = 2,
	EXIT_STATUS_FORCED = 3,
	EXIT_STATUS_STORE_DIED = 74,
	EXIT_STATUS_DATA = 78,
};

static enum log_level
log_level_of(const char *word)
{
	if (strcmp(word, "error") == 0)
		return LOG_LEVEL_ERROR;
	if (strcmp(word, "warn") == 0)
		return LOG_LEVEL_WARN;
	if (strcmp(word, "debug") == 0)
		return LOG_LEVEL_DEBUG;
	return LOG_LEVEL_INFO;
}

static int
run(const struct conf *conf)
{
	log_set_level(log_level_of(conf->log_level));
	struct error error = { "" };
	enum app_end end = app_run(conf, &error);
	switch (end) {
	case APP_DRAINED:
		log_info(LOG_EVENT("stopped"));
		return EXIT_STATUS_OK;
	case APP_START_FAILED:
		fprintf(stderr, "taskqd: %s\n", error.text);
		return EXIT_STATUS_START;
	case APP_REFUSED:
		fprintf(stderr, "taskqd: %s\n", error.text);
		return EXIT_STATUS_SETTINGS;
	case APP_DATA_REFUSED:
		fprintf(stderr, "taskqd: %s\n", error.text);
		return EXIT_STATUS_DATA;
	case APP_FORCED:
		log_warn(LOG_EVENT("forced"));
		_exit(EXIT_STATUS_FORCED);
	case APP_STORE_DIED:
		/* Nothing may be acknowledged any more, not even by a thread that is half-way. */
		_exit(EXIT_STATUS_STORE_DIED);
	}
	return EXIT_STATUS_START;
}

/* What was asked for and has not arrived as a whole was not done: a full disk must not make half a
   configuration file that looks like one. */
static int
flush_answer(int status)
{
	if (fflush(stdout) == 0 && ferror(stdout) == 0)
		return status;
	fputs("taskqd: cannot write to standard output\n", stderr);
	return EXIT_STATUS_START;
}

static int
run_verb(const struct verb *verb, const char *operand, const struct conf *conf)
{
	struct error error = { "" };
	enum verb_end end = verb->run(conf, operand, &error);
	if (error.text[0] != '\0')
		fprintf(stderr, "taskqd: %s: %s\n", verb->name, error.text);
	switch (end) {
	case VERB_DONE:
		return EXIT_STATUS_OK;
	case VERB_FAILED:
		return EXIT_STATUS_START;
	case VERB_REFUSED:
		return EXIT_STATUS_SETTINGS;
	case VERB_DAMAGED:
		return EXIT_STATUS_DATA;
	}
	return EXIT_STATUS_START;
}

static int
check(const struct conf *conf)
{
	struct error error = { "" };
	if (app_check(conf, &error) != STATUS_OK) {
		fprintf(stderr, "taskqd: %s\n", error.text);
		return EXIT_STATUS_SETTINGS;
	}
	puts("configuration ok");
	return EXIT_STATUS_OK;
}

/* Some supervisors start programs with these closed; the next descriptor opened would be taken for
   standard output, and log lines would go into a socket. */
static void
fill_standard_descriptors(void)
{
	int fd;
	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

int
main(int argc, char *argv[])
{
	fill_standard_descriptors();
	const struct verb *verb;
	const char *operand;
	int words;
	struct conf conf;
	struct error error = { "" };
	enum conf_action action;
	enum status parsed = verb_parse(argc, argv, &verb, &operand, &words, &error);
	if (parsed == STATUS_OK && verb == NULL)
		malloc_tuning_apply(argv);
	if (parsed != STATUS_OK ||
	    conf_load(argc - words, argv + words, environ, &conf, &action, &error) != STATUS_OK) {
		fprintf(stderr, "taskqd: %s\n", error.text);
		return EXIT_STATUS_SETTINGS;
	}
	int status = EXIT_STATUS_OK;
	switch (action) {
	case CONF_ACTION_RUN:
		status = verb == NULL ? run(&conf) : flush_answer(run_verb(verb, operand, &conf));
		break;
	case CONF_ACTION_HELP:
		verb_print_usage(stdout);
		conf_print_help(stdout);
		status = flush_answer(status);
		break;
	case CONF_ACTION_VERSION:
		puts("taskqd " TASKQ_VERSION);
		status = flush_answer(status);
		break;
	case CONF_ACTION_CHECK:
		status = flush_answer(check(&conf));
		break;
	case CONF_ACTION_PRINT:
		conf_print(&conf, stdout);
		plan_print(&conf, stdout);
		status = flush_answer(status);
		break;
	}
	conf_done(&conf);
	return status;
}
