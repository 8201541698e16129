/* SPDX-License-Identifier: MIT */
/*
 * The parameters that several routes have in common: how long to wait, and whether to tell more. A
 * route with parameters of its own judges them itself. The connection's own thread.
 */
#ifndef TASKQ_HTTP_HTTP_QUERY_H
#define TASKQ_HTTP_HTTP_QUERY_H

#include "http/http_request.h"

/**
 * query_check_prefer - the wish to wait of the Prefer fields; a preference is a wish: what is not
 * understood is ignored, and what is too much is cut
 * query_check        - the query, as the flags of the route have it; after query_check_prefer
 * Where the request is refused, the reply says so.
 */
void query_check_prefer(struct request *request);
void query_check(struct request *request);

#endif
