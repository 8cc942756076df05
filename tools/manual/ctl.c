/* wmctl.1 */
#include "page.h"
#include "programs/wmctl/command.h"

static void add_command(struct wm_buf *out, const struct wm_ctl_command *c)
{
	wm_buf_add_str(out, ".TP\n\\fB");
	if (c->group != NULL)
		wm_buf_printf(out, "%s ", c->group);
	page_text(out, c->name);
	wm_buf_add_str(out, "\\fR \\fI");
	page_text(out, c->args);
	wm_buf_add_str(out, "\\fR\n");
	page_text(out, c->help);
	wm_buf_add_str(out, ".\n");
	if (c->alias != NULL) {
		wm_buf_add_str(out, "Also called: ");
		page_text(out, c->alias);
		wm_buf_add_str(out, ".\n");
	}
}

/* The commands that know @o, with commas between; empty when all do. */
static void list_commands(struct wm_buf *out, const struct wm_conf_option *o)
{
	size_t n;
	const struct wm_ctl_command *c = wm_ctl_commands(&n);
	for (size_t i = 0; o->scope != 0 && i < n; i++) {
		if (c[i].run != NULL && wm_conf_option_is_in(o, c[i].scope))
			wm_buf_printf(out, "%s%s%s%s", out->len > 0 ? ", " : "",
				      c[i].group != NULL ? c[i].group : "",
				      c[i].group != NULL ? " " : "", c[i].name);
	}
}

static void add_options(struct wm_buf *out)
{
	const struct wm_conf_table *t = wm_ctl_options_table();
	for (size_t i = 0; i < t->n_rows; i++) {
		struct wm_buf known_by = {0};
		list_commands(&known_by, &t->rows[i]);
		if (page_has(&t->rows[i], 0))
			page_flag(out, &t->rows[i],
				  known_by.len > 0 ? wm_buf_str(&known_by) : NULL);
		wm_buf_fini(&known_by);
	}
}

static void add_ends(struct wm_buf *out)
{
	page_section(out, "Environment");
	page_entry(out, "WMCTL_CONFIG", "The configuration file, when --config names none.");
	page_section(out, "Files");
	page_entry(out, "~/.wmctl/config.yaml",
		   "Servers, users and contexts; wmctl pki gen-config writes such a file.");
	page_section(out, "Exit status");
	page_entry(out, "0", "It was done.");
	page_entry(out, "1", "It was not; the line on standard error says why.");
	page_entry(out, "2", "The command or one of its options has to be mended.");
	page_section(out, "Examples");
	page_commands(out,
		      "Certificates for two nodes, and a configuration file to ask the first with:",
		      "wmctl pki init --pki-directory pki\n"
		      "wmctl pki issue --pki-directory pki --name one\n"
		      "wmctl pki issue --pki-directory pki --name two\n"
		      "wmctl pki gen-config --pki-directory pki --server 192.0.2.10:8443 \\\n"
		      "    --output ~/.wmctl/config.yaml");
	page_commands(
		out, "Who is in the mesh, how one of them is, and a picture of it (with Graphviz):",
		"wmctl get nodes\n"
		"wmctl status two\n"
		"wmctl get graph | dot -Tsvg >mesh.svg");
	page_commands(out, "Take a host out of the mesh for good:", "wmctl leave two");
	page_section(out, "See also");
	page_paragraph(out, "webmesh-node(8)");
}

void page_ctl(struct wm_buf *out)
{
	size_t n;
	const struct wm_ctl_command *c = wm_ctl_commands(&n);
	page_begin(out, "wmctl", 1, "ask and command a mesh");
	page_section(out, "Synopsis");
	wm_buf_add_str(out, "\\fBwmctl\\fR \\fICOMMAND\\fR [\\fIOPTION\\fR...]\n");
	page_section(out, "Description");
	page_paragraph(
		out, "wmctl asks a node's API and prints its answer, makes keys, and runs a small "
		     "certificate authority. Answers go to standard output, all else to standard "
		     "error.");
	page_section(out, "Commands");
	for (size_t i = 0; i < n; i++) {
		if (c[i].run != NULL)
			add_command(out, &c[i]);
	}
	page_section(out, "Options");
	add_options(out);
	add_ends(out);
}
