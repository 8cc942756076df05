/* The server on the loopback: answers, what it keeps open, and every way in which it says enough.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "http/server.h"
#include "loop/conn.h"
#include "loop/loop.h"

#define PATIENCE 60000
#define BIG      (24u << 20) /* more than the buffers of two sockets take */

static struct wm_loop *loop;
static struct wm_http_server *server;
static bool admits;

struct client {
	struct wm_dial dial;
	struct wm_conn *c;
	struct wm_buf got;
	bool ended;
	size_t wanted; /* bytes to wait for */
};

static void on_read(void *arg, struct wm_conn *c, const uint8_t *data, size_t len,
		    const struct wm_err *err)
{
	struct client *k = arg;
	if (len == 0)
		k->ended = true;
	else
		wm_buf_add(&k->got, data, len);
}

static void on_dialed(struct wm_dial *d, struct wm_conn *c, const struct wm_err *err)
{
	static const struct wm_conn_events events = {.on_read = on_read};
	struct client *k = wm_container_of(d, struct client, dial);
	assert_null(err);
	k->c = c;
	wm_conn_set_events(c, &events, k);
}

static bool has_dialed(void *arg)
{
	struct client *k = arg;
	return k->c != NULL;
}

static bool has_ended(void *arg)
{
	struct client *k = arg;
	return k->ended;
}

static bool has_enough(void *arg)
{
	struct client *k = arg;
	return k->got.len >= k->wanted;
}

static void connect_client(struct client *k)
{
	struct wm_endpoint at;
	struct wm_err err;
	*k = (struct client){.wanted = 0};
	wm_http_server_endpoint(server, &at);
	assert_int_equal(wm_dial_start(loop, &k->dial, &at, 0, on_dialed, &err), 0);
	assert_true(wm_loop_run_until(loop, has_dialed, k, PATIENCE));
}

static void say(struct client *k, const char *text)
{
	wm_conn_write(k->c, text, strlen(text));
	wm_conn_read_start(k->c);
}

static void leave(struct client *k)
{
	wm_conn_close(k->c);
	wm_buf_fini(&k->got);
}

static void assert_ends(struct client *k)
{
	assert_true(wm_loop_run_until(loop, has_ended, k, PATIENCE));
}

static bool is_whole(void *arg)
{
	struct client *k = arg;
	const char *text = wm_buf_str(&k->got);
	const char *length = strstr(text, "Content-Length: ");
	const char *body = strstr(text, "\r\n\r\n");
	return body != NULL && length != NULL && strlen(body + 4) >= strtoul(length + 16, NULL, 10);
}

/* Waits for one whole answer and forgets it; its status. */
static unsigned answer_of(struct client *k)
{
	assert_true(wm_loop_run_until(loop, is_whole, k, PATIENCE));
	unsigned status = (unsigned)strtoul(wm_buf_str(&k->got) + 9, NULL, 10);
	wm_buf_clear(&k->got);
	return status;
}

/* Status of the only answer on a connection of its own, which the server then ends. */
static unsigned last_answer_to(const char *text)
{
	struct client k;
	connect_client(&k);
	say(&k, text);
	assert_ends(&k);
	unsigned status = k.got.len > 9 ? (unsigned)strtoul(wm_buf_str(&k.got) + 9, NULL, 10) : 0;
	leave(&k);
	return status;
}

static bool admit(void *arg, const struct wm_endpoint *peer, unsigned interface)
{
	assert_int_not_equal(interface, 0);
	return admits;
}

static void answer(void *arg, const struct wm_http_head *head, struct wm_http_answer *out)
{
	if (wm_streq(head->path, "/big")) {
		out->status = 200;
		memset(wm_buf_reserve(&out->body, BIG), 'x', BIG);
		wm_buf_commit(&out->body, BIG);
	} else if (wm_streq(head->path, "/")) {
		out->status = 200;
		out->type = "text/x";
		wm_buf_add_str(&out->body, "hello\n");
	}
}

static void open_server(struct wm_http_server_opts opts)
{
	struct wm_err err;
	opts.at = (struct wm_endpoint){.addr = wm_addr_v4(0x7f000001)};
	opts.admit = admit;
	opts.answer = answer;
	admits = true;
	assert_int_equal(wm_http_server_open(loop, NULL, &opts, &server, &err), 0);
}

static int setup(void **state)
{
	loop = wm_loop_new(NULL);
	return 0;
}

