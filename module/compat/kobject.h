/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a kobject's owner is asked with. To be deleted when the oldest kernel that is
 * supported asks with a const one: 6.1 does not, 6.12 does.
 */
#ifndef _DOCSTORE_COMPAT_KOBJECT_H
#define _DOCSTORE_COMPAT_KOBJECT_H

#ifdef DS_OFFERS_KOBJECT_CONST
#define DS_KOBJECT_CONST	const
#else
#define DS_KOBJECT_CONST
#endif

#endif /* _DOCSTORE_COMPAT_KOBJECT_H */
