#pragma once
/*
 * UDP sockets that move datagrams in batches. Several sockets can share one port, each for one
 * thread, and the kernel spreads the senders over them. One socket serves both families where the
 * host has IPv6. Receiving never blocks; waiting is poll(2) on the descriptor.
 *
 * A packet here may be a train: datagrams of one length, but for a shorter last one, that follow
 * each other in one buffer and go to or come from one peer. Where the host can, a train travels
 * its network stack as one (UDP_SEGMENT, UDP_GRO); where not, it is cut and each datagram sent.
 *
 * Each datagram says at which of our addresses, and on which interface, it came in; one that is
 * sent can name these, so that an answer leaves where the question came. Datagrams go out without
 * "don't fragment", as WireGuard's do: a path that is narrower than anybody knew delays them and
 * does not swallow them. A probe is the exception: routers answer it when it does not fit, and what
 * the host learns of that wm_path_mtu (platform/path.h) tells.
 *
 * A port whose system does not spread senders over sockets is UNIMPLEMENTED for more than one;
 * where it has no marks, so is any mark but 0. Without a call for batches it loops over single
 * ones.
 */
#include "base/addr.h"
#include "base/err.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define WM_UDP_BATCH       32     /* most packets in one system call */
#define WM_UDP_TRAIN       64     /* most datagrams in a train */
#define WM_UDP_TRAIN_BYTES 65000u /* most bytes in a train, below what an IP packet holds */
#define WM_UDP_ROOM        65536u /* holds every train */

struct wm_udp_socket {
	int fd;
	bool is_dual;           /* an IPv6 socket that takes IPv4 too; otherwise IPv4 only */
	atomic_bool has_trains; /* the kernel cuts what we send; cleared when it has refused */
};

/* One of this host's addresses, and an interface. */
struct wm_udp_local {
	struct wm_addr addr; /* none = the host chooses, and @link has no meaning */
	unsigned link;       /* interface index; 0 = the host chooses */
};

struct wm_udp_packet {
	struct wm_endpoint peer;
	struct wm_udp_local local; /* where it came in, or is to leave */
	uint8_t *data;
	uint32_t len;
	uint32_t cap;     /* for receiving: room at @data */
	uint32_t segment; /* bytes of each datagram but the last; 0 = there is one only */
	uint8_t tos;      /* of the IP header: DSCP and ECN, the same in all of a train */
	bool is_cut;      /* it was longer than its room */
	bool is_probe;    /* for sending: with "don't fragment"; one datagram */
	/* For sending, may be NULL: set when the host has refused @local and the packet went
	 * without. */
	atomic_bool *refused;
};

/* How many datagrams the packet is. */
static inline unsigned wm_udp_count(const struct wm_udp_packet *p)
{
	return p->segment == 0 || p->len <= p->segment ? 1 : (p->len + p->segment - 1) / p->segment;
}

/*
 * Opens @n sockets on @*port (0 = any free one, which is filled in). ALREADY_EXISTS when the port
 * is in use, also by a process that is ready to share it. On failure nothing stays open.
 * @is_plain: without trains.
 */
WM_MUST_CHECK int wm_udp_open(uint16_t *port, uint32_t fwmark, bool is_plain, unsigned n,
			      struct wm_udp_socket *out, struct wm_err *err);
void wm_udp_close(struct wm_udp_socket *s);
/* Inline: asked for every datagram that is sent. */
static inline bool wm_udp_local_equal(const struct wm_udp_local *a, const struct wm_udp_local *b)
{
	return a->link == b->link && memcmp(&a->addr, &b->addr, sizeof(a->addr)) == 0;
}
/* Marks what is sent, for routing policy; 0 = no mark. PERMISSION_DENIED without CAP_NET_ADMIN. */
WM_MUST_CHECK int wm_udp_set_mark(const struct wm_udp_socket *s, uint32_t fwmark,
				  struct wm_err *err);

/*
 * Makes the host choose among @n (2 or more) sockets of one port: a datagram whose first byte is
 * @kind goes to one of the first @n - 1, by its byte at @by, so that those with the same byte there
 * stay together; every other goes to the last, one by one. UNIMPLEMENTED where the host cannot:
 * then it spreads the senders over all of them.
 */
WM_MUST_CHECK int wm_udp_steer(const struct wm_udp_socket *socks, unsigned n, uint8_t kind,
			       unsigned by, struct wm_err *err);

/* Fills up to @n (at most WM_UDP_BATCH) packets; returns how many, 0 when none waits, or -errno. */
int wm_udp_recv(const struct wm_udp_socket *s, struct wm_udp_packet *p, unsigned n);
/*
 * Sends @n (at most WM_UDP_BATCH) packets, waiting a few milliseconds when the socket's buffer is
 * full; returns how many datagrams the kernel refused. Any thread.
 */
unsigned wm_udp_send(struct wm_udp_socket *s, const struct wm_udp_packet *p, unsigned n);
