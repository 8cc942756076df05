#include "wg/userspace.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "base/log.h"
#include "base/mem.h"
#include "base/vault.h"
#include "platform/netns.h"
#include "wg/uapi_server.h"
#include "wg/watch.h"

#define DEFAULT_MTU         1420
#define DEFAULT_WORKERS_MAX 4

/* ---- events from the threads ---- */

static void tell_handshakes(struct wm_wg_userspace *d)
{
	unsigned bits;
	struct wm_wg_ring *r;
	while (!d->is_closed && (r = wm_wg_bell_take(&d->core.events, &bits)) != NULL) {
		struct wm_wg_peer *p = wm_container_of(r, struct wm_wg_peer, events);
		struct wm_endpoint from = {.port = 0};
		uint8_t key[WM_WG_KEY];
		memcpy(key, p->public_key, sizeof(key)); /* the callback may remove the peer */
		wm_wg_place_get(&p->place, &from);
		if (d->events.on_handshake != NULL)
			d->events.on_handshake(d->arg, key, &from,
					       (bits & WM_WG_NEWS_BY_PEER) != 0);
	}
}

static void tell_foreign(struct wm_wg_userspace *d)
{
	struct wm_wg_foreign *f = d->is_closed ? NULL : wm_wg_core_take_foreign(&d->core);
	while (f != NULL) {
		struct wm_wg_foreign *next = f->next;
		if (!d->is_closed && d->events.on_foreign != NULL)
			d->events.on_foreign(d->arg, &f->from, f->data, f->len);
		wm_free(f);
		f = next;
	}
}

static void tell_broken(struct wm_wg_userspace *d)
{
	int sys = d->is_closed ? 0 : atomic_load(&d->core.broken);
	struct wm_err why;
	if (sys <= 0)
		return;
	atomic_store(&d->core.broken, -sys); /* once */
	wm_fail_errno(&why, sys, "the interface %s %s", wm_tun_name(d->core.tun),
		      sys == ENODEV ? "was deleted" : "cannot be read");
	if (d->events.on_broken != NULL)
		d->events.on_broken(d->arg, &why);
}

/* Each is said once: what the host refuses it will go on refusing. */
static void tell_notes(struct wm_wg_userspace *d)
{
	static const struct {
		enum wm_wg_note note;
		const char *what;
	} rows[] = {
		{WM_WG_NOTE_TUN_TCP, "joined TCP segments for the interface"},
		{WM_WG_NOTE_TUN_UDP, "joined UDP datagrams for the interface"},
		{WM_WG_NOTE_TRAINS, "trains of UDP datagrams to the network"},
	};
	unsigned fresh = d->is_closed ? 0 : atomic_load(&d->core.notes) & ~d->told_notes;
	d->told_notes |= fresh;
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++)
		if (fresh & rows[i].note)
			wm_warn(d->log, "wg.offload_refused", "interface=%s what=\"%s\"",
				wm_tun_name(d->core.tun), rows[i].what);
}

/* The last of its posts frees a closed device; the threads, which make them, have ended. */
static void free_if_over(struct wm_wg_userspace *d)
{
	if (!d->is_closed || d->is_draining || atomic_load(&d->is_posted))
		return;
	wm_vault_free(d);
}

static void on_post(struct wm_post *post)
{
	struct wm_wg_userspace *d = wm_container_of(post, struct wm_wg_userspace, post);
	atomic_store(&d->is_posted, false);
	d->is_draining = true;
	tell_handshakes(d);
	tell_foreign(d);
	tell_broken(d);
	tell_notes(d);
	d->is_draining = false;
	free_if_over(d);
}

/* Any thread. */
static void wake_loop(void *arg)
{
	struct wm_wg_userspace *d = arg;
	if (!atomic_exchange(&d->is_posted, true))
		wm_loop_post(d->loop, &d->post, on_post);
}

/* ---- opening and closing ---- */

static unsigned default_workers(void)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	if (cores < 1)
		return 1;
	return cores > DEFAULT_WORKERS_MAX ? DEFAULT_WORKERS_MAX : (unsigned)cores;
}

static struct wm_wg_userspace *new_device(struct wm_loop *loop, struct wm_log *log,
					  const struct wm_wg_events *events, void *arg)
{
	struct wm_wg_userspace *d = wm_vault_alloc(sizeof(*d));
	d->loop = loop;
	d->log = log;
	d->events = *events;
	d->arg = arg;
	wm_list_init(&d->peer_list);
	d->core.epoch = wm_epoch_new();
	d->core.wants_foreign = d->events.on_foreign != NULL;
	d->core.wake_loop = wake_loop;
	d->core.wake_arg = d;
	d->core.foreign_last = &d->core.foreign;
	pthread_mutex_init(&d->core.foreign_lock, NULL);
	wm_wg_bell_init(&d->core.events);
	wm_wg_allowedips_init(&d->core.allowed, d->core.epoch);
	wm_wg_index_init(&d->core.index, d->core.epoch);
	return d;
}

