/* SPDX-License-Identifier: MIT */
/*
 * How fast the store is: N threads submit, one claims and one completes in batches, all through
 * store.h, each commit flushed. Beside each figure stands that of a bare loop of SQLite inserts in
 * one thread with as many rows to a commit as there were submitters, in the same run on the same
 * file system: what the machine gives.
 *
 *	bench_store [SECONDS [DIRECTORY [SUBMITTERS EXECUTION READERS]]]
 *
 * With all five it runs that one case (for a profiler), EXECUTION being 0 or 1.
 */
#include <setjmp.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sync.h"
#include "base/uuid.h"
#include "store/store.h"

#define CLAIM_MAX 256
#define ARGS      "{\"n\":\"50\"}"
#define RESULT    "30414093201713378043612608166064768844377641568960512000000000000"

#define MUST(condition)                                                                 \
	do {                                                                            \
		if (!(condition)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                        \
		}                                                                       \
	} while (0)

struct bench {
	struct store *store;
	bool with_execution; /* claim and complete, too */
	unsigned readers;    /* threads that read statuses */
	atomic_bool stop;
	atomic_llong submitted;
	atomic_llong completed;
	atomic_llong read;
	atomic_llong worst_us;
	char seen[UUID_TEXT_SIZE]; /* an id for the readers */
};

static void
on_fatal(void *context, const char *why)
{
	(void)context;
	fprintf(stderr, "fatal: %s\n", why);
	abort();
}

static void *
submitter(void *arg)
{
	struct bench *bench = arg;
	struct task_new task = {
		.type = "factorial",
		.lane = LANE_CPU,
		.args = ARGS,
		.args_size = sizeof(ARGS) - 1,
		.terms.max_attempts = 3,
	};
	int64_t worst = 0;

	while (!atomic_load_explicit(&bench->stop, memory_order_relaxed)) {
		int64_t began = clock_mono_us(), took;

		task.created_at_ms = clock_wall_ms();
		MUST(uuid_v7(task.created_at_ms, task.id, NULL) == STATUS_OK);
		MUST(store_submit(bench->store, &task, 1, NULL, NULL, NULL) == STATUS_OK);
		took = clock_mono_us() - began;
		if (took > worst)
			worst = took;
		atomic_fetch_add_explicit(&bench->submitted, 1, memory_order_relaxed);
	}
	for (long long seen = atomic_load(&bench->worst_us); seen < worst;) {
		if (atomic_compare_exchange_weak(&bench->worst_us, &seen, worst))
			break;
	}
	return NULL;
}

/* Claims a batch, and completes it with the next claim under way in the other executor. */
static void *
executor(void *arg)
{
	struct bench *bench = arg;
	struct task tasks[CLAIM_MAX];
	struct completion completions[CLAIM_MAX];
	struct output outputs[CLAIM_MAX];
	struct outcome outcome;

	outcome_init(&outcome);
	outcome_succeed(&outcome, "text/plain");
	while (!atomic_load_explicit(&bench->stop, memory_order_relaxed)) {
		size_t count = 0;

		MUST(store_claim(bench->store, LANE_CPU, false, CLAIM_MAX, clock_wall_ms(), tasks,
			 &count, NULL) == STATUS_OK);
		for (size_t i = 0; i < count; i++) {
			output_init(&outputs[i], store_output_conf(bench->store));
			MUST(output_write(&outputs[i], RESULT, sizeof(RESULT) - 1, NULL) ==
			     STATUS_OK);
			completions[i] = (struct completion){
				.task = &tasks[i],
				.outcome = &outcome,
				.output = &outputs[i],
				.finished_at_ms = clock_wall_ms(),
			};
		}
		MUST(store_complete(bench->store, completions, count, NULL) == STATUS_OK);
		for (size_t i = 0; i < count; i++) {
			MUST(completions[i].ret_status == STATUS_OK);
			output_done(&outputs[i]);
			task_done(&tasks[i]);
		}
		atomic_fetch_add_explicit(
		    &bench->completed, (long long)count, memory_order_relaxed);
	}
	return NULL;
}

