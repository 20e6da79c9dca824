// SPDX-License-Identifier: GPL-2.0
/*
 * Who may open and remove which store.
 */
#include "monitor.h"
#include "snapshot.h"
#include "stream.h"

#include <grp.h>
#include <sched.h>

#include "docstore_harness.h"

#define OWNER	1001
#define GROUP	1002
#define OTHER	1003

/* Makes a store in a child that belongs to OWNER and GROUP. */
static void make_as_owner(const char *name, __u32 mode)
{
	int control;

	ds_become(OWNER, GROUP, 0);
	control = ds_control();
	DS_CHILD(control >= 0);
	DS_CHILD_EQ(0, ds_create(control, name, mode, 1, 0));
}

FIXTURE(permission) {
	int control;
	char name[DOCSTORE_STORE_NAME_SIZE];
};

FIXTURE_VARIANT(permission) {
	__u32 mode;
	uid_t uid;
	gid_t gid;
	gid_t supplementary;
	int read, write;		/* results of opening */
};

#define WHO_OWNER	.uid = OWNER, .gid = OTHER
#define WHO_GROUP	.uid = OTHER, .gid = GROUP
#define WHO_IN_GROUP	.uid = OTHER, .gid = OTHER, .supplementary = GROUP
#define WHO_OTHER	.uid = OTHER, .gid = OTHER
#define NO		-EACCES

FIXTURE_VARIANT_ADD(permission, none_owner) { 0, WHO_OWNER, .read = NO, .write = NO };
FIXTURE_VARIANT_ADD(permission, none_other) { 0, WHO_OTHER, .read = NO, .write = NO };
FIXTURE_VARIANT_ADD(permission, m600_owner) { 0600, WHO_OWNER };
FIXTURE_VARIANT_ADD(permission, m600_group) { 0600, WHO_GROUP, .read = NO, .write = NO };
FIXTURE_VARIANT_ADD(permission, m600_other) { 0600, WHO_OTHER, .read = NO, .write = NO };
FIXTURE_VARIANT_ADD(permission, m400_owner) { 0400, WHO_OWNER, .write = NO };
FIXTURE_VARIANT_ADD(permission, m200_owner) { 0200, WHO_OWNER, .read = NO };
FIXTURE_VARIANT_ADD(permission, m640_group) { 0640, WHO_GROUP, .write = NO };
FIXTURE_VARIANT_ADD(permission, m640_in_group) { 0640, WHO_IN_GROUP, .write = NO };
FIXTURE_VARIANT_ADD(permission, m640_other) { 0640, WHO_OTHER, .read = NO, .write = NO };
FIXTURE_VARIANT_ADD(permission, m620_in_group) { 0620, WHO_IN_GROUP, .read = NO };
FIXTURE_VARIANT_ADD(permission, m664_group) { 0664, WHO_GROUP };
FIXTURE_VARIANT_ADD(permission, m664_other) { 0664, WHO_OTHER, .write = NO };
FIXTURE_VARIANT_ADD(permission, m662_other) { 0662, WHO_OTHER, .read = NO };
FIXTURE_VARIANT_ADD(permission, m666_other) { 0666, WHO_OTHER };
/* As with files, the first class that one belongs to decides. */
FIXTURE_VARIANT_ADD(permission, m066_owner) { 0066, WHO_OWNER, .read = NO, .write = NO };
FIXTURE_VARIANT_ADD(permission, m606_group) { 0606, WHO_GROUP, .read = NO, .write = NO };
FIXTURE_VARIANT_ADD(permission, m606_in_group) { 0606, WHO_IN_GROUP, .read = NO, .write = NO };

FIXTURE_SETUP(permission)
{
	self->control = ds_control();
	ASSERT_LE(0, self->control);
	ds_store_name(self->name, "permission");
	if (!geteuid())
		DS_IN_CHILD(make_as_owner(self->name, variant->mode));
}

FIXTURE_TEARDOWN(permission)
{
	ds_remove(self->control, self->name);
	close(self->control);
}

