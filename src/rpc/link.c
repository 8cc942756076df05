/*
 * A link lives through: handshake (TLS only), ready, ended (the peer or an error), closed (the
 * owner), gone. Bytes that come in are first looked at: the first of them tell whether both sides
 * mean the same by "connection". Ciphertext then goes through the engine of crypto/tls.h, which is
 * drained to the socket after whatever may have made it speak.
 */
#include "rpc/link.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include <string.h>

/*
 * A client that waits on a stream must learn within a minute that its server is gone; more often
 * would cost an idle member of a mesh more than a megabyte a day. A server only frees memory by it.
 */
#define CLIENT_KEEPALIVE_S 30
#define SERVER_KEEPALIVE_S 600

#define LINGER_NS  WM_NS_PER_S
#define READ_CHUNK (64u << 10)
#define LITTLE     4096 /* some 250 of the smallest frames */

/* Far above what HTTP/2 lets wait (WIRE_FULL): only TLS's own answers get here. */
#define UNREAD_MAX (512u << 10)

static void on_kick(struct wm_defer *d);
static void on_linger(struct wm_timer *t);

static void drain_tls(struct wm_rpc_link *l)
{
	struct wm_buf out = {0};
	if (wm_tls_has_output(l->tls))
		wm_tls_drain(l->tls, &out);
	if (out.len > 0)
		wm_conn_write(l->conn, out.data, out.len);
	wm_buf_fini(&out);
}

static void link_end(struct wm_rpc_link *l, const struct wm_err *err)
{
	if (l->ended || l->closed)
		return;
	l->ended = true;
	wm_rpc_turn_cancel(&l->turn);
	wm_conn_read_pause(l->conn);
	l->events->on_end(l->arg, err);
}

/* ---- which language the peer speaks ---- */

static bool looks_like_tls(const struct wm_rpc_link *l)
{
	/* A handshake or an alert record of version 3.x. */
	return (l->first[0] == 0x16 || l->first[0] == 0x15) && (l->n_first < 2 || l->first[1] == 3);
}

static bool first_is(const struct wm_rpc_link *l, const char *text)
{
	size_t n = strlen(text);
	return l->n_first >= n && memcmp(l->first, text, n) == 0;
}

static bool looks_like_http1_request(const struct wm_rpc_link *l)
{
	return first_is(l, "GET ") || first_is(l, "POST ") || first_is(l, "HEAD ") ||
	       first_is(l, "PUT ") || first_is(l, "OPTIONS") || first_is(l, "CONNECT");
}

static int judge_client(const struct wm_rpc_link *l, struct wm_err *err)
{
	if (l->tls != NULL && !looks_like_tls(l))
		return wm_fail(
			err, WM_UNAVAILABLE,
			"the server answered in plain %s; use --global.insecure to talk to it "
			"without TLS",
			first_is(l, "HTTP/1") ? "HTTP/1" : "text");
	if (l->tls == NULL && looks_like_tls(l))
		return wm_fail(err, WM_UNAVAILABLE,
			       "the server answered in TLS; omit --global.insecure");
	if (l->tls == NULL && first_is(l, "HTTP/1"))
		return wm_fail(err, WM_UNAVAILABLE,
			       "the server answered in plain HTTP/1: it does not speak gRPC, or it "
			       "wants TLS (omit --global.insecure)");
	return 0;
}

static int judge_server(const struct wm_rpc_link *l, struct wm_err *err)
{
	static const uint8_t alert[] = {0x15, 3, 3, 0, 2, 2, 10}; /* fatal, unexpected_message */
	static const char refusal[] = "HTTP/1.1 505 HTTP Version Not Supported\r\n"
				      "content-type: text/plain\r\nconnection: close\r\n\r\n"
				      "this port speaks gRPC over HTTP/2 without TLS\n";
	if (l->tls != NULL && !looks_like_tls(l)) {
		wm_conn_write(l->conn, alert, sizeof(alert));
		return wm_fail(err, WM_UNAVAILABLE, "%s spoke plaintext to a TLS port", l->name);
	}
	if (l->tls == NULL && (looks_like_tls(l) || looks_like_http1_request(l))) {
		wm_conn_write(l->conn, refusal, sizeof(refusal) - 1);
		return wm_fail(err, WM_UNAVAILABLE, "%s spoke %s to a plaintext port", l->name,
			       looks_like_tls(l) ? "TLS" : "HTTP/1");
	}
	return 0;
}

