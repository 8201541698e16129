/* SPDX-License-Identifier: MIT */
/*
 * What is known of hosts: places, pauses, who is deferred and when some are recalled, what is
 * forgotten. The clock is the test's.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "queue/hosts.h"

#define PLACES 4
#define SLOTS  16

static int64_t now_ms;

static struct hosts *
open_hosts(void)
{
	const struct hosts_conf conf = { .places = PLACES, .slots = SLOTS, .pause_max_ms = 60000 };
	struct hosts *hosts;

	now_ms = 1000000;
	assert_int_equal(hosts_new(&conf, &hosts, NULL), STATUS_OK);
	return hosts;
}

static struct run_host *
enter(struct hosts *hosts, const char *name)
{
	return hosts_enter(hosts, name, now_ms);
}

static void
leave(struct hosts *hosts, struct run_host *host, enum host_leave why)
{
	hosts_leave(hosts, host, why, now_ms);
	hosts_let_go(hosts, host);
}

/* Judges a task; returns the host that it has entered, or NULL where it was deferred. */
static struct run_host *
judge(struct hosts *hosts, const char *name)
{
	struct run_host *host = NULL;
	const char *told = NULL;
	enum store_gate_word word = hosts_judge(hosts, name, false, now_ms, &host, &told);

	assert_int_not_equal(word, STORE_GATE_PASS_OVER);
	assert_int_equal(word == STORE_GATE_ADMIT, host != NULL);
	if (word == STORE_GATE_DEFER)
		assert_string_equal(told, name);
	return host;
}

/* What would be recalled: as the store that has `there` of the host's tasks answers it. */
static size_t
recall(struct hosts *hosts, size_t room, size_t there)
{
	struct hosts_recalls recalls;
	size_t count = 0;

	hosts_begin_recalls(hosts, room, now_ms, &recalls);
	for (size_t i = 0; i < recalls.count; i++) {
		size_t most = recalls.list[i].max;

		recalls.list[i].ret_count = there < most ? there : most;
		count += recalls.list[i].ret_count;
	}
	assert_true(recalls.tasks <= room);
	hosts_end_recalls(hosts, &recalls, true, now_ms);
	return count;
}

static struct hosts_stats
stats(struct hosts *hosts)
{
	struct hosts_stats found;

	hosts_tick(hosts, now_ms);
	hosts_stats(hosts, &found);
	return found;
}

/* A host that has put one attempt aside while others are with it. */
static void
make_slow(struct hosts *hosts, const char *name, struct run_host **ret_busy, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		ret_busy[i] = enter(hosts, name);
		assert_non_null(ret_busy[i]);
	}
	struct run_host *aside = enter(hosts, name);
	assert_non_null(aside);
	hosts_leave(hosts, aside, HOST_LEAVE_ASIDE, now_ms);
	hosts_note_deferred(hosts, aside, now_ms);
	hosts_let_go(hosts, aside);
}

static void
test_a_host_that_is_not_slow_may_have_every_slot_and_not_one_more(void **state)
{
	struct hosts *hosts = open_hosts();
	struct run_host *entered[SLOTS];

	(void)state;
	for (size_t i = 0; i < SLOTS; i++) {
		entered[i] = enter(hosts, "a:80");
		assert_ptr_equal(entered[i], entered[0]);
	}
	assert_string_equal(hosts_name(entered[0]), "a:80");
	assert_int_equal(atomic_load(&entered[0]->taken), SLOTS);
	assert_int_equal(entered[0]->places, PLACES);
	assert_null(enter(hosts, "a:80"));
	assert_null(judge(hosts, "a:80"));
	struct run_host *other = enter(hosts, "b:80");
	assert_ptr_not_equal(other, entered[0]);
	leave(hosts, other, HOST_LEAVE_ANSWERED);
	for (size_t i = 0; i < SLOTS; i++)
		leave(hosts, entered[i], HOST_LEAVE_ANSWERED);
	hosts_free(hosts);
}

