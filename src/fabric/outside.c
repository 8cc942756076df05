/*
 * The network that we are in ourselves, when the interface is in another one: our subnets are here,
 * and tell which of a peer's endpoints is near.
 */
#include "base/log.h"
#include "fabric/fabric.h"
#include "fabric/impl.h"
#include "platform/monitor.h"
#include "platform/net.h"

static void on_change(void *arg, const struct wm_monitor_change *c)
{
	if (c->kind != WM_MONITOR_ROUTE)
		wm_fabric_settle(arg);
}

static void on_readable(void *arg, unsigned events)
{
	struct wm_fabric *f = arg;
	struct wm_err err;

	if (wm_monitor_read(f->outside_monitor, on_change, f, &err) == 0)
		return;
	wm_warn(f->log, "fabric.monitor_failed", "error=\"%s\"", err.text);
	wm_poll_close(f->outside_poll);
	f->outside_poll = NULL;
}

int wm_fabric_open_outside(struct wm_fabric *f, struct wm_err *err)
{
	int code = wm_net_open(&f->outside, err);

	if (code == 0)
		code = wm_monitor_open(WM_MONITOR_ALL, &f->outside_monitor, err);
	if (code == 0)
		code = wm_poll_open(f->loop, wm_monitor_fd(f->outside_monitor), WM_POLL_IN,
				    on_readable, f, &f->outside_poll, err);
	return code;
}

void wm_fabric_close_outside(struct wm_fabric *f)
{
	if (f->outside_poll != NULL)
		wm_poll_close(f->outside_poll);
	wm_monitor_close(f->outside_monitor);
	wm_net_close(f->outside);
}

struct wm_net *wm_fabric_net(const struct wm_fabric *f)
{
	return f->outside != NULL ? f->outside : f->net;
}
