/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libdocstore: the state of documents. A part of libdocstore.h, which includes it.
 *
 * DOC: The state of documents
 *
 * For each document the kernel keeps flags, how it is used, how often, and when it last
 * was. ds_states_new() and ds_states_next() go over all of that in the mapping, without a
 * system call for each document, and without anybody who changes documents taking notice.
 *
 * How often a document is used is an estimate. The kernel knows of each change; of reads
 * by system calls it is told one in 64; and of reads by the mapping what is told it. This
 * library tells the kernel now and then which documents it has read there: one read in
 * 1024, together with others, at most once a second or when there are 64 of them. That
 * takes no time worth mentioning, and may be switched off, by DS_OPEN_NO_HINTS or
 * DOCSTORE_HINTS=0 in the environment; then reads by the mapping are not known.
 *
 * What flags and patterns there are says <linux/docstore_map.h>.
 */
#ifndef LIBDOCSTORE_STATE_H
#define LIBDOCSTORE_STATE_H

#ifndef LIBDOCSTORE_H
#error "include libdocstore.h"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* All states of documents of one store, one after the other. */
struct ds_states;

/**
 * struct ds_states_opts - how to look at the state of documents
 * @size: sizeof(struct ds_states_opts)
 * @hot_changes: how many uses within four seconds are hot, as enum docstore_setting says;
 *	0 for what is set for the store
 */
struct ds_states_opts {
	size_t size;
	unsigned int hot_changes;
};

/**
 * struct ds_doc_state - the state of a document
 * @size: sizeof(struct ds_doc_state), set by the caller
 * @id: its id; good until the next call
 * @version: its version number; of what is about to become visible, that
 * @bytes: its size
 * @accessed: when it was last changed, or known to be read, in seconds since 1970, to
 *	four seconds, and as if it were no longer than three days ago
 * @rate: how many uses there are each second, about. If @heat is
 *	DOCSTORE_STATE_HEAT_MASK, there may be more
 * @flags: enum docstore_state. DOCSTORE_STATE_HOT_DOCUMENT is not set any more if it was
 *	not used since as it takes
 * @pattern: enum docstore_pattern
 * @heat: samples of uses, of which older ones count for less, as of now
 * @deltas: how many operations have changed it; DOCSTORE_STAT_DELTAS_MASK, or more
 * @deleted: it was deleted, and its place is not given back yet
 */
struct ds_doc_state {
	size_t size;
	struct ds_str id;
	uint64_t version;
	uint64_t bytes;
	uint64_t accessed;
	double rate;
	unsigned int flags;
	unsigned int pattern;
	unsigned int heat;
	unsigned int deltas;
	bool deleted;
};

/**
 * ds_states_new() - begin to look at the states of all documents
 * @store: a store, not a snapshot, which stays open meanwhile
 * @opts: options, or NULL
 * @states: where they go; ds_states_free() frees it
 *
 * Return: 0; -EOPNOTSUPP if the store is not mapped; -EBADF, -ENOMEM.
 */
int ds_states_new(struct ds_store *store, const struct ds_states_opts *opts,
		  struct ds_states **states);

/**
 * ds_states_next() - the state of the next document
 * @states: as made by ds_states_new()
 * @state: where it goes; its @size is set
 *
 * A document that is there all the time comes once. They come in no order that means
 * anything.
 *
 * Return: 1; 0 if there are no more; -EINVAL if @size is none.
 */
int ds_states_next(struct ds_states *states, struct ds_doc_state *state);

/**
 * ds_states_skipped() - how much could not be looked at
 * @states: as made by ds_states_new()
 *
 * Where a place of the index changes all the time, it is left out in the end.
 *
 * Return: places that were left out until now, of two documents on the average; 0 nearly
 * always.
 */
uint64_t ds_states_skipped(const struct ds_states *states);

/**
 * ds_states_free() - free what ds_states_new() has made
 * @states: that, or NULL
 */
void ds_states_free(struct ds_states *states);

/**
 * ds_states_hot() - for which setting the rates are
 * @states: as made by ds_states_new()
 *
 * Return: as many uses within four seconds are hot; 0 if none are.
 */
unsigned int ds_states_hot(const struct ds_states *states);

#ifdef __cplusplus
}
#endif

#endif /* LIBDOCSTORE_STATE_H */