static void
test_a_slow_host_has_its_places_and_what_waits_is_recalled_as_they_are_free(void **state)
{
	struct hosts *hosts = open_hosts();
	struct run_host *busy[PLACES], *back[PLACES];

	(void)state;
	make_slow(hosts, "a:80", busy, PLACES);
	assert_true(hosts_is_deferring(hosts, "a:80"));
	assert_false(hosts_is_deferring(hosts, "b:80"));
	assert_true(hosts_any_deferring(hosts));
	assert_null(enter(hosts, "a:80"));
	assert_null(judge(hosts, "a:80"));
	assert_int_equal(hosts_due_mono_ms(hosts), INT64_MAX);
	assert_int_equal(recall(hosts, 100, 100), 0);
	/* Two attempts end after long: two tasks are recalled, and these and no others go. */
	now_ms += 5000;
	for (int i = 0; i < 2; i++)
		leave(hosts, busy[i], HOST_LEAVE_UNASKED);
	assert_true(hosts_due_mono_ms(hosts) <= now_ms);
	assert_null(enter(hosts, "a:80")); /* others were first */
	assert_null(judge(hosts, "a:80"));
	assert_int_equal(recall(hosts, 100, 100), 2);
	assert_int_equal(recall(hosts, 100, 100), 0);
	back[0] = judge(hosts, "a:80");
	back[1] = judge(hosts, "a:80");
	assert_non_null(back[0]);
	assert_non_null(back[1]);
	assert_null(judge(hosts, "a:80"));
	assert_int_equal(atomic_load(&busy[0]->taken), PLACES);
	/* All of them end; the store has one more and then none. */
	for (int i = 0; i < 2; i++) {
		leave(hosts, busy[2 + i], HOST_LEAVE_UNASKED);
		leave(hosts, back[i], HOST_LEAVE_UNASKED);
	}
	assert_int_equal(recall(hosts, 100, 1), 1);
	assert_false(hosts_is_deferring(hosts, "a:80"));
	assert_int_equal(hosts_due_mono_ms(hosts), INT64_MAX);
	back[0] = judge(hosts, "a:80");
	assert_non_null(back[0]);
	leave(hosts, back[0], HOST_LEAVE_ANSWERED);
	assert_int_equal(stats(hosts).deferrals, 4);
	hosts_free(hosts);
}

/* Ends so many attempts at a host, a millisecond each, as soon as it has begun them. */
static void
go_on(struct hosts *hosts, const char *name, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		while (recall(hosts, 1, 1) == 0)
			now_ms++;
		struct run_host *host = judge(hosts, name);
		assert_non_null(host);
		now_ms++;
		leave(hosts, host, HOST_LEAVE_ANSWERED);
	}
}

static void
test_a_slow_host_that_speeds_up_gets_more(void **state)
{
	struct hosts *hosts = open_hosts();
	struct run_host *busy[PLACES];

	(void)state;
	make_slow(hosts, "a:80", busy, PLACES);
	assert_int_equal(recall(hosts, 100, 100), 0);
	leave(hosts, busy[0], HOST_LEAVE_ANSWERED);
	go_on(hosts, "a:80", 5); /* six of late: half of that beside its places */
	assert_int_equal(run_host_pace(busy[1], now_ms * 1000), 6);
	assert_int_equal(recall(hosts, 100, 100), 4);
	now_ms += 1000;
	/* And nothing after a while without an answer. */
	assert_int_equal(run_host_pace(busy[1], now_ms * 1000), 0);
	assert_int_equal(recall(hosts, 100, 100), 1);
	now_ms += 1000;
	go_on(hosts, "a:80", SLOTS);
	assert_int_equal(recall(hosts, 100, 100), SLOTS - (PLACES - 1));
	for (int i = 1; i < PLACES; i++)
		leave(hosts, busy[i], HOST_LEAVE_ANSWERED);
	hosts_free(hosts);
}

