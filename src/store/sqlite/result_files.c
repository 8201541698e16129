/* SPDX-License-Identifier: MIT */
/*
 * Result files. Callers' threads flush and rename, so that the committer never waits for a content;
 * the lock guards the sweep's place in the directory and is not held over I/O. Must not remove a
 * file whose name is not one that this program gives.
 */
#include "store/sqlite/result_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/num.h"
#include "store/sqlite/data_dir.h"

void
result_file_name(const char *id, int64_t lease, char ret_name[RESULT_FILE_NAME_SIZE])
{
	(void)snprintf(ret_name, RESULT_FILE_NAME_SIZE, "%s-%lld", id, (long long)lease);
}

bool
result_file_parse(const char *name, char ret_id[UUID_TEXT_SIZE], int64_t *ret_lease)
{
	size_t size = strlen(name);

	return size > UUID_TEXT_LENGTH + 1 && name[UUID_TEXT_LENGTH] == '-' &&
	       uuid_parse(name, UUID_TEXT_LENGTH, ret_id) &&
	       num_parse_i64(name + UUID_TEXT_LENGTH + 1, size - UUID_TEXT_LENGTH - 1, ret_lease) ==
		   STATUS_OK;
}

bool
result_file_is_spill(const char *name)
{
	return strncmp(name, "tmp-", 4) == 0;
}

bool
result_file_is_orphan(const struct result_owner *owner, int64_t lease)
{
	/* A running attempt may be about to commit; a queued one has lost its lease already. */
	if (lease != owner->lease)
		return true;
	if (task_state_is_final(owner->state))
		return owner->where != CONTENT_FILE;
	return owner->state != TASK_RUNNING;
}

static enum status
io_error(struct error *error, const char *what)
{
	int number = errno;
	bool is_full = number == ENOSPC || number == EDQUOT;

	return error_set(
	    error, is_full ? STATUS_FULL : STATUS_IO, "%s: %s", what, strerror(number));
}

enum status
result_files_open(int dir_fd, const char *dir_path, size_t inline_max_bytes,
    struct readers *readers, struct result_files *ret_files, struct error *error)
{
	uint64_t run;
	DIR *sweep;
	int fd;

	if (getrandom(&run, sizeof(run), 0) != sizeof(run))
		return io_error(error, "no randomness");
	/* A descriptor of its own: reading a directory moves its offset. */
	fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	sweep = fd == -1 ? NULL : fdopendir(fd);
	if (sweep == NULL) {
		enum status status = io_error(error, "cannot read the results directory");

		if (fd != -1)
			(void)close(fd);
		return status;
	}
	*ret_files = (struct result_files){
		.dir_fd = dir_fd,
		.output_conf = { .spill_dir = dir_path, .memory_max_bytes = inline_max_bytes },
		.readers = readers,
		.sweep = sweep,
	};
	(void)snprintf(
	    ret_files->run_name, sizeof(ret_files->run_name), "%016llx", (unsigned long long)run);
	ret_files->output_conf.run_name = ret_files->run_name;
	lock_init(&ret_files->lock, LOCK_RANK_LEAF);
	return STATUS_OK;
}

void
result_files_close(struct result_files *files)
{
	if (files->sweep != NULL)
		(void)closedir(files->sweep);
	lock_done(&files->lock);
	files->sweep = NULL;
}

/* Whether nothing refers, or will ever refer, to the file of an attempt. */
static enum status
is_orphan(struct result_files *files, const char *id, int64_t lease, bool *ret_is_orphan,
    struct error *error)
{
	struct result_owner owner;
	enum status status = read_owner(files->readers, id, &owner, error);

	if (status == STATUS_NOT_FOUND) {
		*ret_is_orphan = true;
		return STATUS_OK;
	}
	if (status != STATUS_OK)
		return status;
	*ret_is_orphan = result_file_is_orphan(&owner, lease);
	return STATUS_OK;
}

static enum status
persist_one(struct result_files *files, struct completion *completion, bool *ret_must_flush,
    struct error *error)
{
	const struct task *task = completion->task;
	struct output *output = completion->output;
	struct result_owner owner;
	char name[RESULT_FILE_NAME_SIZE];
	enum status status;

	status = read_owner(files->readers, task->id, &owner, error);
	if (status != STATUS_OK && status != STATUS_NOT_FOUND)
		return status;
	/* Renaming a superseded attempt's content into place could hit a file that is in use. */
	if (status == STATUS_NOT_FOUND || owner.lease != task->lease ||
	    owner.state != TASK_RUNNING) {
		completion->ret_status = STATUS_CONFLICT;
		return STATUS_OK;
	}
	*ret_must_flush = true;
	if (output->spill_path == NULL) /* an earlier call has done it, and failed later */
		return STATUS_OK;
	result_file_name(task->id, task->lease, name);
	/* Root may look after the service by hand, and its user must read the results afterwards.
	   Where root may not give files away either, they are its own, and no worse. */
	enum status adopted = data_dir_adopt(files->dir_fd, output->fd, name, NULL);

