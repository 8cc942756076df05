/* Frames between servers, and who may say them. */
#include "peers.h"

#include "crypto/tls.h"

struct expected {
	const struct server *s;
	unsigned from, n;
};

static bool has_come(void *arg)
{
	const struct expected *e = arg;
	return e->s->frames_of[e->from] >= e->n;
}

static void expect(struct peers *p, const struct server *s, unsigned from, unsigned n)
{
	struct expected e = {s, from, n};
	peers_wait(p, has_come, &e);
}

static bool is_down(void *arg)
{
	return !peers_is_linked(arg);
}

static uint64_t dropped(const struct server *s)
{
	struct wm_peer_port_stats stats;
	wm_peer_port_stats(s->port, &stats);
	return stats.dropped;
}

static void test_frames_both_ways(void **state)
{
	struct peers *p = *state;
	struct wm_peer_port_stats stats;
	for (unsigned i = 0; i < 3; i++)
		for (unsigned j = 0; j < 3; j++)
			peers_send(&p->s[i], &p->s[j], "hello");
	for (unsigned i = 0; i < 3; i++)
		for (unsigned j = 0; j < 3; j++)
			if (i != j)
				expect(p, &p->s[i], j, 1);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(p->s[i].frames_of[i], 0);
		assert_int_equal(p->s[i].last.len, 5);
		assert_memory_equal(p->s[i].last.data, "hello", 5);
		wm_peer_port_stats(p->s[i].port, &stats);
		assert_int_equal(stats.links, 2);
		assert_int_equal(stats.sent, 2);
		assert_int_equal(stats.sent_bytes, 10);
		assert_int_equal(stats.received, 2);
		assert_int_equal(stats.received_bytes, 10);
		assert_int_equal(stats.dropped, 1); /* to itself */
	}
	assert_non_null(wm_peer_port_channel(p->s[0].port, "n1"));
	assert_null(wm_peer_port_channel(p->s[0].port, "n0"));
	assert_null(wm_peer_port_channel(p->s[0].port, "nobody"));
}

static void test_order_is_kept(void **state)
{
	struct peers *p = *state;
	for (unsigned i = 0; i < 200; i++)
		peers_send(&p->s[0], &p->s[1], i == 199 ? "last" : "one");
	expect(p, &p->s[1], 0, 200);
	assert_memory_equal(p->s[1].last.data, "last", 4);
}

/* Nobody but a member gets in, and a member gets in as itself. */
static void test_strangers(void **state)
{
	struct peers *p = *state;
	struct server *stranger = peers_add(p);
	for (unsigned i = 0; i < 3; i++)
		stranger->knows[i] =
			(struct known){true, true, {p->s[i].at, wm_key_public(&p->s[i].key)}};
	peers_tell(stranger);
	peers_send(stranger, &p->s[0], "let me in");
	peers_pass(p, 500);
	assert_int_equal(p->s[0].frames, 0);
	assert_int_equal(stranger->port->stats.sent, 0);
	peers_introduce(p);
	peers_wait_linked(p);
	expect(p, &p->s[0], 3, 1);
	assert_memory_equal(p->s[0].last.data, "let me in", 9);
}

static void test_wrong_member_at_an_address(void **state)
{
	struct peers *p = *state;
	struct server *s = &p->s[0];
	unsigned channels = s->channels;
	s->knows[1].peer.at = p->s[2].at;
	peers_tell(s);
	assert_int_equal(s->channels, channels + 1);
	peers_send(s, &p->s[1], "for n1 alone");
	peers_pass(p, 500);
	assert_true(is_down(s));
	assert_int_equal(p->s[2].frames, 0);
	s->knows[1].peer.at = p->s[1].at;
	peers_tell(s);
	peers_wait_linked(p);
	expect(p, &p->s[1], 0, 1);
	assert_int_equal(p->s[2].frames, 0);
}

/* The word on its lips does not count any more. */
static void test_removed_member_is_cut_off(void **state)
{
	struct peers *p = *state;
	struct server *s = &p->s[0], *gone = &p->s[1];
	peers_send(gone, s, "while I may");
	expect(p, s, 1, 1);
	s->knows[1].is_member = false; /* and nobody has told the port */
	peers_send(gone, s, "one more");
	peers_wait(p, is_down, gone);
	assert_int_equal(s->frames_of[1], 1);
	peers_tell(s);
	peers_send(gone, s, "and another");
	peers_pass(p, 300);
	assert_int_equal(s->frames_of[1], 1);
	assert_null(wm_peer_port_channel(s->port, "n1"));
	p->s[2].knows[1].is_member = false;
	peers_tell(&p->s[2]); /* it has said nothing, and is cut off too */
	peers_pass(p, 100);
	assert_true(peers_is_linked(&p->s[2]));
	struct wm_peer_port_stats stats;
	wm_peer_port_stats(gone->port, &stats);
	assert_int_equal(stats.links_up, 0);
}

