#pragma once
/*
 * Two handshake threads without their threads: the test turns them, over real sockets on loopback,
 * in virtual time. Data packets are opened by the test in place of the workers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wg/handshakes.h"

#define S     WM_WG_S
#define START (1000 * S)

struct side {
	struct wm_wg_core core;
	struct wm_wg_handshakes *h;
	struct wm_wg_peer *peer; /* the other side, as this one knows it */
	struct wm_wg_ciphers ciphers;
	uint8_t private_key[32], public_key[32];
	unsigned wakes;           /* of the loop */
	unsigned packets;         /* with content, opened */
	unsigned keepalives;      /* opened */
	unsigned unopened;        /* data packets of a session that is not known, or over */
	unsigned replayed;        /* data packets that have come before */
	unsigned letters[5];      /* received, by type */
	uint8_t last_first_byte;  /* of the last packet's content */
	struct wm_wg_letter last; /* letter received */
	bool is_deaf;             /* what comes is thrown away */
	/* Sees what comes first; true keeps it from being delivered. NULL: nobody does. */
	bool (*on_arrival)(struct side *s, const struct wm_udp_packet *p);
};

struct scene {
	struct side *a, *b;
	int64_t now;
};

extern const uint8_t no_psk[32];

/* A party without peers; freed by side_free, its peer with it. */
struct side *side_new(void);
void side_free(struct side *s, int64_t now);
/* @other becomes the peer of @s. */
void meet(struct side *s, const struct side *other, const uint8_t psk[32], bool knows_place);
/* a knows where b is; b learns where a is. */
void make_scene(struct scene *sc, const uint8_t psk[32]);
void end_scene(struct scene *sc);
struct wm_endpoint place_of(const struct side *s);

/* One side does what there is to do. */
void turn(struct side *s, int64_t now);
/* Reads all that has come to a side; true when there was something. */
bool receive(struct side *s, int64_t now);
/* A datagram comes in at a side. */
void deliver(struct side *s, struct wm_udp_packet *p, int64_t now);
/* Until nobody has anything to say any more. */
void talk(struct scene *sc);
/* Time goes by, alarm by alarm. */
void pass(struct scene *sc, int64_t span);
/* When the side wakes by itself; WM_WG_NEVER. */
int64_t due_of(const struct side *s);
/* What a worker does with a packet of the host. */
void send_packet(struct side *s, uint8_t first_byte);
/* a's first packet opens a session. */
void open_session(struct scene *sc);
uint64_t drops(const struct side *s, enum wm_drop why);
struct wm_wg_session *current(const struct side *s);
/* An order to the side; about its peer when @interval is not zero. */
void order(struct side *s, enum wm_wg_order_kind kind, int64_t interval);
