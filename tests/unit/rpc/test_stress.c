/*
 * Every call that is sent gets exactly one answer, whole: many connections whose requests arrive in
 * pieces of any size, many in one piece, and who stop reading now and then. The client is nghttp2
 * alone, so that no mistake of ours is on both sides. WM_STRESS=N does N times as much.
 */
#include "loopback.h"
#include "base/buf.h"
#include "base/wire.h"
#include "loop/conn.h"
#include "rpc/frame.h"
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLIENTS     30
#define CALLS       30 /* of each */
#define UNDER_WAY   30
#define BURST       200 /* a server takes 256 at a time */
#define PATIENCE_MS 120000

struct stress {
	struct loopback b;
	unsigned times; /* as much */
	unsigned left;  /* clients */
	uint64_t dice;
};

struct client {
	struct stress *t;
	struct wm_dial dial;
	struct wm_conn *conn;
	struct wm_tls *tls;
	nghttp2_session *session;
	struct wm_buf wire; /* to be sent from `at` on */
	size_t at;
	unsigned piece;  /* bytes at a time, at most; 0: all */
	unsigned record; /* bytes in a record of TLS, at most; 0: what nghttp2 gives */
	bool stutters;   /* in reading */
	bool wide;       /* its windows never stop the server, but its reading does */
	bool bursts; /* many small calls in one piece, and then silence until they are answered */
	unsigned calls;
	struct wm_defer next;
	unsigned begun, answered;
};

struct call {
	struct client *c;
	struct wm_buf request, answer;
	size_t at;
	int status, wanted_status;
	unsigned n_status, wanted_messages;
	size_t least; /* bytes of all messages */
};

/* xorshift: the same numbers in every run. */
static unsigned roll(struct stress *t, unsigned below)
{
	t->dice ^= t->dice << 13;
	t->dice ^= t->dice >> 7;
	t->dice ^= t->dice << 17;
	return (unsigned)(t->dice >> 33) % below;
}

/* ---- what is asked, and what must come ---- */

static const char *choose(struct call *call, char *id, size_t size)
{
	struct stress *t = call->c->t;
	unsigned n = roll(t, 4) == 0 ? 1 + roll(t, 300000) : 1 + roll(t, 4000), times;
	call->wanted_messages = 1;
	switch (call->c->bursts ? 6 : roll(t, 7)) {
	case 0: /* a large request */
		n = n < size - 1 ? n : (unsigned)size - 1;
		memset(id, 'n', n);
		id[n] = '\0';
		break;
	case 1: /* a large answer */
		(void)snprintf(id, size, "size:%u", n);
		call->least = n;
		break;
	case 2: (void)snprintf(id, size, "sleep:%u", roll(t, 3)); break;
	case 3:
		(void)snprintf(id, size, "fail:5:no");
		call->wanted_status = 5;
		call->wanted_messages = 0;
		break;
	case 4: /* many answers */
		times = 1 + roll(t, call->c->wide ? 100 : 30);
		(void)snprintf(id, size, "flood:%u:%u", times, n % 30000);
		call->wanted_messages = times;
		call->least = (size_t)times * (n % 30000);
		return "/v1.Membership/SubscribePeers";
	default: (void)snprintf(id, size, "n"); break;
	}
	return "/v1.Node/GetStatus";
}

static void put_request(struct call *call, const char *id)
{
	struct wm_err err;
	V1__GetStatusRequest status = V1__GET_STATUS_REQUEST__INIT;
	char *copy = wm_strdup(id); /* both have the id in field 1 */
	status.id = copy;
	assert_int_equal(wm_rpc_frame_encode(&status.base, 1 << 20, false, &call->request, &err),
			 0);
	wm_free(copy);
}

static void check(const struct call *call)
{
	struct wm_rpc_frame frame;
	struct wm_err err;
	size_t at = 0, sum = 0;
	unsigned n = 0;
	while (wm_rpc_frame_decode(call->answer.data, call->answer.len, &at, 1 << 20, &frame,
				   &err) == 1) {
		n++;
		sum += frame.len;
	}
	assert_int_equal(at, call->answer.len);
	assert_int_equal(call->n_status, 1);
	assert_int_equal(call->status, call->wanted_status);
	assert_int_equal(n, call->wanted_messages);
	assert_true(sum >= call->least);
}

