#include "base/mem.h"
#include "base/str.h"
#include "base/vault.h"
#include "conf/load.h"
#include <string.h>

struct walk {
	struct wm_conf *conf;
	int argc;
	char *const *argv;
	int at;
	struct wm_conf_flags *out;
};

static void add_arg(struct wm_conf_list *l, const char *text)
{
	l->items = wm_realloc(l->items, (l->n + 1) * sizeof(*l->items));
	l->items[l->n++] = wm_strdup(text);
}

static void add_flag(struct walk *w, const struct wm_conf_option *o, const char *where,
		     const char *text, bool from_file)
{
	struct wm_conf_flags *f = w->out;
	f->items = wm_realloc(f->items, (f->n + 1) * sizeof(*f->items));
	f->items[f->n++] = (struct wm_conf_flag){o, text, where, from_file};
}

/* ---- flags that are not known ---- */

static int refuse_unknown(struct wm_conf *c, const char *name, struct wm_err *err)
{
	const char *near = wm_conf_nearest_row(c, name, WM_CONF_NO_FLAG);
	if (near != NULL)
		return wm_fail(err, WM_INVALID_ARGUMENT,
			       "unknown flag --%.120s; did you mean --%s? (--help lists them)",
			       name, near);
	return wm_fail(err, WM_INVALID_ARGUMENT, "unknown flag --%.120s (--help lists them)", name);
}

static int refuse_letter(struct wm_conf *c, const char *arg, struct wm_err *err)
{
	char name[120];
	wm_str_copy(name, sizeof(name), arg + 1);
	name[strcspn(name, "=")] = '\0';
	const struct wm_conf_option *o = wm_conf_option_find(c->table, c->scope, name);
	if (o != NULL && (o->attrs & WM_CONF_NO_FLAG) == 0)
		return wm_fail(err, WM_INVALID_ARGUMENT,
			       "unknown flag -%s; did you mean --%s, with two dashes?", name, name);
	return wm_fail(err, WM_INVALID_ARGUMENT, "unknown flag -%s (--help lists them)", name);
}

/* ---- one flag ---- */

/* The value of a flag that has none behind a "=": the next argument. */
static int take_next(struct walk *w, const struct wm_conf_option *o, const char *where,
		     const char **text, struct wm_err *err)
{
	const char *next = w->at < w->argc ? w->argv[w->at] : NULL;
	if (o->kind == WM_CONF_BOOL) {
		if (next != NULL && (strcmp(next, "true") == 0 || strcmp(next, "false") == 0))
			return wm_fail(err, WM_INVALID_ARGUMENT,
				       "%s: the value of such a flag follows a \"=\": %s=%s", where,
				       where, next);
		*text = "true";
		return 0;
	}
	if (next == NULL)
		return wm_fail(err, WM_INVALID_ARGUMENT, "%s: needs a value", where);
	if (wm_str_starts(next, "--"))
		return wm_fail(err, WM_INVALID_ARGUMENT,
			       "%s: needs a value (one that begins with -- follows a \"=\")",
			       where);
	*text = next;
	w->at++;
	return 0;
}

/* A flag with a made-up part: what it says has to make sense, before it is refused by name. */
static int parse_family(struct walk *w, const struct wm_conf_option *family, const char *where,
			const char *text, struct wm_err *err)
{
	struct wm_conf_option member;
	const char *id = where + 2 + strlen(family->name);
	const char *dot = strchr(id, '.');
	if (dot == NULL || dot == id)
		return wm_fail(err, WM_INVALID_ARGUMENT,
			       "unknown flag %.160s; wants --%sNAME.OPTION", where, family->name);
	if (!wm_conf_family_member(w->conf, family, dot + 1, &member))
		return wm_conf_family_refuse_unknown(w->conf, family, where, dot + 1, err);
	int rc = text == NULL ? take_next(w, &member, where, &text, err) : 0;
	if (rc == 0)
		rc = wm_conf_family_check_text(&member, where, text, err);
	return rc != 0 ? rc : wm_conf_refuse_later(where, err);
}

static int parse_long(struct walk *w, const char *arg, struct wm_err *err)
{
	struct wm_conf *c = w->conf;
	const char *eq = strchr(arg, '=');
	size_t n = eq != NULL ? (size_t)(eq - arg) : strlen(arg);
	const char *where = wm_arena_strndup(&c->arena, arg, n);
	bool from_file;
	const struct wm_conf_option *o = wm_conf_find(c, where + 2, &from_file);
	const char *text = eq != NULL ? eq + 1 : NULL;
	if (o == NULL || (o->attrs & WM_CONF_NO_FLAG) != 0)
		return refuse_unknown(c, where + 2, err);
	if ((o->attrs & WM_CONF_FAMILY) != 0)
		return parse_family(w, o, where, text, err);
	if (text == NULL) {
		int rc = take_next(w, o, where, &text, err);
		if (rc != 0)
			return rc;
	}
	add_flag(w, o, where, text, from_file);
	return 0;
}

