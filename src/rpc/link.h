#pragma once
/*
 * One connection of bytes under HTTP/2: a socket, with TLS or without. It takes the socket over,
 * carries the handshake, and tells its owner when plaintext flows, what came, and how it ended. It
 * also notices that the other side speaks another language (TLS to a cleartext port, the reverse,
 * or HTTP/1), says so in the error and, where that helps, to the peer. Loop thread only. Nothing
 * here calls its owner from inside a call of the owner's.
 */
#include "base/buf.h"
#include "base/err.h"
#include "crypto/tls.h"
#include "loop/conn.h"
#include "rpc/turns.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wm_rpc_link_events {
	/* Plaintext may flow: after the handshake, or at once in cleartext. */
	void (*on_ready)(void *arg);
	/* Borrowed during the call. The owner may close the link from inside. */
	void (*on_bytes)(void *arg, const uint8_t *p, size_t n);
	/* Once, the last but on_gone: @err NULL at the peer's orderly end. */
	void (*on_end)(void *arg, const struct wm_err *err);
	/* The queue towards the peer has become empty. */
	void (*on_drain)(void *arg);
	/* After wm_rpc_link_close: the socket is given back, the link's memory may go. */
	void (*on_gone)(void *arg);
};

struct wm_rpc_link {
	struct wm_loop *loop;
	struct wm_conn *conn;
	struct wm_tls *tls; /* NULL in cleartext */
	const struct wm_rpc_link_events *events;
	void *arg;
	struct wm_defer kick; /* on_ready of a cleartext link, on_gone of a closed one */
	/*
	 * Where a server's handshakes wait for their turn, for each costs a signature; the owner
	 * sets it behind init. NULL: they do not wait.
	 */
	struct wm_rpc_turns *handshakes;
	struct wm_rpc_turn turn;
	struct wm_buf early;              /* what came meanwhile */
	struct wm_timer linger;           /* how long a closed link waits for its peer */
	char name[WM_ENDPOINT_TEXT + 64]; /* of the peer, for errors */
	uint8_t first[8];                 /* the first bytes that came: they tell the language */
	uint8_t n_first;
	bool shook; /* server: TLS has answered the client's first words, which costs a signature */
	bool server, ready, eof, ended, closed;
};

/*
 * Takes @conn. @tls is borrowed for this call only; NULL is cleartext. @host is what a client
 * dialed (NULL on a server), @name how errors call the peer.
 */
void wm_rpc_link_init(struct wm_rpc_link *l, struct wm_loop *loop, struct wm_conn *conn,
		      const struct wm_tls_config *tls, const char *host, const char *name,
		      const struct wm_rpc_link_events *events, void *arg);
/* Only when ready; bytes for a link that has ended are dropped. */
void wm_rpc_link_write(struct wm_rpc_link *l, const void *p, size_t n);
/* Takes in what comes in small pieces, between which others have their turn, or in large ones. */
void wm_rpc_link_read_little(struct wm_rpc_link *l, bool little);
/* Goes on reading, unless it has ended. */
void wm_rpc_link_read_start(struct wm_rpc_link *l);
/* Bytes written that the kernel has not taken. */
size_t wm_rpc_link_queued(const struct wm_rpc_link *l);
/*
 * Nothing but on_gone is called afterwards. A server's link says goodbye and waits up to a second
 * for the peer, so that its last words are read; with @linger false, and for a client, it is at
 * once.
 */
void wm_rpc_link_close(struct wm_rpc_link *l, bool linger);
/*
 * As close with @linger, for a peer that sends more than anybody would read: it has a second to
 * read our last words, and what it sends meanwhile stays in the kernel.
 */
void wm_rpc_link_dismiss(struct wm_rpc_link *l);
/* As close without on_gone: the memory may go as soon as this returns. */
void wm_rpc_link_abort(struct wm_rpc_link *l);
