#pragma once
/* What a machine alone needs around it, for tests of one. */
#include "base/buf.h"
#include "cluster/frame.h"
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

int driver_set_up(void **state);
int driver_tear_down(void **state);
/* The first entry, of voters 1 "a", 2 "b", 3 "c" as far as @n; then our machine, which is "a". */
void driver_bootstrap(size_t n);
void driver_open_machine(int64_t now);
/* A frame to us from member 2 or 3. */
void driver_receive(int64_t now, uint64_t from, struct wm_frame f);
/* Makes it the leader of three with the vote of 2. Answers the time. */
int64_t driver_elect(void);
/* What was sent so far: forgotten, or one of it. */
void driver_forget_frames(void);
struct wm_frame driver_frame_at(size_t i);
