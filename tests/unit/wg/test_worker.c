/*
 * A worker's batches, without its thread: the interface is real, but what is read from it and what
 * it says to a packet is a script's, and so is the network. All peers are ourselves: what is sealed
 * for them they open.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
#include <linux/virtio_net.h>

#include "base/mem.h"
#include "packets.h"
#include "wg/handshakes.h"
#include "wg/seal.h"
#include "wg/worker.h"

#define NOW  (1000 * WM_WG_S)
#define MTU  1420
#define LEN  200 /* of most packets here */
#define WIRE (sizeof(struct wm_wg_data) + LEN + 8 + WM_WG_TAG)

static struct wm_wg_core core;
static struct wm_wg_worker worker;
static struct wm_udp_socket sock;
static struct wm_wg_peer *peers[2];
static unsigned wakes;

/* ---- what stands in for the kernel ---- */

static struct {
	bool is_real;    /* the kernel decides */
	int joined, any; /* errno of writing a packet that stands for many, and of any */
	unsigned writes, joins, pieces, most; /* pieces in one */
	uint32_t seqs[1000]; /* of what was written, as it lies in the first bytes of payloads */
	unsigned n_seqs;
} tun;

static struct {
	int sys; /* or: */
	struct virtio_net_hdr header;
	const uint8_t *data;
	size_t len;
} reads[8];
static unsigned n_reads, next_read;

static struct wm_udp_packet trains[200];
static unsigned n_trains, next_train;
static unsigned sent_packets, sent_datagrams;
static size_t sent_longest;

ssize_t readv(int fd, const struct iovec *iov, int n)
{
	if (fd != wm_tun_fd(core.tun, 0))
		return syscall(SYS_readv, fd, iov, n);
	if (next_read == n_reads || reads[next_read].sys != 0) {
		errno = next_read == n_reads ? EAGAIN : reads[next_read++].sys;
		return -1;
	}
	memcpy(iov[0].iov_base, &reads[next_read].header, sizeof(struct virtio_net_hdr));
	size_t len = reads[next_read].len < iov[1].iov_len ? reads[next_read].len : iov[1].iov_len;
	memcpy(iov[1].iov_base, reads[next_read++].data, len);
	return (ssize_t)(sizeof(struct virtio_net_hdr) + len);
}

/* The number that each packet here bears in its payload. */
static void note_number(const struct iovec *piece, size_t skip)
{
	assert_true(piece->iov_len >= skip + 4);
	assert_true(tun.n_seqs < WM_ARRAY_LEN(tun.seqs));
	memcpy(&tun.seqs[tun.n_seqs++], (const uint8_t *)piece->iov_base + skip, 4);
}

ssize_t writev(int fd, const struct iovec *iov, int n)
{
	if (fd != wm_tun_fd(core.tun, 0))
		return syscall(SYS_writev, fd, iov, n);
	struct virtio_net_hdr header;
	memcpy(&header, iov[0].iov_base, sizeof(header));
	bool is_joined = header.gso_type != VIRTIO_NET_HDR_GSO_NONE;
	assert_int_equal(iov[0].iov_len, sizeof(header));
	assert_int_equal(is_joined, n > 2);
	tun.joins += is_joined && tun.is_real;
	tun.most = (unsigned)n - 1 > tun.most ? (unsigned)n - 1 : tun.most;
	if (tun.is_real)
		return syscall(SYS_writev, fd, iov, n);
	errno = is_joined && tun.joined != 0 ? tun.joined : tun.any;
	if (errno != 0)
		return -1;
	tun.writes++;
	tun.joins += is_joined;
	tun.pieces += (unsigned)n - 1;
	const uint8_t *first = iov[1].iov_base;
	note_number(&iov[1], 20 + (first[9] == TCP ? 20 : 8));
	for (int i = 2; i < n; i++)
		note_number(&iov[i], 0);
	return 1;
}

int __wrap_wm_udp_recv(const struct wm_udp_socket *s, struct wm_udp_packet *p, unsigned n);
unsigned __wrap_wm_udp_send(struct wm_udp_socket *s, const struct wm_udp_packet *p, unsigned n);