TEST_F(permission, open)
{
	if (geteuid())
		SKIP(return, "only root can become others");
	DS_IN_CHILD({
		int control, fd, both = variant->read ?: variant->write;

		ds_become(variant->uid, variant->gid, variant->supplementary);
		control = ds_control();
		DS_CHILD(control >= 0);
		fd = ds_open(control, self->name, DS_READ);
		DS_CHILD_EQ(variant->read, fd < 0 ? fd : 0);
		fd = ds_open(control, self->name, DS_WRITE);
		DS_CHILD_EQ(variant->write, fd < 0 ? fd : 0);
		fd = ds_open(control, self->name, DS_RW);
		DS_CHILD_EQ(both, fd < 0 ? fd : 0);
	});
}

TEST_F(permission, remove)
{
	if (geteuid())
		SKIP(return, "only root can become others");
	DS_IN_CHILD({
		int control;

		ds_become(variant->uid, variant->gid, variant->supplementary);
		control = ds_control();
		DS_CHILD(control >= 0);
		DS_CHILD_EQ(variant->uid == OWNER ? 0 : -EPERM,
			    ds_remove(control, self->name));
	});
	EXPECT_EQ(variant->uid == OWNER ? -ENOENT : 0,
		  ds_remove(self->control, self->name));
}

TEST_F(permission, root)
{
	struct docstore_store_info info;
	int fd;

	if (geteuid())
		SKIP(return, "not root");
	fd = ds_open(self->control, self->name, DS_RW);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ds_store_info(fd, &info));
	EXPECT_EQ(OWNER, info.uid);
	EXPECT_EQ(GROUP, info.gid);
	EXPECT_EQ(variant->mode, info.mode);
	close(fd);
	/* Root without the capability is one of the others. */
	DS_IN_CHILD({
		__u32 mode = variant->mode;

		ds_drop_capability(CAP_DAC_OVERRIDE);
		DS_CHILD(!setgroups(0, NULL));
		fd = ds_open(self->control, self->name, DS_READ);
		DS_CHILD_EQ(mode & 04 ? 0 : -EACCES, fd < 0 ? fd : 0);
		fd = ds_open(self->control, self->name, DS_WRITE);
		DS_CHILD_EQ(mode & 02 ? 0 : -EACCES, fd < 0 ? fd : 0);
	});
	DS_IN_CHILD({
		ds_drop_capability(CAP_SYS_ADMIN);
		DS_CHILD_EQ(-EPERM, ds_remove(self->control, self->name));
	});
	EXPECT_EQ(0, ds_remove(self->control, self->name));
}

FIXTURE(rights) {
	int control;
	char name[DOCSTORE_STORE_NAME_SIZE];
};

FIXTURE_SETUP(rights)
{
	self->control = ds_control();
	ASSERT_LE(0, self->control);
	ds_store_name(self->name, "rights");
	ASSERT_EQ(0, ds_create(self->control, self->name, 0600, 1, 0));
}

FIXTURE_TEARDOWN(rights)
{
	ds_remove(self->control, self->name);
	close(self->control);
}

/* A descriptor is good for what it was opened for, whoever holds it. */
TEST_F(rights, descriptors_keep_their_rights)
{
	int fd;

	if (geteuid())
		SKIP(return, "only root can become others");
	fd = ds_open(self->control, self->name, DS_RW);
	ASSERT_LE(0, fd);
	DS_IN_CHILD({
		int property;

		ds_become(OTHER, OTHER, 0);
		DS_CHILD_EQ(-EACCES, ds_open(self->control, self->name, DS_READ));
		property = ds_prop_id(fd, "n");
		DS_CHILD(property > 0);
		DS_CHILD_EQ(0, ds_do(fd, ds_set_s64("a", property, 1)));
		DS_CHILD_EQ(1, ds_fetch_s64(fd, "a", property));
	});
	close(fd);
}

