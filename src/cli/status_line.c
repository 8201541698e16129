/* SPDX-License-Identifier: MIT */
/* One line about where a task is; see status_line.h. Main thread. */
#include "cli/status_line.h"

#include <inttypes.h>

#include "base/clock.h"
#include "cli/ask.h"
#include "cli/explain.h"
#include "cli/human.h"
#include "cli/task_view.h"

static void
print_for_people(const struct ink *out, const struct task_view *view)
{
	int64_t now_ms = clock_wall_ms();
	char text[HUMAN_SIZE];

	ink_put(out, PAINT_PLAIN, "%s  ", view->id);
	ink_put(out, ink_paint_of_status(view->status), "%s", view->status);
	ink_put(out, PAINT_PLAIN, "  %s", view->type);
	if (view->progress >= 0 && !task_view_is_final(view))
		ink_put(out, PAINT_PLAIN, ", %.0f %%", view->progress * 100);
	if (view->created_ms == 0)
		return;
	ink_put(out, PAINT_PLAIN, task_view_is_final(view) ? ", took %s" : ", for %s",
	    human_duration(task_view_took_ms(view, now_ms), text));
	if (view->attempts > 1)
		ink_put(out, PAINT_PLAIN, ", %" PRId64 " attempts", view->attempts);
}

enum exit_status
status_line_print(struct cli *cli, const json_t *task, const struct buf *body)
{
	const struct ink *out = &cli->screen.out;
	struct task_view view;
	struct error error;

	screen_line_clear(&cli->screen);
	if (cli->options.is_json && body != NULL) {
		ask_print(cli, body);
	} else if (cli->options.is_json) {
		ask_print_json(cli, task);
	} else if (!task_view_read(task, &view)) {
		screen_error(&cli->screen, "the answer about the task has no status");
		return EXIT_STATUS_SERVICE;
	} else if (out->is_terminal) {
		print_for_people(out, &view);
		ink_line(out);
	} else {
		ink_put(out, PAINT_PLAIN, "%s", view.id);
		fputc('\t', out->stream);
		ink_put(out, PAINT_PLAIN, "%s", view.status);
		ink_line(out);
	}
	if (screen_flush(&cli->screen, &error) != STATUS_OK)
		return explain_local(cli, STATUS_IO, &error);
	return EXIT_STATUS_OK;
}
