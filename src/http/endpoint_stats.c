/* SPDX-License-Identifier: MIT */
/*
 * GET /stats: the figures of the running service. Everything comes from memory and nothing waits,
 * so it is answered while the store is dead, the disk hangs, the service drains, and beyond the
 * connection limit.
 */
#include <string.h>

#include "http/http_endpoints.h"
#include "http/http_figures.h"
#include "http/json_text.h"

#define STATS_EXPECTED_BYTES 6144

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
	number(buf, ",\"busy\":", lane->busy);
	thousandths(buf, ",\"oldest_wait_s\":", lane->oldest_wait_ms);
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

/* A number that may not be known. */
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

/* Counts by failure code, those that there are. */
static void
append_codes(struct buf *buf, const char *before, const int64_t counts[FAILURE_COUNT])
{
	bool is_first = true;

	buf_text(buf, before);
	for (int i = FAILURE_NONE + 1; i < FAILURE_COUNT; i++) {
		if (counts[i] == 0)
			continue;
		buf_text(buf, is_first ? "\"" : ",\"");
		buf_text(buf, failure_word((enum failure)i));
		number(buf, "\":", counts[i]);
		is_first = false;
	}
	JSON_LITERAL(buf, "}");
}

static void
append_type(struct buf *buf, const struct type_stats *type)
{
	const struct store_type_stats *tasks = &type->tasks;

	json_text_string(buf, tasks->type, strlen(tasks->type));
	number(buf, ":{\"submitted\":", tasks->submitted);
	number(buf, ",\"answered\":", tasks->answered);
	number(buf, ",\"succeeded\":", tasks->succeeded);
	append_codes(buf, ",\"failed\":{", tasks->failed);
	append_codes(buf, ",\"rejected\":{", tasks->rejected);
	append_codes(buf, ",\"retried\":{", tasks->retried);
	JSON_LITERAL(buf, ",\"wait_ms\":");
	append_histogram(buf, &type->wait_us);
	JSON_LITERAL(buf, ",\"run_ms\":");
	append_histogram(buf, &type->run_us);
	JSON_LITERAL(buf, "}");
}

/* Of this program's kinds. What else there may be in the database does not happen any more. */
static void
append_types(struct buf *buf, const struct queue_stats *stats)
{
	JSON_LITERAL(buf, ",\"types\":{");
	for (size_t i = 0; i < stats->type_count && stats->types[i].is_kind; i++) {
		if (i > 0)
			JSON_LITERAL(buf, ",");
		append_type(buf, &stats->types[i]);
	}
	JSON_LITERAL(buf, "}");
}

static void
append_store(struct buf *buf, const struct queue_stats *stats)
{
	const struct store_stats *store = &stats->store;

	number(buf, ",\"store\":{\"commits\":", store->commit_us.count);
	number(buf, ",\"commands\":", store->commit_commands.sum);
	number(buf, ",\"commit_failures\":", store->commits_failed);
	JSON_LITERAL(buf, ",\"commit_ms\":");
	append_histogram(buf, &store->commit_us);
	number(buf, ",\"checkpoints\":", store->checkpoints);
	number(buf, ",\"database_bytes\":", store->database_bytes);
	number(buf, ",\"wal_bytes\":", store->wal_bytes);
	number(buf, ",\"result_files\":", store->result_files);
	number(buf, ",\"result_file_bytes\":", store->result_file_bytes);
	append_usage(buf, ",\"disk_free_bytes\":", stats->disk_free_bytes);
	number(buf, ",\"disk_free_min_bytes\":", stats->disk_free_min_bytes);
	JSON_LITERAL(buf, "}");
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
	struct service_figures figures;
	const struct queue_stats *stats = &figures.queue;
	struct buf *buf;

	http_figures_collect(request, &figures);
	buf = reply_json(&request->reply, 200, STATS_EXPECTED_BYTES);
	JSON_LITERAL(buf, "{\"version\":\"" TASKQ_VERSION "\"");
	thousandths(buf, ",\"uptime_s\":", figures.now_mono_ms - request->figures->began_mono_ms);
	append_tasks(buf, &stats->store.counts);
	append_kept(buf, stats);
	append_lane(buf, ",\"lanes\":{\"cpu\":", &stats->lanes[LANE_CPU]);
	append_lane(buf, ",\"io\":", &stats->lanes[LANE_IO]);
	JSON_LITERAL(buf, "}");
	append_hosts(buf, &stats->hosts);
	append_admission(buf, stats);
	append_types(buf, stats);
	append_store(buf, stats);
	number(buf, ",\"http\":{\"connections\":", figures.connections);
	number(buf, ",\"connections_max\":", figures.connections_max);
	number(buf, ",\"waiting\":", figures.waiting);
	number(buf, ",\"waiting_max\":", figures.waiting_max);
	number(buf, ",\"requests\":", figures.requests);
	JSON_LITERAL(buf, "}");
	append_process(buf, &figures.usage);
	JSON_LITERAL(buf, "}\n");
}
