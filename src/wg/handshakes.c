#include "wg/handshakes.h"
#include <errno.h>
#include <poll.h>
#include <string.h>
#include "base/clock.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/str.h"
#include "base/vault.h"
#include "platform/net.h"
#include "wg/exchange.h"
#include "wg/keyring.h"
#include "wg/mail.h"
#include "wg/way.h"

#define LETTERS_AT_ONCE 16
/* Under load what comes in is fetched so often: to wake for each would cost the workers more. */
#define NAP_NS     WM_NS_PER_MS
#define RECLAIM_NS (10 * WM_NS_PER_MS) /* how soon to look again for what workers still hold */

/* ---- orders ---- */

static void reschedule(struct wm_wg_handshakes *h, struct wm_wg_peer *p)
{
	wm_wg_schedule_set(&h->schedule, &p->alarm, wm_wg_way_due(p, wm_wg_timers_due(&p->timers)));
}

static void set_key(struct wm_wg_handshakes *h, const uint8_t key[WM_WG_KEY])
{
	struct wm_map_entry *e;
	wm_wg_identity_set(&h->identity, key);
	wm_wg_checker_set(&h->checker, h->identity.public_key);
	wm_map_each (e, &h->peers) {
		struct wm_wg_peer *p = e->value;
		wm_wg_keyring_forget(h->core, p);
		wm_wg_timers_abandon(&p->timers);
		atomic_store(&p->is_asked, false);
		wm_wg_remote_set(&p->remote, &h->identity, p->public_key, p->remote.psk);
		reschedule(h, p);
	}
}

static void remove_peer(struct wm_wg_handshakes *h, struct wm_wg_peer *p)
{
	wm_map_drop_n(&h->peers, p->public_key, WM_WG_KEY);
	if (memcmp(p->last_sent_timestamp, h->gone_timestamp, WM_WG_TIMESTAMP) > 0)
		memcpy(h->gone_timestamp, p->last_sent_timestamp, WM_WG_TIMESTAMP);
	wm_wg_bell_retire(&h->bell, &p->news);
	wm_wg_schedule_set(&h->schedule, &p->alarm, WM_WG_NEVER);
	wm_wg_keyring_forget(h->core, p);
	wm_wg_peer_retire(p, h->core->epoch);
}

static void add_peer(struct wm_wg_handshakes *h, struct wm_wg_peer *p, const uint8_t psk[WM_WG_KEY])
{
	wm_map_put_n(&h->peers, p->public_key, WM_WG_KEY, p);
	wm_wg_remote_set(&p->remote, &h->identity, p->public_key, psk);
	memcpy(p->last_sent_timestamp, h->gone_timestamp, WM_WG_TIMESTAMP);
	if (h->is_resting)
		wm_wg_timers_stop(&p->timers);
}

static void rest(struct wm_wg_handshakes *h)
{
	struct wm_map_entry *e;
	h->is_resting = true;
	wm_map_each (e, &h->peers) {
		struct wm_wg_peer *p = e->value;
		wm_wg_keyring_forget(h->core, p);
		wm_wg_timers_stop(&p->timers);
		atomic_store(&p->is_asked, false);
		wm_wg_exchange_drop_staged(h, p, WM_DROP_STAGED);
		reschedule(h, p);
	}
}

static void resume(struct wm_wg_handshakes *h)
{
	struct wm_map_entry *e;
	h->is_resting = false;
	wm_map_each (e, &h->peers) {
		struct wm_wg_peer *p = e->value;
		unsigned intents = wm_wg_timers_start(&p->timers, h->now);
		/* The first packets may have been faster than this order. */
		if (atomic_load(&p->is_asked))
			intents |= wm_wg_timers_want(&p->timers, h->now);
		wm_wg_exchange_act(h, p, intents);
		reschedule(h, p);
	}
}

static void stir(struct wm_wg_handshakes *h)
{
	struct wm_map_entry *e;
	wm_map_each (e, &h->peers) {
		wm_wg_exchange_stir(h, e->value);
		reschedule(h, e->value);
	}
}

static void obey(struct wm_wg_handshakes *h, const struct wm_wg_order *o)
{
	struct wm_wg_peer *p = o->peer;
	switch (o->kind) {
	case WM_WG_ORDER_KEY: return set_key(h, o->bytes);
	case WM_WG_ORDER_ADD: return add_peer(h, p, o->bytes);
	case WM_WG_ORDER_REMOVE: return remove_peer(h, p);
	case WM_WG_ORDER_PSK: memcpy(p->remote.psk, o->bytes, WM_WG_KEY); return;
	case WM_WG_ORDER_KEEPALIVE:
		wm_wg_exchange_act(h, p,
				   wm_wg_timers_set_interval(&p->timers, o->interval, h->now));
		return reschedule(h, p);
	case WM_WG_ORDER_PLACES: return wm_wg_race_set(&p->race, o->list, o->n_list);
	case WM_WG_ORDER_REST: return rest(h);
	case WM_WG_ORDER_RESUME: return resume(h);
	case WM_WG_ORDER_STIR: return stir(h);
	case WM_WG_ORDER_RECLAIM: return;
	}
}

