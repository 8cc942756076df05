/*
 * Two devices over a network that loses, doubles, delays and reorders what it carries, or carries
 * nothing for a while; minutes and hours pass in virtual time.
 */
#include "scene.h"
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define BYTES 256
#define RETRY (WM_WG_REKEY_TIMEOUT + WM_WG_JITTER_MAX)

struct parcel {
	struct side *to;
	struct wm_endpoint from;
	int64_t at;
	uint32_t len;
	uint8_t bytes[BYTES];
};

static struct {
	struct scene sc;
	struct parcel *parcels;
	size_t count, room;
	unsigned loss, doubles; /* of a hundred */
	int64_t delay;          /* at most */
	bool is_cut;
	uint64_t dice;
} net;

static uint64_t throw(uint64_t below)
{
	net.dice = net.dice * 6364136223846793005ULL + 1442695040888963407ULL;
	return (net.dice >> 33) % below;
}

static void post(struct side *to, const struct wm_udp_packet *p)
{
	if (net.count == net.room) {
		net.room = net.room * 2 + 64;
		net.parcels = realloc(net.parcels, net.room * sizeof(*net.parcels));
	}
	struct parcel *c = &net.parcels[net.count++];
	*c = (struct parcel){.to = to, .from = p->peer, .len = p->len};
	c->at = net.sc.now +
		(net.delay > 0 ? (int64_t) throw((uint64_t)net.delay / 1000) * 1000 : 0);
	assert_true(p->len <= BYTES);
	memcpy(c->bytes, p->data, p->len);
}

static bool on_arrival(struct side *s, const struct wm_udp_packet *p)
{
	if (net.is_cut || throw(100) < net.loss)
		return true;
	for (unsigned copies = throw(100) < net.doubles ? 2 : 1; copies > 0; copies--)
		post(s, p);
	return true;
}

static int64_t next_parcel(size_t *which)
{
	int64_t at = WM_WG_NEVER;
	for (size_t i = 0; i < net.count; i++)
		if (net.parcels[i].at < at)
			at = net.parcels[ *which = i].at;
	return at;
}

