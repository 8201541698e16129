/* SPDX-License-Identifier: MIT */
/*
 * What epoll tells of a socket, as libcurl is told it: with connections that the origin resets when
 * they are used again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdatomic.h>
#include <sys/epoll.h>

#include "base/compiler.h"
#include "engine_rig.h"
#include "kinds/fetch/fetch_engine.h"
#include "kinds/fetch/fetch_kind.h"
#include "origin_process.h"

enum {
	TRIES_MAX = 1000
};

/* An error is told alone, as the kernel does in the moment between a socket's error and its end. */
static atomic_bool errors_come_alone;
static atomic_uint errors;

int __real_epoll_wait(int fd, struct epoll_event *events, int max, int timeout_ms);
int __wrap_epoll_wait(int fd, struct epoll_event *events, int max, int timeout_ms);

int
__wrap_epoll_wait(int fd, struct epoll_event *events, int max, int timeout_ms)
{
	int count = __real_epoll_wait(fd, events, max, timeout_ms);

	for (int i = 0; i < count; i++) {
		if ((events[i].events & EPOLLERR) == 0)
			continue;
		atomic_fetch_add(&errors, 1);
		if (atomic_load(&errors_come_alone))
			events[i].events = EPOLLERR;
	}
	return count;
}

static struct origin_process origin;
static struct engine_rig rig;

static int
group_setup(void **state)
{
	struct fetch_settings settings = rig_settings();
	struct error error;

	(void)state;
	assert_int_equal(fetch_setup(&error), STATUS_OK);
	origin_start(&origin, "0.0.0.0", NULL, NULL);
	rig_open(&rig, &settings);
	return 0;
}

static int
group_teardown(void **state)
{
	(void)state;
	rig_close(&rig);
	origin_stop(&origin);
	return 0;
}

static void
test_a_kept_connection_that_was_reset_costs_no_fetch(void **state)
{
	(void)state;
	for (int alone = 0; alone <= 1; alone++) {
		unsigned tries = 0;

		atomic_store(&errors_come_alone, alone == 1);
		atomic_store(&errors, 0);
		/* libcurl may have read the error before epoll tells of it. */
		while (atomic_load(&errors) == 0 && tries++ < TRIES_MAX) {
			rig_check_content(
			    rig_fetch(&rig, "http://127.0.0.2:%u/ok-then-reset", origin.port),
			    "ok\n");
			rig_check_content(
			    rig_fetch(&rig, "http://127.0.0.2:%u/ok", origin.port), "ok\n");
		}
		assert_true(atomic_load(&errors) > 0);
	}
}

static void
test_a_new_connection_that_was_reset_is_lost(void **state)
{
	(void)state;
	for (int alone = 0; alone <= 1; alone++) {
		atomic_store(&errors_come_alone, alone == 1);
		rig_check_failed(rig_fetch(&rig, "http://127.0.0.3:%u/reset", origin.port),
		    FAILURE_CONNECTION_LOST);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_kept_connection_that_was_reset_costs_no_fetch),
		cmocka_unit_test(test_a_new_connection_that_was_reset_is_lost),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
