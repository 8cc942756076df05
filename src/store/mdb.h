#pragma once
/*
 * An LMDB environment: its folder and lock, its map, and its errors in words. In memory, the files
 * are unlinked as soon as they are open, so nothing remains of them whatever ends the process. What
 * stands in it is for others. One thread at a time, but for what LMDB itself allows.
 */
#include "base/err.h"
#include <lmdb.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wm_mdb {
	MDB_env *env;
	int lock_fd; /* -1 = none */
	size_t map_size;
	size_t map_limit;
	char *path; /* for messages */
};

struct wm_mdb_opts {
	const char *path; /* folder, made 0700; NULL = in memory */
	const char
		*lock; /* name of the file that says who has the folder; NULL = others saw to it */
	uint64_t map_limit; /* bytes; 0 = 8 GiB of address space, 1 GiB where that is small */
	bool whole_map;     /* all of it from the start, where address space is large */
	unsigned tables;
	/* Called with the folder made and locked, before data is opened; may be NULL. */
	int (*prepare)(void *arg, bool *discard, struct wm_err *err);
	void *arg;
};

/*
 * FAILED_PRECONDITION when another process holds the folder, DATA_LOSS when the data is damaged or
 * of another LMDB, and those of prepare. After an error there is nothing to be closed.
 */
WM_MUST_CHECK int wm_mdb_open(struct wm_mdb *m, const struct wm_mdb_opts *opts, struct wm_err *err);
void wm_mdb_close(struct wm_mdb *m); /* harmless on a zeroed one */
/* Doubles the map. Nobody may be inside any transaction. RESOURCE_EXHAUSTED at the limit. */
WM_MUST_CHECK int wm_mdb_grow(struct wm_mdb *m, struct wm_err *err);
/* All that was written is on the disk when it returns. */
WM_MUST_CHECK int wm_mdb_sync(struct wm_mdb *m, struct wm_err *err);
/*
 * Lets go of the memory that the file's pages take in this process; they come back when they are
 * looked at. Nobody may be inside any transaction.
 */
WM_MUST_CHECK int wm_mdb_forget(struct wm_mdb *m, struct wm_err *err);
/* A code and a sentence for an LMDB code or errno; @what was tried. */
int wm_mdb_fail(const struct wm_mdb *m, int rc, const char *what, struct wm_err *err);