static void *
reader(void *arg)
{
	struct bench *bench = arg;
	struct task_status status;

	while (!atomic_load_explicit(&bench->stop, memory_order_relaxed)) {
		MUST(store_read_status(bench->store, bench->seen, &status, NULL) == STATUS_OK);
		atomic_fetch_add_explicit(&bench->read, 1, memory_order_relaxed);
	}
	return NULL;
}

static void
bench_store(struct bench *bench, unsigned submitters, const char *dir, unsigned seconds,
    double *ret_submits, double *ret_completions, double *ret_reads)
{
	unsigned executors = bench->with_execution ? 2 : 0;
	unsigned count = submitters + executors + bench->readers;
	pthread_t *threads = calloc(count, sizeof(*threads));
	struct store_conf conf = {
		.data_dir = dir,
		.inline_max_bytes = 102400,
		.wal_max_bytes = 64 * 1024 * 1024,
		.readers = 4,
		.fatal = on_fatal,
	};
	struct store_recovery recovery;
	struct task_new task = { .type = "http-fetch",
		.lane = LANE_IO,
		.args = ARGS,
		.args_size = sizeof(ARGS) - 1,
		.terms.max_attempts = 3 };
	struct error error = { .text = "" };
	int64_t began;

	MUST(threads != NULL);
	MUST(store_open(&conf, clock_wall_ms(), &bench->store, &recovery, &error) == STATUS_OK);
	MUST(uuid_v7(clock_wall_ms(), task.id, NULL) == STATUS_OK);
	MUST(store_submit(bench->store, &task, 1, NULL, NULL, NULL) == STATUS_OK);
	memcpy(bench->seen, task.id, sizeof(bench->seen));
	began = clock_mono_us();
	for (unsigned i = 0; i < count; i++)
		MUST(thread_start(&threads[i], "bench", 65536 + sizeof(struct completion) * 1024,
			 i < submitters               ? submitter
			 : i < submitters + executors ? executor
						      : reader,
			 bench, NULL) == STATUS_OK);
	sleep(seconds);
	atomic_store(&bench->stop, true);
	double elapsed = (double)(clock_mono_us() - began) / 1e6;
	*ret_submits = (double)atomic_load(&bench->submitted) / elapsed;
	*ret_completions = (double)atomic_load(&bench->completed) / elapsed;
	*ret_reads = (double)atomic_load(&bench->read) / elapsed;
	for (unsigned i = 0; i < count; i++)
		thread_join(threads[i]);
	store_close(bench->store);
	free(threads);
}

/* Bare SQLite: the same row into a table with the same key and index, `rows` to a commit. */
static double
bench_bare(unsigned rows, const char *dir, unsigned seconds)
{
	sqlite3_stmt *insert = NULL, *begin = NULL, *commit = NULL;
	sqlite3 *db = NULL;
	char path[512];
	long long count = 0;
	int64_t began, until;

	(void)snprintf(path, sizeof(path), "%s/bare.db", dir);
	MUST(sqlite3_open_v2(path, &db,
		 SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
		 NULL) == SQLITE_OK);
	MUST(sqlite3_exec(db,
		 "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-8192;"
		 "PRAGMA wal_autocheckpoint=2000;"
		 "CREATE TABLE task (seq INTEGER PRIMARY KEY, id TEXT, type TEXT, lane INTEGER,"
		 " args TEXT, status TEXT, max_attempts INTEGER, created_at INTEGER);"
		 "CREATE UNIQUE INDEX task_by_id ON task (id);",
		 NULL, NULL, NULL) == SQLITE_OK);
	MUST(sqlite3_prepare_v2(db,
		 "INSERT INTO task (id, type, lane, args, status, max_attempts, created_at)"
		 " VALUES (?1, 'factorial', 0, ?2, 'QUEUED', 3, ?3)",
		 -1, &insert, NULL) == SQLITE_OK);
	MUST(sqlite3_prepare_v2(db, "BEGIN IMMEDIATE", -1, &begin, NULL) == SQLITE_OK);
	MUST(sqlite3_prepare_v2(db, "COMMIT", -1, &commit, NULL) == SQLITE_OK);
	began = clock_mono_us();
	until = began + (int64_t)seconds * 1000000;
	while (clock_mono_us() < until) {
		MUST(sqlite3_step(begin) == SQLITE_DONE && sqlite3_reset(begin) == SQLITE_OK);
		for (unsigned i = 0; i < rows; i++) {
			char id[UUID_TEXT_SIZE];

			MUST(uuid_v7(clock_wall_ms(), id, NULL) == STATUS_OK);
			sqlite3_bind_text(insert, 1, id, UUID_TEXT_LENGTH, SQLITE_STATIC);
			sqlite3_bind_text(insert, 2, ARGS, sizeof(ARGS) - 1, SQLITE_STATIC);
			sqlite3_bind_int64(insert, 3, clock_wall_ms());
			MUST(sqlite3_step(insert) == SQLITE_DONE);
			MUST(sqlite3_reset(insert) == SQLITE_OK);
		}
		MUST(sqlite3_step(commit) == SQLITE_DONE && sqlite3_reset(commit) == SQLITE_OK);
		count += rows;
	}
	double elapsed = (double)(clock_mono_us() - began) / 1e6;
	sqlite3_finalize(insert);
	sqlite3_finalize(begin);
	sqlite3_finalize(commit);
	sqlite3_close(db);
	return (double)count / elapsed;
}

