/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the ioctls must do: a simple store in our own memory.
 *
 * Each ioctl has a function that looks at the argument before the call, as the
 * kernel will, and says which errors must or may come of it; and one that looks
 * at what came back, and brings the model up to date.
 */
#ifndef DOCSTORE_FUZZ_MODEL_H
#define DOCSTORE_FUZZ_MODEL_H

#include "fuzz.h"

#define FZ_NAMES	128	/* names that a model knows */
#define FZ_DOCS		256	/* documents that it knows */

struct fz_prop {
	__u32 name;
	__u8 type;
	__u32 len;
	__u64 set;		/* version that set it */
	__u8 *value;
};

struct fz_doc {
	__u8 id[DOCSTORE_MAX_ID];
	__u8 id_len;
	bool exists;
	__u64 version;		/* or the last one it had */
	__u64 created;
	__u32 type;
	__u32 nprops;
	struct fz_prop *props;
};

struct fz_name {
	__u8 bytes[DOCSTORE_MAX_NAME];
	__u32 len;
};

/**
 * struct fz_store - what we know of a store
 * @name: its name
 * @named: it has not been removed
 * @sure: nobody else has changed it, and all that was done is known
 * @names_sure: the same for its names
 * @tight: its memory may be used up
 * @used: it is not as it was when it was made
 * @written: bytes that were put into it
 */
struct fz_store {
	__u8 name[DOCSTORE_STORE_NAME_SIZE];
	bool named;
	bool sure;
	bool names_sure;
	bool tight;
	bool used;
	__u32 partitions;
	__u64 max_bytes;
	__u64 written;
	__u32 nnames;
	struct fz_name names[FZ_NAMES];
	__u32 ndocs;
	struct fz_doc docs[FZ_DOCS];
};

struct fz_store *fz_store_new(const __u8 *name, __u32 partitions, __u64 max_bytes);
void fz_store_free(struct fz_store *s);
void fz_doc_free(struct fz_doc *d);
void fz_doc_clone(struct fz_doc *to, const struct fz_doc *from);
void fz_doc_clear(struct fz_doc *d);
struct fz_doc *fz_doc_find(struct fz_store *s, const __u8 *id, __u32 len);
struct fz_doc *fz_doc_get(struct fz_store *s, const __u8 *id, __u32 len);
struct fz_prop *fz_doc_prop(struct fz_doc *d, __u32 name);
struct fz_prop *fz_doc_set(struct fz_doc *d, __u32 name, __u8 type, const void *value, __u32 len);
void fz_doc_unset(struct fz_doc *d, struct fz_prop *p);
__u64 fz_doc_size(const struct fz_doc *d);
const char *fz_doc_differs(const struct fz_doc *d, const struct docstore_version *v, __u32 room);

/* What the store has, by reading all of it: it becomes what the model knows. */
void fz_store_resync(struct fz_run *run, int fd, struct fz_store *s);
/* Is all as the model has it? */
void fz_store_verify(struct fz_run *run, int fd, struct fz_store *s);
/* Delete all documents; false if the store is not as good as new. */
bool fz_store_empty(struct fz_run *run, int fd, struct fz_store *s);

struct fz_store *fz_run_store(struct fz_run *run, const __u8 *name);

bool fz_came_back(const struct fz_run *run, int ret, void *out);
void fz_check_rest(struct fz_run *run, __u64 buffer, __u64 used);

/* The argument as it was before the call. */
#define ARG(_type)	((struct _type *)run->in)

#define FZ_MODEL(name)					\
	void fz_before_##name(struct fz_run *run);	\
	void fz_after_##name(struct fz_run *run, int ret)

FZ_MODEL(info);
FZ_MODEL(create);
FZ_MODEL(open);
FZ_MODEL(remove);
FZ_MODEL(list);
FZ_MODEL(store_info);
FZ_MODEL(intern);
FZ_MODEL(names);
FZ_MODEL(submit);
FZ_MODEL(read);
FZ_MODEL(read_many);
FZ_MODEL(scan);

#endif /* DOCSTORE_FUZZ_MODEL_H */
