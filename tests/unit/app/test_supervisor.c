/* SPDX-License-Identifier: MIT */
/*
 * systemd's protocol from the other side: what is read of the environment, which sockets are taken,
 * what a supervisor hears. The environment is changed before any thread exists.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/supervisor.h"

static const char *const variables[] = { "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID",
	"LISTEN_FDS", "LISTEN_PID" };

static void
set_pid(const char *name, pid_t pid)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%ld", (long)pid);
	assert_int_equal(setenv(name, text, 1), 0);
}

static int
clean(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(variables); i++)
		unsetenv(variables[i]);
	close(3);
	return 0;
}

static struct supervisor
opened(void)
{
	struct supervisor supervisor;
	struct error error = { "" };

	if (supervisor_open(&supervisor, &error) != STATUS_OK)
		fail_msg("%s", error.text);
	return supervisor;
}

static void
assert_refused(const char *text)
{
	struct supervisor supervisor;
	struct error error = { "" };

	assert_int_equal(supervisor_open(&supervisor, &error), STATUS_INVALID);
	if (strstr(error.text, text) == NULL)
		fail_msg("%s", error.text);
}

/* A socket as descriptor 3, as a supervisor passes it. */
static void
pass(int family, int type, bool listens)
{
	struct sockaddr_storage address = { .ss_family = (sa_family_t)family };
	socklen_t size = family == AF_INET    ? sizeof(struct sockaddr_in)
			 : family == AF_INET6 ? sizeof(struct sockaddr_in6)
					      : sizeof(sa_family_t);
	int fd = socket(family, type, 0);

	assert_true(fd >= 0);
	if (listens) {
		assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
		if (type == SOCK_STREAM)
			assert_int_equal(listen(fd, 1), 0);
	}
	if (fd != 3) {
		assert_int_equal(dup2(fd, 3), 3);
		close(fd);
	}
}

static void
test_nobody_is_there(void **state)
{
	struct supervisor supervisor = opened();

	(void)state;
	assert_int_equal(supervisor.socket_fd, -1);
	assert_int_equal(supervisor.notify_fd, -1);
	assert_int_equal(supervisor_pause_ms(&supervisor), -1);
	/* Nothing to tell, and nobody: no harm. */
	supervisor_ready(&supervisor, "127.0.0.1:1");
	supervisor_ping(&supervisor, 1000000, 0, 0);
	supervisor_close(&supervisor);
}

