/* SPDX-License-Identifier: MIT */
/*
 * What a list of tasks is asked for: the query of GET /tasks, read strictly. Pure, any thread.
 */
#ifndef TASKQ_HTTP_LIST_QUERY_H
#define TASKQ_HTTP_LIST_QUERY_H

#include "base/buf.h"
#include "base/uuid.h"
#include "http/http_reply.h"
#include "kinds/kind.h"
#include "queue/queue.h"

#define LIST_LIMIT_DEFAULT 50
#define LIST_LIMIT_MAX     500
/* Tasks that are looked at for a page: what a page without a match costs, some 10 ms. */
#define LIST_LOOKS_MAX      10000
#define LIST_URL_PREFIX_MAX 512

struct list_query {
	struct store_list_query store; /* what it points to is in this struct, or static */
	char before_id[UUID_TEXT_SIZE];
	struct buf args_prefix;
	const struct kind *url_kind; /* whose arguments it is about; NULL without a prefix */
};

/**
 * list_query_read - read the parameters
 * @query:       of a target, as received
 * @ret_query:   for list_query_done, whatever is returned; must stay where it is
 * @ret_problem: set on INVALID: UNKNOWN_PARAMETER or INVALID_PARAMETER; the error is a sentence for
 * the client then
 * Returns OK, INVALID, NOMEM.
 */
enum status list_query_read(const char *query, struct list_query *ret_query,
    enum problem *ret_problem, struct error *error) NODISCARD;

void list_query_done(struct list_query *query);

#endif
