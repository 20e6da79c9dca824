/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the docstore tests share: one thin function for each ioctl, builders of
 * operations, and a decoder of documents that trusts nothing.
 *
 * The functions return 0 or what the ioctl returned, or -errno. Whatever the
 * kernel is to fill in is poisoned first, so that a result that was forgotten
 * does not look like one. Where the kernel breaks a rule that holds for every
 * call, they return -ENOTRECOVERABLE, which no ioctl of docstore returns, and
 * say on stderr which rule that was.
 */
#ifndef DOCSTORE_TEST_H
#define DOCSTORE_TEST_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <linux/capability.h>
#include <linux/docstore.h>
#include <linux/docstore_monitor.h>
#include <linux/docstore_map.h>
#include <linux/docstore_monitor.h>

#define DS_DEVICE	"/dev/docstore"
#define DS_PREFIX	"kst."		/* of the stores that tests make */
#define DS_POISON	0xa5
#define DS_POISON32	0xa5a5a5a5U
#define DS_POISON64	0xa5a5a5a5a5a5a5a5ULL

#define DS_READ		DOCSTORE_OPEN_READ
#define DS_WRITE	DOCSTORE_OPEN_WRITE
#define DS_RW		(DOCSTORE_OPEN_READ | DOCSTORE_OPEN_WRITE)

#define DS_SECOND	1000000000ULL

/* Room for any document. */
#define DS_ROOM		(DOCSTORE_MAX_DOCUMENT + 4096)

/*
 * Long enough for the slowest of emulators; who runs the tests has a time limit
 * of his own.
 */
#define DS_TIMEOUT	900

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#endif

#define ds_ptr(p)	((__u64)(uintptr_t)(p))

#define ds_broken(...)	ds_broken_at(__FILE__, __LINE__, __VA_ARGS__)

static inline int __attribute__((format(printf, 3, 4)))
ds_broken_at(const char *file, int line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "# %s:%d: ", file, line);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	return -ENOTRECOVERABLE;
}

/* Surroundings ------------------------------------------------------------- */

/* DOCSTORE_TEST_SCALE=N: N times as many rounds, documents, seconds. */
static inline unsigned int ds_scale(unsigned int n)
{
	const char *s = getenv("DOCSTORE_TEST_SCALE");
	double scale = s ? atof(s) : 1;

	return scale * n < 1 ? 1 : scale * n;
}

static inline unsigned int ds_env(const char *name, unsigned int otherwise)
{
	const char *s = getenv(name);

	return s && *s ? strtoul(s, NULL, 0) : otherwise;
}

static inline __u64 ds_clock(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * DS_SECOND + ts.tv_nsec;
}

static inline __u64 ds_now(void)
{
	return ds_clock(CLOCK_MONOTONIC);
}

struct ds_random {
	__u64 state;
};

static inline __u64 ds_random(struct ds_random *r)
{
	/* splitmix64 */
	__u64 z = r->state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static inline unsigned int ds_below(struct ds_random *r, unsigned int n)
{
	return (ds_random(r) >> 32) % n;
}

/* DOCSTORE_TEST_SEED=N repeats a run as far as chance allows. */
static inline __u64 ds_seed(void)
{
	__u64 seed = ds_env("DOCSTORE_TEST_SEED",
			    (unsigned int)ds_clock(CLOCK_REALTIME));

	fprintf(stderr, "# DOCSTORE_TEST_SEED=%llu\n", (unsigned long long)seed);
	return seed;
}

/* A child that does not outlive the test. */
static inline pid_t ds_fork(void)
{
	pid_t parent = getpid(), pid;

	fflush(stdout);
	fflush(stderr);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
	}
	return pid;
}

