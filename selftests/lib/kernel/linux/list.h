/* SPDX-License-Identifier: GPL-2.0 */
/* Doubly linked lists, as include/linux/list.h has them. */
#ifndef _TERN_TEST_LIST_H
#define _TERN_TEST_LIST_H

#include "../pure.h"

struct list_head {
	struct list_head *next, *prev;
};

struct hlist_node {
	struct hlist_node *next, **pprev;
};

struct hlist_nulls_node {
	struct hlist_nulls_node *next, **pprev;
};

static inline void INIT_LIST_HEAD(struct list_head *head)
{
	head->next = head;
	head->prev = head;
}

static inline bool list_empty(const struct list_head *head)
{
	return head->next == head;
}

static inline void list_add(struct list_head *entry, struct list_head *before)
{
	entry->next = before->next;
	entry->prev = before;
	before->next->prev = entry;
	before->next = entry;
}

static inline void list_add_tail(struct list_head *entry, struct list_head *head)
{
	list_add(entry, head->prev);
}

static inline void list_del(struct list_head *entry)
{
	entry->next->prev = entry->prev;
	entry->prev->next = entry->next;
	entry->next = NULL;		/* whoever uses it now fails */
	entry->prev = NULL;
}

static inline void list_del_init(struct list_head *entry)
{
	list_del(entry);
	INIT_LIST_HEAD(entry);
}

static inline void list_move_tail(struct list_head *entry, struct list_head *head)
{
	list_del(entry);
	list_add_tail(entry, head);
}

#define list_entry(p, type, member)	container_of(p, type, member)
#define list_first_entry(head, type, member)	list_entry((head)->next, type, member)
#define list_last_entry(head, type, member)	list_entry((head)->prev, type, member)

#define list_for_each_entry(at, head, member) \
	for (at = list_entry((head)->next, __typeof__(*at), member); \
	     &at->member != (head); \
	     at = list_entry(at->member.next, __typeof__(*at), member))

#define list_for_each_entry_reverse(at, head, member) \
	for (at = list_entry((head)->prev, __typeof__(*at), member); \
	     &at->member != (head); \
	     at = list_entry(at->member.prev, __typeof__(*at), member))

#define list_for_each_entry_safe(at, following, head, member) \
	for (at = list_entry((head)->next, __typeof__(*at), member), \
	     following = list_entry(at->member.next, __typeof__(*at), member); \
	     &at->member != (head); \
	     at = following, \
	     following = list_entry(following->member.next, __typeof__(*at), member))

#endif
