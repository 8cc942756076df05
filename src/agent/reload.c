/*
 * SIGHUP: file, environment and flags are read again, in that order, as at the start. What may
 * change while the node runs (RELOAD in options.def.h) is taken over as a whole or not at all: the
 * new values are put in place of the old ones, everything that can fail is tried with them, and if
 * something does they change back. Only then it takes effect. What would need a restart is named
 * and left as it is.
 */
#include <stdio.h>
#include <string.h>

#include "agent/announcer.h"
#include "agent/internal.h"
#include "agent/options.h"
#include "agent/supervisor.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/str.h"
#include "conf/conf.h"
#include "crypto/tls.h"

/* What a comparison found. */
struct changes {
	const struct wm_conf *fresh;
	struct wm_buf names;   /* of what takes effect */
	struct wm_buf restart; /* of what needs a restart */
	bool endpoints;        /* others have to know */
	bool view;             /* peers have to be treated otherwise */
	bool joins;            /* there are others to ask */
};

static void add_name(struct wm_buf *list, const char *name)
{
	wm_buf_printf(list, "%s%s", list->len > 0 ? "," : "", name);
}

/* Options that only follow from others are not what the user has written. */
static void note_restart(void *arg, const struct wm_conf_option *o)
{
	struct changes *c = arg;
	if ((o->attrs & WM_CONF_RELOAD) == 0 &&
	    wm_conf_source(c->fresh, o->name) != WM_CONF_BY_OTHER)
		add_name(&c->restart, o->name);
}

static void note_reload(void *arg, const struct wm_conf_option *o)
{
	static const char *const told[] = {"mesh.primary-endpoint", "wireguard.endpoints"};
	struct changes *c = arg;
	if ((o->attrs & WM_CONF_RELOAD) == 0)
		return;
	add_name(&c->names, o->name);
	for (size_t i = 0; i < WM_ARRAY_LEN(told); i++)
		c->endpoints |= wm_streq(o->name, told[i]);
	c->joins |= wm_streq(o->name, "mesh.join-addresses");
	/* Whoever has a public address treats peers otherwise. */
	c->view |=
		wm_streq(o->name, told[0]) || wm_streq(o->name, "wireguard.persistent-keepalive");
}

/* The options as they would be now, with the endpoints that follow from them on this host. */
static int read_again(struct wm_agent *a, struct changes *c, struct wm_node_options **out,
		      struct wm_err *err)
{
	struct wm_node_options *fresh;
	int rc = wm_node_options_load_again(a->options, &fresh, err);
	if (rc != 0)
		return rc;
	c->fresh = fresh->conf;
	wm_conf_compare(a->options->conf, fresh->conf, note_restart, c);
	fresh->wireguard_listen_port = a->options->wireguard_listen_port; /* it stays bound */
	rc = wm_agent_detect_endpoints(a, fresh, err);
	wm_conf_compare(a->options->conf, fresh->conf, note_reload, c);
	if (rc != 0)
		wm_node_options_free(fresh);
	else
		*out = fresh;
	return rc;
}

/* Which sides there are does not change: that needs a restart. */
static void take_tls(struct wm_tls_config *now, struct wm_tls_config *fresh)
{
	if (now != NULL && fresh != NULL)
		wm_tls_config_take(now, fresh);
	else
		wm_tls_config_free(fresh);
}

static void set_log(const struct wm_agent *a)
{
	enum wm_log_level level;
	if (wm_log_level_parse(a->options->global_log_level, &level))
		wm_log_set_level(a->log, level);
	wm_log_set_format(a->log, wm_streq(a->options->global_log_format, "json") ? WM_LOG_JSON
										  : WM_LOG_TEXT);
}

/* Nothing in here can fail in a way that would leave the node between two configurations. */
static void take_effect(struct wm_agent *a, const struct changes *c)
{
	struct wm_err err;
	set_log(a);
	if (c->view && a->ready && wm_agent_reapply_view(a, &err) != 0)
		wm_warn(a->log, "peers.not_applied", "error=\"%s\"", err.text);
	if (c->endpoints)
		wm_announcer_start(a);
	if (c->joins)
		wm_joiner_hurry(a);
}

static void warn_ignored(const struct wm_agent *a, const struct wm_node_options *fresh)
{
	const struct wm_conf_list *ignored = wm_node_options_warnings(fresh);
	for (size_t i = 0; i < ignored->n; i++)
		wm_warn(a->log, "options.ignored", "what=\"%s\"", ignored->items[i]);
}

static int reload(struct wm_agent *a, struct changes *c, struct wm_err *err)
{
	struct wm_node_options *fresh;
	struct wm_tls_config *server, *client;
	int rc = read_again(a, c, &fresh, err);
	if (rc != 0)
		return rc;
	wm_conf_exchange(a->options->conf, fresh->conf);
	rc = wm_identity_renew(&a->identity, a->options, a->log, &server, &client, err);
	if (rc != 0) {
		wm_conf_exchange(a->options->conf, fresh->conf);
	} else {
		/* Files may hold something new under an old name, so they are always taken. */
		take_tls(a->identity.server_tls, server);
		take_tls(a->identity.client_tls, client);
		take_effect(a, c);
		warn_ignored(a, fresh);
	}
	wm_node_options_free(fresh);
	return rc;
}

static void report(struct wm_agent *a, const struct changes *c, const struct wm_err *why)
{
	char text[WM_ERR_TEXT];
	if (why != NULL) {
		wm_error(a->log, "node.reload_refused", "count=%u error=%s", a->reloads,
			 wm_log_quote(why->text, text, sizeof(text)));
		return;
	}
	if (c->restart.len > 0)
		wm_warn(a->log, "node.restart_needed", "options=%s", wm_buf_str(&c->restart));
	wm_info(a->log, "node.reloaded", "count=%u changed=%s", a->reloads,
		c->names.len > 0 ? wm_buf_str(&c->names) : "none");
}

void wm_agent_reload(struct wm_agent *a)
{
	struct changes c = {0};
	struct wm_err why;
	char status[WM_NODE_STATUS];
	if (a->stopping)
		return;
	a->reloads++;
	wm_supervisor_reloading(a->supervisor);
	int rc = reload(a, &c, &why);
	a->refused_reloads += rc != 0;
	report(a, &c, rc == 0 ? NULL : &why);
	wm_buf_fini(&c.names);
	wm_buf_fini(&c.restart);
	if (!a->ready)
		return;
	wm_agent_status_line(a, status);
	if (rc != 0)
		snprintf(status, sizeof(status), "reload refused: %.140s", why.text);
	wm_supervisor_ready(a->supervisor, status);
}
