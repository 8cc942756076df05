#pragma once
/*
 * Consensus as a machine: bytes, time and answers in, calls of struct wm_machine_io out. It owns no
 * socket, file, clock or thread, so that it runs over real ones and under the simulator alike. It
 * drives libraft, stands in front of it against what peers may send, and adds what that lacks:
 * reads, leases, one change of membership at a time, snapshots by reference, a full disk. How and
 * why: docs/design/0014-consensus.md.
 *
 * One thread for each machine. Every call takes the time of a clock that never goes back and counts
 * suspend, in ms. What a call causes happens inside it: when it returns, all that it wanted
 * persisted is durable and all that it committed is applied. The callbacks of io must not call the
 * machine; pointers that they get are borrowed until they return.
 */
#include "base/err.h"
#include "cluster/configuration.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wm_machine;

/* Bytes of one proposal. A longer one would keep heartbeats waiting behind it. */
#define WM_MACHINE_ENTRY_MAX (8u << 20)
/* Bytes of one frame: a largest entry and what stands around it. */
#define WM_MACHINE_FRAME_MAX (WM_MACHINE_ENTRY_MAX + 65536)

enum wm_entry_kind {
	WM_ENTRY_COMMAND = 1, /* a proposal */
	WM_ENTRY_BARRIER,     /* nothing; a new leader's first */
	WM_ENTRY_CHANGE,      /* a configuration (cluster/configuration.h) */
};

struct wm_entry {
	uint64_t index, term;
	enum wm_entry_kind kind;
	const uint8_t *data; /* may be NULL when len is 0 */
	size_t len;
};

/* ---- what it asks of its surroundings ---- */

/* A snapshot is the state after the entry at @index, with the configuration committed there. */
struct wm_snapshot_meta {
	uint64_t index, term;
	struct wm_configuration configuration; /* its index <= index */
};

/* What survived: answered by load, borrowed until the next call of the machine returns. */
struct wm_machine_disk {
	uint64_t term, vote; /* both 0 on a new disk */
	uint64_t first;      /* index of the first entry of the log */
	uint64_t last;    /* and of the last; first - 1 when the log is empty (0 on a new disk) */
	uint64_t applied; /* the state holds the effect of the log up to here */
	const struct wm_snapshot_meta *snapshot; /* newest durable one, NULL = none */
};

/* One durable step: all of it survives a crash, or nothing. */
struct wm_persist {
	bool has_vote;
	uint64_t term, vote; /* when has_vote */
	uint64_t
		first; /* forget our log from this index on, then append; 0 = leave the log alone */
	const struct wm_entry *entries; /* the first of them has index @first */
	size_t n;
};

enum wm_machine_state {
	WM_MACHINE_DOWN,     /* the disk failed; tries again by itself */
	WM_MACHINE_FOLLOWER, /* voter or observer, or waiting to be added */
	WM_MACHINE_CANDIDATE,
	WM_MACHINE_LEADER,
};

struct wm_machine_role {
	enum wm_machine_state state;
	uint64_t term;
	uint64_t leader_id;      /* 0 = unknown; for an observer a hint only */
	const char *leader_node; /* "" = unknown */
	bool transferring;       /* we lead and hand over: proposals are refused */
};

/* What somebody should hear of; what of it a peer can cause is for the driver to limit. */
enum wm_machine_alarm {
	WM_ALARM_REFUSED,      /* a frame was malformed, stale or forged: dropped */
	WM_ALARM_LOST_DATA,    /* a member forgot what it had synced: it has to come back afresh */
	WM_ALARM_TWO_LEADERS,  /* a peer claims to lead in the term that we lead in: dropped */
	WM_ALARM_DISK,         /* persist, load, apply or install failed: down until it works */
	WM_ALARM_TWO_HISTORIES /* our committed log differs from the leader's: stopped for good */
};

/*
 * A callback that may fail returns 0 or a negative enum wm_code and fills @err. After an error of
 * persist, apply, install or load the machine forgets everything, as in a crash, is DOWN, and
 * starts from load again a moment later: so it does not matter whether the failed step happened.
 */
