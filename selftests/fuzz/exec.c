// SPDX-License-Identifier: GPL-2.0
/*
 * Carrying out calls: their structs are laid out in memory, and the kernel gets
 * to see them.
 */
#include <linux/docstore_stream.h>
#include <sys/syscall.h>

#include "fuzz.h"
#include "model.h"
#include "../uring.h"

/*
 * Names of stores begin with the run's id, so that its stores can be told from
 * others: "@a" in a program, and bytes from a seed. Everything else is as it is.
 */
void fz_store_name(const struct fz_run *run, __u8 *to, const struct fz_value *v)
{
	char name[DOCSTORE_STORE_NAME_SIZE + 1] = "";
	size_t len;

	memset(to, 0, DOCSTORE_STORE_NAME_SIZE);
	if (v->how != FZ_BYTES)
		return;
	if (v->literal >= 2 && v->text[0] == '@') {
		snprintf(name, sizeof(name), "fz.%s.%.*s", run->id, v->literal - 1, v->text + 1);
		memcpy(to, name, DOCSTORE_STORE_NAME_SIZE);
	} else if (v->literal) {
		memcpy(to, v->text, v->literal);
	} else {
		len = snprintf(name, sizeof(name), "fz.%s.", run->id);
		memcpy(to, name, len);
		if (v->len > len)
			fz_value_bytes(v, to + len, DOCSTORE_STORE_NAME_SIZE - len <
				       v->len - len ? DOCSTORE_STORE_NAME_SIZE - len :
						      v->len - len);
	}
}

/* Structs ---------------------------------------------------------------------- */

static void fz_lay_struct(struct fz_run *run, const struct fz_program *p,
			  const struct fz_struct *s, __u8 *at);

/* What is left of a number in its field. */
static __u64 fz_cut(const struct fz_field *f, __u64 number)
{
	return f->size < sizeof(number) ? number & ((1ULL << 8 * f->size) - 1) : number;
}

/* The size of an element that a struct speaks of. */
static __u32 fz_stride(const struct fz_struct *s, unsigned int pointer)
{
	unsigned int i;
	__u64 size;

	for (i = 0; i < s->type->nfields; i++) {
		const struct fz_field *f = &s->type->fields[i];

		if (f->kind != FZ_ESIZE || f->of != pointer)
			continue;
		size = fz_cut(f, s->v[i].number);
		if (s->v[i].how == FZ_NUM && size >= 8 && size <= 2 * FZ_MAX_ELEMENT)
			return size;
		return (f->elem ?: s->type->fields[pointer].elem)->size;
	}
	/* Of one size only, or bytes. */
	return s->type->fields[pointer].elem ? s->type->fields[pointer].elem->size : 1;
}

/* The length or count that a struct gives of what a field points at, if it is
 * not simply right.
 */
static bool fz_override(const struct fz_struct *s, unsigned int pointer, __u64 *number)
{
	unsigned int i;

	for (i = 0; i < s->type->nfields; i++) {
		const struct fz_field *f = &s->type->fields[i];

		if ((f->kind != FZ_LEN && f->kind != FZ_COUNT) || f->of != pointer ||
		    s->v[i].how != FZ_NUM)
			continue;
		*number = fz_cut(f, s->v[i].number);
		if (f->kind == FZ_COUNT)
			*number *= fz_stride(s, pointer);
		return true;
	}
	return false;
}

