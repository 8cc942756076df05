#include "programs/webmesh-wg/tunnel.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

#include "agent/supervisor.h"
#include "base/mem.h"
#include "loop/loop.h"
#include "platform/caps.h"
#include "platform/link.h"
#include "platform/monitor.h"
#include "platform/net.h"
#include "wg/device.h"

#define UAPI_DIR "/var/run/wireguard"

static const int end_signals[] = {SIGTERM, SIGINT, SIGHUP};

struct wm_tunnel {
	struct wm_log *log;
	struct wm_loop *loop;
	struct wm_supervisor *supervisor;
	struct wm_wg_device *device;
	char socket[128];
	struct stat socket_stat; /* of the file that is ours */
	struct wm_file_watch *file;
	struct wm_signal *signals[WM_ARRAY_LEN(end_signals)];
	struct wm_net *net;
	struct wm_monitor *monitor;
	struct wm_poll *poll;
	bool is_active;
	bool must_look;      /* a change was told that may be the interface's */
	bool is_over;        /* from here on nothing else is a reason */
	struct wm_err *fate; /* where run wants to know how it ended, NULL outside */
};

/* ---- the ways to end ---- */

static void end(struct wm_tunnel *t, const char *reason)
{
	if (t->is_over)
		return;
	t->is_over = true;
	wm_info(t->log, "tunnel.end", "reason=%s", reason);
	wm_supervisor_stopping(t->supervisor, reason);
	wm_loop_stop(t->loop);
}

static void on_signal(void *arg, int signum)
{
	end(arg, "signal");
}

static void on_socket_file(void *arg)
{
	struct wm_tunnel *t = arg;
	struct stat now;
	if (lstat(t->socket, &now) != 0 || now.st_dev != t->socket_stat.st_dev ||
	    now.st_ino != t->socket_stat.st_ino)
		end(t, "socket_removed");
}

static void on_broken(void *arg, const struct wm_err *why)
{
	struct wm_tunnel *t = arg;
	if (t->is_over)
		return;
	if (why->sys != ENODEV)
		wm_err_copy(t->fate, why);
	end(t, why->sys == ENODEV ? "interface_deleted" : "interface_broken");
}

/* ---- the link's state and MTU ---- */

static void warn_unseen(struct wm_tunnel *t, const struct wm_err *err)
{
	char quoted[WM_ERR_TEXT];
	wm_warn(t->log, "tunnel.link_unseen", "error=%s",
		wm_log_quote(err->text, quoted, sizeof(quoted)));
}

static void follow(struct wm_tunnel *t, const struct wm_link *link)
{
	bool active = link == NULL || (link->flags & WM_LINK_UP) != 0;
	if (link != NULL)
		wm_wg_device_set_mtu(t->device, link->mtu);
	if (active == t->is_active)
		return;
	t->is_active = active;
	wm_info(t->log, "tunnel.link", "interface=%s up=%s", wm_tunnel_name(t),
		active ? "true" : "false");
	wm_wg_device_set_active(t->device, active);
}

/* An interface that was moved into another network namespace is not seen: it counts as up. */
static void follow_link(struct wm_tunnel *t)
{
	struct wm_link_list links = {.n = 0};
	unsigned ifindex = wm_wg_device_ifindex(t->device);
	const struct wm_link *ours = NULL;
	struct wm_err err;
	if (wm_link_list(t->net, &links, &err) != 0)
		return warn_unseen(t, &err);
	for (size_t i = 0; i < links.n; i++)
		if (links.links[i].index == ifindex)
			ours = &links.links[i];
	follow(t, ours);
	wm_link_list_fini(&links);
}

static void on_change(void *arg, const struct wm_monitor_change *c)
{
	struct wm_tunnel *t = arg;
	t->must_look |= c->kind == WM_MONITOR_RESYNC ||
			(c->kind == WM_MONITOR_LINK && c->link == wm_wg_device_ifindex(t->device));
}

static void on_monitor(void *arg, unsigned events)
{
	struct wm_tunnel *t = arg;
	struct wm_err err;
	if (wm_monitor_read(t->monitor, on_change, t, &err) != 0) {
		warn_unseen(t, &err);
		t->must_look = true;
	}
	if (t->must_look)
		follow_link(t);
	t->must_look = false;
}

/* ---- opening and closing ---- */

