/*
 * The interface of a running node can go: somebody deletes it, or the kernel loses its WireGuard.
 * The node stays what it is, and makes another under the same name, whoever carries its packets
 * then. Its peers notice nothing but a new session.
 */
#include "agent/internal.h"

#include "agent/supervisor.h"
#include "base/clock.h"
#include "base/log.h"
#include "fabric/fabric.h"

/* Whoever takes the kernel's module away may not be done yet, or may bring a newer one. */
#define SETTLE      (1 * WM_NS_PER_S)
#define PAUSE_FIRST (1 * WM_NS_PER_S)
#define PAUSE_MAX   (60 * WM_NS_PER_S)
#define STABLE      (60 * WM_NS_PER_S) /* whoever deletes it again sooner will go on doing so */

static int recover(struct wm_agent *a, struct wm_err *err)
{
	int rc;
	/* Copies of its descriptors keep its name taken, and ours are about to be closed. */
	wm_supervisor_let_go(a->supervisor);
	rc = wm_wg_device_reopen(a->device, err);
	if (rc == 0) {
		wm_agent_keep_interface(a);
		rc = wm_agent_configure_device(a, err);
	}
	if (rc == 0)
		rc = wm_fabric_renew(a->fabric, err);
	return rc;
}

static void on_due(struct wm_timer *t)
{
	struct wm_agent *a = wm_container_of(t, struct wm_agent, recovery);
	struct wm_err err;
	if (a->stopping)
		return;
	if (recover(a, &err) == 0) {
		a->recovered_ns = wm_clock_now();
		wm_warn(a->log, "wg.recovered", "interface=%s kind=%s",
			wm_wg_device_name(a->device), wm_wg_device_kind(a->device));
		return;
	}
	int64_t pause = wm_backoff_next(&a->recovery_pause);
	wm_error(a->log, "wg.not_recovered", "interface=%s retry_s=%lld error=\"%s\"",
		 wm_wg_device_name(a->device), (long long)(pause / WM_NS_PER_S), err.text);
	wm_timer_start(a->loop, t, pause, on_due);
}

/* At once, but not again and again. */
static int64_t next_pause(struct wm_agent *a)
{
	int64_t least = wm_wg_device_is_kernel(a->device) ? SETTLE : 0, pause = 0;
	if (a->recovered_ns != 0 && wm_clock_now() - a->recovered_ns < STABLE)
		pause = wm_backoff_next(&a->recovery_pause);
	else
		a->recovery_pause = (struct wm_backoff){
			.first_ns = PAUSE_FIRST, .max_ns = PAUSE_MAX, .growth_percent = 160};
	return pause > least ? pause : least;
}

void wm_agent_recover(struct wm_agent *a, const struct wm_err *why)
{
	if (a->stopping || a->fabric == NULL)
		return wm_agent_stop(a, why);
	int64_t pause = next_pause(a);
	wm_warn(a->log, "wg.lost", "interface=%s kind=%s pause_ms=%lld error=\"%s\"",
		wm_wg_device_name(a->device), wm_wg_device_kind(a->device),
		(long long)(pause / WM_NS_PER_MS), why->text);
	/* Not from inside the device's own call. */
	wm_timer_start(a->loop, &a->recovery, pause, on_due);
}
