// SPDX-License-Identifier: GPL-2.0
/* docstore(1): reading the files of a journal, and checking them; see journal.h. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crc32c.h"
#include "journal.h"

/* --- names, and the lock ------------------------------------------------------------ */

void journal_name(char name[64], bool snapshot, uint64_t number)
{
	snprintf(name, 64, "%s-%020llu.jsonl", snapshot ? "snapshot" : "journal",
		 (unsigned long long)number);
}

bool journal_number(const char *name, bool *snapshot, uint64_t *number)
{
	char again[64], *end;

	*snapshot = !strncmp(name, "snapshot-", 9);
	if (!*snapshot && strncmp(name, "journal-", 8))
		return false;
	*number = strtoull(strchr(name, '-') + 1, &end, 10);
	journal_name(again, *snapshot, *number);
	return *number && !strcmp(again, name);
}

int journal_open(const char *path, bool create, int *code)
{
	int fd;

	*code = DONE;
	if (create && mkdir(path, 0700) && errno != EEXIST) {
		*code = fail(OTHER, "cannot make %s: %s", path, strerror(errno));
		return -1;
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		*code = fail(errno == ENOENT ? NOT_FOUND : OTHER, "cannot open %s: %s", path,
			     strerror(errno));
		return -1;
	}
	if (!flock(fd, LOCK_EX | LOCK_NB))
		return fd;
	if (errno == EWOULDBLOCK)
		*code = fail(CONDITION, "%s: another docstore journal or restore is at it", path);
	else
		*code = fail(OTHER, "cannot lock %s: %s", path, strerror(errno));
	close(fd);
	return -1;
}

bool token_is_of(const struct token *token, const struct docstore_store_info *info)
{
	return token->len && token_of(token)->incarnation == info->incarnation &&
	       token_of(token)->created == info->created;
}

static void mark_text(struct buf *buf, const char *state, const struct docstore_store_info *info)
{
	buf_printf(buf, "{\"%s\":\"%s\",\"incarnation\":%llu,\"created\":%llu}\n", state,
		   (const char *)info->name, (unsigned long long)info->incarnation,
		   (unsigned long long)info->created);
}

bool journal_restored(int dir, const char *state, const struct docstore_store_info *info)
{
	struct buf want = { 0 }, got = { 0 };
	bool same;

	mark_text(&want, state, info);
	same = !file_read(dir, "restored", &got) && got.len == want.len &&
	       !memcmp(got.data, want.data, got.len);
	buf_free(&want);
	buf_free(&got);
	return same;
}

int journal_mark(int dir, const char *state, const struct docstore_store_info *info)
{
	struct buf text = { 0 };
	int err;

	mark_text(&text, state, info);
	err = file_replace(dir, "restored", text.data, text.len, true);
	buf_free(&text);
	return err;
}

/* --- lines -------------------------------------------------------------------------- */

/**
 * struct reader - a file that is being read
 * @name: the file's
 * @file: the file
 * @line: a line
 * @room: bytes of that
 * @at: where the line begins
 * @end: where it ends
 * @crc: of all lines up to it
 * @rest: what there is a checksum of
 * @why: what is wrong with the line
 * @hole: it has bytes that nobody ever writes
 */
struct reader {
	char name[64];
	FILE *file;
	char *line;
	size_t room;
	uint64_t at;
	uint64_t end;
	uint32_t crc;
	struct ds_str rest;
	const char *why;
	bool hole;
};

static int reader_open(struct reader *r, const struct journal *j, bool snapshot, uint64_t number)
{
	int fd;

	memset(r, 0, sizeof(*r));
	r->why = "it is empty";
	journal_name(r->name, snapshot, number);
	fd = openat(j->dir, r->name, O_RDONLY | O_CLOEXEC);
	r->file = fd < 0 ? NULL : fdopen(fd, "r");
	if (r->file)
		return DONE;
	if (fd >= 0)
		close(fd);
	return fail(OTHER, "cannot read %s/%s: %s", j->path, r->name, strerror(errno));
}

static void reader_close(struct reader *r)
{
	if (r->file)
		fclose(r->file);
	free(r->line);
}