/* Elements; more than there are in the program are the same ones again. */
static __u64 fz_lay_array(struct fz_run *run, const struct fz_program *p,
			  const struct fz_struct *s, unsigned int field)
{
	const struct fz_value *v = &s->v[field];
	__u32 stride = fz_stride(s, field), count = v->len, i;
	const struct fz_type *type = s->type->fields[field].elem;
	struct fz_piece *piece;
	__u64 address, bytes;
	__u8 element[2 * FZ_MAX_ELEMENT + 512];

	if (fz_override(s, field, &bytes) && bytes > (__u64)count * stride && bytes <= FZ_BIG)
		count = bytes / stride;
	piece = fz_memory_get(run->memory, FZ_ARRAY, v->place, count * stride, 8, &address);
	if (!piece)
		return address;
	piece->type = type;
	piece->stride = stride;
	piece->count = count;
	memset(piece->at, 0, piece->len);
	for (i = 0; i < count && i < v->len; i++) {
		memset(element, 0, stride + type->size);
		fz_lay_struct(run, p, &p->structs[v->number + i], element);
		if (run->call->tail && stride > type->size)
			element[stride - 1] = 1;
		if (i * stride < piece->len)
			memcpy(piece->at + i * stride, element,
			       piece->len - i * stride < stride ? piece->len - i * stride : stride);
	}
	for (; v->len && i < count && (i + 1) * stride <= piece->len; i++)
		memcpy(piece->at + i * stride, piece->at + (i - v->len) * stride, stride);
	return address;
}

static __u64 fz_lay_bytes(struct fz_run *run, const struct fz_struct *s, unsigned int field)
{
	const struct fz_value *v = &s->v[field];
	__u8 kind = v->how == FZ_SPACE ? FZ_ROOM : FZ_IN, place = v->place;
	struct fz_piece *piece;
	__u64 address, want;
	__u32 len = v->len;

	if (place == FZ_ARG) {
		run->alias = true;
		return run->address;
	}
	if (v->how == FZ_DEFAULT && !place)
		return 0;
	if (fz_override(s, field, &want) && want > len) {
		/* What is beyond is there, or it is known not to be. */
		if (want <= FZ_BIG)
			len = want;
		else if (place < FZ_NULL)
			place = FZ_EDGE;
	}
	piece = fz_memory_get(run->memory, kind, place, len, 1, &address);
	if (piece && kind == FZ_IN) {
		memset(piece->at, 'z', piece->len);
		fz_value_bytes(v, piece->at, piece->len);
	}
	return address;
}

static __u64 fz_lay_field(struct fz_run *run, const struct fz_program *p,
			  const struct fz_struct *s, unsigned int field)
{
	const struct fz_field *f = &s->type->fields[field];
	const struct fz_value *v = &s->v[field];
	const struct fz_value *of = &s->v[f->of];

	if (v->how == FZ_NUM)
		return v->number;
	if (v->how == FZ_LAST)
		return run->last[f->name[strlen(f->name) - 1] == '1'];
	switch (f->kind) {
	case FZ_SIZE:
		return s->type->size;
	case FZ_ESIZE:
		return (f->elem ?: s->type->fields[f->of].elem)->size;
	case FZ_TOLD:
		return run->told[f->of];
	case FZ_LEN:
		if (of->how == FZ_STRUCTURES)
			return of->len * s->type->fields[f->of].elem->size;
		return of->how == FZ_BYTES || of->how == FZ_SPACE ? of->len : 0;
	case FZ_COUNT:
		if (of->how == FZ_STRUCTURES)
			return of->len;
		return of->how == FZ_SPACE ? of->len / fz_stride(s, f->of) : 0;
	case FZ_OUT:
		return DS_POISON64;
	case FZ_ARRAY:
		if (v->how == FZ_STRUCTURES)
			return fz_lay_array(run, p, s, field);
		return fz_lay_bytes(run, s, field);
	case FZ_IN:
	case FZ_ROOM:
	case FZ_ANY:
		return fz_lay_bytes(run, s, field);
	default:
		return 0;
	}
}

static void fz_lay_struct(struct fz_run *run, const struct fz_program *p,
			  const struct fz_struct *s, __u8 *at)
{
	unsigned int i;

	for (i = 0; i < s->type->nfields; i++) {
		const struct fz_field *f = &s->type->fields[i];

		if (f->kind == FZ_INLINE)
			fz_store_name(run, at + f->offset, &s->v[i]);
		else if (f->size <= 8)
			fz_field_set(f, at, fz_lay_field(run, p, s, i));
		else
			memset(at + f->offset, DS_POISON, f->size);
	}
}

