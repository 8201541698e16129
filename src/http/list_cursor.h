/* SPDX-License-Identifier: MIT */
/*
 * The cursor of a list of tasks: where a page has ended, as text that clients hand back and need
 * not understand. Pure, any thread.
 */
#ifndef TASKQ_HTTP_LIST_CURSOR_H
#define TASKQ_HTTP_LIST_CURSOR_H

#include <stdbool.h>

#include "base/uuid.h"

#define LIST_CURSOR_LENGTH 52
#define LIST_CURSOR_SIZE   (LIST_CURSOR_LENGTH + 1)

/**
 * list_cursor_write - the cursor of the page below an id
 * Base64 for URLs (RFC 4648 section 5) of a version, a colon and the id.
 */
void list_cursor_write(const char *id, char ret_text[LIST_CURSOR_SIZE]);

/**
 * list_cursor_read - the id in a cursor; false for any text that list_cursor_write does not give
 */
bool list_cursor_read(const char *text, char ret_id[UUID_TEXT_SIZE]);

#endif
