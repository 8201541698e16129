/* SPDX-License-Identifier: MIT */
/*
 * GET /openapi.json: the description of the API, docs/openapi.json, which the build makes a part of
 * the program. It changes with the program alone, so whoever has it asks whether it is still right
 * and mostly hears that it is.
 */
#include <stdio.h>

#include "http/http_endpoints.h"
#include "http/http_range.h"
#include "openapi_text.h"

void
endpoint_openapi(struct request *request)
{
	const struct request_head *head = &request->head;
	struct reply *reply = &request->reply;
	char etag[sizeof(openapi_digest) + 2];

	(void)snprintf(etag, sizeof(etag), "\"%s\"", openapi_digest);
	reply_field(reply, "Cache-Control", "no-cache");
	reply_field(reply, "ETag", "%s", etag);
	reply->may_be_kept = true;
	reply->media_type = MEDIA_TYPE_JSON;
	reply->status =
	    etag_is_kept(head->if_none_match, head->if_none_match_count, etag) ? 304 : 200;
	/* With the size of what is not sent again (RFC 9110 section 8.6). */
	reply->constant_body = (const char *)openapi_text;
	reply->bytes = sizeof(openapi_text);
}
