#pragma once
/*
 * Inside conf/ only: what our own parsers of file formats share: a cursor over the text that counts
 * lines, the tree's limits, and errors with file and line. No message repeats what the file says
 * beyond a key or one character: it may hold passwords. Plain values; any thread.
 */
#include "base/buf.h"
#include "conf/node.h"

struct wm_conf_scan {
	struct wm_arena *arena;
	const char *file;   /* in the arena */
	const char *format; /* "JSON", for messages */
	const char *at, *end;
	unsigned line;
	unsigned n_nodes;
	struct wm_buf text; /* of the string that is being read */
	struct wm_err *err;
};

/* Begins at the first byte of @text, which is borrowed; refuses what is too large or no UTF-8. */
int wm_conf_scan_begin(struct wm_conf_scan *s, struct wm_arena *a, const char *name,
		       const char *format, const void *text, size_t len, struct wm_err *err)
	WM_MUST_CHECK;
/* Wipes and frees what the scan held; after a failed begin too. */
void wm_conf_scan_end(struct wm_conf_scan *s);

/* Fails with "<file>:<line>: not <format>: <sentence>". */
int wm_conf_scan_fail(const struct wm_conf_scan *s, const char *fmt, ...) WM_PRINTF(2, 3);
/* The same where the format allows it but we do not: "<file>:<line>: <sentence>". */
int wm_conf_scan_refuse(const struct wm_conf_scan *s, const char *fmt, ...) WM_PRINTF(2, 3);
/* Fails because of the character (or the end) where the cursor stands, when @wanted was due. */
int wm_conf_scan_fail_here(const struct wm_conf_scan *s, const char *wanted);

/* The byte at the cursor, or -1 at the end. */
int wm_conf_scan_peek(const struct wm_conf_scan *s);
/* Passes @word if it stands at the cursor. */
bool wm_conf_scan_take(struct wm_conf_scan *s, const char *word);
/* Passes one byte; counts the line when it ends one. */
void wm_conf_scan_step(struct wm_conf_scan *s);

/* Passes @n hexadecimal digits. */
int wm_conf_scan_hex(struct wm_conf_scan *s, unsigned n, uint32_t *out) WM_MUST_CHECK;
/* Appends a character to the text as UTF-8; refuses NUL, surrogates and what is beyond Unicode. */
int wm_conf_scan_add_char(struct wm_conf_scan *s, uint32_t c) WM_MUST_CHECK;
/* The text so far, in the arena; the next one begins. */
const char *wm_conf_scan_take_text(struct wm_conf_scan *s);

/*
 * A new child of @parent (NULL: the root) on @line; @key NULL in lists, else checked to be new.
 * NULL with an error when the file is too deep or has too many entries, or the key is there
 * already.
 */
struct wm_conf_node *wm_conf_scan_add(struct wm_conf_scan *s, struct wm_conf_node *parent,
				      const char *key, enum wm_conf_node_type type, unsigned line);
