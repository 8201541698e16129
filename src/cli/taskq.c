/* SPDX-License-Identifier: MIT */
/*
 * taskq, the client: the command line up to the verb, and the end of the process. It speaks to the
 * service over HTTP alone, and shares with the daemon nothing but src/base.
 */
#include <curl/curl.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/explain.h"
#include "cli/help.h"
#include "cli/service_url.h"
#include "cli/stop.h"
#include "cli/verbs.h"

#define PATIENCE_DEFAULT_MS 60000

static const char *
service_url(const struct options *options)
{
	const char *from_environment = getenv("TASKQ_URL");

	if (options->url != NULL)
		return options->url;
	if (from_environment != NULL && from_environment[0] != '\0')
		return from_environment;
	return SERVICE_URL_DEFAULT;
}

static enum exit_status
run_with_service(struct cli *cli, const struct verb *verb)
{
	int64_t patience_ms = cli->options.patience_ms;
	enum exit_status exit_status;
	struct error error;
	enum status status;

	if (patience_ms == OPTION_UNSET)
		patience_ms = PATIENCE_DEFAULT_MS;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		status = error_set(&error, STATUS_NOMEM, "libcurl does not start");
		return explain_local(cli, status, &error);
	}
	status = client_open(service_url(&cli->options), patience_ms, &cli->client, &error);
	if (status == STATUS_OK) {
		progress_begin(&cli->progress, &cli->screen);
		cli->idle = (struct client_watcher){ .pausing = progress_show_pause,
			.arg = &cli->progress };
		client_watch(cli->client, &cli->idle);
		exit_status = verb->run(cli);
	} else if (status == STATUS_INVALID)
		exit_status = explain_usage(cli, "%s", error.text);
	else
		exit_status = explain_local(cli, status, &error);
	client_close(cli->client);
	curl_global_cleanup();
	return exit_status;
}

/* The number of arguments, said in words of the verb's own usage. */
static enum exit_status
check_arguments(struct cli *cli, const struct verb *verb)
{
	size_t count = cli->options.argument_count;

	if (count >= verb->arguments_min && count <= verb->arguments_max)
		return EXIT_STATUS_OK;
	if (count < verb->arguments_min)
		screen_error(&cli->screen, "%s: something is missing", verb->name);
	else
		screen_error(&cli->screen, "%s: found '%.60s', which is too much", verb->name,
		    cli->options.arguments[verb->arguments_max]);
	help_usage(verb, stderr);
	screen_hint(&cli->screen, "More: taskq help %s", verb->name);
	return EXIT_STATUS_USAGE;
}

static enum exit_status
run_verb(struct cli *cli, const struct verb *verb, const char **words, size_t count)
{
	enum exit_status exit_status;
	struct error error;

	if (options_parse(&cli->options, OPTION_COMMON | verb->groups, words, count,
		clock_wall_ms(), &error) != STATUS_OK) {
		screen_error(&cli->screen, "%s: %s", verb->name, error.text);
		screen_hint(&cli->screen, "What it takes: taskq help %s", verb->name);
		return EXIT_STATUS_USAGE;
	}
	if (cli->options.is_quiet)
		screen_set_quiet(&cli->screen);
	if (cli->options.wants_version) {
		puts("taskq " TASKQ_VERSION);
		return EXIT_STATUS_OK;
	}
	if (cli->options.wants_help) {
		help_verb(verb, stdout);
		return EXIT_STATUS_OK;
	}
	exit_status = check_arguments(cli, verb);
	if (exit_status != EXIT_STATUS_OK)
		return exit_status;
	stop_watch();
	return verb->needs_no_service ? verb->run(cli) : run_with_service(cli, verb);
}

/* Options may stand before the verb, as far as every verb takes them. */
static enum exit_status
run_line(struct cli *cli, const char **words, size_t count)
{
	size_t at = options_skip(words, count);
	const struct verb *verb;
	const char *near;
	struct error error;

	if (options_parse(&cli->options, OPTION_COMMON, words, at, clock_wall_ms(), &error) !=
	    STATUS_OK)
		return explain_usage(cli, "%s", error.text);
	if (cli->options.wants_version) {
		puts("taskq " TASKQ_VERSION);
		return EXIT_STATUS_OK;
	}
	if (cli->options.wants_help && at == count) {
		help_overview(stdout);
		return EXIT_STATUS_OK;
	}
	if (at == count) {
		help_overview(stderr);
		return EXIT_STATUS_USAGE;
	}
	verb = verb_find(words[at]);
	if (verb != NULL)
		return run_verb(cli, verb, words + at + 1, count - at - 1);
	near = verb_suggest(words[at]);
	if (near != NULL)
		return explain_usage(
		    cli, "there is no verb '%.60s'; did you mean '%s'?", words[at], near);
	return explain_usage(cli, "there is no verb '%.60s'", words[at]);
}

/*
 * A result must not end up in a file that was opened in the place of a closed standard output. What
 * stands there instead cannot be written, so that a lost id is told as any other fault of the
 * output.
 */
static void
fill_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDONLY);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

int
main(int argc, char *argv[])
{
	size_t count = argc > 0 ? (size_t)argc - 1 : 0;
	const char **words = calloc(count + 1, sizeof(*words));
	struct cli cli = { .client = NULL };
	enum exit_status exit_status;
	struct error error;

	fill_standard_descriptors();
	screen_open(&cli.screen);
	if (words == NULL) {
		screen_error(&cli.screen, "no memory for the command line");
		return EXIT_STATUS_LOCAL;
	}
	for (size_t i = 0; i < count; i++)
		words[i] = argv[i + 1];
	options_init(&cli.options);
	exit_status = run_line(&cli, words, count);
	if (screen_flush(&cli.screen, &error) != STATUS_OK && exit_status == EXIT_STATUS_OK)
		exit_status = explain_local(&cli, STATUS_IO, &error);
	screen_close(&cli.screen);
	free(words);
	stop_by_signal();
	return (int)exit_status;
}
