/* SPDX-License-Identifier: MIT */
/*
 * One transfer: an easy handle with all its options, and the callbacks through which libcurl asks
 * for judgement and hands over bytes. Handles are pooled and reset; nothing of one transfer reaches
 * the next but libcurl's own connections, names and certificates. The engine's thread alone.
 */
#ifndef TASKQ_KINDS_FETCH_FETCH_TRANSFER_H
#define TASKQ_KINDS_FETCH_FETCH_TRANSFER_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/status.h"
#include "kinds/fetch/address_policy.h"
#include "kinds/fetch/fetch_admission.h"
#include "kinds/fetch/fetch_lookups.h"
#include "kinds/fetch/fetch_wire.h"
#include "kinds/kind_settings.h"
#include "kinds/run.h"
#include "task/task.h"

enum {
	/* All header bytes of a transfer, redirects and interim answers included. Debian's libcurl
	   has a cap of its own (300 KiB) that cannot be told from a broken connection. */
	FETCH_HEADERS_MAX_BYTES = 192 * 1024,
	FETCH_DNS_CACHE_S = 60,
	FETCH_IDLE_CONNECTIONS_MAX = 32, /* kept for reuse beside those in use */
	FETCH_IDLE_CONNECTION_S = 30,
};

/* What all transfers of an engine share. */
struct fetch_context {
	const struct fetch_settings *settings;
	const struct address_policy *policy;
	struct fetch_admission *admission;
	struct curl_slist *own_headers; /* what an origin gets that is not to see a submitter's */
	struct fetch_lookups lookups;
	unsigned sockets;                   /* open: in use or kept for reuse */
	LIST_HEAD(, fetch_transfer) denied; /* an address was denied, the next one has its turn */
};

/* What was seen of a transfer, beside libcurl's code for how it ended. */
struct fetch_progress {
	/* Of the hop in progress: */
	unsigned attempts_denied;
	unsigned attempts_allowed;
	bool is_connected; /* and the request is about to go out */
	bool is_answering; /* a status line has come */
	bool is_interim;   /* the answer is a 1xx, another one follows */
	bool is_in_header;
	bool has_answer; /* the header is complete */
	bool is_https;
	bool is_chunked;         /* so that a length would mean nothing */
	bool has_length;         /* a Content-Length, whatever it says */
	bool lengths_differ;     /* once the header is complete: the answer's end is not known */
	uint64_t expected_bytes; /* as Content-Length has it; 0: not known */
	uint64_t body_bytes;
	char media_type[TASK_MEDIA_TYPE_SIZE];
	/* Of the whole transfer: */
	bool is_looking_up; /* holds a place in the count of lookups */
	bool lookup_was_refused;
	bool body_is_too_large;
	bool wire_is_wasted; /* far more came than the content has */
	bool headers_are_too_large;
	int socket_errno; /* no descriptor for a connection */
	enum status output_status;
	size_t header_bytes;
};

struct fetch_transfer {
	struct fetch_context *context;
	struct fetch_job *job;
	CURL *easy;
	struct fetch_wire wire;
	struct fetch_progress progress;
	char error_text[CURL_ERROR_SIZE];
	LIST_ENTRY(fetch_transfer) link; /* in the engine's pool */
	LIST_ENTRY(fetch_transfer) in_denied;
	bool is_in_denied;
};

/**
 * fetch_transfer_new - a transfer without a job, or NULL
 * @context: outlives the transfer
 */
struct fetch_transfer *fetch_transfer_new(struct fetch_context *context);

/* Not while its handle is in a multi handle. NULL is fine. */
void fetch_transfer_free(struct fetch_transfer *transfer);

/**
 * fetch_transfer_prepare - reset the handle and set every option for a job
 * The job and its run are borrowed until fetch_transfer_end.
 * Returns OK; NOMEM; INTERNAL when libcurl refuses an option.
 */
enum status fetch_transfer_prepare(
    struct fetch_transfer *transfer, struct fetch_job *job, struct error *error) NODISCARD;

/**
 * fetch_transfer_end - fill in the run's outcome, and drop what must not be kept of its output
 * @code: how libcurl says that it ended. The handle is out of the multi handle by now.
 */
void fetch_transfer_end(struct fetch_transfer *transfer, CURLcode code);

/**
 * fetch_transfer_break_off - end a transfer by the word on its run, which may have more to report
 * than that. The handle is out of the multi handle by now.
 */
void fetch_transfer_break_off(struct fetch_transfer *transfer, enum run_word word);

/**
 * fetch_transfer_socket - note the socket that a handle works with, or that it does so no more
 */
void fetch_transfer_socket(CURL *easy, curl_socket_t fd, bool is_gone);

/**
 * fetch_transfer_is_wasteful - whether its answer takes far more bytes than its content has
 * To be asked of a transfer in flight, again and again.
 * fetch_transfer_cut - end it for that. The handle is out of the multi handle by now.
 */
bool fetch_transfer_is_wasteful(struct fetch_transfer *transfer);
void fetch_transfer_cut(struct fetch_transfer *transfer);

/**
 * fetch_transfer_abandon - the transfer does not begin after all; no outcome
 */
void fetch_transfer_abandon(struct fetch_transfer *transfer);

/**
 * fetch_transfer_next_addresses - let transfers go on to their next address after a denial
 * Not from within a callback of libcurl.
 */
void fetch_transfer_next_addresses(struct fetch_context *context);

#endif
