/* SPDX-License-Identifier: MIT */
/*
 * Calls a fuzz target with kept inputs, one after the other, without libFuzzer, so that gcc builds
 * replay them too. Takes files and directories (one level) and fails when it finds no input, or one
 * that it cannot read.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"

#define INPUT_MAX_BYTES ((off_t)8388608)

static bool
replay_file(const char *path, off_t size)
{
	uint8_t *data = NULL;
	bool done = false;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || size > INPUT_MAX_BYTES) {
		fprintf(stderr, "%s: cannot read it, or it is too large\n", path);
		goto out;
	}
	data = malloc(size > 0 ? (size_t)size : 1);
	if (data == NULL || read(fd, data, (size_t)size) != size) {
		fprintf(stderr, "%s: cannot read it\n", path);
		goto out;
	}
	/* Written first, so that the log of an abort ends with the input at fault. */
	printf("%s\n", path);
	fflush(stdout);
	LLVMFuzzerTestOneInput(data, (size_t)size);
	done = true;
out:
	free(data);
	if (fd >= 0)
		close(fd);
	return done;
}

static bool
replay(const char *path, bool may_descend, size_t *count)
{
	struct stat st;
	struct dirent *entry;
	bool done = true;
	DIR *directory;

	if (stat(path, &st) != 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return false;
	}
	if (S_ISREG(st.st_mode)) {
		(*count)++;
		return replay_file(path, st.st_size);
	}
	if (!S_ISDIR(st.st_mode) || !may_descend)
		return true;
	directory = opendir(path);
	if (directory == NULL)
		return false;
	while ((entry = readdir(directory)) != NULL) {
		char below[PATH_MAX];

		if (entry->d_name[0] == '.')
			continue;
		if (snprintf(below, sizeof(below), "%s/%s", path, entry->d_name) >=
			(int)sizeof(below) ||
		    !replay(below, false, count))
			done = false;
	}
	closedir(directory);
	return done;
}

int
main(int argc, char *argv[])
{
	size_t count = 0;
	bool done = true;

	for (int i = 1; i < argc; i++) {
		if (!replay(argv[i], true, &count))
			done = false;
	}
	printf("%zu inputs\n", count);
	if (count == 0)
		fprintf(stderr, "no inputs found\n");
	return done && count > 0 ? 0 : 1;
}
