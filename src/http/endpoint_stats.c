/* SPDX-License-Identifier: MIT */
/*
 * GET /stats: the figures of the running service. Everything comes from memory and nothing waits,
 * so it is answered while the store is dead, the disk hangs, the service drains, and beyond the
 * connection limit.
 */
#include "base/clock.h"
#include "http/http_endpoints.h"
#include "http/http_figures.h"
#include "http/json_text.h"
#include "queue/queue.h"

#define STATS_EXPECTED_BYTES 2048

/* A number after what stands before it: punctuation and its name. */
static void
number(struct buf *buf, const char *before, int64_t value)
{
	buf_text(buf, before);
	json_text_int(buf, value);
}

/* The same for a number that is kept in thousandths. */
static void
thousandths(struct buf *buf, const char *before, int64_t value)
{
	buf_text(buf, before);
	json_text_thousandths(buf, value);
}

static void
append_tasks(struct buf *buf, const struct store_counts *counts)
{
	for (int i = 0; i < TASK_STATE_COUNT; i++) {
		buf_text(buf, i == 0 ? ",\"tasks\":{\"" : ",\"");
		buf_text(buf, task_state_name((enum task_state)i));
		number(buf, "\":", counts->by_state[i]);
	}
	JSON_LITERAL(buf, "}");
}

/* What is completed. */
static void
append_kept(struct buf *buf, const struct queue_stats *stats)
{
	number(buf, ",\"kept\":{\"bytes\":", stats->store.counts.kept_bytes);
	if (stats->kept_bytes_max > 0)
		number(buf, ",\"bytes_max\":", stats->kept_bytes_max);
	else
		JSON_LITERAL(buf, ",\"bytes_max\":null");
	number(buf, ",\"purged\":", stats->purged);
	number(buf, ",\"purged_early\":", stats->purged_early);
	JSON_LITERAL(buf, "}");
}

static void
append_lane(struct buf *buf, const char *before, const struct lane_stats *lane)
{
	buf_text(buf, before);
	number(buf, "{\"queued\":", lane->queued);
	number(buf, ",\"scheduled\":", lane->scheduled);
	number(buf, ",\"deferred\":", lane->deferred);
	number(buf, ",\"running\":", lane->running);
	number(buf, ",\"slots\":", lane->slots);
	thousandths(buf, ",\"drained_per_s\":", lane->drained_per_1000_s);
	if (lane->wait_ms >= 0)
		thousandths(buf, ",\"wait_s\":", lane->wait_ms);
	else
		JSON_LITERAL(buf, ",\"wait_s\":null");
	JSON_LITERAL(buf, "}");
}

static void
append_hosts(struct buf *buf, const struct hosts_stats *hosts)
{
	number(buf, ",\"hosts\":{\"known\":", hosts->known);
	number(buf, ",\"paused\":", hosts->paused);
	number(buf, ",\"deferring\":", hosts->deferring);
	number(buf, ",\"pauses\":", hosts->pauses);
	number(buf, ",\"deferrals\":", hosts->deferrals);
	JSON_LITERAL(buf, "}");
}

static void
append_admission(struct buf *buf, const struct queue_stats *stats)
{
	JSON_LITERAL(buf, ",\"admission\":{\"state\":\"");
	buf_text(buf, refusal_word(stats->admission));
	number(buf, "\",\"waiting_max\":", stats->waiting_max);
	number(buf, ",\"wait_max_s\":", stats->wait_max_s);
	number(buf, ",\"scheduled_max\":", stats->held_max);
	for (int i = REFUSAL_NONE + 1; i < REFUSAL_COUNT; i++) {
		buf_text(buf, i == REFUSAL_NONE + 1 ? ",\"refused\":{\"" : ",\"");
		buf_text(buf, refusal_word((enum refusal)i));
		number(buf, "\":", stats->refused[i]);
	}
	JSON_LITERAL(buf, "}}");
}

/* Of a time in microseconds as milliseconds. JSON has no infinity: the last bound is null. */
static void
append_histogram(struct buf *buf, const struct histogram_snapshot *us)
{
	number(buf, "{\"count\":", us->count);
	thousandths(buf, ",\"sum\":", us->sum);
	JSON_LITERAL(buf, ",\"buckets\":[");
	for (size_t i = 0; i < us->bound_count; i++) {
		thousandths(buf, "{\"le\":", us->bounds[i]);
		number(buf, ",\"count\":", us->cumulative[i]);
		JSON_LITERAL(buf, "},");
	}
	number(buf, "{\"le\":null,\"count\":", us->count);
	JSON_LITERAL(buf, "}]}");
}

static void
append_store(struct buf *buf, const struct store_stats *store)
{
	number(buf, ",\"store\":{\"commits\":", store->commit_us.count);
	number(buf, ",\"commands\":", store->commit_commands.sum);
	JSON_LITERAL(buf, ",\"commit_ms\":");
	append_histogram(buf, &store->commit_us);
	number(buf, ",\"checkpoints\":", store->checkpoints);
	number(buf, ",\"database_bytes\":", store->database_bytes);
	number(buf, ",\"wal_bytes\":", store->wal_bytes);
	JSON_LITERAL(buf, "}");
}

static void
append_usage(struct buf *buf, const char *before, int64_t value)
{
	if (value != PROCESS_USAGE_UNKNOWN) {
		number(buf, before, value);
		return;
	}
	buf_text(buf, before);
	JSON_LITERAL(buf, "null");
}

static void
append_process(struct buf *buf, const struct process_usage *usage)
{
	append_usage(buf, ",\"process\":{\"rss_bytes\":", usage->rss_bytes);
	append_usage(buf, ",\"descriptors\":", usage->descriptors);
	append_usage(buf, ",\"threads\":", usage->threads);
	if (usage->cpu_us != PROCESS_USAGE_UNKNOWN)
		thousandths(buf, ",\"cpu_s\":", usage->cpu_us / 1000);
	else
		JSON_LITERAL(buf, ",\"cpu_s\":null");
	JSON_LITERAL(buf, "}");
}

void
endpoint_stats(struct request *request)
{
	struct http_figures *figures = request->figures;
	int64_t now_ms = clock_mono_ms();
	struct queue_stats stats;
	struct process_usage usage;
	struct buf *buf;

	queue_stats(request->queue, &stats);
	http_figures_usage(figures, now_ms, &usage);
	buf = reply_json(&request->reply, 200, STATS_EXPECTED_BYTES);
	JSON_LITERAL(buf, "{\"version\":\"" TASKQ_VERSION "\"");
	thousandths(buf, ",\"uptime_s\":", now_ms - figures->began_mono_ms);
	append_tasks(buf, &stats.store.counts);
	append_kept(buf, &stats);
	append_lane(buf, ",\"lanes\":{\"cpu\":", &stats.lanes[LANE_CPU]);
	append_lane(buf, ",\"io\":", &stats.lanes[LANE_IO]);
	JSON_LITERAL(buf, "}");
	append_hosts(buf, &stats.hosts);
	append_admission(buf, &stats);
	append_store(buf, &stats.store);
	number(buf, ",\"http\":{\"connections\":", connections_count(figures->connections));
	number(buf, ",\"connections_max\":", request->conf->connections_max);
	number(buf, ",\"waiting\":", connections_waiting(figures->connections));
	number(buf, ",\"waiting_max\":", request->conf->waiting_max);
	number(
	    buf, ",\"requests\":", atomic_load_explicit(&figures->requests, memory_order_relaxed));
	JSON_LITERAL(buf, "}");
	append_process(buf, &usage);
	JSON_LITERAL(buf, "}\n");
}