static bool run_orders(struct wm_wg_handshakes *h)
{
	pthread_mutex_lock(&h->lock);
	struct wm_wg_order *o = h->orders;
	h->orders = NULL;
	h->orders_last = &h->orders;
	pthread_mutex_unlock(&h->lock);
	bool had_some = o != NULL;
	while (o != NULL) {
		struct wm_wg_order *next = o->next;
		obey(h, o);
		wm_vault_free(o);
		o = next;
	}
	return had_some;
}

/* ---- news, letters, alarms ---- */

static bool run_news(struct wm_wg_handshakes *h)
{
	unsigned bits;
	struct wm_wg_ring *r = wm_wg_bell_take(&h->bell, &bits);
	if (r == NULL)
		return false;
	/* Orders given before the news count before it; one may have removed the peer. */
	run_orders(h);
	struct wm_wg_peer *p = wm_container_of(r, struct wm_wg_peer, news);
	if (wm_map_find_n(&h->peers, p->public_key, WM_WG_KEY) == p) {
		/* After the host's sleep much is overdue, and would end what the news begin. */
		if (wm_wg_timers_due(&p->timers) <= h->now)
			wm_wg_exchange_act(h, p, wm_wg_timers_run(&p->timers, h->now));
		wm_wg_exchange_hear(h, p, bits);
		reschedule(h, p);
	}
	return true;
}

static bool take_letter(struct wm_wg_handshakes *h, struct wm_wg_letter *out)
{
	pthread_mutex_lock(&h->lock);
	bool is_any = h->n_letters > 0;
	if (is_any) {
		*out = h->letters[h->first_letter];
		h->first_letter = (h->first_letter + 1) % WM_WG_QUEUE;
		h->n_letters--;
	}
	pthread_mutex_unlock(&h->lock);
	return is_any;
}

void wm_wg_handshakes_read(struct wm_wg_handshakes *h, const struct wm_wg_letter *l)
{
	struct wm_wg_peer *touched = NULL;
	enum wm_drop why = WM_DROP_DOWN;
	if (!h->is_resting)
		why = wm_wg_exchange_read(h, l, wm_wg_door_is_loaded(&h->door, h->now), &touched);
	if (why != WM_DROP_NONE)
		wm_wg_drop(&h->drops, why);
	if (touched != NULL)
		reschedule(h, touched);
}

static bool run_letters(struct wm_wg_handshakes *h)
{
	struct wm_wg_letter l;
	unsigned n = 0;
	while (n < LETTERS_AT_ONCE && take_letter(h, &l)) {
		wm_wg_handshakes_read(h, &l);
		n++;
	}
	return n == LETTERS_AT_ONCE;
}

static void run_alarms(struct wm_wg_handshakes *h)
{
	struct wm_wg_alarm *a;
	while ((a = wm_wg_schedule_first(&h->schedule)) != NULL && a->due <= h->now) {
		struct wm_wg_peer *p = wm_container_of(a, struct wm_wg_peer, alarm);
		wm_wg_exchange_act(h, p, wm_wg_timers_run(&p->timers, h->now));
		wm_wg_way_run(h, p);
		reschedule(h, p);
	}
}

/* ---- the thread ---- */

/* Nanoseconds until there is something to do, or -1 for never. */
static int64_t time_to_sleep(const struct wm_wg_handshakes *h, bool must_reclaim)
{
	const struct wm_wg_alarm *a = wm_wg_schedule_first(&h->schedule);
	int64_t wait = a == NULL ? -1 : a->due - wm_clock_now();
	if (a != NULL && wait < 0)
		wait = 0;
	if (must_reclaim && (wait < 0 || wait > RECLAIM_NS))
		wait = RECLAIM_NS;
	return wait;
}

/* Sessions have ended: their keys must not outlive them here. */
static void wipe_stale_ciphers(struct wm_wg_handshakes *h)
{
	uint64_t retired = atomic_load(&h->core->retired_sessions);
	if (retired != h->seen_retired)
		wm_wg_ciphers_wipe(&h->ciphers);
	h->seen_retired = retired;
}

/* Between two turns, when the second follows at once: for a flood may last. */
static void tidy(struct wm_wg_handshakes *h)
{
	wipe_stale_ciphers(h);
	wm_epoch_quiet(&h->reader);
	(void)wm_epoch_reclaim(h->core->epoch);
}

