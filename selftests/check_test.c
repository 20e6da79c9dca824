// SPDX-License-Identifier: GPL-2.0
/*
 * Checks: a store that is whole has no findings, however busy it is; and where the module
 * can break one (tools/vm/run --break), each kind of damage is found by who has to find it,
 * and repaired where that can be.
 */
#include "monitor.h"
#include "snapshot.h"
#include "sysfs.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "docstore_harness.h"

#define DAMAGE		DS_PARAMETERS "damage"
#define FINDINGS	64
#define LOADERS		3

static int check(int fd, __u32 flags, struct docstore_check *arg,
		 struct docstore_finding *findings, __u32 room)
{
	DS_FILL(arg);
	arg->size = sizeof(*arg);
	arg->flags = flags;
	arg->findings = ds_ptr(findings);
	arg->finding_size = sizeof(*findings);
	arg->count = room;
	return ds_ioctl(fd, DOCSTORE_CHECK, arg);
}

/* What was found, for who reads the log of a test that failed. */
static int none_found(const struct docstore_check *arg,
		      const struct docstore_finding *findings)
{
	unsigned int i;

	for (i = 0; i < arg->count; i++)
		ds_broken("%s: partition %d, place %#llx is %llu, not %llu",
			  findings[i].validator, (int)findings[i].partition,
			  (unsigned long long)findings[i].place,
			  (unsigned long long)findings[i].is,
			  (unsigned long long)findings[i].should);
	return arg->found ? -ENOTRECOVERABLE : 0;
}

/* Check, and find nothing. */
static int whole(int fd, struct docstore_check *arg)
{
	struct docstore_finding findings[FINDINGS];
	int ret = check(fd, 0, arg, findings, FINDINGS);

	return ret ?: none_found(arg, findings);
}

FIXTURE(check) {
	struct ds_base base;
	int fd;
	unsigned int seconds;
	volatile bool *stop;
};

FIXTURE_SETUP(check)
{
	ASSERT_EQ(0, ds_base_begin(&self->base, 3));
	self->fd = self->base.fd;
	/* Nothing is to be repaired before a test has seen it. */
	ASSERT_EQ(0, parameter_get("check_seconds", &self->seconds));
	ASSERT_EQ(0, parameter_set("check_seconds", 0));
	self->stop = ds_shared(4096);
}

FIXTURE_TEARDOWN(check)
{
	EXPECT_EQ(0, parameter_set("check_seconds", self->seconds));
	EXPECT_EQ(0, ds_base_end(&self->base));
}

/* Documents, of which some are deleted and some replaced while a snapshot needs them. */
static int furnish(int fd, int a, unsigned int n)
{
	int snapshot, ret = ds_fill(fd, a, "doc", 0, n);
	char id[24];
	unsigned int i;

	if (ret)
		return ret;
	snapshot = ds_snapshot(fd, 0, NULL);
	if (snapshot < 0)
		return snapshot;
	for (i = 0; i < n; i += 7) {
		snprintf(id, sizeof(id), "doc%u", i);
		ret = ds_do(fd, i % 2 ? ds_delete(id) : ds_set_s64(id, a, 1));
		if (ret)
			return ret;
	}
	return snapshot;
}

TEST_F(check, empty_store)
{
	struct docstore_check arg;

	ASSERT_EQ(0, whole(self->fd, &arg));
	EXPECT_EQ(0, arg.documents);
	EXPECT_EQ(0, arg.count);
	EXPECT_EQ(0, arg.repaired);
}

TEST_F(check, whole_store)
{
	struct docstore_store_info info;
	struct docstore_check arg;
	int snapshot;

	snapshot = furnish(self->fd, self->base.a, 3000);
	ASSERT_LT(0, snapshot);
	ASSERT_EQ(0, whole(self->fd, &arg));
	ASSERT_EQ(0, ds_store_info(self->fd, &info));
	EXPECT_EQ(info.documents, arg.documents);
	EXPECT_LT(arg.documents, arg.blocks);
	/* What a snapshot has held is on its way. */
	close(snapshot);
	ASSERT_EQ(0, whole(self->fd, &arg));
	EXPECT_EQ(info.documents, arg.documents);
}

