/*
 * The loop's face of the consensus thread. Requests go in as calls and come back as posts; news
 * come as one post for however many there were, and are looked up then.
 */
#include "cluster/cluster.h"

#include <assert.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "cluster/request.h"

struct wm_cluster {
	struct wm_loop *loop;
	struct wm_log *log;
	struct wm_consensus *thread;
	struct wm_engine_maker maker;
	struct wm_store *store;
	struct wm_cluster_hooks hooks;
	struct wm_cluster_status status;
	struct wm_list refused; /* struct wm_cluster_ask, to be answered from the deferred call */
	struct wm_defer answer;
	struct wm_cluster_ask handover; /* before the end */
	bool closing;
	void (*closed)(void *arg);
	void *closed_arg;
};

/* ---- looking ---- */

static void look(struct wm_cluster *c)
{
	pthread_mutex_lock(&c->thread->lock);
	c->status = c->thread->status;
	pthread_mutex_unlock(&c->thread->lock);
}

const struct wm_cluster_status *wm_cluster_status(struct wm_cluster *c)
{
	wm_on_loop(c->loop);
	look(c);
	return &c->status;
}

bool wm_cluster_leads(struct wm_cluster *c)
{
	return wm_cluster_status(c)->state == WM_MACHINE_LEADER;
}

struct wm_store *wm_cluster_store(struct wm_cluster *c)
{
	return c->store;
}

static bool take_fetch(struct wm_cluster *c, struct wm_cluster_fetch *out)
{
	bool wanted;

	pthread_mutex_lock(&c->thread->lock);
	wanted = c->thread->fetch_wanted;
	*out = c->thread->fetch;
	c->thread->fetch_wanted = false;
	pthread_mutex_unlock(&c->thread->lock);
	return wanted;
}

static void on_news(void *arg)
{
	struct wm_cluster *c = arg;
	struct wm_cluster_fetch fetch;

	if (c->closing)
		return;
	if (take_fetch(c, &fetch)) {
		if (c->hooks.fetch != NULL)
			c->hooks.fetch(c->hooks.arg, &fetch);
		else
			wm_cluster_fetched(c, -1, false);
	}
	look(c);
	if (c->hooks.on_change != NULL)
		c->hooks.on_change(c->hooks.arg, &c->status);
}

/* ---- frames ---- */

void wm_cluster_receive(struct wm_cluster *c, const char *node_id, const uint8_t *frame, size_t len)
{
	wm_on_loop(c->loop);
	wm_consensus_receive(c->thread, node_id, frame, len);
}

/* ---- requests ---- */

static void on_answer(struct wm_defer *d)
{
	struct wm_cluster *c = wm_container_of(d, struct wm_cluster, answer);
	struct wm_list turn, *node;

	wm_list_init(&turn);
	while ((node = wm_list_first(&c->refused)) != NULL) {
		wm_list_remove(node);
		wm_list_push(&turn, node);
	}
	while ((node = wm_list_first(&turn)) != NULL) {
		struct wm_cluster_ask *a = wm_container_of(node, struct wm_cluster_ask, node);

		wm_list_remove(node);
		a->cb(a, &a->err);
	}
}

static void send_request(struct wm_cluster *c, struct wm_cluster_ask *a, struct wm_request *r,
			 wm_cluster_cb cb)
{
	wm_on_loop(c->loop);
	*a = (struct wm_cluster_ask){.cluster = c, .cb = cb, .call = r};
	r->ask = a;
	if (wm_consensus_call(c->thread, &r->call, wm_request_run))
		return;
	wm_free(r);
	a->call = NULL;
	wm_fail(&a->err, WM_UNAVAILABLE, "this server stops");
	wm_list_push(&c->refused, &a->node);
	wm_defer(c->loop, &c->answer, on_answer);
}

static struct wm_request *request_new(enum wm_request_kind kind)
{
	struct wm_request *r = wm_alloc(sizeof(*r));

	r->kind = kind;
	return r;
}

void wm_cluster_read(struct wm_cluster *c, struct wm_cluster_ask *a, wm_cluster_cb cb)
{
	send_request(c, a, request_new(WM_REQUEST_READ), cb);
}

void wm_cluster_change(struct wm_cluster *c, struct wm_cluster_ask *a,
		       const struct wm_member_change *change, wm_cluster_cb cb)
{
	struct wm_request *r = request_new(WM_REQUEST_CHANGE);

	r->change = *change;
	if (change->node_id != NULL) {
		wm_str_copy(r->node_id, sizeof(r->node_id), change->node_id);
		r->change.node_id = r->node_id;
	}
	send_request(c, a, r, cb);
}

void wm_cluster_transfer(struct wm_cluster *c, struct wm_cluster_ask *a, uint64_t to,
			 wm_cluster_cb cb)
{
	struct wm_request *r = request_new(WM_REQUEST_TRANSFER);

	r->to = to;
	send_request(c, a, r, cb);
}

/* ---- snapshots ---- */

