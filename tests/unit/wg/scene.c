#include "scene.h"
#include <stdlib.h>
#include <string.h>

#include "crypto/x25519.h"
#include "wg/demux.h"
#include "wg/seal.h"

#define ROOM 2048

const uint8_t no_psk[32];

static void wake_loop(void *arg)
{
	((struct side *)arg)->wakes++;
}

struct wm_endpoint place_of(const struct side *s)
{
	struct wm_endpoint e = {.addr = wm_addr_v4(0x7f000001)};
	e.port = atomic_load(&((struct side *)(uintptr_t)s)->core.sockets)->port;
	return e;
}

struct side *side_new(void)
{
	struct side *s = aligned_alloc(_Alignof(struct side), sizeof(*s));
	struct wm_wg_sockets *socks;
	struct wm_err err;
	memset(s, 0, sizeof(*s));
	struct wm_wg_core *c = &s->core;
	c->epoch = wm_epoch_new();
	c->mtu = 1420;
	c->wake_loop = wake_loop;
	c->wake_arg = s;
	wm_wg_bell_init(&c->events);
	wm_wg_allowedips_init(&c->allowed, c->epoch);
	wm_wg_index_init(&c->index, c->epoch);
	assert_int_equal(wm_wg_sockets_new(0, 0, true, 1, &socks, &err), 0);
	socks->has_mail = false; /* the test reads it, as a worker would */
	atomic_store(&c->sockets, socks);
	assert_int_equal(wm_wg_handshakes_new(c, &c->handshakes, &err), 0);
	s->h = c->handshakes;
	wm_x25519_generate(s->private_key);
	wm_x25519_public(s->private_key, s->public_key);
	wm_wg_handshakes_order(s->h, WM_WG_ORDER_KEY, NULL, s->private_key, 0);
	return s;
}

void meet(struct side *s, const struct side *other, const uint8_t psk[32], bool knows_place)
{
	struct wm_endpoint e = place_of(other);
	s->peer = wm_wg_peer_new(other->public_key, &s->core.staged_bytes);
	wm_wg_handshakes_order(s->h, WM_WG_ORDER_ADD, s->peer, psk, 0);
	if (knows_place)
		wm_wg_place_set(&s->peer->place, &e);
}

void turn(struct side *s, int64_t now)
{
	while (wm_wg_handshakes_turn(s->h, now))
		;
}

void side_free(struct side *s, int64_t now)
{
	if (s->peer != NULL)
		wm_wg_handshakes_order(s->h, WM_WG_ORDER_REMOVE, s->peer, NULL, 0);
	turn(s, now);
	wm_wg_handshakes_free(s->h);
	wm_wg_ciphers_wipe(&s->ciphers);
	wm_wg_sockets_free(atomic_load(&s->core.sockets));
	wm_wg_index_fini(&s->core.index);
	wm_wg_allowedips_fini(&s->core.allowed);
	wm_epoch_free(s->core.epoch);
	wm_wg_bell_fini(&s->core.events);
	free(s);
}

void make_scene(struct scene *sc, const uint8_t psk[32])
{
	sc->a = side_new();
	sc->b = side_new();
	sc->now = START;
	meet(sc->a, sc->b, psk, true);
	meet(sc->b, sc->a, psk, false); /* b learns where a is */
	turn(sc->a, sc->now);
	turn(sc->b, sc->now);
}

void end_scene(struct scene *sc)
{
	assert_int_equal(sc->a->unopened, 0);
	assert_int_equal(sc->b->unopened, 0);
	side_free(sc->a, sc->now);
	side_free(sc->b, sc->now);
}

