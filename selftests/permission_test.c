// SPDX-License-Identifier: GPL-2.0
/*
 * Who may open and remove which store.
 */
#include "docstore_test.h"

#include <grp.h>
#include <sched.h>
#include <linux/capability.h>
#include <sys/syscall.h>

#include "docstore_harness.h"

#define OWNER	1001
#define GROUP	1002
#define OTHER	1003

/* In a child: stay root, but without one capability. */
static void drop_capability(int capability)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	DS_CHILD(!syscall(SYS_capget, &header, data));
	data[capability / 32].effective &= ~(1U << capability % 32);
	DS_CHILD(!syscall(SYS_capset, &header, data));
}

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

		drop_capability(CAP_DAC_OVERRIDE);
		DS_CHILD(!setgroups(0, NULL));
		fd = ds_open(self->control, self->name, DS_READ);
		DS_CHILD_EQ(mode & 04 ? 0 : -EACCES, fd < 0 ? fd : 0);
		fd = ds_open(self->control, self->name, DS_WRITE);
		DS_CHILD_EQ(mode & 02 ? 0 : -EACCES, fd < 0 ? fd : 0);
	});
	DS_IN_CHILD({
		drop_capability(CAP_SYS_ADMIN);
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
		int control, fd;
		struct docstore_store_info info;
		char name[DOCSTORE_STORE_NAME_SIZE];

		ds_become(OTHER, OTHER, 0);
		if (unshare(CLONE_NEWUSER))
			_exit(4);
		control = ds_control();
		DS_CHILD(control >= 0);
		DS_CHILD_EQ(-EACCES, ds_open(control, self->name, DS_READ));
		DS_CHILD_EQ(-EACCES, ds_open(control, self->name, DS_WRITE));
		DS_CHILD_EQ(-EPERM, ds_remove(control, self->name));
		/* His own he sees as belonging to the overflow user. */
		ds_store_name(name, "userns");
		DS_CHILD_EQ(0, ds_create(control, name, 0600, 1, 0));
		fd = ds_open(control, name, DS_RW);
		DS_CHILD(fd >= 0);
		DS_CHILD_EQ(0, ds_store_info(fd, &info));
		DS_CHILD_EQ(65534, info.uid);
		DS_CHILD_EQ(65534, info.gid);
		DS_CHILD_EQ(0, ds_remove(control, name));
		_exit(0);
	}
	status = ds_wait(pid);
	if (status == 4)
		SKIP(return, "no user namespaces here");
	EXPECT_EQ(0, status);
}

TEST_HARNESS_MAIN
