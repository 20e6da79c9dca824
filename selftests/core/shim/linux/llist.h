/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_LLIST_H
#define _SHIM_LINUX_LLIST_H

#include <linux/compiler.h>
#include <linux/kernel.h>
#include <linux/types.h>

struct llist_head {
	struct llist_node *first;
};

struct llist_node {
	struct llist_node *next;
};

#define llist_entry(ptr, type, member)	container_of(ptr, type, member)

static inline void init_llist_head(struct llist_head *list)
{
	list->first = NULL;
}

static inline bool llist_empty(const struct llist_head *list)
{
	return !READ_ONCE(list->first);
}

/* Return: was the list empty? */
static inline bool llist_add(struct llist_node *node, struct llist_head *list)
{
	struct llist_node *first = READ_ONCE(list->first);

	do {
		WRITE_ONCE(node->next, first);
	} while (!__atomic_compare_exchange_n(&list->first, &first, node, false,
					      __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
	return !first;
}

/* For one consumer at a time. */
static inline struct llist_node *llist_del_first(struct llist_head *list)
{
	struct llist_node *first = __atomic_load_n(&list->first, __ATOMIC_ACQUIRE);

	while (first && !__atomic_compare_exchange_n(&list->first, &first,
						     READ_ONCE(first->next), false,
						     __ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE))
		;
	return first;
}

#endif /* _SHIM_LINUX_LLIST_H */
