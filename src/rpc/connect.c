/*
 * Getting a connection, one round over all addresses of all targets (RFC 8305, "happy eyeballs"):
 *  - all names are asked for at once; when all are known, or after a moment with those that are,
 *    the first address is dialed. Targets come in the owner's order, the addresses of each in the
 *    resolver's, IPv6 and IPv4 by turns.
 *  - Whenever one fails, and also when it takes long, the next is tried beside it. Once a server
 *    has taken the connection the next waits longer: TLS with a busy server is not worth a race.
 *  - The first from which HTTP/2 SETTINGS come has won, and the others are given up.
 * What stops each (refused, silent, another language, a certificate) is noted, so that the calls
 * that waited can say why.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "rpc/client_impl.h"
#include <stdio.h>
#include <string.h>

#define UNIX_TARGET  "unix://"
#define DIAL_HEAD_NS (250 * WM_NS_PER_MS) /* RFC 8305, section 8: connection attempt delay */
#define TALK_HEAD_NS WM_NS_PER_S

static void try_next(struct wm_rpc_channel *c);

/* ---- targets ---- */

int wm_rpc_target_init(struct wm_rpc_target *t, struct wm_rpc_channel *c, const char *text,
		       struct wm_err *err)
{
	t->channel = c;
	t->text = wm_strdup(text);
	if (wm_str_starts(t->text, UNIX_TARGET)) {
		t->path = t->text + strlen(UNIX_TARGET);
		wm_str_copy(t->host, sizeof(t->host), "localhost");
		if (t->path[0] == '/')
			return 0;
	} else if (wm_host_port_parse(t->text, t->host, sizeof(t->host), &t->port)) {
		return 0;
	}
	return wm_fail(err, WM_INVALID_ARGUMENT,
		       "\"%.200s\" is no server: host:port or unix:///path is expected", text);
}

/* Moves the first of another family than @list[-1] to the front; false when there is none. */
static bool bring_other(struct wm_endpoint *list, unsigned n)
{
	unsigned at = 0;
	while (at < n && list[at].addr.family == list[-1].addr.family)
		at++;
	if (at == n)
		return false;
	struct wm_endpoint other = list[at];
	memmove(&list[1], &list[0], at * sizeof(*list));
	list[0] = other;
	return true;
}

void wm_rpc_interleave(struct wm_endpoint *list, unsigned n)
{
	for (unsigned i = 1; i < n && bring_other(&list[i], n - i); i++)
		;
}

/* ---- the outcome ---- */

/* The reasons of several addresses stand side by side, as far as there is room. */
static void note_reason(struct wm_rpc_target *t, const struct wm_err *why)
{
	struct wm_rpc_round *r = &t->channel->round;
	size_t n = strlen(r->reason.text);
	if (why->code == WM_UNAUTHENTICATED || why->code == WM_INVALID_ARGUMENT)
		t->lasting = why->code;
	r->reason.sys = why->sys;
	(void)snprintf(r->reason.text + n, sizeof(r->reason.text) - n, "%s%s", n > 0 ? "; " : "",
		       why->text);
}

/* "dial X: refused" tells how; a person wants to know what. */
static void note_unreachable(struct wm_rpc_target *t, const char *what, const struct wm_err *err)
{
	struct wm_err why = *err;
	(void)snprintf(why.text, sizeof(why.text), "cannot reach %.440s", what);
	note_reason(t, &why);
}

static void note_dial_error(struct wm_rpc_target *t, const struct wm_err *err)
{
	note_unreachable(t, wm_str_starts(err->text, "dial ") ? err->text + 5 : err->text, err);
}

bool wm_rpc_is_resolving(const struct wm_rpc_channel *c)
{
	for (size_t i = 0; i < c->n_targets; i++)
		if (c->targets[i].asking)
			return true;
	return false;
}

/*
 * A name of which one address does not listen and another shows the wrong certificate will not do
 * later either; but another server may.
 */
static void fail(struct wm_rpc_channel *c)
{
	struct wm_rpc_round *r = &c->round;
	r->lasting = true;
	for (size_t i = 0; i < c->n_targets; i++) {
		r->lasting &= c->targets[i].lasting != 0;
		r->reason.code = c->targets[i].lasting;
	}
	if (!r->lasting)
		r->reason.code = WM_UNAVAILABLE;
	wm_rpc_round_stop(c);
	wm_rpc_channel_unreachable(c);
}

