/* SPDX-License-Identifier: MIT */
/*
 * Waiting for the end of a task; see follow.h. Main thread. The service holds its answer until the
 * task has ended (?wait=), so nobody polls; only where a terminal shows progress it is asked once a
 * second.
 */
#include "cli/follow.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/ask.h"
#include "cli/explain.h"
#include "cli/human.h"
#include "cli/patience.h"
#include "cli/progress.h"
#include "cli/stop.h"
#include "cli/task_view.h"

#define WAIT_LONG_S  50 /* the service allows 60 */
#define WAIT_SHORT_S 1
#define POLL_MS      1000
#define GRACE_MS     2000 /* beyond the deadline, for an answer that is on its way */
#define SECOND_MS    INT64_C(1000)

struct follow {
	struct cli *cli;
	const char *id;
	const char *order;
	struct progress progress;
	struct patience patience;
	json_t *task; /* the latest answer; NULL: none yet */
	struct task_view view;
	int64_t attempts; /* that the progress is about */
	bool is_polling;  /* as many requests wait as may: ask without waiting */
};

int64_t
follow_deadline(const struct cli *cli)
{
	if (cli->options.for_ms == OPTION_UNSET)
		return 0;
	return clock_mono_ms() + cli->options.for_ms;
}

void
follow_interrupted(struct cli *cli, const char *id)
{
	screen_hint(&cli->screen, "The task goes on. Wait for it: taskq wait %s", id);
	screen_hint(&cli->screen, "End it: taskq cancel %s", id);
}

static void
show(void *arg)
{
	struct follow *follow = arg;
	const struct task_view *view = &follow->view;
	const char *gap = follow->order[0] != '\0' ? ", " : "";
	char text[HUMAN_SIZE], attempt[64] = "";
	double share = PROGRESS_NOTHING_GOING;
	int64_t since_ms;
	bool is_running;

	if (follow->task == NULL || task_view_is_final(view))
		return;
	is_running = strcmp(view->status, "RUNNING") == 0;
	since_ms = is_running && view->started_ms != 0 ? view->started_ms : view->created_ms;
	if (is_running)
		share = view->progress >= 0 ? view->progress : PROGRESS_NO_SHARE;
	if (view->attempts > (is_running ? 1 : 0))
		(void)snprintf(attempt, sizeof(attempt), ", attempt %" PRId64 "%s", view->attempts,
		    is_running ? "" : " failed");
	progress_show(&follow->progress, view->status, ink_paint_of_status(view->status), share,
	    "%s%s%s%s%s", follow->order, gap, is_running ? "" : "for ",
	    human_duration(since_ms != 0 ? clock_wall_ms() - since_ms : 0, text), attempt);
}

static void
show_pause(void *arg, const char *why, int64_t left_ms)
{
	struct follow *follow = arg;

	progress_show_pause(&follow->progress, why, left_ms);
}

/* What is left until the deadline; a long time where there is none. */
static int64_t
left_ms(int64_t deadline_mono_ms)
{
	int64_t left = deadline_mono_ms - clock_mono_ms();

	if (deadline_mono_ms == 0)
		return INT64_MAX / 2;
	return left > 0 ? left : 0;
}

/* How long the service may hold its answer. */
static int64_t
wait_s(const struct follow *follow, int64_t deadline_mono_ms)
{
	int64_t wait = follow->progress.screen->shows_progress ? WAIT_SHORT_S : WAIT_LONG_S;
	int64_t left = left_ms(deadline_mono_ms);

	if (follow->is_polling)
		return 0;
	/* Who looks at a terminal wants to see where it is at once. */
	if (follow->progress.screen->shows_progress && follow->task == NULL)
		return 0;
	return left < wait * SECOND_MS ? (left + SECOND_MS - 1) / SECOND_MS : wait;
}

/* A task under way: takes the answer over. */
static enum exit_status
take_answer(struct follow *follow, const struct answer *answer)
{
	json_t *task;
	enum exit_status exit_status = ask_load(follow->cli, answer, &task);

	if (exit_status != EXIT_STATUS_OK)
		return exit_status;
	json_decref(follow->task);
	follow->task = task;
	if (!task_view_read(task, &follow->view)) {
		screen_error(&follow->cli->screen, "the answer about the task has no status");
		return EXIT_STATUS_SERVICE;
	}
	if (follow->view.attempts != follow->attempts)
		progress_again(&follow->progress);
	follow->attempts = follow->view.attempts;
	patience_reset(&follow->patience);
	return EXIT_STATUS_OK;
}

