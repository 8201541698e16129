/* SPDX-License-Identifier: MIT */
/*
 * The transform for x86-64 with AVX2 and FMA, from the same source as the generic one. What is
 * defined from here on may use these instructions, so nothing here may run before the machine has
 * been asked for them, and nothing but the table leaves this file.
 */
#include "kinds/factorial/decimal/transform.h"

#ifdef __x86_64__
#	include <immintrin.h>
#	include <stddef.h>
#	include <stdint.h>
#	include <string.h>

bool
transform_avx2_runs(void)
{
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

#	ifdef __clang__
#		pragma clang attribute push( \
		    __attribute__((target("avx2,fma"))), apply_to = function)
#	else
#		pragma GCC push_options
#		pragma GCC target("avx2,fma")
#	endif
#	define LANES_AVX2
#	include "kinds/factorial/decimal/transform_code.h"
#	ifdef __clang__
#		pragma clang attribute pop
#	else
#		pragma GCC pop_options
#	endif

const struct transform transform_avx2 = TRANSFORM_OF("avx2");
#else
bool
transform_avx2_runs(void)
{
	return false;
}

const struct transform transform_avx2;
#endif
