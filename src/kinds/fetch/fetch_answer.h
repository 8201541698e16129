/* SPDX-License-Identifier: MIT */
/*
 * What the header of an answer says, line by line as libcurl hands it over. Pure; the engine's
 * thread.
 */
#ifndef TASKQ_KINDS_FETCH_FETCH_ANSWER_H
#define TASKQ_KINDS_FETCH_FETCH_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

struct fetch_progress;

/**
 * fetch_answer_line - take note of one line, which may be a status line, a field, the empty line or
 * a trailer
 * @line: with its line end; 1 byte or more
 * Returns whether an answer begins with it: whatever came before belongs to a redirect or to an
 * interim answer.
 */
bool fetch_answer_line(struct fetch_progress *progress, const char *line, size_t size);

#endif
