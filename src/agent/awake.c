/*
 * The host has slept. Sessions have aged meanwhile, for the clock that they live by went on, and
 * the timers that should have renewed them stood still with the CPU: so whoever had a session is
 * greeted at once, and gets a new one unless the old is still good.
 */
#include "agent/internal.h"
#include "base/clock.h"
#include "base/log.h"
#include "platform/suspend.h"

#define SHORT (100 * WM_NS_PER_MS) /* the two clocks are not read at one moment */

static void greet_all(struct wm_agent *a)
{
	const struct wm_wg_config nothing = {.n_peers = 0};
	struct wm_wg_config *now = wm_wg_device_get(a->device, false);
	struct wm_err err;
	/* Makes the device look at its timers. */
	if (wm_wg_device_configure(a->device, &nothing, &err) != 0)
		wm_debug(a->log, "node.not_greeted", "error=\"%s\"", err.text);
	for (size_t i = 0; i < now->n_peers; i++)
		if (now->peers[i].last_handshake_wall_ns != 0)
			wm_wg_device_greet(a->device, now->peers[i].public_key);
	wm_wg_config_free(now);
}

static void on_awake(void *arg, unsigned events)
{
	struct wm_agent *a = arg;
	int64_t slept = wm_suspend_read(a->suspend);
	if (slept < SHORT || a->stopping)
		return; /* somebody has set the clock */
	wm_info(a->log, "node.awake", "slept_s=%lld", (long long)(slept / WM_NS_PER_S));
	greet_all(a);
}

void wm_agent_watch_sleep(struct wm_agent *a)
{
	struct wm_err err;
	int rc = wm_suspend_open(&a->suspend, &err);
	if (rc == 0)
		rc = wm_poll_open(a->loop, wm_suspend_fd(a->suspend), WM_POLL_IN, on_awake, a,
				  &a->sleep_poll, &err);
	if (rc != 0)
		wm_warn(a->log, "node.sleep_unseen", "error=\"%s\"", err.text);
}

void wm_agent_forget_sleep(struct wm_agent *a)
{
	if (a->sleep_poll != NULL)
		wm_poll_close(a->sleep_poll);
	a->sleep_poll = NULL;
	wm_suspend_close(a->suspend);
	a->suspend = NULL;
}
