/* SPDX-License-Identifier: MIT */
/*
 * The yardstick of fetches: bare libcurl as it is best used, one multi handle driven by epoll,
 * handles and connections reused, content thrown away.
 *
 *	fetch_bare URL COUNT CONCURRENCY
 *
 * Prints one line of JSON. Every answer must be a 200; one that is not ends it with status 1.
 */
#include <curl/curl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
	COUNT_MAX = 10000000,
	CONCURRENCY_MAX = 1000,
	EVENTS = 256,
	TIMEOUT_S = 10, /* of one transfer */
};

struct bare {
	CURLM *multi;
	int epoll_fd;
	double timer_s; /* when libcurl wants to be called; negative: never */
	long started, finished, count;
	long connects;
	unsigned long long bytes;
	bool failed;
};

static double
now_s(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static size_t
drop_content(char *data, size_t size, size_t count, void *user)
{
	struct bare *bare = user;
	(void)data;
	bare->bytes += size * count;
	return size * count;
}

static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *known)
{
	struct bare *bare = user;
	struct epoll_event event = { .data.fd = fd };
	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		epoll_ctl(bare->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
		return 0;
	}
	event.events =
	    (what & CURL_POLL_IN ? EPOLLIN : 0U) | (what & CURL_POLL_OUT ? EPOLLOUT : 0U);
	int result =
	    epoll_ctl(bare->epoll_fd, known != NULL ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event);
	curl_multi_assign(bare->multi, fd, bare);
	return result;
}

static int
on_timer(CURLM *multi, long timeout_ms, void *user)
{
	struct bare *bare = user;
	(void)multi;
	bare->timer_s = timeout_ms < 0 ? -1 : now_s() + (double)timeout_ms / 1e3;
	return 0;
}

static void
start(struct bare *bare, CURL *easy)
{
	if (bare->started == bare->count)
		return;
	bare->started++;
	if (curl_multi_add_handle(bare->multi, easy) != CURLM_OK)
		bare->failed = true;
}

static void
take_finished(struct bare *bare)
{
	CURLMsg *message;
	int left;
	while ((message = curl_multi_info_read(bare->multi, &left)) != NULL) {
		CURL *easy = message->easy_handle;
		CURLcode code = message->data.result;
		long status = 0, connects = 0;
		curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
		curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &connects);
		bare->connects += connects;
		if (code != CURLE_OK || status != 200) {
			fprintf(stderr, "fetch_bare: status %ld, %s\n", status,
			    curl_easy_strerror(code));
			bare->failed = true;
		}
		bare->finished++;
		curl_multi_remove_handle(bare->multi, easy);
		start(bare, easy);
	}
}

static void
turn(struct bare *bare)
{
	struct epoll_event events[EVENTS];
	int running;
	double left_s = bare->timer_s < 0 ? 1 : bare->timer_s - now_s();
	int wait_ms = left_s <= 0 ? 0 : left_s > 1 ? 1000 : (int)(left_s * 1e3) + 1;
	int count = epoll_wait(bare->epoll_fd, events, EVENTS, wait_ms);
	for (int i = 0; i < count; i++) {
		int what = (events[i].events & EPOLLIN ? CURL_CSELECT_IN : 0) |
			   (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
			   (events[i].events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
		curl_multi_socket_action(bare->multi, events[i].data.fd, what, &running);
	}
	if (bare->timer_s >= 0 && bare->timer_s <= now_s()) {
		bare->timer_s = -1;
		curl_multi_socket_action(bare->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	}
	take_finished(bare);
}

static CURL *
make_handle(struct bare *bare, const char *url)
{
	CURL *easy = curl_easy_init();
	if (easy == NULL)
		return NULL;
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, drop_content);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, bare);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT, (long)TIMEOUT_S);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	return easy;
}

int
main(int argc, char *argv[])
{
	struct bare bare = { .timer_s = -1 };
	long concurrency = argc == 4 ? strtol(argv[3], NULL, 10) : 0;
	bare.count = argc == 4 ? strtol(argv[2], NULL, 10) : 0;
	if (bare.count < 1 || bare.count > COUNT_MAX || concurrency < 1 ||
	    concurrency > CONCURRENCY_MAX) {
		fprintf(stderr, "usage: fetch_bare URL COUNT CONCURRENCY\n");
		return 2;
	}
	CURL **handles = calloc((size_t)concurrency, sizeof(CURL *));
	bare.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
	    (bare.multi = curl_multi_init()) == NULL || handles == NULL || bare.epoll_fd < 0)
		return 1;
	curl_multi_setopt(bare.multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(bare.multi, CURLMOPT_SOCKETDATA, &bare);
	curl_multi_setopt(bare.multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(bare.multi, CURLMOPT_TIMERDATA, &bare);
	curl_multi_setopt(bare.multi, CURLMOPT_MAXCONNECTS, concurrency);
	double began_s = now_s();
	for (long i = 0; i < concurrency; i++) {
		handles[i] = make_handle(&bare, argv[1]);
		if (handles[i] == NULL)
			return 1;
		start(&bare, handles[i]);
	}
	while (bare.finished < bare.count && !bare.failed)
		turn(&bare);
	double took_s = now_s() - began_s;
	struct rusage usage;
	getrusage(RUSAGE_SELF, &usage);
	double cpu_s = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
		       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
	for (long i = 0; i < concurrency; i++)
		curl_easy_cleanup(handles[i]);
	curl_multi_cleanup(bare.multi);
	curl_global_cleanup();
	free(handles);
	close(bare.epoll_fd);
	printf("{\"count\":%ld,\"seconds\":%.4f,\"per_s\":%.1f,\"bytes\":%llu,\"connects\":%ld,"
	       "\"cpu\":%.3f}\n",
	    bare.finished, took_s, (double)bare.finished / took_s, bare.bytes, bare.connects,
	    cpu_s / took_s);
	return bare.failed ? 1 : 0;
}
