// SPDX-License-Identifier: GPL-2.0
/*
 * What DOCSTORE_SUBMIT must do.
 */
#include "model.h"

/**
 * struct fz_batch_doc - a document of a batch
 * @doc: as the batch leaves it
 * @changed: it is another one then
 * @failed: some operation on it fails
 */
struct fz_batch_doc {
	struct fz_doc doc;
	bool changed;
	bool failed;
};

/**
 * struct fz_batch - what is expected of a batch
 * @ops: the operations as they were
 * @of: each one's document
 * @results: each one's result, negative
 * @gets: of each get: length of the answer
 * @types: of each get: its type
 * @ndocs: documents in it
 * @docs: the documents
 */
struct fz_batch {
	__u32 count;
	struct docstore_op *ops;
	__u32 *of;
	int *results;
	__u32 *gets;
	__u8 *types;
	__u32 ndocs;
	struct fz_batch_doc docs[64];
};

static void fz_batch_free(struct fz_batch *b)
{
	__u32 i;

	for (i = 0; i < b->ndocs; i++)
		fz_doc_clear(&b->docs[i].doc);
	free(b->ops);
	free(b->of);
	free(b->results);
	free(b->gets);
	free(b->types);
	free(b);
}

/* Bits of types that operations may have, by their codes. */
static const __u32 fz_types[] = {
	[DOCSTORE_OP_GET] = 1 << DOCSTORE_TYPE_NONE,
	[DOCSTORE_OP_SET] = 0x1fe,
	[DOCSTORE_OP_UNSET] = 1 << DOCSTORE_TYPE_NONE,
	[DOCSTORE_OP_ADD] = 1 << DOCSTORE_TYPE_S64,
	[DOCSTORE_OP_DELETE] = 1 << DOCSTORE_TYPE_NONE,
	[DOCSTORE_OP_TOUCH] = 1 << DOCSTORE_TYPE_NONE | 1 << DOCSTORE_TYPE_U64,
	[DOCSTORE_OP_SET_TYPE] = 1 << DOCSTORE_TYPE_NONE,
	[DOCSTORE_OP_CHECK] = 1 << DOCSTORE_TYPE_NONE,
};

static bool fz_has_bytes(const struct docstore_op *op)
{
	return op->type >= DOCSTORE_TYPE_STRING && op->type <= DOCSTORE_TYPE_JSON;
}

static bool fz_value_fits(const struct docstore_op *op)
{
	if (op->code == DOCSTORE_OP_GET || fz_has_bytes(op))
		return true;
	if (op->value_len)
		return false;
	switch (op->type) {
	case DOCSTORE_TYPE_BOOL:
		return op->value <= 1;
	case DOCSTORE_TYPE_S64:
	case DOCSTORE_TYPE_F64:
		return true;
	case DOCSTORE_TYPE_U64:
		return op->code != DOCSTORE_OP_TOUCH || op->value <= DOCSTORE_MAX_VERSION;
	default:
		return !op->value;
	}
}

/* What is wrong with an operation by itself. */
static void fz_check_op(struct fz_run *run, const struct fz_store *s, const struct docstore_op *op,
			struct fz_errors *errors)
{
	bool named = op->code == DOCSTORE_OP_SET || op->code == DOCSTORE_OP_ADD;
	bool nameless = op->code == DOCSTORE_OP_DELETE || op->code == DOCSTORE_OP_TOUCH ||
			op->code == DOCSTORE_OP_CHECK;
	bool reads = op->code == DOCSTORE_OP_GET || op->code == DOCSTORE_OP_CHECK;

	if (!op->code || op->code > DOCSTORE_OP_CHECK ||
	    op->type > DOCSTORE_TYPE_JSON || !(fz_types[op->code] & (1U << op->type)) ||
	    (op->flags & ~7) || op->__reserved0 || op->__reserved1 || op->__reserved2[0] ||
	    op->__reserved2[1] || !op->id_len ||
	    (op->version && !(op->flags & DOCSTORE_IF_VERSION)) ||
	    (named && !op->property) || (nameless && op->property) || !fz_value_fits(op)) {
		fz_error_add(errors, EINVAL);
		return;
	}
	if (s && s->names_sure && op->property > s->nnames)
		fz_error_add(errors, EINVAL);
	else if (op->property && (!s || !s->names_sure))
		fz_error_add(&run->may, EINVAL);
	if (!(run->fd->rights & (reads ? DS_READ : DS_WRITE)))
		fz_error_add(errors, EBADF);
}

