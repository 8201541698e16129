/* SPDX-License-Identifier: MIT */
/*
 * Wiring: settings to parts, start order, end. Starts bottom up (store, queue, http) and stops top
 * down, so that nothing is called that is not there. Runs in the main thread, but for the thread
 * that stops the parts while the main thread watches for a second signal.
 */
#include "app/app.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/data_place.h"
#include "app/listen_address.h"
#include "app/listen_socket.h"
#include "app/plan.h"
#include "app/resources.h"
#include "app/settings.h"
#include "app/signals.h"
#include "app/supervisor.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/service_clock.h"
#include "base/sync.h"
#include "base/utf8.h"
#include "http/http_server.h"
#include "kinds/kind.h"
#include "kinds/kind_settings.h"
#include "queue/queue.h"
#include "store/store.h"

enum {
	MIB = 1024 * 1024,
	HOUR_MS = 3600 * 1000,
	/* Answers that are under way when the lanes have stopped get this much longer. */
	HTTP_LINGER_MS = 2000,
	STOP_STACK_BYTES = 512 * 1024,
};

struct app {
	const struct conf *conf;
	int64_t began_mono_ms;
	struct budget budget;
	struct supervisor supervisor;
	struct listen_socket socket;
	struct kind_settings kinds;
	struct task_terms default_terms;
	struct signals *signals;
	struct store *store;
	struct queue *queue;
	struct http_server *server;
	char node[HOST_NAME_MAX + 1]; /* the host's name */
	bool data_refused;            /* the database is damaged or newer than the program */
};

static void
on_store_died(void *context, const char *why)
{
	struct app *app = context;
	log_error(LOG_EVENT("store_died"), LOG_STR("why", why));
	signals_report_death(app->signals);
}

/* What can be said about the settings without touching the machine. */
static enum status
check_settings(struct app *app, struct error *error)
{
	const struct conf *conf = app->conf;
	enum status status = listen_address_parse(
	    conf->listen, &app->socket.address, &app->socket.address_size, error);
	if (status != STATUS_OK)
		return status;
	if (!listen_address_is_loopback(&app->socket.address) && !conf->allow_open_listen)
		return error_set(error, STATUS_INVALID,
		    "listen is '%s', which other machines can reach, and there is no "
		    "authentication; set allow-open-listen to yes if that is meant",
		    conf->listen);
	status = settings_of_terms(conf, &app->default_terms, error);
	if (status != STATUS_OK)
		return status;
	app->kinds = settings_of_kinds(conf);
	return kinds_check_settings(&app->kinds, error);
}

enum status
app_check(const struct conf *conf, struct error *error)
{
	struct app app = { .conf = conf };
	return check_settings(&app, error);
}

static enum status
open_store(struct app *app, struct error *error)
{
	const struct conf *conf = app->conf;
	const struct store_conf store = {
		.data_dir = conf->data_dir,
		.inline_max_bytes = (size_t)conf->result_inline_max_bytes,
		.wal_max_bytes = (uint64_t)conf->wal_max_mib * MIB,
		.readers = app->budget.store_readers,
		.fatal = on_store_died,
		.context = app,
	};
	struct store_recovery recovery = { 0 };
	int64_t began_ms = clock_mono_ms();
	enum status status = store_open(&store, service_clock_ms(), &app->store, &recovery, error);
	if (status == STATUS_OK)
		log_info(LOG_EVENT("store_open"), LOG_STR("data_dir", conf->data_dir),
		    LOG_INT("requeued", recovery.requeued),
		    LOG_INT("exhausted", recovery.exhausted), LOG_INT("orphans", recovery.orphans),
		    LOG_INT("took_ms", clock_mono_ms() - began_ms));
	app->data_refused = status == STATUS_CORRUPT || status == STATUS_INVALID;
	return status;
}

/* At least two of the largest must fit. */
static size_t
bodies_max_bytes(const struct app *app)
{
	size_t least = 2 * (size_t)app->conf->http_body_max_bytes;
	return app->budget.bodies_bytes > least ? app->budget.bodies_bytes : least;
}

/* What attempts are said to run on. Whoever names a host can write anything. */
static void
name_node(struct app *app)
{
	if (gethostname(app->node, sizeof(app->node) - 1) != 0)
		app->node[0] = '\0';
	utf8_scrub(app->node);
}

