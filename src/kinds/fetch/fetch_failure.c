/* SPDX-License-Identifier: MIT */
/*
 * The table from libcurl's codes to failures; see fetch_failure.h. Our own findings come first,
 * because libcurl has one and the same code for a denied address and a refused connection, and for
 * a body over the limit and a full disk. Must not repeat what a stranger wrote but in plain ASCII.
 */
#include "kinds/fetch/fetch_failure.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A longer wait than this is not asked for in earnest, and is left to the usual back-off. */
#define RETRY_AFTER_MAX_S 3600

/* A pause is cut to a setting, which is less; here it only must not overflow. */
#define PAUSE_MAX_S INT64_C(100000000)

static const char denied_text[] = "The address policy forbids the destination";

static void
note_connect(const struct fetch_end *end, struct outcome *outcome)
{
	const struct fetch_progress *progress = end->progress;
	char buffer[128];

	if (progress->socket_errno != 0) {
		outcome_fail(outcome, FAILURE_INTERNAL, "No socket for a connection: %s",
		    strerror_r(progress->socket_errno, buffer, sizeof(buffer)));
		outcome->may_be_mended = true; /* by those that end in the meantime */
		return;
	}
	if (progress->attempts_denied > 0 && progress->attempts_allowed == 0) {
		outcome_fail(outcome, FAILURE_DESTINATION_DENIED, "%s", denied_text);
		return;
	}
	/* The system's words: existing clients know "Connection refused". */
	if (end->os_errno != 0)
		outcome_fail(outcome, FAILURE_CONNECT, "%s",
		    strerror_r((int)end->os_errno, buffer, sizeof(buffer)));
	else
		outcome_fail(outcome, FAILURE_CONNECT, "Could not connect");
}

static void
note_timeout(const struct fetch_end *end, struct outcome *outcome)
{
	const struct fetch_progress *progress = end->progress;
	const char *where;

	if (progress->is_looking_up)
		where = "resolving the host name";
	else if (!progress->is_connected)
		where = "connecting";
	else if (!progress->has_answer)
		where = "waiting for the answer";
	else
		where = "receiving the answer";
	outcome_fail(outcome, FAILURE_TIMEOUT, "Timed out %s", where);
}

/* libcurl's words on TLS name the fault and at most the host that the client named. */
static void
note_tls(const struct fetch_end *end, struct outcome *outcome)
{
	char text[160];
	size_t size = 0;

	for (const char *at = end->error_text; *at != '\0' && size < sizeof(text) - 1; at++)
		text[size++] = *at < 0x20 || *at > 0x7e ? '?' : *at;
	text[size] = '\0';
	outcome_fail(
	    outcome, FAILURE_TLS, "TLS: %s", size > 0 ? text : curl_easy_strerror(end->code));
	/* A handshake can break off for no reason that lasts; a certificate stays what it is. */
	outcome->may_be_mended = end->code == CURLE_SSL_CONNECT_ERROR;
}

/* Code 1 stands for a scheme that is not allowed and for an answer that is not HTTP/1. */
static void
note_unsupported(const struct fetch_end *end, struct outcome *outcome)
{
	const struct fetch_progress *progress = end->progress;

	if (progress->is_connected && !progress->has_answer)
		outcome_fail(outcome, FAILURE_PROTOCOL, "The answer is not HTTP/1");
	else if (progress->is_https)
		outcome_fail(outcome, FAILURE_UNSUPPORTED_SCHEME,
		    "A redirect leads from https to another scheme");
	else
		outcome_fail(outcome, FAILURE_UNSUPPORTED_SCHEME,
		    "A redirect leads to a scheme other than http and https");
}