static void
test_a_listening_tcp_socket_is_taken(void **state)
{
	static const int families[] = { AF_INET, AF_INET6 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		struct supervisor supervisor;

		pass(families[i], SOCK_STREAM, true);
		setenv("LISTEN_FDS", "1", 1);
		set_pid("LISTEN_PID", getpid());
		supervisor = opened();
		assert_int_equal(supervisor.socket_fd, 3);
		/* No child inherits it, and accepting does not block. */
		assert_int_equal(fcntl(3, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
		assert_int_equal(fcntl(3, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
		supervisor_close(&supervisor);
		close(3);
	}
}

static void
test_sockets_of_somebody_else_are_left_alone(void **state)
{
	(void)state;
	pass(AF_INET, SOCK_STREAM, true);
	setenv("LISTEN_FDS", "1", 1);
	assert_int_equal(opened().socket_fd, -1);
	set_pid("LISTEN_PID", getppid());
	assert_int_equal(opened().socket_fd, -1);
	setenv("LISTEN_PID", "x", 1);
	assert_int_equal(opened().socket_fd, -1);
	unsetenv("LISTEN_FDS");
	set_pid("LISTEN_PID", getpid());
	assert_int_equal(opened().socket_fd, -1);
}

static void
test_what_cannot_be_served_on_is_refused(void **state)
{
	(void)state;
	set_pid("LISTEN_PID", getpid());
	setenv("LISTEN_FDS", "2", 1);
	assert_refused("'2', expected 1");
	setenv("LISTEN_FDS", "0", 1);
	assert_refused("'0', expected 1");
	setenv("LISTEN_FDS", "-1", 1);
	assert_refused("'-1', expected 1");
	setenv("LISTEN_FDS", "1", 1);
	assert_refused("no socket");
	pass(AF_INET, SOCK_STREAM, false);
	assert_refused("expected a TCP socket that listens");
	pass(AF_INET, SOCK_DGRAM, true);
	assert_refused("expected a TCP socket that listens");
	pass(AF_UNIX, SOCK_STREAM, true);
	assert_refused("expected a TCP socket that listens");
}

/* A name that no other run of this test has at the same time. */
static void
abstract_name(char ret_name[64])
{
	(void)snprintf(ret_name, 64, "@taskq/notify/%ld", (long)getpid());
}

/* The socket that a supervisor hears by. */
static int
listener(const char *name)
{
	bool is_abstract = name[0] == '@';
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t size = strlen(name);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	memcpy(address.sun_path, name, size);
	if (is_abstract)
		address.sun_path[0] = '\0';
	assert_int_equal(
	    bind(fd, (struct sockaddr *)&address,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + size + (is_abstract ? 0 : 1))),
	    0);
	setenv("NOTIFY_SOCKET", name, 1);
	return fd;
}

static void
assert_hears(int fd, const char *expected)
{
	char text[512] = "";
	ssize_t size = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);

	if (expected == NULL) {
		assert_int_equal(size, -1);
		return;
	}
	assert_true(size > 0);
	assert_string_equal(text, expected);
}

static void
test_it_hears_what_happens(void **state)
{
	char path[] = "/tmp/taskq-notify-XXXXXX", name[64], abstract[64];
	const char *const names[] = { name, abstract };

	(void)state;
	assert_non_null(mkdtemp(path));
	(void)snprintf(name, sizeof(name), "%s/socket", path);
	abstract_name(abstract);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		int fd = listener(names[i]);
		struct supervisor supervisor = opened();

		supervisor_ready(&supervisor, "127.0.0.1:18991");
		assert_hears(fd, "READY=1\nSTATUS=serving on http://127.0.0.1:18991\n");
		supervisor_stopping(&supervisor, 30000);
		assert_hears(fd, "STOPPING=1\nEXTEND_TIMEOUT_USEC=45000000\n"
				 "STATUS=draining, for 30000 ms at most\n");
		supervisor_stopping(&supervisor, 3600000); /* the most that can be set */
		assert_hears(fd, "STOPPING=1\nEXTEND_TIMEOUT_USEC=3615000000\n"
				 "STATUS=draining, for 3600000 ms at most\n");
		supervisor_ping_stopping(&supervisor); /* there is no watchdog */
		assert_hears(fd, NULL);
		/* One that has gone is no reason to fail. */
		close(fd);
		supervisor_ready(&supervisor, "127.0.0.1:18991");
		supervisor_close(&supervisor);
	}
	assert_int_equal(unlink(name), 0);
	assert_int_equal(rmdir(path), 0);
}

static void
test_a_name_that_cannot_be_is_nobody(void **state)
{
	char longest[110];

	(void)state;
	memset(longest, 'x', sizeof(longest));
	longest[0] = '/';
	longest[sizeof(longest) - 1] = '\0';
	for (const char *const *name =
		 (const char *const[]){ "", "@", "relative", "vsock:2:1", longest, NULL };
	     *name != NULL; name++) {
		setenv("NOTIFY_SOCKET", *name, 1);
		assert_int_equal(opened().notify_fd, -1);
	}
}

static void
test_the_watchdog_is_pinged_only_while_the_store_answers(void **state)
{
	struct supervisor supervisor;
	char name[64];
	int fd;

	(void)state;
	abstract_name(name);
	fd = listener(name);
	setenv("WATCHDOG_USEC", "60000000", 1);
	set_pid("WATCHDOG_PID", getpid());
	supervisor = opened();
	assert_int_equal(supervisor.watchdog_ms, 60000);
	assert_int_equal(supervisor_pause_ms(&supervisor), 20000);
	supervisor_ping(&supervisor, 30000, 12, 3);
	assert_hears(fd, "WATCHDOG=1\nSTATUS=12 tasks wait, 3 run\n");
	supervisor_ping(&supervisor, 30001, 12, 3);
	assert_hears(fd, "STATUS=the writer of the store hangs for 30001 ms\n");
	supervisor_ping(&supervisor, 0, 0, 0);
	assert_hears(fd, "WATCHDOG=1\nSTATUS=0 tasks wait, 0 run\n");
	supervisor_ping_stopping(&supervisor);
	assert_hears(fd, "WATCHDOG=1\n");
	supervisor_close(&supervisor);

	/* A watchdog that is quicker than the housekeeping does not make that a fault. */
	setenv("WATCHDOG_USEC", "300000", 1);
	supervisor = opened();
	assert_int_equal(supervisor_pause_ms(&supervisor), 100);
	supervisor_ping(&supervisor, 2500, 0, 0);
	assert_hears(fd, "WATCHDOG=1\nSTATUS=0 tasks wait, 0 run\n");
	supervisor_ping(&supervisor, 2501, 0, 0);
	assert_hears(fd, "STATUS=the writer of the store hangs for 2501 ms\n");
	supervisor_close(&supervisor);
	close(fd);
}

static void
test_a_watchdog_of_somebody_else_or_without_sense_is_none(void **state)
{
	char name[64];
	int fd;

	(void)state;
	abstract_name(name);
	fd = listener(name);
	setenv("WATCHDOG_USEC", "3000000", 1);
	assert_int_equal(opened().watchdog_ms, 3000); /* without a number it is for everybody */
	set_pid("WATCHDOG_PID", getppid());
	assert_int_equal(opened().watchdog_ms, 0);
	unsetenv("WATCHDOG_PID");
	setenv("WATCHDOG_USEC", "soon", 1);
	assert_int_equal(opened().watchdog_ms, 0);
	setenv("WATCHDOG_USEC", "999", 1);
	assert_int_equal(opened().watchdog_ms, 0);
	setenv("WATCHDOG_USEC", "3000000", 1);
	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(opened().watchdog_ms, 0);
	close(fd);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_nobody_is_there, clean, clean),
		cmocka_unit_test_setup_teardown(test_a_listening_tcp_socket_is_taken, clean, clean),
		cmocka_unit_test_setup_teardown(
		    test_sockets_of_somebody_else_are_left_alone, clean, clean),
		cmocka_unit_test_setup_teardown(
		    test_what_cannot_be_served_on_is_refused, clean, clean),
		cmocka_unit_test_setup_teardown(test_it_hears_what_happens, clean, clean),
		cmocka_unit_test_setup_teardown(test_a_name_that_cannot_be_is_nobody, clean, clean),
		cmocka_unit_test_setup_teardown(
		    test_the_watchdog_is_pinged_only_while_the_store_answers, clean, clean),
		cmocka_unit_test_setup_teardown(
		    test_a_watchdog_of_somebody_else_or_without_sense_is_none, clean, clean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
