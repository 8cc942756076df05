#pragma once
/*
 * The LMDB environment under a store: its folder and lock, its two tables, its growing map, and the
 * identity of the history that it holds. In memory, the files are unlinked as soon as they are
 * open, so nothing remains of them whatever ends the process. Opened and closed on the loop's
 * thread while the write thread does not run; the functions below say who calls them in between.
 */
#include "base/err.h"
#include <lmdb.h>
#include <stdbool.h>
#include <stdint.h>

#define WM_INCARNATION_TEXT 33

struct wm_env {
	MDB_env *mdb;
	MDB_dbi kv;   /* key with its NUL -> revision (8 bytes, big endian), value */
	MDB_dbi meta; /* "format", "incarnation", "revision" */
	int lock_fd;  /* -1 in memory */
	size_t map_size;
	size_t map_limit;
	char *path; /* for messages */
	char incarnation[WM_INCARNATION_TEXT];
	uint64_t revision; /* as found when opening */
};

/* @path NULL = in memory. Codes as wm_store_open. */
WM_MUST_CHECK int wm_env_open(struct wm_env *e, const char *path, uint64_t map_limit,
			      struct wm_err *err);
void wm_env_close(struct wm_env *e);
/* Doubles the map. Nobody may be inside any transaction. RESOURCE_EXHAUSTED at the limit. */
WM_MUST_CHECK int wm_env_grow(struct wm_env *e, struct wm_err *err);
/* In a write transaction: makes @revision the newest. Returns an LMDB code. */
int wm_env_put_revision(struct wm_env *e, MDB_txn *txn, uint64_t revision);
/* A code and a sentence for an LMDB code or errno; @what was tried. */
int wm_env_fail(const struct wm_env *e, int rc, const char *what, struct wm_err *err);