static void
test_a_host_that_pauses_is_left_alone_and_then_asked_once(void **state)
{
	struct hosts *hosts = open_hosts();
	struct run_host *first = enter(hosts, "a:80"), *second = enter(hosts, "a:80");

	(void)state;
	hosts_pause(hosts, first, 2000, now_ms);
	assert_int_equal(atomic_load(&first->paused_until_mono_us), (now_ms + 2000) * 1000);
	assert_null(enter(hosts, "a:80"));
	assert_null(judge(hosts, "a:80"));
	assert_int_equal(stats(hosts).paused, 1);
	assert_int_equal(stats(hosts).deferring, 1);
	leave(hosts, first, HOST_LEAVE_ANSWERED);
	/* What was under way does not say that it is over. */
	leave(hosts, second, HOST_LEAVE_ANSWERED);
	assert_int_equal(hosts_due_mono_ms(hosts), now_ms + 2000);
	now_ms += 1999;
	assert_int_equal(recall(hosts, 100, 100), 0);
	assert_null(judge(hosts, "a:80"));
	now_ms++;
	assert_int_equal(stats(hosts).paused, 0);
	/* One, then two, and so on, until it has all it can have. */
	for (size_t most = 1; most < PLACES; most++) {
		struct run_host *host;

		assert_int_equal(recall(hosts, 100, 100), most);
		for (size_t i = 0; i < most; i++) {
			host = judge(hosts, "a:80");
			assert_non_null(host);
		}
		assert_null(judge(hosts, "a:80"));
		for (size_t i = 0; i < most; i++)
			leave(hosts, host, i == 0 ? HOST_LEAVE_ANSWERED : HOST_LEAVE_UNASKED);
	}
	assert_int_equal(recall(hosts, 100, 100), SLOTS);
	assert_int_equal(stats(hosts).pauses, 1);
	hosts_free(hosts);
}

static void
test_a_longer_pause_wins_and_the_longest_is_cut(void **state)
{
	struct hosts *hosts = open_hosts();
	const struct hosts_conf none = { .places = 1, .slots = 1, .pause_max_ms = 0 };
	struct run_host *host = enter(hosts, "a:80");

	(void)state;
	hosts_pause(hosts, host, 30000, now_ms);
	hosts_pause(hosts, host, 29999, now_ms);
	assert_int_equal(atomic_load(&host->paused_until_mono_us), (now_ms + 30000) * 1000);
	hosts_pause_named(hosts, "a:80", INT64_MAX, now_ms);
	assert_int_equal(atomic_load(&host->paused_until_mono_us), (now_ms + 60000) * 1000);
	hosts_pause_named(hosts, "b:443", 5, now_ms);
	assert_null(enter(hosts, "b:443"));
	assert_int_equal(stats(hosts).pauses, 2);
	leave(hosts, host, HOST_LEAVE_ANSWERED);
	hosts_free(hosts);

	assert_int_equal(hosts_new(&none, &hosts, NULL), STATUS_OK);
	host = enter(hosts, "a:80");
	hosts_pause(hosts, host, 30000, now_ms);
	assert_int_equal(stats(hosts).pauses, 0);
	leave(hosts, host, HOST_LEAVE_ANSWERED);
	host = enter(hosts, "a:80");
	assert_non_null(host);
	leave(hosts, host, HOST_LEAVE_ANSWERED);
	hosts_free(hosts);
}

static void
test_what_is_found_deferred_is_recalled(void **state)
{
	struct hosts *hosts = open_hosts();

	(void)state;
	assert_int_equal(hosts_found_deferred(hosts, "a:80", now_ms, NULL), STATUS_OK);
	assert_int_equal(hosts_found_deferred(hosts, "a:80", now_ms, NULL), STATUS_OK);
	assert_null(enter(hosts, "a:80"));
	assert_int_equal(recall(hosts, 3, 100), 3);
	assert_int_equal(stats(hosts).deferring, 1);
	hosts_free(hosts);
}