TEST_F(check, arguments)
{
	struct docstore_finding findings[2];
	struct docstore_check arg;

	EXPECT_EQ(-EINVAL, check(self->fd, 2, &arg, findings, 2));
	EXPECT_EQ(0, check(self->fd, DOCSTORE_CHECK_REPAIR, &arg, findings, 2));
	/* Room for none is no reason not to check. */
	EXPECT_EQ(0, check(self->fd, 0, &arg, NULL, 0));
	EXPECT_EQ(0, check(self->fd, 0, &arg, findings, ~0U));

	check(self->fd, 0, &arg, findings, 2);
	arg.finding_size = sizeof(findings[0]) - 1;
	EXPECT_EQ(-EINVAL, ds_ioctl(self->fd, DOCSTORE_CHECK, &arg));
	arg.finding_size = 4097;
	EXPECT_EQ(-E2BIG, ds_ioctl(self->fd, DOCSTORE_CHECK, &arg));
	arg.finding_size = 4096;
	arg.count = 0;
	EXPECT_EQ(0, ds_ioctl(self->fd, DOCSTORE_CHECK, &arg));
}

TEST_F(check, rights)
{
	struct docstore_finding findings[2];
	struct docstore_check arg;
	int reader, writer, snapshot;

	reader = ds_open(self->base.store.control, self->base.store.name, DS_READ);
	writer = ds_open(self->base.store.control, self->base.store.name, DS_WRITE);
	ASSERT_LT(0, reader);
	ASSERT_LT(0, writer);
	EXPECT_EQ(0, check(reader, 0, &arg, findings, 2));
	EXPECT_EQ(-EBADF, check(reader, DOCSTORE_CHECK_REPAIR, &arg, findings, 2));
	EXPECT_EQ(-EBADF, check(writer, 0, &arg, findings, 2));
	EXPECT_EQ(-EBADF, check(writer, DOCSTORE_CHECK_REPAIR, &arg, findings, 2));
	EXPECT_EQ(-ENOTTY, check(self->base.store.control, 0, &arg, findings, 2));
	snapshot = ds_snapshot(self->fd, 0, NULL);
	ASSERT_LT(0, snapshot);
	EXPECT_EQ(-ENOTTY, check(snapshot, 0, &arg, findings, 2));
	close(snapshot);
	close(reader);
	close(writer);
}

TEST_F(check, removed_store)
{
	struct docstore_check arg;

	ASSERT_EQ(0, ds_fill(self->fd, self->base.a, "doc", 0, 100));
	ASSERT_EQ(0, ds_remove(self->base.store.control, self->base.store.name));
	EXPECT_EQ(0, whole(self->fd, &arg));
	EXPECT_EQ(100, arg.documents);
	ASSERT_EQ(0, ds_create(self->base.store.control, self->base.store.name, 0600, 1, 0));
}

/* Changes of all kinds: single and spanning, large and small, with snapshots. */
static void load(FIXTURE_DATA(check) *self, unsigned int me)
{
	struct ds_random random = { .state = ds_seed() + me };
	struct docstore_op ops[64];
	static __u8 value[40000];
	char ids[64][16];
	__u32 i, n, failed;
	int ret, snapshot = -1;

	while (!*self->stop) {
		n = 1 + ds_below(&random, 64);
		for (i = 0; i < n; i++) {
			snprintf(ids[i], sizeof(ids[i]), "doc%u", ds_below(&random, 5000));
			switch (ds_below(&random, 5)) {
			case 0:
				ops[i] = ds_op(DOCSTORE_OP_TOUCH, ids[i]);
				break;
			case 1:
				ops[i] = ds_delete(ids[i]);
				break;
			case 2:
				ops[i] = ds_set_mem(ids[i], self->base.b, DOCSTORE_TYPE_BYTES,
						    value, ds_below(&random, 200) ? 100 : 40000);
				break;
			default:
				ops[i] = ds_set_s64(ids[i], self->base.a, i);
				break;
			}
		}
		/* What is not there can't be deleted: all or nothing, or what can be done. */
		ret = ds_submit(self->fd, ds_below(&random, 2) ? DOCSTORE_SUBMIT_ATOMIC : 0,
				ops, n, &failed);
		DS_CHILD(!ret || ret == -ENOSPC || ret == -EBUSY || ret <= DS_CALL(0));
		if (ds_below(&random, 50))
			continue;
		if (snapshot >= 0) {
			close(snapshot);
			snapshot = -1;
		} else {
			snapshot = ds_snapshot(self->fd, 0, NULL);
			DS_CHILD(snapshot >= 0 || snapshot == -ENOSPC);
		}
	}
	_exit(0);
}

