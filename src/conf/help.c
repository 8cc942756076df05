#include "conf/conf.h"
#include "base/str.h"
#include "conf/value.h"
#include <stdio.h>
#include <string.h>

#define TEXT_COLUMN 34

const char *wm_conf_value_name(const struct wm_conf_option *o)
{
	static const char *const by_kind[] = {
		[WM_CONF_BOOL] = "",
		[WM_CONF_STRING] = "TEXT",
		[WM_CONF_INT] = "NUMBER",
		[WM_CONF_PORT] = "PORT",
		[WM_CONF_DURATION] = "TIME",
		[WM_CONF_SIZE] = "SIZE",
		[WM_CONF_LIST] = "LIST",
		[WM_CONF_MAP] = "NAME=VALUE",
		[WM_CONF_WORD] = "WORD",
		[WM_CONF_PREFIX] = "NETWORK",
		[WM_CONF_HOST_PORT] = "HOST:PORT",
		[WM_CONF_ENDPOINT] = "IP:PORT",
		[WM_CONF_IP] = "IP",
	};
	return o->value != NULL ? o->value : by_kind[o->kind];
}

/* True when a reader of --help needs the default: not for "false", 0 or nothing. */
static bool shows_default(const struct wm_conf_option *o)
{
	return *o->def != '\0' && strcmp(o->def, "false") != 0;
}

static void add_words(const struct wm_conf_option *o, struct wm_buf *out)
{
	wm_buf_add_str(out, " (");
	for (const char *p = o->words; *p != '\0'; p++) {
		if (*p != '|')
			wm_buf_add(out, p, 1);
		else if (p[1] != '\0')
			wm_buf_add_str(out, ", ");
	}
	wm_buf_add_str(out, ")");
}

static void add_option(const struct wm_conf_option *o, struct wm_buf *out)
{
	char flag[160];
	const char *value = wm_conf_value_name(o);
	char letter[8] = "    ";
	if (o->letter != 0)
		snprintf(letter, sizeof(letter), "-%c, ", o->letter);
	int n = snprintf(flag, sizeof(flag), "  %s--%s%s%s", letter, o->name,
			 *value != '\0' ? " " : "", value);
	if (n > TEXT_COLUMN - 2)
		wm_buf_printf(out, "%s\n%*s", flag, TEXT_COLUMN, "");
	else
		wm_buf_printf(out, "%-*s", TEXT_COLUMN, flag);
	wm_buf_add_str(out, o->help);
	if (o->kind == WM_CONF_WORD)
		add_words(o, out);
	if ((o->attrs & WM_CONF_REQUIRED) != 0)
		wm_buf_add_str(out, " (required)");
	else if (shows_default(o))
		wm_buf_printf(out, " (default %s)", o->def);
	if ((o->attrs & WM_CONF_FROM_FILE) != 0)
		wm_buf_printf(out, " (or --%s-file FILE that holds it)", o->name);
	wm_buf_add_str(out, "\n");
}

static bool is_shown(const struct wm_conf_option *o, unsigned scope, const char *section)
{
	const unsigned hidden = WM_CONF_HIDDEN | WM_CONF_LATER | WM_CONF_NO_FLAG | WM_CONF_FAMILY;
	return wm_conf_option_is_in(o, scope) && (o->attrs & hidden) == 0 &&
	       strcmp(o->section, section) == 0;
}

void wm_conf_help(const struct wm_conf_table *t, unsigned scope, struct wm_buf *out)
{
	for (size_t s = 0; s < t->n_sections; s++) {
		bool begun = false;
		for (size_t i = 0; i < t->n_rows; i++) {
			if (!is_shown(&t->rows[i], scope, t->sections[s].prefix))
				continue;
			if (!begun)
				wm_buf_printf(out, "\n%s:\n", t->sections[s].title);
			begun = true;
			add_option(&t->rows[i], out);
		}
	}
}
