/* SPDX-License-Identifier: MIT */
/* Bringing content; see download.h. Main thread. */
#include "cli/download.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/num.h"
#include "cli/ask.h"
#include "cli/explain.h"
#include "cli/human.h"
#include "cli/patience.h"
#include "cli/progress.h"
#include "cli/stop.h"

struct download {
	struct cli *cli;
	const char *id;
	struct sink *sink;
	bool is_resumable;
	bool has_head;                /* of the answer that is being taken */
	int64_t total;                /* bytes in all; -1: not told */
	char etag[ANSWER_FIELD_SIZE]; /* of the first answer; "" before it and without one */
	enum status status;           /* of what the sink or the checks below say */
	struct error error;           /* belongs to it */
	struct progress progress;
	uint64_t bytes_before; /* of this run */
};

static void
show(void *arg)
{
	struct download *download = arg;
	uint64_t bytes = download->sink->bytes;
	int64_t passed_ms = clock_mono_ms() - download->progress.began_mono_ms;
	char here[HUMAN_SIZE], all[HUMAN_SIZE], rate[HUMAN_SIZE];
	double share = PROGRESS_NO_SHARE;

	/* Where the result itself goes to a terminal, it is its own progress. */
	if (download->sink->kind == SINK_TERMINAL || bytes == download->bytes_before)
		return;
	if (download->total > 0)
		share = (double)bytes / (double)download->total;
	progress_show(&download->progress, "result", PAINT_GOOD, share, "%s%s%s, %s/s",
	    human_bytes(bytes, here), download->total > 0 ? " of " : "",
	    download->total > 0 ? human_bytes((uint64_t)download->total, all) : "",
	    human_bytes(
		(bytes - download->bytes_before) * 1000 / (uint64_t)(passed_ms > 0 ? passed_ms : 1),
		rate));
}

static void
show_pause(void *arg, const char *why, int64_t left_ms)
{
	struct download *download = arg;

	if (download->sink->kind != SINK_TERMINAL)
		progress_show_pause(&download->progress, why, left_ms);
}

/* Reads "bytes FIRST-LAST/TOTAL" or "bytes * /TOTAL" (RFC 9110 section 14.4), first -1 for the
   latter; false for anything else. */
static bool
read_content_range(const char *text, int64_t *ret_first, int64_t *ret_total)
{
	size_t first_size, last_size;
	int64_t last;

	if (strncmp(text, "bytes ", 6) != 0)
		return false;
	text += 6;
	if (strncmp(text, "*/", 2) == 0) {
		*ret_first = -1;
		return num_parse_i64(text + 2, strlen(text + 2), ret_total) == STATUS_OK;
	}
	first_size = strcspn(text, "-");
	if (text[first_size] != '-')
		return false;
	last_size = strcspn(text + first_size + 1, "/");
	if (text[first_size + 1 + last_size] != '/')
		return false;
	if (num_parse_i64(text, first_size, ret_first) != STATUS_OK ||
	    num_parse_i64(text + first_size + 1, last_size, &last) != STATUS_OK)
		return false;
	text += first_size + 1 + last_size + 1;
	return num_parse_i64(text, strlen(text), ret_total) == STATUS_OK && *ret_first >= 0 &&
	       last >= *ret_first && *ret_total > last;
}

/* What the head of an answer with content means for what is there already. */
static enum status
check_head(struct download *download, const struct answer *head)
{
	int64_t first, total;

	download->has_head = true;
	if (head->status == 200) {
		/* The whole: as asked for, or because the service does not know that part. */
		download->total = head->content_bytes;
		memcpy(download->etag, head->etag, sizeof(download->etag));
		download->bytes_before = 0;
		return sink_restart(download->sink, &download->error);
	}
	if (!read_content_range(head->content_range, &first, &total) ||
	    first != (int64_t)download->sink->bytes)
		return error_set(&download->error, STATUS_CORRUPT,
		    "asked for the content from byte %" PRIu64 " on, the service sent '%.60s'",
		    download->sink->bytes, head->content_range);
	download->total = total;
	if (download->etag[0] == '\0')
		memcpy(download->etag, head->etag, sizeof(download->etag));
	return STATUS_OK;
}

static bool
take(void *arg, const struct answer *head, const char *data, size_t size)
{
	struct download *download = arg;

	if (!download->has_head)
		download->status = check_head(download, head);
	if (download->status == STATUS_OK)
		download->status = sink_write(download->sink, data, size, &download->error);
	return download->status == STATUS_OK;
}

/* Why the sink took no more, or should not. */
static enum exit_status
explain_sink(struct download *download)
{
	struct screen *screen = &download->cli->screen;

	if (download->status == STATUS_CORRUPT) {
		screen_error(screen, "%s", download->error.text);
		return EXIT_STATUS_SERVICE;
	}
	if (download->status != STATUS_INVALID)
		return explain_local(download->cli, download->status, &download->error);
	screen_error(screen, "the result is no text, and is not shown in a terminal");
	screen_hint(screen, "Write it to a file: taskq result %s -o FILE", download->id);
	return EXIT_STATUS_LOCAL;
}

