#include "wg/sockets.h"
#include <stddef.h>
#include "base/mem.h"
#include "wg/message.h"

/* A socket more than there are workers, if that gets all that is not data and nothing else. */
static void open_with_mail(struct wm_wg_sockets *s, uint32_t fwmark, bool is_plain,
			   unsigned workers)
{
	uint16_t port = s->port;
	struct wm_err why; /* the other way is tried next, and says it */
	if (wm_udp_open(&port, fwmark, is_plain, workers + 1, s->socks, &why) != 0)
		return;
	s->count = workers + 1;
	s->has_mail = wm_udp_steer(s->socks, s->count, WM_WG_DATA,
				   offsetof(struct wm_wg_data, receiver), &why) == 0;
	if (s->has_mail)
		s->port = port;
	while (!s->has_mail && s->count > 0)
		wm_udp_close(&s->socks[--s->count]);
}

int wm_wg_sockets_new(uint16_t port, uint32_t fwmark, bool is_plain, unsigned workers,
		      struct wm_wg_sockets **out, struct wm_err *err)
{
	struct wm_wg_sockets *s = wm_alloc(sizeof(*s) + (workers + 1) * sizeof(s->socks[0]));
	int rc = 0;
	s->port = port;
	open_with_mail(s, fwmark, is_plain, workers);
	if (!s->has_mail) {
		rc = wm_udp_open(&s->port, fwmark, is_plain, workers, s->socks, err);
		s->count = workers;
	}
	if (rc != 0) {
		wm_free(s);
		return rc;
	}
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
