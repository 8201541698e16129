/* SPDX-License-Identifier: MIT */
/* See checked_store.h. */
#include "checked_store.h"

#include <stdlib.h>
#include <string.h>

#include "store/store_backend.h"

struct checked_store {
	struct checked_world *world;
	enum checked_mode mode;
	bool is_dying;
	unsigned calls_left; /* until it dies */
	bool is_done;        /* what it dies in */
	void (*fatal)(void *context, const char *why);
	void *fatal_context;
	void (*started)(void *context, enum lane lane, struct task_start *starts, size_t count);
	void *started_context;
};

/* How the back end's open, which has no argument for it, gets what it opens. */
static struct checked_store *opening;

static enum status
checked_open(const struct store_conf *conf, int64_t now_ms, void **ret_db,
    struct store_recovery *ret_recovery, struct error *error)
{
	(void)conf;
	(void)now_ms;
	(void)ret_recovery;
	(void)error;
	*ret_db = opening;
	return STATUS_OK;
}

static void
checked_close(void *db)
{
	free(db);
}

static const struct output_conf *
checked_output_conf(const void *db)
{
	return store_output_conf(((const struct checked_store *)db)->world->inner);
}

static void
checked_on_start(void *db,
    void (*started)(void *context, enum lane lane, struct task_start *starts, size_t count),
    void *context)
{
	struct checked_store *checked = db;

	checked->started = started;
	checked->started_context = context;
}

static void
on_started(void *context, enum lane lane, struct task_start *starts, size_t count)
{
	struct checked_world *world = context;

	if (world->started != NULL || count != 1)
		oracle_fail(
		    world->oracle, NULL, "a call has started %zu tasks more than once", count);
	world->started = starts;
	world->started_lane = lane;
}

void
checked_store_attach(struct checked_world *world)
{
	store_on_start(world->inner, on_started, world);
}

static enum status
die(struct checked_store *checked)
{
	checked->mode = CHECKED_DEAD;
	checked->is_dying = false;
	checked->fatal(checked->fatal_context, "the simulation has the service go down");
	return STATUS_UNKNOWN;
}

/*
 * Begins a call: whether it is to be made. What is late arrives at a store that another has taken
 * over; nothing arrives of one that is dead.
 */
static enum status
begin(struct checked_store *checked, bool writes, bool is_late, struct error *error)
{
	struct checked_world *world = checked->world;
	enum status status = STATUS_OK;

	if (world->apart != NULL)
		world->apart(true);
	if (checked->mode == CHECKED_DEAD) {
		status = STATUS_UNKNOWN;
	} else if (checked->mode == CHECKED_FENCED && writes && !is_late) {
		status = STATUS_BUSY;
	} else if (checked->is_dying && writes) {
		if (checked->calls_left > 0)
			checked->calls_left--;
		else if (!checked->is_done)
			status = die(checked);
	} else if (sim_chance(world->oracle->sim, world->faults_per_mille)) {
		static const enum status statuses[] = { STATUS_BUSY, STATUS_BUSY, STATUS_FULL,
			STATUS_IO };

		status = statuses[sim_below(world->oracle->sim, 4)];
		world->oracle->refused++;
	}
	if (status == STATUS_OK)
		return status;
	if (world->apart != NULL)
		world->apart(false);
	return error_set(error, status, "the simulation has it so: %s", status_name(status));
}

/* Ends a call that was made, and judged. */
static enum status
end(struct checked_store *checked, bool writes, enum status status)
{
	struct checked_world *world = checked->world;
	struct store_counts counts;

	if (writes)
		oracle_learn(world->oracle, world->inner);
	if (writes && world->counts_every_call) {
		if (store_counts(world->inner, &counts, NULL) != STATUS_OK)
			oracle_fail(world->oracle, NULL, "the store cannot count");
		oracle_counted(world->oracle, &counts);
	}
	if (writes && checked->is_dying && checked->is_done && checked->calls_left == 0)
		status = die(checked);
	if (world->apart != NULL)
		world->apart(false);
	return status;
}

/* The inner store has no reason to fail but those that an operation has. */
static void
require(struct checked_store *checked, const char *what, bool is_expected, enum status status,
    const struct error *error)
{
	if (!is_expected)
		oracle_fail(checked->world->oracle, NULL, "%s: %s: %s", what, status_name(status),
		    error->text);
}

