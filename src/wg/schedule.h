#pragma once
/* The alarms of many peers in one heap, earliest first. Handshake thread. Zeroed is empty. */
#include <stddef.h>
#include <stdint.h>

/* Embedded; zeroed is not set. */
struct wm_wg_alarm {
	int64_t due;
	size_t slot; /* place in the heap + 1; 0 = not set */
};

struct wm_wg_schedule {
	struct wm_wg_alarm **heap;
	size_t count, cap;
};

void wm_wg_schedule_fini(struct wm_wg_schedule *s);
/* Sets or moves an alarm; INT64_MAX takes it out. */
void wm_wg_schedule_set(struct wm_wg_schedule *s, struct wm_wg_alarm *a, int64_t due);
/* The earliest, or NULL. */
struct wm_wg_alarm *wm_wg_schedule_first(const struct wm_wg_schedule *s);
