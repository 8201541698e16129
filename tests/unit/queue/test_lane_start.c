/* SPDX-License-Identifier: MIT */
/*
 * Tasks that start with their submission: when they do and when they wait instead, what a
 * submission that was not stored gives back, and that no lane stops under one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/block_size.h"
#include "base/clock.h"
#include "kinds/kind_settings.h"
#include "queue/lane.h"
#include "queue_scene.h"

/* The next allocation of this size fails; 0: none does. */
static atomic_size_t refused_size;

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

void *
__wrap_malloc(size_t size)
{
	size_t refused = size;

	if (size != 0 && atomic_compare_exchange_strong(&refused_size, &refused, 0))
		return NULL;
	return __real_malloc(size);
}

/* No memory for the copy of its arguments is no reason to refuse a task: it waits to be claimed. */
static void
test_a_task_waits_where_there_is_no_memory_to_start_it(void **state)
{
	struct scene *scene = *state;
	static const char args[] =
	    "{\"quick\":1,\"padding\":\"a size that nobody else asks for meanwhile\"}";
	const struct queue_task task = { &work_kind, args, sizeof(args) - 1, NULL, 0, NULL };
	unsigned retry_after_s;
	enum refusal refusal;
	struct task_status status;
	char id[UUID_TEXT_SIZE];
	fake_store_close_gate(scene->fake, FAKE_CLAIM);
	scene_open_queue(scene, scene_usual);
	atomic_store(&refused_size, block_size(sizeof(args)));
	assert_int_equal(
	    queue_submit(scene->queue, &task, NULL, id, &refusal, &retry_after_s, NULL), STATUS_OK);
	assert_int_equal(atomic_load(&refused_size), 0);
	assert_int_equal(queue_read_status(scene->queue, id, &status, NULL), STATUS_OK);
	assert_int_equal(status.state, TASK_QUEUED);
	fake_store_open_gate(scene->fake, FAKE_CLAIM);
	assert_int_equal(scene_await_final(scene, id).state, TASK_SUCCEEDED);
}

/* What was claimed and cannot run goes back, also where the store does not take it at once. */
static void
test_a_claimed_task_without_memory_for_its_run_is_claimed_again(void **state)
{
	struct scene *scene = *state;
	char id[UUID_TEXT_SIZE];
	scene_put_waiter(scene, "{\"quick\":1}", id);
	fake_store_fail(scene->fake, FAKE_RELEASE, STATUS_BUSY, 2);
	atomic_store(&refused_size, sizeof(struct run));
	scene_open_queue(scene, scene_usual);
	struct task_status status = scene_await_final(scene, id);
	assert_int_equal(atomic_load(&refused_size), 0);
	assert_int_equal(fake_store_calls(scene->fake, FAKE_RELEASE), 3);
	assert_int_equal(status.state, TASK_SUCCEEDED);
	assert_int_equal(status.attempt, 1);
}

static void
test_a_task_starts_with_its_submission_where_nobody_waits(void **state)
{
	struct scene *scene = *state;
	char id[UUID_TEXT_SIZE];
	scene_set_gate(true);
	fake_store_close_gate(scene->fake, FAKE_CLAIM);
	scene_open_queue(scene, scene_usual);
	scene_submit_ok(scene, &work_kind, id);
	struct task_status status = scene_await_final(scene, id);
	assert_int_equal(status.state, TASK_SUCCEEDED);
	assert_int_equal(status.attempt, 1);
	assert_int_equal(status.started_at_ms, status.created_at_ms);
	fake_store_open_gate(scene->fake, FAKE_CLAIM);
}