static int load_begin(FIXTURE_DATA(check) *self, pid_t *pids)
{
	unsigned int i;

	*self->stop = false;
	for (i = 0; i < LOADERS; i++) {
		pids[i] = ds_fork();
		if (pids[i] < 0)
			return pids[i];
		if (!pids[i])
			load(self, i);
	}
	return 0;
}

static int load_end(FIXTURE_DATA(check) *self, const pid_t *pids)
{
	unsigned int i;
	int ret = 0;

	*self->stop = true;
	for (i = 0; i < LOADERS; i++)
		ret = ds_wait(pids[i]) ?: ret;
	return ret;
}

TEST_F_TIMEOUT(check, busy_store, DS_TIMEOUT)
{
	__u64 end = ds_now() + ds_scale(8) * DS_SECOND;
	struct docstore_store_info before, after;
	struct docstore_check arg;
	pid_t pids[LOADERS];
	unsigned int n = 0;

	ASSERT_EQ(0, ds_fill(self->fd, self->base.a, "doc", 0, 5000));
	ASSERT_EQ(0, ds_store_info(self->fd, &before));
	ASSERT_EQ(0, load_begin(self, pids));
	while (ds_now() < end || n < 3) {
		ASSERT_EQ(0, whole(self->fd, &arg));
		n++;
	}
	EXPECT_EQ(0, load_end(self, pids));
	ASSERT_EQ(0, ds_store_info(self->fd, &after));
	TH_LOG("%u checks, %llu changes", n,
	       (unsigned long long)(after.changes - before.changes));
	EXPECT_LT(before.changes, after.changes);
	EXPECT_EQ(0, whole(self->fd, &arg));
	EXPECT_EQ(after.documents, arg.documents);
}

/* Checks by several at once, and in the background. */
TEST_F_TIMEOUT(check, several, DS_TIMEOUT)
{
	struct docstore_check arg;
	pid_t pids[LOADERS], other;
	unsigned int i;

	ASSERT_EQ(0, ds_fill(self->fd, self->base.a, "doc", 0, 2000));
	ASSERT_EQ(0, parameter_set("check_seconds", 1));
	ASSERT_EQ(0, load_begin(self, pids));
	other = ds_fork();
	ASSERT_LE(0, other);
	if (!other) {
		while (!*self->stop)
			DS_CHILD_EQ(0, whole(self->fd, &arg));
		_exit(0);
	}
	for (i = 0; i < ds_scale(10); i++)
		EXPECT_EQ(0, whole(self->fd, &arg));
	EXPECT_EQ(0, load_end(self, pids));
	EXPECT_EQ(0, ds_wait(other));
}

static void nothing(int signal)
{
	(void)signal;
}

/* One signal, at any time within so many nanoseconds. */
static int alarm_within(struct ds_random *random, __u64 ns)
{
	__u64 us = 1 + ds_below(random, ns / 1000 + 1);
	struct itimerval once = { .it_value = { us / 1000000, us % 1000000 } };

	return setitimer(ITIMER_REAL, &once, NULL);
}

