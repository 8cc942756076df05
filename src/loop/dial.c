/*
 * The dialing half of loop/conn.h. An attempt that was cancelled or took too long is given up: its
 * socket is closed, the caller is answered, and libuv's own answer finds nobody.
 */
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "loop/conn.h"
#include "loop/loop_impl.h"

struct dialing {
	uv_connect_t uv;
	struct wm_dial *d; /* NULL once it was answered */
	struct wm_conn *c;
	int64_t timeout_ns;
	char to[128]; /* for messages */
};

/* The last thing that touches @d. */
static void answer(struct wm_dial *d, struct wm_conn *c, const struct wm_err *err)
{
	d->impl = NULL;
	wm_timer_stop(&d->timer);
	d->cb(d, c, err);
}

static void on_connected(uv_connect_t *uv, int status)
{
	struct dialing *dialing = wm_container_of(uv, struct dialing, uv);
	struct wm_dial *d = dialing->d;
	struct wm_conn *c = dialing->c;
	struct wm_err err;

	if (d == NULL) {
		wm_free(dialing);
		return;
	}
	if (status != 0) {
		wm_loop_fail(&err, status, "dial %s", dialing->to);
		wm_conn_close(c);
		wm_free(dialing);
		answer(d, NULL, &err);
		return;
	}
	wm_free(dialing);
	wm_conn_connected(c);
	answer(d, c, NULL);
}

/* libuv answers the closed socket's attempt too; that frees the struct. */
static void give_up(struct dialing *dialing)
{
	dialing->d = NULL;
	wm_conn_close(dialing->c);
}

static void on_timeout(struct wm_timer *t)
{
	struct wm_dial *d = wm_container_of(t, struct wm_dial, timer);
	struct dialing *dialing = d->impl;
	struct wm_err err;

	wm_fail(&err, WM_DEADLINE_EXCEEDED, "dial %s: no answer within %lld ms", dialing->to,
		(long long)(dialing->timeout_ns / WM_NS_PER_MS));
	give_up(dialing);
	answer(d, NULL, &err);
}

static void on_cancelled(struct wm_defer *defer)
{
	struct wm_dial *d = wm_container_of(defer, struct wm_dial, cancelled);
	struct wm_err err;

	wm_fail(&err, WM_CANCELLED, "dial cancelled");
	answer(d, NULL, &err);
}

static struct dialing *prepare(struct wm_loop *loop, struct wm_dial *d, bool is_tcp,
			       int64_t timeout_ns)
{
	struct dialing *dialing = wm_alloc(sizeof(*dialing));

	wm_on_loop(loop);
	dialing->d = d;
	dialing->timeout_ns = timeout_ns;
	dialing->c = wm_conn_new(loop, is_tcp);
	d->timer = (struct wm_timer){0};
	d->cancelled = (struct wm_defer){0};
	d->loop = loop;
	return dialing;
}

static void begin(struct dialing *dialing,
		  void (*cb)(struct wm_dial *d, struct wm_conn *c, const struct wm_err *err))
{
	struct wm_dial *d = dialing->d;

	d->impl = dialing;
	d->cb = cb;
	if (dialing->timeout_ns > 0)
		wm_timer_start(d->loop, &d->timer, dialing->timeout_ns, on_timeout);
}

void wm_loop_set_sockets(struct wm_loop *loop,
			 int (*make)(void *arg, const struct wm_endpoint *to, int *out,
				     struct wm_err *err),
			 void *arg)
{
	loop->make_socket = make;
	loop->make_socket_arg = arg;
}

static int ask_for_socket(struct wm_loop *loop, const struct wm_endpoint *to, int *out,
			  struct wm_err *err)
{
	*out = -1;
	return loop->make_socket != NULL ? loop->make_socket(loop->make_socket_arg, to, out, err)
					 : 0;
}

/* Takes @fd, unless it is -1. A status of libuv's. */
static int connect_tcp(struct dialing *dialing, int fd, const struct sockaddr_storage *sa)
{
	int status = fd >= 0 ? uv_tcp_open(&dialing->c->uv.tcp, fd) : 0;

	if (status != 0) {
		close(fd);
		return status;
	}
	return uv_tcp_connect(&dialing->uv, &dialing->c->uv.tcp, (const struct sockaddr *)sa,
			      on_connected);
}

int wm_dial_start(struct wm_loop *loop, struct wm_dial *d, const struct wm_endpoint *to,
		  int64_t timeout_ns,
		  void (*cb)(struct wm_dial *d, struct wm_conn *c, const struct wm_err *err),
		  struct wm_err *err)
{
	struct sockaddr_storage sa;
	struct dialing *dialing;
	int status, fd;

	if (wm_endpoint_to_sockaddr(to, &sa) == 0 || to->port == 0)
		return wm_fail(err, WM_INVALID_ARGUMENT, "dial: no address and port to dial");
	status = ask_for_socket(loop, to, &fd, err);
	if (status != 0)
		return status;
	dialing = prepare(loop, d, true, timeout_ns);
	wm_endpoint_format(to, dialing->to);
	status = connect_tcp(dialing, fd, &sa);
	if (status != 0) {
		int code = wm_loop_fail(err, status, "dial %s", dialing->to);

		wm_conn_close(dialing->c);
		wm_free(dialing);
		return code;
	}
	begin(dialing, cb);
	return 0;
}

int wm_dial_start_path(struct wm_loop *loop, struct wm_dial *d, const char *path,
		       int64_t timeout_ns,
		       void (*cb)(struct wm_dial *d, struct wm_conn *c, const struct wm_err *err),
		       struct wm_err *err)
{
	struct dialing *dialing;
	int code = wm_conn_check_path("dial", path, err);

	if (code != 0)
		return code;
	dialing = prepare(loop, d, false, timeout_ns);
	snprintf(dialing->to, sizeof(dialing->to), "%s", path);
	uv_pipe_connect(&dialing->uv, &dialing->c->uv.pipe, path, on_connected);
	begin(dialing, cb);
	return 0;
}

void wm_dial_cancel(struct wm_dial *d)
{
	struct dialing *dialing = d->impl;

	if (dialing == NULL)
		return;
	wm_on_loop(d->loop);
	d->impl = NULL;
	wm_timer_stop(&d->timer);
	give_up(dialing);
	wm_defer(d->loop, &d->cancelled, on_cancelled);
}
