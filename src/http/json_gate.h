/* SPDX-License-Identifier: MIT */
/*
 * The gate before the parser for bodies that become large in it: 94 KB of objects in objects take
 * 4.8 MB, and every connection has a thread that could be in the middle of them. Only a few at a
 * time may; the others wait in their threads, which costs no throughput, since parsing is work for
 * the processor alone. Any thread.
 */
#ifndef TASKQ_HTTP_JSON_GATE_H
#define TASKQ_HTTP_JSON_GATE_H

#include "base/sync.h"

struct json_gate {
	struct lock lock; /* a leaf; guards what is below */
	struct cond left;
	unsigned places; /* that are free */
};

void json_gate_init(struct json_gate *gate, unsigned places);
void json_gate_done(struct json_gate *gate);

/**
 * json_gate_enter / json_gate_leave - wait for a place and take it, give it back
 * Between them nobody may wait for anything but the processor.
 */
void json_gate_enter(struct json_gate *gate);
void json_gate_leave(struct json_gate *gate);

#endif
