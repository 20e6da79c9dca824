/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Owners of partitions.
 */
#ifndef _DOCSTORE_OWNER_H
#define _DOCSTORE_OWNER_H

#include <linux/types.h>

struct ds_builder;
struct ds_owned;
struct ds_part;
struct ds_request;

/* Who borrows partitions copies at most so many bytes of documents. */
#define DS_OWNER_BUDGET		(64 * 1024)

/**
 * struct ds_owner_stats - what a worker has done as an owner
 * @commits: commits
 * @parts: parts of batches that it has carried out
 * @commit_max_ns: the longest commit
 *
 * Written by the worker, read by anybody.
 */
struct ds_owner_stats {
	u64 commits;
	u64 parts;
	u64 commit_max_ns;
};

/**
 * enum ds_owner_next - what a worker is to do with a partition
 * @DS_OWNER_IDLE: give it back
 * @DS_OWNER_MORE: go on, when others had their turn
 * @DS_OWNER_HELD: nothing; it belongs to the coordinator now
 */
enum ds_owner_next {
	DS_OWNER_IDLE,
	DS_OWNER_MORE,
	DS_OWNER_HELD,
};

void ds_owner_prepare(struct ds_owned *owned);
void ds_owner_kick(struct ds_owned *owned);
void ds_owner_drain(struct ds_owned *owned);
int ds_owner_visit(struct ds_owned *owned, void (*fn)(struct ds_owned *owned, void *arg),
		   void *arg);
bool ds_owner_missing(const struct ds_owned *owned);

/* For readers. */
void ds_owner_hint(struct ds_owned *owned, u64 hash, u32 weight, bool scan);

/* For submitters. */
bool ds_owner_lend(struct ds_part *part);
bool ds_owner_may_lend(const struct ds_request *request, u32 documents, u64 bytes);
bool ds_owner_try(struct ds_owned *owned);
void ds_owner_return(struct ds_owned *owned);
struct ds_builder *ds_owner_local_builder(void);

/* For owners. */
void ds_owner_settle(struct ds_part *part, u64 now, bool hurry);
void ds_owner_rest(struct ds_owned *owned);

/* For workers. */
enum ds_owner_next ds_owner_work(struct ds_owned *owned, struct ds_builder *builder,
				 struct ds_owner_stats *stats);
void ds_owner_release(struct ds_owned *owned);

int ds_owner_cpu_online(unsigned int cpu);
int ds_owner_init(void);
void ds_owner_exit(void);

#endif /* _DOCSTORE_OWNER_H */
