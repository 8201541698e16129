/* SPDX-License-Identifier: MIT */
/*
 * Tasks that are deferred for a host: which are, when some may be recalled, and what a claim does
 * with a task that is next; see hosts.h.
 */
#include "queue/hosts_parts.h"

/* What was recalled and is not claimed within this time may have been cancelled. */
enum {
	RECALL_EXPECTED_MS = 1000
};

#define HOST_OF(member, due) ((struct host *)(void *)((char *)(due)-offsetof(struct host, member)))

/* When tasks of a host that has deferred ones are to be recalled next. */
static int64_t
recall_at(const struct hosts *hosts, const struct host *host, int64_t now_ms)
{
	if (host_is_paused(host, now_ms))
		return host->pause.at;
	/* It keeps its turn. */
	if (host_room(hosts, host, now_ms) > 0)
		return host_is_deferring(host) && host->recall.at < now_ms ? host->recall.at
									   : now_ms;
	return host_recalled(hosts, host) > 0 ? host->recalled_ms + RECALL_EXPECTED_MS : INT64_MAX;
}

void
hosts_update_locked(struct hosts *hosts, struct host *host, int64_t now_ms)
{
	if (host_is_deferring(host))
		(void)due_heap_put(
		    &hosts->deferring, &host->recall, recall_at(hosts, host, now_ms));
}

/* Has tasks deferred for a host from now on. False where memory is gone. */
static bool
begin_deferring_locked(struct hosts *hosts, struct host *host, int64_t now_ms) REQUIRES(hosts->lock)
{
	if (!due_heap_put(&hosts->deferring, &host->recall, recall_at(hosts, host, now_ms)))
		return false;
	hosts_keep_locked(hosts, host);
	return true;
}

/*
 * Whether a task that is next may go to its host. Where others are deferred for it, only as many as
 * have been recalled: these come first, so that nobody overtakes those that wait. One that runs
 * alone stands apart: it is looked for in claims of its own, when others have judged what was
 * recalled with it.
 */
static bool
may_go(const struct hosts *hosts, const struct host *host, bool is_alone, int64_t now_ms)
{
	if (host_is_paused(host, now_ms) || host_taken(host) >= host_limit(hosts, host, now_ms))
		return false;
	return is_alone || !host_is_deferring(host) || host_recalled(hosts, host) > 0;
}

enum store_gate_word
hosts_judge(struct hosts *hosts, const char *name, bool is_alone, int64_t now_mono_ms,
    struct run_host **ret_host, const char **ret_name)
{
	enum store_gate_word word = STORE_GATE_PASS_OVER;
	lock_acquire(&hosts->lock);
	struct host *host = hosts_have_locked(hosts, name);
	if (host == NULL)
		goto out;
	if (may_go(hosts, host, is_alone, now_mono_ms)) {
		word = STORE_GATE_ADMIT;
		*ret_host = hosts_enter_locked(hosts, host, now_mono_ms);
	} else if (host_is_deferring(host) || begin_deferring_locked(hosts, host, now_mono_ms)) {
		word = STORE_GATE_DEFER;
		*ret_name = host->name;
		host->deferrals++;
		hosts->deferrals++;
	}
	/* It may be one of those. */
	unsigned recalled = host_recalled(hosts, host);
	if (recalled > 0)
		host_set_recalled(hosts, host, recalled - 1);
	hosts_keep_locked(hosts, host);
	hosts_update_locked(hosts, host, now_mono_ms);
out:
	hosts_unlock(hosts);
	return word;
}

void
hosts_note_deferred(struct hosts *hosts, struct run_host *run_host, int64_t now_mono_ms)
{
	struct host *host = (struct host *)run_host;
	lock_acquire(&hosts->lock);
	host->deferrals++;
	hosts->deferrals++;
	/* Without memory for it the store finds it again (lane_claimer.c). */
	if (!host_is_deferring(host) && !begin_deferring_locked(hosts, host, now_mono_ms))
		hosts->is_unsure = true;
	hosts_unlock(hosts);
}

enum status
hosts_found_deferred(
    struct hosts *hosts, const char *name, int64_t now_mono_ms, struct error *error)
{
	lock_acquire(&hosts->lock);
	struct host *host = hosts_have_locked(hosts, name);
	bool is_done = host != NULL;
	if (is_done && !host_is_deferring(host)) {
		host->deferrals++;
		is_done = begin_deferring_locked(hosts, host, now_mono_ms);
	}
	if (host != NULL)
		hosts_keep_locked(hosts, host);
	hosts_unlock(hosts);
	return is_done ? STATUS_OK : error_set(error, STATUS_NOMEM, "no memory for a host");
}

