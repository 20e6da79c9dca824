// SPDX-License-Identifier: GPL-2.0
/*
 * What DOCSTORE_READ, READ_MANY and SCAN must do, and what is done with them to
 * compare a store with its model.
 */
#include "model.h"

static __u32 fz_least(__u32 a, __u32 b)
{
	return a < b ? a : b;
}

/* The model's store, if it knows what is in it; of a snapshot, what was in it then. */
struct fz_store *fz_known(const struct fz_run *run)
{
	struct fz_store *s = run->fd->store;

	if (!s || !s->names_sure)
		return NULL;
	if (run->fd->snapshot)
		return run->fd->snapshot->frozen->sure ? run->fd->snapshot->frozen : NULL;
	return s->sure && !run->wild ? s : NULL;
}

/* A document somewhere in a caller's buffer, aligned; to be freed. */
static struct docstore_version *fz_aligned(__u64 at, __u32 len)
{
	struct docstore_version *v = malloc(len + 8);

	if (!v)
		abort();
	memcpy(v, (void *)(uintptr_t)at, len);
	return v;
}

/* Is what came back a document, and the one that the model knows, if it does? */
static void fz_check_doc(struct fz_run *run, const struct fz_doc *d, __u64 at, __u32 len)
{
	struct docstore_version *v = fz_aligned(at, len);
	const char *problem = NULL;

	if (len < sizeof(*v) || ds_doc_check(v, len))
		problem = "is no document";
	else if (v->size != len)
		problem = "says that it has another size";
	else if (d)
		problem = fz_doc_differs(d, v, len);
	if (problem)
		fz_find(run, "%s: a document %s", run->op->name, problem);
	free(v);
}

void fz_check_property_number(struct fz_run *run, __u32 number)
{
	const struct fz_store *s = run->fd->store;

	if (number && s && s->names_sure && !run->wild) {
		if (number > s->nnames)
			fz_error_add(&run->must, EINVAL);
	} else if (number) {
		fz_error_add(&run->may, EINVAL);
	}
}

/* The document, and of its property, if one is asked for; or an error. */
static int fz_read_what(struct fz_store *s, const struct docstore_read *arg, struct fz_doc **d,
			struct fz_prop **p, __u32 *len)
{
	*p = NULL;
	*d = fz_doc_find(s, (void *)(uintptr_t)arg->id, arg->id_len);
	if (!*d || !(*d)->exists)
		return ENOENT;
	*len = fz_doc_size(*d);
	if (!arg->property)
		return 0;
	*p = fz_doc_prop(*d, arg->property);
	if (!*p)
		return ENODATA;
	*len = (*p)->len;
	return 0;
}

void fz_before_read(struct fz_run *run)
{
	const struct docstore_read *arg = ARG(docstore_read);
	struct fz_store *s = fz_known(run);
	struct fz_doc *d;
	struct fz_prop *p;
	__u32 len;
	int error;

	fz_check_property_number(run, arg->property);
	if (arg->id_len <= DOCSTORE_MAX_ID &&
	    !fz_memory_readable(run->memory, arg->id, arg->id_len))
		fz_error_add(&run->must, EFAULT);
	if (fz_lease_before(run) || fz_error_any(&run->must))
		return;
	if (!s) {
		fz_error_add(&run->may, ENOENT);
		if (arg->property)
			fz_error_add(&run->may, ENODATA);
		if (!fz_memory_writable(run->memory, arg->buffer, arg->buffer_len))
			fz_error_add(&run->may, EFAULT);
		run->sure = false;
		return;
	}
	error = fz_read_what(s, arg, &d, &p, &len);
	if (!error && !fz_memory_writable(run->memory, arg->buffer,
					  fz_least(len, arg->buffer_len)))
		error = EFAULT;
	if (error)
		fz_error_add(&run->must, error);
}

