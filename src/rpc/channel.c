/*
 * Getting a connection: the name is resolved, the addresses are tried in turn, each with its share
 * of the time that is left, and an address will do when HTTP/2 SETTINGS have come from it. Whatever
 * stops one (refused, silent, another language, a certificate) is kept, so that the calls that
 * waited can say why. There is no attempt without a call that waits.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "rpc/client_impl.h"
#include <stdio.h>
#include <string.h>

#define CONNECT_NS  (5 * WM_NS_PER_S)
#define UNIX_TARGET "unix://"

static void try_next(struct wm_rpc_channel *c);

/* ---- birth ---- */

static int parse_target(struct wm_rpc_channel *c, struct wm_err *err)
{
	if (wm_str_starts(c->target, UNIX_TARGET)) {
		c->path = c->target + strlen(UNIX_TARGET);
		wm_str_copy(c->host, sizeof(c->host), "localhost");
		if (c->path[0] == '/')
			return 0;
	} else if (wm_host_port_parse(c->target, c->host, sizeof(c->host), &c->port)) {
		return 0;
	}
	return wm_fail(err, WM_INVALID_ARGUMENT,
		       "\"%.200s\" is no server: host:port or unix:///path is expected", c->target);
}

int wm_rpc_channel_new(struct wm_loop *loop, struct wm_log *log,
		       const struct wm_rpc_channel_opts *opts, struct wm_rpc_channel **out,
		       struct wm_err *err)
{
	struct wm_rpc_channel *c = wm_alloc(sizeof(*c));
	c->loop = loop;
	c->log = log;
	c->opts = *opts;
	c->target = wm_strdup(opts->target);
	c->opts.server_name =
		wm_str_is_empty(opts->server_name) ? NULL : wm_strdup(opts->server_name);
	if (c->opts.connect_timeout_ns <= 0)
		c->opts.connect_timeout_ns = CONNECT_NS;
	if (c->opts.max_message == 0)
		c->opts.max_message = WM_RPC_MESSAGE_MAX;
	wm_list_init(&c->calls);
	wm_list_init(&c->waiting);
	wm_list_init(&c->conns);
	int rc = parse_target(c, err);
	if (rc != 0) {
		c->closed = true;
		wm_rpc_channel_release(c);
		return rc;
	}
	*out = c;
	return 0;
}

bool wm_rpc_channel_peer(const struct wm_rpc_channel *c, struct wm_endpoint *out)
{
	if (c->conn == NULL || !c->conn->has_peer)
		return false;
	*out = c->conn->peer;
	return true;
}

/* ---- the attempt ---- */

static struct wm_rpc_client_call *first_waiting(struct wm_rpc_channel *c)
{
	struct wm_list *it = wm_list_first(&c->waiting);
	return it == NULL ? NULL : wm_container_of(it, struct wm_rpc_client_call, waiting);
}

static void give_up(struct wm_rpc_channel *c)
{
	struct wm_rpc_client_call *call;
	char text[WM_ERR_TEXT];
	c->connecting = false;
	wm_timer_stop(&c->step);
	wm_debug(c->log, "rpc.unreachable", "target=%s reason=%s", c->target,
		 wm_log_quote(c->reason.text, text, sizeof(text)));
	while ((call = first_waiting(c)) != NULL)
		wm_rpc_client_call_end(call, &c->reason);
	wm_rpc_channel_release(c); /* last: the channel may be gone */
}

/* The reasons of several addresses stand side by side, as far as there is room. */
static void note_reason(struct wm_rpc_channel *c, const struct wm_err *why)
{
	size_t n = strlen(c->reason.text);
	c->reason.code = WM_UNAVAILABLE;
	c->reason.sys = why->sys;
	if (why->code == WM_UNAUTHENTICATED || why->code == WM_INVALID_ARGUMENT)
		c->reason.code = why->code;
	(void)snprintf(c->reason.text + n, sizeof(c->reason.text) - n, "%s%s", n > 0 ? "; " : "",
		       why->text);
}

