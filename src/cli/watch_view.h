/* SPDX-License-Identifier: MIT */
/*
 * What the live view shows, drawn as one frame. Main thread.
 */
#ifndef TASKQ_CLI_WATCH_VIEW_H
#define TASKQ_CLI_WATCH_VIEW_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "cli/figures.h"
#include "cli/ink.h"

#define WATCH_SAMPLES 240

/* Tasks that ended per second, look by look: the latest over the oldest. */
struct watch_rates {
	double per_s[WATCH_SAMPLES];
	size_t count; /* of all there ever were */
};

struct watch_view {
	const char *url;
	json_t *stats; /* owned; what the figures are borrowed from */
	json_t *list;  /* owned */
	struct figures figures;
	struct watch_rates rates;
	int64_t looked_mono_ms;
	const char *filter; /* the statuses that the list is of; NULL: all */
	bool is_paused;
	struct error trouble; /* "": the latest look went well */
};

/**
 * watch_view_take - the figures of another look, which the view then owns; false where there are
 * none in it
 */
bool watch_view_take(struct watch_view *view, json_t *stats, int64_t now_mono_ms);
void watch_view_done(struct watch_view *view);

/**
 * watch_rates_add / watch_rates_at / watch_rates_most - `back` looks ago, 0 for the latest; the
 * most among the latest `count`
 */
void watch_rates_add(struct watch_rates *rates, double per_s);
double watch_rates_at(const struct watch_rates *rates, size_t back);
double watch_rates_most(const struct watch_rates *rates, size_t count);

/**
 * watch_view_draw - the whole frame
 * @out: a terminal
 */
void watch_view_draw(
    const struct ink *out, const struct watch_view *view, size_t columns, size_t rows);

#endif
