/* SPDX-License-Identifier: MIT */
/*
 * The load generator of the benchmarks: one to four threads with keep-alive connections, each with
 * one request in flight. Loopback only, bounded in time. Checks every answer.
 *
 *	loadgen MODE --port P [--connections C] [--seconds S] [--warmup S] [--threads T]
 *	    [--rate R] [--new-connections] [--path PATH] [--bytes N] [--ids FILE]
 *
 * MODE is get (of PATH, answered with N bytes), status, result or content (of tasks drawn at random
 * from FILE: an id a line, with the size of its result where that is known), post, cycle (submit,
 * look every 2 ms until it is final, read the result: counted once), or wait (see load_wait.c; for
 *S seconds at most).
 *
 * With --rate R operations begin by a timetable, R a second, whatever the answers do (open loop),
 *and latency counts from the time in the table. Prints one line of JSON; exit status 1 if it could
 *not begin. Wrong answers are counted in "errors", and the first is told.
 */
#include <getopt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load_run.h"

enum {
	CONNECTIONS_MAX = 10000,
	THREADS_MAX = 4,
	SECONDS_MAX = 3600,
};

struct job {
	pthread_t thread;
	unsigned index;
	bool good;
	const struct load_conf *conf;
	struct load_counts counts;
};

static const char *const mode_names[] = {
	[LOAD_GET] = "get",
	[LOAD_STATUS] = "status",
	[LOAD_RESULT] = "result",
	[LOAD_CONTENT] = "content",
	[LOAD_POST] = "post",
	[LOAD_CYCLE] = "cycle",
	[LOAD_WAIT] = "wait",
};

static void *
thread_main(void *arg)
{
	struct job *job = arg;
	job->good = job->conf->mode == LOAD_WAIT ? load_wait(job->conf, job->index, &job->counts)
						 : load_run(job->conf, job->index, &job->counts);
	return NULL;
}

/* Reads lines "ID [BYTES]". */
static bool
read_targets(struct load_conf *conf, const char *path)
{
	FILE *file = fopen(path, "re");
	char line[128];
	size_t room = 0;
	bool good = file != NULL;
	while (good && fgets(line, sizeof(line), file) != NULL) {
		if (conf->target_count == room) {
			room = room > 0 ? 2 * room : 1024;
			struct load_target *more =
			    realloc(conf->targets, room * sizeof(conf->targets[0]));
			if (more == NULL) {
				good = false;
				break;
			}
			conf->targets = more;
		}
		struct load_target *target = &conf->targets[conf->target_count++];
		good = strcspn(line, " \n") == LOAD_ID_LENGTH;
		memcpy(target->id, line, LOAD_ID_LENGTH);
		target->id[LOAD_ID_LENGTH] = '\0';
		target->content_bytes = strtoul(line + LOAD_ID_LENGTH, NULL, 10);
	}
	if (file != NULL)
		fclose(file);
	if (!good || conf->target_count == 0)
		fprintf(stderr, "loadgen: %s: cannot be read, or not a list of ids\n", path);
	return good && conf->target_count > 0;
}

static bool
read_options(struct load_conf *conf, int argc, char *argv[])
{
	static const struct option options[] = {
		{ "port", required_argument, NULL, 'p' },
		{ "connections", required_argument, NULL, 'c' },
		{ "seconds", required_argument, NULL, 's' },
		{ "warmup", required_argument, NULL, 'w' },
		{ "threads", required_argument, NULL, 't' },
		{ "rate", required_argument, NULL, 'r' },
		{ "new-connections", no_argument, NULL, 'n' },
		{ "path", required_argument, NULL, 'P' },
		{ "bytes", required_argument, NULL, 'b' },
		{ "ids", required_argument, NULL, 'i' },
		{ NULL, 0, NULL, 0 },
	};
	const char *ids = NULL;
	size_t mode = 0;
	int option;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'p':
			conf->port = (uint16_t)strtoul(optarg, NULL, 10);
			break;
		case 'c':
			conf->connections = strtoul(optarg, NULL, 10);
			break;
		case 's':
			conf->seconds = strtod(optarg, NULL);
			break;
		case 'w':
			conf->warmup_s = strtod(optarg, NULL);
			break;
		case 't':
			conf->threads = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'r':
			conf->rate = strtod(optarg, NULL);
			break;
		case 'n':
			conf->new_connections = true;
			break;
		case 'P':
			conf->path = optarg;
			break;
		case 'b':
			conf->content_bytes = strtoul(optarg, NULL, 10);
			break;
		case 'i':
			ids = optarg;
			break;
		default:
			return false;
		}
	}
	if (optind != argc - 1 || (ids != NULL && !read_targets(conf, ids)))
		return false;
	while (mode < sizeof(mode_names) / sizeof(mode_names[0]) &&
	       strcmp(argv[optind], mode_names[mode]) != 0)
		mode++;
	conf->mode = (enum load_mode)mode;
	bool by_id = conf->mode == LOAD_STATUS || conf->mode == LOAD_RESULT ||
		     conf->mode == LOAD_CONTENT || conf->mode == LOAD_WAIT;
	return mode < sizeof(mode_names) / sizeof(mode_names[0]) && conf->port > 0 &&
	       conf->connections >= 1 && conf->connections <= CONNECTIONS_MAX &&
	       conf->threads >= 1 && conf->threads <= THREADS_MAX &&
	       conf->threads <= conf->connections && conf->seconds > 0 &&
	       conf->seconds <= SECONDS_MAX && conf->warmup_s >= 0 &&
	       conf->warmup_s <= SECONDS_MAX && conf->rate >= 0 && conf->rate <= 1e7 &&
	       strlen(conf->path) < 512 && by_id == (conf->target_count > 0);
}

