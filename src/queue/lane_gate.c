/* SPDX-License-Identifier: MIT */
/*
 * The gate of a lane's claims; see lane_gate.h. What is admitted has entered its host before the
 * claim is made, so that starts that happen meanwhile count, and leaves it where none comes of it.
 */
#include "queue/lane_gate.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "base/service_clock.h"

static void
forget(struct lane_gate *gate)
{
	struct hosts *hosts = gate->lane->conf.hosts;
	for (size_t i = 0; i < gate->count; i++) {
		if (gate->admitted[i] == NULL)
			continue;
		hosts_leave(hosts, gate->admitted[i], HOST_LEAVE_UNJUDGED, gate->now_mono_ms);
		hosts_let_go(hosts, gate->admitted[i]);
	}
	gate->count = 0;
}

static void
begin(void *context)
{
	struct lane_gate *gate = context;
	forget(gate);
	gate->judged = 0;
}

static enum store_gate_word
judge(void *context, const char *type, const char *args, size_t args_size, const char **ret_host)
{
	struct lane_gate *gate = context;
	const struct kind *kind = kinds_find(type);
	struct run_host *host = NULL;
	enum store_gate_word word = STORE_GATE_ADMIT;
	char name[TASK_HOST_SIZE];
	gate->judged++;
	if (kind != NULL && kind->host_of != NULL && kind->host_of(args, args_size, name))
		word = hosts_judge(gate->lane->conf.hosts, name, gate->is_isolated,
		    gate->now_mono_ms, &host, ret_host);
	if (word != STORE_GATE_ADMIT)
		return word;
	assert(gate->count < LANE_BATCH_MAX);
	gate->admitted[gate->count++] = host;
	return word;
}

static int64_t
count_recalled(const struct hosts_recalls *recalls)
{
	int64_t count = 0;
	for (size_t i = 0; i < recalls->count; i++)
		count += (int64_t)recalls->list[i].ret_count;
	return count;
}

/* Whether the claim ended because there was nothing more. */
static bool
has_seen_all(const struct lane_gate *gate, size_t max)
{
	return gate->count < max && gate->judged - gate->count < STORE_GATE_ASIDE_MAX;
}

enum status
lane_gate_claim(struct lane_gate *gate, bool isolated, size_t max, struct task *ret_tasks,
    size_t *ret_count, struct error *error)
{
	struct lane_pool *lane = gate->lane;
	gate->now_mono_ms = clock_mono_ms();
	gate->count = 0;
	gate->judged = 0;
	gate->is_isolated = isolated;
	gate->store = (struct store_gate){
		.begin = begin,
		.judge = judge,
		.context = gate,
		.recalls = gate->recalls.list,
		.recall_count = gate->recalls.count,
	};
	enum status status = store_claim_through(lane->conf.store, &gate->store, lane->conf.lane,
	    isolated, max, service_clock_ms(), ret_tasks, ret_count, error);
	if (status == STATUS_OK)
		admission_sift(lane->conf.admission, lane->conf.lane,
		    count_recalled(&gate->recalls), (int64_t)gate->store.ret_deferred);
	else
		forget(gate);
	if (status == STATUS_OK && !isolated && has_seen_all(gate, max))
		hosts_end_look(lane->conf.hosts, &gate->recalls, gate->now_mono_ms);
	hosts_end_recalls(lane->conf.hosts, &gate->recalls, status == STATUS_OK, gate->now_mono_ms);
	assert(status != STATUS_OK || gate->count == *ret_count);
	return status;
}

enum status
lane_gate_find(struct lane_pool *lane, struct error *error)
{
	char after[TASK_HOST_SIZE] = "";
	for (;;) {
		char host[TASK_HOST_SIZE];
		enum status status = store_next_host(lane->conf.store, after, host, error);
		if (status == STATUS_NOT_FOUND)
			return STATUS_OK;
		if (status == STATUS_OK)
			status =
			    hosts_found_deferred(lane->conf.hosts, host, clock_mono_ms(), error);
		if (status != STATUS_OK)
			return status;
		memcpy(after, host, sizeof(after));
	}
}
