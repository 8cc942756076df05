#include "rpc/server_impl.h"
#include "base/clock.h"
#include "base/mem.h"
#include "rpc/frame.h"
#include <assert.h>
#include <sys/resource.h>
#include <unistd.h>

#define MAX_CONNECTIONS 10000
#define MAX_STREAMS     256
#define MAX_QUEUED      (8u << 20)
#define MAX_IDLE_NS     (3600 * WM_NS_PER_S) /* stock clients let go by themselves after 30 minutes */
#define KEEPALIVE_NS    (600 * WM_NS_PER_S) /* as TCP's: it only frees memory */
#define PING_TIMEOUT_NS (20 * WM_NS_PER_S)
#define FILES_KEPT      256                  /* descriptors that are not for strangers to take */
#define MAX_HELD        (256u << 20)         /* received and undelivered, in all */
#define LAST_NS         (500 * WM_NS_PER_MS) /* for reading the answer to a call that was cancelled */

struct wm_rpc_server *wm_rpc_server_new(struct wm_loop *loop, struct wm_log *log)
{
	struct wm_rpc_server *s = wm_alloc(sizeof(*s));
	s->loop = loop;
	s->log = log;
	s->budget.limit = MAX_HELD;
	wm_list_init(&s->ports);
	wm_list_init(&s->conns);
	wm_rpc_turns_init(&s->handshakes, loop);
	wm_rpc_sources_init(&s->sources, loop);
	return s;
}

void wm_rpc_server_register(struct wm_rpc_server *s, const struct wm_rpc_handler *handlers,
			    size_t n, void *arg)
{
	for (size_t i = 0; i < n; i++) {
		struct wm_rpc_route *route = wm_alloc(sizeof(*route));
		route->handler = &handlers[i];
		route->method = wm_pb_method_find(handlers[i].path);
		route->arg = arg;
		assert(route->method != NULL);
		assert(wm_map_find(&s->routes, handlers[i].path) == NULL);
		(void)wm_map_put(&s->routes, handlers[i].path, route);
	}
}

bool wm_rpc_server_has(const struct wm_rpc_server *s, const char *path)
{
	return wm_map_find(&s->routes, path) != NULL;
}

/* ---- ports ---- */

/* As many connections as leave some descriptors for files and for calls of our own. */
static uint32_t affordable(uint32_t connections)
{
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == RLIM_INFINITY)
		return connections;
	rlim_t kept = files.rlim_cur / 4 < FILES_KEPT ? files.rlim_cur / 4 : FILES_KEPT;
	rlim_t most = files.rlim_cur - kept;
	return most < connections ? (uint32_t)most : connections;
}

/* However few connections there may be, one source does not shut out all others. */
static uint32_t per_source(uint32_t wanted, uint32_t connections)
{
	uint32_t most = connections - connections / 4;
	return wanted < most ? wanted : most;
}

static void fill_defaults(struct wm_rpc_server_opts *o)
{
	o->max_message = o->max_message != 0 ? o->max_message : WM_RPC_MESSAGE_MAX;
	o->max_connections = o->max_connections != 0 ? o->max_connections : MAX_CONNECTIONS;
	o->max_connections = affordable(o->max_connections);
	o->max_per_source = per_source(o->max_per_source, o->max_connections);
	o->max_streams = o->max_streams != 0 ? o->max_streams : MAX_STREAMS;
	o->max_queued = o->max_queued != 0 ? o->max_queued : MAX_QUEUED;
	o->max_idle_ns = o->max_idle_ns != 0 ? o->max_idle_ns : MAX_IDLE_NS;
	o->keepalive_ns = o->keepalive_ns != 0 ? o->keepalive_ns : KEEPALIVE_NS;
	o->keepalive_timeout_ns =
		o->keepalive_timeout_ns != 0 ? o->keepalive_timeout_ns : PING_TIMEOUT_NS;
}

static void refuse(struct wm_rpc_server *s, struct wm_conn *c, const char *source)
{
	wm_conn_close(c);
	if (wm_log_limit_allow(&s->full_lines, 1, wm_loop_now(s->loop)))
		wm_warn(s->log, "rpc.full", "connections=%u source=%s suppressed=%u", s->n_conns,
			source, s->full_lines.suppressed);
}

static void on_accept(void *arg, struct wm_conn *c)
{
	struct wm_rpc_port *port = arg;
	struct wm_rpc_server *s = port->server;
	const struct wm_rpc_server_opts *o = &port->opts;
	struct wm_rpc_source *source = NULL;
	struct wm_endpoint peer;
	char text[WM_ENDPOINT_TEXT];
	if (s->n_conns >= o->max_connections) {
		s->stats.refused_full++;
		refuse(s, c, "any");
		return;
	}
	if (wm_conn_peer(c, &peer))
		source = wm_rpc_source_enter(&s->sources, &peer);
	if (source != NULL && o->max_per_source != 0 &&
	    wm_rpc_source_count(source) > o->max_per_source) {
		wm_rpc_source_leave(source);
		s->stats.refused_source++;
		refuse(s, c, wm_endpoint_format(&peer, text));
		return;
	}
	s->n_conns++;
	s->stats.accepted++;
	wm_rpc_server_conn_new(port, c, source);
}

void wm_rpc_server_stats(const struct wm_rpc_server *s, struct wm_rpc_stats *out)
{
	*out = s->stats;
	out->connections = s->n_conns;
}

