// SPDX-License-Identifier: GPL-2.0
/*
 * The timed loops.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "value.h"
#include "worker.h"
#include "zipf.h"

/*
 * What happens between two calls of a system must take little, and little room in the
 * processor, which begins with the next read while the last one waits for memory.
 */
#define tight	inline __attribute__((always_inline))

/* Operations between two looks at the clock. */
#define CHUNK	64

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static __attribute__((noinline, cold)) int failed(struct worker *w, const char *what,
						   uint32_t number, int error)
{
	snprintf(w->shared->result.what, sizeof(w->shared->result.what),
		 "%s of document %u: %s", what, number,
		 error == -EBADMSG ? "not its value" : strerror(-error));
	return error;
}

static tight const struct bench_access *take(struct worker *w, size_t n)
{
	const struct bench_access *a = &w->sequence->accesses[w->position];

	w->position += n;
	if (w->position >= w->sequence->count)
		w->position -= w->sequence->count;
	return a;
}

/*
 * What a read returned, and then whether it is the document's value: 0, 1 if it is
 * wrong and that is no surprise, or an error.
 */
static tight int check(struct worker *w, int ret, const struct bench_value *value,
		 const struct bench_access *access)
{
	unsigned int flags = w->setup->system->flags;
	uint32_t stamp;

	if (!ret && (flags & BENCH_CONTROL))
		return 0;
	if (!ret)
		ret = value_check(value, w->setup->value_bytes, access->number, &stamp);
	if (!ret || !(flags & BENCH_ERRS) || (ret != -ENOENT && ret != -EBADMSG))
		return ret;
	w->shared->result.wrong++;
	return 1;
}

static tight int get(struct worker *w, const struct bench_access *a)
{
	struct bench_value value;
	int ret;

	ret = w->setup->system->get(w->session, a, w->buffer, &value);
	ret = check(w, ret, &value, a);
	return ret < 0 ? failed(w, "get", a->number, ret) : 0;
}

/*
 * Moves on by as much more as number and value differ, which is nothing, but
 * the processor cannot know before it has the value; the compiler must not
 * know either.
 */
static tight int get_dependent(struct worker *w)
{
	const struct bench_access *a = take(w, 1);
	struct bench_value value;
	uint32_t number;
	int ret;

	ret = w->setup->system->get(w->session, a, w->buffer, &value);
	ret = check(w, ret, &value, a);
	if (ret < 0)
		return failed(w, "get", a->number, ret);
	if (!ret && !(w->setup->system->flags & BENCH_CONTROL)) {
		memcpy(&number, value.data, sizeof(number));
		__asm__ volatile("" : "+r"(number));
		w->position += number ^ a->number;
	}
	return 0;
}

static int get_many(struct worker *w, size_t n)
{
	const struct bench_system *system = w->setup->system;
	const struct bench_access *a = take(w, n);
	size_t i;
	int ret = 0;

	if (!system->get_many) {
		for (i = 0; i < n && !ret; i++)
			ret = get(w, &a[i]);
		return ret;
	}
	ret = system->get_many(w->session, a, n, w->buffer, w->values);
	if (ret)
		return failed(w, "get many", a->number, ret);
	for (i = 0; i < n; i++) {
		ret = check(w, 0, &w->values[i], &a[i]);
		if (ret < 0)
			return failed(w, "get many", a[i].number, ret);
	}
	return 0;
}

static const void *value_for(struct worker *w, size_t i, uint32_t number)
{
	value_stamp(w->puts[i], w->setup->value_bytes, number, ++w->stamp);
	return w->puts[i];
}

static int put(struct worker *w, const struct bench_access *a)
{
	int ret = w->setup->system->put(w->session, a, value_for(w, 0, a->number));

	return ret ? failed(w, "put", a->number, ret) : 0;
}

static int put_many_of(struct worker *w, const struct bench_access *a, size_t n)
{
	const struct bench_system *system = w->setup->system;
	size_t i;
	int ret;

	if (!system->put_many) {
		for (i = 0; i < n; i++) {
			ret = put(w, &a[i]);
			if (ret)
				return ret;
		}
		return 0;
	}
	for (i = 0; i < n; i++)
		value_for(w, i, a[i].number);
	ret = system->put_many(w->session, a, n, (const void *const *)w->puts);
	return ret ? failed(w, "put many", a->number, ret) : 0;
}

static void change(const struct bench_access *access,
		   const struct bench_value *old, void *value)
{
	struct value_head head;

	memcpy(&head, old->data, sizeof(head));
	memcpy(value, old->data, old->len);
	value_stamp(value, old->len, access->number, head.stamp + 1);
}