void fz_after_read(struct fz_run *run, int ret)
{
	const struct docstore_read *arg = ARG(docstore_read);
	struct fz_store *s = fz_known(run);
	struct docstore_read out;
	struct fz_doc *d = NULL;
	struct fz_prop *p = NULL;
	__u32 len = 0;

	fz_lease_after(run, ret);
	if (!fz_came_back(run, ret, &out))
		return;
	if (!arg->property && out.length <= arg->buffer_len)
		fz_check_doc(run, NULL, arg->buffer, out.length);
	fz_check_rest(run, arg->buffer, fz_least(out.length, arg->buffer_len));
	if (run->finding[0] || !s || fz_read_what(s, arg, &d, &p, &len))
		return;
	if (out.length != len || out.version != d->version ||
	    out.type != (p ? p->type : DOCSTORE_TYPE_NONE))
		fz_find(run, "read: length %u, version %llu and type %u instead of %u, %llu and %u",
			out.length, (unsigned long long)out.version, out.type, len,
			(unsigned long long)d->version, p ? p->type : 0);
	else if (!p && len <= arg->buffer_len)
		fz_check_doc(run, d, arg->buffer, len);
	else if (p && memcmp((void *)(uintptr_t)arg->buffer, p->value,
			     fz_least(len, arg->buffer_len)))
		fz_find(run, "read: another value");
}

void fz_before_read_many(struct fz_run *run)
{
	const struct docstore_read_many *arg = ARG(docstore_read_many);
	const struct fz_memory *m = run->memory;
	struct docstore_read_item item;
	__u32 i, j;

	if (arg->item_size > FZ_MAX_ELEMENT)
		fz_error_add(&run->must, E2BIG);
	if (!fz_memory_writable(m, arg->buffer, arg->buffer_len))
		fz_error_add(&run->may, EFAULT);
	if (fz_error_any(&run->must))
		return;
	fz_lease_before(run);
	for (i = 0; i < arg->count; i++) {
		__u64 at = arg->items + (__u64)i * arg->item_size;
		const __u8 *bytes = (void *)(uintptr_t)at;

		if (!fz_memory_readable(m, at, arg->item_size)) {
			fz_error_add(i ? &run->may : &run->must, EFAULT);
			return;
		}
		for (j = sizeof(item); j < arg->item_size; j++) {
			if (!bytes[j])
				continue;
			fz_error_add(i ? &run->may : &run->must, E2BIG);
			return;
		}
		memcpy(&item, bytes, sizeof(item));
		if (!fz_memory_writable(m, at, arg->item_size) ||
		    (item.id_len && item.id_len <= DOCSTORE_MAX_ID &&
		     !fz_memory_readable(m, item.id, item.id_len)))
			fz_error_add(&run->may, EFAULT);
	}
}

static int fz_item_result(struct fz_store *s, const struct docstore_read_item *item,
			  struct fz_doc **d)
{
	*d = NULL;
	if (!item->id_len)
		return -EINVAL;
	if (item->id_len > DOCSTORE_MAX_ID)
		return -ENAMETOOLONG;
	if (!s)
		return 1;
	*d = fz_doc_find(s, (void *)(uintptr_t)item->id, item->id_len);
	return *d && (*d)->exists ? 0 : -ENOENT;
}

/* Where they do not fit together, what is asked for is room for all of them. */
static void fz_check_together(struct fz_run *run, const struct docstore_read_many *arg,
			      const struct docstore_read_many *out)
{
	struct fz_store *s = fz_known(run);
	struct docstore_read_item item;
	__u64 need = 0;
	struct fz_doc *d;
	__u32 i;

	if (out->done || out->used || out->needed <= arg->buffer_len)
		fz_find(run, "read-many: together, %u of %u are done, %u used of %u, %u needed",
			out->done, arg->count, out->used, arg->buffer_len, out->needed);
	for (i = 0; s && i < arg->count; i++) {
		memcpy(&item, (void *)(uintptr_t)(arg->items + (__u64)i * arg->item_size),
		       sizeof(item));
		if (!fz_item_result(s, &item, &d))
			need = ((need + 7) & ~7ULL) + fz_doc_size(d);
	}
	if (s && need <= 0xffffffffU && out->needed != need)
		fz_find(run, "read-many: together, %u bytes needed instead of %llu", out->needed,
			(unsigned long long)need);
}

static void fz_check_item(struct fz_run *run, const struct docstore_read_many *arg,
			  const struct docstore_read_many *out,
			  const struct docstore_read_item *item, __u32 i)
{
	struct fz_doc *d;
	int want = fz_item_result(fz_known(run), item, &d);

	if (want == 1 ? item->result && item->result != -ENOENT : item->result != want)
		fz_find(run, "read-many: item %u has result %d instead of %d", i, item->result,
			want);
	else if (item->result && (item->offset || item->length))
		fz_find(run, "read-many: item %u failed and has a place", i);
	else if (!item->result && ((item->offset & 7) || item->offset > out->used ||
				   item->length > out->used - item->offset))
		fz_find(run, "read-many: item %u is at %u, %u bytes long, of %u", i, item->offset,
			item->length, out->used);
	else if (!item->result)
		fz_check_doc(run, d, arg->buffer + item->offset, item->length);
}

