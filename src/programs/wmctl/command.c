#include "programs/wmctl/command.h"
#include "base/mem.h"
#include "base/str.h"
#include "programs/wmctl/commands.h"
#include <string.h>

#define ASKS (WM_CTL_ONLINE | WM_CTL_OUTPUT)

static const struct wm_ctl_command commands[] = {
	{NULL, "status", NULL, "[NODE_ID]", 0, 1, ASKS,
	 "Show how a node is: the server that is asked, or another", wm_ctl_status},
	{"get", "nodes", "node", "[NODE_ID]", 0, 1, ASKS, "Show the members of the mesh, or one",
	 wm_ctl_get_nodes},
	{"get", "graph", NULL, "", 0, 0, ASKS,
	 "Show who is linked to whom, as a graph for Graphviz", wm_ctl_get_graph},
	{NULL, "leave", NULL, "NODE_ID", 1, 1, WM_CTL_ONLINE,
	 "Take a node out of the mesh; its address is given back", wm_ctl_leave},
	{NULL, "genkey", NULL, "", 0, 0, 0, "Make a node key", wm_ctl_genkey},
	{NULL, "pubkey", NULL, "", 0, 0, 0,
	 "Print the public key of the key or ID on standard input", wm_ctl_pubkey},
	{NULL, "keyid", NULL, "", 0, 0, 0, "Print the ID of the key on standard input",
	 wm_ctl_keyid},
	{"pki", "init", NULL, "", 0, 0, WM_CTL_PKI | WM_CTL_PKI_INIT,
	 "Make an authority and the administrator's certificate", wm_ctl_pki_init},
	{"pki", "issue", NULL, "", 0, 0, WM_CTL_PKI | WM_CTL_PKI_ISSUE,
	 "Make a certificate for a node", wm_ctl_pki_issue},
	{"pki", "gen-config", NULL, "", 0, 0, WM_CTL_PKI | WM_CTL_PKI_CONFIG,
	 "Write a configuration file for wmctl with a certificate in it", wm_ctl_pki_gen_config},
	{NULL, "version", NULL, "", 0, 0, WM_CTL_VERSION, "Show which build this is",
	 wm_ctl_version},
	/* Known from the original; refused by name. */
	{"get", "roles", "role", "", 0, 0, 0, "", NULL},
	{"get", "rolebindings", "rolebinding rb", "", 0, 0, 0, "", NULL},
	{"get", "groups", "group", "", 0, 0, 0, "", NULL},
	{"get", "networkacls", "networkacl nacl nacls acl acls", "", 0, 0, 0, "", NULL},
	{"get", "routes", "route rt", "", 0, 0, 0, "", NULL},
	{"get", "edges", "edge", "", 0, 0, 0, "", NULL},
	{NULL, "put", NULL, "", 0, 0, 0, "", NULL},
	{NULL, "delete", NULL, "", 0, 0, 0, "", NULL},
	{NULL, "connect", NULL, "", 0, 0, 0, "", NULL},
	{NULL, "port-forward", NULL, "", 0, 0, 0, "", NULL},
	{NULL, "debug", NULL, "", 0, 0, 0, "", NULL},
	{NULL, "completion", NULL, "", 0, 0, 0, "", NULL},
};

const struct wm_ctl_command *wm_ctl_commands(size_t *n)
{
	*n = WM_ARRAY_LEN(commands);
	return commands;
}

/* ---- finding ---- */

static bool is_word_of(const char *list, const char *name)
{
	size_t n = strlen(name);
	for (const char *p = list; p != NULL && (p = strstr(p, name)) != NULL; p += n) {
		if ((p == list || p[-1] == ' ') && (p[n] == '\0' || p[n] == ' '))
			return true;
	}
	return false;
}

static const struct wm_ctl_command *find(const char *group, const char *name)
{
	for (size_t i = 0; *name != '\0' && i < WM_ARRAY_LEN(commands); i++) {
		const struct wm_ctl_command *c = &commands[i];
		if (wm_streq(c->group, group) &&
		    (strcmp(c->name, name) == 0 || is_word_of(c->alias, name)))
			return c;
	}
	return NULL;
}

