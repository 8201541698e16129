/* SPDX-License-Identifier: MIT */
/*
 * What the service will use: the settings, and what the machine has where they leave it to that.
 * Main thread alone, before any other thread exists.
 */
#ifndef TASKQ_APP_PLAN_H
#define TASKQ_APP_PLAN_H

#include <stdio.h>

#include "app/resources.h"
#include "base/status.h"
#include "conf/conf.h"
#include "kinds/kind_settings.h"

/**
 * plan_make - share out the machine by the settings; logs what came of it, and what was shrunk
 * @kinds: from settings_of_kinds; what the machine decides is filled in
 * Raises the soft descriptor limit. Returns OK, or FULL when not even the least that makes sense
 * fits.
 */
enum status plan_make(const struct conf *conf, struct kind_settings *kinds,
    struct budget *ret_budget, struct error *error) NODISCARD;

/**
 * plan_print - the same as lines of comment for people, behind --print-config
 * Errors of the stream stay in it.
 */
void plan_print(const struct conf *conf, FILE *stream);

#endif
