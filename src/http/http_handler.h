/* SPDX-License-Identifier: MIT */
/*
 * libmicrohttpd's callbacks: from its view of a connection (calls for the header, for each piece of
 * the body, and at the end) to ours (one request, checked, handled, answered). The context of all
 * of them is one struct http_context.
 */
#ifndef TASKQ_HTTP_HTTP_HANDLER_H
#define TASKQ_HTTP_HTTP_HANDLER_H

#include <microhttpd.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/compiler.h"
#include "http/http_connections.h"
#include "http/http_figures.h"
#include "http/http_server.h"
#include "http/json_gate.h"
#include "http/log_gate.h"

struct http_context {
	struct http_conf conf;
	struct queue *queue;
	struct connections *connections;
	struct http_figures figures;
	struct json_gate json_gate;
	atomic_bool draining;
	atomic_size_t bodies_bytes; /* held by all requests together */
	uint64_t request_id_seed;
	struct log_gate library_lines;
	struct log_gate failure_lines;
};

/* MHD_OPTION_NOTIFY_CONNECTION; the listening thread. */
void handler_on_connection(void *context, struct MHD_Connection *mhd, void **socket_context,
    enum MHD_ConnectionNotificationCode code);

/* MHD_OPTION_URI_LOG_CALLBACK; this and the next three run in the connection's thread. */
void *handler_on_target(void *context, const char *target, struct MHD_Connection *mhd);

/* MHD_OPTION_UNESCAPE_CALLBACK: leaves everything as it is, because we decode by ourselves. */
size_t handler_unescape(void *context, struct MHD_Connection *mhd, char *text);

enum MHD_Result handler_on_request(void *context, struct MHD_Connection *mhd, const char *url,
    const char *method, const char *version, const char *upload, size_t *upload_size,
    void **request_context);

/* MHD_OPTION_NOTIFY_COMPLETED */
void handler_on_completed(void *context, struct MHD_Connection *mhd, void **request_context,
    enum MHD_RequestTerminationCode code);

/* MHD_OPTION_EXTERNAL_LOGGER; a few lines a second. */
void handler_log(void *context, const char *fmt, va_list ap) PRINTF_LIKE(2, 0);

#endif