int __wrap_wm_udp_recv(const struct wm_udp_socket *s, struct wm_udp_packet *p, unsigned n)
{
	unsigned got = 0;
	for (; got < n && next_train < n_trains; got++)
		p[got] = trains[next_train++];
	return (int)got;
}

unsigned __wrap_wm_udp_send(struct wm_udp_socket *s, const struct wm_udp_packet *p, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		sent_packets++;
		sent_datagrams += wm_udp_count(&p[i]);
		sent_longest = p[i].segment > sent_longest ? p[i].segment : sent_longest;
	}
	return 0;
}

static void wake_loop(void *arg)
{
	wakes++;
}

/* ---- a worker with two peers: 10.0.0.0/24 and 10.0.1.0/24 ---- */

static struct wm_endpoint place(uint8_t number)
{
	return (struct wm_endpoint){.addr = wm_addr_v4(0xc0000200u + number), .port = 51820};
}

static struct wm_wg_peer *new_peer(uint8_t number)
{
	struct wm_prefix net = {.addr = wm_addr_v4(0x0a000000u + number * 256u), .bits = 24};
	struct wm_endpoint at = place(number);
	struct wm_wg_keys keys;
	uint8_t key[WM_WG_KEY] = {7, number};
	struct wm_wg_peer *p = wm_wg_peer_new(key, &core.staged_bytes);
	memcpy(keys.send, key, sizeof(key));
	memcpy(keys.recv, key, sizeof(key));
	keys.local_index = keys.remote_index = wm_wg_index_take(&core.index, p);
	wm_wg_allowedips_put(&core.allowed, &net, &p->owner);
	wm_wg_place_set(&p->place, &at);
	struct wm_wg_session *s = wm_wg_session_new(p, &keys, true, NOW);
	wm_wg_index_set(&core.index, s);
	atomic_store(&p->current, s);
	return p;
}

static int set_up(void **state)
{
	struct wm_tun_opts opts = {.name = "wmt0", .mtu = MTU, .queues = 1};
	struct wm_err err;
	memset(&core, 0, sizeof(core));
	memset(&worker, 0, sizeof(worker));
	memset(&tun, 0, sizeof(tun));
	n_reads = next_read = n_trains = next_train = 0;
	sent_packets = sent_datagrams = wakes = 0;
	sent_longest = 0;
	core.epoch = wm_epoch_new();
	core.mtu = MTU;
	core.wake_loop = wake_loop;
	core.foreign_last = &core.foreign;
	core.workers = &worker;
	core.n_workers = 1;
	wm_wg_bell_init(&core.events);
	wm_wg_allowedips_init(&core.allowed, core.epoch);
	wm_wg_index_init(&core.index, core.epoch);
	if (wm_wg_handshakes_new(&core, &core.handshakes, &err) != 0 ||
	    wm_tun_open(&opts, &core.tun, &err) != 0 || wm_wg_wake_open(&worker.wake, &err) != 0)
		fail_msg("%s", err.text);
	for (uint8_t i = 0; i < 2; i++)
		peers[i] = new_peer(i);
	worker.core = &core;
	worker.now = NOW + WM_WG_S;
	/* Exactly as much as they say that they need, for AddressSanitizer to see. */
	worker.from_tun.data = wm_alloc(WM_TUN_ROOM + 16);
	worker.from_tun.cap = WM_TUN_ROOM;
	worker.outbox.bytes = wm_alloc(WM_WG_OUTBOX_BYTES);
	atomic_store(&sock.has_trains, true);
	return 0;
}

static void forget_trains(void)
{
	while (n_trains > 0)
		wm_free(trains[--n_trains].data);
	next_train = 0;
}

static int tear_down(void **state)
{
	forget_trains();
	for (unsigned i = 0; i < 2; i++) {
		wm_wg_bell_retire(&core.handshakes->bell, &peers[i]->news);
		wm_wg_session_retire(atomic_load(&peers[i]->current), core.epoch);
		wm_wg_peer_retire(peers[i], core.epoch);
	}
	wm_wg_ciphers_wipe(&worker.ciphers);
	wm_wg_wake_close(&worker.wake);
	wm_free(worker.from_tun.data);
	wm_free(worker.outbox.bytes);
	wm_tun_close(core.tun);
	wm_wg_handshakes_free(core.handshakes);
	wm_wg_judge_free(atomic_exchange(&core.judge, NULL));
	wm_wg_allowedips_fini(&core.allowed);
	wm_wg_index_fini(&core.index);
	wm_wg_bell_fini(&core.events);
	wm_epoch_free(core.epoch);
	return 0;
}