void wm_rpc_channel_refused(struct wm_rpc_channel *c, const struct wm_err *why)
{
	c->trying = NULL;
	wm_timer_stop(&c->step);
	note_reason(c, why);
	try_next(c);
}

static void on_step_late(struct wm_timer *t)
{
	struct wm_rpc_channel *c = wm_container_of(t, struct wm_rpc_channel, step);
	struct wm_err why;
	(void)wm_fail(&why, WM_UNAVAILABLE, "the server takes connections but does not answer");
	if (c->trying != NULL)
		wm_rpc_client_conn_fail(c->trying, &why);
}

/* "dial X: refused" tells how; a person wants to know what. */
static void note_dial_error(struct wm_rpc_channel *c, const struct wm_err *err)
{
	struct wm_err why = *err;
	const char *text = wm_str_starts(err->text, "dial ") ? err->text + 5 : err->text;
	(void)snprintf(why.text, sizeof(why.text), "cannot reach %.440s", text);
	note_reason(c, &why);
}

static void on_dialed(struct wm_dial *d, struct wm_conn *conn, const struct wm_err *err)
{
	struct wm_rpc_channel *c = wm_container_of(d, struct wm_rpc_channel, dial);
	c->dialing = false;
	if (c->closed) {
		wm_conn_close(conn);
		give_up(c);
		return;
	}
	if (err != NULL) {
		note_dial_error(c, err);
		try_next(c);
		return;
	}
	c->trying = wm_rpc_client_conn_new(c, conn, c->trying_name);
	wm_timer_start(c->loop, &c->step, c->step_by - wm_loop_now(c->loop), on_step_late);
}

static int dial_address(struct wm_rpc_channel *c, int64_t share, struct wm_err *err)
{
	if (c->path != NULL) {
		wm_str_copy(c->trying_name, sizeof(c->trying_name), c->path);
		return wm_dial_start_path(c->loop, &c->dial, c->path, share, on_dialed, err);
	}
	const struct wm_endpoint *to = &c->resolve.found[c->next_addr];
	(void)wm_endpoint_format(to, c->trying_name);
	return wm_dial_start(c->loop, &c->dial, to, share, on_dialed, err);
}

static void try_next(struct wm_rpc_channel *c)
{
	unsigned n = c->path != NULL ? 1 : c->resolve.n_found;
	struct wm_err err;
	while (!c->closed && c->next_addr < n) {
		int64_t now = wm_loop_now(c->loop);
		int64_t left = c->connect_by - now;
		int64_t share = left / (n - c->next_addr);
		if (share < WM_NS_PER_MS)
			share = WM_NS_PER_MS;
		c->step_by = now + share;
		c->dialing = dial_address(c, share, &err) == 0;
		c->next_addr++;
		if (c->dialing)
			return;
		note_dial_error(c, &err);
	}
	give_up(c); /* last: the channel may be gone */
}

static void fail_name(struct wm_rpc_channel *c, const struct wm_err *err)
{
	struct wm_err why = *err;
	(void)wm_wrap(&why, "cannot reach %.200s", c->target);
	note_reason(c, &why);
	give_up(c);
}

static void on_late_name(struct wm_timer *t)
{
	struct wm_rpc_channel *c = wm_container_of(t, struct wm_rpc_channel, step);
	wm_resolve_cancel(&c->resolve);
}

static void on_resolved(struct wm_resolve *r, const struct wm_err *err)
{
	struct wm_rpc_channel *c = wm_container_of(r, struct wm_rpc_channel, resolve);
	struct wm_err late;
	c->asking_name = false;
	wm_timer_stop(&c->step);
	if (err == NULL) {
		try_next(c);
		return;
	}
	if (err->code == WM_CANCELLED && !c->closed) {
		(void)wm_fail(&late, WM_UNAVAILABLE, "resolve %.200s: no answer in time", c->host);
		err = &late;
	}
	fail_name(c, err);
}

