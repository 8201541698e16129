/* SPDX-License-Identifier: MIT */
/* Copying with a way out: a signal ends it, and what was copied so far is removed. Main thread. */
#include "app/copying.h"

#include <inttypes.h>
#include <stdio.h>

#include "app/report.h"
#include "app/signals.h"

static bool
is_cancelled(void *context)
{
	return signals_wait(context, 0) == SIGNALS_STOP;
}

static enum verb_end
end_of(enum status status)
{
	switch (status) {
	case STATUS_OK:
		return VERB_DONE;
	case STATUS_CORRUPT:
	case STATUS_INVALID: /* of another program, or of a newer version */
		return VERB_DAMAGED;
	case STATUS_NOT_FOUND:
	case STATUS_CONFLICT:
	case STATUS_FULL:
	case STATUS_BUSY:
	case STATUS_TIMEOUT:
	case STATUS_CANCELLED:
	case STATUS_NOMEM:
	case STATUS_IO:
	case STATUS_UNKNOWN:
	case STATUS_INTERNAL:
		break;
	}
	return VERB_FAILED;
}

enum verb_end
copying_run(enum status (*copy)(const struct store_copy_conf *conf, struct store_copied *ret_copied,
		struct error *error),
    const char *from_dir, const char *to_dir, struct error *error)
{
	struct store_copy_conf conf = {
		.from_dir = from_dir, .to_dir = to_dir, .is_cancelled = is_cancelled
	};
	struct store_copied copied;
	struct signals *signals = NULL;
	enum status status = signals_open(&signals, error);

	if (status != STATUS_OK)
		return VERB_FAILED;
	conf.context = signals;
	status = copy(&conf, &copied, error);
	signals_close(signals);
	if (status != STATUS_OK)
		return end_of(status);
	printf("copied %s to %s\ntasks: %" PRId64 "; result files: %" PRId64 " of %" PRIu64
	       " bytes",
	    from_dir, to_dir, copied.tasks, copied.files, copied.bytes);
	if (copied.purged > 0)
		printf("; left out, because deleted meanwhile: %" PRId64, copied.purged);
	printf("\nthe copy was checked:\n");
	report_print(&copied.report, stdout);
	return copied.report.worst >= STORE_VERDICT_LOSS ? VERB_DAMAGED : VERB_DONE;
}
