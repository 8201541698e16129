/* SPDX-License-Identifier: MIT */
/*
 * Requests to the service, and the only place that decides what is sent again. Main thread.
 *
 * A request is sent again when the service is busy (503, and 502 and 504 of a proxy); when its
 * answer was lost; and when it could not be connected to although it took a connection earlier in
 * this run. All of that within the patience that the user has. It does no harm: see struct call.
 */
#ifndef TASKQ_CLI_CLIENT_H
#define TASKQ_CLI_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "cli/transfer.h"

struct client;

/* Who is told what goes on, ten times a second while the client waits. Either may be NULL. */
struct client_watcher {
	void (*tick)(void *arg);
	/* The next try is to be made after `left_ms`. Where `why` is NULL there is none any more.
	 */
	void (*pausing)(void *arg, const char *why, int64_t left_ms);
	void *arg;
};

/**
 * client_open
 * @url: see service_url.h
 * @patience_ms: see patience.h
 * Returns OK; INVALID for the URL; NOMEM.
 */
enum status client_open(const char *url, int64_t patience_ms, struct client **ret_client,
    struct error *error) NODISCARD;
void client_close(struct client *client);

/**
 * client_url - the URL to show, without credentials; borrowed
 */
const char *client_url(const struct client *client);

int64_t client_patience_ms(const struct client *client);
void client_set_patience(struct client *client, int64_t patience_ms);

/**
 * client_watch - who is told from now on; NULL: nobody
 * @watcher: borrowed
 */
void client_watch(struct client *client, const struct client_watcher *watcher);

/**
 * client_call - as transfer_run, again and again as said above
 * What it returns is that of the last try.
 */
enum status client_call(struct client *client, const struct call *call, struct answer *ret_answer,
    struct error *error) NODISCARD;

/**
 * client_pause - let time pass, with ticks; CANCELLED when stop_is_wanted()
 * @why: for the watcher; NULL: ticks only
 */
enum status client_pause(struct client *client, int64_t ms, const char *why) NODISCARD;

/**
 * client_escape - append a text as it may stand in a query
 */
void client_escape(struct client *client, const char *text, struct buf *out);

/**
 * client_random - a number to spread pauses by, and for nothing else
 */
uint64_t client_random(struct client *client);

#endif
