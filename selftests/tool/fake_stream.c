// SPDX-License-Identifier: GPL-2.0
/*
 * The docstore in user space: streams. A store has one log of records, from its first
 * stream on, which is kept from one process to the next; of each partition it has as many
 * bytes as the setting says, and what is older is dropped.
 */
#include <unistd.h>

#include "fake.h"

#define EACH	sizeof(struct docstore_record_change)

struct fake_record {
	uint32_t partition, len;
	uint64_t sequence;
	unsigned char *data;
};

/**
 * struct fake_stream - a stream
 * @arg: what was asked for
 * @documents: what a snapshot has to say, from its beginning to its end
 * @count: how much that is
 * @at: what of it comes next
 * @foreign: the token was of another store
 * @passed: changes that it did not want since the last bookmark
 * @next: what comes next of each partition
 */
struct fake_stream {
	struct docstore_stream arg;
	struct docstore_stream_info info;
	unsigned char prefix[DOCSTORE_MAX_ID];
	unsigned char **documents;
	uint32_t count, at;
	bool foreign, resync;
	uint64_t passed, marked;
	uint64_t next[DOCSTORE_MAX_PARTITIONS];
};

struct fake_log {
	uint32_t count;
	uint64_t next[DOCSTORE_MAX_PARTITIONS];
	uint64_t bytes[DOCSTORE_MAX_PARTITIONS];
	struct fake_record *records;
};

static uint32_t size_of(const unsigned char *record)
{
	uint32_t size;

	memcpy(&size, record, sizeof(size));
	return size;
}

/* --- the log ------------------------------------------------------------------------ */

void fake_log_free(struct fake_store *store)
{
	uint32_t i;

	for (i = 0; store->log && i < store->log->count; i++)
		free(store->log->records[i].data);
	if (store->log)
		free(store->log->records);
	free(store->log);
	store->log = NULL;
}

static struct fake_log *log_begin(struct fake_store *store)
{
	uint32_t i;

	if (store->log)
		return store->log;
	store->log = fake_grow(NULL, 1, sizeof(*store->log));
	memset(store->log, 0, sizeof(*store->log));
	for (i = 0; i < DOCSTORE_MAX_PARTITIONS; i++)
		store->log->next[i] = 1;
	fake_dirty = true;
	return store->log;
}

void fake_log_transfer(FILE *f, bool save, struct fake_store *store,
		       void (*transfer)(FILE *f, bool save, void *p, size_t len))
{
	uint8_t there = store->log != NULL;
	struct fake_log *log;
	uint32_t i;

	transfer(f, save, &there, sizeof(there));
	if (!save)
		store->log = NULL;
	if (!there)
		return;
	log = save ? store->log : log_begin(store);
	transfer(f, save, log, offsetof(struct fake_log, records));
	if (!save)
		log->records = fake_grow(NULL, log->count, sizeof(*log->records));
	for (i = 0; i < log->count; i++) {
		struct fake_record *r = &log->records[i];

		transfer(f, save, r, offsetof(struct fake_record, data));
		if (!save)
			r->data = fake_grow(NULL, r->len, 1);
		transfer(f, save, r->data, r->len);
	}
}

static uint32_t partition_of(const struct fake_store *store, const struct fake_doc *doc)
{
	uint32_t hash = 0, i;

	for (i = 0; i < doc->id_len; i++)
		hash = hash * 31 + doc->id[i];
	return hash % store->info.partitions;
}

static uint64_t backlog_bytes(const struct fake_store *store)
{
	return store->config.set & 1ULL << DOCSTORE_SETTING_BACKLOG_BYTES ?
	       store->config.value[DOCSTORE_SETTING_BACKLOG_BYTES] : 4 << 20;
}

/* Drop what is too much. */
static void log_trim(struct fake_store *store, uint32_t partition)
{
	struct fake_log *log = store->log;
	uint32_t i, to = 0;

	for (i = 0; i < log->count; i++) {
		struct fake_record *r = &log->records[i];

		if (r->partition == partition && log->bytes[partition] > backlog_bytes(store)) {
			log->bytes[partition] -= r->len;
			free(r->data);
			continue;
		}
		log->records[to++] = *r;
	}
	log->count = to;
}

static unsigned char *put(unsigned char *to, const void *from, size_t len)
{
	if (len)
		memcpy(to, from, len);
	return to + len;
}

static bool has(const struct docstore_op *op, const struct fake_doc *doc, uint32_t code)
{
	return op->code == code && op->id_len == doc->id_len &&
	       !memcmp((void *)(uintptr_t)op->id, doc->id, doc->id_len);
}

