/* SPDX-License-Identifier: MIT */
/*
 * Logging: one line per event on standard error, `key=value` pairs, values quoted and escaped where
 * they are not plain, so that no input can forge a line. Any thread. One write(2) per line.
 * Never pass bodies, query strings, user names of URLs or credentials.
 *
 *	log_info(LOG_EVENT("listening"), LOG_STR("address", text), LOG_INT("port", 18991));
 *	-> ts=2026-01-02T03:04:05.678Z level=info event=listening address=127.0.0.1 port=18991
 */
#ifndef TASKQ_BASE_LOG_H
#define TASKQ_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARN,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};

enum log_field_type {
	LOG_FIELD_END,
	LOG_FIELD_STR,
	LOG_FIELD_INT,
};

struct log_field {
	enum log_field_type type;
	const char *key;
	const char *str; /* NULL prints as "-" */
	int64_t num;
};

#define LOG_STR(k, v)   ((struct log_field){ LOG_FIELD_STR, (k), (v), 0 })
#define LOG_INT(k, v)   ((struct log_field){ LOG_FIELD_INT, (k), NULL, (int64_t)(v) })
#define LOG_EVENT(name) LOG_STR("event", name)
#define LOG_ERROR(e)    LOG_STR("error", (e)->text)
#define LOG_FIELDS(...) \
	((const struct log_field[]){ __VA_ARGS__, { LOG_FIELD_END, NULL, NULL, 0 } })

#define log_error(...) log_write(LOG_LEVEL_ERROR, LOG_FIELDS(__VA_ARGS__))
#define log_warn(...)  log_write(LOG_LEVEL_WARN, LOG_FIELDS(__VA_ARGS__))
#define log_info(...)  log_write(LOG_LEVEL_INFO, LOG_FIELDS(__VA_ARGS__))
/* The guard keeps the fields from being evaluated when nobody reads them. */
#define log_debug(...)                                                       \
	do {                                                                 \
		if (log_is_enabled(LOG_LEVEL_DEBUG))                         \
			log_write(LOG_LEVEL_DEBUG, LOG_FIELDS(__VA_ARGS__)); \
	} while (0)

/**
 * log_set_level - the least severe level that is still written; process-wide, any thread
 */
void log_set_level(enum log_level level);

bool log_is_enabled(enum log_level level);

/**
 * log_write - write one line; fields end with LOG_FIELD_END. A line is cut at 2,048 bytes.
 */
void log_write(enum log_level level, const struct log_field *fields);

#endif
