/* SPDX-License-Identifier: MIT */
/*
 * Locks, conditions, events, bells and threads. Most of the proof of these is ThreadSanitizer's
 * silence while they run; the lock order is asserted in debug builds alone and tried there.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/sync.h"

#define ROUNDS 20000

struct counter {
	struct lock lock;
	struct cond cond;
	long value;   /* guarded by lock */
	long waiters; /* guarded by lock */
	bool is_open; /* guarded by lock */
};

static void
counter_init(struct counter *counter)
{
	*counter = (struct counter){ .value = 0 };
	lock_init(&counter->lock, LOCK_RANK_HTTP_CONNECTIONS);
	cond_init(&counter->cond);
}

static void
counter_done(struct counter *counter)
{
	cond_done(&counter->cond);
	lock_done(&counter->lock);
}

static void *
count_up(void *arg)
{
	struct counter *counter = arg;

	for (int i = 0; i < ROUNDS; i++) {
		lock_acquire(&counter->lock);
		counter->value++;
		lock_release(&counter->lock);
	}
	return NULL;
}

static void
test_a_lock_excludes_other_threads(void **state)
{
	struct counter counter;
	pthread_t threads[4];

	(void)state;
	counter_init(&counter);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(
		    thread_start(&threads[i], "count", 0, count_up, &counter, NULL), STATUS_OK);
	for (size_t i = 0; i < 4; i++)
		thread_join(threads[i]);
	assert_int_equal(counter.value, 4 * ROUNDS);
	counter_done(&counter);
}

static void *
wait_for_opening(void *arg)
{
	struct counter *counter = arg;

	lock_acquire(&counter->lock);
	counter->waiters++;
	cond_broadcast(&counter->cond);
	while (!counter->is_open)
		cond_wait(&counter->cond, &counter->lock);
	counter->value++;
	lock_release(&counter->lock);
	return NULL;
}

static void
test_a_broadcast_wakes_every_waiter(void **state)
{
	struct counter counter;
	pthread_t threads[3];

	(void)state;
	counter_init(&counter);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(
		    thread_start(&threads[i], "wait", 64 * 1024, wait_for_opening, &counter, NULL),
		    STATUS_OK);
	lock_acquire(&counter.lock);
	while (counter.waiters < 3)
		cond_wait(&counter.cond, &counter.lock);
	assert_int_equal(counter.value, 0);
	counter.is_open = true;
	cond_broadcast(&counter.cond);
	lock_release(&counter.lock);
	for (size_t i = 0; i < 3; i++)
		thread_join(threads[i]);
	assert_int_equal(counter.value, 3);
	counter_done(&counter);
}

static void
test_a_timed_wait_ends_at_its_monotonic_time(void **state)
{
	struct counter counter;
	int64_t until_ms = clock_mono_ms() + 20;

	(void)state;
	counter_init(&counter);
	lock_acquire(&counter.lock);
	while (cond_wait_until(&counter.cond, &counter.lock, until_ms))
		; /* woken without reason: allowed */
	assert_true(clock_mono_ms() >= until_ms);
	assert_false(cond_wait_until(&counter.cond, &counter.lock, 0));
	assert_false(cond_wait_until(&counter.cond, &counter.lock, INT64_MIN));
	lock_release(&counter.lock);
	counter_done(&counter);
}

static void
test_a_signal_ends_a_timed_wait_early(void **state)
{
	struct counter counter;
	pthread_t thread;
	bool in_time = true;

	(void)state;
	counter_init(&counter);
	lock_acquire(&counter.lock);
	assert_int_equal(
	    thread_start(&thread, "signal", 0, wait_for_opening, &counter, NULL), STATUS_OK);
	while (counter.waiters == 0 && in_time)
		in_time = cond_wait_until(&counter.cond, &counter.lock, INT64_MAX / 2);
	assert_true(in_time);
	counter.is_open = true;
	cond_signal(&counter.cond);
	lock_release(&counter.lock);
	thread_join(thread);
	counter_done(&counter);
}

#define POSTERS 3

/* Hands events on its stack to a setter, as the committer's callers do. */
struct mailbox {
	struct office *office;
	_Atomic(struct event *) event;
	int payload; /* published by the event */
	int right;   /* rounds in which it was what it should be */
};

struct office {
	struct bell bell;
	struct mailbox boxes[POSTERS];
};

/* Sets what events there are, and rings once for all of them. Others wait meanwhile. */
static void *
set_events(void *arg)
{
	struct office *office = arg;

	for (int left = POSTERS * ROUNDS; left > 0;) {
		int before = left;

		for (int i = 0; i < POSTERS; i++) {
			struct mailbox *box = &office->boxes[i];
			struct event *event = atomic_exchange(&box->event, NULL);

			if (event == NULL)
				continue;
			box->payload++;
			event_set(event);
			left--;
		}
		if (left < before)
			bell_ring(&office->bell);
	}
	return NULL;
}

