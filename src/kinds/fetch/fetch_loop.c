/* SPDX-License-Identifier: MIT */
/*
 * The engine's thread: takes runs, starts transfers as admission allows, lets libcurl work, heeds
 * the word on each run, gives runs back, sleeps. libcurl is called from here alone. The lock is
 * never held across a call of libcurl or of `finished`. Must not resolve, connect or wait outside
 * fetch_events_round.
 */
#include "kinds/fetch/fetch_loop.h"

#include <stdlib.h>

#include "base/clock.h"
#include "kinds/fetch/fetch_args.h"
#include "kinds/fetch/fetch_options.h"

enum {
	/* While there are runs: how often the word on each is asked for. */
	TICK_MS = 50,
	/* Without runs: after this all connections are closed, so none rots in CLOSE_WAIT... */
	IDLE_MS = FETCH_IDLE_CONNECTION_S * 1000,
	/* ...and sooner where more are open than are to be kept. */
	IDLE_CROWDED_MS = 1000,
};

static void
give_back(struct engine *engine, struct run *run)
{
	run->next = NULL;
	engine->finished(engine->finished_context, run);
}

/* The job is over, its run's outcome is filled in, and no transfer is attached any more. */
static void
job_done(struct engine *engine, struct fetch_job *job)
{
	struct run *run = job->run;

	TAILQ_REMOVE(&engine->jobs, job, in_all);
	fetch_admission_end(&engine->admission, job, clock_mono_ms());
	fetch_args_done(&job->args);
	free(job);
	give_back(engine, run);
}

static void
transfer_detach(struct engine *engine, struct fetch_transfer *transfer)
{
	(void)curl_multi_remove_handle(engine->events.multi, transfer->easy);
	transfer->job->transfer = NULL;
	engine->in_flight--;
}

static void
transfer_to_pool(struct engine *engine, struct fetch_transfer *transfer)
{
	LIST_INSERT_HEAD(&engine->pool, transfer, link);
}

static void
job_fail(struct engine *engine, struct fetch_job *job, enum status status, const char *text)
{
	struct outcome *outcome = &job->run->outcome;

	if (status == STATUS_NOMEM)
		outcome_fail(outcome, FAILURE_OUT_OF_MEMORY, "Not enough memory");
	else if (status == STATUS_INVALID)
		outcome_fail(outcome, FAILURE_INVALID_ARGUMENT, "%s", text);
	else
		outcome_fail(outcome, FAILURE_INTERNAL, "%s", text);
	job_done(engine, job);
}

/* How long the fetch would wait for its host's name. */
static int64_t
lookup_patience_ms(const struct engine *engine, const struct fetch_job *job)
{
	const struct fetch_settings *settings = engine->context.settings;
	int64_t own_ms = job->run->task.terms.timeout_ms;
	int64_t patience_ms = settings->connect_timeout_ms;

	if (settings->total_timeout_ms < patience_ms)
		patience_ms = settings->total_timeout_ms;
	return own_ms > 0 && own_ms < patience_ms ? own_ms : patience_ms;
}

/*
 * Those that waited for a lookup learn what it found: nothing. Where it took too long that goes for
 * those that would not have waited longer. Returns whether there were any.
 */
static bool
fail_fellows(struct engine *engine, const struct fetch_job *job)
{
	const struct outcome *outcome = &job->run->outcome;
	bool is_timeout = outcome->failure == FAILURE_TIMEOUT;
	int64_t patience_ms = lookup_patience_ms(engine, job);
	struct fetch_job *fellow, *next;
	bool any = false;

	if (outcome->failure != FAILURE_DNS && !is_timeout)
		return false;
	for (fellow = fetch_admission_fellow(job, NULL); fellow != NULL; fellow = next) {
		next = fetch_admission_fellow(job, fellow);
		if (is_timeout && lookup_patience_ms(engine, fellow) > patience_ms)
			continue;
		outcome_fail(&fellow->run->outcome, outcome->failure, "%s",
		    is_timeout ? "Timed out resolving the host name" : outcome->message);
		job_done(engine, fellow);
		any = true;
	}
	return any;
}

