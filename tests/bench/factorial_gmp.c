/* SPDX-License-Identifier: MIT */
/*
 * n! to decimal digits by the project's code and by GMP, in turns, in one thread.
 *
 *	factorial_gmp N ROUNDS
 *
 * A round computes with each as often as it takes to fill 20 ms. The digits must agree. Prints one
 * line of JSON with the seconds that one computation took, by rounds.
 */
#include <gmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "kinds/factorial/factorial.h"

enum {
	ROUNDS_MAX = 1000,
	LEAST_US = 20000,
};

struct digits {
	char *text;
	size_t size, room;
};

static enum status
keep_digits(void *context, const char *text, size_t size, struct error *error)
{
	struct digits *digits = context;
	(void)error;
	if (size > digits->room - digits->size)
		return STATUS_NOMEM;
	memcpy(digits->text + digits->size, text, size);
	digits->size += size;
	return STATUS_OK;
}

static bool
by_project(unsigned long n, struct digits *digits)
{
	struct digit_sink sink = { .write = keep_digits, .context = digits };
	digits->size = 0;
	return factorial_decimal(n, NULL, &sink, NULL) == STATUS_OK;
}

static bool
by_gmp(unsigned long n, struct digits *digits)
{
	mpz_t value;
	mpz_init(value);
	mpz_fac_ui(value, n);
	bool fits = mpz_sizeinbase(value, 10) + 2 <= digits->room;
	if (fits)
		digits->size = strlen(mpz_get_str(digits->text, 10, value));
	mpz_clear(value);
	return fits;
}

/* Seconds of one computation; negative when it failed. */
static double
measure(bool (*compute)(unsigned long, struct digits *), unsigned long n, struct digits *digits)
{
	int64_t began_us = clock_mono_us(), took_us;
	long times = 0;
	do {
		if (!compute(n, digits))
			return -1;
		times++;
		took_us = clock_mono_us() - began_us;
	} while (took_us < LEAST_US);
	return (double)took_us / 1e6 / (double)times;
}

int
main(int argc, char *argv[])
{
	unsigned long n = argc == 3 ? strtoul(argv[1], NULL, 10) : 0;
	unsigned long rounds = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
	int code = 1;
	if (n < 1 || n > FACTORIAL_N_LIMIT || rounds < 1 || rounds > ROUNDS_MAX) {
		fprintf(stderr, "usage: factorial_gmp N ROUNDS\n");
		return 2;
	}
	struct digits ours = { .room = 8 * n + 64 }, theirs = { .room = 8 * n + 64 };
	ours.text = malloc(ours.room);
	theirs.text = malloc(theirs.room);
	if (ours.text == NULL || theirs.text == NULL)
		goto out;
	printf("{\"n\":%lu,\"rounds\":[", n);
	for (unsigned long i = 0; i < rounds; i++) {
		double gmp_s = measure(by_gmp, n, &theirs);
		double project_s = measure(by_project, n, &ours);
		if (gmp_s < 0 || project_s < 0 || ours.size != theirs.size ||
		    memcmp(ours.text, theirs.text, ours.size) != 0) {
			fprintf(
			    stderr, "factorial_gmp: %lu! differs, or could not be computed\n", n);
			goto out;
		}
		printf("%s{\"gmp_s\":%.9f,\"project_s\":%.9f}", i > 0 ? "," : "", gmp_s, project_s);
	}
	printf("],\"digits\":%zu}\n", ours.size);
	code = 0;
out:
	free(ours.text);
	free(theirs.text);
	return code;
}
