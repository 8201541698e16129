/* SPDX-License-Identifier: MIT */
/*
 * The request target (RFC 9112 section 3.2), decoded strictly by ourselves: libmicrohttpd's own
 * decoding accepts what we must refuse. Pure, any thread, fixed memory.
 */
#ifndef TASKQ_HTTP_HTTP_TARGET_H
#define TASKQ_HTTP_HTTP_TARGET_H

#include <stdbool.h>
#include <stddef.h>

#define TARGET_PATH_SIZE  128  /* our longest path has 50 bytes */
#define TARGET_QUERY_SIZE 2048 /* a list with every filter, and its longest text all escapes */
#define TARGET_NAME_SIZE  64
#define TARGET_VALUE_SIZE TARGET_QUERY_SIZE

enum target_verdict {
	TARGET_PATH,       /* a path, with or without a query */
	TARGET_ASTERISK,   /* "*": the server as a whole, for OPTIONS */
	TARGET_UNROUTABLE, /* well formed, but longer than any path of ours */
	TARGET_INVALID,    /* not well formed; `fault` says why */
	TARGET_LONG_QUERY,
};

struct target {
	enum target_verdict verdict;
	const char *fault;             /* static storage; set when INVALID */
	char path[TARGET_PATH_SIZE];   /* decoded, NUL-terminated, begins with '/' */
	char query[TARGET_QUERY_SIZE]; /* as received, without the '?'; "" when there is none */
};

/**
 * target_parse - take a raw target apart
 * The absolute form loses its scheme and authority: we route by path alone, and Host decides
 * whether the request is for us. Invalid are: space, '#', bytes outside printable ASCII,
 * escapes that are not two hexadecimal digits, escaped '/', NUL and other control characters, and
 * dot segments in any spelling.
 */
void target_parse(const char *raw, struct target *ret_target);

/* A walk over the parameters of a query. */
struct query_walk {
	const char *at;
};

/**
 * query_next - the next parameter's name and value, decoded
 * Empty parts ("&&") are skipped; a name that is too long is cut. Without '=' the value is "".
 * @walk: `at` starts as the query of a target whose verdict is PATH
 * Returns false at the end.
 */
bool query_next(
    struct query_walk *walk, char ret_name[TARGET_NAME_SIZE], char ret_value[TARGET_VALUE_SIZE]);

#endif
