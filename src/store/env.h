#pragma once
/*
 * The LMDB environment under a store: its two tables, and the identity of the history that it
 * holds. Opened and closed on the loop's thread while the thread that writes does not run; in
 * between, that thread alone writes.
 *
 * Where a log orders the changes (wm_env_opts.ordered), the state is only what the log has made so
 * far: it remembers up to which entry, and it need not be synced (wm_env_unsync), for a power cut
 * that spoils it costs nothing but making it again.
 */
#include "store/mdb.h"

#define WM_INCARNATION_TEXT 33

struct wm_env {
	struct wm_mdb m;
	MDB_dbi kv;   /* key with its NUL -> revision (8 bytes, big endian), value */
	MDB_dbi meta; /* "format", "incarnation", "revision", "applied" */
	bool is_ordered;
	bool is_applied; /* a log has written it: its format says so */
	char incarnation[WM_INCARNATION_TEXT];
	/* As found when opening, or by wm_env_reload. */
	uint64_t revision;
	uint64_t applied_index, applied_term; /* of the log's entry; 0 without a log */
};

struct wm_env_opts {
	const char *path;   /* NULL = in memory */
	uint64_t map_limit; /* bytes; 0 = 8 GiB of address space */
	bool ordered;       /* a log has the changes: all of the map is there from the start */
	/* Called with the folder made and locked, before data is opened; may be NULL. */
	int (*prepare)(void *arg, bool *discard, struct wm_err *err);
	void *arg;
};

/* Codes as wm_store_open, and those of prepare. */
WM_MUST_CHECK int wm_env_open(struct wm_env *e, const struct wm_env_opts *opts, struct wm_err *err);
void wm_env_close(struct wm_env *e);
/* Reads revision, applied entry and incarnation again, after somebody wrote them. */
WM_MUST_CHECK int wm_env_reload(struct wm_env *e, struct wm_err *err);
/* From now on a commit is not synced; wm_mdb_sync does. */
void wm_env_unsync(struct wm_env *e);
/* In a transaction, a write one where nothing is known yet: who is this. For opening. */
WM_MUST_CHECK int wm_env_read_meta(struct wm_env *e, MDB_txn *txn, struct wm_err *err);
/* In a write transaction: makes @revision the newest. Returns an LMDB code, as the next two. */
int wm_env_put_revision(struct wm_env *e, MDB_txn *txn, uint64_t revision);
/* The state holds the log up to this entry, and from now on only whoever has the log may write. */
int wm_env_put_applied(struct wm_env *e, MDB_txn *txn, uint64_t index, uint64_t term);
/* 32 hex digits. */
int wm_env_put_incarnation(struct wm_env *e, MDB_txn *txn, const char *incarnation);
/* A code and a sentence for an LMDB code or errno; @what was tried. */
int wm_env_fail(const struct wm_env *e, int rc, const char *what, struct wm_err *err);
