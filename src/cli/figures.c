/* SPDX-License-Identifier: MIT */
/* The figures of the service; see figures.h. Main thread. */
#include "cli/figures.h"

#include <inttypes.h>
#include <string.h>

#include "cli/human.h"

#define BAR_LEAST     8
#define BAR_MOST      24
#define TITLE_COLUMNS 12
#define LANE_TEXT     (TITLE_COLUMNS + 54) /* columns of a lane's line beside its bar */
#define LANE_MORE     19                   /* and what is told where there is room */
#define RATE_TITLED   "%s/s"

const char *const figures_states[FIGURES_STATES] = { "QUEUED", "RUNNING", "SUCCEEDED", "FAILED",
	"REJECTED" };

static const struct {
	const char *name, *title;
} lanes[FIGURES_LANES] = {
	{ "cpu", "factorials" },
	{ "io", "fetches" },
};

static const char *
text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text != NULL ? text : "";
}

/* Counts are no less than 0, and no more than lets some be added: nobody has so many. */
static int64_t
count_of(const json_t *object, const char *name)
{
	int64_t count = json_integer_value(json_object_get(object, name));

	if (count < 0)
		return 0;
	return count < INT64_MAX / 4 ? count : INT64_MAX / 4;
}

static int64_t
add(int64_t sum, int64_t count)
{
	return sum < INT64_MAX / 2 - count ? sum + count : INT64_MAX / 2;
}

/* An object of counts by code, added up. */
static int64_t
sum_of(json_t *type, const char *name)
{
	json_t *codes = json_object_get(type, name);
	const char *code;
	const json_t *count;
	int64_t sum = 0;

	json_object_foreach(codes, code, count) sum = add(sum, count_of(codes, code));
	return sum;
}

/* What has ended since the service was started. Tasks by status would not tell: completed ones are
   deleted. */
static int64_t
ended_of(json_t *types)
{
	const char *name;
	json_t *type;
	int64_t sum = 0;

	json_object_foreach(types, name, type)
	{
		sum = add(sum, count_of(type, "succeeded"));
		sum = add(sum, sum_of(type, "failed"));
		sum = add(sum, sum_of(type, "rejected"));
	}
	return sum;
}

double
figures_seconds(const json_t *object, const char *name)
{
	double seconds = json_number_value(json_object_get(object, name));

	return seconds > 0 ? (seconds < 1e12 ? seconds : 1e12) : 0;
}

bool
figures_read(const json_t *json, struct figures *ret_figures)
{
	const json_t *tasks = json_object_get(json, "tasks");

	*ret_figures = (struct figures){
		.uptime_s = figures_seconds(json, "uptime_s"),
		.version = text_of(json, "version"),
		.admission = text_of(json_object_get(json, "admission"), "state"),
		.ended = ended_of(json_object_get(json, "types")),
		.json = json,
	};
	for (size_t i = 0; i < FIGURES_STATES; i++)
		ret_figures->tasks[i] = count_of(tasks, figures_states[i]);
	for (size_t i = 0; i < FIGURES_LANES; i++) {
		const json_t *lane = json_object_get(json_object_get(json, "lanes"), lanes[i].name);

		ret_figures->lanes[i] = (struct figures_lane){
			.title = lanes[i].title,
			.queued = count_of(lane, "queued"),
			.scheduled = count_of(lane, "scheduled"),
			.deferred = count_of(lane, "deferred"),
			.running = count_of(lane, "running"),
			.slots = count_of(lane, "slots"),
			.drained_per_s = json_number_value(json_object_get(lane, "drained_per_s")),
		};
	}
	return json_is_object(tasks);
}

int64_t
figures_ended_between(const struct figures *before, const struct figures *now)
{
	bool was_restarted = now->uptime_s < before->uptime_s || now->ended < before->ended;

	return was_restarted ? now->ended : now->ended - before->ended;
}

void
figures_put_tasks(const struct ink *ink, const struct figures *figures)
{
	char text[HUMAN_SIZE];

	for (size_t i = 0; i < FIGURES_STATES; i++) {
		ink_put(ink, PAINT_PLAIN, "%s", i > 0 ? "   " : "");
		ink_put(ink, ink_paint_of_status(figures_states[i]), "%s", figures_states[i]);
		ink_put(ink, PAINT_PLAIN, " %s", human_count(figures->tasks[i], text));
	}
}

void
figures_put_lane(const struct ink *ink, const struct figures_lane *lane, size_t columns)
{
	size_t bar = columns > LANE_TEXT ? columns - LANE_TEXT : 0;
	double share = lane->slots > 0 ? (double)lane->running / (double)lane->slots : 0;
	char text[HUMAN_SIZE];

	ink_cell(ink, PAINT_PLAIN, TITLE_COLUMNS, "%s", lane->title);
	if (columns >= LANE_TEXT + BAR_LEAST)
		ink_bar(ink, PAINT_BUSY, bar < BAR_MOST ? bar : BAR_MOST, share);
	ink_cell_right(ink, PAINT_PLAIN, 8, "%s", human_count(lane->running, text));
	ink_put(ink, PAINT_PLAIN, " run");
	ink_cell_right(
	    ink, PAINT_PLAIN, 11, "%s", human_count(lane->queued + lane->deferred, text));
	ink_put(ink, PAINT_PLAIN, " wait");
	ink_cell_right(ink, PAINT_PLAIN, 11, "%s", human_count(lane->scheduled, text));
	ink_put(ink, PAINT_PLAIN, " later");
	ink_cell_right(ink, PAINT_PLAIN, 9, RATE_TITLED, human_rate(lane->drained_per_s, text));
	if (columns < LANE_TEXT + BAR_MOST + LANE_MORE)
		return;
	if (lane->deferred > 0)
		ink_put(ink, PAINT_BUSY, "   %s for hosts", human_count(lane->deferred, text));
	else
		ink_put(ink, PAINT_DIM, "   %s at once", human_count(lane->slots, text));
}

void
figures_put_admission(const struct ink *ink, const struct figures *figures)
{
	if (figures->admission[0] == '\0' || strcmp(figures->admission, "none") == 0)
		ink_put(ink, PAINT_GOOD, "accepts tasks");
	else
		ink_put(ink, PAINT_BAD, "refuses tasks: %s", figures->admission);
}

double
figures_percentile(const json_t *histogram, double share)
{
	const json_t *buckets = json_object_get(histogram, "buckets");
	double count = json_number_value(json_object_get(histogram, "count"));

	for (size_t i = 0; count > 0 && i < json_array_size(buckets); i++) {
		const json_t *bucket = json_array_get(buckets, i);
		const json_t *bound = json_object_get(bucket, "le");

		if (json_is_number(bound) &&
		    json_number_value(json_object_get(bucket, "count")) >= count * share)
			return json_number_value(bound);
	}
	return -1;
}