/* 1 and a whole line, 0 at the end, -EBADMSG, or another negative errno. */
static int reader_next(struct reader *r)
{
	char sum[LINE_CRC + 1];
	uint32_t crc;
	ssize_t n;

	r->at = r->end;
	errno = 0;
	n = getline(&r->line, &r->room, r->file);
	if (n < 0)
		return ferror(r->file) || errno ? -EIO : 0;
	r->end += (uint64_t)n;
	r->hole = memchr(r->line, '\0', (size_t)n) != NULL;
	r->why = "a line that was written in part";
	if (r->line[n - 1] != '\n')
		return -EBADMSG;
	r->why = "a checksum that is wrong";
	n--;
	if (n < LINE_HEAD || memcmp(r->line, "{\"crc\":\"", LINE_HEAD - LINE_CRC - 2) ||
	    memcmp(r->line + LINE_HEAD - 2, "\",", 2))
		return -EBADMSG;
	r->rest = ds_mem(r->line + LINE_HEAD, (size_t)n - LINE_HEAD);
	crc = ds_crc32c(r->crc, r->rest.data, r->rest.len);
	snprintf(sum, sizeof(sum), "%08x", (unsigned int)crc);
	if (memcmp(r->line + LINE_HEAD - LINE_CRC - 2, sum, LINE_CRC))
		return -EBADMSG;
	r->crc = crc;
	return 1;
}

/* Does nothing stand behind the line? */
static bool reader_at_end(struct reader *r)
{
	int c = getc(r->file);

	if (c == EOF)
		return true;
	ungetc(c, r->file);
	return false;
}

/* --- what stands in a line ---------------------------------------------------------- */

static bool skip(struct ds_str *s, const char *text)
{
	size_t len = strlen(text);

	if (s->len < len || memcmp(s->data, text, len))
		return false;
	*s = ds_mem((const char *)s->data + len, s->len - len);
	return true;
}

static bool take_number(struct ds_str *s, const char *before, uint64_t *n)
{
	const char *p;

	if (!skip(s, before))
		return false;
	*n = 0;
	for (p = s->data; s->len && *p >= '0' && *p <= '9'; p++, s->len--) {
		if (__builtin_mul_overflow(*n, 10, n) ||
		    __builtin_add_overflow(*n, (uint64_t)(*p - '0'), n))
			return false;
	}
	if (p == s->data)
		return false;
	s->data = p;
	return true;
}

/* Text without anything that is escaped, up to the quote. */
static bool take_text(struct ds_str *s, const char *before, struct ds_str *text)
{
	const char *end;

	if (!skip(s, before))
		return false;
	end = memchr(s->data, '"', s->len);
	if (!end)
		return false;
	*text = ds_mem(s->data, (size_t)(end - (const char *)s->data));
	*s = ds_mem(end + 1, s->len - text->len - 1);
	return true;
}

static bool take_header(struct ds_str s, bool snapshot, uint64_t number, struct journal *j,
			struct token *token)
{
	uint64_t format, n, mode, partitions, max_bytes;
	struct ds_str store, text;

	if (!skip(&s, snapshot ? "\"docstore\":\"snapshot\"" : "\"docstore\":\"journal\"") ||
	    !take_number(&s, ",\"format\":", &format) || format != JOURNAL_FORMAT ||
	    !take_number(&s, ",\"number\":", &n) || n != number ||
	    !take_text(&s, ",\"store\":\"", &store) || store.len >= sizeof(j->store) ||
	    !take_number(&s, ",\"mode\":", &mode) ||
	    !take_number(&s, ",\"partitions\":", &partitions) ||
	    !take_number(&s, ",\"max_bytes\":", &max_bytes))
		return false;
	if (!snapshot && (!take_text(&s, ",\"token\":\"", &text) || !token_read(token, text)))
		return false;
	if (!skip(&s, "}") || s.len)
		return false;
	memcpy(j->store, store.data, store.len);
	j->store[store.len] = '\0';
	j->mode = (uint32_t)mode;
	j->partitions = (uint32_t)partitions;
	j->max_bytes = max_bytes;
	return true;
}

static bool take_how(struct ds_str text, enum how *how)
{
	for (*how = 0; *how < HOWS; (*how)++) {
		if (str_is(text, how_names[*how]))
			return true;
	}
	return false;
}

static bool take_change(struct ds_str s, uint64_t *partition, uint64_t *number,
			struct journal_line *line)
{
	struct ds_str how;
	uint64_t time, bytes;

