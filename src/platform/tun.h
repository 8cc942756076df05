#pragma once
/*
 * A TUN interface: IP packets of the host come out of it and go into it. It has one queue or more,
 * each for one thread; the interface disappears with the last descriptor, that is on close or when
 * the process dies. Reading and writing never block; waiting is poll(2) on the queue's descriptor.
 */
#include "base/err.h"
#include <stdint.h>

#define WM_TUN_NAME   16 /* with the NUL */
#define WM_TUN_QUEUES 16 /* at most */
#define WM_TUN_HEADROOM \
	16 /* bytes in front of every packet that reading and writing may overwrite */

struct wm_tun;

struct wm_tun_opts {
	const char *name; /* "wm0"; "wm+" lets the system choose a number */
	uint32_t mtu;
	unsigned queues; /* 1..WM_TUN_QUEUES */
};

struct wm_tun_packet {
	uint8_t *data; /* WM_TUN_HEADROOM bytes before it are the caller's too */
	uint32_t len;
	uint32_t cap; /* for reading: room at @data */
};

/*
 * Makes a new interface, down and without address. UNAVAILABLE without TUN support,
 * PERMISSION_DENIED without privilege (both say how to get it), ALREADY_EXISTS when the name is
 * taken.
 */
WM_MUST_CHECK int wm_tun_open(const struct wm_tun_opts *opts, struct wm_tun **out,
			      struct wm_err *err);
void wm_tun_close(struct wm_tun *t); /* NULL is allowed */

const char *wm_tun_name(const struct wm_tun *t);
unsigned wm_tun_ifindex(const struct wm_tun *t);
unsigned wm_tun_queues(const struct wm_tun *t);
int wm_tun_fd(const struct wm_tun *t, unsigned queue); /* for poll only */

/*
 * Fills up to @n packets; returns how many, 0 when none waits, or a negative errno: -ENODEV when
 * the interface was deleted. A packet longer than its room is cut. The queue's thread.
 */
int wm_tun_read(struct wm_tun *t, unsigned queue, struct wm_tun_packet *p, unsigned n);
/* Writes @n packets; returns how many of them the interface refused (it is down, or memory is
 * short). */
unsigned wm_tun_write(struct wm_tun *t, unsigned queue, const struct wm_tun_packet *p, unsigned n);