static void hand_over(size_t which)
{
	struct parcel c = net.parcels[which];
	net.parcels[which] = net.parcels[--net.count];
	struct wm_udp_packet p = {
		.data = c.bytes, .cap = sizeof(c.bytes), .len = c.len, .peer = c.from};
	deliver(c.to, &p, net.sc.now);
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Time goes by, with all that happens in it. */
static void flow(int64_t span)
{
	struct scene *sc = &net.sc;
	int64_t end = sc->now + span, next;
	size_t which = 0;
	talk(sc);
	while ((next = least(least(due_of(sc->a), due_of(sc->b)), next_parcel(&which))) <= end) {
		sc->now = next > sc->now ? next : sc->now;
		if (next_parcel(&which) <= sc->now)
			hand_over(which);
		talk(sc);
	}
	sc->now = end;
	talk(sc);
}

/* So many seconds with a packet of each side in each; what each has sent. */
static unsigned chat(unsigned seconds)
{
	for (unsigned i = 0; i < seconds; i++) {
		send_packet(net.sc.a, 1);
		send_packet(net.sc.b, 2);
		flow(S);
	}
	return seconds;
}

static void begin(uint64_t seed)
{
	memset(&net, 0, sizeof(net));
	net.dice = seed;
	make_scene(&net.sc, no_psk);
	net.sc.a->on_arrival = net.sc.b->on_arrival = on_arrival;
	send_packet(net.sc.a, 0);
	flow(S);
	assert_int_equal(net.sc.b->packets, 1);
	net.sc.b->packets = 0;
}

static void end(void)
{
	free(net.parcels);
	net.sc.a->unopened = net.sc.b->unopened = 0;
	end_scene(&net.sc);
}

static void forget_counts(void)
{
	net.sc.a->packets = net.sc.b->packets = 0;
	net.sc.a->replayed = net.sc.b->replayed = 0;
}

/* ---- */

static void test_doubled_messages_count_once(void **state)
{
	begin(1);
	net.doubles = 100;
	unsigned n = chat(600);
	assert_int_equal(net.sc.a->packets, n);
	assert_int_equal(net.sc.b->packets, n);
	assert_true(net.sc.a->replayed >= n && net.sc.b->replayed >= n);
	/* A session every two minutes, however often its messages came. */
	assert_int_equal(net.sc.b->letters[WM_WG_INITIATION], 1 + 2 * 5);
	end();
}

/* Within a tenth of a second everything overtakes everything, also while sessions are renewed. */
static void test_disorder_loses_nothing(void **state)
{
	for (uint64_t seed = 1; seed <= 5; seed++) {
		begin(seed);
		net.delay = S / 10;
		unsigned n = 0;
		for (unsigned i = 0; i < 400; i++) {
			for (unsigned j = 0; j < 5; j++)
				send_packet(net.sc.a, 1);
			n += 5;
			chat(1);
		}
		flow(S);
		assert_int_equal(net.sc.b->packets, n + 400);
		assert_int_equal(net.sc.a->packets, 400);
		assert_int_equal(net.sc.a->unopened + net.sc.b->unopened, 0);
		end();
	}
}

/* Nobody may be fooled by what comes minutes late, and afterwards all is as it was. */
static void test_everything_late_by_minutes(void **state)
{
	for (uint64_t seed = 1; seed <= 5; seed++) {
		begin(seed);
		net.delay = 300 * S;
		net.doubles = 30;
		unsigned n = chat(900);
		assert_true(net.sc.a->packets <= n && net.sc.b->packets <= n);
		net.delay = 0;
		net.doubles = 0;
		flow(300 * S + RETRY); /* the last of them */
		chat(6);
		forget_counts();
		n = chat(300);
		assert_int_equal(net.sc.a->packets, n);
		assert_int_equal(net.sc.b->packets, n);
		end();
	}
}

static void test_a_bad_network(void **state)
{
	for (uint64_t seed = 1; seed <= 10; seed++) {
		begin(seed);
		net.loss = 30;
		net.doubles = 30;
		net.delay = 2 * S;
		unsigned n = chat(1800);
		assert_true(net.sc.a->packets <= n && net.sc.b->packets <= n);
		assert_true(net.sc.a->packets > n / 2 && net.sc.b->packets > n / 2);
		net.loss = net.doubles = 0;
		flow(3 * S);
		chat(15);
		flow(3 * S);
		forget_counts();
		n = chat(60);
		flow(3 * S);
		assert_int_equal(net.sc.a->packets, n);
		assert_int_equal(net.sc.b->packets, n);
		end();
	}
}

/* Who only receives renews the session in time, too, if it was the one to begin it. */
static void test_one_way_traffic_never_stops(void **state)
{
	for (unsigned from_b = 0; from_b < 2; from_b++) {
		begin(1);
		for (unsigned i = 0; i < 1800; i++) {
			send_packet(from_b ? net.sc.b : net.sc.a, 1);
			flow(S);
		}
		assert_int_equal(net.sc.a->packets, from_b ? 1800 : 0);
		assert_int_equal(net.sc.b->packets, from_b ? 0 : 1800);
		assert_int_equal(net.sc.a->unopened + net.sc.b->unopened, 0);
		end();
	}
}

/* The cable is out for @span, with or without somebody who would like to send. */
static void cut_cable(unsigned seconds, bool with_traffic)
{
	net.is_cut = true;
	if (with_traffic)
		chat(seconds);
	else
		flow(seconds * S);
	net.is_cut = false;
	forget_counts();
}

static void test_the_network_is_gone_for_ten_minutes(void **state)
{
	begin(1);
	unsigned asked = net.sc.a->letters[WM_WG_INITIATION] + net.sc.b->letters[WM_WG_INITIATION];
	cut_cable(600, true);
	/* The keys of before are no more: three times their life has passed. */
	assert_null(current(net.sc.a));
	assert_null(current(net.sc.b));
	/* The next try gets through, and what has waited last comes with it. */
	flow(RETRY);
	assert_true(net.sc.a->packets > 0 && net.sc.b->packets > 0);
	assert_true(net.sc.a->letters[WM_WG_INITIATION] + net.sc.b->letters[WM_WG_INITIATION] <=
		    asked + 2);
	flow(S);
	forget_counts();
	unsigned n = chat(300);
	assert_int_equal(net.sc.a->packets, n);
	assert_int_equal(net.sc.b->packets, n);
	end();
}

static void test_a_short_gap_needs_no_handshake(void **state)
{
	begin(1);
	chat(10);
	unsigned asked = net.sc.a->letters[WM_WG_INITIATION] + net.sc.b->letters[WM_WG_INITIATION];
	cut_cable(9, true);
	unsigned n = chat(20);
	assert_true(net.sc.a->packets >= n && net.sc.b->packets >= n);
	assert_int_equal(net.sc.a->letters[WM_WG_INITIATION] + net.sc.b->letters[WM_WG_INITIATION],
			 asked);
	end();
}

static void test_without_traffic_the_first_packet_gets_through(void **state)
{
	begin(1);
	cut_cable(600, false);
	send_packet(net.sc.b, 7);
	flow(S / 10);
	assert_int_equal(net.sc.a->packets, 1);
	end();
}

static void test_a_persistent_keepalive_finds_back(void **state)
{
	begin(1);
	order(net.sc.a, WM_WG_ORDER_KEEPALIVE, 25 * S);
	flow(S);
	cut_cable(600, false);
	flow(25 * S);
	assert_non_null(current(net.sc.a));
	assert_non_null(current(net.sc.b));
	send_packet(net.sc.b, 7);
	flow(S / 10);
	assert_int_equal(net.sc.a->packets, 1);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_doubled_messages_count_once),
		cmocka_unit_test(test_disorder_loses_nothing),
		cmocka_unit_test(test_everything_late_by_minutes),
		cmocka_unit_test(test_a_bad_network),
		cmocka_unit_test(test_one_way_traffic_never_stops),
		cmocka_unit_test(test_the_network_is_gone_for_ten_minutes),
		cmocka_unit_test(test_a_short_gap_needs_no_handshake),
		cmocka_unit_test(test_without_traffic_the_first_packet_gets_through),
		cmocka_unit_test(test_a_persistent_keepalive_finds_back),
	};
	return cmocka_run_group_tests_name("wg/network", tests, NULL, NULL);
}
