/* The API's methods as the Go program shows them: names of types and statuses are grpc-go's. */
#include "metrics/scrape.h"
#include "base/mem.h"
#include "base/str.h"
#include <string.h>

static const char *const statuses[WM_RPC_STATUSES] = {
	"OK",
	"Canceled",
	"Unknown",
	"InvalidArgument",
	"DeadlineExceeded",
	"NotFound",
	"AlreadyExists",
	"PermissionDenied",
	"ResourceExhausted",
	"FailedPrecondition",
	"Aborted",
	"OutOfRange",
	"Unimplemented",
	"Internal",
	"Unavailable",
	"DataLoss",
	"Unauthenticated",
};

#define LABELS 3 /* type, service, method */

struct walk {
	struct wm_metrics_family *family;
	wm_scrape_method *each;
};

static const char *type_of(const struct wm_pb_method *m)
{
	if (m->client_streaming)
		return m->server_streaming ? "bidi_stream" : "client_stream";
	return m->server_streaming ? "server_stream" : "unary";
}

/* "/v1.Node/GetStatus" is method GetStatus of service v1.Node. */
static void on_method(void *arg, const struct wm_pb_method *m,
		      const struct wm_rpc_method_stats *stats)
{
	struct walk *w = arg;
	char path[128];
	(void)wm_str_copy(path, sizeof(path), m->path + 1);
	char *rest = path;
	char *service = wm_str_cut(&rest, '/');
	struct wm_label labels[WM_LABELS_MAX] = {
		{"grpc_type", type_of(m)}, {"grpc_service", service}, {"grpc_method", rest}};
	w->each(w->family, labels, stats);
}

void wm_scrape_methods(struct wm_metrics_family *f, const struct wm_scrape *s,
		       wm_scrape_method *each)
{
	struct walk w = {f, each};
	if (s->src.server != NULL)
		wm_rpc_server_each_method(s->src.server, on_method, &w);
}

void wm_scrape_started(struct wm_metrics_family *f, struct wm_label *labels,
		       const struct wm_rpc_method_stats *m)
{
	wm_metrics_add(f, labels, LABELS, m->started);
}

/* OK always, so that the first call is a rise from 0; the others once they occurred. */
void wm_scrape_handled(struct wm_metrics_family *f, struct wm_label *labels,
		       const struct wm_rpc_method_stats *m)
{
	for (size_t i = 0; i < WM_RPC_STATUSES; i++) {
		labels[LABELS] = (struct wm_label){"grpc_code", statuses[i]};
		if (i == 0 || m->ended[i] > 0)
			wm_metrics_add(f, labels, LABELS + 1, m->ended[i]);
	}
}

void wm_scrape_received(struct wm_metrics_family *f, struct wm_label *labels,
			const struct wm_rpc_method_stats *m)
{
	wm_metrics_add(f, labels, LABELS, m->received);
}

void wm_scrape_sent(struct wm_metrics_family *f, struct wm_label *labels,
		    const struct wm_rpc_method_stats *m)
{
	wm_metrics_add(f, labels, LABELS, m->sent);
}

/* Eighteen lines a method: only for those of which a call has ended. */
void wm_scrape_took(struct wm_metrics_family *f, struct wm_label *labels,
		    const struct wm_rpc_method_stats *m)
{
	uint64_t n = 0;
	for (size_t i = 0; i < WM_RPC_STATUSES; i++)
		n += m->ended[i];
	if (n > 0)
		wm_metrics_add_histogram(f, labels, LABELS, &m->took);
}

static void add_statuses(struct wm_metrics_family *f, const uint64_t ended[WM_RPC_STATUSES])
{
	for (size_t i = 0; i < WM_RPC_STATUSES; i++)
		wm_metrics_add(f, &(struct wm_label){"code", statuses[i]}, 1, ended[i]);
}

void wm_scrape_answers(struct wm_metrics_family *f, const struct wm_scrape *s)
{
	if (s->src.server != NULL)
		add_statuses(f, s->rpc.ended);
}

void wm_scrape_asked(struct wm_metrics_family *f, const struct wm_scrape *s)
{
	if (s->src.client != NULL)
		add_statuses(f, s->src.client->ended);
}
