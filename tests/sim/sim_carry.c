/* SPDX-License-Identifier: MIT */
/*
 * The simulated kind for the IO lane: an engine that has so many attempts at a host at once, and
 * has the others wait, as that of fetches does. What it knows of hosts is its own: who is asked
 * although it wants to be left alone, or by more than it bears after that, is told.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/sync.h"
#include "fiber.h"
#include "queue_world.h"
#include "sim_attempts.h"

enum {
	QUICK,
	SLOW,
	ANGRY,
	NOBODY = SIM_HOSTS, /* asked by those that have no host */
	HELD_MAX_RUNS = 64,
	PAUSE_MIN_MS = 200,
	OVERDUE_US = 400000, /* twice of what it takes to be put aside, and more */
};

const char *const sim_hosts[SIM_HOSTS] = { "quick.example:80", "slow.example:80",
	"angry.example:443" };

struct waiting {
	struct run *run;
	int64_t since_us;
};

/* A host as one service sees it. */
struct sim_host {
	size_t executing;
	int64_t paused_until_us;
	bool is_growing; /* nobody has been answered since the pause */
	int64_t ended_us;
};

struct engine {
	void (*finished)(void *context, struct run *run);
	void *context;
	struct lock lock;
	struct cond changed;
	struct run *added; /* guarded by lock, the latest first */
	bool is_closing;
	pthread_t thread;
	/* The thread's alone. */
	struct under_way *under_way[HELD_MAX_RUNS];
	size_t count;
	struct waiting waiting[HELD_MAX_RUNS]; /* the latest last */
	size_t waiting_count;
	struct sim_host hosts[SIM_HOSTS + 1];
	struct engine *next;
};

static struct {
	struct sim *sim;
	struct oracle *oracle;
	size_t slots;
	struct engine *engines;
} carry;

void
sim_carry_begin(struct sim *sim, struct oracle *oracle, size_t slots)
{
	carry.sim = sim;
	carry.oracle = oracle;
	carry.slots = slots;
	carry.engines = NULL;
}

/* Which host arguments name: {"host":"..."}. */
static size_t
host_in(const char *args)
{
	size_t host = 0;

	while (host < SIM_HOSTS && strstr(args, sim_hosts[host]) == NULL)
		host++;
	return host;
}

static bool
host_of(const char *args, size_t args_size, char ret_host[TASK_HOST_SIZE])
{
	size_t host = host_in(args);

	(void)args_size;
	if (host == NOBODY)
		return false;
	memcpy(ret_host, sim_hosts[host], strlen(sim_hosts[host]) + 1);
	return true;
}

static size_t
host_at(const struct run *run)
{
	return host_in(run->task.args);
}

int64_t
sim_carry_lasts_us(const struct run *run)
{
	static const uint64_t most_us[] = { 3000, 1000000, 10000 };

	if (run->host == NULL)
		return -1;
	return (int64_t)sim_below(carry.sim, most_us[host_at(run)]);
}

void
sim_carry_conclude(struct run *run)
{
	struct outcome *outcome = &run->outcome;

	if (run->host == NULL || outcome->verdict == VERDICT_RELEASED ||
	    !sim_chance(carry.sim, host_at(run) == ANGRY ? 150 : 3))
		return;
	outcome_fail(outcome, FAILURE_HTTP_STATUS, "Told to come later");
	outcome->may_be_mended = true;
	outcome->pause_ms = PAUSE_MIN_MS + (int64_t)sim_below(carry.sim, SIM_PAUSE_MAX_MS);
	if (sim_chance(carry.sim, 200) &&
	    (outcome->pause_host = strdup(sim_hosts[sim_below(carry.sim, SIM_HOSTS)])) == NULL)
		abort();
}

/* A host has told a service to be left alone. */
static void
pause_host(struct engine *engine, size_t at, int64_t now_ms, int64_t pause_ms)
{
	struct sim_host *host = &engine->hosts[at];
	int64_t until_us =
	    (now_ms + (pause_ms < SIM_PAUSE_MAX_MS ? pause_ms : SIM_PAUSE_MAX_MS)) * 1000;

	if (until_us > host->paused_until_us)
		host->paused_until_us = until_us;
	host->is_growing = true;
}

