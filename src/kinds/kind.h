/* SPDX-License-Identifier: MIT */
/*
 * What a kind of task is: a name, a check of its arguments, and a way to run one attempt. Kinds
 * know nothing of the store, the queue or HTTP. The explicit table of kinds is in kinds.c: a new
 * kind is one directory and one line there (the README beside this file says what it must bring).
 *
 * A CPU kind runs one attempt at a time in a lane's executor thread (`run`). An IO kind brings an
 * engine that drives many attempts at once in threads of its own (`engine`).
 */
#ifndef TASKQ_KINDS_KIND_H
#define TASKQ_KINDS_KIND_H

#include <jansson.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/status.h"
#include "kinds/engine.h"
#include "kinds/run.h"
#include "task/faults.h"
#include "task/task.h"

struct kind_settings; /* kinds/kind_settings.h */

/* How the content of a success stands in the JSON of a result answer. */
enum result_form {
	RESULT_TEXT,    /* a JSON string, or base64 where the content is not UTF-8 */
	RESULT_INTEGER, /* decimal digits, which stand bare: a JSON integer of any length */
};

struct kind {
	const char *type; /* the word on the wire */
	enum lane lane;
	enum result_form result_form;

	/**
	 * check_settings - whether the kind's settings can be used (a CIDR that is none, say); the
	 * error names the setting. NULL: always. Called once at start and by --check-config.
	 */
	enum status (*check_settings)(const struct kind_settings *settings, struct error *error);

	/**
	 * check_args - validate and normalise the arguments of a submission; pure, any thread
	 * @args:     the value of "args"; any JSON type
	 * @faults:   every fault found, with pointers below "/args"
	 * @ret_args: the normalised arguments are appended as JSON object text, when there is no
	 * fault
	 */
	void (*check_args)(const struct kind_settings *settings, const json_t *args,
	    struct faults *faults, struct buf *ret_args);

	/**
	 * args_prefix_of_url - how normalised arguments begin whose URL begins with a text, so that
	 * tasks can be found by it; pure, any thread. NULL: the kind has no URL.
	 * @ret_args: empty; its status tells whether memory sufficed
	 */
	void (*args_prefix_of_url)(const char *url_prefix, struct buf *ret_args);

	/**
	 * host_of - whom an attempt with these arguments asks ("host:port"), so that what it has no
	 * place for waits elsewhere; pure, any thread, within a microsecond or so. NULL: nobody in
	 * particular.
	 * Returns false where that cannot be told.
	 */
	bool (*host_of)(const char *args, size_t args_size, char ret_host[TASK_HOST_SIZE]);

	/* run - execute one attempt, blocking; CPU kinds only. Asks run_word at least every 100 ms.
	   Fills run->output and run->outcome. */
	void (*run)(const struct kind_settings *settings, struct run *run);

	/**
	 * memory_bytes - CPU kinds: the most that an attempt takes beside its output, for the pool
	 * to bound what runs at once; pure, any thread, quick. NULL: not worth counting.
	 * @args: normalised arguments; NULL for the largest that the settings accept
	 */
	uint64_t (*memory_bytes)(
	    const struct kind_settings *settings, const char *args, size_t args_size);

	/**
	 * answer - CPU kinds: what `run` would come to, where that is at hand and takes no
	 * computing, so that the task need not wait for an executor; pure, any thread, within a
	 * microsecond or so. NULL: never.
	 * @args:      normalised arguments
	 * @ret_ended: set on true but for the time; what it points to has static storage
	 * Returns false where the task has to be run.
	 */
	bool (*answer)(const struct kind_settings *settings, const char *args, size_t args_size,
	    struct task_ended *ret_ended);

	const struct engine_ops *engine; /* IO kinds only */
};

/**
 * kinds_find - the kind of a type word, or NULL
 */
const struct kind *kinds_find(const char *type);

/**
 * kinds_table - all kinds
 */
const struct kind *const *kinds_table(size_t *ret_count);

/**
 * kinds_setup - once per process before any thread: the libraries that kinds stand on
 */
enum status kinds_setup(struct error *error) NODISCARD;

/**
 * kinds_check_settings - check_settings of every kind; the first fault found
 */
enum status kinds_check_settings(
    const struct kind_settings *settings, struct error *error) NODISCARD;

/* The largest memory_bytes of any kind. */
uint64_t kinds_memory_bytes(const struct kind_settings *settings);

/**
 * kinds_json_type_name - what a JSON value is, for faults: "a string", "null"; static storage
 */
const char *kinds_json_type_name(const json_t *value);

/**
 * kinds_check_member_names - note a fault for each member of `object` that is not in `allowed`
 */
void kinds_check_member_names(const json_t *object, const char *base, const char *const *allowed,
    size_t allowed_count, struct faults *faults);

#endif
