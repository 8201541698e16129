/* SPDX-License-Identifier: MIT */
/* Requests that are sent until there is an answer; see client.h. Main thread. */
#include "cli/client.h"

#include <stdlib.h>

#include "base/clock.h"
#include "cli/patience.h"
#include "cli/stop.h"

#define TICK_MS 100

struct client {
	struct transfer *transfer;
	int64_t patience_ms;
	const struct client_watcher *watcher;
	bool was_reached; /* it has taken a connection in this run */
	uint64_t random;
};

const char *
client_url(const struct client *client)
{
	return transfer_url(client->transfer);
}

int64_t
client_patience_ms(const struct client *client)
{
	return client->patience_ms;
}

void
client_set_patience(struct client *client, int64_t patience_ms)
{
	client->patience_ms = patience_ms;
}

void
client_watch(struct client *client, const struct client_watcher *watcher)
{
	client->watcher = watcher;
}

void
client_escape(struct client *client, const char *text, struct buf *out)
{
	transfer_escape(client->transfer, text, out);
}

uint64_t
client_random(struct client *client)
{
	/* xorshift64 (Marsaglia 2003). */
	client->random ^= client->random << 13;
	client->random ^= client->random >> 7;
	client->random ^= client->random << 17;
	return client->random;
}

static void
tick(void *arg)
{
	const struct client *client = arg;

	if (client->watcher != NULL && client->watcher->tick != NULL)
		client->watcher->tick(client->watcher->arg);
}

enum status
client_pause(struct client *client, int64_t ms, const char *why)
{
	const struct client_watcher *watcher = client->watcher;
	int64_t end_ms = clock_mono_ms() + ms, left_ms = ms;

	while (left_ms > 0 && !stop_is_wanted()) {
		if (why != NULL && watcher != NULL && watcher->pausing != NULL)
			watcher->pausing(watcher->arg, why, left_ms);
		else
			tick(client);
		transfer_idle(client->transfer, left_ms < TICK_MS ? (int)left_ms : TICK_MS);
		left_ms = end_ms - clock_mono_ms();
	}
	return stop_is_wanted() ? STATUS_CANCELLED : STATUS_OK;
}

/* Whether a try that ended so may be followed by another, as far as the matter allows it. */
static bool
may_try_again(const struct client *client, const struct call *call, enum status status,
    enum transfer_reach reach, const struct answer *answer)
{
	if (status == STATUS_OK && answer->status == 503)
		return !call->takes_busy;
	if (status == STATUS_OK)
		return answer->status == 502 || answer->status == 504;
	if (status != STATUS_IO)
		return false;
	if (reach == TRANSFER_NOT_CONNECTED)
		return client->was_reached;
	/* What a sink has taken cannot be taken back. */
	return call->sink == NULL || answer->status == 0;
}

enum status
client_call(
    struct client *client, const struct call *call, struct answer *ret_answer, struct error *error)
{
	const struct client_watcher *watcher = client->watcher;
	struct patience patience;
	enum status status;

	patience_begin(&patience, client->patience_ms);
	for (;;) {
		enum transfer_reach reach;
		int64_t pause_ms;

		status =
		    transfer_run(client->transfer, call, tick, client, ret_answer, &reach, error);
		if (reach != TRANSFER_NOT_CONNECTED)
			client->was_reached = true;
		if (!may_try_again(client, call, status, reach, ret_answer))
			break;
		pause_ms = patience_pause_ms(
		    &patience, clock_mono_ms(), ret_answer->retry_after_ms, client_random(client));
		if (pause_ms < 0)
			break;
		answer_done(ret_answer);
		*ret_answer = (struct answer){ .status = 0 };
		status = client_pause(client, pause_ms,
		    status == STATUS_OK ? "the service is busy" : "the service is away");
		if (status != STATUS_OK)
			break;
	}
	if (patience.failures > 0 && watcher != NULL && watcher->pausing != NULL)
		watcher->pausing(watcher->arg, NULL, 0);
	return status;
}

enum status
client_open(const char *url, int64_t patience_ms, struct client **ret_client, struct error *error)
{
	struct client *client = calloc(1, sizeof(*client));
	enum status status;

	if (client == NULL)
		return error_set(error, STATUS_NOMEM, "no memory for the client");
	status = transfer_open(url, &client->transfer, error);
	if (status != STATUS_OK) {
		free(client);
		return status;
	}
	client->patience_ms = patience_ms;
	client->random = (uint64_t)clock_mono_us() | 1;
	*ret_client = client;
	return STATUS_OK;
}

void
client_close(struct client *client)
{
	if (client == NULL)
		return;
	transfer_close(client->transfer);
	free(client);
}
