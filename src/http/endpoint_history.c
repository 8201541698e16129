/* SPDX-License-Identifier: MIT */
/*
 * GET /stats/history: what the figures did over the last minutes or hours, column by column. From
 * memory, like /stats, and answered wherever that is.
 */
#include <string.h>

#include "base/compiler.h"
#include "base/num.h"
#include "http/http_endpoints.h"
#include "http/http_figures.h"
#include "http/http_history.h"
#include "http/json_text.h"
#include "kinds/kind.h"
#include "queue/queue.h"

#define AROUND_EXPECTED_BYTES 2048
#define NUMBER_EXPECTED_BYTES 3

struct history_query {
	enum chronicle_tier tier;
	int64_t after_ms;
	size_t rows_max;
};

/* Each reads a value. Returns whether it can be taken, and else says what can. */

static bool
read_step(struct history_query *query, uint64_t value, const char **ret_expected)
{
	*ret_expected = "1 or 60";
	if (value != (uint64_t)chronicle_step_s(CHRONICLE_SECONDS) &&
	    value != (uint64_t)chronicle_step_s(CHRONICLE_MINUTES))
		return false;
	query->tier = value == 1 ? CHRONICLE_SECONDS : CHRONICLE_MINUTES;
	return true;
}

static bool
read_after(struct history_query *query, uint64_t value, const char **ret_expected)
{
	*ret_expected = "a time in milliseconds since 1970, 0 to 9223372036854775807";
	query->after_ms = (int64_t)value;
	return value <= INT64_MAX;
}

static bool
read_limit(struct history_query *query, uint64_t value, const char **ret_expected)
{
	*ret_expected = "a whole number, 1 to 1440";
	query->rows_max = (size_t)value;
	return value >= 1 && value <= CHRONICLE_MINUTES_MAX;
}

static const struct parameter {
	const char *name;
	bool (*read)(struct history_query *query, uint64_t value, const char **ret_expected);
} parameters[] = {
	{ "step", read_step },
	{ "after_ms", read_after },
	{ "limit", read_limit },
};

static size_t
find(const char *name)
{
	size_t i = 0;

	while (i < ARRAY_SIZE(parameters) && strcmp(parameters[i].name, name) != 0)
		i++;
	return i;
}

/* Reads the query; where it cannot be taken, the reply says so. */
static bool
read_query(struct request *request, struct history_query *query)
{
	struct query_walk walk = { request->target.query };
	char name[TARGET_NAME_SIZE], value[TARGET_VALUE_SIZE];
	unsigned seen = 0;

	while (query_next(&walk, name, value)) {
		size_t index = find(name);
		const char *expected = "a whole number";
		uint64_t number = 0;

		if (index == ARRAY_SIZE(parameters)) {
			reply_problem(&request->reply, PROBLEM_UNKNOWN_PARAMETER, NULL,
			    "The query parameter \"%s\" is not known here.", name);
			return false;
		}
		if ((seen & 1u << index) != 0) {
			reply_problem(&request->reply, PROBLEM_INVALID_PARAMETER, NULL,
			    "The query parameter \"%s\" may be given once.", name);
			return false;
		}
		seen |= 1u << index;
		/* The reader knows what is expected, also of what is no number. */
		if (num_parse_u64(value, strlen(value), &number) != STATUS_OK)
			number = UINT64_MAX;
		if (!parameters[index].read(query, number, &expected)) {
			reply_problem(&request->reply, PROBLEM_INVALID_PARAMETER, NULL,
			    "The query parameter \"%s\" takes %s.", name, expected);
			return false;
		}
	}
	return true;
}

/* One column as an array, after a member's name. */
static void
column(struct buf *buf, const char *before, const struct chronicle_rows *rows, size_t at,
    void (*append)(struct buf *buf, int64_t value))
{
	buf_text(buf, before);
	for (size_t i = 0; i < rows->count; i++) {
		int64_t value = rows->values[i * rows->width + at];

		buf_append(buf, i == 0 ? "[" : ",", 1);
		if (value == CHRONICLE_UNKNOWN)
			JSON_LITERAL(buf, "null");
		else
			append(buf, value);
	}
	buf_text(buf, rows->count == 0 ? "[]" : "]");
}

/* The quantiles of a latency, from microseconds to milliseconds. */
static void
latency(struct buf *buf, const char *before, const struct chronicle_rows *rows, size_t latency)
{
	static const char *const names[CHRONICLE_QUANTILES] = {
		"{\"p50\":", ",\"p95\":", ",\"p99\":"
	};
	size_t at =
	    HISTORY_COUNTERS + HISTORY_PEAKS + HISTORY_MEANS + latency * CHRONICLE_QUANTILES;

	buf_text(buf, before);
	for (size_t i = 0; i < CHRONICLE_QUANTILES; i++)
		column(buf, names[i], rows, at + i, json_text_thousandths);
	JSON_LITERAL(buf, "}");
}

