#include "base/log_ring.h"

#include <string.h>

void wm_log_ring_put(struct wm_log_ring *r, const char *when, const char *text, size_t len)
{
	unsigned at = atomic_fetch_add_explicit(&r->next, 1, memory_order_relaxed) % WM_LOG_RECENT;
	size_t head = strlen(when) + 1, room = WM_LOG_RECENT_LINE - head;

	if (len > 0 && text[len - 1] == '\n')
		len--;
	if (len > room)
		len = room;
	if (atomic_flag_test_and_set_explicit(&r->lines[at].taken, memory_order_acquire))
		return;
	memcpy(r->lines[at].text, when, head - 1);
	r->lines[at].text[head - 1] = ' ';
	memcpy(r->lines[at].text + head, text, len);
	r->lines[at].len = (unsigned short)(head + len);
	atomic_flag_clear_explicit(&r->lines[at].taken, memory_order_release);
}

size_t wm_log_ring_get(struct wm_log_ring *r, unsigned i, char out[WM_LOG_RECENT_LINE])
{
	unsigned next = atomic_load_explicit(&r->next, memory_order_relaxed);
	unsigned at = (next < WM_LOG_RECENT ? i : next + i) % WM_LOG_RECENT;
	size_t len;

	if (atomic_flag_test_and_set_explicit(&r->lines[at].taken, memory_order_acquire))
		return 0;
	len = r->lines[at].len;
	memcpy(out, r->lines[at].text, len);
	atomic_flag_clear_explicit(&r->lines[at].taken, memory_order_release);
	return len;
}
