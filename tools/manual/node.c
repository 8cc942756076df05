/* webmesh-node.8 and webmesh.conf.5. */
#include "agent/options.h"
#include "conf/value.h"
#include "page.h"
#include <string.h>

static void add_flags(struct wm_buf *out)
{
	const struct wm_conf_table *t = wm_node_options_table();
	for (size_t s = 0; s < t->n_sections; s++) {
		bool begun = false;
		for (size_t i = 0; i < t->n_rows; i++) {
			const struct wm_conf_option *o = &t->rows[i];
			if (!page_has(o, WM_CONF_NO_FLAG) ||
			    strcmp(o->section, t->sections[s].prefix) != 0)
				continue;
			if (!begun)
				wm_buf_printf(out, ".SS %s\n", t->sections[s].title);
			begun = true;
			page_flag(out, o, NULL);
		}
	}
}

static void add_node_ends(struct wm_buf *out)
{
	page_section(out, "Environment");
	page_paragraph(
		out,
		"Each option that a file may hold, but those of plugins, is also read from the "
		"environment: its name in capitals, with dots and dashes as underscores "
		"(MESH_NODE_ID). Lists have commas. Dashes may be kept.");
	page_section(out, "Signals");
	page_entry(
		out, "SIGINT, SIGTERM",
		"The node stops: calls end, the state is closed, the host is put right. Membership "
		"is kept unless mesh.leave-on-stop says otherwise.");
	page_entry(
		out, "SIGHUP",
		"The node reloads: it reads file, environment and flags again, and the files with "
		"certificates, and lives by those options that say \"Reloads\" above. New "
		"connections use the new certificates, old ones go on; new endpoints are told to "
		"the mesh. It takes over all or, when anything is wrong, nothing, and the log says "
		"why (node.reload_refused). Changes of other options are named "
		"(node.restart_needed) and wait for a restart. What was read from a pipe at the "
		"start cannot be read again, so such a reload is refused. A terminal that closes "
		"sends SIGHUP too: a node that was started there goes on, though nobody sees its "
		"log any more; one that shall last is better run as a service.");
	page_section(out, "Service");
	page_paragraph(
		out,
		"Under systemd (the unit webmesh-node.service with /etc/webmesh/node.yaml) the node "
		"tells when it is ready, reloads and stops, and feeds the watchdog while all its "
		"threads make progress. Log lines for the journal carry their severity and no time.");
	page_paragraph(
		out,
		"A crash leaves a report without secrets on standard error and in global.crash-dir "
		"(PROGRAM.crash.TIME.PID.txt, the newest eight are kept); the next start tells of it "
		"(node.crashed_before). Core files are never written.");
	page_section(out, "Network namespaces");
	page_paragraph(
		out,
		"With wireguard.netns the interface, its addresses and routes are in a network "
		"namespace that somebody has made (ip netns add NAME), and programs there have "
		"nothing but the mesh; the encrypted packets, joining and the metrics stay where the "
		"node was started. An API that listens at every address does so on both sides, one "
		"at a certain address outside only. The node carries the packets itself then. It "
		"takes the privilege cap_sys_admin at the start, which is given up; the systemd unit "
		"needs a drop-in with RestrictNamespaces=net and "
		"CapabilityBoundingSet=CAP_SYS_ADMIN.");
	page_section(out, "Exit status");
	page_entry(out, "0", "The node stopped because it was asked to.");
	page_entry(out, "1", "It could not go on; the last line on standard error says why.");
	page_entry(out, "2", "An option has to be mended; the line names it as it was spelt.");
	page_section(out, "Examples");
	page_commands(
		out,
		"Found a mesh on a host that others reach at 192.0.2.10, with certificates made "
		"by wmctl pki:",
		"webmesh-node --bootstrap.enabled --services.api.mesh-enabled \\\n"
		"    --global.primary-endpoint=192.0.2.10 \\\n"
		"    --global.mtls --global.verify-chain-only \\\n"
		"    --global.tls-cert-file=pki/nodes/one/tls.crt \\\n"
		"    --global.tls-key-file=pki/nodes/one/tls.key \\\n"
		"    --global.tls-ca-file=pki/nodes/one/ca.crt");
	page_commands(out, "Join it from another host, and keep the node's key over restarts:",
		      "webmesh-node --mesh.join-addresses=192.0.2.10:8443 \\\n"
		      "    --wireguard.key-file=/var/lib/webmesh/key \\\n"
		      "    --global.mtls --global.verify-chain-only \\\n"
		      "    --global.tls-cert-file=two/tls.crt \\\n"
		      "    --global.tls-key-file=two/tls.key \\\n"
		      "    --global.tls-ca-file=two/ca.crt");
	page_commands(out, "See what a file, the environment and flags say together:",
		      "webmesh-node --config=/etc/webmesh/node.yaml --print-config");
	page_section(out, "See also");
	page_paragraph(out, "webmesh.conf(5), wmctl(1), webmesh-wg(8)");
}

