/* SPDX-License-Identifier: MIT */
/*
 * The Host field (RFC 9110 section 7.2). A name that is not ours is refused, because a web page
 * whose name has been re-bound to our address would otherwise read and submit tasks as if it were
 * local. Pure, any thread.
 */
#ifndef TASKQ_HTTP_HTTP_HOST_H
#define TASKQ_HTTP_HTTP_HOST_H

#include <stddef.h>

enum host_verdict {
	HOST_OURS,    /* localhost, an IP literal, or one of the names */
	HOST_FOREIGN, /* well formed, but not ours */
	HOST_INVALID, /* not a host with an optional port */
};

/**
 * host_check - judge the value of a Host field
 * Names compare in any case and exactly otherwise: `x.localhost` and `localhost.` are foreign.
 * IPv4 literals have four decimal parts; IPv6 literals stand in brackets, without a zone.
 */
enum host_verdict host_check(const char *value, const char *const *names, size_t name_count);

#endif
