/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Ordered trees behind the names of include/linux/rbtree.h. They are not
 * balanced: what is tested asks for the order only.
 */
#ifndef _TERN_TEST_RBTREE_H
#define _TERN_TEST_RBTREE_H

#include "../pure.h"

struct rb_node {
	struct rb_node *parent;
	struct rb_node *rb_left;
	struct rb_node *rb_right;
};

struct rb_root {
	struct rb_node *rb_node;
};

#define RB_ROOT			((struct rb_root){ NULL })
#define RB_EMPTY_ROOT(root)	(!(root)->rb_node)
#define rb_entry_safe(p, type, member) \
	({ __typeof__(p) _p = (p); _p ? container_of(_p, type, member) : NULL; })

static inline void rb_link_node(struct rb_node *node, struct rb_node *parent, struct rb_node **link)
{
	*node = (struct rb_node){ .parent = parent };
	*link = node;
}

static inline void rb_insert_color(struct rb_node *node, struct rb_root *root)
{
	(void)node;
	(void)root;
}

static inline struct rb_node *rb_leftmost(struct rb_node *node)
{
	while (node && node->rb_left)
		node = node->rb_left;
	return node;
}

static inline struct rb_node *rb_rightmost(struct rb_node *node)
{
	while (node && node->rb_right)
		node = node->rb_right;
	return node;
}

static inline struct rb_node *rb_first(const struct rb_root *root)
{
	return rb_leftmost(root->rb_node);
}

static inline struct rb_node *rb_last(const struct rb_root *root)
{
	return rb_rightmost(root->rb_node);
}

static inline struct rb_node *rb_next(const struct rb_node *node)
{
	if (node->rb_right)
		return rb_leftmost(node->rb_right);
	while (node->parent && node == node->parent->rb_right)
		node = node->parent;
	return node->parent;
}

static inline struct rb_node *rb_prev(const struct rb_node *node)
{
	if (node->rb_left)
		return rb_rightmost(node->rb_left);
	while (node->parent && node == node->parent->rb_left)
		node = node->parent;
	return node->parent;
}

/* @by, or nothing, takes the place of @node below its parent */
static inline void rb_replace_below(struct rb_root *root, struct rb_node *node, struct rb_node *by)
{
	if (!node->parent)
		root->rb_node = by;
	else if (node->parent->rb_left == node)
		node->parent->rb_left = by;
	else
		node->parent->rb_right = by;
	if (by)
		by->parent = node->parent;
}

static inline void rb_erase(struct rb_node *node, struct rb_root *root)
{
	struct rb_node *left = node->rb_left, *last = rb_rightmost(left);

	/* what is on the right goes behind the last on the left */
	rb_replace_below(root, node, left ?: node->rb_right);
	if (last && node->rb_right) {
		last->rb_right = node->rb_right;
		node->rb_right->parent = last;
	}
}

#endif
