/*
 * A node stands for a prefix. It has an owner, or exists because two prefixes part below it. A
 * child extends its parent's prefix, and the bit behind the parent's prefix says which side it
 * hangs on. The writer changes one pointer at a time: whatever a reader sees between two changes is
 * a whole trie. A node taken out keeps its pointers until the epoch has passed.
 */
#include "wg/allowedips.h"
#include "base/mem.h"
#include <string.h>

typedef _Atomic(struct wm_wg_trie_node *) slot;

struct wm_wg_trie_node {
	slot child[2];
	_Atomic(struct wm_wg_owner *) owner;
	uint8_t bits;
	uint8_t family;
	uint8_t bytes[16];
	struct wm_list of_owner;
	struct wm_epoch_item item;
};

static unsigned bit_at(const uint8_t *bytes, unsigned at)
{
	return bytes[at / 8] >> (7 - at % 8) & 1;
}

/* How many leading bits two addresses share, at most @max. */
static unsigned common_bits(const uint8_t *a, const uint8_t *b, unsigned max)
{
	unsigned n = 0;
	while (n + 8 <= max && a[n / 8] == b[n / 8])
		n += 8;
	while (n < max && bit_at(a, n) == bit_at(b, n))
		n++;
	return n;
}

static struct wm_wg_trie_node *load_node(const slot *s)
{
	/* C11 atomics cannot be loaded through a pointer to const in every compiler's header. */
	return atomic_load_explicit((slot *)(uintptr_t)s, memory_order_acquire);
}

static struct wm_wg_trie_node *node_new(const struct wm_prefix *p, unsigned bits)
{
	struct wm_wg_trie_node *n = wm_alloc(sizeof(*n));
	struct wm_prefix cut = {.addr = p->addr, .bits = (uint8_t)bits};
	cut = wm_prefix_masked(&cut);
	n->bits = (uint8_t)bits;
	n->family = p->addr.family;
	memcpy(n->bytes, cut.addr.bytes, sizeof(n->bytes));
	return n;
}

static void free_item(struct wm_epoch_item *item)
{
	wm_free(wm_container_of(item, struct wm_wg_trie_node, item));
}

static void free_below(struct wm_wg_trie_node *n)
{
	/* Depth is bounded by the address: 128. */
	for (unsigned i = 0; n != NULL && i < 2; i++)
		free_below(load_node(&n->child[i]));
	wm_free(n);
}

void wm_wg_allowedips_init(struct wm_wg_allowedips *t, struct wm_epoch *epoch)
{
	atomic_init(&t->root4, NULL);
	atomic_init(&t->root6, NULL);
	t->epoch = epoch;
}

void wm_wg_allowedips_fini(struct wm_wg_allowedips *t)
{
	free_below(atomic_exchange(&t->root4, NULL));
	free_below(atomic_exchange(&t->root6, NULL));
}

void wm_wg_owner_init(struct wm_wg_owner *o)
{
	wm_list_init(&o->nodes);
	o->count = 0;
}

static slot *root_of(struct wm_wg_allowedips *t, const struct wm_prefix *p)
{
	return p->addr.family == WM_IPV6 ? &t->root6 : &t->root4;
}

static void disown(struct wm_wg_trie_node *n)
{
	struct wm_wg_owner *o = atomic_load_explicit(&n->owner, memory_order_relaxed);
	if (o == NULL)
		return;
	wm_list_remove(&n->of_owner);
	o->count--;
}

static void set_owner(struct wm_wg_trie_node *n, struct wm_wg_owner *o)
{
	if (atomic_load_explicit(&n->owner, memory_order_relaxed) == o)
		return;
	disown(n);
	atomic_store_explicit(&n->owner, o, memory_order_release);
	wm_list_push(&o->nodes, &n->of_owner);
	o->count++;
}

static void hang(struct wm_wg_trie_node *below, struct wm_wg_trie_node *n)
{
	atomic_store_explicit(&below->child[bit_at(n->bytes, below->bits)], n,
			      memory_order_release);
}

/* Puts a new node for @p where @old hangs, which does not cover it. */
static void insert_above(slot *at, struct wm_wg_trie_node *old, const struct wm_prefix *p,
			 unsigned common, struct wm_wg_owner *o)
{
	struct wm_wg_trie_node *n = node_new(p, p->bits), *top = n;
	set_owner(n, o);
	if (old != NULL && common == p->bits)
		hang(n, old);
	else if (old != NULL) {
		top = node_new(p, common);
		hang(top, old);
		hang(top, n);
	}
	atomic_store_explicit(at, top, memory_order_release);
}

