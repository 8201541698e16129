/* SPDX-License-Identifier: MIT */
/* Questions to the service; see ask.h. Main thread. */
#include "cli/ask.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "cli/explain.h"
#include "cli/safe_text.h"

#define JSON_TYPE "application/json"

const char *
ask_path(char ret_path[ASK_PATH_SIZE], const char *prefix, const char *id, const char *suffix)
{
	(void)snprintf(ret_path, ASK_PATH_SIZE, "%s%s%s", prefix, id, suffix);
	return ret_path;
}

enum exit_status
ask_load(struct cli *cli, const struct answer *answer, json_t **ret_json)
{
	json_error_t found;
	json_t *json = NULL;

	if (strncasecmp(answer->media_type, JSON_TYPE, strlen(JSON_TYPE)) == 0)
		json = json_loadb(
		    answer->body.data, answer->body.size, JSON_REJECT_DUPLICATES, &found);
	if (json_is_object(json)) {
		*ret_json = json;
		return EXIT_STATUS_OK;
	}
	json_decref(json);
	screen_error(&cli->screen, "%s answered with something that is no JSON object",
	    client_url(cli->client));
	screen_hint(&cli->screen,
	    "It is not a taskqd, or there is something in between. The service is given by --url "
	    "or TASKQ_URL.");
	return EXIT_STATUS_SERVICE;
}

enum exit_status
ask_call(struct cli *cli, const struct call *call, long expected, const char *id, json_t **ret_json,
    struct buf *ret_body)
{
	enum exit_status exit_status;
	struct answer answer;
	struct error error;
	enum status status = client_call(cli->client, call, &answer, &error);

	if (status != STATUS_OK)
		exit_status = explain_failure(cli, status, &error);
	else if (answer.status != expected)
		exit_status = explain_answer(cli, &answer, id, NULL);
	else
		exit_status = ask_load(cli, &answer, ret_json);
	if (exit_status == EXIT_STATUS_OK && ret_body != NULL) {
		*ret_body = answer.body;
		answer.body = (struct buf){ .data = NULL };
	}
	answer_done(&answer);
	return exit_status;
}

enum exit_status
ask_get(struct cli *cli, const char *path, const char *id, json_t **ret_json, struct buf *ret_body)
{
	const struct call call = { .method = "GET", .path = path };

	return ask_call(cli, &call, 200, id, ret_json, ret_body);
}

static void
put_safe_line(const struct ink *ink, const char *text, size_t size)
{
	struct safe_text safe;
	struct buf out;

	buf_init(&out, size * SAFE_TEXT_GROWTH);
	safe_text_init(&safe, ink->is_utf8, false);
	safe_text_feed(&safe, text, size, &out);
	safe_text_end(&safe, &out);
	if (buf_status(&out) == STATUS_OK && out.data != NULL)
		fwrite(out.data, 1, out.size, ink->stream);
	buf_done(&out);
	ink_line(ink);
}

void
ask_print(struct cli *cli, const struct buf *body)
{
	size_t size = body->size;

	/* Between the values of JSON line ends are blanks like others; inside of them there are
	 * none. */
	while (size > 0 && strchr(" \t\r\n", body->data[size - 1]) != NULL)
		size--;
	for (size_t i = 0; i < size; i++)
		if (strchr("\t\r\n", body->data[i]) != NULL && body->data[i] != '\0')
			body->data[i] = ' ';
	screen_line_clear(&cli->screen);
	put_safe_line(&cli->screen.out, body->data, size);
}

void
ask_print_json(struct cli *cli, const json_t *value)
{
	char *text = json_dumps(
	    value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15) | JSON_ENSURE_ASCII);

	screen_line_clear(&cli->screen);
	if (text != NULL)
		put_safe_line(&cli->screen.out, text, strlen(text));
	free(text);
}