/* Who may read may have snapshots, see who else has some and what waits, and give hints. */
TEST_F(rights, snapshots)
{
	static const __u32 flags[] = { DS_READ, DS_WRITE, DS_RW };
	struct docstore_read_item item = { .id = ds_ptr("a"), .id_len = 1 };
	struct docstore_snapshot_info info;
	struct docstore_coordinator c;
	struct docstore_read_many m;
	__u64 cursor, hash = 1;
	char buffer[256];
	unsigned int i;
	int fd, snap, expected;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		expected = flags[i] & DS_READ ? 0 : -EBADF;
		fd = ds_open(self->control, self->name, flags[i]);
		ASSERT_LE(0, fd);
		snap = ds_snapshot(fd, 0, NULL);
		EXPECT_EQ(expected, snap < 0 ? snap : 0);
		cursor = 0;
		EXPECT_EQ(expected ?: 1, ds_snapshot_list(fd, &info, 1, &cursor));
		EXPECT_EQ(expected, ds_coordinator(fd, NULL, 0, &c));
		EXPECT_EQ(expected, ds_hint(fd, 0, &hash, 1, 1));
		EXPECT_EQ(expected, ds_read_together(fd, &item, 1, buffer, sizeof(buffer), &m));
		close(fd);
		if (snap >= 0)
			close(snap);
	}
	/* Whose it is, everybody is told who has the store. */
	if (geteuid())
		SKIP(return, "only root can become others");
	fd = ds_open(self->control, self->name, DS_READ);
	ASSERT_LE(0, fd);
	DS_IN_CHILD({
		ds_become(OTHER, GROUP, 0);
		DS_CHILD_EQ(-EACCES, ds_open(self->control, self->name, DS_READ));
		snap = ds_snapshot(fd, 0, NULL);
		DS_CHILD(snap >= 0);
		DS_CHILD_EQ(0, ds_snapshot_info(snap, &info));
		DS_CHILD_EQ(OTHER, info.uid);
		/* Not by way of its file either. */
		snprintf(buffer, sizeof(buffer), "/proc/self/fd/%d", snap);
		DS_CHILD(open(buffer, O_RDWR | O_CLOEXEC) < 0);
	});
	close(fd);
}

/* Who may read may have streams. What he has is good for whoever holds it. */
TEST_F(rights, streams)
{
	static const __u32 flags[] = { DS_READ, DS_WRITE, DS_RW };
	static const __u32 kinds[] = { ST_FOLLOW, ST_SNAPSHOT, ST_SNAPSHOT | ST_FOLLOW };
	unsigned int i, k;
	char buffer[1024];
	int fd, stream;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		fd = ds_open(self->control, self->name, flags[i]);
		ASSERT_LE(0, fd);
		for (k = 0; k < ARRAY_SIZE(kinds); k++) {
			stream = st_open(fd, kinds[k]);
			EXPECT_EQ(flags[i] & DS_READ ? 0 : -EBADF, stream < 0 ? stream : 0);
			if (stream >= 0)
				close(stream);
		}
		close(fd);
	}
	if (geteuid())
		SKIP(return, "only root can become others");
	fd = ds_open(self->control, self->name, DS_READ);
	ASSERT_LE(0, fd);
	stream = st_open(fd, ST_SNAPSHOT);
	ASSERT_LE(0, stream);
	close(fd);
	DS_IN_CHILD({
		ds_become(OTHER, OTHER, 0);
		DS_CHILD_EQ(-EACCES, ds_open(self->control, self->name, DS_READ));
		DS_CHILD_EQ(0, st_pause(stream, 0, 0));
		DS_CHILD_EQ(DOCSTORE_STREAM_PAUSED, st_state(stream));
		DS_CHILD_EQ(0, st_resume(stream));
		DS_CHILD(read(stream, buffer, sizeof(buffer)) > 0);
		/* Not by way of its file. */
		snprintf(buffer, sizeof(buffer), "/proc/self/fd/%d", stream);
		DS_CHILD(open(buffer, O_RDWR | O_CLOEXEC) < 0);
	});
	EXPECT_EQ(DOCSTORE_STREAM_COMPLETE, st_state(stream));
	close(stream);
}

/* Who may read may check, and who may write as well, repair. */
TEST_F(rights, checks)
{
	static const __u32 flags[] = { DS_READ, DS_WRITE, DS_RW };
	unsigned int i, repair;
	int fd;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		fd = ds_open(self->control, self->name, flags[i]);
		ASSERT_LE(0, fd);
		for (repair = 0; repair < 2; repair++) {
			struct docstore_check check = {
				.size = sizeof(check),
				.flags = repair ? DOCSTORE_CHECK_REPAIR : 0,
				.finding_size = sizeof(struct docstore_finding),
			};
			bool may = flags[i] == DS_RW || (flags[i] == DS_READ && !repair);

			EXPECT_EQ(may ? 0 : -EBADF, ds_ioctl(fd, DOCSTORE_CHECK, &check));
		}
		close(fd);
	}
}

