/* SPDX-License-Identifier: MIT */
/*
 * Fills a data directory with history: the store creates its database, and then rows like those
 * that the service leaves are written in large transactions, with the counters that belong to
 * them. Nobody else may have the database open.
 *
 *	fill DIRECTORY [--finished N [--in-files N]] [--scheduled N] [--days D]
 *	    [--ids FILE --sample K] [--queued-factorials N] [--queued-fetches N --url URL]
 *
 * Finished tasks are five fetches to one factorial, spread evenly over the last D days (6, so that
 * none is deleted for its age meanwhile). FILE gets K of them, drawn one from each K-th of the
 * history, as lines "ID SIZE-OF-RESULT". The results of the newest fetches are in files, which are
 *as large as they say, and empty space. Scheduled ones were submitted among them, of both kinds and
 *all priorities; they are to run a year from now at the earliest, and half of them expire some time
 *after that.
 */
#include <fcntl.h>
#include <getopt.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/uuid.h"
#include "kinds/factorial/factorial.h"
#include "store/store.h"

#define MUST(condition)                                                                 \
	do {                                                                            \
		if (!(condition)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			exit(1);                                                        \
		}                                                                       \
	} while (0)

#define CONTENT                                                                         \
	"<!doctype html>\n<html lang=\"en\"><head><title>A small page</title></head>\n" \
	"<body><p>One small page that every user fetches, again and again.</p></body></html>\n"
#define DAY_MS INT64_C(86400000)

enum {
	FACTORIALS = 101, /* n is 0 to 100 */
	DIGITS_MAX = 160,
	INLINE_MAX = 102400,
	FILE_BYTES = INLINE_MAX + 1,
	ROWS_MAX = 100000000,
	ROWS_PER_COMMIT = 200000,
};

struct plan {
	const char *directory;
	int64_t finished, in_files, scheduled, queued_factorials, queued_fetches, days, sample;
	const char *ids, *url;
};

struct fill {
	sqlite3 *db;
	sqlite3_stmt *task, *result, *held;
	int64_t seq;
	int64_t succeeded[LANE_COUNT], kept_bytes[LANE_COUNT];
	int64_t queued[LANE_COUNT], scheduled[LANE_COUNT];
	int results_fd;
	char digits[FACTORIALS][DIGITS_MAX];
};

static const char *const lane_types[] = {
	[LANE_CPU] = "factorial",
	[LANE_IO] = "http-fetch",
};

static void
on_fatal(void *context, const char *why)
{
	(void)context;
	fprintf(stderr, "fill: %s\n", why);
	exit(1);
}

/* The store makes its database; what its schema is, is its own affair. */
static void
create_database(const char *directory)
{
	struct store_conf conf = { .data_dir = directory,
		.inline_max_bytes = INLINE_MAX,
		.wal_max_bytes = 64 * 1024 * 1024,
		.readers = 1,
		.fatal = on_fatal };
	struct store_recovery recovery;
	struct store *store;
	struct error error = { .text = "" };
	mkdir(directory, 0700);
	if (store_open(&conf, clock_wall_ms(), &store, &recovery, &error) != STATUS_OK)
		on_fatal(NULL, error.text);
	store_close(store);
}

static void
execute(struct fill *fill, const char *sql)
{
	char *why = NULL;
	if (sqlite3_exec(fill->db, sql, NULL, NULL, &why) != SQLITE_OK)
		on_fatal(NULL, why);
}

/* Without a journal and without flushing: a database that was not filled to its end is of no use.
 */