static void end_if_nothing_is_left(struct wm_rpc_channel *c)
{
	struct wm_rpc_round *r = &c->round;
	if (!r->running || !wm_list_is_empty(&r->attempts) || wm_rpc_is_resolving(c))
		return;
	fail(c);
}

/* ---- one address ---- */

/* Its dial, if it is at that, answers later and finds that nobody waits. */
static void give_up(struct wm_rpc_attempt *a)
{
	struct wm_rpc_client_conn *cc = a->cc;
	struct wm_err err;
	wm_list_remove(&a->node);
	a->channel = NULL;
	if (cc == NULL) {
		wm_dial_cancel(&a->dial);
		return;
	}
	wm_free(a);
	cc->attempt = NULL;
	(void)wm_fail(&err, WM_CANCELLED, "another address was faster");
	wm_rpc_client_conn_abort(cc, &err);
}

void wm_rpc_attempt_won(struct wm_rpc_attempt *a)
{
	struct wm_rpc_channel *c = a->channel;
	struct wm_rpc_client_conn *cc = a->cc;
	cc->attempt = NULL;
	wm_list_remove(&a->node);
	wm_free(a);
	wm_rpc_round_stop(c);
	wm_rpc_channel_connected(c, cc);
}

void wm_rpc_attempt_failed(struct wm_rpc_attempt *a, const struct wm_err *why)
{
	struct wm_rpc_channel *c = a->channel;
	note_reason(a->target, why);
	wm_list_remove(&a->node);
	wm_free(a);
	try_next(c);
}

static void on_next(struct wm_timer *t)
{
	try_next(wm_container_of(t, struct wm_rpc_channel, round.next));
}

static void on_dialed(struct wm_dial *d, struct wm_conn *conn, const struct wm_err *err)
{
	struct wm_rpc_attempt *a = wm_container_of(d, struct wm_rpc_attempt, dial);
	struct wm_rpc_channel *c = a->channel;
	if (c == NULL) {
		wm_conn_close(conn);
		wm_free(a);
		return;
	}
	if (err != NULL) {
		note_dial_error(a->target, err);
		wm_list_remove(&a->node);
		wm_free(a);
		try_next(c);
		return;
	}
	a->cc = wm_rpc_client_conn_new(a, conn);
	wm_timer_start(c->loop, &c->round.next, TALK_HEAD_NS, on_next);
}

static int dial(struct wm_rpc_attempt *a, struct wm_err *err)
{
	struct wm_rpc_target *t = a->target;
	struct wm_rpc_channel *c = a->channel;
	unsigned at = t->next++;
	if (t->path != NULL) {
		wm_str_copy(a->name, sizeof(a->name), t->path);
		return wm_dial_start_path(c->loop, &a->dial, t->path, 0, on_dialed, err);
	}
	(void)wm_endpoint_format(&t->resolve.found[at], a->name);
	return wm_dial_start(c->loop, &a->dial, &t->resolve.found[at], 0, on_dialed, err);
}

static struct wm_rpc_target *target_with_address(struct wm_rpc_channel *c)
{
	for (size_t i = 0; i < c->n_targets; i++)
		if (c->targets[i].next < c->targets[i].n_addrs)
			return &c->targets[i];
	return NULL;
}

/* Tries one more; ends the round when there is none and none is being tried. */
static void try_next(struct wm_rpc_channel *c)
{
	struct wm_rpc_target *t;
	struct wm_err err;
	while ((t = target_with_address(c)) != NULL) {
		struct wm_rpc_attempt *a = wm_alloc(sizeof(*a));
		a->channel = c;
		a->target = t;
		if (dial(a, &err) == 0) {
			wm_list_push(&c->round.attempts, &a->node);
			wm_timer_start(c->loop, &c->round.next, DIAL_HEAD_NS, on_next);
			return;
		}
		note_dial_error(t, &err);
		wm_free(a);
	}
	wm_timer_stop(&c->round.next);
	end_if_nothing_is_left(c);
}

