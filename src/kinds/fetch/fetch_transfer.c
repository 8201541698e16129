/* SPDX-License-Identifier: MIT */
/*
 * The callbacks of a transfer and its life; see fetch_transfer.h. Options are in fetch_options.c.
 * The engine's thread alone: libcurl calls back from within curl_multi_perform. Callbacks must not
 * call the engine, and must not log.
 */
#include "kinds/fetch/fetch_transfer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "kinds/fetch/fetch_answer.h"
#include "kinds/fetch/fetch_failure.h"
#include "kinds/fetch/fetch_options.h"
#include "kinds/fetch/fetch_report.h"

static void
lookup_begin(struct fetch_transfer *transfer)
{
	if (transfer->progress.is_looking_up)
		return;
	transfer->progress.is_looking_up = true;
	transfer->context->lookups.running++;
}

static void
lookup_end(struct fetch_transfer *transfer)
{
	if (!transfer->progress.is_looking_up)
		return;
	transfer->progress.is_looking_up = false;
	transfer->context->lookups.running--;
}

/* The name is known, be it by a lookup, from the cache or by an open connection. */
static void
note_looked_up(struct fetch_transfer *transfer)
{
	lookup_end(transfer);
	if (transfer->job->is_looking_up)
		fetch_admission_looked_up(
		    transfer->context->admission, transfer->job, clock_mono_ms());
}

/* The answer before this point, if any, was a redirect's. */
static void
begin_hop(struct fetch_transfer *transfer)
{
	struct fetch_progress *progress = &transfer->progress;

	if (!progress->is_answering)
		return;
	fetch_wire_next(&transfer->wire);
	progress->is_answering = false;
	progress->has_answer = false;
	progress->is_connected = false;
	progress->attempts_denied = 0;
	progress->attempts_allowed = 0;
}

static int
on_resolver_start(void *resolver_state, void *reserved, void *user)
{
	struct fetch_transfer *transfer = user;
	struct fetch_lookups *lookups = &transfer->context->lookups;

	(void)resolver_state;
	(void)reserved;
	begin_hop(transfer);
	if (!transfer->progress.is_looking_up &&
	    !fetch_lookups_can_begin(lookups, FETCH_LOOKUPS_MAX, clock_mono_ms())) {
		transfer->progress.lookup_was_refused = true;
		return 1;
	}
	lookup_begin(transfer);
	return 0;
}

static void
note_denied(struct fetch_transfer *transfer)
{
	transfer->progress.attempts_denied++;
	if (transfer->is_in_denied)
		return;
	transfer->is_in_denied = true;
	LIST_INSERT_HEAD(&transfer->context->denied, transfer, in_denied);
}

static void
forget_denied(struct fetch_transfer *transfer)
{
	if (transfer->is_in_denied)
		LIST_REMOVE(transfer, in_denied);
	transfer->is_in_denied = false;
}

/*
 * libcurl goes on to the next address only when it is called again, and without a socket nothing
 * but its timers (200 ms to seconds for each address) would make it. Pausing and unpausing is the
 * one public call that puts a transfer next in line.
 */
void
fetch_transfer_next_addresses(struct fetch_context *context)
{
	struct fetch_transfer *transfer;

	while ((transfer = LIST_FIRST(&context->denied)) != NULL) {
		forget_denied(transfer);
		(void)curl_easy_pause(transfer->easy, CURLPAUSE_RECV);
		(void)curl_easy_pause(transfer->easy, CURLPAUSE_CONT);
	}
}

/* The verdict: called for every attempt to connect, whatever led to it. */
static curl_socket_t
on_open_socket(void *user, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct fetch_transfer *transfer = user;
	struct fetch_progress *progress = &transfer->progress;

	note_looked_up(transfer);
	begin_hop(transfer);
	if (purpose != CURLSOCKTYPE_IPCXN || address->addrlen > sizeof(struct sockaddr_storage) ||
	    !address_policy_allows(
		transfer->context->policy, &address->addr, (socklen_t)address->addrlen)) {
		note_denied(transfer);
		return CURL_SOCKET_BAD;
	}
	progress->attempts_allowed++;
	int fd = socket(
	    address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address->protocol);
	if (fd == -1) {
		progress->socket_errno = errno;
		return CURL_SOCKET_BAD;
	}
	transfer->context->sockets++;
	return fd;
}