static void
open_database(struct fill *fill, const char *directory)
{
	char path[1200];
	int size = snprintf(path, sizeof(path), "%s/taskq.db", directory);
	MUST(size > 0 && (size_t)size < sizeof(path));
	MUST(sqlite3_open_v2(path, &fill->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) ==
	     SQLITE_OK);
	snprintf(path, sizeof(path), "%s/results", directory);
	fill->results_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	MUST(fill->results_fd != -1);
	execute(fill, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = OFF;"
		      "PRAGMA synchronous = OFF; PRAGMA cache_size = -131072;");
	MUST(
	    sqlite3_prepare_v2(fill->db,
		"INSERT INTO task (seq, id, type, lane, args, status, attempt, max_attempts,"
		" lease, created_at, started_at, finished_at, response, result_bytes,"
		" result_media_type, result_utf8, result_where)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 3, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
		-1, &fill->task, NULL) == SQLITE_OK);
	MUST(sqlite3_prepare_v2(fill->db,
		 "INSERT INTO task (seq, id, type, lane, args, status, max_attempts, created_at,"
		 " priority, run_at, held_until, expires_at)"
		 " VALUES (?1, ?2, ?3, ?4, ?5, 'QUEUED', 3, ?6, ?7, ?8, ?8, ?9)",
		 -1, &fill->held, NULL) == SQLITE_OK);
	MUST(sqlite3_prepare_v2(fill->db, "INSERT INTO task_result (seq, content) VALUES (?1, ?2)",
		 -1, &fill->result, NULL) == SQLITE_OK);
}

static void
step(sqlite3_stmt *statement)
{
	MUST(sqlite3_step(statement) == SQLITE_DONE);
	MUST(sqlite3_reset(statement) == SQLITE_OK);
}

static void
bind_text(sqlite3_stmt *statement, int place, const char *text)
{
	MUST(sqlite3_bind_text(statement, place, text, -1, SQLITE_STATIC) == SQLITE_OK);
}

/* What finished and queued tasks have in common. */
static void
bind_task(struct fill *fill, enum lane lane, const char *id, const char *args, int64_t created_ms)
{
	MUST(sqlite3_clear_bindings(fill->task) == SQLITE_OK);
	MUST(sqlite3_bind_int64(fill->task, 1, ++fill->seq) == SQLITE_OK);
	bind_text(fill->task, 2, id);
	bind_text(fill->task, 3, lane_types[lane]);
	MUST(sqlite3_bind_int(fill->task, 4, (int)lane) == SQLITE_OK);
	bind_text(fill->task, 5, args);
	MUST(sqlite3_bind_int64(fill->task, 8, created_ms) == SQLITE_OK);
	if (fill->seq % ROWS_PER_COMMIT == 0)
		execute(fill, "COMMIT; BEGIN");
}

