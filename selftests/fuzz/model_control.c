// SPDX-License-Identifier: GPL-2.0
/*
 * What the ioctls about stores and names must do.
 */
#include <ctype.h>
#include <linux/docstore_map.h>

#include "model.h"

/* What others may change meanwhile is not foreseen. */
static bool fz_foresee(const struct fz_run *run)
{
	return !run->wild && !run->lost;
}

/* The argument as it came back, if all of it did. */
bool fz_came_back(const struct fz_run *run, int ret, void *out)
{
	if (ret || run->torn || run->alias || !run->arg || run->size < run->op->type->size)
		return false;
	memcpy(out, run->arg, run->op->type->size);
	return true;
}

void fz_before_info(struct fz_run *run)
{
	(void)run;
}

void fz_after_info(struct fz_run *run, int ret)
{
	struct docstore_info out;
	if (!fz_came_back(run, ret, &out))
		return;
	if (out.abi != DOCSTORE_ABI || out.map_layout != DOCSTORE_MAP_LAYOUT || !out.workers ||
	    !out.stores || out.stores > out.max_stores || out.max_ops != DOCSTORE_MAX_OPS ||
	    out.max_batch != DOCSTORE_MAX_BATCH || out.max_document != DOCSTORE_MAX_DOCUMENT ||
	    out.max_properties != DOCSTORE_MAX_PROPERTIES ||
	    out.max_names != DOCSTORE_MAX_NAMES ||
	    out.max_partitions != DOCSTORE_MAX_PARTITIONS || out.__reserved)
		fz_find(run, "info is wrong");
}

static bool fz_name_legal(const __u8 *name)
{
	size_t len = strnlen((char *)name, DOCSTORE_STORE_NAME_SIZE), i;

	if (!len || len == DOCSTORE_STORE_NAME_SIZE || *name == '.' || *name == '-')
		return false;
	for (i = 0; i < len; i++)
		if (name[i] >= 128 || (!isalnum(name[i]) && !strchr("._-", name[i])))
			return false;
	return true;
}

void fz_before_create(struct fz_run *run)
{
	const struct docstore_store_create *arg = ARG(docstore_store_create);
	__u64 pieces = (arg->partitions ?: 1) * (2ULL << 20);

	if (!fz_name_legal(arg->name))
		fz_error_add(&run->must, EINVAL);
	if (arg->max_bytes && arg->max_bytes < pieces)
		fz_error_add(&run->must, EINVAL);
	/* The default limit, and what a partition needs beside its piece. */
	if (!arg->max_bytes || arg->max_bytes < 2 * pieces)
		fz_error_add(&run->may, EINVAL);
	if (arg->partitions >= 16)
		fz_error_add(&run->may, ENOMEM);
	if (fz_foresee(run) && fz_run_store(run, arg->name)) {
		fz_error_add(&run->must, EEXIST);
		fz_error_add(&run->may, ENOMEM);
	}
	if (!fz_foresee(run))
		fz_error_add(&run->may, EEXIST);
}

void fz_after_create(struct fz_run *run, int ret)
{
	const struct docstore_store_create *arg = ARG(docstore_store_create);

	if (ret || run->wild || run->nstores == FZ_STORES)
		return;
	run->stores[run->nstores++] = fz_store_new(arg->name, arg->partitions ?: 2,
						   arg->max_bytes);
}

/* A store that the model may have no room for. */
static bool fz_unknown_stores(const struct fz_run *run)
{
	return !fz_foresee(run) || run->nstores == FZ_STORES;
}

/* What is asked for by a name has to have one that is legal and known. */
static void fz_expect_store(struct fz_run *run, const __u8 *name)
{
	if (!fz_name_legal(name))
		fz_error_add(&run->must, EINVAL);
	else if (fz_unknown_stores(run))
		fz_error_add(&run->may, ENOENT);
	else if (!fz_run_store(run, name))
		fz_error_add(&run->must, ENOENT);
}

void fz_before_open(struct fz_run *run)
{
	fz_expect_store(run, ARG(docstore_store_open)->name);
}

void fz_after_open(struct fz_run *run, int ret)
{
	const struct docstore_store_open *arg = ARG(docstore_store_open);
	unsigned int i;

	if (ret < 0)
		return;
	if (!(fcntl(ret, F_GETFD) & FD_CLOEXEC))
		fz_find(run, "open: the descriptor is not closed on exec");
	for (i = 5; i < 10 && run->slots[i].fd >= 0; i++)
		;
	if (i == 10 || run->shared || run->torn) {
		close(ret);
		return;
	}
	run->slots[i].fd = ret;
	run->slots[i].kind = FZ_FD_STORE;
	run->slots[i].rights = arg->flags;
	run->slots[i].store = run->lost ? NULL : fz_run_store(run, arg->name);
}

void fz_before_remove(struct fz_run *run)
{
	fz_expect_store(run, ARG(docstore_store_remove)->name);
}

void fz_after_remove(struct fz_run *run, int ret)
{
	const struct docstore_store_remove *arg = ARG(docstore_store_remove);
	struct fz_store *s;

	if (ret || run->wild)
		return;
	s = fz_run_store(run, arg->name);
	if (s) {
		s->named = false;
		s->used = true;
	}
}

