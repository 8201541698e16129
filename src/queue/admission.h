/* SPDX-License-Identifier: MIT */
/*
 * Admission: whether one more task may wait. Keeps the number of waiting tasks by lane, how fast
 * they are taken up, whether the disk is low, and whether the service is going down. No disk, no
 * blocking: counters are atomic, and a rate is written by one thread alone. Every function is safe
 * from any thread unless it says otherwise.
 *
 * Two bounds hold for each lane: a number of tasks, those that wait for their host included, and
 * how long the last of them would have to wait by the lane's pace (queue/drain.h), where that is
 * known. A tenth of that number is kept for tasks of hosts for which no others wait.
 */
#ifndef TASKQ_QUEUE_ADMISSION_H
#define TASKQ_QUEUE_ADMISSION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "queue/drain.h"
#include "queue/queue.h"
#include "task/task.h"

struct admission {
	int64_t waiting_max; /* by lane */
	int64_t wait_max_s;  /* by lane; 0: any */
	int64_t held_max;
	atomic_int_fast64_t waiting[LANE_COUNT];  /* tasks that wait for their lane */
	atomic_int_fast64_t deferred[LANE_COUNT]; /* ... for their host */
	atomic_int_fast64_t held;                 /* ... for a time */
	struct drain drain[LANE_COUNT];
	atomic_int_fast64_t refused[REFUSAL_COUNT]; /* submissions since start, by reason */
	int64_t refused_before; /* at the latest tick; the ticking thread's alone */
	atomic_bool disk_low;
	atomic_bool draining;
};

/* The places that a batch takes. */
struct admission_places {
	int64_t waiting[LANE_COUNT];
	bool is_behind[LANE_COUNT]; /* others wait for the host of one of them */
	int64_t held;
};

/**
 * admission_init - nothing waits
 * @waiting_max: by lane
 * @wait_max_s:  how long a task may have to wait in its lane; 0: any time
 */
void admission_init(
    struct admission *admission, int64_t waiting_max, int64_t held_max, int64_t wait_max_s);

/**
 * admission_enter - take a place for one task; give it back with admission_leave when it is not
 * stored
 * @is_behind: others wait for its host already
 * Returns REFUSAL_NONE when the place is taken; any other refusal has been counted.
 */
enum refusal admission_enter(struct admission *admission, enum lane lane, bool is_behind);

/**
 * admission_enter_held - as admission_enter for a task that waits for a time
 */
enum refusal admission_enter_held(struct admission *admission);

/**
 * admission_enter_batch - as admission_enter for several tasks: takes all their places or none
 * @ret_full_lane: set where it is a lane that has no room for its share
 */
enum refusal admission_enter_batch(
    struct admission *admission, const struct admission_places *places, enum lane *ret_full_lane);

/**
 * admission_can_ever_enter - whether there would be room for these places if nothing else waited
 * Returns OK; INVALID with a text that names the limit, as a fragment: "has ...".
 */
enum status admission_can_ever_enter(const struct admission *admission,
    const struct admission_places *places, struct error *error) NODISCARD;

/**
 * admission_pass - as admission_enter for a task that will not wait: it takes no place
 */
enum refusal admission_pass(struct admission *admission);

/**
 * admission_passed - `count` tasks were taken up without having waited
 */
void admission_passed(struct admission *admission, enum lane lane, int64_t count);

/**
 * admission_check - as admission_enter for any lane, without taking a place
 */
enum refusal admission_check(const struct admission *admission);

/**
 * What becomes of `count` tasks, whatever the bounds.
 * admission_leave    - they stopped waiting for their lane without having been taken up
 * admission_taken    - ...because executors took them up
 * admission_returned - they wait for it again (recovered at start, handed back, tried again)
 * admission_held     - they wait for a time
 * admission_unhold   - ...and not any more
 * admission_readied  - ...but for their lane
 * admission_deferred - they wait for their host: found at start
 * admission_put_aside - ...and had been taken up, in vain
 * admission_undefer  - ...and not any more
 * admission_sift     - of those that waited for their lane and for their host, so many changed over
 */
void admission_leave(struct admission *admission, enum lane lane, int64_t count);
void admission_taken(struct admission *admission, enum lane lane, int64_t count);
void admission_returned(struct admission *admission, enum lane lane, int64_t count);
void admission_held(struct admission *admission, int64_t count);
void admission_unhold(struct admission *admission, int64_t count);
void admission_readied(struct admission *admission, enum lane lane, int64_t count);
void admission_deferred(struct admission *admission, enum lane lane, int64_t count);
void admission_put_aside(struct admission *admission, enum lane lane, int64_t count);
void admission_undefer(struct admission *admission, enum lane lane, int64_t count);
void admission_sift(
    struct admission *admission, enum lane lane, int64_t recalled, int64_t deferred);

/**
 * admission_note_disk_full - something found no space: refuse until the next look at the disk
 * Logs when that is news.
 */
void admission_note_disk_full(struct admission *admission);

/**
 * admission_note_refusal - count a submission that was refused after it had been admitted
 */
void admission_note_refusal(struct admission *admission, enum refusal refusal);

/**
 * admission_stats - what admission knows of queue_stats: all but tasks, slots and store
 */
void admission_stats(const struct admission *admission, struct queue_stats *ret_stats);

/**
 * admission_tick - fold what was taken up since the last tick into the rates; one thread alone
 * Returns how many submissions were refused since the last tick.
 */
int64_t admission_tick(struct admission *admission, int64_t elapsed_ms);

/**
 * admission_retry_after_s - when to try again, 1 to 300 s. For a queue that is full, or too long
 * for its pace: when a tenth of what may wait will have drained, so that clients find room
 * together; 1 s while that is not known; a minute where none goes, and at least where hosts have to
 * @places: that are asked for; where they are more than a tenth, the time until they are free
 */
unsigned admission_retry_after_s(
    const struct admission *admission, enum lane lane, int64_t places, enum refusal refusal);

#endif