/* Ends a job, waiting or in flight. Returns whether other jobs ended with it. */
static bool
job_end_early(struct engine *engine, struct fetch_job *job, enum run_word word)
{
	struct fetch_transfer *transfer = job->transfer;
	bool any;

	if (transfer != NULL) {
		transfer_detach(engine, transfer);
		fetch_transfer_break_off(transfer, word);
		transfer_to_pool(engine, transfer);
	} else {
		run_end_early(job->run, word);
	}
	any = fail_fellows(engine, job);
	job_done(engine, job);
	return any;
}

/* Ends a transfer that takes bytes without end and brings no content. */
static void
job_cut(struct engine *engine, struct fetch_job *job)
{
	struct fetch_transfer *transfer = job->transfer;

	transfer_detach(engine, transfer);
	fetch_transfer_cut(transfer);
	transfer_to_pool(engine, transfer);
	job_done(engine, job);
}

static void
run_accept(struct engine *engine, struct run *run)
{
	struct fetch_job *job = calloc(1, sizeof(*job));
	struct error error = { "" };

	/* Until it starts in earnest: while it waits for its turn its time does not run out. */
	run_wait(run);
	if (job == NULL) {
		outcome_fail(&run->outcome, FAILURE_OUT_OF_MEMORY, "Not enough memory");
		give_back(engine, run);
		return;
	}
	job->run = run;
	TAILQ_INSERT_TAIL(&engine->jobs, job, in_all);
	enum status status = fetch_args_read(
	    engine->context.settings, run->task.args, run->task.args_size, &job->args, &error);
	if (status == STATUS_OK)
		status = fetch_admission_add(&engine->admission, job, clock_mono_ms(), &error);
	if (status != STATUS_OK)
		job_fail(engine, job, status, error.text);
}

/* Takes over what was added. Returns what the end asks for. */
static void
take_added(struct engine *engine, bool *ret_aborting, bool *ret_closing)
{
	lock_acquire(&engine->lock);
	struct run *run = engine->added;
	engine->added = NULL;
	engine->added_tail = &engine->added;
	*ret_aborting = engine->aborting;
	*ret_closing = engine->closing;
	lock_release(&engine->lock);

	while (run != NULL) {
		struct run *next = run->next;

		run_accept(engine, run);
		run = next;
	}
}

static struct fetch_transfer *
transfer_take(struct engine *engine)
{
	struct fetch_transfer *transfer = LIST_FIRST(&engine->pool);

	if (transfer == NULL)
		return fetch_transfer_new(&engine->context);
	LIST_REMOVE(transfer, link);
	return transfer;
}

static void
job_start(struct engine *engine, struct fetch_job *job)
{
	struct fetch_transfer *transfer = transfer_take(engine);
	struct error error = { "" };
	enum status status = STATUS_NOMEM;

	run_begin(job->run);
	if (transfer != NULL)
		status = fetch_transfer_prepare(transfer, job, &error);
	if (status == STATUS_OK &&
	    curl_multi_add_handle(engine->events.multi, transfer->easy) != CURLM_OK) {
		fetch_transfer_abandon(transfer);
		status = error_set(&error, STATUS_INTERNAL, "libcurl refuses a transfer");
	}
	if (status != STATUS_OK) {
		if (transfer != NULL)
			transfer_to_pool(engine, transfer);
		job_fail(engine, job, status, error.text);
		return;
	}
	job->transfer = transfer;
	engine->in_flight++;
}

static void
start_waiting(struct engine *engine)
{
	int64_t now_mono_ms = clock_mono_ms();

	while (engine->in_flight < engine->context.settings->in_flight_max) {
		bool may_look_up = fetch_lookups_can_begin(
		    &engine->context.lookups, FETCH_LOOKUPS_ADMIT_MAX, now_mono_ms);
		struct fetch_job *job =
		    fetch_admission_next(&engine->admission, may_look_up, now_mono_ms);

		if (job == NULL)
			return;
		enum run_word word = run_word(job->run);
		if (word != RUN_GO_ON)
			(void)job_end_early(engine, job, word);
		else
			job_start(engine, job);
	}
}

static void
finish_ended(struct engine *engine)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(engine->events.multi, &left)) != NULL) {
		struct fetch_transfer *transfer = NULL;
		CURLcode code = message->data.result;

		if (message->msg != CURLMSG_DONE || curl_easy_getinfo(message->easy_handle,
							CURLINFO_PRIVATE, &transfer) != CURLE_OK)
			continue;
		struct fetch_job *job = transfer->job;
		transfer_detach(engine, transfer);
		fetch_transfer_end(transfer, code);
		transfer_to_pool(engine, transfer);
		(void)fail_fellows(engine, job);
		job_done(engine, job);
	}
}

