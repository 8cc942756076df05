#pragma once
/*
 * The client side of the benchmarks: one HTTP/2 connection of unary gRPC calls, non-blocking, over
 * TLS or in cleartext. It shares no code with what it measures (but nghttp2 and OpenSSL), so that a
 * change there does not move the yardstick. One thread; the owner waits on an epoll descriptor,
 * whose events carry the connection (data.ptr).
 */
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct h2client;

struct h2client_target {
	struct sockaddr_in at;
	SSL_CTX *tls; /* NULL: cleartext */
	const char *path;
	const uint8_t *body; /* the gRPC frame of every request */
	size_t body_len;
};

struct h2client_events {
	/* The server's SETTINGS have come and ours are acknowledged: calls may be made. */
	void (*on_ready)(void *arg, struct h2client *c);
	/* A call is over: @grpc_status of its trailers, -1 when there was none. */
	void (*on_answer)(void *arg, struct h2client *c, void *call, int grpc_status, size_t bytes);
	/* The connection is dead; the owner closes it, inside or later. */
	void (*on_end)(void *arg, struct h2client *c, const char *why);
};

/* A TLS context for clients: @ca is believed, @cert and @key (NULL: none) are shown. */
SSL_CTX *h2client_tls(const char *ca, const char *cert, const char *key);
/*
 * Dials from @source (NULL: any) and adds itself to @epoll. NULL with errno when the socket cannot
 * be had. All borrowed.
 */
struct h2client *h2client_open(const struct h2client_target *target, const struct in_addr *source,
			       int epoll, const struct h2client_events *events, void *arg);
/* Its descriptor is readable or writable. */
void h2client_work(struct h2client *c);
/* Begins a call; @call comes back with its answer. h2client_flush sends it. */
void h2client_call(struct h2client *c, void *call);
/* Sends what was begun. */
void h2client_flush(struct h2client *c);
/* Forgets all state and leaves the socket open and silent: an idle connection that costs us only a
 * descriptor, which the end of the program closes. Frees @c. */
void h2client_leave_idle(struct h2client *c);
/* Closes the socket and frees @c. */
void h2client_close(struct h2client *c);
