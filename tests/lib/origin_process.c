/* SPDX-License-Identifier: MIT */
/* Starting and stopping the ill-behaved origin; see origin_process.h. */
#include "origin_process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

extern char **environ;

void
origin_start(
    struct origin_process *origin, const char *host, const char *certificate, const char *key)
{
	char python[] = "/usr/bin/python3", script[] = "tests/origin/origin.py";
	char listen_flag[] = "--listen", stdin_flag[] = "--exit-with-stdin";
	char certificate_flag[] = "--tls-certificate", key_flag[] = "--tls-key";
	char address[64], line[256];
	char *interpreter = getenv("PYTHON") != NULL ? getenv("PYTHON") : python;
	char *certificate_path = certificate != NULL ? strdup(certificate) : NULL;
	char *key_path = certificate != NULL ? strdup(key) : NULL;
	char *argv[] = { interpreter, script, listen_flag, address, stdin_flag, certificate_flag,
		certificate_path, key_flag, key_path, NULL };
	posix_spawn_file_actions_t actions;
	int in[2], out[2];
	unsigned port = 0;
	const char *colon;

	if (certificate == NULL)
		argv[5] = NULL;
	snprintf(address, sizeof(address), "%s:0", host);
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
	assert_int_equal(posix_spawn_file_actions_adddup2(&actions, in[0], 0), 0);
	assert_int_equal(posix_spawn_file_actions_adddup2(&actions, out[1], 1), 0);
	if (posix_spawnp(&origin->pid, interpreter, &actions, NULL, argv, environ) != 0)
		fail_msg("%s cannot be run", interpreter);
	posix_spawn_file_actions_destroy(&actions);
	close(in[0]);
	close(out[1]);
	origin->stdin_fd = in[1];

	FILE *stream = fdopen(out[0], "r");
	assert_non_null(stream);
	if (fgets(line, sizeof(line), stream) == NULL)
		fail_msg("%s did not start (run the test in the root of the tree)", script);
	fclose(stream);
	colon = strrchr(line, ':');
	assert_non_null(colon);
	port = (unsigned)strtoul(colon + 1, NULL, 10);
	assert_in_range(port, 1024, 65535);
	origin->port = (uint16_t)port;
	free(certificate_path);
	free(key_path);
}

void
origin_stop(struct origin_process *origin)
{
	int status;

	close(origin->stdin_fd);
	assert_int_equal(waitpid(origin->pid, &status, 0), origin->pid);
}
