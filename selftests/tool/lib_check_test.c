// SPDX-License-Identifier: GPL-2.0
/*
 * libdocstore: checks of stores.
 *
 * lib_check_test has a store in user space behind it, in which things can be broken, and
 * lib_check_test_guest the module.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libdocstore.h"
#include "libdocstore_check.h"
#include "tap.h"

#define NAME		"check"
#define READ		DOCSTORE_OPEN_READ
#define WRITE		DOCSTORE_OPEN_WRITE

static struct ds_store *store;
static struct docstore_finding findings[8];

static int put(const char *id)
{
	return ds_set(store, ds_str(id), ds_str("n"), ds_s64(1), NULL, NULL);
}

static int check(struct ds_store *s, unsigned int flags, struct docstore_check *info, size_t room)
{
	memset(info, 0xa5, sizeof(*info));
	info->size = sizeof(*info);
	memset(findings, 0xa5, sizeof(findings));
	return ds_check(s, flags, info, findings, sizeof(findings[0]), room);
}

static void test_whole(void)
{
	struct docstore_check info;

	ok(!check(store, 0, &info, 8) && !info.found && !info.documents,
	   "in an empty store nothing is found");
	put("a");
	put("b");
	ok(!check(store, 0, &info, 8) && !info.found && !info.repaired && info.documents == 2 &&
	   info.blocks > info.documents, "nor in one with documents, which are counted");
	ok(!check(store, DOCSTORE_CHECK_REPAIR, &info, 0) && !info.found,
	   "nor is there anything to repair");
}

static void test_arguments(void)
{
	struct docstore_check info = { .size = 8 };
	struct ds_store *other, *snapshot;

	ok(ds_check(store, 0, &info, findings, sizeof(findings[0]), 1) == -EINVAL,
	   "a struct that is too short is refused");
	info.size = sizeof(info);
	ok(ds_check(store, 0, &info, findings, 0, 1) == -EINVAL, "and so is an element");
	ok(check(store, 0x80, &info, 1) == -EINVAL, "and flags that there are not");
	ok(!ds_open(NAME, READ, NULL, &other), "opened for reading");
	ok(!check(other, 0, &info, 1) && check(other, DOCSTORE_CHECK_REPAIR, &info, 1) == -EBADF,
	   "who may read may check, and not repair");
	ds_close(other);
	ok(!ds_snapshot(store, NULL, &snapshot) && check(snapshot, 0, &info, 1) == -EBADF,
	   "a snapshot can't be checked");
	ds_close(snapshot);
}

#ifdef FAKE_KERNEL
static void test_broken(void)
{
	struct docstore_check info;

	put("broken:flags");
	put("broken:index");
	put("broken:queues");
	ok(check(store, 0, &info, 8) == 3 && info.found == 3 && !info.repaired,
	   "what is broken is found");
	ok(!strcmp((char *)findings[0].validator, "flags") && !findings[0].state &&
	   findings[2].partition == UINT32_MAX && findings[1].partition != UINT32_MAX,
	   "and told");
	ok(check(store, 0, &info, 2) == 2 && info.found == 3, "as far as there is room");
	ok(ds_check(store, 0, &info, NULL, 0, 0) == 0 && info.found == 3, "which may be none");
	ok(check(store, DOCSTORE_CHECK_REPAIR, &info, 8) == 3 && info.repaired == 1 &&
	   findings[0].state == DOCSTORE_FINDING_REPAIRED && !findings[1].state,
	   "what can be is repaired");
	ok(check(store, 0, &info, 8) == 2 && !info.repaired, "and not found any more");
}
#endif

int main(void)
{
	int err;

	ds_remove(NAME, NULL);
	err = ds_create(NAME, NULL);
	if (!err)
		err = ds_open(NAME, READ | WRITE, NULL, &store);
	if (err) {
		printf("Bail out! cannot make a store: %s\n", strerror(-err));
		return 1;
	}
	test_whole();
	test_arguments();
#ifdef FAKE_KERNEL
	test_broken();
#endif
	ds_close(store);
	ds_remove(NAME, NULL);
	return tap_end();
}
