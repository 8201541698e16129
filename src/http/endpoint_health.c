/* SPDX-License-Identifier: MIT */
/*
 * GET /livez (GET /healthz is the same) and GET /readyz. They are answered beyond the connection
 * limit too and never touch the store, so that they tell the truth exactly when something is wrong.
 * Programs need no more than the status; with ?verbose people get every check, a line each.
 */
#include "base/clock.h"
#include "http/http_endpoints.h"
#include "http/http_figures.h"
#include "http/json_text.h"
#include "queue/queue_checks.h"

#define VERBOSE_EXPECTED_BYTES 512

void
endpoint_livez(struct request *request)
{
	struct buf *buf;

	if (request->is_verbose) {
		buf = reply_text(&request->reply, 200, MEDIA_TYPE_TEXT, 64);
		/* That this is answered is all there is to it. */
		buf_printf(buf, "[+]http ok\n%s check passed\n", request->target.path + 1);
		return;
	}
	buf = reply_json(&request->reply, 200, 32);
	JSON_LITERAL(buf, "{\"status\":\"ok\"}\n");
}

/* In the form that Kubernetes has made known. */
static void
append_check(struct buf *buf, const struct queue_check *check)
{
	buf_text(buf, check->reason == NULL ? "[+]" : "[-]");
	buf_text(buf, check->name);
	if (check->reason == NULL)
		buf_text(buf, " ok");
	else
		buf_printf(buf, " failed: %s", check->reason);
	if (check->detail[0] != '\0')
		buf_printf(buf, ": %s", check->detail);
	buf_text(buf, "\n");
}

static void
reply_verbose(
    struct reply *reply, const struct queue_check checks[QUEUE_CHECK_COUNT], const char *reason)
{
	struct buf *buf =
	    reply_text(reply, reason == NULL ? 200 : 503, MEDIA_TYPE_TEXT, VERBOSE_EXPECTED_BYTES);

	for (size_t i = 0; i < QUEUE_CHECK_COUNT; i++)
		append_check(buf, &checks[i]);
	buf_printf(buf, "readyz check %s\n", reason == NULL ? "passed" : "failed");
}

static void
reply_short(struct reply *reply, const char *reason)
{
	struct buf *buf = reply_json(reply, reason == NULL ? 200 : 503, 64);

	if (reason == NULL)
		JSON_LITERAL(buf, "{\"status\":\"ready\"}\n");
	else
		buf_printf(buf, "{\"status\":\"not_ready\",\"reason\":\"%s\"}\n", reason);
}

void
endpoint_readyz(struct request *request)
{
	struct queue_check checks[QUEUE_CHECK_COUNT];
	struct queue_stats stats;
	const char *reason = NULL;

	http_figures_queue(request, &stats);
	queue_checks(&stats, clock_mono_ms(), checks);
	for (size_t i = 0; i < QUEUE_CHECK_COUNT && reason == NULL; i++)
		reason = checks[i].reason;
	if (request->is_verbose)
		reply_verbose(&request->reply, checks, reason);
	else
		reply_short(&request->reply, reason);
	if (reason != NULL)
		reply_field(&request->reply, "Retry-After", "1");
}