static int start_threads(struct wm_wg_userspace *d, unsigned workers, struct wm_err *err)
{
	struct wm_wg_core *c = &d->core;
	size_t size = workers * sizeof(*c->workers);
	c->workers = wm_alloc_aligned(_Alignof(struct wm_wg_worker), size);
	int rc = wm_wg_handshakes_new(c, &c->handshakes, err);
	if (rc == 0)
		rc = wm_wg_handshakes_start(c->handshakes, err);
	for (unsigned i = 0; rc == 0 && i < workers; i++) {
		rc = wm_wg_worker_start(&c->workers[i], c, i, err);
		c->n_workers += rc == 0;
	}
	return rc;
}

static int open_uapi(struct wm_wg_userspace *d, const struct wm_wg_device_opts *opts,
		     struct wm_err *err)
{
	struct wm_err why;
	int rc = wm_wg_uapi_server_open(d->loop, d, opts->uapi_dir, &d->uapi, &why);
	if (rc != WM_ALREADY_EXISTS || opts->uapi_required)
		return rc == 0 ? 0 : wm_err_copy(err, &why);
	wm_warn(d->log, "uapi.unavailable", "error=\"%s\"", why.text);
	return 0;
}

struct making {
	const struct wm_tun_opts *opts;
	struct wm_tun **out;
};

static int make_tun(void *arg, struct wm_err *err)
{
	const struct making *m = arg;
	return wm_tun_open(m->opts, m->out, err);
}

static int open_parts(struct wm_wg_userspace *d, const struct wm_wg_device_opts *opts,
		      struct wm_err *err)
{
	struct wm_tun_opts tun = {
		.name = opts->name,
		.mtu = opts->mtu != 0 ? opts->mtu : DEFAULT_MTU,
		.queues = opts->workers != 0 ? opts->workers : default_workers(),
		.is_plain = opts->is_plain,
		.left = opts->left,
		.n_left = opts->n_left,
	};
	atomic_store(&d->core.mtu, tun.mtu);
	d->core.is_plain = opts->is_plain;
	/* Nobody is surprised that what was not wanted is not there. */
	d->told_notes = opts->is_plain ? ~0U : 0;
	struct making making = {&tun, &d->core.tun};
	d->core.is_elsewhere = opts->netns != NULL;
	int rc = wm_netns_run(opts->netns, make_tun, &making, err);
	if (rc != 0)
		return rc;
	d->face.name = wm_tun_name(d->core.tun);
	d->face.ifindex = wm_tun_ifindex(d->core.tun);
	d->face.is_inherited = wm_tun_is_inherited(d->core.tun);
	atomic_store(&d->core.is_waiting, d->face.is_inherited);
	rc = start_threads(d, wm_tun_queues(d->core.tun), err);
	if (rc == 0)
		rc = wm_wg_watch_open(d->loop, &d->core, opts->netns, &d->watch, err);
	if (rc == 0 && opts->uapi_dir != NULL)
		rc = open_uapi(d, opts, err);
	return rc;
}

/* The threads know each other: all end before any is freed. */
static void stop_threads(struct wm_wg_userspace *d)
{
	struct wm_wg_core *c = &d->core;
	if (c->handshakes == NULL)
		return; /* the first to start */
	wm_wg_userspace_drop_peers(d);
	atomic_store(&c->is_stopping, true);
	wm_wg_handshakes_stop(c->handshakes);
	for (unsigned i = 0; i < c->n_workers; i++)
		wm_wg_worker_stop(&c->workers[i]);
	wm_wg_handshakes_free(c->handshakes);
}

static struct wm_wg_userspace *of(struct wm_wg_backend *b)
{
	return wm_container_of(b, struct wm_wg_userspace, face);
}

static void close_all(struct wm_wg_backend *b)
{
	struct wm_wg_userspace *d = of(b);
	struct wm_wg_core *c = &d->core;
	wm_wg_uapi_server_close(d->uapi);
	wm_wg_watch_close(d->watch);
	stop_threads(d);
	wm_wg_sockets_free(atomic_exchange(&c->sockets, NULL));
	wm_wg_judge_free(atomic_exchange(&c->judge, NULL));
	wm_map_fini(&d->peers);
	wm_wg_index_fini(&c->index);
	wm_wg_allowedips_fini(&c->allowed);
	wm_epoch_free(c->epoch);
	wm_wg_bell_fini(&c->events);
	for (struct wm_wg_foreign *f = wm_wg_core_take_foreign(c); f != NULL;) {
		struct wm_wg_foreign *next = f->next;
		wm_free(f);
		f = next;
	}
	pthread_mutex_destroy(&c->foreign_lock);
	wm_tun_close(c->tun);
	wm_free_aligned(c->workers);
	wm_wipe(d->private_key, sizeof(d->private_key));
	d->is_closed = true;
	free_if_over(d);
}

/* ---- the rest ---- */

static int configure(struct wm_wg_backend *b, const struct wm_wg_config *wish, struct wm_err *err)
{
	return wm_wg_userspace_configure(of(b), wish, err);
}

static int set_policy(struct wm_wg_backend *b, const struct wm_wg_policy_spec *spec,
		      struct wm_err *err)
{
	return wm_wg_userspace_set_policy(of(b), spec, err);
}