static void sleep_until_woken(struct wm_wg_handshakes *h)
{
	wipe_stale_ciphers(h);
	const struct wm_udp_socket *mail = wm_wg_sockets_mail(atomic_load(&h->core->sockets));
	struct pollfd fds[2] = {{.fd = h->wake.fds[0], .events = POLLIN},
				{.fd = mail != NULL ? mail->fd : -1, .events = POLLIN}};
	wm_epoch_offline(&h->reader);
	bool must_reclaim = !wm_epoch_reclaim(h->core->epoch);
	int64_t wait = time_to_sleep(h, must_reclaim);
	if (mail != NULL && wm_wg_door_is_loaded(&h->door, h->now)) {
		fds[1].fd = -1;
		wait = wait < 0 || wait > NAP_NS ? NAP_NS : wait;
	}
	struct timespec ts = {.tv_sec = wait / WM_NS_PER_S, .tv_nsec = wait % WM_NS_PER_S};
	if (ppoll(fds, 2, wait < 0 ? NULL : &ts, NULL) > 0 && fds[0].revents != 0)
		wm_wg_wake_clear(&h->wake);
	wm_epoch_online(&h->reader);
}

bool wm_wg_handshakes_turn(struct wm_wg_handshakes *h, int64_t now)
{
	h->now = now;
	bool is_busy = run_orders(h);
	is_busy |= run_news(h);
	is_busy |= run_letters(h);
	is_busy |= wm_wg_mail_run(h);
	run_alarms(h);
	return is_busy;
}

static void *run(void *arg)
{
	struct wm_wg_handshakes *h = arg;
	wm_epoch_online(&h->reader);
	while (!atomic_load(&h->core->is_stopping)) {
		wm_pulse_show(&h->pulse);
		if (wm_wg_handshakes_turn(h, wm_clock_now()))
			tidy(h);
		else
			sleep_until_woken(h);
	}
	run_orders(h); /* the loop has removed the peers */
	wm_epoch_offline(&h->reader);
	return NULL;
}

static void release(struct wm_wg_handshakes *h)
{
	wm_wg_ciphers_wipe(&h->ciphers);
	wm_wg_schedule_fini(&h->schedule);
	wm_map_fini(&h->peers);
	wm_wg_wake_close(&h->wake);
	wm_net_close(h->net);
	wm_wg_bell_fini(&h->bell);
	pthread_mutex_destroy(&h->lock);
	wm_free(h->letters);
	wm_vault_free(h);
}

static struct wm_wg_handshakes *prepare(struct wm_wg_core *core)
{
	uint8_t key[16];
	uint64_t door_key;
	struct wm_wg_handshakes *h = wm_vault_alloc(sizeof(*h));
	h->core = core;
	h->wake.fds[0] = h->wake.fds[1] = -1;
	h->orders_last = &h->orders;
	h->letters = wm_calloc(WM_WG_QUEUE, sizeof(*h->letters));
	pthread_mutex_init(&h->lock, NULL);
	wm_wg_bell_init(&h->bell);
	wm_rand_bytes(key, sizeof(key));
	wm_wg_ratelimit_init(&h->rates, key);
	wm_rand_bytes(&door_key, sizeof(door_key));
	wm_wg_door_init(&h->door, door_key);
	wm_wg_mail_init(&h->mail);
	return h;
}

int wm_wg_handshakes_new(struct wm_wg_core *core, struct wm_wg_handshakes **out, struct wm_err *err)
{
	struct wm_wg_handshakes *h = prepare(core);
	struct wm_err why; /* without it peers are answered as the host chooses */
	int rc = wm_wg_wake_open(&h->wake, err);
	if (rc == 0 && wm_net_open(&h->net, &why) != 0)
		h->net = NULL;
	if (rc != 0)
		release(h);
	else
		*out = h;
	return rc;
}

int wm_wg_handshakes_start(struct wm_wg_handshakes *h, struct wm_err *err)
{
	wm_epoch_register(h->core->epoch, &h->reader);
	wm_str_copy(h->pulse.name, sizeof(h->pulse.name), "wg-handshakes");
	int rc = wm_thread_start(&h->thread, h->pulse.name, 0, run, h, err);
	h->is_started = rc == 0;
	if (rc != 0)
		wm_epoch_unregister(&h->reader);
	return rc;
}

void wm_wg_handshakes_stop(struct wm_wg_handshakes *h)
{
	if (!h->is_started)
		return;
	wm_wg_wake_set(&h->wake);
	pthread_join(h->thread, NULL);
	wm_epoch_unregister(&h->reader);
	h->is_started = false;
}

void wm_wg_handshakes_free(struct wm_wg_handshakes *h)
{
	if (h != NULL)
		release(h);
}
