/* SPDX-License-Identifier: MIT */
/* The whole terminal; see fullscreen.h. Main thread; the handler only sets a flag. */
#include "cli/fullscreen.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

/* The other screen, no cursor, no wrapping of lines that are too long; and back. */
#define ENTER "\033[?1049h\033[?25l\033[?7l"
#define LEAVE "\033[?7h\033[?25h\033[?1049l"

#define ESCAPE 27

static volatile sig_atomic_t suspend_is_wanted;

static void
note(int number)
{
	(void)number;
	suspend_is_wanted = 1;
}

static void
catch_suspend(bool is_caught)
{
	struct sigaction old, action = { .sa_handler = is_caught ? note : SIG_DFL };

	if (sigaction(SIGTSTP, NULL, &old) == 0 && old.sa_handler != SIG_IGN)
		(void)sigaction(SIGTSTP, &action, NULL);
}

void
fullscreen_enter(struct fullscreen *fullscreen)
{
	struct termios raw;

	catch_suspend(true);
	fullscreen->has_saved =
	    isatty(STDIN_FILENO) == 1 && tcgetattr(STDIN_FILENO, &fullscreen->saved) == 0;
	if (fullscreen->has_saved) {
		raw = fullscreen->saved;
		/* Signals are still made of Ctrl-C and Ctrl-Z. */
		raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
		raw.c_cc[VMIN] = 0;
		raw.c_cc[VTIME] = 0;
		fullscreen->has_saved = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
	}
	fputs(ENTER, stdout);
	fflush(stdout);
}

void
fullscreen_leave(struct fullscreen *fullscreen)
{
	fputs(LEAVE, stdout);
	fflush(stdout);
	if (fullscreen->has_saved)
		(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &fullscreen->saved);
	fullscreen->has_saved = false;
	catch_suspend(false);
}

/* The next byte that was typed, or 0; it is not waited for. */
static char
next_byte(void)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	char byte;

	if (poll(&input, 1, 0) <= 0 || read(STDIN_FILENO, &byte, 1) != 1)
		return 0;
	return byte;
}

/* The rest of what a special key sends: ESC [ numbers and a letter, or ESC and a letter or two. */
static void
drop_sequence(void)
{
	char byte = next_byte();

	if (byte == 'O')
		(void)next_byte();
	if (byte != '[')
		return;
	do
		byte = next_byte();
	while (byte != 0 && (byte < '@' || byte > '~'));
}

char
fullscreen_key(const struct fullscreen *fullscreen)
{
	char byte;

	if (!fullscreen->has_saved)
		return 0;
	while ((byte = next_byte()) == ESCAPE)
		drop_sequence();
	return byte;
}

bool
fullscreen_suspend(struct fullscreen *fullscreen)
{
	if (suspend_is_wanted == 0)
		return false;
	suspend_is_wanted = 0;
	fullscreen_leave(fullscreen);
	(void)raise(SIGSTOP);
	fullscreen_enter(fullscreen);
	return true;
}