	(void)adopted;
	status = output_persist(output, name, error);
	/* After a failed flush the kernel may drop what it could not write, and a second flush
	   would succeed without it. So this content must never be taken for whole again. */
	if (status == STATUS_IO && output->spill_path != NULL)
		(void)unlink(output->spill_path);
	return status;
}

enum status
result_files_persist(
    struct result_files *files, struct completion *completions, size_t count, struct error *error)
{
	bool must_flush = false;

	for (size_t i = 0; i < count; i++) {
		enum status status;

		completions[i].ret_status = STATUS_OK;
		if (!output_is_spilled(completions[i].output) || completions[i].is_retried)
			continue;
		status = persist_one(files, &completions[i], &must_flush, error);
		if (status != STATUS_OK)
			return status;
	}
	if (must_flush && fsync(files->dir_fd) != 0)
		return io_error(error, "cannot flush the results directory");
	return STATUS_OK;
}

void
result_files_drop_superseded(
    struct result_files *files, const struct completion *completions, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct completion *completion = &completions[i];
		char name[RESULT_FILE_NAME_SIZE];
		bool orphan = false;

		/* One that still has its spill path was not persisted: output_done removes it. */
		if (completion_is_kept(completion) || !output_is_spilled(completion->output) ||
		    completion->output->spill_path != NULL)
			continue;
		if (is_orphan(files, completion->task->id, completion->task->lease, &orphan,
			NULL) != STATUS_OK ||
		    !orphan)
			continue;
		result_file_name(completion->task->id, completion->task->lease, name);
		(void)unlinkat(files->dir_fd, name, 0);
	}
}

void
result_files_remove(struct result_files *files, const char *id, int64_t lease)
{
	char name[RESULT_FILE_NAME_SIZE];

	result_file_name(id, lease, name);
	(void)unlinkat(files->dir_fd, name, 0);
}

/* Why a file cannot be opened that a row has named: the task may have been deleted since then. */
static enum status
explain_missing(struct result_files *files, const char *id, const char *name, struct error *error)
{
	struct result_owner owner;
	int number = errno;

	if (number == ENOENT && read_owner(files->readers, id, &owner, error) == STATUS_NOT_FOUND)
		return STATUS_NOT_FOUND;
	return error_set(
	    error, STATUS_IO, "cannot open the result file %s: %s", name, strerror(number));
}

enum status
result_files_read(
    struct result_files *files, int64_t lease, struct task_result *result, struct error *error)
{
	struct stat info;
	char name[RESULT_FILE_NAME_SIZE];
	int fd;

	result_file_name(result->status.id, lease, name);
	fd = openat(files->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd == -1)
		return explain_missing(files, result->status.id, name, error);
	if (fstat(fd, &info) != 0 || (uint64_t)info.st_size != result->bytes) {
		(void)close(fd);
		return error_set(error, STATUS_IO,
		    "the result file %s is damaged: its size is not %llu bytes", name,
		    (unsigned long long)result->bytes);
	}
	result->fd = fd;
	return STATUS_OK;
}

/* Whether a name is that of a spill file which a dead run has left. */
static bool
is_dead_spill(const struct result_files *files, const char *name)
{
	return result_file_is_spill(name) &&
	       strncmp(name + 4, files->run_name, strlen(files->run_name)) != 0;
}

/* Removes the file if it is one of ours and nothing refers to it. */
static enum status
sweep_one(struct result_files *files, const char *name, int64_t *removed, struct error *error)
{
	char id[UUID_TEXT_SIZE];
	int64_t lease = 0;
	bool orphan = false;

	if (is_dead_spill(files, name)) {
		orphan = true;
	} else if (result_file_parse(name, id, &lease)) {
		enum status status = is_orphan(files, id, lease, &orphan, error);

		if (status != STATUS_OK)
			return status;
	}
	if (orphan && unlinkat(files->dir_fd, name, 0) == 0)
		++*removed;
	return STATUS_OK;
}

/* Takes the sweep for this thread; NULL when it is over or another thread has it. */
static DIR *
sweep_take(struct result_files *files)
{
	DIR *sweep = NULL;

	lock_acquire(&files->lock);
	if (!files->sweep_out) {
		sweep = files->sweep;
		files->sweep_out = sweep != NULL;
	}
	lock_release(&files->lock);
	return sweep;
}

static void
sweep_give(struct result_files *files, DIR *sweep)
{
	lock_acquire(&files->lock);
	files->sweep = sweep;
	files->sweep_out = false;
	lock_release(&files->lock);
}

enum status
result_files_sweep(
    struct result_files *files, size_t max, int64_t *ret_removed, struct error *error)
{
	DIR *sweep = sweep_take(files);
	enum status status = STATUS_OK;
	bool is_over = false;
	int64_t removed = 0;

	for (size_t i = 0; sweep != NULL && status == STATUS_OK && i < max; i++) {
		const struct dirent *entry = readdir(sweep);

		if (entry == NULL) {
			is_over = true;
			break;
		}
		status = sweep_one(files, entry->d_name, &removed, error);
	}
	if (sweep != NULL) {
		if (is_over)
			(void)closedir(sweep);
		sweep_give(files, is_over ? NULL : sweep);
	}
	if (status == STATUS_OK)
		*ret_removed = removed;
	return status;
}