static void connect_now(struct wm_rpc_channel *c)
{
	struct wm_err err;
	c->connecting = true;
	c->next_addr = 0;
	c->reason = (struct wm_err){0};
	c->connect_by = wm_loop_now(c->loop) + c->opts.connect_timeout_ns;
	if (c->path != NULL) {
		try_next(c);
		return;
	}
	if (wm_resolve_start(c->loop, &c->resolve, c->host, c->port, on_resolved, &err) != 0) {
		fail_name(c, &err);
		return;
	}
	c->asking_name = true;
	wm_timer_start(c->loop, &c->step, c->opts.connect_timeout_ns, on_late_name);
}

/* ---- calls meet connections ---- */

void wm_rpc_channel_enqueue(struct wm_rpc_channel *c, struct wm_rpc_client_call *call)
{
	if (c->conn != NULL && !wm_h2_is_open(c->conn->h2))
		c->conn = NULL;
	if (c->conn != NULL) {
		wm_rpc_client_call_open(call, c->conn);
		return;
	}
	wm_list_push(&c->waiting, &call->waiting);
	if (!c->connecting)
		connect_now(c);
}

void wm_rpc_channel_connected(struct wm_rpc_channel *c, struct wm_rpc_client_conn *cc)
{
	struct wm_rpc_client_call *call;
	wm_timer_stop(&c->step);
	c->connecting = false;
	c->trying = NULL;
	if (c->closed)
		return;
	c->conn = cc;
	wm_debug(c->log, "rpc.connected", "target=%s peer=%s tls=%s", c->target, cc->name,
		 cc->link.tls == NULL ? "no" : wm_tls_version(cc->link.tls));
	while ((call = first_waiting(c)) != NULL) {
		wm_list_remove(&call->waiting);
		wm_rpc_client_call_open(call, cc);
	}
}

void wm_rpc_channel_dropped(struct wm_rpc_channel *c, struct wm_rpc_client_conn *cc)
{
	if (c->conn == cc)
		c->conn = NULL;
}

/* ---- the end ---- */

void wm_rpc_channel_release(struct wm_rpc_channel *c)
{
	if (!c->closed || c->closing || c->connecting || !wm_list_is_empty(&c->calls) ||
	    !wm_list_is_empty(&c->conns))
		return;
	wm_timer_stop(&c->step);
	wm_free((void *)(uintptr_t)c->opts.server_name);
	wm_free(c->target);
	wm_free(c);
}

/* Calls that have told their end already (one may be doing so just now) need the channel no more.
 */
static void part_from_calls(struct wm_rpc_channel *c)
{
	struct wm_list *it, *tmp;
	struct wm_err err;
	(void)wm_fail(&err, WM_CANCELLED, "the channel was closed");
	wm_list_each_safe (it, tmp, &c->calls) {
		struct wm_rpc_client_call *call =
			wm_container_of(it, struct wm_rpc_client_call, node);
		if (call->told && call->st.h2 == NULL) {
			wm_list_remove(&call->node);
			call->channel = NULL;
		} else {
			wm_rpc_client_call_end(call, &err);
		}
	}
}

static void part_from_conns(struct wm_rpc_channel *c)
{
	struct wm_list *it, *tmp;
	struct wm_err err;
	(void)wm_fail(&err, WM_CANCELLED, "the channel was closed");
	wm_list_each_safe (it, tmp, &c->conns)
		wm_rpc_client_conn_abort(wm_container_of(it, struct wm_rpc_client_conn, node),
					 &err);
}

void wm_rpc_channel_close(struct wm_rpc_channel *c)
{
	if (c == NULL)
		return;
	wm_on_loop(c->loop);
	c->closed = true;
	c->closing = true;
	c->conn = NULL;
	part_from_calls(c);
	part_from_conns(c);
	wm_timer_stop(&c->step);
	if (c->asking_name)
		wm_resolve_cancel(&c->resolve);
	if (c->dialing)
		wm_dial_cancel(&c->dial);
	c->closing = false;
	wm_rpc_channel_release(c);
}