/* ---- what nghttp2 tells ---- */

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
		     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
		     void *arg)
{
	struct call *call = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
	if (call != NULL && name_len == 11 && memcmp(name, "grpc-status", 11) == 0) {
		call->status = atoi((const char *)value);
		call->n_status++;
	}
	return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *p, size_t n,
		   void *arg)
{
	struct call *call = nghttp2_session_get_stream_user_data(session, id);
	assert_non_null(call);
	wm_buf_add(&call->answer, p, n);
	return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *arg)
{
	struct call *call = nghttp2_session_get_stream_user_data(session, id);
	assert_non_null(call);
	assert_int_equal(code, NGHTTP2_NO_ERROR);
	check(call);
	call->c->answered++;
	wm_buf_fini(&call->request);
	wm_buf_fini(&call->answer);
	wm_free(call);
	return 0;
}

static ssize_t on_read(nghttp2_session *session, int32_t id, uint8_t *buf, size_t size,
		       uint32_t *flags, nghttp2_data_source *source, void *arg)
{
	struct call *call = source->ptr;
	size_t left = call->request.len - call->at;
	size_t n = left < size ? left : size;
	/* Now and then a frame of its own for a few bytes. */
	if (n > 1 && roll(call->c->t, 4) == 0)
		n = 1 + roll(call->c->t, (unsigned)n);
	memcpy(buf, call->request.data + call->at, n);
	call->at += n;
	if (n == left)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

static nghttp2_nv field(const char *name, const char *value)
{
	return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name,
			    .value = (uint8_t *)(uintptr_t)value,
			    .namelen = strlen(name),
			    .valuelen = strlen(value)};
}

static void begin_call(struct client *c)
{
	static char id[60000]; /* the request fits a stream's window or does not */
	struct call *call = wm_alloc(sizeof(*call));
	call->c = c;
	const char *path = choose(call, id, sizeof(id));
	const nghttp2_nv fields[] = {
		field(":method", "POST"), field(":scheme", "http"),
		field(":path", path),     field(":authority", "stress"),
		field("te", "trailers"),  field("content-type", "application/grpc"),
	};
	nghttp2_data_provider body = {.source.ptr = call, .read_callback = on_read};
	put_request(call, id);
	assert_true(nghttp2_submit_request(c->session, NULL, fields, WM_ARRAY_LEN(fields), &body,
					   call) > 0);
	c->begun++;
}

/* ---- the wire ---- */

/* As nghttp2 gives them, or in records of any size, so that one read brings several. */
static void put_bytes(struct client *c, const uint8_t *p, size_t n)
{
	struct wm_err err;
	if (c->tls == NULL) {
		wm_buf_add(&c->wire, p, n);
		return;
	}
	while (n > 0) {
		size_t some = c->record == 0 ? n : 1 + roll(c->t, c->record);
		some = some < n ? some : n;
		assert_int_equal(wm_tls_write(c->tls, p, some, &err), 0);
		p += some;
		n -= some;
	}
	wm_tls_drain(c->tls, &c->wire);
}

static bool may_begin(const struct client *c)
{
	return c->begun < c->calls && (!c->bursts || c->answered % BURST == 0);
}

static void fill_wire(struct client *c)
{
	const uint8_t *p;
	ssize_t n;
	if (c->tls != NULL) {
		wm_tls_drain(c->tls, &c->wire);
		if (!wm_tls_is_established(c->tls))
			return;
	}
	unsigned most = c->bursts ? BURST : UNDER_WAY;
	while (may_begin(c) && c->begun - c->answered < most && (c->bursts || roll(c->t, 8) != 0))
		begin_call(c);
	while ((n = nghttp2_session_mem_send(c->session, &p)) > 0)
		put_bytes(c, p, (size_t)n);
	assert_int_equal(n, 0);
}

static void send_piece(struct client *c)
{
	size_t left = c->wire.len - c->at;
	size_t n = c->piece == 0 ? left : 1 + roll(c->t, c->piece);
	n = n < left ? n : left;
	wm_conn_write(c->conn, c->wire.data + c->at, n);
	c->at += n;
	if (c->at == c->wire.len) {
		wm_buf_clear(&c->wire);
		c->at = 0;
	}
}

static void leave(struct client *c)
{
	wm_defer_cancel(&c->next);
	wm_conn_close(c->conn);
	wm_tls_free(c->tls);
	nghttp2_session_del(c->session);
	wm_buf_fini(&c->wire);
	c->t->left--;
}

static void on_turn(struct wm_defer *d)
{
	struct client *c = wm_container_of(d, struct client, next);
	if (c->answered == c->calls) {
		leave(c);
		return;
	}
	if (c->stutters && roll(c->t, 20) == 0)
		wm_conn_read_pause(c->conn);
	else if (roll(c->t, c->stutters ? 40 : 1) == 0)
		wm_conn_read_start(c->conn);
	fill_wire(c);
	if (wm_conn_queued(c->conn) < 65536)
		send_piece(c);
	wm_defer(c->t->b.loop, d, on_turn);
}

static void take_plain(struct client *c, const uint8_t *p, size_t n)
{
	assert_int_equal(nghttp2_session_mem_recv(c->session, p, n), n);
}

