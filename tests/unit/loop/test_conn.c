/* Streams over the loopback: listening, dialing, reading, writing, and every way to end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "loop/conn.h"
#include "loop/loop.h"

#define PATIENCE 60000
#define TIMEOUT  (60 * WM_NS_PER_S)

static struct wm_loop *loop;
static char folder[] = "/tmp/wm-conn-XXXXXX";

/* One end of a stream and what it has seen. */
struct end {
	struct wm_conn *c;
	struct wm_buf got;
	unsigned n_ends, n_drains;
	int end_code; /* 1 = no end yet */
	bool echoes, closes_on_read, closes_on_end;
	struct wm_defer turn_over;
	size_t of_turn, most_of_turn; /* bytes */
};

/* A listener, a dialed connection and the one it accepted. */
struct pair {
	struct wm_listener *l;
	struct wm_dial dial;
	struct end near, far;
	unsigned n_accepted, n_dialed;
	int dial_code;
	char dial_text[WM_ERR_TEXT];
};

static void on_turn_over(struct wm_defer *d)
{
	wm_container_of(d, struct end, turn_over)->of_turn = 0;
}

static void on_read(void *arg, struct wm_conn *c, const uint8_t *data, size_t len,
		    const struct wm_err *err)
{
	struct end *e = arg;

	assert_ptr_equal(e->c, c);
	assert_int_equal(e->n_ends, 0); /* nothing comes after the end */
	if (len == 0) {
		e->n_ends++;
		e->end_code = err != NULL ? err->code : WM_OK;
		if (e->closes_on_end) {
			e->c = NULL;
			wm_conn_close(c);
		}
		return;
	}
	assert_null(err);
	wm_buf_add(&e->got, data, len);
	wm_defer(loop, &e->turn_over, on_turn_over);
	e->of_turn += len;
	if (e->of_turn > e->most_of_turn)
		e->most_of_turn = e->of_turn;
	if (e->echoes)
		wm_conn_write(c, data, len);
	if (e->closes_on_read) {
		e->c = NULL;
		wm_conn_close(c);
	}
}

static void on_drain(void *arg, struct wm_conn *c)
{
	struct end *e = arg;

	assert_int_equal(wm_conn_queued(c), 0);
	e->n_drains++;
}

static const struct wm_conn_events events = {.on_read = on_read, .on_drain = on_drain};

static void take(struct end *e, struct wm_conn *c)
{
	e->c = c;
	e->end_code = 1;
	wm_conn_set_events(c, &events, e);
	wm_conn_read_start(c);
}

static void on_accept(void *arg, struct wm_conn *c)
{
	struct pair *p = arg;

	p->n_accepted++;
	if (p->far.c != NULL)
		wm_conn_close(c);
	else
		take(&p->far, c);
}

static void on_dialed(struct wm_dial *d, struct wm_conn *c, const struct wm_err *err)
{
	struct pair *p = wm_container_of(d, struct pair, dial);

	p->n_dialed++;
	p->dial_code = err != NULL ? err->code : WM_OK;
	assert_int_equal(c == NULL, err != NULL);
	if (err != NULL)
		memcpy(p->dial_text, err->text, sizeof(p->dial_text));
	else
		take(&p->near, c);
}

static int setup(void **state)
{
	loop = wm_loop_new(NULL);
	*state = wm_alloc(sizeof(struct pair));
	return 0;
}

static int teardown(void **state)
{
	struct pair *p = *state;

	wm_conn_close(p->near.c);
	wm_conn_close(p->far.c);
	wm_listener_close(p->l);
	wm_loop_free(loop);
	wm_buf_fini(&p->near.got);
	wm_buf_fini(&p->far.got);
	wm_free(p);
	return 0;
}

static void must(int code)
{
	assert_int_equal(code, 0);
}

static struct wm_endpoint endpoint(const char *s)
{
	struct wm_endpoint e;

	assert_true(wm_endpoint_parse(s, &e));
	return e;
}

static struct wm_endpoint listen_at(struct pair *p, const char *at)
{
	struct wm_listen_opts opts = {.at = endpoint(at)};
	struct wm_endpoint real;

