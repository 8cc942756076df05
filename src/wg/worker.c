#include "wg/worker.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "base/clock.h"
#include "base/mem.h"

/* What is read from TUN, what comes from the network, what goes there. */
#define MEMORY ((1 + WM_WG_RECVS) * (size_t)WM_WG_STRIDE + WM_WG_OUTBOX_BYTES)

enum ready { READY_TUN = 1, READY_NET = 2 };

static bool map_memory(struct wm_wg_worker *w)
{
	void *p = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return false;
#ifdef MADV_NOHUGEPAGE
	/* A huge page under each packet would make it all resident. */
	(void)madvise(p, MEMORY, MADV_NOHUGEPAGE);
#endif
	w->memory = p;
	w->from_tun.data = w->memory + WM_WG_HEADROOM;
	w->from_tun.cap = WM_TUN_ROOM;
	for (unsigned i = 0; i < WM_WG_RECVS; i++) {
		uint8_t *net = w->memory + (size_t)(1 + i) * WM_WG_STRIDE;
		w->from_net[i] =
			(struct wm_udp_packet){.data = net + WM_WG_HEADROOM, .cap = WM_UDP_ROOM};
	}
	w->outbox.bytes = w->memory + (size_t)(1 + WM_WG_RECVS) * WM_WG_STRIDE;
	return true;
}

/* Sessions have ended: their keys must not outlive them here. */
static void wipe_stale_ciphers(struct wm_wg_worker *w)
{
	uint64_t retired = atomic_load(&w->core->retired_sessions);
	if (retired != w->seen_retired)
		wm_wg_ciphers_wipe(&w->ciphers);
	w->seen_retired = retired;
}

/* Packets may have to wait in the interface; that it is gone shows all the same (wg/watch.c). */
static struct pollfd watch_tun(const struct wm_wg_worker *w)
{
	bool waits = atomic_load_explicit(&w->core->is_waiting, memory_order_relaxed);
	return (struct pollfd){.fd = w->is_tun_dead ? -1 : wm_tun_fd(w->core->tun, w->number),
			       .events = waits ? 0 : POLLIN};
}

/* Waits for packets or a wake-up; returns what is readable. */
static unsigned sleep_until_ready(struct wm_wg_worker *w, const struct wm_wg_sockets *socks)
{
	struct pollfd fds[3] = {
		{.fd = w->wake.fds[0], .events = POLLIN},
		watch_tun(w),
		{.fd = socks != NULL ? socks->socks[w->number].fd : -1, .events = POLLIN},
	};
	wm_epoch_offline(&w->reader);
	int n = poll(fds, 3, -1);
	if (n > 0 && fds[0].revents != 0)
		wm_wg_wake_clear(&w->wake);
	wm_epoch_online(&w->reader);
	return (n > 0 && fds[1].revents != 0 ? READY_TUN : 0u) |
	       (n > 0 && fds[2].revents != 0 ? READY_NET : 0u);
}

/* Carries what is ready until there is no more; returns with nothing ready, or to stop. Comes round
 * however busy it is, so what is stale ends here. */
static void carry(struct wm_wg_worker *w, unsigned ready)
{
	wipe_stale_ciphers(w);
	while (ready != 0 && !atomic_load_explicit(&w->core->is_stopping, memory_order_relaxed)) {
		struct wm_wg_sockets *socks = atomic_load(&w->core->sockets);
		struct wm_udp_socket *sock = socks != NULL ? &socks->socks[w->number] : NULL;
		w->now = wm_clock_now();
		wm_pulse_show(&w->pulse);
		if ((ready & READY_TUN) && !wm_wg_outbound(w, sock))
			ready &= ~(unsigned)READY_TUN;
		if ((ready & READY_NET) && (sock == NULL || !wm_wg_inbound(w, sock)))
			ready &= ~(unsigned)READY_NET;
		wm_epoch_quiet(&w->reader);
		wipe_stale_ciphers(w);
	}
}

static void *run(void *arg)
{
	struct wm_wg_worker *w = arg;
	wm_epoch_online(&w->reader);
	while (!atomic_load(&w->core->is_stopping)) {
		wm_pulse_show(&w->pulse);
		carry(w, sleep_until_ready(w, atomic_load(&w->core->sockets)));
	}
	wm_epoch_offline(&w->reader);
	return NULL;
}

static void release(struct wm_wg_worker *w)
{
	wm_wg_ciphers_wipe(&w->ciphers);
	wm_wg_wake_close(&w->wake);
	if (w->memory != NULL)
		munmap(w->memory, MEMORY);
	w->memory = NULL;
}

int wm_wg_worker_start(struct wm_wg_worker *w, struct wm_wg_core *core, unsigned number,
		       struct wm_err *err)
{
	w->core = core;
	w->number = number;
	int rc = wm_wg_wake_open(&w->wake, err);
	if (rc == 0 && !map_memory(w))
		rc = wm_fail_errno(err, errno, "reserve memory for packets");
	if (rc != 0) {
		release(w);
		return rc;
	}
	wm_epoch_register(core->epoch, &w->reader);
	snprintf(w->pulse.name, sizeof(w->pulse.name), "wg-worker-%u", number);
	rc = wm_thread_start(&w->thread, w->pulse.name, 0, run, w, err);
	if (rc == 0)
		return 0;
	wm_epoch_unregister(&w->reader);
	release(w);
	return rc;
}

void wm_wg_worker_stop(struct wm_wg_worker *w)
{
	wm_wg_wake_set(&w->wake);
	pthread_join(w->thread, NULL);
	wm_epoch_unregister(&w->reader);
	release(w);
}