void fz_after_read_many(struct fz_run *run, int ret)
{
	const struct docstore_read_many *arg = ARG(docstore_read_many);
	struct docstore_read_many out;
	struct docstore_read_item item;
	struct fz_doc *d;
	__u32 i;

	fz_lease_after(run, ret);
	if (!fz_came_back(run, ret, &out))
		return;
	if (out.done > arg->count || out.used > arg->buffer_len) {
		fz_find(run, "read-many: %u of %u done, %u of %u used", out.done, arg->count,
			out.used, arg->buffer_len);
		return;
	}
	for (i = 0; i < out.done && !run->finding[0]; i++) {
		memcpy(&item, (void *)(uintptr_t)(arg->items + (__u64)i * arg->item_size),
		       sizeof(item));
		fz_check_item(run, arg, &out, &item, i);
	}
	fz_check_rest(run, arg->buffer, out.used);
	if (run->finding[0])
		return;
	if (out.done == arg->count) {
		if (out.needed)
			fz_find(run, "read-many: all is done, and %u bytes are needed", out.needed);
		return;
	}
	if (arg->flags & DOCSTORE_READ_TOGETHER) {
		fz_check_together(run, arg, &out);
		return;
	}
	memcpy(&item, (void *)(uintptr_t)(arg->items + (__u64)i * arg->item_size), sizeof(item));
	if (((out.used + 7ULL) & ~7ULL) + out.needed <= arg->buffer_len)
		fz_find(run, "read-many: ends at %u of %u, %u used of %u, %u needed", out.done,
			arg->count, out.used, arg->buffer_len, out.needed);
	if (fz_known(run) && (fz_item_result(fz_known(run), &item, &d) ||
			      fz_doc_size(d) != out.needed))
		fz_find(run, "read-many: %u bytes needed, and that is wrong", out.needed);
}

/* Scanning ---------------------------------------------------------------------- */

void fz_before_scan(struct fz_run *run)
{
	const struct docstore_scan *arg = ARG(docstore_scan);

	fz_check_property_number(run, arg->type);
	if (arg->prefix_len <= DOCSTORE_MAX_ID &&
	    !fz_memory_readable(run->memory, arg->prefix, arg->prefix_len))
		fz_error_add(&run->must, EFAULT);
	if (!fz_memory_writable(run->memory, arg->buffer, arg->buffer_len))
		fz_error_add(&run->may, EFAULT);
	fz_lease_before(run);
}

static bool fz_scan_wants(const struct docstore_scan *arg, const struct fz_doc *d)
{
	return d->exists && (!arg->type || d->type == arg->type) &&
	       d->id_len >= arg->prefix_len &&
	       !memcmp(d->id, (void *)(uintptr_t)arg->prefix, arg->prefix_len);
}

static void fz_check_scanned(struct fz_run *run, const struct docstore_scan *arg,
			     const struct docstore_version *v)
{
	struct fz_store *s = fz_known(run);
	struct fz_doc *d;

	if (arg->prefix_len > v->id_len ||
	    memcmp(ds_doc_id(v), (void *)(uintptr_t)arg->prefix, arg->prefix_len) ||
	    (arg->type && v->type != arg->type))
		fz_find(run, "scan: a document that was not asked for");
	if ((arg->flags & DOCSTORE_SCAN_IDS) && (v->nprops || v->flags))
		fz_find(run, "scan: properties that were not asked for");
	if (!s || run->finding[0])
		return;
	d = fz_doc_find(s, ds_doc_id(v), v->id_len);
	if (!d || !d->exists)
		fz_find(run, "scan: a document that is not there");
	else if ((arg->flags & DOCSTORE_SCAN_IDS) ? v->version != d->version || v->type != d->type :
						    !!fz_doc_differs(d, v, v->size))
		fz_find(run, "scan: a document %s",
			fz_doc_differs(d, v, v->size) ?: "has another version");
}

