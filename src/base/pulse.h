#pragma once
/*
 * Whether a thread still makes progress. A watcher asks; the thread shows itself each time that it
 * comes round, awake or woken for this; when it has, it was not stuck. One watcher and one thread,
 * which share nothing else.
 */
#include <stdatomic.h>
#include <stdbool.h>

#include "base/thread.h"

struct wm_pulse {
	atomic_uint asked, shown;
	char name[WM_THREAD_NAME]; /* of the thread; constant */
};

/* The watcher: asks. It must then see to it that the thread wakes. */
static inline void wm_pulse_ask(struct wm_pulse *p)
{
	atomic_fetch_add_explicit(&p->asked, 1, memory_order_relaxed);
}

/* The watcher: true when the thread has come round since it was asked. */
static inline bool wm_pulse_is_shown(const struct wm_pulse *p)
{
	return atomic_load_explicit(&p->shown, memory_order_relaxed) ==
	       atomic_load_explicit(&p->asked, memory_order_relaxed);
}

/* The thread: it has come round. Cheap enough for each batch of packets. */
static inline void wm_pulse_show(struct wm_pulse *p)
{
	unsigned asked = atomic_load_explicit(&p->asked, memory_order_relaxed);

	if (atomic_load_explicit(&p->shown, memory_order_relaxed) != asked)
		atomic_store_explicit(&p->shown, asked, memory_order_relaxed);
}
