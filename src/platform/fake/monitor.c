#include "platform/monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/fake/host_impl.h"

struct wm_monitor {
	int fds[2];
	enum wm_monitor_scope scope;
};

int wm_monitor_open(enum wm_monitor_scope scope, struct wm_monitor **out, struct wm_err *err)
{
	struct wm_monitor *m;
	int code = wm_fake_call(err, "?monitor open");

	if (code != 0)
		return code;
	m = wm_alloc(sizeof(*m));
	m->scope = scope;
	if (pipe2(m->fds, O_CLOEXEC | O_NONBLOCK) != 0) {
		wm_free(m);
		return wm_fail_errno(err, errno, "pipe");
	}
	wm_fake_host.monitor_in = m->fds[1];
	wm_fake_host.handles++;
	*out = m;
	return 0;
}

void wm_monitor_close(struct wm_monitor *m)
{
	if (m == NULL)
		return;
	close(m->fds[0]);
	close(m->fds[1]);
	wm_free(m);
	wm_fake_host.monitor_in = 0;
	wm_fake_host.handles--;
}

int wm_monitor_fd(const struct wm_monitor *m)
{
	return m->fds[0];
}

void wm_fake_emit(const struct wm_monitor_change *c)
{
	if (wm_fake_host.n_pending == WM_ARRAY_LEN(wm_fake_host.pending))
		return;
	wm_fake_host.pending[wm_fake_host.n_pending++] = *c;
	if (wm_fake_host.monitor_in > 0 && write(wm_fake_host.monitor_in, "!", 1) < 0)
		wm_fake_host.n_pending--;
}

static bool is_in_scope(const struct wm_monitor *m, const struct wm_monitor_change *c)
{
	return m->scope == WM_MONITOR_ALL || c->kind == WM_MONITOR_LINK ||
	       c->kind == WM_MONITOR_RESYNC;
}

int wm_monitor_read(struct wm_monitor *m, void (*cb)(void *arg, const struct wm_monitor_change *c),
		    void *arg, struct wm_err *err)
{
	char drop[64];
	int code = wm_fake_call(err, "?monitor read");

	if (code != 0)
		return code;
	while (read(m->fds[0], drop, sizeof(drop)) > 0)
		continue;
	for (size_t i = 0; i < wm_fake_host.n_pending; i++)
		if (is_in_scope(m, &wm_fake_host.pending[i]))
			cb(arg, &wm_fake_host.pending[i]);
	wm_fake_host.n_pending = 0;
	return 0;
}
