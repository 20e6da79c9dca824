// SPDX-License-Identifier: GPL-2.0
/*
 * Programs that are kept, in memory and in files.
 */
#include <dirent.h>

#include "fuzz.h"

void fz_corpus_add(struct fz_corpus *c, const struct fz_program *p)
{
	if (c->count == c->room) {
		c->room = c->room ? c->room * 2 : 64;
		c->entries = realloc(c->entries, c->room * sizeof(*c->entries));
		if (!c->entries)
			abort();
	}
	memset(&c->entries[c->count], 0, sizeof(c->entries[0]));
	c->entries[c->count++].program = fz_program_dup(p);
}

int fz_program_load(struct fz_program *p, const char *path)
{
	static char text[FZ_TEXT];
	FILE *f = fopen(path, "r");
	size_t len;

	if (!f) {
		fprintf(stderr, "# %s: %s\n", path, strerror(errno));
		return -errno;
	}
	len = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[len] = 0;
	return fz_parse(p, text, path) ? 0 : -EINVAL;
}

bool fz_program_save(const struct fz_program *p, const char *path, const char *comment)
{
	static char text[FZ_TEXT];
	FILE *f = fopen(path, "w");

	if (!f) {
		fprintf(stderr, "# %s: %s\n", path, strerror(errno));
		return false;
	}
	fz_print(p, text, sizeof(text));
	fprintf(f, "# %s: GPL-2.0\n", "SPDX-License-Identifier");
	if (comment)
		fprintf(f, "# %s\n", comment);
	fputs(text, f);
	return !fclose(f);
}

static int fz_wanted(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

/* All of a folder, in the order of names. Returns how many could not be read. */
unsigned int fz_corpus_load(struct fz_corpus *c, const char *dir)
{
	static struct fz_program p;
	struct dirent **names;
	unsigned int bad = 0;
	char path[4096];
	int n, i;

	n = scandir(dir, &names, fz_wanted, alphasort);
	if (n < 0)
		return 1;
	for (i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]->d_name);
		if (!fz_program_load(&p, path))
			fz_corpus_add(c, &p);
		else
			bad++;
		free(names[i]);
	}
	free(names);
	return bad;
}