/* Return the number of documents in the buffer. */
static __u32 fz_check_buffer(struct fz_run *run, const struct docstore_scan *arg, __u32 used)
{
	struct docstore_version *v = fz_aligned(arg->buffer, used);
	__u32 at = 0, n = 0;

	while (at < used && !run->finding[0]) {
		const struct docstore_version *one = (void *)((__u8 *)v + at);

		if (ds_doc_check(one, used - at)) {
			fz_find(run, "scan: at %u of %u is no document", at, used);
			break;
		}
		fz_check_scanned(run, arg, one);
		n++;
		at += (one->size + 7) & ~7U;
	}
	free(v);
	return n;
}

void fz_after_scan(struct fz_run *run, int ret)
{
	const struct docstore_scan *arg = ARG(docstore_scan);
	struct fz_store *s = fz_known(run);
	struct docstore_scan out;
	__u32 n, want = 0, i;

	fz_lease_after(run, ret);
	if (!fz_came_back(run, ret, &out))
		return;
	run->last[0] = out.cursor[0];
	run->last[1] = out.cursor[1];
	if (out.used > arg->buffer_len) {
		fz_find(run, "scan: %u of %u used", out.used, arg->buffer_len);
		return;
	}
	n = fz_check_buffer(run, arg, out.used);
	fz_check_rest(run, arg->buffer, out.used);
	if (run->finding[0])
		return;
	if (n != out.count)
		fz_find(run, "scan: %u documents instead of %u", n, out.count);
	if (out.needed && (out.count || out.needed <= arg->buffer_len ||
			   (out.flags & DOCSTORE_SCAN_END)))
		fz_find(run, "scan: %u bytes needed of %u, with %u documents", out.needed,
			arg->buffer_len, out.count);
	for (i = 0; s && i < s->ndocs; i++)
		want += fz_scan_wants(arg, &s->docs[i]);
	if (s && !arg->cursor[0] && !arg->cursor[1] && (out.flags & DOCSTORE_SCAN_END) &&
	    n != want)
		fz_find(run, "scan: %u documents instead of %u", n, want);
	if (s && n > want)
		fz_find(run, "scan: %u documents of %u", n, want);
}

/* A whole store ------------------------------------------------------------------- */

/* Calls @see for each document; returns their number, or a negative errno. */
static int fz_walk(int fd, void (*see)(void *data, const struct docstore_version *v), void *data)
{
	static char small[16384] __attribute__((aligned(8)));
	static char *big;
	const struct docstore_version *v;
	struct ds_scan scan;
	__u32 room = sizeof(small);
	char *buffer = small;
	int n = 0, ret;

	ds_scan_begin(&scan, 0, NULL, 0);
	do {
		ret = ds_scan_next(fd, &scan, buffer, room);
		if (ret < 0)
			return ret;
		if (!ret && scan.scan.needed) {
			if (!big)
				big = ds_map(DS_ROOM, MAP_PRIVATE);
			buffer = big;
			room = DS_ROOM;
			continue;
		}
		v = ret ? (void *)buffer : NULL;
		for (; v; v = ds_doc_next(v, buffer + scan.scan.used)) {
			if (ds_doc_check(v, buffer + scan.scan.used - (char *)v))
				return -ENOTRECOVERABLE;
			see(data, v);
			n++;
		}
	} while (!scan.end);
	return n;
}

struct fz_seen {
	struct fz_run *run;
	struct fz_store *store;
};

static void fz_see_verify(void *data, const struct docstore_version *v)
{
	struct fz_seen *seen = data;
	struct fz_doc *d = fz_doc_find(seen->store, ds_doc_id(v), v->id_len);
	const char *problem = d && d->exists ? fz_doc_differs(d, v, v->size) : "should not be there";

	if (problem)
		fz_find(seen->run, "in the end, document '%.*s' %s", v->id_len,
			(const char *)ds_doc_id(v), problem);
	else
		d->created = v->created;
}

void fz_store_verify(struct fz_run *run, int fd, struct fz_store *s)
{
	struct fz_seen seen = { .run = run, .store = s };
	struct docstore_read r;
	int want = 0, n;
	__u32 i;

	if (!s->sure)
		return;
	for (i = 0; i < s->ndocs; i++)
		want += s->docs[i].exists;
	n = fz_walk(fd, fz_see_verify, &seen);
	if (n != want)
		fz_find(run, "in the end there are %d documents instead of %d", n, want);
	/* What is deleted is found by no other way either. */
	for (i = 0; i < s->ndocs; i++) {
		n = ds_read_len(fd, s->docs[i].id, s->docs[i].id_len, 0, NULL, 0, &r);
		if (n != (s->docs[i].exists ? 0 : -ENOENT))
			fz_find(run, "in the end reading a document returns %d", n);
	}
}