/* Gives an attempt back that was made; its host has a place then, or wants to be left alone. */
static void
give_back(struct engine *engine, struct run *run)
{
	size_t at = host_at(run);
	struct sim_host *host = &engine->hosts[at];
	int64_t pause_ms = run->outcome.pause_ms;
	size_t also = run->outcome.pause_host != NULL ? host_in(run->outcome.pause_host) : NOBODY;
	bool is_answered = run->outcome.verdict != VERDICT_RELEASED;
	int64_t now_ms = clock_mono_ms();

	host->executing--;
	host->ended_us = fiber_now_us();
	engine->finished(engine->context, run);
	if (pause_ms > 0) {
		pause_host(engine, at, now_ms, pause_ms);
		if (also != NOBODY)
			pause_host(engine, also, now_ms, pause_ms);
	} else if (is_answered && fiber_now_us() >= host->paused_until_us) {
		host->is_growing = false;
	}
}

/* Gives back what is over; returns how many were. */
static size_t
end_some(struct engine *engine)
{
	size_t ended = 0;

	for (size_t i = engine->count; i > 0; i--) {
		struct under_way *under_way = engine->under_way[i - 1];
		struct run *run = under_way->run;

		if (!sim_attempt_is_over(under_way))
			continue;
		under_way->run = NULL;
		engine->under_way[i - 1] = engine->under_way[--engine->count];
		give_back(engine, run);
		ended++;
	}
	return ended;
}

static void
check_host(const struct engine *engine, const struct run *run)
{
	const struct sim_host *host = &engine->hosts[host_at(run)];
	const struct oracle_task *task = oracle_find(carry.oracle, run->task.id);

	if (run->host == NULL)
		return;
	if (fiber_now_us() < host->paused_until_us)
		oracle_fail(carry.oracle, task, "it asks a host that wants to be left alone");
	if (host->is_growing && host->executing > 0 && world_is_calm(the_world))
		oracle_fail(carry.oracle, task,
		    "it asks a host beside %zu others, which has not answered since its pause",
		    host->executing);
}

static void
take_out(struct engine *engine, size_t at)
{
	engine->waiting_count--;
	memmove(&engine->waiting[at], &engine->waiting[at + 1],
	    (engine->waiting_count - at) * sizeof(engine->waiting[0]));
}

/* Those that need not wait any more for their turn. */
static void
end_waiting(struct engine *engine)
{
	for (size_t i = engine->waiting_count; i > 0; i--) {
		struct run *run = engine->waiting[i - 1].run;
		enum run_word word = run_word_waiting(run);

		if (word == RUN_GO_ON)
			continue;
		take_out(engine, i - 1);
		run_end_early(run, word);
		engine->finished(engine->context, run);
	}
}

/* Those whose turn it is. */
static void
begin_waiting(struct engine *engine)
{
	size_t i = 0;

	while (i < engine->waiting_count) {
		struct run *run = engine->waiting[i].run;
		struct sim_host *host = &engine->hosts[host_at(run)];
		enum run_word word;

		if (run->host != NULL && host->executing >= SIM_HOST_PLACES) {
			i++;
			continue;
		}
		take_out(engine, i);
		word = run_word(run);
		if (word != RUN_GO_ON) {
			run_end_early(run, word);
			engine->finished(engine->context, run);
			continue;
		}
		run_begin(run);
		check_host(engine, run);
		host->executing++;
		engine->under_way[engine->count++] = sim_attempt_begin(run);
	}
}

/* Takes what was added, in its order. */
static void
accept_added(struct engine *engine, struct run *added)
{
	struct run *first = NULL;

	while (added != NULL) {
		struct run *next = added->next;

		added->next = first;
		first = added;
		added = next;
	}
	while (first != NULL) {
		struct run *run = first;

		first = run->next;
		run->next = NULL;
		if ((run->host != NULL) != (host_at(run) != NOBODY))
			oracle_fail(carry.oracle, oracle_find(carry.oracle, run->task.id),
			    "it asks a host, and has no place there, or the other way round");
		if (engine->count + engine->waiting_count == carry.slots)
			oracle_fail(carry.oracle, oracle_find(carry.oracle, run->task.id),
			    "the engine has no place for it");
		run_wait(run);
		engine->waiting[engine->waiting_count++] =
		    (struct waiting){ .run = run, .since_us = fiber_now_us() };
	}
}

