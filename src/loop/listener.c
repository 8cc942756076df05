/* The listening half of loop/conn.h. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "loop/conn.h"
#include "loop/loop_impl.h"

#define DEFAULT_BACKLOG 511

struct wm_listener {
	union {
		uv_handle_t handle;
		uv_stream_t stream;
		uv_tcp_t tcp;
		uv_pipe_t pipe;
	} uv;
	struct wm_loop *loop;
	void (*on_accept)(void *arg, struct wm_conn *c);
	void *arg;
	bool is_tcp, is_paused;
	bool has_one; /* a connection came during the pause; libuv holds it and accepts no more */
	struct wm_defer resume;
};

static void free_listener(uv_handle_t *handle)
{
	wm_free(wm_container_of(handle, struct wm_listener, uv.handle));
}

static void accept_one(struct wm_listener *l)
{
	struct wm_conn *c = wm_conn_new(l->loop, l->is_tcp);

	l->has_one = false;
	if (uv_accept(&l->uv.stream, &c->uv.stream) != 0) {
		wm_conn_close(c);
		return;
	}
	wm_conn_connected(c);
	l->on_accept(l->arg, c);
}

static void on_connection(uv_stream_t *stream, int status)
{
	struct wm_listener *l = wm_container_of(stream, struct wm_listener, uv.stream);

	if (status != 0) {
		wm_debug(l->loop->log, "loop.accept_failed", "reason=%s", uv_err_name(status));
		return;
	}
	if (l->is_paused)
		l->has_one = true;
	else
		accept_one(l);
}

/* 0 or a status of libuv's, as all that follow. */
static int bind_tcp(struct wm_listener *l, const struct wm_endpoint *at, bool v6_only, int backlog)
{
	struct sockaddr_storage sa;
	unsigned flags = v6_only ? UV_TCP_IPV6ONLY : 0;
	int status;

	if (wm_endpoint_to_sockaddr(at, &sa) == 0)
		return UV_EINVAL;
	status = uv_tcp_bind(&l->uv.tcp, (const struct sockaddr *)&sa, flags);
	return status != 0 ? status : uv_listen(&l->uv.stream, backlog, on_connection);
}

/* True when a socket file lies there but nobody listens: its owner was killed. */
static bool is_abandoned(const char *path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	struct stat st;
	bool refused;
	int fd;

	if (lstat(path, &st) != 0 || !S_ISSOCK(st.st_mode))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	memcpy(sa.sun_path, path, strlen(path) + 1); /* its length was checked */
	refused =
		connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) != 0 && errno == ECONNREFUSED;
	close(fd);
	return refused;
}

static int bind_path(struct wm_listener *l, const char *path, int backlog)
{
	int status = uv_pipe_bind(&l->uv.pipe, path);

	if (status == UV_EADDRINUSE && is_abandoned(path) && unlink(path) == 0)
		status = uv_pipe_bind(&l->uv.pipe, path);
	if (status == 0 && chmod(path, S_IRUSR | S_IWUSR) != 0)
		status = -errno;
	return status != 0 ? status : uv_listen(&l->uv.stream, backlog, on_connection);
}

static struct wm_listener *new_listener(struct wm_loop *loop, bool is_tcp)
{
	struct wm_listener *l = wm_alloc(sizeof(*l));

	l->loop = loop;
	l->is_tcp = is_tcp;
	if (is_tcp)
		uv_tcp_init(&loop->uv, &l->uv.tcp);
	else
		uv_pipe_init(&loop->uv, &l->uv.pipe, 0);
	loop->n_open++;
	return l;
}

/* One that is not taken is closed. */
static int take_socket(struct wm_listener *l, int fd)
{
	int status = fd > 0 ? uv_tcp_open(&l->uv.tcp, fd) : 0;

	if (status != 0)
		close(fd);
	return status;
}