/* Collects the first bytes; nonzero when the peer speaks another language. */
static int judge(struct wm_rpc_link *l, const uint8_t *p, size_t n, struct wm_err *err)
{
	if (l->n_first == sizeof(l->first))
		return 0;
	size_t room = sizeof(l->first) - l->n_first;
	size_t take = n < room ? n : room;
	memcpy(l->first + l->n_first, p, take);
	l->n_first = (uint8_t)(l->n_first + take);
	return l->server ? judge_server(l, err) : judge_client(l, err);
}

/* ---- bytes in ---- */

static int check_alpn(const struct wm_rpc_link *l, struct wm_err *err)
{
	/* A peer without ALPN (old grpc-go, simple proxies) may still speak HTTP/2. */
	const char *alpn = wm_tls_alpn(l->tls);
	if (wm_streq(alpn, "h2") || wm_str_is_empty(alpn))
		return 0;
	return wm_fail(err, WM_UNAVAILABLE, "%s speaks %s, not HTTP/2", l->name, alpn);
}

static int become_ready(struct wm_rpc_link *l, struct wm_err *err)
{
	if (l->ready || !wm_tls_is_established(l->tls))
		return 0;
	if (check_alpn(l, err) != 0)
		return err->code;
	l->ready = true;
	l->events->on_ready(l->arg);
	return 0;
}

/* Hands on what the engine has decrypted. */
static int read_tls(struct wm_rpc_link *l, struct wm_err *err)
{
	struct wm_buf plain = {0};
	int rc = 0;
	while (l->ready && !l->closed && !l->ended) {
		wm_buf_clear(&plain);
		rc = wm_tls_read(l->tls, &plain, READ_CHUNK, err);
		if (rc != 0 || plain.len == 0)
			break;
		l->events->on_bytes(l->arg, plain.data, plain.len);
	}
	wm_buf_fini(&plain);
	return rc;
}

static int feed_tls(struct wm_rpc_link *l, const uint8_t *p, size_t n, struct wm_err *err)
{
	int rc = wm_tls_feed(l->tls, p, n, err);
	l->shook = l->shook || wm_tls_has_output(l->tls);
	drain_tls(l);
	if (rc == 0)
		rc = become_ready(l, err);
	if (rc == 0)
		rc = read_tls(l, err);
	if (rc != 0)
		return rc;
	if (l->closed)
		return 0;
	drain_tls(l); /* answers to key updates */
	if (!l->ended && wm_conn_queued(l->conn) > UNREAD_MAX)
		return wm_fail(err, WM_RESOURCE_EXHAUSTED, "%s makes TLS answer and does not read",
			       l->name);
	return 0;
}

static void take_tls(struct wm_rpc_link *l, const uint8_t *p, size_t n)
{
	struct wm_err why = {0};
	if (feed_tls(l, p, n, &why) != 0)
		link_end(l, &why);
	else if (!l->closed && wm_tls_is_closed(l->tls))
		link_end(l, NULL);
}

static void on_turn(struct wm_rpc_turn *t)
{
	struct wm_rpc_link *l = wm_container_of(t, struct wm_rpc_link, turn);
	struct wm_buf early = l->early;
	l->early = (struct wm_buf){0};
	take_tls(l, early.data, early.len);
	wm_buf_fini(&early);
	wm_rpc_link_read_start(l);
}

/* Reading stops meanwhile, so what is kept is bounded. */
static void await_turn(struct wm_rpc_link *l, const uint8_t *p, size_t n)
{
	wm_conn_read_pause(l->conn);
	wm_buf_add(&l->early, p, n);
	wm_rpc_turn_wait(l->handshakes, &l->turn, on_turn);
}

static void on_conn_read(void *arg, struct wm_conn *c, const uint8_t *data, size_t len,
			 const struct wm_err *err)
{
	struct wm_rpc_link *l = arg;
	struct wm_err why = {0};
	if (l->closed) { /* lingering: only the end is of interest */
		if (len == 0)
			on_linger(&l->linger);
		return;
	}
	if (len == 0) {
		l->eof = true;
		link_end(l, err);
		return;
	}
	if (judge(l, data, len, &why) != 0) {
		link_end(l, &why);
	} else if (l->tls == NULL) {
		l->events->on_bytes(l->arg, data, len);
	} else if (!l->ready && l->handshakes != NULL) {
		await_turn(l, data, len);
	} else {
		take_tls(l, data, len);
	}
}

