/* SPDX-License-Identifier: MIT */
/* The text format, byte by byte; see metrics_text.h. Pure. */
#include "http/metrics_text.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "http/json_text.h"

#define LITERAL(buf, literal) buf_append((buf), "" literal, sizeof(literal) - 1)

static const char *
type_word(enum metric_type type)
{
	switch (type) {
	case METRIC_COUNTER:
		return "counter";
	case METRIC_GAUGE:
		return "gauge";
	case METRIC_HISTOGRAM:
		return "histogram";
	}
	return "untyped";
}

void
metrics_family(struct metrics *metrics, const char *name, enum metric_type type, const char *help)
{
	struct buf *buf = metrics->buf;

	metrics->name = name;
	LITERAL(buf, "# HELP ");
	buf_text(buf, name);
	LITERAL(buf, " ");
	buf_text(buf, help);
	LITERAL(buf, ".\n# TYPE ");
	buf_text(buf, name);
	LITERAL(buf, " ");
	buf_text(buf, type_word(type));
	LITERAL(buf, "\n");
}

/* Of a value / per_unit, exactly, without zeros at the end. */
static void
append_number(struct buf *buf, int64_t value, int64_t per_unit)
{
	int64_t whole = value / per_unit;
	int64_t rest = value % per_unit;
	char decimals[24];
	size_t size = 0;

	if (value < 0 && whole == 0)
		LITERAL(buf, "-");
	json_text_int(buf, whole);
	if (rest == 0)
		return;
	if (rest < 0)
		rest = -rest;
	decimals[size++] = '.';
	while (rest > 0) {
		per_unit /= 10;
		decimals[size++] = (char)('0' + rest / per_unit);
		rest %= per_unit;
	}
	buf_append(buf, decimals, size);
}

/* Backslash and quote are escaped; what is no UTF-8, or cannot be printed, line feeds among it, is
   '?'. */
static void
append_value(struct buf *buf, const char *value)
{
	char text[METRIC_VALUE_SIZE];
	const char *at = text;

	(void)snprintf(text, sizeof(text), "%s", value);
	utf8_scrub(text);
	while (*at != '\0') {
		size_t plain = strcspn(at, "\\\"");

		buf_append(buf, at, plain);
		at += plain;
		if (*at == '\0')
			break;
		LITERAL(buf, "\\");
		buf_append(buf, at++, 1);
	}
}

static void
append_label(struct buf *buf, bool is_first, const char *name, const char *value)
{
	buf_text(buf, is_first ? "{" : ",");
	buf_text(buf, name);
	LITERAL(buf, "=\"");
	append_value(buf, value);
	LITERAL(buf, "\"");
}

/* The name, and the labels but for the brace that ends them. Returns whether there are any. */
static bool
begin_sample(struct metrics *metrics, const char *suffix, const struct metric_label *labels)
{
	bool is_first = true;

	buf_text(metrics->buf, metrics->name);
	buf_text(metrics->buf, suffix);
	for (; labels != NULL && labels->name != NULL; labels++) {
		append_label(metrics->buf, is_first, labels->name, labels->value);
		is_first = false;
	}
	return !is_first;
}

static void
end_sample(struct metrics *metrics, bool has_labels, int64_t value, int64_t per_unit)
{
	buf_text(metrics->buf, has_labels ? "} " : " ");
	append_number(metrics->buf, value, per_unit);
	LITERAL(metrics->buf, "\n");
}

void
metrics_sample(
    struct metrics *metrics, const struct metric_label *labels, int64_t value, int64_t per_unit)
{
	end_sample(metrics, begin_sample(metrics, "", labels), value, per_unit);
}

static void
append_bucket(struct metrics *metrics, const struct metric_label *labels, const int64_t *bound,
    int64_t count, int64_t per_unit)
{
	struct buf *buf = metrics->buf;
	bool is_first = !begin_sample(metrics, "_bucket", labels);

	buf_text(buf, is_first ? "{le=\"" : ",le=\"");
	if (bound == NULL)
		LITERAL(buf, "+Inf");
	else
		append_number(buf, *bound, per_unit);
	LITERAL(buf, "\"");
	end_sample(metrics, true, count, METRIC_WHOLE);
}

void
metrics_histogram(struct metrics *metrics, const struct metric_label *labels,
    const struct histogram_snapshot *snapshot, int64_t per_unit)
{
	assert(snapshot->bound_count > 0);
	for (size_t i = 0; i < snapshot->bound_count; i++)
		append_bucket(
		    metrics, labels, &snapshot->bounds[i], snapshot->cumulative[i], per_unit);
	append_bucket(metrics, labels, NULL, snapshot->count, per_unit);
	end_sample(metrics, begin_sample(metrics, "_sum", labels), snapshot->sum, per_unit);
	end_sample(metrics, begin_sample(metrics, "_count", labels), snapshot->count, METRIC_WHOLE);
}

void
metrics_single(struct metrics *metrics, const char *name, enum metric_type type, const char *help,
    int64_t value, int64_t per_unit)
{
	metrics_family(metrics, name, type, help);
	metrics_sample(metrics, NULL, value, per_unit);
}