/* A connection outlives the transfer that made it, so this one is given the engine's context. */
static int
on_close_socket(void *user, curl_socket_t fd)
{
	struct fetch_context *context = user;

	if (context->sockets > 0)
		context->sockets--;
	return close(fd);
}

/* What the submitter says to one origin is not for another that it redirects to: it may be a key.
   Gone for good, also when a later redirect leads back. */
static bool
keep_headers_at_home(struct fetch_transfer *transfer)
{
	const struct fetch_args *args = &transfer->job->args;
	const char *url = NULL;

	if (args->headers == NULL)
		return true;
	if (curl_easy_getinfo(transfer->easy, CURLINFO_EFFECTIVE_URL, &url) == CURLE_OK &&
	    url != NULL && url_policy_same_origin(url, &args->url))
		return true;
	return curl_easy_setopt(
		   transfer->easy, CURLOPT_HTTPHEADER, transfer->context->own_headers) == CURLE_OK;
}

/* The second line of defence: also called for connections that are used again. */
static int
on_request(void *user, char *peer, char *local, int peer_port, int local_port)
{
	struct fetch_transfer *transfer = user;
	struct fetch_progress *progress = &transfer->progress;
	const char *scheme = NULL;

	(void)local;
	(void)local_port;
	note_looked_up(transfer);
	begin_hop(transfer);
	if (peer == NULL ||
	    !address_policy_allows_literal(transfer->context->policy, peer, peer_port)) {
		progress->attempts_denied++;
		progress->attempts_allowed = 0;
		return CURL_PREREQFUNC_ABORT;
	}
	if (!keep_headers_at_home(transfer))
		return CURL_PREREQFUNC_ABORT;
	progress->is_connected = true;
	if (!progress->is_https &&
	    curl_easy_getinfo(transfer->easy, CURLINFO_SCHEME, &scheme) == CURLE_OK &&
	    scheme != NULL && strcasecmp(scheme, "https") == 0) {
		/* No way back to http once a hop was secure. */
		if (fetch_options_refuse_downgrade(transfer->easy) != CURLE_OK)
			return CURL_PREREQFUNC_ABORT;
		progress->is_https = true;
	}
	return CURL_PREREQFUNC_OK;
}

static size_t
on_header(char *data, size_t item, size_t count, void *user)
{
	struct fetch_transfer *transfer = user;
	struct fetch_progress *progress = &transfer->progress;
	size_t size = item * count;

	progress->header_bytes += size;
	if (progress->header_bytes > FETCH_HEADERS_MAX_BYTES) {
		progress->headers_are_too_large = true;
		return 0;
	}
	if (fetch_answer_line(progress, data, size) && transfer->job->run->output.bytes > 0)
		output_clear(&transfer->job->run->output);
	return progress->has_answer && progress->lengths_differ ? 0 : size;
}

static size_t
on_body(char *data, size_t item, size_t count, void *user)
{
	struct fetch_transfer *transfer = user;
	struct fetch_progress *progress = &transfer->progress;
	size_t size = item * count;

	/* CURLOPT_MAXFILESIZE looks at Content-Length alone; these are the bytes themselves. */
	if (size > transfer->job->args.body_max_bytes - progress->body_bytes) {
		progress->body_is_too_large = true;
		return 0;
	}
	progress->output_status = output_write(&transfer->job->run->output, data, size, NULL);
	if (progress->output_status != STATUS_OK)
		return 0;
	progress->body_bytes += size;
	run_progress(transfer->job->run, progress->body_bytes, progress->expected_bytes);
	return size;
}

struct fetch_transfer *
fetch_transfer_new(struct fetch_context *context)
{
	struct fetch_transfer *transfer = calloc(1, sizeof(*transfer));

	if (transfer == NULL)
		return NULL;
	transfer->context = context;
	transfer->easy = curl_easy_init();
	if (transfer->easy == NULL) {
		free(transfer);
		return NULL;
	}
	return transfer;
}

void
fetch_transfer_free(struct fetch_transfer *transfer)
{
	if (transfer == NULL)
		return;
	curl_easy_cleanup(transfer->easy);
	free(transfer);
}

