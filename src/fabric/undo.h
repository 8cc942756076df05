#pragma once
/*
 * Taking back what notes say, from the machine. What could be taken back is dropped from the notes,
 * what could not stays; settings that somebody else has changed since are theirs. Any thread.
 */
#include "base/err.h"
#include "fabric/notes.h"

struct wm_net;

/* Restores the settings of one family. */
int wm_undo_family(struct wm_notes *n, enum wm_forwarding family, struct wm_err *err);
/* Removes the noted interface and routes. */
int wm_undo_links(struct wm_net *net, struct wm_notes *n, struct wm_err *err);