/* Whoever was recalled and is not seen again may have been cancelled. */
static void
test_a_recall_that_nothing_comes_of_is_made_again(void **state)
{
	struct hosts *hosts = open_hosts();
	struct hosts_recalls recalls;

	(void)state;
	assert_int_equal(hosts_found_deferred(hosts, "a:80", now_ms, NULL), STATUS_OK);
	assert_int_equal(recall(hosts, 100, 100), SLOTS);
	assert_int_equal(hosts_due_mono_ms(hosts), now_ms + 1000);
	now_ms += 1000;
	assert_int_equal(recall(hosts, 100, 100), SLOTS);
	/* A claim that was not made has recalled nobody. */
	now_ms += 1000;
	hosts_begin_recalls(hosts, 5, now_ms, &recalls);
	assert_int_equal(recalls.tasks, 5);
	hosts_end_recalls(hosts, &recalls, false, now_ms);
	assert_int_equal(recall(hosts, 100, 0), 0);
	assert_false(hosts_any_deferring(hosts));
	hosts_free(hosts);
}

static void
test_a_task_deferred_during_a_recall_that_finds_none_is_not_forgotten(void **state)
{
	struct hosts *hosts = open_hosts();
	struct run_host *host = enter(hosts, "a:80");
	struct hosts_recalls recalls;

	(void)state;
	assert_int_equal(hosts_found_deferred(hosts, "a:80", now_ms, NULL), STATUS_OK);
	hosts_begin_recalls(hosts, 5, now_ms, &recalls);
	recalls.list[0].ret_count = 0;
	hosts_leave(hosts, host, HOST_LEAVE_ASIDE, now_ms);
	hosts_note_deferred(hosts, host, now_ms);
	hosts_end_recalls(hosts, &recalls, true, now_ms);
	assert_true(hosts_is_deferring(hosts, "a:80"));
	assert_int_equal(recall(hosts, 5, 1), 1);
	assert_false(hosts_is_deferring(hosts, "a:80"));
	hosts_let_go(hosts, host);
	hosts_free(hosts);
}

/* A claim that begins anew judges the same tasks once more. */
/* It has expired, say: a task that comes now must not go in its place, before those that wait. */
static void
test_what_was_recalled_and_is_not_met_is_not_counted_on(void **state)
{
	struct hosts *hosts = open_hosts();
	struct hosts_recalls recalls;

	(void)state;
	hosts_pause_named(hosts, "a:80", 1000, now_ms);
	assert_null(judge(hosts, "a:80"));
	assert_null(judge(hosts, "a:80"));
	now_ms += 1000;
	hosts_begin_recalls(hosts, SLOTS, now_ms, &recalls);
	assert_int_equal(recalls.tasks, 1);
	recalls.list[0].ret_count = 1;
	hosts_end_look(hosts, &recalls, now_ms);
	hosts_end_recalls(hosts, &recalls, true, now_ms);
	assert_null(judge(hosts, "a:80"));
	/* Nor does it hold up the others. */
	assert_int_equal(hosts_due_mono_ms(hosts), now_ms);
	assert_int_equal(recall(hosts, SLOTS, 2), 1);
	struct run_host *host = judge(hosts, "a:80");
	assert_non_null(host);
	leave(hosts, host, HOST_LEAVE_ANSWERED);
	hosts_free(hosts);
}

static void
test_what_runs_alone_goes_without_a_recall_where_its_host_bears_it(void **state)
{
	struct hosts *hosts = open_hosts();
	struct run_host *host = NULL;
	const char *told;

	(void)state;
	hosts_pause_named(hosts, "a:80", 1000, now_ms);
	assert_null(judge(hosts, "a:80"));
	assert_int_equal(hosts_judge(hosts, "a:80", true, now_ms, &host, &told), STORE_GATE_DEFER);
	now_ms += 1000;
	assert_null(judge(hosts, "a:80"));
	assert_int_equal(hosts_judge(hosts, "a:80", true, now_ms, &host, &told), STORE_GATE_ADMIT);
	/* After a pause there is one place. */
	assert_int_equal(hosts_judge(hosts, "a:80", true, now_ms, &host, &told), STORE_GATE_DEFER);
	leave(hosts, host, HOST_LEAVE_ANSWERED);
	hosts_free(hosts);
}

