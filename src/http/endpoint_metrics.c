/* SPDX-License-Identifier: MIT */
/*
 * GET /metrics: the figures of the running service for Prometheus. The same sources as GET /stats:
 * everything comes from memory and nothing waits, so it is answered while the store is dead, the
 * disk hangs, the service drains, and beyond the connection limit.
 */
#include "http/http_endpoints.h"
#include "http/metrics_parts.h"
#include "queue/queue_checks.h"

#define METRICS_EXPECTED_BYTES (64 << 10)

static void
append_build(struct metrics *metrics)
{
	metrics_family(metrics, "taskq_build_info", METRIC_GAUGE,
	    "1, with the versions of the service and of its HTTP library");
	metrics_sample(metrics,
	    METRIC_LABELS({ "version", TASKQ_VERSION }, { "libmicrohttpd", http_server_library() }),
	    1, METRIC_WHOLE);
}

static void
append_checks(struct metrics *metrics, const struct service_figures *figures)
{
	struct queue_check checks[QUEUE_CHECK_COUNT];

	queue_checks(&figures->queue, figures->now_mono_ms, checks);
	metrics_family(metrics, "taskq_check_ok", METRIC_GAUGE,
	    "Whether a check of readiness passes; the service is ready when all do");
	for (size_t i = 0; i < QUEUE_CHECK_COUNT; i++)
		metrics_sample(metrics, METRIC_LABELS({ "check", checks[i].name }),
		    checks[i].reason == NULL, METRIC_WHOLE);
}

/* One of the names by convention (prometheus.io/docs/instrumenting/writing_clientlibs). */
static void
append_usage(struct metrics *metrics, const char *name, enum metric_type type, const char *help,
    int64_t value, int64_t per_unit)
{
	if (value != PROCESS_USAGE_UNKNOWN)
		metrics_single(metrics, name, type, help, value, per_unit);
}

static void
append_process(struct metrics *metrics, const struct process_usage *usage, int64_t began_wall_ms)
{
	append_usage(metrics, "process_cpu_seconds_total", METRIC_COUNTER,
	    "Processor time of all threads, in user and kernel mode", usage->cpu_us,
	    METRIC_FROM_US);
	append_usage(metrics, "process_resident_memory_bytes", METRIC_GAUGE,
	    "Memory that is resident", usage->rss_bytes, METRIC_WHOLE);
	append_usage(metrics, "process_virtual_memory_bytes", METRIC_GAUGE,
	    "Addresses that are in use", usage->virtual_bytes, METRIC_WHOLE);
	append_usage(metrics, "process_open_fds", METRIC_GAUGE, "Open descriptors",
	    usage->descriptors, METRIC_WHOLE);
	append_usage(metrics, "process_max_fds", METRIC_GAUGE, "Descriptors that may be open",
	    usage->descriptors_max, METRIC_WHOLE);
	append_usage(
	    metrics, "process_threads", METRIC_GAUGE, "Threads", usage->threads, METRIC_WHOLE);
	metrics_single(metrics, "process_start_time_seconds", METRIC_GAUGE,
	    "When the service began, as Unix time", began_wall_ms, METRIC_FROM_MS);
}

void
endpoint_metrics(struct request *request)
{
	struct service_figures figures;
	struct metrics metrics;

	http_figures_collect(request, &figures);
	metrics = (struct metrics){
		.buf = reply_text(&request->reply, 200, MEDIA_TYPE_METRICS, METRICS_EXPECTED_BYTES),
	};
	append_build(&metrics);
	append_checks(&metrics, &figures);
	metrics_of_tasks(&metrics, &figures.queue);
	metrics_of_store(&metrics, &figures.queue);
	metrics_of_http(&metrics, request->figures, &figures);
	append_process(&metrics, &figures.usage, request->figures->began_wall_ms);
}
