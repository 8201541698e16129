/* SPDX-License-Identifier: MIT */
/*
 * A long life of hosts, at random, with a model of the store: tasks come, are claimed, deferred,
 * recalled, put aside and cancelled, claims fail or begin anew, and commits come between any two
 * steps. Whatever happens, no host with deferred tasks is forgotten, none is asked while it
 * pauses, and all that waits goes in the end. The seed is printed; HOSTS_SEED repeats it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "queue/hosts.h"

enum {
	HOSTS = 5,
	TASKS = 64,
	SLOTS = 12,
	STEPS = 60000,
	PAUSE_MAX_MS = 2000,
	ROUNDS_MAX = 4 * TASKS, /* of claims, until all that waits has gone */
};

enum where {
	ENDED,
	READY,
	DEFERRED,
	RUNNING,
	ASIDE, /* left its host; the commit that defers it is under way */
};

struct model_task {
	enum where where;
	int host;
	bool isolated;
	uint64_t seq;
	struct run_host *at;
};

static struct model_task tasks[TASKS];
static struct hosts *hosts;
/* Of tasks that such a commit has deferred, and hosts have not heard of it. */
static struct run_host *unnoted[TASKS];
static size_t unnoted_count;
static int64_t paused_until_ms[HOSTS];
static int64_t now_ms;
static uint64_t last_seq;
static unsigned seed;

static int
chance(int one_in)
{
	return rand_r(&seed) % one_in == 0;
}

static const char *
name_of(int host)
{
	static const char *const names[HOSTS] = { "a:80", "b:80", "c:80", "d:80", "e:80" };

	return names[host];
}

static size_t
count(enum where where)
{
	size_t found = 0;

	for (size_t i = 0; i < TASKS; i++)
		found += tasks[i].where == where;
	return found;
}

/* A task at random of those that are there; NULL: none. */
static struct model_task *
any(enum where where)
{
	size_t left = count(where);
	size_t chosen = left > 0 ? (size_t)rand_r(&seed) % left : 0;

	for (size_t i = 0; i < TASKS && left > 0; i++)
		if (tasks[i].where == where && chosen-- == 0)
			return &tasks[i];
	return NULL;
}

/* The oldest task behind another that is there, of one host (-1: any). */
static struct model_task *
next(enum where where, int host, const bool *isolated, uint64_t behind)
{
	struct model_task *found = NULL;

	for (size_t i = 0; i < TASKS; i++) {
		struct model_task *task = &tasks[i];

		if (task->where == where && (host < 0 || task->host == host) &&
		    (isolated == NULL || task->isolated == *isolated) && task->seq > behind &&
		    (found == NULL || task->seq < found->seq))
			found = task;
	}
	return found;
}

static void
enters(struct model_task *task, struct run_host *host)
{
	assert_true(now_ms >= paused_until_ms[task->host]);
	assert_string_equal(hosts_name(host), name_of(task->host));
	task->at = host;
	task->where = RUNNING;
	assert_true(count(RUNNING) <= SLOTS);
}

/* The finisher's: between the two somebody else may claim the task. */
static void
commit_aside(struct model_task *task)
{
	task->where = DEFERRED;
	unnoted[unnoted_count++] = task->at;
}

static void
note_deferred(void)
{
	struct run_host *host = unnoted[--unnoted_count];

	hosts_note_deferred(hosts, host, now_ms);
	hosts_let_go(hosts, host);
}

static bool
is_unnoted(int host)
{
	for (size_t i = 0; i < unnoted_count; i++)
		if (strcmp(hosts_name(unnoted[i]), name_of(host)) == 0)
			return true;
	return false;
}

/* What other threads may do between any two steps of a claim. */
static void
others_go_on(void)
{
	struct model_task *task;

	if (chance(3) && unnoted_count > 0)
		note_deferred();
	if (chance(3) && (task = any(ASIDE)) != NULL)
		commit_aside(task);
	if (chance(6) && (task = any(DEFERRED)) != NULL)
		task->where = ENDED; /* cancelled */
	if (chance(6) && (task = any(READY)) != NULL)
		task->where = ENDED;
}