void wm_wg_allowedips_put(struct wm_wg_allowedips *t, const struct wm_prefix *p,
			  struct wm_wg_owner *o)
{
	slot *at = root_of(t, p);
	for (;;) {
		struct wm_wg_trie_node *n = load_node(at);
		unsigned max = n != NULL && n->bits < p->bits ? n->bits : p->bits;
		unsigned common = n != NULL ? common_bits(n->bytes, p->addr.bytes, max) : 0;
		if (n == NULL || common < n->bits)
			return insert_above(at, n, p, common, o);
		if (n->bits == p->bits)
			return set_owner(n, o);
		at = &n->child[bit_at(p->addr.bytes, n->bits)];
	}
}

/* Takes @n out if it has no owner and does not part two prefixes. True when it is gone. */
static bool prune(struct wm_wg_allowedips *t, slot *at)
{
	struct wm_wg_trie_node *n = load_node(at);
	struct wm_wg_trie_node *left = load_node(&n->child[0]), *right = load_node(&n->child[1]);
	if (atomic_load(&n->owner) != NULL || (left != NULL && right != NULL))
		return false;
	atomic_store_explicit(at, left != NULL ? left : right, memory_order_release);
	wm_epoch_retire(t->epoch, &n->item, free_item);
	return true;
}

bool wm_wg_allowedips_drop(struct wm_wg_allowedips *t, const struct wm_prefix *p,
			   struct wm_wg_owner *o)
{
	slot *at = root_of(t, p), *parent = NULL;
	for (;;) {
		struct wm_wg_trie_node *n = load_node(at);
		if (n == NULL || n->bits > p->bits ||
		    common_bits(n->bytes, p->addr.bytes, n->bits) < n->bits)
			return false;
		if (n->bits == p->bits)
			break;
		parent = at;
		at = &n->child[bit_at(p->addr.bytes, n->bits)];
	}
	struct wm_wg_trie_node *found = load_node(at);
	if (atomic_load(&found->owner) != o)
		return false;
	disown(found);
	atomic_store_explicit(&found->owner, NULL, memory_order_release);
	if (prune(t, at) && parent != NULL)
		prune(t, parent);
	return true;
}

static struct wm_prefix prefix_of(const struct wm_wg_trie_node *n)
{
	struct wm_prefix p = {.addr.family = n->family, .bits = n->bits};
	memcpy(p.addr.bytes, n->bytes, sizeof(n->bytes));
	return p;
}

void wm_wg_allowedips_drop_owner(struct wm_wg_allowedips *t, struct wm_wg_owner *o)
{
	for (struct wm_list *it; (it = wm_list_first(&o->nodes)) != NULL;) {
		struct wm_prefix p =
			prefix_of(wm_container_of(it, struct wm_wg_trie_node, of_owner));
		wm_wg_allowedips_drop(t, &p, o);
	}
}

static struct wm_wg_owner *find(const slot *root, const uint8_t *addr, unsigned bits)
{
	struct wm_wg_owner *found = NULL;
	const struct wm_wg_trie_node *n = load_node(root);
	while (n != NULL && common_bits(n->bytes, addr, n->bits) == n->bits) {
		struct wm_wg_owner *o =
			atomic_load_explicit((_Atomic(struct wm_wg_owner *) *)(uintptr_t)&n->owner,
					     memory_order_acquire);
		if (o != NULL)
			found = o;
		if (n->bits == bits)
			break;
		n = load_node(&n->child[bit_at(addr, n->bits)]);
	}
	return found;
}

struct wm_wg_owner *wm_wg_allowedips_find4(const struct wm_wg_allowedips *t, const uint8_t *addr)
{
	return find(&t->root4, addr, 32);
}

struct wm_wg_owner *wm_wg_allowedips_find6(const struct wm_wg_allowedips *t, const uint8_t *addr)
{
	return find(&t->root6, addr, 128);
}

size_t wm_wg_owner_prefixes(const struct wm_wg_owner *o, struct wm_prefix *out, size_t max)
{
	size_t n = 0;
	struct wm_list *it;
	wm_list_each (it, &o->nodes) {
		if (n == max)
			break;
		out[n++] = prefix_of(wm_container_of(it, struct wm_wg_trie_node, of_owner));
	}
	return n;
}
