/* SPDX-License-Identifier: MIT */
/*
 * One line of progress at the bottom of a terminal; nothing at all where there is none, or where
 * quiet was asked for. Main thread.
 */
#ifndef TASKQ_CLI_PROGRESS_H
#define TASKQ_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/screen.h"

#define PROGRESS_NO_SHARE      (-1.0) /* something goes on, and nobody knows how far it is */
#define PROGRESS_NOTHING_GOING (-2.0) /* it waits */

struct progress {
	struct screen *screen;
	int64_t began_mono_ms;
	int64_t drawn_mono_ms; /* 0: not yet */
	/* How far it was when that was first known, for what is still to come. */
	int64_t share_began_mono_ms;
	double share_began;
};

void progress_begin(struct progress *progress, struct screen *screen);

/**
 * progress_again - the share starts from the beginning: another attempt, another thing
 */
void progress_again(struct progress *progress);

/**
 * progress_show - draw, at most ten times a second
 * @label:  a word in the colour of `paint`
 * @share:  0 to 1, or one of the two above
 * @fmt:    what stands behind the bar
 * A share that grows is followed by an estimate of the time that is left.
 */
void progress_show(struct progress *progress, const char *label, enum paint paint, double share,
    const char *fmt, ...) PRINTF_LIKE(5, 6);

/**
 * progress_show_pause - a try that failed, and when the next one is made
 * @arg: a struct progress; it is the pausing of a struct client_watcher
 */
void progress_show_pause(void *arg, const char *why, int64_t left_ms);

/**
 * progress_left_ms - the time that is left if it goes on as so far; -1 where that would be guessing
 */
int64_t progress_left_ms(const struct progress *progress, double share, int64_t now_mono_ms);

/**
 * progress_end - take the line away
 */
void progress_end(struct progress *progress);

#endif
