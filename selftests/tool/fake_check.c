// SPDX-License-Identifier: GPL-2.0
/*
 * Checks of a store in user space. What is broken in it its documents tell by their ids:
 * "broken:VALIDATOR" is a finding of that validator. Flags and accounting can be repaired.
 */
#include "fake.h"

#define BROKEN		"broken:"
#define BROKEN_LEN	(sizeof(BROKEN) - 1)

static bool repairable(const uint8_t *validator)
{
	return !strcmp((const char *)validator, "flags") ||
	       !strcmp((const char *)validator, "accounting");
}

static bool broken(const struct fake_doc *doc)
{
	return doc->exists && doc->id_len > BROKEN_LEN && !memcmp(doc->id, BROKEN, BROKEN_LEN);
}

static void find(struct fake_store *store, uint32_t i, bool repair, struct docstore_check *arg)
{
	const struct fake_doc *doc = &store->docs[i];
	struct docstore_finding finding = {
		.partition = i % store->info.partitions,
		.place = 5ULL << 32 | i,
		.is = UINT64_MAX,
		.should = i,
	};
	uint32_t len = doc->id_len - (uint32_t)BROKEN_LEN;

	if (len >= sizeof(finding.validator))
		len = sizeof(finding.validator) - 1;
	memcpy(finding.validator, doc->id + BROKEN_LEN, len);
	if (!strcmp((char *)finding.validator, "queues"))
		finding.partition = UINT32_MAX;
	if (repairable(finding.validator)) {
		if (store->repaired)
			return;
		if (repair)
			finding.state = DOCSTORE_FINDING_REPAIRED;
	}
	arg->found++;
	arg->repaired += finding.state & DOCSTORE_FINDING_REPAIRED;
	if (arg->found <= arg->count)
		memcpy((struct docstore_finding *)(uintptr_t)arg->findings + arg->found - 1,
		       &finding, sizeof(finding));
}

int fake_check(struct fake_fd *fd, struct docstore_check *arg)
{
	struct fake_store *store = fd->store;
	bool repair = arg->flags & DOCSTORE_CHECK_REPAIR;
	uint32_t i;

	if (arg->size != sizeof(*arg) || (arg->flags & ~(uint32_t)DOCSTORE_CHECK_REPAIR) ||
	    arg->finding_size != sizeof(struct docstore_finding))
		return -EINVAL;
	if (!(fd->flags & DOCSTORE_OPEN_READ) ||
	    (repair && !(fd->flags & DOCSTORE_OPEN_WRITE)))
		return -EBADF;
	arg->documents = 0;
	arg->found = 0;
	arg->repaired = 0;
	for (i = 0; i < store->ndocs; i++) {
		arg->documents += store->docs[i].exists;
		if (broken(&store->docs[i]))
			find(store, i, repair, arg);
	}
	arg->blocks = 3 * arg->documents;
	if (arg->count > arg->found)
		arg->count = (uint32_t)arg->found;
	if (arg->repaired) {
		store->repaired = true;
		fake_dirty = true;
	}
	return 0;
}
