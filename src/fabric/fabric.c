/*
 * One round: look at the subnets of this host, make a plan from what is desired, compare it with
 * what has been applied, do the difference, and note what did not work. A round is begun by a new
 * desired state, by the end of a pause after failures, by an answer of the resolver, and by changes
 * on the host; the latter wait a moment, since they come in bursts, and look first whether what we
 * had applied is still there.
 */
#include "fabric/fabric.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "fabric/detect.h"
#include "fabric/diff.h"
#include "fabric/failures.h"
#include "fabric/impl.h"
#include "fabric/journal.h"
#include "fabric/names.h"
#include "fabric/observe.h"
#include "fabric/plan.h"
#include "platform/monitor.h"
#include "platform/net.h"
#include "platform/netns.h"
#include "wg/device.h"

#define SETTLE_NS      (250 * WM_NS_PER_MS) /* changes of others are looked at after this */
#define RETRY_FIRST_NS (1 * WM_NS_PER_S)
#define RETRY_MAX_NS   (60 * WM_NS_PER_S)

/* ---- what did not work ---- */

static void note(struct wm_fabric *f, const char *what, int code, const char *why, bool tried)
{
	if (!wm_failures_note(&f->failures, what, code, why, tried, wm_loop_now(f->loop)))
		return;
	if (code == WM_UNIMPLEMENTED)
		f->counters.defaults_refused++;
	wm_warn(f->log, tried ? "fabric.failed" : "fabric.refused", "what=\"%s\" why=\"%s\"", what,
		why);
}

static void on_step_failed(void *arg, const char *what, const struct wm_err *err, bool is_vital)
{
	struct wm_fabric *f = arg;

	note(f, what, err->code, err->text, true);
	if (is_vital && f->vital.code == 0)
		f->vital = *err;
}

static void on_refused(void *arg, const char *what, int code, const char *why)
{
	note(arg, what, code, why, false);
}

static void on_name_failed(void *arg, const char *host, int code, const char *why, unsigned tries)
{
	char what[96];

	(void)wm_str_copy(what, sizeof(what), "name ");
	(void)wm_str_copy(what + 5, sizeof(what) - 5, host);
	note(arg, what, code, why, true);
}

static void on_retry(struct wm_timer *t)
{
	struct wm_fabric *f = wm_container_of(t, struct wm_fabric, retry);

	(void)wm_fabric_reconcile(f);
}

static void schedule_retry(struct wm_fabric *f)
{
	if (!f->failures.retry) {
		f->pause = RETRY_FIRST_NS;
		wm_timer_stop(&f->retry);
		return;
	}
	if (wm_timer_is_running(&f->retry))
		return;
	wm_timer_start(f->loop, &f->retry, f->pause, on_retry);
	f->pause = f->pause * 2 > RETRY_MAX_NS ? RETRY_MAX_NS : f->pause * 2;
}

/* ---- a round ---- */

static void look_at_subnets(struct wm_fabric *f)
{
	/* An interface of another namespace is not among them. */
	const char *const skip[] = {f->netns == NULL ? wm_wg_device_name(f->device) : NULL, NULL};
	const struct wm_detect_opts opts = {.with_private = true, .with_ipv6 = true, .skip = skip};
	struct wm_prefix *found;
	struct wm_err err;
	size_t n;

	if (wm_detect_endpoints(wm_fabric_net(f), &opts, &found, &n, &err) != 0) {
		note(f, "subnets", err.code, err.text, true);
		return; /* what was known is better than nothing */
	}
	wm_free(f->local);
	f->local = found;
	f->n_local = n;
}

static const struct wm_endpoint *resolve(void *arg, const char *host, uint16_t port)
{
	struct wm_fabric *f = arg;

	return wm_names_find(f->names, host, port);
}

static void make_plan(struct wm_fabric *f, struct wm_state *want)
{
	const struct wm_plan_view view = {
		.endpoints = {.zone = f->desired->zone,
			      .local = f->local,
			      .n_local = f->n_local,
			      .resolve = resolve,
			      .arg = f},
		.refuse = on_refused,
		.arg = f,
	};

	wm_names_begin(f->names);
	wm_plan_make(f->desired, &view, want);
	wm_names_end(f->names);
	wm_names_each_failed(f->names, on_name_failed, f);
}