static struct wm_wg_config *get(struct wm_wg_backend *b, bool with_keys)
{
	return wm_wg_userspace_get(of(b), with_keys);
}

static void set_active(struct wm_wg_backend *b, bool active)
{
	struct wm_wg_userspace *d = of(b);
	if (d->is_resting != active)
		return;
	d->is_resting = !active;
	wm_wg_handshakes_order(d->core.handshakes, active ? WM_WG_ORDER_RESUME : WM_WG_ORDER_REST,
			       NULL, NULL, 0);
}

static void set_mtu(struct wm_wg_backend *b, uint32_t mtu)
{
	struct wm_wg_userspace *d = of(b);
	atomic_store(&d->core.mtu, mtu);
}

static void greet(struct wm_wg_backend *b, const uint8_t public_key[WM_WG_KEY])
{
	struct wm_wg_userspace *d = of(b);
	struct wm_wg_peer *p = wm_map_find_n(&d->peers, public_key, WM_WG_KEY);
	struct wm_endpoint at;
	if (p != NULL && wm_wg_place_get(&p->place, &at))
		wm_wg_handshakes_tell(d->core.handshakes, p, WM_WG_NEWS_GREET);
}

static void send_foreign(struct wm_wg_backend *b, const struct wm_endpoint *to, const void *data,
			 size_t len)
{
	struct wm_wg_userspace *d = of(b);
	struct wm_wg_sockets *socks = atomic_load(&d->core.sockets);
	struct wm_udp_packet p = {
		.peer = *to, .data = (uint8_t *)(uintptr_t)data, .len = (uint32_t)len};
	if (socks != NULL)
		(void)wm_udp_send(&socks->socks[0], &p, 1);
}

static struct wm_pulse *ask(struct wm_pulse *p, struct wm_wg_wake *w)
{
	wm_pulse_ask(p);
	wm_wg_wake_set(w);
	return p;
}

_Static_assert(WM_WG_THREADS_MAX == 1 + WM_TUN_QUEUES, "one pulse a thread");

static size_t ask_all(struct wm_wg_backend *b, struct wm_pulse **out)
{
	struct wm_wg_userspace *d = of(b);
	struct wm_wg_core *c = &d->core;
	size_t n = 0;
	out[n++] = ask(&c->handshakes->pulse, &c->handshakes->wake);
	for (unsigned i = 0; i < c->n_workers; i++)
		out[n++] = ask(&c->workers[i].pulse, &c->workers[i].wake);
	return n;
}

static void traffic(struct wm_wg_backend *b, uint64_t *rx, uint64_t *tx)
{
	struct wm_wg_userspace *d = of(b);
	struct wm_list *it;
	*rx = d->gone_rx;
	*tx = d->gone_tx;
	wm_list_each (it, &d->peer_list) {
		struct wm_wg_peer *p = wm_container_of(it, struct wm_wg_peer, of_device);
		*rx += atomic_load(&p->rx_bytes);
		*tx += atomic_load(&p->tx_bytes);
	}
}

_Static_assert(WM_WG_FDS_MAX == WM_TUN_QUEUES, "one descriptor a queue");

static unsigned queue_fds(struct wm_wg_backend *b, int out[WM_WG_FDS_MAX])
{
	const struct wm_tun *tun = of(b)->core.tun;
	for (unsigned i = 0; i < wm_tun_queues(tun); i++)
		out[i] = wm_tun_fd(tun, i);
	return wm_tun_queues(tun);
}

static void add_drops(uint64_t counts[WM_DROP_COUNT], struct wm_wg_drops *d)
{
	for (unsigned i = 0; i < WM_DROP_COUNT; i++)
		counts[i] += atomic_load_explicit(&d->n[i], memory_order_relaxed);
}

static void sum_drops(struct wm_wg_backend *b, uint64_t counts[WM_DROP_COUNT])
{
	struct wm_wg_userspace *d = of(b);
	for (unsigned i = 0; i < d->core.n_workers; i++)
		add_drops(counts, &d->core.workers[i].drops);
	add_drops(counts, &d->core.handshakes->drops);
}

/* ---- the face ---- */

static const struct wm_wg_backend_ops ops = {
	.kind = "userspace",
	.close = close_all,
	.configure = configure,
	.set_policy = set_policy,
	.get = get,
	.set_active = set_active,
	.set_mtu = set_mtu,
	.greet = greet,
	.send = send_foreign,
	.fds = queue_fds,
	.ask = ask_all,
	.traffic = traffic,
	.drops = sum_drops,
};

int wm_wg_userspace_open(struct wm_loop *loop, struct wm_log *log,
			 const struct wm_wg_device_opts *opts, const struct wm_wg_events *events,
			 void *arg, struct wm_wg_backend **out, struct wm_err *err)
{
	struct wm_wg_userspace *d = new_device(loop, log, events, arg);
	d->face.ops = &ops;
	int rc = open_parts(d, opts, err);
	if (rc != 0) {
		close_all(&d->face);
		return rc;
	}
	*out = &d->face;
	return 0;
}
