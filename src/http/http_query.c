/* SPDX-License-Identifier: MIT */
/* Judges ?wait=, Prefer: wait= and ?verbose; see http_query.h. Pure but for the reply. */
#include "http/http_query.h"

#include <string.h>

#include "base/num.h"
#include "http/http_prefer.h"
#include "http/http_routes.h"
#include "http/http_wait.h"

/* It wins over the field. */
static void
read_wait(struct request *request, const char *value)
{
	uint64_t seconds = 0;

	if (num_parse_u64(value, strlen(value), &seconds) != STATUS_OK || seconds > HTTP_WAIT_MAX_S)
		reply_problem(&request->reply, PROBLEM_INVALID_PARAMETER, NULL,
		    "The query parameter \"wait\" takes whole seconds, 0 to %d.", HTTP_WAIT_MAX_S);
	request->wait_s = (unsigned)seconds;
	request->wait_is_preferred = false;
}

/* The parameter alone is enough. */
static void
read_verbose(struct request *request, const char *value)
{
	request->is_verbose = value[0] == '\0' || strcmp(value, "true") == 0;
	if (!request->is_verbose && strcmp(value, "false") != 0)
		reply_problem(&request->reply, PROBLEM_INVALID_PARAMETER, NULL,
		    "The query parameter \"verbose\" takes true or false, or no value.");
}

void
query_check(struct request *request)
{
	struct query_walk walk = { request->target.query };
	unsigned flags = request->route->flags;
	char name[TARGET_NAME_SIZE], value[TARGET_VALUE_SIZE];
	unsigned count = 0;

	request->is_verbose = false;
	if ((flags & ROUTE_QUERIES) != 0)
		return;
	while (request->reply.status == 0 && query_next(&walk, name, value)) {
		bool is_wait = (flags & ROUTE_WAITS) != 0 && strcmp(name, "wait") == 0;
		bool is_verbose = (flags & ROUTE_VERBOSE) != 0 && strcmp(name, "verbose") == 0;

		if (!is_wait && !is_verbose)
			reply_problem(&request->reply, PROBLEM_UNKNOWN_PARAMETER, NULL,
			    "The query parameter \"%s\" is not known here.", name);
		else if (count++ > 0)
			reply_problem(&request->reply, PROBLEM_INVALID_PARAMETER, NULL,
			    "The query parameter \"%s\" may be given once.", name);
		else if (is_wait)
			read_wait(request, value);
		else
			read_verbose(request, value);
	}
}

void
query_check_prefer(struct request *request)
{
	const struct request_head *head = &request->head;
	unsigned seconds = 0;

	request->wait_s = 0;
	request->wait_is_preferred = (request->route->flags & ROUTE_WAITS) != 0 &&
				     prefer_wait(head->prefer, head->prefer_count, &seconds);
	if (request->wait_is_preferred)
		request->wait_s = seconds < HTTP_WAIT_MAX_S ? seconds : HTTP_WAIT_MAX_S;
}