/* Copy the operations out of the caller's array. */
static bool fz_submit_ops(struct fz_run *run, const struct docstore_submit *arg,
			  struct fz_batch *b)
{
	__u32 i, j;

	for (i = 0; i < arg->count; i++) {
		__u64 at = arg->ops + (__u64)i * arg->op_size;
		const __u8 *bytes = (void *)(uintptr_t)at;

		if (!fz_memory_readable(run->memory, at, arg->op_size)) {
			fz_error_add(&run->must, EFAULT);
			return false;
		}
		for (j = sizeof(*b->ops); j < arg->op_size; j++) {
			if (!bytes[j])
				continue;
			fz_error_add(&run->must, E2BIG);
			return false;
		}
		memcpy(&b->ops[i], bytes, sizeof(*b->ops));
	}
	return true;
}

static __u32 fz_payload(const struct docstore_op *op)
{
	if (op->code == DOCSTORE_OP_GET)
		return op->value_len < DOCSTORE_MAX_DOCUMENT ? op->value_len :
							       DOCSTORE_MAX_DOCUMENT;
	return op->value_len > DOCSTORE_MAX_DOCUMENT ? 0 : op->value_len;
}

/* Errors of the call as a whole. */
static void fz_submit_check(struct fz_run *run, const struct fz_store *s, struct fz_batch *b)
{
	__u64 total = 0;
	__u32 i;

	for (i = 0; i < b->count; i++) {
		const struct docstore_op *op = &b->ops[i];
		__u32 len = fz_payload(op);

		fz_check_op(run, s, op, &run->must);
		if (!i || op->id != op[-1].id || op->id_len != op[-1].id_len)
			total += op->id_len;
		total += len;
		if (op->id_len && !fz_memory_readable(run->memory, op->id, op->id_len))
			fz_error_add(&run->must, EFAULT);
		if (op->code != DOCSTORE_OP_GET && len &&
		    !fz_memory_readable(run->memory, op->value, len))
			fz_error_add(&run->must, EFAULT);
		if (op->code == DOCSTORE_OP_GET &&
		    !fz_memory_writable(run->memory, op->value, len))
			fz_error_add(&run->may, EFAULT);
	}
	if (total > DOCSTORE_MAX_BATCH)
		fz_error_add(&run->must, E2BIG);
}

/* One operation on a document, as documented. */
static int fz_apply(struct fz_batch *b, struct fz_batch_doc *d, __u32 i)
{
	const struct docstore_op *op = &b->ops[i];
	const void *value = fz_has_bytes(op) ? (void *)(uintptr_t)op->value : &op->value;
	struct fz_doc *doc = &d->doc;
	struct fz_prop *p = doc->exists ? fz_doc_prop(doc, op->property) : NULL;
	__s64 sum = 0;
	__u32 len = 8;

	switch (op->code) {
	case DOCSTORE_OP_CHECK:
		return 0;
	case DOCSTORE_OP_GET:
		if (!doc->exists)
			return -ENOENT;
		if (op->property && !p)
			return -ENODATA;
		/* As long as nothing has changed it, it is the version before. */
		doc->version -= !d->changed;
		b->gets[i] = p ? p->len : fz_doc_size(doc);
		doc->version += !d->changed;
		b->types[i] = p ? p->type : DOCSTORE_TYPE_NONE;
		return b->gets[i] > DOCSTORE_MAX_DOCUMENT ? -EFBIG : 0;
	case DOCSTORE_OP_UNSET:
		if (!doc->exists)
			return -ENOENT;
		if (op->property && !p)
			return -ENODATA;
		if (p)
			fz_doc_unset(doc, p);
		else
			fz_doc_clear(doc);
		break;
	case DOCSTORE_OP_DELETE:
		if (!doc->exists)
			return -ENOENT;
		fz_doc_clear(doc);
		doc->type = 0;
		doc->exists = false;
		break;
	case DOCSTORE_OP_ADD:
		if (p && p->type != DOCSTORE_TYPE_S64)
			return -EDOM;
		if (p)
			memcpy(&sum, p->value, 8);
		if (__builtin_add_overflow(sum, (__s64)op->value, &sum))
			return -EOVERFLOW;
		value = &sum;
		/* fall through */
	case DOCSTORE_OP_SET:
		if (op->type == DOCSTORE_TYPE_NULL)
			len = 0;
		else if (op->type == DOCSTORE_TYPE_BOOL)
			len = 1;
		else if (fz_has_bytes(op))
			len = op->value_len;
		if (len > DOCSTORE_MAX_DOCUMENT)
			return -EFBIG;
		p = fz_doc_set(doc, op->property, op->type, value, len);
		if (!p)
			return -EFBIG;
		p->set = doc->version;
		break;
	}
	if (op->code != DOCSTORE_OP_DELETE && !doc->exists) {
		doc->exists = true;
		doc->created = 0;
	}
	if (op->code == DOCSTORE_OP_SET_TYPE)
		doc->type = op->property;
	if (op->code == DOCSTORE_OP_TOUCH && op->value > doc->version) {
		__u32 j;

		for (j = 0; j < doc->nprops; j++)
			if (doc->props[j].set == doc->version)
				doc->props[j].set = op->value;
		doc->version = op->value;
	}
	d->changed = true;
	return 0;
}

