/* SPDX-License-Identifier: MIT */
/*
 * Formats a log line on the caller's stack and hands it to the kernel with one write(2), so that
 * lines of different threads never mix. Any thread; allocates nothing, takes no lock, keeps errno.
 * The level and the lines that were lost are two of the three mutable globals of the program.
 */
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

#define LINE_MAX_BYTES     2048
#define READER_PATIENCE_MS 100

/* What ends a line that was cut: the quote that may be open, the mark, and the newline. */
#define CUT_MARK   " cut=yes"
#define TAIL_BYTES (1 + sizeof(CUT_MARK) - 1 + 1)

struct line {
	char text[LINE_MAX_BYTES];
	size_t size;
	bool is_cut;
};

static atomic_int log_level = LOG_LEVEL_INFO;
static atomic_uint lost_lines;

void
log_set_level(enum log_level level)
{
	atomic_store_explicit(&log_level, (int)level, memory_order_relaxed);
}

bool
log_is_enabled(enum log_level level)
{
	return (int)level <= atomic_load_explicit(&log_level, memory_order_relaxed);
}

static const char *
level_name(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERROR:
		return "error";
	case LOG_LEVEL_WARN:
		return "warn";
	case LOG_LEVEL_INFO:
		return "info";
	case LOG_LEVEL_DEBUG:
		return "debug";
	}
	return "?";
}

/* All or nothing, so that a cut never splits an escape. After the first cut nothing is added. */
static void
line_add(struct line *line, const char *data, size_t size)
{
	if (line->is_cut || size > sizeof(line->text) - TAIL_BYTES - line->size) {
		line->is_cut = true;
		return;
	}
	memcpy(line->text + line->size, data, size);
	line->size += size;
}

static bool
byte_is_plain(unsigned char byte)
{
	return byte > ' ' && byte < 0x7f && byte != '"' && byte != '\\' && byte != '=';
}

static bool
value_is_plain(const char *value)
{
	if (*value == '\0')
		return false;
	for (; *value != '\0'; value++) {
		if (!byte_is_plain((unsigned char)*value))
			return false;
	}
	return true;
}

static void
line_add_quoted(struct line *line, const char *value)
{
	/* Bytes beyond ASCII are escaped as well: a terminal obeys some of them. */
	static const char digits[] = "0123456789abcdef";

	line_add(line, "\"", 1);
	if (line->is_cut)
		return;
	for (; *value != '\0' && !line->is_cut; value++) {
		unsigned char byte = (unsigned char)*value;

		if (byte == '"' || byte == '\\') {
			line_add(line, (const char[]){ '\\', *value }, 2);
		} else if (byte == '\n') {
			line_add(line, "\\n", 2);
		} else if (byte < ' ' || byte >= 0x7f) {
			line_add(line,
			    (const char[]){ '\\', 'x', digits[byte >> 4], digits[byte & 15] }, 4);
		} else {
			line_add(line, value, 1);
		}
	}
	/* The closing quote has its place in the tail, so it always fits. */
	line->text[line->size++] = '"';
}

static void
line_add_pair(struct line *line, const char *key, const char *value)
{
	if (line->size > 0)
		line_add(line, " ", 1);
	line_add(line, key, strlen(key));
	line_add(line, "=", 1);
	if (value == NULL)
		line_add(line, "-", 1);
	else if (value_is_plain(value))
		line_add(line, value, strlen(value));
	else
		line_add_quoted(line, value);
}

/*
 * Whether standard error takes a line. A reader that stands still, such as a pager or a terminal
 * that was stopped, must not stop the service; one that is only slow is waited for, until it has
 * once been too slow. Where a pipe has room it is for 4,096 bytes at least, and so for the lines of
 * a few threads that ask at once.
 */
static bool
has_room(void)
{
	struct pollfd fd = { .fd = STDERR_FILENO, .events = POLLOUT };
	bool is_losing = atomic_load_explicit(&lost_lines, memory_order_relaxed) > 0;

	return poll(&fd, 1, is_losing ? 0 : READER_PATIENCE_MS) != 0;
}

/* Says how many lines were lost before the one that has room again. */
static void
tell_lost(void)
{
	unsigned lines = atomic_load_explicit(&lost_lines, memory_order_relaxed);

	if (lines == 0)
		return;
	lines = atomic_exchange_explicit(&lost_lines, 0, memory_order_relaxed);
	if (lines > 0)
		log_warn(LOG_EVENT("log_lost"), LOG_INT("lines", lines));
}

void
log_write(enum log_level level, const struct log_field *fields)
{
	char text[CLOCK_RFC3339_SIZE];
	struct line line;
	int saved_errno = errno;
	ssize_t written;

	if (!log_is_enabled(level))
		return;
	if (!has_room()) {
		atomic_fetch_add_explicit(&lost_lines, 1, memory_order_relaxed);
		errno = saved_errno;
		return;
	}
	tell_lost();
	line.size = 0;
	line.is_cut = false;
	clock_format_rfc3339(clock_wall_ms(), text);
	line_add_pair(&line, "ts", text);
	line_add_pair(&line, "level", level_name(level));
	for (; fields->type != LOG_FIELD_END && !line.is_cut; fields++) {
		if (fields->type == LOG_FIELD_INT) {
			snprintf(text, sizeof(text), "%" PRId64, fields->num);
			line_add_pair(&line, fields->key, text);
		} else {
			line_add_pair(&line, fields->key, fields->str);
		}
	}
	if (line.is_cut) {
		memcpy(line.text + line.size, CUT_MARK, sizeof(CUT_MARK) - 1);
		line.size += sizeof(CUT_MARK) - 1;
	}
	line.text[line.size++] = '\n';
	/* Where standard error cannot take it there is nobody left to tell. */
	do
		written = write(STDERR_FILENO, line.text, line.size);
	while (written < 0 && errno == EINTR);
	errno = saved_errno;
}
