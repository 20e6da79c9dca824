// SPDX-License-Identifier: GPL-2.0
/*
 * A BPF hash map, reached by system call. Keys have one size there: ids are
 * filled up with zeros. Writing takes many keys in one call; reading does not,
 * for the batches of a hash map go through all of it in its own order.
 *
 * The kernel copies a value out while another is copied in, and uses elements
 * again at once: beside a writer, a reader now and then gets halves of two values,
 * or is told that there is none. (Values with a bpf_spin_lock in them, which needs
 * BTF, would at least be whole.)
 */
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "value.h"

struct bpf_map {
	int fd;
	uint32_t value_bytes;
};

struct bpf_session {
	struct bpf_map map;
	char (*keys)[BENCH_MAX_ID];
	char *values;
};

static int bpf(int command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr)) < 0 ? -errno : 0;
}

static int create(struct bench_setup *setup)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = BPF_MAP_TYPE_HASH;
	attr.key_size = BENCH_MAX_ID;
	attr.value_size = setup->value_bytes;
	attr.max_entries = setup->room;
	return (int)syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
}

static int bpf_open(struct bench_setup *setup, void **store)
{
	/* Kernels before 5.11 count maps as locked memory. */
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	struct bpf_map *map = malloc(sizeof(*map));

	if (!map)
		return -ENOMEM;
	setrlimit(RLIMIT_MEMLOCK, &all);
	map->value_bytes = setup->value_bytes;
	map->fd = create(setup);
	*store = map;
	if (map->fd >= 0)
		return 0;
	if (errno != EPERM && errno != ENOSYS)
		return -errno;
	snprintf(setup->reason, sizeof(setup->reason), "bpf(): %s", strerror(errno));
	return -ENOSYS;
}

static int bpf_session_open(void *store, void **session)
{
	struct bpf_session *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->map = *(struct bpf_map *)store;
	s->keys = malloc(sizeof(*s->keys) * BENCH_MAX_BATCH);
	s->values = malloc((size_t)s->map.value_bytes * BENCH_MAX_BATCH);
	*session = s;
	return s->keys && s->values ? 0 : -ENOMEM;
}

static void bpf_session_close(void *session)
{
	struct bpf_session *s = session;

	free(s->keys);
	free(s->values);
	free(s);
}

/* What follows an id in its access is zeros. */
static int element(struct bpf_session *s, int command,
		   const struct bench_access *access, const void *value)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (uint32_t)s->map.fd;
	attr.key = (uintptr_t)access->id;
	attr.value = (uintptr_t)value;
	attr.flags = BPF_ANY;
	return bpf(command, &attr);
}

static int bpf_get(void *session, const struct bench_access *access,
		   struct bench_buffer buffer, struct bench_value *value)
{
	struct bpf_session *s = session;

	value->data = buffer.data;
	value->len = s->map.value_bytes;
	return element(s, BPF_MAP_LOOKUP_ELEM, access, buffer.data);
}

static int bpf_put(void *session, const struct bench_access *access,
		   const void *value)
{
	return element(session, BPF_MAP_UPDATE_ELEM, access, value);
}

static int bpf_put_many(void *session, const struct bench_access *accesses,
			size_t n, const void *const *values)
{
	struct bpf_session *s = session;
	union bpf_attr attr;
	size_t i;

	for (i = 0; i < n; i++) {
		memcpy(s->keys[i], accesses[i].id, BENCH_MAX_ID);
		memcpy(s->values + i * s->map.value_bytes, values[i],
		       s->map.value_bytes);
	}
	memset(&attr, 0, sizeof(attr));
	attr.batch.map_fd = (uint32_t)s->map.fd;
	attr.batch.keys = (uintptr_t)s->keys;
	attr.batch.values = (uintptr_t)s->values;
	attr.batch.count = (uint32_t)n;
	attr.batch.elem_flags = BPF_ANY;
	return bpf(BPF_MAP_UPDATE_BATCH, &attr);
}

static uint64_t bpf_memory(void *store)
{
	unsigned long long bytes = 0;
	struct bpf_map *map = store;
	char line[128];
	FILE *file;

	snprintf(line, sizeof(line), "/proc/self/fdinfo/%d", map->fd);
	file = fopen(line, "r");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "memlock: %llu", &bytes) == 1)
			break;
	if (file)
		fclose(file);
	return bytes;
}

static void bpf_close(void *store)
{
	struct bpf_map *map = store;

	close(map->fd);
	free(map);
}

static const struct bench_system bpf_system = {
	.name = "bpf",
	.description = "a BPF hash map by system call; beside a writer, reads err",
	.flags = BENCH_PROCESSES | BENCH_ERRS,
	.open = bpf_open,
	.session_open = bpf_session_open,
	.session_close = bpf_session_close,
	.get = bpf_get,
	.put = bpf_put,
	.put_many = bpf_put_many,
	.memory = bpf_memory,
	.close = bpf_close,
};
BENCH_SYSTEM(bpf_system)