static int fz_condition(const struct docstore_op *op, const struct fz_doc *doc)
{
	if ((op->flags & DOCSTORE_IF_EXISTS) && !doc->exists)
		return -ENOENT;
	if ((op->flags & DOCSTORE_IF_ABSENT) && doc->exists)
		return -EEXIST;
	if ((op->flags & DOCSTORE_IF_VERSION) && op->version != (doc->exists ? doc->version : 0))
		return -ESTALE;
	return 0;
}

/*
 * The version numbers of a document that is made anew are the kernel's to
 * choose. Until they are known it has this one, which no program can name.
 */
#define FZ_SOME_VERSION		(1ULL << 40)

static void fz_foresee_doc(struct fz_batch *b, __u32 n)
{
	struct fz_batch_doc *d = &b->docs[n];
	bool new = !d->doc.exists;
	__u32 i;

	for (i = 0; i < b->count; i++) {
		if (b->of[i] != n)
			continue;
		b->results[i] = fz_condition(&b->ops[i], &d->doc);
		if (b->results[i])
			d->failed = true;
	}
	d->doc.version = new ? FZ_SOME_VERSION : d->doc.version + 1;
	for (i = 0; i < b->count && !d->failed; i++) {
		if (b->of[i] != n)
			continue;
		b->results[i] = fz_apply(b, d, i);
		if (b->results[i])
			d->failed = true;
	}
	if (!d->failed && d->changed && fz_doc_size(&d->doc) > DOCSTORE_MAX_DOCUMENT) {
		d->failed = true;
		for (i = 0; i < b->count; i++)
			if (b->of[i] == n)
				b->results[i] = -EFBIG;
	}
	if (!d->failed && !d->changed && !new)
		d->doc.version--;
	for (i = 0; i < b->count && d->failed; i++)
		if (b->of[i] == n && !b->results[i])
			b->results[i] = -ECANCELED;
}

/* Which document each operation is about; false if there are too many. */
static bool fz_batch_docs(struct fz_store *s, struct fz_batch *b)
{
	__u32 i, j;

	for (i = 0; i < b->count; i++) {
		const struct docstore_op *op = &b->ops[i];
		const __u8 *id = (void *)(uintptr_t)op->id;
		struct fz_doc *old;

		for (j = 0; j < b->ndocs; j++)
			if (b->docs[j].doc.id_len == op->id_len &&
			    !memcmp(b->docs[j].doc.id, id, op->id_len))
				break;
		b->of[i] = j;
		if (j < b->ndocs)
			continue;
		old = fz_doc_get(s, id, op->id_len);
		if (!old || j == ARRAY_SIZE(b->docs))
			return false;
		fz_doc_clone(&b->docs[b->ndocs++].doc, old);
	}
	return true;
}

static void fz_foresee_batch(const struct docstore_submit *arg, struct fz_batch *b)
{
	bool failed = false;
	__u32 i;

	for (i = 0; i < b->ndocs; i++) {
		fz_foresee_doc(b, i);
		failed |= b->docs[i].failed;
	}
	if (!failed || !(arg->flags & DOCSTORE_SUBMIT_ATOMIC))
		return;
	for (i = 0; i < b->count; i++)
		if (!b->results[i])
			b->results[i] = -ECANCELED;
	for (i = 0; i < b->ndocs; i++)
		b->docs[i].failed = true;
}