bool
hosts_is_deferring(struct hosts *hosts, const char *name)
{
	lock_acquire(&hosts->lock);
	const struct host *host = hosts_find_locked(hosts, name);
	bool is = host != NULL && host_is_deferring(host);
	lock_release(&hosts->lock);
	return is;
}

bool
hosts_any_deferring(struct hosts *hosts)
{
	lock_acquire(&hosts->lock);
	bool any = hosts->deferring.count > 0;
	lock_release(&hosts->lock);
	return any;
}

bool
hosts_are_unsure(struct hosts *hosts)
{
	lock_acquire(&hosts->lock);
	bool are = hosts->is_unsure;
	lock_release(&hosts->lock);
	return are;
}

void
hosts_set_unsure(struct hosts *hosts, bool is_unsure)
{
	lock_acquire(&hosts->lock);
	hosts->is_unsure = is_unsure;
	lock_release(&hosts->lock);
}

/* Chooses tasks of the host that is due first; false where none is, or there is no room. */
static bool
choose_locked(struct hosts *hosts, size_t room, int64_t now_ms, struct hosts_recalls *recalls)
    REQUIRES(hosts->lock)
{
	struct due *due = due_heap_first(&hosts->deferring);
	if (due == NULL || due->at > now_ms || recalls->tasks >= room ||
	    recalls->count == HOSTS_RECALLS_MAX)
		return false;
	struct host *host = HOST_OF(recall, due);
	if (now_ms - host->recalled_ms >= RECALL_EXPECTED_MS)
		host_set_recalled(hosts, host, 0);
	size_t left = room - recalls->tasks;
	size_t most = host_room(hosts, host, now_ms);
	if (most > left)
		most = left;
	if (most > 0) {
		size_t i = recalls->count++;
		recalls->list[i] = (struct store_recall){ .host = host->name, .max = most };
		recalls->of[i] = host;
		recalls->deferrals[i] = host->deferrals;
		recalls->tasks += most;
		host_set_recalled(hosts, host, host_recalled(hosts, host) + (unsigned)most);
		host->recalled_ms = now_ms;
	}
	/* If it is due all the same, then behind the others. */
	due->at = now_ms;
	hosts_update_locked(hosts, host, now_ms);
	return true;
}

void
hosts_begin_recalls(
    struct hosts *hosts, size_t room, int64_t now_mono_ms, struct hosts_recalls *ret_recalls)
{
	ret_recalls->count = 0;
	ret_recalls->tasks = 0;
	lock_acquire(&hosts->lock);
	while (choose_locked(hosts, room, now_mono_ms, ret_recalls))
		;
	hosts_unlock(hosts);
}

void
hosts_end_recalls(
    struct hosts *hosts, const struct hosts_recalls *recalls, bool is_made, int64_t now_mono_ms)
{
	lock_acquire(&hosts->lock);
	for (size_t i = 0; i < recalls->count; i++) {
		struct host *host = recalls->of[i];
		const struct store_recall *recall = &recalls->list[i];
		unsigned missing = (unsigned)(recall->max - (is_made ? recall->ret_count : 0));
		unsigned recalled = host_recalled(hosts, host);
		host_set_recalled(hosts, host, recalled > missing ? recalled - missing : 0);
		/* Unless one was deferred meanwhile, there is none left. */
		if (is_made && missing > 0 && host->deferrals == recalls->deferrals[i]) {
			due_heap_take(&hosts->deferring, &host->recall);
			host_set_recalled(hosts, host, 0);
		}
		hosts_keep_locked(hosts, host);
		hosts_update_locked(hosts, host, now_mono_ms);
	}
	hosts_unlock(hosts);
}

void
hosts_end_look(struct hosts *hosts, const struct hosts_recalls *recalls, int64_t now_mono_ms)
{
	lock_acquire(&hosts->lock);
	hosts->looks++;
	for (size_t i = 0; i < recalls->count; i++)
		hosts_update_locked(hosts, recalls->of[i], now_mono_ms);
	lock_release(&hosts->lock);
}

int64_t
hosts_due_mono_ms(struct hosts *hosts)
{
	lock_acquire(&hosts->lock);
	const struct due *due = due_heap_first(&hosts->deferring);
	int64_t at = due != NULL ? due->at : INT64_MAX;
	lock_release(&hosts->lock);
	return at;
}