void fz_before_list(struct fz_run *run)
{
	const struct docstore_store_list *arg = ARG(docstore_store_list);
	__u64 count = arg->count < 4096 ? arg->count : 4096;

	if (arg->store_size > FZ_MAX_ELEMENT)
		fz_error_add(&run->must, E2BIG);
	if (!fz_memory_writable(run->memory, arg->stores, count * arg->store_size))
		fz_error_add(&run->may, EFAULT);
}

/* Is what is behind the filled part of a buffer as it was? */
void fz_check_rest(struct fz_run *run, __u64 buffer, __u64 used)
{
	const struct fz_memory *m = run->memory;
	unsigned int i;
	__u64 at;

	for (i = 0; i < m->npieces; i++) {
		const struct fz_piece *piece = &m->pieces[i];

		if (piece->kind != FZ_ROOM || ds_ptr(piece->at) != buffer)
			continue;
		for (at = used; at < piece->len && at < used + 4096; at++)
			if (piece->at[at] != piece->poison) {
				fz_find(run, "%s wrote byte %llu of a buffer, and says that it used %llu",
					run->op->name, (unsigned long long)at,
					(unsigned long long)used);
				return;
			}
	}
}

void fz_after_list(struct fz_run *run, int ret)
{
	struct docstore_store_list out;
	const struct docstore_store_list *arg = ARG(docstore_store_list);
	struct docstore_store_info info;
	__u64 cursor = arg->cursor;
	__u32 i;

	if (!fz_came_back(run, ret, &out))
		return;
	run->last[0] = out.cursor;
	if (out.count > arg->count) {
		fz_find(run, "list: %u stores in room for %u", out.count, arg->count);
		return;
	}
	for (i = 0; i < out.count; i++) {
		memcpy(&info, (void *)(uintptr_t)(arg->stores + (__u64)i * arg->store_size),
		       arg->store_size < sizeof(info) ? arg->store_size : sizeof(info));
		if (info.size != sizeof(info) || info.flags || info.__reserved ||
		    info.incarnation <= cursor || !info.partitions || (info.mode & ~0666) ||
		    !fz_name_legal(info.name) || info.bytes > info.max_bytes)
			fz_find(run, "list: store %u is wrong", i);
		cursor = info.incarnation;
	}
	if (out.cursor && out.cursor != cursor)
		fz_find(run, "list: the cursor is no store's number");
	fz_check_rest(run, arg->stores, (__u64)out.count * arg->store_size);
}

void fz_before_store_info(struct fz_run *run)
{
	(void)run;
}

void fz_after_store_info(struct fz_run *run, int ret)
{
	struct docstore_store_info out;
	const struct fz_store *s = run->fd->store;
	__u32 documents;

	if (!fz_came_back(run, ret, &out) || !s || run->wild)
		return;
	documents = fz_store_documents(s);
	if (strcmp((char *)out.name, (char *)s->name) || !out.incarnation || !out.created ||
	    out.flags || out.__reserved || out.bytes > out.max_bytes ||
	    (s->max_bytes && out.max_bytes != s->max_bytes))
		fz_find(run, "store-info is wrong");
	if (s->names_sure && out.names != s->nnames)
		fz_find(run, "store-info: %u names instead of %u", out.names, s->nnames);
	if (s->sure && out.documents != documents)
		fz_find(run, "store-info: %llu documents instead of %u",
			(unsigned long long)out.documents, documents);
	if (!s->pinned && out.bytes_snapshots)
		fz_find(run, "store-info: %llu bytes are kept for snapshots, and there are none",
			(unsigned long long)out.bytes_snapshots);
}

/* Names ------------------------------------------------------------------------ */

static __u32 fz_name_id(const struct fz_store *s, const __u8 *bytes, __u32 len)
{
	__u32 i;

	for (i = 0; i < s->nnames; i++)
		if (s->names[i].len == len && !memcmp(s->names[i].bytes, bytes, len))
			return i + 1;
	return 0;
}

static __u32 fz_name_add(struct fz_store *s, const __u8 *bytes, __u32 len)
{
	if (s->nnames == FZ_NAMES) {
		s->names_sure = false;
		return 0;
	}
	memcpy(s->names[s->nnames].bytes, bytes, len);
	s->names[s->nnames].len = len;
	return ++s->nnames;
}

/* What is expected of one name: its id, or an error. */
struct fz_intern {
	__u32 count;
	__u32 ids[];
};

static int fz_intern_one(struct fz_run *run, struct fz_store *s, const struct docstore_intern *arg,
			 __u32 i, __u32 *id)
{
	__u64 at = arg->names + (__u64)i * arg->name_size;
	const __u8 *bytes = (void *)(uintptr_t)at;
	struct docstore_name name;
	__u32 j;

	if (!fz_memory_readable(run->memory, at, arg->name_size))
		return EFAULT;
	for (j = sizeof(name); j < arg->name_size; j++)
		if (bytes[j])
			return E2BIG;
	memcpy(&name, bytes, sizeof(name));
	if (!name.len)
		return EINVAL;
	if (name.len > DOCSTORE_MAX_NAME)
		return ENAMETOOLONG;
	if (!fz_memory_readable(run->memory, name.name, name.len))
		return EFAULT;
	bytes = (void *)(uintptr_t)name.name;
	*id = fz_name_id(s, bytes, name.len);
	if (!*id && (arg->flags & DOCSTORE_INTERN_CREATE))
		*id = fz_name_add(s, bytes, name.len);
	return fz_memory_writable(run->memory, at, arg->name_size) ? 0 : EFAULT;
}