/* When something may be over, or has to be looked at. */
static int64_t
next_us(const struct engine *engine)
{
	int64_t next_us = FIBER_FOREVER;

	if (engine->count + engine->waiting_count > 0)
		next_us = fiber_now_us() + SIM_LOOK_US;
	for (size_t i = 0; i < engine->count; i++) {
		if (engine->under_way[i]->until_us < next_us)
			next_us = engine->under_way[i]->until_us;
	}
	return next_us;
}

static void *
engine_main(void *arg)
{
	struct engine *engine = arg;
	bool is_closing = false;

	while (!is_closing || engine->count + engine->waiting_count > 0) {
		int64_t until_us = next_us(engine);
		struct run *added;

		if (is_closing)
			until_us = fiber_now_us() + 1000;
		lock_acquire(&engine->lock);
		while (engine->added == NULL && engine->is_closing == is_closing &&
		       fiber_now_us() < until_us)
			(void)cond_wait_until(&engine->changed, &engine->lock,
			    until_us == FIBER_FOREVER ? INT64_MAX : until_us / 1000 + 1);
		added = engine->added;
		engine->added = NULL;
		is_closing = engine->is_closing;
		lock_release(&engine->lock);
		accept_added(engine, added);
		do {
			end_waiting(engine);
			begin_waiting(engine);
		} while (end_some(engine) > 0);
	}
	return NULL;
}

static enum status
engine_open(const struct kind_settings *settings, void (*finished)(void *context, struct run *run),
    void *context, struct pulse *pulse, struct engine **ret_engine, struct error *error)
{
	struct engine *engine = calloc(1, sizeof(*engine));

	(void)settings;
	(void)pulse;
	if (engine == NULL)
		abort();
	engine->finished = finished;
	engine->context = context;
	lock_init(&engine->lock, LOCK_RANK_ENGINE);
	cond_init(&engine->changed);
	engine->next = carry.engines;
	carry.engines = engine;
	*ret_engine = engine;
	return thread_start(&engine->thread, "carry", 0, engine_main, engine, error);
}

static void
engine_add(struct engine *engine, struct run *run)
{
	lock_acquire(&engine->lock);
	run->next = engine->added;
	engine->added = run;
	cond_signal(&engine->changed);
	lock_release(&engine->lock);
}

static void
engine_abort(struct engine *engine)
{
	/* Its runs look at their lane's word themselves. */
	lock_acquire(&engine->lock);
	cond_signal(&engine->changed);
	lock_release(&engine->lock);
}

static void
engine_close(struct engine *engine)
{
	struct engine **at = &carry.engines;

	if (engine == NULL)
		return;
	lock_acquire(&engine->lock);
	engine->is_closing = true;
	cond_signal(&engine->changed);
	lock_release(&engine->lock);
	thread_join(engine->thread);
	while (*at != engine)
		at = &(*at)->next;
	*at = engine->next;
	cond_done(&engine->changed);
	lock_done(&engine->lock);
	free(engine);
}

bool
sim_carry_is_paused(size_t host)
{
	for (const struct engine *engine = carry.engines; engine != NULL; engine = engine->next) {
		if (fiber_now_us() < engine->hosts[host].paused_until_us)
			return true;
	}
	return false;
}

static size_t
count_at(const struct engine *engine, size_t host)
{
	size_t count = engine->hosts[host].executing;

	for (size_t i = 0; i < engine->waiting_count; i++)
		count += host_at(engine->waiting[i].run) == host;
	return count;
}

void
sim_carry_watch(void)
{
	const struct engine *engine = carry.engines;
	int64_t before_us = fiber_now_us() - OVERDUE_US;

	for (size_t i = 0; engine != NULL && i < engine->waiting_count; i++) {
		const struct waiting *waiting = &engine->waiting[i];
		size_t host = host_at(waiting->run);

		if (host != NOBODY && waiting->since_us < before_us &&
		    engine->hosts[host].ended_us < before_us &&
		    count_at(engine, host) > SIM_HOST_PLACES)
			oracle_fail(carry.oracle, oracle_find(carry.oracle, waiting->run->task.id),
			    "it waits for a slow host in a place that others could have");
	}
}

static const struct engine_ops engine_ops = { engine_open, engine_add, engine_abort, engine_close };

const struct kind sim_carry = {
	.type = "carry", .lane = LANE_IO, .engine = &engine_ops, .host_of = host_of
};
