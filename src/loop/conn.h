#pragma once
/*
 * Byte streams on the loop: TCP and local (Unix) sockets. A connection belongs to whoever dialed or
 * accepted it; wm_conn_close ends it, after which no callback runs, and its memory goes when the
 * loop has closed the socket. Reading starts with wm_conn_read_start and can be paused, which is
 * how a reader bounds its memory; a writer bounds its own by looking at wm_conn_queued. Loop thread
 * only.
 */
#include "loop/loop.h"
#include <stddef.h>

struct wm_conn;
struct wm_listener;

struct wm_conn_events {
	/*
	 * Bytes came (borrowed, valid during the call), or the stream ended: @len 0 and @err NULL
	 * at the peer's orderly end, @err set when it broke. After an end nothing more comes.
	 */
	void (*on_read)(void *arg, struct wm_conn *c, const uint8_t *data, size_t len,
			const struct wm_err *err);
	/* The queue of written bytes became empty after having been above zero. May be NULL. */
	void (*on_drain)(void *arg, struct wm_conn *c);
};

/* ---- listening ---- */
struct wm_listen_opts {
	struct wm_endpoint at; /* TCP; port 0 = any (see wm_listener_endpoint) */
	const char *path;      /* or a local socket, mode 0600; removed on close */
	bool v6_only;
	int backlog; /* 0 = 511 */
	/* A socket of the address's family that somebody has made for this (in another network
	 * namespace); taken in any case. 0 = none. */
	int socket;
};
/*
 * "[::]" takes IPv4 as well unless v6_only, and falls back to 0.0.0.0 on a host without IPv6. A
 * taken port is an error that says so. A local socket that a dead process left behind is replaced.
 * The accepted connection is the callback's to close.
 */
WM_MUST_CHECK int wm_listener_open(struct wm_loop *loop, const struct wm_listen_opts *opts,
				   void (*on_accept)(void *arg, struct wm_conn *c), void *arg,
				   struct wm_listener **out, struct wm_err *err);
void wm_listener_endpoint(const struct wm_listener *l, struct wm_endpoint *out);
/* Stops accepting for a while (descriptors are short) and goes on. */
void wm_listener_pause(struct wm_listener *l, bool paused);
void wm_listener_close(struct wm_listener *l); /* NULL is allowed */

/* ---- dialing: embedded request ---- */
/*
 * From here on @make is asked for the socket of every TCP connection that is dialed, and of
 * every listener that has none: *@out is -1
 * for one as usual, or a socket of the address's family, which the loop takes (one in another
 * network namespace). Its errors are the dial's. Borrows @arg for the loop's life.
 */
void wm_loop_set_sockets(struct wm_loop *loop,
			 int (*make)(void *arg, const struct wm_endpoint *to, int *out,
				     struct wm_err *err),
			 void *arg);
struct wm_dial {
	void *impl;
	struct wm_loop *loop;
	void (*cb)(struct wm_dial *d, struct wm_conn *c, const struct wm_err *err);
	struct wm_timer timer;
	struct wm_defer cancelled; /* the answer to a cancel */
};
/*
 * Connects to @to within @timeout_ns (0 = as long as the system tries). The connection is the
 * callback's to close. Errors name the endpoint: UNAVAILABLE refused, unreachable;
 * DEADLINE_EXCEEDED no answer.
 */
WM_MUST_CHECK int wm_dial_start(struct wm_loop *loop, struct wm_dial *d,
				const struct wm_endpoint *to, int64_t timeout_ns,
				void (*cb)(struct wm_dial *d, struct wm_conn *c,
					   const struct wm_err *err),
				struct wm_err *err);
WM_MUST_CHECK int
wm_dial_start_path(struct wm_loop *loop, struct wm_dial *d, const char *path, int64_t timeout_ns,
		   void (*cb)(struct wm_dial *d, struct wm_conn *c, const struct wm_err *err),
		   struct wm_err *err);
void wm_dial_cancel(struct wm_dial *d);

/* ---- a connection ---- */
/* Sets who is told; before reading or writing. */
void wm_conn_set_events(struct wm_conn *c, const struct wm_conn_events *events, void *arg);
void wm_conn_read_start(struct wm_conn *c);
void wm_conn_read_pause(struct wm_conn *c);
/* At most @n bytes are read of it in each turn of the loop; 0: as much as of any. */
void wm_conn_read_most(struct wm_conn *c, uint32_t n);
/* Copies @n bytes into the queue and sends what it can at once; a broken stream shows in on_read.
 */
void wm_conn_write(struct wm_conn *c, const void *p, size_t n);
/*
 * Finds out about a peer that vanished while nothing is said: after @idle_s seconds of silence it
 * is probed, and when three probes a few seconds apart stay unanswered the stream ends as broken.
 * Does nothing on a local socket.
 */
void wm_conn_keepalive(struct wm_conn *c, unsigned idle_s);
/* Bytes written but not yet taken by the kernel. */
size_t wm_conn_queued(const struct wm_conn *c);
/* Sends a FIN after what is queued. */
void wm_conn_shutdown(struct wm_conn *c);
/* False for a local socket. */
bool wm_conn_peer(const struct wm_conn *c, struct wm_endpoint *out);
bool wm_conn_local(const struct wm_conn *c, struct wm_endpoint *out);
/* Of an accepted connection: the index of the interface that brought it; 0 when nobody knows. */
unsigned wm_conn_interface(const struct wm_conn *c);
/* Bytes still queued are lost; shut down and wait for the end to be polite. NULL is allowed. */
void wm_conn_close(struct wm_conn *c);