static enum status
checked_submit(void *db, const struct task_new *tasks, size_t count, struct task_start *start,
    struct idempotency *idempotency, struct error *error)
{
	struct checked_store *checked = db;
	struct checked_world *world = checked->world;
	struct error found = { "" };
	enum lane lane;
	enum status status = begin(checked, true, false, error);

	if (status != STATUS_OK)
		return status;
	world->started = NULL;
	status = store_submit(world->inner, tasks, count, start, idempotency, &found);
	require(
	    checked, "submit", status == STATUS_OK || status == STATUS_CONFLICT, status, &found);
	if (world->started !=
	    (status == STATUS_OK && !idempotency_is_known(idempotency) ? start : NULL))
		oracle_fail(world->oracle, NULL,
		    "a start was handed over that was not stored, or the other way round");
	oracle_submitted(world->oracle, tasks, count, start, idempotency, status);
	start = world->started;
	lane = world->started_lane;
	world->started = NULL;
	status = end(checked, true, status);
	/* Who is dead is told nothing; what was to start with it, its owner keeps. */
	if (status == STATUS_OK && start != NULL)
		checked->started(checked->started_context, lane, start, 1);
	return status;
}

/* In front of the gate of a claim: it takes note of what that says. */
static void
begin_look(void *context)
{
	struct checked_world *world = context;

	world->judged_count = 0;
	world->gate->begin(world->gate->context);
}

static enum store_gate_word
judge(void *context, const char *type, const char *args, size_t args_size, const char **ret_host)
{
	struct checked_world *world = context;
	struct oracle_judged *judged = &world->judged[world->judged_count];

	if (world->judged_count++ == CHECKED_JUDGED_MAX)
		oracle_fail(world->oracle, NULL, "a claim looks at too many tasks");
	judged->args_hash = oracle_hash(args, args_size);
	judged->word = world->gate->judge(world->gate->context, type, args, args_size, ret_host);
	if (judged->word == STORE_GATE_DEFER)
		memcpy(judged->host, *ret_host, strlen(*ret_host) + 1);
	return judged->word;
}

static enum status
claim(struct checked_world *world, enum lane lane, bool isolated, size_t max, int64_t now_ms,
    struct task *ret_tasks, size_t *ret_count, struct error *error)
{
	struct store_gate *gate = world->gate;
	struct store_gate inner = { .begin = begin_look, .judge = judge, .context = world };
	enum status status;

	if (gate == NULL)
		return store_claim(
		    world->inner, lane, isolated, max, now_ms, ret_tasks, ret_count, error);
	inner.recalls = gate->recalls;
	inner.recall_count = gate->recall_count;
	status = store_claim_through(
	    world->inner, &inner, lane, isolated, max, now_ms, ret_tasks, ret_count, error);
	gate->ret_deferred = inner.ret_deferred;
	return status;
}

static enum status
checked_claim(void *db, struct store_gate *gate, enum lane lane, bool isolated, size_t max,
    int64_t now_ms, struct task *ret_tasks, size_t *ret_count, struct error *error)
{
	struct checked_store *checked = db;
	struct checked_world *world = checked->world;
	struct error found = { "" };
	struct oracle_look look = { .gate = gate, .judged = world->judged };
	enum status status = begin(checked, true, false, error);

	if (status != STATUS_OK)
		return status;
	world->gate = gate;
	status = claim(world, lane, isolated, max, now_ms, ret_tasks, ret_count, &found);
	require(checked, "claim", status == STATUS_OK, status, &found);
	look.count = world->judged_count;
	oracle_claimed(world->oracle, lane, isolated, max, now_ms, gate != NULL ? &look : NULL,
	    ret_tasks, *ret_count);
	status = end(checked, true, status);
	for (size_t i = 0; status != STATUS_OK && i < *ret_count; i++)
		task_done(&ret_tasks[i]);
	return status;
}

static enum status
checked_complete(void *db, struct completion *completions, size_t count, struct error *error)
{
	struct checked_store *checked = db;
	struct checked_world *world = checked->world;
	struct error found = { "" };
	struct oracle_content *contents;
	enum status status = begin(checked, true, true, error);

	if (status != STATUS_OK)
		return status;
	contents = calloc(count, sizeof(*contents));
	if (contents == NULL)
		abort();
	for (size_t i = 0; i < count; i++)
		contents[i] =
		    oracle_content_of(completions[i].output, completions[i].outcome->media_type);
	status = store_complete(world->inner, completions, count, &found);
	require(checked, "complete", status == STATUS_OK, status, &found);
	oracle_completed(world->oracle, completions, count, contents);
	free(contents);
	return end(checked, true, status);
}

