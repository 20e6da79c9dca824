/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libdocstore: snapshots and transactions. A part of libdocstore.h, which includes it.
 *
 * DOC: Snapshots
 *
 * A snapshot is a store that does not change: a struct ds_store of its own, which all
 * functions that read take. Those that write return -EBADF. It shows every batch that had
 * returned when it was taken, none that began later, and no part of any batch without the
 * rest.
 *
 * What is changed or deleted later stays in memory for as long as the snapshot needs it,
 * and counts against the store's limit. So close it with ds_close() when it is not needed
 * any more, or give it a lease: when that is over it is revoked, and all functions return
 * -ESTALE, whether they read from the mapping or ask the kernel.
 *
 * It may be closed before the store that it was taken from, or after it. A child made by
 * fork() has it too, and versions are kept until the last of them has closed it.
 */
#ifndef LIBDOCSTORE_SNAPSHOT_H
#define LIBDOCSTORE_SNAPSHOT_H

#ifndef LIBDOCSTORE_H
#error "include libdocstore.h"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct ds_snapshot_opts - how to take a snapshot
 * @size: sizeof(struct ds_snapshot_opts)
 * @lease_ms: after so many milliseconds it is revoked; 0 for never
 */
struct ds_snapshot_opts {
	size_t size;
	unsigned int lease_ms;
};

/**
 * ds_snapshot() - take a snapshot of a store
 * @store: a store open for reading, not a snapshot
 * @opts: options, or NULL
 * @snapshot: where the snapshot goes
 *
 * It is read from the mapping if the store is. Close it with ds_close().
 *
 * Return: 0; -ENOSPC if the store has as many as it may have; -EBADF, -EINTR, -EMFILE,
 * -ENOMEM.
 */
int ds_snapshot(struct ds_store *store, const struct ds_snapshot_opts *opts,
		struct ds_store **snapshot);

/**
 * ds_open_snapshot() - open a snapshot that another process has taken
 * @fd: its descriptor (ds_fd()), which was inherited, or came by a socket
 * @opts: options, or NULL
 * @snapshot: where the snapshot goes
 *
 * @fd is the library's from then on, if it succeeds. The snapshot is read from the mapping
 * if its store can be opened by name; else each read is a system call.
 *
 * Return: 0; -EBADF if that is not a snapshot; -EINVAL, -ENOMEM.
 */
int ds_open_snapshot(int fd, const struct ds_open_opts *opts, struct ds_store **snapshot);

/**
 * ds_snapshot_info() - when a snapshot was taken, and what it retains
 * @snapshot: the snapshot
 * @info: where it goes; @info->size must be sizeof(*info)
 *
 * Return: 0; -EBADF if it is not a snapshot; -EINVAL.
 */
int ds_snapshot_info(const struct ds_store *snapshot, struct docstore_snapshot_info *info);

/**
 * ds_snapshots() - all snapshots of a store, in the order in which they were taken
 * @store: the store, not a snapshot
 * @snapshots: where the array goes; free it with free()
 * @snapshot_size: sizeof(struct docstore_snapshot_info)
 * @count: where the number of elements goes
 *
 * Those that other processes have taken as well.
 *
 * Return: 0; -EBADF, -EINVAL, -ENOMEM.
 */
int ds_snapshots(const struct ds_store *store, struct docstore_snapshot_info **snapshots,
		 size_t snapshot_size, size_t *count);

/**
 * ds_snapshot_doc() - look at a document of a snapshot where it lies
 * @snapshot: the snapshot
 * @id: the document's id
 * @doc: where the view of it goes
 *
 * Nothing is copied, however large the document is. The view, and all pointers that come
 * out of it, are good until the snapshot is closed, or until it is revoked.
 *
 * A snapshot without a lease is never revoked. With one, what was seen may have become
 * anything: use it, then ask ds_snapshot_valid(), and if that is false throw away what was
 * made of it. One may do so without fear: the accessors never lead out of the mapping.
 * Strings may lose their end, though, if it is looked for and not counted; and what was
 * checked may be something else when it is used.
 *
 * Where the store is not mapped a copy is made, and kept as long as the snapshot.
 *
 * Return: 0; -ENOENT if there is no such document; -ESTALE if the snapshot was revoked;
 * -EBADF if it is not a snapshot; -EBADMSG, -EINVAL, -ENAMETOOLONG, -ENOMEM.
 */
