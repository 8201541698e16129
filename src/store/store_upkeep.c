/* SPDX-License-Identifier: MIT */
/* Operators' commands, handed on to the back end; see store_upkeep.h. */
#include "store/store_upkeep.h"

#include <assert.h>

#include "store/store_backend.h"

enum status
store_audit(const char *data_dir, struct store_report *ret_report, struct error *error)
{
	assert(data_dir[0] != '\0');
	return store_backend_sqlite.audit(data_dir, ret_report, error);
}

enum status
store_backup(
    const struct store_copy_conf *conf, struct store_copied *ret_copied, struct error *error)
{
	assert(conf->from_dir[0] != '\0' && conf->to_dir[0] != '\0');
	assert(conf->is_cancelled != NULL);
	return store_backend_sqlite.backup(conf, ret_copied, error);
}

enum status
store_restore(
    const struct store_copy_conf *conf, struct store_copied *ret_copied, struct error *error)
{
	assert(conf->from_dir[0] != '\0' && conf->to_dir[0] != '\0');
	assert(conf->is_cancelled != NULL);
	return store_backend_sqlite.restore(conf, ret_copied, error);
}
