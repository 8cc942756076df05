/* The name of the interface, before there is one. */
#include <stdio.h>
#include <string.h>

#include "agent/internal.h"
#include "agent/options.h"
#include "base/log.h"
#include "base/str.h"
#include "platform/link.h"
#include "platform/net.h"
#include "platform/netns.h"

/* A template takes a name that is free. */
static bool is_template(const char *name)
{
	return wm_str_ends(name, "+");
}

static int remove_link(struct wm_net *net, const struct wm_agent *a, struct wm_err *err)
{
	const char *name = a->options->wireguard_interface_name;
	struct wm_link link;
	int rc = wm_link_find(net, name, &link, err);
	if (rc == WM_NOT_FOUND)
		return 0;
	if (rc == 0)
		rc = wm_link_remove(net, link.index, err);
	if (rc == WM_NOT_FOUND)
		return 0; /* its owner was quicker */
	if (rc != 0)
		return wm_wrap(err, "wireguard.force-interface-name: remove %s", name);
	wm_warn(a->log, "interface.removed", "name=%s kind=%s", name,
		link.kind[0] != '\0' ? link.kind : "unknown");
	return 0;
}

static int open_net(void *arg, struct wm_err *err)
{
	return wm_net_open(arg, err);
}

int wm_agent_free_name(struct wm_agent *a, struct wm_err *err)
{
	struct wm_net *net;
	int rc = wm_netns_run(a->netns, open_net, &net, err);
	if (rc != 0)
		return rc;
	rc = remove_link(net, a, err);
	wm_net_close(net);
	return rc;
}

bool wm_agent_may_free_name(const struct wm_agent *a)
{
	return a->options->wireguard_force_interface_name &&
	       !is_template(a->options->wireguard_interface_name);
}

int wm_agent_explain_name(const struct wm_agent *a, int rc, struct wm_err *err)
{
	size_t n = strlen(err->text);
	if (rc == WM_ALREADY_EXISTS)
		snprintf(
			err->text + n, sizeof(err->text) - n,
			" (--wireguard.force-interface-name does that at the start; a name such as "
			"webmesh+ takes the first free number)");
	return wm_wrap(err, "wireguard.interface-name %s", a->options->wireguard_interface_name);
}