/* The file that has the result of a first attempt. */
static void
add_file(const struct fill *fill, const char *id)
{
	char name[UUID_TEXT_SIZE + 2];
	int fd;
	snprintf(name, sizeof(name), "%s-1", id);
	fd = openat(fill->results_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	MUST(fd != -1 && ftruncate(fd, FILE_BYTES) == 0 && close(fd) == 0);
}

/* Puts what came of a task into the database, or into a file. */
static void
add_result(struct fill *fill, const char *id, const char *content, size_t bytes, bool in_file)
{
	sqlite3_bind_int64(fill->task, 12, in_file ? FILE_BYTES : (int64_t)bytes);
	bind_text(fill->task, 15, in_file ? "file" : "row");
	step(fill->task);
	if (in_file) {
		add_file(fill, id);
		return;
	}
	sqlite3_bind_int64(fill->result, 1, fill->seq);
	MUST(sqlite3_bind_blob(fill->result, 2, content, (int)bytes, SQLITE_STATIC) == SQLITE_OK);
	step(fill->result);
}

/* Returns the size of the result. */
static size_t
add_finished(struct fill *fill, enum lane lane, bool in_file, int64_t created_ms,
    char ret_id[UUID_TEXT_SIZE])
{
	unsigned n = (unsigned)(fill->seq / 6 % FACTORIALS);
	char args[64], response[256];
	const char *content = CONTENT;
	MUST(uuid_v7(created_ms, ret_id, NULL) == STATUS_OK);
	if (lane == LANE_CPU) {
		snprintf(args, sizeof(args), "{\"n\":\"%u\"}", n);
		content = fill->digits[n];
	} else {
		snprintf(args, sizeof(args), "{\"url\":\"http://127.0.0.1:8080/small.html\"}");
		snprintf(response, sizeof(response),
		    "{\"status\":200,\"content_type\":\"text/html\",\"bytes\":%zu,"
		    "\"url\":\"http://127.0.0.1:8080/small.html\",\"redirects\":0,\"timing_ms\":"
		    "{\"dns\":0.02,\"connect\":0.102,\"tls\":0.0,\"first_byte\":0.%03u,"
		    "\"total\":0.%03u}}",
		    sizeof(CONTENT) - 1, 100 + n, 300 + n);
	}
	size_t bytes = strlen(content);
	bind_task(fill, lane, ret_id, args, created_ms);
	bind_text(fill->task, 6, "SUCCEEDED");
	sqlite3_bind_int(fill->task, 7, 1);
	sqlite3_bind_int64(fill->task, 9, created_ms + 1);
	sqlite3_bind_int64(fill->task, 10, created_ms + 2);
	if (lane == LANE_IO)
		bind_text(fill->task, 11, response);
	bind_text(fill->task, 13, lane == LANE_IO ? "text/html" : "text/plain; charset=utf-8");
	sqlite3_bind_int(fill->task, 14, 1);
	add_result(fill, ret_id, content, bytes, in_file);
	if (in_file)
		bytes = FILE_BYTES;
	fill->succeeded[lane]++;
	fill->kept_bytes[lane] += store_kept_bytes(&(struct store_kept){ .args = strlen(args),
	    .response = lane == LANE_IO ? strlen(response) : 0,
	    .content = bytes,
	    .attempts = 1 });
	return bytes;
}

static void
add_scheduled(struct fill *fill, int64_t created_ms, int64_t now_ms)
{
	int64_t count = fill->scheduled[LANE_CPU] + fill->scheduled[LANE_IO];
	enum lane lane = count % 6 == 5 ? LANE_CPU : LANE_IO;
	int64_t run_at_ms = now_ms + 365 * DAY_MS + (int64_t)arc4random_uniform(1000 * 365) * 86400;
	char id[UUID_TEXT_SIZE];
	MUST(uuid_v7(created_ms, id, NULL) == STATUS_OK);
	MUST(sqlite3_clear_bindings(fill->held) == SQLITE_OK);
	MUST(sqlite3_bind_int64(fill->held, 1, ++fill->seq) == SQLITE_OK);
	bind_text(fill->held, 2, id);
	bind_text(fill->held, 3, lane_types[lane]);
	sqlite3_bind_int(fill->held, 4, (int)lane);
	bind_text(fill->held, 5,
	    lane == LANE_CPU ? "{\"n\":\"100\"}"
			     : "{\"url\":\"http://127.0.0.1:8080/small.html\"}");
	sqlite3_bind_int64(fill->held, 6, created_ms);
	sqlite3_bind_int(fill->held, 7, (int)(count % (TASK_PRIORITY_LAST + 1)));
	sqlite3_bind_int64(fill->held, 8, run_at_ms);
	if (count / 2 % 2 == 0)
		sqlite3_bind_int64(fill->held, 9, run_at_ms + DAY_MS);
	step(fill->held);
	fill->scheduled[lane]++;
	if (fill->seq % ROWS_PER_COMMIT == 0)
		execute(fill, "COMMIT; BEGIN");
}

/* As many of the scheduled tasks as were submitted by now, where `i` of the others were. */
static void
catch_up_scheduled(
    struct fill *fill, const struct plan *plan, int64_t i, int64_t created_ms, int64_t now_ms)
{
	int64_t due = plan->finished > 0 ? plan->scheduled * i / plan->finished : plan->scheduled;
	while (fill->scheduled[LANE_CPU] + fill->scheduled[LANE_IO] < due)
		add_scheduled(fill, created_ms, now_ms);
}

static void
add_history(struct fill *fill, const struct plan *plan, int64_t now_ms)
{
	FILE *ids = plan->ids != NULL ? fopen(plan->ids, "we") : NULL;
	int64_t drawn = 0, next = 0;
	MUST(ids != NULL || plan->ids == NULL);
	for (int64_t i = 0; i < plan->finished; i++) {
		char id[UUID_TEXT_SIZE];
		int64_t age_ms = plan->days * DAY_MS * (plan->finished - i) / plan->finished;
		enum lane lane = i % 6 == 5 ? LANE_CPU : LANE_IO;
		bool in_file = lane == LANE_IO && plan->finished - i <= plan->in_files * 6 / 5;
		size_t bytes = add_finished(fill, lane, in_file, now_ms - age_ms, id);
		catch_up_scheduled(fill, plan, i + 1, now_ms - age_ms, now_ms);
		if (ids == NULL || drawn == plan->sample)
			continue;
		int64_t from = plan->finished * drawn / plan->sample;
		int64_t to = plan->finished * (drawn + 1) / plan->sample;
		if (i == from)
			next = from + (int64_t)(arc4random_uniform((uint32_t)(to - from)));
		if (i == next)
			fprintf(ids, "%s %zu\n", id, bytes);
		if (i == to - 1)
			drawn++;
	}
	catch_up_scheduled(fill, plan, plan->finished, now_ms, now_ms);
	MUST(ids == NULL || fclose(ids) == 0);
}

static void
add_queued(struct fill *fill, enum lane lane, const char *url, int64_t count, int64_t now_ms)
{
	char id[UUID_TEXT_SIZE], args[1200];
	for (int64_t i = 0; i < count; i++) {
		if (lane == LANE_CPU)
			snprintf(args, sizeof(args), "{\"n\":\"%u\"}", (unsigned)(i % FACTORIALS));
		else
			snprintf(args, sizeof(args), "{\"url\":\"%s\"}", url);
		MUST(uuid_v7(now_ms, id, NULL) == STATUS_OK);
		bind_task(fill, lane, id, args, now_ms);
		bind_text(fill->task, 6, "QUEUED");
		sqlite3_bind_int(fill->task, 7, 0);
		bind_text(fill->task, 15, "none");
		step(fill->task);
		fill->queued[lane]++;
	}
}

static void
write_counters(struct fill *fill)
{
	sqlite3_stmt *counter;
	MUST(sqlite3_prepare_v2(fill->db,
		 "INSERT INTO task_counter (type, lane, status, count, bytes)"
		 " VALUES (?1, ?2, ?3, ?4, ?5)",
		 -1, &counter, NULL) == SQLITE_OK);
	for (int lane = 0; lane < LANE_COUNT; lane++) {
		bind_text(counter, 1, lane_types[lane]);
		sqlite3_bind_int(counter, 2, lane);
		bind_text(counter, 3, "SUCCEEDED");
		sqlite3_bind_int64(counter, 4, fill->succeeded[lane]);
		sqlite3_bind_int64(counter, 5, fill->kept_bytes[lane]);
		step(counter);
		bind_text(counter, 3, "QUEUED");
		sqlite3_bind_int64(counter, 4, fill->queued[lane]);
		sqlite3_bind_int64(counter, 5, 0);
		step(counter);
		bind_text(counter, 3, "SCHEDULED");
		sqlite3_bind_int64(counter, 4, fill->scheduled[lane]);
		step(counter);
	}
	MUST(sqlite3_finalize(counter) == SQLITE_OK);
}

static enum status
keep_digits(void *context, const char *digits, size_t size, struct error *error)
{
	char *end = (char *)context + strlen(context);
	(void)error;
	MUST(strlen(context) + size < DIGITS_MAX);
	memcpy(end, digits, size);
	end[size] = '\0';
	return STATUS_OK;
}

static bool
read_options(struct plan *plan, int argc, char *argv[])
{
	static const struct option options[] = {
		{ "finished", required_argument, NULL, 'f' },
		{ "in-files", required_argument, NULL, 'F' },
		{ "scheduled", required_argument, NULL, 'S' },
		{ "days", required_argument, NULL, 'd' },
		{ "ids", required_argument, NULL, 'i' },
		{ "sample", required_argument, NULL, 's' },
		{ "queued-factorials", required_argument, NULL, 'q' },
		{ "queued-fetches", required_argument, NULL, 'Q' },
		{ "url", required_argument, NULL, 'u' },
		{ NULL, 0, NULL, 0 },
	};
	int option;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'f':
			plan->finished = strtol(optarg, NULL, 10);
			break;
		case 'F':
			plan->in_files = strtol(optarg, NULL, 10);
			break;
		case 'S':
			plan->scheduled = strtol(optarg, NULL, 10);
			break;
		case 'd':
			plan->days = strtol(optarg, NULL, 10);
			break;
		case 'i':
			plan->ids = optarg;
			break;
		case 's':
			plan->sample = strtol(optarg, NULL, 10);
			break;
		case 'q':
			plan->queued_factorials = strtol(optarg, NULL, 10);
			break;
		case 'Q':
			plan->queued_fetches = strtol(optarg, NULL, 10);
			break;
		case 'u':
			plan->url = optarg;
			break;
		default:
			return false;
		}
	}
	plan->directory = argv[optind];
	return optind == argc - 1 && plan->finished >= 0 && plan->finished <= ROWS_MAX &&
	       plan->in_files >= 0 && plan->in_files <= ROWS_MAX && plan->scheduled >= 0 &&
	       plan->scheduled <= ROWS_MAX && plan->queued_factorials >= 0 &&
	       plan->queued_factorials <= ROWS_MAX && plan->queued_fetches >= 0 &&
	       plan->queued_fetches <= ROWS_MAX && plan->days >= 1 && plan->days <= 3650 &&
	       strlen(plan->url) < 1000 && (plan->ids == NULL) == (plan->sample == 0) &&
	       plan->sample >= 0 && plan->sample <= plan->finished &&
	       (plan->queued_fetches == 0 || plan->url[0] != '\0');
}

