/* Gathering, and what has labels, but for the API's methods and the peers. */
#include "metrics/scrape.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/version.h"
#include <stdio.h>

void wm_scrape_init(struct wm_scrape *s, const struct wm_metrics_sources *src,
		    const struct wm_http_stats *http)
{
	*s = (struct wm_scrape){.src = *src,
				.http = *http,
				.now_ns = wm_clock_now(),
				.now_wall_ns = wm_clock_wall()};
	wm_process_usage(&s->process);
	if (src->server != NULL)
		wm_rpc_server_stats(src->server, &s->rpc);
	if (src->store != NULL)
		wm_store_stats(src->store, &s->store);
	if (src->cluster != NULL)
		s->cluster = wm_cluster_status(src->cluster);
	if (src->fabric != NULL) {
		s->fabric = wm_fabric_counters(src->fabric);
		s->failures = wm_fabric_failures(src->fabric, &s->n_failures);
	}
	if (src->device != NULL) {
		wm_wg_device_drops(src->device, s->drops);
		wm_wg_device_traffic(src->device, &s->rx_bytes, &s->tx_bytes);
		wm_scrape_gather_peers(s);
	}
}

void wm_scrape_fini(struct wm_scrape *s)
{
	for (size_t i = 0; i < s->n_peers; i++)
		wm_free(s->peers[i].name);
	wm_free(s->peers);
	wm_wg_config_free(s->wg);
}

void wm_scrape_build(struct wm_metrics_family *f)
{
	const struct wm_label labels[] = {{"version", wm_version_text()},
					  {"commit", wm_version_commit()},
					  {"date", wm_version_date()}};
	wm_metrics_add(f, labels, WM_ARRAY_LEN(labels), 1);
}

void wm_scrape_of_node(struct wm_metrics_family *f, const struct wm_scrape *s, uint64_t value)
{
	wm_metrics_add(f, &(struct wm_label){"node_id", s->src.node_id}, 1, value);
}

void wm_scrape_node(struct wm_metrics_family *f, const struct wm_scrape *s)
{
	wm_scrape_of_node(f, s, 1);
}

void wm_scrape_interface(struct wm_metrics_family *f, const struct wm_scrape *s)
{
	if (s->src.device == NULL)
		return;
	const struct wm_label labels[] = {{"interface", wm_wg_device_name(s->src.device)},
					  {"kind", wm_wg_device_kind(s->src.device)}};
	wm_metrics_add(f, labels, WM_ARRAY_LEN(labels), 1);
}

void wm_scrape_refused(struct wm_metrics_family *f, const struct wm_scrape *s)
{
	if (s->src.server == NULL)
		return;
	wm_metrics_add(f, &(struct wm_label){"reason", "full"}, 1, s->rpc.refused_full);
	wm_metrics_add(f, &(struct wm_label){"reason", "source"}, 1, s->rpc.refused_source);
	wm_metrics_add(f, &(struct wm_label){"reason", "greeting"}, 1, s->rpc.failed_greetings);
}

void wm_scrape_floods(struct wm_metrics_family *f, const struct wm_scrape *s)
{
	for (int i = 0; s->src.server != NULL && i < WM_FLOOD_COUNT; i++)
		wm_metrics_add(f, &(struct wm_label){"kind", wm_flood_name((enum wm_flood)i)}, 1,
			       s->rpc.h2.floods[i]);
}

void wm_scrape_drops(struct wm_metrics_family *f, const struct wm_scrape *s)
{
	for (int i = WM_DROP_NONE + 1; s->src.device != NULL && i < WM_DROP_COUNT; i++)
		wm_metrics_add(f, &(struct wm_label){"reason", wm_drop_name((enum wm_drop)i)}, 1,
			       s->drops[i]);
}

/* The clock that counts since the boot is laid on the other to the millisecond, or the time would
 * differ a little in each scrape. */
static int64_t wall_of(const struct wm_scrape *s, int64_t ns)
{
	int64_t wall = s->now_wall_ns - (s->now_ns - ns);
	return wall - wall % WM_NS_PER_MS;
}

void wm_scrape_failures(struct wm_metrics_family *f, const struct wm_scrape *s)
{
	for (size_t i = 0; i < s->n_failures; i++) {
		const struct wm_fabric_failure *failure = &s->failures[i];
		const struct wm_label labels[] = {{"what", failure->what},
						  {"code", wm_err_name(failure->code)}};
		wm_metrics_add_ns(f, labels, WM_ARRAY_LEN(labels), wall_of(s, failure->since_ns));
	}
}

void wm_scrape_http(struct wm_metrics_family *f, const struct wm_scrape *s)
{
	for (size_t i = 0; i < WM_HTTP_STATUSES; i++) {
		char code[12];
		snprintf(code, sizeof(code), "%u", wm_http_statuses[i].code);
		wm_metrics_add(f, &(struct wm_label){"code", code}, 1, s->http.answers[i]);
	}
}

void wm_scrape_members(struct wm_metrics_family *f, const struct wm_scrape *s)
{
	uint64_t n[2] = {0};

	if (s->cluster == NULL)
		return;
	for (size_t i = 0; i < s->cluster->n_members; i++)
		n[s->cluster->members[i].role == WM_MEMBER_VOTER]++;
	wm_metrics_add(f, &(struct wm_label){"role", "voter"}, 1, n[1]);
	wm_metrics_add(f, &(struct wm_label){"role", "observer"}, 1, n[0]);
}

void wm_scrape_member_lag(struct wm_metrics_family *f, const struct wm_scrape *s)
{
	if (s->cluster == NULL || s->cluster->state != WM_MACHINE_LEADER)
		return;
	for (size_t i = 0; i < s->cluster->n_members; i++) {
		const struct wm_cluster_member *m = &s->cluster->members[i];
		uint64_t match = m->id == s->cluster->id ? s->cluster->last : m->match;

		wm_metrics_add(f, &(struct wm_label){"node_id", m->node_id}, 1,
			       s->cluster->last - match);
	}
}
