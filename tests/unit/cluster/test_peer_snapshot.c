/* Snapshots on their way from one server to another. */
#include "peers.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "crypto/tls.h"

#define MIB ((size_t)1 << 20)

static void offer(struct server *s, size_t bytes, uint64_t index, uint32_t seed)
{
	if (s->snapshot >= 0)
		(void)close(s->snapshot);
	s->snapshot = peers_file(bytes, seed);
	s->bytes = bytes;
	s->index = index;
	s->term = 3;
}

static void fetch(struct server *s, const char *from, uint64_t index)
{
	struct wm_peer_fetch_wish wish = {.node_id = from, .index = index, .term = 3};
	if (s->target < 0)
		s->target = memfd_create("target", MFD_CLOEXEC);
	s->is_fetched = false;
	wm_peer_port_fetch(s->port, &wish);
	assert_false(s->is_fetched); /* not from inside */
}

static bool is_fetched(void *arg)
{
	return ((struct server *)arg)->is_fetched;
}

/* A good part of it has come, and not all. */
static bool is_under_way(void *arg)
{
	const struct server *s = arg;
	struct wm_peer_port_stats stats;
	wm_peer_port_stats(s->port, &stats);
	return stats.fetching_bytes > 2 * MIB || s->is_fetched;
}

static void expect_same(struct peers *p, struct server *to, const struct server *from)
{
	peers_wait(p, is_fetched, to);
	assert_true(to->is_fetched_ok);
	assert_int_equal(to->fetched_fd, to->target);
	assert_true(peers_same(to->target, from->snapshot));
}

static void test_all_sizes(void **state)
{
	static const size_t sizes[] = {1, WM_PEER_CHUNK, WM_PEER_CHUNK + 1, 7 * MIB + 77};
	struct peers *p = *state;
	struct wm_peer_port_stats stats;
	for (size_t i = 0; i < WM_ARRAY_LEN(sizes); i++) {
		offer(&p->s[0], sizes[i], 10 + i, (uint32_t)i);
		fetch(&p->s[1], "n0", 10 + i);
		expect_same(p, &p->s[1], &p->s[0]);
	}
	wm_peer_port_stats(p->s[1].port, &stats);
	assert_int_equal(stats.fetched, WM_ARRAY_LEN(sizes));
	assert_int_equal(stats.failed_fetches, 0);
	wm_peer_port_stats(p->s[0].port, &stats);
	assert_int_equal(stats.served, WM_ARRAY_LEN(sizes));
}

static void test_several_at_once(void **state)
{
	struct peers *p = *state;
	offer(&p->s[0], 3 * MIB, 10, 1);
	offer(&p->s[1], 2 * MIB, 11, 2);
	fetch(&p->s[1], "n0", 9); /* a newer one will do */
	fetch(&p->s[2], "n0", 10);
	fetch(&p->s[0], "n1", 11);
	expect_same(p, &p->s[1], &p->s[0]);
	expect_same(p, &p->s[2], &p->s[0]);
	expect_same(p, &p->s[0], &p->s[1]);
}

static void restart(struct server *s)
{
	peers_stop(s);
	peers_start(s);
}

/* What has come before the connection broke is not sent again. */
static void test_goes_on_where_it_was(void **state)
{
	struct peers *p = *state;
	int whole = peers_file(40 * MIB, 5);
	offer(&p->s[0], 40 * MIB, 10, 5);
	fetch(&p->s[1], "n0", 10);
	peers_wait(p, is_under_way, &p->s[1]);
	assert_false(p->s[1].is_fetched);
	uint8_t other[4096] = {0}; /* in what has come already */
	assert_int_equal(pwrite(p->s[0].snapshot, other, sizeof(other), 0), sizeof(other));
	restart(&p->s[0]);
	peers_wait(p, is_fetched, &p->s[1]);
	assert_true(p->s[1].is_fetched_ok);
	assert_int_equal(p->s[0].shares, 2);
	assert_true(peers_same(p->s[1].target, whole));
	(void)close(whole);
}