struct wm_machine_io {
	/* What is durable, as of now. */
	int (*load)(void *arg, struct wm_machine_disk *out, struct wm_err *err);
	/* Returns after the sync. */
	int (*persist)(void *arg, const struct wm_persist *p, struct wm_err *err);
	/*
	 * Entries of our log from @first on, at least one, then as many as fit into @max_bytes and
	 * *@n. Borrowed until the next call of read or persist.
	 */
	int (*read)(void *arg, uint64_t first, size_t max_bytes, struct wm_entry *out, size_t *n,
		    struct wm_err *err);
	/*
	 * Committed entries in order, each once: the first is applied + 1. All kinds move the
	 * applied index, commands alone change the state.
	 */
	int (*apply)(void *arg, const struct wm_entry *entries, size_t n, struct wm_err *err);
	/*
	 * Puts the verified snapshot in the place of state and log: the log is empty and begins
	 * behind it, applied is its index. After a crash either nothing of it happened or load
	 * answers as if all had.
	 */
	int (*install)(void *arg, const struct wm_snapshot_meta *meta, struct wm_err *err);
	/* To a member, by the node's ID. Copied; may be lost, late or doubled. */
	void (*send)(void *arg, const char *node_id, const uint8_t *frame, size_t len);
	/*
	 * The leader offers a snapshot: get it from @node_id, verify it, then call
	 * wm_machine_snapshot_ready, or wm_machine_snapshot_failed. Not called again before.
	 */
	void (*fetch)(void *arg, const char *node_id, const struct wm_snapshot_meta *meta);
	/* State, term or leader differ from what was told last. */
	void (*on_role)(void *arg, const struct wm_machine_role *role);
	/* A configuration is committed. */
	void (*on_configuration)(void *arg, const struct wm_configuration *committed);
	/*
	 * Leadership, or the machine, is lost with these proposals open: whether they will be
	 * applied is unknown. Those that are reach apply as usual.
	 */
	void (*lost)(void *arg, uint64_t first, uint64_t last, const struct wm_err *why);
	/*
	 * The read may be served from the state as it is now (@err NULL), or not here (UNAVAILABLE:
	 * not the leader any more). Once for each wm_machine_read that returned 0.
	 */
	void (*readable)(void *arg, uint64_t token, const struct wm_err *err);
	/*
	 * The change is committed (@err NULL); or DEADLINE_EXCEEDED: the member did not catch up,
	 * nothing was changed; or UNAVAILABLE: leadership was lost, look at the configuration. Once
	 * for each wm_machine_change that returned 0.
	 */
	void (*changed)(void *arg, uint64_t token, const struct wm_err *err);
	/* Another leads now (@err NULL), or DEADLINE_EXCEEDED: we still do, proposals are welcome.
	 * Once for each wm_machine_transfer that returned 0. */
	void (*transferred)(void *arg, const struct wm_err *err);
	/* @node_id is "" where no peer is involved. */
	void (*alarm)(void *arg, enum wm_machine_alarm alarm, const char *node_id,
		      const struct wm_err *why);
	/* Free bytes on the disk of the log; NULL = plenty. */
	uint64_t (*capacity)(void *arg);
};

/* ---- life ---- */

#define WM_MACHINE_ELECTION_MS  400 /* E: a follower's patience is between E and 2 E */
#define WM_MACHINE_HEARTBEAT_MS 50

struct wm_machine_opts {
	uint64_t id;           /* ours, never 0; see wm_machine_fresh_id */
	const char *node_id;   /* copied */
	uint32_t election_ms;  /* 0 = default; else 50..60000 and at least 3 heartbeats */
	uint32_t heartbeat_ms; /* 0 = default; else 5.. */
	uint64_t reserve;      /* with fewer bytes free we hand leadership over; 0 = do not look */
	uint32_t retry_ms;     /* pause before a failed disk is tried again; 0 = 1000 */
	uint32_t purge_ms;     /* a voter silent for so long becomes an observer; 0 = never */
	uint32_t catch_up_ms;  /* the longest round of a new voter's catching up; 0 = 5000 */
	bool no_lease;         /* each read asks a majority */
	uint64_t seed;         /* of the election timers */
};