/* A check is ended by a signal, or has found nothing: half of them, and the other half. */
TEST_F_TIMEOUT(check, signals, DS_TIMEOUT)
{
	struct sigaction action = { .sa_handler = nothing };
	struct ds_random random = { .state = ds_seed() };
	unsigned int interrupted = 0, done = 0, i;
	struct docstore_finding findings[2];
	struct itimerval never = {};
	struct docstore_check arg;
	pid_t pids[LOADERS];
	__u64 ns;
	int ret;

	ASSERT_EQ(0, ds_fill(self->fd, self->base.a, "doc", 0, 2000));
	ASSERT_EQ(0, load_begin(self, pids));
	ns = ds_now();
	ASSERT_EQ(0, check(self->fd, 0, &arg, findings, 2));
	ns = ds_now() - ns;
	ASSERT_EQ(0, sigaction(SIGALRM, &action, NULL));
	for (i = 0; i < ds_scale(100) || (i < 10000 && !(interrupted && done)); i++) {
		ASSERT_EQ(0, alarm_within(&random, ns));
		ret = check(self->fd, 0, &arg, findings, 2);
		ASSERT_TRUE(!ret || ret == -EINTR);
		interrupted += !!ret;
		done += !ret;
		/* However long a check takes. */
		ns += ret ? ns / 4 : -(ns / 4);
		if (!ret)
			EXPECT_EQ(0, arg.found);
	}
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &never, NULL));
	EXPECT_EQ(0, load_end(self, pids));
	TH_LOG("%u interrupted, %u done", interrupted, done);
	EXPECT_LT(0, interrupted);
	EXPECT_LT(0, done);
	EXPECT_EQ(0, whole(self->fd, &arg));
}

/* A kind of damage, as the module tells it. */
struct kind {
	char name[32];
	char validator[DOCSTORE_VALIDATOR_NAME_SIZE];
	int repairable;
};

/* How many kinds there are, 0 where the module can't. */
static unsigned int kinds_read(struct kind *kinds, unsigned int room)
{
	FILE *f = fopen(DAMAGE, "re");
	unsigned int n = 0;

	if (!f)
		return 0;
	while (n < room && fscanf(f, "%31s %15s %d", kinds[n].name, kinds[n].validator,
				  &kinds[n].repairable) == 3)
		n++;
	fclose(f);
	return n;
}

static int inflict(const char *store, unsigned int partition, const char *kind)
{
	FILE *f = fopen(DAMAGE, "we");

	if (!f)
		return -errno;
	fprintf(f, "%s %u %s", store, partition, kind);
	return fclose(f) ? -errno : 0;
}

static unsigned int found_by(const struct docstore_check *arg,
			     const struct docstore_finding *findings, const char *validator)
{
	unsigned int i, n = 0;

	for (i = 0; i < arg->count; i++)
		n += !strcmp((const char *)findings[i].validator, validator);
	return n;
}

/* A store of its own, which may be good for nothing afterwards, and a snapshot of it. */
static int victim_begin(struct ds_store *store)
{
	int ret = ds_store_begin(store, "victim", 2, 64 << 20);
	int a;

	if (ret)
		return ret;
	a = ds_prop_id(store->fd, "a");
	return a < 0 ? a : furnish(store->fd, a, 1000);
}

/* Nobody must come across the damage: wait until nothing is left to clean up. */
static int settle(int fd)
{
	__u64 end = ds_now() + 30 * DS_SECOND;
	struct docstore_store_info info;
	int ret;

	do {
		usleep(150000);
		ret = ds_store_info(fd, &info);
	} while (!ret && info.bytes_retired && ds_now() < end);
	usleep(150000);
	return ret ?: info.bytes_retired ? -EBUSY : 0;
}