static uint64_t dropped(enum wm_drop why)
{
	return atomic_load(&worker.drops.n[why]);
}

static uint64_t dropped_in_all(void)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < WM_DROP_COUNT; i++)
		sum += dropped(i);
	return sum;
}

/* ---- packets ---- */

/* Number @number of a stream from 10.0.@net.1; TCP numbers its bytes so that they follow. */
static size_t write_packet(uint8_t *out, uint8_t net, uint8_t protocol, uint16_t port,
			   uint32_t number)
{
	uint8_t payload[LEN] = {0};
	struct packet p = {.version = 4,
			   .ttl = 64,
			   .fragment = 0x4000,
			   .protocol = protocol,
			   .addresses = {10, 0, net, 1, 10, 0, 9, 9},
			   .ports = {port, 9},
			   .flags = protocol == TCP ? ACK : 0,
			   .payload = payload};
	p.payload_len = LEN - 20 - (protocol == TCP ? 20 : 8);
	p.seq = number * (uint32_t)p.payload_len;
	memcpy(payload, &number, sizeof(number));
	return packet_write(&p, out);
}

/* Adds one datagram with @len bytes of @packet from peer @peer to the last train, or to a new one.
 */
static void arrive(unsigned peer, const uint8_t *packet, size_t len, bool is_new)
{
	uint8_t room[LEN + WM_WG_SEAL_TAIL];
	struct wm_wg_session *s = atomic_load(&peers[peer]->current);
	uint64_t counter;
	memcpy(room, packet, len);
	if (is_new) {
		trains[n_trains++] = (struct wm_udp_packet){.peer = place((uint8_t)peer),
							    .data = wm_alloc(WM_UDP_ROOM),
							    .segment = WIRE};
	}
	struct wm_udp_packet *t = &trains[n_trains - 1];
	assert_true(wm_wg_session_take(s, 1, &counter));
	t->len += (uint32_t)wm_wg_seal_into(&worker.ciphers, s, counter, room, len, MTU,
					    t->data + t->len);
}

static void arrive_numbered(unsigned peer, uint8_t net, uint8_t protocol, uint16_t port,
			    uint32_t number, bool is_new)
{
	uint8_t packet[LEN];
	assert_int_equal(write_packet(packet, net, protocol, port, number), LEN);
	arrive(peer, packet, LEN, is_new);
}

static void take_all_in(void)
{
	while (wm_wg_inbound(&worker, &sock))
		;
}

/* ---- the interface refuses ---- */

/* Two flows of two packets each of a protocol. */
static void take_two_pairs(uint8_t protocol)
{
	for (uint32_t i = 0; i < 4; i++)
		arrive_numbered(0, 0, protocol, (uint16_t)(1 + i / 2), i % 2, i == 0);
	take_all_in();
}

static void check_refusal(uint8_t protocol, unsigned offload, unsigned note)
{
	unsigned all = wm_tun_offloads(core.tun);
	tun.joined = EINVAL;
	take_two_pairs(protocol);
	assert_int_equal(tun.writes, 0);
	assert_int_equal(dropped(WM_DROP_TUN), 4);
	assert_int_equal(wm_tun_offloads(core.tun), all & ~offload);
	assert_int_equal(atomic_load(&core.notes), note);
	assert_int_equal(wakes, 1);
	take_two_pairs(protocol);
	assert_int_equal(tun.writes, 4);
	assert_int_equal(wakes, 1);
	/* The other kind is still tried, where the kernel knows it (datagrams: from Linux 6.2 on).
	 */
	bool has_other = (all & ~offload) != 0;
	tun.joined = 0;
	take_two_pairs(protocol == TCP ? UDP : TCP);
	assert_int_equal(tun.writes, 4 + (has_other ? 2 : 4));
	assert_int_equal(tun.joins, has_other ? 2 : 0);
	assert_int_equal(dropped_in_all(), 4);
}