/* The whole argument. Its own place first, since others may point at it. */
static void fz_lay_argument(struct fz_run *run, const struct fz_program *p)
{
	const struct fz_struct *s = &p->structs[run->call->arg];
	__u8 bytes[2 * FZ_MAX_ELEMENT + 512] = { 0 };
	struct fz_piece *piece;
	__u32 len;

	run->size = s->v[0].how == FZ_NUM ? s->v[0].number : s->type->size;
	len = run->size < 4 ? 4 : run->size;
	if (len > 2 * FZ_MAX_ELEMENT)
		len = 2 * FZ_MAX_ELEMENT;
	piece = fz_memory_get(run->memory, FZ_SIZE, run->call->place, len, 8, &run->address);
	fz_lay_struct(run, p, s, bytes);
	if (run->call->tail && len > s->type->size)
		bytes[len - 1] = 1;
	run->arg = NULL;
	run->room = 0;
	if (!piece)
		return;
	piece->type = s->type;
	memcpy(piece->at, bytes, piece->len);
	run->arg = piece->at;
	run->room = piece->len;
}

static void fz_fail_nth(__u32 nth)
{
	static __thread int fd = -2;
	char text[16];
	int len;

	if (fd == -2)
		fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	len = snprintf(text, sizeof(text), "%u", nth);
	if (fd >= 0 && pwrite(fd, text, len, 0) != len)
		fd = -1;
}

/*
 * Only calls to stores and snapshots have another way, and faults are for this thread: what a ring
 * refuses, or has other threads do, would not be ours.
 */
static int fz_call_kernel(struct fz_run *run)
{
	int ret;

	if (run->ring && (run->fd->kind == FZ_FD_STORE || run->fd->kind == FZ_FD_SNAPSHOT) &&
	    !run->call->nth)
		return ds_ring_ioctl(run->ring, run->ring_flags, run->fd->fd, run->op->command,
				     (void *)(unsigned long)run->address);
	ret = syscall(SYS_ioctl, run->fd->fd, run->op->command, (unsigned long)run->address);
	return ret < 0 ? -errno : ret;
}

static void fz_run_ioctl(struct fz_run *run, const struct fz_program *p)
{
	/* Not while signals come: it would be their frames that are not copied. */
	bool inject = run->call->nth && !run->signals;
	int ret;

	fz_memory_begin(run->memory);
	run->alias = false;
	fz_lay_argument(run, p);
	fz_memory_snapshot(run->memory);
	fz_check_before(run);
	run->began = ds_now();
	if (inject)
		fz_fail_nth(run->call->nth);
	ret = fz_call_kernel(run);
	if (inject)
		fz_fail_nth(0);
	run->calls++;
	fz_check_after(run, ret);
	free(run->expect);
	run->expect = NULL;
}

/* The same call with the same memory, which others may be changing. */
void fz_run_again(struct fz_run *run)
{
	unsigned int i;
	int ret;

	for (i = 0; i < run->memory->npieces; i++) {
		struct fz_piece *piece = &run->memory->pieces[i];

		if (piece->copy)
			memcpy(piece->at, piece->copy, piece->len);
	}
	run->began = ds_now();
	ret = syscall(SYS_ioctl, run->fd->fd, run->op->command, (unsigned long)run->address);
	if (ret < 0)
		ret = -errno;
	run->calls++;
	fz_check_after(run, ret);
}

/* One call, without what a group is about. */
void fz_run_call(struct fz_run *run, const struct fz_program *p, unsigned int call)
{
	run->program = p;
	run->at = call;
	run->call = &p->calls[call];
	run->op = &fz_ops[run->call->op];
	run->fd = &run->slots[run->call->fd];
	if (run->op->command)
		fz_run_ioctl(run, p);
	else if (!(run->op->flags & FZ_GROUP) &&
		 (!run->shared || run->op->run == fz_run_raw || run->op->run == fz_run_file ||
		  run->op->run == fz_run_stream_read))
		run->op->run(run, p, call);
}

