/* SPDX-License-Identifier: MIT */
/*
 * taskq batch: a task in each line of a file, in chunks. Main thread. However large the file: a
 * chunk is held at a time. Each chunk is all or nothing, and has a key of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/batch_send.h"
#include "cli/explain.h"
#include "cli/human.h"
#include "cli/lines.h"
#include "cli/verbs.h"

/* Whether a line is blank. */
static bool
is_blank(const char *line, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (line[i] != ' ' && line[i] != '\t')
			return false;
	return true;
}

/* What stands in a line has to be one object; its members are judged by the service. */
static enum exit_status
check_line(struct cli *cli, uint64_t number, const char *line, size_t size)
{
	json_error_t found;
	json_t *json = json_loadb(line, size, JSON_REJECT_DUPLICATES, &found);
	bool is_object = json_is_object(json);

	if (json == NULL)
		screen_error(&cli->screen, "line %" PRIu64 ", column %d: %s", number, found.column,
		    found.text);
	else if (!is_object)
		screen_error(&cli->screen,
		    "line %" PRIu64 " is no object, expected a task such as "
		    "{\"type\":\"factorial\",\"args\":{\"n\":\"50\"}}",
		    number);
	json_decref(json);
	return is_object ? EXIT_STATUS_OK : EXIT_STATUS_REFUSED;
}

/* Puts one line into the chunk; sends that first where it is full. */
static enum exit_status
take_line(struct batch *batch, uint64_t number, const char *line, size_t size)
{
	struct cli *cli = batch->cli;
	enum exit_status exit_status = check_line(cli, number, line, size);
	bool is_refused = exit_status != EXIT_STATUS_OK;
	struct error error;
	enum status status;

	if (is_refused && !cli->options.is_going_on) {
		/* What stands before it is fine as far as anybody knows. */
		enum exit_status sent = batch_send(batch);

		return sent != EXIT_STATUS_OK ? sent : exit_status;
	}
	for (int tries = 0; tries < 2; tries++) {
		status = is_refused ? chunk_add_refused(&batch->chunk, number)
				    : chunk_add(&batch->chunk, number, line, size);
		if (status != STATUS_FULL)
			break;
		exit_status = batch_send(batch);
		if (exit_status != EXIT_STATUS_OK)
			return exit_status;
	}
	if (status == STATUS_OK)
		return EXIT_STATUS_OK;
	(void)error_set(&error, status, "no memory for line %" PRIu64, number);
	return explain_local(cli, status, &error);
}

static enum exit_status
take_lines(struct batch *batch, struct lines *lines)
{
	enum exit_status exit_status = EXIT_STATUS_OK;
	const char *line;
	struct error error;
	enum status status;
	size_t size;

	while ((status = lines_next(lines, &line, &size, &error)) == STATUS_OK) {
		batch->bytes_read = lines->bytes;
		if (is_blank(line, size))
			continue;
		exit_status = take_line(batch, lines->number, line, size);
		if (exit_status != EXIT_STATUS_OK)
			return exit_status;
	}
	if (status == STATUS_NOT_FOUND)
		return batch_send(batch);
	exit_status = batch_send(batch);
	return exit_status != EXIT_STATUS_OK ? exit_status
					     : explain_local(batch->cli, status, &error);
}

/* How to go on where it broke off. */
static void
tell_rest(struct batch *batch)
{
	struct screen *screen = &batch->cli->screen;
	uint64_t next = batch->line_submitted + 1;

	if (batch->line_unknown == 0) {
		screen_hint(screen,
		    "The others, once that is mended: tail -n +%" PRIu64 " FILE | taskq batch -",
		    next);
		return;
	}
	screen_hint(screen, "Whether lines %" PRIu64 " to %" PRIu64 " were accepted is not known.",
	    next, batch->line_unknown);
	if (!batch->was_divided)
		screen_hint(screen,
		    "The same command goes on, and doubles nothing, with --idempotency-key %s",
		    batch->prefix);
}