static struct fz_batch *fz_batch_new(__u32 count)
{
	struct fz_batch *b = calloc(1, sizeof(*b));

	if (!b)
		abort();
	b->count = count;
	b->ops = calloc(count, sizeof(*b->ops));
	b->of = calloc(count, sizeof(*b->of));
	b->results = calloc(count, sizeof(*b->results));
	b->gets = calloc(count, sizeof(*b->gets));
	b->types = calloc(count, sizeof(*b->types));
	if (!b->ops || !b->of || !b->results || !b->gets || !b->types)
		abort();
	return b;
}

static void fz_submit_unknown(struct fz_run *run, struct fz_store *s)
{
	run->sure = false;
	if (s && !run->wild) {
		s->sure = false;
		s->used = true;
		s->span.sure = false;
	}
}

void fz_before_submit(struct fz_run *run)
{
	const struct docstore_submit *arg = ARG(docstore_submit);
	struct fz_store *s = run->fd->store;
	struct fz_batch *b;

	if (arg->op_size > FZ_MAX_ELEMENT)
		fz_error_add(&run->must, E2BIG);
	if (arg->timeout_ms)
		fz_error_add(&run->may, ETIMEDOUT);
	if (fz_error_any(&run->must))
		return;
	if (run->alias) {
		fz_submit_unknown(run, s);
		/* What is copied in may be what was changed a moment ago. */
		fz_error_add(&run->may, EINVAL);
		fz_error_add(&run->may, EFAULT);
		fz_error_add(&run->may, E2BIG);
		return;
	}
	b = fz_batch_new(arg->count);
	if (!fz_submit_ops(run, arg, b)) {
		fz_batch_free(b);
		return;
	}
	fz_submit_check(run, s, b);
	if (!fz_memory_writable(run->memory, arg->ops, (__u64)arg->op_size * arg->count))
		fz_error_add(&run->may, EFAULT);
	if (fz_error_any(&run->must) || run->torn || run->wild || !s || !s->sure ||
	    !fz_batch_docs(s, b)) {
		if (!fz_error_any(&run->must))
			fz_submit_unknown(run, s);
		fz_batch_free(b);
		return;
	}
	s->used = true;
	fz_foresee_batch(arg, b);
	run->expect = b;
}

/* Errors that come of the store's memory, not of the operation. */
static bool fz_memory_error(const struct fz_run *run, const struct fz_store *s, int result)
{
	return (result == -ENOSPC && (s->tight || s->written > s->max_bytes / 4)) ||
	       (result == -ENOMEM && run->call->nth);
}

static bool fz_timed_out(const struct docstore_submit *arg, int result)
{
	return arg->timeout_ms && result == -ECANCELED;
}

/* The answer of a get that the model knows. */
static void fz_check_get(struct fz_run *run, struct fz_batch *b, __u32 i,
			 const struct docstore_op *op)
{
	struct fz_batch_doc *d = &b->docs[b->of[i]];
	const __u8 *at = (void *)(uintptr_t)b->ops[i].value;
	__u32 room = b->ops[i].value_len;

	/* A document that was made by this batch has another size if it knows its
	 * version; that is in the model only afterwards.
	 */
	if (op->value_len != b->gets[i])
		fz_find(run, "submit: get %u is %u bytes long instead of %u", i, op->value_len,
			b->gets[i]);
	if (op->type != b->types[i])
		fz_find(run, "submit: get %u has type %u instead of %u", i, op->type, b->types[i]);
	if (!op->property && !d->changed && room >= op->value_len &&
	    op->value_len <= DOCSTORE_MAX_DOCUMENT) {
		struct docstore_version *v = malloc(op->value_len);
		const char *problem;

		memcpy(v, at, op->value_len);
		problem = fz_doc_differs(&d->doc, v, op->value_len);
		if (problem)
			fz_find(run, "submit: get %u %s", i, problem);
		free(v);
	}
	fz_check_rest(run, b->ops[i].value, room < op->value_len ? room : op->value_len);
}

