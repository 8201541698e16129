/* SPDX-License-Identifier: MIT */
/* What has been found about a data directory, printed for people and read by scripts. Main thread.
 */
#ifndef TASKQ_APP_REPORT_H
#define TASKQ_APP_REPORT_H

#include <stdio.h>

#include "store/store_upkeep.h"

/**
 * report_print - one line per check, "VERDICT CHECK: what was found", and below it what to do,
 * where something is
 */
void report_print(const struct store_report *report, FILE *stream);

#endif
