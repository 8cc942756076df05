#pragma once
/*
 * The node's figures, for Prometheus: one table (metrics/metrics.def.h) and the HTTP endpoint that
 * shows it. Nothing is gathered until somebody asks; then the owners are asked, on the loop. What
 * each figure means stands in docs/metrics.md. Loop thread only.
 */
#include "base/addr.h"
#include "base/buf.h"
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

struct wm_cluster;
struct wm_fabric;
struct wm_graph;
struct wm_log;
struct wm_loop;
struct wm_metrics;
struct wm_rpc_client_stats;
struct wm_rpc_server;
struct wm_store;
struct wm_wg_device;

/* Who is asked. Borrowed during one scrape; families of what is NULL are left out. */
struct wm_metrics_sources {
	const char *node_id;
	int64_t started_wall_ns;
	bool is_ready; /* a member of its mesh */
	uint32_t reloads, refused_reloads;
	struct wm_rpc_server *server;
	const struct wm_rpc_client_stats *client;
	struct wm_wg_device *device;
	struct wm_fabric *fabric;
	struct wm_store *store;
	struct wm_cluster *cluster;
	const struct wm_graph *graph;
};

/* Peers that are shown one by one; the others are in the sums only. */
#define WM_METRICS_PEERS_MAX 1000

struct wm_metrics_opts {
	struct wm_endpoint at;
	const char *path; /* "/metrics"; borrowed for life */
	/* Fills @out for one scrape. */
	void (*sources)(void *arg, struct wm_metrics_sources *out);
	/* May somebody at @from, on a connection that @interface brought, see them? NULL: all. */
	bool (*admit)(void *arg, const struct wm_endpoint *from, unsigned interface);
	/*
	 * Is @host, as a client names whom it asks (http/head.h), a name of this node? NULL: any
	 * is. Else 421: a page in a browser that sits on a host which may see them must not, though
	 * it give its own name our address (DNS rebinding).
	 */
	bool (*is_ours)(void *arg, const char *host);
	void *arg;
};

/* Opens the endpoint: errors as wm_listener_open. */
WM_MUST_CHECK int wm_metrics_open(struct wm_loop *loop, struct wm_log *log,
				  const struct wm_metrics_opts *opts, struct wm_metrics **out,
				  struct wm_err *err);
void wm_metrics_close(struct wm_metrics *m); /* NULL is allowed */
/* Where it listens. */
void wm_metrics_endpoint(const struct wm_metrics *m, struct wm_endpoint *out);
