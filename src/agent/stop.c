/*
 * The stop, one step a turn of the loop, since some of it has to wait: membership given up (if
 * asked for), calls drained, state closed, host restored; in reverse order of birth.
 */
#include <stdio.h>

#include "agent/announcer.h"
#include "agent/internal.h"
#include "agent/options.h"
#include "agent/places.h"
#include "agent/supervisor.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "cluster/cluster.h"
#include "fabric/fabric.h"
#include "metrics/metrics.h"
#include "platform/netns.h"

#define GRACE (500 * WM_NS_PER_MS)

static void finish(struct wm_defer *d)
{
	struct wm_agent *a = wm_container_of(d, struct wm_agent, next);
	wm_loop_stop(a->loop);
}

static void on_state_closed(void *arg)
{
	struct wm_agent *a = arg;
	a->store = NULL;
	a->cluster = NULL;
	wm_defer(a->loop, &a->next, finish);
}

static void on_drained(void *arg)
{
	struct wm_agent *a = arg;
	a->waits_for = "the state to be closed";
	if (a->cluster != NULL)
		wm_cluster_close(a->cluster, on_state_closed, a);
	else
		wm_defer(a->loop, &a->next, finish);
}

static void drain(struct wm_agent *a)
{
	wm_announcer_free(a->announcer);
	a->announcer = NULL;
	wm_follower_free(a->follower);
	a->follower = NULL;
	wm_joiner_free(a->joiner);
	a->joiner = NULL;
	if (a->live != NULL)
		wm_live_unlisten(&a->own_peers);
	wm_defer_cancel(&a->refresh);
	wm_timer_stop(&a->farewell);
	wm_agent_save_view(a);
	wm_service_stop(a->service);
	wm_quorum_stop(a);
	a->waits_for = "the API's calls to end";
	if (a->server != NULL)
		wm_rpc_server_drain(a->server, GRACE, on_drained, a);
	else
		on_drained(a);
}

static void begin_stop(struct wm_defer *d)
{
	struct wm_agent *a = wm_container_of(d, struct wm_agent, next);
	bool leave =
		a->options->mesh_leave_on_stop && a->ready && a->live == NULL && a->why.code == 0;
	a->waits_for = "the mesh to hear that this node leaves";
	if (leave)
		wm_joiner_leave(a, drain);
	else
		wm_quorum_hand_over(a, drain);
}

/* The steps that wait are given up; what has to be undone on the host still is. */
static void on_stop_limit(struct wm_timer *t)
{
	struct wm_agent *a = wm_container_of(t, struct wm_agent, limit);
	wm_warn(a->log, "node.stop_cut_short", "waited_for=\"%s\"", a->waits_for);
	a->cut_short = true;
	wm_loop_stop(a->loop);
}

void wm_agent_stop(struct wm_agent *a, const struct wm_err *why)
{
	if (a->stopping)
		return;
	a->stopping = true;
	wm_err_copy(&a->why, why);
	wm_info(a->log, "node.stopping", "reason=\"%s\"", why == NULL ? "asked to" : why->text);
	wm_supervisor_stopping(a->supervisor, why == NULL ? "stopping" : why->text);
	wm_timer_stop(&a->limit);
	if (a->options->shutdown_timeout > 0)
		wm_timer_start(a->loop, &a->limit, a->options->shutdown_timeout, on_stop_limit);
	wm_defer(a->loop, &a->next, begin_stop);
}

static bool never(void *arg)
{
	return false;
}

/* What the device did not carry, by reason: the last chance to learn it. */
static void log_drops(struct wm_agent *a)
{
	uint64_t counts[WM_DROP_COUNT];
	struct wm_buf text = {0};
	if (a->device == NULL)
		return;
	wm_wg_device_drops(a->device, counts);
	for (int i = WM_DROP_NONE + 1; i < WM_DROP_COUNT; i++)
		if (counts[i] > 0)
			wm_buf_printf(&text, "%s%s=%llu", text.len > 0 ? " " : "",
				      wm_drop_name((enum wm_drop)i), (unsigned long long)counts[i]);
	if (text.len > 0)
		wm_info(a->log, "wg.drops", "%s", wm_buf_str(&text));
	wm_buf_fini(&text);
}

/*
 * Who keeps the interface for a successor knows whether there is one, and takes it away if there is
 * none. A node that fails, or leaves the mesh, wants none.
 */
static void leave_interface(struct wm_agent *a)
{
	bool is_over = a->why.code != 0 || a->options->mesh_leave_on_stop;
	wm_places_save(a->places);
	if (is_over || a->fabric == NULL || !wm_supervisor_keeps(a->supervisor)) {
		wm_supervisor_let_go(a->supervisor);
		return;
	}
	wm_fabric_leave(a->fabric);
	wm_info(a->log, "interface.left", "name=%s", wm_wg_device_name(a->device));
}

static void restore_host(struct wm_agent *a)
{
	struct wm_err err;
	wm_timer_stop(&a->recovery);
	wm_agent_forget_sleep(a);
	log_drops(a);
	leave_interface(a);
	if (a->fabric != NULL && wm_fabric_close(a->fabric, &err) != 0)
		wm_warn(a->log, "host.not_restored", "error=\"%s\"", err.text);
	wm_places_free(a->places);
	wm_wg_device_close(a->device);
}

int wm_agent_fail_cut_short(struct wm_agent *a, struct wm_err *err)
{
	char limit[40];
	restore_host(a);
	wm_format_duration(a->options->shutdown_timeout, limit, sizeof(limit));
	return wm_fail(err, WM_ABORTED,
		       "not done after --shutdown-timeout %s: waited for %s%s%.240s", limit,
		       a->waits_for, a->why.code != 0 ? "; stopped because " : "",
		       a->why.code != 0 ? a->why.text : "");
}

void wm_agent_fini(struct wm_agent *a)
{
	wm_timer_stop(&a->limit);
	wm_metrics_close(a->metrics);
	wm_live_close(a->live);
	wm_service_free(a->service);
	if (a->server != NULL)
		wm_rpc_server_free(a->server);
	wm_quorum_free(a->quorum);
	restore_host(a);
	wm_supervisor_free(a->supervisor);
	wm_signal_close(a->sighup);
	wm_signal_close(a->sigterm);
	wm_signal_close(a->sigint);
	if (a->loop != NULL) {
		wm_loop_run_until(a->loop, never, NULL, 0);
		wm_loop_free(a->loop);
	}
	wm_arena_fini(&a->view_arena);
	wm_netns_leave(a->netns);
	wm_identity_fini(&a->identity);
}
