/* SPDX-License-Identifier: MIT */
/*
 * What is wrong with a submission: a bounded list of (JSON pointer, sentence), so that one answer
 * names every fault at once. Data only; caller's memory; no allocation.
 */
#ifndef TASKQ_TASK_FAULTS_H
#define TASKQ_TASK_FAULTS_H

#include <stddef.h>

#include "base/compiler.h"

#define FAULTS_MAX 16

struct fault {
	char pointer[128]; /* RFC 6901, "" for the whole body */
	char detail[192];
};

struct faults {
	struct fault list[FAULTS_MAX];
	size_t count; /* all that were found; only the first FAULTS_MAX are kept */
};

void faults_init(struct faults *faults);

/**
 * faults_add - note one fault
 * @base:   pointer to the containing value ("", "/args"), copied as it is
 * @member: name of the member, escaped by RFC 6901 (~0, ~1) and cut to fit; NULL for @base itself
 * @fmt:    a sentence fragment, found and expected. Control characters are replaced by '?'.
 */
void faults_add(struct faults *faults, const char *base, const char *member, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

#endif
