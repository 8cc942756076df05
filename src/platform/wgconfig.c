#include "platform/wgconfig.h"
#include "base/mem.h"

void wm_wg_config_free(struct wm_wg_config *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->n_peers; i++)
		wm_free(c->peers[i].allowed);
	if (c->peers != NULL)
		wm_wipe(c->peers, c->n_peers * sizeof(*c->peers));
	wm_free(c->peers);
	wm_wipe(c, sizeof(*c));
	wm_free(c);
}
