/* SPDX-License-Identifier: MIT */
/* The text format to the letter: families, labels that have to be escaped, exact decimals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "http/metrics_text.h"

static struct buf buf;
static struct metrics metrics;

static int
setup(void **state)
{
	(void)state;
	buf_init(&buf, 65536);
	metrics = (struct metrics){ .buf = &buf, .name = "m" };
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	buf_done(&buf);
	return 0;
}

static void
assert_text(const char *expected)
{
	assert_int_equal(buf_status(&buf), STATUS_OK);
	assert_string_equal(buf.data, expected);
	buf_done(&buf);
	buf_init(&buf, 65536);
}

static void
test_a_family_has_help_and_type_and_then_its_samples(void **state)
{
	(void)state;
	metrics_family(&metrics, "a_total", METRIC_COUNTER, "What it is");
	metrics_sample(&metrics, NULL, 3, METRIC_WHOLE);
	metrics_single(&metrics, "b", METRIC_GAUGE, "Another", -4, METRIC_WHOLE);
	metrics_family(&metrics, "c", METRIC_HISTOGRAM, "Third");
	assert_text("# HELP a_total What it is.\n# TYPE a_total counter\na_total 3\n"
		    "# HELP b Another.\n# TYPE b gauge\nb -4\n"
		    "# HELP c Third.\n# TYPE c histogram\n");
}

static void
test_labels_stand_in_their_order(void **state)
{
	(void)state;
	metrics_sample(&metrics, METRIC_LABELS({ "x", "1" }), 1, METRIC_WHOLE);
	metrics_sample(&metrics, METRIC_LABELS({ "x", "" }, { "y", "/a/{id}" }), 2, METRIC_WHOLE);
	assert_text("m{x=\"1\"} 1\nm{x=\"\",y=\"/a/{id}\"} 2\n");
}

static void
assert_value(const char *value, const char *expected)
{
	char line[2 * METRIC_VALUE_SIZE + 32];

	metrics_sample(&metrics, METRIC_LABELS({ "x", value }), 0, METRIC_WHOLE);
	(void)snprintf(line, sizeof(line), "m{x=\"%s\"} 0\n", expected);
	assert_text(line);
}

static void
test_values_of_labels_are_escaped_whatever_they_are(void **state)
{
	char text[METRIC_VALUE_SIZE + 10], cut[METRIC_VALUE_SIZE];

	(void)state;
	assert_value("a\\b", "a\\\\b");
	assert_value("say \"x\"", "say \\\"x\\\"");
	assert_value("\"", "\\\"");
	assert_value("\\", "\\\\");
	/* A line feed cannot end the line, nor any control character stand in it. */
	assert_value("a\nb\r\tc\x7f", "a?b??c?");
	assert_value("h\xc3\xb6he", "h\xc3\xb6he");
	assert_value("\xff\xc3(", "?"
				  "?(");
	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	memcpy(cut, text, sizeof(cut) - 1);
	cut[sizeof(cut) - 1] = '\0';
	assert_value(text, cut);
	/* Not within a character. */
	memcpy(text + METRIC_VALUE_SIZE - 2, "\xc3\xb6", 3);
	cut[METRIC_VALUE_SIZE - 2] = '\0';
	assert_value(text, cut);
}

static void
assert_number(int64_t value, int64_t per_unit, const char *expected)
{
	char line[64];

	metrics_sample(&metrics, NULL, value, per_unit);
	(void)snprintf(line, sizeof(line), "m %s\n", expected);
	assert_text(line);
}

static void
test_decimals_are_exact_and_no_more_than_needed(void **state)
{
	(void)state;
	assert_number(0, METRIC_FROM_US, "0");
	assert_number(1, METRIC_FROM_US, "0.000001");
	assert_number(100, METRIC_FROM_US, "0.0001");
	assert_number(2500000, METRIC_FROM_US, "2.5");
	assert_number(1000000, METRIC_FROM_US, "1");
	assert_number(10000001, METRIC_FROM_US, "10.000001");
	assert_number(999999, METRIC_FROM_US, "0.999999");
	assert_number(61500, METRIC_FROM_MS, "61.5");
	assert_number(1767225600123, METRIC_FROM_MS, "1767225600.123");
	assert_number(-1, METRIC_FROM_MS, "-0.001");
	assert_number(-1500, METRIC_FROM_MS, "-1.5");
	assert_number(INT64_MAX, METRIC_FROM_US, "9223372036854.775807");
	assert_number(INT64_MAX, METRIC_WHOLE, "9223372036854775807");
	assert_number(INT64_MIN, METRIC_WHOLE, "-9223372036854775808");
	assert_number(INT64_MIN, METRIC_FROM_US, "-9223372036854.775808");
}

static void
test_a_histogram_has_buckets_sum_and_count(void **state)
{
	static const int64_t bounds[] = { 100, 2500, 5000000 };
	const struct histogram_snapshot snapshot = {
		.bounds = bounds,
		.bound_count = 3,
		.cumulative = { 1, 3, 6, 7 },
		.count = 7,
		.sum = 12345,
	};

	(void)state;
	metrics_histogram(&metrics, NULL, &snapshot, METRIC_FROM_US);
	assert_text("m_bucket{le=\"0.0001\"} 1\nm_bucket{le=\"0.0025\"} 3\nm_bucket{le=\"5\"} 6\n"
		    "m_bucket{le=\"+Inf\"} 7\nm_sum 0.012345\nm_count 7\n");
	metrics_histogram(&metrics, METRIC_LABELS({ "x", "y" }), &snapshot, METRIC_WHOLE);
	assert_text("m_bucket{x=\"y\",le=\"100\"} 1\nm_bucket{x=\"y\",le=\"2500\"} 3\n"
		    "m_bucket{x=\"y\",le=\"5000000\"} 6\nm_bucket{x=\"y\",le=\"+Inf\"} 7\n"
		    "m_sum{x=\"y\"} 12345\nm_count{x=\"y\"} 7\n");
}

int
main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_a_family_has_help_and_type_and_then_its_samples),
		TEST(test_labels_stand_in_their_order),
		TEST(test_values_of_labels_are_escaped_whatever_they_are),
		TEST(test_decimals_are_exact_and_no_more_than_needed),
		TEST(test_a_histogram_has_buckets_sum_and_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