static int teardown(void **state)
{
	wm_http_server_close(server);
	wm_loop_free(loop);
	return 0;
}

static struct wm_http_stats stats(void)
{
	struct wm_http_stats s;
	wm_http_server_stats(server, &s);
	return s;
}

static uint64_t answers_with(unsigned code)
{
	return stats().answers[wm_http_status_index(code)];
}

static bool has_no_connections(void *arg)
{
	return stats().connections == 0;
}

static void test_answers(void **state)
{
	struct client k;
	open_server((struct wm_http_server_opts){0});
	connect_client(&k);
	say(&k, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_true(wm_loop_run_until(loop, is_whole, &k, PATIENCE));
	const char *text = wm_buf_str(&k.got);
	assert_true(wm_str_starts(text, "HTTP/1.1 200 OK\r\nDate: "));
	assert_non_null(strstr(text, "\r\nContent-Type: text/x\r\nContent-Length: 6\r\n"));
	assert_non_null(strstr(text, "\r\nConnection: keep-alive\r\n\r\nhello\n"));
	wm_buf_clear(&k.got);
	say(&k, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n"); /* on the same connection */
	assert_int_equal(answer_of(&k), 404);
	say(&k, "POST / HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_true(wm_loop_run_until(loop, is_whole, &k, PATIENCE));
	assert_non_null(strstr(wm_buf_str(&k.got), "\r\nAllow: GET, HEAD\r\n"));
	wm_buf_clear(&k.got);
	say(&k, "HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	assert_ends(&k);
	text = wm_buf_str(&k.got);
	assert_non_null(strstr(text, "\r\nContent-Length: 6\r\n"));
	assert_true(wm_str_ends(text, "\r\nConnection: close\r\n\r\n"));
	leave(&k);
	assert_int_equal(answers_with(200), 2);
	assert_int_equal(answers_with(404), 1);
	assert_int_equal(stats().accepted, 1);
}

static void test_requests_come_together(void **state)
{
	struct client k;
	const char *at;
	unsigned n = 0;
	open_server((struct wm_http_server_opts){0});
	connect_client(&k);
	for (int i = 0; i < 20; i++)
		say(&k, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	say(&k, "GET / HTTP/1.0\r\n\r\nGET / HTTP/1.0\r\n\r\n"); /* what follows the last is lost */
	assert_ends(&k);
	for (at = wm_buf_str(&k.got); (at = strstr(at, "hello\n")) != NULL; at++)
		n++;
	assert_int_equal(n, 21);
	leave(&k);
}

static void test_refuses(void **state)
{
	open_server((struct wm_http_server_opts){0});
	assert_int_equal(last_answer_to("GET /\r\n\r\n"), 400);
	assert_int_equal(last_answer_to("GET / HTTP/1.1\n"), 400);
	assert_int_equal(
		last_answer_to("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n123"), 405);
	assert_int_equal(
		last_answer_to("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n123"), 413);
	assert_int_equal(last_answer_to("PRI * HTTP/2.0\r\n\r\n"), 505);
	assert_true(wm_loop_run_until(loop, has_no_connections, NULL, PATIENCE));
}

static void test_slow_heads(void **state)
{
	struct client silent;
	open_server((struct wm_http_server_opts){.head_ns = 500 * WM_NS_PER_MS});
	assert_int_equal(last_answer_to("GET / HT"), 408);
	connect_client(&silent);
	wm_conn_read_start(silent.c);
	assert_ends(&silent); /* without a word */
	assert_int_equal(silent.got.len, 0);
	leave(&silent);
}

static void test_idle(void **state)
{
	struct client k;
	open_server((struct wm_http_server_opts){.idle_ns = 50 * WM_NS_PER_MS});
	connect_client(&k);
	say(&k, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_int_equal(answer_of(&k), 200);
	assert_ends(&k);
	leave(&k);
}

/* An answer that is not taken costs its bytes for a while and no longer. */
static void test_slow_readers(void **state)
{
	struct client k, other;
	open_server((struct wm_http_server_opts){.answer_ns = 1500 * WM_NS_PER_MS,
						 .max_waiting = 1 << 20});
	connect_client(&k);
	wm_conn_write(k.c, "GET /big HTTP/1.0\r\n\r\n", 21);
	connect_client(&other);
	while (answers_with(200) == 0)
		wm_loop_run_until(loop, has_no_connections, NULL, 1);
	say(&other, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_int_equal(answer_of(&other), 503);
	leave(&other);
	assert_true(wm_loop_run_until(loop, has_no_connections, NULL, PATIENCE));
	wm_conn_read_start(k.c);
	assert_ends(&k);
	assert_true(k.got.len < BIG);
	leave(&k);
	connect_client(&other); /* the bytes are given back */
	say(&other, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_int_equal(answer_of(&other), 200);
	leave(&other);
}

static void test_big(void **state)
{
	struct client k;
	open_server((struct wm_http_server_opts){0});
	connect_client(&k);
	k.wanted = BIG;
	say(&k, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_true(wm_loop_run_until(loop, has_enough, &k, PATIENCE));
	say(&k, "GET /big HTTP/1.0\r\n\r\n");
	assert_ends(&k);
	assert_true(k.got.len > 2 * BIG);
	leave(&k);
}

/* A crowd that says nothing keeps nobody out. */
static void test_a_crowd(void **state)
{
	struct client crowd[12], k;
	open_server((struct wm_http_server_opts){.max_connections = 4});
	for (size_t i = 0; i < WM_ARRAY_LEN(crowd); i++) {
		connect_client(&crowd[i]);
		say(&crowd[i], "GET / HT");
	}
	connect_client(&k);
	say(&k, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_int_equal(answer_of(&k), 200);
	assert_ends(&crowd[0]); /* the oldest has gone for it */
	assert_int_equal(stats().connections, 4);
	assert_int_equal(stats().evicted, WM_ARRAY_LEN(crowd) + 1 - 4);
	for (size_t i = 0; i < WM_ARRAY_LEN(crowd); i++)
		leave(&crowd[i]);
	leave(&k);
}

/* Nor does one that does not read what it asked for. */
static void test_all_are_being_answered(void **state)
{
	struct client busy, k;
	open_server((struct wm_http_server_opts){.max_connections = 1});
	connect_client(&busy);
	wm_conn_write(busy.c, "GET /big HTTP/1.0\r\n\r\n", 21);
	while (answers_with(200) == 0)
		wm_loop_run_until(loop, has_no_connections, NULL, 1);
	connect_client(&k);
	say(&k, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_int_equal(answer_of(&k), 200);
	assert_int_equal(stats().evicted, 1);
	assert_int_equal(stats().refused, 0);
	wm_conn_read_start(busy.c);
	assert_ends(&busy);
	assert_true(busy.got.len < BIG);
	leave(&k);
	leave(&busy);
}

static void test_admission(void **state)
{
	struct client k;
	open_server((struct wm_http_server_opts){0});
	admits = false;
	connect_client(&k);
	say(&k, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_ends(&k);
	assert_int_equal(k.got.len, 0);
	assert_int_equal(stats().refused, 1);
	assert_int_equal(stats().accepted, 0);
	leave(&k);
}

/* Closing with a connection in every state leaves nothing behind (the sanitizers look). */
static void test_closing(void **state)
{
	struct client k[3];
	open_server((struct wm_http_server_opts){.max_waiting = 2 * BIG});
	for (size_t i = 0; i < WM_ARRAY_LEN(k); i++)
		connect_client(&k[i]);
	wm_conn_write(k[1].c, "GET /big HTTP/1.0\r\n\r\n", 21);
	while (answers_with(200) == 0)
		wm_loop_run_until(loop, has_no_connections, NULL, 1);
	say(&k[2], "GET / HTTP/1.0\r\n\r\n");
	assert_int_equal(answer_of(&k[2]), 200);
	assert_int_equal(stats().connections, 3);
	wm_http_server_close(server);
	server = NULL;
	for (size_t i = 0; i < WM_ARRAY_LEN(k); i++)
		leave(&k[i]);
}

static void test_port_is_taken(void **state)
{
	struct wm_http_server_opts opts = {.answer = answer};
	struct wm_http_server *second = NULL;
	struct wm_err err;
	open_server((struct wm_http_server_opts){0});
	wm_http_server_endpoint(server, &opts.at);
	assert_int_equal(wm_http_server_open(loop, NULL, &opts, &second, &err), WM_ALREADY_EXISTS);
	assert_null(second);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_answers),
		TEST(test_requests_come_together),
		TEST(test_refuses),
		TEST(test_slow_heads),
		TEST(test_idle),
		TEST(test_slow_readers),
		TEST(test_big),
		TEST(test_a_crowd),
		TEST(test_all_are_being_answered),
		TEST(test_admission),
		TEST(test_closing),
		TEST(test_port_is_taken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