static void test_joined_segments_are_refused(void **state)
{
	check_refusal(TCP, WM_TUN_TCP, WM_WG_NOTE_TUN_TCP);
}

static void test_joined_datagrams_are_refused(void **state)
{
	if (wm_tun_offloads(core.tun) & WM_TUN_UDP) {
		check_refusal(UDP, WM_TUN_UDP, WM_WG_NOTE_TUN_UDP);
		return;
	}
	/* What the kernel does not know is not tried. */
	take_two_pairs(UDP);
	assert_int_equal(tun.writes, 4);
	assert_int_equal(tun.joins, 0);
	assert_int_equal(dropped_in_all(), 0);
}

/* Down, or short of memory: that passes, and says nothing of what it understands. */
static void test_the_interface_takes_nothing_for_a_while(void **state)
{
	static const int why[] = {EIO, ENOBUFS, ENOMEM, EAGAIN, EBADFD};
	unsigned all = wm_tun_offloads(core.tun);
	for (unsigned i = 0; i < WM_ARRAY_LEN(why); i++) {
		tun.any = why[i];
		take_two_pairs(TCP);
		assert_int_equal(dropped(WM_DROP_TUN), 4 * (i + 1));
	}
	assert_int_equal(wm_tun_offloads(core.tun), all);
	assert_int_equal(wakes, 0);
	tun.any = 0;
	take_two_pairs(TCP);
	assert_int_equal(tun.joins, 2);
}

/* A packet alone that it does not like is no reason to join none. */
static void test_a_lone_packet_is_refused(void **state)
{
	unsigned all = wm_tun_offloads(core.tun);
	tun.any = EINVAL;
	arrive_numbered(0, 0, TCP, 1, 0, true);
	take_all_in();
	assert_int_equal(dropped(WM_DROP_TUN), 1);
	assert_int_equal(wm_tun_offloads(core.tun), all);
}

/* @times packets that follow each other, with @payload bytes each, the last with one. */
static void arrive_stream(uint8_t version, uint8_t protocol, uint32_t payload, unsigned times)
{
	static uint8_t packet[WM_TUN_ROOM + WM_WG_SEAL_TAIL], zeros[WM_TUN_ROOM];
	struct packet p = {.version = version,
			   .ttl = 64,
			   .fragment = 0x4000,
			   .protocol = protocol,
			   .addresses = {10, 0, 0, 1, 10, 0, 9, 9},
			   .ports = {1, 9},
			   .flags = protocol == TCP ? ACK : 0,
			   .payload = zeros};
	struct wm_wg_session *s = atomic_load(&peers[0]->current);
	struct wm_udp_packet *t = NULL;
	uint64_t counter;
	for (unsigned i = 0; i < times; i++, p.seq += payload) {
		p.payload_len = i + 1 < times ? payload : 1;
		size_t len = packet_write(&p, packet);
		size_t most = sizeof(struct wm_wg_data) + len + WM_WG_SEAL_TAIL;
		if (t == NULL || t->len + most > WM_UDP_ROOM) {
			t = &trains[n_trains++];
			*t = (struct wm_udp_packet){.peer = place(0),
						    .data = wm_alloc(WM_UDP_ROOM)};
		}
		assert_true(wm_wg_session_take(s, 1, &counter));
		len = wm_wg_seal_into(&worker.ciphers, s, counter, packet, len, MTU,
				      t->data + t->len);
		t->segment = t->len == 0 ? (uint32_t)len : t->segment;
		t->len += (uint32_t)len;
	}
}

/*
 * A peer chooses what is joined; none of it may make the kernel say that it does not understand,
 * for then nobody's packets would be joined any more.
 */
static void test_no_peer_can_end_joining(void **state)
{
	static const uint32_t payloads[] = {1, 2, 7, 8, 100, 1380, 9000, 60000};
	struct wm_prefix six = {.addr.family = WM_IPV6, .bits = 0};
	unsigned all = wm_tun_offloads(core.tun), streams = 0;
	assert_int_equal(system("ip link set wmt0 up"), 0);
	wm_wg_allowedips_put(&core.allowed, &six, &peers[0]->owner);
	tun.is_real = true;
	for (unsigned i = 0; i < 4 * WM_ARRAY_LEN(payloads); i++) {
		uint8_t protocol = i % 4 < 2 ? TCP : UDP;
		if (protocol == UDP && !(all & WM_TUN_UDP))
			continue;
		arrive_stream(i % 2 ? 4 : 6, protocol, payloads[i / 4], 200);
		streams++;
		take_all_in();
		forget_trains();
	}
	assert_int_equal(wm_tun_offloads(core.tun), all);
	assert_int_equal(dropped_in_all(), 0);
	assert_true(tun.joins >= streams);
	assert_true(tun.most == 200);
}

