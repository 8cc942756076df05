/*
 * Turning a master switch changes other settings with it (platform/linux/forwarding.c), so all
 * values are read before the first is written: then each is either still ours, and gets its old
 * value, or somebody's, and gets that one again should the switch have swept it away.
 */
#include "fabric/undo.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "platform/net.h"

struct target {
	char value[WM_SYSCTL_VALUE]; /* "" = leave alone */
};

/* What a setting is to be in the end, from what it is now. */
static int find_target(const struct wm_sysctl *s, struct target *t, struct wm_err *err)
{
	int code = wm_sysctl_get(s->name, t->value, err);

	if (code != 0)
		t->value[0] = '\0';
	else if (wm_streq(t->value, s->ours))
		(void)wm_str_copy(t->value, sizeof(t->value), s->old);
	return code == WM_NOT_FOUND ? 0 : code; /* its interface is gone */
}

static int reach(const struct wm_sysctl *s, const struct target *t, struct wm_err *err)
{
	char now[WM_SYSCTL_VALUE];
	int code;

	if (t->value[0] == '\0')
		return 0;
	code = wm_sysctl_get(s->name, now, err);
	if (code == 0 && !wm_streq(now, t->value))
		code = wm_sysctl_set(s->name, t->value, err);
	return code == WM_NOT_FOUND ? 0 : code;
}

int wm_undo_family(struct wm_notes *n, enum wm_forwarding family, struct wm_err *err)
{
	struct target *targets = wm_calloc(n->settings.n + 1, sizeof(*targets));
	struct wm_err why;
	size_t kept = 0;
	int code = 0;

	/*
	 * Unless all can be read, none is written: the switch would sweep away what was not seen.
	 */
	for (size_t i = 0; i < n->settings.n && code == 0; i++)
		if (wm_notes_is_of(&n->settings.items[i], family))
			code = find_target(&n->settings.items[i], &targets[i], err);
	if (code != 0) {
		wm_free(targets);
		return code;
	}
	for (size_t i = 0; i < n->settings.n; i++) {
		const struct wm_sysctl s = n->settings.items[i];
		bool is_ours = wm_notes_is_of(&s, family);

		if (is_ours && reach(&s, &targets[i], &why) == 0)
			continue;
		if (is_ours && code == 0)
			code = wm_err_copy(err, &why);
		n->settings.items[kept++] = s;
	}
	n->settings.n = kept;
	wm_free(targets);
	return code;
}

static int undo_link(struct wm_net *net, struct wm_notes *n, struct wm_err *err)
{
	struct wm_link link;
	int code;

	if (n->link == 0)
		return 0;
	code = wm_link_find(net, n->link_name, &link, err);
	/* The name may be somebody else's by now; the index is never given twice. */
	if (code == 0 && link.index == n->link)
		code = wm_link_remove(net, n->link, err);
	if (code != 0 && code != WM_NOT_FOUND)
		return code;
	n->link = 0;
	return 0;
}

int wm_undo_links(struct wm_net *net, struct wm_notes *n, struct wm_err *err)
{
	struct wm_err why;
	size_t kept = 0;
	int code = undo_link(net, n, err);

	for (size_t i = 0; i < n->routes.n; i++) {
		const struct wm_route r = n->routes.routes[i];
		int rc = wm_route_remove(net, &r, &why);

		if (rc == 0 || rc == WM_NOT_FOUND)
			continue;
		if (code == 0)
			code = wm_err_copy(err, &why);
		n->routes.routes[kept++] = r;
	}
	n->routes.n = kept;
	return code;
}
