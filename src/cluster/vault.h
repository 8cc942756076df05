#pragma once
/*
 * The snapshots of a server, as files beside its log: the newest, which the log stands on, and as
 * many older ones as are to be kept. A file has its name only once it is whole and synced. The
 * newest is held open, so that it can be read while its successor comes; in memory that is all
 * there is. One thread at a time, but for the descriptors, which whoever got one has for itself.
 */
#include "cluster/snapshot_file.h"

struct wm_vault {
	char *folder; /* NULL = in memory */
	unsigned most;
	int newest; /* -1 = none */
	uint64_t index, term;
	uint64_t bytes; /* of the newest */
};

/*
 * Opens the snapshot that the log stands on (@meta NULL = none) and removes what is newer or not
 * whole. DATA_LOSS when the snapshot is missing or is not what its name says.
 */
WM_MUST_CHECK int wm_vault_open(struct wm_vault *s, const char *folder, unsigned most,
				const struct wm_snapshot_meta *meta, struct wm_err *err);
void wm_vault_close(struct wm_vault *s);
/* A new file to write a snapshot into; the caller closes it. "taken" or "fetched" is its @kind. */
WM_MUST_CHECK int wm_vault_create(const struct wm_vault *s, const char *kind, int *fd,
				  struct wm_err *err);
/* The whole and synced file @fd of that @kind gets its name. Takes @fd after success. */
WM_MUST_CHECK int wm_vault_publish(struct wm_vault *s, const char *kind, int fd,
				   const struct wm_snapshot_meta *meta, struct wm_err *err);
/* Removes what is older than what is to be kept. What cannot be removed stays. */
void wm_vault_tidy(const struct wm_vault *s);
/* A descriptor of the newest for the caller, who closes it; NOT_FOUND when there is none. */
WM_MUST_CHECK int wm_vault_share(const struct wm_vault *s, int *fd, struct wm_err *err);
