#pragma once
/*
 * The folder in which the journals of this host stand, shared by processes that do not know each
 * other. Whoever looks or writes holds its lock; whoever lives holds the lock of its own file.
 * Blocks on the disk; one thread at a time.
 */
#include "base/err.h"
#include "fabric/notes.h"
#include <stdbool.h>

struct wm_shelf {
	int dir;  /* descriptor of the folder */
	int lock; /* of its lock file, -1 while not held */
	char path[256];
};

/* Makes the folder when it is absent; refuses one that others may write to. */
WM_MUST_CHECK int wm_shelf_open(struct wm_shelf *s, const char *path, struct wm_err *err);
void wm_shelf_close(struct wm_shelf *s);
/* Waits a moment for others; UNAVAILABLE when they do not let go. */
WM_MUST_CHECK int wm_shelf_lock(struct wm_shelf *s, struct wm_err *err);
void wm_shelf_unlock(struct wm_shelf *s);

/* The name of the file for an interface in a network. */
#define WM_SHELF_FILE 64
void wm_shelf_file_name(const struct wm_notes *n, char out[WM_SHELF_FILE]);

struct wm_shelf_entry {
	char file[WM_SHELF_FILE];
	bool is_alive; /* its owner is */
	struct wm_notes notes;
};
struct wm_shelf_list {
	struct wm_shelf_entry *entries;
	size_t n;
};
/*
 * All journals there are, with the lock held. Half-written ones are swept away; those that make no
 * sense are renamed to *.bad, and counted in *@bad, so that a person can look and nobody stumbles
 * twice.
 */
WM_MUST_CHECK int wm_shelf_list(struct wm_shelf *s, struct wm_shelf_list *out, unsigned *bad,
				struct wm_err *err);
void wm_shelf_list_fini(struct wm_shelf_list *l);
/*
 * Puts the file for @n on the disk, whole or not at all, and keeps its lock in *@fd (-1 = had
 * none). An empty @n takes the file away instead. With the lock held.
 */
WM_MUST_CHECK int wm_shelf_put(struct wm_shelf *s, const struct wm_notes *n, int *fd,
			       struct wm_err *err);