static int damage_one(const struct kind *kind)
{
	struct docstore_finding findings[FINDINGS];
	struct docstore_check arg;
	struct ds_store store;
	int snapshot, ret;

	snapshot = victim_begin(&store);
	if (snapshot < 0)
		return snapshot;
	ret = settle(store.fd) ?: inflict(store.name, 1, kind->name);
	if (ret)
		return ds_broken("%s: %d", kind->name, ret);

	ret = check(store.fd, 0, &arg, findings, FINDINGS);
	if (ret || !found_by(&arg, findings, kind->validator) || arg.repaired)
		return ds_broken("%s: check returned %d, with %llu findings, %llu repaired",
				 kind->name, ret, (unsigned long long)arg.found,
				 (unsigned long long)arg.repaired);
	ret = check(store.fd, DOCSTORE_CHECK_REPAIR, &arg, findings, FINDINGS);
	if (ret || !found_by(&arg, findings, kind->validator))
		return ds_broken("%s: repair returned %d", kind->name, ret);
	if (kind->repairable && (arg.repaired != arg.found ||
				 findings[0].state != DOCSTORE_FINDING_REPAIRED))
		return ds_broken("%s: not repaired", kind->name);
	ret = check(store.fd, 0, &arg, findings, 1);
	if (ret || arg.count > 1)
		return ds_broken("%s: the check behind it returned %d", kind->name, ret);
	if (!arg.found == !kind->repairable)
		return ds_broken("%s: %llu findings behind it", kind->name,
				 (unsigned long long)arg.found);
	if (!kind->repairable)
		ret = inflict(store.name, 1, "undo") ?: whole(store.fd, &arg);
	if (ret)
		return ds_broken("%s: undoing it: %d", kind->name, ret);
	close(snapshot);
	return ds_store_end(&store);
}

TEST_F_TIMEOUT(check, damage, DS_TIMEOUT)
{
	struct kind kinds[64];
	unsigned int n = kinds_read(kinds, ARRAY_SIZE(kinds)), i;

	if (!n)
		SKIP(return, "the module was built without DOCSTORE_BREAK=1");
	for (i = 0; i < n; i++)
		ASSERT_EQ(0, damage_one(&kinds[i]));
	TH_LOG("%u kinds of damage", n);
}

/* Of what the queues' validator says, how much is by this rule. */
static unsigned int found_rule(const struct docstore_check *arg,
			       const struct docstore_finding *findings, __u32 rule)
{
	unsigned int i, n = 0;

	for (i = 0; i < arg->count; i++)
		n += findings[i].place >> 32 == rule &&
		     !strcmp((const char *)findings[i].validator, "queues");
	return n;
}

/* As in module/check.h. */
#define RULE_TURN	97
#define RULE_UNOWNED	98

/* What waits, and nobody comes for it. */
TEST_F_TIMEOUT(check, waiting_in_vain, DS_TIMEOUT)
{
	struct docstore_finding findings[FINDINGS];
	struct docstore_check arg;
	struct kind kinds[64];
	struct ds_store store;
	int snapshot, i;

	if (!kinds_read(kinds, ARRAY_SIZE(kinds)))
		SKIP(return, "the module was built without DOCSTORE_BREAK=1");
	snapshot = victim_begin(&store);
	ASSERT_LT(0, snapshot);
	ASSERT_EQ(0, settle(store.fd));
	/* For the coordinator: who would have to be woken is not known. */
	ASSERT_EQ(0, inflict(store.name, 0, "turn"));
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(0, check(store.fd, i ? DOCSTORE_CHECK_REPAIR : 0, &arg, findings,
				   FINDINGS));
		EXPECT_EQ(1, arg.found);
		EXPECT_EQ(1, found_rule(&arg, findings, RULE_TURN));
		EXPECT_EQ(0, arg.repaired);
		EXPECT_EQ(~0U, findings[0].partition);
	}
	EXPECT_EQ(0, inflict(store.name, 0, "undo"));
	EXPECT_EQ(0, whole(store.fd, &arg));

	/* For an owner. A check wakes him, also one that is not to repair anything. */
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, settle(store.fd));
		ASSERT_EQ(0, inflict(store.name, 1, "unowned"));
		EXPECT_EQ(0, check(store.fd, i ? DOCSTORE_CHECK_REPAIR : 0, &arg, findings,
				   FINDINGS));
		EXPECT_EQ(1, arg.found);
		EXPECT_EQ(1, found_rule(&arg, findings, RULE_UNOWNED));
		EXPECT_EQ(i, arg.repaired);
		EXPECT_EQ(i ? DOCSTORE_FINDING_REPAIRED : 0, findings[0].state);
		EXPECT_EQ(1, findings[0].partition);
		EXPECT_EQ(0, whole(store.fd, &arg));
	}
	EXPECT_EQ(0, ds_do(store.fd, ds_touch("doc1", 0)));
	close(snapshot);
	EXPECT_EQ(0, ds_store_end(&store));
}

