/* SPDX-License-Identifier: MIT */
/*
 * The routes. Any thread. The table is short, so it is searched from its start for every request;
 * a literal path stands before a pattern that could match it too.
 */
#include "http/http_routes.h"

#include <assert.h>
#include <string.h>

#include "base/compiler.h"
#include "http/http_endpoints.h"

static const struct route routes[] = {
	{ METHOD_POST, "/tasks/submissions", endpoint_submit, ROUTE_TAKES_JSON | ROUTE_GIVES_JSON },
	{ METHOD_POST, "/tasks/submissions/batch", endpoint_batch,
	    ROUTE_TAKES_JSON | ROUTE_GIVES_JSON },
	{ METHOD_GET, "/tasks", endpoint_list, ROUTE_GIVES_JSON | ROUTE_QUERIES },
	{ METHOD_GET, "/tasks/submissions/{id}", endpoint_status, ROUTE_GIVES_JSON | ROUTE_WAITS },
	{ METHOD_GET, "/tasks/{id}", endpoint_result, ROUTE_GIVES_JSON | ROUTE_WAITS },
	{ METHOD_DELETE, "/tasks/{id}", endpoint_cancel, ROUTE_GIVES_JSON },
	{ METHOD_POST, "/tasks/{id}/retry", endpoint_retry, ROUTE_TAKES_JSON | ROUTE_GIVES_JSON },
	{ METHOD_GET, "/tasks/{id}/result", endpoint_content, 0 },
	{ METHOD_GET, "/tasks/{id}/submission", endpoint_submission, ROUTE_GIVES_JSON },
	{ METHOD_GET, "/tasks/{id}/attempts", endpoint_attempts, ROUTE_GIVES_JSON },
	{ METHOD_GET, "/tasks/{id}/events", endpoint_events, ROUTE_GIVES_EVENTS },
	{ METHOD_GET, "/livez", endpoint_livez,
	    ROUTE_GIVES_JSON | ROUTE_ALWAYS_OPEN | ROUTE_VERBOSE },
	{ METHOD_GET, "/healthz", endpoint_livez,
	    ROUTE_GIVES_JSON | ROUTE_ALWAYS_OPEN | ROUTE_VERBOSE },
	{ METHOD_GET, "/readyz", endpoint_readyz,
	    ROUTE_GIVES_JSON | ROUTE_ALWAYS_OPEN | ROUTE_VERBOSE },
	{ METHOD_GET, "/", endpoint_dashboard, ROUTE_ALWAYS_OPEN },
	{ METHOD_GET, "/dashboard/{file}", endpoint_asset, ROUTE_ALWAYS_OPEN },
	{ METHOD_GET, "/stats", endpoint_stats, ROUTE_GIVES_JSON | ROUTE_ALWAYS_OPEN },
	{ METHOD_GET, "/stats/history", endpoint_history,
	    ROUTE_GIVES_JSON | ROUTE_ALWAYS_OPEN | ROUTE_QUERIES },
	{ METHOD_GET, "/metrics", endpoint_metrics, ROUTE_GIVES_TEXT | ROUTE_ALWAYS_OPEN },
	{ METHOD_GET, "/openapi.json", endpoint_openapi, ROUTE_GIVES_JSON | ROUTE_ALWAYS_OPEN },
};

static_assert(ARRAY_SIZE(routes) <= ROUTES_MAX, "what is kept for each route has a place for it");

const struct route *
routes_table(size_t *ret_count)
{
	*ret_count = ARRAY_SIZE(routes);
	return routes;
}

static bool
pattern_matches(const char *pattern, const char *path, char ret_id[UUID_TEXT_SIZE])
{
	const char *brace = strchr(pattern, '{');
	size_t literal, segment;

	if (brace == NULL)
		return strcmp(pattern, path) == 0;
	literal = (size_t)(brace - pattern);
	if (strncmp(pattern, path, literal) != 0)
		return false;
	path += literal;
	segment = strcspn(path, "/");
	if (strcmp(brace, "{file}") == 0)
		return segment > 0 && path[segment] == '\0';
	return strcmp(brace + strlen("{id}"), path + segment) == 0 &&
	       uuid_parse(path, segment, ret_id);
}

enum route_verdict
routes_match(enum method method, const char *path, char ret_id[UUID_TEXT_SIZE],
    const struct route **ret_route)
{
	enum route_verdict verdict = ROUTE_NO_PATH;

	if (method == METHOD_HEAD)
		method = METHOD_GET;
	for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
		if (!pattern_matches(routes[i].pattern, path, ret_id))
			continue;
		if (routes[i].method == method) {
			*ret_route = &routes[i];
			return ROUTE_FOUND;
		}
		verdict = ROUTE_NO_METHOD;
	}
	return verdict;
}

const char *
routes_allow(const char *path)
{
	const struct route *route;
	char id[UUID_TEXT_SIZE];
	bool gets = routes_match(METHOD_GET, path, id, &route) == ROUTE_FOUND;
	bool posts = routes_match(METHOD_POST, path, id, &route) == ROUTE_FOUND;
	bool deletes = routes_match(METHOD_DELETE, path, id, &route) == ROUTE_FOUND;

	if (gets && posts)
		return "GET, HEAD, POST, OPTIONS";
	if (gets && deletes)
		return "GET, HEAD, DELETE, OPTIONS";
	return posts ? "POST, OPTIONS" : "GET, HEAD, OPTIONS";
}