static void *
post_and_wait(void *arg)
{
	struct mailbox *box = arg;

	for (int i = 1; i <= ROUNDS; i++) {
		struct event event;

		event_init(&event);
		atomic_store(&box->event, &event);
		event_wait(&event, &box->office->bell);
		box->right += box->payload == i;
	}
	return NULL;
}

static void
test_events_on_their_waiters_stacks_publish_what_came_before(void **state)
{
	struct office office = { .boxes = { { .payload = 0 } } };
	pthread_t setter, posters[POSTERS];

	(void)state;
	bell_init(&office.bell);
	assert_int_equal(thread_start(&setter, "set", 0, set_events, &office, NULL), STATUS_OK);
	for (int i = 0; i < POSTERS; i++) {
		office.boxes[i].office = &office;
		assert_int_equal(
		    thread_start(&posters[i], "post", 0, post_and_wait, &office.boxes[i], NULL),
		    STATUS_OK);
	}
	for (int i = 0; i < POSTERS; i++) {
		thread_join(posters[i]);
		assert_int_equal(office.boxes[i].right, ROUNDS);
	}
	thread_join(setter);
}

static void
test_an_event_that_is_set_already_does_not_wait(void **state)
{
	struct event event;
	struct bell bell;

	(void)state;
	bell_init(&bell);
	event_init(&event);
	event_set(&event);
	event_wait(&event, &bell);
	event_wait(&event, &bell);
}

static void
test_a_notice_tells_the_bits_that_were_asked_for(void **state)
{
	struct notice notice;

	(void)state;
	notice_init(&notice);
	assert_int_equal(notice_wait(&notice, NOTICE_BITS, 0), 0);
	assert_false(notice_set(&notice, 1));
	assert_false(notice_set(&notice, 4));
	assert_int_equal(notice_wait(&notice, 2, INT64_MIN), 0);
	assert_int_equal(notice_wait(&notice, 3, INT64_MAX / 2), 1);
	assert_int_equal(notice_wait(&notice, 7, INT64_MAX / 2), 5);
	notice_clear(&notice, 1);
	assert_int_equal(notice_wait(&notice, 7, INT64_MAX / 2), 4);
	notice_clear(&notice, 6);
	assert_int_equal(notice_wait(&notice, 7, 0), 0);
}

static void
test_a_notice_is_awaited_until_a_time(void **state)
{
	int64_t until_ms = clock_mono_ms() + 20;
	struct notice notice;

	(void)state;
	notice_init(&notice);
	assert_int_equal(notice_wait(&notice, 1, until_ms), 0);
	assert_true(clock_mono_ms() >= until_ms);
	assert_false(notice_set(&notice, 1));
	assert_int_equal(notice_wait(&notice, 1, until_ms - 1000), 1);
}

struct passing {
	struct notice *notice;
	unsigned bit;
};

/* Sets a bit again and again, each time when it has been taken. */
static void *
pass_bits(void *arg)
{
	const struct passing *passing = arg;

	for (int i = 0; i < ROUNDS; i++) {
		while ((atomic_load(&passing->notice->bits) & passing->bit) != 0)
			;
		if (notice_set(passing->notice, passing->bit))
			notice_wake(passing->notice);
	}
	return NULL;
}

static void
test_no_bit_is_missed_while_threads_set_them(void **state)
{
	struct notice notice;
	struct passing passing[2] = { { &notice, 1 }, { &notice, 2 } };
	pthread_t threads[2];
	int heard[2] = { 0 };

	(void)state;
	notice_init(&notice);
	for (int i = 0; i < 2; i++)
		assert_int_equal(
		    thread_start(&threads[i], "bits", 0, pass_bits, &passing[i], NULL), STATUS_OK);
	while (heard[0] < ROUNDS || heard[1] < ROUNDS) {
		unsigned bits = notice_wait(&notice, 3, clock_mono_ms() + 100 * 1000);

		assert_int_not_equal(bits, 0);
		heard[0] += bits & 1;
		heard[1] += (bits & 2) / 2;
		notice_clear(&notice, bits);
	}
	for (int i = 0; i < 2; i++)
		thread_join(threads[i]);
	assert_int_equal(heard[0], ROUNDS);
	assert_int_equal(heard[1], ROUNDS);
}

struct seen {
	sigset_t mask;
	char name[16];
	size_t stack_bytes;
	struct event named;
	struct bell bell;
};

static void *
look_around(void *arg)
{
	struct seen *seen = arg;
	pthread_attr_t attr;

	event_wait(&seen->named, &seen->bell);
	pthread_sigmask(SIG_SETMASK, NULL, &seen->mask);
	pthread_getname_np(pthread_self(), seen->name, sizeof(seen->name));
	pthread_getattr_np(pthread_self(), &attr);
	pthread_attr_getstacksize(&attr, &seen->stack_bytes);
	pthread_attr_destroy(&attr);
	return NULL;
}