/* What the last operation on a property was. */
static uint8_t what_of(const struct fake_doc *doc, uint32_t name, const struct docstore_op *ops,
		       uint32_t count)
{
	uint8_t what = DOCSTORE_OP_SET;
	uint32_t i;

	for (i = 0; i < count; i++) {
		if (ops[i].property == name && (has(&ops[i], doc, DOCSTORE_OP_SET) ||
						has(&ops[i], doc, DOCSTORE_OP_ADD)))
			what = ops[i].code;
	}
	return what;
}

/* The record of what has become of a document, from @old to @doc by these operations. */
void fake_log_change(struct fake_store *store, const struct fake_doc *old,
		     const struct fake_doc *doc, const struct docstore_op *ops, uint32_t count)
{
	bool was = old && old->exists, deleted = false, cleared = false;
	struct docstore_record head = { .kind = DOCSTORE_RECORD_CHANGE };
	struct docstore_record_change changes[2 * DOCSTORE_MAX_PROPERTIES];
	struct fake_log *log = store->log;
	uint32_t i, n = 0, values = 0, size;
	unsigned char *data, *p;

	if (!log)
		return;
	for (i = 0; i < count; i++) {
		deleted |= was && has(&ops[i], doc, DOCSTORE_OP_DELETE);
		cleared |= has(&ops[i], doc, DOCSTORE_OP_UNSET) && !ops[i].property;
	}
	memset(changes, 0, sizeof(changes));
	for (i = 0; doc->exists && i < doc->nprops; i++) {
		if (doc->props[i].set != doc->version)
			continue;
		changes[n].property = doc->props[i].name;
		changes[n].what = what_of(doc, doc->props[i].name, ops, count);
		changes[n].type = (__u8)doc->props[i].type;
		changes[n++].len = doc->props[i].len;
		values += doc->props[i].len;
	}
	for (i = 0; doc->exists && was && !deleted && !cleared && i < old->nprops; i++) {
		if (fake_find_prop(doc, old->props[i].name))
			continue;
		changes[n].property = old->props[i].name;
		changes[n++].what = DOCSTORE_OP_UNSET;
	}
	head.flags = !doc->exists ? DOCSTORE_RECORD_DELETED :
		     !was ? DOCSTORE_RECORD_CREATED :
		     deleted ? DOCSTORE_RECORD_REPLACED :
		     cleared ? DOCSTORE_RECORD_CLEARED : 0;
	head.partition = partition_of(store, doc);
	size = (uint32_t)((sizeof(head) + n * EACH + doc->id_len + values + 7) & ~7u);
	if (size > backlog_bytes(store) / 4) {
		head.flags |= DOCSTORE_RECORD_OMITTED;
		n = 0;
		size = (uint32_t)((sizeof(head) + doc->id_len + 7) & ~7u);
	} else {
		head.flags |= DOCSTORE_RECORD_VALUES;
	}
	head.size = size;
	head.sequence = log->next[head.partition]++;
	head.commit = head.sequence;
	head.time = doc->changed;
	head.version = doc->version;
	head.type = doc->type;
	head.old_type = was ? old->type : 0;
	head.count = n;
	head.id_len = doc->id_len;
	data = fake_grow(NULL, size, 1);
	memset(data, 0, size);
	p = put(data, &head, sizeof(head));
	p = put(p, changes, n * EACH);
	p = put(p, doc->id, doc->id_len);
	for (i = 0; n && i < doc->nprops; i++) {
		if (doc->props[i].set == doc->version)
			p = put(p, doc->props[i].data, doc->props[i].len);
	}
	log->records = fake_grow(log->records, log->count, sizeof(*log->records));
	log->records[log->count++] = (struct fake_record){ head.partition, size, head.sequence,
							   data };
	log->bytes[head.partition] += size;
	log_trim(store, head.partition);
}

/* --- opening ------------------------------------------------------------------------ */

static unsigned char *record_new(uint8_t kind, const void *body, uint32_t len, uint64_t version)
{
	struct docstore_record head = {
		.size = (uint32_t)((sizeof(head) + len + 7) & ~7u),
		.kind = kind,
		.time = fake_clock(),
		.version = version,
	};
	unsigned char *data = fake_grow(NULL, head.size, 1);

	memset(data, 0, head.size);
	put(put(data, &head, sizeof(head)), body, len);
	return data;
}

static void say(struct fake_stream *s, unsigned char *record)
{
	s->documents = fake_grow(s->documents, s->count, sizeof(*s->documents));
	s->documents[s->count++] = record;
}