static void
test_its_run_carries_what_a_claim_would_have_given_it(void **state)
{
	struct scene *scene = *state;
	struct queue_conf conf = scene_usual;
	char ids[2][UUID_TEXT_SIZE];
	struct task_status status;
	conf.default_terms.max_attempts = 7;
	conf.io_slots = 3; /* a look at the store keeps one, and one may not be written yet */
	fake_store_close_gate(scene->fake, FAKE_CLAIM);
	scene_open_queue(scene, conf);
	for (int i = 0; i < 2; i++) {
		scene_submit_ok(scene, &carry_kind, ids[i]);
		scene_await(&scene_shared.carried, 1);
		struct run *run = scene_carry_take();
		assert_int_equal(queue_read_status(scene->queue, ids[i], &status, NULL), STATUS_OK);
		assert_int_equal(status.state, TASK_RUNNING);
		assert_int_equal(run->task.seq, i + 1);
		assert_string_equal(run->task.id, ids[i]);
		assert_string_equal(run->task.type, "carry");
		assert_int_equal(run->task.lane, LANE_IO);
		assert_string_equal(run->task.args, "{}");
		assert_int_equal(run->task.args_size, 2);
		assert_int_equal(run->task.lease, 1);
		assert_int_equal(run->task.attempt, 1);
		assert_int_equal(run->task.terms.max_attempts, 7);
		assert_int_equal(run->task.created_at_ms, status.created_at_ms);
		assert_int_equal(run->task.started_at_ms, status.started_at_ms);
		outcome_succeed(&run->outcome, "");
		scene_carry_end(run);
		assert_int_equal(scene_await_final(scene, ids[i]).state, TASK_SUCCEEDED);
	}
	fake_store_open_gate(scene->fake, FAKE_CLAIM);
}

static void
assert_same_terms(const struct task_terms *terms, const struct task_terms *expected)
{
	assert_int_equal(terms->priority, expected->priority);
	assert_int_equal(terms->run_at_ms, expected->run_at_ms);
	assert_int_equal(terms->expires_at_ms, expected->expires_at_ms);
	assert_int_equal(terms->timeout_ms, expected->timeout_ms);
	assert_int_equal(terms->max_attempts, expected->max_attempts);
	assert_int_equal(terms->backoff_ms, expected->backoff_ms);
	assert_int_equal(terms->max_backoff_ms, expected->max_backoff_ms);
}

static void
test_its_run_has_the_terms_of_its_submission_or_the_defaults(void **state)
{
	static const struct task_terms own = {
		.priority = 2,
		.timeout_ms = 60000,
		.max_attempts = 9,
		.backoff_ms = 70,
		.max_backoff_ms = 80,
	};
	static const struct task_terms usual = {
		.priority = TASK_PRIORITY_DEFAULT,
		.max_attempts = 7,
		.backoff_ms = 50,
		.max_backoff_ms = 60,
	};
	struct scene *scene = *state;
	struct queue_conf conf = scene_usual;
	conf.default_terms = usual;
	conf.io_slots = 3;
	fake_store_close_gate(scene->fake, FAKE_CLAIM);
	scene_open_queue(scene, conf);
	assert_same_terms(queue_default_terms(scene->queue), &usual);
	for (int i = 0; i < 2; i++) {
		const struct queue_task task = { &carry_kind, "{}", 2, i == 0 ? &own : NULL, 0,
			NULL };
		char id[UUID_TEXT_SIZE];
		enum refusal refusal;
		unsigned retry_after_s;
		assert_int_equal(
		    queue_submit(scene->queue, &task, NULL, id, &refusal, &retry_after_s, NULL),
		    STATUS_OK);
		scene_await(&scene_shared.carried, 1);
		struct run *run = scene_carry_take();
		assert_same_terms(&run->task.terms, i == 0 ? &own : &usual);
		outcome_succeed(&run->outcome, "");
		scene_carry_end(run);
		assert_int_equal(scene_await_final(scene, id).state, TASK_SUCCEEDED);
	}
	fake_store_open_gate(scene->fake, FAKE_CLAIM);
}

static void
test_a_task_does_not_overtake_one_that_waits(void **state)
{
	struct scene *scene = *state;
	char waiter[UUID_TEXT_SIZE];
	char id[UUID_TEXT_SIZE];
	struct task_status status;
	scene_set_gate(true);
	scene_put_waiter(scene, "{}", waiter);
	fake_store_close_gate(scene->fake, FAKE_CLAIM);
	scene_open_queue(scene, scene_usual);
	scene_submit_ok(scene, &work_kind, id);
	assert_int_equal(queue_read_status(scene->queue, id, &status, NULL), STATUS_OK);
	assert_int_equal(status.state, TASK_QUEUED);
	fake_store_open_gate(scene->fake, FAKE_CLAIM);
	assert_int_equal(scene_await_final(scene, waiter).state, TASK_SUCCEEDED);
	assert_int_equal(scene_await_final(scene, id).state, TASK_SUCCEEDED);
}

