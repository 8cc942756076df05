#pragma once
/*
 * The handshake thread: all public-key work of a device, all timers of its peers, and everything
 * that changes which sessions there are. It takes orders from the loop (never lost), news from
 * workers (bits per peer, never lost) and handshake datagrams: on a socket of its own
 * where the host can tell them from data (wg/mail.h), otherwise from workers by a bounded queue. A
 * door stands in front of both; when many wait, senders must show a cookie. With nothing to do it
 * sleeps until the next alarm; an idle device has none.
 */
#include "base/map.h"
#include "base/pulse.h"
#include "wg/ciphers.h"
#include "wg/core.h"
#include "wg/door.h"
#include "wg/mail.h"
#include "wg/peer.h"
#include "wg/ratelimit.h"
#include "wg/wake.h"

#define WM_WG_QUEUE 512

/* What the loop wants done; on the heap, wiped and freed by the thread. */
enum wm_wg_order_kind {
	WM_WG_ORDER_KEY,       /* our private key is bytes */
	WM_WG_ORDER_ADD,       /* a new peer, with bytes as its pre-shared key */
	WM_WG_ORDER_REMOVE,    /* the peer goes; the loop has let go of it */
	WM_WG_ORDER_PSK,       /* its pre-shared key is bytes */
	WM_WG_ORDER_KEEPALIVE, /* its persistent keepalive is interval */
	WM_WG_ORDER_PLACES,    /* other places where it may be are list */
	WM_WG_ORDER_REST,      /* sessions end; none begins and nothing is answered */
	WM_WG_ORDER_RESUME,    /* the end of that */
	WM_WG_ORDER_STIR,      /* the host's network has changed */
	WM_WG_ORDER_RECLAIM,   /* something was retired: see that it is freed */
};

struct wm_wg_order {
	struct wm_wg_order *next;
	enum wm_wg_order_kind kind;
	struct wm_wg_peer *peer;
	uint8_t bytes[WM_WG_KEY];
	int64_t interval;
	struct wm_endpoint list[WM_WG_CANDIDATES];
	size_t n_list;
};

struct wm_wg_handshakes {
	struct wm_wg_core *core;
	pthread_t thread;
	bool is_started; /* the loop's */
	struct wm_pulse pulse;
	struct wm_wg_wake wake;
	struct wm_wg_bell bell; /* news of peers */
	struct wm_wg_door door;
	struct wm_wg_mail mail; /* the thread's own */
	/* Guards orders and letters, which come one at a time from threads that must not wait. */
	pthread_mutex_t lock;
	struct wm_wg_order *orders, **orders_last;
	struct wm_wg_letter *letters; /* a ring */
	unsigned first_letter, n_letters;

	/* ---- the thread's own ---- */
	struct wm_epoch_reader reader;
	struct wm_net *net; /* to ask the host; NULL: it does not answer */
	struct wm_wg_drops drops;
	struct wm_wg_ciphers ciphers;
	uint64_t seen_retired;
	struct wm_wg_identity identity;
	struct wm_wg_checker checker;
	struct wm_wg_ratelimit rates;
	struct wm_map peers; /* by public key */
	struct wm_wg_schedule schedule;
	/* The newest time sent to a peer that is gone. It may come again after the clock went back,
	 * and remembers. */
	uint8_t gone_timestamp[WM_WG_TIMESTAMP];
	bool is_resting; /* the interface is down */
	int64_t now;
};

/* Borrows @core. The thread comes with start. */
WM_MUST_CHECK int wm_wg_handshakes_new(struct wm_wg_core *core, struct wm_wg_handshakes **out,
				       struct wm_err *err);
WM_MUST_CHECK int wm_wg_handshakes_start(struct wm_wg_handshakes *h, struct wm_err *err);
/* core->is_stopping is set: the thread obeys the last orders and ends. */
void wm_wg_handshakes_stop(struct wm_wg_handshakes *h);
/* After the thread and all workers have ended. NULL is allowed. */
void wm_wg_handshakes_free(struct wm_wg_handshakes *h);
/*
 * One turn of the thread at the time @now: orders, news, letters and alarms. True when there may be
 * more to do at once. Inside an epoch; for tests, where there is no thread.
 */
bool wm_wg_handshakes_turn(struct wm_wg_handshakes *h, int64_t now);

/* Any thread: news of @peer (enum wm_wg_news). */
void wm_wg_handshakes_tell(struct wm_wg_handshakes *h, struct wm_wg_peer *peer, unsigned news);
/* Any thread: packets wait for a session of @peer, or it is getting old. Cheap when asked before.
 */
void wm_wg_handshakes_ask(struct wm_wg_handshakes *h, struct wm_wg_peer *peer);
/* Any thread: a handshake datagram that has come at @now, copied; or why it is not wanted. */
enum wm_drop wm_wg_handshakes_offer(struct wm_wg_handshakes *h, const struct wm_endpoint *from,
				    const uint8_t *data, size_t len, int64_t now);
/* The same for one of which is known where it came in. */
enum wm_drop wm_wg_handshakes_offer_at(struct wm_wg_handshakes *h, const struct wm_endpoint *from,
				       const struct wm_udp_local *local, const uint8_t *data,
				       size_t len, int64_t now);
/* The loop: other places where @peer may be, best first; those above the limit are left out. */
void wm_wg_handshakes_order_places(struct wm_wg_handshakes *h, struct wm_wg_peer *peer,
				   const struct wm_endpoint *list, size_t n);
/* The thread: a handshake message that has come in. */
void wm_wg_handshakes_read(struct wm_wg_handshakes *h, const struct wm_wg_letter *l);
/* The loop: an order; @bytes (32, copied) may be NULL. */
void wm_wg_handshakes_order(struct wm_wg_handshakes *h, enum wm_wg_order_kind kind,
			    struct wm_wg_peer *peer, const uint8_t *bytes, int64_t interval);
