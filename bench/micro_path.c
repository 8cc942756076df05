/*
 * A worker's whole path without its input and output: wg/outbound.c from what TUN hands over to
 * trains of sealed datagrams, wg/inbound.c from these to what TUN takes. The linker puts the
 * functions below in the place of the system calls (--wrap, see meson.build); nothing is copied for
 * them while the clock runs. Prints nanoseconds per packet: of TCP segments that come and go
 * joined, and of small datagrams, each alone; and the same once more under a policy.
 */
#include "micro.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "base/rand.h"
#include "wg/handshakes.h"
#include "wg/packet.h"
#include "wg/worker.h"

#define SEGMENTS 45 /* full packets in one of 64 KiB */
#define HEADERS  52 /* IPv4, TCP, time stamps */
#define SMALL    92 /* IPv4, UDP, 64 bytes */
#define MTU      1420
#define TRAINS   WM_WG_RECVS
#define NOW      (1000 * WM_WG_S)

/* What TUN hands over in one batch: @times the same packet. */
struct load {
	const char *name;
	unsigned times, packets; /* packets in all */
	size_t len;
	uint8_t protocol;
	struct wm_offload offload;
};

static const struct load loads[] = {
	{"1420",
	 1,
	 SEGMENTS,
	 HEADERS + SEGMENTS *(MTU - HEADERS),
	 WM_PROTOCOL_TCP,
	 {.kind = WM_OFFLOAD_TCP4,
	  .needs_checksum = true,
	  .segment = MTU - HEADERS,
	  .checksum_start = WM_IP4_HEADER,
	  .checksum_offset = WM_TCP_CHECKSUM}},
	{"small", 60, 60, SMALL, 17, {.kind = WM_OFFLOAD_NONE}},
};

static struct wm_wg_core core;
static struct wm_wg_worker worker;
static struct wm_udp_socket sock;

/* In the place of the kernel. */
static const struct load *load;
static unsigned to_read, n_trains, next_train;
static bool is_capturing;
static uint8_t headers[SMALL];
static uint8_t *captured[TRAINS];
static struct wm_udp_packet trains[TRAINS];
static uint64_t bytes_written;

int __wrap_wm_tun_read(struct wm_tun *t, unsigned queue, struct wm_tun_packet *p);
int __wrap_wm_tun_write(struct wm_tun *t, unsigned queue, const struct wm_span *spans, unsigned n,
			const struct wm_offload *offload);
unsigned __wrap_wm_tun_offloads(const struct wm_tun *t);
int __wrap_wm_udp_recv(const struct wm_udp_socket *s, struct wm_udp_packet *p, unsigned n);
unsigned __wrap_wm_udp_send(struct wm_udp_socket *s, const struct wm_udp_packet *p, unsigned n);
unsigned __real_wm_udp_send(struct wm_udp_socket *s, const struct wm_udp_packet *p, unsigned n);

/* The payload is still there from the last time, and what it is does not matter. */
int __wrap_wm_tun_read(struct wm_tun *t, unsigned queue, struct wm_tun_packet *p)
{
	if (to_read == 0)
		return 0;
	to_read--;
	memcpy(p->data, headers, sizeof(headers));
	p->len = (uint32_t)load->len;
	p->offload = load->offload;
	return 1;
}

int __wrap_wm_tun_write(struct wm_tun *t, unsigned queue, const struct wm_span *spans, unsigned n,
			const struct wm_offload *offload)
{
	for (unsigned i = 0; i < n; i++)
		bytes_written += spans[i].len;
	return 0;
}

unsigned __wrap_wm_tun_offloads(const struct wm_tun *t)
{
	return WM_TUN_TCP | WM_TUN_UDP;
}

unsigned __wrap_wm_udp_send(struct wm_udp_socket *s, const struct wm_udp_packet *p, unsigned n)
{
	if (s != &sock) /* another part's */
		return __real_wm_udp_send(s, p, n);
	for (unsigned i = 0; is_capturing && i < n; i++) {
		if (n_trains == TRAINS)
			micro_fail("more trains than were thought of");
		memcpy(captured[n_trains], p[i].data, p[i].len);
		trains[n_trains] = p[i];
		trains[n_trains].data = captured[n_trains];
		n_trains++;
	}
	return 0;
}

int __wrap_wm_udp_recv(const struct wm_udp_socket *s, struct wm_udp_packet *p, unsigned n)
{
	unsigned got = 0;
	for (; got < n && next_train < n_trains; got++)
		p[got] = trains[next_train++];
	return (int)got;
}

/* ---- */

static void wake_loop(void *arg)
{
}

static void prepare_core(void)
{
	struct wm_err err;
	core.epoch = wm_epoch_new();
	core.mtu = MTU;
	core.wake_loop = wake_loop;
	wm_wg_bell_init(&core.events);
	wm_wg_allowedips_init(&core.allowed, core.epoch);
	wm_wg_index_init(&core.index, core.epoch);
	if (wm_wg_handshakes_new(&core, &core.handshakes, &err) != 0)
		micro_fail(err.text);
}

