/* Heads of requests: each rule of RFC 9112 that decides what one is, and every limit at its edge.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "http/head.h"
#include "http/status.h"

static struct wm_http_head head;

static size_t decode_n(const void *p, size_t n)
{
	struct wm_http_scan scan = {0};
	return wm_http_head_decode(&scan, p, n, &head);
}

static size_t decode(const char *text)
{
	return decode_n(text, strlen(text));
}

/* Status of a whole head that begins with @line and has a Host. */
static unsigned status_of(const char *line, const char *fields)
{
	struct wm_buf b = {0};
	wm_buf_printf(&b, "%s\r\nHost: a\r\n%s\r\n", line, fields);
	assert_int_equal(decode_n(b.data, b.len), b.len);
	wm_buf_fini(&b);
	return head.status;
}

static void test_what_is_asked(void **state)
{
	static const char request[] = "GET /metrics?x=1&y HTTP/1.1\r\nHost: node-a:8080\r\n\r\n";
	char two[2 * sizeof(request)];
	assert_int_equal(decode(request), sizeof(request) - 1);
	assert_int_equal(head.status, 0);
	assert_string_equal(head.path, "/metrics");
	assert_string_equal(head.query, "x=1&y");
	assert_true(head.keep_alive);
	assert_false(head.is_head_only);
	strcpy(two, request); /* a second request behind the first stays */
	strcat(two, request);
	assert_int_equal(decode(two), sizeof(request) - 1);
	assert_int_equal(status_of("HEAD / HTTP/1.1", ""), 0);
	assert_true(head.is_head_only);
	assert_string_equal(head.query, "");
}

static void test_whom_it_asks(void **state)
{
	static const struct {
		const char *target, *host, *wanted; /* NULL: refused */
	} rows[] = {
		{"/", "a.example:8080", "a.example"},
		{"/", "A.", "A."},
		{"/", "", ""},
		{"/", ":80", ""},
		{"/", "[::1]:8080", "[::1]"},
		{"/", "[fe80::1%eth0]", "[fe80::1%eth0]"},
		{"/", "[::1", "[::1"},
		{"http://b:1/", "a", "b"},
		{"http://[::2]?x", "a:1", "[::2]"},
		{"http://u@b/", "a", NULL},
		{"/", "u@a", NULL},
		{"/", "a/b", NULL},
		{"/", "a b", NULL},
	};
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		struct wm_buf b = {0};
		wm_buf_printf(&b, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", rows[i].target,
			      rows[i].host);
		assert_int_equal(decode_n(b.data, b.len), b.len);
		assert_int_equal(head.status, rows[i].wanted == NULL ? 400 : 0);
		if (rows[i].wanted != NULL)
			assert_string_equal(head.host, rows[i].wanted);
		wm_buf_fini(&b);
	}
	assert_true(decode("GET / HTTP/1.0\r\n\r\n") > 0);
	assert_string_equal(head.host, "");
	char text[WM_HTTP_HOST_MAX + 64];
	for (int n = WM_HTTP_HOST_MAX; n <= WM_HTTP_HOST_MAX + 1; n++) {
		(void)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: %0*d:1\r\n\r\n", n, 0);
		assert_int_equal(decode(text), strlen(text));
		assert_int_equal(head.status, n > WM_HTTP_HOST_MAX ? 400 : 0);
	}
}

static void test_forms_of_targets(void **state)
{
	assert_int_equal(status_of("GET http://[::1]:80/a?b HTTP/1.1", ""), 0);
	assert_string_equal(head.path, "/a");
	assert_string_equal(head.query, "b");
	assert_int_equal(status_of("GET HTTPS://a HTTP/1.1", ""), 0);
	assert_string_equal(head.path, "/");
	assert_int_equal(status_of("GET http://a?b HTTP/1.1", ""), 0);
	assert_string_equal(head.path, "/");
	assert_string_equal(head.query, "b");
	static const char *const bad[] = {"GET a HTTP/1.1",        "GET * HTTP/1.1",
					  "GET http:// HTTP/1.1",  "GET http:///a HTTP/1.1",
					  "GET ftp://a/ HTTP/1.1", "GET /#a HTTP/1.1",
					  "GET /\x7f HTTP/1.1",    "GET /\xc3\xa4 HTTP/1.1",
					  "GET  / HTTP/1.1",       "GET / b HTTP/1.1"};
	for (size_t i = 0; i < WM_ARRAY_LEN(bad); i++)
		assert_int_equal(status_of(bad[i], ""), 400);
}

