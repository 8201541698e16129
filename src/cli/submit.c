/* SPDX-License-Identifier: MIT */
/* Requests that make a task; see submit.h. Main thread. */
#include "cli/submit.h"

#include <string.h>

#include "base/clock.h"
#include "cli/ask.h"
#include "cli/deliver.h"
#include "cli/explain.h"
#include "cli/submission_body.h"

enum status
submit_mint_key(char ret_key[UUID_TEXT_SIZE], struct error *error)
{
	return uuid_v7(clock_wall_ms(), ret_key, error);
}

/* The id in a 202, as text. */
static enum exit_status
take_id(struct cli *cli, const struct answer *answer, char ret_id[UUID_TEXT_SIZE])
{
	json_t *json;
	const json_t *id;
	enum exit_status exit_status = ask_load(cli, answer, &json);

	if (exit_status != EXIT_STATUS_OK)
		return exit_status;
	id = json_object_get(json, "id");
	if (!json_is_string(id) ||
	    !uuid_parse(json_string_value(id), json_string_length(id), ret_id)) {
		screen_error(&cli->screen, "the service accepted the task and told no id");
		exit_status = EXIT_STATUS_SERVICE;
	}
	json_decref(json);
	return exit_status;
}

static enum exit_status
print_id(struct cli *cli, const char *id, const struct answer *answer)
{
	struct error error;

	screen_line_clear(&cli->screen);
	if (cli->options.is_json) {
		ask_print(cli, &answer->body);
	} else {
		ink_put(&cli->screen.out, PAINT_PLAIN, "%s", id);
		ink_line(&cli->screen.out);
	}
	if (screen_flush(&cli->screen, &error) != STATUS_OK)
		return explain_local(cli, STATUS_IO, &error);
	if (cli->screen.err.is_terminal && cli->screen.out.is_terminal)
		screen_hint(
		    &cli->screen, "Its result, as soon as it is there: taskq result --wait %s", id);
	return EXIT_STATUS_OK;
}

/* A task was made. */
static enum exit_status
go_on(struct cli *cli, const struct answer *answer)
{
	char id[UUID_TEXT_SIZE];
	enum exit_status exit_status = take_id(cli, answer, id);

	if (exit_status != EXIT_STATUS_OK)
		return exit_status;
	if (!deliver_is_wanted(cli))
		return print_id(cli, id, answer);
	/* Who waits has to be able to ask for it later, should something happen. */
	if (cli->screen.err.is_terminal)
		screen_hint(&cli->screen, "task %s", id);
	return deliver_when_ended(cli, id);
}

/* @key: as it can be given again; @key_field: the same as it is sent */
static enum exit_status
send_with_key(struct cli *cli, const char *path, const char *body, const char *id, const char *key,
    const char *key_field)
{
	const struct call call = {
		.method = "POST",
		.path = path,
		.body = body,
		.body_bytes = strlen(body),
		.key = key_field,
	};
	struct answer answer;
	struct error error;
	enum exit_status exit_status;
	enum status status = client_call(cli->client, &call, &answer, &error);

	if (status != STATUS_OK)
		exit_status = explain_failure(cli, status, &error);
	else if (answer.status != 202)
		exit_status = explain_answer(cli, &answer, id, submission_place);
	else
		exit_status = go_on(cli, &answer);
	if (status == STATUS_IO || status == STATUS_CANCELLED)
		screen_hint(&cli->screen,
		    "Should it have been accepted all the same, it is not doubled by the same command "
		    "with --idempotency-key '%s'",
		    key);
	answer_done(&answer);
	return exit_status;
}

enum exit_status
submit_send(struct cli *cli, const char *path, const char *body, const char *id)
{
	const char *key = cli->options.key;
	char minted[UUID_TEXT_SIZE], field[SUBMISSION_KEY_SIZE];
	enum status status = STATUS_OK;
	struct error error;

	if (key == NULL) {
		status = submit_mint_key(minted, &error);
		key = minted;
	}
	if (status == STATUS_OK)
		status = submission_key(key, field, &error);
	if (status == STATUS_INVALID)
		return explain_usage(cli, "%s", error.text);
	if (status != STATUS_OK)
		return explain_local(cli, status, &error);
	return send_with_key(cli, path, body, id, key, field);
}
