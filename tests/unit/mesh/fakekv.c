#include "fakekv.h"

#include <string.h>

#include "base/mem.h"
#include "store/txn_ops.h"

/* The place of @key, or where it would stand. */
static size_t find(const struct fakekv *kv, const char *key, bool *found)
{
	size_t low = 0, high = kv->n;

	*found = false;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = strcmp(kv->entries[mid].key, key);

		if (order == 0)
			*found = true;
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct wm_kv kv_of(const struct fakekv_entry *e)
{
	return (struct wm_kv){
		.key = e->key,
		.key_len = strlen(e->key),
		.value = e->value,
		.value_len = e->len,
		.revision = e->revision,
	};
}

static int view_get(struct wm_view *v, const char *key, struct wm_kv *out, struct wm_err *err)
{
	struct fakekv *kv = wm_container_of(v, struct fakekv, view);
	bool found;
	size_t at = find(kv, key, &found);

	if (!found)
		return wm_fail(err, WM_NOT_FOUND, "key not found: %s", key);
	*out = kv_of(&kv->entries[at]);
	return 0;
}

static int view_scan(struct wm_view *v, const char *prefix, const char *from,
		     int (*each)(void *arg, const struct wm_kv *kv), void *arg, struct wm_err *err)
{
	struct fakekv *kv = wm_container_of(v, struct fakekv, view);
	bool found;
	size_t at = find(kv, from != NULL && strcmp(from, prefix) > 0 ? from : prefix, &found);
	int rc = 0;

	for (; rc == 0 && at < kv->n; at++) {
		struct wm_kv one = kv_of(&kv->entries[at]);

		if (strncmp(one.key, prefix, strlen(prefix)) != 0)
			break;
		rc = each(arg, &one);
	}
	return rc;
}

static void view_close(struct wm_view *v)
{
}

void fakekv_init(struct fakekv *kv)
{
	static const struct wm_view_ops ops = {view_get, view_scan, view_close};

	*kv = (struct fakekv){.view.ops = &ops};
}

void fakekv_fini(struct fakekv *kv)
{
	for (size_t i = 0; i < kv->n; i++) {
		wm_free(kv->entries[i].key);
		wm_free(kv->entries[i].value);
	}
	wm_free(kv->entries);
}

static bool holds(struct fakekv *kv, const struct wm_txn *t, const struct wm_txn_op *op)
{
	bool found;
	const struct fakekv_entry *e = &kv->entries[find(kv, wm_txn_key(t, op), &found)];

	switch (op->kind) {
	case WM_TXN_IF_ABSENT: return !found;
	case WM_TXN_IF_PRESENT: return found;
	case WM_TXN_IF_REVISION: return found && e->revision == op->revision;
	case WM_TXN_IF_VALUE:
		return found && e->len == op->value_len &&
		       memcmp(e->value, wm_txn_value(t, op), op->value_len) == 0;
	case WM_TXN_PUT:
	case WM_TXN_DELETE: break;
	}
	return true;
}

static void put(struct fakekv *kv, const char *key, const void *value, size_t len)
{
	bool found;
	size_t at = find(kv, key, &found);

	if (found) {
		wm_free(kv->entries[at].value);
	} else {
		if (kv->n == kv->cap) {
			kv->cap = kv->cap == 0 ? 64 : kv->cap * 2;
			kv->entries = wm_realloc(kv->entries, kv->cap * sizeof(*kv->entries));
		}
		memmove(kv->entries + at + 1, kv->entries + at,
			(kv->n - at) * sizeof(*kv->entries));
		kv->entries[at].key = wm_strdup(key);
		kv->n++;
	}
	kv->entries[at].value = wm_alloc(len + 1);
	memcpy(kv->entries[at].value, value, len);
	kv->entries[at].len = len;
	kv->entries[at].revision = kv->revision;
}

static bool drop(struct fakekv *kv, const char *key)
{
	bool found;
	size_t at = find(kv, key, &found);

	if (!found)
		return false;
	wm_free(kv->entries[at].key);
	wm_free(kv->entries[at].value);
	memmove(kv->entries + at, kv->entries + at + 1, (kv->n - at - 1) * sizeof(*kv->entries));
	kv->n--;
	return true;
}

static void change(struct fakekv *kv, struct wm_txn *t)
{
	struct wm_change *changes = wm_calloc(t->n_changes + 1, sizeof(*changes));
	size_t n = 0;

	kv->revision++;
	for (size_t i = 0; i < t->n_ops; i++) {
		const struct wm_txn_op *op = &t->ops[i];
		const char *key = wm_txn_key(t, op);

		if (op->kind == WM_TXN_PUT)
			put(kv, key, wm_txn_value(t, op), op->value_len);
		else if (op->kind != WM_TXN_DELETE || !drop(kv, key))
			continue;
		changes[n].key = key;
		if (op->kind == WM_TXN_PUT) {
			changes[n].value = wm_txn_value(t, op);
			changes[n].value_len = op->value_len;
		}
		n++;
	}
	kv->view.revision = kv->revision;
	if (kv->on_changes != NULL)
		kv->on_changes(kv->arg, kv->revision, changes, n);
	wm_free(changes);
}

int fakekv_apply(struct fakekv *kv, struct wm_txn *t)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < t->n_ops; i++)
		if (!wm_txn_op_is_change(&t->ops[i]) && !holds(kv, t, &t->ops[i]))
			rc = WM_FAILED_PRECONDITION;
	if (rc == 0 && t->n_changes > 0)
		change(kv, t);
	wm_txn_free(t);
	return rc;
}

void fakekv_put(struct fakekv *kv, const char *key, const char *value)
{
	struct wm_txn *t = wm_txn_new();

	wm_txn_put_str(t, key, value);
	fakekv_apply(kv, t);
}

void fakekv_delete(struct fakekv *kv, const char *key)
{
	struct wm_txn *t = wm_txn_new();

	wm_txn_delete(t, key);
	fakekv_apply(kv, t);
}

const char *fakekv_text(struct fakekv *kv, const char *key)
{
	bool found;
	size_t at = find(kv, key, &found);

	return found ? (const char *)kv_of(&kv->entries[at]).value : NULL;
}
