#pragma once
/* What server.c (listening, who may stay) and exchange.c (one connection) share. Loop thread. */
#include "base/list.h"
#include "base/log.h"
#include "http/server.h"
#include "loop/conn.h"

struct wm_http_server {
	struct wm_loop *loop;
	struct wm_log *log;
	struct wm_http_server_opts opts;
	struct wm_listener *listener;
	struct wm_list waiting; /* connections that wait for their client, longest first */
	struct wm_list busy;    /* those that are being answered */
	size_t bytes_waiting;   /* of answers, not taken yet */
	struct wm_http_stats stats;
	struct wm_log_limit limit;
};

/* A request and its answer, over and over. */
struct wm_http_exchange {
	struct wm_list node;
	struct wm_http_server *server;
	struct wm_conn *conn;
	enum {
		WM_HTTP_READING,   /* a head, or waiting for one */
		WM_HTTP_ANSWERING, /* reading is paused */
		WM_HTTP_ENDING,    /* all is said; what still comes is thrown away */
	} at;
	struct wm_buf in; /* from the first byte of the head at hand */
	struct wm_http_scan scan;
	struct wm_buf out;
	size_t sent; /* of @out */
	bool keep_alive;
	size_t thrown_away;
	struct wm_timer limit;
	struct wm_defer next; /* a request that came together with the last */
};

/* ---- exchange.c ---- */
/* Takes @c, which was just accepted, and answers what comes on it. */
void wm_http_exchange_new(struct wm_http_server *s, struct wm_conn *c);
/* Ends it at once. */
void wm_http_exchange_free(struct wm_http_exchange *x);
