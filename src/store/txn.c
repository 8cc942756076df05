#include "store/txn.h"

#include <string.h>

#include "base/mem.h"
#include "store/kv.h"
#include "store/txn_ops.h"

struct wm_txn *wm_txn_new(void)
{
	return wm_alloc(sizeof(struct wm_txn));
}

void wm_txn_free(struct wm_txn *t)
{
	if (t == NULL)
		return;
	wm_free(t->ops);
	wm_buf_fini(&t->bytes);
	wm_free(t);
}

static size_t add_bytes(struct wm_txn *t, const void *p, size_t len)
{
	size_t at = t->bytes.len;

	wm_buf_add(&t->bytes, p, len);
	wm_buf_add(&t->bytes, "", 1);
	return at;
}

/* What is too long is cut here and refused by wm_txn_check: building never fails. */
static struct wm_txn_op *add_op(struct wm_txn *t, enum wm_txn_op_kind kind, const char *key)
{
	size_t key_len = strnlen(key, WM_KEY_MAX + 1);
	struct wm_txn_op *op;

	if (t->n_ops == t->cap_ops) {
		t->cap_ops = t->cap_ops == 0 ? 8 : t->cap_ops * 2;
		t->ops = wm_realloc(t->ops, t->cap_ops * sizeof(*t->ops));
	}
	op = &t->ops[t->n_ops++];
	*op = (struct wm_txn_op){
		.kind = kind,
		.key_len = (uint32_t)key_len,
		.key = add_bytes(t, key, key_len),
	};
	if (wm_txn_op_is_change(op))
		t->n_changes++;
	return op;
}

static void add_value(struct wm_txn *t, struct wm_txn_op *op, const void *value, size_t len)
{
	if (len > WM_VALUE_MAX) {
		len = 0;
		op->value_len = UINT32_MAX;
	} else {
		op->value_len = (uint32_t)len;
	}
	op->value = add_bytes(t, value, len);
}

void wm_txn_if_absent(struct wm_txn *t, const char *key)
{
	add_op(t, WM_TXN_IF_ABSENT, key);
}

void wm_txn_if_present(struct wm_txn *t, const char *key)
{
	add_op(t, WM_TXN_IF_PRESENT, key);
}

void wm_txn_if_revision(struct wm_txn *t, const char *key, uint64_t revision)
{
	add_op(t, WM_TXN_IF_REVISION, key)->revision = revision;
}

void wm_txn_if_value(struct wm_txn *t, const char *key, const void *value, size_t len)
{
	add_value(t, add_op(t, WM_TXN_IF_VALUE, key), value, len);
}

void wm_txn_put(struct wm_txn *t, const char *key, const void *value, size_t len)
{
	add_value(t, add_op(t, WM_TXN_PUT, key), value, len);
}

void wm_txn_put_str(struct wm_txn *t, const char *key, const char *value)
{
	wm_txn_put(t, key, value, strlen(value));
}

void wm_txn_delete(struct wm_txn *t, const char *key)
{
	add_op(t, WM_TXN_DELETE, key);
}

size_t wm_txn_changes(const struct wm_txn *t)
{
	return t->n_changes;
}

size_t wm_txn_size(const struct wm_txn *t)
{
	return sizeof(*t) + t->cap_ops * sizeof(*t->ops) + t->bytes.cap;
}

static int check_op(const struct wm_txn *t, const struct wm_txn_op *op, struct wm_err *err)
{
	const char *key = wm_txn_key(t, op);

	if (op->key_len == 0)
		return wm_fail(err, WM_INVALID_ARGUMENT, "a key is empty");
	if (op->key_len > WM_KEY_MAX)
		return wm_fail(err, WM_INVALID_ARGUMENT, "key \"%.60s...\" is longer than %d bytes",
			       key, WM_KEY_MAX);
	if (op->value_len > WM_VALUE_MAX)
		return wm_fail(err, WM_INVALID_ARGUMENT, "the value of %.100s exceeds %d bytes",
			       key, WM_VALUE_MAX);
	return 0;
}

int wm_txn_check(const struct wm_txn *t, struct wm_err *err)
{
	if (t->n_ops > WM_TXN_OPS_MAX)
		return wm_fail(err, WM_INVALID_ARGUMENT,
			       "transaction of %zu conditions and changes: at most %d go together",
			       t->n_ops, WM_TXN_OPS_MAX);
	if (t->bytes.len > WM_TXN_BYTES_MAX)
		return wm_fail(err, WM_INVALID_ARGUMENT,
			       "transaction of %zu bytes, first key %.100s: at most %d go together",
			       t->bytes.len, wm_txn_key(t, &t->ops[0]), WM_TXN_BYTES_MAX);
	for (size_t i = 0; i < t->n_ops; i++) {
		int rc = check_op(t, &t->ops[i], err);

		if (rc != 0)
			return rc;
	}
	return 0;
}