/* Everybody may look at settings and counters; what is changed needs more. */
TEST_F(rights, descriptors_of_settings)
{
	static const __u32 flags[] = { DS_READ, DS_WRITE, DS_RW };
	struct docstore_counters counters;
	struct docstore_config c;
	unsigned int i;
	int fd, expected;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		expected = flags[i] & DS_WRITE ? 0 : -EBADF;
		fd = ds_open(self->control, self->name, flags[i]);
		ASSERT_LE(0, fd);
		EXPECT_EQ(0, ds_stats(fd, &counters, NULL));
		EXPECT_EQ(0, ds_config_get(fd, &c));
		EXPECT_EQ(expected, ds_config_set(fd, DOCSTORE_SETTING_WATCHDOG_MS, 1234));
		EXPECT_EQ(0, ds_config_get(fd, &c));
		EXPECT_EQ(expected ? 0 : DS_BIT(WATCHDOG_MS), c.set);
		EXPECT_EQ(expected, ds_config_reset(fd, DS_BIT(WATCHDOG_MS)));
		/* Of the control node, and not of a store. */
		EXPECT_EQ(-ENOTTY, ds_module_counters(fd, (void *)&counters));
		close(fd);
	}
	EXPECT_EQ(-ENOTTY, ds_stats(self->control, &counters, NULL));
}

/* With a descriptor that another has opened for both. */
TEST_F(rights, owners_of_settings)
{
	char name[DOCSTORE_STORE_NAME_SIZE];
	struct docstore_counters counters;
	struct docstore_config c;
	int fd;

	if (geteuid())
		SKIP(return, "only root can become others");
	ds_store_name(name, "owned");
	DS_IN_CHILD(make_as_owner(name, 0666));
	fd = ds_open(self->control, name, DS_RW);
	ASSERT_LE(0, fd);
	DS_IN_CHILD({
		ds_become(OTHER, GROUP, 0);
		DS_CHILD_EQ(0, ds_stats(fd, &counters, NULL));
		DS_CHILD_EQ(0, ds_config_get(fd, &c));
		DS_CHILD_EQ(-EPERM, ds_config_set(fd, DOCSTORE_SETTING_WATCHDOG_MS, 1234));
		DS_CHILD_EQ(-EPERM, ds_config_reset(fd, DS_BIT(WATCHDOG_MS)));
	});
	DS_IN_CHILD({
		ds_become(OWNER, OTHER, 0);
		DS_CHILD_EQ(0, ds_config_set(fd, DOCSTORE_SETTING_WATCHDOG_MS, 1234));
	});
	ASSERT_EQ(0, ds_config_get(fd, &c));
	EXPECT_EQ(DS_BIT(WATCHDOG_MS), c.set);
	EXPECT_EQ(1234, c.value[DOCSTORE_SETTING_WATCHDOG_MS]);
	/* Root may, and without the capability is one of the others. */
	EXPECT_EQ(0, ds_config_reset(fd, DS_BIT(WATCHDOG_MS)));
	DS_IN_CHILD({
		ds_drop_capability(CAP_SYS_ADMIN);
		DS_CHILD_EQ(-EPERM, ds_config_set(fd, DOCSTORE_SETTING_WATCHDOG_MS, 1234));
	});
	close(fd);
	EXPECT_EQ(0, ds_remove(self->control, name));
}

