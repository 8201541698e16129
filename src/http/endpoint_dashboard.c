/* SPDX-License-Identifier: MIT */
/*
 * GET / for browsers, and the files that its page is made of. All of it is in the program, so it is
 * answered whatever state the service is in, also beyond the connection limit. Browsers ask each
 * time whether what they keep is still right, and mostly hear that it is: after an update of the
 * service no page is made of old and new.
 */
#include <stdio.h>
#include <string.h>

#include "base/compiler.h"
#include "http/http_coding.h"
#include "http/http_endpoints.h"
#include "http/http_media_type.h"
#include "http/http_range.h"
#include "http/web_assets.h"

#define ASSET_PREFIX "/dashboard/"

/* The page runs its own files and speaks to its own service: nothing else, and nobody frames it. */
#define PAGE_POLICY                                                 \
	"default-src 'none'; script-src 'self'; style-src 'self'; " \
	"connect-src 'self'; img-src 'self'; base-uri 'none'; "     \
	"form-action 'none'; frame-ancestors 'none'; "              \
	"require-trusted-types-for 'script'; trusted-types 'none'"

static const struct reply_constant page_fields[] = {
	{ "Cache-Control", "no-cache" },
	{ "Content-Security-Policy", PAGE_POLICY },
	{ "Cross-Origin-Resource-Policy", "same-origin" },
	{ "Referrer-Policy", "no-referrer" },
	{ "Vary", "Accept, Accept-Encoding" },
	{ NULL, NULL },
};

/* The two forms of a file have tags of their own (RFC 9110 section 8.8.3). */
static void
reply_asset(struct request *request, const struct web_asset *asset)
{
	const struct request_head *head = &request->head;
	struct reply *reply = &request->reply;
	bool is_gzip = coding_takes_gzip(head->accept_encoding, head->accept_encoding_count);
	const struct web_bytes *bytes = is_gzip ? &asset->gzip : &asset->plain;
	char etag[64];

	(void)snprintf(etag, sizeof(etag), "\"%s%s\"", asset->digest, is_gzip ? "-gzip" : "");
	reply->constants = page_fields;
	reply->may_be_kept = true;
	reply->media_type = asset->media_type;
	reply_field(reply, "ETag", "%s", etag);
	if (is_gzip)
		reply_field(reply, "Content-Encoding", "gzip");
	reply->status =
	    etag_is_kept(head->if_none_match, head->if_none_match_count, etag) ? 304 : 200;
	/* With the size of what is not sent again (RFC 9110 section 8.6). */
	reply->constant_body = bytes->data;
	reply->bytes = bytes->size;
}

/* Whether a request names HTML among what it accepts: programs, which accept anything, do not. */
static bool
is_from_browser(const struct request_head *head)
{
	return accept_names(head->accept, head->accept_count, "text/html");
}

void
endpoint_dashboard(struct request *request)
{
	struct reply *reply = &request->reply;

	if (is_from_browser(&request->head)) {
		reply_asset(request, web_asset_find(WEB_ASSET_PAGE));
		return;
	}
	/* As it was before there was a page. */
	reply_problem(reply, PROBLEM_NOT_FOUND, NULL,
	    "There is nothing at this path but the dashboard, for browsers (Accept: text/html).");
	reply_field(reply, "Vary", "Accept");
}

void
endpoint_asset(struct request *request)
{
	const char *name = request->target.path + strlen(ASSET_PREFIX);
	const struct web_asset *asset = web_asset_find(name);

	if (asset == NULL || strcmp(name, WEB_ASSET_PAGE) == 0)
		reply_problem(
		    &request->reply, PROBLEM_NOT_FOUND, NULL, "There is nothing at this path.");
	else
		reply_asset(request, asset);
}
