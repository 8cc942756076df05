#pragma once
/* What a machine alone needs around it, for tests of one. */
#include "base/buf.h"
#include "cluster/machine.h"
#include <stddef.h>
#include <stdint.h>

/* A disk and a network that remember what was asked of them, in order: P for a write, a for an
 * application, and for a frame the digit of its kind. */
struct driver {
	struct wm_machine *m;
	struct wm_machine_role role;
	struct wm_configuration members;
	uint64_t term, vote, applied;
	struct wm_entry log[64]; /* by index */
	uint64_t last;
	uint64_t capacity;
	int fail; /* what persist answers */
	char acts[256];
	struct wm_buf frames[64]; /* sent, oldest first */
	size_t n_frames;
	uint64_t lost_first, lost_last, token;
	int read_code, change_code, transfer_code, alarms;
};

extern struct driver d;
extern const struct wm_machine_io driver_io;