static enum status
checked_release(void *db, const struct task *tasks, const char *const *hosts, size_t count,
    int64_t now_ms, size_t *ret_queued, struct error *error)
{
	struct checked_store *checked = db;
	struct checked_world *world = checked->world;
	struct error found = { "" };
	enum status status = begin(checked, true, true, error);

	if (status != STATUS_OK)
		return status;
	if (hosts != NULL)
		status = store_defer(world->inner, tasks, hosts, count, now_ms, ret_queued, &found);
	else
		status = store_release(world->inner, tasks, count, now_ms, ret_queued, &found);
	require(checked, "release", status == STATUS_OK, status, &found);
	oracle_released(world->oracle, tasks, hosts, count, now_ms, *ret_queued);
	return end(checked, true, status);
}

static enum status
checked_next_host(void *db, const char *after, char ret_host[TASK_HOST_SIZE], struct error *error)
{
	struct checked_store *checked = db;
	struct checked_world *world = checked->world;
	struct error found = { "" };
	enum status status = begin(checked, false, false, error);

	if (status != STATUS_OK)
		return status;
	status = store_next_host(world->inner, after, ret_host, &found);
	require(checked, "next_host", status == STATUS_OK || status == STATUS_NOT_FOUND, status,
	    &found);
	oracle_next_host(world->oracle, after, ret_host, status);
	return end(checked, false, status);
}

static enum status
checked_cancel(void *db, const char *id, int64_t now_ms, struct store_cancelled *ret_cancelled,
    struct error *error)
{
	struct checked_store *checked = db;
	struct checked_world *world = checked->world;
	enum status status = begin(checked, true, false, error);

	if (status != STATUS_OK)
		return status;
	status = store_cancel(world->inner, id, now_ms, ret_cancelled, error);
	oracle_cancelled(world->oracle, id, now_ms, ret_cancelled, status);
	return end(checked, true, status);
}

static enum status
checked_advance(void *db, int64_t now_ms, struct store_advance *ret_advance, struct error *error)
{
	struct checked_store *checked = db;
	struct checked_world *world = checked->world;
	struct error found = { "" };
	enum status status = begin(checked, true, false, error);

	if (status != STATUS_OK)
		return status;
	status = store_advance(world->inner, now_ms, ret_advance, &found);
	require(checked, "advance", status == STATUS_OK, status, &found);
	oracle_advanced(world->oracle, now_ms, ret_advance);
	return end(checked, true, status);
}

static enum status
checked_purge(void *db, const struct store_retention *retention, int64_t now_ms,
    struct store_purged *ret_purged, struct error *error)
{
	struct checked_store *checked = db;
	struct checked_world *world = checked->world;
	struct error found = { "" };
	enum status status = begin(checked, true, false, error);

	if (status != STATUS_OK)
		return status;
	status = store_purge(world->inner, retention, now_ms, ret_purged, &found);
	require(checked, "purge", status == STATUS_OK, status, &found);
	oracle_purged(world->oracle, retention, now_ms, ret_purged);
	return end(checked, true, status);
}

static enum status
checked_read_status(void *db, const char *id, struct task_status *ret_status, struct error *error)
{
	struct checked_store *checked = db;
	enum status status = begin(checked, false, false, error);

	if (status != STATUS_OK)
		return status;
	status = store_read_status(checked->world->inner, id, ret_status, error);
	oracle_read_status(checked->world->oracle, id, ret_status, status);
	return end(checked, false, status);
}

static enum status
checked_read_submission(
    void *db, const char *id, struct store_submission *ret_submission, struct error *error)
{
	struct checked_store *checked = db;
	enum status status = begin(checked, false, false, error);

	if (status != STATUS_OK)
		return status;
	status = store_read_submission(checked->world->inner, id, ret_submission, error);
	oracle_read_submission(checked->world->oracle, id, ret_submission, status);
	return end(checked, false, status);
}

static enum status
checked_read_result(void *db, const char *id, struct task_result *ret_result, struct error *error)
{
	struct checked_store *checked = db;
	enum status status = begin(checked, false, false, error);

	if (status != STATUS_OK)
		return status;
	status = store_read_result(checked->world->inner, id, ret_result, error);
	oracle_read_result(checked->world->oracle, id, ret_result, status);
	return end(checked, false, status);
}

