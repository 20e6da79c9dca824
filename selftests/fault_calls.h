/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a call into docstore with a fault in it begins with, and what there must
 * be after it; and the calls about stores, names and reading. For each call there
 * are up to three functions. One prepares it; one makes it, and nothing else,
 * since faults are injected meanwhile; and one, which gets what it has returned,
 * sees whether that is true, and cleans up.
 */
#ifndef DOCSTORE_FAULT_CALLS_H
#define DOCSTORE_FAULT_CALLS_H

#include "fault_inject.h"
#include "fault_model.h"
#include "snapshot.h"
#include "sysfs.h"

#define PARTITIONS	3
#define EXISTING	24		/* of MODEL_DOCS, at the beginning */
#define PROPS		4
#define NAMES		5		/* interned at a time */
#define NAME_LEN	12
#define VALUE		(1 << 20)
#define SITES		3000		/* surely less */
#define MIB		(1ULL << 20)
#define ANSWER		4096

struct fault {
	struct fault_inject inject;
	struct ds_store store;
	struct model model;
	int p[PROPS];
	__u8 *value;			/* VALUE bytes */
	unsigned int round;

	/* What there must be after a call. */
	__u32 stores;
	int references, references_before;
	__u32 names;
	__u64 bytes, name_bytes;
	const struct docstore_map_store *head;
	__u64 names_pages;		/* of names, when @bytes was taken down */

	/* For the call at hand. */
	struct ds_store extra;		/* a store for this call alone */
	struct model fresh;		/* and what it holds */
	struct model frozen;		/* what a snapshot has */
	struct model *target;
	struct docstore_op ops[48];
	__u32 count, flags;
	int fd;
	struct docstore_name items[NAMES];
	char name[NAMES][NAME_LEN + 1];
	__u32 done, fit;
	struct docstore_read_item many[EXISTING];
	__u8 *out;			/* VALUE bytes */
	__u32 out_len;
	__u64 id;			/* of a snapshot */
	void *page;			/* mapping of one */
	struct docstore_coordinator before;
	bool followed;			/* the store has backlogs */
	__u64 bytes_before;		/* of a store that has none */
	__u64 backlog_bytes;		/* of all of a store's backlogs */
	unsigned int lend;		/* what the module lends if nothing is said */
	bool injected;
	bool rest;			/* and all that follows, whoever does it */
	bool elsewhere;			/* another thread may have failed in its place */

	/* What came of all calls. */
	unsigned int sites, calls, failed;
};

/* Cleaning up, and looking what is there; no faults are injected then. ------ */

static int check_references(int expected)
{
	int n = references_become(expected, 10);

	return n == expected ? 0 : ds_broken("%d references to the module, not %d", n, expected);
}

/* Names are mapped, in pages that are counted as they are needed. */
static __u64 names_pages(const struct fault *f)
{
	return (f->head->names_used + 4095) / 4096;
}

/* A page may be there before the first name in it is, which was refused then. */
static bool bytes_right(const struct fault *f, __u64 bytes)
{
	__u64 right = f->bytes + (names_pages(f) - f->names_pages) * 4096;

	return bytes == right || (bytes == right + 4096 && f->head->names_used % 4096 > 4000);
}

/* How many snapshots a store has, when those that were closed are looked through. */
static int snapshots_become(int fd, int expected)
{
	struct docstore_snapshot_info infos[4];
	__u64 end = ds_now() + 30 * DS_SECOND, cursor;
	int n;

	do {
		cursor = 0;
		n = ds_snapshot_list(fd, infos, ARRAY_SIZE(infos), &cursor);
		if (n < 0 || n == expected)
			return n < 0 ? n : 0;
		usleep(1000);
	} while (ds_now() < end);
	return ds_broken("%d snapshots, not %d", n, expected);
}