void wm_rpc_server_each_method(const struct wm_rpc_server *s,
			       void (*each)(void *arg, const struct wm_pb_method *method,
					    const struct wm_rpc_method_stats *stats),
			       void *arg)
{
	struct wm_map_entry *e;
	wm_map_each (e, &s->routes) {
		const struct wm_rpc_route *route = e->value;
		each(arg, route->method, &route->stats);
	}
}

int wm_rpc_server_listen(struct wm_rpc_server *s, const struct wm_rpc_server_opts *opts,
			 struct wm_endpoint *bound, struct wm_err *err)
{
	if (s->draining) {
		if (opts->socket > 0)
			close(opts->socket);
		return wm_fail(err, WM_FAILED_PRECONDITION, "the server is stopping");
	}
	struct wm_rpc_port *port = wm_alloc(sizeof(*port));
	port->server = s;
	port->opts = *opts;
	port->opts.path = NULL; /* borrowed for this call only */
	port->opts.socket = 0;
	fill_defaults(&port->opts);
	struct wm_listen_opts listen = {.at = opts->at, .path = opts->path, .socket = opts->socket};
	int rc = wm_listener_open(s->loop, &listen, on_accept, port, &port->listener, err);
	if (rc != 0) {
		wm_free(port);
		return rc;
	}
	wm_list_push(&s->ports, &port->node);
	if (bound != NULL && opts->path == NULL)
		wm_listener_endpoint(port->listener, bound);
	return 0;
}

static void close_ports(struct wm_rpc_server *s)
{
	struct wm_list *it;
	wm_list_each (it, &s->ports) {
		struct wm_rpc_port *port = wm_container_of(it, struct wm_rpc_port, node);
		wm_listener_close(port->listener);
		port->listener = NULL;
	}
}

/* ---- draining: notice, final word, grace, cancel, gone ---- */

static void on_drained(struct wm_defer *d)
{
	struct wm_rpc_server *s = wm_container_of(d, struct wm_rpc_server, drained);
	void (*done)(void *arg) = s->done;
	s->done = NULL;
	wm_timer_stop(&s->grace);
	wm_debug(s->log, "rpc.drained", "cancelled=%d", s->cancelled);
	if (done != NULL)
		done(s->done_arg); /* last: the server may be gone */
}

/* The time after the grace is over too: whoever has not read our answer will not. */
static void on_last(struct wm_timer *t)
{
	struct wm_rpc_server *s = wm_container_of(t, struct wm_rpc_server, grace);
	struct wm_list *it;
	wm_list_each (it, &s->conns)
		wm_rpc_server_conn_end(wm_container_of(it, struct wm_rpc_server_conn, node));
}

/* Callbacks may free connections, so the list is looked at afresh after each. */
static struct wm_rpc_server_conn *next_uncancelled(const struct wm_rpc_server *s)
{
	struct wm_list *it;
	wm_list_each (it, &s->conns) {
		struct wm_rpc_server_conn *sc =
			wm_container_of(it, struct wm_rpc_server_conn, node);
		if (!sc->cancelled)
			return sc;
	}
	return NULL;
}

static void on_grace(struct wm_timer *t)
{
	struct wm_rpc_server *s = wm_container_of(t, struct wm_rpc_server, grace);
	struct wm_rpc_server_conn *sc;
	s->cancelled = true;
	while ((sc = next_uncancelled(s)) != NULL) {
		sc->cancelled = true;
		wm_rpc_server_conn_cancel(sc);
	}
	wm_timer_start(s->loop, &s->grace, LAST_NS, on_last);
}

static void drain_all(struct wm_rpc_server *s)
{
	struct wm_list *it;
	wm_list_each (it, &s->conns)
		wm_rpc_server_conn_drain(wm_container_of(it, struct wm_rpc_server_conn, node),
					 false);
}

void wm_rpc_server_drain(struct wm_rpc_server *s, int64_t grace_ns, void (*done)(void *arg),
			 void *arg)
{
	wm_on_loop(s->loop);
	assert(!s->draining);
	s->draining = true;
	s->done = done;
	s->done_arg = arg;
	close_ports(s);
	drain_all(s);
	wm_timer_start(s->loop, &s->grace, grace_ns, on_grace);
	if (s->n_conns == 0)
		wm_defer(s->loop, &s->drained, on_drained);
}

void wm_rpc_server_conn_gone(struct wm_rpc_server *s, struct wm_rpc_source *source)
{
	s->n_conns--;
	if (source != NULL)
		wm_rpc_source_leave(source);
	if (s->draining && s->n_conns == 0)
		wm_defer(s->loop, &s->drained, on_drained);
}

void wm_rpc_server_free(struct wm_rpc_server *s)
{
	if (s == NULL)
		return;
	struct wm_map_entry *e;
	struct wm_list *it, *tmp;
	assert(s->n_conns == 0);
	wm_timer_stop(&s->grace);
	wm_defer_cancel(&s->drained);
	close_ports(s);
	wm_list_each_safe (it, tmp, &s->ports)
		wm_free(wm_container_of(it, struct wm_rpc_port, node));
	wm_map_each (e, &s->routes)
		wm_free(e->value);
	wm_map_fini(&s->routes);
	wm_rpc_sources_fini(&s->sources);
	wm_rpc_turns_fini(&s->handshakes);
	wm_free(s);
}
