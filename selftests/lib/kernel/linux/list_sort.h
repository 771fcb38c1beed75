/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _LINUX_LIST_SORT_H
#define _LINUX_LIST_SORT_H

#include "list.h"

/* by insertion, from the end: what is nearly in order is cheap */
static inline void list_sort(void *priv, struct list_head *head,
			     int (*cmp)(void *, const struct list_head *,
					const struct list_head *))
{
	struct list_head *at = head->next, *next, *before;

	for (; at != head; at = next) {
		next = at->next;
		for (before = at->prev; before != head && cmp(priv, before, at) > 0;)
			before = before->prev;
		list_del(at);
		list_add(at, before);
	}
}

#endif
