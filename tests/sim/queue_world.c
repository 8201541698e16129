/* SPDX-License-Identifier: MIT */
/*
 * The world of the simulation of a queue: its weather, and what it takes the place of (sim.mk), so
 * that nothing in it comes from outside but the seed.
 */
#include "queue_world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/statvfs.h>

#include "base/log.h"
#include "sim_kinds.h"

struct world *the_world;

ssize_t __wrap_getrandom(void *buffer, size_t size, unsigned flags);
void __wrap_arc4random_buf(void *buffer, size_t size);
int __wrap_statvfs(const char *path, struct statvfs *ret_fs);
void __wrap_log_write(enum log_level level, const struct log_field *fields);
ssize_t __real_getrandom(void *buffer, size_t size, unsigned flags);

void
__wrap_arc4random_buf(void *buffer, size_t size)
{
	for (size_t i = 0; i < size; i++)
		((unsigned char *)buffer)[i] = (unsigned char)sim_random(the_world->sim);
}

ssize_t
__wrap_getrandom(void *buffer, size_t size, unsigned flags)
{
	if (the_world == NULL)
		return __real_getrandom(buffer, size, flags);
	__wrap_arc4random_buf(buffer, size);
	return (ssize_t)size;
}

int
__wrap_statvfs(const char *path, struct statvfs *ret_fs)
{
	(void)path;
	*ret_fs =
	    (struct statvfs){ .f_frsize = 4096, .f_bavail = the_world->is_disk_low ? 1 : 1000000 };
	return 0;
}

/* With TASKQ_SIM_LOG set, as the service has it. */
void
__wrap_log_write(enum log_level level, const struct log_field *fields)
{
	(void)level;
	if (getenv("TASKQ_SIM_LOG") == NULL)
		return;
	fprintf(stderr, "%" PRId64 " us:", fiber_now_us());
	for (; fields->type != LOG_FIELD_END; fields++) {
		if (fields->type == LOG_FIELD_STR)
			fprintf(stderr, " %s=%s", fields->key, fields->str);
		else
			fprintf(stderr, " %s=%" PRId64, fields->key, fields->num);
	}
	fprintf(stderr, "\n");
}

uint64_t
world_below(uint64_t n)
{
	return sim_below(the_world->sim, n);
}

bool
world_chance(unsigned per_mille)
{
	return sim_chance(the_world->sim, per_mille);
}

bool
world_is_calm(const struct world *world)
{
	return world->calm_since_us != FIBER_FOREVER &&
	       fiber_now_us() - world->calm_since_us > CALM_US;
}

int64_t
world_patience_us(const struct world *world)
{
	return world->was_set ? TICK_US : PROMPT_US;
}

void
world_disturb(struct world *world)
{
	if (world->calm_since_us != FIBER_FOREVER)
		world->calm_since_us = fiber_now_us();
}

void
world_set_rough(struct world *world, bool is_rough)
{
	static const unsigned switches[] = { 20, 100, 300, 700 };
	struct fiber_manner manner = { .switch_per_mille = switches[world_below(4)],
		.spurious_per_mille = 5 };

	world->calm_since_us = is_rough ? FIBER_FOREVER : fiber_now_us();
	world->checks.faults_per_mille = is_rough ? 10 : 0;
	world->is_disk_low = false;
	if (is_rough) {
		manner.stall_per_million = 300;
		manner.stall_max_us = 3000000;
	}
	fibers_set_manner(manner);
	sim_kinds_set_rough(is_rough);
}

void
node_require(const struct node *node, const char *what, enum status status)
{
	const struct world *world = node->world;
	bool is_usual = status == STATUS_OK || status == STATUS_NOT_FOUND || status == STATUS_BUSY;
	bool is_fault = status == STATUS_FULL || status == STATUS_IO || status == STATUS_UNKNOWN;

	if (!is_usual &&
	    !(is_fault && (!world_is_calm(world) || node->is_closing || node->has_died)))
		sim_fail(world->sim, "%s: %s", what, status_name(status));
}
