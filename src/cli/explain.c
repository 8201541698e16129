/* SPDX-License-Identifier: MIT */
/* What went wrong, in words; see explain.h. Main thread. */
#include "cli/explain.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "cli/human.h"

#define PROBLEM_TYPE "application/problem+json"

/* What to do about a problem; %s is the id of the task. */
static const struct {
	const char *type;
	const char *hint;
} hints[] = {
	{ "/problems/no-such-task",
	    "What there is: taskq list. What is completed is deleted in the end." },
	{ "/problems/not-completed", "Wait for it: taskq wait ID" },
	{ "/problems/completed", "How it ended: taskq show ID" },
	{ "/problems/not-retriable",
	    "What is FAILED or REJECTED can be run again. Its story: taskq show ID" },
	{ "/problems/idempotency-mismatch",
	    "Something else was submitted with this key. Take another one, or leave the option away: "
	    "a new one is made each time." },
	{ "/problems/queue-full",
	    "See what keeps it busy: taskq stats. Wait longer: --patience 10m" },
	{ "/problems/schedule-full", "See how many wait for their time: taskq stats" },
	{ "/problems/disk-low", "The disk of the service needs space. It goes on by itself then." },
	{ "/problems/draining",
	    "The service is going down. Wait until it is back: --patience 10m" },
};

/* Reads an answer as a problem; NULL where it is none. To be freed. */
static json_t *
load_problem(const struct answer *answer)
{
	size_t size = strlen(PROBLEM_TYPE);
	json_t *problem;

	if (strncasecmp(answer->media_type, PROBLEM_TYPE, size) != 0)
		return NULL;
	problem = json_loadb(answer->body.data, answer->body.size, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(problem)) {
		json_decref(problem);
		return NULL;
	}
	return problem;
}

/* A text of an object; "" where there is none. */
static const char *
text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text != NULL ? text : "";
}

bool
problem_is(const struct answer *answer, const char *type)
{
	json_t *problem = load_problem(answer);
	bool is_it = problem != NULL && strcmp(text_of(problem, "type"), type) == 0;

	json_decref(problem);
	return is_it;
}

static enum exit_status
exit_status_of(long status, const char *type)
{
	if (status == 404 && (strcmp(type, "/problems/no-such-task") == 0 ||
				 strcmp(type, "/problems/no-content") == 0))
		return EXIT_STATUS_NOT_FOUND;
	if (status == 400 && strcmp(type, "/problems/not-completed") == 0)
		return EXIT_STATUS_NOT_ENDED;
	if (status == 503)
		return EXIT_STATUS_BUSY;
	/* A path that the service does not know says nothing about the task. */
	if (status >= 400 && status < 500 && status != 404)
		return EXIT_STATUS_REFUSED;
	return EXIT_STATUS_SERVICE;
}

/* Every fault that the service has named. */
static void
tell_faults(struct cli *cli, const json_t *problem, const char *(*name)(const char *pointer))
{
	const json_t *errors = json_object_get(problem, "errors");
	const json_t *total = json_object_get(problem, "errors_total");
	size_t count = json_array_size(errors);

	for (size_t i = 0; i < count; i++) {
		const json_t *fault = json_array_get(errors, i);
		const char *pointer = text_of(fault, "pointer");
		const char *called = name != NULL ? name(pointer) : pointer;

		screen_detail(&cli->screen, "%s%s%s", called, called[0] != '\0' ? ": " : "",
		    text_of(fault, "detail"));
	}
	if (json_integer_value(total) > (json_int_t)count)
		screen_detail(&cli->screen, "and %" JSON_INTEGER_FORMAT " more",
		    json_integer_value(total) - (json_int_t)count);
}

static void
give_hint(struct cli *cli, const char *type, long status, const char *id)
{
	for (size_t i = 0; i < ARRAY_SIZE(hints); i++) {
		const char *place = strstr(hints[i].hint, "ID");

		if (strcmp(type, hints[i].type) != 0)
			continue;
		if (place != NULL && id != NULL)
			screen_hint(&cli->screen, "%.*s%s%s", (int)(place - hints[i].hint),
			    hints[i].hint, id, place + strlen("ID"));
		else
			screen_hint(&cli->screen, "%s", hints[i].hint);
		return;
	}
	if (status == 421)
		screen_hint(&cli->screen,
		    "It does not answer to that name. Use its address, or start it with "
		    "--host-name.");
	else if (status == 413)
		screen_hint(
		    &cli->screen, "The service takes no more at once (http-body-max-bytes).");
	else if (status == 404 || status == 405)
		screen_hint(&cli->screen, "It is not a taskqd, or one that cannot do this: %s",
		    client_url(cli->client));
}

enum exit_status
explain_answer(struct cli *cli, const struct answer *answer, const char *id,
    const char *(*name)(const char *pointer))
{
	json_t *problem = load_problem(answer);
	const char *type = text_of(problem, "type");
	const char *detail = text_of(problem, "detail");
	enum exit_status exit_status = exit_status_of(answer->status, type);

	if (problem == NULL) {
		screen_error(&cli->screen, "%s answered with the status %ld, which makes no sense",
		    client_url(cli->client), answer->status);
		screen_hint(&cli->screen,
		    "It is not a taskqd, or there is something in between. The service is given by "
		    "--url or TASKQ_URL.");
		return exit_status;
	}
	screen_error(&cli->screen, "%s (status %ld)",
	    detail[0] != '\0' ? detail : text_of(problem, "title"), answer->status);
	tell_faults(cli, problem, name);
	give_hint(cli, type, answer->status, id);
	json_decref(problem);
	return exit_status;
}

enum exit_status
explain_local(struct cli *cli, enum status status, const struct error *error)
{
	if (status != STATUS_CANCELLED) /* by a signal, which will end the process */
		screen_error(&cli->screen, "%s", error->text);
	return EXIT_STATUS_LOCAL;
}

enum exit_status
explain_failure(struct cli *cli, enum status status, const struct error *error)
{
	if (status == STATUS_IO) {
		screen_error(&cli->screen, "%s", error->text);
		screen_hint(&cli->screen,
		    "Is it running? taskqd starts it. Where it is, is told by --url or TASKQ_URL.");
		return EXIT_STATUS_UNREACHABLE;
	}
	if (status == STATUS_FULL) {
		screen_error(&cli->screen, "%s", error->text);
		return EXIT_STATUS_SERVICE;
	}
	return explain_local(cli, status, error);
}

enum exit_status
explain_usage(struct cli *cli, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
		text[0] = '\0';
	va_end(ap);
	screen_error(&cli->screen, "%s", text);
	screen_hint(&cli->screen, "What it takes: taskq help");
	return EXIT_STATUS_USAGE;
}