static int check(struct fault *f)
{
	struct docstore_store_info info;
	struct docstore_info all;
	int ret;

	ret = model_check(&f->model) ?: snapshots_become(f->store.fd, 0);
	if (ret)
		return ret;
	ret = ds_store_info(f->store.fd, &info) ?: ds_info(f->store.control, &all);
	if (ret)
		return ret;
	if (info.documents != model_count(&f->model) ||
	    info.bytes_documents != model_bytes(&f->model))
		return ds_broken("%llu documents of %llu bytes, not %u of %llu",
				 info.documents, info.bytes_documents,
				 model_count(&f->model), model_bytes(&f->model));
	if (info.names != f->names)
		return ds_broken("%u names, not %u", info.names, f->names);
	if (info.bytes_snapshots)
		return ds_broken("%llu bytes are kept for no snapshot", info.bytes_snapshots);
	if (!bytes_right(f, info.bytes))
		return ds_broken("the store takes %llu bytes, not %llu",
				 info.bytes, f->bytes);
	if (all.stores != f->stores)
		return ds_broken("%u stores, not %u", all.stores, f->stores);
	return check_references(f->references);
}

static int extra_begin(struct fault *f, __u32 partitions, __u64 max_bytes)
{
	int i, ret = ds_store_begin(&f->extra, "extra", partitions, max_bytes);

	if (ret)
		return ret;
	for (i = 0; i < PROPS; i++) {
		char name[2] = { 'a' + i };

		if (ds_prop_id(f->extra.fd, name) != f->p[i])
			return ds_broken("other names in another store");
	}
	model_reset(&f->fresh, f->extra.fd);
	f->target = &f->fresh;
	return 0;
}

static int extra_end(struct fault *f)
{
	model_reset(&f->fresh, -1);
	return ds_store_end(&f->extra);
}

