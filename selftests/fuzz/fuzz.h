/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A fuzzer of docstore's ioctls.
 *
 * A program is a list of calls. A call is an operation (most are ioctls), the
 * slot of a descriptor, and a struct of values. types.c says which structs and
 * operations there are; whatever generates, changes, prints, reads or carries
 * out programs goes by those tables and knows no ioctl by name. What an ioctl's
 * results must be is in the model (model.c and so on).
 */
#ifndef DOCSTORE_FUZZ_H
#define DOCSTORE_FUZZ_H

#include "../docstore_test.h"

#define FZ_CALLS	24	/* calls of a program */
#define FZ_STRUCTS	160	/* arguments of all its calls, with elements */
#define FZ_FIELDS	23	/* fields of a struct */
#define FZ_ELEMENTS	24	/* elements of an array */
#define FZ_LITERAL	16	/* longest literal; other bytes come from a seed */
#define FZ_TEXT		(64 * 1024)	/* a program as text */
#define FZ_SLOTS	12	/* of descriptors */
#define FZ_BIG		(18 << 20)	/* longest memory that a value points at */
#define FZ_MAX_ELEMENT	4096	/* the longest struct that is not refused */

/* Types ---------------------------------------------------------------------- */

enum fz_kind {
	FZ_SIZE,	/* size of the struct; by default what is right */
	FZ_NUMBER,	/* a number for the kernel */
	FZ_FLAGS,	/* bits for the kernel: others than @mask are refused */
	FZ_RESERVED,	/* must be zero */
	FZ_OUT,		/* filled in by the kernel */
	FZ_INOUT,	/* both */
	FZ_TOLD,	/* a number of a token; by default of the one that was told last */
	FZ_LEN,		/* length of what @of points at; right by default */
	FZ_COUNT,	/* elements of what @of points at; right by default */
	FZ_ESIZE,	/* size of an element; right by default */
	FZ_IN,		/* pointer to bytes for the kernel */
	FZ_ROOM,	/* pointer to room for the kernel to fill */
	FZ_ARRAY,	/* pointer to structs of type @elem */
	FZ_ANY,		/* a number, or a pointer to bytes or room */
	FZ_INLINE,	/* bytes in the struct */
};

/**
 * struct fz_field - a field of a struct
 * @name: its name
 * @offset: where it is
 * @size: bytes
 * @kind: enum fz_kind
 * @of: for lengths and counts: number of the field that points
 * @elem: type of elements
 * @mask: bits of flags
 * @min: of a number: less is refused
 * @max: of a number: more is refused; 0 if nothing is. Of an array: no more elements are
 *	generated
 * @error: how, if not by EINVAL
 * @picks: numbers that are interesting, up to a 0 that is not the first
 * @rare: for the most part it is 0
 * @back: bits that the kernel may change, where it is no FZ_OUT or FZ_INOUT
 */
struct fz_field {
	const char *name;
	__u16 offset;
	__u16 size;
	__u8 kind;
	__u8 of;
	const struct fz_type *elem;
	__u64 mask;
	__u64 min;
	__u64 max;
	int error;
	const __u64 *picks;
	__u64 back;
	bool rare;
};

/**
 * struct fz_type - a struct
 * @name: its name
 * @size: its size as we know it
 * @min: its size in the first version of the interface, if that was another
 * @nfields: number of fields
 * @fields: the fields
 */
struct fz_type {
	const char *name;
	__u32 size;
	__u32 min;
	__u32 nfields;
	const struct fz_field *fields;
};

/* The shortest struct of a type that is taken. */
static inline __u32 fz_type_min(const struct fz_type *type)
{
	return type->min ? type->min : type->size;
}

struct fz_run;
struct fz_call;
struct fz_program;