static void fz_see_learn(void *data, const struct docstore_version *v)
{
	struct fz_seen *seen = data;
	struct fz_doc *d = fz_doc_get(seen->store, ds_doc_id(v), v->id_len);
	__u32 i;

	if (!d) {
		seen->store->sure = false;
		return;
	}
	fz_doc_clear(d);
	d->exists = true;
	d->version = v->version;
	d->created = v->created;
	d->type = v->type;
	for (i = 0; i < v->nprops; i++) {
		struct ds_prop p = ds_prop_at(v, i);

		fz_doc_set(d, p.name, p.type, p.value, p.len)->set =
			(v->version & ~0xffffffffULL) | p.set;
	}
}

static void fz_learn_names(int fd, struct fz_store *s)
{
	__u8 buffer[64 * 264];
	struct docstore_names arg = {
		.size = sizeof(arg),
		.buffer = ds_ptr(buffer),
		.buffer_len = sizeof(buffer),
		.first = 1,
	};
	struct docstore_name_record record;
	__u32 at, i;

	s->nnames = 0;
	s->names_sure = true;
	do {
		if (ds_ioctl(fd, DOCSTORE_NAMES, &arg)) {
			s->names_sure = false;
			return;
		}
		for (i = 0, at = 0; i < arg.count; i++) {
			memcpy(&record, buffer + at, sizeof(record));
			if (s->nnames == FZ_NAMES) {
				s->names_sure = false;
				return;
			}
			memcpy(s->names[s->nnames].bytes, buffer + at + sizeof(record), record.len);
			s->names[s->nnames++].len = record.len;
			at += (sizeof(record) + record.len + 7) & ~7U;
		}
	} while (arg.count);
}

void fz_store_resync(struct fz_run *run, int fd, struct fz_store *s)
{
	struct fz_seen seen = { .run = run, .store = s };
	int n;
	__u32 i;

	for (i = 0; i < s->ndocs; i++)
		s->docs[i].exists = false;
	s->sure = true;
	s->used = true;
	fz_learn_names(fd, s);
	n = fz_walk(fd, fz_see_learn, &seen);
	if (n < 0)
		fz_find(run, "a scan returned %d", n);
	for (i = 0; i < s->ndocs; i++)
		if (!s->docs[i].exists)
			fz_doc_clear(&s->docs[i]);
}

bool fz_store_empty(struct fz_run *run, int fd, struct fz_store *s)
{
	struct docstore_op ops[FZ_DOCS];
	__u32 i, n = 0, failed = 0;
	int ret;

	if (!s->used)
		return true;
	if (!s->sure || !s->names_sure || !s->named || s->nnames > 5 ||
	    s->written > s->max_bytes / 8 || run->programs % 256 == 255)
		return false;
	for (i = 0; i < s->ndocs; i++) {
		if (s->docs[i].version > 1 << 20)
			return false;
		if (!s->docs[i].exists)
			continue;
		ops[n] = ds_delete("");
		ops[n].id = ds_ptr(s->docs[i].id);
		ops[n++].id_len = s->docs[i].id_len;
	}
	if (n) {
		ret = ds_submit(fd, 0, ops, n, &failed);
		if (ret || failed)
			fz_find(run, "deleting all documents returned %d, %u failed", ret, failed);
	}
	for (i = 0; i < s->ndocs; i++)
		fz_doc_clear(&s->docs[i]);
	s->ndocs = 0;
	s->used = false;
	return !run->finding[0];
}

/* Nothing that can be read comes of hints. */
void fz_before_hint(struct fz_run *run)
{
	const struct docstore_hint *arg = ARG(docstore_hint);

	if (arg->count && arg->count <= DOCSTORE_MAX_HINTS &&
	    !fz_memory_readable(run->memory, arg->hashes, arg->count * sizeof(__u64)))
		fz_error_add(&run->must, EFAULT);
}

void fz_after_hint(struct fz_run *run, int ret)
{
	(void)run;
	(void)ret;
}