static void
note_malformed(const struct fetch_end *end, struct outcome *outcome)
{
	if (end->redirects == 0 && !end->progress->has_answer)
		outcome_fail(outcome, FAILURE_INVALID_ARGUMENT, "The URL is malformed");
	else if (end->code == CURLE_LOGIN_DENIED)
		outcome_fail(outcome, FAILURE_DESTINATION_DENIED,
		    "A redirect leads to a URL with user information");
	else
		outcome_fail(outcome, FAILURE_PROTOCOL, "A redirect leads to a malformed URL");
}

/* Codes that say it all by themselves. */
static bool
note_plain(CURLcode code, struct outcome *outcome)
{
	static const struct {
		CURLcode code;
		enum failure failure;
		const char *message;
	} plain[] = {
		{ CURLE_COULDNT_RESOLVE_HOST, FAILURE_DNS, "Could not resolve the host name" },
		{ CURLE_TOO_MANY_REDIRECTS, FAILURE_TOO_MANY_REDIRECTS, "Too many redirects" },
		{ CURLE_GOT_NOTHING, FAILURE_CONNECTION_LOST,
		    "The connection was closed without an answer" },
		{ CURLE_PARTIAL_FILE, FAILURE_CONNECTION_LOST,
		    "The connection was closed before the answer was complete" },
		{ CURLE_SEND_ERROR, FAILURE_CONNECTION_LOST, "The request could not be sent" },
		{ CURLE_RECV_ERROR, FAILURE_CONNECTION_LOST,
		    "The connection broke before the answer was complete" },
		{ CURLE_WEIRD_SERVER_REPLY, FAILURE_PROTOCOL, "The answer is not valid HTTP" },
		/* A trailer that looks like a status line. */
		{ CURLE_BAD_FUNCTION_ARGUMENT, FAILURE_PROTOCOL, "The answer is not valid HTTP" },
		{ CURLE_BAD_CONTENT_ENCODING, FAILURE_PROTOCOL, "The answer is not valid HTTP" },
		{ CURLE_OUT_OF_MEMORY, FAILURE_OUT_OF_MEMORY, "Not enough memory" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(plain); i++) {
		if (plain[i].code == code) {
			outcome_fail(outcome, plain[i].failure, "%s", plain[i].message);
			return true;
		}
	}
	return false;
}

static bool
is_tls(CURLcode code)
{
	static const CURLcode codes[] = { CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION,
		CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER, CURLE_SSL_CACERT_BADFILE,
		CURLE_SSL_CRL_BADFILE, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_INVALIDCERTSTATUS,
		CURLE_SSL_PINNEDPUBKEYNOTMATCH, CURLE_SSL_CLIENTCERT, CURLE_SSL_ENGINE_NOTFOUND,
		CURLE_SSL_ENGINE_SETFAILED, CURLE_SSL_ENGINE_INITFAILED, CURLE_SSL_SHUTDOWN_FAILED,
		CURLE_USE_SSL_FAILED };

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		if (codes[i] == code)
			return true;
	return false;
}

/* What our own callbacks refused, whichever code libcurl made of it. */
static bool
note_refused(const struct fetch_end *end, struct outcome *outcome)
{
	const struct fetch_progress *progress = end->progress;

	if (progress->body_is_too_large || end->code == CURLE_FILESIZE_EXCEEDED)
		outcome_fail(outcome, FAILURE_BODY_TOO_LARGE,
		    "The content is larger than %" PRIu64 " bytes", end->body_max_bytes);
	else if (progress->wire_is_wasted)
		outcome_fail(outcome, FAILURE_BODY_TOO_LARGE,
		    "The answer takes far more bytes than its content has");
	else if (progress->headers_are_too_large)
		outcome_fail(outcome, FAILURE_HEADERS_TOO_LARGE,
		    "The header is larger than %d bytes", FETCH_HEADERS_MAX_BYTES);
	else if (progress->has_answer && progress->lengths_differ)
		outcome_fail(outcome, FAILURE_PROTOCOL, "The answer has two different lengths");
	else if (progress->output_status == STATUS_FULL)
		outcome->verdict = VERDICT_RELEASED; /* again, when there is space */
	else if (progress->output_status == STATUS_NOMEM)
		outcome_fail(outcome, FAILURE_OUT_OF_MEMORY, "Not enough memory");
	else if (progress->output_status != STATUS_OK)
		outcome_fail(outcome, FAILURE_STORAGE, "The content could not be stored");
	else if (progress->lookup_was_refused)
		outcome_fail(outcome, FAILURE_DNS, "Too many names are being resolved");
	else
		return false;
	return true;
}

/* A header line over libcurl's own cap of 100 KiB looks like a lack of memory. */
static bool
is_long_header_line(const struct fetch_end *end)
{
	const struct fetch_progress *progress = end->progress;

	return end->code == CURLE_OUT_OF_MEMORY && progress->is_connected && !progress->has_answer;
}

/* libcurl has no code of its own for a chunk that is none, only these words. */
static bool
is_bad_chunk(const struct fetch_end *end)
{
	return end->code == CURLE_RECV_ERROR && strstr(end->error_text, "chunked-encoding") != NULL;
}

static void
note_failed(const struct fetch_end *end, struct outcome *outcome)
{
	if (end->code == CURLE_COULDNT_CONNECT || end->code == CURLE_ABORTED_BY_CALLBACK)
		note_connect(end, outcome);
	else if (end->code == CURLE_OPERATION_TIMEDOUT)
		note_timeout(end, outcome);
	else if (end->code == CURLE_UNSUPPORTED_PROTOCOL)
		note_unsupported(end, outcome);
	else if (end->code == CURLE_URL_MALFORMAT || end->code == CURLE_LOGIN_DENIED)
		note_malformed(end, outcome);
	else if (is_tls(end->code))
		note_tls(end, outcome);
	else if (is_long_header_line(end))
		outcome_fail(outcome, FAILURE_HEADERS_TOO_LARGE, "A header line is too large");
	else if (is_bad_chunk(end))
		outcome_fail(outcome, FAILURE_PROTOCOL, "The answer is not valid HTTP");
	else if (!note_plain(end->code, outcome))
		outcome_fail(outcome, FAILURE_INTERNAL, "The fetch failed: %s",
		    curl_easy_strerror(end->code));
}

/* The states of a server that pass: RFC 9110 section 15, RFC 8470 (425), RFC 6585 (429). */
static bool
is_passing_status(long status)
{
	static const long passing[] = { 408, 425, 429, 500, 502, 503, 504 };

	for (size_t i = 0; i < ARRAY_SIZE(passing); i++)
		if (passing[i] == status)
			return true;
	return false;
}

static void
note_status(const struct fetch_end *end, struct outcome *outcome)
{
	outcome_fail(outcome, FAILURE_HTTP_STATUS, "HTTP status %ld", end->status);
	/* The content of an error page is kept as well. */
	(void)snprintf(
	    outcome->media_type, sizeof(outcome->media_type), "%s", end->progress->media_type);
	outcome->may_be_mended = is_passing_status(end->status);
	if (outcome->may_be_mended && end->retry_after_s > 0 &&
	    end->retry_after_s <= RETRY_AFTER_MAX_S)
		outcome->retry_after_ms = end->retry_after_s * 1000;
	/* Too many requests (RFC 6585), or unavailable: that concerns others, too. */
	if ((end->status == 429 || end->status == 503) && end->retry_after_s > 0)
		outcome->pause_ms =
		    1000 * (end->retry_after_s < PAUSE_MAX_S ? end->retry_after_s : PAUSE_MAX_S);
}

void
fetch_failure_note(const struct fetch_end *end, struct outcome *outcome)
{
	if (end->code == CURLE_OK && end->status >= 200 && end->status <= 299) {
		outcome_succeed(outcome, end->progress->media_type);
		return;
	}
	if (end->code == CURLE_OK)
		note_status(end, outcome);
	else if (!note_refused(end, outcome))
		note_failed(end, outcome);
}
