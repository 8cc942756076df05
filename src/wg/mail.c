#include "wg/mail.h"
#include <string.h>
#include "wg/demux.h"
#include "wg/handshakes.h"

void wm_wg_letter_fill(struct wm_wg_letter *l, const struct wm_endpoint *from,
		       const struct wm_udp_local *local, const uint8_t *data, size_t len)
{
	l->from = *from;
	l->local = *local;
	l->len = (uint16_t)len;
	memcpy(l->data, data, len);
}

void wm_wg_mail_init(struct wm_wg_mail *m)
{
	for (unsigned i = 0; i < WM_WG_MAIL; i++)
		m->packets[i] =
			(struct wm_udp_packet){.data = m->bytes[i], .cap = sizeof(m->bytes[i])};
}

static enum wm_drop read_message(struct wm_wg_handshakes *h, const struct wm_udp_packet *p)
{
	struct wm_wg_letter l;
	enum wm_drop why = wm_wg_door_judge(&h->door, &p->peer, p->data, p->len, h->now);
	if (why != WM_DROP_NONE)
		return why;
	wm_wg_letter_fill(&l, &p->peer, &p->local, p->data, p->len);
	wm_wg_handshakes_read(h, &l);
	return WM_DROP_NONE;
}

static enum wm_drop read_packet(struct wm_wg_handshakes *h, const struct wm_udp_packet *p)
{
	if (p->peer.port == 0)
		return WM_DROP_SHORT;
	if (p->is_cut) /* longer than anything that is read here */
		return WM_DROP_FOREIGN;
	switch (wm_wg_demux_parse(p->data, p->len)) {
	case WM_WG_KIND_INITIATION:
	case WM_WG_KIND_RESPONSE:
	case WM_WG_KIND_COOKIE: return read_message(h, p);
	case WM_WG_KIND_STUN:
	case WM_WG_KIND_FOREIGN:
		return wm_wg_core_pass_foreign(h->core, &h->mail.foreign, &p->peer, p->data, p->len,
					       h->now);
	case WM_WG_KIND_DATA: /* the host sends these elsewhere, unless it was told so just now */
	case WM_WG_KIND_MALFORMED: break;
	}
	return WM_DROP_SHORT;
}

bool wm_wg_mail_run(struct wm_wg_handshakes *h)
{
	struct wm_wg_mail *m = &h->mail;
	struct wm_udp_socket *s = wm_wg_sockets_mail(atomic_load(&h->core->sockets));
	int got = s != NULL ? wm_udp_recv(s, m->packets, WM_WG_MAIL) : 0;
	m->waited = got == WM_WG_MAIL ? m->waited + WM_WG_MAIL : 0;
	if (m->waited >= WM_WG_LOADED)
		wm_wg_door_load(&h->door, h->now);
	for (int i = 0; i < got; i++) {
		enum wm_drop why = read_packet(h, &m->packets[i]);
		if (why != WM_DROP_NONE)
			wm_wg_drop(&h->drops, why);
	}
	return got == WM_WG_MAIL;
}
