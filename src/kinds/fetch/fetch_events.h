/* SPDX-License-Identifier: MIT */
/*
 * The multi handle and what it waits for. Sockets are watched with epoll and given to libcurl one
 * by one when something happens on them (curl_multi_socket_action), so a round costs what happened
 * in it and not what is in flight: with 240 fetches hanging, 16 others ran at 47k/s this way and at
 * 25k/s with curl_multi_poll, which looks at every socket in every round. The engine's thread
 * alone.
 */
#ifndef TASKQ_KINDS_FETCH_FETCH_EVENTS_H
#define TASKQ_KINDS_FETCH_FETCH_EVENTS_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "kinds/kind_settings.h"

struct fetch_events {
	const struct fetch_settings *settings;
	CURLM *multi;
	int epoll_fd;
	int wake_fd;           /* an eventfd: any thread may write to it to end a wait */
	int64_t timer_mono_ms; /* when libcurl wants to be called; negative: not */
	void (*socket_told)(CURL *easy, curl_socket_t fd, bool is_gone);
};

/**
 * fetch_events_open - make the multi handle, the epoll and the eventfd
 * @socket_told: told which socket a handle works with, and when it does so no more; from within
 *               libcurl
 * On failure what was made is left for fetch_events_close.
 */
enum status fetch_events_open(struct fetch_events *events, const struct fetch_settings *settings,
    void (*socket_told)(CURL *easy, curl_socket_t fd, bool is_gone), struct error *error) NODISCARD;

/* No easy handle may be in the multi handle. */
void fetch_events_close(struct fetch_events *events);

/**
 * fetch_events_renew - replace the multi handle, which closes every idle connection
 * Not while an easy handle is in it. Returns false, and nothing is changed, when memory is gone.
 */
bool fetch_events_renew(struct fetch_events *events);

/**
 * fetch_events_round - wait for something to happen, at most so long, and let libcurl deal with it
 */
void fetch_events_round(struct fetch_events *events, int wait_ms);

/**
 * fetch_events_wake - end the wait of the engine's thread, now or as soon as it waits; any thread
 */
void fetch_events_wake(const struct fetch_events *events);

#endif