	must(wm_listener_open(loop, &opts, on_accept, p, &p->l, NULL));
	wm_listener_endpoint(p->l, &real);
	return real;
}

static bool is_connected(void *arg)
{
	struct pair *p = arg;

	return p->near.c != NULL && p->far.c != NULL;
}

static void connect_pair(struct pair *p)
{
	struct wm_endpoint to = listen_at(p, "127.0.0.1:0");

	assert_true(to.port != 0);
	must(wm_dial_start(loop, &p->dial, &to, TIMEOUT, on_dialed, NULL));
	assert_int_equal(p->n_dialed, 0);
	assert_true(wm_loop_run_until(loop, is_connected, p, PATIENCE));
}

static void connect_local(struct pair *p, const char *path)
{
	struct wm_listen_opts opts = {.path = path};

	must(wm_listener_open(loop, &opts, on_accept, p, &p->l, NULL));
	must(wm_dial_start_path(loop, &p->dial, path, TIMEOUT, on_dialed, NULL));
	assert_true(wm_loop_run_until(loop, is_connected, p, PATIENCE));
}

static const char *local_path(const char *name)
{
	static char path[64];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static bool has_ended(void *arg)
{
	return ((struct end *)arg)->n_ends > 0;
}

static bool has_byte(void *arg)
{
	return ((struct end *)arg)->got.len > 0;
}

static bool has_dialed(void *arg)
{
	return ((struct pair *)arg)->n_dialed > 0;
}

static bool never(void *arg)
{
	return false;
}

/* ---- the ordinary ---- */

static bool has_hello(void *arg)
{
	return ((struct end *)arg)->got.len == 5;
}

static void echo_hello(struct pair *p)
{
	p->far.echoes = true;
	wm_conn_write(p->near.c, "hello", 5);
	wm_conn_write(p->near.c, NULL, 0);
	assert_true(wm_loop_run_until(loop, has_hello, &p->near, PATIENCE));
	assert_string_equal(wm_buf_str(&p->near.got), "hello");
}

static void test_echo_over_tcp(void **state)
{
	struct pair *p = *state;
	struct wm_endpoint a, b;

	connect_pair(p);
	echo_hello(p);
	assert_true(wm_conn_peer(p->near.c, &a) && wm_conn_local(p->far.c, &b));
	assert_true(wm_endpoint_equal(&a, &b));
	assert_true(wm_conn_local(p->near.c, &a) && wm_conn_peer(p->far.c, &b));
	assert_true(wm_endpoint_equal(&a, &b));
	assert_true(wm_addr_is_loopback(&a.addr));
	assert_int_equal(wm_conn_interface(p->far.c), if_nametoindex("lo"));
}

/* A maker of sockets for dials, which tells them by an option that stays with them. */
struct maker {
	int rc;
	bool is_passing, makes_files;
	unsigned asked;
};

#define MARK 4321 /* bytes of a send buffer; the kernel doubles it */

static int tcp_socket(void)
{
	const int mark = MARK;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd > 0);
	must(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &mark, sizeof(mark)));
	return fd;
}

static int make_socket(void *arg, const struct wm_endpoint *to, int *out, struct wm_err *err)
{
	struct maker *m = arg;

	m->asked++;
	assert_true(wm_addr_is_loopback(&to->addr) && to->port != 0);
	if (m->rc != 0)
		return wm_fail(err, m->rc, "no socket today");
	if (m->makes_files)
		*out = dup(STDERR_FILENO);
	else
		*out = m->is_passing ? -1 : tcp_socket();
	return 0;
}

/* Descriptors of this process that are sockets made by tcp_socket. */
static unsigned count_marked(void)
{
	unsigned n = 0;

	for (int fd = 3; fd < 256; fd++) {
		socklen_t len = sizeof(int);
		int size = 0;

		n += getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, &len) == 0 && size == 2 * MARK;
	}
	return n;
}