static void on_bytes(void *arg, struct wm_conn *conn, const uint8_t *p, size_t n,
		     const struct wm_err *why)
{
	struct client *c = arg;
	struct wm_buf plain = {0};
	struct wm_err err = {0};
	if (n == 0)
		fail_msg("the server hung up: %s", why == NULL ? "" : why->text);
	if (c->tls == NULL) {
		take_plain(c, p, n);
		return;
	}
	if (wm_tls_feed(c->tls, p, n, &err) != 0 ||
	    wm_tls_read(c->tls, &plain, SIZE_MAX, &err) != 0)
		fail_msg("%s", err.text);
	take_plain(c, plain.data, plain.len);
	wm_buf_fini(&plain);
}

static void on_dialed(struct wm_dial *d, struct wm_conn *conn, const struct wm_err *err)
{
	static const struct wm_conn_events events = {.on_read = on_bytes};
	struct client *c = wm_container_of(d, struct client, dial);
	if (err != NULL)
		fail_msg("%s", err->text);
	c->conn = conn;
	if (c->t->b.client_tls != NULL)
		c->tls = wm_tls_new(c->t->b.client_tls, "127.0.0.1");
	wm_conn_set_events(conn, &events, c);
	wm_conn_read_start(conn);
	wm_defer(c->t->b.loop, &c->next, on_turn);
}

static nghttp2_session *new_session(struct client *c)
{
	nghttp2_settings_entry window = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 16 << 20};
	nghttp2_session_callbacks *callbacks;
	nghttp2_session *session;
	assert_int_equal(nghttp2_session_callbacks_new(&callbacks), 0);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
	assert_int_equal(nghttp2_session_client_new(&session, callbacks, c), 0);
	nghttp2_session_callbacks_del(callbacks);
	assert_int_equal(nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, &window, c->wide), 0);
	if (c->wide)
		assert_int_equal(nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE,
								       0, (int32_t)window.value),
				 0);
	return session;
}

static void open_client(struct stress *t, struct client *c, unsigned i)
{
	static const unsigned pieces[] = {0, 64, 5, 2000, 20000}, records[] = {0, 40, 3000};
	struct loopback *b = &t->b;
	struct wm_err err;
	int rc;
	c->t = t;
	c->piece = pieces[i % WM_ARRAY_LEN(pieces)];
	c->record = records[i % WM_ARRAY_LEN(records)];
	c->stutters = i % 2 == 1;
	c->wide = i % 4 == 3;
	c->bursts = i % 4 == 2;
	c->calls = t->times * (c->bursts ? 5 * BURST : CALLS);
	c->session = new_session(c);
	if (b->path[0] != '\0')
		rc = wm_dial_start_path(b->loop, &c->dial, b->path, 0, on_dialed, &err);
	else
		rc = wm_dial_start(b->loop, &c->dial, &b->at, 0, on_dialed, &err);
	if (rc != 0)
		fail_msg("%s", err.text);
}

static bool all_left(void *arg)
{
	return ((struct stress *)arg)->left == 0;
}

static void name_the_waiting(const struct client *clients)
{
	for (unsigned i = 0; i < CLIENTS; i++)
		if (clients[i].answered < clients[i].calls)
			print_error("client %u: %u begun, %u answered, %zu to send\n", i,
				    clients[i].begun, clients[i].answered,
				    clients[i].wire.len - clients[i].at);
}

static void run(enum mode mode)
{
	static struct client clients[CLIENTS];
	const char *more = getenv("WM_STRESS");
	unsigned calls = 0;
	struct stress t = {.left = CLIENTS, .dice = 0x9e3779b97f4a7c15};
	t.times = more == NULL ? 1 : (unsigned)strtoul(more, NULL, 10);
	memset(clients, 0, sizeof(clients));
	loopback_open(&t.b, mode, NULL);
	for (unsigned i = 0; i < CLIENTS; i++) {
		open_client(&t, &clients[i], i);
		calls += clients[i].calls;
	}
	bool done = wm_loop_run_until(t.b.loop, all_left, &t, (int64_t)t.times * PATIENCE_MS);
	if (!done)
		name_the_waiting(clients);
	assert_true(done);
	assert_int_equal(t.b.service.calls, calls);
	loopback_close(&t.b);
}

static void in_cleartext(void **state)
{
	run(CLEARTEXT);
}

/* Where the kernel holds little, so that what is not read stays with the server. */
static void over_a_local_socket(void **state)
{
	run(LOCAL);
}

static void over_tls(void **state)
{
	run(TLS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_cleartext),
		cmocka_unit_test(over_a_local_socket),
		cmocka_unit_test(over_tls),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
