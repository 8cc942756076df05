#include "store/txn_codec.h"

#include <string.h>

#include "store/kv.h"
#include "store/txn_ops.h"

#define VERSION         1
#define HAS_INCARNATION 1
#define OP_MOST         22 /* bytes of an operation besides its key and value */

static bool has_value(enum wm_txn_op_kind kind)
{
	return kind == WM_TXN_PUT || kind == WM_TXN_IF_VALUE;
}

void wm_txn_batch_encode_head(struct wm_buf *out, const struct wm_txn_batch_head *h)
{
	struct wm_wire w;
	uint8_t *to = wm_buf_reserve(out, WM_TXN_BATCH_HEAD);

	wm_wire_init_write(&w, to, WM_TXN_BATCH_HEAD);
	wm_wire_put_u8(&w, VERSION);
	wm_wire_put_u8(&w, h->has_incarnation ? HAS_INCARNATION : 0);
	if (h->has_incarnation)
		wm_wire_put(&w, h->incarnation, sizeof(h->incarnation));
	wm_buf_commit(out, (size_t)(w.pos - to));
}

size_t wm_txn_batch_size(const struct wm_txn *t)
{
	return 5 + t->n_ops * OP_MOST + t->bytes.len;
}

static void encode_op(struct wm_wire *w, const struct wm_txn *t, const struct wm_txn_op *op)
{
	wm_wire_put_u8(w, (uint8_t)op->kind);
	wm_wire_put_varint(w, op->key_len);
	wm_wire_put(w, wm_txn_key(t, op), op->key_len);
	if (op->kind == WM_TXN_IF_REVISION)
		wm_wire_put_varint(w, op->revision);
	if (!has_value(op->kind))
		return;
	wm_wire_put_varint(w, op->value_len);
	wm_wire_put(w, wm_txn_value(t, op), op->value_len);
}

void wm_txn_batch_encode(struct wm_buf *out, const struct wm_txn *t)
{
	size_t most = wm_txn_batch_size(t);
	struct wm_wire w;
	uint8_t *to = wm_buf_reserve(out, most);

	wm_wire_init_write(&w, to, most);
	wm_wire_put_varint(&w, t->n_ops);
	for (size_t i = 0; i < t->n_ops; i++)
		encode_op(&w, t, &t->ops[i]);
	wm_buf_commit(out, (size_t)(w.pos - to));
}

static int fail_malformed(struct wm_err *err)
{
	return wm_fail(err, WM_DATA_LOSS, "an entry of the log is malformed");
}

int wm_txn_batch_decode_head(struct wm_wire *w, const void *data, size_t len,
			     struct wm_txn_batch_head *out, struct wm_err *err)
{
	uint8_t version, flags;

	*out = (struct wm_txn_batch_head){0};
	wm_wire_init_read(w, data, len);
	version = wm_wire_get_u8(w);
	flags = wm_wire_get_u8(w);
	if (wm_wire_ok(w) && (version != VERSION || (flags & ~HAS_INCARNATION) != 0))
		return wm_fail(err, WM_DATA_LOSS,
			       "an entry of the log has version %u.%u, this program knows %d.1: "
			       "install the version that the other servers have",
			       version, flags, VERSION);
	out->has_incarnation = (flags & HAS_INCARNATION) != 0;
	if (out->has_incarnation)
		wm_wire_get(w, out->incarnation, sizeof(out->incarnation));
	return wm_wire_ok(w) ? 0 : fail_malformed(err);
}

/* A length that is in bounds and whose bytes are there, which *@out points to then. */
static size_t get_bytes(struct wm_wire *w, size_t most, const uint8_t **out)
{
	uint64_t n = wm_wire_get_varint(w);

	if (n > most)
		wm_wire_fail(w);
	*out = wm_wire_skip(w, n > most ? 0 : (size_t)n);
	return wm_wire_ok(w) ? (size_t)n : 0;
}

static void add_op(struct wm_txn *t, unsigned kind, const char *key, struct wm_wire *w)
{
	const uint8_t *value = NULL;
	uint64_t revision = kind == WM_TXN_IF_REVISION ? wm_wire_get_varint(w) : 0;
	size_t len = has_value(kind) ? get_bytes(w, WM_VALUE_MAX, &value) : 0;

	if (!wm_wire_ok(w))
		return;
	switch (kind) {
	case WM_TXN_IF_ABSENT: wm_txn_if_absent(t, key); break;
	case WM_TXN_IF_PRESENT: wm_txn_if_present(t, key); break;
	case WM_TXN_IF_REVISION: wm_txn_if_revision(t, key, revision); break;
	case WM_TXN_IF_VALUE: wm_txn_if_value(t, key, value, len); break;
	case WM_TXN_PUT: wm_txn_put(t, key, value, len); break;
	case WM_TXN_DELETE: wm_txn_delete(t, key); break;
	default: wm_wire_fail(w); break;
	}
}

static void decode_op(struct wm_wire *w, struct wm_txn *t)
{
	unsigned kind = wm_wire_get_u8(w);
	char key[WM_KEY_MAX + 1];
	const uint8_t *bytes;
	size_t n = get_bytes(w, WM_KEY_MAX, &bytes);

	if (n == 0 || memchr(bytes, '\0', n) != NULL) {
		wm_wire_fail(w);
		return;
	}
	memcpy(key, bytes, n);
	key[n] = '\0';
	add_op(t, kind, key, w);
}

int wm_txn_batch_decode(struct wm_wire *w, struct wm_txn **out, struct wm_err *err)
{
	struct wm_txn *t;
	uint64_t n;

	*out = NULL;
	if (wm_wire_ok(w) && wm_wire_left(w) == 0)
		return 0;
	n = wm_wire_get_varint(w);
	if (n > WM_TXN_OPS_MAX)
		wm_wire_fail(w);
	t = wm_txn_new();
	for (uint64_t i = 0; i < n && wm_wire_ok(w) && t->bytes.len <= WM_TXN_BYTES_MAX; i++)
		decode_op(w, t);
	if (!wm_wire_ok(w) || wm_txn_check(t, NULL) != 0) {
		wm_txn_free(t);
		return fail_malformed(err);
	}
	*out = t;
	return 0;
}