/* An ioctl with any number, and any bytes for an argument. */
unsigned int fz_run_raw(struct fz_run *run, const struct fz_program *p, unsigned int call)
{
	const struct fz_struct *s = &p->structs[p->calls[call].arg];
	unsigned int command = s->v[0].number, i;
	const char *problem;
	__u64 address;
	int ret, error;

	/* Those that there are have better ways. Others only on docstore's own. */
	for (i = 0; i < fz_nops; i++)
		if (fz_ops[i].command && command == fz_ops[i].command)
			return 0;
	if (!fz_fd_is_ours(run->fd))
		return 0;
	fz_memory_begin(run->memory);
	address = fz_lay_bytes(run, s, 1);
	fz_memory_snapshot(run->memory);
	ret = syscall(SYS_ioctl, run->fd->fd, command, (unsigned long)address);
	error = ret < 0 ? errno : 0;
	run->calls++;
	/* Others are for descriptors of any kind, and done before us. */
	if ((command >> 8 & 0xff) != DOCSTORE_IOC_TYPE)
		return 0;
	problem = fz_memory_guards(run->memory);
	if (problem && !run->torn && !run->alias)
		fz_find(run, "ioctl %#x: %s", command, problem);
	if (!ret || error != ENOTTY)
		fz_find(run, "ioctl %#x, which there is not, returned %d, errno %d", command, ret,
			error);
	return 0;
}

/* Room for records, and reading a stream into it. */
unsigned int fz_run_stream_read(struct fz_run *run, const struct fz_program *p, unsigned int call)
{
	const struct fz_struct *s = &p->structs[p->calls[call].arg];
	bool inject = run->call->nth && !run->signals;
	size_t len = s->v[0].how == FZ_SPACE ? s->v[0].len : 0;
	const char *problem;
	__u64 address;
	ssize_t ret;

	if (run->fd->kind != FZ_FD_STREAM || s->v[0].place == FZ_ARG)
		return 0;
	fz_memory_begin(run->memory);
	address = fz_lay_bytes(run, s, 0);
	if (inject)
		fz_fail_nth(run->call->nth);
	ret = read(run->fd->fd, (void *)(uintptr_t)address, len);
	if (ret < 0)
		ret = -errno;
	if (inject)
		fz_fail_nth(0);
	run->calls++;
	problem = fz_memory_guards(run->memory);
	if (problem)
		fz_find(run, "stream-read: %s", problem);
	fz_stream_was_read(run, run->fd, address, len, ret);
	return 0;
}

/* Programs ----------------------------------------------------------------------- */

unsigned int fz_run_calls(struct fz_run *run, const struct fz_program *p, unsigned int from,
			  unsigned int to)
{
	unsigned int i;

	for (i = from; i < to && !run->finding[0]; i++)
		fz_run_call(run, p, i);
	return to - from;
}

static void fz_slot_set(struct fz_run *run, unsigned int slot, int fd, __u8 kind, __u8 rights,
			struct fz_store *store)
{
	run->slots[slot] = (struct fz_fd){
		.fd = fd, .kind = kind, .rights = rights, .store = store,
	};
}