int
main(int argc, char *argv[])
{
	struct plan plan = { .days = 6, .url = "" };
	static struct fill fill;
	int64_t now_ms = clock_wall_ms();
	if (!read_options(&plan, argc, argv)) {
		fprintf(stderr,
		    "usage: fill DIRECTORY [--finished N [--in-files N]] [--scheduled N] [--days D] "
		    "[--ids FILE --sample K] [--queued-factorials N] [--queued-fetches N --url URL]\n");
		return 2;
	}
	for (unsigned n = 0; n < FACTORIALS; n++) {
		struct digit_sink sink = { .write = keep_digits, .context = fill.digits[n] };
		MUST(factorial_decimal(n, NULL, &sink, NULL) == STATUS_OK);
	}
	create_database(plan.directory);
	open_database(&fill, plan.directory);
	execute(&fill, "BEGIN");
	add_history(&fill, &plan, now_ms);
	add_queued(&fill, LANE_CPU, plan.url, plan.queued_factorials, now_ms);
	add_queued(&fill, LANE_IO, plan.url, plan.queued_fetches, now_ms);
	write_counters(&fill);
	execute(&fill, "COMMIT");
	MUST(sqlite3_finalize(fill.task) == SQLITE_OK);
	MUST(sqlite3_finalize(fill.result) == SQLITE_OK);
	MUST(sqlite3_finalize(fill.held) == SQLITE_OK);
	execute(&fill, "PRAGMA journal_mode = WAL");
	MUST(sqlite3_close(fill.db) == SQLITE_OK);
	MUST(close(fill.results_fd) == 0);
	sync();
	printf("{\"finished\":%lld,\"scheduled\":%lld,\"queued\":%lld}\n",
	    (long long)(fill.succeeded[LANE_CPU] + fill.succeeded[LANE_IO]),
	    (long long)(fill.scheduled[LANE_CPU] + fill.scheduled[LANE_IO]),
	    (long long)(fill.queued[LANE_CPU] + fill.queued[LANE_IO]));
	return 0;
}
