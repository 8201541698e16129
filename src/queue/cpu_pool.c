/* SPDX-License-Identifier: MIT */
/*
 * Executor threads for CPU kinds; see cpu_pool.h. A run is executed with no lock held. The threads
 * know nothing of the store: what came of a run leaves through `finished`. A run for which there is
 * not enough memory waits, and so do those behind it that take any worth counting, or it would wait
 * for ever; those that do not pass it by.
 */
#include "queue/cpu_pool.h"

#include <stdlib.h>

#include "base/sync.h"
#include "kinds/kind_settings.h"

enum {
	/* BN and GMP-like recursion is shallow; this is for libraries' comfort. */
	EXECUTOR_STACK_BYTES = 1024 * 1024,
	/* What takes less is not counted: together it is a MiB for each thread. */
	COUNTED_BYTES = 1024 * 1024,
};

struct cpu_pool {
	const struct kind_settings *settings;
	void (*finished)(void *context, struct run *run);
	void *context;
	struct lock lock;
	struct cond added;
	struct run *head; /* guarded by lock: runs waiting, oldest first */
	struct run **tail;
	uint64_t memory_used; /* guarded by lock: counted for the runs that execute */
	bool closing;         /* guarded by lock */
	unsigned threads;     /* started; opening and closing thread's alone */
	pthread_t thread[];
};

static void
execute(const struct cpu_pool *pool, struct run *run)
{
	run_begin(run);
	enum run_word word = run_word(run);
	if (word != RUN_GO_ON) {
		run_end_early(run, word);
		return;
	}
	const struct kind *kind = kinds_find(run->task.type);
	kind->run(pool->settings, run);
}

/* What to count for a run. One that could never fit is its kind's to refuse. */
static uint64_t
memory_of(const struct cpu_pool *pool, const struct run *run)
{
	const struct kind *kind = kinds_find(run->task.type);
	if (kind->memory_bytes == NULL || pool->settings->cpu_memory_max_bytes == 0)
		return 0;
	uint64_t bytes = kind->memory_bytes(pool->settings, run->task.args, run->task.args_size);
	return bytes >= COUNTED_BYTES && bytes <= pool->settings->cpu_memory_max_bytes ? bytes : 0;
}

static bool
fits_locked(const struct cpu_pool *pool, const struct run *run) REQUIRES(pool->lock)
{
	return run->memory_bytes <= pool->settings->cpu_memory_max_bytes - pool->memory_used;
}

/* Takes the first run off the list that can execute now, or is to end before it does; or NULL. */
static struct run *
take_locked(struct cpu_pool *pool) REQUIRES(pool->lock)
{
	bool one_waits = false;
	for (struct run **at = &pool->head; *at != NULL; at = &(*at)->next) {
		struct run *run = *at;
		if (run->memory_bytes > 0 && run_word(run) == RUN_GO_ON) {
			one_waits = one_waits || !fits_locked(pool, run);
			if (one_waits)
				continue;
			pool->memory_used += run->memory_bytes;
		} else {
			run->memory_bytes = 0;
		}
		*at = run->next;
		if (*at == NULL)
			pool->tail = at;
		run->next = NULL;
		return run;
	}
	return NULL;
}

static void
give_memory_back(struct cpu_pool *pool, uint64_t bytes)
{
	if (bytes == 0)
		return;
	lock_acquire(&pool->lock);
	pool->memory_used -= bytes;
	lock_release(&pool->lock);
	cond_broadcast(&pool->added);
}

static void *
executor_main(void *arg)
{
	struct cpu_pool *pool = arg;
	for (;;) {
		lock_acquire(&pool->lock);
		struct run *run = take_locked(pool);
		while (run == NULL && !(pool->closing && pool->head == NULL)) {
			cond_wait(&pool->added, &pool->lock);
			run = take_locked(pool);
		}
		lock_release(&pool->lock);
		if (run == NULL)
			return NULL;
		execute(pool, run);
		give_memory_back(pool, run->memory_bytes);
		pool->finished(pool->context, run);
	}
}

enum status
cpu_pool_open(unsigned threads, const struct kind_settings *settings,
    void (*finished)(void *context, struct run *run), void *context, struct cpu_pool **ret_pool,
    struct error *error)
{
	struct cpu_pool *pool = calloc(1, sizeof(*pool) + threads * sizeof(pool->thread[0]));
	if (pool == NULL)
		return error_set(error, STATUS_NOMEM, "no memory for %u executors", threads);
	pool->settings = settings;
	pool->finished = finished;
	pool->context = context;
	pool->tail = &pool->head;
	lock_init(&pool->lock, LOCK_RANK_ENGINE);
	cond_init(&pool->added);
	for (; pool->threads < threads; pool->threads++) {
		enum status status = thread_start(&pool->thread[pool->threads], "tq-cpu",
		    EXECUTOR_STACK_BYTES, executor_main, pool, error);
		if (status != STATUS_OK) {
			cpu_pool_close(pool);
			return status;
		}
	}
	*ret_pool = pool;
	return STATUS_OK;
}

struct run *
cpu_pool_add(struct cpu_pool *pool, struct run *runs)
{
	struct run *cancelled = NULL;
	struct run **end = &cancelled;
	size_t added = 0;
	for (struct run *run = runs; run != NULL; run = run->next)
		run->memory_bytes = memory_of(pool, run);
	lock_acquire(&pool->lock);
	for (struct run *run = runs, *next; run != NULL; run = next) {
		next = run->next;
		run->next = NULL;
		/* Whoever has set it may have looked in here before. */
		if (atomic_load_explicit(&run->is_cancelled, memory_order_acquire)) {
			*end = run;
			end = &run->next;
			continue;
		}
		*pool->tail = run;
		pool->tail = &run->next;
		added++;
	}
	lock_release(&pool->lock);
	if (added == 1)
		cond_signal(&pool->added);
	else if (added > 1)
		cond_broadcast(&pool->added);
	return cancelled;
}

struct run *
cpu_pool_take_cancelled(struct cpu_pool *pool)
{
	struct run *taken = NULL;
	struct run **end = &taken;
	lock_acquire(&pool->lock);
	struct run **at = &pool->head;
	while (*at != NULL) {
		struct run *run = *at;
		if (atomic_load_explicit(&run->is_cancelled, memory_order_acquire)) {
			*at = run->next;
			*end = run;
			end = &run->next;
		} else {
			at = &run->next;
		}
	}
	pool->tail = at;
	lock_release(&pool->lock);
	*end = NULL;
	/* Others may have waited behind one of these for their memory. */
	if (taken != NULL)
		cond_broadcast(&pool->added);
	return taken;
}

void
cpu_pool_close(struct cpu_pool *pool)
{
	if (pool == NULL)
		return;
	lock_acquire(&pool->lock);
	pool->closing = true;
	cond_broadcast(&pool->added);
	lock_release(&pool->lock);
	for (unsigned i = 0; i < pool->threads; i++)
		thread_join(pool->thread[i]);
	cond_done(&pool->added);
	lock_done(&pool->lock);
	free(pool);
}
