// SPDX-License-Identifier: GPL-2.0
/*
 * The rules that hold for all ioctls, by the tables: which errors an argument
 * calls for, and what of it may change.
 */
#include "fuzz.h"
#include "model.h"

__u64 fz_field_get(const struct fz_field *f, const void *s)
{
	const __u8 *at = (const __u8 *)s + f->offset;
	__u64 number = 0;

	/* Little endian. */
	if (f->size <= 8)
		memcpy(&number, at, f->size);
	return number;
}

void fz_field_set(const struct fz_field *f, void *s, __u64 number)
{
	memcpy((__u8 *)s + f->offset, &number, f->size);
}

/**
 * fz_check_struct() - the errors that a struct's fields call for
 * @run: the run
 * @type: type of the struct
 * @s: the struct, as it was before the call
 * @size: how long the caller says it is; what is beyond counts as 0
 * @errors: the errors are added here
 */
void fz_check_struct(struct fz_run *run, const struct fz_type *type, const void *s, __u32 size,
		     struct fz_errors *errors)
{
	unsigned int i;

	(void)run;
	for (i = 0; i < type->nfields; i++) {
		const struct fz_field *f = &type->fields[i];
		__u64 number = f->offset + f->size <= size ? fz_field_get(f, s) : 0;

		switch (f->kind) {
		case FZ_FLAGS:
			if ((number & ~f->mask) || number < f->min)
				fz_error_add(errors, EINVAL);
			break;
		case FZ_RESERVED:
			if (number)
				fz_error_add(errors, EINVAL);
			break;
		case FZ_ESIZE:
			if (number < fz_type_min(f->elem ?: type->fields[f->of].elem))
				fz_error_add(errors, EINVAL);
			break;
		case FZ_NUMBER:
		case FZ_INOUT:
		case FZ_LEN:
		case FZ_COUNT:
			if (number < f->min)
				fz_error_add(errors, EINVAL);
			else if (f->max && number > f->max)
				fz_error_add(errors, f->error ?: EINVAL);
			break;
		}
	}
}

/* Is the descriptor one for this operation? */
static bool fz_check_fd(struct fz_run *run)
{
	const struct fz_op *op = run->op;
	int error = 0;

	switch (run->fd->kind) {
	case FZ_FD_CLOSED:
		error = EBADF;
		break;
	case FZ_FD_OTHER:
		error = ENOTTY;
		break;
	case FZ_FD_CONTROL:
		error = op->flags & FZ_ON_CONTROL ? 0 : ENOTTY;
		break;
	case FZ_FD_STORE:
		error = op->flags & FZ_ON_STORE ? 0 : ENOTTY;
		break;
	case FZ_FD_SNAPSHOT:
		error = op->flags & FZ_ON_SNAPSHOT ? 0 : ENOTTY;
		break;
	case FZ_FD_STREAM:
		error = op->flags & FZ_ON_STREAM ? 0 : ENOTTY;
		break;
	}
	if (error) {
		fz_error_add(&run->must, error);
		return false;
	}
	if (((op->flags & FZ_TO_READ) && !(run->fd->rights & DS_READ)) ||
	    ((op->flags & FZ_TO_WRITE) && !(run->fd->rights & DS_WRITE)))
		fz_error_add(&run->must, EBADF);
	return true;
}

/* Copy the argument as the kernel will. */
static bool fz_check_argument(struct fz_run *run)
{
	const struct fz_type *type = run->op->type;
	__u32 i;

	memset(run->in, 0, type->size);
	if (!run->arg || run->room < 4 || !fz_memory_readable(run->memory, run->address, 4)) {
		fz_error_add(&run->must, EFAULT);
		return false;
	}
	if (run->size < fz_type_min(type)) {
		fz_error_add(&run->must, EINVAL);
		return false;
	}
	if (run->size > FZ_MAX_ELEMENT) {
		fz_error_add(&run->must, E2BIG);
		return false;
	}
	if (run->size > run->room) {
		fz_error_add(&run->must, EFAULT);
		fz_error_add(&run->may, E2BIG);
		return false;
	}
	memcpy(run->in, run->arg, run->size);
	for (i = type->size; i < run->size; i++)
		if (run->arg[i])
			fz_error_add(&run->must, E2BIG);
	return true;
}

/* Before a call: which errors must come, or may? */
void fz_check_before(struct fz_run *run)
{
	const struct fz_op *op = run->op;

	memset(&run->must, 0, sizeof(run->must));
	memset(&run->may, 0, sizeof(run->may));
	run->sure = false;
	run->expect = NULL;
	if (!fz_check_fd(run) || !fz_check_argument(run))
		return;
	fz_check_struct(run, op->type, run->in, run->size, &run->must);
	run->sure = true;
	if (op->before)
		op->before(run);
	if ((op->flags & (FZ_BACK | FZ_BACK_ALWAYS)) &&
	    !fz_memory_writable(run->memory, run->address, run->size)) {
		fz_error_add(op->flags & FZ_BACK_ALWAYS ? &run->must : &run->may, EFAULT);
		if (!fz_error_any(&run->must))
			fz_error_add(&run->must, EFAULT);
		run->sure = false;
	}
	if (run->call->nth) {
		fz_error_add(&run->may, ENOMEM);
		fz_error_add(&run->may, EFAULT);
		run->sure = false;
	}
}

