// SPDX-License-Identifier: GPL-2.0
/*
 * LMDB on tmpfs, without syncing, which is as fast as it gets: writes go
 * straight into the mapping (MDB_WRITEMAP), and a reader stays in its
 * transaction for a thousand reads, unless it writes itself and wants to see
 * that. The other variants show what each of these is worth.
 */
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "value.h"

enum variant { LONG_READS, SHORT_READS, NO_WRITEMAP };

#define READS_PER_TXN	1000
/* Room in the map, for each document and for pages that readers keep. */
#define MAP_OVERHEAD	512
#define MAP_SPARE	(4UL << 30)

struct lmdb {
	char path[300];
	size_t value_bytes;
	size_t map_bytes;
	unsigned int flags;
	int variant;
	MDB_env *env;
	MDB_dbi dbi;
};

struct lmdb_session {
	struct lmdb *db;
	MDB_txn *read;
	MDB_cursor *cursor;
	unsigned int reads;	/* in this transaction; 0: there is none */
};

/* LMDB's own errors are negative numbers around -30800, all others errnos. */
static int error(int ret)
{
	if (ret == MDB_NOTFOUND)
		return -ENOENT;
	if (ret == MDB_MAP_FULL)
		return -ENOSPC;
	if (ret < 0) {
		fprintf(stderr, "bench: lmdb: %s\n", mdb_strerror(ret));
		return -EIO;
	}
	return -ret;
}

/* An environment is for one process: children open their own. */
static int attach(void *store)
{
	struct lmdb *db = store;
	MDB_txn *txn;
	int ret;

	ret = mdb_env_create(&db->env);
	if (ret)
		return error(ret);
	mdb_env_set_mapsize(db->env, db->map_bytes);
	ret = mdb_env_open(db->env, db->path, db->flags, 0600);
	if (!ret)
		ret = mdb_txn_begin(db->env, NULL, 0, &txn);
	if (ret)
		return error(ret);
	ret = mdb_dbi_open(txn, NULL, 0, &db->dbi);
	if (ret) {
		mdb_txn_abort(txn);
		return error(ret);
	}
	return error(mdb_txn_commit(txn));
}

static int lmdb_open(struct bench_setup *setup, void **store)
{
	struct lmdb *db = calloc(1, sizeof(*db));

	if (!db)
		return -ENOMEM;
	db->variant = setup->system->variant;
	db->value_bytes = setup->value_bytes;
	/* Of the map, only what is used takes memory. */
	db->map_bytes = MAP_SPARE + (size_t)setup->room * 4 *
				    (setup->value_bytes + MAP_OVERHEAD);
	db->map_bytes &= ~4095UL;
	db->flags = MDB_NOSUBDIR | MDB_NOSYNC | MDB_NOTLS | MDB_NORDAHEAD;
	if (db->variant != NO_WRITEMAP)
		db->flags |= MDB_WRITEMAP;
	snprintf(db->path, sizeof(db->path), "%s/lmdb", setup->dir);
	*store = db;
	return attach(db);
}

static int lmdb_session_open(void *store, void **session)
{
	struct lmdb_session *s = calloc(1, sizeof(*s));
	int ret;

	if (!s)
		return -ENOMEM;
	s->db = store;
	*session = s;
	ret = mdb_txn_begin(s->db->env, NULL, MDB_RDONLY, &s->read);
	if (!ret)
		ret = mdb_cursor_open(s->read, s->db->dbi, &s->cursor);
	if (!ret)
		mdb_txn_reset(s->read);
	return error(ret);
}

static void end_read(struct lmdb_session *s)
{
	if (s->reads)
		mdb_txn_reset(s->read);
	s->reads = 0;
}

static void lmdb_idle(void *session)
{
	end_read(session);
}

static void lmdb_session_close(void *session)
{
	struct lmdb_session *s = session;

	mdb_cursor_close(s->cursor);
	mdb_txn_abort(s->read);
	free(s);
}

static int begin_read(struct lmdb_session *s)
{
	if (s->reads >= (s->db->variant == SHORT_READS ? 1 : READS_PER_TXN))
		end_read(s);
	if (s->reads++)
		return 0;
	return error(mdb_txn_renew(s->read));
}

static MDB_val key(const struct bench_access *access)
{
	MDB_val key = { access->id_len, (void *)access->id };

	return key;
}

static void copy(const MDB_val *data, void *to, struct bench_value *value)
{
	memcpy(to, data->mv_data, data->mv_size);
	value->data = to;
	value->len = data->mv_size;
}

static int read_one(struct lmdb *db, MDB_txn *txn, const struct bench_access *access,
		    void *to, struct bench_value *value)
{
	MDB_val k = key(access), data;
	int ret = mdb_get(txn, db->dbi, &k, &data);

	if (ret)
		return error(ret);
	if (data.mv_size > db->value_bytes)
		return -EBADMSG;
	copy(&data, to, value);
	return 0;
}

static int lmdb_get(void *session, const struct bench_access *access,
		    struct bench_buffer buffer, struct bench_value *value)
{
	struct lmdb_session *s = session;
	int ret = begin_read(s);

	return ret ? ret : read_one(s->db, s->read, access, buffer.data, value);
}

