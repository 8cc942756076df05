#pragma once
/*
 * What a server must not forget: the log, term and vote, and which snapshot the log stands on, in
 * an LMDB environment of its own. Every change is one transaction and is on the disk when the call
 * returns. Each record carries a checksum that is tied to its place, for LMDB has none: a page that
 * was torn or went bad is found at opening, and again at reading. In memory nothing is synced.
 *
 * After a failure of the disk the environment may be of no more use: wm_disk_load opens it again.
 * One thread at a time.
 */
#include "cluster/machine.h"
#include "store/mdb.h"

struct wm_disk;

struct wm_disk_opts {
	const char *path;   /* folder; made 0700. NULL = in memory */
	uint64_t map_limit; /* most bytes of address space; 0 = 8 GiB */
};

/*
 * Opens or creates it, and reads all of it once. DATA_LOSS when it is damaged or of a newer
 * format, with the remedy. Codes of wm_store_open besides.
 */
WM_MUST_CHECK int wm_disk_open(const struct wm_disk_opts *opts, struct wm_disk **out,
			       struct wm_err *err);
void wm_disk_close(struct wm_disk *d); /* NULL is allowed */

/*
 * What is durable now, but for applied, which is not known here. After a failure everything is
 * opened and read again first. Borrowed until the next call that changes it.
 */
WM_MUST_CHECK int wm_disk_load(struct wm_disk *d, struct wm_machine_disk *out, struct wm_err *err);
/* As machine.h asks: after an error nothing or all of it may have happened; load tells. */
WM_MUST_CHECK int wm_disk_persist(struct wm_disk *d, const struct wm_persist *p,
				  struct wm_err *err);
WM_MUST_CHECK int wm_disk_read(struct wm_disk *d, uint64_t first, size_t max_bytes,
			       struct wm_entry *out, size_t *n, struct wm_err *err);
/*
 * From now on @meta is the newest snapshot. @keep is the first index of the log that stays; with
 * @keep = meta->index + 1 none does, and the log begins behind the snapshot.
 */
WM_MUST_CHECK int wm_disk_put_snapshot(struct wm_disk *d, const struct wm_snapshot_meta *meta,
				       uint64_t keep, struct wm_err *err);
/* Term and newest snapshot of a server that begins a history alone. */
WM_MUST_CHECK int wm_disk_found(struct wm_disk *d, uint64_t id, uint64_t term,
				const struct wm_snapshot_meta *meta, struct wm_err *err);

/* The ID of this server among the members; 0 = none yet. */
uint64_t wm_disk_id(const struct wm_disk *d);
WM_MUST_CHECK int wm_disk_put_id(struct wm_disk *d, uint64_t id, struct wm_err *err);

/*
 * Since which boot of the system the state beside this log is written without syncs ("" = all of
 * it is on the disk): after a power cut it cannot be trusted.
 */
#define WM_BOOT_TEXT 48
const char *wm_disk_unsynced_since(const struct wm_disk *d);
WM_MUST_CHECK int wm_disk_put_unsynced_since(struct wm_disk *d, const char *boot,
					     struct wm_err *err);

/* Bytes of the log's entries. */
uint64_t wm_disk_bytes(const struct wm_disk *d);