/*
 * Loads and starts. A disk without anything waits as a follower to be added by others. INTERNAL or
 * what load answered when that fails at the first time (later it is retried); INVALID_ARGUMENT for
 * options out of their range. @io must outlive the machine.
 */
WM_MUST_CHECK int wm_machine_open(const struct wm_machine_opts *opts,
				  const struct wm_machine_io *io, void *arg, int64_t now_ms,
				  struct wm_machine **out, struct wm_err *err);
/*
 * Writes the first entry of a new cluster, which all initial servers write alike, by io->persist:
 * before the machine is opened, once, on an empty disk. @first holds voters only, in the same order
 * on all of them.
 */
WM_MUST_CHECK int wm_machine_bootstrap(const struct wm_configuration *first,
				       const struct wm_machine_io *io, void *arg,
				       struct wm_err *err);
/* Synchronous and silent: no callback runs. NULL is allowed. */
void wm_machine_close(struct wm_machine *m);

/* The ID of an initial server: the same on all of them for the same mesh, list and node. */
uint64_t wm_machine_initial_id(const char *mesh, const char *list, const char *node_id);
/* For everybody who comes later, and for who lost its disk: random. */
uint64_t wm_machine_fresh_id(void);

/* ---- events ---- */

/* A frame from a peer whose node ID the connection has proved and which is a storage member. */
void wm_machine_receive(struct wm_machine *m, int64_t now_ms, const char *node_id,
			const uint8_t *frame, size_t len);
/* When wm_machine_tick wants to be called next. Deliver frames that wait before a late tick. */
int64_t wm_machine_due(const struct wm_machine *m);
void wm_machine_tick(struct wm_machine *m, int64_t now_ms);

/*
 * Orders @data (copied). Writes *@index and *@term, under which apply will get it, before any
 * callback runs: inside this very call when we are the only voter. FAILED_PRECONDITION: not the
 * leader, or handing over (nothing happened). INVALID_ARGUMENT: longer than WM_MACHINE_ENTRY_MAX.
 * RESOURCE_EXHAUSTED: too many are open, or the disks of a majority are full (nothing happened).
 * UNAVAILABLE: our disk failed with it; whether it will be applied is unknown, and lost has named
 * it as well.
 */
WM_MUST_CHECK int wm_machine_propose(struct wm_machine *m, int64_t now_ms, const void *data,
				     size_t len, uint64_t *index, uint64_t *term,
				     struct wm_err *err);
/*
 * Asks when the state here may be read so that all is seen that was acknowledged before now:
 * readable answers, inside this call when a lease or the lack of other voters allows it; the only
 * voter answers even while it is DOWN, for nobody else can have written. FAILED_PRECONDITION: not
 * the leader.
 */
WM_MUST_CHECK int wm_machine_read(struct wm_machine *m, int64_t now_ms, uint64_t token,
				  struct wm_err *err);

/* ---- membership ---- */

enum wm_change_kind {
	WM_CHANGE_ADD,     /* as an observer; @id and @node_id */
	WM_CHANGE_PROMOTE, /* to voter, after it caught up; @id */
	WM_CHANGE_DEMOTE,  /* to observer; @id */
	WM_CHANGE_REMOVE,  /* @id */
};

struct wm_member_change {
	enum wm_change_kind kind;
	uint64_t id;
	const char *node_id;
};

/*
 * Starts one change; changed answers. FAILED_PRECONDITION: not the leader, handing over, another
 * change runs, or it would remove or demote ourselves (transfer first). NOT_FOUND: no such member.
 * ALREADY_EXISTS: the ID or node ID, or the role, is there. RESOURCE_EXHAUSTED: WM_MEMBERS_MAX, or
 * full disks.
 */
