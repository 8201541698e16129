/* SPDX-License-Identifier: MIT */
/* Keys of submissions as records; see idempotency.h. */
#include "store/idempotency.h"

#include <stdlib.h>

bool
idempotency_is_known(const struct idempotency *idempotency)
{
	return idempotency != NULL && idempotency->ret_verdict != IDEMPOTENCY_FRESH;
}

void
idempotency_reset(struct idempotency *idempotency)
{
	if (idempotency == NULL)
		return;
	free(idempotency->ret_ids);
	idempotency->ret_verdict = IDEMPOTENCY_FRESH;
	idempotency->ret_ids = NULL;
	idempotency->ret_count = 0;
}
