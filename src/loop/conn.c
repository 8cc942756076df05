/*
 * Connections. Writing: what the kernel takes at once never enters a queue; the rest waits in two
 * buffers, one that libuv is sending and one that collects. Failing: a write that fails ends the
 * stream, but what the peer sent before may still be read (a server that answers "no" and hangs up
 * does just that). So while we are reading, the end of reading tells the failure; while reading is
 * paused nobody would ever be told, so then it is told at once.
 */
#include "loop/conn.h"

#include <string.h>
#include <netinet/tcp.h>
#include <sys/un.h>

#include "base/buf.h"
#include "base/mem.h"
#include "loop/loop_impl.h"

static void send_waiting(struct wm_conn *c);

struct wm_conn *wm_conn_new(struct wm_loop *loop, bool is_tcp)
{
	struct wm_conn *c = wm_alloc(sizeof(*c));

	c->loop = loop;
	c->is_tcp = is_tcp;
	/* Both only fill the struct; a socket is made when the family is known. */
	if (is_tcp)
		uv_tcp_init(&loop->uv, &c->uv.tcp);
	else
		uv_pipe_init(&loop->uv, &c->uv.pipe, 0);
	loop->n_open++;
	return c;
}

static void take_names(struct wm_conn *c)
{
	struct sockaddr_storage sa;
	int len = sizeof(sa);

	if (uv_tcp_getpeername(&c->uv.tcp, (struct sockaddr *)&sa, &len) == 0)
		wm_endpoint_from_sockaddr((struct sockaddr *)&sa, &c->peer);
	len = sizeof(sa);
	if (uv_tcp_getsockname(&c->uv.tcp, (struct sockaddr *)&sa, &len) == 0)
		wm_endpoint_from_sockaddr((struct sockaddr *)&sa, &c->local);
}

void wm_conn_connected(struct wm_conn *c)
{
	if (!c->is_tcp)
		return;
	take_names(c);
	/* What is written is whole messages; waiting for more to come only delays them. */
	uv_tcp_nodelay(&c->uv.tcp, 1);
}

void wm_conn_keepalive(struct wm_conn *c, unsigned idle_s)
{
	const int pause_s = 5, probes = 3;
	uv_os_fd_t fd;
	if (!c->is_tcp || uv_tcp_keepalive(&c->uv.tcp, 1, idle_s) != 0)
		return;
	/* libuv leaves these two to the system, whose own take eleven minutes. */
	if (uv_fileno(&c->uv.handle, &fd) != 0)
		return;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &pause_s, sizeof(pause_s));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
}

int wm_conn_check_path(const char *what, const char *path, struct wm_err *err)
{
	struct sockaddr_un sa;

	if (path[0] == '\0')
		return wm_fail(err, WM_INVALID_ARGUMENT, "%s: the path is empty", what);
	if (strlen(path) >= sizeof(sa.sun_path))
		return wm_fail(err, WM_INVALID_ARGUMENT,
			       "%s %s: the path of a local socket has at most %zu characters", what,
			       path, sizeof(sa.sun_path) - 1);
	return 0;
}

void wm_conn_set_events(struct wm_conn *c, const struct wm_conn_events *events, void *arg)
{
	c->events = events;
	c->arg = arg;
}

static bool is_broken(const struct wm_conn *c)
{
	return c->failure != 0;
}

static const char *peer_text(const struct wm_conn *c, char out[WM_ENDPOINT_TEXT])
{
	if (!c->is_tcp)
		return "local socket";
	return wm_endpoint_format(&c->peer, out);
}

/* ---- reading ---- */

/* The last that the owner hears. */
static void tell_end(struct wm_conn *c, const struct wm_err *err)
{
	c->has_ended = true;
	c->is_reading = false;
	wm_defer_cancel(&c->tell_failure);
	uv_read_stop(&c->uv.stream);
	c->events->on_read(c->arg, c, NULL, 0, err);
}

static void tell_failure(struct wm_conn *c)
{
	char peer[WM_ENDPOINT_TEXT];
	struct wm_err err;

	wm_loop_fail(&err, c->failure, "write to %s", peer_text(c, peer));
	tell_end(c, &err);
}

static void lend_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
	struct wm_conn *c = wm_container_of((uv_stream_t *)handle, struct wm_conn, uv.stream);

	/* libuv goes on reading while the buffer is filled, 32 times: others want a turn too. */
	bool enough = c->filled_in == c->loop->turn;
	unsigned most = c->read_most != 0 ? c->read_most : sizeof(c->loop->read_buf);
	*out = uv_buf_init(c->loop->read_buf, enough ? 0 : most);
	(void)suggested;
}

static void on_bytes(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct wm_conn *c = wm_container_of(stream, struct wm_conn, uv.stream);
	char peer[WM_ENDPOINT_TEXT];
	struct wm_err err;

	if (n == 0 || n == UV_ENOBUFS)
		return; /* nothing there after all, or the rest comes in the loop's next turn */
	if (n > 0 && (size_t)n == buf->len)
		c->filled_in = c->loop->turn;
	if (n > 0) {
		c->events->on_read(c->arg, c, (const uint8_t *)buf->base, (size_t)n, NULL);
	} else if (is_broken(c)) {
		tell_failure(c);
	} else if (n == UV_EOF) {
		tell_end(c, NULL);
	} else {
		wm_loop_fail(&err, (int)n, "read from %s", peer_text(c, peer));
		tell_end(c, &err);
	}
}

