/* SPDX-License-Identifier: MIT */
/* Who starts next: turns between hosts, order within one, the cap, and one lookup per name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kinds/fetch/fetch_admission.h"

enum {
	JOBS_MAX = 4000
};

static struct fetch_admission admission;
static struct fetch_job jobs[JOBS_MAX];
static size_t job_count;
static int64_t now_mono_ms;

static int
setup(void **state)
{
	(void)state;
	memset(jobs, 0, sizeof(jobs));
	job_count = 0;
	now_mono_ms = 1000000;
	return 0;
}

static struct fetch_job *
add(const char *authority, bool is_address)
{
	struct fetch_job *job = &jobs[job_count++];

	assert_true(job_count <= JOBS_MAX);
	job->args.url.authority = strdup(authority);
	job->args.url.is_address = is_address;
	assert_int_equal(fetch_admission_add(&admission, job, now_mono_ms, NULL), STATUS_OK);
	return job;
}

static struct fetch_job *
next(bool may_look_up)
{
	return fetch_admission_next(&admission, may_look_up, now_mono_ms);
}

static void
end(struct fetch_job *job)
{
	fetch_admission_end(&admission, job, now_mono_ms);
}

/* Ends all jobs; the hosts must be gone with them. */
static void
end_all(void)
{
	for (size_t i = 0; i < job_count; i++) {
		end(&jobs[i]);
		free(jobs[i].args.url.authority);
	}
	assert_null(admission.tree);
	assert_true(TAILQ_EMPTY(&admission.known));
	assert_true(TAILQ_EMPTY(&admission.unknown));
}

static void
test_nothing_waits_at_first(void **state)
{
	(void)state;
	fetch_admission_init(&admission, 2);
	assert_null(next(true));
	end_all();
}

static void
test_one_host_is_served_in_order_up_to_its_cap(void **state)
{
	struct fetch_job *job[4];

	(void)state;
	fetch_admission_init(&admission, 2);
	for (int i = 0; i < 4; i++)
		job[i] = add("10.0.0.1:80", true);
	assert_ptr_equal(next(true), job[0]);
	assert_ptr_equal(next(true), job[1]);
	assert_null(next(true));
	end(job[1]);
	assert_ptr_equal(next(true), job[2]);
	assert_null(next(true));
	end(job[0]);
	end(job[2]);
	assert_ptr_equal(next(true), job[3]);
	assert_null(next(true));
	end_all();
}

static void
test_hosts_take_turns_however_many_wait_for_one(void **state)
{
	struct fetch_job *many[100], *a, *b;

	(void)state;
	fetch_admission_init(&admission, 1000);
	for (int i = 0; i < 100; i++)
		many[i] = add("10.0.0.1:80", true);
	a = add("10.0.0.2:80", true);
	b = add("10.0.0.2:81", true);
	assert_ptr_equal(next(true), many[0]);
	assert_ptr_equal(next(true), a);
	assert_ptr_equal(next(true), b);
	assert_ptr_equal(next(true), many[1]);
	end_all();
}

static void
test_a_host_at_its_cap_does_not_hold_up_others(void **state)
{
	struct fetch_job *other;

	(void)state;
	fetch_admission_init(&admission, 1);
	for (int i = 0; i < 50; i++)
		add("10.0.0.1:80", true);
	other = add("10.0.0.2:80", true);
	assert_ptr_equal(next(true), &jobs[0]);
	assert_ptr_equal(next(true), other);
	assert_null(next(true));
	end_all();
}

static void
test_one_job_looks_a_name_up_and_the_others_wait_for_it(void **state)
{
	struct fetch_job *first, *second, *third;

	(void)state;
	fetch_admission_init(&admission, 10);
	first = add("name.test:80", false);
	second = add("name.test:80", false);
	third = add("name.test:80", false);
	assert_ptr_equal(next(true), first);
	assert_true(first->is_looking_up);
	assert_null(next(true));
	assert_ptr_equal(fetch_admission_fellow(first, NULL), second);
	assert_ptr_equal(fetch_admission_fellow(first, second), third);
	assert_null(fetch_admission_fellow(first, third));
	fetch_admission_looked_up(&admission, first, now_mono_ms);
	fetch_admission_looked_up(&admission, first, now_mono_ms);
	assert_null(fetch_admission_fellow(first, NULL));
	assert_ptr_equal(next(false), second);
	assert_false(second->is_looking_up);
	assert_ptr_equal(next(false), third);
	end_all();
}

