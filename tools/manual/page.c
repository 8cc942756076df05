#include "page.h"
#include "base/version.h"
#include "conf/value.h"
#include <ctype.h>
#include <string.h>

#define PAGE_DATE  "2026-11-22" /* of the version; changes with it */
#define LINE_WIDTH 80

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

/* Appends text as roff, a sentence a line as is the custom, and no line longer than a screen's. */
static void add_prose(struct wm_buf *out, const char *text)
{
	struct wm_buf escaped = {0};
	page_text(&escaped, text);
	const char *begin = wm_buf_str(&escaped);
	size_t column = 0;
	for (const char *word = begin; *word != '\0';) {
		size_t len = strcspn(word, " ");
		bool new_sentence = column > 0 && word[-2] == '.' && isupper((unsigned char)*word);
		if (new_sentence || column + 1 + len > LINE_WIDTH) {
			wm_buf_add_str(out, "\n");
			column = 0;
		} else if (column > 0) {
			wm_buf_add_str(out, " ");
			column++;
		}
		if (column == 0 && word != begin && (*word == '.' || *word == '\''))
			wm_buf_add_str(out, "\\&");
		wm_buf_add(out, word, len);
		column += len;
		word += len + (word[len] == ' ');
	}
	wm_buf_add_str(out, "\n");
	wm_buf_fini(&escaped);
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
	wm_buf_printf(out, " %u \"" PAGE_DATE "\" \"webmesh %s\" \"webmesh\"\n.SH NAME\n", section,
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

/* True right behind a title, where roff begins a paragraph by itself. */
static bool has_just_begun(const struct wm_buf *out)
{
	const char *text = wm_buf_str(out);
	size_t at = out->len - 1; /* of the last newline */
	while (at > 0 && text[at - 1] != '\n')
		at--;
	return strncmp(text + at, ".SH ", 4) == 0;
}

void page_paragraph(struct wm_buf *out, const char *text)
{
	if (!has_just_begun(out))
		wm_buf_add_str(out, ".PP\n");
	add_prose(out, text);
}

void page_entry(struct wm_buf *out, const char *tag, const char *text)
{
	wm_buf_add_str(out, ".TP\n\\fB");
	page_text(out, tag);
	wm_buf_add_str(out, "\\fR\n");
	add_prose(out, text);
}

void page_commands(struct wm_buf *out, const char *what, const char *lines)
{
	page_paragraph(out, what);
	wm_buf_add_str(out, ".PP\n.nf\n.RS 4\n");
	page_text(out, lines);
	wm_buf_add_str(out, "\n.RE\n.fi\n");
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
	add_prose(out, wm_buf_str(&text));
	wm_buf_fini(&text);
}

bool page_has(const struct wm_conf_option *o, unsigned without)
{
	without |= WM_CONF_LATER | WM_CONF_HIDDEN | WM_CONF_FAMILY;
	return (o->attrs & without) == 0;
}