static unsigned char *token_record(struct fake_store *store, struct fake_stream *s, uint8_t kind)
{
	uint32_t n = s->arg.flags & DOCSTORE_STREAM_FOLLOW ? store->info.partitions : 0;
	uint64_t room[3 + DOCSTORE_MAX_PARTITIONS];
	struct docstore_token token = {
		.size = (uint32_t)(sizeof(token) + 8 * n),
		.partitions = n,
		.incarnation = store->info.incarnation,
		.created = store->info.created,
	};

	memcpy(room, &token, sizeof(token));
	memcpy(room + 3, s->next, 8 * n);
	s->passed = 0;
	s->marked = fake_clock();
	return record_new(kind, room, token.size, 0);
}

static bool starts(const struct fake_stream *s, const unsigned char *id, uint32_t len)
{
	return len >= s->arg.prefix_len && !memcmp(id, s->prefix, s->arg.prefix_len);
}

static void take_snapshot(struct fake_store *store, struct fake_stream *s, bool resync)
{
	unsigned char *p = record_new(DOCSTORE_RECORD_BEGIN, NULL, 0, 0);
	uint16_t flags = resync ? DOCSTORE_RECORD_RESYNC : 0;
	uint32_t i, size;

	memcpy(p + offsetof(struct docstore_record, flags), &flags, sizeof(flags));
	say(s, p);
	for (i = store->ndocs; i--;) {
		const struct fake_doc *doc = &store->docs[i];

		if (!doc->exists || !starts(s, doc->id, doc->id_len) ||
		    (s->arg.type && doc->type != s->arg.type))
			continue;
		p = fake_encode(doc, false, &size);
		say(s, record_new(DOCSTORE_RECORD_DOCUMENT, p, size, doc->version));
		free(p);
	}
	if (s->arg.flags & DOCSTORE_STREAM_FOLLOW)
		memcpy(s->next, store->log->next, sizeof(s->next));
	say(s, token_record(store, s, DOCSTORE_RECORD_END));
	s->resync = false;
}

static bool legal(const struct fake_store *store, const struct docstore_stream *arg)
{
	const uint32_t follow = DOCSTORE_STREAM_VALUES | DOCSTORE_STREAM_BOOKMARKS |
				DOCSTORE_STREAM_RESYNC;

	if (arg->size != sizeof(*arg) || arg->flags & ~63u || arg->__reserved ||
	    !(arg->flags & (DOCSTORE_STREAM_SNAPSHOT | DOCSTORE_STREAM_FOLLOW)))
		return false;
	if (!(arg->flags & DOCSTORE_STREAM_FOLLOW) && (arg->flags & follow || arg->property))
		return false;
	if (!(arg->flags & DOCSTORE_STREAM_BOOKMARKS) && arg->bookmark_ms)
		return false;
	if (arg->token_size && (!(arg->flags & DOCSTORE_STREAM_FOLLOW) ||
				arg->flags & DOCSTORE_STREAM_SNAPSHOT))
		return false;
	return (arg->token_size || !arg->token) && arg->type <= store->nnames &&
	       arg->property <= store->nnames;
}

static int seek(struct fake_store *store, struct fake_stream *s)
{
	const struct docstore_token *token = (void *)(uintptr_t)s->arg.token;
	uint32_t i;

	if (s->arg.token_size < sizeof(*token) || token->size != s->arg.token_size ||
	    token->partitions > DOCSTORE_MAX_PARTITIONS ||
	    token->size != sizeof(*token) + 8 * token->partitions)
		return -EINVAL;
	memcpy(s->next, store->log->next, sizeof(s->next));
	s->foreign = token->incarnation != store->info.incarnation ||
		     token->created != store->info.created;
	if (s->foreign)
		return 0;
	if (token->partitions != store->info.partitions)
		return -EINVAL;
	for (i = 0; i < token->partitions; i++) {
		if (!token->next[i] || token->next[i] > store->log->next[i])
			return -EINVAL;
		s->next[i] = token->next[i];
	}
	return 0;
}

void fake_stream_close(struct fake_stream *s)
{
	for (; s->at < s->count; s->at++)
		free(s->documents[s->at]);
	free(s->documents);
	free(s);
}