static enum status
open_server(struct app *app, struct error *error)
{
	const struct conf *conf = app->conf;
	const struct http_conf http = {
		.listen_fd = app->socket.fd,
		.listen_is_passed = app->socket.is_passed,
		.host_names = (const char *const *)conf->host_names.items,
		.host_name_count = conf->host_names.count,
		.connections_max = app->budget.connections_max,
		.connections_fuse = app->budget.connections_fuse,
		/* Half of the connections can always do something else. */
		.waiting_max = conf->http_waiting_max > 0 ? (unsigned)conf->http_waiting_max
							  : (app->budget.connections_max + 1) / 2,
		.body_max_bytes = (size_t)conf->http_body_max_bytes,
		.bodies_max_bytes = bodies_max_bytes(app),
		.header_timeout_ms = conf->http_header_timeout_ms,
		.body_timeout_ms = conf->http_body_timeout_ms,
		.idle_timeout_ms = conf->http_idle_timeout_ms,
		.send_timeout_ms = conf->http_send_timeout_ms,
		.heartbeat_ms = conf->http_heartbeat_ms,
		.began_mono_ms = app->began_mono_ms,
		.node = app->node,
	};
	name_node(app);
	app->socket.fd = -1;
	return http_server_open(&http, app->queue, &app->server, error);
}

static enum status
bind_socket(struct app *app, struct error *error)
{
	enum status status = listen_socket_bind(&app->socket, error);
	if (status != STATUS_OK)
		error_prefix(error, "listen %s", app->conf->listen);
	app->kinds.fetch.own_port = app->socket.port;
	return status;
}

static enum status
open_queue(struct app *app, struct error *error)
{
	uint64_t disk = data_place_disk_bytes(app->conf->data_dir);
	const struct queue_conf queue = {
		.waiting_max = app->conf->queue_max,
		.wait_max_s = app->conf->queue_wait_max_s,
		.held_max = app->conf->scheduled_max,
		.disk_free_min_bytes = settings_of_disk_free(app->conf, disk),
		.data_dir = app->conf->data_dir,
		.cpu_executors = app->budget.cpu_executors,
		.io_slots = app->budget.fetch_in_flight,
		.host_places = app->kinds.fetch.per_host_max,
		.host_pause_max_ms = app->conf->fetch_pause_max_s * 1000,
		.recent_tasks = (size_t)app->conf->recent_tasks,
		.retention = settings_of_retention(app->conf, disk),
		.idempotency_keep_ms = app->conf->idempotency_keep_hours * HOUR_MS,
		.default_terms = app->default_terms,
		.kinds = &app->kinds,
	};
	return queue_open(&queue, app->store, &app->queue, error);
}

/* What an operator opened or closed by hand is said once, so that nobody has to guess it later. */
static void
tell_reach(const struct conf *conf)
{
	for (size_t i = 0; i < conf->fetch_allow.count; i++)
		log_warn(LOG_EVENT("fetch_allow"), LOG_STR("cidr", conf->fetch_allow.items[i]));
	for (size_t i = 0; i < conf->fetch_deny.count; i++)
		log_info(LOG_EVENT("fetch_deny"), LOG_STR("cidr", conf->fetch_deny.items[i]));
}

static enum status
start(struct app *app, struct error *error)
{
	tell_reach(app->conf);
	enum status status = kinds_setup(error);
	if (status == STATUS_OK)
		status = signals_open(&app->signals, error);
	if (status == STATUS_OK)
		status = bind_socket(app, error);
	if (status == STATUS_OK)
		status = data_place_prepare(app->conf->data_dir, error);
	if (status == STATUS_OK)
		status = open_store(app, error);
	if (status == STATUS_OK)
		status = open_queue(app, error);
	if (status == STATUS_OK)
		status = open_server(app, error);
	return status;
}

/* Everything that was started, top down; what was not is NULL. */
static void
stop(struct app *app, int64_t drain_timeout_ms)
{
	int64_t deadline_mono_ms = clock_mono_ms() + drain_timeout_ms;
	/* Before those who wait are let go, so that their answers end their connections. */
	if (app->server != NULL)
		http_server_drain(app->server);
	if (app->queue != NULL)
		queue_drain(app->queue, deadline_mono_ms);
	http_server_close(app->server, clock_mono_ms() + HTTP_LINGER_MS);
	queue_close(app->queue);
	store_close(app->store);
	if (app->socket.fd >= 0)
		close(app->socket.fd);
}

