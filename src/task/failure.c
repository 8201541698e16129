/* SPDX-License-Identifier: MIT */
/* The words and meanings of the failure codes, from failure.def. Pure functions, any thread. */
#include "task/failure.h"

#include <assert.h>

static const char *const words[FAILURE_COUNT] = {
	[FAILURE_NONE] = "",
#define FAILURE(constant, word, mended, meaning) [FAILURE_##constant] = (word),
#include "task/failure.def"
#undef FAILURE
};

static const char *const meanings[FAILURE_COUNT] = {
	[FAILURE_NONE] = "",
#define FAILURE(constant, word, mended, meaning) [FAILURE_##constant] = (meaning),
#include "task/failure.def"
#undef FAILURE
};

static const bool may_be_mended[FAILURE_COUNT] = {
#define FAILURE(constant, word, mended, meaning) [FAILURE_##constant] = (mended),
#include "task/failure.def"
#undef FAILURE
};

bool
failure_may_be_mended(enum failure failure)
{
	assert(failure < FAILURE_COUNT);
	return may_be_mended[failure];
}

const char *
failure_word(enum failure failure)
{
	assert(failure < FAILURE_COUNT);
	return words[failure];
}

const char *
failure_meaning(enum failure failure)
{
	assert(failure < FAILURE_COUNT);
	return meanings[failure];
}
