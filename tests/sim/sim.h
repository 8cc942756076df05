#pragma once
/*
 * A cluster in virtual time: the real machines over a disk, a network and clocks that are made of
 * nothing but a seed. What they do is checked against the promises of consensus at every step
 * (check.c); what is done to them stands in nemesis.c.
 */
#include "base/buf.h"
#include "cluster/machine.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_SLOTS   7 /* nodes, some of them spare at first */
#define SIM_OPS_MAX 65536

/* What happened, counted over all seeds. None may be zero in the end. */
#define SIM_COUNTS(X)          \
	X(events)              \
	X(delivered)           \
	X(dropped)             \
	X(doubled)             \
	X(delayed)             \
	X(reordered)           \
	X(crashes)             \
	X(crashes_in_persist)  \
	X(lost_unsynced_state) \
	X(disks_lost)          \
	X(restarts)            \
	X(majority_partitions) \
	X(minority_partitions) \
	X(one_way_partitions)  \
	X(bridges)             \
	X(heals)               \
	X(slow_disks)          \
	X(failed_writes)       \
	X(full_disks)          \
	X(failed_applies)      \
	X(pauses)              \
	X(transfers_asked)     \
	X(transfers)           \
	X(transfers_aborted)   \
	X(adds)                \
	X(promotes)            \
	X(demotes)             \
	X(removes)             \
	X(changes_failed)      \
	X(purges)              \
	X(snapshots_taken)     \
	X(snapshots_fetched)   \
	X(snapshots_installed) \
	X(fetches_failed)      \
	X(elections)           \
	X(leaderships)         \
	X(writes)              \
	X(writes_done)         \
	X(writes_refused)      \
	X(writes_unknown)      \
	X(reads_done)          \
	X(reads_refused)       \
	X(lease_reads)         \
	X(asked_reads)         \
	X(committed)

enum sim_count {
#define X(name) SIM_##name,
	SIM_COUNTS(X)
#undef X
		SIM_N_COUNTS
};
extern uint64_t sim_counts[SIM_N_COUNTS];
extern const char *const sim_count_names[SIM_N_COUNTS];

/* Mistakes of the surroundings; those of the machine are in cluster/machine_impl.h. */
enum sim_defect {
	SIM_DEFECT_NONE,
	SIM_DEFECT_VOTE_UNSYNCED, /* a crash takes back the last vote */
	SIM_DEFECT_LOG_UNSYNCED,  /* a crash takes back the last entries */
	SIM_DEFECT_ACK_EARLY,     /* writes are acknowledged when they are proposed */
	SIM_DEFECT_KEEP_TAIL,     /* a log is overwritten, but not cut */
	SIM_DEFECT_KEEP_LOG,      /* a snapshot is installed without dropping the log */
	SIM_DEFECT_APPLY_TWICE,   /* the applied index is not kept with the state */
	SIM_DEFECT_SAME_ID,       /* who lost its disk comes back under its old ID */
};
extern enum sim_defect sim_defect;

/* ---- chance ---- */
struct sim_rng {
	uint64_t state;
};
uint64_t sim_next(struct sim_rng *r);
uint64_t sim_below(struct sim_rng *r, uint64_t n);
bool sim_chance(struct sim_rng *r, unsigned one_in);

/* ---- disks (disk.c) ---- */
struct sim_entry {
	uint64_t term;
	enum wm_entry_kind kind;
	uint32_t len;
	uint8_t *data;
};
/* What a state machine has come to: how many commands, and all of them in one number. */
struct sim_state {
	uint64_t applied, count, chain;
};
struct sim_disk {
	uint64_t term, vote;
	uint64_t first, last;
	struct sim_entry *log; /* index - base; what is below first is gone */
	uint64_t base;
	size_t cap;
	bool has_snapshot;
	struct wm_snapshot_meta meta;
	struct sim_state snapshot, state;
	struct sim_state incoming; /* of the snapshot that was fetched */
	/* What a crash takes back, when syncs are not what they promise. */
	bool has_undo;
	uint64_t undo_term, undo_vote, undo_last;
};

/* ---- nodes ---- */
struct sim_world;
struct sim_node {
	struct sim_world *w;
	unsigned slot;
	char node_id[16];
	uint64_t id;
	unsigned life;        /* counts machines: what is on its way for an earlier one is lost */
	struct wm_machine *m; /* NULL while it is down */
	struct sim_disk disk;
	bool is_crashing; /* inside a call: nothing of it reaches anybody any more */
	bool is_lost;     /* its disk went, and others still count it as a voter */
	unsigned crash_in_persist, fail_persists, fail_applies; /* after so many, or so many */
	bool is_full;
	uint64_t slow_until, busy_until, elapsed, tick_at;
	uint64_t tick_number; /* of the one tick that counts */
	int64_t rate;         /* of its clock, parts per million too fast */
	int64_t start;        /* of its clock */
	bool is_snapping;
	uint64_t change_token;
	enum wm_change_kind change_kind;
	uint64_t fetch_from;
};

