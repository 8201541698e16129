/* SPDX-License-Identifier: MIT */
/* What backup and restore have in common: signals cancel them, and they tell what they did. */
#ifndef TASKQ_APP_COPYING_H
#define TASKQ_APP_COPYING_H

#include "app/verb.h"
#include "store/store_upkeep.h"

/**
 * copying_run - copy data from one directory to another by store_backup or store_restore, and print
 * what was copied
 * Main thread, and the only one; SIGTERM, SIGINT and SIGHUP stay blocked.
 */
enum verb_end copying_run(enum status (*copy)(const struct store_copy_conf *conf,
			      struct store_copied *ret_copied, struct error *error),
    const char *from_dir, const char *to_dir, struct error *error);

#endif
