/* SPDX-License-Identifier: MIT */
/* A fetch engine for tests; see engine_rig.h. */
#include "engine_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dirent.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "kinds/fetch/fetch_engine.h"

enum {
	WAIT_MS = 60 * 1000
};

struct fetch_settings
rig_settings(void)
{
	static const char *const allow[] = { "127.0.0.0/8" };

	return (struct fetch_settings){
		.allow_cidrs = allow,
		.allow_count = 1,
		.user_agent = "rig/1.0",
		.connect_timeout_ms = 20000,
		.total_timeout_ms = 30000,
		.body_max_bytes = 1 << 20,
		.redirects_max = 5,
		.in_flight_max = 64,
		.per_host_max = 64,
	};
}

static void
finished(void *context, struct run *run)
{
	struct engine_rig *rig = context;
	struct rig_run *rig_run = (struct rig_run *)run;

	if (rig->on_finished != NULL)
		rig->on_finished(rig_run);
	if (run->host != NULL)
		atomic_fetch_sub(&run->host->taken, 1);
	lock_acquire(&rig->lock);
	rig_run->given_back++;
	rig_run->order = ++rig->given_back;
	cond_broadcast(&rig->changed);
	lock_release(&rig->lock);
}

void
rig_open(struct engine_rig *rig, const struct fetch_settings *settings)
{
	struct error error = { "" };

	memset(rig, 0, sizeof(*rig));
	rig->settings.fetch = *settings;
	snprintf(rig->dir, sizeof(rig->dir), "/tmp/taskq-test-XXXXXX");
	assert_non_null(mkdtemp(rig->dir));
	rig->output = (struct output_conf){
		.spill_dir = rig->dir, .run_name = "run", .memory_max_bytes = 102400
	};
	lock_init(&rig->lock, LOCK_RANK_LANE);
	cond_init(&rig->changed);
	pulse_init(&rig->pulse);
	if (fetch_engine_ops.open(
		&rig->settings, finished, rig, &rig->pulse, &rig->engine, &error) != STATUS_OK)
		fail_msg("%s", error.text);
}

static struct rig_run *add(struct engine_rig *rig, const char *fmt, va_list list) PRINTF_LIKE(2, 0);

static struct rig_run *
add(struct engine_rig *rig, const char *fmt, va_list list)
{
	struct rig_run *run = calloc(1, sizeof(*run));
	char *url = NULL;

	assert_non_null(run);
	assert_true(vasprintf(&url, fmt, list) >= 0);
	json_t *args = json_pack("{s:s}", "url", url);
	run->run.task.args = json_dumps(args, 0);
	run->run.task.args_size = strlen(run->run.task.args);
	json_decref(args);
	free(url);
	run->rig = rig;
	run->run.stop = &rig->stop;
	run->run.task.terms = rig->terms;
	run->run.host = rig->host;
	if (rig->host != NULL)
		atomic_fetch_add(&rig->host->taken, 1);
	atomic_init(&run->run.is_cancelled, rig->is_cancelled);
	output_init(&run->run.output, &rig->output);
	outcome_init(&run->run.outcome);
	run->next = rig->runs;
	rig->runs = run;
	fetch_engine_ops.add(rig->engine, &run->run);
	return run;
}

struct rig_run *
rig_add(struct engine_rig *rig, const char *fmt, ...)
{
	va_list list;

	va_start(list, fmt);
	struct rig_run *run = add(rig, fmt, list);
	va_end(list);
	return run;
}

void
rig_wait(struct engine_rig *rig, struct rig_run *run)
{
	int64_t until_mono_ms = clock_mono_ms() + WAIT_MS;
	bool in_time = true;

	lock_acquire(&rig->lock);
	while (run->given_back == 0 && in_time)
		in_time = cond_wait_until(&rig->changed, &rig->lock, until_mono_ms);
	lock_release(&rig->lock);
	if (!in_time)
		fail_msg("%s was not given back", run->run.task.args);
}

void
rig_wait_all(struct engine_rig *rig)
{
	for (struct rig_run *run = rig->runs; run != NULL; run = run->next)
		rig_wait(rig, run);
}

bool
rig_is_back(struct engine_rig *rig, const struct rig_run *run)
{
	lock_acquire(&rig->lock);
	bool is_back = run->given_back > 0;
	lock_release(&rig->lock);
	return is_back;
}

struct rig_run *
rig_fetch(struct engine_rig *rig, const char *fmt, ...)
{
	va_list list;

	va_start(list, fmt);
	struct rig_run *run = add(rig, fmt, list);
	va_end(list);
	rig_wait(rig, run);
	return run;
}

char *
rig_content(const struct rig_run *run, size_t *ret_size)
{
	const struct output *output = &run->run.output;
	size_t size = (size_t)output->bytes;
	char *content = calloc(1, size + 1);

	assert_non_null(content);
	if (output_is_spilled(output))
		assert_int_equal(pread(output->fd, content, size, 0), size);
	else if (size > 0)
		memcpy(content, output->memory.data, size);
	if (ret_size != NULL)
		*ret_size = size;
	return content;
}

json_t *
rig_response(const struct rig_run *run)
{
	json_t *response;

	assert_non_null(run->run.outcome.response);
	response = json_loads(run->run.outcome.response, JSON_REJECT_DUPLICATES, NULL);
	assert_true(json_is_object(response));
	return response;
}

void
rig_close(struct engine_rig *rig)
{
	struct rig_run *run;

	fetch_engine_ops.close(rig->engine);
	while ((run = rig->runs) != NULL) {
		rig->runs = run->next;
		if (run->given_back != 1)
			fail_msg("%s was given back %u times", run->run.task.args, run->given_back);
		output_done(&run->run.output);
		outcome_done(&run->run.outcome);
		free(run->run.task.args);
		free(run);
	}
	cond_done(&rig->changed);
	lock_done(&rig->lock);
	/* Spill files are gone with their runs. */
	assert_int_equal(rmdir(rig->dir), 0);
}

void
rig_check_failed_at(const struct rig_run *run, enum failure failure, const char *file, int line)
{
	const struct outcome *outcome = &run->run.outcome;

	if (outcome->verdict != VERDICT_FAILED || outcome->failure != failure) {
		print_error("%s: verdict %d %s '%s', expected %s\n", run->run.task.args,
		    outcome->verdict, failure_word(outcome->failure), outcome->message,
		    failure_word(failure));
		_fail(file, line);
	}
}

void
rig_check_content_at(const struct rig_run *run, const char *text, const char *file, int line)
{
	const struct outcome *outcome = &run->run.outcome;
	char *content = rig_content(run, NULL);

	if (outcome->verdict != VERDICT_SUCCEEDED || strcmp(content, text) != 0) {
		print_error("%s: verdict %d %s '%s' with '%.100s', expected '%s'\n",
		    run->run.task.args, outcome->verdict, failure_word(outcome->failure),
		    outcome->message, content, text);
		_fail(file, line);
	}
	free(content);
}

unsigned
rig_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned count = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		count++;
	closedir(dir);
	return count - 3; /* ".", ".." and the directory's own */
}
