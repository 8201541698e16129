/* SPDX-License-Identifier: MIT */
/* See sim_kinds.h. Every attempt is held against the oracle's table when it begins. */
#include "sim_kinds.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/num.h"
#include "base/sync.h"
#include "fiber.h"
#include "sim_attempts.h"

enum {
	RUNS_MAX = 256,
	BRISK_US = 10000000,
	MEMORY_MAX_MIB = 100,
};

const struct kind_settings sim_kind_settings = {
	.cpu_memory_max_bytes = (uint64_t)MEMORY_MAX_MIB << 20,
};

static struct {
	struct sim *sim;
	struct oracle *oracle;
	bool is_rough;
	size_t places[LANE_COUNT];
	struct under_way runs[RUNS_MAX];
	int64_t changed_us; /* when an attempt of the CPU lane began or ended */
} kinds;

void
sim_kinds_begin(struct sim *sim, struct oracle *oracle, size_t executors, size_t slots)
{
	memset(&kinds, 0, sizeof(kinds));
	kinds.sim = sim;
	kinds.oracle = oracle;
	kinds.places[LANE_CPU] = executors;
	kinds.places[LANE_IO] = slots;
	sim_carry_begin(sim, oracle, slots);
}

void
sim_kinds_set_rough(bool is_rough)
{
	kinds.is_rough = is_rough;
}

/* What an attempt says to take: {"mib":30}; more than the bound is not counted. */
static uint64_t
work_memory(const struct kind_settings *settings, const char *args, size_t args_size)
{
	static const char begins[] = "{\"mib\":";
	size_t skipped = sizeof(begins) - 1;
	uint64_t mib = 0;

	(void)settings;
	if (args_size > skipped + 1 && memcmp(args, begins, skipped) == 0 &&
	    num_parse_u64(args + skipped, args_size - skipped - 1, &mib) != STATUS_OK)
		abort();
	return mib << 20;
}

uint64_t
sim_kinds_memory(const char *type, const char *args)
{
	uint64_t bytes = 0;

	if (strcmp(type, sim_work.type) == 0)
		bytes = work_memory(NULL, args, strlen(args));
	return bytes <= sim_kind_settings.cpu_memory_max_bytes ? bytes : 0;
}

struct sim_use
sim_kinds_use(void)
{
	struct sim_use use = { .changed_us = kinds.changed_us };

	for (size_t i = 0; i < RUNS_MAX; i++) {
		const struct run *run = kinds.runs[i].run;

		if (run == NULL || run->task.lane != LANE_CPU)
			continue;
		use.executing++;
		use.bytes += sim_kinds_memory(run->task.type, run->task.args);
	}
	return use;
}

int
sim_kinds_progress(const char *id, int64_t lease)
{
	for (size_t i = 0; i < RUNS_MAX; i++) {
		const struct run *run = kinds.runs[i].run;

		if (run != NULL && run->task.lease == lease && strcmp(run->task.id, id) == 0)
			return run_progress_now(run);
	}
	return -1;
}

/* Each claim is executed once, of those that run alone one at a time, and no more than fit. */
static void
check(const struct run *run)
{
	struct oracle_task *task = oracle_find(kinds.oracle, run->task.id);
	size_t beside = 0;
	uint64_t bytes = sim_kinds_memory(run->task.type, run->task.args);

	for (size_t i = 0; i < RUNS_MAX; i++) {
		const struct run *other = kinds.runs[i].run;

		/* Of the same lane of the same service. */
		if (other == NULL || other->stop != run->stop)
			continue;
		beside++;
		bytes += sim_kinds_memory(other->task.type, other->task.args);
		if (other->task.is_isolated && run->task.is_isolated)
			oracle_fail(kinds.oracle, task,
			    "it runs beside %s, and both are to run alone", other->task.id);
		if (strcmp(other->task.id, run->task.id) == 0)
			oracle_fail(kinds.oracle, task, "it runs twice in one service");
	}
	if (beside >= kinds.places[run->task.lane])
		oracle_fail(kinds.oracle, task, "it runs beside %zu others", beside);
	if (bytes > sim_kind_settings.cpu_memory_max_bytes && run_word(run) == RUN_GO_ON)
		oracle_fail(kinds.oracle, task, "with it %" PRIu64 " MiB are in use", bytes >> 20);
	if (task == NULL)
		return; /* ended and purged since its claim was superseded */
	if (run->task.lease > task->lease || run->task.attempt > task->terms.max_attempts)
		oracle_fail(kinds.oracle, task, "it runs with lease %" PRId64 " for attempt %d",
		    run->task.lease, run->task.attempt);
	if (strcmp(run->task.args, task->args) != 0 ||
	    strcmp(run->task.retry_of, task->retry_of) != 0 ||
	    run->task.terms.timeout_ms != task->terms.timeout_ms)
		oracle_fail(kinds.oracle, task,
		    "it runs with %s, in the place of '%s', for %" PRId64 " ms", run->task.args,
		    run->task.retry_of, run->task.terms.timeout_ms);
	if (run->task.lease < 64 && (task->executed & UINT64_C(1) << run->task.lease) != 0)
		oracle_fail(
		    kinds.oracle, task, "lease %" PRId64 " is executed again", run->task.lease);
	if (run->task.lease < 64)
		task->executed |= UINT64_C(1) << run->task.lease;
}

