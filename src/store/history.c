#include "store/history.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

#define BYTES_MAX (4u * 1024 * 1024)

void wm_history_init(struct wm_history *h, uint64_t revision, uint32_t most)
{
	*h = (struct wm_history){.oldest = revision + 1, .most = most};
}

static void drop_oldest(struct wm_history *h)
{
	h->bytes -= wm_txn_size(h->txns[h->first]);
	wm_txn_free(h->txns[h->first]);
	h->first = (h->first + 1) % h->cap;
	h->n--;
	h->oldest++;
}

void wm_history_fini(struct wm_history *h)
{
	while (h->n > 0)
		drop_oldest(h);
	wm_free(h->txns);
	wm_free(h->scratch);
	*h = (struct wm_history){0};
}

void wm_history_reset(struct wm_history *h, uint64_t revision)
{
	while (h->n > 0)
		drop_oldest(h);
	h->oldest = revision + 1;
}

static void grow(struct wm_history *h)
{
	uint32_t cap = h->cap == 0 ? 64 : h->cap * 2;
	struct wm_txn **txns = wm_calloc(cap, sizeof(struct wm_txn *));

	for (uint32_t i = 0; i < h->n; i++)
		txns[i] = h->txns[(h->first + i) % h->cap];
	wm_free(h->txns);
	h->txns = txns;
	h->cap = cap;
	h->first = 0;
}

void wm_history_add(struct wm_history *h, struct wm_txn *t)
{
	if (h->n == h->cap)
		grow(h);
	h->txns[(h->first + h->n) % h->cap] = t;
	h->n++;
	h->bytes += wm_txn_size(t);
}

void wm_history_trim(struct wm_history *h)
{
	while (h->n > 0 && (h->n > h->most || h->bytes > BYTES_MAX))
		drop_oldest(h);
}

bool wm_history_has(const struct wm_history *h, uint64_t revision)
{
	return revision >= h->oldest && revision <= h->oldest + h->n;
}

static struct wm_change *scratch(struct wm_history *h, size_t n)
{
	if (n > h->cap_scratch) {
		h->scratch = wm_realloc(h->scratch, n * sizeof(*h->scratch));
		h->cap_scratch = n;
	}
	return h->scratch;
}

size_t wm_history_changes(struct wm_history *h, uint64_t revision, const char *prefix,
			  const struct wm_change **out)
{
	struct wm_txn *t;
	struct wm_change *c;
	size_t prefix_len = strlen(prefix);
	size_t n = 0;

	assert(revision >= h->oldest && revision < h->oldest + h->n);
	t = h->txns[(h->first + (revision - h->oldest)) % h->cap];
	c = scratch(h, t->n_changes);
	for (size_t i = 0; i < t->n_ops; i++) {
		const struct wm_txn_op *op = &t->ops[i];

		if (!wm_txn_op_is_change(op) || op->idle ||
		    strncmp(wm_txn_key(t, op), prefix, prefix_len) != 0)
			continue;
		c[n].key = wm_txn_key(t, op);
		c[n].value = op->kind == WM_TXN_PUT ? wm_txn_value(t, op) : NULL;
		c[n].value_len = op->value_len;
		n++;
	}
	*out = c;
	return n;
}
