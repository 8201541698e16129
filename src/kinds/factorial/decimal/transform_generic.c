/* SPDX-License-Identifier: MIT */
/* The transform in plain C, for every machine, and the primes that it is done for. */
#include "kinds/factorial/decimal/transform_code.h"

const struct prime_field prime_fields[PRIMES] = {
	{ .p = PRIME_1, .root = 52204039070389.0 },
	{ .p = PRIME_2, .root = -29796429629384.0 },
	{ .p = PRIME_3, .root = 250496938765569.0 },
};

const struct transform transform_generic = TRANSFORM_OF("generic");
