/* SPDX-License-Identifier: MIT */
/*
 * Fibers on ucontext; see fiber.h. The sanitizers are told of every change of stacks. Times are
 * taken from the fibers' clock by everybody, because clock_gettime is wrapped (sim.mk).
 */
#include "fiber.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <ucontext.h>

#if defined(__SANITIZE_ADDRESS__)
#	include <sanitizer/common_interface_defs.h>
#elif defined(__SANITIZE_THREAD__)
#	include <sanitizer/tsan_interface.h>
#endif

enum {
	FIBERS_MAX = 256,
	STACK_BYTES = 256 * 1024,
	GUARD_BYTES = 4096,
	TURN_US_MAX = 3, /* what a turn takes */
};

struct fiber {
	const char *name;
	ucontext_t context;
	void *(*run)(void *arg);
	void *arg;
	char *stack; /* with its guard below; NULL: the process's own */
	size_t stack_bytes;
	const void *waits_for; /* NULL: ready */
	int64_t until_us;
	bool is_late; /* woken by the time */
	bool is_over;
	struct lock *top_lock;
	void *sanitizer; /* AddressSanitizer's fake stack, ThreadSanitizer's fiber */
	const void *bottom;
	size_t bottom_bytes;
};

static struct {
	struct sim *sim;
	struct fiber first;
	struct fiber *all[FIBERS_MAX];
	size_t count;
	struct fiber *current;
	struct fiber *before; /* who has just made room for the current one */
	struct fiber_manner manner;
	unsigned alone;
	int64_t now_us;
	int64_t wall_offset_us;
} fibers;

int64_t
fiber_now_us(void)
{
	return fibers.now_us;
}

void
fiber_move_wall(int64_t by_ms)
{
	fibers.wall_offset_us += by_ms * 1000;
}

void
fibers_set_manner(struct fiber_manner manner)
{
	fibers.manner = manner;
}

struct fiber *
fiber_self(void)
{
	return fibers.current;
}

struct lock **
fiber_top_lock(struct fiber *fiber)
{
	return &fiber->top_lock;
}

/* On the new stack, first of all. */
static void
arrive(void)
{
#if defined(__SANITIZE_ADDRESS__)
	struct fiber *before = fibers.before;

	__sanitizer_finish_switch_fiber(
	    fibers.current->sanitizer, &before->bottom, &before->bottom_bytes);
#endif
}

static void
go_to(struct fiber *next)
{
	struct fiber *self = fibers.current;

	if (next == self)
		return;
	fibers.before = self;
	fibers.current = next;
#if defined(__SANITIZE_ADDRESS__)
	__sanitizer_start_switch_fiber(
	    self->is_over ? NULL : &self->sanitizer, next->bottom, next->bottom_bytes);
#elif defined(__SANITIZE_THREAD__)
	__tsan_switch_to_fiber(next->sanitizer, 0);
#endif
	if (swapcontext(&self->context, &next->context) != 0)
		abort();
	arrive();
}

static void
tell_all(void)
{
	for (size_t i = 0; i < fibers.count; i++) {
		const struct fiber *fiber = fibers.all[i];

		fprintf(stderr, "fiber %s: %s\n", fiber->name,
		    fiber->is_over             ? "over"
		    : fiber->waits_for != NULL ? "waits"
					       : "ready");
	}
}

/* Those whose time has come are ready. Returns how many are. */
static size_t
count_ready(int64_t *ret_next_us)
{
	size_t ready = 0;

	*ret_next_us = FIBER_FOREVER;
	for (size_t i = 0; i < fibers.count; i++) {
		struct fiber *fiber = fibers.all[i];

		if (fiber->is_over)
			continue;
		if (fiber->waits_for != NULL && fiber->until_us <= fibers.now_us) {
			fiber->waits_for = NULL;
			fiber->is_late = true;
		}
		if (fiber->waits_for == NULL)
			ready++;
		else if (fiber->until_us < *ret_next_us)
			*ret_next_us = fiber->until_us;
	}
	return ready;
}

/* Another one's turn, or the same one's. */
static void
turn(void)
{
	int64_t next_us;
	size_t ready;

	fibers.now_us += (int64_t)sim_below(fibers.sim, TURN_US_MAX + 1);
	while ((ready = count_ready(&next_us)) == 0) {
		if (next_us == FIBER_FOREVER) {
			tell_all();
			sim_fail(fibers.sim, "everybody waits for somebody else");
		}
		fibers.now_us = next_us;
	}
	ready = sim_below(fibers.sim, ready);
	for (size_t i = 0;; i++) {
		struct fiber *fiber = fibers.all[i];

		if (!fiber->is_over && fiber->waits_for == NULL && ready-- == 0) {
			go_to(fiber);
			return;
		}
	}
}

bool
fiber_wait(const void *what, int64_t until_us)
{
	struct fiber *self = fibers.current;

	if (fibers.alone > 0)
		sim_fail(fibers.sim, "%s waits where nobody else may go on", self->name);
	if (until_us > fibers.now_us && sim_chance(fibers.sim, fibers.manner.spurious_per_mille)) {
		turn();
		return true;
	}
	self->waits_for = what;
	self->until_us = until_us;
	self->is_late = false;
	turn();
	return !self->is_late;
}

