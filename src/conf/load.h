#pragma once
/*
 * Inside conf/ only: the state of a load, and the steps that the sources take. Each step sets
 * values through wm_conf_assign, so that precedence and origins are kept in one place.
 */
#include "conf/conf.h"

struct wm_conf_origin {
	enum wm_conf_source source;
	const char *where; /* in the arena, or constant */
	bool from_file;    /* by the name that ends in "-file" */
};

struct wm_conf {
	const struct wm_conf_table *table;
	unsigned scope;
	void *values;
	struct wm_conf_origin *origins; /* one per row */
	bool never_waits;               /* for what files have to say */
	struct wm_conf_list args;
	struct wm_conf_list warnings;
	struct wm_arena arena;
};

/* One flag as it stood on the command line. */
struct wm_conf_flag {
	const struct wm_conf_option *row;
	const char *text;
	const char *where; /* "--mesh.node-id" */
	bool from_file;
};

struct wm_conf_flags {
	struct wm_conf_flag *items;
	size_t n;
};

/* The value's place in the program's struct. */
void *wm_conf_value_at(const struct wm_conf *c, const struct wm_conf_option *o);
struct wm_conf_origin *wm_conf_origin_of(const struct wm_conf *c, const struct wm_conf_option *o);
/* wm_conf_option_find, and @name may also be a secret's with "-file" behind it (*@from_file). */
const struct wm_conf_option *wm_conf_find(const struct wm_conf *c, const char *name,
					  bool *from_file);
/*
 * Sets @o from text, replacing what a lower source said; a list or map that this source has set
 * before grows. The error begins with @where.
 */
int wm_conf_assign(struct wm_conf *c, const struct wm_conf_option *o, enum wm_conf_source source,
		   const char *where, const char *text, struct wm_err *err) WM_MUST_CHECK;
/* The same with what the file at @path holds; a line's end at its end is no part of it. */
int wm_conf_assign_file(struct wm_conf *c, const struct wm_conf_option *o,
			enum wm_conf_source source, const char *where, const char *path,
			struct wm_err *err) WM_MUST_CHECK;
/* Fails because this version does not know what @where asks for. */
int wm_conf_refuse_later(const char *where, struct wm_err *err);

/*
 * Cuts @argv into flags and other arguments (c->args). Nothing is assigned yet, since a file and
 * the environment come first. @out is freed by the caller.
 */
int wm_conf_flags_parse(struct wm_conf *c, int argc, char *const *argv, struct wm_conf_flags *out,
			struct wm_err *err) WM_MUST_CHECK;
/* The half of wm_conf_hide_secrets that concerns the command line. */
void wm_conf_hide_flags(const struct wm_conf_table *t, int argc, char **argv);
int wm_conf_env_apply(struct wm_conf *c, char *const *env, struct wm_err *err) WM_MUST_CHECK;

/* What @name means behind "<family><id>."; false when it means nothing. @out's value has no place.
 */
bool wm_conf_family_member(const struct wm_conf *c, const struct wm_conf_option *family,
			   const char *name, struct wm_conf_option *out);
/* Fails because @member, the end of @where, is none, with the nearest one. */
int wm_conf_family_refuse_unknown(const struct wm_conf *c, const struct wm_conf_option *family,
				  const char *where, const char *member, struct wm_err *err);
/* Checks a value as if it were set; the error begins with @where. */
int wm_conf_family_check_text(const struct wm_conf_option *member, const char *where,
			      const char *text, struct wm_err *err) WM_MUST_CHECK;

/* The name among those that @wanted has attributes for, nearest to @wrong; NULL if none is near. */
const char *wm_conf_nearest_row(const struct wm_conf *c, const char *wrong, unsigned without);
