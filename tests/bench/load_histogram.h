/* SPDX-License-Identifier: MIT */
/*
 * Latencies in buckets of 0.1 % width, from 1 ns to 18 minutes: percentiles of any number of
 * samples in a fixed size. One thread writes; histograms are added up when their threads have
 * ended.
 */
#ifndef TASKQ_TESTS_BENCH_LOAD_RUN_HISTOGRAM_H
#define TASKQ_TESTS_BENCH_LOAD_RUN_HISTOGRAM_H

#include <stdint.h>

#define LOAD_HISTOGRAM_BUCKETS (32 * 1024)

struct load_histogram {
	uint64_t total;
	int64_t max_ns;
	uint64_t count[LOAD_HISTOGRAM_BUCKETS];
};

void load_histogram_record(struct load_histogram *histogram, int64_t ns);
void load_histogram_add(struct load_histogram *sum, const struct load_histogram *part);

/**
 * load_histogram_quantile - the smallest value that at least `share` of the samples do not exceed
 * @share: above 0, at most 1
 * Returns nanoseconds, at most 0.1 % off; 0 without samples.
 */
int64_t load_histogram_quantile(const struct load_histogram *histogram, double share);

#endif