/*
 * How long an attempt takes: hardly any time, or long enough for others to get in between. For some
 * time all are short but some that take memory, and the CPU lane claims ahead.
 */
static int64_t
some_us(const struct run *run)
{
	uint64_t dice = sim_below(kinds.sim, 100);
	int64_t asked_us = sim_carry_lasts_us(run);

	if (asked_us >= 0)
		return asked_us;
	if (fiber_now_us() / BRISK_US % 2 == 1) {
		bool is_large = sim_kinds_memory(run->task.type, run->task.args) > 0;

		return (int64_t)sim_below(kinds.sim, is_large && dice < 30 ? 250000 : 1000);
	}
	if (dice < 50)
		return (int64_t)sim_below(kinds.sim, 2000);
	if (dice < 90)
		return (int64_t)sim_below(kinds.sim, 60000);
	return (int64_t)sim_below(kinds.sim, kinds.is_rough ? 20000000 : 500000);
}

struct under_way *
sim_attempt_begin(struct run *run)
{
	struct under_way *found = kinds.runs;

	while (found->run != NULL)
		found++;
	check(run);
	kinds.changed_us = fiber_now_us();
	*found = (struct under_way){ .run = run, .until_us = fiber_now_us() + some_us(run) };
	return found;
}

/* Fills in how an attempt ends of itself. */
static void
conclude(struct run *run)
{
	static const enum failure failures[] = { FAILURE_DNS, FAILURE_CONNECT, FAILURE_TIMEOUT,
		FAILURE_TLS, FAILURE_HTTP_STATUS };

	char text[1500] = "";
	size_t size = sim_chance(kinds.sim, 20) ? sizeof(text) : 60;
	bool succeeds = sim_chance(kinds.sim, 600);
	struct oracle_task *task = oracle_find(kinds.oracle, run->task.id);

	/* Whoever lies in wait for tasks (queue_clients.c) may have it cancelled just now. */
	if (task != NULL) {
		oracle_touch(kinds.oracle, task);
		fiber_wake(&kinds.oracle->claimed, true);
	}
	if (kinds.is_rough && sim_chance(kinds.sim, 15)) {
		run->outcome.verdict = VERDICT_RELEASED; /* no space for its output */
		return;
	}
	(void)snprintf(text, sizeof(text), "%s %" PRId64, run->task.id, run->task.lease);
	if (succeeds || sim_chance(kinds.sim, 200)) {
		if (output_write(&run->output, text, size, NULL) != STATUS_OK)
			abort();
	}
	if (succeeds) {
		outcome_succeed(&run->outcome, "text/plain");
	} else {
		outcome_fail(&run->outcome, failures[sim_below(kinds.sim, ARRAY_SIZE(failures))],
		    "Told to fail");
		if (sim_chance(kinds.sim, 100))
			run->outcome.retry_after_ms = (int64_t)sim_below(kinds.sim, 3000);
	}
	sim_carry_conclude(run);
}

bool
sim_attempt_is_over(const struct under_way *under_way)
{
	struct run *run = under_way->run;
	enum run_word word = run_word(run);

	if (word == RUN_GO_ON && fiber_now_us() < under_way->until_us) {
		/* Some tell how far they are. */
		if (run->task.lease % 2 == 0 || run->task.lane == LANE_IO)
			run_progress(run, (uint64_t)(fiber_now_us() - run->began_mono_us),
			    (uint64_t)(under_way->until_us - run->began_mono_us));
		return false;
	}
	if (word == RUN_GO_ON)
		conclude(run);
	else
		run_end_early(run, word);
	return true;
}

static void
work_run(const struct kind_settings *settings, struct run *run)
{
	struct under_way *under_way = sim_attempt_begin(run);

	(void)settings;
	while (!sim_attempt_is_over(under_way)) {
		int64_t left_us = under_way->until_us - fiber_now_us();

		fiber_sleep(left_us < SIM_LOOK_US ? left_us : SIM_LOOK_US);
	}
	under_way->run = NULL;
	kinds.changed_us = fiber_now_us();
}

static bool
prompt_answer(const struct kind_settings *settings, const char *args, size_t args_size,
    struct task_ended *ret_ended)
{
	(void)settings;
	(void)args_size;
	if (strstr(args, "later") != NULL)
		return false;
	*ret_ended = (struct task_ended){
		.media_type = "text/plain",
		.content = "prompt",
		.content_size = strlen("prompt"),
		.is_utf8 = true,
	};
	return true;
}

const struct kind sim_work = {
	.type = "work", .lane = LANE_CPU, .run = work_run, .memory_bytes = work_memory
};
const struct kind sim_prompt = {
	.type = "prompt", .lane = LANE_CPU, .run = work_run, .answer = prompt_answer
};

static const struct kind *const table[] = { &sim_work, &sim_carry, &sim_prompt };

const struct kind *
kinds_find(const char *type)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		if (strcmp(table[i]->type, type) == 0)
			return table[i];
	}
	return NULL;
}

const struct kind *const *
kinds_table(size_t *ret_count)
{
	*ret_count = ARRAY_SIZE(table);
	return table;
}
