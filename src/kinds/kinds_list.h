/* SPDX-License-Identifier: MIT */
/*
 * The kinds that exist, one line each; kinds.c makes the table of them. Only kinds.c and the files
 * that define a kind include this: everybody else finds kinds by their type word.
 */
#ifndef TASKQ_KINDS_KINDS_LIST_H
#define TASKQ_KINDS_KINDS_LIST_H

#include "kinds/kind.h"

extern const struct kind kind_factorial; /* factorial/factorial_kind.c */
extern const struct kind kind_fetch;     /* fetch/fetch_kind.c */

#endif
