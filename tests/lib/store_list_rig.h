/* SPDX-License-Identifier: MIT */
/*
 * For the tests of pages of tasks: a page as text, and walks over all of them, on either back end.
 * For a test's own thread; a failing call fails the test.
 */
#ifndef TASKQ_TESTS_STORE_LIST_RIG_H
#define TASKQ_TESTS_STORE_LIST_RIG_H

#include "store_env.h"

#define ANY_TIME     .created_before_ms = INT64_MAX
#define STATE(state) (1u << TASK_##state)

/**
 * list - a page, of up to 100 tasks after up to 1000 looks where the query leaves that open
 * The caller's to store_list_done.
 */
struct store_list list(struct store_env *env, struct store_list_query query);

/* number_of - the number in an id of store_env_id, or at the end of one that tells a time */
unsigned number_of(const char *id);

/**
 * page_text - the numbers of a page's tasks as text, with a + behind them where there may be more
 * Ends the page; the text is there until the next call.
 */
const char *page_text(struct store_list *page);

/* assert_list - what page_text makes of the page that is asked for */
void assert_list(struct store_env *env, struct store_list_query query, const char *expected);

/**
 * walk - go over all pages: that ids only fall on the way
 * Returns the number of tasks, and of pages.
 */
size_t walk(struct store_env *env, struct store_list_query query, size_t *ret_pages);

#endif