enum fz_op_flags {
	FZ_ON_CONTROL = 1 << 0,		/* ioctl of the control node */
	FZ_ON_STORE = 1 << 1,		/* ioctl of stores */
	FZ_TO_READ = 1 << 2,		/* needs a descriptor that may read */
	FZ_TO_WRITE = 1 << 3,		/* needs one that may write */
	FZ_BACK = 1 << 4,		/* argument comes back on success */
	FZ_BACK_ALWAYS = 1 << 5,	/* also on failure */
	FZ_GROUP = 1 << 6,		/* is about the calls that follow */
	FZ_EXACT = 1 << 7,		/* all reasons to fail are in tables and model */
	FZ_ON_SNAPSHOT = 1 << 8,	/* ioctl of snapshots */
	FZ_GIVES_FD = 1 << 9,		/* returns a descriptor */
	FZ_ON_STREAM = 1 << 10,		/* of streams */
};

/**
 * struct fz_op - an operation
 * @name: its name in programs
 * @command: of an ioctl, else 0
 * @type: its argument; numbers only if it is no ioctl
 * @flags: enum fz_op_flags
 * @weight: how often it is generated
 * @errors: an ioctl's documented errors, up to a 0
 * @run: carries out what is not an ioctl. Returns how many calls behind it
 *	were carried out by it
 * @before: an ioctl's model: what is to be expected
 * @after: an ioctl's model: is it so?
 */
struct fz_op {
	const char *name;
	unsigned int command;
	const struct fz_type *type;
	__u32 flags;
	__u32 weight;
	const int *errors;
	unsigned int (*run)(struct fz_run *run, const struct fz_program *p, unsigned int call);
	void (*before)(struct fz_run *run);
	void (*after)(struct fz_run *run, int ret);
};

extern const struct fz_op fz_ops[];
extern const unsigned int fz_nops;

int fz_op_by_name(const char *name, size_t len);
unsigned int fz_group_calls(const struct fz_program *p, unsigned int call);

/* Programs ------------------------------------------------------------------- */

enum fz_how {
	FZ_DEFAULT,	/* what is right, or 0 */
	FZ_NUM,		/* number */
	FZ_BYTES,	/* len bytes: literal, or of the seed in number */
	FZ_SPACE,	/* room of len bytes */
	FZ_STRUCTURES,	/* len structs from structs[number] */
	FZ_LAST,	/* what the last such call has given back */
};

enum fz_place {
	FZ_PLAIN,	/* between guards */
	FZ_EDGE,	/* ends where nothing is mapped */
	FZ_CUT,		/* the last byte is not mapped */
	FZ_ODD,		/* not aligned */
	FZ_FRESH,	/* on pages that were not touched yet */
	FZ_READONLY,
	FZ_NULL,
	FZ_NOWHERE,	/* not mapped */
	FZ_KERNEL,	/* the kernel's half */
	FZ_TOP,		/* the last bytes that there are */
	FZ_ARG,		/* the argument itself */
	FZ_PLACES
};

extern const char *const fz_place_names[FZ_PLACES];

struct fz_value {
	__u8 how;
	__u8 place;
	__u8 literal;	/* length of the literal, if it is one */
	__u32 len;
	__u64 number;
	__u8 text[FZ_LITERAL];
};

struct fz_struct {
	const struct fz_type *type;
	struct fz_value v[FZ_FIELDS];
};

/**
 * struct fz_call - a call
 * @op: number in fz_ops
 * @fd: slot of the descriptor
 * @place: where the argument is
 * @tail: structs that are too long end with a byte that is not 0
 * @nth: which allocation fails, 0 for none
 * @arg: number of its struct
 */
struct fz_call {
	__u8 op;
	__u8 fd;
	__u8 place;
	__u8 tail;
	__u32 nth;
	__u32 arg;
};

struct fz_program {
	__u32 ncalls;
	__u32 nstructs;
	struct fz_call calls[FZ_CALLS];
	struct fz_struct structs[FZ_STRUCTS];
};

static inline void fz_program_clear(struct fz_program *p)
{
	p->ncalls = 0;
	p->nstructs = 0;
}