int wm_fabric_reconcile(struct wm_fabric *f)
{
	struct wm_state want = {0};
	struct wm_steps steps;

	if (f->desired == NULL)
		return 0;
	f->vital.code = 0;
	wm_failures_begin(&f->failures);
	look_at_subnets(f);
	make_plan(f, &want);
	wm_state_diff(&f->have, &want, &steps);
	f->executor.has_ipv4 = wm_prefix_is_valid(&f->desired->addr4);
	wm_execute(&f->executor, &steps, &f->have);
	wm_failures_end(&f->failures);
	if (steps.n > 0)
		wm_debug(f->log, "fabric.applied", "steps=%zu failures=%zu peers=%zu routes=%zu",
			 steps.n, f->failures.n, f->have.n_peers, f->have.n_routes);
	wm_steps_fini(&steps);
	wm_state_fini(&want);
	schedule_retry(f);
	return f->vital.code;
}

int wm_fabric_apply(struct wm_fabric *f, struct wm_desired *d, struct wm_err *err)
{
	int code;

	wm_on_loop(f->loop);
	wm_desired_free(f->desired);
	f->desired = d;
	f->counters.applies++;
	f->counters.last_apply_wall_ns = wm_clock_wall();
	code = wm_fabric_reconcile(f);
	return code == 0 ? 0 : wm_err_copy(err, &f->vital);
}

/* ---- changes of others ---- */

static void on_settle(struct wm_timer *t)
{
	struct wm_fabric *f = wm_container_of(t, struct wm_fabric, settle);
	unsigned gone;

	if (f->desired == NULL)
		return;
	gone = wm_observe(f->net, &f->initial, &f->have);
	if (gone > 0)
		wm_warn(f->log, "fabric.disturbed", "gone=%u", gone);
	f->counters.mended += gone;
	(void)wm_fabric_reconcile(f);
}

void wm_fabric_settle(struct wm_fabric *f)
{
	if (!wm_timer_is_running(&f->settle))
		wm_timer_start(f->loop, &f->settle, SETTLE_NS, on_settle);
}

static void on_change(void *arg, const struct wm_monitor_change *c)
{
	struct wm_fabric *f = arg;
	bool is_ours = c->link == f->initial.index;

	/* The routes of others are none of our business, and on a router there are many. */
	if (c->kind == WM_MONITOR_ROUTE && !(is_ours && c->ours && c->removed))
		return;
	wm_fabric_settle(f);
}

static void on_readable(void *arg, unsigned events)
{
	struct wm_fabric *f = arg;
	struct wm_err err;

	if (wm_monitor_read(f->monitor, on_change, f, &err) == 0)
		return;
	wm_warn(f->log, "fabric.monitor_failed", "error=\"%s\"", err.text);
	wm_poll_close(f->poll);
	f->poll = NULL;
}

static void on_name(void *arg)
{
	(void)wm_fabric_reconcile(arg);
}

/* ---- life ---- */

struct opening {
	struct wm_fabric *f;
	const struct wm_fabric_opts *opts;
};

/* Where the interface is. */
static int open_inside(void *arg, struct wm_err *err)
{
	const struct opening *o = arg;
	const struct wm_fabric_opts *opts = o->opts;
	struct wm_fabric *f = o->f;
	const char *name = wm_wg_device_name(opts->device);
	int code = wm_net_open(&f->net, err);

	if (code == 0)
		code = wm_link_find(f->net, name, &f->initial, err);
	if (code == 0)
		code = wm_journal_open(f->net, f->log, opts->run_dir, name, &f->journal, err);
	if (code == 0)
		code = wm_fabric_note_link(f, err);
	if (code == 0)
		code = wm_monitor_open(WM_MONITOR_ALL, &f->monitor, err);
	return code;
}

