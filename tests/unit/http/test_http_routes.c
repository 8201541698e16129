/* SPDX-License-Identifier: MIT */
/* Routes: every endpoint's path and methods, and nothing near them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "http/http_routes.h"

#define ID "018f0000-0000-7000-8000-00000000000a"

static enum route_verdict
match(enum method method, const char *path, const char **ret_pattern, char id[UUID_TEXT_SIZE])
{
	const struct route *route = NULL;
	enum route_verdict verdict = routes_match(method, path, id, &route);

	if (verdict == ROUTE_FOUND)
		*ret_pattern = route->pattern;
	return verdict;
}

static void
test_every_endpoint_is_found(void **state)
{
	static const struct {
		enum method method;
		const char *path;
		const char *pattern;
	} cases[] = {
		{ METHOD_POST, "/tasks/submissions", "/tasks/submissions" },
		{ METHOD_POST, "/tasks/submissions/batch", "/tasks/submissions/batch" },
		{ METHOD_GET, "/tasks/submissions/" ID, "/tasks/submissions/{id}" },
		{ METHOD_HEAD, "/tasks/submissions/" ID, "/tasks/submissions/{id}" },
		{ METHOD_GET, "/tasks/" ID, "/tasks/{id}" },
		{ METHOD_GET, "/tasks/" ID "/result", "/tasks/{id}/result" },
		{ METHOD_GET, "/tasks/" ID "/attempts", "/tasks/{id}/attempts" },
		{ METHOD_GET, "/tasks/" ID "/submission", "/tasks/{id}/submission" },
		{ METHOD_GET, "/", "/" },
		{ METHOD_HEAD, "/", "/" },
		{ METHOD_GET, "/dashboard/app.js", "/dashboard/{file}" },
		{ METHOD_HEAD, "/tasks/" ID "/attempts", "/tasks/{id}/attempts" },
		{ METHOD_POST, "/tasks/" ID "/retry", "/tasks/{id}/retry" },
		{ METHOD_GET, "/tasks", "/tasks" },
		{ METHOD_HEAD, "/tasks", "/tasks" },
		{ METHOD_HEAD, "/healthz", "/healthz" },
		{ METHOD_GET, "/readyz", "/readyz" },
		{ METHOD_GET, "/stats", "/stats" },
		{ METHOD_GET, "/livez", "/livez" },
		{ METHOD_GET, "/metrics", "/metrics" },
		{ METHOD_HEAD, "/metrics", "/metrics" },
	};

	const char *pattern = "";
	char id[UUID_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(match(cases[i].method, cases[i].path, &pattern, id), ROUTE_FOUND);
		assert_string_equal(pattern, cases[i].pattern);
	}
}

static void
test_ids_arrive_in_lower_case(void **state)
{
	const char *pattern;
	char id[UUID_TEXT_SIZE] = "";

	(void)state;
	assert_int_equal(
	    match(METHOD_GET, "/tasks/018F0000-0000-7000-8000-00000000000A", &pattern, id),
	    ROUTE_FOUND);
	assert_string_equal(id, ID);
}

static void
test_nothing_near_is_found(void **state)
{
	static const char *const paths[] = { "", "/task", "/dashboard", "/dashboard/",
		"/dashboard/a/b", "/dashboard/app.js/", "/tasks/", "/tasks/submissions/",
		"//tasks/submissions", "/Tasks/submissions", "/tasks/submissions/x", "/tasks/x",
		"/tasks/" ID "/", "/tasks/" ID "/results", "/tasks/" ID "/attempts/",
		"/tasks/attempts", "/tasks/" ID "/result/", "/tasks/" ID "0",
		"/tasks/submissions/" ID "/", "/tasks//result", "/healthz/", "/healthz2",
		"/metrics/", "/metric", "/tasks/{id}",
		"/tasks/018f0000-0000-7000-8000-00000000000" };
	const char *pattern;
	char id[UUID_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		if (match(METHOD_GET, paths[i], &pattern, id) != ROUTE_NO_PATH)
			fail_msg("'%s' is found", paths[i]);
}

static void
test_other_methods_are_told_what_is_allowed(void **state)
{
	const char *pattern;
	char id[UUID_TEXT_SIZE];

	(void)state;
	assert_int_equal(match(METHOD_GET, "/tasks/submissions", &pattern, id), ROUTE_NO_METHOD);
	assert_int_equal(
	    match(METHOD_GET, "/tasks/submissions/batch", &pattern, id), ROUTE_NO_METHOD);
	assert_string_equal(routes_allow("/tasks/submissions/batch"), "POST, OPTIONS");
	assert_int_equal(match(METHOD_OTHER, "/healthz", &pattern, id), ROUTE_NO_METHOD);
	assert_int_equal(match(METHOD_POST, "/tasks/" ID, &pattern, id), ROUTE_NO_METHOD);
	assert_int_equal(match(METHOD_OPTIONS, "/tasks/" ID, &pattern, id), ROUTE_NO_METHOD);
	assert_string_equal(routes_allow("/tasks/submissions"), "POST, OPTIONS");
	assert_string_equal(routes_allow("/tasks/" ID), "GET, HEAD, DELETE, OPTIONS");
	assert_int_equal(match(METHOD_POST, "/tasks", &pattern, id), ROUTE_NO_METHOD);
	assert_int_equal(
	    match(METHOD_DELETE, "/tasks/" ID "/attempts", &pattern, id), ROUTE_NO_METHOD);
	assert_int_equal(match(METHOD_GET, "/tasks/" ID "/retry", &pattern, id), ROUTE_NO_METHOD);
	assert_string_equal(routes_allow("/tasks/" ID "/retry"), "POST, OPTIONS");
	assert_string_equal(routes_allow("/tasks"), "GET, HEAD, OPTIONS");
	assert_string_equal(routes_allow("/healthz"), "GET, HEAD, OPTIONS");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_endpoint_is_found),
		cmocka_unit_test(test_ids_arrive_in_lower_case),
		cmocka_unit_test(test_nothing_near_is_found),
		cmocka_unit_test(test_other_methods_are_told_what_is_allowed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
