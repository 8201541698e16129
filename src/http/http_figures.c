/* SPDX-License-Identifier: MIT */
/*
 * The server's figures; see http_figures.h. The lock is never held while the kernel is asked: who
 * finds the usage old moves its time first, so that one request alone reads it.
 */
#include "http/http_figures.h"

#include "base/clock.h"

void
http_figures_init(struct http_figures *figures, int64_t began_mono_ms)
{
	figures->connections = NULL;
	figures->began_mono_ms = began_mono_ms;
	atomic_init(&figures->requests, 0);
	lock_init(&figures->lock, LOCK_RANK_LEAF);
	figures->usage_mono_ms = clock_mono_ms();
	process_usage_read(&figures->usage);
}

void
http_figures_done(struct http_figures *figures)
{
	lock_done(&figures->lock);
}

void
http_figures_usage(
    struct http_figures *figures, int64_t now_mono_ms, struct process_usage *ret_usage)
{
	bool is_old;

	lock_acquire(&figures->lock);
	is_old = now_mono_ms - figures->usage_mono_ms >= FIGURES_USAGE_MAX_AGE_MS;
	if (is_old)
		figures->usage_mono_ms = now_mono_ms;
	*ret_usage = figures->usage;
	lock_release(&figures->lock);
	if (!is_old)
		return;
	process_usage_read(ret_usage);
	lock_acquire(&figures->lock);
	/* Two readers can overlap when one takes more than a second: CPU time never goes back. */
	if (ret_usage->cpu_us >= figures->usage.cpu_us)
		figures->usage = *ret_usage;
	else
		*ret_usage = figures->usage;
	lock_release(&figures->lock);
}
