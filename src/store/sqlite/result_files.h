/* SPDX-License-Identifier: MIT */
/*
 * Results above the inline limit: files results/<id>-<lease>, on disk before the row that names
 * them is committed. A file whose row was never committed, or was superseded, is an orphan; orphans
 * are removed by a sweep that goes through the directory in slices, once per run of the service.
 */
#ifndef TASKQ_STORE_SQLITE_RESULT_FILES_H
#define TASKQ_STORE_SQLITE_RESULT_FILES_H

#include <dirent.h>

#include "base/sync.h"
#include "store/sqlite/readers.h"
#include "store/store.h"

struct result_files {
	int dir_fd; /* borrowed */
	struct output_conf output_conf;
	char run_name[17];       /* of this run's spill files */
	struct readers *readers; /* borrowed */

	struct lock lock;
	DIR *sweep;     /* guarded by lock: where the sweep is; NULL when it is over or elsewhere */
	bool sweep_out; /* guarded by lock: a thread has it */
};

#define RESULT_FILE_NAME_SIZE (UUID_TEXT_LENGTH + 1 + 20 + 1)

/**
 * result_file_name / result_file_parse - the name of the file of an attempt, and back; false for a
 * name that is none
 */
void result_file_name(const char *id, int64_t lease, char ret_name[RESULT_FILE_NAME_SIZE]);
bool result_file_parse(const char *name, char ret_id[UUID_TEXT_SIZE], int64_t *ret_lease);

/**
 * result_file_is_spill - whether a name is that of a content that is being written
 */
bool result_file_is_spill(const char *name);

/**
 * result_file_is_orphan - whether nothing refers, or will ever refer, to the file of an attempt of
 * a task that is there
 */
bool result_file_is_orphan(const struct result_owner *owner, int64_t lease);

/**
 * result_files_open - begin a sweep; fails only for want of memory or descriptors
 * @dir_fd, @dir_path: of the directory; borrowed
 */
enum status result_files_open(int dir_fd, const char *dir_path, size_t inline_max_bytes,
    struct readers *readers, struct result_files *ret_files, struct error *error) NODISCARD;

void result_files_close(struct result_files *files);

/**
 * result_files_persist - put the spilled contents of completions on disk under their final names,
 * with one flush of the directory; a completion found superseded gets ret_status CONFLICT and is
 * left out. Contents that an earlier, failed call has persisted are not persisted again.
 * Returns OK; FULL (try again); IO, after which that content is gone for good; NOMEM, CORRUPT.
 */
enum status result_files_persist(struct result_files *files, struct completion *completions,
    size_t count, struct error *error) NODISCARD;

/**
 * result_files_drop_superseded - remove the files of completions whose ret_status is CONFLICT
 */
void result_files_drop_superseded(
    struct result_files *files, const struct completion *completions, size_t count);

/**
 * result_files_remove - remove the file of a task that is deleted; what cannot be is an orphan
 */
void result_files_remove(struct result_files *files, const char *id, int64_t lease);

/**
 * result_files_read - open the content of a result for reading
 * Returns OK; NOT_FOUND when the task was deleted since its row was read; IO when the file is
 * missing all the same, or has another size than the row says.
 */
enum status result_files_read(struct result_files *files, int64_t lease, struct task_result *result,
    struct error *error) NODISCARD;

/**
 * result_files_sweep - look at up to `max` entries of the directory and remove the orphans among
 * them
 * @ret_removed: how many
 * Returns OK, also when the sweep is over; IO, CORRUPT.
 */
enum status result_files_sweep(
    struct result_files *files, size_t max, int64_t *ret_removed, struct error *error) NODISCARD;

#endif
