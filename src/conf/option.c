#include "conf/option.h"
#include "base/str.h"
#include <string.h>

bool wm_conf_option_is_in(const struct wm_conf_option *o, unsigned scope)
{
	return o->scope == 0 || (o->scope & scope) != 0;
}

/* True when @name is one of the words of @list. */
static bool has_word(const char *list, const char *name)
{
	size_t n = strlen(name);
	for (const char *p = list; p != NULL && (p = strstr(p, name)) != NULL; p += n) {
		if ((p == list || p[-1] == ' ') && (p[n] == '\0' || p[n] == ' '))
			return true;
	}
	return false;
}

static bool is_called(const struct wm_conf_option *o, const char *name)
{
	if (*name == '\0' || (o->attrs & WM_CONF_FAMILY) != 0)
		return false;
	return strcmp(o->name, name) == 0 || wm_streq(o->file_key, name) ||
	       has_word(o->alias, name);
}

const struct wm_conf_option *wm_conf_option_find(const struct wm_conf_table *t, unsigned scope,
						 const char *name)
{
	const struct wm_conf_option *family = NULL;
	for (size_t i = 0; i < t->n_rows; i++) {
		const struct wm_conf_option *o = &t->rows[i];
		if (!wm_conf_option_is_in(o, scope))
			continue;
		if (is_called(o, name))
			return o;
		if ((o->attrs & WM_CONF_FAMILY) != 0 && wm_str_starts(name, o->name))
			family = o;
	}
	return family;
}