void page_node(struct wm_buf *out)
{
	page_begin(out, "webmesh-node", 8, "member of a WireGuard mesh");
	page_section(out, "Synopsis");
	wm_buf_add_str(out, "\\fBwebmesh\\-node\\fR [\\fIOPTION\\fR...]\n.br\n"
			    "\\fBwebmesh\\-node version\\fR [\\fB\\-\\-json\\fR]\n");
	page_section(out, "Description");
	page_paragraph(
		out, "webmesh-node makes this host a member of a mesh: it makes a new one "
		     "(--bootstrap.enabled) or joins one (--mesh.join-addresses), brings up a "
		     "WireGuard interface, and follows the mesh until it is told to stop. It needs "
		     "the capability to administer networks, and gives up all others.");
	page_paragraph(
		out,
		"Options come from the file that --config names, from the environment and from "
		"flags; the later wins. A list or map replaces that of an earlier source. "
		"Options of the original that this version has not are refused by name.");
	page_section(out, "Options");
	page_paragraph(out,
		       "Flags are written --name VALUE or --name=VALUE; those without a value are "
		       "true, and --name=false turns them off. Lists may be repeated, divided by "
		       "commas, or both.");
	add_flags(out);
	add_node_ends(out);
}

/* ---- webmesh.conf ---- */

static void add_key(struct wm_buf *out, const struct wm_conf_option *o)
{
	struct wm_buf text = {0};
	struct wm_conf_option item = *o;
	item.kind = o->of;
	wm_buf_printf(&text, "%s. Wants %s", o->help, wm_conf_value_wants(o));
	if (o->kind == WM_CONF_LIST || o->kind == WM_CONF_MAP)
		wm_buf_printf(&text, ", each %s", wm_conf_value_wants(&item));
	if (o->kind == WM_CONF_WORD)
		wm_buf_printf(&text, ": %s", o->words);
	wm_buf_printf(&text, ". Default: %s.", *o->def != '\0' ? o->def : "none");
	if ((o->attrs & WM_CONF_NO_ENV) != 0)
		wm_buf_add_str(&text, " Not read from the environment.");
	if ((o->attrs & WM_CONF_SECRET) != 0)
		wm_buf_add_str(&text, " No message repeats it.");
	if ((o->attrs & WM_CONF_RELOAD) != 0)
		wm_buf_add_str(&text, " Reloads.");
	page_entry(out, o->file_key != NULL ? o->file_key : o->name, wm_buf_str(&text));
	wm_buf_fini(&text);
}

static void add_formats(struct wm_buf *out)
{
	page_section(out, "Formats");
	page_paragraph(out,
		       "The file's extension says what it is. In all of them keys nest as the dots "
		       "of the options do; names of keys below are written with their dots.");
	page_entry(out, ".yaml, .yml",
		   "One document. Anchors, aliases and tags are refused. Only true and false are "
		   "booleans.");
	page_entry(out, ".json", "One object as RFC 8259 has it; no comments.");
	page_entry(out, ".toml", "TOML 1.0, without dates and times.");
	page_paragraph(
		out, "Values have to be of their type: text that looks like a number needs quotes "
		     "in YAML. A duration is text such as \"1h30m\". Duplicate keys are refused; "
		     "unknown ones are ignored with a warning that names the nearest known one. A "
		     "file may have 1 MiB, 8192 entries and 16 levels.");
}

void page_conf(struct wm_buf *out)
{
	const struct wm_conf_table *t = wm_node_options_table();
	page_begin(out, "webmesh.conf", 5, "configuration file of webmesh-node");
	page_section(out, "Description");
	page_paragraph(
		out,
		"webmesh-node reads the one file that --config names, whatever its name is. "
		"The environment and flags win over it. webmesh-node --print-config shows what "
		"all of them together say. A change of a key that says \"Reloads\" takes effect "
		"on SIGHUP, that of any other with the next start.");
	add_formats(out);
	page_section(out, "Keys");
	for (size_t i = 0; i < t->n_rows; i++) {
		if (page_has(&t->rows[i], WM_CONF_NO_FILE))
			add_key(out, &t->rows[i]);
	}
	page_section(out, "Example");
	page_commands(out, "A member with certificates, in /etc/webmesh/node.yaml:",
		      "global:\n"
		      "  mtls: true\n"
		      "  verify-chain-only: true\n"
		      "  tls-cert-file: /etc/webmesh/tls.crt\n"
		      "  tls-key-file: /etc/webmesh/tls.key\n"
		      "  tls-ca-file: /etc/webmesh/ca.crt\n"
		      "mesh:\n"
		      "  node-id: beta\n"
		      "  join-addresses: [\"192.0.2.1:8443\"]\n"
		      "wireguard:\n"
		      "  key-file: /var/lib/webmesh/key");
	page_section(out, "See also");
	page_paragraph(out, "webmesh-node(8), wmctl(1)");
}