void fz_program_copy(struct fz_program *to, const struct fz_program *from);
struct fz_struct *fz_struct_new(struct fz_program *p, const struct fz_type *type);
bool fz_call_copy(struct fz_program *to, const struct fz_program *from, unsigned int call);
void fz_value_bytes(const struct fz_value *v, void *to, __u32 len);

/* text.c */
size_t fz_print(const struct fz_program *p, char *to, size_t room);
bool fz_parse(struct fz_program *p, const char *text, const char *where);
int fz_slot_by_name(const char *name, size_t len);
extern const char *const fz_slot_names[FZ_SLOTS];

/* generate.c, mutate.c */
void fz_generate(struct fz_program *p, struct ds_random *r);
bool fz_generate_call(struct fz_program *p, struct ds_random *r);
void fz_generate_value(struct fz_program *p, struct fz_struct *s, unsigned int field,
		       struct ds_random *r, bool odd);
__u64 fz_interesting(struct ds_random *r, unsigned int size);

struct fz_pair {
	__u64 a;
	__u64 b;
};

void fz_mutate(struct fz_program *p, const struct fz_program *other,
	       const struct fz_pair *pairs, unsigned int npairs, struct ds_random *r);

/* Memory --------------------------------------------------------------------- */

/* A piece of memory that a call has, and what was in it. */
struct fz_piece {
	__u8 *at;
	__u32 len;
	__u8 kind;		/* FZ_IN, FZ_ROOM, FZ_ARRAY, or FZ_SIZE for arguments */
	__u8 place;
	__u8 poison;		/* what room was filled with */
	const struct fz_type *type;
	__u32 stride;		/* of elements */
	__u32 count;
	__u8 *copy;		/* what it was, or NULL for room */
	__u8 *guard_begin;	/* what is around it */
	__u8 *guard_end;
};

#define FZ_PIECES	256
#define FZ_GUARD	64

/* What one thread's calls have in memory. */
struct fz_memory {
	__u8 *plain, *edge, *long_edge, *ro, *ro_alias, *fresh, *nowhere;
	__u8 *copies;
	size_t plain_used, copies_used;
	unsigned int edges, long_edges, ros, freshes;
	unsigned int npieces;
	struct fz_piece pieces[FZ_PIECES];
};

bool fz_memory_init(struct fz_memory *m);
void fz_memory_begin(struct fz_memory *m);
struct fz_piece *fz_memory_get(struct fz_memory *m, __u8 kind, __u8 place, __u32 len,
			       __u32 align, __u64 *address);
void fz_memory_snapshot(struct fz_memory *m);
bool fz_memory_readable(const struct fz_memory *m, __u64 at, __u64 len);
bool fz_memory_writable(const struct fz_memory *m, __u64 at, __u64 len);
const char *fz_memory_guards(const struct fz_memory *m);

/* Running -------------------------------------------------------------------- */

#define FZ_ERRNOS	192

/* A set of errors. */
struct fz_errors {
	__u64 bits[FZ_ERRNOS / 64];
};

static inline void fz_error_add(struct fz_errors *e, int error)
{
	e->bits[error / 64] |= 1ULL << error % 64;
}

static inline bool fz_error_in(const struct fz_errors *e, int error)
{
	return error > 0 && error < FZ_ERRNOS && (e->bits[error / 64] >> error % 64 & 1);
}

static inline bool fz_error_any(const struct fz_errors *e)
{
	return e->bits[0] | e->bits[1] | e->bits[2];
}

enum fz_fd_kind {
	FZ_FD_CLOSED,
	FZ_FD_CONTROL,
	FZ_FD_STORE,
	FZ_FD_SNAPSHOT,
	FZ_FD_STREAM,
	FZ_FD_OTHER,
};

struct fz_store;
struct fz_snapshot;
struct fz_stream;
struct ds_ring;

/* Of a snapshot or stream, @store is the store that it is of. */
struct fz_fd {
	int fd;
	__u8 kind;
	__u8 rights;
	struct fz_store *store;
	struct fz_snapshot *snapshot;
	struct fz_stream *stream;
};

