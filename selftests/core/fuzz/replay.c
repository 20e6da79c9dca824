// SPDX-License-Identifier: GPL-2.0
/*
 * In the place of libFuzzer, where there is none: run a target on files.
 *
 *	target FILE|FOLDER...
 *
 * Each file is named before it is read, so that the last name is that of the
 * one that did it.
 */
#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

#include "input.h"

static unsigned int files;

static void replay_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = NULL;
	size_t room = 0, len = 0, n;

	if (!f) {
		fprintf(stderr, "cannot open %s: %s\n", path, strerror(errno));
		exit(2);
	}
	do {
		room = room ? 2 * room : 4096;
		data = realloc(data, room);
		if (!data)
			exit(2);
		n = fread(data + len, 1, room - len, f);
		len += n;
	} while (len == room);
	fclose(f);
	/* To the byte: reading beyond it is seen. */
	data = realloc(data, len ? len : 1);
	printf("# %s\n", path);
	fflush(stdout);
	LLVMFuzzerTestOneInput(data, len);
	free(data);
	files++;
}

static void replay_folder(const char *path)
{
	struct dirent **entries;
	int i, n = scandir(path, &entries, NULL, alphasort);

	for (i = 0; i < n; i++) {
		char *name;

		if (entries[i]->d_name[0] != '.' &&
		    asprintf(&name, "%s/%s", path, entries[i]->d_name) > 0) {
			replay_file(name);
			free(name);
		}
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
}

int main(int argc, char **argv)
{
	struct stat st;
	int i;

	for (i = 1; i < argc; i++) {
		if (!stat(argv[i], &st) && S_ISDIR(st.st_mode))
			replay_folder(argv[i]);
		else
			replay_file(argv[i]);
	}
	printf("# %u inputs\n", files);
	return files ? 0 : 2;
}