enum sim_event_kind {
	SIM_TICK,
	SIM_FRAME,
	SIM_CLIENT,
	SIM_DONE, /* an operation is answered: @a is its position */
	SIM_NEMESIS,
	SIM_ADMIN,
	SIM_RESTART,
	SIM_SNAPPED,
	SIM_FETCHED,
};
struct sim_event {
	uint64_t at, seq;
	enum sim_event_kind kind;
	unsigned slot, from, life;
	uint64_t a;
	uint8_t *data;
	size_t len;
};

struct sim_op {
	bool is_read, is_open, is_refused;
	unsigned slot, life;
	uint64_t floor; /* the position of all that was answered before it began */
	uint64_t index; /* where it was applied */
};

/* What all have agreed on so far. */
struct sim_committed {
	uint64_t term, chain;
	uint64_t op; /* 0 for what is no write */
};

struct sim_world {
	uint64_t seed;
	struct sim_rng rng;
	uint64_t now; /* us */
	uint64_t seq, n_events, limit;
	bool is_calm; /* no more faults: all has to come right */
	bool trace, failed;
	unsigned n_initial;
	struct wm_machine_opts opts;
	struct sim_node nodes[SIM_SLOTS];
	struct sim_event *heap;
	size_t n_heap, cap_heap;
	/* network */
	bool blocked[SIM_SLOTS][SIM_SLOTS];
	unsigned drop_one_in, double_one_in, delay_one_in; /* 0 = never */
	bool (*drop)(struct sim_world *w, unsigned from, unsigned to, const uint8_t *frame,
		     size_t len); /* a scenario's own */
	uint64_t last_at[SIM_SLOTS][SIM_SLOTS];
	/* checks */
	struct sim_committed *committed;
	uint64_t n_committed, cap_committed;
	uint64_t *leaders; /* by term */
	size_t cap_leaders;
	struct sim_op *ops;
	uint64_t n_ops;
	uint64_t max_done;
	struct wm_configuration configuration; /* newest committed */
	uint64_t next_id;
	/* tuning of a seed */
	bool state_is_synced, has_large, has_clients;
	unsigned snapshot_every, trailing;
};

/* ---- world.c ---- */
void sim_open(struct sim_world *w, uint64_t seed, unsigned n_initial, bool trace);
void sim_close(struct sim_world *w);
void sim_schedule(struct sim_world *w, uint64_t delay, struct sim_event e);
/* Handles one event; false when there is none or a promise was broken. */
bool sim_step(struct sim_world *w);
/* One whole seed. False when a promise was broken. */
bool sim_run(uint64_t seed, uint64_t events, bool trace);
void sim_say(struct sim_world *w, const char *fmt, ...) WM_PRINTF(2, 3);
/* A promise is broken: says so with the seed. */
void sim_fail(struct sim_world *w, const char *fmt, ...) WM_PRINTF(2, 3);

/* ---- node_io.c ---- */
extern const struct wm_machine_io sim_node_io;

/* ---- node.c ---- */
void sim_node_start(struct sim_node *n);
void sim_node_crash(struct sim_node *n);
/* Adds what its machine has counted. */
void sim_node_count(struct sim_node *n);
int64_t sim_node_clock(const struct sim_node *n);
/* After each call of a machine: crashes that were due, the next tick, counts. */
void sim_node_settle(struct sim_node *n);
void sim_node_propose(struct sim_node *n, size_t len);
void sim_node_read(struct sim_node *n);
void sim_node_snapped(struct sim_node *n, uint64_t index);
void sim_node_fetched(struct sim_node *n, const struct sim_event *e);
bool sim_node_leads(const struct sim_node *n);
struct sim_node *sim_leader(struct sim_world *w);

/* ---- disk.c ---- */
void sim_disk_wipe(struct sim_disk *d);
int sim_disk_load(struct sim_node *n, struct wm_machine_disk *out, struct wm_err *err);
int sim_disk_persist(struct sim_node *n, const struct wm_persist *p, struct wm_err *err);
int sim_disk_read(struct sim_node *n, uint64_t first, size_t max_bytes, struct wm_entry *out,
		  size_t *count, struct wm_err *err);
int sim_disk_install(struct sim_node *n, const struct wm_snapshot_meta *meta, struct wm_err *err);
/* What a power cut does to it. */
void sim_disk_cut(struct sim_node *n);
void sim_disk_trim(struct sim_disk *d, uint64_t keep);

/* ---- check.c ---- */
void sim_check_leader(struct sim_node *n, uint64_t term);
/* One entry is applied: moves @s on. */
void sim_check_apply(struct sim_node *n, const struct wm_entry *e, struct sim_state *s);
void sim_check_state(struct sim_node *n, const struct sim_state *s);
uint64_t sim_op_begin(struct sim_node *n, bool is_read);
void sim_op_refused(struct sim_world *w, uint64_t op);
/* It is answered at @position, which others may rely on when the answer arrives. */
void sim_op_done(struct sim_node *n, uint64_t op, uint64_t position);
void sim_op_unknown(struct sim_node *n, uint64_t op);
void sim_check_end(struct sim_world *w);

/* ---- nemesis.c ---- */
void sim_nemesis(struct sim_world *w);
void sim_admin(struct sim_world *w);
void sim_calm(struct sim_world *w);

/* ---- figure8.c ---- */
bool sim_figure8(bool trace);