/* Who asks is answered, even one whom our own list does not have yet. */
static void test_answer_to_no_member(void **state)
{
	struct peers *p = *state;
	struct server *s = &p->s[0];
	s->knows[1].is_member = false;
	peers_tell(s);
	assert_null(wm_peer_port_channel(s->port, "n1"));
	peers_send(s, &p->s[1], "I have no list yet");
	expect(p, &p->s[1], 0, 1);
	s->knows[1].has_address = false;
	s->knows[1].is_member = true;
	peers_tell(s);
	s->knows[1].is_member = false;
	peers_tell(s);
	uint64_t before = dropped(s);
	peers_send(s, &p->s[1], "and no address");
	assert_int_equal(dropped(s), before + 1);
}

static void test_sizes(void **state)
{
	struct peers *p = *state;
	size_t most = WM_PEER_FRAME_MAX - 16;
	uint8_t *frame = wm_alloc(WM_PEER_FRAME_MAX + 1);
	memset(frame, 7, WM_PEER_FRAME_MAX + 1);
	wm_peer_port_send(p->s[0].port, "n1", frame, WM_PEER_FRAME_MAX + 1);
	assert_int_equal(dropped(&p->s[0]), 1);
	wm_peer_port_send(p->s[0].port, "n1", frame, most);
	expect(p, &p->s[1], 0, 1);
	assert_int_equal(p->s[1].last.len, most);
	assert_memory_equal(p->s[1].last.data, frame, most);
	wm_peer_port_send(p->s[0].port, "n1", frame, 0);
	expect(p, &p->s[1], 0, 2);
	assert_int_equal(p->s[1].last.len, 0);
	wm_free(frame);
}

/* ---- a server that takes the stream, and reads nothing ---- */

static void on_cancel_lazy(struct wm_rpc_call *call, const struct wm_err *why, void *arg)
{
	wm_rpc_call_finish(call, why);
}

static void on_open_lazy(struct wm_rpc_call *call, void *arg)
{
	wm_rpc_call_on_cancel(call, on_cancel_lazy, NULL);
	wm_rpc_call_send_headers(call);
	wm_rpc_call_pause(call, true);
}

static void on_message_lazy(struct wm_rpc_call *call, const ProtobufCMessage *message, void *arg)
{
	fail();
}

static void on_half_close_lazy(struct wm_rpc_call *call, void *arg)
{
	wm_rpc_call_finish(call, NULL);
}

static bool accept_any(void *arg, const struct wm_pubkey *key)
{
	return true;
}

static void test_slow_reader(void **state)
{
	static const struct wm_rpc_handler lazy = {.path = "/webmesh.peer.v1.Peer/Frames",
						   .on_open = on_open_lazy,
						   .on_message = on_message_lazy,
						   .on_half_close = on_half_close_lazy};
	struct peers *p = *state;
	struct server *s = &p->s[0];
	struct wm_tls_node_opts node = {
		.key = &p->s[1].key, .is_server = true, .accept = accept_any};
	struct wm_rpc_server_opts listen = {.tls = wm_tls_config_new_node(&node)};
	struct wm_err err;
	uint8_t frame[4096] = {1};
	peers_stop(&p->s[1]);
	listen.at = p->s[1].at;
	p->s[1].rpc = wm_rpc_server_new(p->loop, NULL);
	wm_rpc_server_register(p->s[1].rpc, &lazy, 1, NULL);
	assert_int_equal(wm_rpc_server_listen(p->s[1].rpc, &listen, &p->s[1].at, &err), 0);
	peers_wait(p, peers_is_linked, s);
	for (unsigned i = 0; dropped(s) < 100; i++) {
		wm_peer_port_send(s->port, "n1", frame, sizeof(frame));
		assert_true(i < 100000);
		if (i % 64 == 0)
			peers_pass(p, 1);
	}
	struct wm_peer_link *l = wm_peer_link_find(s->port, "n1");
	assert_true(wm_rpc_stream_queued(&l->way->stream) <= (1u << 20) + 8192);
	peers_send(s, &p->s[2], "others are not held up");
	expect(p, &p->s[2], 0, 1);
	wm_tls_config_free(listen.tls);
}

/* ---- coming and going ---- */

