/* SPDX-License-Identifier: MIT */
/* A counting semaphore on our own lock and condition. Any thread. */
#include "http/json_gate.h"

void
json_gate_init(struct json_gate *gate, unsigned places)
{
	lock_init(&gate->lock, LOCK_RANK_LEAF);
	cond_init(&gate->left);
	gate->places = places;
}

void
json_gate_done(struct json_gate *gate)
{
	cond_done(&gate->left);
	lock_done(&gate->lock);
}

void
json_gate_enter(struct json_gate *gate)
{
	lock_acquire(&gate->lock);
	while (gate->places == 0)
		cond_wait(&gate->left, &gate->lock);
	gate->places--;
	lock_release(&gate->lock);
}

void
json_gate_leave(struct json_gate *gate)
{
	lock_acquire(&gate->lock);
	gate->places++;
	lock_release(&gate->lock);
	cond_signal(&gate->left);
}