/* Ends so many runs of "carry", of which two are in the engine while there are as many. */
static void
end_carried(int count)
{
	for (int left = count; left > 0; left--) {
		scene_await(&scene_shared.carried, left < 2 ? left : 2);
		struct run *run = scene_carry_take();
		outcome_succeed(&run->outcome, "");
		scene_carry_end(run);
	}
}

static void
test_a_task_waits_where_its_lane_has_no_room(void **state)
{
	struct scene *scene = *state;
	char ids[3][UUID_TEXT_SIZE];
	struct task_status status;
	scene_open_queue(scene, scene_usual); /* two places */
	for (int i = 0; i < 2; i++)
		scene_submit_ok(scene, &carry_kind, ids[i]);
	scene_await(&scene_shared.carried, 2);
	scene_submit_ok(scene, &carry_kind, ids[2]);
	assert_int_equal(queue_read_status(scene->queue, ids[2], &status, NULL), STATUS_OK);
	assert_int_equal(status.state, TASK_QUEUED);
	end_carried(3);
	assert_int_equal(scene_await_final(scene, ids[2]).state, TASK_SUCCEEDED);
	assert_int_equal(scene_shared.carried_most, 2);
}

static void
test_a_look_at_the_store_keeps_its_place_from_starts(void **state)
{
	struct scene *scene = *state;
	char ids[4][UUID_TEXT_SIZE];
	struct task_status status;
	fake_store_close_gate(scene->fake, FAKE_CLAIM);
	scene_open_queue(scene, scene_usual); /* two places */
	fake_store_await_gate(scene->fake, FAKE_CLAIM, LANE_COUNT);
	/* The claimer has seen that there is room. What is submitted now, it may find. */
	for (int i = 0; i < 4; i++) {
		scene_submit_ok(scene, &carry_kind, ids[i]);
		assert_int_equal(queue_read_status(scene->queue, ids[i], &status, NULL), STATUS_OK);
		assert_int_equal(status.state, i == 0 ? TASK_RUNNING : TASK_QUEUED);
	}
	fake_store_open_gate(scene->fake, FAKE_CLAIM);
	end_carried(4);
	for (int i = 0; i < 4; i++)
		assert_int_equal(scene_await_final(scene, ids[i]).state, TASK_SUCCEEDED);
	assert_int_equal(scene_shared.carried_most, 2);
}

static void
test_a_start_that_was_not_stored_gives_its_place_back(void **state)
{
	struct scene *scene = *state;
	struct queue_conf conf = scene_usual;
	char ids[2][UUID_TEXT_SIZE];
	enum refusal refusal;
	conf.io_slots = 3;                              /* a look at the store keeps one */
	fake_store_close_gate(scene->fake, FAKE_CLAIM); /* only a start can bring it to an engine */
	scene_open_queue(scene, conf);
	for (int i = 0; i < 5; i++) {
		fake_store_fail(scene->fake, FAKE_SUBMIT, STATUS_IO, 1);
		assert_int_equal(scene_submit(scene, &carry_kind, ids[0], &refusal), STATUS_IO);
	}
	scene_submit_ok(scene, &carry_kind, ids[0]);
	scene_submit_ok(scene, &carry_kind, ids[1]);
	scene_await(&scene_shared.carried, 2);
	fake_store_open_gate(scene->fake, FAKE_CLAIM);
}

static void
test_a_start_that_is_refused_gives_its_place_back(void **state)
{
	struct scene *scene = *state;
	char id[UUID_TEXT_SIZE];
	enum refusal refusal;
	scene_open_queue(scene, scene_usual);
	queue_refuse(scene->queue);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(scene_submit(scene, &carry_kind, id, &refusal), STATUS_BUSY);
		assert_int_equal(refusal, REFUSAL_DRAINING);
	}
	/* It would wait for them until the deadline. */
	queue_drain(scene->queue, clock_mono_ms() + 100 * 1000);
}

