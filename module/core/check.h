/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Checks: is a partition what it has to be between commits?
 *
 * A check goes through all of a partition, a slice at a time, while commits go on in
 * between. It allocates nothing and follows nothing that it has not looked at before,
 * so that it comes to an end in a partition that is broken.
 */
#ifndef _DOCSTORE_CORE_CHECK_H
#define _DOCSTORE_CORE_CHECK_H

#include <linux/types.h>

#include "partition.h"

/* Validators of a partition, in the order of their table. */
enum ds_validator_number {
	DS_VALIDATOR_INDEX,
	DS_VALIDATOR_FLAGS,
	DS_VALIDATOR_VERSIONS,
	DS_VALIDATOR_ARENA,
	DS_VALIDATOR_PAST,
	DS_VALIDATOR_ACCOUNTING,
	DS_VALIDATORS,
};

/**
 * enum ds_rule - what was broken; the upper half of a finding's place
 * @DS_RULE_DIRECTORY: the directory leads to no segment. Where: number of the bucket
 * @DS_RULE_CHAIN: an overflow bucket lies in no block in use. Where: the bucket
 * @DS_RULE_CHAIN_END: a chain of buckets is too long. Where: the bucket
 * @DS_RULE_EMPTY: a slot without a version has a state. Where: the bucket
 * @DS_RULE_REF: a slot's version lies in no block in use. Where: the bucket
 * @DS_RULE_TAG: a slot's tag is another document's. Where: the bucket
 * @DS_RULE_BUCKET: a document is in a wrong bucket. Where: the bucket
 * @DS_RULE_TWICE: a document is there twice. Where: the bucket
 * @DS_RULE_FLAGS: a document's flags. Where: the bucket
 * @DS_RULE_HEADER: a version's lengths or flags. Where: the version
 * @DS_RULE_VALUES: where its values end, or their types. Where: the version
 * @DS_RULE_SEQ: the commit that published it. Where: the version
 * @DS_RULE_PREV: its predecessor lies in no block in use. Where: the version
 * @DS_RULE_PREV_SEQ: its predecessor is not older. Where: the version
 * @DS_RULE_PREV_VERSION: its predecessor's version number. Where: the version
 * @DS_RULE_PREV_ID: its predecessor is another document's. Where: the version
 * @DS_RULE_DOCUMENTS: a counter: documents
 * @DS_RULE_DOCUMENT_BYTES: bytes of their newest versions
 * @DS_RULE_SLOTS: slots in use
 * @DS_RULE_INDEX_BYTES: memory of the index
 * @DS_RULE_USED_BYTES: memory in use
 * @DS_RULE_FREE_PAGES: pages in no span
 * @DS_RULE_RETIRED_BYTES: memory retired
 * @DS_RULE_PAST_BYTES: memory kept for pins
 * @DS_RULE_CHUNK: a chunk's number, or its free pages. Where: the chunk
 * @DS_RULE_RUN: a run's header. Where: the run's first page, counted through
 * @DS_RULE_RUN_PAGES: pages of a run that are not marked as its own. Where: likewise
 * @DS_RULE_FREE_LIST: a run's list of free blocks. Where: likewise
 * @DS_RULE_PARTIAL: a run is in its class's list, or is not. Where: likewise
 * @DS_RULE_SPARES: blocks that were freed lately
 * @DS_RULE_RETIRED: a list of retired blocks. Where: its place among them
 * @DS_RULE_KEPT: what is kept for a pin lies in no block in use. Where: the version
 * @DS_RULE_KEPT_COUNT: how much is kept for a pin. Where: the pin's place among them
 * @DS_RULE_KEPT_BYTES: the bytes of that. Where: likewise
 */
