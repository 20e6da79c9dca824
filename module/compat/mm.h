/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Mapping pages. To be deleted when the oldest kernel that is supported has
 * vm_flags_mod(), and vmf_insert_pfn_pmd() takes a number: 6.1 lacks both, 6.12 the
 * latter, 7.2 has them.
 */
#ifndef _DOCSTORE_COMPAT_MM_H
#define _DOCSTORE_COMPAT_MM_H

#include <linux/mm.h>

#ifndef DS_OFFERS_VM_FLAGS_MOD
static inline void vm_flags_mod(struct vm_area_struct *vma, vm_flags_t set, vm_flags_t clear)
{
	vma->vm_flags = (vma->vm_flags | set) & ~clear;
}
#endif

#ifdef DS_OFFERS_PFN_T
#include <linux/pfn_t.h>

static inline vm_fault_t ds_compat_insert_pfn_pmd(struct vm_fault *vmf, unsigned long pfn,
						  bool write)
{
	/* As memory of a device: of other huge entries pages may be pinned. */
	return vmf_insert_pfn_pmd(vmf, __pfn_to_pfn_t(pfn, PFN_DEV | PFN_MAP), write);
}

#define vmf_insert_pfn_pmd(_vmf, _pfn, _write)	ds_compat_insert_pfn_pmd(_vmf, _pfn, _write)
#endif

#endif /* _DOCSTORE_COMPAT_MM_H */
