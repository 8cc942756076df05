#pragma once
/*
 * A small HTTP/1.1 server for what people and collectors read: GET and HEAD, without TLS. Answers
 * are made at once, on the loop. It is made to stand where strangers may knock: heads are decoded
 * strictly and under limits (http/head.h); a request has ten seconds from its first byte, an answer
 * a minute to be taken; when there are as many connections as it keeps, the one that has waited
 * longest for its client makes room, or else the one that has taken longest to read its answer, so
 * that no crowd keeps anybody out; and what waits to be read by slow clients is bounded in bytes.
 * Loop thread only.
 */
#include "base/addr.h"
#include "base/buf.h"
#include "base/err.h"
#include "http/head.h"
#include "http/status.h"
#include <stdbool.h>
#include <stdint.h>

struct wm_http_server;
struct wm_log;
struct wm_loop;

/* Starts as 404 without a body. */
struct wm_http_answer {
	unsigned status;
	const char *type; /* Content-Type; NULL = plain text */
	struct wm_buf body;
};

struct wm_http_server_opts {
	struct wm_endpoint at; /* port 0 = any */
	/* False: hang up before a byte was read. May be NULL. @interface as wm_conn_interface. */
	bool (*admit)(void *arg, const struct wm_endpoint *peer, unsigned interface);
	/* Fills @out for a GET of @head->path (HEAD as well: the body is made and not sent). */
	void (*answer)(void *arg, const struct wm_http_head *head, struct wm_http_answer *out);
	void *arg;
	uint32_t max_connections; /* 0 = 128 */
	uint32_t max_waiting;     /* bytes of answers for slow clients, above is 503; 0 = 16 MiB */
	int64_t head_ns;          /* 0 = 10 s */
	int64_t answer_ns;        /* 0 = 60 s */
	int64_t idle_ns;          /* between two requests; 0 = 120 s */
};

/* Listens; errors as wm_listener_open. */
WM_MUST_CHECK int wm_http_server_open(struct wm_loop *loop, struct wm_log *log,
				      const struct wm_http_server_opts *opts,
				      struct wm_http_server **out, struct wm_err *err);
/* Where it listens. */
void wm_http_server_endpoint(const struct wm_http_server *s, struct wm_endpoint *out);
/* Ends all connections at once. NULL is allowed. */
void wm_http_server_close(struct wm_http_server *s);

/* What there is now, and what happened since it was opened. */
struct wm_http_stats {
	uint32_t connections;
	uint64_t accepted;
	uint64_t refused;                   /* not admitted */
	uint64_t evicted;                   /* made room for a newer one */
	uint64_t answers[WM_HTTP_STATUSES]; /* by place in wm_http_statuses */
};
/* Copies the counters. */
void wm_http_server_stats(const struct wm_http_server *s, struct wm_http_stats *out);