static void test_methods_and_versions(void **state)
{
	static const struct {
		const char *line;
		unsigned status;
	} rows[] = {
		{"POST / HTTP/1.1", 405},
		{"PUT /x HTTP/1.0", 405},
		{"DELETE / HTTP/1.1", 405},
		{"OPTIONS * HTTP/1.1", 405},
		{"CONNECT a:1 HTTP/1.1", 405},
		{"TRACE / HTTP/1.1", 405},
		{"PATCH / HTTP/1.1", 405},
		{"get / HTTP/1.1", 501},
		{"BREW / HTTP/1.1", 501},
		{"G(T / HTTP/1.1", 400},
		{" GET / HTTP/1.1", 400},
		{"GET / HTTP/2.0", 505},
		{"PRI * HTTP/2.0", 505},
		{"GET / HTTP/1.9", 0},
		{"GET / HTTP/1.", 400},
		{"GET / http/1.1", 400},
		{"GET / HTTP/1.10", 400},
		{"GET / HTTP/1,1", 400},
		{"GET /", 400},
		{"GET", 400},
		{"GET / HTTP/x.1", 400},
		{"GET / HTTP/1.x", 400},
	};
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++)
		assert_int_equal(status_of(rows[i].line, ""), rows[i].status);
}

static void test_how_long_it_is_kept(void **state)
{
	static const struct {
		const char *line, *fields;
		bool kept;
	} rows[] = {
		{"GET / HTTP/1.1", "", true},
		{"GET / HTTP/1.1", "Connection: close\r\n", false},
		{"GET / HTTP/1.1", "Connection: x ,\tClose\r\n", false},
		{"GET / HTTP/1.1", "connection: keep-alive\r\nConnection: close\r\n", false},
		{"GET / HTTP/1.0", "", false},
		{"GET / HTTP/1.0", "Connection: Keep-Alive\r\n", true},
		{"GET / HTTP/1.0", "Connection: keep-alive, close\r\n", false},
		{"POST / HTTP/1.1", "", true},
		{"POST / HTTP/1.1", "Content-Length: 1\r\n", false},
		{"GET / HTTP/1.1", "Content-Length: 0\r\n", true},
		{"GET / HTTP/2.0", "", false},
	};
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		(void)status_of(rows[i].line, rows[i].fields);
		assert_int_equal(head.keep_alive, rows[i].kept);
	}
}

static void test_content_is_not_taken(void **state)
{
	static const struct {
		const char *fields;
		unsigned status;
	} rows[] = {
		{"Content-Length: 1\r\n", 413},
		{"Content-Length: 00\r\n", 0},
		{"Content-Length: 99999999999999999999999999\r\n", 413},
		{"Transfer-Encoding: chunked\r\n", 413},
		{"Transfer-Encoding: gzip, Chunked\r\n", 413},
		{"Content-Length: 1\r\nExpect: 100-continue\r\n", 413},
		{"Expect: cake\r\n", 417},
		{"Content-Length: -1\r\n", 400},
		{"Content-Length: +1\r\n", 400},
		{"Content-Length: 1, 1\r\n", 400},
		{"Content-Length:\r\n", 400},
		{"Content-Length: 1\r\nContent-Length: 1\r\n", 400},
		{"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", 400},
		{"Transfer-Encoding: chunked, gzip\r\n", 400},
		{"Transfer-Encoding:\r\n", 400},
	};
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		assert_int_equal(status_of("GET / HTTP/1.1", rows[i].fields), rows[i].status);
		if (rows[i].status != 0)
			assert_false(head.keep_alive && rows[i].status != 417);
	}
	assert_int_equal(status_of("GET / HTTP/1.0", "Transfer-Encoding: chunked\r\n"), 400);
}

static void test_fields_that_are_none(void **state)
{
	static const char *const bad[] = {
		"Host: a\r\n",  "Host\r\n",    ": a\r\n",         "Ho st: a\r\n",
		"X : a\r\n",    " X: a\r\n",   "X: a\r\n b\r\n",  "X: a\001\r\n",
		"X: a\177\r\n", "X\tY: a\r\n", "\xc3\xa4: a\r\n",
	};
	for (size_t i = 0; i < WM_ARRAY_LEN(bad); i++)
		assert_int_equal(status_of("GET / HTTP/1.1", bad[i]), 400);
	assert_int_equal(status_of("GET / HTTP/1.1", "X: \xc3\xa4 \t z\r\nY:\r\n"), 0);
	/* Host: once in 1.1, at most once in 1.0, and nothing but a name. */
	decode("GET / HTTP/1.1\r\n\r\n");
	assert_int_equal(head.status, 400);
	decode("GET / HTTP/1.0\r\n\r\n");
	assert_int_equal(head.status, 0);
	decode("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n");
	assert_int_equal(head.status, 400);
	decode("GET / HTTP/1.1\r\nHost: a b\r\n\r\n");
	assert_int_equal(head.status, 400);
	decode("GET / HTTP/1.1\r\nHost:\r\n\r\n");
	assert_int_equal(head.status, 0);
}