int fake_stream(struct fake_fd *fd, const struct docstore_stream *arg)
{
	struct fake_store *store = fd->store;
	struct fake_stream *s;
	int n, err = 0;

	if (!legal(store, arg))
		return -EINVAL;
	if (arg->prefix_len > DOCSTORE_MAX_ID)
		return -ENAMETOOLONG;
	if (!(fd->flags & DOCSTORE_OPEN_READ))
		return -EBADF;
	s = fake_grow(NULL, 1, sizeof(*s));
	memset(s, 0, sizeof(*s));
	s->arg = *arg;
	put(s->prefix, (void *)(uintptr_t)arg->prefix, arg->prefix_len);
	log_begin(store);
	if (arg->flags & DOCSTORE_STREAM_SNAPSHOT)
		take_snapshot(store, s, false);
	else if (arg->token_size)
		err = seek(store, s);
	else
		memcpy(s->next, store->log->next, sizeof(s->next));
	if (!err && !arg->token_size && !(arg->flags & DOCSTORE_STREAM_SNAPSHOT) &&
	    arg->flags & DOCSTORE_STREAM_BOOKMARKS)
		say(s, token_record(store, s, DOCSTORE_RECORD_BOOKMARK));
	n = err ? err : ds_sys_open("", false);
	if (n < 0) {
		fake_stream_close(s);
		return n;
	}
	fake_fd(n)->store = store;
	fake_fd(n)->stream = s;
	return n;
}

/* --- reading ------------------------------------------------------------------------ */

static unsigned char *lost_record(uint8_t reason, uint32_t partition, uint64_t first,
				  uint64_t count)
{
	struct docstore_record_lost lost = { .records = count, .reason = reason };
	struct docstore_record head;
	unsigned char *p = record_new(DOCSTORE_RECORD_LOST, &lost, sizeof(lost), 0);

	memcpy(&head, p, sizeof(head));
	head.partition = partition;
	head.sequence = first;
	memcpy(p, &head, sizeof(head));
	return p;
}

static bool wants(const struct fake_stream *s, const unsigned char *data)
{
	const uint32_t always = DOCSTORE_RECORD_CREATED | DOCSTORE_RECORD_DELETED |
				DOCSTORE_RECORD_REPLACED | DOCSTORE_RECORD_CLEARED |
				DOCSTORE_RECORD_OMITTED;
	struct docstore_record_change change;
	struct docstore_record head;
	bool concerns;
	uint32_t i;

	memcpy(&head, data, sizeof(head));
	if (!starts(s, data + sizeof(head) + head.count * EACH, head.id_len) ||
	    (s->arg.type && head.type != s->arg.type && head.old_type != s->arg.type))
		return false;
	concerns = !s->arg.property || head.flags & always;
	for (i = 0; !concerns && i < head.count; i++) {
		memcpy(&change, data + sizeof(head) + i * EACH, EACH);
		concerns = change.property == s->arg.property;
	}
	return concerns;
}

/* A copy, without the values if these are not wanted. */
static unsigned char *change_record(const struct fake_stream *s, const struct fake_record *r)
{
	unsigned char *p = fake_grow(NULL, r->len, 1);
	struct docstore_record head;
	uint32_t len;

	memcpy(p, r->data, r->len);
	if (s->arg.flags & DOCSTORE_STREAM_VALUES)
		return p;
	memcpy(&head, p, sizeof(head));
	len = (uint32_t)(sizeof(head) + head.count * EACH + head.id_len);
	head.size = (len + 7) & ~7u;
	head.flags &= (__u16)~DOCSTORE_RECORD_VALUES;
	memset(p + len, 0, head.size - len);
	memcpy(p, &head, sizeof(head));
	return p;
}

/* The next change that a stream wants of any partition, or what it has lost; or NULL. */
static unsigned char *next_change(struct fake_store *store, struct fake_stream *s)
{
	uint32_t i;

	if (s->foreign) {
		s->foreign = false;
		s->resync = s->arg.flags & DOCSTORE_STREAM_RESYNC;
		if (!s->resync && s->arg.flags & DOCSTORE_STREAM_BOOKMARKS)
			say(s, token_record(store, s, DOCSTORE_RECORD_BOOKMARK));
		return lost_record(DOCSTORE_LOST_STORE, UINT32_MAX, 0, 0);
	}
	for (i = 0; i < store->log->count; i++) {
		const struct fake_record *r = &store->log->records[i];
		uint64_t next = s->next[r->partition];

		if (r->sequence < next)
			continue;
		if (r->sequence > next) {
			s->next[r->partition] = r->sequence;
			s->info.lost += r->sequence - next;
			s->resync = s->arg.flags & DOCSTORE_STREAM_RESYNC;
			return lost_record(DOCSTORE_LOST_OVERRUN, r->partition, next,
					   r->sequence - next);
		}
		s->next[r->partition]++;
		if (wants(s, r->data))
			return change_record(s, r);
		s->passed++;
		s->info.passed++;
	}
	return NULL;
}

