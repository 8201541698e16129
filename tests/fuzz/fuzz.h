/* SPDX-License-Identifier: MIT */
/*
 * What a fuzz target defines. libFuzzer calls it with its own inputs, replay.c with kept ones.
 */
#ifndef TASKQ_FUZZ_H
#define TASKQ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Unlike assert it is there in every build, and says which property does not hold. */
#define FUZZ_REQUIRE(property)                                                                 \
	do {                                                                                   \
		if (!(property)) {                                                             \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #property); \
			abort();                                                               \
		}                                                                              \
	} while (0)

/**
 * LLVMFuzzerTestOneInput - try one input; abort when it shows a fault
 * @data: in an allocation of exactly `size` bytes, so that AddressSanitizer sees a read past it
 * Keeps nothing between two calls. Returns 0.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