/* Each figure in a process and directory of its own, so that none inherits anything. */
static void
run_one(const char *parent, unsigned submitters, bool with_execution, unsigned readers,
    unsigned seconds)
{
	char dir[300];
	int state;
	pid_t pid;

	(void)snprintf(dir, sizeof(dir), "%s/taskq-bench-XXXXXX", parent);
	MUST(mkdtemp(dir) != NULL);
	fflush(stdout);
	pid = fork();
	MUST(pid >= 0);
	if (pid == 0) {
		struct bench bench = { .with_execution = with_execution, .readers = readers };
		double submits, completions, reads, bare = 0;
		struct rusage usage;

		bench_store(&bench, submitters, dir, seconds, &submits, &completions, &reads);
		getrusage(RUSAGE_SELF, &usage);
		if (submitters > 0)
			bare = bench_bare(submitters, dir, seconds);
		printf("%10u %9s %7u %10.0f %12.0f %10.0f %12.0f %6.2f %9.1f %8ld\n", submitters,
		    with_execution ? "yes" : "no", readers, submits, completions, reads, bare,
		    bare > 0 ? submits / bare : 0, (double)atomic_load(&bench.worst_us) / 1000,
		    usage.ru_maxrss / 1024);
		exit(0);
	}
	MUST(waitpid(pid, &state, 0) == pid && state == 0);
	pid = fork();
	if (pid == 0) {
		execlp("rm", "rm", "-rf", dir, (char *)NULL);
		_exit(127);
	}
	MUST(waitpid(pid, &state, 0) == pid);
}

int
main(int argc, char **argv)
{
	unsigned seconds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 3;
	const char *parent = argc > 2 ? argv[2] : "/var/tmp";
	const unsigned submitters[] = { 1, 8, 32, 256, 1000 };

	if (seconds < 1 || seconds > 600) {
		fprintf(stderr, "usage: %s [SECONDS [DIRECTORY]]\n", argv[0]);
		return 2;
	}
	printf("%10s %9s %7s %10s %12s %10s %12s %6s %9s %8s\n", "submitters", "execution",
	    "readers", "submits/s", "completed/s", "reads/s", "bare rows/s", "ratio", "worst ms",
	    "rss MiB");
	if (argc == 6) {
		run_one(parent, (unsigned)strtoul(argv[3], NULL, 10),
		    strtoul(argv[4], NULL, 10) != 0, (unsigned)strtoul(argv[5], NULL, 10), seconds);
		return 0;
	}
	for (size_t i = 0; i < sizeof(submitters) / sizeof(submitters[0]); i++)
		run_one(parent, submitters[i], false, 0, seconds);
	for (size_t i = 0; i < sizeof(submitters) / sizeof(submitters[0]); i++)
		run_one(parent, submitters[i], true, 0, seconds);
	run_one(parent, 0, false, 1, seconds);
	run_one(parent, 0, false, 32, seconds);
	run_one(parent, 32, true, 8, seconds);
	return 0;
}
