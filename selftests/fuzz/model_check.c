// SPDX-License-Identifier: GPL-2.0
/*
 * DOCSTORE_CHECK: whatever was called before, nothing is broken.
 */
#include "model.h"

void fz_before_check(struct fz_run *run)
{
	const struct docstore_check *arg = ARG(docstore_check);

	if (arg->finding_size > FZ_MAX_ELEMENT)
		fz_error_add(&run->must, E2BIG);
	if ((arg->flags & DOCSTORE_CHECK_REPAIR) && !(run->fd->rights & DS_WRITE))
		fz_error_add(&run->must, EBADF);
}

void fz_after_check(struct fz_run *run, int ret)
{
	const struct docstore_check *arg = ARG(docstore_check);
	struct docstore_finding finding = { 0 };
	struct docstore_check out;

	if (!fz_came_back(run, ret, &out))
		return;
	if (out.count && out.count <= arg->count)
		memcpy(&finding, (void *)(uintptr_t)arg->findings, sizeof(finding));
	if (out.found || out.repaired || out.count)
		fz_find(run, "check: %llu findings, the first one by %.15s: place %#llx is %llu",
			(unsigned long long)out.found, finding.validator,
			(unsigned long long)finding.place, (unsigned long long)finding.is);
	fz_check_rest(run, arg->findings, 0);
}