/* A lane by itself, with one place. */
struct bare_lane {
	struct admission admission;
	struct final_cache *recent;
	struct waiters *waiters;
	struct progress_board *progress;
	struct lane_pool *lane;
	struct kind_figures figures;
};

static void
bare_lane_open_as(struct scene *scene, enum lane lane, unsigned places, struct bare_lane *bare)
{
	static const struct kind_settings settings;
	admission_init(&bare->admission, 1000, 1000, 0);
	assert_int_equal(final_cache_new(0, &bare->recent, NULL), STATUS_OK);
	assert_int_equal(waiters_new(&bare->waiters, NULL), STATUS_OK);
	assert_int_equal(progress_board_new(bare->waiters, &bare->progress, NULL), STATUS_OK);
	const struct lane_conf conf = {
		.lane = lane,
		.slots = places,
		.executors = places,
		.kinds = &settings,
		.store = scene->store,
		.admission = &bare->admission,
		.recent = bare->recent,
		.waiters = bare->waiters,
		.progress = bare->progress,
		.figures = &bare->figures,
	};
	kind_figures_init(&bare->figures);
	assert_int_equal(lane_open(&conf, &bare->lane, NULL), STATUS_OK);
}

static void
bare_lane_open(struct scene *scene, struct bare_lane *bare)
{
	bare_lane_open_as(scene, LANE_IO, 1, bare);
}

static void
bare_lane_close(struct bare_lane *bare)
{
	lane_close(bare->lane);
	final_cache_free(bare->recent);
	progress_board_free(bare->progress);
	waiters_free(bare->waiters);
}

static struct task_new
new_carry(void)
{
	struct task_new task = { .type = "carry",
		.lane = LANE_IO,
		.args = "{}",
		.args_size = 2,
		.terms.max_attempts = 3,
		.created_at_ms = 1 };
	assert_int_equal(uuid_v7(1, task.id, NULL), STATUS_OK);
	return task;
}

/* Once the claimer does not look at the store, and what has ended is written. */
static struct task_start *
bare_lane_reserve(struct bare_lane *bare, const struct task_new *task)
{
	struct task_start *start;
	while ((start = lane_reserve(bare->lane, task)) == NULL)
		scene_nap();
	return start;
}

static void
test_there_are_as_many_reservations_as_places_and_none_in_a_held_lane(void **state)
{
	struct bare_lane bare;
	struct task_new task = new_carry();
	bare_lane_open(*state, &bare);
	for (int i = 0; i < 3; i++) {
		struct task_start *start = bare_lane_reserve(&bare, &task);
		assert_null(lane_reserve(bare.lane, &task));
		assert_false(lane_wait_empty(bare.lane, 0));
		lane_unreserve(bare.lane, start);
		assert_true(lane_wait_empty(bare.lane, clock_mono_ms() + 100 * 1000));
	}
	lane_hold(bare.lane);
	assert_null(lane_reserve(bare.lane, &task));
	bare_lane_close(&bare);
}

static void
test_a_cancel_finds_a_task_that_is_about_to_start(void **state)
{
	struct bare_lane bare;
	struct task_new task = new_carry(), other = new_carry();
	bare_lane_open(*state, &bare);
	struct task_start *start = bare_lane_reserve(&bare, &task);
	/* As it comes about between the commit and what follows it. */
	lane_cancel(bare.lane, other.id);
	lane_cancel(bare.lane, task.id);
	start->seq = 1;
	start->next = NULL;
	lane_started(bare.lane, start, 1);
	scene_await(&scene_shared.carried, 1);
	struct run *run = scene_carry_take();
	assert_int_equal(run_word(run), RUN_CANCELLED);
	run_end_early(run, RUN_CANCELLED);
	scene_carry_end(run);
	/* What was remembered is forgotten with it: the next one is another matter. */
	assert_true(lane_wait_empty(bare.lane, clock_mono_ms() + 100 * 1000));
	start = bare_lane_reserve(&bare, &other);
	start->seq = 2;
	start->next = NULL;
	lane_started(bare.lane, start, 1);
	scene_await(&scene_shared.carried, 1);
	run = scene_carry_take();
	assert_int_equal(run_word(run), RUN_GO_ON);
	lane_cancel(bare.lane, other.id);
	assert_int_equal(run_word(run), RUN_CANCELLED);
	run_end_early(run, RUN_CANCELLED);
	scene_carry_end(run);
	bare_lane_close(&bare);
}

