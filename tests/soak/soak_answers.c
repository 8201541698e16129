/* SPDX-License-Identifier: MIT */
/* See soak_state.h: what a task asks for next, and what an answer means. */
#include "soak_state.h"

#include <stdio.h>
#include <string.h>

enum {
	READ_AGAIN_ONE_IN = 16,
};

static void
record(struct soak *soak, enum event event, const struct task *task, enum word word, int status)
{
	if (!ledger_write(&soak->ledger, event, word, task->item, status, task->id))
		soak->ended = true;
}

static bool
is_final(enum word word)
{
	return word == WORD_SUCCEEDED || word == WORD_FAILED || word == WORD_REJECTED;
}

static void
on_submitted(struct soak *soak, struct task *task, const struct answer *answer, int64_t took_us)
{
	if (answer->status == 202 && id_of_answer(answer->body, task->id)) {
		soak->counts.acknowledged++;
		if (soak->latency_count < LATENCIES)
			soak->latencies[soak->latency_count++] = (uint32_t)took_us;
		record(soak, EVENT_ACKNOWLEDGED, task, WORD_NONE, 202);
		task_goes_on(soak, task, PHASE_STATUS);
		return;
	}
	if (answer->status == 503) {
		soak->counts.refused++;
		record(soak, EVENT_REFUSED, task, WORD_NONE, 503);
	} else {
		soak->counts.unexpected++;
		record(soak, EVENT_UNEXPECTED, task, WORD_NONE, answer->status);
	}
	task_free(soak, task);
}

static void
on_final(struct soak *soak, struct task *task, enum word word)
{
	task->word = word;
	if (word == WORD_SUCCEEDED)
		soak->counts.succeeded++;
	else if (word == WORD_FAILED)
		soak->counts.failed++;
	else
		soak->counts.rejected++;
	record(soak, EVENT_FINAL, task, word, 200);
	task_goes_on(soak, task, PHASE_RESULT);
}

static void
on_status(struct soak *soak, struct task *task, const struct answer *answer, int64_t now)
{
	enum word word = answer->status == 200 ? word_of_answer(answer->body) : WORD_NONE;

	if (answer->status == 503) { /* the store was busy: nothing is said about the task */
		task_waits(soak, task, now);
		return;
	}
	if (answer->status == 404) {
		soak->counts.lost++;
		record(soak, EVENT_LOST, task, WORD_NONE, 404);
	} else if (word == WORD_NONE) {
		soak->counts.unexpected++;
		record(soak, EVENT_UNEXPECTED, task, WORD_NONE, answer->status);
	} else if (task->phase == PHASE_AGAIN_STATUS) {
		if (word == task->word) {
			task_goes_on(soak, task, PHASE_AGAIN_RESULT);
			return;
		}
		soak->counts.changed++;
		record(soak, EVENT_CHANGED, task, word, 200);
	} else if (is_final(word)) {
		on_final(soak, task, word);
		return;
	} else {
		soak->counts.polls++;
		task_waits(soak, task, now);
		return;
	}
	task_free(soak, task);
}

/* Keeps an even sample of all that have finished, by Vitter's algorithm R. */
static void
keep_for_later(struct soak *soak, const struct task *task)
{
	size_t place = soak->again_count;

	soak->again_seen++;
	if (soak->again_count < READ_AGAIN_MAX)
		soak->again_count++;
	else
		place = (size_t)(throw_dice(soak) % soak->again_seen);
	if (place < READ_AGAIN_MAX)
		soak->again[place] = *task;
}

static bool
is_read_raw(const struct soak *soak, const struct task *task)
{
	return task->word == WORD_SUCCEEDED && soak->catalogue.items[task->item].raw;
}

static void
on_result(struct soak *soak, struct task *task, const struct answer *answer, int64_t now)
{
	const struct item *item = &soak->catalogue.items[task->item];
	bool again = task->phase == PHASE_AGAIN_RESULT;
	bool good = answer->status == 200;

	if (answer->status == 503) {
		task_waits(soak, task, now);
		return;
	}
	if (good && is_read_raw(soak, task))
		good = item_matches_raw(item, answer->body, answer->body_size);
	else if (good)
		good = word_of_answer(answer->body) == task->word &&
		       (task->word != WORD_SUCCEEDED || item_matches_json(item, answer->body));
	if (answer->status == 404) {
		soak->counts.lost++;
		record(soak, EVENT_LOST, task, task->word, 404);
	} else if (!good) {
		soak->counts.wrong++;
		record(soak, EVENT_WRONG, task, task->word, answer->status);
	} else if (again) {
		soak->counts.again++;
	} else {
		soak->counts.results++;
		keep_for_later(soak, task);
	}
	task_free(soak, task);
	if (!again && throw_dice(soak) % READ_AGAIN_ONE_IN == 0 && soak->again_count > 0) {
		size_t place = (size_t)(throw_dice(soak) % soak->again_count);
		struct task *more = task_new(soak, PHASE_AGAIN_STATUS);

		if (more != NULL) {
			more->word = soak->again[place].word;
			more->item = soak->again[place].item;
			memcpy(more->id, soak->again[place].id, sizeof(more->id));
		}
	}
}

void
on_answer(
    struct soak *soak, struct task *task, const struct answer *answer, int64_t now, int64_t took_us)
{
	switch (task->phase) {
	case PHASE_SUBMIT:
		on_submitted(soak, task, answer, took_us);
		return;
	case PHASE_STATUS:
	case PHASE_AGAIN_STATUS:
		on_status(soak, task, answer, now);
		return;
	case PHASE_RESULT:
	case PHASE_AGAIN_RESULT:
		on_result(soak, task, answer, now);
		return;
	case PHASE_FREE:
		return;
	}
}

void
on_broken(struct soak *soak, struct task *task, int64_t now)
{
	soak->counts.broken++;
	if (task->phase != PHASE_SUBMIT) {
		task_waits(soak, task, now);
		return;
	}
	soak->counts.unknown++;
	record(soak, EVENT_UNKNOWN, task, WORD_NONE, 0);
	task_free(soak, task);
}

size_t
request_write(const struct soak *soak, const struct task *task, char request[REQUEST_MAX])
{
	const struct item *item = &soak->catalogue.items[task->item];
	const char *before = "", *after = "";
	int size;

	if (task->phase == PHASE_SUBMIT) {
		size = snprintf(request, REQUEST_MAX,
		    "POST /tasks/submissions HTTP/1.1\r\nHost: localhost\r\n"
		    "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
		    item->body_size, item->body);
		return size < REQUEST_MAX ? (size_t)size : 0;
	}
	if (task->phase == PHASE_STATUS || task->phase == PHASE_AGAIN_STATUS)
		before = "submissions/";
	else if (is_read_raw(soak, task))
		after = "/result";
	size = snprintf(request, REQUEST_MAX,
	    "GET /tasks/%s%s%s HTTP/1.1\r\nHost: localhost\r\n\r\n", before, task->id, after);
	return (size_t)size;
}
