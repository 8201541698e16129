/* SPDX-License-Identifier: MIT */
/*
 * GET /healthz and GET /readyz. Both are answered beyond the connection limit too and never touch
 * the store, so that they tell the truth exactly when something is wrong.
 */
#include "http/http_endpoints.h"
#include "http/json_text.h"
#include "queue/queue.h"

void
endpoint_healthz(struct request *request)
{
	struct buf *buf = reply_json(&request->reply, 200, 32);

	JSON_LITERAL(buf, "{\"status\":\"ok\"}\n");
}

void
endpoint_readyz(struct request *request)
{
	enum refusal refusal = queue_readiness(request->queue);
	struct buf *buf;

	if (refusal == REFUSAL_NONE && atomic_load(request->draining))
		refusal = REFUSAL_DRAINING;
	if (refusal == REFUSAL_NONE) {
		buf = reply_json(&request->reply, 200, 32);
		JSON_LITERAL(buf, "{\"status\":\"ready\"}\n");
		return;
	}
	buf = reply_json(&request->reply, 503, 64);
	buf_printf(buf, "{\"status\":\"not_ready\",\"reason\":\"%s\"}\n", refusal_word(refusal));
	reply_field(&request->reply, "Retry-After", "1");
}
