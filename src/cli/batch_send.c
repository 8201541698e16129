/* SPDX-License-Identifier: MIT */
/* Chunks of a batch on their way; see batch_send.h. Main thread. */
#include "cli/batch_send.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/ask.h"
#include "cli/explain.h"
#include "cli/human.h"
#include "cli/submission_body.h"
#include "cli/submit.h"

/* A part of the chunk that goes in one request. */
struct part {
	size_t first, count; /* entries */
	size_t tasks;        /* of them that are not refused */
	bool is_sent;
};

static void
show(void *arg)
{
	struct batch *batch = arg;
	int64_t passed_ms = clock_mono_ms() - batch->progress.began_mono_ms;
	char count[HUMAN_SIZE], rate[HUMAN_SIZE];
	double share = batch->file_bytes > 0 ? (double)batch->bytes_read / (double)batch->file_bytes
					     : PROGRESS_NO_SHARE;

	progress_show(&batch->progress, "submitted", PAINT_GOOD, share, "%s tasks, %s/s",
	    human_count((int64_t)batch->submitted, count),
	    human_rate(
		(double)batch->submitted * 1000 / (double)(passed_ms > 0 ? passed_ms : 1), rate));
}

static void
show_pause(void *arg, const char *why, int64_t left_ms)
{
	struct batch *batch = arg;

	progress_show_pause(&batch->progress, why, left_ms);
}

enum exit_status
batch_open(struct batch *batch, struct cli *cli)
{
	const char *wanted = cli->options.key;
	int64_t most = cli->options.chunk;
	char field[SUBMISSION_KEY_SIZE];
	struct error error;
	enum status status = STATUS_OK;

	*batch = (struct batch){
		.cli = cli,
		.most = most != OPTION_UNSET ? (size_t)most : CHUNK_TASKS_MAX,
	};
	buf_init(&batch->body, CHUNK_BYTES_MAX);
	if (wanted == NULL)
		status = submit_mint_key(batch->prefix, &error);
	else if (strlen(wanted) > CHUNK_PREFIX_MAX)
		return explain_usage(cli,
		    "--idempotency-key: found %zu bytes, expected at most %d, since the keys of "
		    "the chunks begin with it",
		    strlen(wanted), CHUNK_PREFIX_MAX);
	else if (submission_key(wanted, field, &error) != STATUS_OK)
		return explain_usage(cli, "%s", error.text);
	else
		memcpy(batch->prefix, wanted, strlen(wanted) + 1);
	if (status == STATUS_OK)
		status = chunk_init(&batch->chunk, batch->most, &error);
	if (status != STATUS_OK)
		return explain_local(cli, status, &error);
	patience_begin(&batch->patience, client_patience_ms(cli->client));
	progress_begin(&batch->progress, &cli->screen);
	return EXIT_STATUS_OK;
}

void
batch_close(struct batch *batch)
{
	chunk_done(&batch->chunk);
	buf_done(&batch->body);
}

static void
print_id(struct batch *batch, const struct chunk_entry *entry, const char *id)
{
	const struct cli *cli = batch->cli;
	const struct ink *out = &cli->screen.out;

	if (!cli->options.is_json)
		ink_put(out, PAINT_PLAIN, "%s", id != NULL ? id : "-");
	else if (id != NULL)
		fprintf(out->stream, "{\"line\":%" PRIu64 ",\"id\":\"%s\"}", entry->line, id);
	else
		fprintf(out->stream, "{\"line\":%" PRIu64 ",\"id\":null}", entry->line);
	ink_line(out);
}