/* ---- batches ---- */

/* More than are opened before any is delivered, in flows that do and do not join. */
static void test_a_batch_above_all_limits(void **state)
{
	static const uint8_t protocols[] = {TCP, UDP};
	for (unsigned k = 0; k < 2; k++) {
		uint32_t number = 0;
		tun.n_seqs = 0;
		for (unsigned train = 0; train < WM_WG_RECVS; train++)
			for (unsigned i = 0; i < 100; i++, number++)
				arrive_numbered(0, 0, protocols[k], 1, number, i == 0);
		take_all_in();
		assert_true(number > 3 * WM_WG_ARRIVALS);
		assert_int_equal(dropped_in_all(), 0);
		assert_int_equal(tun.n_seqs, number);
		for (uint32_t i = 0; i < number; i++)
			assert_int_equal(tun.seqs[i], i);
	}
	assert_true(tun.writes < 2 * 3 * WM_WG_ARRIVALS / 8);
}

/* In one train, as no honest host makes them: each is judged by its own session. */
static void test_peers_take_turns_in_a_train(void **state)
{
	static const struct {
		unsigned peer;
		uint8_t net;
	} rows[] = {{0, 0}, {1, 1}, {0, 0}, {1, 0}, {0, 1}, {0, 0}, {0, 1}, {0, 0}, {1, 1}, {1, 0}};
	unsigned bad = 0;
	for (uint32_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		arrive_numbered(rows[i].peer, rows[i].net, UDP, (uint16_t)i, i, i == 0);
		bad += rows[i].peer != rows[i].net;
	}
	take_all_in();
	assert_int_equal(dropped(WM_DROP_SOURCE), bad);
	assert_int_equal(dropped_in_all(), bad);
	assert_int_equal(tun.n_seqs, WM_ARRAY_LEN(rows) - bad);
	for (unsigned i = 0; i < tun.n_seqs; i++)
		assert_int_equal(rows[tun.seqs[i]].peer, rows[tun.seqs[i]].net);
	/* What does not come from its address was authentic all the same. */
	assert_int_equal(atomic_load(&peers[0]->rx_bytes), 6 * WIRE);
	assert_int_equal(atomic_load(&peers[1]->rx_bytes), 4 * WIRE);
}

/* Between two batches an address moves to another peer; what it had before counts no more. */
static void test_an_address_moves(void **state)
{
	struct wm_prefix net = {.addr = wm_addr_v4(0x0a000000), .bits = 24};
	arrive_numbered(0, 0, UDP, 1, 0, true);
	arrive_numbered(1, 0, UDP, 1, 1, true);
	take_all_in();
	assert_int_equal(tun.n_seqs, 1);
	wm_wg_allowedips_put(&core.allowed, &net, &peers[1]->owner);
	arrive_numbered(0, 0, UDP, 1, 2, true);
	arrive_numbered(1, 0, UDP, 1, 3, true);
	take_all_in();
	assert_int_equal(tun.n_seqs, 2);
	assert_int_equal(tun.seqs[1], 3);
	assert_int_equal(dropped(WM_DROP_SOURCE), 2);
}

/* Every datagram a second time, in another order and among new ones. */
static void test_a_train_comes_again(void **state)
{
	for (uint32_t i = 0; i < 40; i++)
		arrive_numbered(i % 2, i % 2, UDP, 1, i, i == 0);
	struct wm_udp_packet again = trains[0];
	uint8_t *copy = wm_alloc(WM_UDP_ROOM);
	for (unsigned i = 0; i < 40; i++)
		memcpy(copy + i * WIRE, again.data + (39 - i) * WIRE, WIRE);
	take_all_in();
	again.data = copy;
	trains[n_trains++] = again;
	arrive_numbered(0, 0, UDP, 1, 40, true);
	take_all_in();
	assert_int_equal(dropped(WM_DROP_REPLAY), 40);
	assert_int_equal(dropped_in_all(), 40);
	assert_int_equal(tun.n_seqs, 41);
	assert_int_equal(atomic_load(&peers[0]->rx_bytes), 21 * WIRE);
}

