/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A docstore in user space, behind the library's ds_sys_*() functions, so that
 * the library and the tool can be tested natively and under sanitizers.
 *
 * It is small and slow and as strict as the uapi header: every field that must
 * be 0 is checked. With DOCSTORE_FAKE=FILE in the environment, its stores are
 * kept in FILE between one process and the next.
 */
#ifndef DOCSTORE_FAKE_H
#define DOCSTORE_FAKE_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/docstore_map.h>
#include <linux/docstore_monitor.h>

#include "internal.h"

#define FAKE_STORES	40
#define FAKE_FDS	1024

struct fake_prop {
	uint32_t name, type, len;
	uint64_t set;
	unsigned char *data;
};

struct fake_doc {
	unsigned char id[DOCSTORE_MAX_ID];
	uint8_t id_len, exists;
	uint32_t type, nprops;
	uint64_t version, created, changed;
	struct fake_prop *props;
};

struct fake_name {
	uint32_t len;
	unsigned char data[DOCSTORE_MAX_NAME];
};

struct fake_store {
	struct docstore_store_info info;	/* name[0] is 0: none */
	struct docstore_coordinator coordinator;
	bool repaired;				/* by a check */
	struct docstore_counters counters;	/* but for what goes up and down */
	struct docstore_latency latency[DOCSTORE_STAGES];
	struct docstore_config config;		/* what is in @set is its own */
	uint32_t nnames, ndocs;
	struct fake_name *names;
	struct fake_doc *docs;
	struct fake_log *log;			/* from the first stream on */
};

struct fake_snapshot;
struct fake_stream;

/**
 * struct fake_fd - what is behind a descriptor
 * @open: it is one of ours
 * @write: the control node was opened for writing
 * @store: the store; NULL for the control node
 * @snapshot: the snapshot, or NULL; @store is what it has of the store then
 * @stream: the stream, or NULL; @store is what it is of then
 * @flags: enum docstore_open_flags
 * @session: what there is to be known about it; the rest is filled in when it is asked for
 */
struct fake_fd {
	bool open, write;
	struct fake_store *store;
	struct fake_snapshot *snapshot;
	struct fake_stream *stream;
	uint32_t flags;
	struct docstore_session_info session;
};

/* The stores, and documents in them: fake_store.c. */
extern struct fake_store fake_stores[FAKE_STORES];
extern bool fake_dirty;

void *fake_grow(void *p, size_t count, size_t size);
uint64_t fake_clock(void);
void fake_load(void);
void fake_transfer(FILE *f, bool save, struct fake_store *store);
int fake_create(const char *name, const struct docstore_store_create *arg);
void fake_free_props(struct fake_doc *doc);
void fake_free_store(struct fake_store *store);
struct fake_store *fake_find_store(const __u8 *name);
bool fake_good_name(const __u8 *name);
struct fake_doc *fake_find_doc(struct fake_store *store, uint64_t id, uint32_t len);
struct fake_prop *fake_find_prop(const struct fake_doc *doc, uint32_t name);
void fake_copy_doc(struct fake_doc *to, const struct fake_doc *from);
unsigned char *fake_encode(const struct fake_doc *doc, bool ids_only, uint32_t *size);
uint32_t fake_copy_out(uint64_t to, uint32_t room, const void *from, uint32_t len);

/* What a descriptor is, or NULL; one that this process has made; a new one: fake_kernel.c. */
struct fake_fd *fake_fd(int n);
struct fake_fd *fake_fd_made(int n);
int fake_fd_new(int fd);

/* Snapshots and the coordinator: fake_snapshot.c. */
int fake_snapshot(struct fake_fd *fd, struct docstore_snapshot *arg);
int fake_snapshot_info(struct fake_fd *fd, struct docstore_snapshot_info *info);
int fake_snapshot_list(struct fake_fd *fd, struct docstore_snapshot_list *arg);
struct fake_store *fake_store_of(const struct fake_fd *fd);
bool fake_snapshot_revoked(const struct fake_snapshot *snapshot);
void fake_snapshot_close(struct fake_snapshot *snapshot);
bool fake_snapshot_adopt(int n, struct fake_fd *fd);
void fake_coordinate(struct fake_store *store, const struct docstore_op *ops, uint32_t count,
		     bool refused);
int fake_coordinator(struct fake_fd *fd, struct docstore_coordinator *arg);

/* Streams: fake_stream.c. */
int fake_stream(struct fake_fd *fd, const struct docstore_stream *arg);
int fake_stream_ioctl(struct fake_stream *stream, unsigned long request, void *arg);
void fake_stream_close(struct fake_stream *stream);
void fake_log_change(struct fake_store *store, const struct fake_doc *old,
		     const struct fake_doc *doc, const struct docstore_op *ops, uint32_t count);
void fake_log_transfer(FILE *f, bool save, struct fake_store *store,
		       void (*transfer)(FILE *f, bool save, void *p, size_t len));
void fake_log_free(struct fake_store *store);

/* Checks: fake_check.c. */
int fake_check(struct fake_fd *fd, struct docstore_check *arg);

uint32_t fake_snapshots_of(const struct fake_store *store);

/*
 * Statistics, settings, sessions: fake_monitor.c. With DOCSTORE_FAKE_BUSY in the
 * environment, stores are in use by nobody: each time that statistics are read a second
 * has passed, with as much in it as in all others.
 */
extern struct docstore_config fake_settings;

void fake_count(struct fake_fd *fd, unsigned long request, const void *arg, int ret);
void fake_session_begin(struct docstore_session_info *session);
int fake_stats(struct fake_fd *fd, struct docstore_stats *arg);
int fake_module_stats(struct docstore_module_stats *arg);
int fake_session_list(struct docstore_session_list *arg);
int fake_config(struct fake_fd *fd, struct docstore_config *arg);

#endif /* DOCSTORE_FAKE_H */
