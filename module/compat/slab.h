/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Allocation by type. To be deleted when the oldest kernel that is supported has
 * kvzalloc_obj(): 6.12 does not, 7.2 does.
 */
#ifndef _DOCSTORE_COMPAT_SLAB_H
#define _DOCSTORE_COMPAT_SLAB_H

#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/slab.h>

#ifndef kvzalloc_obj
#define kmalloc_obj(_p, _gfp)		kmalloc(sizeof(_p), _gfp)
#define kzalloc_obj(_p, _gfp)		kzalloc(sizeof(_p), _gfp)
#define kvzalloc_obj(_p, _gfp)		kvzalloc(sizeof(_p), _gfp)
#define kvzalloc_objs(_p, _n, _gfp)	kvcalloc(_n, sizeof(_p), _gfp)
#define kvmalloc_objs(_p, _n, _gfp)	kvmalloc_array(_n, sizeof(_p), _gfp)
#define kzalloc_flex(_p, _member, _n, _gfp)			\
	kzalloc(struct_size(&(_p), _member, _n), _gfp)
#define kvzalloc_flex(_p, _member, _n, _gfp)			\
	kvzalloc(struct_size(&(_p), _member, _n), _gfp)
#endif

#endif /* _DOCSTORE_COMPAT_SLAB_H */