int ds_snapshot_doc(struct ds_store *snapshot, struct ds_str id, struct ds_doc *doc);

/**
 * ds_snapshot_valid() - was all that was seen until now as it was in the snapshot?
 * @snapshot: the snapshot
 *
 * Call it after the last look at what ds_snapshot_doc() has shown. If the snapshot is
 * mapped this takes no system call.
 *
 * Return: false if the snapshot was revoked, and what was seen may have been anything.
 */
bool ds_snapshot_valid(const struct ds_store *snapshot);

/**
 * DOC: Transactions
 *
 * A transaction reads, decides, and writes, and all of it is as if nothing else had
 * happened meanwhile. It is optimistic: nobody waits for it. It reads a snapshot, and
 * remembers the version of each document that it reads, or that there was none; what it
 * writes is collected in a batch. To commit is to submit that batch as an atomic one, on the
 * condition that all documents that were read still have the version that was seen, be
 * they written or not. If one has not, another has come first: nothing is done, and the
 * result is -ESTALE. ds_transact() then begins again.
 *
 * Reads see the snapshot, and never what the transaction itself writes: who needs that
 * keeps it in variables. Documents that are written and were not read are written whatever
 * they are by then. A scan is not remembered: a document that would appear in it is no
 * conflict. A transaction that writes nothing always succeeds.
 *
 * All that it reads and writes counts against the limits of a batch, DOCSTORE_MAX_OPS
 * first. A transaction is for one thread at a time.
 */

struct ds_txn;

/**
 * struct ds_txn_opts - how to begin a transaction
 * @size: sizeof(struct ds_txn_opts)
 * @lease_ms: lease of its snapshot; 0 for none. When it is over, what reads or commits
 *	returns -ESTALE
 */
struct ds_txn_opts {
	size_t size;
	unsigned int lease_ms;
};

/**
 * ds_txn_begin() - begin a transaction
 * @store: a store open for reading and writing; it must stay open
 * @opts: options, or NULL
 * @txn: where the transaction goes
 *
 * Free it with ds_txn_free().
 *
 * Return: as ds_snapshot().
 */
int ds_txn_begin(struct ds_store *store, const struct ds_txn_opts *opts, struct ds_txn **txn);

/**
 * ds_txn_free() - end a transaction
 * @txn: the transaction, or NULL
 *
 * If it was not committed, nothing has happened.
 */
void ds_txn_free(struct ds_txn *txn);

/**
 * ds_txn_get() - read a document, and depend on it
 * @txn: the transaction
 * @id: the document's id
 * @buffer: where it goes
 * @len: in: room there, in bytes; out: bytes of the document
 * @doc: where the view of it goes
 *
 * That there is no such document is remembered, too.
 *
 * Return: as ds_get(); -EALREADY if it was committed.
 */
int ds_txn_get(struct ds_txn *txn, struct ds_str id, void *buffer, size_t *len,
	       struct ds_doc *doc);

/**
 * ds_txn_get_property() - read a property, and depend on the document
 * @txn: the transaction
 * @id: the document's id
 * @property: the property's name
 * @buffer: where a string, bytes or JSON go; numbers need no room there
 * @len: in: room there, in bytes; out: bytes of the value
 * @value: where the value goes
 *
 * Return: as ds_get_property(); -EALREADY if it was committed.
 */
int ds_txn_get_property(struct ds_txn *txn, struct ds_str id, struct ds_str property,
			void *buffer, size_t *len, struct ds_value *value);

/**
 * ds_txn_version() - which version a document has, and depend on it
 * @txn: the transaction
 * @id: the document's id
 * @version: where its version number goes, or NULL
 *
 * Return: as ds_version(); -EALREADY if it was committed.
 */
int ds_txn_version(struct ds_txn *txn, struct ds_str id, uint64_t *version);