enum ds_rule {
	DS_RULE_DIRECTORY = 1,
	DS_RULE_CHAIN,
	DS_RULE_CHAIN_END,
	DS_RULE_EMPTY,
	DS_RULE_REF,
	DS_RULE_TAG,
	DS_RULE_BUCKET,
	DS_RULE_TWICE,
	DS_RULE_FLAGS = 16,
	DS_RULE_HEADER = 32,
	DS_RULE_VALUES,
	DS_RULE_SEQ,
	DS_RULE_PREV,
	DS_RULE_PREV_SEQ,
	DS_RULE_PREV_VERSION,
	DS_RULE_PREV_ID,
	DS_RULE_DOCUMENTS = 48,
	DS_RULE_DOCUMENT_BYTES,
	DS_RULE_SLOTS,
	DS_RULE_INDEX_BYTES,
	DS_RULE_USED_BYTES,
	DS_RULE_FREE_PAGES,
	DS_RULE_RETIRED_BYTES,
	DS_RULE_PAST_BYTES,
	DS_RULE_CHUNK = 64,
	DS_RULE_RUN,
	DS_RULE_RUN_PAGES,
	DS_RULE_FREE_LIST,
	DS_RULE_PARTIAL,
	DS_RULE_SPARES,
	DS_RULE_RETIRED,
	DS_RULE_KEPT = 80,
	DS_RULE_KEPT_COUNT,
	DS_RULE_KEPT_BYTES,
};

/**
 * struct ds_finding - what is not as it should be
 * @validator: enum ds_validator_number
 * @rule: enum ds_rule
 * @where: see there
 * @is: what was found
 * @should: what should have been
 * @repaired: it was repaired
 */
struct ds_finding {
	u32 validator;
	u32 rule;
	u32 where;
	u64 is;
	u64 should;
	bool repaired;
};

/**
 * struct ds_kept_walk - how far the check of a pin's list has come
 * @pin: the pin, to be compared and not to be followed: it may be gone
 * @seq: what it sees, and
 * @head: the first that is kept for it, by which it is known again
 * @ref: the next one to be looked at
 * @left: how many are left of those that were there in the beginning
 * @left_bytes: and of their bytes
 */
struct ds_kept_walk {
	const struct ds_pin *pin;
	u64 seq;
	u32 head;
	u32 ref;
	u32 left;
	u64 left_bytes;
};

/**
 * struct ds_check - a check of one partition
 * @repair: repair what can be
 * @found: called by the owner for each finding; may not sleep
 * @private: for @found
 * @documents: documents that were looked at
 * @blocks: runs, buckets and versions that were looked at
 * @findings: findings
 * @repaired: how many of them were repaired
 * @walk: what it goes through now, enum ds_walk
 * @at: how far it has come there
 * @work: what is left of the slice
 * @unsound: what was found makes what was counted good for nothing
 * @kept: how far it has come in the list of a pin
 *
 * For the partition's owner from ds_check_begin() until ds_check_slice() returns
 * false.
 */
struct ds_check {
	bool repair;
	void (*found)(struct ds_check *check, const struct ds_finding *finding);
	void *private;
	u64 documents;
	u64 blocks;
	u64 findings;
	u64 repaired;
	u32 walk;
	u64 at;
	s32 work;
	bool unsound;
	struct ds_kept_walk kept;
};

/* How much a slice looks at, in documents, so that commits hardly notice. */
#define DS_CHECK_SLICE		64

/* For the owner, between commits. */
void ds_check_begin(struct ds_partition *p, struct ds_check *check);
bool ds_check_slice(struct ds_partition *p, struct ds_check *check, u32 work);

/* For anybody. */
const char *ds_validator_name(u32 validator);

/**
 * struct ds_check_block - a block in use, which was looked up with care
 * @chunk: its chunk
 * @run: its run
 * @size: bytes of the block
 */
struct ds_check_block {
	struct ds_chunk *chunk;
	struct ds_run *run;
	u32 size;
};

/* Between the files of the check. */
void ds_check_report(struct ds_check *check, const struct ds_finding *finding);
bool ds_check_find_block(const struct ds_arena *arena, u32 ref, struct ds_check_block *block);
bool ds_check_arena_step(struct ds_partition *p, struct ds_check *check);
void ds_check_arena_end(struct ds_partition *p, struct ds_check *check);
bool ds_check_version(struct ds_partition *p, struct ds_check *check, u32 ref, u32 room);
void ds_check_predecessors(struct ds_partition *p, struct ds_check *check, u32 ref);
bool ds_check_past_step(struct ds_partition *p, struct ds_check *check);
u64 ds_check_kept_bytes(struct ds_partition *p);

static inline void ds_check_found(struct ds_check *check, u32 validator, u32 rule, u32 where,
				  u64 is, u64 should)
{
	struct ds_finding finding = {
		.validator = validator,
		.rule = rule,
		.where = where,
		.is = is,
		.should = should,
	};

	ds_check_report(check, &finding);
}

#endif /* _DOCSTORE_CORE_CHECK_H */
