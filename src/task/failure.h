/* SPDX-License-Identifier: MIT */
/* Failure codes: the closed list in failure.def as an enum, with its words. Data only. */
#ifndef TASKQ_TASK_FAILURE_H
#define TASKQ_TASK_FAILURE_H

#include <stdbool.h>

enum failure {
	FAILURE_NONE,
#define FAILURE(constant, word, mended, meaning) FAILURE_##constant,
#include "task/failure.def"
#undef FAILURE
	FAILURE_COUNT,
};

/**
 * failure_word - the stable word, "" for FAILURE_NONE; static storage
 */
const char *failure_word(enum failure failure);

/**
 * failure_may_be_mended - whether another attempt can succeed where one failed like this
 */
bool failure_may_be_mended(enum failure failure);

/**
 * failure_meaning - one sentence for people, without a full stop; static storage
 */
const char *failure_meaning(enum failure failure);

#endif
