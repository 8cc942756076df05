#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "base/mem.h"
#include "rpc/fields.h"
#include "rpc/metadata.h"

static bool add(struct wm_rpc_metadata *m, const char *key, const char *value)
{
	return wm_rpc_metadata_add(m, key, value, strlen(value));
}

static bool take(struct wm_rpc_metadata *m, const char *key, const char *value)
{
	return wm_rpc_metadata_decode(m, key, strlen(key), value, strlen(value));
}

static void in_order(void **state)
{
	struct wm_rpc_metadata m = {0};
	const char *key, *value;
	size_t len;
	char name[16];
	assert_null(wm_rpc_metadata_find(&m, "a", NULL));
	for (char c = 'a'; c <= 'z'; c++) {
		(void)snprintf(name, sizeof(name), "x-%c", c);
		assert_true(add(&m, name, name + 2));
	}
	assert_true(add(&m, "x-a", "second"));
	assert_int_equal(m.n, 27);
	assert_string_equal(wm_rpc_metadata_find(&m, "x-a", &len), "a");
	assert_int_equal(len, 1);
	assert_true(wm_rpc_metadata_at(&m, 26, &key, &value, NULL));
	assert_string_equal(value, "second");
	assert_false(wm_rpc_metadata_at(&m, 27, &key, &value, NULL));
	wm_rpc_metadata_fini(&m);
	assert_int_equal(m.n, 0);
}

static void what_may_not_be_sent(void **state)
{
	static const char *const keys[] = {
		"",   "X-Upper",    "a b",          "a:b",      ":path", "grpc-status",
		"te", "user-agent", "content-type", "\xc3\xa4", "a\n",   "connection"};
	static const char *const values[] = {"a\nb", "a\tb", "\x7f", "\xc3\xa4", "\x01"};
	struct wm_rpc_metadata m = {0};
	for (size_t i = 0; i < WM_ARRAY_LEN(keys); i++)
		assert_false(add(&m, keys[i], "v"));
	for (size_t i = 0; i < WM_ARRAY_LEN(values); i++) {
		assert_false(add(&m, "x-text", values[i]));
		assert_true(add(&m, "x-any-bin", values[i]));
	}
	assert_true(add(&m, "a_b-c.d0", ""));
	assert_false(wm_rpc_metadata_is_bin("-bin"));
	assert_true(wm_rpc_metadata_is_bin("x-bin"));
	wm_rpc_metadata_fini(&m);
}

static void base64(void **state)
{
	struct wm_rpc_metadata m = {0};
	const char *value;
	size_t len;
	assert_true(take(&m, "a-bin", "AA==")); /* padded, not padded, a list, nothing */
	assert_true(take(&m, "b-bin", "AAE"));
	assert_true(take(&m, "c-bin", "AAEC,/w,,+/8="));
	assert_true(take(&m, "d-bin", ""));
	value = wm_rpc_metadata_find(&m, "a-bin", &len);
	assert_int_equal(len, 1);
	assert_memory_equal(value, "\0", 2);
	value = wm_rpc_metadata_find(&m, "b-bin", &len);
	assert_int_equal(len, 2);
	assert_memory_equal(value, "\0\1", 3);
	assert_int_equal(m.n, 7);
	value = wm_rpc_metadata_find(&m, "c-bin", &len);
	assert_int_equal(len, 3);
	assert_memory_equal(value, "\0\1\2", 4);
	const char *key;
	assert_true(wm_rpc_metadata_at(&m, 5, &key, &value, &len));
	assert_string_equal(key, "c-bin");
	assert_int_equal(len, 2);
	assert_memory_equal(value, "\xfb\xff", 2);
	assert_non_null(wm_rpc_metadata_find(&m, "d-bin", &len));
	assert_int_equal(len, 0);
	wm_rpc_metadata_fini(&m);
}

static void what_is_not_taken(void **state)
{
	static const char *const bad[] = {
		"A", "A===", "AB", "AA=", "A A=", "AA==AA==", "AAE,A", "\xff"};
	struct wm_rpc_metadata m = {0};
	static char large[WM_RPC_HEADER_MAX + 8];
	assert_true(take(&m, "x", "before"));
	size_t text_len = m.text.len;
	for (size_t i = 0; i < WM_ARRAY_LEN(bad); i++) {
		assert_false(take(&m, "a-bin", bad[i]));
		assert_int_equal(m.n, 1); /* nothing of a list either */
		assert_int_equal(m.text.len, text_len);
	}
	memset(large, 'A', sizeof(large) - 1);
	assert_false(take(&m, "a-bin", large));
	large[WM_RPC_HEADER_MAX] = '\0';
	assert_true(take(&m, "a-bin", large));
	assert_false(take(&m, "grpc-timeout", "1S"));
	assert_false(take(&m, ":path", "/"));
	assert_false(take(&m, "te", "trailers"));
	assert_false(take(&m, "x-latin", "\xe4"));
	assert_true(take(&m, "user-agent", "grpc-python/1.51"));
	wm_rpc_metadata_fini(&m);
}

static const char *field(const struct wm_rpc_fields *f, size_t i)
{
	static char text[256];
	(void)snprintf(text, sizeof(text), "%.*s=%.*s", (int)f->nv[i].namelen,
		       (const char *)f->nv[i].name, (int)f->nv[i].valuelen,
		       (const char *)f->nv[i].value);
	return text;
}

static void onto_the_wire(void **state)
{
	struct wm_rpc_metadata m = {0};
	struct wm_rpc_fields f = {0};
	struct wm_err err;
	assert_true(add(&m, "x-text", "a b"));
	assert_true(wm_rpc_metadata_add(&m, "x-bin", "\0\1\2\xff", 4));
	wm_rpc_fields_add(&f, ":status", "200");
	wm_rpc_fields_add_metadata(&f, &m);
	(void)wm_fail(&err, WM_NOT_FOUND, "n\xc3\xb6");
	wm_rpc_fields_add_status(&f, &err);
	wm_rpc_fields_add_status(&f, NULL);
	assert_int_equal(f.n, 6);
	assert_string_equal(field(&f, 1), "x-text=a b");
	assert_string_equal(field(&f, 2), "x-bin=AAEC/w");
	assert_string_equal(field(&f, 3), "grpc-status=5");
	assert_string_equal(field(&f, 4), "grpc-message=n%C3%B6");
	assert_string_equal(field(&f, 5), "grpc-status=0");
	wm_rpc_metadata_fini(&m);
	wm_rpc_fields_fini(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_order),      cmocka_unit_test(what_may_not_be_sent),
		cmocka_unit_test(base64),        cmocka_unit_test(what_is_not_taken),
		cmocka_unit_test(onto_the_wire),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