/* An answer that has come to its end. Sets *ret_goes_on where another one is to be asked for. */
static enum exit_status
take_answer(struct download *download, const struct answer *answer, bool *ret_goes_on)
{
	int64_t first, total;

	if (answer->status == 200 || answer->status == 206) {
		if (!download->has_head) /* it has no body */
			download->status = check_head(download, answer);
		return download->status == STATUS_OK ? EXIT_STATUS_OK : explain_sink(download);
	}
	if (answer->status == 416 && read_content_range(answer->content_range, &first, &total) &&
	    first == -1 && download->sink->bytes > 0) {
		if (total == (int64_t)download->sink->bytes)
			return EXIT_STATUS_OK; /* all of it was there */
		/* A part that is longer than the whole is none. */
		download->status = sink_restart(download->sink, &download->error);
		*ret_goes_on = download->status == STATUS_OK;
		return *ret_goes_on ? EXIT_STATUS_OK : explain_sink(download);
	}
	return explain_answer(download->cli, answer, download->id, NULL);
}

/* The answer broke off in the middle. Pauses, where it is to be tried again. */
static enum exit_status
take_loss(struct download *download, struct patience *patience, uint64_t bytes_before_try,
    const struct error *error)
{
	struct client *client = download->cli->client;
	struct error stop_error;
	int64_t pause_ms;
	enum status status;

	if (!download->is_resumable && sink_restart(download->sink, NULL) != STATUS_OK)
		return explain_failure(download->cli, STATUS_IO, error);
	if (download->sink->bytes > bytes_before_try)
		patience_reset(patience);
	pause_ms = patience_pause_ms(patience, clock_mono_ms(), 0, client_random(client));
	if (pause_ms < 0)
		return explain_failure(download->cli, STATUS_IO, error);
	status = client_pause(client, pause_ms, "the connection was lost");
	return status == STATUS_OK ? EXIT_STATUS_OK
				   : explain_failure(download->cli, status, &stop_error);
}

/* One try. Sets *ret_goes_on where another one is to follow. */
static enum exit_status
try_once(struct download *download, const char *path, struct patience *patience, bool *ret_goes_on)
{
	uint64_t bytes = download->sink->bytes;
	enum exit_status exit_status;
	struct answer answer;
	struct error error;
	enum status status;
	char range[32];
	const struct call call = {
		.method = "GET",
		.path = path,
		.range = bytes > 0 ? range : NULL,
		.if_range = bytes > 0 && download->etag[0] != '\0' ? download->etag : NULL,
		.sink = take,
		.sink_arg = download,
	};

	(void)snprintf(range, sizeof(range), "%" PRIu64 "-", bytes);
	download->has_head = false;
	status = client_call(download->cli->client, &call, &answer, &error);
	if (download->status != STATUS_OK)
		exit_status = explain_sink(download);
	else if (status == STATUS_OK)
		exit_status = take_answer(download, &answer, ret_goes_on);
	else if (status == STATUS_IO && answer.status != 0) {
		exit_status = take_loss(download, patience, bytes, &error);
		*ret_goes_on = exit_status == EXIT_STATUS_OK;
	} else
		exit_status = explain_failure(download->cli, status, &error);
	answer_done(&answer);
	return exit_status;
}

static enum exit_status
run(struct cli *cli, const char *path, const char *id, bool is_resumable, struct sink *sink)
{
	struct download download = {
		.cli = cli,
		.id = id,
		.sink = sink,
		.is_resumable = is_resumable,
		.total = -1,
		.bytes_before = sink->bytes,
	};
	const struct client_watcher watcher = { show, show_pause, &download };
	enum exit_status exit_status;
	struct patience patience;
	char kept[HUMAN_SIZE];
	bool goes_on;

	progress_begin(&download.progress, &cli->screen);
	patience_begin(&patience, client_patience_ms(cli->client));
	client_watch(cli->client, &watcher);
	do {
		goes_on = false;
		exit_status = try_once(&download, path, &patience, &goes_on);
	} while (exit_status == EXIT_STATUS_OK && goes_on);
	client_watch(cli->client, &cli->idle);
	progress_end(&download.progress);
	if (exit_status == EXIT_STATUS_OK) {
		download.status = sink_finish(sink, &download.error);
		if (download.status != STATUS_OK)
			exit_status = explain_sink(&download);
	}
	if (exit_status != EXIT_STATUS_OK && is_resumable && sink->part_path != NULL &&
	    sink->bytes > 0)
		screen_hint(&cli->screen,
		    "%s are kept in %s: taskq result %s -o %s goes on from there.",
		    human_bytes(sink->bytes, kept), sink->part_path, id, sink->path);
	return exit_status;
}

enum exit_status
download_content(struct cli *cli, const char *id, struct sink *sink)
{
	char path[ASK_PATH_SIZE];

	return run(cli, ask_path(path, "/tasks/", id, "/result"), id, true, sink);
}

enum exit_status
download_answer(struct cli *cli, const char *id, struct sink *sink)
{
	char path[ASK_PATH_SIZE];
	struct error error;

	/* A part of an earlier time may be one of the content itself. */
	if (sink->kind == SINK_FILE && sink_restart(sink, &error) != STATUS_OK)
		return explain_local(cli, STATUS_IO, &error);
	return run(cli, ask_path(path, "/tasks/", id, ""), id, false, sink);
}
