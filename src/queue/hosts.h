/* SPDX-License-Identifier: MIT */
/*
 * The hosts that the attempts of a lane ask, as far as something is known of them: how many
 * attempts each has with it, until when it wants to be left alone, whether tasks are deferred for
 * it (store/store_claim.h) and when some of them may be recalled. So tasks for one slow or angry
 * host take no places that others could have, and a host is not asked when it said not to.
 *
 * A host that answers fast may have any number of the lane's places: whoever waits there has its
 * turn soon. Where one has to be put aside (run_word_waiting) its host is *slow*: then it has as
 * many places as may ask it at once, and a few for those that are next, until it turns out to be
 * fast. After a pause it has one, and one more with each answer.
 *
 * What nobody waits for is remembered of a fixed number of hosts; forgetting one costs it a
 * request. A host with deferred tasks is not forgotten, so there are no more of those than tasks
 * may wait: a bound of their own would leave the tasks of others in front of the lane, in
 * everybody's way.
 * Every function is safe from any thread, does not block, and takes a leaf lock, unless it says
 * otherwise.
 */
#ifndef TASKQ_QUEUE_HOSTS_H
#define TASKQ_QUEUE_HOSTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "kinds/run.h"
#include "queue/queue_figures.h"
#include "store/store_claim.h"

enum {
	/* Hosts without an attempt that are kept in memory, those with deferred tasks apart. */
	HOSTS_KEPT_MAX = 4096,
	/* Hosts whose tasks are recalled with one claim. */
	HOSTS_RECALLS_MAX = 64,
};

struct hosts;
struct host;

struct hosts_conf {
	unsigned places;      /* attempts at one host at once */
	unsigned slots;       /* attempts in the lane at once */
	int64_t pause_max_ms; /* longest pause; 0: no host pauses */
};

enum status hosts_new(
    const struct hosts_conf *conf, struct hosts **ret_hosts, struct error *error) NODISCARD;

/* hosts_free - every host has been left and let go; NULL is fine */
void hosts_free(struct hosts *hosts);

/* hosts_name - what a host is called; as long as somebody refers to it */
const char *hosts_name(const struct run_host *host);

/**
 * hosts_enter - take a place at a host for a task that would start with its submission
 * Returns the host, for hosts_leave and hosts_let_go; NULL: the task has to wait.
 */
struct run_host *hosts_enter(struct hosts *hosts, const char *name, int64_t now_mono_ms);

/**
 * hosts_judge - what a claim is to do with a task that is next
 * @is_alone: it is one of those that run one at a time (store_claim.h)
 * @ret_host: set on ADMIT: as hosts_enter
 * @ret_name: set on DEFER: the host's name, which stays until hosts_end_recalls
 * PASS_OVER: there is no memory to know of it.
 */
enum store_gate_word hosts_judge(struct hosts *hosts, const char *name, bool is_alone,
    int64_t now_mono_ms, struct run_host **ret_host, const char **ret_name);

/* Why an attempt leaves. */
enum host_leave {
	HOST_LEAVE_UNJUDGED, /* its claim came to nothing */
	HOST_LEAVE_UNASKED,  /* it did not get as far */
	HOST_LEAVE_ASIDE,    /* it was put aside */
	HOST_LEAVE_ANSWERED  /* it was made, whatever came of it */
};

/**
 * hosts_leave - an attempt is over, and its place is free
 * hosts_let_go - and it refers to the host no more
 */
void hosts_leave(
    struct hosts *hosts, struct run_host *host, enum host_leave why, int64_t now_mono_ms);
void hosts_let_go(struct hosts *hosts, struct run_host *host);

/**
 * hosts_pause - leave a host alone for a time, which is cut to the longest pause there is
 * hosts_pause_named - the same for a host that no attempt is at
 */
void hosts_pause(struct hosts *hosts, struct run_host *host, int64_t pause_ms, int64_t now_mono_ms);
void hosts_pause_named(
    struct hosts *hosts, const char *name, int64_t pause_ms, int64_t now_mono_ms);

/**
 * hosts_note_deferred - a task that was put aside is deferred now, as of a commit that was made
 * hosts_found_deferred - the store has tasks that are deferred for a host; NOMEM
 */
void hosts_note_deferred(struct hosts *hosts, struct run_host *host, int64_t now_mono_ms);
enum status hosts_found_deferred(
    struct hosts *hosts, const char *name, int64_t now_mono_ms, struct error *error) NODISCARD;

/**
 * hosts_is_deferring - whether tasks are deferred for a host
 * hosts_any_deferring - whether they are for any
 * hosts_are_unsure - whether they may be for some that nobody knows of
 * hosts_set_unsure - say so; false before the store is asked for all of them
 */
bool hosts_is_deferring(struct hosts *hosts, const char *name);
bool hosts_any_deferring(struct hosts *hosts);
bool hosts_are_unsure(struct hosts *hosts);
void hosts_set_unsure(struct hosts *hosts, bool is_unsure);

/* What is to be recalled with a claim. The list is the store's; the rest is hosts'. */
struct hosts_recalls {
	struct store_recall list[HOSTS_RECALLS_MAX];
	struct host *of[HOSTS_RECALLS_MAX];
	uint64_t deferrals[HOSTS_RECALLS_MAX];
	size_t count;
	size_t tasks; /* in all, at most */
};

/**
 * hosts_begin_recalls - choose what may be recalled now, of the hosts that have waited for longest
 * @room: for so many tasks at most
 * hosts_end_look - all that was ready has been judged: nothing more comes of any recall
 * hosts_end_recalls - the claim has been made, or not; after hosts_end_look
 */
void hosts_begin_recalls(
    struct hosts *hosts, size_t room, int64_t now_mono_ms, struct hosts_recalls *ret_recalls);
void hosts_end_look(struct hosts *hosts, const struct hosts_recalls *recalls, int64_t now_mono_ms);
void hosts_end_recalls(
    struct hosts *hosts, const struct hosts_recalls *recalls, bool is_made, int64_t now_mono_ms);

/* hosts_due_mono_ms - when there is something to recall, as far as is known; INT64_MAX: never */
int64_t hosts_due_mono_ms(struct hosts *hosts);

/**
 * hosts_tick - count those paused no more whose pause is over; to be called every second or so
 */
void hosts_tick(struct hosts *hosts, int64_t now_mono_ms);

/**
 * hosts_stats - what there is to tell; takes no lock
 */
void hosts_stats(const struct hosts *hosts, struct hosts_stats *ret_stats);

#endif
