/* SPDX-License-Identifier: MIT */
/*
 * The engine's life, and what other threads may do to it: put runs on a list, set a flag, and wake
 * its thread by an eventfd (curl_multi_wakeup would need the multi handle, which the thread
 * replaces at rest). Any thread. Must not call libcurl while the engine's thread runs.
 */
#include "kinds/fetch/fetch_engine.h"

#include <stdlib.h>

#include "base/buf.h"
#include "kinds/fetch/address_policy.h"
#include "kinds/fetch/fetch_loop.h"

/* libcurl and OpenSSL are frugal with it; 4 KiB buffers and certificate chains at most. */
enum {
	ENGINE_STACK_BYTES = 512 * 1024,
	OWN_HEADER_MAX_BYTES = 256,
};

static enum status
policy_new(
    const struct fetch_settings *settings, struct address_policy **ret_policy, struct error *error)
{
	const struct address_policy_conf conf = {
		.allow_cidrs = settings->allow_cidrs,
		.allow_count = settings->allow_count,
		.deny_cidrs = settings->deny_cidrs,
		.deny_count = settings->deny_count,
		.own_port = settings->own_port,
	};

	return address_policy_new(&conf, ret_policy, error);
}

enum status
fetch_engine_check_settings(const struct fetch_settings *settings, struct error *error)
{
	struct address_policy *policy = NULL;
	enum status status = policy_new(settings, &policy, error);

	address_policy_free(policy);
	return status;
}

static void engine_close(struct engine *engine);

/* libcurl has forgotten our name when a submitter's was in its place. */
static enum status
own_headers_new(
    const struct fetch_settings *settings, struct curl_slist **ret_list, struct error *error)
{
	struct buf line;

	buf_init(&line, OWN_HEADER_MAX_BYTES);
	buf_text(&line, "User-Agent: ");
	buf_text(&line, settings->user_agent);
	if (buf_status(&line) == STATUS_OK)
		*ret_list = curl_slist_append(NULL, line.data);
	buf_done(&line);
	return *ret_list != NULL ? STATUS_OK
				 : error_set(error, STATUS_NOMEM, "no memory for the fetch engine");
}

static enum status
engine_open(const struct kind_settings *settings, void (*finished)(void *context, struct run *run),
    void *context, struct pulse *pulse, struct engine **ret_engine, struct error *error)
{
	const struct fetch_settings *fetch = &settings->fetch;
	struct engine *engine = calloc(1, sizeof(*engine));
	enum status status;

	if (engine == NULL)
		return error_set(error, STATUS_NOMEM, "no memory for the fetch engine");
	engine->finished = finished;
	engine->finished_context = context;
	engine->pulse = pulse;
	engine->added_tail = &engine->added;
	engine->idle_since_mono_ms = -1;
	TAILQ_INIT(&engine->jobs);
	LIST_INIT(&engine->pool);
	lock_init(&engine->lock, LOCK_RANK_ENGINE);
	fetch_admission_init(&engine->admission, fetch->per_host_max);
	status = fetch_events_open(&engine->events, fetch, fetch_transfer_socket, error);
	if (status != STATUS_OK)
		goto out;
	status = policy_new(fetch, &engine->policy, error);
	if (status != STATUS_OK)
		goto out;
	engine->context = (struct fetch_context){
		.settings = fetch,
		.policy = engine->policy,
		.admission = &engine->admission,
	};
	status = own_headers_new(fetch, &engine->context.own_headers, error);
	if (status != STATUS_OK)
		goto out;
	status = thread_start(
	    &engine->thread, "tq-fetch", ENGINE_STACK_BYTES, fetch_loop_main, engine, error);
	if (status != STATUS_OK)
		goto out;
	engine->is_started = true;
	*ret_engine = engine;
	engine = NULL;
out:
	engine_close(engine);
	return status;
}

static void
engine_add(struct engine *engine, struct run *run)
{
	run->next = NULL;
	lock_acquire(&engine->lock);
	bool was_empty = engine->added == NULL;
	*engine->added_tail = run;
	engine->added_tail = &run->next;
	lock_release(&engine->lock);
	if (was_empty)
		fetch_events_wake(&engine->events);
}

static void
engine_abort(struct engine *engine)
{
	lock_acquire(&engine->lock);
	engine->aborting = true;
	lock_release(&engine->lock);
	fetch_events_wake(&engine->events);
}

static void
engine_close(struct engine *engine)
{
	if (engine == NULL)
		return;
	if (engine->is_started) {
		lock_acquire(&engine->lock);
		engine->aborting = true;
		engine->closing = true;
		lock_release(&engine->lock);
		fetch_events_wake(&engine->events);
		thread_join(engine->thread);
	}
	fetch_loop_empty_pool(engine);
	fetch_events_close(&engine->events);
	address_policy_free(engine->policy);
	curl_slist_free_all(engine->context.own_headers);
	lock_done(&engine->lock);
	free(engine);
}

const struct engine_ops fetch_engine_ops = {
	.open = engine_open,
	.add = engine_add,
	.abort = engine_abort,
	.close = engine_close,
};