static void test_ends_of_lines(void **state)
{
	static const char *const bad[] = {"GET / HTTP/1.1\nHost: a\n\n", "GET / HTTP/1.1\r\rX",
					  "\n", "\r\n\r\n", "GET /\r HTTP/1.1\r\n\r\n"};
	for (size_t i = 0; i < WM_ARRAY_LEN(bad); i++) {
		assert_int_equal(decode(bad[i]),
				 strlen(bad[i])); /* at once: no end is waited for */
		assert_int_equal(head.status, 400);
	}
	assert_int_equal(decode_n("GET /\0", 6), 6);
	assert_int_equal(head.status, 400);
	assert_int_equal(decode("\r\nGET / HTTP/1.0\r\n\r\n"), 20);
	assert_int_equal(head.status, 0);
	assert_int_equal(decode(""), 0);
	assert_int_equal(decode("GET / HTTP/1.1\r\nHost: a\r\n\r"), 0);
}

static void test_pieces(void **state)
{
	static const char text[] = "\r\nGET /a?b HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n";
	struct wm_http_scan scan = {0};
	for (size_t n = 1; n < sizeof(text) - 1; n++)
		assert_int_equal(wm_http_head_decode(&scan, (const uint8_t *)text, n, &head), 0);
	assert_int_equal(wm_http_head_decode(&scan, (const uint8_t *)text, sizeof(text) - 1, &head),
			 sizeof(text) - 1);
	assert_string_equal(head.path, "/a");
}

/* Status of "GET /aaa" with a target of @n bytes. */
static unsigned with_target(size_t n)
{
	char line[2 * WM_HTTP_TARGET_MAX] = "GET /";
	memset(line + 5, 'a', n - 1);
	strcpy(line + 4 + n, " HTTP/1.1");
	return status_of(line, "");
}

static unsigned with_fields(size_t n)
{
	struct wm_buf b = {0};
	for (size_t i = 1; i < n; i++) /* one is Host */
		wm_buf_add_str(&b, "x:\r\n");
	unsigned status = status_of("GET / HTTP/1.1", wm_buf_str(&b));
	wm_buf_fini(&b);
	return status;
}

static unsigned with_bytes(size_t n)
{
	struct wm_buf b = {0};
	wm_buf_add_str(&b, "GET / HTTP/1.1\r\nHost: a\r\nX: ");
	while (b.len < n - 4)
		wm_buf_add_str(&b, "y");
	wm_buf_add_str(&b, "\r\n\r\n");
	(void)decode_n(b.data, b.len);
	wm_buf_fini(&b);
	return head.status;
}

static void test_limits(void **state)
{
	char endless[3 * WM_HTTP_HEAD_MAX];
	assert_int_equal(with_target(WM_HTTP_TARGET_MAX), 0);
	assert_int_equal(strlen(head.path), WM_HTTP_TARGET_MAX);
	assert_int_equal(with_target(WM_HTTP_TARGET_MAX + 1), 414);
	assert_int_equal(with_fields(WM_HTTP_FIELDS_MAX), 0);
	assert_int_equal(with_fields(WM_HTTP_FIELDS_MAX + 1), 431);
	assert_int_equal(with_bytes(WM_HTTP_HEAD_MAX), 0);
	assert_int_equal(with_bytes(WM_HTTP_HEAD_MAX + 1), 431);
	memset(endless, 'a', sizeof(endless)); /* a line without an end is not waited for */
	assert_int_equal(decode_n(endless, sizeof(endless)), sizeof(endless));
	assert_int_equal(head.status, 414);
	memcpy(endless, "GET / HTTP/1.1\r\n", 16);
	assert_int_equal(decode_n(endless, sizeof(endless)), sizeof(endless));
	assert_int_equal(head.status, 431);
	assert_false(head.keep_alive);
}

static void test_statuses_and_dates(void **state)
{
	char date[WM_HTTP_DATE_TEXT];
	for (size_t i = 0; i < WM_HTTP_STATUSES; i++)
		assert_int_equal(wm_http_status_index(wm_http_statuses[i].code), i);
	assert_int_equal(wm_http_statuses[wm_http_status_index(299)].code, 500);
	assert_string_equal(wm_http_date_format(784111777000000000, date),
			    "Sun, 06 Nov 1994 08:49:37 GMT"); /* RFC 9110's example */
	assert_string_equal(wm_http_date_format(1709251199999999999, date),
			    "Thu, 29 Feb 2024 23:59:59 GMT");
	assert_string_equal(wm_http_date_format(0, date), "Thu, 01 Jan 1970 00:00:00 GMT");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_asked),
		cmocka_unit_test(test_whom_it_asks),
		cmocka_unit_test(test_forms_of_targets),
		cmocka_unit_test(test_methods_and_versions),
		cmocka_unit_test(test_how_long_it_is_kept),
		cmocka_unit_test(test_content_is_not_taken),
		cmocka_unit_test(test_fields_that_are_none),
		cmocka_unit_test(test_ends_of_lines),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_statuses_and_dates),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
