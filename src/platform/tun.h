#pragma once
/*
 * A TUN interface: IP packets of the host come out of it and go into it. It has one queue or more,
 * each for one thread; the interface disappears with the last descriptor, that is on close or when
 * the process dies. Reading and writing never block; waiting is poll(2) on the queue's descriptor.
 *
 * Where the host can, packets stand for many (platform/offload.h): it hands over whole TCP
 * segments of up to 64 KiB that somebody else cuts, and takes such back. What it cannot is found
 * out when the interface is made, and while it is used (wm_tun_refuse); everything works without.
 *
 * A port whose system has one queue makes one, whatever was asked, and wm_tun_queues says so. One
 * that names interfaces itself (macOS: utun7) takes names that end in "+" only, INVALID_ARGUMENT
 * for any other. Bytes that a system puts in front of packets (their family) never show here.
 */
#include "base/err.h"
#include "platform/offload.h"
#include <stdint.h>

#define WM_TUN_NAME   16     /* with the NUL */
#define WM_TUN_QUEUES 16     /* at most */
#define WM_TUN_ROOM   65536u /* holds every packet */
#define WM_TUN_SPANS  256    /* a packet written may consist of, at most */

struct wm_tun;

struct wm_tun_opts {
	const char *name; /* "wm0"; "wm+" lets the system choose a number */
	uint32_t mtu;
	unsigned queues; /* 1..WM_TUN_QUEUES */
	bool is_plain;   /* no offloads */
	/*
	 * Queues of an interface that another process has made and left to us, whose name is (or
	 * fits) ours: it is taken over as it is, with its addresses and routes, and packets that
	 * wait in it. Taken in any case; any other interface is taken down, and its queues are
	 * closed.
	 */
	const int *left;
	unsigned n_left;
};

struct wm_tun_packet {
	uint8_t *data;
	uint32_t len;
	uint32_t cap; /* for reading: room at @data */
	struct wm_offload offload;
};

/* What packets written may stand for; bits. */
enum wm_tun_offloads {
	WM_TUN_TCP = 1, /* WM_OFFLOAD_TCP4 and _TCP6 */
	WM_TUN_UDP = 2, /* WM_OFFLOAD_UDP */
};

/*
 * Makes a new interface, down and without address. UNAVAILABLE without TUN support,
 * PERMISSION_DENIED without privilege (both say how to get it), ALREADY_EXISTS when the name is
 * taken.
 */
WM_MUST_CHECK int wm_tun_open(const struct wm_tun_opts *opts, struct wm_tun **out,
			      struct wm_err *err);
void wm_tun_close(struct wm_tun *t); /* NULL is allowed */

/* True when it was left to us by another process. */
bool wm_tun_is_inherited(const struct wm_tun *t);
/* As the system has named it; borrowed until it is closed. */
const char *wm_tun_name(const struct wm_tun *t);
/* The index by which platform/link.h knows it. */
unsigned wm_tun_ifindex(const struct wm_tun *t);
/* How many there are: those asked for, or fewer. */
unsigned wm_tun_queues(const struct wm_tun *t);
int wm_tun_fd(const struct wm_tun *t, unsigned queue); /* for poll only */

/* enum wm_tun_offloads that may be written now. Any thread. */
unsigned wm_tun_offloads(const struct wm_tun *t);
/* Writing one of @offloads has failed for that reason: it is not done any more. True for who is
 * the first to say so. Any thread. */
bool wm_tun_refuse(struct wm_tun *t, unsigned offloads);

/*
 * Reads one packet. 1, or 0 when none waits, or a negative errno: -ENODEV when the interface was
 * deleted; -EMSGSIZE for a packet longer than its room and -EINVAL for one that stands for more
 * than the host has words for, both of which are lost. The queue's thread.
 */
int wm_tun_read(struct wm_tun *t, unsigned queue, struct wm_tun_packet *p);
/*
 * Writes one packet that lies in @n (at most WM_TUN_SPANS) pieces. 0, or a negative errno: -EINVAL
 * when the interface does not understand what it stands for; -EIO when it is down; others when
 * memory is short. The queue's thread.
 */
int wm_tun_write(struct wm_tun *t, unsigned queue, const struct wm_span *spans, unsigned n,
		 const struct wm_offload *offload);