/**
 * ds_txn_read_many() - read many documents, and depend on them
 * @txn: the transaction
 * @items: one for each document, with @id and @id_len filled in
 * @count: number of items
 * @buffer: where the documents go
 * @len: in: room there, in bytes; out: as for ds_read_many()
 *
 * Return: as ds_read_many(); -EALREADY if it was committed.
 */
int ds_txn_read_many(struct ds_txn *txn, struct docstore_read_item *items, size_t count,
		     void *buffer, size_t *len);

/**
 * ds_txn_snapshot() - the snapshot that a transaction reads
 * @txn: the transaction
 *
 * To scan it, or to look at documents where they lie. What is read of it is not remembered:
 * ds_txn_depend() makes up for that.
 *
 * Return: the snapshot, which is closed when the transaction is committed; NULL after that.
 */
struct ds_store *ds_txn_snapshot(const struct ds_txn *txn);

/**
 * ds_txn_depend() - depend on a document
 * @txn: the transaction
 * @id: the document's id
 * @version: the version number that it must have at commit; 0: it must not exist
 *
 * Return: 0; -EALREADY if it was committed; -E2BIG, -EINVAL, -ENAMETOOLONG, -ENOMEM.
 */
int ds_txn_depend(struct ds_txn *txn, struct ds_str id, uint64_t version);

/**
 * ds_txn_batch() - what a transaction writes
 * @txn: the transaction
 *
 * Add operations to it with ds_batch_set() and the others. ds_txn_commit() submits it,
 * and nobody else. It adds conditions to these operations, and operations behind them;
 * afterwards ds_batch_op() has the results.
 *
 * Return: the batch, which is freed with the transaction.
 */
struct ds_batch *ds_txn_batch(const struct ds_txn *txn);

/**
 * ds_txn_commit() - carry a transaction out
 * @txn: the transaction
 * @timeout_ms: how long it may wait for its turn; 0 for as long as it takes
 *
 * Nothing can be read by the transaction any more.
 *
 * Return: 0; -ESTALE if a document that was read has been changed, or the snapshot was
 * revoked, and the transaction has to begin again; -E2BIG if it has read and written more
 * than one batch may; what an operation was refused for; -EBADF, -EINVAL. Nothing was done
 * if it is not 0. After -EBUSY, -EINTR, -ENOMEM and -ETIMEDOUT it may be called once more;
 * else it returns -EALREADY then.
 */
int ds_txn_commit(struct ds_txn *txn, unsigned int timeout_ms);

/**
 * ds_transact_fn - what a transaction does
 * @txn: the transaction
 * @arg: the caller's
 *
 * It may be called several times, each time for a transaction of its own: it begins
 * anew, and what it leaves in @arg counts only if ds_transact() returns 0.
 *
 * Return: 0 to commit; anything else to leave it, which ds_transact() returns; but for
 * -ESTALE where a read of the transaction has returned that, which begins it again.
 */
typedef int ds_transact_fn(struct ds_txn *txn, void *arg);

/**
 * struct ds_transact_opts - how to carry out a transaction
 * @size: sizeof(struct ds_transact_opts)
 * @tries: how often it may begin; 0 for 16
 * @lease_ms: lease of its snapshot, each time; 0 for none
 * @timeout_ms: how long it may wait for its turn to be committed, each time; 0 for as
 *	long as it takes
 */
struct ds_transact_opts {
	size_t size;
	unsigned int tries;
	unsigned int lease_ms;
	unsigned int timeout_ms;
};

/**
 * ds_transact() - carry out a transaction, and again if others come first
 * @store: a store open for reading and writing
 * @fn: what to do
 * @arg: for @fn
 * @opts: options, or NULL
 *
 * After a conflict it waits before it begins again, at first for microseconds and each
 * time for longer, up to ten milliseconds; how long exactly is left to chance. It does so
 * as well if too many batches wait for the store's coordinator.
 *
 * Return: 0; what @fn returned, if that was not 0; -ESTALE if there was a conflict each
 * time; else as ds_txn_begin() and ds_txn_commit().
 */
int ds_transact(struct ds_store *store, ds_transact_fn *fn, void *arg,
		const struct ds_transact_opts *opts);

#ifdef __cplusplus
}
#endif

#endif /* LIBDOCSTORE_SNAPSHOT_H */