static void
hand_start(struct bare_lane *bare, struct task_start *start, int64_t seq)
{
	*start = (struct task_start){ .seq = seq };
	lane_started(bare->lane, start, 1);
}

/* The end of the attempt before has been written, and its run is not gone yet. */
static void
test_a_cancel_finds_the_next_attempt_beside_the_one_before(void **state)
{
	struct bare_lane bare;
	struct task_new task = new_carry();
	struct run *runs[3];
	bare_lane_open_as(*state, LANE_IO, 4, &bare);
	hand_start(&bare, bare_lane_reserve(&bare, &task), 1);
	hand_start(&bare, bare_lane_reserve(&bare, &task), 1);
	struct task_start *start = bare_lane_reserve(&bare, &task);
	lane_cancel(bare.lane, task.id);
	hand_start(&bare, start, 1);
	scene_await(&scene_shared.carried, 3);
	for (int i = 0; i < 3; i++)
		runs[i] = scene_carry_take();
	for (int i = 0; i < 3; i++) {
		assert_int_equal(run_word(runs[i]), RUN_CANCELLED);
		run_end_early(runs[i], RUN_CANCELLED);
		scene_carry_end(runs[i]);
	}
	bare_lane_close(&bare);
}

static void
keep_start(void *context, enum lane lane, struct task_start *starts, size_t count)
{
	struct task_start **kept = context;
	assert_int_equal(lane, LANE_CPU);
	assert_int_equal(count, 1);
	*kept = starts;
}

/* Stores a task that starts in a lane, which is not told yet. */
static struct task_start *
store_started(struct scene *scene, struct bare_lane *bare, const char *args, char *ret_id)
{
	struct task_new task = new_carry();
	struct task_start *kept = NULL;
	task.type = "work";
	task.lane = LANE_CPU;
	task.args = args;
	task.args_size = strlen(args);
	memcpy(ret_id, task.id, sizeof(task.id));
	store_on_start(scene->store, keep_start, &kept);
	assert_int_equal(
	    store_submit(scene->store, &task, 1, bare_lane_reserve(bare, &task), NULL, NULL),
	    STATUS_OK);
	assert_non_null(kept);
	return kept;
}

static enum task_state
await_end(struct scene *scene, const char *id)
{
	struct task_status status;
	do {
		scene_nap();
		assert_int_equal(store_read_status(scene->store, id, &status, NULL), STATUS_OK);
	} while (!task_state_is_final(status.state));
	return status.state;
}

/* It comes to an executor that stands at the gate, and must not wait for it. */
static void
test_a_cancel_of_a_task_that_is_about_to_start_does_not_wait_for_an_executor(void **state)
{
	struct scene *scene = *state;
	struct bare_lane bare;
	char quick[UUID_TEXT_SIZE], busy[UUID_TEXT_SIZE], id[UUID_TEXT_SIZE];
	struct store_cancelled cancelled;
	bare_lane_open_as(scene, LANE_CPU, 1, &bare);
	/* From here on its runs are known to be short, and it takes more than it can run. */
	lane_started(bare.lane, store_started(scene, &bare, "{\"quick\":1}", quick), 1);
	assert_int_equal(await_end(scene, quick), TASK_SUCCEEDED);
	lane_started(bare.lane, store_started(scene, &bare, "{}", busy), 1);
	scene_await(&scene_shared.inside, 1);
	struct task_start *start = store_started(scene, &bare, "{}", id);
	assert_int_equal(store_cancel(scene->store, id, 1, &cancelled, NULL), STATUS_OK);
	assert_int_equal(cancelled.what, STORE_CANCEL_REQUESTED);
	lane_cancel(bare.lane, id);
	lane_started(bare.lane, start, 1);
	assert_int_equal(await_end(scene, id), TASK_FAILED);
	assert_int_equal(scene_shared.inside, 1);
	scene_set_gate(true);
	assert_int_equal(await_end(scene, busy), TASK_SUCCEEDED);
	bare_lane_close(&bare);
}

