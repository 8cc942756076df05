#include "metrics/metrics.h"
#include "base/mem.h"
#include "base/str.h"
#include "metrics/scrape.h"

#define OTHER_HOST                                                          \
	"421 Misdirected Request\n"                                         \
	"Ask by an IP address, by localhost, by this node's name, or by a " \
	"name of the mesh;\n"                                               \
	"with services.metrics.listen-address given, any name will do.\n"

struct wm_metrics {
	struct wm_metrics_opts opts;
	struct wm_http_server *http;
};

static bool on_admit(void *arg, const struct wm_endpoint *peer, unsigned interface)
{
	struct wm_metrics *m = arg;
	return m->opts.admit == NULL || m->opts.admit(m->opts.arg, peer, interface);
}

static void on_request(void *arg, const struct wm_http_head *head, struct wm_http_answer *out)
{
	struct wm_metrics *m = arg;
	struct wm_metrics_sources sources = {.node_id = ""};
	struct wm_http_stats http;
	struct wm_scrape s;
	if (m->opts.is_ours != NULL && !m->opts.is_ours(m->opts.arg, head->host)) {
		out->status = 421;
		wm_buf_add_str(&out->body, OTHER_HOST);
		return;
	}
	if (!wm_streq(head->path, m->opts.path))
		return;
	m->opts.sources(m->opts.arg, &sources);
	wm_http_server_stats(m->http, &http);
	wm_scrape_init(&s, &sources, &http);
	wm_scrape_write(&s, &out->body);
	wm_scrape_fini(&s);
	out->status = 200;
	out->type = WM_METRICS_TYPE;
}

int wm_metrics_open(struct wm_loop *loop, struct wm_log *log, const struct wm_metrics_opts *opts,
		    struct wm_metrics **out, struct wm_err *err)
{
	struct wm_metrics *m = wm_alloc(sizeof(*m));
	struct wm_http_server_opts http = {
		.at = opts->at, .admit = on_admit, .answer = on_request, .arg = m};
	m->opts = *opts;
	int rc = wm_http_server_open(loop, log, &http, &m->http, err);
	if (rc != 0) {
		wm_free(m);
		return rc;
	}
	*out = m;
	return 0;
}

void wm_metrics_close(struct wm_metrics *m)
{
	if (m == NULL)
		return;
	wm_http_server_close(m->http);
	wm_free(m);
}

void wm_metrics_endpoint(const struct wm_metrics *m, struct wm_endpoint *out)
{
	wm_http_server_endpoint(m->http, out);
}
