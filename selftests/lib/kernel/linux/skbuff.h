/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An sk_buff with what the retransmission queue uses: payload in fragments of
 * pages, a control block, and two links that share their places as in the
 * kernel.
 */
#ifndef _TERN_TEST_SKBUFF_H
#define _TERN_TEST_SKBUFF_H

#include "list.h"
#include "rbtree.h"

#define PAGE_SIZE	4096u
#define MAX_SKB_FRAGS	17
#define MAX_HEADER	128

struct page {
	int refs;
	u8 data[PAGE_SIZE];
};

static inline struct page *alloc_page(gfp_t gfp)
{
	struct page *page = kzalloc(sizeof(*page), gfp);

	if (page)
		page->refs = 1;
	return page;
}

static inline void *page_address(struct page *page)
{
	return page->data;
}

static inline int page_count(const struct page *page)
{
	return page->refs;
}

static inline void get_page(struct page *page)
{
	page->refs++;
}

static inline void put_page(struct page *page)
{
	if (!--page->refs)
		kfree(page);
}

typedef struct {
	struct page *page;
	unsigned int offset;
	unsigned int size;
} skb_frag_t;

struct skb_shared_info {
	u8 nr_frags;
	skb_frag_t frags[MAX_SKB_FRAGS];
};

struct sock;

struct sk_buff {
	struct rb_node rbnode;
	union {
		struct {
			unsigned long _skb_refdst;
			void (*destructor)(struct sk_buff *skb);
		};
		struct list_head tcp_tsorted_anchor;
	};
	char cb[48] __attribute__((aligned(8)));
	unsigned int len;
	unsigned int data_len;
	unsigned int truesize;
	u8 ip_summed;
	struct skb_shared_info shinfo;
};

#define skb_shinfo(skb)		(&(skb)->shinfo)
#define rb_to_skb(rb)		rb_entry_safe(rb, struct sk_buff, rbnode)
#define skb_rb_first(root)	rb_to_skb(rb_first(root))
#define skb_rb_last(root)	rb_to_skb(rb_last(root))
#define skb_rb_next(skb)	rb_to_skb(rb_next(&(skb)->rbnode))
#define skb_rb_prev(skb)	rb_to_skb(rb_prev(&(skb)->rbnode))

static inline struct sk_buff *alloc_skb_fclone(unsigned int size, gfp_t gfp)
{
	struct sk_buff *skb = kzalloc(sizeof(*skb), gfp);

	if (skb)
		skb->truesize = sizeof(*skb) + size;
	return skb;
}

static inline void skb_reserve(struct sk_buff *skb, int len)
{
	(void)skb;
	(void)len;
}

static inline void __skb_header_release(struct sk_buff *skb)
{
	(void)skb;
}

static inline int skb_unclone(struct sk_buff *skb, gfp_t gfp)
{
	(void)skb;
	(void)gfp;
	return 0;
}

static inline unsigned int skb_frag_size(const skb_frag_t *frag)
{
	return frag->size;
}

static inline void skb_frag_size_sub(skb_frag_t *frag, int delta)
{
	frag->size -= delta;
}

static inline void skb_frag_off_add(skb_frag_t *frag, int delta)
{
	frag->offset += delta;
}

static inline void skb_frag_unref(struct sk_buff *skb, int i)
{
	put_page(skb->shinfo.frags[i].page);
}

static inline void skb_fill_page_desc(struct sk_buff *skb, int i, struct page *page, int off,
				      int size)
{
	skb->shinfo.frags[i] = (skb_frag_t){ page, off, size };
	skb->shinfo.nr_frags = i + 1;
}

/* the part from len on moves to tail, which is empty */
static inline void skb_split(struct sk_buff *skb, struct sk_buff *tail, u32 len)
{
	int i, kept = 0, moved = 0, nr = skb->shinfo.nr_frags;
	u32 left = len;

	for (i = 0; i < nr; i++) {
		skb_frag_t frag = skb->shinfo.frags[i];
		u32 here = min(left, frag.size);

		left -= here;
		if (here)
			skb->shinfo.frags[kept++].size = here;
		if (here == frag.size)
			continue;
		if (here)
			get_page(frag.page);
		tail->shinfo.frags[moved++] = (skb_frag_t){ frag.page, frag.offset + here,
							    frag.size - here };
	}
	skb->shinfo.nr_frags = kept;
	tail->shinfo.nr_frags = moved;
	tail->len = skb->len - len;
	tail->data_len = tail->len;
	skb->len = len;
	skb->data_len = len;
}

static inline int skb_copy_bits(const struct sk_buff *skb, int offset, void *to, int len)
{
	int i;

	for (i = 0; i < skb->shinfo.nr_frags && len; i++) {
		const skb_frag_t *frag = &skb->shinfo.frags[i];
		int here = min_t(int, len, (int)frag->size - offset);

		if (here <= 0) {
			offset -= frag->size;
			continue;
		}
		memcpy(to, frag->page->data + frag->offset + offset, here);
		to = (char *)to + here;
		len -= here;
		offset = 0;
	}
	return len ? -EFAULT : 0;
}

static inline void __kfree_skb(struct sk_buff *skb)
{
	int i;

	/* the place of the list's link was cleaned up */
	assert(!skb->_skb_refdst && !skb->destructor);
	for (i = 0; i < skb->shinfo.nr_frags; i++)
		skb_frag_unref(skb, i);
	kfree(skb);
}

#define SKB_TRUESIZE(size)	((size) + sizeof(struct sk_buff))

#endif