/* Prints what became of each line of a part. @ids: NULL where nothing of it was submitted. */
static enum exit_status
print_part(struct batch *batch, const struct part *part, const json_t *ids)
{
	struct cli *cli = batch->cli;
	struct error error;
	size_t at = 0;

	if (json_array_size(ids) != part->tasks) {
		screen_error(&cli->screen, "the service accepted %zu tasks and told %zu ids",
		    part->tasks, json_array_size(ids));
		return EXIT_STATUS_SERVICE;
	}
	screen_line_clear(&cli->screen);
	for (size_t i = part->first; i < part->first + part->count; i++) {
		const struct chunk_entry *entry = &batch->chunk.entries[i];
		const json_t *id = entry->is_refused ? NULL : json_array_get(ids, at++);
		char text[UUID_TEXT_SIZE];

		if (id != NULL &&
		    !uuid_parse(json_string_value(id) != NULL ? json_string_value(id) : "",
			json_string_length(id), text)) {
			screen_error(&cli->screen, "the service told an id that is none");
			return EXIT_STATUS_SERVICE;
		}
		print_id(batch, entry, id != NULL ? text : NULL);
		batch->refused += entry->is_refused ? 1 : 0;
		batch->line_submitted = entry->line;
	}
	batch->submitted += part->tasks;
	if (screen_flush(&cli->screen, &error) != STATUS_OK)
		return explain_local(cli, STATUS_IO, &error);
	return EXIT_STATUS_OK;
}

/* The faults of single lines: tells them, and marks the lines. Returns how many were found. */
static size_t
tell_faults(struct batch *batch, const struct part *part, const struct answer *answer)
{
	json_t *problem =
	    json_loadb(answer->body.data, answer->body.size, JSON_REJECT_DUPLICATES, NULL);
	const json_t *errors = json_object_get(problem, "errors");
	struct chunk_entry *marked[16];
	size_t found = 0;

	for (size_t i = 0; i < json_array_size(errors) && i < ARRAY_SIZE(marked); i++) {
		const json_t *fault = json_array_get(errors, i);
		const char *pointer = json_string_value(json_object_get(fault, "pointer"));
		const char *detail = json_string_value(json_object_get(fault, "detail"));
		struct chunk_entry *entry;
		size_t index;

		pointer = pointer != NULL ? chunk_pointer(pointer, &index) : NULL;
		entry = pointer != NULL
			    ? chunk_entry_of(&batch->chunk, part->first, part->count, index)
			    : NULL;
		if (entry == NULL)
			continue;
		screen_error(&batch->cli->screen, "line %" PRIu64 ": %s%s%s", entry->line, pointer,
		    pointer[0] != '\0' ? ": " : "", detail != NULL ? detail : "refused");
		marked[found++] = entry;
	}
	/* Afterwards, since the indexes are those of the tasks that were sent. */
	for (size_t i = 0; i < found; i++)
		marked[i]->is_refused = true;
	json_decref(problem);
	return found;
}

/* The service takes less at once. */
static bool
divide(struct batch *batch, size_t tried)
{
	if (tried <= 1)
		return false;
	batch->most = tried / 2;
	batch->was_divided = true;
	return true;
}

/* Whether a 503 says that so many tasks have no room, where fewer may have. */
static bool
lacks_room(const struct answer *answer)
{
	return problem_is(answer, "/problems/queue-full") ||
	       problem_is(answer, "/problems/schedule-full");
}

static enum exit_status
take_busy(struct batch *batch, const struct part *part, const struct answer *answer)
{
	struct client *client = batch->cli->client;
	bool has_key = batch->cli->options.key != NULL;
	enum exit_status exit_status;
	struct error error;
	enum status status;
	int64_t pause_ms;

	/* What there is room for goes in at once, down to a single task; only then it is waited.
	   But where the user has given the key, the chunks have to be the same the next time. */
	if (!has_key && lacks_room(answer) && divide(batch, part->count))
		return EXIT_STATUS_OK;
	pause_ms = patience_pause_ms(
	    &batch->patience, clock_mono_ms(), answer->retry_after_ms, client_random(client));
	if (pause_ms < 0) {
		exit_status = explain_answer(batch->cli, answer, NULL, NULL);
		if (has_key && part->tasks > 1)
			screen_hint(&batch->cli->screen, "Less at once: --chunk %zu",
			    (part->tasks + 9) / 10);
		return exit_status;
	}
	status = client_pause(client, pause_ms, "the service is busy");
	return status == STATUS_OK ? EXIT_STATUS_OK : explain_local(batch->cli, status, &error);
}

