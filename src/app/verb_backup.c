/* SPDX-License-Identifier: MIT */
/* taskqd backup DIRECTORY: the data, as they are now, in a directory of their own. Main thread. */
#include "app/copying.h"

enum verb_end
verb_backup(const struct conf *conf, const char *operand, struct error *error)
{
	return copying_run(store_backup, conf->data_dir, operand, error);
}