/* Datagrams cut to any length, alone and as a train's last; and trains of single bytes. */
static void test_trains_of_odd_lengths(void **state)
{
	for (uint32_t len = 1; len < WIRE; len++) {
		arrive_numbered(0, 0, UDP, 1, 2 * len, true);
		arrive_numbered(0, 0, UDP, 1, 2 * len + 1, false);
		trains[0].len -= (uint32_t)WIRE - len;
		take_all_in();
		forget_trains();
	}
	assert_int_equal(tun.n_seqs, WIRE - 1);
	assert_int_equal(dropped_in_all(), WIRE - 1);
	arrive_numbered(0, 0, UDP, 1, 0, true);
	trains[0].segment = 1;
	take_all_in();
	assert_int_equal(dropped_in_all(), WIRE - 1 + WIRE);
}

/* Trains damaged at random and cut anywhere: each datagram is carried or counted, once. */
static void test_every_datagram_is_accounted_for(void **state)
{
	uint64_t all = 0, delivered = 0;
	seed_random(11);
	for (uint32_t round = 0; round < 3000; round++) {
		unsigned number = 1 + any_below(60);
		for (uint32_t i = 0; i < number; i++)
			arrive_numbered(any_below(2), (uint8_t)any_below(2), one_in(2) ? TCP : UDP,
					1, i, i == 0);
		struct wm_udp_packet *t = &trains[0];
		for (unsigned hits = any_below(8); hits > 0; hits--)
			t->data[any_below(t->len)] ^= (uint8_t)(1 + any_below(255));
		if (one_in(4))
			t->segment = 1 + any_below((uint32_t)WIRE * 2);
		t->len -= one_in(3) ? any_below((uint32_t)WIRE - 1) : 0;
		t->is_cut = one_in(50);
		all += wm_udp_count(t);
		take_all_in();
		delivered += tun.n_seqs;
		tun.n_seqs = 0;
		forget_trains();
	}
	assert_int_equal(delivered + dropped_in_all() + core.handshakes->n_letters, all);
	assert_true(delivered > all / 10 && delivered < all / 2);
}

/* ---- what the interface says of its packets ---- */

static uint8_t large[WM_TUN_ROOM + 100];

static void hand_over(const uint8_t *data, size_t len, struct virtio_net_hdr header)
{
	reads[n_reads].sys = 0;
	reads[n_reads].data = data;
	reads[n_reads].len = len;
	reads[n_reads++].header = header;
}

static void read_all(void)
{
	while (wm_wg_outbound(&worker, &sock))
		;
}

/* A TCP packet of @len bytes to 10.0.0.1; returns its length. */
static size_t write_large(size_t len)
{
	static uint8_t payload[WM_TUN_ROOM];
	struct packet p = {.version = 4,
			   .ttl = 64,
			   .protocol = TCP,
			   .addresses = {10, 0, 9, 9, 10, 0, 0, 1},
			   .flags = ACK,
			   .payload = payload,
			   .payload_len = len - 40,
			   .is_partial = true};
	return packet_write(&p, large);
}

static const struct virtio_net_hdr tcp4 = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
					   .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
					   .hdr_len = 40,
					   .gso_size = 1000,
					   .csum_start = 20,
					   .csum_offset = 16};

static void test_headers_that_lie(void **state)
{
	struct virtio_net_hdr lies[7];
	size_t len = write_large(5040);
	for (unsigned i = 0; i < 7; i++)
		lies[i] = tcp4;
	lies[0].gso_size = 0;
	lies[1].csum_start = 65535;
	lies[2].csum_offset = 65535;
	lies[3].gso_type = VIRTIO_NET_HDR_GSO_TCPV6;
	lies[4].gso_type = 5; /* UDP_L4 */
	lies[5].gso_type = VIRTIO_NET_HDR_GSO_NONE;
	lies[5].csum_start = 5039;
	lies[6].csum_start = 19;
	for (unsigned i = 0; i < 7; i++)
		hand_over(large, len, lies[i]);
	hand_over(large, len, tcp4);
	read_all();
	assert_int_equal(dropped(WM_DROP_OFFLOAD), 7);
	assert_int_equal(dropped_in_all(), 7);
	assert_int_equal(sent_datagrams, 5);
}

