/* SPDX-License-Identifier: MIT */
/*
 * The audit of result files. The service adds, renames and removes files all the while, so what
 * looks wrong is looked at once more: a file is there before the row that names it, and removed
 * after the row is gone. Run by the thread of an operator's command. Must not write anything.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/sqlite/audit.h"
#include "store/sqlite/result_list.h"

/* Files without a task that are looked at again in the end. The service's purge removes the files
   of up to STORE_PURGE_MAX tasks right after it has deleted them; that is waited for, but not long.
 */
#define SUSPECTS_MAX     1024
#define SUSPECT_LOOKS    20
#define SUSPECT_PAUSE_MS 50

struct needed {
	int64_t files;
	int64_t bytes;
	int64_t lost;
	char first_lost[RESULT_FILE_NAME_SIZE];
};

struct unneeded {
	int64_t orphans;
	int64_t spills;
	int64_t strangers;
	char first[NAME_MAX + 1]; /* stranger, or else orphan */
	char suspects[SUSPECTS_MAX][RESULT_FILE_NAME_SIZE];
	size_t suspect_count;
};

/* Whether a file is as its task says. */
static bool
is_as_said(const struct audit *audit, const struct listed_result *listed)
{
	struct stat info;

	return audit->dir->results_fd != -1 &&
	       fstatat(audit->dir->results_fd, listed->name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(info.st_mode) && info.st_size == listed->bytes;
}

static enum status
check_needed(struct audit *audit, const struct listed_result *listed, struct needed *needed)
{
	struct result_owner owner = { .lease = 0 };
	enum status status;

	needed->files++;
	needed->bytes += listed->bytes;
	if (is_as_said(audit, listed))
		return STATUS_OK;
	status = result_list_owner(&audit->visit.conn, listed->id, &owner, audit->error);
	if (status == STATUS_NOT_FOUND) /* purged meanwhile */
		return STATUS_OK;
	if (status != STATUS_OK)
		return status;
	if (needed->lost++ == 0)
		memcpy(needed->first_lost, listed->name, sizeof(needed->first_lost));
	return STATUS_OK;
}

static enum status
audit_needed(struct audit *audit)
{
	struct needed needed = { .files = 0 };
	struct result_list list = { .after_seq = 0 };

	do {
		enum status status = result_list_next(&list, &audit->visit.conn, audit->error);

		for (size_t i = 0; status == STATUS_OK && i < list.count; i++)
			status = check_needed(audit, &list.list[i], &needed);
		if (status != STATUS_OK)
			return status;
	} while (list.count > 0);
	if (needed.lost > 0)
		audit_tell(audit, "results", STORE_VERDICT_LOSS,
		    "bring the files back from a backup, by their names; until then whoever asks for "
		    "these results is answered 500",
		    "%lld of %lld files are missing or have another size, the first: results/%s",
		    (long long)needed.lost, (long long)needed.files, needed.first_lost);
	else
		audit_tell(audit, "results", STORE_VERDICT_OK, "",
		    "files: %lld of %lld bytes, all there", (long long)needed.files,
		    (long long)needed.bytes);
	return STATUS_OK;
}

static void
suspect(struct unneeded *unneeded, const char *id, int64_t lease)
{
	if (unneeded->suspect_count < SUSPECTS_MAX)
		result_file_name(id, lease, unneeded->suspects[unneeded->suspect_count++]);
	else
		unneeded->orphans++;
}

static enum status
check_entry(struct audit *audit, const char *name, struct unneeded *unneeded)
{
	struct result_owner owner = { .lease = 0 };
	char id[UUID_TEXT_SIZE];
	int64_t lease = 0;
	enum status status;

	if (name[0] == '.')
		return STATUS_OK;
	if (result_file_is_spill(name)) {
		unneeded->spills++;
		return STATUS_OK;
	}
	if (!result_file_parse(name, id, &lease)) {
		if (unneeded->strangers++ == 0)
			(void)snprintf(unneeded->first, sizeof(unneeded->first), "%s", name);
		return STATUS_OK;
	}
	status = result_list_owner(&audit->visit.conn, id, &owner, audit->error);
	if (status == STATUS_NOT_FOUND ||
	    (status == STATUS_OK && result_file_is_orphan(&owner, lease))) {
		suspect(unneeded, id, lease);
		return STATUS_OK;
	}
	return status;
}

/* Drops the suspects that are gone. */
static void
look_again(const struct audit *audit, struct unneeded *unneeded)
{
	size_t kept = 0;

	for (size_t i = 0; i < unneeded->suspect_count; i++) {
		struct stat info;

		if (fstatat(audit->dir->results_fd, unneeded->suspects[i], &info,
			AT_SYMLINK_NOFOLLOW) == 0)
			memmove(unneeded->suspects[kept++], unneeded->suspects[i],
			    RESULT_FILE_NAME_SIZE);
	}
	unneeded->suspect_count = kept;
}

/* Those that stay where they are, are orphans. */
static void
confirm(const struct audit *audit, struct unneeded *unneeded)
{
	look_again(audit, unneeded);
	/* Where no service can be there is none to wait for. */
	for (int i = 0; !audit->visit.is_still && unneeded->suspect_count > 0 && i < SUSPECT_LOOKS;
	     i++) {
		(void)poll(NULL, 0, SUSPECT_PAUSE_MS);
		look_again(audit, unneeded);
	}
	unneeded->orphans += (int64_t)unneeded->suspect_count;
	if (unneeded->suspect_count > 0 && unneeded->first[0] == '\0')
		memcpy(unneeded->first, unneeded->suspects[0], RESULT_FILE_NAME_SIZE);
}

static void
tell_unneeded(struct audit *audit, const struct unneeded *unneeded)
{
	if (unneeded->strangers > 0)
		audit_tell(audit, "orphans", STORE_VERDICT_NOTE,
		    "look what they are, and take them away: the service leaves them alone",
		    "%lld files in results/ are not the service's, the first: %s; %lld belong to no "
		    "task",
		    (long long)unneeded->strangers, unneeded->first, (long long)unneeded->orphans);
	else if (unneeded->orphans > 0)
		audit_tell(audit, "orphans", STORE_VERDICT_NOTE,
		    "nothing: the service removes them after its next start",
		    "%lld files in results/ belong to no task, the first: %s",
		    (long long)unneeded->orphans, unneeded->first);
	else
		audit_tell(audit, "orphans", STORE_VERDICT_OK, "",
		    "no file without its task; %lld being written, or left by a service that was "
		    "killed",
		    (long long)unneeded->spills);
}

static enum status
audit_unneeded(struct audit *audit)
{
	struct unneeded unneeded = { .orphans = 0 };
	enum status status = STATUS_OK;
	const struct dirent *entry;
	DIR *stream;
	int fd;

	/* A descriptor of its own: reading a directory moves its offset. */
	fd = audit->dir->results_fd == -1
		 ? -1
		 : openat(audit->dir->results_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 && audit->dir->results_fd == -1) {
		tell_unneeded(audit, &unneeded);
		return STATUS_OK;
	}
	stream = fd == -1 ? NULL : fdopendir(fd);
	if (stream == NULL) {
		status =
		    error_set(audit->error, STATUS_IO, "cannot read results: %s", strerror(errno));
		if (fd != -1)
			(void)close(fd);
		return status;
	}
	while (status == STATUS_OK && (entry = readdir(stream)) != NULL)
		status = check_entry(audit, entry->d_name, &unneeded);
	(void)closedir(stream);
	if (status != STATUS_OK)
		return status;
	confirm(audit, &unneeded);
	tell_unneeded(audit, &unneeded);
	return STATUS_OK;
}

enum status
audit_results(struct audit *audit)
{
	enum status status = audit_needed(audit);

	return status == STATUS_OK ? audit_unneeded(audit) : status;
}