/* The program's store, with its descriptors and five names. */
static bool fz_main_store(struct fz_run *run)
{
	static const char *const names[] = { "p1", "p2", "p3", "t1", "t2" };
	struct fz_value value = { .how = FZ_BYTES, .literal = 2, .len = 2, .text = "@m" };
	int control = run->slots[0].fd;
	__u8 name[DOCSTORE_STORE_NAME_SIZE];
	struct fz_store *s;
	unsigned int i;
	int fd;

	fz_store_name(run, name, &value);
	ds_remove(control, (char *)name);
	if (ds_create(control, (char *)name, 0600, 2, 256 << 20))
		return false;
	s = fz_store_new(name, 2, 256 << 20);
	run->stores[0] = s;
	run->nstores = 1;
	for (i = 1; i <= 3; i++) {
		fd = ds_open(control, (char *)name, i == 1 ? DS_RW : i == 2 ? DS_READ : DS_WRITE);
		if (fd < 0)
			return false;
		fz_slot_set(run, i, fd, FZ_FD_STORE, i == 1 ? DS_RW : i == 2 ? DS_READ : DS_WRITE,
			    s);
	}
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		if (ds_prop_id(run->slots[1].fd, names[i]) != (int)i + 1)
			return false;
		memcpy(s->names[i].bytes, names[i], 2);
		s->names[i].len = 2;
	}
	s->nnames = ARRAY_SIZE(names);
	return fz_stream_begin(run) && fz_span_begin(s, run->slots[1].fd);
}

bool fz_run_init(struct fz_run *run, const char *id)
{
	unsigned int i;
	int fds[2];

	memset(run, 0, sizeof(*run));
	snprintf(run->id, sizeof(run->id), "%s", id);
	run->memory = calloc(1, sizeof(*run->memory));
	if (!run->memory || !fz_memory_init(run->memory))
		return false;
	for (i = 0; i < FZ_SLOTS; i++)
		run->slots[i].fd = -1;
	fz_slot_set(run, 0, ds_control(), FZ_FD_CONTROL, DS_RW, NULL);
	fz_slot_set(run, 4, ds_control_open(O_RDONLY), FZ_FD_CONTROL, DS_READ, NULL);
	if (run->slots[0].fd < 0 || pipe2(fds, O_CLOEXEC) || !fz_stream_init(run) ||
	    !fz_settings_init(run))
		return false;
	fz_slot_set(run, 10, fds[0], FZ_FD_OTHER, 0, NULL);
	close(fds[1]);
	return true;
}

/* Stores that programs have made, also by processes that were killed. */
static void fz_remove_stores(struct fz_run *run, bool all)
{
	struct docstore_store_info infos[16];
	char prefix[32], own[40];
	__u64 cursor = 0;
	int i, n;

	snprintf(prefix, sizeof(prefix), "fz.%s.", run->id);
	snprintf(own, sizeof(own), "fz.%s.m", run->id);
	do {
		n = ds_list(run->slots[0].fd, infos, ARRAY_SIZE(infos), &cursor);
		for (i = 0; i < n; i++)
			if (!strncmp((char *)infos[i].name, prefix, strlen(prefix)) &&
			    (all || strcmp((char *)infos[i].name, own)))
				ds_remove(run->slots[0].fd, (char *)infos[i].name);
	} while (n > 0 && cursor);
}

static void fz_forget_stores(struct fz_run *run, unsigned int from)
{
	while (run->nstores > from)
		fz_store_free(run->stores[--run->nstores]);
}

static void fz_drop_main_store(struct fz_run *run)
{
	unsigned int i;

	for (i = 1; i <= 3; i++)
		fz_slot_close(run, i);
	fz_remove_stores(run, true);
	fz_forget_stores(run, 0);
}

void fz_run_end(struct fz_run *run)
{
	unsigned int i;

	fz_drop_main_store(run);
	fz_stream_exit(run);
	for (i = 0; i < FZ_SLOTS; i++)
		fz_slot_close(run, i);
}

/* A descriptor that reads a store, or -1. */
static int fz_reader(const struct fz_run *run, const struct fz_store *s)
{
	unsigned int i;

	for (i = 0; i < FZ_SLOTS; i++)
		if (run->slots[i].kind == FZ_FD_STORE && run->slots[i].store == s &&
		    (run->slots[i].rights & DS_READ))
			return run->slots[i].fd;
	return -1;
}

