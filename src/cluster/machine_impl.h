#pragma once
/*
 * The inside of the machine, for its own files. Each call of machine.h begins with
 * wm_machine_begin and ends with wm_machine_end; between them wm_machine_step runs one event
 * through libraft and does what that asks for, in the order that keeps it safe. An error in there
 * is kept in failure, everything returns, and wm_machine_end takes the machine down.
 */
#include "base/buf.h"
#include "cluster/filter.h"
#include "cluster/frame.h"
#include "cluster/machine.h"
#include <raft.h>
#include <stdlib.h>

/*
 * Mistakes that the simulator plants, to prove that it finds them (tests/sim/defects.c). Outside of
 * the build for that they are the constant false.
 */
#ifdef WM_MACHINE_DEFECTS
enum wm_defect {
	WM_DEFECT_NONE,
	WM_DEFECT_EARLY_VOTE,       /* messages leave before term and vote are durable */
	WM_DEFECT_NO_CONFIGURATION, /* libraft is not told of committed configurations */
	WM_DEFECT_NO_SPLIT,         /* a change may stand anywhere in a message */
	WM_DEFECT_NO_FILTER,        /* everything that decodes is believed */
	WM_DEFECT_NO_ROUND,         /* a leader serves reads without asking */
	WM_DEFECT_OLD_TERM,         /* the only voter leads again in its old term */
	WM_DEFECT_KEEP_LEASE,       /* a lease outlives a handing over */
	WM_DEFECT_VOTE_AT_ONCE,     /* votes right after a start, while a lease may run */
	WM_DEFECT_READ_UNCOMMITTED, /* a new leader serves reads before its first commit */
};
extern enum wm_defect wm_machine_defect;
#define WM_DEFECT(x) (wm_machine_defect == WM_DEFECT_##x)
#else
#define WM_DEFECT(x) false
#endif

#define WM_OPEN_MAX       1024         /* proposals of ours that wait to be committed */
#define WM_OPEN_BYTES_MAX (64u << 20)  /* of them all */
#define WM_INFLIGHT_MAX   256          /* entries on their way to a member */
#define WM_FRAME_TARGET   (512u << 10) /* a frame of several entries ends here */
#define WM_MESSAGE_TARGET (16u << 20)  /* the frames of one message end here */
#define WM_READ_BATCH     64           /* entries read at once */

/* What we know of a member beside what libraft knows. */
struct wm_peer {
	uint64_t id;
	int64_t contact;  /* when a frame of it came last; -1 = never */
	uint64_t echoed;  /* newest number of ours that it has answered, in this term */
	uint64_t success; /* our newest number when it last answered with success */
	uint64_t answer;  /* newest question that it has answered with our term */
	bool has_capacity;
	uint16_t capacity; /* KiB */
};

enum wm_change_phase {
	WM_CHANGE_IDLE,
	WM_CHANGE_BARRIER,   /* until something of this term is committed */
	WM_CHANGE_CATCHING,  /* until the member has nearly all */
	WM_CHANGE_SUBMITTED, /* until it is committed */
};

struct wm_machine {
	struct raft raft;
	bool is_up;      /* raft is started */
	bool is_stopped; /* two histories: for good */
	bool is_settling;
	int failure; /* 0, or why the machine goes down at the end of this call */
	struct wm_err why;
	int64_t retry_at;

	struct wm_machine_opts opts;
	char node_id[WM_IDENT_TEXT];
	const struct wm_machine_io *io;
	void *arg;
	int64_t now, opened, fired; /* fired: the last timeout given to libraft */
	int64_t votes_from;         /* no votes before */
	uint32_t starts;

	/* The log and what was done with it. */
	uint64_t first, last; /* durable */
	uint64_t cursor;      /* committed as far as libraft was told of its configurations */
	uint64_t applied, applied_term;
	struct wm_snapshot_meta snapshot; /* index 0 = none */
	struct wm_configuration committed;
	struct wm_configuration newest;       /* what libraft goes by */
	struct wm_peer peers[WM_MEMBERS_MAX]; /* one for each of newest, in its order */

	/* Who leads. */
	struct wm_machine_role told;
	uint64_t leader_id;
	char leader_node[WM_IDENT_TEXT];
	int64_t heard;  /* as follower: when the leader last spoke */
	uint64_t noted; /* as leader: what has to be committed before reads are right */
	int64_t leader_since;
	bool has_own_committed; /* as leader: an entry of this term is committed */
	bool lease_void;        /* as leader: leadership was to be handed over in this term */
	uint64_t answering;     /* the number of the frame that is being received */
	bool answering_old;     /* which is of an earlier term than ours */
	uint64_t number;        /* of the last frame: the ms since opening, then a counter */

	/* Open proposals of ours, all of this leadership. */
	uint64_t open_first, open_last; /* 0 = none */
	uint64_t open_bytes;
	uint32_t open_len[WM_OPEN_MAX]; /* by index modulo its size */

	/* Reads: first those of the round that runs, then those that wait for the next. */
	struct wm_buf reads; /* tokens */
	size_t n_asked;
	uint64_t ask_number;
	int64_t asked_at;

	struct {
		enum wm_change_phase phase;
		bool is_purge; /* ours: nobody waits for it */
		enum wm_change_kind kind;
		uint64_t id, token, index;
		char node_id[WM_IDENT_TEXT];
	} change;
	struct {
		bool is_on, is_fired;
		bool is_silent; /* ours: nobody waits for it */
		uint64_t to;
		int64_t since;
	} transfer;
	int64_t no_purge_before;