static void *
stop_main(void *arg)
{
	struct app *app = arg;
	stop(app, app->conf->drain_timeout_ms);
	signals_report_stopped(app->signals);
	return NULL;
}

/* Waits for what ends the service; meanwhile tells the supervisor that it lives. */
static enum signals_event
await_end(struct app *app)
{
	enum signals_event event;
	while ((event = signals_wait(app->signals, supervisor_pause_ms(&app->supervisor))) ==
	       SIGNALS_QUIET) {
		struct queue_stats stats;
		queue_stats(app->queue, &stats);
		const int64_t *by_state = stats.store.counts.by_state;
		supervisor_ping(&app->supervisor, stats.silent_ms, by_state[TASK_QUEUED],
		    by_state[TASK_RUNNING]);
	}
	return event;
}

static enum app_end
serve(struct app *app, struct error *error)
{
	enum signals_event event = await_end(app);
	if (event == SIGNALS_STORE_DIED)
		return APP_STORE_DIED;
	log_info(LOG_EVENT("draining"), LOG_INT("timeout_ms", app->conf->drain_timeout_ms));
	supervisor_stopping(&app->supervisor, app->conf->drain_timeout_ms);
	pthread_t thread;
	if (thread_start(&thread, "tq-stop", STOP_STACK_BYTES, stop_main, app, error) != STATUS_OK)
		return APP_FORCED;
	do {
		event = signals_wait(app->signals, supervisor_pause_ms(&app->supervisor));
		if (event == SIGNALS_STORE_DIED)
			return APP_STORE_DIED;
		if (event == SIGNALS_STOP)
			return APP_FORCED;
		if (event == SIGNALS_QUIET)
			supervisor_ping_stopping(&app->supervisor);
	} while (event != SIGNALS_STOPPED);
	thread_join(thread);
	return APP_DRAINED;
}

static void
announce(const struct app *app)
{
	char text[LISTEN_ADDRESS_TEXT_SIZE];
	listen_address_print(&app->socket.address, app->socket.port, text);
	printf("listening on http://%s\n", text);
	fflush(stdout);
	log_info(LOG_EVENT("listening"), LOG_STR("address", text),
	    LOG_STR("socket", app->socket.is_passed ? "passed" : "own"));
	supervisor_ready(&app->supervisor, text);
}

static enum status
meet_supervisor(struct app *app, struct error *error)
{
	enum status status = supervisor_open(&app->supervisor, error);
	if (status == STATUS_OK && app->supervisor.socket_fd >= 0)
		status = listen_socket_take(&app->socket, app->supervisor.socket_fd, error);
	return status;
}

static enum app_end
run(struct app *app, struct error *error)
{
	if (check_settings(app, error) != STATUS_OK || meet_supervisor(app, error) != STATUS_OK ||
	    plan_make(app->conf, &app->kinds, &app->budget, error) != STATUS_OK)
		return APP_REFUSED;
	enum status status = start(app, error);
	if (status != STATUS_OK) {
		stop(app, 0);
		signals_close(app->signals);
		return app->data_refused ? APP_DATA_REFUSED : APP_START_FAILED;
	}
	announce(app);
	return serve(app, error);
}

enum app_end
app_run(const struct conf *conf, struct error *error)
{
	struct app *app = malloc(sizeof(*app));
	if (app == NULL) {
		(void)error_set(error, STATUS_NOMEM, "no memory to start");
		return APP_START_FAILED;
	}
	*app = (struct app){
		.conf = conf,
		.began_mono_ms = clock_mono_ms(),
		.supervisor = { .socket_fd = -1, .notify_fd = -1 },
		.socket = { .fd = -1 },
	};
	enum app_end end = run(app, error);
	/* Where threads are left running they go on using it until the process has ended. */
	if (end == APP_FORCED || end == APP_STORE_DIED)
		return end;
	if (end == APP_DRAINED)
		signals_close(app->signals);
	supervisor_close(&app->supervisor);
	free(app);
	return end;
}
