/* SPDX-License-Identifier: MIT */
/*
 * What figures did over the last minutes and hours, in bounded memory: a row for each second of the
 * last ten minutes and one for each minute of the last day. A row tells what happened in its time,
 * not what had happened by then, so rows can be drawn as they are. One thread adds, any thread
 * reads.
 */
#ifndef TASKQ_BASE_CHRONICLE_H
#define TASKQ_BASE_CHRONICLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/histogram.h"
#include "base/status.h"

#define CHRONICLE_UNKNOWN     (-1)
#define CHRONICLE_QUANTILES   3 /* of each latency: half, 95 and 99 of a hundred */
#define CHRONICLE_SECONDS_MAX 600
#define CHRONICLE_MINUTES_MAX 1440

enum chronicle_tier {
	CHRONICLE_SECONDS,
	CHRONICLE_MINUTES,
};

#define CHRONICLE_TIER_COUNT 2

/* How many figures of each sort there are. A row has the values of all, in this order. */
struct chronicle_shape {
	size_t counters;  /* only grow; a row has by how much */
	size_t peaks;     /* go up and down; a row has the most that was seen */
	size_t means;     /* likewise; a row has the mean of what was seen */
	size_t latencies; /* histograms; a row has CHRONICLE_QUANTILES for each, or UNKNOWN */
};

/* All figures as they are at one moment; arrays of as many as the shape has. */
struct chronicle_moment {
	int64_t at_ms; /* by the service's clock */
	const int64_t *counters;
	const int64_t *peaks;
	const int64_t *means;
	const struct histogram_snapshot *latencies;
};

/* Rows, the oldest first. */
struct chronicle_rows {
	size_t count;
	size_t width;    /* values in each */
	int64_t *at_ms;  /* when each ended; an array of `count` */
	int64_t *values; /* the rows, one after the other */
};

struct chronicle;

/**
 * chronicle_new - an empty chronicle; chronicle_free takes NULL too
 */
enum status chronicle_new(const struct chronicle_shape *shape, struct chronicle **ret_chronicle,
    struct error *error) NODISCARD;
void chronicle_free(struct chronicle *chronicle);

/**
 * chronicle_width - values in a row
 */
size_t chronicle_width(const struct chronicle_shape *shape);

/**
 * chronicle_add - note how things are: once a second, by one thread
 * Ends the row of the second, and that of the minute where this is another minute than the last.
 */
void chronicle_add(struct chronicle *chronicle, const struct chronicle_moment *moment);

/**
 * chronicle_read - copy the newest rows; any thread
 * @after_ms: only those that ended later
 * @rows_max: at most so many
 * @ret_rows: the caller's to chronicle_rows_done
 * Returns OK, NOMEM.
 */
enum status chronicle_read(struct chronicle *chronicle, enum chronicle_tier tier, int64_t after_ms,
    size_t rows_max, struct chronicle_rows *ret_rows, struct error *error) NODISCARD;
void chronicle_rows_done(struct chronicle_rows *rows);

/**
 * chronicle_step_s / chronicle_rows_max - seconds from row to row, and how many rows are kept
 */
int64_t chronicle_step_s(enum chronicle_tier tier);
size_t chronicle_rows_max(enum chronicle_tier tier);

#endif