	if (!take_number(&s, "\"p\":", partition) || !take_number(&s, ",\"n\":", number) ||
	    !take_number(&s, ",\"time\":", &time) || !take_text(&s, ",\"how\":\"", &how) ||
	    !take_number(&s, ",\"bytes\":", &bytes) || !skip(&s, ",\"doc\":") || bytes > s.len ||
	    !take_how(how, &line->how))
		return false;
	line->doc = ds_mem(s.data, (size_t)bytes);
	s = ds_mem((const char *)s.data + bytes, s.len - (size_t)bytes);
	line->unset = ds_mem("", 0);
	if (skip(&s, ",\"unset\":") && s.len)
		line->unset = ds_mem(s.data, s.len - 1);
	else if (!skip(&s, "}") || s.len)
		return false;
	return true;
}

/* --- files -------------------------------------------------------------------------- */

/**
 * struct reading - a journal that is being read
 * @j: the journal
 * @r: the file
 * @visit: what to do with lines
 * @arg: for @visit
 * @index: number of the next line
 * @synced_number: the segment up to which all was on the disk
 * @synced_at: and up to which byte of it
 */
struct reading {
	struct journal *j;
	struct reader r;
	journal_visit_fn *visit;
	void *arg;
	uint64_t index;
	uint64_t synced_number;
	uint64_t synced_at;
};

static int damaged(const struct reading *rd, const char *why)
{
	return fail(BAD_DATA, "%s/%s: byte %llu: %s", rd->j->path, rd->r.name,
		    (unsigned long long)rd->r.at, why);
}

static int unreadable(const struct reading *rd, int err)
{
	return fail(OTHER, "cannot read %s/%s: %s", rd->j->path, rd->r.name, strerror(-err));
}

/* Where "status" says that all is on the disk. */
static void read_status(struct reading *rd)
{
	struct buf buf = { 0 };
	struct ds_str s;

	if (!file_read(rd->j->dir, "status", &buf)) {
		s = ds_mem(buf.data, buf.len);
		if (!take_number(&s, "{\"segment\":", &rd->synced_number) ||
		    !take_number(&s, ",\"offset\":", &rd->synced_at))
			rd->synced_number = 0;
	}
	buf_free(&buf);
}

static int visit(struct reading *rd, struct journal_line *line)
{
	line->index = rd->index++;
	return rd->visit ? rd->visit(line, rd->arg) : DONE;
}

/* All of a snapshot, which must be whole. */
static int read_snapshot(struct reading *rd, uint64_t number)
{
	uint64_t count = 0, end;
	struct token token;
	struct ds_str s, text;
	int code = DONE, ret;

	ret = reader_next(&rd->r);
	if (ret > 0 && !take_header(rd->r.rest, true, number, rd->j, NULL))
		return damaged(rd, "it does not say that this is a snapshot");
	while (!code && ret > 0 && (ret = reader_next(&rd->r)) > 0) {
		struct journal_line line = { .document = true, .how = HOW_CREATED };

		s = rd->r.rest;
		if (skip(&s, "\"doc\":") && s.len) {
			line.doc = ds_mem(s.data, s.len - 1);
			count++;
			code = visit(rd, &line);
			continue;
		}
		if (!take_number(&s, "\"end\":", &end) || end != count ||
		    !take_text(&s, ",\"token\":\"", &text) || !token_read(&token, text) ||
		    !reader_at_end(&rd->r))
			return damaged(rd, "neither a document nor a proper end");
		rd->j->token = token;
		return DONE;
	}
	if (code)
		return code;
	if (!ret)
		return damaged(rd, "the end of the snapshot is missing");
	return ret == -EBADMSG ? damaged(rd, rd->r.why) : unreadable(rd, ret);
}

/* Are two tokens of the same store, and does the journal go on there without a gap? */
static bool follows(const struct token *at, const struct token *header)
{
	uint32_t i;

	if (at->len != header->len || token_of(at)->incarnation != token_of(header)->incarnation ||
	    token_of(at)->created != token_of(header)->created)
		return false;
	for (i = 0; i < token_of(at)->partitions; i++) {
		if (token_of(header)->next[i] > token_of(at)->next[i])
			return false;
	}
	return true;
}

