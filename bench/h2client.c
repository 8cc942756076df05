#include "h2client.h"
#include <errno.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define OUT_MAX 65536
#define IN_MAX  16384

struct call {
	void *owner;
	size_t sent, bytes;
	int status;
};

struct h2client {
	const struct h2client_target *target;
	const struct h2client_events *events;
	void *arg;
	int fd, epoll;
	SSL *ssl;
	nghttp2_session *session;
	bool connected, ready, settings_came, settings_acked, ended;
	bool wants_write, asked_write; /* asked: of epoll */
	uint8_t out[OUT_MAX];
	size_t out_len;
};

static void or_die(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "%s: %s\n", what, ERR_reason_error_string(ERR_get_error()));
	exit(2);
}

SSL_CTX *h2client_tls(const char *ca, const char *cert, const char *key)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	static const unsigned char alpn[] = {2, 'h', '2'};
	or_die(ctx != NULL, "TLS");
	or_die(SSL_CTX_load_verify_locations(ctx, ca, NULL) == 1, ca);
	if (cert != NULL) {
		or_die(SSL_CTX_use_certificate_chain_file(ctx, cert) == 1, cert);
		or_die(SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) == 1, key);
	}
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_alpn_protos(ctx, alpn, sizeof(alpn));
	/* The buffer to be written may have moved when a write is tried again. */
	SSL_CTX_set_mode(ctx, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_ENABLE_PARTIAL_WRITE);
	return ctx;
}

static void end(struct h2client *c, const char *why)
{
	if (c->ended)
		return;
	c->ended = true;
	c->events->on_end(c->arg, c, why);
}

/* ---- what nghttp2 tells ---- */

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
		     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
		     void *arg)
{
	struct call *call = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
	if (call != NULL && name_len == 11 && memcmp(name, "grpc-status", 11) == 0)
		call->status = atoi((const char *)value);
	return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *p, size_t n,
		   void *arg)
{
	struct call *call = nghttp2_session_get_stream_user_data(session, id);
	if (call != NULL)
		call->bytes += n;
	return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct h2client *c = arg;
	if (frame->hd.type == NGHTTP2_SETTINGS && (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0)
		c->settings_acked = true;
	else if (frame->hd.type == NGHTTP2_SETTINGS)
		c->settings_came = true;
	return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *arg)
{
	struct h2client *c = arg;
	struct call *call = nghttp2_session_get_stream_user_data(session, id);
	if (call == NULL)
		return 0;
	void *owner = call->owner;
	int status = code == NGHTTP2_NO_ERROR ? call->status : -1;
	size_t bytes = call->bytes;
	free(call);
	c->events->on_answer(c->arg, c, owner, status, bytes);
	return 0;
}

static nghttp2_session *new_session(struct h2client *c)
{
	nghttp2_session_callbacks *callbacks;
	nghttp2_session *session;
	nghttp2_settings_entry entries[] = {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
					    {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1 << 20}};
	nghttp2_session_callbacks_new(&callbacks);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
	nghttp2_session_client_new(&session, callbacks, c);
	nghttp2_session_callbacks_del(callbacks);
	nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, entries, 2);
	nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, 16 << 20);
	return session;
}

/* ---- the socket ---- */

static void watch(struct h2client *c, int op)
{
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
	if (op == EPOLL_CTL_MOD && c->wants_write == c->asked_write)
		return;
	if (c->wants_write)
		e.events |= EPOLLOUT;
	c->asked_write = c->wants_write;
	epoll_ctl(c->epoll, op, c->fd, &e);
}

struct h2client *h2client_open(const struct h2client_target *target, const struct in_addr *source,
			       int epoll, const struct h2client_events *events, void *arg)
{
	const int one = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return NULL;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	/* The port is chosen when the other side is known, so that each source has all ports. */
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
	struct sockaddr_in from = {.sin_family = AF_INET};
	if (source != NULL)
		from.sin_addr = *source;
	if ((source != NULL && bind(fd, (struct sockaddr *)&from, sizeof(from)) != 0) ||
	    (connect(fd, (const struct sockaddr *)&target->at, sizeof(target->at)) != 0 &&
	     errno != EINPROGRESS)) {
		close(fd);
		return NULL;
	}
	struct h2client *c = calloc(1, sizeof(*c));
	c->target = target;
	c->events = events;
	c->arg = arg;
	c->fd = fd;
	c->epoll = epoll;
	c->wants_write = true;
	c->session = new_session(c);
	if (target->tls != NULL) {
		c->ssl = SSL_new(target->tls);
		SSL_set_fd(c->ssl, fd);
		SSL_set_connect_state(c->ssl);
	}
	watch(c, EPOLL_CTL_ADD);
	return c;
}

