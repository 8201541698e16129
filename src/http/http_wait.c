/* SPDX-License-Identifier: MIT */
/*
 * The thread of a connection sleeps until whoever writes the end of the task wakes it. Meanwhile
 * the reaper watches the socket, so that a client that goes away does not keep a thread and a
 * place.
 */
#include "http/http_wait.h"

#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "http/http_connections.h"
#include "queue/queue.h"
#include "queue/waiters.h"

/* Whether there is a task, and it has not ended; what else there is to say the endpoint says. */
static bool
is_under_way(struct request *request)
{
	struct task_status task;
	struct error error;

	return queue_read_status(request->queue, request->id, &task, &error) == STATUS_OK &&
	       !task_state_is_final(task.state);
}

/*
 * After an answer libmicrohttpd overwrites its memory of a connection with zeros. Where most of
 * that is touched for the first time then, thousands who are answered at once stand in line for
 * pages: a fifth of what an answer takes. So they are had before, from the page on where the header
 * is. They may be more than that memory, and hold whatever they do; nothing changes in them.
 */
static void
have_memory(const struct request *request)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t from = (uintptr_t)request->head.host / page * page;

	/* Kernels before 5.14 do not know how: as if it had not been asked. */
	if (request->head.host != NULL)
		(void)madvise((void *)from, HTTP_LIBRARY_BYTES + page, MADV_POPULATE_WRITE);
}

/* Tells that a wish to wait was heeded. */
static bool
heed(struct request *request)
{
	if (request->wait_is_preferred)
		reply_field(&request->reply, "Preference-Applied", "wait=%u", request->wait_s);
	return true;
}

void
http_wait_refuse(struct request *request)
{
	reply_problem(&request->reply, PROBLEM_TOO_MANY_WAITING, NULL,
	    "As many requests wait for a task as may wait at once. Ask without waiting.");
	reply_field(&request->reply, "Retry-After", "1");
}

bool
http_wait(struct request *request)
{
	int64_t until_mono_ms = clock_mono_ms() + (int64_t)request->wait_s * 1000;
	bool has_place = true;
	struct waiter waiter;

	if (request->wait_s == 0)
		return heed(request);
	waiters_add(queue_waiters(request->queue), &waiter, request->id, WAITER_ENDED);
	if (is_under_way(request)) {
		have_memory(request);
		has_place = connection_wait_begin(request->connection, &waiter);
		if (has_place) {
			request->has_waited = true;
			/* News of an end are a reason to look, no more. */
			while (waiters_wait(&waiter, WAITER_ENDED, until_mono_ms) == WAITER_ENDED &&
			       is_under_way(request))
				;
			connection_wait_end(request->connection);
		}
	}
	waiters_remove(&waiter);
	if (has_place)
		return heed(request);
	http_wait_refuse(request);
	return false;
}