static void
test_a_place_that_is_given_back_goes_to_one_that_waits_at_once(void **state)
{
	enum {
		ROUNDS = 8
	};
	struct scene *scene = *state;
	struct bare_lane bare;
	bare_lane_open(scene, &bare);
	int64_t began_ms = clock_mono_ms();
	for (int i = 0; i < ROUNDS; i++) {
		struct task_new lost = new_carry();
		struct task_new waiter = new_carry();
		struct task_start *start = bare_lane_reserve(&bare, &lost);
		assert_int_equal(admission_enter(&bare.admission, LANE_IO, false), REFUSAL_NONE);
		assert_int_equal(
		    store_submit(scene->store, &waiter, 1, NULL, NULL, NULL), STATUS_OK);
		lane_wake(bare.lane);
		scene_nap(); /* most likely it has looked now, and found no room */
		lane_unreserve(bare.lane, start);
		scene_await(&scene_shared.carried, 1);
		struct run *run = scene_carry_take();
		assert_string_equal(run->task.id, waiter.id);
		outcome_succeed(&run->outcome, "");
		scene_carry_end(run);
	}
	/* Without a word to the claimer each of them waits for its poll, a second. */
	assert_true(clock_mono_ms() - began_ms < ROUNDS * 1000 / 2);
	bare_lane_close(&bare);
}

struct late_submission {
	struct scene *scene;
	const struct kind *kind;
	pthread_t thread;
	enum status status;
	char id[UUID_TEXT_SIZE];
};

static void *
submit_late(void *arg)
{
	struct late_submission *late = arg;
	enum refusal refusal;
	late->status = scene_submit(late->scene, late->kind, late->id, &refusal);
	return NULL;
}

static void
start_late(struct scene *scene, const struct kind *kind, struct late_submission *ret_late)
{
	*ret_late = (struct late_submission){ .scene = scene, .kind = kind };
	assert_int_equal(
	    thread_start(&ret_late->thread, "late", 0, submit_late, ret_late, NULL), STATUS_OK);
}

struct drain_call {
	struct queue *queue;
	int64_t deadline_mono_ms;
	pthread_t thread;
	atomic_bool ended;
};

static void *
drain_main(void *arg)
{
	struct drain_call *drain = arg;
	queue_drain(drain->queue, drain->deadline_mono_ms);
	atomic_store(&drain->ended, true);
	return NULL;
}

/* Starts a drain in a thread of its own; it refuses already when this returns. */
static void
start_drain(struct scene *scene, int64_t deadline_mono_ms, struct drain_call *drain)
{
	*drain = (struct drain_call){ .queue = scene->queue, .deadline_mono_ms = deadline_mono_ms };
	assert_int_equal(
	    thread_start(&drain->thread, "drain", 0, drain_main, drain, NULL), STATUS_OK);
	while (queue_readiness(scene->queue) != REFUSAL_DRAINING)
		scene_nap();
}

/* Its deadline is past; what it does without waiting takes much less than a tick, a second. */
static void
assert_drain_goes_on(struct scene *scene, struct drain_call *drain)
{
	unsigned ticks = fake_store_calls(scene->fake, FAKE_MAINTAIN);
	fake_store_await_calls(scene->fake, FAKE_MAINTAIN, ticks + 2);
	assert_false(atomic_load(&drain->ended));
}