static void
test_a_thread_has_its_name_its_stack_and_every_signal_blocked(void **state)
{
	struct seen seen;
	sigset_t before, after;
	pthread_t thread;

	(void)state;
	event_init(&seen.named);
	bell_init(&seen.bell);
	pthread_sigmask(SIG_SETMASK, NULL, &before);
	assert_int_equal(
	    thread_start(&thread, "exactly15bytes!", 256 * 1024 + 1, look_around, &seen, NULL),
	    STATUS_OK);
	event_set(&seen.named);
	bell_ring(&seen.bell);
	thread_join(thread);
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	for (int number = 1; number < 32; number++)
		assert_int_equal(sigismember(&before, number), sigismember(&after, number));
	assert_string_equal(seen.name, "exactly15bytes!");
	assert_true(sigismember(&seen.mask, SIGTERM));
	assert_true(sigismember(&seen.mask, SIGPIPE));
	assert_true(sigismember(&seen.mask, SIGXFSZ));
	assert_true(seen.stack_bytes >= 256 * 1024 + 1);
	assert_true(seen.stack_bytes < 1024 * 1024);
}

static void
test_a_thread_that_the_system_refuses_is_reported(void **state)
{
	struct error error = { "" };
	pthread_t thread;

	(void)state;
	/* More than any address space holds. */
	assert_int_equal(thread_start(&thread, "huge", (size_t)1 << 60, look_around, NULL, &error),
	    STATUS_NOMEM);
	assert_non_null(strstr(error.text, "cannot start thread huge"));
}

/* The signal that ends a child which runs `act`; 0 when it ends well. */
static int
signal_that_ends(void (*act)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		struct rlimit no_core = { 0, 0 };

		setrlimit(RLIMIT_CORE, &no_core);
		sigaction(SIGABRT, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
		close(STDERR_FILENO);
		act();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

static void
take_upwards(void)
{
	struct lock low, high;

	lock_init(&low, LOCK_RANK_HTTP_CONNECTIONS);
	lock_init(&high, LOCK_RANK_LEAF);
	lock_acquire(&low);
	lock_acquire(&high);
	lock_release(&low); /* any order of release is fine */
	lock_release(&high);
	lock_acquire(&low);
	lock_release(&low);
}

static NO_ANALYSIS void
take_downwards(void)
{
	struct lock low, high;

	lock_init(&low, LOCK_RANK_HTTP_CONNECTIONS);
	lock_init(&high, LOCK_RANK_LEAF);
	lock_acquire(&high);
	lock_acquire(&low);
}

static NO_ANALYSIS void
take_two_of_one_rank(void)
{
	struct lock one, two;

	lock_init(&one, LOCK_RANK_LEAF);
	lock_init(&two, LOCK_RANK_LEAF);
	lock_acquire(&one);
	lock_acquire(&two);
}

static NO_ANALYSIS void
release_what_is_not_held(void)
{
	struct lock lock;

	lock_init(&lock, LOCK_RANK_LEAF);
	lock_release(&lock);
}

static NO_ANALYSIS void
wait_with_another_lock_held(void)
{
	struct lock low, high;
	struct cond cond;

	lock_init(&low, LOCK_RANK_HTTP_CONNECTIONS);
	lock_init(&high, LOCK_RANK_LEAF);
	cond_init(&cond);
	lock_acquire(&low);
	lock_acquire(&high);
	(void)cond_wait_until(&cond, &high, 0);
}

static void
test_debug_builds_assert_the_lock_order(void **state)
{
	(void)state;
#ifndef TASKQ_DEBUG
	skip();
#endif
	assert_int_equal(signal_that_ends(take_upwards), 0);
	assert_int_equal(signal_that_ends(take_downwards), SIGABRT);
	assert_int_equal(signal_that_ends(take_two_of_one_rank), SIGABRT);
	assert_int_equal(signal_that_ends(release_what_is_not_held), SIGABRT);
	assert_int_equal(signal_that_ends(wait_with_another_lock_held), SIGABRT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_debug_builds_assert_the_lock_order),
		cmocka_unit_test(test_a_lock_excludes_other_threads),
		cmocka_unit_test(test_a_broadcast_wakes_every_waiter),
		cmocka_unit_test(test_a_timed_wait_ends_at_its_monotonic_time),
		cmocka_unit_test(test_a_signal_ends_a_timed_wait_early),
		cmocka_unit_test(test_events_on_their_waiters_stacks_publish_what_came_before),
		cmocka_unit_test(test_an_event_that_is_set_already_does_not_wait),
		cmocka_unit_test(test_a_notice_tells_the_bits_that_were_asked_for),
		cmocka_unit_test(test_a_notice_is_awaited_until_a_time),
		cmocka_unit_test(test_no_bit_is_missed_while_threads_set_them),
		cmocka_unit_test(test_a_thread_has_its_name_its_stack_and_every_signal_blocked),
		cmocka_unit_test(test_a_thread_that_the_system_refuses_is_reported),
	};

	return cmocka_run_group_tests_name("sync", tests, NULL, NULL);
}