static enum status
checked_read_idempotency(
    void *db, struct idempotency *idempotency, int64_t now_ms, struct error *error)
{
	struct checked_store *checked = db;
	struct error found = { "" };
	enum status status = begin(checked, false, false, error);

	if (status != STATUS_OK)
		return status;
	status = store_read_idempotency(checked->world->inner, idempotency, now_ms, &found);
	require(checked, "read_idempotency", status == STATUS_OK, status, &found);
	oracle_read_idempotency(checked->world->oracle, idempotency, now_ms);
	return end(checked, false, status);
}

static enum status
checked_list(void *db, const struct store_list_query *query, struct store_list *ret_list,
    struct error *error)
{
	struct checked_store *checked = db;
	struct error found = { "" };
	enum status status = begin(checked, false, false, error);

	if (status != STATUS_OK)
		return status;
	status = store_list(checked->world->inner, query, ret_list, &found);
	require(checked, "list", status == STATUS_OK, status, &found);
	oracle_listed(checked->world->oracle, query, ret_list);
	return end(checked, false, status);
}

static enum status
checked_read_attempts(
    void *db, const char *id, struct store_attempts *ret_attempts, struct error *error)
{
	struct checked_store *checked = db;
	enum status status = begin(checked, false, false, error);

	if (status != STATUS_OK)
		return status;
	status = store_read_attempts(checked->world->inner, id, ret_attempts, error);
	oracle_read_attempts(checked->world->oracle, id, ret_attempts, status);
	return end(checked, false, status);
}

static enum status
checked_oldest_waiting(void *db, int64_t ret_since_ms[LANE_COUNT], struct error *error)
{
	struct checked_store *checked = db;
	struct error found = { "" };
	enum status status = begin(checked, false, false, error);

	if (status != STATUS_OK)
		return status;
	status = store_oldest_waiting(checked->world->inner, ret_since_ms, &found);
	require(checked, "oldest_waiting", status == STATUS_OK, status, &found);
	oracle_oldest_waiting(checked->world->oracle, ret_since_ms);
	return end(checked, false, status);
}

static enum status
checked_counts(void *db, struct store_counts *ret_counts, struct error *error)
{
	struct checked_store *checked = db;
	enum status status = begin(checked, false, false, error);

	if (status != STATUS_OK)
		return status;
	status = store_counts(checked->world->inner, ret_counts, error);
	oracle_counted(checked->world->oracle, ret_counts);
	return end(checked, false, status);
}

static void
checked_stats(void *db, struct store_stats *ret_stats)
{
	store_stats(((const struct checked_store *)db)->world->inner, ret_stats);
}

static enum status
checked_maintain(void *db, struct error *error)
{
	struct checked_store *checked = db;
	enum status status = begin(checked, false, false, error);

	if (status != STATUS_OK)
		return status;
	return end(checked, false, store_maintain(checked->world->inner, error));
}

static const struct store_backend backend = {
	.name = "checked",
	.open = checked_open,
	.close = checked_close,
	.output_conf = checked_output_conf,
	.on_start = checked_on_start,
	.submit = checked_submit,
	.claim = checked_claim,
	.complete = checked_complete,
	.release = checked_release,
	.next_host = checked_next_host,
	.cancel = checked_cancel,
	.advance = checked_advance,
	.purge = checked_purge,
	.read_status = checked_read_status,
	.read_submission = checked_read_submission,
	.read_result = checked_read_result,
	.read_idempotency = checked_read_idempotency,
	.list = checked_list,
	.read_attempts = checked_read_attempts,
	.oldest_waiting = checked_oldest_waiting,
	.counts = checked_counts,
	.stats = checked_stats,
	.maintain = checked_maintain,
};

void
checked_store_open(struct checked_world *world, void (*fatal)(void *context, const char *why),
    void *context, struct store **ret_store, struct checked_store **ret_checked)
{
	const struct store_conf conf = { .data_dir = "unused", .readers = 1, .fatal = fatal };
	struct store_recovery recovery;
	struct checked_store *checked = calloc(1, sizeof(*checked));

	if (checked == NULL)
		abort();
	*checked = (struct checked_store){
		.world = world,
		.fatal = fatal,
		.fatal_context = context,
	};
	opening = checked;
	if (store_open_with(&backend, &conf, 0, ret_store, &recovery, NULL) != STATUS_OK)
		abort();
	*ret_checked = checked;
}

void
checked_store_set_mode(struct checked_store *checked, enum checked_mode mode)
{
	checked->mode = mode;
}

void
checked_store_die(struct checked_store *checked, unsigned calls, bool is_done)
{
	checked->is_dying = true;
	checked->calls_left = calls;
	checked->is_done = is_done;
}