static void test_sockets_that_somebody_has_made(void **state)
{
	struct pair *p = *state;
	struct maker maker = {.rc = 0};
	struct wm_listen_opts opts = {.at = endpoint("127.0.0.1:0"), .socket = tcp_socket()};
	struct wm_endpoint to;

	must(wm_listener_open(loop, &opts, on_accept, p, &p->l, NULL));
	wm_listener_endpoint(p->l, &to);
	assert_int_equal(count_marked(), 1);
	wm_loop_set_sockets(loop, make_socket, &maker);
	must(wm_dial_start(loop, &p->dial, &to, TIMEOUT, on_dialed, NULL));
	assert_true(wm_loop_run_until(loop, is_connected, p, PATIENCE));
	assert_int_equal(maker.asked, 1);
	assert_true(count_marked() >= 2); /* what is accepted may inherit it */
	echo_hello(p);
}

static void test_a_socket_that_is_not_made_or_not_fit(void **state)
{
	struct pair *p = *state;
	struct maker maker = {.rc = WM_UNAVAILABLE};
	struct wm_endpoint to = listen_at(p, "127.0.0.1:0");
	struct wm_listen_opts opts = {.at = endpoint("127.0.0.1:0")};
	struct wm_listener *l = NULL;
	struct wm_err err;

	wm_loop_set_sockets(loop, make_socket, &maker);
	assert_int_equal(wm_dial_start(loop, &p->dial, &to, TIMEOUT, on_dialed, &err),
			 WM_UNAVAILABLE);
	assert_string_equal(err.text, "no socket today");
	maker = (struct maker){.makes_files = true};
	assert_int_not_equal(wm_dial_start(loop, &p->dial, &to, TIMEOUT, on_dialed, &err), 0);
	opts.socket = dup(STDERR_FILENO);
	assert_int_not_equal(wm_listener_open(loop, &opts, on_accept, p, &l, &err), 0);
	assert_null(l);
	assert_int_equal(p->n_dialed, 0);
	maker = (struct maker){.is_passing = true}; /* one as usual */
	must(wm_dial_start(loop, &p->dial, &to, TIMEOUT, on_dialed, NULL));
	assert_true(wm_loop_run_until(loop, is_connected, p, PATIENCE));
	echo_hello(p);
}

static void test_echo_over_a_local_socket(void **state)
{
	struct pair *p = *state;
	struct wm_endpoint e;
	struct stat st;

	connect_local(p, local_path("echo"));
	must(stat(local_path("echo"), &st));
	assert_int_equal(st.st_mode & 0777, 0600);
	echo_hello(p);
	assert_false(wm_conn_peer(p->near.c, &e));
	assert_false(wm_conn_local(p->near.c, &e));
	assert_int_equal(wm_conn_interface(p->far.c), 0);
	wm_listener_endpoint(p->l, &e);
	assert_false(wm_addr_is_valid(&e.addr));
	wm_listener_close(p->l);
	p->l = NULL;
	assert_int_equal(stat(local_path("echo"), &st), -1);
}

static void test_any_v6_takes_v4_too(void **state)
{
	struct pair *p = *state;
	struct wm_endpoint to = listen_at(p, "[::]:0");

	to.addr = wm_addr_v4(0x7f000001);
	must(wm_dial_start(loop, &p->dial, &to, TIMEOUT, on_dialed, NULL));
	assert_true(wm_loop_run_until(loop, is_connected, p, PATIENCE));
	assert_true(wm_conn_peer(p->far.c, &to));
	assert_int_equal(to.addr.family, WM_IPV4); /* not a mapped one */
}

/* ---- ends ---- */

static void test_an_orderly_end(void **state)
{
	struct pair *p = *state;

	connect_pair(p);
	wm_conn_write(p->near.c, "bye", 3);
	wm_conn_shutdown(p->near.c);
	wm_conn_shutdown(p->near.c);
	assert_true(wm_loop_run_until(loop, has_ended, &p->far, PATIENCE));
	assert_int_equal(p->far.end_code, WM_OK);
	assert_string_equal(wm_buf_str(&p->far.got), "bye");
	/* The other direction still lives. */
	wm_conn_write(p->far.c, "still", 5);
	assert_true(wm_loop_run_until(loop, has_hello, &p->near, PATIENCE));
	wm_conn_close(p->far.c);
	p->far.c = NULL;
	assert_true(wm_loop_run_until(loop, has_ended, &p->near, PATIENCE));
	assert_int_equal(p->near.end_code, WM_OK);
}

