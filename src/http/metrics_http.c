/* SPDX-License-Identifier: MIT */
/*
 * Metrics of the server. Routes are labelled by their pattern, never by a path: what clients ask
 * for makes no series.
 */
#include "http/metrics_parts.h"

#define OTHER "other"

static const char *const class_words[STATUS_CLASS_COUNT] = { "2xx", "3xx", "4xx", "5xx" };

/* Calls `append` for each route, requests without one at the end, and each class of statuses. */
static void
for_each(struct metrics *metrics, const struct http_figures *http,
    void (*append)(struct metrics *metrics, const struct metric_label *labels,
	const struct answer_figures *answers))
{
	static const char *const methods[] = {
		[METHOD_GET] = "GET",
		[METHOD_POST] = "POST",
		[METHOD_DELETE] = "DELETE",
	};
	size_t count;
	const struct route *routes = routes_table(&count);

	for (size_t i = 0; i <= count; i++) {
		const struct route *route = i < count ? &routes[i] : NULL;
		const char *method = route != NULL ? methods[route->method] : OTHER;
		const char *pattern = route != NULL ? route->pattern : OTHER;

		for (unsigned class_at = 0; class_at < STATUS_CLASS_COUNT; class_at++)
			append(metrics,
			    METRIC_LABELS({ "method", method }, { "route", pattern },
				{ "status", class_words[class_at] }),
			    http_figures_of(http, route, class_at + 2));
	}
}

static void
append_count(struct metrics *metrics, const struct metric_label *labels,
    const struct answer_figures *answers)
{
	metrics_sample(metrics, labels, http_figures_count(answers), METRIC_WHOLE);
}

/* Many routes never answer with some classes: their buckets would be most of all that is told. */
static void
append_times(struct metrics *metrics, const struct metric_label *labels,
    const struct answer_figures *answers)
{
	struct histogram_snapshot took_us;

	histogram_read(&answers->took_us, &took_us);
	if (took_us.count > 0)
		metrics_histogram(metrics, labels, &took_us, METRIC_FROM_US);
}

static int64_t
figure(const atomic_int_least64_t *figure)
{
	return atomic_load_explicit(figure, memory_order_relaxed);
}

static void
append_connections(
    struct metrics *metrics, const struct http_figures *http, const struct service_figures *figures)
{
	metrics_single(metrics, "taskq_http_connections", METRIC_GAUGE, "Open connections",
	    figures->connections, METRIC_WHOLE);
	metrics_single(metrics, "taskq_http_connections_limit", METRIC_GAUGE,
	    "Connections that are served at once", figures->connections_max, METRIC_WHOLE);
	metrics_single(metrics, "taskq_http_connections_accepted_total", METRIC_COUNTER,
	    "Connections accepted",
	    (int64_t)atomic_load_explicit(&http->accepted, memory_order_relaxed), METRIC_WHOLE);
	metrics_single(metrics, "taskq_http_connections_refused_total", METRIC_COUNTER,
	    "Requests refused because their connection came beyond the limit",
	    figure(&http->refused), METRIC_WHOLE);
	metrics_single(metrics, "taskq_http_waiting_requests", METRIC_GAUGE,
	    "Requests that wait for a task to end, or follow one", figures->waiting, METRIC_WHOLE);
	metrics_single(metrics, "taskq_http_waiting_requests_limit", METRIC_GAUGE,
	    "Requests that may wait for tasks at once, or follow them", figures->waiting_max,
	    METRIC_WHOLE);
	metrics_single(metrics, "taskq_http_requests_dropped_total", METRIC_COUNTER,
	    "Requests whose connection was ended without an answer", figure(&http->dropped),
	    METRIC_WHOLE);
}

void
metrics_of_http(
    struct metrics *metrics, const struct http_figures *http, const struct service_figures *figures)
{
	metrics_family(metrics, "taskq_http_responses_total", METRIC_COUNTER,
	    "Answers given, by route and class of their status");
	for_each(metrics, http, append_count);
	metrics_family(metrics, "taskq_http_response_seconds", METRIC_HISTOGRAM,
	    "From the end of a request's header to its answer, for those that did not wait for a task");
	for_each(metrics, http, append_times);
	append_connections(metrics, http, figures);
}
