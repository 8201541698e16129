/* SPDX-License-Identifier: MIT */
/*
 * What is wrong with a submission: a bounded list of (JSON pointer, sentence), so that one answer
 * names every fault at once. Data only; caller's memory; no allocation.
 */
#ifndef TASKQ_TASK_FAULTS_H
#define TASKQ_TASK_FAULTS_H

#include <stddef.h>

#include "base/compiler.h"

#define FAULTS_MAX         16
#define FAULTS_PREFIX_SIZE 32

struct fault {
	char pointer[128]; /* RFC 6901, "" for the whole body */
	char detail[192];
};

struct faults {
	struct fault list[FAULTS_MAX];
	size_t count; /* all that were found; only the first FAULTS_MAX are kept */
	char prefix[FAULTS_PREFIX_SIZE]; /* stands before the pointers of what is added */
};

/**
 * faults_init - no faults, no prefix
 */
void faults_init(struct faults *faults);

/**
 * faults_set_prefix - from now on what is checked is a part of the body: this pointer leads to it
 * @fmt: a pointer ("/tasks/7", or "" for the body as a whole), shorter than FAULTS_PREFIX_SIZE
 */
void faults_set_prefix(struct faults *faults, const char *fmt, ...) PRINTF_LIKE(2, 3);

/**
 * faults_add - note one fault
 * @base:   pointer from the prefix to the containing value ("", "/args"), copied as it is
 * @member: name of the member, escaped by RFC 6901 (~0, ~1) and cut to fit; NULL for @base itself
 * @fmt:    a sentence fragment, found and expected. Control characters are replaced by '?'.
 */
void faults_add(struct faults *faults, const char *base, const char *member, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

#endif