static unsigned char *next_record(struct fake_store *store, struct fake_stream *s)
{
	unsigned char *p = NULL;

	if (s->resync)
		take_snapshot(store, s, true);
	if (s->at < s->count)
		return s->documents[s->at++];
	if (s->arg.flags & DOCSTORE_STREAM_FOLLOW)
		p = next_change(store, s);
	if (!p && s->passed && s->arg.flags & DOCSTORE_STREAM_BOOKMARKS &&
	    fake_clock() - s->marked >= (s->arg.bookmark_ms ? s->arg.bookmark_ms : 1000) * 1000000ULL)
		p = token_record(store, s, DOCSTORE_RECORD_BOOKMARK);
	return p;
}

/* What did not fit comes first, the next time. */
static void put_back(struct fake_stream *s, unsigned char *record)
{
	if (!s->at) {
		s->documents = fake_grow(s->documents, s->count, sizeof(*s->documents));
		memmove(s->documents + 1, s->documents, s->count++ * sizeof(*s->documents));
		s->at++;
	}
	s->documents[--s->at] = record;
}

static void resume_in_time(struct fake_stream *s)
{
	if (s->info.state == DOCSTORE_STREAM_PAUSED && s->info.timeout_ms &&
	    fake_clock() - s->info.paused_ns >= s->info.timeout_ms * 1000000ULL) {
		s->info.state = s->info.stream_flags & DOCSTORE_PAUSE_THEN_ERROR ?
				DOCSTORE_STREAM_ERROR : DOCSTORE_STREAM_RUNNING;
		s->info.error = s->info.state == DOCSTORE_STREAM_ERROR ? ETIMEDOUT : 0;
	}
}

ssize_t ds_sys_read(int n, void *buffer, size_t len)
{
	struct fake_fd *fd = fake_fd_made(n);
	struct fake_stream *s = fd ? fd->stream : NULL;
	unsigned char *record;
	size_t used = 0;

	if (!s)
		return -EBADF;
	resume_in_time(s);
	if (s->info.state == DOCSTORE_STREAM_PAUSED)
		return -EAGAIN;
	if (s->info.state == DOCSTORE_STREAM_ERROR)
		return -(int)s->info.error;
	s->info.needed = 0;
	while ((record = next_record(fd->store, s))) {
		uint32_t size = size_of(record);

		if (size > len - used) {
			put_back(s, record);
			s->info.needed = used ? 0 : size;
			return used ? (ssize_t)used : -EMSGSIZE;
		}
		memcpy((char *)buffer + used, record, size);
		free(record);
		used += size;
		s->info.records++;
		s->info.bytes += size;
	}
	if (used)
		return (ssize_t)used;
	if (s->arg.flags & DOCSTORE_STREAM_FOLLOW)
		return -EAGAIN;
	s->info.state = DOCSTORE_STREAM_COMPLETE;
	return 0;
}

int fake_stream_ioctl(struct fake_stream *s, unsigned long request, void *data)
{
	struct docstore_stream_info *info = data;
	const struct docstore_stream_pause *pause = data;
	const struct docstore_stream_resume *resume = data;

	resume_in_time(s);
	switch (request) {
	case DOCSTORE_STREAM_INFO:
		if (info->size != sizeof(*info) || info->flags)
			return -EINVAL;
		*info = s->info;
		info->size = sizeof(*info);
		info->stream_flags = s->arg.flags & ~(uint32_t)DOCSTORE_STREAM_NONBLOCK;
		info->paused_ns = s->info.state == DOCSTORE_STREAM_PAUSED ?
				  fake_clock() - s->info.paused_ns : 0;
		return 0;
	case DOCSTORE_STREAM_PAUSE:
		if (pause->size != sizeof(*pause) || pause->flags & ~1u || pause->__reserved ||
		    (pause->flags && !pause->timeout_ms))
			return -EINVAL;
		if (s->info.state > DOCSTORE_STREAM_PAUSED)
			return -EPIPE;
		s->info.state = DOCSTORE_STREAM_PAUSED;
		s->info.pauses++;
		s->info.paused_ns = fake_clock();
		s->info.timeout_ms = pause->timeout_ms;
		s->info.stream_flags = pause->flags;
		return 0;
	case DOCSTORE_STREAM_RESUME:
		if (resume->size != sizeof(*resume) || resume->flags)
			return -EINVAL;
		if (s->info.state > DOCSTORE_STREAM_PAUSED)
			return -EPIPE;
		s->info.state = DOCSTORE_STREAM_RUNNING;
		s->info.timeout_ms = 0;
		return 0;
	default:
		return -ENOTTY;
	}
}