#define TRACING		"/sys/kernel/tracing/"
#define INSTANCE	TRACING "instances/docstore_check/"

static int trace_begin(void)
{
	if (access(TRACING "instances", F_OK))
		mount("tracefs", TRACING, "tracefs", 0, NULL);
	if (mkdir(INSTANCE, 0700) && errno != EEXIST)
		return -errno;
	return ds_file_write(INSTANCE "events/docstore/docstore_finding/enable", "1");
}

/* Each finding has a line in the trace that says what it was. */
TEST_F_TIMEOUT(check, traced, DS_TIMEOUT)
{
	struct docstore_finding findings[FINDINGS];
	struct docstore_store_info info;
	char text[65536], line[160], *at;
	struct docstore_check arg;
	struct kind kinds[64];
	struct ds_store store;
	__u64 found = 0;
	int snapshot, i;

	if (!kinds_read(kinds, ARRAY_SIZE(kinds)))
		SKIP(return, "the module was built without DOCSTORE_BREAK=1");
	if (trace_begin())
		SKIP(return, "no tracing");
	snapshot = victim_begin(&store);
	ASSERT_LT(0, snapshot);
	ASSERT_EQ(0, ds_store_info(store.fd, &info));
	ASSERT_EQ(0, settle(store.fd));
	ASSERT_EQ(0, inflict(store.name, 1, "documents"));
	ASSERT_EQ(0, inflict(store.name, 0, "sessions"));
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(0, check(store.fd, i ? DOCSTORE_CHECK_REPAIR : 0, &arg, findings,
				   FINDINGS));
		EXPECT_LE(2, arg.found);
		found += arg.found;
		ASSERT_LT(0, ds_file_read(INSTANCE "trace", text, sizeof(text)));
		snprintf(line, sizeof(line),
			 "docstore_finding: store=%llu partition=1 validator=accounting rule=48 where=0 repaired=%d",
			 (unsigned long long)info.incarnation, i);
		EXPECT_NE(NULL, strstr(text, line));
		snprintf(line, sizeof(line),
			 "docstore_finding: store=%llu partition=-1 validator=sessions rule=99 where=0 repaired=%d",
			 (unsigned long long)info.incarnation, i);
		EXPECT_NE(NULL, strstr(text, line));
	}
	for (at = text; (at = strstr(at, "docstore_finding: ")); at++)
		found--;
	EXPECT_EQ(0, found);
	rmdir(INSTANCE);
	close(snapshot);
	EXPECT_EQ(0, ds_store_end(&store));
}

/* Found and repaired without being asked for. */
TEST_F_TIMEOUT(check, background, DS_TIMEOUT)
{
	__u64 end = ds_now() + 60 * DS_SECOND;
	struct docstore_check arg;
	struct kind kinds[64];
	struct ds_store store;
	int snapshot;

	if (!kinds_read(kinds, ARRAY_SIZE(kinds)))
		SKIP(return, "the module was built without DOCSTORE_BREAK=1");
	ASSERT_EQ(0, parameter_set("check_seconds", 1));
	snapshot = victim_begin(&store);
	ASSERT_LT(0, snapshot);
	ASSERT_EQ(0, settle(store.fd));
	ASSERT_EQ(0, inflict(store.name, 0, "documents"));
	ASSERT_EQ(0, inflict(store.name, 1, "dirty"));
	while (whole(store.fd, &arg) && ds_now() < end)
		sleep(3);
	EXPECT_EQ(0, whole(store.fd, &arg));
	close(snapshot);
	EXPECT_EQ(0, ds_store_end(&store));
}

TEST_HARNESS_MAIN