/* What a worker does with a data packet. */
static void open_data(struct side *s, struct wm_udp_packet *p, int64_t now)
{
	const struct wm_wg_data *d = (const struct wm_wg_data *)p->data;
	struct wm_wg_session *session =
		wm_wg_index_find(&s->core.index, wm_wg_get_le32(d->receiver));
	bool is_data = p->len > WM_WG_DATA_MIN;
	uint64_t counter = wm_wg_get_le64(d->counter);
	if (session == NULL || !wm_wg_session_can_receive(session, counter, now) ||
	    !wm_wg_open(&s->ciphers, session, p->data, p->len)) {
		s->unopened++;
		return;
	}
	if (!wm_wg_replay_accept(&session->window, counter)) {
		s->replayed++;
		return;
	}
	s->packets += is_data;
	s->keepalives += !is_data;
	s->last_first_byte = p->data[sizeof(*d)];
	wm_wg_place_set(&session->peer->place, &p->peer);
	if (!atomic_exchange(&session->is_used, true) && !session->is_initiator)
		wm_wg_handshakes_tell(s->h, session->peer, WM_WG_NEWS_USED);
	if (wm_wg_traffic_received(&session->peer->traffic, is_data, now))
		wm_wg_handshakes_tell(s->h, session->peer, WM_WG_NEWS_DEBT);
	if (wm_wg_session_ends_soon(session, now))
		wm_wg_handshakes_ask(s->h, session->peer);
}

static void take_letter(struct side *s, const struct wm_udp_packet *p, int64_t now)
{
	s->letters[p->data[0]]++;
	s->last.from = p->peer;
	s->last.len = (uint16_t)p->len;
	memcpy(s->last.data, p->data, p->len);
	wm_wg_handshakes_offer(s->h, &p->peer, p->data, p->len, now);
}

void deliver(struct side *s, struct wm_udp_packet *p, int64_t now)
{
	if (wm_wg_demux_parse(p->data, p->len) == WM_WG_KIND_DATA)
		open_data(s, p, now);
	else
		take_letter(s, p, now);
}

static bool receive_from(struct side *s, const struct wm_udp_socket *socket, int64_t now)
{
	uint8_t data[ROOM];
	struct wm_udp_packet p = {.data = data, .cap = sizeof(data)};
	bool had_some = false;
	while (wm_udp_recv(socket, &p, 1) == 1) {
		had_some = true;
		if (!s->is_deaf && (s->on_arrival == NULL || !s->on_arrival(s, &p)))
			deliver(s, &p, now);
	}
	return had_some;
}

/* Reads all that has come to a side; true when there was something. */
bool receive(struct side *s, int64_t now)
{
	struct wm_wg_sockets *socks = atomic_load(&s->core.sockets);
	bool had_some = false;
	for (unsigned i = 0; i < socks->count; i++)
		had_some |= receive_from(s, &socks->socks[i], now);
	return had_some;
}

/* Until nobody has anything to say any more. */
void talk(struct scene *sc)
{
	bool is_busy;
	do {
		turn(sc->a, sc->now);
		turn(sc->b, sc->now);
		is_busy = receive(sc->a, sc->now);
		is_busy |= receive(sc->b, sc->now);
	} while (is_busy);
	turn(sc->a, sc->now);
	turn(sc->b, sc->now);
}

int64_t due_of(const struct side *s)
{
	const struct wm_wg_alarm *a = wm_wg_schedule_first(&s->h->schedule);
	return a != NULL ? a->due : WM_WG_NEVER;
}

void pass(struct scene *sc, int64_t span)
{
	int64_t end = sc->now + span;
	for (;;) {
		int64_t due = due_of(sc->a) < due_of(sc->b) ? due_of(sc->a) : due_of(sc->b);
		if (due > end)
			break;
		sc->now = due > sc->now ? due : sc->now;
		talk(sc);
	}
	sc->now = end;
	talk(sc);
}

/* What a worker does with a packet of the host. */
void send_packet(struct side *s, uint8_t first_byte)
{
	uint8_t packet[40] = {first_byte};
	wm_wg_stage_put(&s->peer->stage, packet, sizeof(packet));
	wm_wg_handshakes_ask(s->h, s->peer);
}

uint64_t drops(const struct side *s, enum wm_drop why)
{
	return atomic_load(&s->h->drops.n[why]);
}

struct wm_wg_session *current(const struct side *s)
{
	return atomic_load(&s->peer->current);
}

void open_session(struct scene *sc)
{
	send_packet(sc->a, 1);
	talk(sc);
	assert_non_null(current(sc->a));
	assert_non_null(current(sc->b));
}

void order(struct side *s, enum wm_wg_order_kind kind, int64_t interval)
{
	wm_wg_handshakes_order(s->h, kind, interval != 0 ? s->peer : NULL, NULL, interval);
}
