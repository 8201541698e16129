/* SPDX-License-Identifier: MIT */
/*
 * Where the service is: what people write, taken apart once. Main thread.
 */
#ifndef TASKQ_CLI_SERVICE_URL_H
#define TASKQ_CLI_SERVICE_URL_H

#include "base/status.h"

#define SERVICE_URL_DEFAULT "http://127.0.0.1:18991"

struct service_url {
	char *base;     /* with the path if any, no slash at the end, no credentials; owned */
	char *user;     /* NULL: none; owned, as is the next */
	char *password; /* decoded, both of them */
};

/**
 * service_url_parse - an http or https URL, or "host:port", which means http
 * A path is what every path of the API goes behind, for a service behind a proxy. A query or a
 * fragment makes no sense and is refused.
 * Returns OK; INVALID with found and expected, but never the credentials; NOMEM.
 */
enum status service_url_parse(
    const char *text, struct service_url *ret_url, struct error *error) NODISCARD;

void service_url_done(struct service_url *url);

#endif
