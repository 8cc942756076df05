/*
 * Three servers that agree, each with its consensus thread, over real peer ports: a leader is
 * elected, changes reach everybody, and one that was away comes back, by its log or by a snapshot.
 */
#include "peers.h"

#include "cluster/cluster.h"
#include "store/txn.h"

struct voter {
	struct server *s;
	struct wm_cluster *cluster;
	bool is_closed;
};

struct quorum {
	struct peers *p;
	struct voter v[3];
	struct wm_configuration list;
};

/* ---- between a port and its cluster ---- */

static struct quorum quorum;

static struct voter *voter_of(const struct server *s)
{
	for (unsigned i = 0; i < 3; i++)
		if (quorum.v[i].s == s)
			return &quorum.v[i];
	return NULL;
}

static void on_frame(void *arg, const char *node_id, const uint8_t *frame, size_t len)
{
	struct voter *v = voter_of(arg);
	if (v->cluster != NULL)
		wm_cluster_receive(v->cluster, node_id, frame, len);
}

static int share(void *arg, int *fd, uint64_t *bytes, uint64_t *index, uint64_t *term,
		 struct wm_err *err)
{
	struct server *s = arg;
	s->shares++;
	return wm_cluster_snapshot_share(voter_of(s)->cluster, fd, bytes, index, term, err);
}

static int fetch_open(void *arg, int *fd, struct wm_err *err)
{
	return wm_cluster_fetch_open(voter_of(arg)->cluster, fd, err);
}

static void fetched(void *arg, int fd, bool ok)
{
	struct server *s = arg;
	s->is_fetched = ok;
	wm_cluster_fetched(voter_of(s)->cluster, fd, ok);
}

static void send_frame(void *arg, const char *node_id, const uint8_t *frame, size_t len)
{
	struct voter *v = arg;
	if (v->s->port != NULL)
		wm_peer_port_send(v->s->port, node_id, frame, len);
}

static void fetch(void *arg, const struct wm_cluster_fetch *f)
{
	struct voter *v = arg;
	struct wm_peer_fetch_wish wish = {
		.node_id = f->node_id, .index = f->index, .term = f->term};
	wm_peer_port_fetch(v->s->port, &wish);
}

static void open_voter(struct voter *v)
{
	struct wm_cluster_opts opts = {.node_id = v->s->id,
				       .begin = WM_CLUSTER_LISTED,
				       .first = &quorum.list,
				       .snapshot_threshold = 20,
				       .snapshot_ms = 20};
	struct wm_cluster_hooks hooks = {.send = send_frame, .fetch = fetch, .arg = v};
	struct wm_peer_port_hooks *h = &v->s->port->opts.hooks;
	struct wm_err err;
	h->on_frame = on_frame;
	h->share = share;
	h->fetch_open = fetch_open;
	h->fetched = fetched;
	if (wm_cluster_open(quorum.p->loop, NULL, &opts, &hooks, &v->cluster, &err) != 0)
		fail_msg("%s", err.text);
}

static int setup(void **state)
{
	void *peers;
	assert_int_equal(peers_setup(&peers), 0);
	quorum = (struct quorum){.p = peers};
	for (unsigned i = 0; i < 3; i++) {
		struct server *s = quorum.v[i].s = &quorum.p->s[i];
		wm_configuration_add(&quorum.list, wm_machine_initial_id("m", "l", s->id), s->id,
				     WM_MEMBER_VOTER);
	}
	for (unsigned i = 0; i < 3; i++)
		open_voter(&quorum.v[i]);
	*state = &quorum;
	return 0;
}

static void close_voter(struct voter *v)
{
	v->is_closed = v->cluster == NULL;
	if (!v->is_closed)
		wm_cluster_close(wm_steal(v->cluster), peers_set_flag, &v->is_closed);
	peers_wait(quorum.p, peers_is_set, &v->is_closed);
}

static int teardown(void **state)
{
	void *peers = quorum.p;
	for (unsigned i = 0; i < 3; i++)
		close_voter(&quorum.v[i]);
	wm_configuration_fini(&quorum.list);
	return peers_teardown(&peers);
}

/* ---- what is asked of them ---- */

static struct voter *leader(void)
{
	for (unsigned i = 0; i < 3; i++)
		if (quorum.v[i].cluster != NULL && wm_cluster_leads(quorum.v[i].cluster))
			return &quorum.v[i];
	return NULL;
}

static bool has_leader(void *arg)
{
	return leader() != NULL;
}

struct change {
	struct wm_propose p;
	bool is_done;
	int code;
};

static void on_proposed(struct wm_propose *p, const struct wm_err *err)
{
	struct change *c = wm_container_of(p, struct change, p);
	c->code = err == NULL ? 0 : err->code;
	c->is_done = true;
}

/* Until it is done: who leads may change meanwhile. */
static void put(const char *key, const char *value)
{
	struct change c = {.code = -1};
	while (c.code != 0) {
		struct wm_txn *t = wm_txn_new();
		peers_wait(quorum.p, has_leader, NULL);
		wm_txn_put_str(t, key, value);
		c = (struct change){0};
		wm_store_propose(wm_cluster_store(leader()->cluster), &c.p, t, on_proposed);
		peers_wait(quorum.p, peers_is_set, &c.is_done);
	}
}

struct asked {
	struct voter *v;
	const char *key;
};

static bool has_key(void *arg)
{
	const struct asked *a = arg;
	struct wm_view *view;
	struct wm_kv kv;
	struct wm_err err;
	if (wm_store_view(wm_cluster_store(a->v->cluster), &view, &err) != 0)
		return false;
	bool found = wm_view_get(view, a->key, &kv, &err) == 0;
	wm_view_close(view);
	return found;
}

static void expect_everywhere(const char *key)
{
	for (unsigned i = 0; i < 3; i++) {
		struct asked a = {&quorum.v[i], key};
		if (a.v->cluster != NULL)
			peers_wait(quorum.p, has_key, &a);
	}
}

static void test_changes_reach_everybody(void **state)
{
	put("/a", "1");
	expect_everywhere("/a");
}

static void test_leader_goes_and_comes_back(void **state)
{
	put("/a", "1");
	struct voter *old = leader();
	close_voter(old);
	peers_stop(old->s);
	put("/b", "2");
	for (unsigned i = 0; i < 1200; i++) /* a log does not reach back so far */
		put("/c", "3");
	expect_everywhere("/c");
	peers_start(old->s);
	open_voter(old); /* from nothing, under its old ID: its disk was memory */
	expect_everywhere("/c");
	assert_true(old->s->is_fetched);
	put("/d", "4");
	expect_everywhere("/d");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_changes_reach_everybody),
		T(test_leader_goes_and_comes_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