/* Is there a store of the call's? */
static bool extra_exists(struct fault *f)
{
	int fd = ds_open(f->store.control, f->extra.name, DS_RW);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

/* Operations ---------------------------------------------------------------- */

static const char *id_of(struct fault *f, unsigned int doc)
{
	return f->target->docs[doc].id;
}

static void put(struct fault *f, struct docstore_op op)
{
	if (f->count == ARRAY_SIZE(f->ops))
		abort();
	f->ops[f->count++] = op;
}

/* A value that no other round has, also where it is long. */
static struct docstore_op set_value(struct fault *f, unsigned int doc, int p,
				    __u32 len)
{
	__u8 *value = f->value + doc % 16 * 16;

	memcpy(value, &f->round, sizeof(f->round));
	memcpy(value + len - sizeof(f->round), &f->round, sizeof(f->round));
	return ds_set_bytes(id_of(f, doc), f->p[p], value, len);
}

static int have(struct fault *f, unsigned int doc, bool there)
{
	struct docstore_op op = there ? ds_set_s64(id_of(f, doc), f->p[0], doc) :
					ds_delete(id_of(f, doc));

	if (f->target->docs[doc].exists == there)
		return 0;
	return model_submit(f->target, &op, 1);
}

static int fill(struct fault *f, unsigned int docs)
{
	struct docstore_op ops[2 * EXISTING];
	unsigned int i;

	for (i = 0; i < docs; i++) {
		ops[2 * i] = ds_set_s64(id_of(f, i), f->p[0], i);
		ops[2 * i + 1] = set_value(f, i, 1, 20 + i);
	}
	return model_submit(f->target, ops, 2 * docs);
}

/* Stores ------------------------------------------------------------------- */

static int run_open(struct fault *f)
{
	f->fd = ds_control_open(O_RDWR);
	return f->fd < 0 ? f->fd : 0;
}

static int settle_open(struct fault *f, int ret)
{
	struct docstore_info info;

	if (!ret)
		ret = ds_info(f->fd, &info) ?: close(f->fd);
	return ret < 0 && f->fd >= 0 ? ret : 0;
}

static int run_info(struct fault *f)
{
	return ds_info(f->store.control, (void *)f->out);
}

static int settle_info(struct fault *f, int ret)
{
	const struct docstore_info *info = (void *)f->out;

	if (!ret && (info->abi != DOCSTORE_ABI || info->stores != f->stores ||
		     info->max_batch != DOCSTORE_MAX_BATCH || info->__reserved))
		return ds_broken("info tells something else");
	return 0;
}

static int run_create_1(struct fault *f)
{
	return ds_create(f->store.control, f->extra.name, 0600, 1, 8 * MIB);
}

static int run_create_7(struct fault *f)
{
	return ds_create(f->store.control, f->extra.name, 0600, 7, 64 * MIB);
}

static int run_create_default(struct fault *f)
{
	return ds_create(f->store.control, f->extra.name, 0600, 0, 0);
}

static int settle_create(struct fault *f, int ret)
{
	if (extra_exists(f) != !ret)
		return ds_broken("create returned %d, the store is %sthere", ret,
				 ret ? "" : "not ");
	return ret ? 0 : ds_remove(f->store.control, f->extra.name);
}

static int prepare_store(struct fault *f)
{
	return run_create_7(f);
}

static int prepare_store_filled(struct fault *f)
{
	int ret = extra_begin(f, 2, 8 * MIB) ?: fill(f, 8);

	close(f->extra.fd);
	close(f->extra.control);
	return ret;
}

static int run_remove(struct fault *f)
{
	return ds_remove(f->store.control, f->extra.name);
}

static int settle_remove(struct fault *f, int ret)
{
	if (extra_exists(f) != !!ret)
		return ds_broken("remove returned %d, the store is %sthere", ret,
				 ret ? "not " : "");
	return ret ? run_remove(f) : 0;
}

static int run_store_open(struct fault *f)
{
	f->fd = ds_open(f->store.control, f->store.name, DS_RW);
	return f->fd < 0 ? f->fd : 0;
}

static int settle_store_open(struct fault *f, int ret)
{
	struct docstore_store_info info;

	if (!ret)
		ret = ds_store_info(f->fd, &info) ?: close(f->fd);
	return ret < 0 && f->fd >= 0 ? ret : 0;
}

static int run_list(struct fault *f)
{
	struct docstore_store_info *stores = (void *)f->out;
	__u64 cursor = 0;
	int ret = ds_list(f->store.control, stores, 64, &cursor);

	f->count = ret < 0 ? 0 : ret;
	return ret < 0 ? ret : 0;
}

static int settle_list(struct fault *f, int ret)
{
	struct docstore_store_info *stores = (void *)f->out;

	if (!ret && (f->count != f->stores ||
		     strcmp((char *)stores[f->count - 1].name, f->store.name)))
		return ds_broken("list: %u of %u stores", f->count, f->stores);
	return 0;
}

/* Nothing can be seen to come of hints that are not of any document. */
static int run_hint(struct fault *f)
{
	static const __u64 hashes[100];

	return ds_hint(f->store.fd, 0, hashes, ARRAY_SIZE(hashes), 1);
}

static int run_store_info(struct fault *f)
{
	return ds_store_info(f->store.fd, (void *)f->out);
}

static int settle_store_info(struct fault *f, int ret)
{
	const struct docstore_store_info *info = (void *)f->out;

	if (!ret && (strcmp((char *)info->name, f->store.name) ||
		     info->documents != EXISTING))
		return ds_broken("store info tells something else");
	return 0;
}

/* Closing cannot fail, whatever is refused. */
static int run_close(struct fault *f)
{
	return close(f->fd) ? -errno : 0;
}

static int prepare_close_control(struct fault *f)
{
	f->fd = ds_control_open(O_RDWR);
	return f->fd < 0 ? f->fd : 0;
}

/* With it goes a store that was removed, with all of its documents. */
static int prepare_close_last(struct fault *f)
{
	int ret = extra_begin(f, 4, 16 * MIB) ?: fill(f, 16);

	f->fd = f->extra.fd;
	f->extra.fd = -1;
	return ret ?: ds_store_end(&f->extra);
}

/* Names -------------------------------------------------------------------- */

static int intern(struct fault *f, __u32 flags)
{
	struct docstore_intern i = {
		.size = sizeof(i),
		.flags = flags,
		.names = ds_ptr(f->items),
		.name_size = sizeof(f->items[0]),
		.count = NAMES,
		.done = DS_POISON32,
	};
	int ret, n;

	for (n = 0; n < NAMES; n++) {
		f->items[n].name = ds_ptr(f->name[n]);
		f->items[n].len = NAME_LEN;
		f->items[n].id = DS_POISON32;
	}
	ret = ds_ioctl(f->store.fd, DOCSTORE_INTERN, &i);
	f->done = i.done;
	return ret;
}

static int prepare_intern(struct fault *f)
{
	int n;

	for (n = 0; n < NAMES; n++)
		snprintf(f->name[n], sizeof(f->name[n]), "%08u.%03d", f->round, n);
	return 0;
}

static int run_intern(struct fault *f)
{
	return intern(f, DOCSTORE_INTERN_CREATE);
}

/* By numbers, names are kept in nodes of 64; here a new one is needed. */
static int prepare_intern_node(struct fault *f)
{
	char name[NAME_LEN + 1];
	int ret;

	while (f->names % 64 != 62) {
		snprintf(name, sizeof(name), "f%011u", f->names);
		ret = ds_prop_id(f->store.fd, name);
		if (ret < 0)
			return ret;
		f->names++;
		f->bytes += f->name_bytes;
	}
	return prepare_intern(f);
}

/*
 * Some of the names may have their numbers, one after the other, with no gap.
 * The caller is told of all of them but perhaps the last.
 */
static int settle_intern(struct fault *f, int ret)
{
	struct docstore_store_info info;
	__u32 done = f->done, n, made;
	__u32 told[NAMES];
	int err;

	for (n = 0; n < NAMES; n++)
		told[n] = f->items[n].id;
	/* Access to the ioctl's own struct may be what was refused. */
	if (ret == -EFAULT && done == DS_POISON32)
		done = told[0] == DS_POISON32 ? 0 : NAMES;
	err = ds_store_info(f->store.fd, &info) ?: intern(f, 0);
	if (err)
		return err;
	made = info.names - f->names;
	if (done > NAMES || (!ret && done != NAMES) ||
	    (made != done && made != done + 1))
		return ds_broken("%d: %u names done, and %u made", ret, done, made);
	for (n = 0; n < NAMES; n++) {
		__u32 id = n < made ? f->names + n + 1 : 0;

		if (f->items[n].id != id || (n < done && told[n] != id))
			return ds_broken("name %u has number %u, was told %u",
					 n, f->items[n].id, told[n]);
	}
	f->bytes += made * f->name_bytes;
	f->names += made;
	return 0;
}

static int settle_intern_known(struct fault *f, int ret)
{
	__u32 n;

	for (n = 0; !ret && n < NAMES; n++)
		if (f->items[n].id != (__u32)PROPS + 1 + n)
			return ds_broken("name %u has number %u", n,
					 f->items[n].id);
	return 0;
}

static int prepare_intern_known(struct fault *f)
{
	int n;

	for (n = 0; n < NAMES; n++)
		snprintf(f->name[n], sizeof(f->name[n]), "known.%06d", n);
	return 0;
}

static int run_names(struct fault *f)
{
	struct docstore_names n = {
		.size = sizeof(n),
		.buffer = ds_ptr(f->out),
		.buffer_len = 4096,
		.first = 1,
	};
	int ret = ds_ioctl(f->store.fd, DOCSTORE_NAMES, &n);

	f->done = n.count;
	return ret;
}

static int settle_names(struct fault *f, int ret)
{
	const struct docstore_name_record *r = (void *)f->out;

	if (!ret && (f->done != f->names || r->id != 1 || r->len != 1 ||
		     memcmp(r + 1, "a", 1)))
		return ds_broken("names: %u of %u", f->done, f->names);
	return 0;
}

/* Reading ------------------------------------------------------------------ */

/* Memory of ours that the kernel has to bring in to write there. */
static void make_cold(struct fault *f)
{
	munlock(f->out, VALUE);
	madvise(f->out, VALUE, MADV_DONTNEED);
}

static int prepare_cold(struct fault *f)
{
	make_cold(f);
	return 0;
}

static int run_read(struct fault *f)
{
	struct docstore_read r;
	int ret = ds_read(f->target->fd, f->target->docs[9].id, 0, f->out, VALUE, &r);

	f->out_len = r.length;
	return ret;
}

static int settle_read(struct fault *f, int ret)
{
	const struct docstore_version *raw = f->target->docs[9].raw;

	if (!ret && (f->out_len != raw->size || memcmp(f->out, raw, raw->size)))
		return ds_broken("read: something else");
	return 0;
}

static int run_read_property(struct fault *f)
{
	struct docstore_read r;
	int ret = ds_read(f->target->fd, f->target->docs[9].id, f->p[0], f->out,
			  VALUE, &r);

	f->out_len = r.length;
	return ret;
}

static int settle_read_property(struct fault *f, int ret)
{
	if (!ret && (f->out_len != 8 ||
		     memcmp(f->out, f->target->docs[9].props[0].value, 8)))
		return ds_broken("read: another value");
	return 0;
}

static int run_read_missing(struct fault *f)
{
	struct docstore_read r;

	return ds_read(f->store.fd, "missing", 0, f->out, VALUE, &r);
}

static int prepare_read_large(struct fault *f)
{
	struct docstore_op op;
	int ret = extra_begin(f, 1, 8 * MIB);

	op = ds_set_bytes(f->target->docs[9].id, f->p[1], f->value, 40000);
	make_cold(f);
	return ret ?: model_submit(f->target, &op, 1);
}

static int settle_read_large(struct fault *f, int ret)
{
	return settle_read(f, ret) ?: extra_end(f);
}

static int read_many(struct fault *f, __u32 flags, __u32 room)
{
	struct docstore_read_many m;
	int i, ret;

	for (i = 0; i < EXISTING; i++) {
		f->many[i].id = ds_ptr(f->target->docs[i].id);
		f->many[i].id_len = strlen(f->target->docs[i].id);
	}
	ret = ds_read_many_flags(f->target->fd, flags, f->many, EXISTING, f->out, room, &m);
	f->done = m.done;
	f->fit = m.needed;
	return ret;
}

static int run_read_many(struct fault *f)
{
	return read_many(f, 0, 65536);
}

/* Not all of them fit. */
static int run_read_some(struct fault *f)
{
	return read_many(f, 0, 700);
}

static int settle_read_many(struct fault *f, int ret)
{
	__u32 i;

	for (i = 0; !ret && i < f->done; i++) {
		const struct docstore_version *raw = f->target->docs[i].raw;

		if (f->many[i].result || f->many[i].length != raw->size ||
		    memcmp(f->out + f->many[i].offset, raw, raw->size))
			return ds_broken("read many: item %u", i);
	}
	return ret || f->done ? 0 : ds_broken("read many: nothing done");
}

static int scan(struct fault *f, __u32 flags)
{
	struct ds_scan s;
	int ret;

	ds_scan_begin(&s, flags, f->target->prefix, 0);
	ret = ds_scan_next(f->target->fd, &s, f->out, 65536);
	f->done = s.end;
	f->out_len = s.scan.used;
	f->count = ret < 0 ? 0 : ret;
	return ret < 0 ? ret : 0;
}

static int run_scan(struct fault *f)
{
	return scan(f, 0);
}

static int run_scan_ids(struct fault *f)
{
	return scan(f, DOCSTORE_SCAN_IDS);
}

static int settle_scan_any(struct fault *f, int ret, bool ids)
{
	const struct docstore_version *v = (void *)f->out;
	__u32 i;

	if (ret)
		return 0;
	if (!f->done || f->count != model_count(f->target))
		return ds_broken("scan: %u documents", f->count);
	for (i = 0; i < f->count; i++) {
		struct model_doc *d;

		if (!v || ds_doc_check(v, f->out + f->out_len - (__u8 *)v))
			return -ENOTRECOVERABLE;
		d = model_find(f->target, ds_doc_id(v), v->id_len);
		if (!d || v->version != d->version ||
		    (ids ? v->nprops : !model_unchanged(d, v)))
			return ds_broken("scan: another document");
		v = ds_doc_next(v, f->out + f->out_len);
	}
	return 0;
}

static int settle_scan(struct fault *f, int ret)
{
	return settle_scan_any(f, ret, false);
}

static int settle_scan_ids(struct fault *f, int ret)
{
	return settle_scan_any(f, ret, true);
}

static int run_check(struct fault *f)
{
	struct docstore_check c = {
		.size = sizeof(c),
		.flags = DOCSTORE_CHECK_REPAIR,
		.findings = ds_ptr(f->out),
		.finding_size = sizeof(struct docstore_finding),
		.count = 8,
	};
	int ret = ds_ioctl(f->store.fd, DOCSTORE_CHECK, &c);

	f->count = c.found;
	f->done = c.documents;
	return ret;
}

/* A fault in a check breaks nothing, and nothing was broken. */
static int settle_check(struct fault *f, int ret)
{
	if (ret || (!f->count && f->done == EXISTING))
		return 0;
	return ds_broken("check: %u findings in %u documents", f->count, f->done);
}

#endif /* DOCSTORE_FAULT_CALLS_H */