static void on_tell_failure(struct wm_defer *d)
{
	struct wm_conn *c = wm_container_of(d, struct wm_conn, tell_failure);

	if (!c->has_ended)
		tell_failure(c);
}

void wm_conn_read_start(struct wm_conn *c)
{
	wm_on_loop(c->loop);
	if (c->is_closing || c->has_ended || c->is_reading)
		return;
	if (uv_read_start(&c->uv.stream, lend_buffer, on_bytes) == 0)
		c->is_reading = true;
}

void wm_conn_read_pause(struct wm_conn *c)
{
	wm_on_loop(c->loop);
	if (!c->is_reading || c->is_closing)
		return;
	c->is_reading = false;
	uv_read_stop(&c->uv.stream);
	if (is_broken(c))
		wm_defer(c->loop, &c->tell_failure, on_tell_failure);
}

void wm_conn_read_most(struct wm_conn *c, uint32_t n)
{
	c->read_most = n < sizeof(c->loop->read_buf) ? n : 0;
}

/* ---- writing ---- */

static void break_off(struct wm_conn *c, int status)
{
	if (is_broken(c))
		return;
	c->failure = status;
	wm_buf_fini(&c->waiting);
	if (!c->is_reading && !c->has_ended)
		wm_defer(c->loop, &c->tell_failure, on_tell_failure);
}

static void on_shutdown(uv_shutdown_t *req, int status)
{
	/* If the stream broke before the end was sent, reading tells. */
	(void)req;
	(void)status;
}

static void send_fin(struct wm_conn *c)
{
	c->wants_fin = false;
	uv_shutdown(&c->shutdown, &c->uv.stream, on_shutdown);
}

static void on_written(uv_write_t *req, int status)
{
	struct wm_conn *c = wm_container_of(req, struct wm_conn, write);

	c->is_sending = false;
	wm_buf_clear(&c->sending);
	if (c->is_closing)
		return;
	if (status != 0) {
		break_off(c, status);
		return;
	}
	if (c->waiting.len > 0) {
		send_waiting(c);
		return;
	}
	if (c->wants_fin)
		send_fin(c);
	wm_buf_fini(&c->sending);
	wm_buf_fini(&c->waiting);
	if (c->events->on_drain != NULL)
		c->events->on_drain(c->arg, c);
}

static void send_waiting(struct wm_conn *c)
{
	struct wm_buf empty = c->sending;
	uv_buf_t buf;
	int status;

	c->sending = c->waiting;
	c->waiting = empty;
	c->is_sending = true;
	buf = uv_buf_init((char *)c->sending.data, (unsigned)c->sending.len);
	status = uv_write(&c->write, &c->uv.stream, &buf, 1, on_written);
	if (status != 0) {
		c->is_sending = false;
		wm_buf_clear(&c->sending);
		break_off(c, status);
	}
}

/* How many of the bytes the kernel took at once; a failure shows when the rest is sent. */
static size_t send_now(struct wm_conn *c, const void *p, size_t n)
{
	uv_buf_t buf = uv_buf_init((char *)(uintptr_t)p, n < INT32_MAX ? (unsigned)n : INT32_MAX);
	int done = uv_try_write(&c->uv.stream, &buf, 1);

	return done > 0 ? (size_t)done : 0;
}

void wm_conn_write(struct wm_conn *c, const void *p, size_t n)
{
	wm_on_loop(c->loop);
	if (n == 0 || c->is_closing || is_broken(c))
		return;
	if (!c->is_sending) {
		size_t done = send_now(c, p, n);

		p = (const uint8_t *)p + done;
		n -= done;
	}
	if (n == 0)
		return;
	wm_buf_add(&c->waiting, p, n);
	if (!c->is_sending)
		send_waiting(c);
}

size_t wm_conn_queued(const struct wm_conn *c)
{
	if (is_broken(c) || c->is_closing)
		return 0;
	return c->waiting.len + uv_stream_get_write_queue_size(&c->uv.stream);
}

void wm_conn_shutdown(struct wm_conn *c)
{
	wm_on_loop(c->loop);
	if (c->is_closing || is_broken(c) || c->wants_fin)
		return;
	if (c->is_sending)
		c->wants_fin = true;
	else
		send_fin(c);
}

/* ---- names and the end ---- */

bool wm_conn_peer(const struct wm_conn *c, struct wm_endpoint *out)
{
	if (!wm_addr_is_valid(&c->peer.addr))
		return false;
	*out = c->peer;
	return true;
}

bool wm_conn_local(const struct wm_conn *c, struct wm_endpoint *out)
{
	if (!wm_addr_is_valid(&c->local.addr))
		return false;
	*out = c->local;
	return true;
}

static void free_conn(uv_handle_t *handle)
{
	struct wm_conn *c = wm_container_of(handle, struct wm_conn, uv.handle);

	wm_buf_fini(&c->sending);
	wm_buf_fini(&c->waiting);
	wm_free(c);
}

void wm_conn_close(struct wm_conn *c)
{
	if (c == NULL || c->is_closing)
		return;
	wm_on_loop(c->loop);
	c->is_closing = true;
	c->loop->n_open--;
	wm_defer_cancel(&c->tell_failure);
	uv_close(&c->uv.handle, free_conn);
}