/* One that the host cannot describe, and one that does not fit, are lost alone. */
static void test_a_packet_that_cannot_be_read(void **state)
{
	size_t len = write_large(5040);
	reads[n_reads++].sys = EINVAL;
	hand_over(large, sizeof(large), tcp4);
	hand_over(large, len, tcp4);
	read_all();
	assert_int_equal(dropped(WM_DROP_OFFLOAD), 1);
	assert_int_equal(dropped(WM_DROP_INNER), 1);
	assert_int_equal(sent_datagrams, 5);
	assert_int_equal(atomic_load(&core.broken), 0);
	assert_false(worker.is_tun_dead);
}

static void test_an_interface_that_is_gone_is_told_once(void **state)
{
	for (unsigned i = 0; i < 2; i++)
		reads[n_reads++].sys = EBADFD;
	assert_false(wm_wg_outbound(&worker, &sock));
	assert_false(wm_wg_outbound(&worker, &sock));
	assert_true(worker.is_tun_dead);
	assert_int_equal(atomic_load(&core.broken), ENODEV);
	assert_int_equal(wakes, 1);
}

/* As long as IP allows, whole and as one that stands for many, next to each other. */
static void test_the_longest_packets(void **state)
{
	static const struct virtio_net_hdr lone = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 20, .csum_offset = 16};
	struct virtio_net_hdr small = tcp4;
	core.mtu = 65535;
	small.gso_size = 8;
	for (unsigned i = 0; i < 2; i++) {
		hand_over(large, write_large(65535), lone);
		hand_over(large, 65535, tcp4);
		hand_over(large, 65535, small);
	}
	read_all();
	assert_int_equal(dropped_in_all(), 0);
	assert_int_equal(sent_datagrams, 2 * (1 + (65495 + 999) / 1000 + (65495 + 7) / 8));
	assert_int_equal(sent_longest, sizeof(struct wm_wg_data) + 65535 + WM_WG_TAG);
}

static int enter_namespace(void **state)
{
	if (unshare(CLONE_NEWNET) == 0)
		return 0;
	fprintf(stderr, "a network namespace needs root: %s\n", strerror(errno));
	return -1;
}

/* ---- the policy ---- */

/* Whatever is TCP may pass, in the one way or in both. */
static void publish(bool in, bool out)
{
	struct wm_prefix ours = {.addr = wm_addr_v4(0x0a000909), .bits = 32};
	struct wm_wg_rule rules[] = {
		{.targets = &ours, .n_targets = 1, .protocol = TCP, .allows = in},
		{.sources = &ours, .n_sources = 1, .protocol = TCP, .allows = out},
	};
	struct wm_wg_policy_spec spec = {.rules = rules, .n_rules = 2};
	struct wm_wg_policy *policy;
	struct wm_err err;
	assert_int_equal(wm_wg_policy_new(&spec, &policy, &err), 0);
	struct wm_wg_judge *j = wm_wg_judge_new(policy, 1);
	wm_wg_judge_retire(atomic_exchange(&core.judge, j), core.epoch);
}

/* A packet alone, and what is counted for it. */
static void come(const uint8_t *packet, size_t len, enum wm_drop why)
{
	unsigned writes = tun.writes;
	uint64_t before = dropped(why), all = dropped_in_all();
	arrive(0, packet, len, true);
	take_all_in();
	assert_int_equal(tun.writes, writes + (why == WM_DROP_NONE));
	assert_int_equal(dropped(why), before + (why != WM_DROP_NONE));
	assert_int_equal(dropped_in_all(), all + (why != WM_DROP_NONE));
}

