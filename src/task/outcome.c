/* SPDX-License-Identifier: MIT */
/* How an outcome is noted; see outcome.h. */
#include "task/outcome.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

void
outcome_init(struct outcome *outcome)
{
	/* Until something is noted the attempt counts as not finished. */
	*outcome = (struct outcome){ .verdict = VERDICT_RELEASED, .failure = FAILURE_NONE };
}

void
outcome_done(struct outcome *outcome)
{
	if (outcome == NULL)
		return;
	free(outcome->response);
	free(outcome->pause_host);
	outcome->response = NULL;
	outcome->pause_host = NULL;
}

void
outcome_succeed(struct outcome *outcome, const char *media_type)
{
	size_t size = media_type == NULL ? 0 : strlen(media_type);

	outcome->verdict = VERDICT_SUCCEEDED;
	outcome->failure = FAILURE_NONE;
	outcome->may_be_mended = false;
	outcome->message[0] = '\0';
	outcome->media_type[0] = '\0';
	if (size > 0 && size < sizeof(outcome->media_type))
		memcpy(outcome->media_type, media_type, size + 1);
}

void
outcome_fail(struct outcome *outcome, enum failure failure, const char *fmt, ...)
{
	va_list ap;

	assert(failure != FAILURE_NONE && failure < FAILURE_COUNT);
	outcome->verdict = VERDICT_FAILED;
	outcome->failure = failure;
	outcome->may_be_mended = failure_may_be_mended(failure);
	outcome->retry_after_ms = 0;
	va_start(ap, fmt);
	if (vsnprintf(outcome->message, sizeof(outcome->message), fmt, ap) < 0)
		outcome->message[0] = '\0';
	va_end(ap);
	utf8_scrub(outcome->message);
}
