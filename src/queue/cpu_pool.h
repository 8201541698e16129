/* SPDX-License-Identifier: MIT */
/*
 * The engine of the CPU lane: a fixed set of threads, each executing one run at a time, oldest
 * first, and only as many at once as their memory allows. It has the same shape as the engines that
 * IO kinds bring (kinds/kind.h), so that a lane treats both alike; here the number of threads is a
 * parameter.
 */
#ifndef TASKQ_QUEUE_CPU_POOL_H
#define TASKQ_QUEUE_CPU_POOL_H

#include "base/status.h"
#include "kinds/kind.h"

struct cpu_pool;

/**
 * cpu_pool_open - start `threads` executor threads
 * @settings: for the kinds; its cpu_memory_max_bytes bounds what runs take at once
 * @finished: called once for every run that was added, from an executor thread
 */
enum status cpu_pool_open(unsigned threads, const struct kind_settings *settings,
    void (*finished)(void *context, struct run *run), void *context, struct cpu_pool **ret_pool,
    struct error *error) NODISCARD;

/**
 * cpu_pool_add - take runs over, a list by `next`, not empty; their kinds have a `run`; never
 * blocks long; any thread
 * Returns those whose is_cancelled is set: they stay the caller's, a list by `next`. What is
 * cancelled later, cpu_pool_take_cancelled finds.
 */
struct run *cpu_pool_add(struct cpu_pool *pool, struct run *runs) NODISCARD;

/**
 * cpu_pool_take_cancelled - take back those runs whose is_cancelled is set and that no executor has
 * taken up; the caller's from here on, a list by `next`
 */
struct run *cpu_pool_take_cancelled(struct cpu_pool *pool);

/**
 * cpu_pool_close - finish what was added, join the threads, free; NULL is fine
 * Runs that have not begun when their `stop` is set are given back as VERDICT_RELEASED.
 */
void cpu_pool_close(struct cpu_pool *pool);

#endif
