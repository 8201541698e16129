/* SPDX-License-Identifier: MIT */
/*
 * taskq watch: the service as it lives, in a terminal; elsewhere a line for each look. Main thread.
 * It asks for the figures, which cost the service nothing, and for one page of tasks.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/ask.h"
#include "cli/explain.h"
#include "cli/fullscreen.h"
#include "cli/human.h"
#include "cli/stop.h"
#include "cli/verbs.h"
#include "cli/watch_view.h"

#define INTERVAL_DEFAULT_MS 1000
#define INTERVAL_LEAST_MS   100
#define TASKS_MAX           100

struct watch {
	struct cli *cli;
	struct watch_view view;
	struct fullscreen fullscreen;
	bool wants_end;
	bool wants_look; /* something else is to be shown */
	size_t columns, rows;
};

/* Asks for something while the view stands; what goes wrong is shown in it. */
static json_t *
ask_quietly(struct watch *watch, const char *path)
{
	const struct call call = { .method = "GET", .path = path, .takes_busy = true };
	struct client *client = watch->cli->client;
	json_t *json = NULL;
	struct answer answer;
	struct error error;
	enum status status = client_call(client, &call, &answer, &error);

	if (status == STATUS_OK && answer.status == 200)
		json = json_loadb(answer.body.data, answer.body.size, JSON_REJECT_DUPLICATES, NULL);
	if (status == STATUS_OK && json == NULL)
		(void)error_set(&error, STATUS_INTERNAL, "%s answered with the status %ld",
		    client_url(client), answer.status);
	if (json == NULL && status != STATUS_CANCELLED)
		watch->view.trouble = error;
	answer_done(&answer);
	return json;
}

static void
draw(struct watch *watch)
{
	watch->columns = screen_columns(&watch->cli->screen.out);
	watch->rows = screen_rows(&watch->cli->screen.out);
	watch_view_draw(&watch->cli->screen.out, &watch->view, watch->columns, watch->rows);
}

static void
look(struct watch *watch)
{
	struct watch_view *view = &watch->view;
	json_t *stats, *list = NULL;
	char path[128];

	view->trouble.text[0] = '\0';
	(void)snprintf(path, sizeof(path), "/tasks?limit=%d%s%s", TASKS_MAX,
	    view->filter != NULL ? "&status=" : "", view->filter != NULL ? view->filter : "");
	stats = ask_quietly(watch, "/stats");
	if (stats != NULL && !watch_view_take(view, stats, clock_mono_ms()))
		(void)error_set(&view->trouble, STATUS_INTERNAL, "the answer has no figures");
	if (stats != NULL)
		list = ask_quietly(watch, path);
	if (list != NULL) {
		json_decref(view->list);
		view->list = list;
	}
}

static void
take_key(struct watch *watch, char key)
{
	static const struct {
		char key;
		const char *filter;
	} filters[] = {
		{ 'a', NULL },
		{ 'r', "RUNNING" },
		{ 'w', "QUEUED" },
		{ 'f', "FAILED,REJECTED" },
	};

	if (key == 'q' || key == 'Q')
		watch->wants_end = true;
	if (key == ' ') {
		watch->view.is_paused = !watch->view.is_paused;
		watch->wants_look = true;
	}
	for (size_t i = 0; i < ARRAY_SIZE(filters); i++) {
		if (key != filters[i].key)
			continue;
		watch->view.filter = filters[i].filter;
		json_decref(watch->view.list);
		watch->view.list = NULL;
		watch->wants_look = true;
	}
}

/* Ten times a second: keys, the size of the terminal, Ctrl-Z. */
static void
attend(void *arg)
{
	struct watch *watch = arg;
	char key;

	while ((key = fullscreen_key(&watch->fullscreen)) != 0)
		take_key(watch, key);
	if (fullscreen_suspend(&watch->fullscreen) ||
	    watch->columns != screen_columns(&watch->cli->screen.out) ||
	    watch->rows != screen_rows(&watch->cli->screen.out))
		draw(watch);
}

/* Until the next look is due, or asked for by a key. */
static void
pass_time(struct watch *watch, int64_t until_mono_ms)
{
	while (!watch->wants_end && !watch->wants_look && !stop_is_wanted()) {
		int64_t left_ms = until_mono_ms - clock_mono_ms();

		if (left_ms <= 0 && !watch->view.is_paused)
			return;
		if (left_ms <= 0 || left_ms > INTERVAL_LEAST_MS)
			left_ms = INTERVAL_LEAST_MS;
		if (client_pause(watch->cli->client, left_ms, NULL) != STATUS_OK)
			return;
	}
}