static void
test_what_was_judged_in_vain_may_go_when_it_is_judged_again(void **state)
{
	struct hosts *hosts = open_hosts();
	struct run_host *host;

	(void)state;
	assert_int_equal(hosts_found_deferred(hosts, "a:80", now_ms, NULL), STATUS_OK);
	assert_int_equal(recall(hosts, 1, 100), 1);
	host = judge(hosts, "a:80");
	assert_non_null(host);
	assert_null(judge(hosts, "a:80"));
	leave(hosts, host, HOST_LEAVE_UNJUDGED);
	host = judge(hosts, "a:80");
	assert_non_null(host);
	assert_null(judge(hosts, "a:80"));
	leave(hosts, host, HOST_LEAVE_ANSWERED);
	hosts_free(hosts);
}

static void
test_hosts_take_turns_where_there_is_little_room(void **state)
{
	struct hosts *hosts = open_hosts();
	struct hosts_recalls recalls;
	unsigned turns[3] = { 0 };
	char name[8];

	(void)state;
	for (int i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "%c:80", 'a' + i);
		assert_int_equal(hosts_found_deferred(hosts, name, now_ms, NULL), STATUS_OK);
	}
	for (int round = 0; round < 9; round++) {
		now_ms++;
		hosts_begin_recalls(hosts, 1, now_ms, &recalls);
		assert_int_equal(recalls.count, 1);
		turns[recalls.list[0].host[0] - 'a']++;
		recalls.list[0].ret_count = 1;
		hosts_end_recalls(hosts, &recalls, true, now_ms);
	}
	for (int i = 0; i < 3; i++)
		assert_int_equal(turns[i], 3);
	hosts_free(hosts);
}

static void
test_a_million_names_do_not_fill_the_memory(void **state)
{
	struct hosts *hosts = open_hosts();
	char name[32];

	(void)state;
	for (int i = 0; i < 200000; i++) {
		snprintf(name, sizeof(name), "host-%d:80", i);
		if (i % 2 == 0)
			hosts_pause_named(hosts, name, 50000, now_ms);
		else
			leave(hosts, enter(hosts, name), HOST_LEAVE_ANSWERED);
	}
	assert_int_equal(stats(hosts).known, HOSTS_KEPT_MAX);
	assert_int_equal(stats(hosts).paused, HOSTS_KEPT_MAX / 2);
	/* The latest are those that are kept. */
	assert_null(enter(hosts, "host-199998:80"));
	struct run_host *forgotten = enter(hosts, "host-0:80");
	assert_non_null(forgotten);
	leave(hosts, forgotten, HOST_LEAVE_ANSWERED);
	hosts_free(hosts);
}

/* What could not be deferred would stand in everybody's way. */
static void
test_however_many_hosts_have_deferred_tasks_those_of_others_are_deferred_too(void **state)
{
	struct hosts *hosts = open_hosts();
	struct run_host *many[SLOTS];
	char name[32];

	(void)state;
	for (int i = 0; i < 3 * HOSTS_KEPT_MAX; i++) {
		snprintf(name, sizeof(name), "host-%d:80", i);
		hosts_pause_named(hosts, name, 50000, now_ms);
		assert_null(judge(hosts, name));
	}
	assert_int_equal(stats(hosts).deferring, 3 * HOSTS_KEPT_MAX);
	/* Neither is a pause forgotten, nor is one asked more than once after it. */
	hosts_pause_named(hosts, "more:80", 1000, now_ms);
	assert_null(judge(hosts, "more:80"));
	now_ms += 1000;
	assert_int_equal(recall(hosts, 1, 1), 1);
	struct run_host *host = judge(hosts, "more:80");
	assert_non_null(host);
	assert_null(judge(hosts, "more:80"));
	leave(hosts, host, HOST_LEAVE_ANSWERED);
	for (size_t i = 0; i < SLOTS; i++)
		many[i] = judge(hosts, "full:80");
	assert_null(judge(hosts, "full:80"));
	for (size_t i = 0; i < SLOTS; i++)
		leave(hosts, many[i], HOST_LEAVE_ANSWERED);
	/* Each is known until it has none any more. */
	assert_int_equal(stats(hosts).known, 3 * HOSTS_KEPT_MAX + 2);
	now_ms += 50000;
	while (hosts_any_deferring(hosts))
		assert_int_equal(recall(hosts, SLOTS, 0), 0);
	assert_int_equal(stats(hosts).known, HOSTS_KEPT_MAX);
	hosts_free(hosts);
}

