#pragma once
/*
 * The servers that keep the state together: opening their share of it, changing who they are, and
 * knowing how they do. The state itself is a store (store/store.h), whose proposals go through the
 * log that they agree on. A mesh of one server is a cluster of one voter. Loop thread only.
 *
 * What it cannot do itself it asks of its hooks: to send frames to other servers, and to fetch a
 * snapshot from one.
 */
#include "base/histogram.h"
#include "cluster/machine.h"
#include "store/store.h"

struct wm_cluster;

/* How a server begins that has never been one. What it was before is found in its folder. */
enum wm_cluster_begin {
	WM_CLUSTER_ALONE,  /* the first and only voter; takes over the state of a single server */
	WM_CLUSTER_LISTED, /* one of several that all begin with the same list */
	WM_CLUSTER_JOINS,  /* waits until others add it */
};

struct wm_cluster_opts {
	const char *path;    /* folder of the state; NULL = in memory */
	const char *node_id; /* ours */
	enum wm_cluster_begin begin;
	const struct wm_configuration *first; /* LISTED: the list, with wm_machine_initial_id */
	uint32_t election_ms, heartbeat_ms;   /* 0 = machine.h's defaults */
	uint32_t purge_ms;           /* a voter silent for so long loses its vote; 0 = never */
	uint32_t commit_ms;          /* longest wait for a change's outcome; 0 = 10 s */
	uint32_t snapshot_threshold; /* entries between snapshots; 0 = 8192 */
	uint32_t snapshot_ms;        /* how often to see whether one is due; 0 = 30 s */
	uint32_t snapshot_retention; /* snapshots kept; 0 = 2 */
	uint64_t map_limit;          /* as wm_store_opts */
	uint32_t history;            /* as wm_store_opts */
	uint64_t log_limit;          /* most bytes of the log; 0 = 8 GiB */
	uint64_t reserve; /* bytes of disk under which leadership is handed over; 0 = 1 MiB */
};

struct wm_cluster_member {
	uint64_t id;
	enum wm_member_role role;
	char node_id[WM_IDENT_TEXT];
	uint64_t match;          /* last entry known to be durable there; 0 unless we lead */
	int64_t last_contact_ms; /* ago; -1 = not heard of */
};

struct wm_cluster_status {
	uint64_t id;
	enum wm_machine_state state;
	uint64_t term, vote;
	uint64_t leader_id;
	char leader_node[WM_IDENT_TEXT]; /* "" = unknown; on an observer the last one known */
	bool transferring, changing, fetching, copying;
	uint64_t first, last, commit, applied, snapshot;
	uint64_t configuration_index;
	uint64_t log_bytes, snapshot_bytes;
	int64_t snapshot_wall_ns; /* when the newest was made or got here; 0 = before we started */
	size_t n_members;
	struct wm_cluster_member members[WM_MEMBERS_MAX];
	uint64_t counts[WM_COUNTS];
	uint64_t lost_frames;         /* in and out, for too many waiting */
	struct wm_histogram persists; /* steps of the log, written and synced */
};

/* A snapshot that another server offers and this one needs. */
struct wm_cluster_fetch {
	char node_id[WM_IDENT_TEXT];
	uint64_t index, term;
};

struct wm_cluster_hooks {
	/* To a server; copied, may be lost. */
	void (*send)(void *arg, const char *node_id, const uint8_t *frame, size_t len);
	/* Get the newest snapshot of that server, at least this one; wm_cluster_fetched ends it. */
	void (*fetch)(void *arg, const struct wm_cluster_fetch *fetch);
	/* Role, leader, term or members are not what they were. */
	void (*on_change)(void *arg, const struct wm_cluster_status *now);
	void *arg; /* hooks may be NULL */
};

/*
 * Opens what @opts->path holds, or begins as asked. Codes of wm_store_open, and: DATA_LOSS when
 * log, snapshot or state are damaged, or do not belong to each other; FAILED_PRECONDITION when
 * JOINS or LISTED finds the state of a single server. A sole voter leads when it returns.
 */
WM_MUST_CHECK int wm_cluster_open(struct wm_loop *loop, struct wm_log *log,
				  const struct wm_cluster_opts *opts,
				  const struct wm_cluster_hooks *hooks, struct wm_cluster **out,
				  struct wm_err *err);
/*
 * Hands leadership over if there is somebody to have it, then closes the store and everything;
 * then @done (may be NULL). Requests end before, with UNAVAILABLE or UNKNOWN.
 */
void wm_cluster_close(struct wm_cluster *c, void (*done)(void *arg), void *arg);
/* Borrowed until close, which is wm_cluster_close's. */
struct wm_store *wm_cluster_store(struct wm_cluster *c);
/* As of the thread's last turn; borrowed until the next call. */
const struct wm_cluster_status *wm_cluster_status(struct wm_cluster *c);
bool wm_cluster_leads(struct wm_cluster *c);

/* A frame that hooks.send of another server got; its sender's node ID is proved. Copied. */
void wm_cluster_receive(struct wm_cluster *c, const char *node_id, const uint8_t *frame,
			size_t len);

/* ---- requests: embedded, contract of loop/loop.h ---- */
struct wm_cluster_ask {
	struct wm_list node; /* private, as all but the results */
	struct wm_cluster *cluster;
	void *call;
	void (*cb)(struct wm_cluster_ask *a, const struct wm_err *err);
	struct wm_err err;
};
typedef void (*wm_cluster_cb)(struct wm_cluster_ask *a, const struct wm_err *err);
/*
 * NULL: what views show from now on has everything that was acknowledged anywhere before the call.
 * UNAVAILABLE: this server does not lead, or lost a majority.
 */
void wm_cluster_read(struct wm_cluster *c, struct wm_cluster_ask *a, wm_cluster_cb cb);
/* One change of the members; @change is copied. NULL: committed. Codes of wm_machine_change. */
void wm_cluster_change(struct wm_cluster *c, struct wm_cluster_ask *a,
		       const struct wm_member_change *change, wm_cluster_cb cb);
/* Hands leadership to a voter, 0 = the best. Codes of wm_machine_transfer. */
void wm_cluster_transfer(struct wm_cluster *c, struct wm_cluster_ask *a, uint64_t to,
			 wm_cluster_cb cb);

/* ---- snapshots, for whoever carries them ---- */
/* The newest as a descriptor for the caller, who reads with pread and closes it. NOT_FOUND. */
WM_MUST_CHECK int wm_cluster_snapshot_share(struct wm_cluster *c, int *fd, uint64_t *bytes,
					    uint64_t *index, uint64_t *term, struct wm_err *err);
/*
 * The file to write into what hooks.fetch asked for, at any offsets, empty at first; the caller
 * gives it back by wm_cluster_fetched. It may keep it over broken connections and resume.
 */
WM_MUST_CHECK int wm_cluster_fetch_open(struct wm_cluster *c, int *fd, struct wm_err *err);
/* Takes @fd. With @ok it is verified and put in place; otherwise the next offer asks again. */
void wm_cluster_fetched(struct wm_cluster *c, int fd, bool ok);