static void test_closing_is_an_end_for_the_peer(void **state)
{
	struct pair *p = *state;

	connect_pair(p);
	wm_conn_close(p->near.c);
	p->near.c = NULL;
	assert_true(wm_loop_run_until(loop, has_ended, &p->far, PATIENCE));
	assert_int_equal(p->far.end_code, WM_OK);
	assert_int_equal(p->near.n_ends, 0); /* who closes hears nothing */
}

/* A peer that hangs up with our bytes unread sends a reset. */
static void test_a_reset_is_an_error(void **state)
{
	struct pair *p = *state;

	connect_pair(p);
	wm_conn_read_pause(p->far.c);
	wm_conn_write(p->near.c, "unread", 6);
	assert_false(wm_loop_run_until(loop, never, NULL, 5));
	wm_conn_close(p->far.c);
	p->far.c = NULL;
	assert_true(wm_loop_run_until(loop, has_ended, &p->near, PATIENCE));
	assert_int_equal(p->near.end_code, WM_UNAVAILABLE);
}

/* Nobody reads, so only writing can find out; the owner must hear of it all the same. */
static void test_a_paused_reader_hears_of_a_broken_write(void **state)
{
	struct pair *p = *state;
	static char much[100000];

	connect_pair(p);
	wm_conn_read_pause(p->near.c);
	wm_conn_read_pause(p->far.c);
	for (int i = 0; i < 100; i++)
		wm_conn_write(p->near.c, much, sizeof(much));
	assert_true(wm_conn_queued(p->near.c) > 0);
	wm_conn_close(p->far.c);
	p->far.c = NULL;
	assert_true(wm_loop_run_until(loop, has_ended, &p->near, PATIENCE));
	assert_int_equal(p->near.end_code, WM_UNAVAILABLE);
	assert_int_equal(wm_conn_queued(p->near.c), 0);
	wm_conn_write(p->near.c, "x", 1); /* harmless now */
	wm_conn_shutdown(p->near.c);
	wm_conn_read_start(p->near.c);
	assert_false(wm_loop_run_until(loop, never, NULL, 2));
	assert_int_equal(p->near.n_ends, 1);
}

/* The peer's last words are read before its reset is told. */
static void test_last_words_are_heard_although_writing_fails(void **state)
{
	struct pair *p = *state;

	connect_local(p, local_path("words"));
	wm_conn_write(p->far.c, "no!!!", 5);
	wm_conn_close(p->far.c);
	p->far.c = NULL;
	wm_conn_write(p->near.c, "question", 8); /* fails: nobody is there */
	assert_true(wm_loop_run_until(loop, has_ended, &p->near, PATIENCE));
	assert_string_equal(wm_buf_str(&p->near.got), "no!!!");
	assert_true(p->near.end_code < 0);
}

static void test_closing_inside_callbacks(void **state)
{
	struct pair *p = *state;

	connect_pair(p);
	p->far.closes_on_read = true;
	p->near.closes_on_end = true;
	wm_conn_write(p->near.c, "hello", 5);
	assert_true(wm_loop_run_until(loop, has_ended, &p->near, PATIENCE));
	assert_int_equal(p->near.end_code, WM_OK);
	assert_null(p->near.c);
	assert_null(p->far.c);
	wm_conn_close(NULL);
}

/* ---- reading and writing with bounds ---- */

static void test_pausing_holds_bytes_back(void **state)
{
	struct pair *p = *state;

	connect_pair(p);
	wm_conn_read_pause(p->far.c);
	wm_conn_read_pause(p->far.c);
	wm_conn_write(p->near.c, "hello", 5);
	assert_false(wm_loop_run_until(loop, never, NULL, 5));
	assert_int_equal(p->far.got.len, 0);
	wm_conn_read_start(p->far.c);
	wm_conn_read_start(p->far.c);
	assert_true(wm_loop_run_until(loop, has_hello, &p->far, PATIENCE));
}

#define MUCH (8 << 20)

static bool has_much(void *arg)
{
	return ((struct end *)arg)->got.len == MUCH;
}