/* What has become of it, where that is not plain. */
static void
sum_up(struct batch *batch, enum exit_status exit_status)
{
	struct screen *screen = &batch->cli->screen;
	const char *tasks = batch->submitted == 1 ? "task" : "tasks";
	char submitted[HUMAN_SIZE], more[HUMAN_SIZE];

	human_count((int64_t)batch->submitted, submitted);
	if (exit_status != EXIT_STATUS_OK) {
		screen_error(screen, "%s %s submitted, up to line %" PRIu64, submitted, tasks,
		    batch->line_submitted);
		tell_rest(batch);
	} else if (batch->refused > 0) {
		screen_error(screen, "%s %s submitted, lines refused: %s", submitted, tasks,
		    human_count((int64_t)batch->refused, more));
	} else if (screen->err.is_terminal) {
		screen_hint(screen, "%s %s submitted in %s", submitted, tasks,
		    human_duration(clock_mono_ms() - batch->progress.began_mono_ms, more));
	}
}

static enum exit_status
run_with(struct cli *cli, int fd)
{
	enum exit_status exit_status;
	struct lines lines;
	struct batch batch;
	struct stat file;

	exit_status = batch_open(&batch, cli);
	if (exit_status != EXIT_STATUS_OK)
		return exit_status;
	if (fstat(fd, &file) == 0 && S_ISREG(file.st_mode) && file.st_size > 0)
		batch.file_bytes = (uint64_t)file.st_size;
	lines_init(&lines, fd, CHUNK_LINE_MAX);
	exit_status = take_lines(&batch, &lines);
	progress_end(&batch.progress);
	sum_up(&batch, exit_status);
	if (exit_status == EXIT_STATUS_OK && batch.refused > 0)
		exit_status = EXIT_STATUS_REFUSED;
	lines_done(&lines);
	batch_close(&batch);
	return exit_status;
}

static enum exit_status
run(struct cli *cli)
{
	const char *path = cli->options.arguments[0];
	bool is_input = strcmp(path, "-") == 0;
	int64_t chunk = cli->options.chunk;
	int fd = is_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	enum exit_status exit_status;

	if (chunk != OPTION_UNSET && (chunk < 1 || chunk > CHUNK_TASKS_MAX)) {
		exit_status = explain_usage(
		    cli, "--chunk: found %" PRId64 ", expected 1 to %d", chunk, CHUNK_TASKS_MAX);
	} else if (fd < 0) {
		screen_error(&cli->screen, "cannot open %s: %s", path, strerror(errno));
		exit_status = EXIT_STATUS_LOCAL;
	} else {
		if (is_input && isatty(fd) == 1)
			screen_hint(&cli->screen, "Type a task per line; Ctrl-D ends.");
		exit_status = run_with(cli, fd);
	}
	if (fd >= 0 && !is_input)
		close(fd);
	return exit_status;
}

const struct verb verb_batch = {
	.name = "batch",
	.arguments = "FILE | -",
	.summary = "submit a task for each line of a file of JSON; prints their ids",
	.text =
	    "Each line is a submission as the API has it: an object with type, args and, where wanted, "
	    "terms. Up to 1,000 lines are submitted at once, all of them or none; files may be of any "
	    "size. The ids are printed in the order of the lines. Blank lines are passed over.\n"
	    "It ends at the first chunk that is refused, with every fault and its line, unless "
	    "--keep-going is given. With --idempotency-key the same command can be run again after an "
	    "interruption: what was accepted is not doubled, and its ids are printed again.",
	.examples = "taskq batch tasks.ndjson > ids\n"
		    "seq 100 | sed 's/.*/{\"type\":\"factorial\",\"args\":{\"n\":\"&\"}}/' | taskq "
		    "batch - | taskq wait -\n"
		    "taskq batch --idempotency-key nightly-2026-01-02 tasks.ndjson",
	.groups = OPTION_KEY | OPTION_BATCH,
	.arguments_min = 1,
	.arguments_max = 1,
	.run = run,
};
