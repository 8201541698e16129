/* SPDX-License-Identifier: MIT */
/* The checks, one function each; see queue_checks.h. Pure. */
#include "queue/queue_checks.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/compiler.h"

#define MIB INT64_C(1048576)

static void detail(struct queue_check *check, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void
detail(struct queue_check *check, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (vsnprintf(check->detail, sizeof(check->detail), fmt, ap) < 0)
		check->detail[0] = '\0';
	va_end(ap);
}

static void
check_shutdown(struct queue_check *check, const struct queue_stats *stats)
{
	if (!stats->draining)
		return;
	check->reason = refusal_word(REFUSAL_DRAINING);
	detail(check, "the service is shutting down");
}

static void
check_disk(struct queue_check *check, const struct queue_stats *stats)
{
	if (stats->disk_low)
		check->reason = refusal_word(REFUSAL_DISK_LOW);
	if (stats->disk_free_bytes >= 0)
		detail(check, "%lld MiB free, at least %lld MiB are kept free",
		    (long long)(stats->disk_free_bytes / MIB),
		    (long long)(stats->disk_free_min_bytes / MIB));
}

static long long
count_waiting(const struct lane_stats *lane)
{
	int64_t count = lane->queued + lane->deferred;

	return count;
}

/* What admission refuses for beside the two above. */
static void
check_admission(struct queue_check *check, const struct queue_stats *stats)
{
	if (stats->admission != REFUSAL_NONE && stats->admission != REFUSAL_DISK_LOW &&
	    stats->admission != REFUSAL_DRAINING)
		check->reason = refusal_word(stats->admission);
	detail(check, "%lld wait in the cpu lane and %lld in the io lane, of %lld that may",
	    count_waiting(&stats->lanes[LANE_CPU]), count_waiting(&stats->lanes[LANE_IO]),
	    (long long)stats->waiting_max);
}

static void
check_store(struct queue_check *check, const struct queue_stats *stats, int64_t now_mono_ms)
{
	int64_t failed_ms = now_mono_ms - stats->store.failed_mono_ms;

	if (stats->store.failed_mono_ms == 0 || failed_ms >= QUEUE_CHECK_FAILURE_MS)
		return;
	check->reason = "store_failing";
	detail(check, "a commit failed %lld ms ago; the log says why", (long long)failed_ms);
}

/* For a thread that has been late for a while. */
static void
check_late(struct queue_check *check, int64_t late_ms, const char *reason)
{
	if (late_ms < QUEUE_CHECK_STALLED_MS)
		return;
	check->reason = reason;
	detail(check, "it has been stuck for %lld s", (long long)(late_ms / 1000));
}

void
queue_checks(const struct queue_stats *stats, int64_t now_mono_ms,
    struct queue_check ret_checks[QUEUE_CHECK_COUNT])
{
	static const char *const names[QUEUE_CHECK_COUNT] = {
		[QUEUE_CHECK_SHUTDOWN] = "shutdown",
		[QUEUE_CHECK_DISK] = "disk",
		[QUEUE_CHECK_ADMISSION] = "admission",
		[QUEUE_CHECK_STORE] = "store",
		[QUEUE_CHECK_COMMITTER] = "committer",
		[QUEUE_CHECK_FETCH_ENGINE] = "fetch_engine",
	};

	for (size_t i = 0; i < QUEUE_CHECK_COUNT; i++)
		ret_checks[i] = (struct queue_check){ .name = names[i] };
	check_shutdown(&ret_checks[QUEUE_CHECK_SHUTDOWN], stats);
	check_disk(&ret_checks[QUEUE_CHECK_DISK], stats);
	check_admission(&ret_checks[QUEUE_CHECK_ADMISSION], stats);
	check_store(&ret_checks[QUEUE_CHECK_STORE], stats, now_mono_ms);
	check_late(
	    &ret_checks[QUEUE_CHECK_COMMITTER], stats->store.writer_late_ms, "committer_stalled");
	check_late(
	    &ret_checks[QUEUE_CHECK_FETCH_ENGINE], stats->engine_late_ms, "fetch_engine_stalled");
}
