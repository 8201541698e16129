/* SPDX-License-Identifier: MIT */
/*
 * Opens, drains and closes the server. The main thread. The flags and options of libmicrohttpd are
 * chosen against faults of 0.9.75 that were measured; the README beside this file says which.
 */
#include "http/http_server.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/http_connections.h"
#include "http/http_handler.h"
#include "http/http_history.h"
#include "http/http_listen.h"

#define THREAD_STACK_BYTES ((size_t)512 << 10)

/* Batches that are parsed at once, see json_gate.h: 20 MB at the very most. */
#define LARGE_BODIES_MAX 4

struct http_server {
	struct http_context context;
	struct MHD_Daemon *daemon;
	struct http_history *history;
	int listen_fd; /* ours to close */
};

/* Takes one number off a version like "0.9.75-1". */
static unsigned
version_part(const char **at)
{
	unsigned value = 0;

	while (**at >= '0' && **at <= '9' && value < 10000)
		value = value * 10 + (unsigned)(*(*at)++ - '0');
	if (**at == '.')
		(*at)++;
	return value;
}

const char *
http_server_library(void)
{
	return MHD_get_version();
}

/* The library that is linked may be older than the header; MHD_get_version_bin came later. */
static bool
library_is_recent(void)
{
	const char *at = http_server_library();
	unsigned major = version_part(&at);
	unsigned minor = version_part(&at);
	unsigned patch = version_part(&at);

	return major > 0 || minor > 9 || (minor == 9 && patch >= 75);
}

static enum status
start_daemon(struct http_server *server, struct error *error)
{
	struct http_context *context = &server->context;
	const unsigned flags = MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD |
			       MHD_USE_POLL | MHD_USE_ITC | MHD_USE_ERROR_LOG;

	/* The logger comes first: options are read in order, and their faults are logged. */
	server->daemon = MHD_start_daemon(flags, 0, NULL, NULL, handler_on_request, context,
	    MHD_OPTION_EXTERNAL_LOGGER, handler_log, context, MHD_OPTION_LISTEN_SOCKET,
	    server->listen_fd, MHD_OPTION_CONNECTION_LIMIT, context->conf.connections_fuse,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, HTTP_LIBRARY_BYTES, MHD_OPTION_THREAD_STACK_SIZE,
	    THREAD_STACK_BYTES, MHD_OPTION_CONNECTION_TIMEOUT, 0U,
#if MHD_VERSION >= 0x00097701
	    MHD_OPTION_CLIENT_DISCIPLINE_LVL, 1,
#else
	    MHD_OPTION_STRICT_FOR_CLIENT, -1,
#endif
	    MHD_OPTION_NOTIFY_CONNECTION, handler_on_connection, context,
	    MHD_OPTION_URI_LOG_CALLBACK, handler_on_target, context, MHD_OPTION_UNESCAPE_CALLBACK,
	    handler_unescape, context, MHD_OPTION_NOTIFY_COMPLETED, handler_on_completed, context,
	    MHD_OPTION_END);
	if (server->daemon == NULL)
		return error_set(error, STATUS_IO, "libmicrohttpd cannot start: %s",
		    errno != 0 ? strerror(errno) : "see the log");
	return STATUS_OK;
}

static enum status
check_conf(const struct http_conf *conf, struct error *error)
{
	if (conf->connections_max == 0 || conf->connections_fuse < conf->connections_max)
		return error_set(error, STATUS_INVALID,
		    "connection limit %u must be positive and at most the fuse %u",
		    conf->connections_max, conf->connections_fuse);
	if (!library_is_recent())
		return error_set(error, STATUS_INVALID, "libmicrohttpd %s is older than 0.9.75",
		    http_server_library());
	return STATUS_OK;
}

static enum status
open_parts(struct http_server *server, struct error *error)
{
	struct http_context *context = &server->context;
	const struct http_conf *conf = &context->conf;
	const struct connections_conf connections_conf = {
		.connections_max = conf->connections_max,
		.waiting_max = conf->waiting_max,
		.header_timeout_ms = conf->header_timeout_ms,
		.body_timeout_ms = conf->body_timeout_ms,
		.idle_timeout_ms = conf->idle_timeout_ms,
		.send_timeout_ms = conf->send_timeout_ms,
	};
	enum status status = check_conf(conf, error);

	if (status != STATUS_OK)
		return status;
	if (getrandom(&context->request_id_seed, sizeof(context->request_id_seed), 0) < 0)
		return error_set(error, STATUS_IO, "no randomness: %s", strerror(errno));
	status = http_listen(server->listen_fd, error);
	if (status == STATUS_OK)
		status = connections_open(&connections_conf, &context->connections, error);
	context->figures.connections = context->connections;
	if (status == STATUS_OK)
		status =
		    http_history_open(context->queue, &context->figures, &server->history, error);
	if (status == STATUS_OK) {
		context->figures.history = http_history_rows(server->history);
		status = start_daemon(server, error);
	}
	return status;
}

static void
server_free(struct http_server *server)
{
	http_history_close(server->history);
	connections_close(server->context.connections);
	json_gate_done(&server->context.json_gate);
	http_figures_done(&server->context.figures);
	(void)close(server->listen_fd);
	free(server);
}

enum status
http_server_open(const struct http_conf *conf, struct queue *queue, struct http_server **ret_server,
    struct error *error)
{
	struct http_server *server = calloc(1, sizeof(*server));
	enum status status;

	if (server == NULL) {
		(void)close(conf->listen_fd);
		return error_set(error, STATUS_NOMEM, "no memory for the server");
	}
	server->listen_fd = conf->listen_fd;
	server->context.conf = *conf;
	server->context.queue = queue;
	http_figures_init(&server->context.figures, conf->began_mono_ms);
	json_gate_init(&server->context.json_gate, LARGE_BODIES_MAX);
	status = open_parts(server, error);
	if (status != STATUS_OK) {
		server_free(server);
		return status;
	}
	*ret_server = server;
	return STATUS_OK;
}

void
http_server_drain(struct http_server *server)
{
	if (server->context.conf.listen_is_passed)
		(void)MHD_quiesce_daemon(server->daemon);
	atomic_store(&server->context.draining, true);
}

void
http_server_close(struct http_server *server, int64_t deadline_mono_ms)
{
	if (server == NULL)
		return;
	http_server_drain(server);
	/* First no more are accepted, then new ones are refused rather than left in the backlog,
	   unless somebody will come and serve them. */
	(void)MHD_quiesce_daemon(server->daemon);
	if (!server->context.conf.listen_is_passed)
		(void)shutdown(server->listen_fd, SHUT_RDWR);
	connections_settle(server->context.connections, deadline_mono_ms);
	MHD_stop_daemon(server->daemon);
	server_free(server);
}