static void test_what_the_kernel_does_not_take_is_counted(void **state)
{
	struct pair *p = *state;
	uint8_t *much = wm_alloc(MUCH);

	for (size_t i = 0; i < MUCH; i++)
		much[i] = (uint8_t)(i * 2654435761U >> 13);
	connect_pair(p);
	wm_conn_read_pause(p->far.c);
	assert_int_equal(wm_conn_queued(p->near.c), 0);
	for (size_t at = 0; at < MUCH; at += MUCH / 16) {
		size_t before = wm_conn_queued(p->near.c);

		wm_conn_write(p->near.c, much + at, MUCH / 16);
		assert_true(wm_conn_queued(p->near.c) >= before);
		assert_true(wm_conn_queued(p->near.c) <= at + MUCH / 16);
	}
	assert_true(wm_conn_queued(p->near.c) > 0);
	assert_int_equal(p->near.n_drains, 0);
	wm_conn_shutdown(p->near.c); /* goes behind all of it */
	wm_conn_read_start(p->far.c);
	assert_true(wm_loop_run_until(loop, has_much, &p->far, PATIENCE));
	assert_memory_equal(p->far.got.data, much, MUCH);
	assert_true(wm_loop_run_until(loop, has_ended, &p->far, PATIENCE));
	assert_int_equal(p->far.end_code, WM_OK);
	assert_int_equal(p->near.n_drains, 1);
	assert_int_equal(wm_conn_queued(p->near.c), 0);
	assert_in_range(p->far.most_of_turn, 1, 16384); /* others get their turn meanwhile */
	wm_free(much);
}

static bool has_hundred(void *arg)
{
	return ((struct end *)arg)->got.len >= 100000;
}

static void test_reading_little_at_a_time(void **state)
{
	struct pair *p = *state;
	static char much[100000];

	connect_pair(p);
	wm_conn_read_most(p->far.c, 1000);
	wm_conn_write(p->near.c, much, sizeof(much));
	assert_true(wm_loop_run_until(loop, has_hundred, &p->far, PATIENCE));
	assert_int_equal(p->far.most_of_turn, 1000);
	/* As much as the loop has room for, and not more. */
	wm_conn_read_most(p->far.c, 1 << 20);
	wm_conn_read_pause(p->far.c);
	wm_buf_clear(&p->far.got);
	for (int i = 0; i < 10; i++)
		wm_conn_write(p->near.c, much, sizeof(much));
	wm_conn_read_start(p->far.c);
	assert_true(wm_loop_run_until(loop, has_hundred, &p->far, PATIENCE));
	assert_in_range(p->far.most_of_turn, 1001, 16384);
}

static void test_closing_with_bytes_queued(void **state)
{
	struct pair *p = *state;
	static char much[1 << 20];

	connect_pair(p);
	wm_conn_read_pause(p->far.c);
	for (int i = 0; i < 16; i++)
		wm_conn_write(p->near.c, much, sizeof(much));
	assert_true(wm_conn_queued(p->near.c) > 0);
	wm_conn_close(p->near.c);
	p->near.c = NULL;
	assert_false(wm_loop_run_until(loop, never, NULL, 2));
	assert_int_equal(p->near.n_drains + p->near.n_ends, 0);
}

/* ---- dialing that fails ---- */

static void test_a_refused_dial(void **state)
{
	struct pair *p = *state;
	struct wm_endpoint to = listen_at(p, "127.0.0.1:0");
	char text[WM_ENDPOINT_TEXT];

	wm_listener_close(p->l);
	p->l = NULL;
	assert_false(wm_loop_run_until(loop, never, NULL, 1));
	must(wm_dial_start(loop, &p->dial, &to, TIMEOUT, on_dialed, NULL));
	assert_true(wm_loop_run_until(loop, has_dialed, p, PATIENCE));
	assert_int_equal(p->dial_code, WM_UNAVAILABLE);
	assert_non_null(strstr(p->dial_text, wm_endpoint_format(&to, text)));
	assert_non_null(strstr(p->dial_text, "refused"));
}