static void test_each_refusal_has_its_counter(void **state)
{
	uint8_t tcp[LEN], udp[LEN], stranger[LEN], fragment[LEN], routed[LEN] = {0};
	write_packet(tcp, 0, TCP, 1, 0);
	write_packet(udp, 0, UDP, 1, 0);
	write_packet(stranger, 1, TCP, 1, 0); /* the other peer's address */
	memcpy(fragment, tcp, LEN);
	fragment[7] = 1; /* eight bytes on: over the flags */
	memcpy(routed, tcp, 20);
	memcpy(routed, "\x46", 1);
	memcpy(routed + 20, "\x83\4\4\0", 4);
	memcpy(routed + 24, tcp + 20, LEN - 24);
	come(udp, LEN, WM_DROP_NONE);
	come(fragment, LEN, WM_DROP_NONE);
	come(stranger, LEN, WM_DROP_SOURCE);
	publish(true, false);
	come(tcp, LEN, WM_DROP_NONE);
	come(udp, LEN, WM_DROP_POLICY);
	come(fragment, LEN, WM_DROP_FRAGMENT);
	come(routed, LEN, WM_DROP_HEADERS);
	come(stranger, LEN, WM_DROP_SOURCE);
	publish(false, false);
	come(tcp, LEN, WM_DROP_POLICY);
	wm_wg_judge_retire(atomic_exchange(&core.judge, NULL), core.epoch);
	come(udp, LEN, WM_DROP_NONE);
}

/* Even where a peer may use all of IPv6. */
static void test_mapped_addresses_are_nobodys(void **state)
{
	struct wm_prefix six = {.addr.family = WM_IPV6, .bits = 0};
	uint8_t packet[LEN] = {0x60, [5] = LEN - 40, [6] = 59, [8] = 0xfd, [24] = 0xfd};
	wm_wg_allowedips_put(&core.allowed, &six, &peers[0]->owner);
	come(packet, LEN, WM_DROP_NONE);
	for (unsigned end = 8; end <= 24; end += 16) {
		uint8_t mapped[LEN];
		memcpy(mapped, packet, LEN);
		memcpy(mapped + end, "\0\0\0\0\0\0\0\0\0\0\xff\xff\12\0\0\1", 16);
		come(mapped, LEN, WM_DROP_MAPPED);
		mapped[end] = 1;
		come(mapped, LEN, WM_DROP_NONE);
	}
}

static void leave(const uint8_t *packet, unsigned datagrams, enum wm_drop why)
{
	uint64_t before = dropped(why);
	reads[0].sys = 0;
	reads[0].data = packet;
	reads[0].len = LEN;
	n_reads = 1;
	next_read = sent_datagrams = 0;
	while (wm_wg_outbound(&worker, &sock))
		;
	assert_int_equal(sent_datagrams, datagrams);
	assert_int_equal(dropped(why), before + (why != WM_DROP_NONE));
}

static void test_what_goes_out_is_judged_too(void **state)
{
	uint8_t packet[LEN];
	write_packet(packet, 0, TCP, 1, 0);
	memcpy(packet + 12, (const uint8_t[]){10, 0, 9, 9, 10, 0, 0, 1}, 8);
	leave(packet, 1, WM_DROP_NONE);
	publish(true, false);
	leave(packet, 0, WM_DROP_POLICY_OUT);
	publish(true, true);
	leave(packet, 1, WM_DROP_NONE);
	packet[9] = UDP;
	leave(packet, 0, WM_DROP_POLICY_OUT);
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		ROW(test_joined_segments_are_refused),
		ROW(test_joined_datagrams_are_refused),
		ROW(test_the_interface_takes_nothing_for_a_while),
		ROW(test_a_lone_packet_is_refused),
		ROW(test_no_peer_can_end_joining),
		ROW(test_a_batch_above_all_limits),
		ROW(test_peers_take_turns_in_a_train),
		ROW(test_an_address_moves),
		ROW(test_a_train_comes_again),
		ROW(test_trains_of_odd_lengths),
		ROW(test_every_datagram_is_accounted_for),
		ROW(test_headers_that_lie),
		ROW(test_a_packet_that_cannot_be_read),
		ROW(test_an_interface_that_is_gone_is_told_once),
		ROW(test_the_longest_packets),
		ROW(test_each_refusal_has_its_counter),
		ROW(test_mapped_addresses_are_nobodys),
		ROW(test_what_goes_out_is_judged_too),
	};
	return cmocka_run_group_tests_name("wg/worker", tests, enter_namespace, NULL);
}