static int modify(struct worker *w, const struct bench_access *a)
{
	const struct bench_system *system = w->setup->system;
	struct bench_value value;
	int ret;

	if (system->modify) {
		ret = system->modify(w->session, a, w->buffer, change);
		return ret ? failed(w, "modify", a->number, ret) : 0;
	}
	ret = system->get(w->session, a, w->buffer, &value);
	ret = check(w, ret, &value, a);
	if (ret)
		return ret < 0 ? failed(w, "get", a->number, ret) : 0;
	change(a, &value, w->puts[0]);
	ret = system->put(w->session, a, w->puts[0]);
	return ret ? failed(w, "put", a->number, ret) : 0;
}

static int scan(struct worker *w, const struct bench_access *a)
{
	size_t n = 1 + a->die % BENCH_MAX_SCAN;
	struct value_head head;
	uint32_t stamp;
	int i, found, ret;

	found = w->setup->system->scan(w->session, a, n, w->buffer, w->values);
	if (found < 1)
		return failed(w, "scan", a->number, found ? found : -ENOENT);
	for (i = 0; i < found; i++) {
		memcpy(&head, w->values[i].data, sizeof(head));
		ret = value_check(&w->values[i], w->setup->value_bytes,
				  i ? head.number : a->number, &stamp);
		if (ret)
			return failed(w, "scan", a->number, ret);
	}
	return 0;
}

static int one(struct worker *w, enum operation op, const struct bench_access *a)
{
	switch (op) {
	case OP_GET:
		return get(w, a);
	case OP_INSERT:
		w->inserted++;
		return put(w, a);
	case OP_PUT:
		return put(w, a);
	case OP_MODIFY:
		return modify(w, a);
	case OP_SCAN:
		return scan(w, a);
	default:
		return -EINVAL;
	}
}

static int mixed(struct worker *w, const struct workload *workload)
{
	const struct bench_access *a = take(w, 1);

	return one(w, a->die < workload->share ? workload->main : workload->other, a);
}

/* Do @count operations. Loops of their own where it is about nanoseconds. */
static int work(struct worker *w, size_t count)
{
	const struct worker_order *order = &w->shared->order;
	const struct workload *workload = order->workload;
	size_t batch = order->batch, i;
	int ret = 0;

	if (workload->share < SHARE_ALL) {
		for (i = 0; i < count && !ret; i++)
			ret = mixed(w, workload);
		return ret;
	}
	switch (workload->main) {
	case OP_GET:
		for (i = 0; i < count && !ret; i++)
			ret = get(w, take(w, 1));
		return ret;
	case OP_GET_DEPENDENT:
		for (i = 0; i < count && !ret; i++)
			ret = get_dependent(w);
		return ret;
	case OP_PUT:
		for (i = 0; i < count && !ret; i++)
			ret = put(w, take(w, 1));
		return ret;
	case OP_GET_MANY:
		for (i = 0; i < count && !ret; i += batch)
			ret = get_many(w, batch);
		return ret;
	case OP_PUT_MANY:
		for (i = 0; i < count && !ret; i += batch)
			ret = put_many_of(w, take(w, batch), batch);
		return ret;
	default:
		return -EINVAL;
	}
}

/* Numbers of documents that this worker inserts: no other has them. */
static uint32_t own_number(const struct worker *w, uint32_t i)
{
	return w->setup->documents + i * w->of + w->index;
}

static void make_fresh(struct worker *w, const struct workload *workload)
{
	uint32_t inserted = w->inserted, documents = w->setup->documents;
	struct zipf zipf;
	size_t i;

	zipf_init(&zipf, documents, ZIPF_EXPONENT);
	for (i = 0; i < w->fresh.count; i++) {
		struct bench_access *a = &w->fresh.accesses[i];
		uint16_t die = (uint16_t)random_next(&w->random);
		uint32_t age = zipf_rank(&zipf, &w->random) - 1;

		if (die >= workload->share)
			access_make(a, own_number(w, inserted++));
		else if (!workload->latest)
			access_make(a, scramble(age, documents));
		else if (age < inserted)
			access_make(a, own_number(w, inserted - 1 - age));
		else
			access_make(a, documents - 1 - (age - inserted));
		a->die = die;
	}
}

static void prepare(struct worker *w)
{
	const struct worker_order *order = &w->shared->order;

	if (!order->workload->inserts) {
		const struct sequence *sequence = &w->sequences[order->distribution];

		/* Go on where it was, for what comes now is not in the cache. */
		if (w->sequence != sequence)
			w->position = 0;
		w->sequence = sequence;
		return;
	}
	make_fresh(w, order->workload);
	w->sequence = &w->fresh;
	w->position = 0;
}