WM_MUST_CHECK int wm_machine_change(struct wm_machine *m, int64_t now_ms,
				    const struct wm_member_change *change, uint64_t token,
				    struct wm_err *err);
/*
 * Hands leadership to the voter @to, or to the best one (0): takes no more proposals, waits until
 * that has all of ours, and lets it start at once. transferred answers within an election timeout
 * or two. FAILED_PRECONDITION: not the leader, already handing over, or no other voter. NOT_FOUND:
 * no such voter.
 */
WM_MUST_CHECK int wm_machine_transfer(struct wm_machine *m, int64_t now_ms, uint64_t to,
				      struct wm_err *err);

/* ---- snapshots ---- */

/*
 * Fills @out (zeroed; fini it) for a snapshot of the state as it is now, which the driver then
 * copies elsewhere. FAILED_PRECONDITION: one is being installed, we are down, or nothing was
 * applied since the last.
 */
WM_MUST_CHECK int wm_machine_snapshot_begin(struct wm_machine *m, struct wm_snapshot_meta *out,
					    struct wm_err *err);
void wm_snapshot_meta_fini(struct wm_snapshot_meta *meta);
/*
 * That snapshot is durable. Answers the first index of the log that is still needed, which leaves
 * @trailing entries for members that lag a little; what is before may be deleted at leisure.
 * FAILED_PRECONDITION: it is no longer of use (a newer one was installed meanwhile).
 */
WM_MUST_CHECK int wm_machine_snapshot_taken(struct wm_machine *m, int64_t now_ms,
					    const struct wm_snapshot_meta *meta, uint32_t trailing,
					    uint64_t *keep, struct wm_err *err);
/* What fetch asked for is here and verified: install follows, inside this call or later. */
void wm_machine_snapshot_ready(struct wm_machine *m, int64_t now_ms,
			       const struct wm_snapshot_meta *meta);
/* It could not be had; the next offer asks again. */
void wm_machine_snapshot_failed(struct wm_machine *m);

/* ---- looking ---- */

struct wm_member_status {
	uint64_t id;
	enum wm_member_role role;
	const char *node_id;     /* borrowed until the next call */
	uint64_t match;          /* the last entry known to be durable there; leader only */
	int64_t last_contact_ms; /* of the clock of now_ms; -1 = not heard since we started */
};

enum wm_machine_count {
	WM_COUNT_PROPOSALS,
	WM_COUNT_PERSISTS,
	WM_COUNT_ENTRIES, /* appended to our log */
	WM_COUNT_FRAMES_IN,
	WM_COUNT_FRAMES_OUT,
	WM_COUNT_FRAMES_REFUSED,
	WM_COUNT_ELECTIONS, /* that we called */
	WM_COUNT_LEADERSHIPS,
	WM_COUNT_TRANSFERS,
	WM_COUNT_CHANGES,
	WM_COUNT_PURGES,
	WM_COUNT_SNAPSHOTS_TAKEN,
	WM_COUNT_SNAPSHOTS_OFFERED,
	WM_COUNT_SNAPSHOTS_INSTALLED,
	WM_COUNT_LEASE_READS,
	WM_COUNT_ASKED_READS,
	WM_COUNT_DISK_FAILURES,
	WM_COUNTS
};

struct wm_machine_status {
	uint64_t id;
	struct wm_machine_role role;
	uint64_t vote;
	uint64_t first, last; /* of our log */
	uint64_t commit, applied;
	uint64_t snapshot; /* index of the newest, 0 = none */
	uint64_t configuration_index;
	bool changing;    /* a change of membership runs */
	bool fetching;    /* a snapshot is being got or installed */
	size_t n_members; /* of the newest configuration, committed or not */
	struct wm_member_status members[WM_MEMBERS_MAX];
	uint64_t counts[WM_COUNTS];
};

void wm_machine_status(const struct wm_machine *m, struct wm_machine_status *out);
/* The committed configuration, borrowed until the next call. */
const struct wm_configuration *wm_machine_configuration(const struct wm_machine *m);