static int read_change(struct reading *rd)
{
	struct journal_line line = { 0 };
	uint64_t partition, number;
	__u64 *next;

	if (!take_change(rd->r.rest, &partition, &number, &line) ||
	    partition >= token_of(&rd->j->token)->partitions)
		return damaged(rd, "a line that is no change");
	next = &token_of(&rd->j->token)->next[partition];
	if (number > *next)
		return damaged(rd, "changes before this one are missing");
	if (number < *next)
		return DONE;
	(*next)++;
	return visit(rd, &line);
}

/*
 * A line is damaged. Only what was being written when all stopped may be: the last line, or
 * one with a hole in it, which file systems leave where blocks came to the disk in another
 * order; and only if it was never said to be there.
 */
static int torn_or_damaged(struct reading *rd, uint64_t number, bool last)
{
	struct journal *j = rd->j;
	bool synced = number < rd->synced_number ||
		      (number == rd->synced_number && rd->r.at < rd->synced_at);
	bool torn = last && !synced && (rd->r.hole || reader_at_end(&rd->r));

	if (!torn)
		damaged(rd, synced ? "what was on the disk is damaged" : rd->r.why);
	if (!torn && !j->salvage)
		return BAD_DATA;
	j->torn = true;
	strcpy(j->torn_name, rd->r.name);
	j->torn_at = rd->r.at;
	return DONE;
}

static int read_segment(struct reading *rd, uint64_t number, bool last)
{
	struct token header;
	int code = DONE, ret;

	ret = reader_next(&rd->r);
	if (ret > 0 && !take_header(rd->r.rest, false, number, rd->j, &header))
		return damaged(rd, "it does not say that this is a segment of a journal");
	if (ret > 0 && !follows(&rd->j->token, &header))
		return damaged(rd, "it does not go on where the one before it ends");
	while (!code && ret > 0 && (ret = reader_next(&rd->r)) > 0)
		code = read_change(rd);
	rd->j->bytes += rd->r.at;
	if (code)
		return code;
	/* Of a file that is empty not even the header was written. */
	if (ret == -EBADMSG || (!ret && !rd->r.end))
		return torn_or_damaged(rd, number, last);
	if (ret)
		return unreadable(rd, ret);
	rd->r.at = rd->r.end;
	if (number == rd->synced_number && rd->r.end < rd->synced_at) {
		rd->r.why = "what was on the disk is missing from here on";
		return torn_or_damaged(rd, number, false);
	}
	return DONE;
}

DIR *journal_list(int dir)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), err;
	DIR *list = fd < 0 ? NULL : fdopendir(fd);

	if (!list && fd >= 0) {
		err = errno;
		close(fd);
		errno = err;
	}
	return list;
}

/* The newest snapshot, and the last segment; both 0 if there are none. */
static int find_files(const struct journal *j, uint64_t *first, uint64_t *last)
{
	DIR *dir = journal_list(j->dir);
	struct dirent *entry;
	bool snapshot;
	uint64_t n;

	*first = 0;
	*last = 0;
	if (!dir)
		return fail(OTHER, "cannot read %s: %s", j->path, strerror(errno));
	while ((entry = readdir(dir))) {
		if (!journal_number(entry->d_name, &snapshot, &n))
			continue;
		if (snapshot && n > *first)
			*first = n;
		if (!snapshot && n > *last)
			*last = n;
	}
	closedir(dir);
	return DONE;
}

int journal_read(struct journal *j, journal_visit_fn *fn, void *arg)
{
	struct reading rd = { .j = j, .visit = fn, .arg = arg };
	uint64_t first, last, n;
	int code;

	j->torn = false;
	j->token.len = 0;
	j->bytes = 0;
	code = find_files(j, &first, &last);
	if (code)
		return code;
	j->last = last > first ? last : first;
	if (!first)
		return last ? fail(BAD_DATA, "%s: there are changes and no documents", j->path) :
			      NOT_FOUND;
	read_status(&rd);
	code = reader_open(&rd.r, j, true, first);
	if (!code)
		code = read_snapshot(&rd, first);
	reader_close(&rd.r);
	for (n = first; !code && !j->torn && n <= last; n++) {
		code = reader_open(&rd.r, j, false, n);
		if (!code)
			code = read_segment(&rd, n, n == last);
		reader_close(&rd.r);
	}
	if (!code && !j->torn && rd.synced_number > j->last)
		code = fail(BAD_DATA, "%s: segment %llu, which was on the disk, is missing",
			    j->path, (unsigned long long)rd.synced_number);
	return code;
}
