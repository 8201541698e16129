/* SPDX-License-Identifier: MIT */
/*
 * A getaddrinfo(3) of our own, for tests: preloaded into the daemon (build/tests/fake_dns.so) or
 * linked into a unit test. Any thread. It never sends a packet: a name that is neither in the
 * mapping nor an address literal does not exist.
 *
 * TASKQ_FAKE_DNS is read at every call:
 *
 *	NAME=ANSWER|ANSWER...;NAME=...    the answers are given in turn, then again from the first
 *	*.SUFFIX=...                      any name below SUFFIX (each name takes the turns together)
 *	ANSWER  is  ADDRESS,ADDRESS...    in that order, IPv4 and IPv6; or ! for "no such name"
 *	            @MS                   appended: answers after that many milliseconds
 *	            @/PATH                appended: answers when somebody opens that FIFO to write
 *
 * rebind.test=93.184.216.34|127.0.0.1;slow.test=127.0.0.1@6000;mixed.test=10.0.0.1,127.0.0.2
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#define NAMES_MAX     64
#define NAME_SIZE     256
#define ADDRESSES_MAX 64

/* How often each entry of the mapping was asked. */
static pthread_mutex_t turns_lock = PTHREAD_MUTEX_INITIALIZER;

static struct {
	char name[NAME_SIZE];
	unsigned long calls;
} turns[NAMES_MAX];

static unsigned long
next_turn(const char *name, size_t size)
{
	unsigned long turn = 0;

	pthread_mutex_lock(&turns_lock);
	for (size_t i = 0; i < NAMES_MAX; i++) {
		if (turns[i].name[0] == '\0')
			memcpy(turns[i].name, name, size);
		if (strlen(turns[i].name) == size && memcmp(turns[i].name, name, size) == 0) {
			turn = turns[i].calls++;
			break;
		}
	}
	pthread_mutex_unlock(&turns_lock);
	return turn;
}

static bool
entry_matches(const char *entry, size_t size, const char *host)
{
	size_t length = strlen(host);

	if (length > 0 && host[length - 1] == '.')
		length--;
	if (size > 1 && entry[0] == '*')
		return length > size - 1 &&
		       strncasecmp(host + length - (size - 1), entry + 1, size - 1) == 0;
	return length == size && strncasecmp(host, entry, size) == 0;
}

/* The answer for a host as text in `ret_answer`; false when the mapping does not have it. */
static bool
find_answer(const char *host, char *ret_answer, size_t answer_size)
{
	const char *at = getenv("TASKQ_FAKE_DNS");

	while (at != NULL && *at != '\0') {
		size_t name_size = strcspn(at, "=;");
		const char *answers = at + name_size + (at[name_size] == '=');
		size_t size = strcspn(answers, ";");

		if (name_size < NAME_SIZE && entry_matches(at, name_size, host)) {
			unsigned long count = 1, turn;

			for (size_t i = 0; i < size; i++)
				count += answers[i] == '|';
			for (turn = next_turn(at, name_size) % count; turn > 0; turn--)
				answers += strcspn(answers, "|") + 1;
			snprintf(
			    ret_answer, answer_size, "%.*s", (int)strcspn(answers, "|;"), answers);
			return true;
		}
		at = answers + size + (answers[size] == ';');
	}
	return false;
}

static void
wait_ms(long ms)
{
	struct timespec left = { .tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000 };

	while (nanosleep(&left, &left) != 0 && errno == EINTR)
		;
}

/* Opening a FIFO to read takes until somebody opens it to write. */
static void
wait_for_gate(const char *path)
{
	int fd;

	while ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1 && errno == EINTR)
		;
	if (fd != -1)
		close(fd);
}

static int (*real_getaddrinfo)(
    const char *, const char *, const struct addrinfo *, struct addrinfo **);
static void (*real_freeaddrinfo)(struct addrinfo *);

static void
find_real(void)
{
	*(void **)&real_getaddrinfo = dlsym(RTLD_NEXT, "getaddrinfo");
	*(void **)&real_freeaddrinfo = dlsym(RTLD_NEXT, "freeaddrinfo");
}

/* An address literal, by the real one, which looks nothing up for it. */
static int
literal(
    const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **ret_list)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct addrinfo numeric = { 0 };

	pthread_once(&once, find_real);
	if (hints != NULL)
		numeric = *hints;
	numeric.ai_flags |= AI_NUMERICHOST;
	return real_getaddrinfo(host, service, &numeric, ret_list);
}

int
getaddrinfo(
    const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **ret_list)
{
	char answer[1024];
	struct addrinfo *list = NULL, **tail = &list;

	if (host == NULL)
		return literal(host, service, hints, ret_list);
	if (!find_answer(host, answer, sizeof(answer)))
		return literal(host, service, hints, ret_list);
	char *delay = strchr(answer, '@');
	if (delay != NULL) {
		*delay++ = '\0';
		if (*delay == '/')
			wait_for_gate(delay);
		else
			wait_ms(strtol(delay, NULL, 10));
	}
	if (answer[0] == '!')
		return EAI_NONAME;

	/* Each literal gives a list of its own; all of them are strung together. freeaddrinfo of
	   glibc frees such a list node by node. */
	char *rest = answer;
	for (int i = 0; i < ADDRESSES_MAX && rest != NULL; i++) {
		const char *address = strsep(&rest, ",");
		struct addrinfo one = { .ai_socktype = SOCK_STREAM };

		if (hints != NULL)
			one = *hints;
		one.ai_family = AF_UNSPEC;
		if (hints != NULL && hints->ai_family != AF_UNSPEC &&
		    hints->ai_family != (strchr(address, ':') != NULL ? AF_INET6 : AF_INET))
			continue;
		one.ai_flags &= ~AI_CANONNAME;
		int code = literal(address, service, &one, tail);
		if (code != 0) {
			if (list != NULL)
				real_freeaddrinfo(list);
			return code;
		}
		while (*tail != NULL)
			tail = &(*tail)->ai_next;
	}
	if (list == NULL)
		return EAI_NONAME;
	*ret_list = list;
	return 0;
}