/* A listener whose queue is full does not answer at all. */
static void test_a_dial_without_answer_ends_in_time(void **state)
{
	struct sockaddr_storage sa;
	struct wm_endpoint at = endpoint("127.0.0.1:0");
	socklen_t len = wm_endpoint_to_sockaddr(&at, &sa);
	int fd = socket(AF_INET, SOCK_STREAM, 0), fill[8];
	struct pair *p = *state;

	must(bind(fd, (struct sockaddr *)&sa, len));
	must(listen(fd, 0));
	must(getsockname(fd, (struct sockaddr *)&sa, &len));
	for (size_t i = 0; i < WM_ARRAY_LEN(fill); i++) {
		fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		if (connect(fill[i], (struct sockaddr *)&sa, len) != 0)
			assert_int_equal(errno, EINPROGRESS);
	}
	assert_true(wm_endpoint_from_sockaddr((struct sockaddr *)&sa, &at));
	must(wm_dial_start(loop, &p->dial, &at, 30 * WM_NS_PER_MS, on_dialed, NULL));
	assert_true(wm_loop_run_until(loop, has_dialed, p, PATIENCE));
	assert_int_equal(p->dial_code, WM_DEADLINE_EXCEEDED);
	assert_non_null(strstr(p->dial_text, "30 ms"));
	for (size_t i = 0; i < WM_ARRAY_LEN(fill); i++)
		close(fill[i]);
	close(fd);
}

static void test_a_cancelled_dial(void **state)
{
	struct pair *p = *state;
	struct wm_endpoint to = listen_at(p, "127.0.0.1:0");

	must(wm_dial_start(loop, &p->dial, &to, TIMEOUT, on_dialed, NULL));
	wm_dial_cancel(&p->dial);
	wm_dial_cancel(&p->dial);
	assert_int_equal(p->n_dialed, 0);
	assert_true(wm_loop_run_until(loop, has_dialed, p, PATIENCE));
	assert_int_equal(p->dial_code, WM_CANCELLED);
	assert_false(wm_loop_run_until(loop, never, NULL, 2));
	assert_int_equal(p->n_dialed, 1);
	wm_dial_cancel(&p->dial);
}

static void note_cancelled(struct wm_dial *d, struct wm_conn *c, const struct wm_err *err)
{
	assert_null(c);
	assert_int_equal(err->code, WM_CANCELLED);
	d->impl = d; /* seen */
}

/* The loop that is freed lets it answer, as it lets all requests. */
static void test_a_dial_cancelled_at_the_end(void **state)
{
	struct wm_loop *last = wm_loop_new(NULL);
	struct wm_endpoint to = endpoint("127.0.0.1:1");
	struct wm_dial d;

	must(wm_dial_start(last, &d, &to, TIMEOUT, note_cancelled, NULL));
	wm_dial_cancel(&d);
	assert_null(d.impl);
	wm_loop_free(last);
	assert_ptr_equal(d.impl, &d);
}

static unsigned n_freed_dials;

static void free_dial(struct wm_dial *d, struct wm_conn *c, const struct wm_err *err)
{
	wm_conn_close(c);
	wm_free(d);
	n_freed_dials++;
}

static bool all_dials_freed(void *arg)
{
	return n_freed_dials == 4;
}

static void test_a_dial_may_be_freed_from_inside(void **state)
{
	struct pair *p = *state;
	struct wm_endpoint to = listen_at(p, "127.0.0.1:0");

	n_freed_dials = 0;
	for (int i = 0; i < 4; i++) {
		struct wm_dial *d = wm_alloc(sizeof(*d));

		must(wm_dial_start(loop, d, &to, i % 2 == 0 ? TIMEOUT : 0, free_dial, NULL));
		if (i >= 2)
			wm_dial_cancel(d);
	}
	assert_true(wm_loop_run_until(loop, all_dials_freed, NULL, PATIENCE));
}

