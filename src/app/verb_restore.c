/* SPDX-License-Identifier: MIT */
/* taskqd restore DIRECTORY: a backup put where data-dir says, if nothing is there. Main thread. */
#include "app/copying.h"

enum verb_end
verb_restore(const struct conf *conf, const char *operand, struct error *error)
{
	return copying_run(store_restore, operand, conf->data_dir, error);
}
