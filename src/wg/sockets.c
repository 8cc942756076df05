#include "wg/sockets.h"
#include "base/mem.h"

int wm_wg_sockets_new(uint16_t port, uint32_t fwmark, bool is_plain, unsigned count,
		      struct wm_wg_sockets **out, struct wm_err *err)
{
	struct wm_wg_sockets *s = wm_alloc(sizeof(*s) + count * sizeof(s->socks[0]));
	s->port = port;
	int rc = wm_udp_open(&s->port, fwmark, is_plain, count, s->socks, err);
	if (rc != 0) {
		wm_free(s);
		return rc;
	}
	s->count = count;
	*out = s;
	return 0;
}

void wm_wg_sockets_free(struct wm_wg_sockets *s)
{
	for (unsigned i = 0; s != NULL && i < s->count; i++)
		wm_udp_close(&s->socks[i]);
	wm_free(s);
}

static void free_item(struct wm_epoch_item *item)
{
	wm_wg_sockets_free(wm_container_of(item, struct wm_wg_sockets, item));
}

void wm_wg_sockets_retire(struct wm_wg_sockets *s, struct wm_epoch *epoch)
{
	if (s != NULL)
		wm_epoch_retire(epoch, &s->item, free_item);
}

int wm_wg_sockets_set_mark(const struct wm_wg_sockets *s, uint32_t old_mark, uint32_t new_mark,
			   struct wm_err *err)
{
	int rc = 0;
	unsigned done = 0;
	while (rc == 0 && done < s->count)
		rc = wm_udp_set_mark(&s->socks[done++], new_mark, err);
	/* What was allowed once is allowed again; if not, the error above says enough. */
	while (rc != 0 && done > 0)
		if (wm_udp_set_mark(&s->socks[--done], old_mark, NULL) != 0)
			break;
	return rc;
}