	/* Snapshots that come. */
	bool is_fetching;
	bool has_ready;
	struct wm_snapshot_meta ready;
	struct {
		uint64_t from, term;
		char node_id[WM_IDENT_TEXT];
	} offer; /* the last one */

	struct wm_buf out;        /* the frame that is being encoded */
	struct wm_entry *scratch; /* WM_FRAME_ENTRIES_MAX */
	uint64_t counts[WM_COUNTS];
};

/* Memory that libraft may free. */
static inline void *wm_raft_alloc(size_t size)
{
	void *p = raft_malloc(size);

	if (p == NULL)
		abort();
	return p;
}

/* ---- machine.c ---- */
void wm_machine_begin(struct wm_machine *m, int64_t now);
void wm_machine_end(struct wm_machine *m);
/* Remembers why, for the end of this call; returns the code. */
int wm_machine_break(struct wm_machine *m, const struct wm_err *why);
void wm_machine_alarm(struct wm_machine *m, enum wm_machine_alarm alarm, const char *node_id,
		      const struct wm_err *why);
bool wm_machine_leads(const struct wm_machine *m);
/* We are a voter, and no other is. */
bool wm_machine_is_sole(const struct wm_machine *m);
uint64_t wm_machine_capacity(struct wm_machine *m);
struct wm_peer *wm_machine_peer(struct wm_machine *m, uint64_t id);

/* ---- machine_start.c ---- */
/* Loads and starts libraft. On failure it is not up. */
int wm_machine_start(struct wm_machine *m, struct wm_err *err);
/* Closes libraft and forgets what is not durable; no callback. */
void wm_machine_forget(struct wm_machine *m);

/* ---- machine_step.c ---- */
/* One event and all that follows from it. A code: it could not, the machine is about to go down. */
int wm_machine_step(struct wm_machine *m, struct raft_event *event);
/*
 * The same for SUBMIT and TRANSFER, which libraft may refuse without harm: *@refused gets its
 * error.
 */
int wm_machine_try(struct wm_machine *m, struct raft_event *event, int *refused);
/* One entry as a SUBMIT event. */
int wm_machine_submit(struct wm_machine *m, enum wm_entry_kind kind, const void *data, size_t len,
		      int *refused);
/* Entries of our durable log into @out, at least one. */
int wm_machine_log(struct wm_machine *m, uint64_t first, size_t max_bytes, struct wm_entry *out,
		   size_t *n);
/* The term of an entry of ours, 0 when we cannot tell. */
int wm_machine_term_of(struct wm_machine *m, uint64_t index, uint64_t *term);
struct raft_configuration wm_machine_to_raft(const struct wm_configuration *c);

/* ---- machine_role.c ---- */
/* Finds out what libraft has become; tells whoever has to know. */
void wm_machine_update_role(struct wm_machine *m);
/* Takes over the configuration that libraft goes by. */
void wm_machine_update_members(struct wm_machine *m);
/* Ends all that a leader has open. */
void wm_machine_drop_leadership(struct wm_machine *m, const struct wm_err *why);
/* Called for each committed entry, in order. */
void wm_machine_close_proposal(struct wm_machine *m, uint64_t index);

/* ---- machine_send.c ---- */
/*
 * Sends what libraft asks for. @fresh are entries that are not in the durable log yet and
 * begin at @fresh_first.
 */
int wm_machine_send(struct wm_machine *m, const struct raft_update *update, uint64_t fresh_first,
		    const struct wm_entry *fresh, size_t n_fresh);
/* A frame of ours: from, to and number are set here, but for the number of an answer. */
void wm_machine_send_frame(struct wm_machine *m, uint64_t to, const char *node_id,
			   struct wm_frame *f);

/* ---- machine_member.c ---- */
/* Goes on with a change, a handing over and a purge, as far as they can. */
void wm_machine_pump_members(struct wm_machine *m);

/* ---- machine_transfer.c ---- */
void wm_machine_pump_transfer(struct wm_machine *m);
void wm_machine_end_transfer(struct wm_machine *m, const struct wm_err *err);
/* Hands over when our disk is nearly full and another's is not. */
void wm_machine_flee(struct wm_machine *m);

/* ---- machine_read.c ---- */
void wm_machine_answer(struct wm_machine *m, const char *node_id, const struct wm_frame *f);
void wm_machine_answered(struct wm_machine *m, const struct wm_frame *f);
/* Serves what may be served, asks what has to be asked. */
void wm_machine_pump_reads(struct wm_machine *m);
void wm_machine_fail_reads(struct wm_machine *m, const struct wm_err *why);

/* ---- machine_snapshot.c ---- */
void wm_machine_offered(struct wm_machine *m, const char *node_id, struct wm_frame *f);
/* What libraft does after it has taken an offer. */
int wm_machine_install(struct wm_machine *m, struct raft_update *update);
void wm_snapshot_meta_copy(struct wm_snapshot_meta *to, const struct wm_snapshot_meta *from);

/* ---- purge.c ---- */
struct wm_purge_voter {
	uint64_t id;
	bool is_self;
	int64_t silent_ms;
};
/*
 * Whose vote to take away: the voter silent for longest, if for @after_ms or longer, and if those
 * heard within the last @fresh_ms, and ourselves, are a majority both of the voters and of those
 * that would be left; else 0.
 */
uint64_t wm_purge_choose(const struct wm_purge_voter *voters, size_t n, int64_t fresh_ms,
			 int64_t after_ms);
