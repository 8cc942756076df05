#pragma once
/* The inside of the loop, for the units of this folder only. */
#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

#include "base/addr.h"
#include "base/buf.h"
#include "loop/conn.h"
#include "loop/loop.h"

#define WM_LOOP_READ_SIZE 16384 /* what one connection has others wait for */

struct wm_loop {
	uv_loop_t uv;
	struct wm_log *log;
	pthread_t thread;
	bool is_stopped;
	int64_t now;     /* of this turn */
	uint32_t turn;   /* counts the times the loop has looked for what is ready */
	uint64_t uv_now; /* libuv's time when `now` was taken: when it moved on, so do we */

	uv_timer_t alarm;         /* for the first of the timers */
	struct wm_timer **timers; /* a binary heap */
	uint32_t n_timers, cap_timers;
	uint64_t timer_seq;
	bool is_firing;  /* wm_loop_run_timers is at it, and sets the alarm at its end */
	bool is_overdue; /* timers wait for the end of this turn */

	uv_idle_t busy; /* runs while calls are deferred, so that the loop does not sleep */
	uv_prepare_t before_poll;
	uv_check_t after_poll;
	struct wm_list deferred;

	uv_async_t wake;
	_Atomic(struct wm_post *) posts; /* the newest first */

	/* Of wm_loop_set_sockets; NULL = nobody is asked. */
	int (*make_socket)(void *arg, const struct wm_endpoint *to, int *out, struct wm_err *err);
	void *make_socket_arg;

	unsigned n_open;                  /* what must be closed before the loop is freed */
	char read_buf[WM_LOOP_READ_SIZE]; /* lent to one reading connection at a time */
};

/* Takes the time anew. */
void wm_loop_refresh(struct wm_loop *loop);
/* Runs the timers that are due, and sets the alarm for the next. */
void wm_loop_run_timers(struct wm_loop *loop);
/* Keeps the loop from sleeping for one turn. */
void wm_loop_stay_awake(struct wm_loop *loop);
/* Runs the calls that are deferred now, not those which they defer. */
void wm_loop_run_deferred(struct wm_loop *loop);
/* Runs what was posted; false when there was nothing. */
bool wm_loop_run_posts(struct wm_loop *loop);
/* Before what runs on the pool: libuv makes its threads then, which shall have a name of theirs. */
void wm_loop_name_pool(void);
/* As wm_fail_errno with a status of libuv's. */
int wm_loop_fail(struct wm_err *err, int status, const char *fmt, ...) WM_PRINTF(3, 4);

struct wm_conn {
	union {
		uv_handle_t handle;
		uv_stream_t stream;
		uv_tcp_t tcp;
		uv_pipe_t pipe;
	} uv;
	struct wm_loop *loop;
	const struct wm_conn_events *events;
	void *arg;
	bool is_tcp, is_reading, is_closing;
	uint32_t filled_in; /* the turn in which it filled the buffer it was lent */
	uint32_t read_most; /* bytes of that buffer; 0: all */
	bool has_ended;     /* the end was told, nothing more comes */
	bool wants_fin;     /* shutdown was asked for; sent behind the last byte */
	bool is_sending;    /* `sending` is with libuv */
	struct wm_endpoint peer, local;
	/* One write is with libuv at a time; what comes meanwhile is collected for the next. */
	struct wm_buf sending, waiting;
	uv_write_t write;
	uv_shutdown_t shutdown;
	struct wm_defer tell_failure;
	int failure; /* libuv's status of the write that failed; 0: none did */
};

/* A connection whose socket is not yet open: TCP, or local when @is_tcp is false. */
struct wm_conn *wm_conn_new(struct wm_loop *loop, bool is_tcp);
/* Its socket is connected now. */
void wm_conn_connected(struct wm_conn *c);
/* Fails when the path does not fit into a socket address; @what begins the message. */
WM_MUST_CHECK int wm_conn_check_path(const char *what, const char *path, struct wm_err *err);