void fz_before_intern(struct fz_run *run)
{
	const struct docstore_intern *arg = ARG(docstore_intern);
	struct fz_store *s = run->fd->store;
	struct fz_intern *expect;
	int error = 0;

	if ((arg->flags & DOCSTORE_INTERN_CREATE) && !(run->fd->rights & DS_WRITE))
		fz_error_add(&run->must, EBADF);
	if (arg->name_size > FZ_MAX_ELEMENT)
		fz_error_add(&run->must, E2BIG);
	if (fz_error_any(&run->must) || run->wild)
		return;
	if (!s || s->tight || run->call->nth || run->alias) {
		run->sure = false;
		fz_error_add(&run->may, ENOSPC);
		fz_error_add(&run->may, EFAULT);
		fz_error_add(&run->may, EINVAL);
		fz_error_add(&run->may, E2BIG);
		fz_error_add(&run->may, ENAMETOOLONG);
		if (s)
			s->names_sure = false;
		return;
	}
	s->used = true;
	expect = calloc(1, sizeof(*expect) + arg->count * sizeof(expect->ids[0]));
	run->expect = expect;
	for (; expect && expect->count < arg->count && !error; expect->count++)
		error = fz_intern_one(run, s, arg, expect->count, &expect->ids[expect->count]);
	if (error) {
		expect->count--;
		fz_error_add(&run->must, error);
	}
}

void fz_after_intern(struct fz_run *run, int ret)
{
	const struct docstore_intern *arg = ARG(docstore_intern);
	const struct fz_store *s = run->fd->store;
	const struct fz_intern *expect = run->expect;
	struct docstore_intern out;
	struct docstore_name name;
	__u32 i;

	if (!expect || run->torn || run->alias || !s->names_sure || (ret == -EFAULT && !run->arg))
		return;
	/* Where it could not be written back, it is not there. */
	if (!fz_memory_writable(run->memory, run->address, run->size) ||
	    !fz_came_back(run, 0, &out))
		return;
	if (out.done != expect->count)
		fz_find(run, "intern: %u of %u are done, and should be %u", out.done, arg->count,
			expect->count);
	for (i = 0; i < out.done && i < expect->count; i++) {
		memcpy(&name, (void *)(uintptr_t)(arg->names + (__u64)i * arg->name_size),
		       sizeof(name));
		if (name.id != expect->ids[i])
			fz_find(run, "intern: id %u instead of %u", name.id, expect->ids[i]);
	}
}

void fz_before_names(struct fz_run *run)
{
	const struct docstore_names *arg = ARG(docstore_names);

	if (!fz_memory_writable(run->memory, arg->buffer, arg->buffer_len))
		fz_error_add(&run->may, EFAULT);
}

void fz_after_names(struct fz_run *run, int ret)
{
	struct docstore_names out;
	const struct docstore_names *arg = ARG(docstore_names);
	const struct fz_store *s = run->fd->store;
	struct docstore_name_record record;
	__u32 id = arg->first, at = 0, i;
	const __u8 *bytes;

	if (!fz_came_back(run, ret, &out))
		return;
	run->last[0] = out.first;
	if (out.used > arg->buffer_len || out.used & 7) {
		fz_find(run, "names: %u bytes of %u used", out.used, arg->buffer_len);
		return;
	}
	for (i = 0; i < out.count; i++, id++) {
		bytes = (void *)(uintptr_t)(arg->buffer + at);
		if (at + sizeof(record) > out.used)
			break;
		memcpy(&record, bytes, sizeof(record));
		bytes += sizeof(record);
		if (record.id != id || !record.len || record.len > DOCSTORE_MAX_NAME ||
		    at + sizeof(record) + record.len > out.used)
			break;
		if (!run->wild && s && s->names_sure &&
		    (id > s->nnames || s->names[id - 1].len != record.len ||
		     memcmp(s->names[id - 1].bytes, bytes, record.len)))
			fz_find(run, "names: %u is another name", id);
		for (at += sizeof(record) + record.len, bytes += record.len; at & 7; at++)
			if (*bytes++)
				fz_find(run, "names: something lies between names");
	}
	if (i < out.count || at != out.used || out.first != id)
		fz_find(run, "names: record %u of %u is wrong", i, out.count);
	if (!run->wild && s && s->names_sure && out.first <= s->nnames &&
	    arg->buffer_len - out.used >= ((8 + s->names[out.first - 1].len + 7) & ~7U))
		fz_find(run, "names: %u would have fit", out.first);
	fz_check_rest(run, arg->buffer, out.used);
}
