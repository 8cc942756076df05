#pragma once
/*
 * What a journal says, as data and as text. The text is lines of words, begun by its version and
 * closed by "end", so that half a file is recognised as such. Owns its memory; a zeroed struct is
 * empty. Pure, any thread.
 */
#include "base/buf.h"
#include "base/err.h"
#include "platform/link.h"
#include "platform/route.h"
#include "platform/sysctl.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WM_NOTES_BOOT 40
#define WM_NOTES_MAX  4096 /* settings, and routes, that a text may hold */

struct wm_notes {
	char boot[WM_NOTES_BOOT]; /* the kernel's boot ID: later ones have forgotten it all */
	uint64_t net;             /* wm_net_id */
	char name[WM_LINK_NAME];  /* the interface whose journal this is */
	unsigned link;            /* an interface to remove, 0 = none */
	char link_name[WM_LINK_NAME];
	struct wm_sysctl_list
		settings; /* the master switch of a family before what belongs to it */
	struct wm_route_list routes;
};

void wm_notes_fini(struct wm_notes *n);
bool wm_notes_is_empty(const struct wm_notes *n);
/* Copies @s behind the others. */
void wm_notes_add_setting(struct wm_notes *n, const struct wm_sysctl *s);
void wm_notes_add_route(struct wm_notes *n, const struct wm_route *r);
/* True for a setting that belongs to the family. */
bool wm_notes_is_of(const struct wm_sysctl *s, enum wm_forwarding family);
bool wm_notes_has_family(const struct wm_notes *n, enum wm_forwarding family);
void wm_notes_drop_family(struct wm_notes *n, enum wm_forwarding family);

void wm_notes_format(const struct wm_notes *n, struct wm_buf *out);
/* DATA_LOSS, naming the line, for what was not written by wm_notes_format. @out must be zeroed. */
WM_MUST_CHECK int wm_notes_parse(const char *text, size_t len, struct wm_notes *out,
				 struct wm_err *err);