static const struct wm_conf_option *find_letter(const struct wm_conf *c, char letter)
{
	for (size_t i = 0; i < c->table->n_rows; i++) {
		const struct wm_conf_option *o = &c->table->rows[i];
		if (o->letter == letter && wm_conf_option_is_in(o, c->scope))
			return o;
	}
	return NULL;
}

/* "-c FILE", "-cFILE", "-c=FILE", "-h". */
static int parse_letter(struct walk *w, const char *arg, struct wm_err *err)
{
	struct wm_conf *c = w->conf;
	const struct wm_conf_option *o = find_letter(c, arg[1]);
	const char *where = wm_arena_strndup(&c->arena, arg, 2);
	const char *text = NULL;
	if (o == NULL || (o->kind == WM_CONF_BOOL && arg[2] != '\0' && arg[2] != '='))
		return refuse_letter(c, arg, err);
	if (arg[2] != '\0')
		text = arg[2] == '=' ? arg + 3 : arg + 2;
	if (text == NULL) {
		int rc = take_next(w, o, where, &text, err);
		if (rc != 0)
			return rc;
	}
	add_flag(w, o, where, text, false);
	return 0;
}

/* ---- the command line ---- */

int wm_conf_flags_parse(struct wm_conf *c, int argc, char *const *argv, struct wm_conf_flags *out,
			struct wm_err *err)
{
	struct walk w = {.conf = c, .argc = argc, .argv = argv, .at = 1, .out = out};
	bool ended = false;
	int rc = 0;
	while (rc == 0 && w.at < argc) {
		const char *arg = argv[w.at++];
		if (!ended && strcmp(arg, "--") == 0)
			ended = true;
		else if (ended || arg[0] != '-' || arg[1] == '\0')
			add_arg(&c->args, arg);
		else if (arg[1] == '-')
			rc = parse_long(&w, arg, err);
		else
			rc = parse_letter(&w, arg, err);
	}
	return rc;
}

void wm_conf_scan_args(const struct wm_conf_table *t, int argc, char *const *argv,
		       struct wm_conf_list *out)
{
	struct wm_conf *c = wm_conf_new(t, ~0u);
	struct wm_conf_flags flags = {0};
	struct walk w = {.conf = c, .argc = argc, .argv = argv, .at = 1, .out = &flags};
	while (w.at < argc && strcmp(argv[w.at], "--") != 0) {
		const char *arg = argv[w.at++];
		int rc = 0;
		if (arg[0] != '-' || arg[1] == '\0')
			add_arg(out, arg);
		else
			rc = arg[1] == '-' ? parse_long(&w, arg, NULL)
					   : parse_letter(&w, arg, NULL);
		(void)rc; /* the load that follows says what is wrong */
	}
	wm_free(flags.items);
	wm_conf_free(c);
}

/* The argument that holds @text, which is its end or all of it. */
static void hide_in(int argc, char **argv, const char *text)
{
	for (int i = 1; i < argc; i++) {
		size_t n = strlen(argv[i]);
		if (text < argv[i] || text > argv[i] + n)
			continue;
		char *kept = argv[i];
		argv[i] = wm_vault_strdup(kept);
		wm_wipe(kept + (text - kept), n - (size_t)(text - kept));
		return;
	}
}

void wm_conf_hide_flags(const struct wm_conf_table *t, int argc, char **argv)
{
	struct wm_conf *c = wm_conf_new(t, ~0u);
	struct wm_conf_flags flags = {0};
	struct walk w = {.conf = c, .argc = argc, .argv = argv, .at = 1, .out = &flags};
	while (w.at < argc && strcmp(argv[w.at], "--") != 0) {
		const char *arg = argv[w.at++];
		int rc = 0;
		if (arg[0] == '-' && arg[1] == '-')
			rc = parse_long(&w, arg, NULL);
		(void)rc; /* the load that follows says what is wrong */
	}
	for (size_t i = 0; i < flags.n; i++) {
		const struct wm_conf_flag *f = &flags.items[i];
		if ((f->row->attrs & WM_CONF_SECRET) != 0 && !f->from_file)
			hide_in(argc, argv, f->text);
	}
	wm_free(flags.items);
	wm_conf_free(c);
}