/* A peer that is ourselves: what is sealed for it, it opens. */
static void prepare_peer(void)
{
	const struct wm_prefix all = {.addr = wm_addr_v4(0x0a000000), .bits = 8};
	const struct wm_endpoint at = {.addr = wm_addr_v4(0xc0000201), .port = 51820};
	struct wm_wg_keys keys;
	uint8_t key[WM_WG_KEY];
	wm_rand_bytes(key, sizeof(key));
	struct wm_wg_peer *peer = wm_wg_peer_new(key, &core.staged_bytes);
	memcpy(keys.send, key, sizeof(key));
	memcpy(keys.recv, key, sizeof(key));
	keys.local_index = keys.remote_index = wm_wg_index_take(&core.index, peer);
	wm_wg_allowedips_put(&core.allowed, &all, &peer->owner);
	wm_wg_place_set(&peer->place, &at);
	struct wm_wg_session *s = wm_wg_session_new(peer, &keys, true, NOW);
	wm_wg_index_set(&core.index, s);
	atomic_store(&peer->current, s);
}

static uint8_t *room(size_t size)
{
	return (uint8_t *)wm_alloc(WM_WG_HEADROOM + size) + WM_WG_HEADROOM;
}

static void prepare_worker(void)
{
	worker.core = &core;
	worker.now = NOW + WM_WG_S;
	worker.from_tun.data = room(WM_WG_STRIDE);
	worker.from_tun.cap = WM_TUN_ROOM;
	worker.outbox.bytes = room(WM_WG_OUTBOX_BYTES);
	for (unsigned i = 0; i < TRAINS; i++)
		captured[i] = room(WM_WG_STRIDE);
	atomic_store(&sock.has_trains, true);
	wm_wg_ciphers_speed_up(&worker.ciphers);
}

static void prepare_headers(void)
{
	uint8_t *p = headers, *tcp = headers + WM_IP4_HEADER;
	memset(headers, 0, sizeof(headers));
	p[0] = 0x45;
	wm_wg_put_be16(p + WM_IP4_LENGTH, (uint16_t)load->len);
	wm_wg_put_be16(p + WM_IP4_FRAGMENT, WM_IP4_DONT_FRAGMENT);
	p[WM_IP4_PROTOCOL] = load->protocol;
	memcpy(p + 12, (const uint8_t[]){10, 0, 0, 1, 10, 0, 0, 2}, 8);
	if (load->protocol == WM_PROTOCOL_TCP) {
		tcp[WM_TCP_OFFSET] = (HEADERS - WM_IP4_HEADER) / 4 << 4;
		tcp[WM_TCP_FLAGS] = WM_TCP_ACKS;
	}
}

static void send_batch(bool captures)
{
	is_capturing = captures;
	to_read = load->times;
	n_trains = next_train = 0;
	while (wm_wg_outbound(&worker, &sock))
		;
}

static void check(void)
{
	for (unsigned why = 0; why < WM_DROP_COUNT; why++)
		if (atomic_load(&worker.drops.n[why]) > 0)
			micro_fail("packets were dropped");
	if (bytes_written < load->len)
		micro_fail("packets were lost");
	bytes_written = 0;
}

static void print(const char *what, const char *name, double seconds, double packets)
{
	char text[32];
	snprintf(text, sizeof(text), "%s_%s", what, name);
	micro_print(text, seconds * 1e9 / packets);
}

/* CPU seconds. */
struct both_ways {
	double out, in;
};

static void carry(struct both_ways *b)
{
	double start = micro_cpu();
	send_batch(false);
	b->out += micro_cpu() - start;
	send_batch(true);
	start = micro_cpu();
	while (wm_wg_inbound(&worker, &sock))
		;
	b->in += micro_cpu() - start;
	check();
}

/* With and without a policy in turns. */
static void run(const struct load *l, struct wm_wg_judge *judge)
{
	struct both_ways plain = {0, 0}, judged = {0, 0};
	struct micro_bare bare = {.packets = 0};
	double packets = 0;
	load = l;
	prepare_headers();
	while (plain.out < MICRO_SECONDS) {
		atomic_store(&core.judge, NULL);
		carry(&plain);
		atomic_store(&core.judge, judge);
		carry(&judged);
		packets += l->packets;
		micro_bare(&bare, l->len < MTU ? l->len : MTU);
	}
	print("out", l->name, plain.out, packets);
	print("in", l->name, plain.in, packets);
	print("judged_out", l->name, judged.out, packets);
	print("judged_in", l->name, judged.in, packets);
	print("bare_seal", l->name, bare.sealing, bare.packets);
	print("bare_open", l->name, bare.opening, bare.packets);
}

void micro_path(void)
{
	prepare_core();
	prepare_peer();
	prepare_worker();
	struct wm_wg_judge *judge = wm_wg_judge_new(micro_policy_new(1000), 1);
	for (unsigned i = 0; i < WM_ARRAY_LEN(loads); i++)
		run(&loads[i], judge);
}