/* Something that is refused as a whole. */
static enum exit_status
take_refusal(struct batch *batch, const struct part *part, const struct answer *answer)
{
	struct cli *cli = batch->cli;
	struct chunk_entry *first = chunk_entry_of(&batch->chunk, part->first, part->count, 0);
	struct chunk_entry *last =
	    chunk_entry_of(&batch->chunk, part->first, part->count, part->tasks - 1);
	enum exit_status exit_status = explain_answer(cli, answer, NULL, NULL);

	if (first == NULL || last == NULL)
		return exit_status;
	if (first == last)
		screen_detail(&cli->screen, "in line %" PRIu64, first->line);
	else
		screen_detail(
		    &cli->screen, "in lines %" PRIu64 " to %" PRIu64, first->line, last->line);
	if (!cli->options.is_going_on || first != last || exit_status != EXIT_STATUS_REFUSED)
		return exit_status;
	first->is_refused = true;
	return EXIT_STATUS_OK;
}

/* Whatever the service answered. Sets part->is_sent where the part is done with. */
static enum exit_status
take_answer(struct batch *batch, struct part *part, const struct answer *answer)
{
	enum exit_status exit_status;
	json_t *json;

	if (answer->status == 202) {
		exit_status = ask_load(batch->cli, answer, &json);
		if (exit_status != EXIT_STATUS_OK)
			return exit_status;
		exit_status = print_part(batch, part, json_object_get(json, "ids"));
		json_decref(json);
		part->is_sent = true;
		patience_reset(&batch->patience);
		if (batch->most < batch->chunk.most)
			batch->most *= 2;
		return exit_status;
	}
	if (answer->status == 503)
		return take_busy(batch, part, answer);
	if (answer->status == 400 && tell_faults(batch, part, answer) > 0)
		return batch->cli->options.is_going_on ? EXIT_STATUS_OK : EXIT_STATUS_REFUSED;
	/* Too large, or with a fault that no single line is blamed for: whose it is shows in parts.
	 */
	if ((answer->status == 400 || answer->status == 413) && divide(batch, part->count))
		return EXIT_STATUS_OK;
	return take_refusal(batch, part, answer);
}

/* One request for a part, or none where every line of it is refused. */
static enum exit_status
send_part(struct batch *batch, struct part *part)
{
	char key[CHUNK_KEY_SIZE], field[SUBMISSION_KEY_SIZE];
	const struct chunk_entry *entries = batch->chunk.entries;
	uint64_t last_line = entries[part->first + part->count - 1].line;
	struct call call = {
		.method = "POST",
		.path = "/tasks/submissions/batch",
		.key = field,
		.takes_busy = true,
	};
	struct answer answer;
	struct error error;
	enum exit_status exit_status;
	enum status status;

	chunk_body(&batch->chunk, part->first, part->count, &batch->body, &part->tasks);
	if (part->tasks == 0) {
		part->is_sent = true;
		return print_part(batch, part, NULL);
	}
	chunk_key(batch->prefix, entries[part->first].line, &batch->body, key);
	status = buf_status(&batch->body);
	if (status != STATUS_OK)
		(void)error_set(&error, status, "no memory for a batch");
	else
		status = submission_key(key, field, &error);
	if (status != STATUS_OK)
		return explain_local(batch->cli, status, &error);
	call.body = batch->body.data;
	call.body_bytes = batch->body.size;
	status = client_call(batch->cli->client, &call, &answer, &error);
	if (status == STATUS_OK) {
		exit_status = take_answer(batch, part, &answer);
	} else {
		batch->line_unknown = last_line;
		exit_status = explain_failure(batch->cli, status, &error);
	}
	answer_done(&answer);
	return exit_status;
}

enum exit_status
batch_send(struct batch *batch)
{
	const struct client_watcher watcher = { show, show_pause, batch };
	enum exit_status exit_status = EXIT_STATUS_OK;
	struct part part = { .first = 0 };

	client_watch(batch->cli->client, &watcher);
	while (exit_status == EXIT_STATUS_OK && part.first < batch->chunk.count) {
		size_t left = batch->chunk.count - part.first;

		part.count = left < batch->most ? left : batch->most;
		part.is_sent = false;
		exit_status = send_part(batch, &part);
		if (part.is_sent)
			part.first += part.count;
	}
	client_watch(batch->cli->client, &batch->cli->idle);
	chunk_clear(&batch->chunk);
	return exit_status;
}
