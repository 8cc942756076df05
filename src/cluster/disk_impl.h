#pragma once
/* The inside of a disk (cluster/disk.h), for its own files. */
#include "cluster/disk.h"
#include "cluster/disk_record.h"

struct wm_disk {
	struct wm_disk_opts opts; /* its path is ours */
	struct wm_mdb m;
	MDB_dbi log, meta;
	MDB_txn *reader; /* reset while nothing is read */
	bool failed;     /* opened again before it is used */
	struct wm_machine_disk found;
	struct wm_snapshot_meta snapshot;
	uint64_t id;
	char boot[WM_BOOT_TEXT];
	uint64_t bytes;
	uint64_t unforgotten; /* written since the pages were let go of */
};

/* An LMDB code in words; whatever it is, the environment is opened again before it is used. */
int wm_disk_fail(struct wm_disk *d, int rc, const char *what, struct wm_err *err);
/* Opens the tables of an open environment and reads all of it. */
WM_MUST_CHECK int wm_disk_open_tables(struct wm_disk *d, struct wm_err *err);
