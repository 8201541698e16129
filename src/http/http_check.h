/* SPDX-License-Identifier: MIT */
/*
 * Everything that can be said about a request from its header alone. libmicrohttpd 0.9.75 lets much
 * through that must not be answered (the README beside this file has the table), so each of it is
 * judged here. Pure but for the reply; the connection's own thread.
 */
#ifndef TASKQ_HTTP_HTTP_CHECK_H
#define TASKQ_HTTP_HTTP_CHECK_H

#include <stdbool.h>

#include "http/http_request.h"

/**
 * request_check - judge target, framing, Host and all else, find the route
 * Sets request->content_length and request->route. Where the request is refused, the reply says so.
 * The refusal of a hopeless request, which cannot be read on or is not worth it, is sent at once
 * and ends the connection; any other waits until the body has been read and dropped.
 * @is_over: the connection came beyond the limit
 */
void request_check(struct request *request, bool is_over);

#endif
