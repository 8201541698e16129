/* SPDX-License-Identifier: MIT */
/*
 * The whole terminal, for a live view: its other screen, no cursor, keys as they are pressed; and
 * back as it was, also for the time that the user puts the program aside (Ctrl-Z). Main thread.
 */
#ifndef TASKQ_CLI_FULLSCREEN_H
#define TASKQ_CLI_FULLSCREEN_H

#include <stdbool.h>
#include <termios.h>

struct fullscreen {
	struct termios saved;
	bool has_saved; /* standard input is a terminal whose keys come at once now */
};

void fullscreen_enter(struct fullscreen *fullscreen);
void fullscreen_leave(struct fullscreen *fullscreen);

/**
 * fullscreen_key - a key that was pressed, or 0; does not block
 * Sequences of special keys, such as arrows, are dropped.
 */
char fullscreen_key(const struct fullscreen *fullscreen);

/**
 * fullscreen_suspend - where Ctrl-Z was pressed: give the terminal back, stop, and take it again
 * when continued. Returns whether that happened: then everything is to be drawn again.
 */
bool fullscreen_suspend(struct fullscreen *fullscreen);

#endif