struct crowd {
	struct hosts *hosts;
	unsigned seed;
	bool claims; /* one thread alone does */
};

/* Comes and goes as starts and claims do. */
static void *
crowd_main(void *arg)
{
	struct crowd *crowd = arg;
	char name[16];

	for (int i = 0; i < 20000; i++) {
		int what = rand_r(&crowd->seed) % 8;
		struct hosts_recalls recalls;
		struct run_host *host = NULL;
		const char *told;

		snprintf(name, sizeof(name), "%d:80", rand_r(&crowd->seed) % 20);
		if (what < 4)
			host = hosts_enter(crowd->hosts, name, i);
		else if (what < 6)
			(void)hosts_judge(crowd->hosts, name, i % 7 == 0, i, &host, &told);
		else if (what == 6)
			hosts_pause_named(crowd->hosts, name, 3, i);
		if (host != NULL) {
			hosts_leave(crowd->hosts, host, (enum host_leave)(i % 4), i);
			if (i % 4 == HOST_LEAVE_ASIDE)
				hosts_note_deferred(crowd->hosts, host, i);
			hosts_let_go(crowd->hosts, host);
		}
		if (!crowd->claims)
			continue;
		hosts_begin_recalls(crowd->hosts, 10, i, &recalls);
		for (size_t n = 0; n < recalls.count; n++)
			recalls.list[n].ret_count = recalls.list[n].max / 2;
		hosts_end_recalls(crowd->hosts, &recalls, true, i);
	}
	return NULL;
}

static void
test_threads_come_and_go_at_once(void **state)
{
	struct hosts *hosts = open_hosts();
	struct crowd crowds[4];
	pthread_t threads[4];

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		crowds[i] = (struct crowd){ .hosts = hosts, .seed = i + 1, .claims = i == 0 };
		assert_int_equal(pthread_create(&threads[i], NULL, crowd_main, &crowds[i]), 0);
	}
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(stats(hosts).known, 20);
	hosts_free(hosts); /* asserts that nobody is left */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_host_that_is_not_slow_may_have_every_slot_and_not_one_more),
		cmocka_unit_test(
		    test_a_slow_host_has_its_places_and_what_waits_is_recalled_as_they_are_free),
		cmocka_unit_test(test_a_slow_host_that_speeds_up_gets_more),
		cmocka_unit_test(test_a_host_that_pauses_is_left_alone_and_then_asked_once),
		cmocka_unit_test(test_a_longer_pause_wins_and_the_longest_is_cut),
		cmocka_unit_test(test_what_is_found_deferred_is_recalled),
		cmocka_unit_test(test_a_recall_that_nothing_comes_of_is_made_again),
		cmocka_unit_test(
		    test_a_task_deferred_during_a_recall_that_finds_none_is_not_forgotten),
		cmocka_unit_test(test_what_was_recalled_and_is_not_met_is_not_counted_on),
		cmocka_unit_test(
		    test_what_runs_alone_goes_without_a_recall_where_its_host_bears_it),
		cmocka_unit_test(test_what_was_judged_in_vain_may_go_when_it_is_judged_again),
		cmocka_unit_test(test_hosts_take_turns_where_there_is_little_room),
		cmocka_unit_test(test_a_million_names_do_not_fill_the_memory),
		cmocka_unit_test(
		    test_however_many_hosts_have_deferred_tasks_those_of_others_are_deferred_too),
		cmocka_unit_test(test_threads_come_and_go_at_once),
	};

	return cmocka_run_group_tests_name("hosts", tests, NULL, NULL);
}