/* One transaction, so all of it is of one moment. */
static int lmdb_get_many(void *session, const struct bench_access *accesses,
			 size_t n, struct bench_buffer buffer,
			 struct bench_value *values)
{
	struct lmdb_session *s = session;
	int ret = begin_read(s);
	size_t i;

	for (i = 0; i < n && !ret; i++)
		ret = read_one(s->db, s->read, &accesses[i],
			       (char *)buffer.data + i * s->db->value_bytes, &values[i]);
	s->reads += (unsigned int)n - 1;
	return ret;
}

static int write_one(struct lmdb *db, MDB_txn *txn, const struct bench_access *access,
		     const void *value)
{
	MDB_val k = key(access), data = { db->value_bytes, (void *)value };

	return error(mdb_put(txn, db->dbi, &k, &data, 0));
}

static int lmdb_put_many(void *session, const struct bench_access *accesses,
			 size_t n, const void *const *values)
{
	struct lmdb_session *s = session;
	MDB_txn *txn;
	size_t i;
	int ret;

	/* What it reads next is to be what it wrote. */
	end_read(s);
	ret = error(mdb_txn_begin(s->db->env, NULL, 0, &txn));
	if (ret)
		return ret;
	for (i = 0; i < n && !ret; i++)
		ret = write_one(s->db, txn, &accesses[i], values[i]);
	if (ret) {
		mdb_txn_abort(txn);
		return ret;
	}
	return error(mdb_txn_commit(txn));
}

static int lmdb_put(void *session, const struct bench_access *access,
		    const void *value)
{
	return lmdb_put_many(session, access, 1, &value);
}

static int modify_in(struct lmdb *db, MDB_txn *txn, const struct bench_access *access,
		     struct bench_buffer buffer, bench_change change)
{
	void *changed = (char *)buffer.data + db->value_bytes;
	struct bench_value value;
	uint32_t stamp;
	int ret;

	ret = read_one(db, txn, access, buffer.data, &value);
	if (!ret)
		ret = value_check(&value, db->value_bytes, access->number, &stamp);
	if (ret)
		return ret;
	change(access, &value, changed);
	return write_one(db, txn, access, changed);
}

static int lmdb_modify(void *session, const struct bench_access *access,
		       struct bench_buffer buffer, bench_change change)
{
	struct lmdb_session *s = session;
	MDB_txn *txn;
	int ret;

	end_read(s);
	ret = error(mdb_txn_begin(s->db->env, NULL, 0, &txn));
	if (ret)
		return ret;
	ret = modify_in(s->db, txn, access, buffer, change);
	if (ret) {
		mdb_txn_abort(txn);
		return ret;
	}
	return error(mdb_txn_commit(txn));
}

static int lmdb_scan(void *session, const struct bench_access *from, size_t n,
		     struct bench_buffer buffer, struct bench_value *values)
{
	struct lmdb_session *s = session;
	MDB_val k = key(from), data;
	size_t i;
	int ret = begin_read(s);

	if (!ret)
		ret = error(mdb_cursor_renew(s->read, s->cursor));
	if (!ret)
		ret = error(mdb_cursor_get(s->cursor, &k, &data, MDB_SET_RANGE));
	for (i = 0; i < n && !ret; i++) {
		if (data.mv_size > s->db->value_bytes)
			return -EBADMSG;
		copy(&data, (char *)buffer.data + i * s->db->value_bytes, &values[i]);
		if (i + 1 < n)
			ret = error(mdb_cursor_get(s->cursor, &k, &data, MDB_NEXT));
	}
	return ret && ret != -ENOENT ? ret : (int)i;
}

static uint64_t lmdb_memory(void *store)
{
	struct lmdb *db = store;
	struct stat st;

	return stat(db->path, &st) ? 0 : (uint64_t)st.st_blocks * 512;
}

static void lmdb_close(void *store)
{
	struct lmdb *db = store;

	mdb_env_close(db->env);
	free(db);
}

#define LMDB_OPERATIONS					\
	.flags = BENCH_PROCESSES,			\
	.open = lmdb_open,				\
	.after_fork = attach,				\
	.session_open = lmdb_session_open,		\
	.session_close = lmdb_session_close,		\
	.get = lmdb_get,				\
	.get_many = lmdb_get_many,			\
	.put = lmdb_put,				\
	.put_many = lmdb_put_many,			\
	.modify = lmdb_modify,				\
	.scan = lmdb_scan,				\
	.idle = lmdb_idle,				\
	.memory = lmdb_memory,				\
	.close = lmdb_close

static const struct bench_system lmdb_system = {
	.name = "lmdb",
	.description = "LMDB on tmpfs, no sync, write map, 1000 reads a transaction",
	.variant = LONG_READS,
	LMDB_OPERATIONS,
};
BENCH_SYSTEM(lmdb_system)

static const struct bench_system lmdb_txn_system = {
	.name = "lmdb-txn",
	.description = "the same, with a transaction for each read",
	.variant = SHORT_READS,
	LMDB_OPERATIONS,
};
BENCH_SYSTEM(lmdb_txn_system)

static const struct bench_system lmdb_nomap_system = {
	.name = "lmdb-nowritemap",
	.description = "as lmdb, but writes by system call and not into the map",
	.variant = NO_WRITEMAP,
	LMDB_OPERATIONS,
};
BENCH_SYSTEM(lmdb_nomap_system)