/* Take over a document as the batch has left it. */
static void fz_commit_doc(struct fz_run *run, struct fz_store *s, struct fz_batch_doc *d,
			  __u64 version)
{
	struct fz_doc *doc = fz_doc_find(s, d->doc.id, d->doc.id_len);
	__u32 i;

	if (d->doc.version >= FZ_SOME_VERSION && !doc->exists) {
		/* The number is the kernel's choice, but not less than before. */
		if (version <= doc->version)
			fz_find(run, "submit: version %llu comes after %llu",
				(unsigned long long)version, (unsigned long long)doc->version);
		for (i = 0; i < d->doc.nprops; i++)
			if (d->doc.props[i].set == d->doc.version)
				d->doc.props[i].set = version;
		d->doc.version = version;
	} else if (version != d->doc.version) {
		fz_find(run, "submit: version %llu instead of %llu", (unsigned long long)version,
			(unsigned long long)d->doc.version);
	}
	fz_doc_clear(doc);
	*doc = d->doc;
	for (i = 0; i < doc->nprops; i++)
		s->written += doc->props[i].len;
	s->written += 4096;
	d->doc.props = NULL;
	d->doc.nprops = 0;
}

static void fz_check_results(struct fz_run *run, struct fz_batch *b, struct fz_store *s)
{
	const struct docstore_submit *arg = ARG(docstore_submit);
	__u64 versions[ARRAY_SIZE(b->docs)] = { 0 };
	bool done[ARRAY_SIZE(b->docs)] = { false };
	struct docstore_submit out;
	struct docstore_op op;
	__u32 failed = 0, i;

	for (i = 0; i < b->count && !run->finding[0]; i++) {
		__u32 n = b->of[i];

		memcpy(&op, (void *)(uintptr_t)(arg->ops + (__u64)i * arg->op_size), sizeof(op));
		failed += !!op.result;
		if (op.result != b->results[i]) {
			if (fz_memory_error(run, s, op.result) || fz_timed_out(arg, op.result) ||
			    op.result == -ECANCELED)
				s->sure = false;
			else
				fz_find(run, "submit: result %u is %d instead of %d", i, op.result,
					b->results[i]);
			continue;
		}
		if (op.result) {
			if (op.version)
				fz_find(run, "submit: operation %u failed and has a version", i);
			continue;
		}
		if (done[n] && versions[n] != op.version)
			fz_find(run, "submit: one document gets versions %llu and %llu",
				(unsigned long long)versions[n], (unsigned long long)op.version);
		done[n] = true;
		versions[n] = op.version;
		if (op.code == DOCSTORE_OP_GET)
			fz_check_get(run, b, i, &op);
	}
	/* It was canceled for want of memory, or not at all. */
	if (!s->sure && !s->tight && !arg->timeout_ms && s->written <= s->max_bytes / 4)
		fz_find(run, "submit: operations were canceled for no reason");
	if (fz_came_back(run, 0, &out) && out.failed != failed && !run->finding[0])
		fz_find(run, "submit: %u operations failed, and it says %u", failed, out.failed);
	for (i = 0; i < b->ndocs && s->sure; i++)
		if (done[i] && b->docs[i].changed && !b->docs[i].failed)
			fz_commit_doc(run, s, &b->docs[i], versions[i]);
		else if (done[i] && !b->docs[i].failed &&
			 versions[i] != (b->docs[i].doc.exists ? b->docs[i].doc.version : 0))
			fz_find(run, "submit: version %llu of what was not changed",
				(unsigned long long)versions[i]);
}

/* The coordinator has had another batch if it was one for it. */
static void fz_count_span(const struct docstore_submit *arg, const struct fz_batch *b,
			  struct fz_store *s)
{
	bool failed = false;
	__u32 i;

	if (!s->sure) {
		s->span.sure = false;
		return;
	}
	if (!(arg->flags & DOCSTORE_SUBMIT_ATOMIC) || !fz_spans(s, b->ops, b->count))
		return;
	for (i = 0; i < b->ndocs; i++)
		failed |= b->docs[i].failed;
	s->span.commits += !failed;
	s->span.refused += failed;
}

void fz_after_submit(struct fz_run *run, int ret)
{
	struct fz_batch *b = run->expect;
	struct fz_store *s = run->fd->store;

	run->expect = NULL;
	if (!b)
		return;
	if (run->call->nth || run->signals || ret == -EFAULT)
		s->sure = false;
	else if (!ret)
		fz_check_results(run, b, s);
	if (!ret || !s->sure)
		fz_count_span(ARG(docstore_submit), b, s);
	fz_batch_free(b);
}
