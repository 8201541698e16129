/* SPDX-License-Identifier: MIT */
/* What completed tasks count for; see store_purge.h. Pure. */
#include "store/store_purge.h"

/* Measured with rows like those of factorials: 210 bytes a task, beside its texts and content. */
#define ROW_BYTES 256

/* Of an attempt that was followed by another: a row with a message and what its kind reports. */
#define ATTEMPT_BYTES 1024

int64_t
store_kept_bytes(const struct store_kept *kept)
{
	int64_t earlier = kept->attempts > 1 ? kept->attempts - 1 : 0;
	size_t texts = kept->args + kept->message + kept->response;

	return ROW_BYTES + (int64_t)texts + (int64_t)kept->content + earlier * ATTEMPT_BYTES;
}
