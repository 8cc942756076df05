/*
 * webmesh.yaml: every key that works, put out of force, with its default behind it; to be cut down
 * to what is needed.
 */
#include "agent/options.h"
#include "base/mem.h"
#include "base/str.h"
#include "page.h"
#include <string.h>

static const char *key_of(const struct wm_conf_option *o)
{
	return o->file_key != NULL ? o->file_key : o->name;
}

static void add_list(struct wm_buf *out, const char *items)
{
	char *copy = wm_strdup(items);
	char *rest = *copy != '\0' ? copy : NULL;
	const char *gap = "";
	wm_buf_add_str(out, "[");
	for (const char *item; (item = wm_str_cut(&rest, ',')) != NULL; gap = ", ")
		wm_buf_printf(out, "%s\"%s\"", gap, item);
	wm_buf_add_str(out, "]");
	wm_free(copy);
}

/* Defaults hold nothing that would have to be escaped. */
static void add_default(struct wm_buf *out, const struct wm_conf_option *o)
{
	if (o->kind == WM_CONF_LIST)
		add_list(out, o->def);
	else if (o->kind == WM_CONF_MAP)
		wm_buf_add_str(out, "{}");
	else if (o->kind == WM_CONF_BOOL || o->kind == WM_CONF_INT || o->kind == WM_CONF_PORT)
		wm_buf_add_str(out, o->def);
	else
		wm_buf_printf(out, "\"%s\"", o->def);
}

static const char *find_title(const struct wm_conf_table *t, const char *key, size_t n)
{
	for (size_t i = 0; i < t->n_sections; i++) {
		if (strncmp(t->sections[i].prefix, key, n) == 0 && t->sections[i].prefix[n] == '\0')
			return t->sections[i].title;
	}
	return NULL;
}

/* Opens the sections of @key that @last did not have; returns the word that is left. */
static const char *add_sections(struct wm_buf *out, const char *last, const char *key, int *depth)
{
	const struct wm_conf_table *t = wm_node_options_table();
	bool same = true;
	const char *word = key;
	for (const char *dot; (dot = strchr(word, '.')) != NULL; word = dot + 1, ++*depth) {
		size_t n = (size_t)(dot + 1 - key);
		same = same && strncmp(last, key, n) == 0;
		const char *title = find_title(t, key, n);
		if (!same && *depth == 0)
			wm_buf_add_str(out, "\n");
		if (!same && title != NULL)
			wm_buf_printf(out, "%*s# ---- %s ----\n", 2 * *depth, "", title);
		if (!same)
			wm_buf_printf(out, "%*s%.*s:\n", 2 * *depth, "", (int)(dot - word), word);
	}
	return word;
}

void page_sample(struct wm_buf *out)
{
	const struct wm_conf_table *t = wm_node_options_table();
	const char *last = "";
	wm_buf_add_str(
		out,
		"# A configuration of webmesh-node: each key that it knows, with its default.\n"
		"# Take the # away where something else is wanted. webmesh.conf(5) says more.\n"
		"# Made from the program's table by \"ninja manual\".\n");
	for (size_t i = 0; i < t->n_rows; i++) {
		const struct wm_conf_option *o = &t->rows[i];
		int depth = 0;
		if (!page_has(o, WM_CONF_NO_FILE))
			continue;
		const char *word = add_sections(out, last, key_of(o), &depth);
		last = key_of(o);
		wm_buf_printf(out, "%*s# %s\n%*s#%s: ", 2 * depth, "", o->help, 2 * depth, "",
			      word);
		add_default(out, o);
		wm_buf_add_str(out, "\n");
	}
}