/* Operations between looks at the clock: whole batches. */
static size_t chunk(const struct worker_order *order)
{
	size_t batch = order->workload->batches ? order->batch : 1;

	return batch >= CHUNK ? batch : CHUNK / batch * batch;
}

static int work_for(struct worker *w, uint32_t ms, struct worker_result *result)
{
	uint64_t begin = now_ns(), end = ms ? begin + ms * 1000000ULL : UINT64_MAX;
	bool once = w->shared->order.workload->inserts;
	size_t n = chunk(&w->shared->order), done = 0;
	uint64_t now;
	int ret;

	do {
		ret = work(w, n);
		if (ret)
			return ret;
		done += n;
		now = now_ns();
	} while (now < end && (!once || done + n <= w->sequence->count) &&
		 !atomic_load_explicit(&w->shared->stop, memory_order_relaxed));
	result->ops = done;
	result->ns = now - begin;
	return 0;
}

static void count_events(struct worker *w, struct bench_counters *counters)
{
	const struct bench_system *system = w->setup->system;

	memset(counters, 0, sizeof(*counters));
	if (system->counters)
		system->counters(w->session, counters);
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	/* Where that is not allowed, the run is a little less quiet. */
	(void)sched_setaffinity(0, sizeof(set), &set);
}

static void wait_for(sem_t *sem)
{
	while (sem_wait(sem) && errno == EINTR)
		;
}

static void obey(struct worker *w)
{
	const struct bench_system *system = w->setup->system;
	struct worker_result *result = &w->shared->result;
	const struct worker_order *order = &w->shared->order;
	struct bench_counters before, after;
	int ret;

	pin(order->cpu);
	prepare(w);
	sem_post(&w->shared->ready);
	wait_for(&w->shared->start);
	/* What a run of inserts has is not spent on warming up. */
	ret = order->warm_ms && !order->workload->inserts ?
		      work_for(w, order->warm_ms, result) : 0;
	result->wrong = 0;
	count_events(w, &before);
	if (!ret)
		ret = work_for(w, order->run_ms, result);
	count_events(w, &after);
	if (system->idle)
		system->idle(w->session);
	result->counters.retries = after.retries - before.retries;
	result->counters.fallbacks = after.fallbacks - before.fallbacks;
	result->error = ret;
	sem_post(&w->shared->done);
}

static void *memory(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

int worker_open(struct worker *w)
{
	size_t bytes = (w->setup->value_bytes + 63UL) & ~63UL, i;
	char *values = memory(bytes * BENCH_MAX_BATCH);

	w->buffer.len = (w->setup->value_bytes + BENCH_SLACK) * (size_t)BENCH_MAX_BATCH;
	w->buffer.data = memory(w->buffer.len);
	w->values = calloc(BENCH_MAX_BATCH, sizeof(*w->values));
	w->fresh.count = FRESH_ACCESSES;
	w->fresh.accesses = memory(FRESH_ACCESSES * sizeof(*w->fresh.accesses));
	w->random.state = mix64(1000 + w->index);
	if (!values || !w->buffer.data || !w->values || !w->fresh.accesses)
		return -ENOMEM;
	for (i = 0; i < BENCH_MAX_BATCH; i++) {
		w->puts[i] = values + i * bytes;
		value_fill(w->puts[i], w->setup->value_bytes);
	}
	return w->setup->system->session_open(w->store, &w->session);
}

void worker_close(struct worker *w)
{
	size_t bytes = (w->setup->value_bytes + 63UL) & ~63UL;

	w->setup->system->session_close(w->session);
	munmap(w->puts[0], bytes * BENCH_MAX_BATCH);
	munmap(w->buffer.data, w->buffer.len);
	munmap(w->fresh.accesses, FRESH_ACCESSES * sizeof(*w->fresh.accesses));
	free(w->values);
}

int worker_load(struct worker *w, uint32_t from, uint32_t n, uint64_t *ns)
{
	uint64_t begin;
	uint32_t i;
	int ret;

	for (i = 0; i < n; i++)
		access_make(&w->fresh.accesses[i], from + i);
	begin = now_ns();
	ret = put_many_of(w, w->fresh.accesses, n);
	*ns = now_ns() - begin;
	return ret;
}

void *worker_main(void *worker)
{
	struct worker *w = worker;

	for (;;) {
		wait_for(&w->shared->go);
		obey(w);
	}
	return NULL;
}
