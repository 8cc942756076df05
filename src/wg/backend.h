#pragma once
/*
 * What stands behind a device (wg/device.h): a table of functions and who they work on. There is
 * one implementation for each kind, which embeds struct wm_wg_backend; its functions promise what
 * wg/device.h says of those of the same name. Loop thread only.
 */
#include "wg/device.h"

struct wm_wg_backend;

struct wm_wg_backend_ops {
	const char *kind;
	bool is_kernel;
	/* Frees it, at the latest when the loop turns next; tells nothing from here on. */
	void (*close)(struct wm_wg_backend *b);
	int (*configure)(struct wm_wg_backend *b, const struct wm_wg_config *wish,
			 struct wm_err *err);
	/* NULL: packets do not come by here. */
	int (*set_policy)(struct wm_wg_backend *b, const struct wm_wg_policy_spec *spec,
			  struct wm_err *err);
	struct wm_wg_config *(*get)(struct wm_wg_backend *b, bool with_keys);
	void (*set_active)(struct wm_wg_backend *b, bool active);
	void (*set_mtu)(struct wm_wg_backend *b, uint32_t mtu);
	void (*greet)(struct wm_wg_backend *b, const uint8_t public_key[WM_WG_KEY]);
	void (*send)(struct wm_wg_backend *b, const struct wm_endpoint *to, const void *data,
		     size_t len);
	/* NULL: there are none. */
	unsigned (*fds)(struct wm_wg_backend *b, int out[WM_WG_FDS_MAX]);
	size_t (*ask)(struct wm_wg_backend *b, struct wm_pulse **out);
	void (*traffic)(struct wm_wg_backend *b, uint64_t *rx, uint64_t *tx);
	void (*drops)(struct wm_wg_backend *b, uint64_t counts[WM_DROP_COUNT]);
};

struct wm_wg_backend {
	const struct wm_wg_backend_ops *ops;
	const char *name; /* of the interface, as the system has named it */
	unsigned ifindex;
	bool is_inherited;
};

struct wm_wg_device {
	struct wm_loop *loop;
	struct wm_log *log;
	struct wm_wg_device_opts opts;
	struct wm_wg_events events;
	void *arg;
	struct wm_wg_backend *backend;
	struct wm_wg_backend nobody;      /* between two */
	char name[16];                    /* as the system has named it first */
	struct wm_wg_policy_spec *policy; /* for who stands behind it next; NULL: none */
	/* What those before the present one have counted. */
	uint64_t gone_rx, gone_tx, gone_drops[WM_DROP_COUNT];
};

/* Each tells @events to @arg. UNAVAILABLE when this host has nothing of the kind. */
WM_MUST_CHECK int wm_wg_userspace_open(struct wm_loop *loop, struct wm_log *log,
				       const struct wm_wg_device_opts *opts,
				       const struct wm_wg_events *events, void *arg,
				       struct wm_wg_backend **out, struct wm_err *err);
WM_MUST_CHECK int wm_wg_kernel_open(struct wm_loop *loop, struct wm_log *log,
				    const struct wm_wg_device_opts *opts,
				    const struct wm_wg_events *events, void *arg,
				    struct wm_wg_backend **out, struct wm_err *err);
