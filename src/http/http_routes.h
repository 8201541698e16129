/* SPDX-License-Identifier: MIT */
/*
 * The table of routes: which path and method lead to which endpoint. Pure, any thread.
 */
#ifndef TASKQ_HTTP_HTTP_ROUTES_H
#define TASKQ_HTTP_HTTP_ROUTES_H

#include <stdbool.h>

#include "http/http_request.h"

enum route_flags {
	ROUTE_TAKES_JSON = 1,    /* the body must be declared as JSON and is kept */
	ROUTE_GIVES_JSON = 2,    /* 406 unless the client accepts application/json */
	ROUTE_ALWAYS_OPEN = 4,   /* answered beyond the connection limit too */
	ROUTE_WAITS = 8,         /* can wait for the task to end: ?wait=, Prefer: wait= */
	ROUTE_QUERIES = 16,      /* has parameters of its own, which the endpoint judges */
	ROUTE_GIVES_EVENTS = 32, /* 406 unless the client accepts text/event-stream */
	ROUTE_GIVES_TEXT = 64,   /* 406 unless the client accepts text/plain */
	ROUTE_VERBOSE = 128,     /* tells more, as text, where ?verbose asks for it */
};

struct route {
	enum method method;  /* GET stands for HEAD as well */
	const char *pattern; /* "{id}" is a segment that is a UUID, "{file}" any at the end */
	void (*handle)(struct request *request);
	unsigned flags;
};

enum route_verdict {
	ROUTE_FOUND,
	ROUTE_NO_PATH,
	ROUTE_NO_METHOD,
};

/**
 * routes_match - find the endpoint of a path and a method
 * @ret_id:    the {id} of the path in lower case; untouched where the pattern has none
 * @ret_route: set when FOUND
 */
enum route_verdict routes_match(enum method method, const char *path, char ret_id[UUID_TEXT_SIZE],
    const struct route **ret_route);

/* Routes there may be. */
#define ROUTES_MAX 32

/**
 * routes_table - all routes, in an order that does not change
 */
const struct route *routes_table(size_t *ret_count);

/**
 * routes_allow - the value of Allow for a path that has a route; static storage
 */
const char *routes_allow(const char *path);

#endif
