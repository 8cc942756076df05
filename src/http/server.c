#include "base/clock.h"
#include "base/mem.h"
#include "http/server_impl.h"

#define MAX_CONNECTIONS 128
#define MAX_WAITING     (16u << 20)
#define HEAD_NS         (10 * WM_NS_PER_S)
#define ANSWER_NS       (60 * WM_NS_PER_S)
#define IDLE_NS         (120 * WM_NS_PER_S)

static struct wm_http_exchange *first_of(const struct wm_list *list)
{
	struct wm_list *node = wm_list_first(list);
	return node == NULL ? NULL : wm_container_of(node, struct wm_http_exchange, node);
}

static void refuse(struct wm_http_server *s, struct wm_conn *c, const struct wm_endpoint *peer,
		   const char *reason)
{
	char text[WM_ENDPOINT_TEXT];
	wm_conn_close(c);
	s->stats.refused++;
	if (wm_log_limit_allow(&s->limit, 1, wm_loop_now(s->loop)))
		wm_warn(s->log, "http.refused", "peer=%s reason=\"%s\" suppressed=%u",
			wm_endpoint_format(peer, text), reason, s->limit.suppressed);
}

/* Who has said nothing for longest goes first; where all are being answered, who reads slowest. */
static void make_room(struct wm_http_server *s)
{
	if (s->stats.connections < s->opts.max_connections)
		return;
	struct wm_http_exchange *oldest = first_of(&s->waiting);
	s->stats.evicted++;
	wm_http_exchange_free(oldest != NULL ? oldest : first_of(&s->busy));
}

static void on_accept(void *arg, struct wm_conn *c)
{
	struct wm_http_server *s = arg;
	struct wm_endpoint peer = {.port = 0};
	bool has_peer = wm_conn_peer(c, &peer); /* else it is gone already */
	if (!has_peer ||
	    (s->opts.admit != NULL && !s->opts.admit(s->opts.arg, &peer, wm_conn_interface(c)))) {
		refuse(s, c, &peer, has_peer ? "not from where this is for" : "gone");
	} else {
		make_room(s);
		s->stats.accepted++;
		s->stats.connections++;
		wm_http_exchange_new(s, c);
	}
}

static void fill_defaults(struct wm_http_server_opts *o)
{
	o->max_connections = o->max_connections != 0 ? o->max_connections : MAX_CONNECTIONS;
	o->max_waiting = o->max_waiting != 0 ? o->max_waiting : MAX_WAITING;
	o->head_ns = o->head_ns != 0 ? o->head_ns : HEAD_NS;
	o->answer_ns = o->answer_ns != 0 ? o->answer_ns : ANSWER_NS;
	o->idle_ns = o->idle_ns != 0 ? o->idle_ns : IDLE_NS;
}

int wm_http_server_open(struct wm_loop *loop, struct wm_log *log,
			const struct wm_http_server_opts *opts, struct wm_http_server **out,
			struct wm_err *err)
{
	struct wm_http_server *s = wm_alloc(sizeof(*s));
	struct wm_listen_opts listen = {.at = opts->at};
	s->loop = loop;
	s->log = log;
	s->opts = *opts;
	fill_defaults(&s->opts);
	wm_list_init(&s->waiting);
	wm_list_init(&s->busy);
	int rc = wm_listener_open(loop, &listen, on_accept, s, &s->listener, err);
	if (rc != 0) {
		wm_free(s);
		return rc;
	}
	*out = s;
	return 0;
}

void wm_http_server_endpoint(const struct wm_http_server *s, struct wm_endpoint *out)
{
	wm_listener_endpoint(s->listener, out);
}

void wm_http_server_stats(const struct wm_http_server *s, struct wm_http_stats *out)
{
	*out = s->stats;
}

static void free_all(struct wm_list *list)
{
	struct wm_http_exchange *x;
	while ((x = first_of(list)) != NULL)
		wm_http_exchange_free(x);
}

void wm_http_server_close(struct wm_http_server *s)
{
	if (s == NULL)
		return;
	wm_listener_close(s->listener);
	free_all(&s->waiting);
	free_all(&s->busy);
	wm_free(s);
}