int wm_cluster_snapshot_share(struct wm_cluster *c, int *fd, uint64_t *bytes, uint64_t *index,
			      uint64_t *term, struct wm_err *err)
{
	struct wm_consensus *t = c->thread;
	int rc;

	pthread_mutex_lock(&t->lock);
	rc = wm_vault_share(&t->vault, fd, err);
	*bytes = t->vault.bytes;
	*index = t->vault.index;
	*term = t->vault.term;
	pthread_mutex_unlock(&t->lock);
	return rc;
}

int wm_cluster_fetch_open(struct wm_cluster *c, int *fd, struct wm_err *err)
{
	return wm_vault_create(&c->thread->vault, "fetched", fd, err);
}

struct fetched {
	struct wm_call call;
	int fd;
};

static void free_fetched(struct wm_post *post)
{
	wm_free(wm_container_of(post, struct fetched, call.post));
}

static void run_fetched(struct wm_consensus *t, struct wm_call *call)
{
	struct fetched *f = wm_container_of(call, struct fetched, call);

	if (t->machine == NULL) {
		if (f->fd >= 0)
			close(f->fd);
	} else if (f->fd < 0) {
		wm_machine_snapshot_failed(t->machine);
	} else {
		wm_consensus_verify(t, f->fd);
	}
	wm_consensus_answer(t, call, free_fetched);
}

void wm_cluster_fetched(struct wm_cluster *c, int fd, bool ok)
{
	struct fetched *f = wm_alloc(sizeof(*f));

	if (!ok && fd >= 0) {
		close(fd);
		fd = -1;
	}
	f->fd = fd;
	if (wm_consensus_call(c->thread, &f->call, run_fetched))
		return;
	if (fd >= 0)
		close(fd);
	wm_free(f);
}

/* ---- life ---- */

/* The last callback of all: asks that were refused while closing have been answered before. */
static void finish(struct wm_defer *d)
{
	struct wm_cluster *c = wm_container_of(d, struct wm_cluster, answer);
	void (*closed)(void *arg) = c->closed;
	void *arg = c->closed_arg;

	on_answer(d);
	wm_defer_cancel(&c->answer);
	if (!wm_list_is_empty(&c->refused)) {
		wm_defer(c->loop, &c->answer, finish);
		return;
	}
	wm_consensus_free(c->thread);
	wm_free(c);
	if (closed != NULL)
		closed(arg);
}

static void on_store_closed(void *arg)
{
	struct wm_cluster *c = arg;

	wm_defer_cancel(&c->answer);
	wm_defer(c->loop, &c->answer, finish);
}

static void on_handed_over(struct wm_cluster_ask *a, const struct wm_err *err)
{
	struct wm_cluster *c = a->cluster;

	if (err != NULL)
		wm_warn(c->log, "consensus.not_handed_over", "error=\"%s\"", err->text);
	wm_store_close(c->store, on_store_closed, c);
}

static bool has_other_voters(const struct wm_cluster_status *s)
{
	for (size_t i = 0; i < s->n_members; i++)
		if (s->members[i].role == WM_MEMBER_VOTER && s->members[i].id != s->id)
			return true;
	return false;
}

void wm_cluster_close(struct wm_cluster *c, void (*done)(void *arg), void *arg)
{
	wm_on_loop(c->loop);
	assert(!c->closing);
	c->closing = true;
	c->closed = done;
	c->closed_arg = arg;
	look(c);
	if (c->status.state == WM_MACHINE_LEADER && has_other_voters(&c->status))
		wm_cluster_transfer(c, &c->handover, 0, on_handed_over);
	else
		wm_store_close(c->store, on_store_closed, c);
}

static int open_store(struct wm_cluster *c, const struct wm_cluster_opts *opts, struct wm_err *err)
{
	const struct wm_store_opts o = {
		.path = opts->path,
		.map_limit = opts->map_limit,
		.history = opts->history,
		.engine = &c->maker,
	};

	return wm_store_open(c->loop, c->log, &o, &c->store, err);
}

int wm_cluster_open(struct wm_loop *loop, struct wm_log *log, const struct wm_cluster_opts *opts,
		    const struct wm_cluster_hooks *hooks, struct wm_cluster **out,
		    struct wm_err *err)
{
	struct wm_cluster *c = wm_alloc(sizeof(*c));
	int rc;

	wm_on_loop(loop);
	c->loop = loop;
	c->log = log;
	c->hooks = *hooks;
	wm_list_init(&c->refused);
	c->thread = wm_consensus_new(log, opts);
	c->thread->send = hooks->send;
	c->thread->send_arg = hooks->arg;
	c->thread->on_news = on_news;
	c->thread->news_arg = c;
	c->maker = (struct wm_engine_maker){
		.prepare = wm_consensus_prepare,
		.start = wm_consensus_start,
		.arg = c->thread,
	};
	rc = open_store(c, opts, err);
	if (rc != 0) {
		wm_consensus_free(c->thread);
		wm_free(c);
		return rc;
	}
	*out = c;
	return 0;
}
