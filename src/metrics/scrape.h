#pragma once
/*
 * One scrape: what was gathered from the owners at one moment, and the sources of families with
 * labels that the rows of metrics/metrics.def.h name. Loop thread.
 */
#include "cluster/cluster.h"
#include "fabric/fabric.h"
#include "http/server.h"
#include "metrics/metrics.h"
#include "metrics/text.h"
#include "platform/process.h"
#include "rpc/server.h"
#include "store/store.h"
#include "wg/device.h"

struct wm_scrape_peer {
	char *name; /* its node ID, else its key */
	const struct wm_wg_peer_config *config;
};

struct wm_scrape {
	struct wm_metrics_sources src;
	int64_t now_ns, now_wall_ns;
	struct wm_process_usage process;
	struct wm_http_stats http;
	struct wm_rpc_stats rpc;
	struct wm_store_stats store;
	const struct wm_cluster_status *cluster; /* NULL where there is none; borrowed */
	struct wm_fabric_counters fabric;
	const struct wm_fabric_failure *failures; /* borrowed */
	size_t n_failures;
	uint64_t rx_bytes, tx_bytes, drops[WM_DROP_COUNT];
	struct wm_wg_config *wg;
	struct wm_scrape_peer *peers; /* by name */
	size_t n_peers, n_shown;
};

/* Asks all of @src, which is copied; @http is the endpoint's own. */
void wm_scrape_init(struct wm_scrape *s, const struct wm_metrics_sources *src,
		    const struct wm_http_stats *http);
void wm_scrape_fini(struct wm_scrape *s);
/* The part of init that asks the device for its peers, and its last step: which ones are shown. */
void wm_scrape_gather_peers(struct wm_scrape *s);
void wm_scrape_sort_peers(struct wm_scrape *s);
/* Appends the whole table. */
void wm_scrape_write(const struct wm_scrape *s, struct wm_buf *out);

/* ---- sources with labels ---- */
void wm_scrape_build(struct wm_metrics_family *f);
void wm_scrape_node(struct wm_metrics_family *f, const struct wm_scrape *s);
/* One sample with the label node_id. */
void wm_scrape_of_node(struct wm_metrics_family *f, const struct wm_scrape *s, uint64_t value);
void wm_scrape_refused(struct wm_metrics_family *f, const struct wm_scrape *s);
void wm_scrape_answers(struct wm_metrics_family *f, const struct wm_scrape *s);
void wm_scrape_asked(struct wm_metrics_family *f, const struct wm_scrape *s);
void wm_scrape_floods(struct wm_metrics_family *f, const struct wm_scrape *s);
void wm_scrape_interface(struct wm_metrics_family *f, const struct wm_scrape *s);
void wm_scrape_drops(struct wm_metrics_family *f, const struct wm_scrape *s);
void wm_scrape_failures(struct wm_metrics_family *f, const struct wm_scrape *s);
/* Members of the quorum by role, and how far each is behind the log of the leader, us. */
void wm_scrape_members(struct wm_metrics_family *f, const struct wm_scrape *s);
void wm_scrape_member_lag(struct wm_metrics_family *f, const struct wm_scrape *s);
void wm_scrape_http(struct wm_metrics_family *f, const struct wm_scrape *s);

/* Calls @each for every method of the API, with its labels. */
typedef void wm_scrape_method(struct wm_metrics_family *f, struct wm_label labels[WM_LABELS_MAX],
			      const struct wm_rpc_method_stats *m);
void wm_scrape_methods(struct wm_metrics_family *f, const struct wm_scrape *s,
		       wm_scrape_method *each);
wm_scrape_method wm_scrape_started, wm_scrape_handled, wm_scrape_received, wm_scrape_sent,
	wm_scrape_took;

/* Calls @each for every peer that is shown, with the labels node_id and peer. */
typedef void wm_scrape_of_peer(struct wm_metrics_family *f, const struct wm_scrape *s,
			       const struct wm_label labels[2], const struct wm_wg_peer_config *p);
void wm_scrape_peers(struct wm_metrics_family *f, const struct wm_scrape *s,
		     wm_scrape_of_peer *each);
wm_scrape_of_peer wm_scrape_connected, wm_scrape_peer_tx, wm_scrape_peer_rx, wm_scrape_handshake;