static bool is_group(const char *name)
{
	for (size_t i = 0; i < WM_ARRAY_LEN(commands); i++) {
		if (wm_streq(commands[i].group, name))
			return true;
	}
	return false;
}

static int refuse_unknown(const char *group, const char *name, struct wm_err *err)
{
	const char *names[WM_ARRAY_LEN(commands)];
	size_t n = 0;
	for (size_t i = 0; i < WM_ARRAY_LEN(commands); i++) {
		const struct wm_ctl_command *c = &commands[i];
		if (c->run == NULL)
			continue;
		if (wm_streq(c->group, group))
			names[n++] = c->name;
		else if (group == NULL && (n == 0 || !wm_streq(names[n - 1], c->group)))
			names[n++] = c->group;
	}
	const char *near = wm_conf_nearest(name, names, n);
	const char *in = group != NULL ? group : "";
	const char *gap = group != NULL ? " " : "";
	if (near != NULL)
		return wm_fail(err, WM_INVALID_ARGUMENT,
			       "unknown command \"%s%s%.80s\"; did you mean \"%s%s%s\"?", in, gap,
			       name, in, gap, near);
	return wm_fail(err, WM_INVALID_ARGUMENT,
		       "unknown command \"%s%s%.80s\" (wmctl --help lists them)", in, gap, name);
}

int wm_ctl_command_find(const struct wm_conf_list *args, const struct wm_ctl_command **out,
			size_t *used, struct wm_err *err)
{
	const char *group = NULL;
	*out = NULL;
	*used = 0;
	if (args->n > 0 && is_group(args->items[0])) {
		group = args->items[0];
		*used = 1;
	}
	if (args->n == *used)
		return 0;
	const char *name = args->items[*used];
	*out = find(group, name);
	if (*out == NULL)
		return refuse_unknown(group, name, err);
	++*used;
	if ((*out)->run == NULL)
		return wm_fail(err, WM_INVALID_ARGUMENT, "%s%s%s: not in this version",
			       group != NULL ? group : "", group != NULL ? " " : "", (*out)->name);
	return 0;
}

/* ---- help ---- */

static void add_usage(const struct wm_ctl_command *c, struct wm_buf *out)
{
	wm_buf_printf(out, "%s.\n\nUsage: wmctl %s%s%s%s%s [OPTION...]\n", c->help,
		      c->group != NULL ? c->group : "", c->group != NULL ? " " : "", c->name,
		      *c->args != '\0' ? " " : "", c->args);
	if (c->alias != NULL)
		wm_buf_printf(out, "Also called: %s\n", c->alias);
	wm_conf_help(wm_ctl_options_table(), c->scope, out);
}

void wm_ctl_command_help(const struct wm_ctl_command *c, const char *group, struct wm_buf *out)
{
	if (c != NULL) {
		add_usage(c, out);
		return;
	}
	wm_buf_printf(out, "%s\n\nUsage: wmctl %s%sCOMMAND [OPTION...]\n\nCommands:\n",
		      "wmctl asks and commands a mesh.", group != NULL ? group : "",
		      group != NULL ? " " : "");
	for (size_t i = 0; i < WM_ARRAY_LEN(commands); i++) {
		char words[40] = "";
		c = &commands[i];
		if (c->run == NULL || (group != NULL && !wm_streq(c->group, group)))
			continue;
		struct wm_buf line = {0};
		wm_buf_printf(&line, "%s%s%s %s", c->group != NULL ? c->group : "",
			      c->group != NULL ? " " : "", c->name, c->args);
		wm_str_copy(words, sizeof(words), wm_buf_str(&line));
		wm_buf_fini(&line);
		wm_buf_printf(out, "  %-22s %s\n", words, c->help);
	}
	wm_buf_add_str(out, "\nwmctl COMMAND --help shows the options of a command.\n");
}
