#include "page.h"
#include "base/version.h"
#include "conf/value.h"
#include <ctype.h>
#include <string.h>

void page_text(struct wm_buf *out, const char *text)
{
	if (*text == '.' || *text == '\'')
		wm_buf_add_str(out, "\\&");
	for (; *text != '\0'; text++) {
		if (*text == '\\')
			wm_buf_add_str(out, "\\e");
		else if (*text == '-')
			wm_buf_add_str(out, "\\-");
		else
			wm_buf_add(out, text, 1);
	}
}

static void add_upper(struct wm_buf *out, const char *text)
{
	for (; *text != '\0'; text++) {
		char c = (char)toupper((unsigned char)*text);
		wm_buf_add(out, &c, 1);
	}
}

void page_begin(struct wm_buf *out, const char *name, unsigned section, const char *what)
{
	wm_buf_add_str(out, ".\\\" Made from the program's tables by \"ninja manual\".\n.TH ");
	add_upper(out, name);
	wm_buf_printf(out, " %u \"\" \"webmesh %s\" \"webmesh\"\n.SH NAME\n", section,
		      wm_version_text());
	page_text(out, name);
	wm_buf_add_str(out, " \\- ");
	page_text(out, what);
	wm_buf_add_str(out, "\n");
}

void page_section(struct wm_buf *out, const char *title)
{
	wm_buf_add_str(out, ".SH ");
	add_upper(out, title);
	wm_buf_add_str(out, "\n");
}

void page_paragraph(struct wm_buf *out, const char *text)
{
	wm_buf_add_str(out, ".PP\n");
	page_text(out, text);
	wm_buf_add_str(out, "\n");
}

void page_entry(struct wm_buf *out, const char *tag, const char *text)
{
	wm_buf_add_str(out, ".TP\n\\fB");
	page_text(out, tag);
	wm_buf_add_str(out, "\\fR\n");
	page_text(out, text);
	wm_buf_add_str(out, "\n");
}

static void add_words(struct wm_buf *out, const char *words)
{
	wm_buf_add_str(out, " One of");
	const char *gap = " ";
	for (const char *p = words; *p != '\0';) {
		size_t n = strcspn(p, "|");
		if (n > 0)
			wm_buf_printf(out, "%s%.*s", gap, (int)n, p);
		gap = ", ";
		p += n + (p[n] == '|');
	}
	wm_buf_add_str(out, ".");
}

static void add_flag_text(struct wm_buf *out, const struct wm_conf_option *o, const char *known_by)
{
	wm_buf_printf(out, "%s.", o->help);
	if (o->kind == WM_CONF_WORD)
		add_words(out, o->words);
	if ((o->attrs & WM_CONF_REQUIRED) != 0)
		wm_buf_add_str(out, " Required.");
	else if (*o->def != '\0' && strcmp(o->def, "false") != 0)
		wm_buf_printf(out, " Default: %s.", o->def);
	if ((o->attrs & WM_CONF_RELOAD) != 0)
		wm_buf_add_str(out, " Reloads.");
	if (known_by != NULL)
		wm_buf_printf(out, " Known by: %s.", known_by);
}

void page_flag(struct wm_buf *out, const struct wm_conf_option *o, const char *known_by)
{
	const char *value = wm_conf_value_name(o);
	struct wm_buf text = {0};
	wm_buf_add_str(out, ".TP\n\\fB");
	if (o->letter != 0)
		wm_buf_printf(out, "\\-%c\\fR, \\fB", o->letter);
	wm_buf_add_str(out, "\\-\\-");
	page_text(out, o->name);
	wm_buf_add_str(out, "\\fR");
	if (*value != '\0') {
		wm_buf_add_str(out, " \\fI");
		page_text(out, value);
		wm_buf_add_str(out, "\\fR");
	}
	wm_buf_add_str(out, "\n");
	add_flag_text(&text, o, known_by);
	page_text(out, wm_buf_str(&text));
	wm_buf_add_str(out, "\n");
	wm_buf_fini(&text);
}

bool page_has(const struct wm_conf_option *o, unsigned without)
{
	without |= WM_CONF_LATER | WM_CONF_HIDDEN | WM_CONF_FAMILY;
	return (o->attrs & without) == 0;
}