/* ---- names ---- */

static void begin(struct wm_rpc_channel *c)
{
	c->round.begun = true;
	try_next(c);
}

static void on_names_take_long(struct wm_timer *t)
{
	begin(wm_container_of(t, struct wm_rpc_channel, round.next));
}

static void note_name_error(struct wm_rpc_target *t, const struct wm_err *err)
{
	char text[WM_ERR_TEXT];
	(void)snprintf(text, sizeof(text), "%.200s: %.270s", t->text, err->text);
	note_unreachable(t, text, err);
}

static void on_resolved(struct wm_resolve *resolve, const struct wm_err *err)
{
	struct wm_rpc_target *t = wm_container_of(resolve, struct wm_rpc_target, resolve);
	struct wm_rpc_channel *c = t->channel;
	struct wm_rpc_round *r = &c->round;
	t->asking = false;
	if (!r->running) {
		wm_rpc_channel_release(c); /* last: the channel may be gone */
		return;
	}
	if (err != NULL) {
		note_name_error(t, err);
	} else {
		wm_rpc_interleave(resolve->found, resolve->n_found);
		t->n_addrs = resolve->n_found;
	}
	if (!r->begun && !wm_rpc_is_resolving(c))
		begin(c);
	else if (r->begun && !wm_timer_is_running(&r->next))
		try_next(c); /* all before it has been tried */
}

/* A name that is still being asked for since the last round answers this one. */
static void ask_name(struct wm_rpc_target *t)
{
	struct wm_err err;
	struct wm_rpc_channel *c = t->channel;
	t->next = 0;
	t->lasting = 0;
	t->n_addrs = t->path != NULL ? 1 : 0;
	if (t->path != NULL || t->asking)
		return;
	t->asking =
		wm_resolve_start(c->loop, &t->resolve, t->host, t->port, on_resolved, &err) == 0;
	if (!t->asking)
		note_name_error(t, &err);
}

/* ---- the round ---- */

static void note_late(struct wm_rpc_channel *c)
{
	struct wm_list *it;
	struct wm_err why;
	char after[40];
	(void)wm_format_duration(c->opts.connect_timeout_ns, after, sizeof(after));
	wm_list_each (it, &c->round.attempts) {
		struct wm_rpc_attempt *a = wm_container_of(it, struct wm_rpc_attempt, node);
		if (a->cc == NULL)
			(void)wm_fail(&why, WM_UNAVAILABLE, "cannot reach %s: no answer within %s",
				      a->name, after);
		else
			(void)wm_fail(&why, WM_UNAVAILABLE,
				      "cannot connect to %s: the server takes connections but "
				      "does not answer",
				      a->name);
		note_reason(a->target, &why);
	}
	(void)wm_fail(&why, WM_UNAVAILABLE, "resolve: no answer within %s", after);
	for (size_t i = 0; i < c->n_targets; i++)
		if (c->targets[i].asking)
			note_name_error(&c->targets[i], &why);
}

static void on_late(struct wm_timer *timer)
{
	struct wm_rpc_channel *c = wm_container_of(timer, struct wm_rpc_channel, round.late);
	note_late(c);
	fail(c);
}

void wm_rpc_round_start(struct wm_rpc_channel *c)
{
	struct wm_rpc_round *r = &c->round;
	r->running = true;
	r->begun = false;
	r->reason = (struct wm_err){0};
	for (size_t i = 0; i < c->n_targets; i++)
		ask_name(&c->targets[i]);
	wm_timer_start(c->loop, &r->late, c->opts.connect_timeout_ns, on_late);
	wm_timer_start(c->loop, &r->next, wm_rpc_is_resolving(c) ? DIAL_HEAD_NS : 0,
		       on_names_take_long);
}

void wm_rpc_round_stop(struct wm_rpc_channel *c)
{
	struct wm_rpc_round *r = &c->round;
	struct wm_list *it;
	r->running = false;
	wm_timer_stop(&r->next);
	wm_timer_stop(&r->late);
	while ((it = wm_list_first(&r->attempts)) != NULL)
		give_up(wm_container_of(it, struct wm_rpc_attempt, node));
}
