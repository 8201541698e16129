/* SPDX-License-Identifier: MIT */
/*
 * Waiting lists by host, and the turns that hosts take; see fetch_admission.h. The engine's thread
 * alone. Hosts are found in a balanced tree: names come from strangers, who could make a hash table
 * collide.
 */
#include "kinds/fetch/fetch_admission.h"

#include <assert.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

/* Shorter than libcurl's DNS cache (FETCH_DNS_CACHE_S), so that a known name is in the cache. */
enum {
	KNOWN_MS = 50 * 1000
};

struct fetch_host {
	char *authority;
	bool is_address;
	unsigned jobs; /* waiting and admitted: the host lives while there are any */
	unsigned admitted;
	bool is_looking_up;
	int64_t known_until_mono_ms;
	struct fetch_jobs waiting;
	struct fetch_hosts *list; /* known or unknown; NULL while no job of it may start */
	TAILQ_ENTRY(fetch_host) link;
};

static int
compare_hosts(const void *left, const void *right)
{
	const struct fetch_host *a = left;
	const struct fetch_host *b = right;

	return strcmp(a->authority, b->authority);
}

void
fetch_admission_init(struct fetch_admission *admission, unsigned per_host_max)
{
	*admission = (struct fetch_admission){ .per_host_max = per_host_max };
	TAILQ_INIT(&admission->known);
	TAILQ_INIT(&admission->unknown);
}

static struct fetch_hosts *
list_for(struct fetch_admission *admission, const struct fetch_host *host, int64_t now_mono_ms)
{
	if (TAILQ_EMPTY(&host->waiting) || host->admitted >= admission->per_host_max)
		return NULL;
	if (host->is_address || now_mono_ms < host->known_until_mono_ms)
		return &admission->known;
	return host->is_looking_up ? NULL : &admission->unknown;
}

static void
unlist(struct fetch_host *host)
{
	if (host->list != NULL)
		TAILQ_REMOVE(host->list, host, link);
	host->list = NULL;
}

/* Puts a host where it belongs now; it keeps its turn where it stays on its list. */
static void
relist(struct fetch_admission *admission, struct fetch_host *host, int64_t now_mono_ms)
{
	struct fetch_hosts *list = list_for(admission, host, now_mono_ms);

	if (list == host->list)
		return;
	unlist(host);
	host->list = list;
	if (list != NULL)
		TAILQ_INSERT_TAIL(list, host, link);
}

static void
host_free(struct fetch_host *host)
{
	free(host->authority);
	free(host);
}

static struct fetch_host *
host_new(struct fetch_admission *admission, const struct url_parts *url)
{
	struct fetch_host *host = calloc(1, sizeof(*host));

	if (host == NULL)
		return NULL;
	TAILQ_INIT(&host->waiting);
	host->is_address = url->is_address;
	host->authority = strdup(url->authority);
	if (host->authority == NULL || tsearch(host, &admission->tree, compare_hosts) == NULL) {
		host_free(host);
		return NULL;
	}
	return host;
}

enum status
fetch_admission_add(struct fetch_admission *admission, struct fetch_job *job, int64_t now_mono_ms,
    struct error *error)
{
	struct fetch_host key = { .authority = job->args.url.authority };
	struct fetch_host *const *found = tfind(&key, &admission->tree, compare_hosts);
	struct fetch_host *host = found != NULL ? *found : host_new(admission, &job->args.url);

	if (host == NULL)
		return error_set(error, STATUS_NOMEM, "no memory for a host");
	host->jobs++;
	job->host = host;
	TAILQ_INSERT_TAIL(&host->waiting, job, link);
	relist(admission, host, now_mono_ms);
	return STATUS_OK;
}

static struct fetch_host *
pick(const struct fetch_admission *admission, bool may_look_up)
{
	struct fetch_host *known = TAILQ_FIRST(&admission->known);
	struct fetch_host *unknown = may_look_up ? TAILQ_FIRST(&admission->unknown) : NULL;

	if (known == NULL || (unknown != NULL && admission->unknown_is_next))
		return unknown;
	return known;
}

struct fetch_job *
fetch_admission_next(struct fetch_admission *admission, bool may_look_up, int64_t now_mono_ms)
{
	struct fetch_host *host = pick(admission, may_look_up);

	/* What was known may be so no longer. Each turn moves one host once to `unknown`. */
	while (host != NULL && host->list != list_for(admission, host, now_mono_ms)) {
		relist(admission, host, now_mono_ms);
		host = pick(admission, may_look_up);
	}
	if (host == NULL)
		return NULL;

	struct fetch_job *job = TAILQ_FIRST(&host->waiting);
	TAILQ_REMOVE(&host->waiting, job, link);
	job->is_admitted = true;
	job->is_looking_up = host->list == &admission->unknown;
	admission->unknown_is_next = !job->is_looking_up;
	host->is_looking_up = host->is_looking_up || job->is_looking_up;
	host->admitted++;
	/* To the end of the line. */
	unlist(host);
	relist(admission, host, now_mono_ms);
	return job;
}

void
fetch_admission_looked_up(
    struct fetch_admission *admission, struct fetch_job *job, int64_t now_mono_ms)
{
	if (!job->is_looking_up)
		return;
	job->is_looking_up = false;
	job->host->is_looking_up = false;
	job->host->known_until_mono_ms = now_mono_ms + KNOWN_MS;
	relist(admission, job->host, now_mono_ms);
}

struct fetch_job *
fetch_admission_fellow(const struct fetch_job *job, const struct fetch_job *after)
{
	if (!job->is_looking_up)
		return NULL;
	return after != NULL ? TAILQ_NEXT(after, link) : TAILQ_FIRST(&job->host->waiting);
}

void
fetch_admission_end(struct fetch_admission *admission, struct fetch_job *job, int64_t now_mono_ms)
{
	struct fetch_host *host = job->host;

	if (host == NULL)
		return;
	if (!job->is_admitted)
		TAILQ_REMOVE(&host->waiting, job, link);
	else
		host->admitted--;
	if (job->is_looking_up)
		host->is_looking_up = false;
	job->host = NULL;
	host->jobs--;
	if (host->jobs > 0) {
		relist(admission, host, now_mono_ms);
		return;
	}
	unlist(host);
	(void)tdelete(host, &admission->tree, compare_hosts);
	host_free(host);
}