static void on_conn_drain(void *arg, struct wm_conn *c)
{
	struct wm_rpc_link *l = arg;
	if (!l->closed && !l->ended && l->ready)
		l->events->on_drain(l->arg);
}

static const struct wm_conn_events conn_events = {.on_read = on_conn_read,
						  .on_drain = on_conn_drain};

/* ---- the owner's side ---- */

void wm_rpc_link_init(struct wm_rpc_link *l, struct wm_loop *loop, struct wm_conn *conn,
		      const struct wm_tls_config *tls, const char *host, const char *name,
		      const struct wm_rpc_link_events *events, void *arg)
{
	*l = (struct wm_rpc_link){
		.loop = loop,
		.conn = conn,
		.events = events,
		.arg = arg,
		.server = host == NULL,
	};
	wm_str_copy(l->name, sizeof(l->name), name);
	wm_conn_set_events(conn, &conn_events, l);
	wm_conn_keepalive(conn, l->server ? SERVER_KEEPALIVE_S : CLIENT_KEEPALIVE_S);
	if (tls != NULL) {
		l->tls = wm_tls_new(tls, host);
		drain_tls(l);
	} else {
		l->ready = true;
		wm_defer(loop, &l->kick, on_kick);
	}
	wm_conn_read_start(conn);
}

void wm_rpc_link_write(struct wm_rpc_link *l, const void *p, size_t n)
{
	struct wm_err err;
	if (l->ended || l->closed)
		return;
	if (l->tls == NULL) {
		wm_conn_write(l->conn, p, n);
		return;
	}
	/* Only a dead engine refuses, and whatever killed it is about to be told by on_end. */
	if (wm_tls_write(l->tls, p, n, &err) == 0)
		drain_tls(l);
}

void wm_rpc_link_read_little(struct wm_rpc_link *l, bool little)
{
	if (l->conn != NULL)
		wm_conn_read_most(l->conn, little ? LITTLE : 0);
}

void wm_rpc_link_read_start(struct wm_rpc_link *l)
{
	if (!l->ended && !l->closed)
		wm_conn_read_start(l->conn);
}

size_t wm_rpc_link_queued(const struct wm_rpc_link *l)
{
	return wm_conn_queued(l->conn);
}

static void release(struct wm_rpc_link *l)
{
	wm_timer_stop(&l->linger);
	wm_defer_cancel(&l->kick);
	wm_rpc_turn_cancel(&l->turn);
	wm_buf_fini(&l->early);
	wm_tls_free(l->tls);
	wm_conn_close(l->conn);
	l->tls = NULL;
	l->conn = NULL;
}

static void on_linger(struct wm_timer *t)
{
	struct wm_rpc_link *l = wm_container_of(t, struct wm_rpc_link, linger);
	release(l);
	l->events->on_gone(l->arg); /* last: the link may be gone */
}

static void on_kick(struct wm_defer *d)
{
	struct wm_rpc_link *l = wm_container_of(d, struct wm_rpc_link, kick);
	if (l->closed)
		on_linger(&l->linger);
	else
		l->events->on_ready(l->arg);
}

static void say_goodbye(struct wm_rpc_link *l)
{
	if (l->tls != NULL) {
		wm_tls_close(l->tls);
		drain_tls(l);
	}
	wm_conn_shutdown(l->conn);
}

void wm_rpc_link_close(struct wm_rpc_link *l, bool linger)
{
	if (l->closed)
		return;
	say_goodbye(l);
	l->closed = true;
	wm_defer_cancel(&l->kick);
	wm_rpc_turn_cancel(&l->turn);
	if (linger && l->server && !l->eof) {
		wm_timer_start(l->loop, &l->linger, LINGER_NS, on_linger);
		wm_conn_read_start(l->conn);
	} else {
		wm_defer(l->loop, &l->kick, on_kick);
	}
}

void wm_rpc_link_dismiss(struct wm_rpc_link *l)
{
	if (l->closed)
		return;
	say_goodbye(l);
	l->closed = true;
	wm_defer_cancel(&l->kick);
	wm_conn_read_pause(l->conn);
	wm_timer_start(l->loop, &l->linger, LINGER_NS, on_linger);
}

void wm_rpc_link_abort(struct wm_rpc_link *l)
{
	if (l->conn == NULL)
		return;
	if (!l->closed && !l->ended)
		say_goodbye(l);
	l->closed = true;
	release(l);
}