static int open_parts(struct wm_fabric *f, const struct wm_fabric_opts *opts, struct wm_err *err)
{
	struct opening opening = {f, opts};
	int code = wm_netns_run(f->netns, open_inside, &opening, err);

	if (code == 0)
		code = wm_poll_open(f->loop, wm_monitor_fd(f->monitor), WM_POLL_IN, on_readable, f,
				    &f->poll, err);
	if (code == 0 && f->netns != NULL)
		code = wm_fabric_open_outside(f, err);
	return code;
}

static int close_journal(void *arg, struct wm_err *err)
{
	return wm_journal_close(arg, err);
}

static int close_parts(struct wm_fabric *f, struct wm_err *err)
{
	int code;

	wm_timer_stop(&f->retry);
	wm_timer_stop(&f->settle);
	if (f->poll != NULL)
		wm_poll_close(f->poll);
	wm_monitor_close(f->monitor);
	wm_fabric_close_outside(f);
	wm_names_free(f->names);
	code = wm_netns_run(f->netns, close_journal, f->journal, err);
	wm_net_close(f->net);
	wm_failures_fini(&f->failures);
	wm_state_fini(&f->have);
	wm_desired_free(f->desired);
	wm_free(f->local);
	wm_free(f);
	return code;
}

int wm_fabric_open(struct wm_loop *loop, struct wm_log *log, const struct wm_fabric_opts *opts,
		   struct wm_fabric **out, struct wm_err *err)
{
	struct wm_fabric *f = wm_alloc(sizeof(*f));
	int code;

	wm_on_loop(loop);
	f->loop = loop;
	f->log = log;
	f->device = opts->device;
	f->netns = opts->netns;
	f->pause = RETRY_FIRST_NS;
	f->names = wm_names_new(loop, log, on_name, f);
	code = open_parts(f, opts, err);
	if (code != 0) {
		(void)close_parts(f, NULL);
		return code;
	}
	f->have.up = (f->initial.flags & WM_LINK_UP) != 0;
	f->have.mtu = f->initial.mtu;
	if (wm_wg_device_is_inherited(f->device))
		code = wm_observe_all(f->net, f->initial.index, &f->have, err);
	if (code != 0) {
		(void)close_parts(f, NULL);
		return code;
	}
	f->executor = (struct wm_executor){
		.netns = f->netns,
		.net = f->net,
		.device = f->device,
		.journal = f->journal,
		.link = f->initial.index,
		.recall = opts->recall,
		.recall_arg = opts->arg,
		.on_failed = on_step_failed,
		.arg = f,
	};
	*out = f;
	return 0;
}

/* One go at everything but what the journal holds. */
static void take_down(struct wm_fabric *f)
{
	bool is_inherited = wm_wg_device_is_inherited(f->device);
	struct wm_state want = {.up = !is_inherited && (f->initial.flags & WM_LINK_UP) != 0,
				.mtu = f->initial.mtu,
				.forwarding = f->have.forwarding};
	struct wm_steps steps;
	struct wm_err err;

	wm_failures_begin(&f->failures);
	if (wm_execute_no_peers(&f->executor, &f->have, &err) != 0)
		on_step_failed(f, "peers", &err, true);
	if (f->is_left) {
		wm_failures_end(&f->failures);
		return;
	}
	wm_state_diff(&f->have, &want, &steps);
	wm_execute(&f->executor, &steps, &f->have);
	wm_failures_end(&f->failures);
	wm_steps_fini(&steps);
}

void wm_fabric_leave(struct wm_fabric *f)
{
	f->is_left = true;
}

int wm_fabric_close(struct wm_fabric *f, struct wm_err *err)
{
	struct wm_err first = {0}, why;
	int code;

	if (f == NULL)
		return 0;
	wm_on_loop(f->loop);
	/* There is no later: what failed is tried once more. */
	for (unsigned i = 0; i == 0 || (i < 2 && f->failures.n > 0); i++)
		take_down(f);
	if (f->failures.n > 0)
		wm_fail(&first, f->failures.items[0].code, "%s: %s", f->failures.items[0].what,
			f->failures.items[0].why);
	code = close_parts(f, &why);
	if (first.code != 0)
		return wm_err_copy(err, &first);
	return code == 0 ? 0 : wm_err_copy(err, &why);
}