/* A 503: either nobody else may wait, or the service is busy altogether. */
static enum exit_status
take_busy(struct follow *follow, const struct answer *answer)
{
	struct cli *cli = follow->cli;
	int64_t pause_ms;
	struct error error;
	enum status status;

	if (problem_is(answer, "/problems/too-many-waiting") && !follow->is_polling) {
		follow->is_polling = true;
		return EXIT_STATUS_OK;
	}
	/* The one of the client may be less, by then. */
	follow->patience.budget_ms = client_patience_ms(cli->client);
	pause_ms = patience_pause_ms(
	    &follow->patience, clock_mono_ms(), answer->retry_after_ms, client_random(cli->client));
	if (pause_ms < 0)
		return explain_answer(cli, answer, follow->id, NULL);
	status = client_pause(cli->client, pause_ms, "the service is busy");
	return status == STATUS_OK ? EXIT_STATUS_OK : explain_failure(cli, status, &error);
}

/* Asks once. Returns OK also where the task has not ended. */
static enum exit_status
ask_once(struct follow *follow, int64_t deadline_mono_ms)
{
	struct cli *cli = follow->cli;
	int64_t wait = wait_s(follow, deadline_mono_ms);
	int64_t asked_mono_ms = clock_mono_ms();
	char path[ASK_PATH_SIZE], query[32];
	struct call call = {
		.method = "GET",
		.path = path,
		.takes_busy = true,
		.wait_ms = wait * SECOND_MS,
		.limit_ms = deadline_mono_ms != 0 ? left_ms(deadline_mono_ms) + GRACE_MS : 0,
	};
	struct answer answer;
	struct error error;
	enum exit_status exit_status;
	enum status status;

	(void)snprintf(query, sizeof(query), "?wait=%" PRId64, wait);
	ask_path(path, "/tasks/submissions/", follow->id, wait > 0 ? query : "");
	status = client_call(cli->client, &call, &answer, &error);
	if (status != STATUS_OK)
		exit_status = explain_failure(cli, status, &error);
	else if (answer.status == 503)
		exit_status = take_busy(follow, &answer);
	else if (answer.status != 200)
		exit_status = explain_answer(cli, &answer, follow->id, NULL);
	else
		exit_status = take_answer(follow, &answer);
	/* Whoever is answered before the time, as while the service goes down, does not ask again
	   at once. */
	if ((wait > 0 || follow->is_polling) && status == STATUS_OK && answer.status == 200 &&
	    exit_status == EXIT_STATUS_OK && !task_view_is_final(&follow->view)) {
		int64_t early_ms = asked_mono_ms + POLL_MS - clock_mono_ms();
		int64_t left = left_ms(deadline_mono_ms);

		status = client_pause(cli->client, early_ms < left ? early_ms : left, NULL);
		if (status != STATUS_OK)
			exit_status = explain_failure(cli, status, &error);
	}
	answer_done(&answer);
	return exit_status;
}

enum exit_status
follow_task(
    struct cli *cli, const char *id, int64_t deadline_mono_ms, const char *order, json_t **ret_task)
{
	struct follow follow = { .cli = cli, .id = id, .order = order };
	const struct client_watcher watcher = { show, show_pause, &follow };
	int64_t patience_ms = client_patience_ms(cli->client);
	enum exit_status exit_status;

	progress_begin(&follow.progress, &cli->screen);
	patience_begin(&follow.patience, patience_ms);
	client_watch(cli->client, &watcher);
	do {
		/* Trying again goes no further than the deadline either. */
		if (left_ms(deadline_mono_ms) < patience_ms)
			client_set_patience(cli->client, left_ms(deadline_mono_ms));
		exit_status = ask_once(&follow, deadline_mono_ms);
		if (exit_status == EXIT_STATUS_OK && follow.task != NULL &&
		    !task_view_is_final(&follow.view) && left_ms(deadline_mono_ms) == 0)
			exit_status = EXIT_STATUS_NOT_ENDED;
	} while (exit_status == EXIT_STATUS_OK &&
		 (follow.task == NULL || !task_view_is_final(&follow.view)));
	client_watch(cli->client, &cli->idle);
	client_set_patience(cli->client, patience_ms);
	progress_end(&follow.progress);
	if (exit_status == EXIT_STATUS_OK || exit_status == EXIT_STATUS_NOT_ENDED) {
		*ret_task = follow.task;
		follow.task = NULL;
	}
	json_decref(follow.task);
	return exit_status;
}
