#pragma once
/*
 * The consensus thread: the engine of a store (store/engine.h) that orders changes by the machine
 * (cluster/machine.h), keeps the log on its disk, and makes the state from it. It blocks on the
 * disk and on nothing else. The loop hands it proposals, frames and calls, all bounded; it posts
 * batches, frames to be sent and news. Private to cluster/; loop thread where nothing else is said.
 */
#include "base/log.h"
#include "cluster/applier.h"
#include "cluster/cluster.h"
#include "cluster/copy.h"
#include "cluster/disk.h"
#include "cluster/vault.h"
#include "store/txn_codec.h"
#include <pthread.h>

struct wm_consensus;
struct wm_request;

/* Something that the thread does for the loop; @run is called once, on the thread. */
struct wm_call {
	struct wm_list node;
	struct wm_post post;
	void (*run)(struct wm_consensus *t, struct wm_call *c);
};

struct wm_frame_in {
	struct wm_list node;
	char node_id[WM_IDENT_TEXT];
	size_t len;
	uint8_t data[];
};

/* A copy of the state that is being made, or a fetched one that is being verified. */
struct wm_copying {
	pthread_t thread;
	bool runs;
	bool fetched;
	atomic_bool stop;
	MDB_txn *txn; /* of a copy */
	int fd;
	struct wm_snapshot_head head;
	uint64_t bytes;
	int64_t began_ns, took_ns;
	struct wm_err err;
	struct wm_call done;
};

struct wm_consensus {
	struct wm_engine engine; /* first the loop's, constant while the thread runs */
	struct wm_loop *loop;
	struct wm_log *log;
	void (*send)(void *arg, const char *node_id, const uint8_t *frame, size_t len);
	void *send_arg;
	void (*on_news)(void *arg); /* on the loop */
	void *news_arg;
	struct wm_cluster_opts opts;
	struct wm_engine_hooks hooks;
	struct wm_env *env;
	struct wm_disk *disk; /* open from prepare on */
	pthread_t thread;
	bool started;
	struct wm_pulse pulse;

	/* The thread's own. */
	struct wm_machine *machine;
	struct wm_applier applier;
	struct wm_vault vault; /* its newest is shared under the lock */
	struct wm_copying copying;
	bool wants_snapshot, disk_is_ill;
	bool news; /* the cluster is to hear of what is published next */
	struct wm_log_limit alarms;
	int64_t snapshot_wall_ns;
	struct wm_list asked;        /* struct wm_request that the machine has */
	struct wm_request *transfer; /* the one that waits for another leader */
	int64_t copy_after_ms;       /* after one that failed */
	int64_t looked_ms;           /* for whether a snapshot is due */
	int64_t room_ms;             /* when room was asked for */
	uint64_t room;
	uint8_t birth[WM_TXN_BATCH_INCARNATION]; /* of a history that begins with us */
	struct wm_buf entry;
	struct wm_list answers; /* calls that are done and go after the batch */
	struct wm_err disk_err; /* of the last step that failed */
	struct wm_err illness;  /* while disk_is_ill: what is the matter */
	uint64_t lost_frames;
	struct wm_histogram persists;

	/* Hands over both ways. A message would not do: the thread must wait. */
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t wake;
	struct wm_list waiting; /* proposals */
	size_t n_waiting, bytes_waiting;
	struct wm_list frames;
	size_t n_frames, bytes_frames;
	struct wm_list calls;
	struct wm_snapshot_pool snapshots;
	bool stop;
	bool posting;       /* the thread runs: what is posted will find us */
	struct wm_list out; /* struct wm_frame_in, to be sent */
	size_t bytes_out;
	bool out_posted;
	struct wm_post out_post;
	struct wm_cluster_status status;
	bool news_posted;
	struct wm_post news_post;
	bool fetch_wanted; /* the loop has not seen this yet: */
	struct wm_cluster_fetch fetch;
	struct wm_post stop_post;
};

/* The maker's two functions; @arg is a struct wm_consensus. */
int wm_consensus_prepare(void *arg, bool *discard, struct wm_err *err);
int wm_consensus_start(void *arg, struct wm_loop *loop, struct wm_env *env,
		       const struct wm_engine_hooks *hooks, struct wm_engine **out,
		       struct wm_err *err);
/* Takes nothing; @opts' defaults are filled in, what it points to is copied but for @first. */
struct wm_consensus *wm_consensus_new(struct wm_log *log, const struct wm_cluster_opts *opts);
/* Frees what is left when nothing was started, or after the store has freed the engine. */
void wm_consensus_free(struct wm_consensus *t);
/* Any thread: queues @c, and wakes the thread. False once it stops: @c will not run. */
bool wm_consensus_call(struct wm_consensus *t, struct wm_call *c,
		       void (*run)(struct wm_consensus *t, struct wm_call *c));

/* Copies a frame for the machine; too many are lost. */
void wm_consensus_receive(struct wm_consensus *t, const char *node_id, const uint8_t *frame,
			  size_t len);

struct wm_consensus *wm_consensus_of(struct wm_engine *e);
/* Moves all of one list to the end of another. */
void wm_consensus_move(struct wm_list *from, struct wm_list *to);

/* ---- consensus thread ---- */
/* What it runs, with the struct wm_consensus. */
void *wm_consensus_run(void *arg);
/* Milliseconds of the machine's clock. */
int64_t wm_consensus_now(void);
/* How the machine reaches us. */
extern const struct wm_machine_io wm_consensus_io;
/* The call is done: its post runs @cb on the loop, after what was applied so far is seen there. */
void wm_consensus_answer(struct wm_consensus *t, struct wm_call *c, void (*cb)(struct wm_post *p));
/* What was found is brought into order before the machine starts: founded, rebuilt or refused. */
WM_MUST_CHECK int wm_consensus_recover(struct wm_consensus *t, struct wm_err *err);
/* Takes what waits, in as few entries as it fits. */
void wm_consensus_propose(struct wm_consensus *t, struct wm_list *proposals);
/* Starts a snapshot if one is due. */
void wm_consensus_copy_if_due(struct wm_consensus *t, int64_t now_ms);
/* Verifies what was fetched into @fd, which is taken. */
void wm_consensus_verify(struct wm_consensus *t, int fd);
/* Waits for the thread that copies. */
void wm_consensus_copy_stop(struct wm_consensus *t);
/* With the lock: sees to it that the loop sends what waits. */
void wm_consensus_post_out(struct wm_consensus *t);
/* The machine's answers to requests (cluster/request.h). */
void wm_consensus_readable(void *arg, uint64_t token, const struct wm_err *err);
void wm_consensus_changed(void *arg, uint64_t token, const struct wm_err *err);
void wm_consensus_transferred(void *arg, const struct wm_err *err);
/* The machine is gone: what it was asked ends with UNAVAILABLE. */
void wm_consensus_end_requests(struct wm_consensus *t);
/* Copies what the machine says of itself for the loop, and posts if there is news. */
void wm_consensus_publish(struct wm_consensus *t);
