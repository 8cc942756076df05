/* Names that users make up a part of: "plugins.mine.exec.path", "bridge.site-1.mesh.node-id". */
#include "base/str.h"
#include "conf/load.h"
#include "conf/value.h"
#include <string.h>

/* True when @name lies in one of the sections of @list. */
static bool is_in_one(const char *list, const char *name)
{
	for (const char *p = list; p != NULL && *p != '\0';) {
		size_t n = strcspn(p, " ");
		if (strncmp(p, name, n) == 0)
			return true;
		p += n + strspn(p + n, " ");
	}
	return false;
}

static bool find_member(const struct wm_conf_option *family, const char *name,
			struct wm_conf_option *out)
{
	for (const struct wm_conf_member *m = family->members; m->name != NULL; m++) {
		if (strcmp(m->name, name) != 0)
			continue;
		*out = (struct wm_conf_option){
			.name = m->name, .kind = m->kind, .of = WM_CONF_STRING};
		return true;
	}
	return false;
}

bool wm_conf_family_member(const struct wm_conf *c, const struct wm_conf_option *family,
			   const char *name, struct wm_conf_option *out)
{
	if (family->members != NULL)
		return find_member(family, name, out);
	const struct wm_conf_option *o = wm_conf_option_find(c->table, c->scope, name);
	if (o == NULL || (o->attrs & WM_CONF_FAMILY) != 0 || *o->section == '\0' ||
	    is_in_one(family->words, name))
		return false;
	*out = *o;
	return true;
}

int wm_conf_family_refuse_unknown(const struct wm_conf *c, const struct wm_conf_option *family,
				  const char *where, const char *member, struct wm_err *err)
{
	const char *names[WM_CONF_MEMBERS_MAX];
	size_t n = 0;
	for (const struct wm_conf_member *m = family->members;
	     m != NULL && m->name != NULL && n < WM_CONF_MEMBERS_MAX; m++)
		names[n++] = m->name;
	const char *near = family->members != NULL
				   ? wm_conf_nearest(member, names, n)
				   : wm_conf_nearest_row(c, member, WM_CONF_NO_FILE);
	if (near == NULL)
		return wm_fail(err, WM_INVALID_ARGUMENT, "unknown flag %.160s", where);
	return wm_fail(err, WM_INVALID_ARGUMENT, "unknown flag %.160s; did you mean %.*s%s?", where,
		       (int)(strlen(where) - strlen(member)), where, near);
}

int wm_conf_family_check_text(const struct wm_conf_option *member, const char *where,
			      const char *text, struct wm_err *err)
{
	union wm_conf_any v = {0};
	int rc = wm_conf_value_parse(member, text, false, &v, err);
	wm_conf_value_fini(member, &v);
	return rc == 0 ? 0 : wm_wrap(err, "%s", where);
}
