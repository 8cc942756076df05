/* Batches of transactions as bytes: what goes in comes out, and what is no batch is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "store/kv.h"
#include "store/txn_codec.h"
#include "store/txn_ops.h"

static struct wm_txn *make_txn(void)
{
	struct wm_txn *t = wm_txn_new();

	wm_txn_if_absent(t, "/absent");
	wm_txn_if_present(t, "/present");
	wm_txn_if_revision(t, "/revision", UINT64_MAX);
	wm_txn_if_value(t, "/value", "a\0b", 3);
	wm_txn_put(t, "/put", "", 0);
	wm_txn_put_str(t, "/put/more", "text");
	wm_txn_delete(t, "/delete");
	return t;
}

static void expect_equal(const struct wm_txn *a, const struct wm_txn *b)
{
	assert_int_equal(a->n_ops, b->n_ops);
	assert_int_equal(wm_txn_changes(a), wm_txn_changes(b));
	for (size_t i = 0; i < a->n_ops; i++) {
		const struct wm_txn_op *x = &a->ops[i], *y = &b->ops[i];

		assert_int_equal(x->kind, y->kind);
		assert_string_equal(wm_txn_key(a, x), wm_txn_key(b, y));
		assert_int_equal(x->revision, y->revision);
		assert_int_equal(x->value_len, y->value_len);
		if (x->value_len > 0)
			assert_memory_equal(wm_txn_value(a, x), wm_txn_value(b, y), x->value_len);
	}
}

static void test_round(void **state)
{
	struct wm_txn_batch_head head = {.has_incarnation = true};
	struct wm_txn_batch_head got;
	struct wm_txn *t = make_txn(), *empty = wm_txn_new(), *found;
	struct wm_buf buf = {0};
	struct wm_wire w;

	memset(head.incarnation, 'i', sizeof(head.incarnation));
	wm_txn_batch_encode_head(&buf, &head);
	assert_true(buf.len <= WM_TXN_BATCH_HEAD);
	wm_txn_batch_encode(&buf, t);
	wm_txn_batch_encode(&buf, empty);
	assert_int_equal(wm_txn_batch_decode_head(&w, buf.data, buf.len, &got, NULL), 0);
	assert_true(got.has_incarnation);
	assert_memory_equal(got.incarnation, head.incarnation, sizeof(head.incarnation));
	assert_int_equal(wm_txn_batch_decode(&w, &found, NULL), 0);
	expect_equal(t, found);
	wm_txn_free(found);
	assert_int_equal(wm_txn_batch_decode(&w, &found, NULL), 0);
	expect_equal(empty, found);
	wm_txn_free(found);
	assert_int_equal(wm_txn_batch_decode(&w, &found, NULL), 0);
	assert_null(found);
	wm_txn_free(t);
	wm_txn_free(empty);
	wm_buf_fini(&buf);
}

/* Decodes all; the code of the first thing that fails, or 0. */
static int decode_all(const void *data, size_t len, struct wm_err *err)
{
	struct wm_txn_batch_head head;
	struct wm_txn *t;
	struct wm_wire w;
	int rc = wm_txn_batch_decode_head(&w, data, len, &head, err);

	while (rc == 0) {
		rc = wm_txn_batch_decode(&w, &t, err);
		if (rc == 0 && t == NULL)
			break;
		wm_txn_free(t);
	}
	return rc;
}

static void add_batch(struct wm_buf *buf)
{
	struct wm_txn *t = make_txn();

	wm_txn_batch_encode_head(buf, &(struct wm_txn_batch_head){0});
	wm_txn_batch_encode(buf, t);
	wm_txn_free(t);
}

/* Whatever is cut off, it is noticed; only the head alone is a batch by itself. */
static void test_cut(void **state)
{
	struct wm_buf buf = {0};
	struct wm_err err;

	add_batch(&buf);
	assert_int_equal(decode_all(buf.data, buf.len, &err), 0);
	for (size_t n = 0; n < buf.len; n++) {
		uint8_t *copy = wm_memdup(buf.data, n > 0 ? n : 1);

		assert_int_equal(decode_all(copy, n, &err), n == 2 ? 0 : WM_DATA_LOSS);
		wm_free(copy);
	}
	wm_buf_fini(&buf);
}

static void test_versions(void **state)
{
	struct wm_buf buf = {0};
	struct wm_err err;

	add_batch(&buf);
	buf.data[0] = 2;
	assert_int_equal(decode_all(buf.data, buf.len, &err), WM_DATA_LOSS);
	assert_non_null(strstr(err.text, "version 2.0"));
	buf.data[0] = 1;
	buf.data[1] = 2;
	assert_int_equal(decode_all(buf.data, buf.len, &err), WM_DATA_LOSS);
	assert_non_null(strstr(err.text, "version 1.2"));
	wm_buf_fini(&buf);
}

static void expect_refused(const void *tail, size_t n)
{
	struct wm_buf buf = {0};

	wm_txn_batch_encode_head(&buf, &(struct wm_txn_batch_head){0});
	wm_buf_add(&buf, tail, n);
	assert_int_equal(decode_all(buf.data, buf.len, NULL), WM_DATA_LOSS);
	wm_buf_fini(&buf);
}

static void test_bounds(void **state)
{
	static const uint8_t many[] = {0x81, 0x80, 0x04}; /* 65537 operations */
	static const uint8_t no_key[] = {1, WM_TXN_DELETE, 0};
	static const uint8_t nul[] = {1, WM_TXN_DELETE, 2, 'a', 0};
	static const uint8_t kind[] = {1, 6, 1, 'a'};
	static const uint8_t long_value[] = {1, WM_TXN_PUT, 1, 'a', 0x81, 0x80, 0x40};
	uint8_t long_key[485] = {1, WM_TXN_DELETE, 0xe1, 0x03};

	memset(long_key + 4, 'k', 481);
	expect_refused(many, sizeof(many));
	expect_refused(no_key, sizeof(no_key));
	expect_refused(nul, sizeof(nul));
	expect_refused(kind, sizeof(kind));
	expect_refused(long_value, sizeof(long_value));
	expect_refused(long_key, sizeof(long_key));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests_name("txn_codec", tests, NULL, NULL);
}
