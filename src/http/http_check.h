/* SPDX-License-Identifier: MIT */
/*
 * Everything that can be said about a request from its header alone. libmicrohttpd 0.9.75 lets much
 * through that must not be answered (the README beside this file has the table), so each of it is
 * judged here. Pure but for the reply; the connection's own thread.
 */
#ifndef TASKQ_HTTP_HTTP_CHECK_H
#define TASKQ_HTTP_HTTP_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "http/http_request.h"

/**
 * method_parse - the method of a word; methods are case-sensitive
 */
enum method method_parse(const char *word);

/**
 * head_add - take note of one header field
 * @head:  zeroed before the first
 * @value: borrowed until the request is answered
 */
void head_add(struct request_head *head, const char *name, size_t name_size, const char *value);

/**
 * request_check - judge target, framing, Host and all else, find the route
 * Sets request->content_length and request->route. Where the request is refused, the reply says so.
 * The refusal of a hopeless request, which cannot be read on or is not worth it, is sent at once
 * and ends the connection; any other waits until the body has been read and dropped.
 * @is_over: the connection came beyond the limit
 */
void request_check(struct request *request, bool is_over);

#endif