/* The module's settings, its counters, and who has which descriptors. */
TEST_F(rights, module)
{
	struct docstore_session_info list[8];
	struct docstore_module_counters m;
	struct docstore_config was, c;
	__u64 cursor = 0;
	int looker;

	looker = ds_control_open(O_RDONLY);
	ASSERT_LE(0, looker);
	ASSERT_EQ(0, ds_config_get(looker, &was));
	EXPECT_EQ(0, ds_module_counters(looker, &m));
	EXPECT_LT(0, ds_sessions(looker, list, 8, &cursor));
	/* The descriptor must be open for writing, whoever has it. */
	EXPECT_EQ(-EBADF, ds_config_set(looker, DOCSTORE_SETTING_WATCHDOG_MS, 1234));
	close(looker);
	if (geteuid())
		SKIP(return, "only root can become others");
	DS_IN_CHILD({
		int control;

		ds_become(OTHER, GROUP, 0);
		control = ds_control();
		DS_CHILD(control >= 0);
		DS_CHILD_EQ(0, ds_module_counters(control, &m));
		DS_CHILD(m.stores && m.sessions);
		DS_CHILD_EQ(0, ds_config_get(control, &c));
		DS_CHILD_EQ(-EPERM, ds_config_set(control, DOCSTORE_SETTING_WATCHDOG_MS, 1234));
		/* Nor with root's. */
		DS_CHILD_EQ(-EPERM,
			    ds_config_set(self->control, DOCSTORE_SETTING_WATCHDOG_MS, 1234));
		/* But for his own, others' sessions are not told, nor with root's either. */
		cursor = 0;
		DS_CHILD_EQ(1, ds_sessions(control, list, 8, &cursor));
		DS_CHILD_EQ(OTHER, list[0].uid);
		cursor = 0;
		DS_CHILD_EQ(1, ds_sessions(self->control, list, 8, &cursor));
		DS_CHILD_EQ(OTHER, list[0].uid);
	});
	/* Root without the capability is told of root's. */
	DS_IN_CHILD({
		int n;

		ds_drop_capability(CAP_SYS_ADMIN);
		DS_CHILD_EQ(-EPERM,
			    ds_config_set(self->control, DOCSTORE_SETTING_WATCHDOG_MS, 1234));
		cursor = 0;
		n = ds_sessions(self->control, list, 8, &cursor);
		DS_CHILD(n > 0);
		while (n--)
			DS_CHILD_EQ(0, list[n].uid);
	});
	ASSERT_EQ(0, ds_config_get(self->control, &c));
	EXPECT_EQ(was.set, c.set);
	EXPECT_EQ(0, memcmp(was.value, c.value, sizeof(c.value)));
}

/* Who is root in a user namespace of his own is nobody to others' stores. */
TEST_F(rights, user_namespace)
{
	int status;
	pid_t pid;

	if (geteuid())
		SKIP(return, "only root can become others");
	pid = ds_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		int control, fd, snap;
		struct docstore_store_info info;
		struct docstore_snapshot_info snapshot;
		struct docstore_session_info sessions[8];
		__u64 cursor;
		char name[DOCSTORE_STORE_NAME_SIZE];

		ds_become(OTHER, OTHER, 0);
		if (unshare(CLONE_NEWUSER))
			_exit(4);
		control = ds_control();
		DS_CHILD(control >= 0);
		DS_CHILD_EQ(-EACCES, ds_open(control, self->name, DS_READ));
		DS_CHILD_EQ(-EACCES, ds_open(control, self->name, DS_WRITE));
		DS_CHILD_EQ(-EPERM, ds_remove(control, self->name));
		DS_CHILD_EQ(-EPERM, ds_config_set(control, DOCSTORE_SETTING_WATCHDOG_MS, 1234));
		cursor = 0;
		DS_CHILD_EQ(1, ds_sessions(control, sessions, 8, &cursor));
		DS_CHILD_EQ(getpid(), sessions[0].pid);
		/* His own he sees as belonging to the overflow user. */
		ds_store_name(name, "userns");
		DS_CHILD_EQ(0, ds_create(control, name, 0600, 1, 0));
		fd = ds_open(control, name, DS_RW);
		DS_CHILD(fd >= 0);
		DS_CHILD_EQ(0, ds_store_info(fd, &info));
		DS_CHILD_EQ(65534, info.uid);
		DS_CHILD_EQ(65534, info.gid);
		/* And so are his snapshots. */
		snap = ds_snapshot(fd, 0, NULL);
		DS_CHILD(snap >= 0);
		DS_CHILD_EQ(0, ds_snapshot_info(snap, &snapshot));
		DS_CHILD_EQ(65534, snapshot.uid);
		DS_CHILD_EQ(0, ds_remove(control, name));
		_exit(0);
	}
	status = ds_wait(pid);
	if (status == 4)
		SKIP(return, "no user namespaces here");
	EXPECT_EQ(0, status);
}

TEST_HARNESS_MAIN
