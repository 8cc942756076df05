/*
 * Who is asked for the node's figures, and who may see them. By default the endpoint listens where
 * the Go program does, on all addresses, but serves this host and the mesh only; whoever names an
 * address means it.
 */
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "agent/internal.h"
#include "agent/options.h"
#include "base/log.h"
#include "conf/conf.h"
#include "metrics/metrics.h"

static void fill_sources(void *arg, struct wm_metrics_sources *out)
{
	struct wm_agent *a = arg;
	*out = (struct wm_metrics_sources){
		.node_id = a->identity.node_id,
		.started_wall_ns = a->started_wall_ns,
		.is_ready = a->ready && !a->stopping,
		.reloads = a->reloads,
		.refused_reloads = a->refused_reloads,
		.server = a->server,
		.client = &a->client_stats,
		.device = a->device,
		.fabric = a->fabric,
		.store = a->store,
		.cluster = a->cluster,
		.graph = a->live != NULL ? wm_live_graph(a->live) : NULL,
	};
}

static bool is_near(void *arg, const struct wm_endpoint *from, unsigned interface)
{
	const struct wm_agent *a = arg;
	struct wm_addr addr = wm_addr_unmapped(&from->addr);
	/* We listen on our side of things, where nothing comes out of the tunnel. */
	unsigned by = a->netns == NULL ? interface : 0;
	return wm_addr_is_loopback(&addr) || wm_agent_is_mesh_path(arg, &addr, by);
}

/* Text without the dot that may end a full name. */
static bool is_name(const char *host, size_t n, const char *name)
{
	return strlen(name) == n && strncasecmp(host, name, n) == 0;
}

static bool is_below(const char *host, size_t n, const char *domain)
{
	size_t len = strlen(domain);
	return len > 0 && n > len + 1 && host[n - len - 1] == '.' &&
	       is_name(host + n - len, len, domain);
}

/*
 * What nobody on the Internet can make point to us: addresses, names of one word, and those that
 * belong to this host and to the mesh.
 */
static bool is_our_name(void *arg, const char *host)
{
	const struct wm_agent *a = arg;
	char own[256] = "";
	size_t n = strlen(host);
	n -= n > 0 && host[n - 1] == '.';
	if (host[0] == '[' || strspn(host, "0123456789.") == strlen(host) ||
	    memchr(host, '.', n) == NULL)
		return true;
	(void)gethostname(own, sizeof(own) - 1);
	return is_name(host, n, own) || is_name(host, n, a->identity.node_id) ||
	       is_below(host, n, "localhost") ||
	       (a->view != NULL && is_below(host, n, a->view->meshdomain));
}

int wm_agent_open_metrics(struct wm_agent *a, struct wm_err *err)
{
	const struct wm_node_options *o = a->options;
	bool is_open = wm_conf_is_given(o->conf, "services.metrics.listen-address");
	struct wm_metrics_opts opts = {
		.at = o->services_metrics_listen_address,
		.path = o->services_metrics_path,
		.sources = fill_sources,
		.admit = is_open ? NULL : is_near,
		.is_ours = is_open ? NULL : is_our_name,
		.arg = a,
	};
	if (!o->services_metrics_enabled)
		return 0;
	int rc = wm_metrics_open(a->loop, a->log, &opts, &a->metrics, err);
	if (rc != 0)
		return wm_wrap(err, "services.metrics.listen-address");
	wm_info(a->log, "metrics.open", "port=%u path=%s for=%s", opts.at.port, opts.path,
		is_open ? "everybody" : "host,mesh");
	return 0;
}