static inline bool fz_fd_is_ours(const struct fz_fd *fd)
{
	return fd->kind == FZ_FD_CONTROL || fd->kind == FZ_FD_STORE ||
	       fd->kind == FZ_FD_SNAPSHOT || fd->kind == FZ_FD_STREAM;
}

#define FZ_STORES	8

/**
 * struct fz_run - one thread that runs programs
 * @slots: descriptors
 * @stores: models of stores that there are
 * @nstores: their number
 * @id: distinguishes the names of its stores
 * @memory: of its calls
 * @wild: others interfere: only the rules that always hold are checked
 * @shared: other threads use the same descriptors
 * @lost: others may have made or removed stores
 * @torn: others change the memory of calls
 * @alias: a call's room is its argument
 * @signals: signals may come
 * @ring: calls to stores go by io_uring, or NULL
 * @ring_flags: what is said of each of them
 * @kept: the page of a snapshot that stays mapped, or NULL
 * @kept_was: what was in it
 * @began: when the call began
 * @call: the call that runs
 * @op: its operation
 * @arg: its argument in memory, or NULL where it is not ours
 * @size: of the argument, what the call says
 * @room: bytes of the argument that are there
 * @in: the argument as it was, filled up with zeros
 * @must: it has to fail with one of these, if there are any
 * @may: or may fail with one of these
 * @sure: the model knows what comes
 * @last: cursors that calls gave back
 * @told: of the program's store a token: incarnation, when it was created, and numbers
 * @settings: the module's, before there were programs
 * @backlog: bytes of a backlog, before that
 * @calls: how many calls were made
 * @finding: what was wrong, or empty
 */
struct fz_run {
	struct fz_fd slots[FZ_SLOTS];
	struct fz_store *stores[FZ_STORES];
	unsigned int nstores;
	char id[24];
	struct fz_memory *memory;
	bool wild;
	bool shared;
	bool lost;
	bool torn;
	bool alias;
	bool signals;
	struct ds_ring *ring;
	__u8 ring_flags;
	struct docstore_map_snapshot *kept;
	struct docstore_map_snapshot *kept_was;
	__u64 began;
	unsigned int programs;
	const struct fz_program *program;
	unsigned int at;
	const struct fz_call *call;
	const struct fz_op *op;
	struct fz_fd *fd;
	__u8 *arg;
	__u64 address;
	__u32 size;
	__u32 room;
	__u64 in[FZ_MAX_ELEMENT / sizeof(__u64)];
	struct fz_errors must;
	struct fz_errors may;
	bool sure;
	void *expect;
	__u64 last[2];
	__u64 told[4];
	struct docstore_config settings;
	__u64 backlog;
	__u64 calls;
	char finding[512];
};

/* The thread's progress, for who watches it. */
struct fz_progress {
	volatile __u64 programs;
	volatile __u64 calls;
	volatile __u64 edges;
	volatile __u64 corpus;
	volatile __u64 since;	/* when the program began, 0 for none */
	volatile __u32 at;	/* the call */
	volatile __u32 findings;
	volatile __u32 history;
	volatile __u32 stop;
	char finding[512];
	struct fz_program program;
};

extern struct fz_progress *fz_progress;

bool fz_run_init(struct fz_run *run, const char *id);
void fz_run_end(struct fz_run *run);
bool fz_run_program(struct fz_run *run, const struct fz_program *p);
unsigned int fz_run_calls(struct fz_run *run, const struct fz_program *p, unsigned int from,
			  unsigned int to);
void fz_run_call(struct fz_run *run, const struct fz_program *p, unsigned int call);
void fz_run_again(struct fz_run *run);
void fz_store_name(const struct fz_run *run, __u8 *to, const struct fz_value *v);

#define fz_find(run, ...)						\
	do {								\
		if (!(run)->finding[0])					\
			snprintf((run)->finding, sizeof((run)->finding), __VA_ARGS__); \
	} while (0)