static CURLcode
set_callbacks(struct fetch_transfer *transfer)
{
	const struct fetch_callbacks callbacks = {
		.resolver_start = on_resolver_start,
		.open_socket = on_open_socket,
		.close_socket = on_close_socket,
		.request = on_request,
		.header = on_header,
		.body = on_body,
		.transfer = transfer,
		.context = transfer->context,
		.error_text = transfer->error_text,
	};

	return fetch_options_set_callbacks(transfer->easy, &callbacks);
}

enum status
fetch_transfer_prepare(struct fetch_transfer *transfer, struct fetch_job *job, struct error *error)
{
	CURLcode code;

	curl_easy_reset(transfer->easy);
	fetch_wire_init(&transfer->wire);
	transfer->progress = (struct fetch_progress){ .is_https = job->args.url.is_https };
	transfer->error_text[0] = '\0';
	code = fetch_options_set(transfer->easy, transfer->context->settings, &job->args);
	if (code == CURLE_OK)
		code = set_callbacks(transfer);
	if (code == CURLE_OUT_OF_MEMORY)
		return error_set(error, STATUS_NOMEM, "no memory for a transfer");
	if (code != CURLE_OK)
		return error_set(error, STATUS_INTERNAL, "libcurl refuses an option: %s",
		    curl_easy_strerror(code));
	transfer->job = job;
	if (job->is_looking_up)
		lookup_begin(transfer);
	return STATUS_OK;
}

/* A lookup whose thread may still run although the transfer has ended. */
static void
leave_lookup_behind(struct fetch_transfer *transfer)
{
	if (!transfer->progress.is_looking_up)
		return;
	lookup_end(transfer);
	transfer->context->lookups.left_behind++;
}

void
fetch_transfer_end(struct fetch_transfer *transfer, CURLcode code)
{
	struct fetch_job *job = transfer->job;
	struct run *run = job->run;
	struct fetch_end end = {
		.code = code,
		.progress = &transfer->progress,
		.retry_after_s = fetch_report_retry_after_s(transfer->easy),
		.error_text = transfer->error_text,
		.settings = transfer->context->settings,
		.body_max_bytes = job->args.body_max_bytes,
	};

	(void)curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &end.status);
	(void)curl_easy_getinfo(transfer->easy, CURLINFO_OS_ERRNO, &end.os_errno);
	(void)curl_easy_getinfo(transfer->easy, CURLINFO_REDIRECT_COUNT, &end.redirects);
	fetch_failure_note(&end, &run->outcome);
	if (run->outcome.pause_ms > 0 && end.redirects > 0)
		run->outcome.pause_host = fetch_report_host(transfer->easy);
	run->outcome.response =
	    fetch_report_write(transfer->easy, &transfer->progress, job->args.url.url);
	/* Only a whole answer is content. */
	if (code != CURLE_OK)
		output_clear(&run->output);

	if (code == CURLE_COULDNT_RESOLVE_HOST)
		lookup_end(transfer);
	fetch_transfer_abandon(transfer);
}

void
fetch_transfer_socket(CURL *easy, curl_socket_t fd, bool is_gone)
{
	struct fetch_transfer *transfer = NULL;

	/* libcurl has handles of its own, too. */
	if (curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer) != CURLE_OK || transfer == NULL)
		return;
	fetch_wire_told(&transfer->wire, fd, is_gone);
}

bool
fetch_transfer_is_wasteful(struct fetch_transfer *transfer)
{
	return transfer->progress.is_connected &&
	       fetch_wire_is_wasted(&transfer->wire, transfer->progress.body_bytes);
}

void
fetch_transfer_cut(struct fetch_transfer *transfer)
{
	transfer->progress.wire_is_wasted = true;
	fetch_transfer_end(transfer, CURLE_WRITE_ERROR);
}

void
fetch_transfer_break_off(struct fetch_transfer *transfer, enum run_word word)
{
	struct run *run = transfer->job->run;

	run_end_early(run, word);
	if (run->outcome.verdict == VERDICT_FAILED)
		run->outcome.response = fetch_report_write(
		    transfer->easy, &transfer->progress, transfer->job->args.url.url);
	fetch_transfer_abandon(transfer);
}

void
fetch_transfer_abandon(struct fetch_transfer *transfer)
{
	leave_lookup_behind(transfer);
	forget_denied(transfer);
	transfer->job = NULL;
}