static void test_dials_that_do_not_start(void **state)
{
	struct wm_endpoint none = {0}, no_port = endpoint("127.0.0.1:0");
	struct pair *p = *state;
	struct wm_err err;
	char longer[200];

	memset(longer, 'p', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(wm_dial_start(loop, &p->dial, &none, 0, on_dialed, &err),
			 WM_INVALID_ARGUMENT);
	assert_int_equal(wm_dial_start(loop, &p->dial, &no_port, 0, on_dialed, NULL),
			 WM_INVALID_ARGUMENT);
	assert_int_equal(wm_dial_start_path(loop, &p->dial, longer, 0, on_dialed, &err),
			 WM_INVALID_ARGUMENT);
	assert_int_equal(wm_dial_start_path(loop, &p->dial, "", 0, on_dialed, NULL),
			 WM_INVALID_ARGUMENT);
	assert_false(wm_loop_run_until(loop, never, NULL, 2));
	assert_int_equal(p->n_dialed, 0);
}

static void test_a_local_socket_that_is_not_there(void **state)
{
	struct pair *p = *state;

	must(wm_dial_start_path(loop, &p->dial, local_path("nothing"), TIMEOUT, on_dialed, NULL));
	assert_true(wm_loop_run_until(loop, has_dialed, p, PATIENCE));
	assert_int_equal(p->dial_code, WM_NOT_FOUND);
	assert_non_null(strstr(p->dial_text, local_path("nothing")));
}

/* ---- listening that fails, and pausing ---- */

static void test_a_taken_port_is_an_error(void **state)
{
	struct pair *p = *state;
	struct wm_listen_opts opts = {.at = listen_at(p, "127.0.0.1:0")};
	struct wm_listener *second = NULL;
	struct wm_err err;

	assert_int_equal(wm_listener_open(loop, &opts, on_accept, p, &second, &err),
			 WM_ALREADY_EXISTS);
	assert_null(second);
	assert_non_null(strstr(err.text, "127.0.0.1:"));
	assert_non_null(strstr(err.text, "in use"));
}

/* Even when the other one is willing to share it. */
static void test_a_shared_port_is_taken_too(void **state)
{
	struct sockaddr_storage sa;
	struct wm_endpoint at = endpoint("127.0.0.1:0");
	socklen_t len = wm_endpoint_to_sockaddr(&at, &sa);
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
	struct wm_listen_opts opts = {0};
	struct pair *p = *state;
	struct wm_err err;

	must(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)));
	must(bind(fd, (struct sockaddr *)&sa, len));
	must(listen(fd, 1));
	must(getsockname(fd, (struct sockaddr *)&sa, &len));
	assert_true(wm_endpoint_from_sockaddr((struct sockaddr *)&sa, &opts.at));
	assert_int_equal(wm_listener_open(loop, &opts, on_accept, p, &p->l, &err),
			 WM_ALREADY_EXISTS);
	close(fd);
}

static void test_what_cannot_be_listened_on(void **state)
{
	struct wm_listen_opts none = {0}, foreign = {.at = endpoint("192.0.2.1:5")};
	struct wm_listen_opts deep = {.path = "/nonexistent/folder/socket"};
	struct pair *p = *state;
	struct wm_err err;

	assert_int_equal(wm_listener_open(loop, &none, on_accept, p, &p->l, &err),
			 WM_INVALID_ARGUMENT);
	assert_int_equal(wm_listener_open(loop, &foreign, on_accept, p, &p->l, &err),
			 WM_UNAVAILABLE);
	assert_true(wm_listener_open(loop, &deep, on_accept, p, &p->l, &err) < 0);
	assert_non_null(strstr(err.text, deep.path));
	assert_null(p->l);
}

static void test_an_abandoned_local_socket_is_replaced(void **state)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	wm_str_copy(sa.sun_path, sizeof(sa.sun_path), local_path("abandoned"));
	must(bind(fd, (struct sockaddr *)&sa, sizeof(sa)));
	close(fd); /* as if killed: the file stays */
	connect_local(*state, local_path("abandoned"));
}

static void test_a_local_socket_in_use_is_not(void **state)
{
	struct wm_listen_opts opts = {.path = local_path("used")};
	struct wm_listener *second = NULL;
	struct pair *p = *state;
	struct wm_err err;

	connect_local(p, opts.path);
	assert_int_equal(wm_listener_open(loop, &opts, on_accept, p, &second, &err),
			 WM_ALREADY_EXISTS);
	assert_null(second);
}

