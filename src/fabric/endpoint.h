#pragma once
/*
 * Which of a peer's endpoints to send to: a pure choice from texts, answers of the resolver and the
 * subnets this host is on. Any thread.
 */
#include "base/addr.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wm_desired_peer;

enum wm_endpoint_kind {
	WM_ENDPOINT_ABSENT,  /* empty, or nothing that could be one */
	WM_ENDPOINT_LITERAL, /* address and port */
	WM_ENDPOINT_NAME,    /* host name and port: the resolver's turn */
};

#define WM_HOST_NAME 256

struct wm_endpoint_text {
	enum wm_endpoint_kind kind;
	struct wm_endpoint literal;
	char host[WM_HOST_NAME];
	uint16_t port;
};

/* Reads what a node advertised. An unspecified or multicast address or port 0 is absent. */
void wm_endpoint_text_parse(const char *s, struct wm_endpoint_text *out);

struct wm_endpoint_view {
	const char *zone;              /* our own, "" = none */
	const struct wm_prefix *local; /* the subnets of our interfaces, without the mesh's own */
	size_t n_local;
	/* The address of a name, or NULL while (or because) there is none. */
	const struct wm_endpoint *(*resolve)(void *arg, const char *host, uint16_t port);
	void *arg;
};

/*
 * The configured endpoint; but when both are in the same zone and it lies outside our subnets (or
 * there is none), the first candidate inside one of them. False when there is nothing to send to.
 */
bool wm_endpoint_choose(const struct wm_desired_peer *peer, const struct wm_endpoint_view *view,
			struct wm_endpoint *out);