static double
quantile_us(const struct load_counts *counts, double share)
{
	return (double)load_histogram_quantile(&counts->latency, share) / 1e3;
}

static void
print_counts(const struct load_conf *conf, const struct load_counts *sum)
{
	printf("{\"mode\":\"%s\",\"connections\":%zu,\"threads\":%u,\"seconds\":%.3f,"
	       "\"rate\":%.0f,\"count\":%llu,\"per_s\":%.1f,\"errors\":%llu,\"submitted\":%llu,"
	       "\"polls\":%llu,\"behind\":%llu,\"cpu_share\":%.3f,",
	    mode_names[conf->mode], conf->connections, conf->threads, sum->seconds, conf->rate,
	    (unsigned long long)sum->done, sum->per_s, (unsigned long long)sum->errors,
	    (unsigned long long)sum->submitted, (unsigned long long)sum->polls,
	    (unsigned long long)sum->behind, sum->wall_s > 0 ? sum->cpu_s / sum->wall_s : 0);
	printf("\"p50_us\":%.1f,\"p95_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,\"max_us\":%.1f,"
	       "\"first_error\":\"%s\"}\n",
	    quantile_us(sum, 0.5), quantile_us(sum, 0.95), quantile_us(sum, 0.99),
	    quantile_us(sum, 0.999), (double)sum->latency.max_ns / 1e3, sum->first_error);
}

static bool
run_threads(const struct load_conf *conf, struct job *jobs, struct load_counts *sum)
{
	bool good = true;
	unsigned started = 0;
	for (; started < conf->threads; started++) {
		jobs[started].index = started;
		jobs[started].conf = conf;
		if (pthread_create(&jobs[started].thread, NULL, thread_main, &jobs[started]) != 0)
			break;
	}
	for (unsigned i = 0; i < started; i++) {
		const struct load_counts *counts = &jobs[i].counts;
		pthread_join(jobs[i].thread, NULL);
		good = good && jobs[i].good;
		sum->done += counts->done;
		sum->per_s += counts->per_s;
		if (counts->seconds > sum->seconds)
			sum->seconds = counts->seconds;
		sum->errors += counts->errors;
		sum->submitted += counts->submitted;
		sum->polls += counts->polls;
		sum->behind += counts->behind;
		sum->cpu_s += counts->cpu_s;
		sum->wall_s += counts->wall_s;
		if (sum->first_error[0] == '\0')
			memcpy(sum->first_error, counts->first_error, sizeof(sum->first_error));
		load_histogram_add(&sum->latency, &counts->latency);
	}
	return good && started == conf->threads;
}

int
main(int argc, char *argv[])
{
	struct load_conf conf = { .connections = 1, .threads = 1, .seconds = 1, .path = "/" };
	int code = 2;
	struct job *jobs = calloc(THREADS_MAX, sizeof(*jobs));
	struct load_counts *sum = calloc(1, sizeof(*sum));
	if (jobs == NULL || sum == NULL)
		goto out;
	if (!read_options(&conf, argc, argv)) {
		fprintf(stderr, "usage: loadgen get|status|result|content|post|cycle|wait --port P "
				"[--connections C] [--seconds S] [--warmup S] [--threads T] "
				"[--rate R] [--new-connections] [--path PATH] [--bytes N] "
				"[--ids FILE]\n");
		goto out;
	}
	code = 1;
	if (run_threads(&conf, jobs, sum)) {
		print_counts(&conf, sum);
		code = 0;
	}
out:
	free(conf.targets);
	free(sum);
	free(jobs);
	return code;
}
