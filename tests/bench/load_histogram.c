/* SPDX-License-Identifier: MIT */
/*
 * Buckets: below 2,048 ns one for each value, above it 1,024 for each power of two.
 */
#include "load_histogram.h"

#include <math.h>
#include <stddef.h>

enum {
	PER_OCTAVE = 1024,
	OCTAVE_BITS = 10,
};

static size_t
bucket_of(int64_t ns)
{
	uint64_t value = ns > 0 ? (uint64_t)ns : 0;
	if (value < PER_OCTAVE)
		return (size_t)value;
	unsigned shift = 63U - (unsigned)__builtin_clzll(value) - OCTAVE_BITS;
	size_t bucket = shift * (size_t)PER_OCTAVE + (size_t)(value >> shift);
	return bucket < LOAD_HISTOGRAM_BUCKETS ? bucket : LOAD_HISTOGRAM_BUCKETS - 1;
}

static int64_t
middle_of(size_t bucket)
{
	if (bucket < (size_t)2 * PER_OCTAVE)
		return (int64_t)bucket;
	size_t shift = bucket / PER_OCTAVE - 1;
	return (int64_t)((bucket - shift * PER_OCTAVE) << shift) + ((int64_t)1 << (shift - 1));
}

void
load_histogram_record(struct load_histogram *histogram, int64_t ns)
{
	histogram->count[bucket_of(ns)]++;
	histogram->total++;
	if (ns > histogram->max_ns)
		histogram->max_ns = ns;
}

void
load_histogram_add(struct load_histogram *sum, const struct load_histogram *part)
{
	for (size_t i = 0; i < LOAD_HISTOGRAM_BUCKETS; i++)
		sum->count[i] += part->count[i];
	sum->total += part->total;
	if (part->max_ns > sum->max_ns)
		sum->max_ns = part->max_ns;
}

int64_t
load_histogram_quantile(const struct load_histogram *histogram, double share)
{
	uint64_t rank = (uint64_t)ceil(share * (double)histogram->total);
	uint64_t seen = 0;
	for (size_t i = 0; i < LOAD_HISTOGRAM_BUCKETS; i++) {
		seen += histogram->count[i];
		if (seen >= rank && seen > 0) {
			int64_t ns = middle_of(i);
			return ns < histogram->max_ns ? ns : histogram->max_ns;
		}
	}
	return 0;
}