static void
test_a_drain_waits_for_starts_that_are_being_stored_and_hands_them_back(void **state)
{
	struct scene *scene = *state;
	struct late_submission late[2];
	struct drain_call drain;
	struct task_status status;
	scene_open_queue(scene, scene_usual);
	fake_store_close_gate(scene->fake, FAKE_SUBMIT);
	start_late(scene, &work_kind, &late[0]);
	start_late(scene, &carry_kind, &late[1]);
	fake_store_await_gate(scene->fake, FAKE_SUBMIT, 2);
	start_drain(scene, 0, &drain);
	assert_drain_goes_on(scene, &drain);
	/* With one of them stored, whichever, the lane of the other may still not stop. */
	fake_store_pass_gate(scene->fake, FAKE_SUBMIT, 1);
	fake_store_await_calls(scene->fake, FAKE_SUBMIT, 1);
	assert_drain_goes_on(scene, &drain);
	fake_store_open_gate(scene->fake, FAKE_SUBMIT);
	thread_join(drain.thread);
	for (int i = 0; i < 2; i++) {
		thread_join(late[i].thread);
		assert_int_equal(late[i].status, STATUS_OK);
		assert_int_equal(
		    queue_read_status(scene->queue, late[i].id, &status, NULL), STATUS_OK);
		assert_int_equal(status.state, TASK_QUEUED);
		assert_int_equal(status.attempt, 0);
	}
}

static void
test_a_drain_lets_a_start_that_is_being_stored_finish_before_its_deadline(void **state)
{
	struct scene *scene = *state;
	struct late_submission late;
	struct drain_call drain;
	scene_set_gate(true);
	scene_open_queue(scene, scene_usual);
	fake_store_close_gate(scene->fake, FAKE_SUBMIT);
	start_late(scene, &work_kind, &late);
	fake_store_await_gate(scene->fake, FAKE_SUBMIT, 1);
	start_drain(scene, clock_mono_ms() + 100 * 1000, &drain);
	fake_store_open_gate(scene->fake, FAKE_SUBMIT);
	thread_join(late.thread);
	thread_join(drain.thread);
	assert_int_equal(late.status, STATUS_OK);
	assert_int_equal(scene_await_final(scene, late.id).state, TASK_SUCCEEDED);
}

static void
test_a_drain_ends_when_the_start_that_it_waits_for_is_not_stored(void **state)
{
	struct scene *scene = *state;
	struct late_submission late;
	struct drain_call drain;
	scene_open_queue(scene, scene_usual);
	fake_store_close_gate(scene->fake, FAKE_SUBMIT);
	fake_store_fail(scene->fake, FAKE_SUBMIT, STATUS_IO, 1);
	start_late(scene, &work_kind, &late);
	fake_store_await_gate(scene->fake, FAKE_SUBMIT, 1);
	start_drain(scene, 0, &drain);
	fake_store_open_gate(scene->fake, FAKE_SUBMIT);
	thread_join(late.thread);
	thread_join(drain.thread);
	assert_int_equal(late.status, STATUS_IO);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE_TEST(test_a_task_waits_where_there_is_no_memory_to_start_it),
		SCENE_TEST(test_a_claimed_task_without_memory_for_its_run_is_claimed_again),
		SCENE_TEST(test_a_task_starts_with_its_submission_where_nobody_waits),
		SCENE_TEST(test_its_run_carries_what_a_claim_would_have_given_it),
		SCENE_TEST(test_its_run_has_the_terms_of_its_submission_or_the_defaults),
		SCENE_TEST(test_a_task_does_not_overtake_one_that_waits),
		SCENE_TEST(test_a_task_waits_where_its_lane_has_no_room),
		SCENE_TEST(test_a_look_at_the_store_keeps_its_place_from_starts),
		SCENE_TEST(test_a_start_that_was_not_stored_gives_its_place_back),
		SCENE_TEST(test_a_start_that_is_refused_gives_its_place_back),
		SCENE_TEST(test_there_are_as_many_reservations_as_places_and_none_in_a_held_lane),
		SCENE_TEST(test_a_cancel_finds_a_task_that_is_about_to_start),
		SCENE_TEST(test_a_cancel_finds_the_next_attempt_beside_the_one_before),
		SCENE_TEST(
		    test_a_cancel_of_a_task_that_is_about_to_start_does_not_wait_for_an_executor),
		SCENE_TEST(test_a_place_that_is_given_back_goes_to_one_that_waits_at_once),
		SCENE_TEST(test_a_drain_waits_for_starts_that_are_being_stored_and_hands_them_back),
		SCENE_TEST(
		    test_a_drain_lets_a_start_that_is_being_stored_finish_before_its_deadline),
		SCENE_TEST(test_a_drain_ends_when_the_start_that_it_waits_for_is_not_stored),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