/* Learn what others have done. */
static void fz_resync(struct fz_run *run)
{
	unsigned int i;

	for (i = 0; i < run->nstores; i++) {
		int fd = fz_reader(run, run->stores[i]);

		run->stores[i]->sure = false;
		run->stores[i]->span.sure = false;
		if (fd >= 0)
			fz_store_resync(run, fd, run->stores[i]);
	}
	fz_snapshots_learn(run);
}

static void fz_verify(struct fz_run *run)
{
	unsigned int i;

	for (i = 0; i < run->nstores && !run->finding[0]; i++) {
		int fd = fz_reader(run, run->stores[i]);

		if (fd >= 0 && run->stores[i]->used)
			fz_store_verify(run, fd, run->stores[i]);
	}
	fz_snapshots_verify(run);
	fz_streams_verify(run);
}

/* Does an operation make snapshots? */
static bool fz_pins(const struct fz_op *op)
{
	return op->command == DOCSTORE_SNAPSHOT || op->command == DOCSTORE_STREAM;
}

static void fz_clean_up(struct fz_run *run, const struct fz_program *p)
{
	struct fz_store *s = run->stores[0];
	bool made = false, pinned = false, configured = false;
	unsigned int i;

	for (i = 5; i < 10; i++)
		fz_slot_close(run, i);
	fz_snapshot_unmap(run);
	for (i = 0; i < p->ncalls; i++) {
		made |= fz_ops[p->calls[i].op].command == DOCSTORE_STORE_CREATE;
		pinned |= fz_pins(&fz_ops[p->calls[i].op]);
		configured |= fz_ops[p->calls[i].op].command == DOCSTORE_CONFIG;
	}
	if (configured)
		fz_settings_end(run);
	if (pinned && !run->finding[0])
		fz_snapshots_gone(run, run->slots[1].fd);
	s->streamed = false;
	if (made)
		fz_remove_stores(run, false);
	fz_forget_stores(run, 1);
	if (run->finding[0] || run->lost || !fz_store_empty(run, run->slots[1].fd, s))
		fz_drop_main_store(run);
}

/**
 * fz_run_program() - run a program
 * @run: the run, whose store is as new before and after
 * @p: the program
 *
 * Return: false if something was wrong; @finding says what.
 */
bool fz_run_program(struct fz_run *run, const struct fz_program *p)
{
	unsigned int i, j, n;

	run->finding[0] = 0;
	run->lost = false;
	run->last[0] = 0;
	run->last[1] = 0;
	run->told[2] = 1;
	run->told[3] = 1;
	if (!run->nstores && !fz_main_store(run)) {
		fz_find(run, "no store can be made: %s", strerror(errno));
		fz_drop_main_store(run);
		return false;
	}
	for (i = 0; i < p->ncalls && !run->finding[0]; i++) {
		const struct fz_op *op = &fz_ops[p->calls[i].op];

		if (fz_progress)
			fz_progress->at = i;
		if (!(op->flags & FZ_GROUP)) {
			fz_run_call(run, p, i);
			continue;
		}
		run->program = p;
		run->at = i;
		run->call = &p->calls[i];
		run->op = op;
		run->fd = &run->slots[run->call->fd];
		n = op->run(run, p, i);
		for (j = i + 1; j <= i + n; j++) {
			if (fz_ops[p->calls[j].op].flags & FZ_ON_CONTROL)
				run->lost = true;
			if (fz_pins(&fz_ops[p->calls[j].op]))
				fz_stores_pinned(run);
			if (op->run != fz_run_uring)
				fz_streams_touched(run, &fz_ops[p->calls[j].op]);
			/* Who has set some may have been killed before he put them back. */
			if (fz_ops[p->calls[j].op].command == DOCSTORE_CONFIG)
				fz_settings_end(run);
		}
		i += n;
		if (!run->finding[0])
			fz_resync(run);
	}
	if (!run->finding[0])
		fz_verify(run);
	fz_clean_up(run, p);
	run->programs++;
	return !run->finding[0];
}
