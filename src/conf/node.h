#pragma once
/*
 * A configuration file as a tree: maps, lists and scalars, each with the line it stands on. Every
 * file format parses into this one form; options and programs read it from here. Nodes live in the
 * arena that the parser was given. The getters make the sentence that a person needs: file, line,
 * key, what is wanted, what was found. Plain values; any thread.
 */
#include "base/arena.h"
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WM_CONF_FILE_MAX  (1024u * 1024) /* bytes of a configuration file */
#define WM_CONF_NODES_MAX 8192u          /* nodes of one file */
#define WM_CONF_DEPTH_MAX 16u            /* maps and lists within each other */

enum wm_conf_node_type {
	WM_CONF_NODE_NULL, /* nothing behind the colon, null or ~ */
	WM_CONF_NODE_BOOL,
	WM_CONF_NODE_INT,
	WM_CONF_NODE_FLOAT,
	WM_CONF_NODE_TEXT,
	WM_CONF_NODE_MAP,
	WM_CONF_NODE_LIST,
};

struct wm_conf_node {
	enum wm_conf_node_type type;
	unsigned line;                     /* from 1 */
	const char *key;                   /* in a map, else NULL */
	const char *text;                  /* a scalar as written, else NULL */
	const char *file;                  /* its name for messages */
	struct wm_conf_node *parent;       /* NULL for the root */
	struct wm_conf_node *first, *last; /* children of a map or list, in order */
	struct wm_conf_node *next;         /* sibling */
	size_t n;                          /* children */
	unsigned char mark;                /* the parser's own */
};

#define wm_conf_node_each(child, node) \
	for ((child) = (node)->first; (child) != NULL; (child) = (child)->next)

/* The child of this key, or NULL; @map may be NULL or no map. */
const struct wm_conf_node *wm_conf_node_find(const struct wm_conf_node *map, const char *key);
/* The way from the root: "clusters[0].cluster.server"; cut to @size. Returns @out. */
char *wm_conf_node_path(const struct wm_conf_node *n, char *out, size_t size);
/* Fails with "<file>:<line>: <path>: <sentence>" and INVALID_ARGUMENT. */
int wm_conf_node_fail(const struct wm_conf_node *n, struct wm_err *err, const char *fmt, ...)
	WM_PRINTF(3, 4);
/* "the text "yes"", "a list": what a node is, for messages; scalars are shown unless @secret. */
char *wm_conf_node_describe(const struct wm_conf_node *n, bool secret, char *out, size_t size);

/*
 * Strict getters: an absent or null child leaves *@out as it is, one of another type is an error.
 * Text is borrowed from the arena.
 */
int wm_conf_node_get_text(const struct wm_conf_node *map, const char *key, const char **out,
			  struct wm_err *err) WM_MUST_CHECK;
int wm_conf_node_get_bool(const struct wm_conf_node *map, const char *key, bool *out,
			  struct wm_err *err) WM_MUST_CHECK;
int wm_conf_node_get_duration(const struct wm_conf_node *map, const char *key, int64_t *out_ns,
			      struct wm_err *err) WM_MUST_CHECK;
/* The child must be a map (@out NULL when absent). */
int wm_conf_node_get_map(const struct wm_conf_node *map, const char *key,
			 const struct wm_conf_node **out, struct wm_err *err) WM_MUST_CHECK;
/* The child must be a list (@out NULL when absent). */
int wm_conf_node_get_list(const struct wm_conf_node *map, const char *key,
			  const struct wm_conf_node **out, struct wm_err *err) WM_MUST_CHECK;

/* For parsers: a new child of @parent (NULL for the root); NULL when the file has too many nodes.
 */
struct wm_conf_node *wm_conf_node_add(struct wm_arena *a, struct wm_conf_node *parent,
				      enum wm_conf_node_type type, const char *file, unsigned line);