static void test_a_file_is_never_replaced(void **state)
{
	struct wm_listen_opts opts = {.path = local_path("file")};
	struct pair *p = *state;
	struct stat st;
	FILE *f = fopen(opts.path, "w");

	assert_non_null(f);
	fclose(f);
	assert_true(wm_listener_open(loop, &opts, on_accept, p, &p->l, NULL) < 0);
	must(stat(opts.path, &st));
	assert_true(S_ISREG(st.st_mode));
	unlink(opts.path);
}

static bool has_accepted(void *arg)
{
	return ((struct pair *)arg)->n_accepted >= 3;
}

static void test_a_paused_listener_accepts_later(void **state)
{
	struct pair *p = *state;
	struct wm_endpoint to = listen_at(p, "127.0.0.1:0");

	n_freed_dials = 2;
	wm_listener_pause(p->l, true);
	must(wm_dial_start(loop, &p->dial, &to, TIMEOUT, on_dialed, NULL));
	assert_true(wm_loop_run_until(loop, has_dialed, p, PATIENCE));
	assert_false(wm_loop_run_until(loop, never, NULL, 5));
	assert_int_equal(p->n_accepted, 0);
	for (int i = 0; i < 2; i++) {
		struct wm_dial *d = wm_alloc(sizeof(*d));

		must(wm_dial_start(loop, d, &to, TIMEOUT, free_dial, NULL));
	}
	wm_listener_pause(p->l, false);
	assert_int_equal(p->n_accepted, 0);
	assert_true(wm_loop_run_until(loop, has_accepted, p, PATIENCE));
	assert_true(wm_loop_run_until(loop, all_dials_freed, NULL, PATIENCE));
	wm_conn_write(p->near.c, "hello", 5);
	assert_true(wm_loop_run_until(loop, has_byte, &p->far, PATIENCE));
}

static void close_listener(void *arg, struct wm_conn *c)
{
	struct pair *p = arg;

	p->n_accepted += 3;
	wm_conn_close(c);
	wm_listener_close(p->l);
	p->l = NULL;
}

static void test_closing_a_listener_inside_its_callback(void **state)
{
	struct wm_listen_opts opts = {.at = endpoint("127.0.0.1:0"), .backlog = 1};
	struct pair *p = *state;

	must(wm_listener_open(loop, &opts, close_listener, p, &p->l, NULL));
	wm_listener_endpoint(p->l, &opts.at);
	must(wm_dial_start(loop, &p->dial, &opts.at, TIMEOUT, on_dialed, NULL));
	assert_true(wm_loop_run_until(loop, has_accepted, p, PATIENCE));
	assert_null(p->l);
	wm_listener_close(NULL);
	assert_true(wm_loop_run_until(loop, has_dialed, p, PATIENCE));
}

static int make_folder(void **state)
{
	return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
	return rmdir(folder); /* fails if a socket was left behind */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(test_echo_over_tcp),
		T(test_echo_over_a_local_socket),
		T(test_sockets_that_somebody_has_made),
		T(test_a_socket_that_is_not_made_or_not_fit),
		T(test_any_v6_takes_v4_too),
		T(test_an_orderly_end),
		T(test_closing_is_an_end_for_the_peer),
		T(test_a_reset_is_an_error),
		T(test_a_paused_reader_hears_of_a_broken_write),
		T(test_last_words_are_heard_although_writing_fails),
		T(test_closing_inside_callbacks),
		T(test_pausing_holds_bytes_back),
		T(test_what_the_kernel_does_not_take_is_counted),
		T(test_reading_little_at_a_time),
		T(test_closing_with_bytes_queued),
		T(test_a_refused_dial),
		T(test_a_dial_without_answer_ends_in_time),
		T(test_a_cancelled_dial),
		T(test_a_dial_cancelled_at_the_end),
		T(test_a_dial_may_be_freed_from_inside),
		T(test_dials_that_do_not_start),
		T(test_a_local_socket_that_is_not_there),
		T(test_a_taken_port_is_an_error),
		T(test_a_shared_port_is_taken_too),
		T(test_what_cannot_be_listened_on),
		T(test_an_abandoned_local_socket_is_replaced),
		T(test_a_local_socket_in_use_is_not),
		T(test_a_file_is_never_replaced),
		T(test_a_paused_listener_accepts_later),
		T(test_closing_a_listener_inside_its_callback),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