static void
append_tasks(struct buf *buf, const struct chronicle_rows *rows)
{
	column(buf, "\"tasks\":{\"submitted\":", rows, HISTORY_SUBMITTED, json_text_int);
	column(buf, ",\"succeeded\":", rows, HISTORY_SUCCEEDED, json_text_int);
	column(buf, ",\"failed\":", rows, HISTORY_FAILED, json_text_int);
	column(buf, ",\"rejected\":", rows, HISTORY_REJECTED, json_text_int);
	column(buf, ",\"refused\":", rows, HISTORY_REFUSED, json_text_int);
	JSON_LITERAL(buf, "}");
}

static bool
has_any(const struct chronicle_rows *rows, size_t at)
{
	for (size_t i = 0; i < rows->count; i++)
		if (rows->values[i * rows->width + at] != 0)
			return true;
	return false;
}

/* Of the codes that there were. */
static void
append_failed(struct buf *buf, const struct chronicle_rows *rows)
{
	bool is_first = true;

	JSON_LITERAL(buf, ",\"failed\":{");
	for (int code = FAILURE_NONE + 1; code < FAILURE_COUNT; code++) {
		size_t at = HISTORY_FAILED_BY + (size_t)code;

		if (!has_any(rows, at))
			continue;
		buf_text(buf, is_first ? "\"" : ",\"");
		buf_text(buf, failure_word((enum failure)code));
		column(buf, "\":", rows, at, json_text_int);
		is_first = false;
	}
	JSON_LITERAL(buf, "}");
}

static void
append_lane(struct buf *buf, const char *before, const struct chronicle_rows *rows, enum lane lane)
{
	size_t levels = HISTORY_COUNTERS + (size_t)lane * HISTORY_LEVELS;

	buf_text(buf, before);
	column(buf, "{\"queued\":", rows, levels + HISTORY_QUEUED, json_text_int);
	column(buf, ",\"scheduled\":", rows, levels + HISTORY_SCHEDULED, json_text_int);
	column(buf, ",\"deferred\":", rows, levels + HISTORY_DEFERRED, json_text_int);
	column(buf, ",\"running\":", rows, levels + HISTORY_RUNNING, json_text_int);
	column(buf, ",\"busy\":", rows, HISTORY_COUNTERS + HISTORY_PEAKS + (size_t)lane,
	    json_text_thousandths);
	column(buf, ",\"oldest_wait_ms\":", rows, levels + HISTORY_OLDEST_MS, json_text_int);
	JSON_LITERAL(buf, "}");
}

static void
append_kinds(struct buf *buf, const struct chronicle_rows *rows)
{
	size_t count;
	const struct kind *const *kinds = kinds_table(&count);

	for (size_t i = 0; i < count; i++) {
		size_t at = HISTORY_KIND_US + i * HISTORY_KIND_LATENCIES;

		buf_text(buf, i == 0 ? ",\"types\":{" : ",");
		json_text_string(buf, kinds[i]->type, strlen(kinds[i]->type));
		latency(buf, ":{\"wait_ms\":", rows, at);
		latency(buf, ",\"run_ms\":", rows, at + 1);
		JSON_LITERAL(buf, "}");
	}
	JSON_LITERAL(buf, "}");
}

static void
append_history(
    struct buf *buf, const struct history_query *query, const struct chronicle_rows *rows)
{
	JSON_LITERAL(buf, "{\"step_s\":");
	json_text_int(buf, chronicle_step_s(query->tier));
	JSON_LITERAL(buf, ",\"rows_max\":");
	json_text_int(buf, (int64_t)chronicle_rows_max(query->tier));
	JSON_LITERAL(buf, ",\"at_ms\":[");
	for (size_t i = 0; i < rows->count; i++) {
		if (i > 0)
			JSON_LITERAL(buf, ",");
		json_text_int(buf, rows->at_ms[i]);
	}
	JSON_LITERAL(buf, "],\"series\":{");
	append_tasks(buf, rows);
	append_failed(buf, rows);
	append_lane(buf, ",\"lanes\":{\"cpu\":", rows, LANE_CPU);
	append_lane(buf, ",\"io\":", rows, LANE_IO);
	JSON_LITERAL(buf, "}");
	append_kinds(buf, rows);
	latency(buf, ",\"commit_ms\":", rows, HISTORY_COMMIT_US);
	column(buf, ",\"http\":{\"requests\":", rows, HISTORY_REQUESTS, json_text_int);
	column(
	    buf, ",\"connections\":", rows, HISTORY_COUNTERS + HISTORY_CONNECTIONS, json_text_int);
	latency(buf, ",\"took_ms\":", rows, HISTORY_ANSWER_US);
	JSON_LITERAL(buf, "}}}\n");
}

void
endpoint_history(struct request *request)
{
	struct history_query query = { .rows_max = CHRONICLE_MINUTES_MAX };
	struct chronicle_rows rows;
	struct error error;
	struct buf *buf;

	if (!read_query(request, &query))
		return;
	if (chronicle_read(request->figures->history, query.tier, query.after_ms, query.rows_max,
		&rows, &error) != STATUS_OK) {
		reply_internal(&request->reply, "history", &error);
		return;
	}
	buf = reply_json(&request->reply, 200,
	    AROUND_EXPECTED_BYTES + rows.count * rows.width * NUMBER_EXPECTED_BYTES);
	append_history(buf, &query, &rows);
	chronicle_rows_done(&rows);
}