/* The child's exit status, or 128 and the signal that ended it. */
static inline int ds_wait(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* In a child, where the harness's own checks don't work in all kernels. */
#define DS_CHILD(condition)						\
	do {								\
		if (!(condition)) {					\
			fprintf(stderr, "# %s:%d: child: not so: %s\n",	\
				__FILE__, __LINE__, #condition);	\
			_exit(1);					\
		}							\
	} while (0)

/* The same, for two numbers. */
#define DS_CHILD_EQ(expected, seen)					\
	do {								\
		long long __e = (expected), __s = (seen);		\
									\
		if (__e != __s) {					\
			fprintf(stderr,					\
				"# %s:%d: child: expected %s (%lld), %s is %lld\n", \
				__FILE__, __LINE__, #expected, __e,	\
				#seen, __s);				\
			_exit(1);					\
		}							\
	} while (0)

/* In a child: become someone who has no capabilities. */
static inline void ds_become(uid_t uid, gid_t gid, gid_t supplementary)
{
	DS_CHILD(!setgroups(supplementary ? 1 : 0, &supplementary));
	DS_CHILD(!setresgid(gid, gid, gid));
	DS_CHILD(!setresuid(uid, uid, uid));
}

/* In a child: stay root, but without one capability. */
static inline void ds_drop_capability(int capability)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	DS_CHILD(!syscall(SYS_capget, &header, data));
	data[capability / 32].effective &= ~(1U << capability % 32);
	DS_CHILD(!syscall(SYS_capset, &header, data));
}

/* Runs code in a child, and expects that the child is content. */
#define DS_IN_CHILD(...)							\
	do {								\
		pid_t __pid = ds_fork();				\
									\
		ASSERT_LE(0, __pid);					\
		if (!__pid) {						\
			__VA_ARGS__;					\
			_exit(0);					\
		}							\
		EXPECT_EQ(0, ds_wait(__pid));				\
	} while (0)

static inline void *ds_map(size_t size, int flags)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       flags | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED) {
		perror("mmap");
		abort();
	}
	return p;
}

/* Memory that forked children share. */
static inline void *ds_shared(size_t size)
{
	return ds_map(size, MAP_SHARED);
}

/*
 * @size bytes that end where an unmapped page begins, and begin at a multiple
 * of eight if @size is one.
 */
static inline void *ds_edge(size_t size)
{
	size_t page = sysconf(_SC_PAGESIZE);
	size_t pages = (size + page - 1) / page * page;
	char *p = ds_map(pages + page, MAP_PRIVATE);

	munmap(p + pages, page);
	return p + pages - size;
}

/* The control node --------------------------------------------------------- */

static inline int ds_ioctl(int fd, unsigned long command, void *arg)
{
	int ret = ioctl(fd, command, arg);

	return ret < 0 ? -errno : ret;
}

