/* SPDX-License-Identifier: MIT */
/*
 * Writing Prometheus's text format, version 0.0.4 (prometheus.io/docs/instrumenting/
 * exposition_formats): families with help and type, samples with labels. Everything appends to a
 * struct buf; failures stick there. Pure, any thread.
 */
#ifndef TASKQ_HTTP_METRICS_TEXT_H
#define TASKQ_HTTP_METRICS_TEXT_H

#include <stdint.h>

#include "base/buf.h"
#include "base/histogram.h"

enum metric_type {
	METRIC_COUNTER,
	METRIC_GAUGE,
	METRIC_HISTOGRAM,
};

/* A family in the making. */
struct metrics {
	struct buf *buf;
	const char *name; /* of the family that was begun last */
};

struct metric_label {
	const char *name; /* NULL ends a list */
	const char *value;
};

/* A list of labels: METRIC_LABELS({ "lane", "cpu" }). Without any, NULL. */
#define METRIC_LABELS(...) ((const struct metric_label[]){ __VA_ARGS__, { NULL, NULL } })

/* Bytes of a value that are shown at most. */
#define METRIC_VALUE_SIZE 128

/* How many of what is measured make a base unit. */
#define METRIC_WHOLE   1
#define METRIC_FROM_MS 1000
#define METRIC_FROM_US 1000000

/**
 * metrics_family - begin a family; all of its samples follow
 * @name: static storage, as is @help, one sentence without a full stop
 */
void metrics_family(
    struct metrics *metrics, const char *name, enum metric_type type, const char *help);

/**
 * metrics_sample - one value of the family
 * @labels:   or NULL; values are escaped and may be any text
 * @per_unit: METRIC_WHOLE, or what to divide by; the decimals are exact
 */
void metrics_sample(
    struct metrics *metrics, const struct metric_label *labels, int64_t value, int64_t per_unit);

/**
 * metrics_histogram - the buckets, sum and count of a histogram of the family
 */
void metrics_histogram(struct metrics *metrics, const struct metric_label *labels,
    const struct histogram_snapshot *snapshot, int64_t per_unit);

/**
 * metrics_single - a family of one sample without labels
 */
void metrics_single(struct metrics *metrics, const char *name, enum metric_type type,
    const char *help, int64_t value, int64_t per_unit);

#endif
