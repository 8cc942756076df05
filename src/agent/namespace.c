/*
 * An interface in another network namespace (wireguard.netns): what belongs to the mesh is there,
 * what carries it is here. Connections to addresses of the mesh begin there, the API is heard in
 * both places, and only what came in there can have come through the tunnel.
 */
#include "agent/internal.h"

#include "agent/options.h"
#include "base/log.h"
#include "fabric/journal.h"
#include "loop/conn.h"
#include "platform/netns.h"
#include "rpc/server.h"

/* In the order of the start: before privileges go. */
int wm_agent_enter_namespace(struct wm_agent *a, struct wm_err *err)
{
	const char *name = a->options->wireguard_netns;
	if (*name == '\0')
		return 0;
	int rc = wm_netns_enter(name, &a->netns, err);
	if (rc != 0)
		return wm_wrap(err, "wireguard.netns %s", name);
	wm_info(a->log, "namespace.entered", "name=%s", name);
	return 0;
}

static int sweep(void *arg, struct wm_err *err)
{
	const struct wm_agent *a = arg;
	return wm_journal_sweep(a->log, WM_AGENT_RUN_DIR, err);
}

int wm_agent_sweep(struct wm_agent *a, struct wm_err *err)
{
	int rc = sweep(a, err);
	if (rc == 0 && a->netns != NULL)
		rc = wm_netns_run(a->netns, sweep, a, err);
	return rc;
}

bool wm_agent_is_mesh_address(const struct wm_agent *a, const struct wm_addr *addr)
{
	bool inside = false;
	for (size_t i = 0; i < a->n_networks; i++)
		inside |= wm_prefix_contains(&a->networks[i], addr);
	return inside;
}

/* For wm_loop_set_sockets. */
static int make_socket(void *arg, const struct wm_endpoint *to, int *out, struct wm_err *err)
{
	const struct wm_agent *a = arg;
	*out = -1;
	if (!wm_agent_is_mesh_address(a, &to->addr))
		return 0;
	return wm_netns_socket(a->netns, to->addr.family, out, err);
}

void wm_agent_dial_inside(struct wm_agent *a)
{
	if (a->netns != NULL)
		wm_loop_set_sockets(a->loop, make_socket, a);
}

int wm_agent_listen_inside(struct wm_agent *a, const struct wm_rpc_server_opts *outside,
			   struct wm_err *err)
{
	struct wm_rpc_server_opts inside = *outside;
	/* An address of this side means nothing on the other. */
	if (a->netns == NULL || !wm_addr_is_unspecified(&outside->at.addr))
		return 0;
	inside.hides_interface = false;
	int rc = wm_netns_socket(a->netns, inside.at.addr.family, &inside.socket, err);
	if (rc == 0)
		rc = wm_rpc_server_listen(a->server, &inside, NULL, err);
	return rc == 0 ? 0 : wm_wrap(err, "wireguard.netns %s", a->options->wireguard_netns);
}
