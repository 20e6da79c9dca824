/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_LIST_H
#define _SHIM_LINUX_LIST_H

#include <linux/kernel.h>
#include <linux/types.h>

/* What a node that was taken out points at: nothing that can be followed. */
#define SHIM_LIST_POISON	((struct list_head *)0x100)

static inline void INIT_LIST_HEAD(struct list_head *head)
{
	head->next = head;
	head->prev = head;
}

static inline void shim_list_insert(struct list_head *node, struct list_head *prev,
				    struct list_head *next)
{
	node->prev = prev;
	node->next = next;
	prev->next = node;
	next->prev = node;
}

static inline void shim_list_unlink(struct list_head *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
}

static inline void list_add(struct list_head *node, struct list_head *head)
{
	shim_list_insert(node, head, head->next);
}

static inline void list_add_tail(struct list_head *node, struct list_head *head)
{
	shim_list_insert(node, head->prev, head);
}

static inline void list_del(struct list_head *node)
{
	shim_list_unlink(node);
	node->next = SHIM_LIST_POISON;
	node->prev = SHIM_LIST_POISON;
}

static inline void list_del_init(struct list_head *node)
{
	shim_list_unlink(node);
	INIT_LIST_HEAD(node);
}

static inline void list_move(struct list_head *node, struct list_head *head)
{
	shim_list_unlink(node);
	list_add(node, head);
}

static inline void list_move_tail(struct list_head *node, struct list_head *head)
{
	shim_list_unlink(node);
	list_add_tail(node, head);
}

static inline bool list_empty(const struct list_head *head)
{
	return head->next == head;
}

static inline bool list_is_singular(const struct list_head *head)
{
	return !list_empty(head) && head->next == head->prev;
}

#define list_entry(ptr, type, member)	container_of(ptr, type, member)

#define list_first_entry(head, type, member)				\
	list_entry((head)->next, type, member)

#define shim_list_next(pos, member)					\
	list_entry((pos)->member.next, __typeof__(*(pos)), member)

#define list_for_each_entry(pos, head, member)				\
	for (pos = list_first_entry(head, __typeof__(*pos), member);	\
	     &pos->member != (head);					\
	     pos = shim_list_next(pos, member))

#define list_for_each_entry_safe(pos, n, head, member)			\
	for (pos = list_first_entry(head, __typeof__(*pos), member),	\
	     n = shim_list_next(pos, member);				\
	     &pos->member != (head);					\
	     pos = n, n = shim_list_next(n, member))

#endif /* _SHIM_LINUX_LIST_H */
