/* SPDX-License-Identifier: MIT */
/*
 * From the words of a request's header to what the rest of http/ acts on. Nothing is judged here
 * but whether a name is one. Pure; the connection's own thread.
 */
#ifndef TASKQ_HTTP_HTTP_HEAD_H
#define TASKQ_HTTP_HTTP_HEAD_H

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

#endif