/* Bytes moved; 0: later; -1: the end. */
static ssize_t outcome(struct h2client *c, int rc)
{
	if (rc > 0)
		return rc;
	int error = SSL_get_error(c->ssl, rc);
	ERR_clear_error();
	return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

static ssize_t send_some(struct h2client *c, const void *p, size_t n)
{
	if (c->ssl != NULL)
		return outcome(c, SSL_write(c->ssl, p, (int)n));
	ssize_t rc = send(c->fd, p, n, MSG_NOSIGNAL);
	return rc < 0 && errno == EAGAIN ? 0 : rc;
}

static ssize_t take_some(struct h2client *c, void *p, size_t n)
{
	if (c->ssl != NULL)
		return outcome(c, SSL_read(c->ssl, p, (int)n));
	ssize_t rc = recv(c->fd, p, n, 0);
	if (rc < 0 && errno == EAGAIN)
		return 0;
	return rc == 0 ? -1 : rc;
}

static bool shake_hands(struct h2client *c)
{
	int rc = SSL_do_handshake(c->ssl);
	if (rc == 1)
		return true;
	int error = SSL_get_error(c->ssl, rc);
	c->wants_write = error == SSL_ERROR_WANT_WRITE;
	if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
		end(c, "the handshake failed");
	ERR_clear_error();
	return false;
}

static void fill(struct h2client *c)
{
	const uint8_t *p;
	ssize_t n;
	/* A frame is 16 KiB and 9 bytes at most. */
	while (c->out_len < OUT_MAX - 2 * IN_MAX &&
	       (n = nghttp2_session_mem_send(c->session, &p)) > 0) {
		memcpy(c->out + c->out_len, p, (size_t)n);
		c->out_len += (size_t)n;
	}
}

void h2client_flush(struct h2client *c)
{
	ssize_t n = 1;
	if (!c->connected || c->ended)
		return;
	while (fill(c), c->out_len > 0 && (n = send_some(c, c->out, c->out_len)) > 0) {
		c->out_len -= (size_t)n;
		memmove(c->out, c->out + n, c->out_len);
	}
	c->wants_write = c->out_len > 0;
	watch(c, EPOLL_CTL_MOD);
	if (n < 0)
		end(c, "the server hung up");
}

static void take_in(struct h2client *c)
{
	uint8_t in[IN_MAX];
	ssize_t n = 0;
	while (!c->ended && (n = take_some(c, in, sizeof(in))) > 0) {
		if (nghttp2_session_mem_recv(c->session, in, (size_t)n) < 0)
			end(c, "the server breaks HTTP/2");
		/* Less than asked for, and no record in hand: another call would only say so. */
		if (c->ssl == NULL ? (size_t)n < sizeof(in) : !SSL_has_pending(c->ssl))
			break;
	}
	if (n < 0)
		end(c, "the server hung up");
}

void h2client_work(struct h2client *c)
{
	if (!c->connected && (c->ssl == NULL || shake_hands(c)))
		c->connected = true;
	if (c->connected && !c->ended)
		take_in(c);
	h2client_flush(c);
	watch(c, EPOLL_CTL_MOD);
	if (!c->ready && c->settings_came && c->settings_acked && !c->ended) {
		c->ready = true;
		c->events->on_ready(c->arg, c); /* last: it may have gone idle */
	}
}

/* ---- calls ---- */

static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *buf, size_t size,
			 uint32_t *flags, nghttp2_data_source *source, void *arg)
{
	struct h2client *c = arg;
	struct call *call = source->ptr;
	size_t left = c->target->body_len - call->sent;
	size_t n = left < size ? left : size;
	memcpy(buf, c->target->body + call->sent, n);
	call->sent += n;
	if (n == left)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

static nghttp2_nv field(const char *name, const char *value)
{
	return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name,
			    .value = (uint8_t *)(uintptr_t)value,
			    .namelen = strlen(name),
			    .valuelen = strlen(value),
			    .flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
}

void h2client_call(struct h2client *c, void *owner)
{
	const nghttp2_nv fields[] = {
		field(":method", "POST"),
		field(":scheme", c->ssl != NULL ? "https" : "http"),
		field(":path", c->target->path),
		field(":authority", "webmesh"),
		field("te", "trailers"),
		field("content-type", "application/grpc"),
		field("user-agent", "webmesh-bench"),
	};
	struct call *call = calloc(1, sizeof(*call));
	call->owner = owner;
	call->status = -1;
	nghttp2_data_provider body = {.source.ptr = call, .read_callback = read_body};
	if (nghttp2_submit_request(c->session, NULL, fields, sizeof(fields) / sizeof(*fields),
				   &body, call) < 0) {
		free(call);
		end(c, "the connection takes no more calls");
	}
}

static void forget(struct h2client *c)
{
	SSL_free(c->ssl);
	nghttp2_session_del(c->session);
	free(c);
}

void h2client_leave_idle(struct h2client *c)
{
	epoll_ctl(c->epoll, EPOLL_CTL_DEL, c->fd, NULL);
	forget(c); /* SSL_free says no goodbye, and the descriptor is not its own */
}

void h2client_close(struct h2client *c)
{
	close(c->fd);
	forget(c);
}
