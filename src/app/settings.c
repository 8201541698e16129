/* SPDX-License-Identifier: MIT */
/* Settings to what the parts take; see settings.h. The main thread, before anything starts. */
#include "app/settings.h"

#include <inttypes.h>

#define MIB               (INT64_C(1) << 20)
#define HOUR_MS           INT64_C(3600000)
#define DISK_FREE_MIN_MIB 512
#define HOST_SHARE        4 /* one in so many fetches may be with one host */

struct kind_settings
settings_of_kinds(const struct conf *conf)
{
	return (struct kind_settings){
		.factorial = { .n_max = (uint64_t)conf->factorial_max_n },
		.fetch = {
			.allow_cidrs = (const char *const *)conf->fetch_allow.items,
			.allow_count = conf->fetch_allow.count,
			.deny_cidrs = (const char *const *)conf->fetch_deny.items,
			.deny_count = conf->fetch_deny.count,
			.user_agent = "taskqd/" TASKQ_VERSION,
			.connect_timeout_ms = (long)conf->fetch_connect_timeout_ms,
			.total_timeout_ms = (long)conf->fetch_total_timeout_ms,
			.body_max_bytes = (uint64_t)conf->fetch_max_bytes,
			.redirects_max = (long)conf->fetch_max_redirects,
			.in_flight_max = (unsigned)conf->fetch_in_flight_max,
			.per_host_max = settings_of_host_places(
			    conf, (unsigned)conf->fetch_in_flight_max),
		},
	};
}

unsigned
settings_of_host_places(const struct conf *conf, unsigned in_flight)
{
	if (conf->fetch_per_host_max > 0)
		return (unsigned)conf->fetch_per_host_max;
	return in_flight > HOST_SHARE ? in_flight / HOST_SHARE : 1;
}

enum status
settings_of_terms(const struct conf *conf, struct task_terms *ret_terms, struct error *error)
{
	if (conf->retry_backoff_max_ms < conf->retry_backoff_ms)
		return error_set(error, STATUS_INVALID,
		    "retry-backoff-max-ms is %" PRId64
		    ", expected at least retry-backoff-ms, which is %" PRId64,
		    conf->retry_backoff_max_ms, conf->retry_backoff_ms);
	*ret_terms = (struct task_terms){
		.priority = TASK_PRIORITY_DEFAULT,
		.max_attempts = (int)conf->attempts_max,
		.backoff_ms = conf->retry_backoff_ms,
		.max_backoff_ms = conf->retry_backoff_max_ms,
	};
	return STATUS_OK;
}

struct store_retention
settings_of_retention(const struct conf *conf, uint64_t disk_bytes)
{
	/* The other half is for the log, free pages, what waits, backups, and other programs. */
	uint64_t half = disk_bytes < INT64_MAX ? disk_bytes / 2 : INT64_MAX;

	return (struct store_retention){
		.succeeded_ms = conf->keep_succeeded_hours * HOUR_MS,
		.failed_ms = conf->keep_failed_hours * HOUR_MS,
		.tasks_max = conf->keep_tasks_max,
		.bytes_max = conf->keep_max_mib > 0 ? conf->keep_max_mib * MIB : (int64_t)half,
	};
}

uint64_t
settings_of_disk_free(const struct conf *conf, uint64_t disk_bytes)
{
	uint64_t share = disk_bytes / 20;
	uint64_t most = (uint64_t)DISK_FREE_MIN_MIB * MIB;

	if (conf->disk_free_min_mib > 0)
		return (uint64_t)(conf->disk_free_min_mib * MIB);
	return share < most ? share : most;
}
