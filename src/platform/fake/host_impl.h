#pragma once
/* What the files of platform/fake share: the one host. Not for tests. */
#include "base/buf.h"
#include "platform/fake/host.h"

struct fake_route {
	struct wm_route route;
	bool is_foreign;
};

struct fake_setting {
	char name[WM_SYSCTL_NAME];
	char value[WM_SYSCTL_VALUE];
};

struct fake_host {
	struct wm_link links[16];
	size_t n_links;
	struct wm_link_addr addrs[64];
	size_t n_addrs;
	struct fake_route routes[256];
	size_t n_routes;
	struct fake_setting settings[64];
	size_t n_settings;
	struct wm_buf log;
	unsigned fail_at;
	bool has_failed;
	const char *refused;
	unsigned handles;
	int64_t watchdog;
	struct wm_monitor_change pending[32];
	size_t n_pending;
	struct wm_wg_config wg; /* its peers' allowed[] are ours */
	struct wm_wgdev_stats wg_stats;
	uint16_t taken_port;
	int monitor_in; /* the writing end of the monitor's pipe */
};

extern struct fake_host wm_fake_host;

/* Forgets the WireGuard of the host's kernel. */
void wm_fake_wg_fini(void);