void
fiber_sleep(int64_t us)
{
	int64_t until_us = fibers.now_us + us;

	while (fibers.now_us < until_us)
		(void)fiber_wait(fibers.current, until_us);
}

void
fiber_pass(void)
{
	const struct fiber_manner *manner = &fibers.manner;

	if (fibers.alone > 0)
		return;
	if (manner->stall_per_million > 0 &&
	    sim_below(fibers.sim, 1000000) < manner->stall_per_million)
		fiber_sleep((int64_t)sim_below(fibers.sim, (uint64_t)manner->stall_max_us));
	else if (sim_chance(fibers.sim, manner->switch_per_mille))
		turn();
}

void
fiber_wake(const void *what, bool all)
{
	struct fiber *waiting[FIBERS_MAX];
	size_t count = 0;

	for (size_t i = 0; i < fibers.count; i++) {
		if (fibers.all[i]->waits_for == what && !fibers.all[i]->is_over)
			waiting[count++] = fibers.all[i];
	}
	if (count > 0 && !all) {
		waiting[0] = waiting[sim_below(fibers.sim, count)];
		count = 1;
	}
	for (size_t i = 0; i < count; i++)
		waiting[i]->waits_for = NULL;
}

void
fiber_alone(bool is_alone)
{
	if (is_alone)
		fibers.alone++;
	else
		fibers.alone--;
}

static void
live(void)
{
	struct fiber *self = fibers.current;

	arrive();
	(void)self->run(self->arg);
	self->is_over = true;
	fiber_wake(&self->is_over, true);
	turn();
	abort(); /* nobody goes back to it */
}

/* A function of its own, because getcontext may return twice as far as the compiler knows. */
static void
make_context(struct fiber *fiber)
{
	if (getcontext(&fiber->context) != 0)
		abort();
	fiber->context.uc_stack.ss_sp = fiber->stack + GUARD_BYTES;
	fiber->context.uc_stack.ss_size = fiber->bottom_bytes;
	makecontext(&fiber->context, live, 0);
}

struct fiber *
fiber_start(const char *name, size_t stack_bytes, void *(*run)(void *arg), void *arg)
{
	struct fiber *fiber = calloc(1, sizeof(*fiber));

	if (fiber == NULL || fibers.count == FIBERS_MAX)
		abort();
	if (stack_bytes < STACK_BYTES)
		stack_bytes = STACK_BYTES;
	fiber->name = name;
	fiber->run = run;
	fiber->arg = arg;
	fiber->stack_bytes = stack_bytes + GUARD_BYTES;
	fiber->stack = mmap(NULL, fiber->stack_bytes, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (fiber->stack == MAP_FAILED || mprotect(fiber->stack, GUARD_BYTES, PROT_NONE) != 0)
		abort();
	fiber->bottom = fiber->stack + GUARD_BYTES;
	fiber->bottom_bytes = stack_bytes;
	make_context(fiber);
#if defined(__SANITIZE_THREAD__)
	fiber->sanitizer = __tsan_create_fiber(0);
#endif
	fibers.all[fibers.count++] = fiber;
	fiber_pass();
	return fiber;
}

void
fiber_join(struct fiber *fiber)
{
	size_t at = 0;

	while (!fiber->is_over)
		(void)fiber_wait(&fiber->is_over, FIBER_FOREVER);
	while (fibers.all[at] != fiber)
		at++;
	fibers.all[at] = fibers.all[--fibers.count];
#if defined(__SANITIZE_THREAD__)
	__tsan_destroy_fiber(fiber->sanitizer);
#endif
	munmap(fiber->stack, fiber->stack_bytes);
	free(fiber);
}

void
fibers_begin(struct sim *sim, int64_t wall_ms)
{
	memset(&fibers, 0, sizeof(fibers));
	fibers.sim = sim;
	fibers.now_us = INT64_C(1000000000);
	fibers.wall_offset_us = wall_ms * 1000 - fibers.now_us;
	fibers.first.name = "first";
#if defined(__SANITIZE_THREAD__)
	fibers.first.sanitizer = __tsan_get_current_fiber();
#endif
	fibers.all[fibers.count++] = fibers.current = &fibers.first;
}

void
fibers_end(void)
{
	assert(fibers.count == 1 && fibers.current == &fibers.first);
	fibers.sim = NULL;
}

int __real_clock_gettime(clockid_t id, struct timespec *ret_time);
int __wrap_clock_gettime(clockid_t id, struct timespec *ret_time);

int
__wrap_clock_gettime(clockid_t id, struct timespec *ret_time)
{
	int64_t now_us = fibers.now_us;

	if (fibers.sim == NULL)
		return __real_clock_gettime(id, ret_time);
	if (id == CLOCK_REALTIME)
		now_us += fibers.wall_offset_us;
	ret_time->tv_sec = (time_t)(now_us / 1000000);
	ret_time->tv_nsec = (long)(now_us % 1000000) * 1000;
	return 0;
}
