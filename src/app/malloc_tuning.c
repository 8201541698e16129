/* SPDX-License-Identifier: MIT */
/* Tunables are documented in glibc's manual, "Memory Allocation Tunables". */
#include "app/malloc_tuning.h"

#include <limits.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

/* Thousands of threads need few arenas; each keeps what was freed into it. */
#define ARENAS 4

#define TUNABLES "GLIBC_TUNABLES"
#define KEPT     "glibc.malloc.tcache_count"
#define KEPT_MAX "2"

/* A sanitizer brings an allocator of its own, and starts slowly. */
#if !defined(__GLIBC__) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static const bool can_be_tuned = false;
#else
static const bool can_be_tuned = true;
#endif

void
malloc_tuning_apply(char *argv[])
{
	const char *old = getenv(TUNABLES);
	char value[512];
	char program[PATH_MAX];
	ssize_t size;
	int length;

	(void)mallopt(M_ARENA_MAX, ARENAS);
	/* Where a program has capabilities or a user by its file, glibc takes the variable away,
	   and it would be executed for ever. */
	if (!can_be_tuned || getauxval(AT_SECURE) != 0 ||
	    (old != NULL && strstr(old, KEPT "=") != NULL))
		return;
	length = old == NULL || *old == '\0'
		     ? snprintf(value, sizeof(value), KEPT "=" KEPT_MAX)
		     : snprintf(value, sizeof(value), "%s:" KEPT "=" KEPT_MAX, old);
	if (length < 0 || (size_t)length >= sizeof(value))
		return;
	/* By its real name, which is the one that the process is then known by. */
	size = readlink("/proc/self/exe", program, sizeof(program) - 1);
	if (size <= 0)
		return;
	program[size] = '\0';
	if (setenv(TUNABLES, value, 1) != 0)
		return;
	(void)execv(program, argv);
}
