#pragma once
/*
 * What a server, HTTP/2 below it, and clients count. All counters start at 0 with the server and
 * only grow, but for those under "now". They are written and read on the loop; a copy may go
 * anywhere.
 */
#include "base/histogram.h"
#include <stdint.h>

/* Why a connection was cut off. The rows stand in rpc/flood.def.h. */
enum wm_flood {
#define WM_FLOOD_ROW(id, name, sentence) id,
#include "rpc/flood.def.h"
#undef WM_FLOOD_ROW
	WM_FLOOD_COUNT
};

/* The name in metrics and logs ("reset"); "" for a number that is none. Any thread. */
const char *wm_flood_name(enum wm_flood kind);
/* What it means, to be read behind "the peer floods us with "; "" for a number that is none. */
const char *wm_flood_sentence(enum wm_flood kind);

/* Of one connection's HTTP/2, or of all of a server's. */
struct wm_h2_stats {
	uint64_t bytes_in, bytes_out; /* HTTP/2, inside TLS if there is any */
	uint64_t pings_in;            /* and answers to ours */
	uint64_t resets_in;           /* RST_STREAM that came */
	uint64_t resets_out;          /* that we sent, but for those that only refuse the rest */
	uint64_t goaways_out;
	uint64_t floods[WM_FLOOD_COUNT]; /* connections that were cut off */
};

#define WM_RPC_STATUSES 17 /* OK to UNAUTHENTICATED */

struct wm_rpc_stats {
	/* Now. */
	uint32_t connections;
	uint32_t streams; /* calls that run, or whose handlers have not finished them */
	/* Connections. */
	uint64_t accepted;
	uint64_t refused_full;     /* because there were enough in all */
	uint64_t refused_source;   /* because there were enough from where it came */
	uint64_t failed_greetings; /* accepted, and ended before they spoke HTTP/2 */
	uint64_t slowed;           /* accepted, and had to wait for what others from there did */
	/*
	 * Calls that began, and those that have ended by the number in grpc-status: CANCELLED when
	 * nobody was left to be told. The difference of their sums is @streams.
	 */
	uint64_t calls;
	uint64_t ended[WM_RPC_STATUSES];
	struct wm_h2_stats h2;
};

/* Of one method. A call counts as ended when its handler has finished it and its stream is over. */
struct wm_rpc_method_stats {
	uint64_t started;
	uint64_t ended[WM_RPC_STATUSES]; /* by the number in grpc-status, as above */
	uint64_t received, sent;         /* messages */
	struct wm_histogram
		took; /* those that ended: from the headers to the handler's last word */
};

/* Of all channels that count into it. */
struct wm_rpc_client_stats {
	uint32_t connections;            /* now: servers that calls go to */
	uint64_t connects;               /* servers that were found */
	uint64_t failed_connects;        /* rounds over all addresses that found none */
	uint64_t calls;                  /* that began */
	uint64_t resends;                /* calls that were sent once more */
	uint64_t ended[WM_RPC_STATUSES]; /* calls, by the status that their callers got */
};