static void
live(struct watch *watch, int64_t interval_ms, int64_t count)
{
	const struct client_watcher watcher = { .tick = attend, .arg = watch };
	struct client *client = watch->cli->client;

	/* A look that fails is shown, and followed by the next one. */
	client_set_patience(client, 0);
	fullscreen_enter(&watch->fullscreen);
	client_watch(client, &watcher);
	for (int64_t i = 0; i < count && !watch->wants_end && !stop_is_wanted(); i++) {
		int64_t began_mono_ms = clock_mono_ms();

		watch->wants_look = false;
		if (!watch->view.is_paused || watch->view.list == NULL)
			look(watch);
		draw(watch);
		if (i + 1 < count)
			pass_time(watch, began_mono_ms + interval_ms);
	}
	client_watch(client, NULL);
	fullscreen_leave(&watch->fullscreen);
}

static void
print_head(const struct ink *out)
{
	fprintf(out->stream, "time\tqueued\trunning\tsucceeded\tfailed\trejected\tended_per_s\n");
}

/* One look as a record. */
static void
print_look(const struct ink *out, const struct watch_view *view)
{
	char time[CLOCK_RFC3339_SIZE], rate[HUMAN_SIZE];

	clock_format_rfc3339(clock_wall_ms(), time);
	fputs(time, out->stream);
	for (size_t i = 0; i < FIGURES_STATES; i++)
		fprintf(out->stream, "\t%" PRId64, view->figures.tasks[i]);
	(void)snprintf(rate, sizeof(rate), "%.2f", watch_rates_at(&view->rates, 0));
	fprintf(out->stream, "\t%s\n", rate);
}

/* A line for each look, for whoever reads a pipe. */
static enum exit_status
print_looks(struct watch *watch, int64_t interval_ms, int64_t count)
{
	struct cli *cli = watch->cli;
	enum exit_status exit_status = EXIT_STATUS_OK;
	struct error error;

	for (int64_t i = 0; i < count && !stop_is_wanted(); i++) {
		int64_t began_mono_ms = clock_mono_ms();
		json_t *stats;
		struct buf body;

		exit_status = ask_get(cli, "/stats", NULL, &stats, &body);
		if (exit_status != EXIT_STATUS_OK)
			break;
		if (cli->options.is_json)
			ask_print(cli, &body);
		buf_done(&body);
		if (!watch_view_take(&watch->view, stats, clock_mono_ms())) {
			screen_error(&cli->screen, "the answer has no figures");
			return EXIT_STATUS_SERVICE;
		}
		if (!cli->options.is_json && i == 0)
			print_head(&cli->screen.out);
		if (!cli->options.is_json)
			print_look(&cli->screen.out, &watch->view);
		if (screen_flush(&cli->screen, &error) != STATUS_OK)
			return explain_local(cli, STATUS_IO, &error);
		if (i + 1 < count)
			status_ignore(client_pause(
			    cli->client, began_mono_ms + interval_ms - clock_mono_ms(), NULL));
	}
	return exit_status;
}

static enum exit_status
run(struct cli *cli)
{
	const struct options *options = &cli->options;
	int64_t interval_ms = options->interval_ms;
	int64_t count = options->count != OPTION_UNSET ? options->count : INT64_MAX;
	struct watch watch = { .cli = cli, .view = { .url = client_url(cli->client) } };
	enum exit_status exit_status;
	json_t *stats;

	if (interval_ms == OPTION_UNSET)
		interval_ms = INTERVAL_DEFAULT_MS;
	if (interval_ms < INTERVAL_LEAST_MS)
		return explain_usage(cli, "--interval: expected at least %d ms", INTERVAL_LEAST_MS);
	if (!cli->screen.out.is_terminal || !cli->screen.is_able || options->is_json) {
		exit_status = print_looks(&watch, interval_ms, count);
	} else {
		/* Where the service is away from the beginning, a view of nothing is no answer. */
		exit_status = ask_get(cli, "/stats", NULL, &stats, NULL);
		if (exit_status == EXIT_STATUS_OK &&
		    !watch_view_take(&watch.view, stats, clock_mono_ms())) {
			screen_error(&cli->screen, "the answer has no figures");
			exit_status = EXIT_STATUS_SERVICE;
		}
		if (exit_status == EXIT_STATUS_OK)
			live(&watch, interval_ms, count);
	}
	watch_view_done(&watch.view);
	return exit_status;
}

const struct verb verb_watch = {
	.name = "watch",
	.arguments = "",
	.summary = "watch the service as it lives",
	.text =
	    "A view that fills the terminal: tasks by status, the lanes, how many tasks end per "
	    "second, and the latest tasks. Keys: a shows all tasks, r those that run, w those that "
	    "wait, f those that failed or were rejected, space pauses, q ends.\n"
	    "Where standard output is no terminal, a line is printed for each look; with --json "
	    "the figures.",
	.examples = "taskq watch\n"
		    "taskq watch --interval 10s > figures.tsv\n"
		    "taskq watch --count 1 --json",
	.groups = OPTION_WATCHING,
	.run = run,
};
