/* Signals, watched descriptors and watched files of loop/loop.h. */
#include "base/mem.h"
#include "loop/loop.h"
#include "loop/loop_impl.h"

struct wm_signal {
	uv_signal_t uv;
	struct wm_loop *loop;
	void (*cb)(void *arg, int signum);
	void *arg;
};

static void free_signal(uv_handle_t *handle)
{
	wm_free(wm_container_of((uv_signal_t *)handle, struct wm_signal, uv));
}

static void on_signal(uv_signal_t *uv, int signum)
{
	struct wm_signal *s = wm_container_of(uv, struct wm_signal, uv);

	s->cb(s->arg, signum);
}

int wm_signal_open(struct wm_loop *loop, int signum, void (*cb)(void *arg, int signum), void *arg,
		   struct wm_signal **out, struct wm_err *err)
{
	struct wm_signal *s = wm_alloc(sizeof(*s));
	int status;

	wm_on_loop(loop);
	s->loop = loop;
	s->cb = cb;
	s->arg = arg;
	status = uv_signal_init(&loop->uv, &s->uv);
	if (status != 0) {
		wm_free(s);
		return wm_loop_fail(err, status, "watch signal %d", signum);
	}
	loop->n_open++;
	status = uv_signal_start(&s->uv, on_signal, signum);
	if (status != 0) {
		wm_signal_close(s);
		return wm_loop_fail(err, status, "watch signal %d", signum);
	}
	*out = s;
	return 0;
}

void wm_signal_close(struct wm_signal *s)
{
	if (s == NULL)
		return;
	wm_on_loop(s->loop);
	s->loop->n_open--;
	uv_close((uv_handle_t *)&s->uv, free_signal);
}

struct wm_poll {
	uv_poll_t uv;
	struct wm_loop *loop;
	void (*cb)(void *arg, unsigned events);
	void *arg;
	unsigned wanted;
};

static void free_poll(uv_handle_t *handle)
{
	wm_free(wm_container_of((uv_poll_t *)handle, struct wm_poll, uv));
}

static void on_poll(uv_poll_t *uv, int status, int events)
{
	struct wm_poll *p = wm_container_of(uv, struct wm_poll, uv);
	unsigned happened = 0;

	if (status < 0) {
		/*
		 * The descriptor has an error, and libuv has stopped watching it. The owner learns
		 * it from the call that it makes when told to go on; it may also close us there.
		 */
		happened = p->wanted;
		wm_poll_change(p, p->wanted);
	} else {
		happened |= (events & UV_READABLE) != 0 ? WM_POLL_IN : 0;
		happened |= (events & UV_WRITABLE) != 0 ? WM_POLL_OUT : 0;
	}
	if (happened != 0)
		p->cb(p->arg, happened);
}

/* 0 or a status of libuv's. */
static int watch(struct wm_poll *p, unsigned events)
{
	int uv_events = 0;

	p->wanted = events;
	uv_events |= (events & WM_POLL_IN) != 0 ? UV_READABLE : 0;
	uv_events |= (events & WM_POLL_OUT) != 0 ? UV_WRITABLE : 0;
	if (uv_events == 0)
		return uv_poll_stop(&p->uv);
	return uv_poll_start(&p->uv, uv_events, on_poll);
}

int wm_poll_open(struct wm_loop *loop, int fd, unsigned events,
		 void (*cb)(void *arg, unsigned events), void *arg, struct wm_poll **out,
		 struct wm_err *err)
{
	struct wm_poll *p = wm_alloc(sizeof(*p));
	int status;

	wm_on_loop(loop);
	p->loop = loop;
	p->cb = cb;
	p->arg = arg;
	status = uv_poll_init(&loop->uv, &p->uv, fd);
	if (status != 0) {
		wm_free(p);
		return wm_loop_fail(err, status, "watch descriptor %d", fd);
	}
	loop->n_open++;
	status = watch(p, events);
	if (status != 0) {
		wm_poll_close(p);
		return wm_loop_fail(err, status, "watch descriptor %d", fd);
	}
	*out = p;
	return 0;
}

void wm_poll_change(struct wm_poll *p, unsigned events)
{
	wm_on_loop(p->loop);
	/* Opening it has shown that the descriptor can be watched. */
	watch(p, events);
}

void wm_poll_close(struct wm_poll *p)
{
	if (p == NULL)
		return;
	wm_on_loop(p->loop);
	p->loop->n_open--;
	uv_close((uv_handle_t *)&p->uv, free_poll);
}

struct wm_file_watch {
	uv_fs_event_t uv;
	struct wm_loop *loop;
	void (*cb)(void *arg);
	void *arg;
};

static void free_file_watch(uv_handle_t *handle)
{
	wm_free(wm_container_of((uv_fs_event_t *)handle, struct wm_file_watch, uv));
}

/* A failure of watching is told as well: who looks sees what there is to see. */
static void on_file(uv_fs_event_t *uv, const char *name, int events, int status)
{
	struct wm_file_watch *w = wm_container_of(uv, struct wm_file_watch, uv);

	w->cb(w->arg);
}

int wm_file_watch_open(struct wm_loop *loop, const char *path, void (*cb)(void *arg), void *arg,
		       struct wm_file_watch **out, struct wm_err *err)
{
	struct wm_file_watch *w = wm_alloc(sizeof(*w));
	int status;

	wm_on_loop(loop);
	w->loop = loop;
	w->cb = cb;
	w->arg = arg;
	status = uv_fs_event_init(&loop->uv, &w->uv);
	if (status != 0) {
		wm_free(w);
		return wm_loop_fail(err, status, "watch %s", path);
	}
	loop->n_open++;
	status = uv_fs_event_start(&w->uv, on_file, path, 0);
	if (status != 0) {
		wm_file_watch_close(w);
		return wm_loop_fail(err, status, "watch %s", path);
	}
	*out = w;
	return 0;
}

void wm_file_watch_close(struct wm_file_watch *w)
{
	if (w == NULL)
		return;
	wm_on_loop(w->loop);
	w->loop->n_open--;
	uv_close((uv_handle_t *)&w->uv, free_file_watch);
}