static int open_device(struct wm_tunnel *t, const struct wm_tunnel_options *o, struct wm_err *err)
{
	static const struct wm_wg_events events = {.on_broken = on_broken};
	struct wm_wg_device_opts opts = {.name = o->name,
					 .uapi_dir = UAPI_DIR,
					 .uapi_required = true,
					 .is_plain = o->is_plain};
	int rc = wm_wg_device_open(t->loop, t->log, &opts, &events, t, &t->device, err);
	t->is_active = true;
	return rc;
}

static int watch_socket_file(struct wm_tunnel *t, struct wm_err *err)
{
	snprintf(t->socket, sizeof(t->socket), UAPI_DIR "/%s.sock", wm_tunnel_name(t));
	if (lstat(t->socket, &t->socket_stat) != 0)
		return wm_fail_errno(err, errno, "%s", t->socket);
	return wm_file_watch_open(t->loop, t->socket, on_socket_file, t, &t->file, err);
}

/* A signal that was ignored when we started (nohup) stays so, unless it is how we are stopped. */
static int watch_signals(struct wm_tunnel *t, struct wm_err *err)
{
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < WM_ARRAY_LEN(end_signals); i++) {
		int signum = end_signals[i];
		struct sigaction old;
		if (signum == SIGHUP && sigaction(signum, NULL, &old) == 0 &&
		    old.sa_handler == SIG_IGN)
			continue;
		rc = wm_signal_open(t->loop, signum, on_signal, t, &t->signals[i], err);
	}
	return rc;
}

static int watch_link(struct wm_tunnel *t, struct wm_err *err)
{
	int rc = wm_net_open(&t->net, err);
	if (rc == 0)
		rc = wm_monitor_open(WM_MONITOR_LINKS, &t->monitor, err);
	if (rc == 0)
		rc = wm_poll_open(t->loop, wm_monitor_fd(t->monitor), WM_POLL_IN, on_monitor, t,
				  &t->poll, err);
	if (rc == 0)
		follow_link(t);
	return rc;
}

static size_t ask_threads(void *arg, struct wm_pulse **out)
{
	struct wm_tunnel *t = arg;
	return t->device == NULL ? 0 : wm_wg_device_ask(t->device, out);
}

static int restrict_privileges(struct wm_err *err)
{
	int rc = wm_caps_require(WM_CAP_NET_ADMIN, "webmesh-wg", err);
	return rc != 0 ? rc : wm_caps_restrict(WM_CAP_NET_ADMIN | WM_CAP_NET_BIND, err);
}

int wm_tunnel_open(const struct wm_tunnel_options *o, struct wm_log *log, struct wm_tunnel **out,
		   struct wm_err *err)
{
	int rc = restrict_privileges(err);
	if (rc != 0)
		return rc;
	struct wm_tunnel *t = wm_alloc(sizeof(*t));
	t->log = log;
	t->loop = wm_loop_new(log);
	rc = wm_supervisor_new(t->loop, log, ask_threads, t, &t->supervisor, err);
	if (rc == 0)
		rc = open_device(t, o, err);
	if (rc == 0)
		rc = watch_socket_file(t, err);
	if (rc == 0)
		rc = watch_signals(t, err);
	if (rc == 0)
		rc = watch_link(t, err);
	if (rc != 0) {
		wm_tunnel_close(t);
		return rc;
	}
	wm_info(log, "tunnel.ready", "interface=%s socket=%s", wm_tunnel_name(t), t->socket);
	*out = t;
	return 0;
}

void wm_tunnel_close(struct wm_tunnel *t)
{
	if (t == NULL)
		return;
	if (t->poll != NULL)
		wm_poll_close(t->poll);
	wm_monitor_close(t->monitor);
	wm_net_close(t->net);
	for (size_t i = 0; i < WM_ARRAY_LEN(t->signals); i++)
		wm_signal_close(t->signals[i]);
	wm_file_watch_close(t->file);
	wm_supervisor_free(t->supervisor);
	wm_wg_device_close(t->device);
	wm_loop_free(t->loop);
	wm_free(t);
}

const char *wm_tunnel_name(const struct wm_tunnel *t)
{
	return wm_wg_device_name(t->device);
}

int wm_tunnel_run(struct wm_tunnel *t, struct wm_err *err)
{
	struct wm_err fate = {.code = WM_OK};
	t->fate = &fate;
	if (!t->is_over) {
		wm_supervisor_ready(t->supervisor, wm_tunnel_name(t));
		wm_loop_run(t->loop);
	}
	t->fate = NULL;
	return fate.code != WM_OK ? wm_err_copy(err, &fate) : 0;
}
