#pragma once
/*
 * Packets of the host that wait for a handshake: at most 64 a peer, where the oldest makes room,
 * and 4 MiB a device, where there is none. Not the fast path, so each is a copy on the heap. Any
 * thread.
 */
#include "wg/message.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#define WM_WG_STAGE_MAX   64
#define WM_WG_STAGE_BYTES (4u << 20)       /* of all peers together */
#define WM_WG_SEAL_TAIL   (15 + WM_WG_TAG) /* padding and tag behind a packet */

/* Laid out to be sealed where it stands. */
struct wm_wg_staged {
	struct wm_wg_staged *next;
	size_t len;
	struct wm_wg_data header;
	uint8_t packet[];
};

struct wm_wg_stage {
	/* Guards the list: workers add, the handshake thread takes; a message for each packet would
	 * need the same lock. */
	pthread_mutex_t lock;
	struct wm_wg_staged *first, **last;
	unsigned count;
	_Atomic size_t *total; /* the device's, borrowed */
};

/* @total counts the bytes of all stages of a device. */
void wm_wg_stage_init(struct wm_wg_stage *s, _Atomic size_t *total);
void wm_wg_stage_fini(struct wm_wg_stage *s);
/* Copies the packet in; false when one was lost by it, the oldest or itself. */
bool wm_wg_stage_put(struct wm_wg_stage *s, const uint8_t *packet, size_t len);
/* The whole list, oldest first, now the caller's (wm_wg_staged_free for each). */
struct wm_wg_staged *wm_wg_stage_take(struct wm_wg_stage *s);
/* Frees one and returns the next. */
struct wm_wg_staged *wm_wg_staged_free(struct wm_wg_staged *p);