static void
test_a_lookup_that_ends_without_an_answer_lets_the_next_one_try(void **state)
{
	struct fetch_job *first, *second;

	(void)state;
	fetch_admission_init(&admission, 10);
	first = add("name.test:80", false);
	second = add("name.test:80", false);
	assert_ptr_equal(next(true), first);
	end(first);
	assert_ptr_equal(next(true), second);
	assert_true(second->is_looking_up);
	end_all();
}

static void
test_without_lookups_only_known_names_and_addresses_start(void **state)
{
	struct fetch_job *name, *address;

	(void)state;
	fetch_admission_init(&admission, 10);
	name = add("name.test:80", false);
	address = add("10.0.0.1:80", true);
	assert_ptr_equal(next(false), address);
	assert_null(next(false));
	assert_ptr_equal(next(true), name);
	end_all();
}

static void
test_a_name_is_forgotten_before_the_cache_of_libcurl_forgets_it(void **state)
{
	struct fetch_job *first, *second, *third;

	(void)state;
	fetch_admission_init(&admission, 10);
	first = add("name.test:80", false);
	assert_ptr_equal(next(true), first);
	fetch_admission_looked_up(&admission, first, now_mono_ms);
	second = add("name.test:80", false);
	now_mono_ms += 49 * 1000;
	assert_ptr_equal(next(false), second);
	/* It is listed as known here, and is not any more when its turn comes. */
	third = add("name.test:80", false);
	now_mono_ms += 11 * 1000;
	assert_null(next(false));
	assert_ptr_equal(next(true), third);
	assert_true(third->is_looking_up);
	end_all();
}

static void
test_names_and_addresses_take_turns(void **state)
{
	int lookups = 0, others = 0;
	char name[32];

	(void)state;
	fetch_admission_init(&admission, 1000);
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "n%d.test:80", i);
		add(name, false);
		add("10.0.0.1:80", true);
	}
	for (int i = 0; i < 20; i++) {
		struct fetch_job *job = next(true);

		lookups += job->is_looking_up;
		others += !job->is_looking_up;
	}
	assert_int_equal(lookups, 10);
	assert_int_equal(others, 10);
	end_all();
}

static void
test_waiting_jobs_can_end_before_they_start(void **state)
{
	struct fetch_job *first, *second, *third;

	(void)state;
	fetch_admission_init(&admission, 1);
	first = add("10.0.0.1:80", true);
	second = add("10.0.0.1:80", true);
	third = add("10.0.0.1:80", true);
	assert_ptr_equal(next(true), first);
	end(second);
	end(first);
	assert_ptr_equal(next(true), third);
	end_all();
}

static void
test_thousands_of_hosts_come_and_go(void **state)
{
	char name[32];
	size_t started = 0;

	(void)state;
	fetch_admission_init(&admission, 2);
	for (int i = 0; i < JOBS_MAX; i++) {
		snprintf(name, sizeof(name), "127.0.%d.%d:80", i / 250 % 8, i % 250);
		add(name, true);
	}
	for (struct fetch_job *job = next(true); job != NULL; job = next(true))
		started++;
	assert_int_equal(started, JOBS_MAX);
	end_all();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_nothing_waits_at_first, setup),
		cmocka_unit_test_setup(test_one_host_is_served_in_order_up_to_its_cap, setup),
		cmocka_unit_test_setup(test_hosts_take_turns_however_many_wait_for_one, setup),
		cmocka_unit_test_setup(test_a_host_at_its_cap_does_not_hold_up_others, setup),
		cmocka_unit_test_setup(
		    test_one_job_looks_a_name_up_and_the_others_wait_for_it, setup),
		cmocka_unit_test_setup(
		    test_a_lookup_that_ends_without_an_answer_lets_the_next_one_try, setup),
		cmocka_unit_test_setup(
		    test_without_lookups_only_known_names_and_addresses_start, setup),
		cmocka_unit_test_setup(
		    test_a_name_is_forgotten_before_the_cache_of_libcurl_forgets_it, setup),
		cmocka_unit_test_setup(test_names_and_addresses_take_turns, setup),
		cmocka_unit_test_setup(test_waiting_jobs_can_end_before_they_start, setup),
		cmocka_unit_test_setup(test_thousands_of_hosts_come_and_go, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
