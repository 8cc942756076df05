/*
 * Handshakes answered by the handshake thread's own code, from its queue to the datagram that goes
 * out, beside the X25519 operations that each of them cannot do without. Prints both per second.
 */
#include "micro.h"
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/mem.h"
#include "base/rand.h"
#include "crypto/x25519.h"
#include "wg/exchange.h"
#include "wg/tai64n.h"

#define PEERS 32 /* fewer than make the device ask for cookies */
#define STEP  (WM_WG_S / 10)

struct caller {
	struct wm_wg_identity identity;
	struct wm_wg_remote responder;
	struct wm_wg_jar jar;
	uint8_t timestamp[WM_WG_TIMESTAMP];
};

static struct wm_wg_core core;
static struct caller callers[PEERS];
static struct wm_wg_initiation letters[PEERS];
static struct wm_endpoint from; /* where the answers go: to a socket of ours */
static int sink;
static int64_t now = 1000 * WM_WG_S;

static void wake_loop(void *arg)
{
}

static int open_socket(struct sockaddr_in *at)
{
	socklen_t len = sizeof(*at);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	*at = (struct sockaddr_in){.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	if (fd < 0 || bind(fd, (struct sockaddr *)at, sizeof(*at)) != 0 ||
	    getsockname(fd, (struct sockaddr *)at, &len) != 0)
		micro_fail("no socket");
	return fd;
}

static void make_responder(const uint8_t private_key[32])
{
	struct wm_wg_sockets *socks = wm_alloc(sizeof(*socks) + sizeof(socks->socks[0]));
	struct sockaddr_in at;
	struct wm_err err;
	socks->count = 1;
	socks->socks[0].fd = open_socket(&at);
	core.epoch = wm_epoch_new();
	core.mtu = 1420;
	core.wake_loop = wake_loop;
	wm_wg_bell_init(&core.events);
	wm_wg_allowedips_init(&core.allowed, core.epoch);
	wm_wg_index_init(&core.index, core.epoch);
	atomic_store(&core.sockets, socks);
	if (wm_wg_handshakes_new(&core, &core.handshakes, &err) != 0)
		micro_fail(err.text);
	wm_wg_handshakes_order(core.handshakes, WM_WG_ORDER_KEY, NULL, private_key, 0);
}

static void make_caller(struct caller *c, const uint8_t responder[32])
{
	static const uint8_t no_psk[32];
	uint8_t private_key[32];
	wm_x25519_generate(private_key);
	wm_wg_identity_set(&c->identity, private_key);
	wm_wg_remote_set(&c->responder, &c->identity, responder, no_psk);
	wm_wg_jar_set(&c->jar, responder);
	wm_wg_handshakes_order(core.handshakes, WM_WG_ORDER_ADD,
			       wm_wg_peer_new(c->identity.public_key, &core.staged_bytes), no_psk,
			       0);
}

static void write_letters(void)
{
	for (unsigned i = 0; i < PEERS; i++) {
		struct caller *c = &callers[i];
		struct wm_wg_initiator st;
		uint8_t ephemeral[32];
		wm_x25519_generate(ephemeral);
		wm_wg_timestamp_next(c->timestamp, now);
		if (!wm_wg_initiation_create(&st, &c->identity, &c->responder, i + 1, ephemeral,
					     c->timestamp, &letters[i]))
			micro_fail("no initiation");
		wm_wg_jar_stamp(&c->jar, &letters[i], sizeof(letters[i]), now);
	}
}

static void answer_letters(void)
{
	for (unsigned i = 0; i < PEERS; i++)
		if (wm_wg_handshakes_offer(core.handshakes, &from, (uint8_t *)&letters[i],
					   sizeof(letters[i]), now) != WM_DROP_NONE)
			micro_fail("the queue is full");
	while (wm_wg_handshakes_turn(core.handshakes, now))
		;
	wm_epoch_reclaim(core.epoch);
}

static void count_answers(void)
{
	struct wm_wg_response r;
	unsigned n = 0;
	while (recv(sink, &r, sizeof(r), 0) == (ssize_t)sizeof(r))
		n++;
	if (n != PEERS)
		micro_fail("not every initiation was answered");
}

/* Two secrets with the caller's ephemeral key, one with its static key, one key pair of our own;
 * the secret of both static keys is kept. */
static void x25519_alone(void)
{
	uint8_t private_key[32], public_key[32], shared[32];
	for (unsigned i = 0; i < PEERS; i++) {
		wm_x25519_generate(private_key);
		wm_x25519_public(private_key, public_key);
		for (unsigned k = 0; k < 3; k++)
			if (!wm_x25519_shared(private_key, letters[i].ephemeral, shared))
				micro_fail("no secret");
	}
}

void micro_handshake(void)
{
	struct sockaddr_in at;
	uint8_t private_key[32], public_key[32];
	double answering = 0, computing = 0, done = 0;
	sink = open_socket(&at);
	from = (struct wm_endpoint){.addr = wm_addr_v4(INADDR_LOOPBACK),
				    .port = ntohs(at.sin_port)};
	wm_x25519_generate(private_key);
	wm_x25519_public(private_key, public_key);
	make_responder(private_key);
	for (unsigned i = 0; i < PEERS; i++)
		make_caller(&callers[i], public_key);
	for (; answering < 3 * MICRO_SECONDS; now += STEP, done += PEERS) {
		write_letters();
		double start = micro_cpu();
		answer_letters();
		double middle = micro_cpu();
		x25519_alone();
		computing += micro_cpu() - middle;
		answering += middle - start;
		count_answers();
	}
	micro_print("handshakes", done / answering);
	micro_print("x25519", done / computing);
}