/* It is the cluster that finds out that it is no snapshot; here it must be one of them, whole. */
static void test_newer_one_meanwhile(void **state)
{
	static const size_t sizes[] = {3 * MIB + 5, 60 * MIB};
	struct peers *p = *state;
	for (size_t i = 0; i < WM_ARRAY_LEN(sizes); i++) {
		offer(&p->s[0], 40 * MIB, 10 + 2 * i, 5);
		fetch(&p->s[1], "n0", 10 + 2 * i);
		peers_wait(p, is_under_way, &p->s[1]);
		assert_false(p->s[1].is_fetched);
		offer(&p->s[0], sizes[i], 11 + 2 * i, 6);
		restart(&p->s[0]);
		expect_same(p, &p->s[1], &p->s[0]);
	}
}

/* The file that is being sent is not the one that takes its place. */
static void test_replaced_while_it_is_sent(void **state)
{
	struct peers *p = *state;
	int whole = peers_file(40 * MIB, 5);
	offer(&p->s[0], 40 * MIB, 10, 5);
	fetch(&p->s[1], "n0", 10);
	peers_wait(p, is_under_way, &p->s[1]);
	offer(&p->s[0], 50 * MIB, 11, 6);
	peers_wait(p, is_fetched, &p->s[1]);
	assert_true(p->s[1].is_fetched_ok);
	assert_true(peers_same(p->s[1].target, whole));
	(void)close(whole);
}

static void expect_failed(struct peers *p, struct server *s)
{
	struct wm_peer_port_stats stats;
	peers_wait(p, is_fetched, s);
	assert_false(s->is_fetched_ok);
	assert_int_equal(s->fetched_fd, s->target);
	wm_peer_port_stats(s->port, &stats);
	assert_int_equal(stats.fetched, 0);
}