static int listen_tcp(struct wm_loop *loop, const struct wm_listen_opts *opts, int backlog,
		      struct wm_listener **out)
{
	struct wm_endpoint any_v4 = {.addr = wm_addr_v4(0), .port = opts->at.port};
	bool is_any_v6 = opts->at.addr.family == WM_IPV6 && wm_addr_is_unspecified(&opts->at.addr);
	struct wm_listener *l = new_listener(loop, true);
	int status = take_socket(l, opts->socket);

	if (status == 0)
		status = bind_tcp(l, &opts->at, opts->v6_only, backlog);

	if (is_any_v6 && !opts->v6_only && opts->socket <= 0 &&
	    (status == UV_EAFNOSUPPORT || status == UV_EADDRNOTAVAIL)) {
		wm_listener_close(l);
		l = new_listener(loop, true);
		status = bind_tcp(l, &any_v4, false, backlog);
	}
	*out = l;
	return status;
}

/* The socket to listen with: the caller's, or of who makes them for this loop. */
static int find_socket(struct wm_loop *loop, struct wm_listen_opts *opts, struct wm_err *err)
{
	int fd = -1, rc = 0;

	if (opts->path == NULL && opts->socket <= 0 && loop->make_socket != NULL)
		rc = loop->make_socket(loop->make_socket_arg, &opts->at, &fd, err);
	if (fd > 0)
		opts->socket = fd;
	return rc;
}

static int open_listener(struct wm_loop *loop, const struct wm_listen_opts *opts,
			 void (*on_accept)(void *arg, struct wm_conn *c), void *arg,
			 struct wm_listener **out, struct wm_err *err)
{
	int backlog = opts->backlog > 0 ? opts->backlog : DEFAULT_BACKLOG;
	char at[WM_ENDPOINT_TEXT];
	struct wm_listener *l;
	int status;

	wm_on_loop(loop);
	if (opts->path != NULL) {
		status = wm_conn_check_path("listen", opts->path, err);
		if (status != 0)
			return status;
		l = new_listener(loop, false);
		status = bind_path(l, opts->path, backlog);
	} else {
		status = listen_tcp(loop, opts, backlog, &l);
	}
	l->on_accept = on_accept;
	l->arg = arg;
	if (status != 0) {
		wm_listener_close(l);
		return wm_loop_fail(err, status, "listen on %s",
				    opts->path != NULL ? opts->path
						       : wm_endpoint_format(&opts->at, at));
	}
	*out = l;
	return 0;
}

int wm_listener_open(struct wm_loop *loop, const struct wm_listen_opts *opts,
		     void (*on_accept)(void *arg, struct wm_conn *c), void *arg,
		     struct wm_listener **out, struct wm_err *err)
{
	struct wm_listen_opts with = *opts;
	int rc = find_socket(loop, &with, err);

	return rc != 0 ? rc : open_listener(loop, &with, on_accept, arg, out, err);
}

void wm_listener_endpoint(const struct wm_listener *l, struct wm_endpoint *out)
{
	struct sockaddr_storage sa;
	int len = sizeof(sa);

	*out = (struct wm_endpoint){0};
	if (l->is_tcp && uv_tcp_getsockname(&l->uv.tcp, (struct sockaddr *)&sa, &len) == 0)
		wm_endpoint_from_sockaddr((struct sockaddr *)&sa, out);
}

static void on_resume(struct wm_defer *d)
{
	struct wm_listener *l = wm_container_of(d, struct wm_listener, resume);

	if (!l->is_paused && l->has_one)
		accept_one(l);
}

void wm_listener_pause(struct wm_listener *l, bool paused)
{
	wm_on_loop(l->loop);
	l->is_paused = paused;
	if (!paused && l->has_one)
		wm_defer(l->loop, &l->resume, on_resume);
}

void wm_listener_close(struct wm_listener *l)
{
	if (l == NULL)
		return;
	wm_on_loop(l->loop);
	l->loop->n_open--;
	wm_defer_cancel(&l->resume);
	uv_close(&l->uv.handle, free_listener);
}