/* Judges what is ready, as a claim that comes to something or not. Returns whether it was all. */
static bool
look(bool isolated, size_t max, bool is_made)
{
	struct model_task *task = NULL;
	struct run_host *entered[SLOTS];
	size_t taken = 0;

	while (taken < max &&
	       (task = next(READY, -1, &isolated, task != NULL ? task->seq : 0)) != NULL) {
		const char *told = NULL;
		struct run_host *host = NULL;
		enum store_gate_word word =
		    hosts_judge(hosts, name_of(task->host), isolated, now_ms, &host, &told);

		assert_int_not_equal(word, STORE_GATE_PASS_OVER);
		if (word == STORE_GATE_ADMIT) {
			entered[taken++] = host;
			if (is_made)
				enters(task, host);
		} else {
			assert_string_equal(told, name_of(task->host));
			if (is_made)
				task->where = DEFERRED;
		}
	}
	for (size_t i = 0; i < taken && !is_made; i++) {
		hosts_leave(hosts, entered[i], HOST_LEAVE_UNJUDGED, now_ms);
		hosts_let_go(hosts, entered[i]);
	}
	return taken < max;
}

static void
claim(bool isolated, bool can_fail)
{
	size_t room = SLOTS - count(RUNNING) - count(ASIDE) - unnoted_count;
	bool is_made = !can_fail || !chance(6);
	struct hosts_recalls recalls;

	if (room == 0)
		return;
	hosts_begin_recalls(hosts, room, now_ms, &recalls);
	assert_true(recalls.tasks <= room);
	if (can_fail)
		others_go_on();
	for (size_t i = 0; i < recalls.count && is_made && !isolated; i++) {
		struct store_recall *recall = &recalls.list[i];
		struct model_task *task;
		int host = recall->host[0] - 'a';

		recall->ret_count = 0;
		while (recall->ret_count < recall->max &&
		       (task = next(DEFERRED, host, NULL, 0)) != NULL) {
			task->where = READY;
			recall->ret_count++;
		}
	}
	if (can_fail && chance(6))
		(void)look(isolated, isolated ? 1 : room, false);
	bool has_seen_all = look(isolated, isolated ? 1 : room, is_made);
	if (can_fail)
		others_go_on();
	if (has_seen_all && is_made && !isolated)
		hosts_end_look(hosts, &recalls, now_ms);
	hosts_end_recalls(hosts, &recalls, is_made && !isolated, now_ms);
}

/* A new task starts at once, or waits. */
static void
submit(void)
{
	struct model_task *task = any(ENDED);
	struct run_host *host;

	if (task == NULL)
		return;
	*task = (struct model_task){
		.where = READY,
		.host = rand_r(&seed) % HOSTS,
		.isolated = chance(10),
		.seq = ++last_seq,
	};
	if (count(READY) > 1 || count(RUNNING) + count(ASIDE) + unnoted_count >= SLOTS)
		return;
	host = hosts_enter(hosts, name_of(task->host), now_ms);
	if (host == NULL)
		return;
	/* Nobody overtakes. */
	assert_true(is_unnoted(task->host) || next(DEFERRED, task->host, NULL, 0) == NULL);
	enters(task, host);
}