static void test_disk_is_full(void **state)
{
	struct peers *p = *state;
	struct server *s = &p->s[1];
	offer(&p->s[0], 10 * MIB, 10, 5);
	s->target = memfd_create("full", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(fcntl(s->target, F_ADD_SEALS, F_SEAL_GROW), 0);
	fetch(s, "n0", 10);
	expect_failed(p, s);
	(void)close(s->target);
	s->target = -1;
	fetch(s, "n0", 10); /* there is room again */
	expect_same(p, s, &p->s[0]);
}

static bool is_asked(void *arg)
{
	return ((struct server *)arg)->port->fetch != NULL;
}

static void test_no_file(void **state)
{
	struct peers *p = *state;
	struct server *s = &p->s[1];
	struct wm_peer_fetch_wish wish = {.node_id = "n0", .index = 10};
	offer(&p->s[0], MIB, 10, 5);
	wm_peer_port_fetch(s->port, &wish);
	assert_true(is_asked(s));
	expect_failed(p, s);
	assert_int_equal(s->fetched_fd, -1);
	assert_int_equal(p->s[0].shares, 0);
}

static void test_not_there(void **state)
{
	struct peers *p = *state;
	fetch(&p->s[1], "n0", 10); /* has none at all */
	expect_failed(p, &p->s[1]);
	offer(&p->s[0], MIB, 10, 5);
	fetch(&p->s[1], "n0", 11); /* has an older one */
	expect_failed(p, &p->s[1]);
}

/* A file that ends early, or goes on, is not sent as if it were whole. */
static void test_file_of_another_length(void **state)
{
	struct peers *p = *state;
	offer(&p->s[0], 3 * MIB, 10, 5);
	p->s[0].bytes = 4 * MIB;
	fetch(&p->s[1], "n0", 10);
	expect_failed(p, &p->s[1]);
	p->s[0].bytes = 2 * MIB + 7;
	fetch(&p->s[1], "n0", 10);
	expect_failed(p, &p->s[1]);
	p->s[0].bytes = 3 * MIB;
	fetch(&p->s[1], "n0", 10);
	expect_same(p, &p->s[1], &p->s[0]);
}

static void test_stop_in_the_middle(void **state)
{
	struct peers *p = *state;
	offer(&p->s[0], 40 * MIB, 10, 5);
	fetch(&p->s[1], "n0", 10);
	peers_wait(p, is_under_way, &p->s[1]);
	assert_false(p->s[1].is_fetched);
	p->s[1].target = -1; /* the port's own from here on */
	peers_stop(&p->s[1]);
	peers_pass(p, 200);
	assert_false(p->s[1].is_fetched);
	assert_int_equal(p->s[0].port->n_serves, 0);
}

static void test_removed_in_the_middle(void **state)
{
	struct peers *p = *state;
	offer(&p->s[0], 60 * MIB, 10, 5);
	fetch(&p->s[1], "n0", 10);
	peers_wait(p, is_under_way, &p->s[1]);
	p->s[0].knows[1].is_member = false;
	peers_wait(p, is_fetched, &p->s[1]);
	assert_false(p->s[1].is_fetched_ok);
	assert_int_equal(p->s[0].port->n_serves, 0);
}

/* ---- those who do not read ---- */

struct lazy {
	struct wm_peer_way *way;
	bool is_over;
	int code;
};

static void on_message_lazy(struct wm_rpc_stream *s, const ProtobufCMessage *message)
{
	wm_rpc_stream_pause(s, true);
}

static void on_end_lazy(struct wm_rpc_stream *s, const struct wm_err *err)
{
	struct wm_peer_way *w = wm_container_of(s, struct wm_peer_way, stream);
	struct lazy *l = w->owner;
	if (l != NULL) {
		l->is_over = true;
		l->code = err == NULL ? 0 : err->code;
	}
	wm_peer_way_ended(w);
}

static void ask_lazily(struct server *s, const struct server *from, struct lazy *l)
{
	struct wm_peer to = {from->at, wm_key_public(&from->key)};
	Webmesh__Peer__V1__SnapshotRequest r = WEBMESH__PEER__V1__SNAPSHOT_REQUEST__INIT;
	struct wm_err err;
	l->way = wm_peer_way_new(s->port, &to);
	l->way->owner = l;
	l->way->may_free = false;
	l->way->stream =
		(struct wm_rpc_stream){.on_message = on_message_lazy, .on_end = on_end_lazy};
	assert_int_equal(wm_rpc_stream_start(l->way->channel, &l->way->stream,
					     wm_pb_method_find("/webmesh.peer.v1.Peer/Snapshot"),
					     NULL, &err),
			 0);
	assert_int_equal(wm_rpc_stream_send(&l->way->stream, &r.base, &err), 0);
	wm_rpc_stream_half_close(&l->way->stream);
}

static bool serves_most(void *arg)
{
	return ((struct server *)arg)->port->n_serves == WM_PEER_SERVES;
}

static bool is_lazy_over(void *arg)
{
	return ((struct lazy *)arg)->is_over;
}

static void test_only_so_many_at_once(void **state)
{
	struct peers *p = *state;
	struct lazy lazy[WM_PEER_SERVES + 1] = {0};
	while (p->n < PEERS)
		(void)peers_add(p);
	peers_introduce(p);
	peers_wait_linked(p);
	offer(&p->s[0], 60 * MIB, 10, 5);
	for (unsigned i = 0; i < WM_PEER_SERVES; i++)
		ask_lazily(&p->s[i + 1], &p->s[0], &lazy[i]);
	peers_wait(p, serves_most, &p->s[0]);
	ask_lazily(&p->s[5], &p->s[0], &lazy[4]);
	peers_wait(p, is_lazy_over, &lazy[4]);
	assert_int_equal(lazy[4].code, WM_UNAVAILABLE);
	/* Who asks again makes room for itself. */
	wm_peer_way_close(lazy[4].way);
	fetch(&p->s[1], "n0", 10);
	expect_same(p, &p->s[1], &p->s[0]);
	assert_int_equal(p->s[0].port->n_serves, WM_PEER_SERVES - 1);
	for (unsigned i = 0; i < WM_PEER_SERVES; i++) {
		lazy[i].way->owner = NULL;
		wm_peer_way_close(lazy[i].way);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, peers_setup, peers_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_all_sizes),
		T(test_several_at_once),
		T(test_goes_on_where_it_was),
		T(test_newer_one_meanwhile),
		T(test_replaced_while_it_is_sent),
		T(test_disk_is_full),
		T(test_no_file),
		T(test_not_there),
		T(test_file_of_another_length),
		T(test_stop_in_the_middle),
		T(test_removed_in_the_middle),
		T(test_only_so_many_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