static inline int ds_control_open(int flags)
{
	int fd = open(DS_DEVICE, flags | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* The device, or -1 and a line that says why not. */
static inline int ds_control(void)
{
	int fd = ds_control_open(O_RDWR);

	if (fd < 0) {
		fprintf(stderr, "# " DS_DEVICE ": %s (is the module loaded?)\n",
			strerror(-fd));
		return -1;
	}
	return fd;
}

#define DS_FILL(s)	memset((char *)(s) + 8, DS_POISON, sizeof(*(s)) - 8)

static inline int ds_info(int fd, struct docstore_info *info)
{
	DS_FILL(info);
	info->size = sizeof(*info);
	info->flags = 0;
	return ds_ioctl(fd, DOCSTORE_INFO, info);
}

/* The whole of a name, also if it has no end. */
static inline void ds_name(__u8 *to, const char *name)
{
	size_t len = strnlen(name, DOCSTORE_STORE_NAME_SIZE);

	memset(to, 0, DOCSTORE_STORE_NAME_SIZE);
	memcpy(to, name, len);
}

static inline int ds_create(int control, const char *name, __u32 mode,
			    __u32 partitions, __u64 max_bytes)
{
	struct docstore_store_create c = {
		.size = sizeof(c),
		.mode = mode,
		.partitions = partitions,
		.max_bytes = max_bytes,
	};

	ds_name(c.name, name);
	return ds_ioctl(control, DOCSTORE_STORE_CREATE, &c);
}

static inline int ds_open(int control, const char *name, __u32 flags)
{
	struct docstore_store_open o = {
		.size = sizeof(o),
		.flags = flags,
	};

	ds_name(o.name, name);
	return ds_ioctl(control, DOCSTORE_STORE_OPEN, &o);
}

static inline int ds_remove(int control, const char *name)
{
	struct docstore_store_remove r = { .size = sizeof(r) };

	ds_name(r.name, name);
	return ds_ioctl(control, DOCSTORE_STORE_REMOVE, &r);
}

static inline int ds_store_info(int fd, struct docstore_store_info *info)
{
	DS_FILL(info);
	info->size = sizeof(*info);
	info->flags = 0;
	return ds_ioctl(fd, DOCSTORE_STORE_INFO, info);
}

/* The next at most @count stores after @cursor: how many there were. */
static inline int ds_list(int control, struct docstore_store_info *stores,
			  __u32 count, __u64 *cursor)
{
	struct docstore_store_list l = {
		.size = sizeof(l),
		.stores = ds_ptr(stores),
		.store_size = sizeof(*stores),
		.count = count,
		.cursor = *cursor,
	};
	int ret;

	/* Zero, since a kernel may look at fields of an array as input. */
	memset(stores, 0, count * sizeof(*stores));
	ret = ds_ioctl(control, DOCSTORE_STORE_LIST, &l);
	if (ret)
		return ret;
	if (l.count > count)
		return ds_broken("%u stores in room for %u", l.count, count);
	*cursor = l.cursor;
	return l.count;
}

/*
 * A store of the test's own. The names of two that run at once don't meet.
 */
struct ds_store {
	int control;
	int fd;
	char name[DOCSTORE_STORE_NAME_SIZE];
};

static inline void ds_store_name(char *name, const char *suffix)
{
	snprintf(name, DOCSTORE_STORE_NAME_SIZE, DS_PREFIX "%d.%s",
		 (int)getpid(), suffix);
}

static inline int ds_store_begin(struct ds_store *s, const char *suffix,
				 __u32 partitions, __u64 max_bytes)
{
	int ret;

	s->fd = -1;
	s->control = ds_control();
	if (s->control < 0)
		return -ENODEV;
	ds_store_name(s->name, suffix);
	ret = ds_create(s->control, s->name, 0600, partitions, max_bytes);
	if (ret)
		return ret;
	ret = ds_open(s->control, s->name, DS_RW);
	if (ret < 0) {
		ds_remove(s->control, s->name);
		return ret;
	}
	s->fd = ret;
	return 0;
}

static inline int ds_store_end(struct ds_store *s)
{
	int ret = 0;

	if (s->fd >= 0)
		close(s->fd);
	if (s->control >= 0) {
		ret = ds_remove(s->control, s->name);
		close(s->control);
	}
	return ret;
}

/* Names -------------------------------------------------------------------- */

/* The id of a name, 0 if there is none, or -errno. */
static inline int ds_intern(int fd, __u32 flags, const void *name, __u32 len)
{
	struct docstore_name n = {
		.name = ds_ptr(name),
		.len = len,
		.id = DS_POISON32,
	};
	struct docstore_intern i = {
		.size = sizeof(i),
		.flags = flags,
		.names = ds_ptr(&n),
		.name_size = sizeof(n),
		.count = 1,
		.done = DS_POISON32,
	};
	int ret = ds_ioctl(fd, DOCSTORE_INTERN, &i);

	if (ret)
		return ret;
	if (i.done != 1)
		return ds_broken("intern: %u of 1 done", i.done);
	if (n.id > DOCSTORE_MAX_NAMES)
		return ds_broken("intern: id %u", n.id);
	return n.id;
}

/* The id of a property or a type, made if need be. */
static inline int ds_prop_id(int fd, const char *name)
{
	return ds_intern(fd, DOCSTORE_INTERN_CREATE, name, strlen(name));
}

/* Operations --------------------------------------------------------------- */

static inline struct docstore_op ds_op(__u8 code, const char *id)
{
	return (struct docstore_op) {
		.code = code,
		.id = ds_ptr(id),
		.id_len = strlen(id),
	};
}

static inline struct docstore_op ds_set(const char *id, __u32 property,
					__u8 type, __u64 value)
{
	struct docstore_op op = ds_op(DOCSTORE_OP_SET, id);

	op.property = property;
	op.type = type;
	op.value = value;
	return op;
}

static inline struct docstore_op ds_set_s64(const char *id, __u32 property,
					    __s64 value)
{
	return ds_set(id, property, DOCSTORE_TYPE_S64, value);
}

static inline struct docstore_op ds_set_mem(const char *id, __u32 property,
					    __u8 type, const void *value,
					    __u32 len)
{
	struct docstore_op op = ds_set(id, property, type, ds_ptr(value));

	op.value_len = len;
	return op;
}

static inline struct docstore_op ds_set_bytes(const char *id, __u32 property,
					      const void *value, __u32 len)
{
	return ds_set_mem(id, property, DOCSTORE_TYPE_BYTES, value, len);
}

static inline struct docstore_op ds_unset(const char *id, __u32 property)
{
	struct docstore_op op = ds_op(DOCSTORE_OP_UNSET, id);

	op.property = property;
	return op;
}

static inline struct docstore_op ds_add(const char *id, __u32 property,
					__s64 value)
{
	struct docstore_op op = ds_op(DOCSTORE_OP_ADD, id);

	op.property = property;
	op.type = DOCSTORE_TYPE_S64;
	op.value = value;
	return op;
}

static inline struct docstore_op ds_delete(const char *id)
{
	return ds_op(DOCSTORE_OP_DELETE, id);
}

static inline struct docstore_op ds_touch(const char *id, __u64 version)
{
	struct docstore_op op = ds_op(DOCSTORE_OP_TOUCH, id);

	op.type = version ? DOCSTORE_TYPE_U64 : DOCSTORE_TYPE_NONE;
	op.value = version;
	return op;
}

static inline struct docstore_op ds_set_type(const char *id, __u32 type)
{
	struct docstore_op op = ds_op(DOCSTORE_OP_SET_TYPE, id);

	op.property = type;
	return op;
}

static inline struct docstore_op ds_get(const char *id, __u32 property,
					void *buffer, __u32 room)
{
	struct docstore_op op = ds_op(DOCSTORE_OP_GET, id);

	op.property = property;
	op.value = ds_ptr(buffer);
	op.value_len = room;
	return op;
}

/* With a condition. */
static inline struct docstore_op ds_if(struct docstore_op op, __u8 flags,
				       __u64 version)
{
	op.flags = flags;
	op.version = version;
	return op;
}

static inline int ds_submit_timeout(int fd, __u32 flags,
				    struct docstore_op *ops, __u32 count,
				    __u32 timeout_ms, __u32 *failed)
{
	struct docstore_submit s = {
		.size = sizeof(s),
		.flags = flags,
		.ops = ds_ptr(ops),
		.op_size = sizeof(*ops),
		.count = count,
		.timeout_ms = timeout_ms,
		.failed = DS_POISON32,
	};
	__u32 i, bad = 0;
	int ret;

	for (i = 0; i < count; i++)
		ops[i].result = (__s32)DS_POISON32;
	ret = ds_ioctl(fd, DOCSTORE_SUBMIT, &s);
	for (i = 0; i < count; i++) {
		if (ret && ret != -EFAULT &&
		    ops[i].result != (__s32)DS_POISON32)
			return ds_broken("submit failed (%d), and wrote result %u",
					 ret, i);
		if (ops[i].result)
			bad++;
		if (!ret && (ops[i].result > 0 || ops[i].result < -4095))
			return ds_broken("result %u of the batch is %d", i,
					 ops[i].result);
	}
	if (ret > 0)
		return ds_broken("submit returned %d", ret);
	if (ret)
		return ret;
	if (s.failed != bad)
		return ds_broken("%u operations failed, the batch says %u", bad,
				 s.failed);
	if (failed)
		*failed = s.failed;
	return 0;
}

static inline int ds_submit(int fd, __u32 flags, struct docstore_op *ops,
			    __u32 count, __u32 *failed)
{
	return ds_submit_timeout(fd, flags, ops, count, 0, failed);
}

/*
 * One operation: its result, or what DS_CALL(errno) gives where the call as a
 * whole failed.
 */
#define DS_CALL(error)	(-(error) - 10000)

static inline int ds_one(int fd, struct docstore_op *op)
{
	int ret = ds_submit(fd, 0, op, 1, NULL);

	return ret ? ret - 10000 : op->result;
}

/* The same, where what the operation returns is of no interest. */
static inline int ds_do(int fd, struct docstore_op op)
{
	return ds_one(fd, &op);
}

/* Reading ------------------------------------------------------------------ */

static inline int ds_read_len(int fd, const void *id, __u32 id_len,
			      __u32 property, void *buffer, __u32 room,
			      struct docstore_read *out)
{
	struct docstore_read r = {
		.size = sizeof(r),
		.id = ds_ptr(id),
		.id_len = id_len,
		.property = property,
		.buffer = ds_ptr(buffer),
		.buffer_len = room,
		.length = DS_POISON32,
		.version = DS_POISON64,
		.type = DS_POISON32,
	};
	int ret = ds_ioctl(fd, DOCSTORE_READ, &r);

	*out = r;
	return ret;
}

static inline int ds_read(int fd, const char *id, __u32 property, void *buffer,
			  __u32 room, struct docstore_read *out)
{
	return ds_read_len(fd, id, strlen(id), property, buffer, room, out);
}

static inline int ds_read_many(int fd, struct docstore_read_item *items,
			       __u32 count, void *buffer, __u32 room,
			       struct docstore_read_many *out)
{
	struct docstore_read_many m = {
		.size = sizeof(m),
		.items = ds_ptr(items),
		.item_size = sizeof(*items),
		.count = count,
		.buffer = ds_ptr(buffer),
		.buffer_len = room,
		.done = DS_POISON32,
		.used = DS_POISON32,
		.needed = DS_POISON32,
	};
	__u32 i;
	int ret;

	for (i = 0; i < count; i++) {
		items[i].result = (__s32)DS_POISON32;
		items[i].offset = DS_POISON32;
		items[i].length = DS_POISON32;
	}
	ret = ds_ioctl(fd, DOCSTORE_READ_MANY, &m);
	*out = m;
	if (ret)
		return ret;
	if (m.done > count || m.used > room)
		return ds_broken("read many: %u of %u done, %u of %u used",
				 m.done, count, m.used, room);
	return 0;
}

struct ds_scan {
	struct docstore_scan scan;
	bool end;
};

static inline void ds_scan_begin(struct ds_scan *s, __u32 flags,
				 const char *prefix, __u32 type)
{
	memset(s, 0, sizeof(*s));
	s->scan.size = sizeof(s->scan);
	s->scan.flags = flags;
	s->scan.prefix = ds_ptr(prefix);
	s->scan.prefix_len = prefix ? strlen(prefix) : 0;
	s->scan.type = type;
}

/* The next bufferful: the number of documents in it. */
static inline int ds_scan_next(int fd, struct ds_scan *s, void *buffer,
			       __u32 room)
{
	__u32 flags = s->scan.flags & ~DOCSTORE_SCAN_END;
	int ret;

	s->scan.flags = flags;
	s->scan.buffer = ds_ptr(buffer);
	s->scan.buffer_len = room;
	s->scan.used = DS_POISON32;
	s->scan.count = DS_POISON32;
	s->scan.needed = DS_POISON32;
	ret = ds_ioctl(fd, DOCSTORE_SCAN, &s->scan);
	if (ret)
		return ret;
	if (s->scan.used > room)
		return ds_broken("scan: %u of %u used", s->scan.used, room);
	if ((s->scan.flags & ~DOCSTORE_SCAN_END) != flags)
		return ds_broken("scan: flags were %#x, are %#x", flags,
				 s->scan.flags);
	s->end = s->scan.flags & DOCSTORE_SCAN_END;
	return s->scan.count;
}

/* Documents ---------------------------------------------------------------- */

struct ds_prop {
	__u32 name;
	__u8 type;
	__u32 set;		/* low bits of the version that last set it */
	const __u8 *value;
	__u32 len;
};

static inline bool ds_has(const struct docstore_version *v, __u8 flag)
{
	return v->flags & flag;
}

static inline const __u8 *ds_ends(const struct docstore_version *v)
{
	return (const __u8 *)(v + 1) +
	       (ds_has(v, DOCSTORE_VERSION_SET) ? 4 * v->nprops : 0);
}

static inline const __u8 *ds_doc_names(const struct docstore_version *v)
{
	return ds_ends(v) +
	       (ds_has(v, DOCSTORE_VERSION_WIDE) ? 4 : 2) * v->nprops;
}

static inline const __u8 *ds_doc_id(const struct docstore_version *v)
{
	return ds_doc_names(v) + 3 * v->nprops;
}

static inline __u32 ds_doc_head(const struct docstore_version *v)
{
	return ds_doc_id(v) + v->id_len - (const __u8 *)v;
}

static inline __u32 ds_end(const struct docstore_version *v, unsigned int i)
{
	__u32 wide;
	__u16 narrow;

	if (ds_has(v, DOCSTORE_VERSION_WIDE)) {
		memcpy(&wide, ds_ends(v) + 4 * i, 4);
		return wide;
	}
	memcpy(&narrow, ds_ends(v) + 2 * i, 2);
	return narrow;
}

/* Property number @i of a document that ds_doc_check() has found good. */
static inline struct ds_prop ds_prop_at(const struct docstore_version *v,
					unsigned int i)
{
	const __u8 *names = ds_doc_names(v);
	__u32 begin = i ? ds_end(v, i - 1) : 0;
	struct ds_prop p = { .set = (__u32)v->version };
	__u16 name;

	memcpy(&name, names + 2 * i, 2);
	p.name = name;
	p.type = names[2 * v->nprops + i];
	if (ds_has(v, DOCSTORE_VERSION_SET))
		memcpy(&p.set, (const __u8 *)(v + 1) + 4 * i, 4);
	p.value = (const __u8 *)v + ds_doc_head(v) + begin;
	p.len = ds_end(v, i) - begin;
	return p;
}

/* 0, or -ENODATA if the document has no such property. */
static inline int ds_prop(const struct docstore_version *v, __u32 name,
			  struct ds_prop *p)
{
	unsigned int i;

	for (i = 0; i < v->nprops; i++) {
		*p = ds_prop_at(v, i);
		if (p->name == name)
			return 0;
	}
	memset(p, 0, sizeof(*p));
	return -ENODATA;
}

/* The value of an s64; of anything else a number that nobody expects. */
static inline __s64 ds_prop_s64(const struct docstore_version *v, __u32 name)
{
	struct ds_prop p;
	__s64 value;

	if (ds_prop(v, name, &p) || p.type != DOCSTORE_TYPE_S64)
		return 0x7bad7bad7bad7badLL;
	memcpy(&value, p.value, sizeof(value));
	return value;
}

static inline bool ds_value_legal(const struct ds_prop *p)
{
	switch (p->type) {
	case DOCSTORE_TYPE_NULL:
		return !p->len;
	case DOCSTORE_TYPE_BOOL:
		return p->len == 1 && p->value[0] <= 1;
	case DOCSTORE_TYPE_S64:
	case DOCSTORE_TYPE_U64:
	case DOCSTORE_TYPE_F64:
		return p->len == 8;
	case DOCSTORE_TYPE_STRING:
	case DOCSTORE_TYPE_BYTES:
	case DOCSTORE_TYPE_JSON:
		return true;
	default:
		return false;
	}
}

/*
 * Is it a document as docstore.h describes it, in @room bytes? Everything that
 * an offset in it leads to is checked before it is followed. Returns 0 or the
 * line of what is wrong.
 */
static inline int ds_doc_check(const void *at, __u32 room)
{
	const struct docstore_version *v = at;
	__u32 names[DOCSTORE_MAX_NAMES / 32 + 1] = { 0 };
	__u32 end = 0, set;
	unsigned int i;

#define DS_REFUSE(condition)						\
	do {								\
		if (condition) {					\
			fprintf(stderr, "# %s:%d: bad document: %s\n",	\
				__FILE__, __LINE__, #condition);	\
			return __LINE__;				\
		}							\
	} while (0)

	DS_REFUSE(room < sizeof(*v));
	DS_REFUSE(ds_ptr(at) & 7);
	DS_REFUSE(v->size > room);
	DS_REFUSE(v->size > DOCSTORE_MAX_DOCUMENT);
	DS_REFUSE(v->flags & ~(DOCSTORE_VERSION_WIDE | DOCSTORE_VERSION_SET));
	DS_REFUSE(!v->id_len);
	DS_REFUSE(v->nprops > DOCSTORE_MAX_PROPERTIES);
	DS_REFUSE(ds_doc_head(v) > v->size);
	DS_REFUSE(!v->version);
	DS_REFUSE(v->prev);
	DS_REFUSE(v->changed < v->created);
	DS_REFUSE(!v->created);
	DS_REFUSE(v->type > DOCSTORE_MAX_NAMES);

	/* No value can be looked at before all of their ends were. */
	for (i = 0; i < v->nprops; i++) {
		DS_REFUSE(ds_end(v, i) < end);
		end = ds_end(v, i);
		DS_REFUSE(end > v->size - ds_doc_head(v));
	}
	DS_REFUSE(end != v->size - ds_doc_head(v));
	for (i = 0; i < v->nprops; i++) {
		struct ds_prop p = ds_prop_at(v, i);

		DS_REFUSE(!p.name);
		DS_REFUSE(names[p.name / 32] & (1U << p.name % 32));
		names[p.name / 32] |= 1U << p.name % 32;
		DS_REFUSE(!ds_value_legal(&p));
		/* Not set by a version that is yet to come. */
		set = p.set;
		DS_REFUSE(v->version <= 0xffffffffU && set > v->version);
	}
#undef DS_REFUSE
	return 0;
}

static inline bool ds_doc_is(const struct docstore_version *v, const char *id)
{
	return v->id_len == strlen(id) && !memcmp(ds_doc_id(v), id, v->id_len);
}

/*
 * The document, checked, in a buffer of the caller that has room for any
 * (DS_ROOM): 0 or -errno.
 */
static inline int ds_fetch(int fd, const char *id, void *buffer)
{
	struct docstore_version *v = buffer;
	struct docstore_read r;
	int ret = ds_read(fd, id, 0, buffer, DS_ROOM, &r);

	if (ret)
		return ret;
	if (ds_doc_check(buffer, DS_ROOM))
		return -ENOTRECOVERABLE;
	if (!ds_doc_is(v, id))
		return ds_broken("read '%s', got '%.*s'", id, v->id_len,
				 (const char *)ds_doc_id(v));
	if (r.length != v->size || r.version != v->version)
		return ds_broken("read says length %u and version %llu, the document %u and %llu",
				 r.length, (unsigned long long)r.version,
				 v->size, (unsigned long long)v->version);
	if (r.type)
		return ds_broken("read of a document: type %u", r.type);
	return 0;
}

/* A document's s64, or what nobody expects. */
static inline __s64 ds_fetch_s64(int fd, const char *id, __u32 property)
{
	__s64 value = 0x7bad7bad7bad7badLL;
	struct docstore_read r;
	int ret = ds_read(fd, id, property, &value, sizeof(value), &r);

	if (ret || r.type != DOCSTORE_TYPE_S64 || r.length != sizeof(value))
		return 0x7bad7bad7bad7badLL + ret;
	return value;
}

/* The version of a document, 0 if there is none. */
static inline __u64 ds_version_of(int fd, const char *id)
{
	struct docstore_read r;

	return ds_read(fd, id, 0, NULL, 0, &r) ? 0 : r.version;
}

/*
 * Over the documents of a scan's or read's buffer: the one behind @v, or NULL.
 * The caller has checked @v.
 */
static inline const struct docstore_version *
ds_doc_next(const struct docstore_version *v, const void *end)
{
	const char *next = (const char *)v + ((v->size + 7) & ~7U);

	return next < (const char *)end ?
	       (const struct docstore_version *)next : NULL;
}

/* A store with three names and a buffer: what most tests begin with. */
struct ds_base {
	struct ds_store store;
	int fd;
	int a, b, c;
	struct docstore_version *doc;	/* DS_ROOM bytes */
};

static inline int ds_base_begin(struct ds_base *s, __u32 partitions)
{
	int ret = ds_store_begin(&s->store, "base", partitions, 256 << 20);

	if (ret)
		return ret;
	s->fd = s->store.fd;
	s->a = ds_prop_id(s->fd, "a");
	s->b = ds_prop_id(s->fd, "b");
	s->c = ds_prop_id(s->fd, "c");
	s->doc = ds_map(DS_ROOM, MAP_PRIVATE);
	return s->a == 1 && s->b == 2 && s->c == 3 ? 0 : -ENOTRECOVERABLE;
}

static inline int ds_base_end(struct ds_base *s)
{
	return ds_store_end(&s->store);
}

/* Documents that were read, by their hashes, each so often. */
static inline int ds_hint(int fd, __u32 flags, const __u64 *hashes, __u32 count, __u32 weight)
{
	struct docstore_hint h = {
		.size = sizeof(h),
		.flags = flags,
		.hashes = ds_ptr(hashes),
		.count = count,
		.weight = weight,
	};

	return ds_ioctl(fd, DOCSTORE_HINT, &h);
}

/* Documents <prefix>0 to <prefix><n - 1>, of which a is the number. */
static inline int ds_fill(int fd, int property, const char *prefix,
			  unsigned int first, unsigned int n)
{
	struct docstore_op ops[256];
	char ids[256][24];
	__u32 count, failed;
	unsigned int i;
	int ret;

	for (i = first; i < first + n; i += count) {
		for (count = 0; count < 256 && i + count < first + n; count++) {
			snprintf(ids[count], sizeof(ids[count]), "%s%u", prefix,
				 i + count);
			ops[count] = ds_set_s64(ids[count], property, i + count);
		}
		ret = ds_submit(fd, 0, ops, count, &failed);
		if (ret || failed)
			return ret ?: -ENOTRECOVERABLE;
	}
	return 0;
}

#endif /* DOCSTORE_TEST_H */