static void test_newest_of_what_waits(void **state)
{
	struct peers *p = *state;
	struct server *s = &p->s[0];
	peers_stop(&p->s[1]);
	uint64_t before = dropped(s);
	peers_send(s, &p->s[1], "first");
	peers_send(s, &p->s[1], "second");
	peers_send(s, &p->s[1], "third");
	assert_int_equal(dropped(s), before + 2);
	p->s[1].frames_of[0] = 0;
	peers_start(&p->s[1]);
	expect(p, &p->s[1], 0, 1);
	assert_memory_equal(p->s[1].last.data, "third", 5);
	peers_wait_linked(p);
	assert_int_equal(p->s[1].frames_of[0], 1);
}

static void test_restarts(void **state)
{
	struct peers *p = *state;
	for (unsigned i = 0; i < 4; i++) {
		struct server *s = &p->s[i % 3];
		peers_stop(s);
		peers_start(s);
		peers_wait_linked(p);
		for (unsigned j = 0; j < 3; j++)
			p->s[j].frames_of[0] = p->s[j].frames_of[1] = p->s[j].frames_of[2] = 0;
		for (unsigned j = 0; j < 3; j++)
			peers_send(&p->s[j], &p->s[(j + 1) % 3], "again");
		for (unsigned j = 0; j < 3; j++)
			expect(p, &p->s[(j + 1) % 3], j, 1);
	}
}

/* A run of it that left no word: its connections stay, but nobody is there any more. */
static void test_new_run_while_the_old_connection_stands(void **state)
{
	struct peers *p = *state;
	struct wm_peer_link *l = wm_peer_link_find(p->s[0].port, "n1");
	struct wm_peer_way *old = l->way;
	unsigned channels = p->s[0].channels;
	wm_peer_link_seen(l, p->s[1].port->boot); /* the same run: nothing is to be done */
	assert_ptr_equal(l->way, old);
	wm_peer_link_seen(l, "another");
	assert_ptr_not_equal(l->way, old);
	assert_int_equal(p->s[0].channels, channels + 1);
	peers_wait_linked(p);
	peers_send(&p->s[0], &p->s[1], "still");
	expect(p, &p->s[1], 0, 1);
}

static void test_new_key(void **state)
{
	struct peers *p = *state;
	struct server *s = &p->s[1];
	peers_stop(s);
	wm_key_fini(&s->key);
	wm_key_generate(&s->key);
	peers_start(s);
	peers_pass(p, 300);
	assert_true(is_down(s)); /* nobody knows this key */
	peers_introduce(p);
	peers_wait_linked(p);
	peers_send(s, &p->s[0], "me again");
	expect(p, &p->s[0], 1, 1);
}

static void test_address_comes_later(void **state)
{
	struct peers *p = *state;
	struct server *s = &p->s[0];
	s->knows[1].has_address = false;
	peers_tell(s);
	assert_null(wm_peer_port_channel(s->port, "n1"));
	peers_send(s, &p->s[1], "when I know where you are");
	s->knows[1].has_address = true;
	peers_tell(s);
	expect(p, &p->s[1], 0, 1);
}

static bool has_listened(void *arg)
{
	return ((struct server *)arg)->port->n_missing == 0;
}

static void test_address_that_cannot_be_had_yet(void **state)
{
	struct peers *p = *state;
	struct server *s = &p->s[0];
	struct wm_rpc_server *other = wm_rpc_server_new(p->loop, NULL);
	struct wm_rpc_server_opts opts = {0};
	struct wm_endpoint taken, bound = {0};
	struct wm_err err;
	bool drained = false;
	assert_true(wm_endpoint_parse("127.0.0.1:0", &opts.at));
	assert_int_equal(wm_rpc_server_listen(other, &opts, &taken, &err), 0);
	wm_peer_port_listen(s->port, &taken, 1, &bound);
	assert_int_equal(bound.port, 0);
	assert_int_equal(s->port->n_missing, 1);
	wm_rpc_server_drain(other, 0, peers_set_flag, &drained);
	peers_wait(p, peers_is_set, &drained);
	wm_rpc_server_free(other);
	peers_wait(p, has_listened, s);
}

#define T(f) cmocka_unit_test_setup_teardown(f, peers_setup, peers_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_frames_both_ways),
		T(test_order_is_kept),
		T(test_strangers),
		T(test_wrong_member_at_an_address),
		T(test_removed_member_is_cut_off),
		T(test_answer_to_no_member),
		T(test_sizes),
		T(test_slow_reader),
		T(test_newest_of_what_waits),
		T(test_restarts),
		T(test_new_run_while_the_old_connection_stands),
		T(test_new_key),
		T(test_address_comes_later),
		T(test_address_that_cannot_be_had_yet),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