/*
 * Ends the jobs that are not to go on, which all are that are left at an abort, and those that take
 * bytes without end. Those that came
 * last are asked first: where they have to make room, the others keep their turn.
 */
static void
heed_words(struct engine *engine, bool aborting)
{
	struct fetch_job *job, *next;
	int64_t now_mono_ms = clock_mono_ms();

	if (!aborting && now_mono_ms - engine->ticked_mono_ms < TICK_MS)
		return;
	engine->ticked_mono_ms = now_mono_ms;
	for (job = TAILQ_LAST(&engine->jobs, fetch_jobs); job != NULL; job = next) {
		enum run_word word = run_word_waiting(job->run);
		if (aborting && (word == RUN_GO_ON || word == RUN_PUT_ASIDE))
			word = RUN_HAND_BACK;
		next = TAILQ_PREV(job, fetch_jobs, in_all);
		/* The next one may have ended with this one. */
		if (word != RUN_GO_ON && job_end_early(engine, job, word))
			next = TAILQ_LAST(&engine->jobs, fetch_jobs);
		else if (word == RUN_GO_ON && job->transfer != NULL &&
			 fetch_transfer_is_wasteful(job->transfer))
			job_cut(engine, job);
	}
}

void
fetch_loop_empty_pool(struct engine *engine)
{
	struct fetch_transfer *transfer;

	while ((transfer = LIST_FIRST(&engine->pool)) != NULL) {
		LIST_REMOVE(transfer, link);
		fetch_transfer_free(transfer);
	}
}

/*
 * libcurl closes idle connections only while it works on something, and has no call for it. So when
 * there has been nothing to do for a while, its multi handle is made anew.
 */
static void
rest(struct engine *engine)
{
	if (engine->context.sockets > 0) {
		if (!fetch_events_renew(&engine->events))
			return; /* later then */
		engine->context.sockets = 0;
	}
	fetch_loop_empty_pool(engine);
}

/* How long the thread may sleep; rests when it is time to. */
static int
span_ms(struct engine *engine, int64_t now_mono_ms)
{
	int64_t idle_ms, tick_ms;

	if (!TAILQ_EMPTY(&engine->jobs)) {
		engine->idle_since_mono_ms = -1;
		tick_ms = engine->ticked_mono_ms + TICK_MS - now_mono_ms;
		return tick_ms > 0 ? (int)tick_ms : 0;
	}
	if (engine->idle_since_mono_ms < 0)
		engine->idle_since_mono_ms = now_mono_ms;
	idle_ms = engine->context.sockets > FETCH_IDLE_CONNECTIONS_MAX ? IDLE_CROWDED_MS : IDLE_MS;
	idle_ms -= now_mono_ms - engine->idle_since_mono_ms;
	if (idle_ms > 0)
		return (int)idle_ms;
	rest(engine);
	engine->idle_since_mono_ms = now_mono_ms;
	return IDLE_MS;
}

/* The same, and lets it be known. */
static int
sleep_ms(struct engine *engine)
{
	int64_t now_mono_ms = clock_mono_ms();
	int span = span_ms(engine, now_mono_ms);

	pulse_set(engine->pulse, now_mono_ms + span);
	return span;
}

void *
fetch_loop_main(void *arg)
{
	struct engine *engine = arg;
	bool aborting, closing;

	fetch_lookups_name_thread();
	for (;;) {
		take_added(engine, &aborting, &closing);
		heed_words(engine, aborting);
		if (closing && TAILQ_EMPTY(&engine->jobs))
			break;
		start_waiting(engine);
		/* Connections in use count as cached: what may be kept is beside them. */
		(void)curl_multi_setopt(engine->events.multi, CURLMOPT_MAXCONNECTS,
		    (long)engine->in_flight + FETCH_IDLE_CONNECTIONS_MAX);
		fetch_events_round(&engine->events, sleep_ms(engine));
		finish_ended(engine);
		fetch_transfer_next_addresses(&engine->context);
	}
	pulse_set(engine->pulse, PULSE_ASLEEP);
	return NULL;
}