/* check.c */
void fz_check_before(struct fz_run *run);
void fz_check_after(struct fz_run *run, int ret);
__u64 fz_field_get(const struct fz_field *f, const void *s);
void fz_field_set(const struct fz_field *f, void *s, __u64 number);
void fz_check_struct(struct fz_run *run, const struct fz_type *type, const void *s, __u32 size,
		     struct fz_errors *errors);

/* groups.c: what is about the calls that follow */
unsigned int fz_run_fork(struct fz_run *run, const struct fz_program *p, unsigned int call);
unsigned int fz_run_kill(struct fz_run *run, const struct fz_program *p, unsigned int call);
unsigned int fz_run_threads(struct fz_run *run, const struct fz_program *p, unsigned int call);
unsigned int fz_run_signals(struct fz_run *run, const struct fz_program *p, unsigned int call);
unsigned int fz_run_uring(struct fz_run *run, const struct fz_program *p, unsigned int call);
unsigned int fz_run_flip(struct fz_run *run, const struct fz_program *p, unsigned int call);
unsigned int fz_run_zap(struct fz_run *run, const struct fz_program *p, unsigned int call);
/* exec.c: ioctls that there are not */
unsigned int fz_run_raw(struct fz_run *run, const struct fz_program *p, unsigned int call);
/* exec.c: read(2) of a stream */
unsigned int fz_run_stream_read(struct fz_run *run, const struct fz_program *p,
				unsigned int call);
/* files.c: other system calls */
void fz_slot_close(struct fz_run *run, unsigned int slot);
unsigned int fz_run_open(struct fz_run *run, const struct fz_program *p, unsigned int call);
unsigned int fz_run_dup(struct fz_run *run, const struct fz_program *p, unsigned int call);
unsigned int fz_run_close(struct fz_run *run, const struct fz_program *p, unsigned int call);
unsigned int fz_run_file(struct fz_run *run, const struct fz_program *p, unsigned int call);

/* The program's number of a field, for operations that are no ioctls. */
__u64 fz_arg(const struct fz_program *p, unsigned int call, unsigned int field);

/* kcov.c */
struct fz_kcov {
	int fd;
	__u64 *area;
	__u32 words;
};

bool fz_kcov_init(void);
bool fz_kcov_enable(struct fz_kcov *k, bool comparisons);
bool fz_kcov_enable_remote(struct fz_kcov *k, __u32 handle);
void fz_kcov_begin(struct fz_kcov *k);
unsigned int fz_kcov_new_edges(struct fz_kcov *k, bool remote, bool keep);
unsigned int fz_kcov_pairs(struct fz_kcov *k, struct fz_pair *pairs, unsigned int room);
__u64 fz_kcov_edges(void);
void fz_kcov_forget(void);
bool fz_kcov_again(struct fz_kcov *local, struct fz_kcov *remote);

/* corpus.c */
struct fz_entry {
	struct fz_program *program;
	struct fz_pair *pairs;
	unsigned int npairs;
	__u64 cost;		/* nanoseconds */
};

struct fz_corpus {
	struct fz_entry *entries;
	unsigned int count;
	unsigned int room;
};

struct fz_program *fz_program_dup(const struct fz_program *p);
void fz_corpus_add(struct fz_corpus *c, const struct fz_program *p);
int fz_program_load(struct fz_program *p, const char *path);
bool fz_program_save(const struct fz_program *p, const char *path, const char *comment);
unsigned int fz_corpus_load(struct fz_corpus *c, const char *dir);
__u64 fz_program_hash(const struct fz_program *p);

/* minimise.c */
bool fz_minimise_calls(struct fz_program *p,
		       bool (*still)(void *data, const struct fz_program *p), void *data,
		       unsigned int tries);
void fz_minimise(struct fz_program *p, bool (*still)(void *data, const struct fz_program *p),
		 void *data, unsigned int tries);

#endif /* DOCSTORE_FUZZ_H */
