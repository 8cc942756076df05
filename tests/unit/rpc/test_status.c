#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <nghttp2/nghttp2.h>
#include "base/clock.h"
#include "base/mem.h"
#include "rpc/status.h"

static void percent(void **state)
{
	static const struct {
		const char *text, *coded;
	} pairs[] = {
		{"", ""},
		{"plain, ~text", "plain, ~text"},
		{"100 %", "100 %25"},
		{"n\xc3\xb6"
		 "de",
		 "n%C3%B6de"},
		{"two\nlines", "two%0Alines"},
	};
	for (size_t i = 0; i < WM_ARRAY_LEN(pairs); i++) {
		struct wm_buf coded = {0};
		char text[64];
		wm_rpc_percent_encode(pairs[i].text, &coded);
		assert_string_equal(wm_buf_str(&coded), pairs[i].coded);
		assert_string_equal(
			wm_rpc_percent_decode(wm_buf_str(&coded), coded.len, text, sizeof(text)),
			pairs[i].text);
		wm_buf_fini(&coded);
	}
}

static const char *decode(const char *text, size_t size)
{
	static char out[64];
	memset(out, '#', sizeof(out));
	return wm_rpc_percent_decode(text, strlen(text), out, size);
}

static void lenient(void **state)
{
	assert_string_equal(decode("%", 64), "%");
	assert_string_equal(decode("%4", 64), "%4");
	assert_string_equal(decode("%zz%41%c3%b6", 64), "%zzA\xc3\xb6");
	assert_string_equal(decode("%ff%41", 64), "?A");             /* no UTF-8 */
	assert_string_equal(decode("%1b[31m%00%7f", 64), "?[31m??"); /* no terminal's business */
	assert_string_equal(decode("a%09b", 64), "a\tb");
}

static void cut_at_a_character(void **state)
{
	assert_string_equal(decode("abcdef", 4), "abc");
	assert_string_equal(decode("ab%C3%B6", 5), "ab\xc3\xb6");
	assert_string_equal(decode("ab%C3%B6", 4), "ab");
	assert_string_equal(decode("a%F0%9F%98%80", 5), "a");
	assert_string_equal(decode("a%F0%9F%98%80", 6), "a\xf0\x9f\x98\x80");
	assert_string_equal(decode("abc", 1), "");
	assert_string_equal(decode("%80%80%80%80%80%80", 4), "???");
}

static int64_t parse(const char *text)
{
	int64_t ns = -1;
	return wm_rpc_timeout_parse(text, strlen(text), &ns) ? ns : -1;
}

static void timeouts(void **state)
{
	static const char *const bad[] = {"",    "1",   "S",   "-1S",        "1.5S", "1s",
					  "+1S", " 1S", "1S ", "123456789S", "0x1S", "12"};
	assert_int_equal(parse("1n"), 1);
	assert_int_equal(parse("20u"), 20000);
	assert_int_equal(parse("300m"), 300 * WM_NS_PER_MS);
	assert_int_equal(parse("4S"), 4 * WM_NS_PER_S);
	assert_int_equal(parse("5M"), 300 * WM_NS_PER_S);
	assert_int_equal(parse("6H"), 6 * 3600 * WM_NS_PER_S);
	assert_int_equal(parse("00000000n"), 0);
	assert_int_equal(parse("99999999S"), 99999999 * WM_NS_PER_S);
	assert_true(parse("99999999H") == INT64_MAX); /* more than there are nanoseconds */
	for (size_t i = 0; i < WM_ARRAY_LEN(bad); i++)
		assert_int_equal(parse(bad[i]), -1);
}

static void timeout_texts(void **state)
{
	static const struct {
		int64_t ns;
		const char *text;
	} rows[] = {
		{-5, "1n"},
		{0, "1n"},
		{99999999, "99999999n"},
		{100000000, "100000u"},
		{100000001, "100001u"}, /* up: the server must not give up before us */
		{5 * WM_NS_PER_S, "5000000u"},
		{200 * WM_NS_PER_S, "200000m"},
		{INT64_MAX, "2562048H"},
	};
	char text[WM_RPC_TIMEOUT_TEXT];
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++)
		assert_string_equal(wm_rpc_timeout_format(rows[i].ns, text), rows[i].text);
	for (int64_t ns = 1; ns > 0 && ns < INT64_MAX / 3; ns = ns * 3 + 1) {
		int64_t back = parse(wm_rpc_timeout_format(ns, text));
		assert_true(back >= ns && (back - ns) <= ns / 1000);
	}
}

static void codes(void **state)
{
	assert_int_equal(wm_rpc_code_of_http(400), WM_INTERNAL);
	assert_int_equal(wm_rpc_code_of_http(401), WM_UNAUTHENTICATED);
	assert_int_equal(wm_rpc_code_of_http(403), WM_PERMISSION_DENIED);
	assert_int_equal(wm_rpc_code_of_http(404), WM_UNIMPLEMENTED);
	assert_int_equal(wm_rpc_code_of_http(429), WM_UNAVAILABLE);
	assert_int_equal(wm_rpc_code_of_http(502), WM_UNAVAILABLE);
	assert_int_equal(wm_rpc_code_of_http(503), WM_UNAVAILABLE);
	assert_int_equal(wm_rpc_code_of_http(504), WM_UNAVAILABLE);
	assert_int_equal(wm_rpc_code_of_http(500), WM_UNKNOWN);
	assert_int_equal(wm_rpc_code_of_http(0), WM_UNKNOWN);
	assert_int_equal(wm_rpc_code_of_reset(NGHTTP2_REFUSED_STREAM), WM_UNAVAILABLE);
	assert_int_equal(wm_rpc_code_of_reset(NGHTTP2_CANCEL), WM_CANCELLED);
	assert_int_equal(wm_rpc_code_of_reset(NGHTTP2_ENHANCE_YOUR_CALM), WM_RESOURCE_EXHAUSTED);
	assert_int_equal(wm_rpc_code_of_reset(NGHTTP2_INADEQUATE_SECURITY), WM_PERMISSION_DENIED);
	assert_int_equal(wm_rpc_code_of_reset(NGHTTP2_PROTOCOL_ERROR), WM_INTERNAL);
	assert_int_equal(wm_rpc_code_of_reset(NGHTTP2_NO_ERROR), WM_INTERNAL);
	assert_int_equal(wm_rpc_code_of_reset(NGHTTP2_STREAM_CLOSED), WM_UNKNOWN);
	assert_int_equal(wm_rpc_code_of_reset(0xdeadbeef), WM_UNKNOWN);
	assert_int_equal(wm_rpc_status_of_code(WM_OK), 0);
	assert_int_equal(wm_rpc_status_of_code(WM_UNAUTHENTICATED), 16);
	assert_int_equal(wm_rpc_status_of_code(-17), 2);
	assert_int_equal(wm_rpc_status_of_code(5), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(percent),
		cmocka_unit_test(lenient),
		cmocka_unit_test(cut_at_a_character),
		cmocka_unit_test(timeouts),
		cmocka_unit_test(timeout_texts),
		cmocka_unit_test(codes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
