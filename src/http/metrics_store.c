/* SPDX-License-Identifier: MIT */
/* Metrics of the store and the disk that it lies on. */
#include "http/metrics_parts.h"

static void
append_commits(struct metrics *metrics, const struct store_stats *store)
{
	metrics_family(metrics, "taskq_store_commit_seconds", METRIC_HISTOGRAM,
	    "How long commits took that wrote something, with their flush to disk");
	metrics_histogram(metrics, NULL, &store->commit_us, METRIC_FROM_US);
	metrics_family(metrics, "taskq_store_commit_commands", METRIC_HISTOGRAM,
	    "Commands that shared a commit: submissions, batches of claims or completions");
	metrics_histogram(metrics, NULL, &store->commit_commands, METRIC_WHOLE);
	metrics_single(metrics, "taskq_store_commit_failures_total", METRIC_COUNTER,
	    "Transactions that came to nothing for want of space, I/O errors or a lock",
	    store->commits_failed, METRIC_WHOLE);
	metrics_family(metrics, "taskq_store_checkpoint_seconds", METRIC_HISTOGRAM,
	    "How long it took to fold the log into the database, whether it succeeded or not");
	metrics_histogram(metrics, NULL, &store->checkpoint_us, METRIC_FROM_US);
	metrics_single(metrics, "taskq_store_checkpoints_total", METRIC_COUNTER,
	    "Checkpoints that succeeded", store->checkpoints, METRIC_WHOLE);
}

static void
append_sizes(struct metrics *metrics, const struct queue_stats *stats)
{
	const struct store_stats *store = &stats->store;

	metrics_single(metrics, "taskq_store_database_bytes", METRIC_GAUGE,
	    "Size of the database's file as of the latest checkpoint", store->database_bytes,
	    METRIC_WHOLE);
	metrics_single(metrics, "taskq_store_wal_bytes", METRIC_GAUGE, "Size of the database's log",
	    store->wal_bytes, METRIC_WHOLE);
	metrics_single(metrics, "taskq_store_result_files", METRIC_GAUGE,
	    "Results that are kept in files of their own", store->result_files, METRIC_WHOLE);
	metrics_single(metrics, "taskq_store_result_file_bytes", METRIC_GAUGE,
	    "Size of those files together", store->result_file_bytes, METRIC_WHOLE);
	metrics_single(metrics, "taskq_store_kept_bytes", METRIC_GAUGE,
	    "What completed tasks take, in the database and in files", store->counts.kept_bytes,
	    METRIC_WHOLE);
	if (stats->kept_bytes_max > 0)
		metrics_single(metrics, "taskq_store_kept_bytes_limit", METRIC_GAUGE,
		    "What they may take before the oldest are deleted", stats->kept_bytes_max,
		    METRIC_WHOLE);
	metrics_single(metrics, "taskq_store_schema_version", METRIC_GAUGE,
	    "Version of the database's schema", store->schema_version, METRIC_WHOLE);
}

void
metrics_of_store(struct metrics *metrics, const struct queue_stats *stats)
{
	append_commits(metrics, &stats->store);
	append_sizes(metrics, stats);
	if (stats->disk_free_bytes >= 0)
		metrics_single(metrics, "taskq_disk_free_bytes", METRIC_GAUGE,
		    "Free space of the file system with the data directory, as of a second ago",
		    stats->disk_free_bytes, METRIC_WHOLE);
	metrics_single(metrics, "taskq_disk_free_min_bytes", METRIC_GAUGE,
	    "Free space below which submissions are refused", stats->disk_free_min_bytes,
	    METRIC_WHOLE);
}