/* Fields that the kernel must leave alone, and what lies behind those we know. */
static void fz_check_fields(struct fz_run *run, const struct fz_type *type, const __u8 *before,
			    const __u8 *now, __u32 size, bool all)
{
	unsigned int i;
	__u32 at;

	for (i = 0; i < type->nfields; i++) {
		const struct fz_field *f = &type->fields[i];
		__u64 may = f->back;

		if (f->offset + f->size > size)
			continue;
		if (!all && (f->kind == FZ_OUT || f->kind == FZ_INOUT))
			continue;
		if (f->kind == FZ_INLINE) {
			if (memcmp(before + f->offset, now + f->offset, f->size))
				fz_find(run, "%s changed the name it was given", run->op->name);
			continue;
		}
		if (all)
			may = 0;
		if ((fz_field_get(f, before) ^ fz_field_get(f, now)) & ~may)
			fz_find(run, "%s changed %s.%s from %#llx to %#llx", run->op->name,
				type->name, f->name,
				(unsigned long long)fz_field_get(f, before),
				(unsigned long long)fz_field_get(f, now));
	}
	for (at = type->size; at < size; at++)
		if (before[at] != now[at])
			fz_find(run, "%s changed byte %u behind %s", run->op->name, at, type->name);
}

static void fz_check_pieces(struct fz_run *run, int ret)
{
	const struct fz_memory *m = run->memory;
	unsigned int i;
	__u32 j;

	for (i = 0; i < m->npieces; i++) {
		const struct fz_piece *piece = &m->pieces[i];
		bool back = (run->op->flags & FZ_BACK_ALWAYS) ||
			    ((run->op->flags & FZ_BACK) && (ret >= 0 || ret == -EFAULT));

		if (!piece->copy)
			continue;
		if (piece->kind == FZ_SIZE) {
			__u32 size = run->size < piece->len ? run->size : piece->len;

			fz_check_fields(run, piece->type, piece->copy, piece->at, size, !back);
		}
		if (piece->kind != FZ_ARRAY)
			continue;
		for (j = 0; j < piece->count && (j + 1) * piece->stride <= piece->len; j++)
			fz_check_fields(run, piece->type, piece->copy + j * piece->stride,
					piece->at + j * piece->stride, piece->stride, false);
	}
}

static bool fz_documented(const struct fz_run *run, int error)
{
	const int *e;

	if (error == ENOTTY)
		return run->fd->kind != FZ_FD_CLOSED;
	if (error == EBADF && run->fd->kind == FZ_FD_CLOSED)
		return true;
	for (e = run->op->errors; *e; e++)
		if (*e == error)
			return true;
	return false;
}

/* The first of a set, for messages. */
static const char *fz_error_names(const struct fz_errors *errors)
{
	static __thread char text[128];
	size_t at = 0;
	int i;

	text[0] = 0;
	for (i = 1; i < FZ_ERRNOS && at < sizeof(text) - 24; i++)
		if (fz_error_in(errors, i))
			at += snprintf(text + at, sizeof(text) - at, "%s%s", at ? ", " : "",
				       strerrorname_np(i) ?: "?");
	return text;
}

/* Whatever others do, a snapshot stays as it is. */
static bool fz_is_frozen(const struct fz_run *run)
{
	return run->fd->kind == FZ_FD_SNAPSHOT && (run->op->flags & FZ_TO_READ) && fz_known(run);
}

static void fz_check_result(struct fz_run *run, int ret)
{
	const char *name = run->op->name;
	int error = -ret;

	if (ret >= 0) {
		if (ret && !(run->op->flags & FZ_GIVES_FD))
			fz_find(run, "%s returned %d", name, ret);
		if (fz_error_any(&run->must) && !run->torn)
			fz_find(run, "%s succeeded, and had to fail with %s", name,
				fz_error_names(&run->must));
		return;
	}
	if (!fz_documented(run, error)) {
		fz_find(run, "%s failed with %d (%s), which is not documented", name, error,
			strerrorname_np(error) ?: "no error that there is");
		return;
	}
	if (error == EINTR) {
		if (!run->signals)
			fz_find(run, "%s was interrupted, by no signal", name);
		return;
	}
	if (run->torn || !(run->op->flags & FZ_EXACT) || fz_error_in(&run->must, error) ||
	    fz_error_in(&run->may, error))
		return;
	/* Others change what the model thinks there is. */
	if (run->wild && !fz_error_any(&run->must) && !fz_is_frozen(run))
		return;
	if (fz_error_any(&run->must))
		fz_find(run, "%s failed with %s instead of %s", name, strerrorname_np(error),
			fz_error_names(&run->must));
	else
		fz_find(run, "%s failed with %s, and there was no reason", name,
			strerrorname_np(error));
}

/* After a call. */
void fz_check_after(struct fz_run *run, int ret)
{
	const char *problem;

	fz_check_result(run, ret);
	/* Room that is where the argument is may end behind it. */
	if (!run->torn && !run->alias) {
		problem = fz_memory_guards(run->memory);
		if (problem)
			fz_find(run, "%s: %s", run->op->name, problem);
		fz_check_pieces(run, ret);
	}
	if (run->op->after && !run->finding[0])
		run->op->after(run, ret);
}
