/* SPDX-License-Identifier: MIT */
/* taskq stats: the figures of the service, once. Main thread. */
#include <inttypes.h>

#include "cli/ask.h"
#include "cli/explain.h"
#include "cli/figures.h"
#include "cli/human.h"
#include "cli/verbs.h"

#define NAME_COLUMNS 12

static int64_t
integer_of(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

static void
put_bytes(const struct ink *out, const char *before, int64_t bytes)
{
	char text[HUMAN_SIZE];

	ink_put(
	    out, PAINT_PLAIN, "%s%s", before, human_bytes(bytes > 0 ? (uint64_t)bytes : 0, text));
}

static void
put_name(const struct ink *out, const char *name)
{
	ink_cell(out, PAINT_DIM, NAME_COLUMNS, "%s", name);
}

/* How many submissions were refused, by reason; a line only where there were any. */
static void
put_refused(const struct ink *out, const json_t *admission)
{
	json_t *refused = json_object_get(admission, "refused");
	bool is_first = true;
	const char *reason;
	json_t *count;
	char text[HUMAN_SIZE];

	json_object_foreach(refused, reason, count)
	{
		if (json_integer_value(count) == 0)
			continue;
		if (is_first)
			put_name(out, "refused");
		ink_put(out, PAINT_PLAIN, "%s%s %s", is_first ? "" : ", ", reason,
		    human_count(json_integer_value(count), text));
		is_first = false;
	}
	if (!is_first)
		ink_line(out);
}

static void
put_store(const struct ink *out, const json_t *store)
{
	double median_ms = figures_percentile(json_object_get(store, "commit_ms"), 0.5);
	double late_ms = figures_percentile(json_object_get(store, "commit_ms"), 0.99);
	char text[HUMAN_SIZE];

	put_name(out, "store");
	put_bytes(out, "", integer_of(store, "database_bytes"));
	put_bytes(out, ", log ", integer_of(store, "wal_bytes"));
	ink_put(out, PAINT_PLAIN, ", commits %s", human_count(integer_of(store, "commits"), text));
	if (median_ms >= 0 && late_ms >= 0)
		ink_put(out, PAINT_PLAIN, ", half within %.4g ms, 99 %% within %.4g ms", median_ms,
		    late_ms);
	ink_line(out);
}

/* What of the completed there is, where the service tells. */
static void
put_kept(const struct ink *out, const json_t *kept)
{
	const json_t *most = json_object_get(kept, "bytes_max");
	char text[HUMAN_SIZE];

	if (!json_is_object(kept))
		return;
	put_name(out, "completed");
	put_bytes(out, "take ", integer_of(kept, "bytes"));
	if (json_is_integer(most))
		put_bytes(out, " of ", json_integer_value(most));
	ink_put(
	    out, PAINT_PLAIN, ", deleted so far %s", human_count(integer_of(kept, "purged"), text));
	ink_put(out, PAINT_PLAIN, ", before their time %s",
	    human_count(integer_of(kept, "purged_early"), text));
	ink_line(out);
}

static void
put_rest(const struct ink *out, const json_t *json)
{
	const json_t *http = json_object_get(json, "http");
	const json_t *process = json_object_get(json, "process");
	char text[HUMAN_SIZE];

	put_name(out, "http");
	ink_put(
	    out, PAINT_PLAIN, "connections %s", human_count(integer_of(http, "connections"), text));
	ink_put(out, PAINT_PLAIN, " of %s", human_count(integer_of(http, "connections_max"), text));
	ink_put(out, PAINT_PLAIN, ", waiting %s", human_count(integer_of(http, "waiting"), text));
	ink_put(out, PAINT_PLAIN, " of %s", human_count(integer_of(http, "waiting_max"), text));
	ink_put(out, PAINT_PLAIN, ", answered %s", human_count(integer_of(http, "requests"), text));
	ink_line(out);
	put_name(out, "process");
	put_bytes(out, "", integer_of(process, "rss_bytes"));
	ink_put(out, PAINT_PLAIN, ", descriptors %" PRId64 ", threads %" PRId64 ", CPU %s",
	    integer_of(process, "descriptors"), integer_of(process, "threads"),
	    human_duration((int64_t)(figures_seconds(process, "cpu_s") * 1000), text));
	ink_line(out);
}

static void
print(struct cli *cli, const struct figures *figures)
{
	const struct ink *out = &cli->screen.out;
	size_t columns = screen_columns(out);
	char text[HUMAN_SIZE];

	ink_put(out, PAINT_BOLD, "taskqd %s", figures->version);
	ink_put(out, PAINT_PLAIN, "  %s  up %s  ", client_url(cli->client),
	    human_duration((int64_t)(figures->uptime_s * 1000), text));
	figures_put_admission(out, figures);
	ink_line(out);
	ink_line(out);
	figures_put_tasks(out, figures);
	ink_line(out);
	ink_line(out);
	for (size_t i = 0; i < FIGURES_LANES; i++) {
		figures_put_lane(out, &figures->lanes[i], columns);
		ink_line(out);
	}
	ink_line(out);
	put_refused(out, json_object_get(figures->json, "admission"));
	put_store(out, json_object_get(figures->json, "store"));
	put_kept(out, json_object_get(figures->json, "kept"));
	put_rest(out, figures->json);
}

static enum exit_status
run(struct cli *cli)
{
	enum exit_status exit_status;
	struct figures figures;
	struct error error;
	struct buf body;
	json_t *json;

	exit_status = ask_get(cli, "/stats", NULL, &json, &body);
	if (exit_status != EXIT_STATUS_OK)
		return exit_status;
	if (cli->options.is_json) {
		ask_print(cli, &body);
	} else if (figures_read(json, &figures)) {
		print(cli, &figures);
	} else {
		screen_error(&cli->screen, "the answer has no figures");
		exit_status = EXIT_STATUS_SERVICE;
	}
	json_decref(json);
	buf_done(&body);
	if (screen_flush(&cli->screen, &error) != STATUS_OK)
		return explain_local(cli, STATUS_IO, &error);
	return exit_status;
}

const struct verb verb_stats = {
	.name = "stats",
	.arguments = "",
	.summary = "print the figures of the service",
	.text = "For people; programs take --json, which is the answer of GET /stats.",
	.examples = "taskq stats\n"
		    "taskq stats --json",
	.run = run,
};
