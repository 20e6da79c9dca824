/* SPDX-License-Identifier: GPL-2.0 */
/*
 * docstore(1): a journal, which keeps a store over a reboot.
 *
 * DOC: The files of a journal
 *
 * A journal is a directory. snapshot-N.jsonl has all documents of some moment,
 * journal-N.jsonl and those behind it what was changed from before that moment on. All are
 * JSON Lines. Each line begins with "crc", the CRC-32C of what stands behind the comma that
 * follows it, up to the newline and without that, and of the same of all lines before it in
 * the file: so a line that is missing is noticed as well as one that was changed.
 *
 * The first line of a file says what it is. Then, in a snapshot, follow documents as docstore
 * export writes them, and a last line with their number and the token where changes go on; a
 * snapshot gets its name when all of that is on the disk. In a segment follow changes: with
 * the partition "p" and the number "n" there, what has happened ("how"), the document with
 * those properties that were set, and those that were removed. Of one partition the numbers
 * have no gaps, and those that the snapshot has seen already don't count.
 *
 *	how		the document
 *	created		did not exist before
 *	set		has these properties changed
 *	cleared		has these properties only
 *	replaced	was deleted and made again
 *	deleted		does not exist any more
 *	read		was too large a change; it was read, later, and had this version by then
 *	gone		the same, but it did not exist any more by then
 *
 * "status" says up to where all is on the disk. "restored" names the store that the journal
 * was restored to last. Directories named kept-N have what would have been replaced by the
 * documents of a store that has nothing to do with it.
 */
#ifndef DOCSTORE_JOURNAL_H
#define DOCSTORE_JOURNAL_H

#include <dirent.h>
#include "follow.h"

#define JOURNAL_FORMAT	1

/* What stands before that of which there is a checksum. */
#define LINE_CRC	8
#define LINE_HEAD	18

enum how { HOW_CREATED, HOW_SET, HOW_CLEARED, HOW_REPLACED, HOW_DELETED, HOW_READ, HOW_GONE, HOWS };

extern const char * const how_names[HOWS];

/* --- writing: journal_write.c ------------------------------------------------------ */

/**
 * struct journal_file - a file that is being written
 * @dir: the journal's directory
 * @fd: the file, or -1
 * @crc: of all lines
 * @offset: bytes of all lines
 * @buf: lines that were not written yet
 */
struct journal_file {
	int dir;
	int fd;
	uint32_t crc;
	uint64_t offset;
	struct buf buf;
};

/* All return 0 or a negative errno. */
int journal_create(struct journal_file *file, int dir, const char *name);
int journal_flush(struct journal_file *file);
int journal_sync(struct journal_file *file);
int journal_close(struct journal_file *file);

void journal_put_header(struct journal_file *file, bool snapshot, uint64_t number,
			const struct docstore_store_info *info, const struct token *token);
int journal_put_document(struct journal_file *file, struct ds_store *store,
			 const struct ds_doc *doc);
void journal_put_end(struct journal_file *file, uint64_t count, const struct token *token);
int journal_put_change(struct journal_file *file, struct ds_store *store,
		       const struct ds_record *record);

/* --- reading: journal_read.c ------------------------------------------------------- */

/**
 * struct journal_line - a line of a document or a change
 * @index: its number, among those that are visited
 * @document: it is of a snapshot
 * @how: what has happened
 * @doc: the document, as JSON
 * @unset: the object whose keys are the properties that were removed; of length 0 for none
 */
struct journal_line {
	uint64_t index;
	bool document;
	enum how how;
	struct ds_str doc;
	struct ds_str unset;
};

typedef int journal_visit_fn(const struct journal_line *line, void *arg);

/**
 * struct journal - what was read of a journal
 * @path: of its directory, for messages
 * @dir: its directory
 * @salvage: take what stands before damage
 * @last: number of the last segment; 0 if there is no journal
 * @store: name of the store
 * @mode: its mode
 * @partitions: number of its partitions
 * @max_bytes: its limit
 * @token: where the journal ends
 * @bytes: of all segments
 * @torn: the last line was written in part
 * @torn_name: in this file
 * @torn_at: from this byte on
 */
struct journal {
	const char *path;
	int dir;
	bool salvage;
	uint64_t last;
	char store[DOCSTORE_STORE_NAME_SIZE];
	uint32_t mode;
	uint32_t partitions;
	uint64_t max_bytes;
	struct token token;
	uint64_t bytes;
	bool torn;
	char torn_name[64];
	uint64_t torn_at;
};

void journal_name(char name[64], bool snapshot, uint64_t number);
/* The files of a directory, for closedir(); NULL if they can't be had, and errno says why. */
DIR *journal_list(int dir);
bool journal_number(const char *name, bool *snapshot, uint64_t *number);

/* Open and lock a directory: a descriptor, or -1 and it was said. */
int journal_open(const char *path, bool create, int *code);

/*
 * Read all of a journal, whose @path, @dir and @salvage are set, and check it. @visit may
 * be NULL. Returns an exit code, and what is wrong was said: NOT_FOUND if there is none.
 */
int journal_read(struct journal *journal, journal_visit_fn *visit, void *arg);

/* Is a token of this store? */
bool token_is_of(const struct token *token, const struct docstore_store_info *info);

/* Is it the store that the journal was restored to, as "restored" says? */
bool journal_restored(int dir, const char *state, const struct docstore_store_info *info);
int journal_mark(int dir, const char *state, const struct docstore_store_info *info);

#endif /* DOCSTORE_JOURNAL_H */