static void
end_attempt(struct model_task *task, bool is_calm)
{
	int64_t pause_ms = rand_r(&seed) % (2 * PAUSE_MAX_MS);

	if (!is_calm && chance(3)) {
		hosts_leave(hosts, task->at, HOST_LEAVE_ASIDE, now_ms);
		task->where = ASIDE;
		return;
	}
	if (!is_calm && chance(8)) {
		int64_t cut_ms = pause_ms < PAUSE_MAX_MS ? pause_ms : PAUSE_MAX_MS;

		hosts_pause(hosts, task->at, pause_ms, now_ms);
		if (now_ms + cut_ms > paused_until_ms[task->host])
			paused_until_ms[task->host] = now_ms + cut_ms;
	}
	bool is_unasked = !is_calm && chance(8);
	hosts_leave(hosts, task->at, is_unasked ? HOST_LEAVE_UNASKED : HOST_LEAVE_ANSWERED, now_ms);
	hosts_let_go(hosts, task->at);
	/* Handed back, to be tried again, or over. */
	task->where = is_unasked || (!is_calm && chance(4)) ? READY : ENDED;
}

static void
step(void)
{
	struct model_task *task;

	switch (rand_r(&seed) % 6) {
	case 0:
	case 1:
		submit();
		break;
	case 2:
		claim(chance(4), true);
		break;
	case 3:
		if ((task = any(RUNNING)) != NULL)
			end_attempt(task, false);
		break;
	case 4:
		others_go_on();
		break;
	case 5:
		now_ms += chance(20) ? rand_r(&seed) % 1500 : rand_r(&seed) % 20;
		break;
	}
}

static void
assert_nothing_is_forgotten(void)
{
	for (int host = 0; host < HOSTS; host++)
		if (next(DEFERRED, host, NULL, 0) != NULL && !is_unnoted(host))
			assert_true(hosts_is_deferring(hosts, name_of(host)));
}

/* From now on every attempt is answered: all that waits goes, and nobody has to be woken but at the
   times that hosts tell. */
static void
let_all_go(void)
{
	int rounds = 0;

	while (count(ENDED) < TASKS) {
		struct model_task *task;

		assert_true(rounds++ < ROUNDS_MAX);
		for (size_t i = 0; i < TASKS; i++) {
			task = &tasks[i];
			if (task->where == RUNNING)
				end_attempt(task, true);
			if (task->where == ASIDE)
				commit_aside(task);
		}
		while (unnoted_count > 0)
			note_deferred();
		if (count(READY) == 0 && count(DEFERRED) > 0) {
			int64_t due_ms = hosts_due_mono_ms(hosts);

			assert_true(due_ms <= now_ms + PAUSE_MAX_MS);
			now_ms = due_ms > now_ms ? due_ms : now_ms;
		}
		claim(true, false);
		claim(false, false);
		assert_nothing_is_forgotten();
	}
}

static void
test_whatever_happens_nobody_is_forgotten_or_asked_too_early(void **state)
{
	const char *given = getenv("HOSTS_SEED");

	(void)state;
	seed = given != NULL ? (unsigned)strtoul(given, NULL, 10) : arc4random();
	print_message("HOSTS_SEED=%u\n", seed);
	now_ms = 1000000;
	for (unsigned places = 1; places <= 2 * SLOTS; places *= 3) {
		const struct hosts_conf conf = {
			.places = places, .slots = SLOTS, .pause_max_ms = PAUSE_MAX_MS
		};
		struct hosts_stats stats;

		assert_int_equal(hosts_new(&conf, &hosts, NULL), STATUS_OK);
		memset(paused_until_ms, 0, sizeof(paused_until_ms));
		for (int i = 1; i <= STEPS / 4; i++) {
			step();
			assert_nothing_is_forgotten();
			if (i % 5000 == 0)
				let_all_go();
		}
		let_all_go();
		/* The last of each is known when one more claim has found none. */
		for (int i = 0; i < 3 && hosts_any_deferring(hosts); i++) {
			now_ms += PAUSE_MAX_MS;
			claim(false, false);
		}
		hosts_stats(hosts, &stats);
		assert_int_equal(stats.deferring, 0);
		assert_int_equal(stats.known, HOSTS);
		hosts_free(hosts);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whatever_happens_nobody_is_forgotten_or_asked_too_early),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
