/*
 * The first socket is bound without SO_REUSEPORT: so a port that anybody holds, sharing or not, is
 * an error. Only then is the option set on it, and the others join.
 */
#include "platform/udp.h"
#include <errno.h>
#include <string.h>
#include <netinet/udp.h>
#include <unistd.h>
#include "platform/linux/address.h"

/*
 * For each direction of each socket. What waits there is charged with its overhead, twice the bytes
 * of a full datagram: 4 MiB hold a hundred trains of 20 KiB, or what a path of 10 Gb/s delivers in
 * 1.6 ms, which a worker that had to wait for its core for a tick still finds. More would only be
 * delay that the flows inside cannot see. The kernel's own default (208 KiB) loses packets in every
 * burst.
 */
#define BUFFER_BYTES  (4 * 1024 * 1024)
#define DUAL_FALLBACK 1 /* open_socket: the host has no IPv6 */

static void set_option(int fd, int level, int name, int value)
{
	/* Only for options that make things better: the socket works without. */
	(void)!setsockopt(fd, level, name, &value, sizeof(value));
}

static void set_buffers(int fd)
{
	set_option(fd, SOL_SOCKET, SO_RCVBUF, BUFFER_BYTES);
	set_option(fd, SOL_SOCKET, SO_SNDBUF, BUFFER_BYTES);
	set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES);
	set_option(fd, SOL_SOCKET, SO_SNDBUFFORCE, BUFFER_BYTES);
}

/* Where and how each datagram comes in, and no "don't fragment" on what goes out. */
static void set_network_options(const struct wm_udp_socket *s)
{
	set_option(s->fd, IPPROTO_IP, IP_RECVTOS, 1);
	set_option(s->fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
	if (s->is_dual) {
		set_option(s->fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
		set_option(s->fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1); /* of IPv4 too */
	} else {
		set_option(s->fd, IPPROTO_IP, IP_PKTINFO, 1);
	}
}

/* A kernel that knows the option cuts in software what the network card cannot. */
static void set_trains(struct wm_udp_socket *s)
{
	int none = 0;
	set_option(s->fd, IPPROTO_UDP, UDP_GRO, 1);
	s->has_trains = setsockopt(s->fd, IPPROTO_UDP, UDP_SEGMENT, &none, sizeof(none)) == 0;
}

static int set_reuse(int fd, struct wm_err *err)
{
	int on = 1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0)
		return wm_fail_errno(err, errno, "share a UDP port between threads");
	return 0;
}

static socklen_t any_address(bool is_dual, uint16_t port, union wm_linux_address *out)
{
	memset(out, 0, sizeof(*out));
	if (is_dual) {
		out->v6.sin6_family = AF_INET6;
		out->v6.sin6_port = htons(port);
		return sizeof(out->v6);
	}
	out->v4.sin_family = AF_INET;
	out->v4.sin_port = htons(port);
	return sizeof(out->v4);
}

static int bind_socket(const struct wm_udp_socket *s, uint16_t port, struct wm_err *err)
{
	union wm_linux_address at;
	socklen_t len = any_address(s->is_dual, port, &at);
	if (bind(s->fd, &at.any, len) == 0)
		return 0;
	if (s->is_dual && errno == EADDRNOTAVAIL)
		return DUAL_FALLBACK;
	if (errno == EADDRINUSE)
		return wm_fail(err, WM_ALREADY_EXISTS, "UDP port %u is in use by another program",
			       port);
	if (errno == EACCES)
		return wm_fail(err, WM_PERMISSION_DENIED,
			       "UDP port %u needs CAP_NET_BIND_SERVICE, or a port above 1023",
			       port);
	return wm_fail_errno(err, errno, "bind UDP port %u", port);
}

/* DUAL_FALLBACK when @is_dual was asked for and the host has no IPv6. */
static int open_socket(bool is_dual, bool shares, uint16_t port, struct wm_udp_socket *out,
		       struct wm_err *err)
{
	int rc = 0;
	out->is_dual = is_dual;
	out->has_trains = false;
	out->fd =
		socket(is_dual ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (out->fd < 0 && is_dual && errno == EAFNOSUPPORT)
		return DUAL_FALLBACK;
	if (out->fd < 0)
		return wm_fail_errno(err, errno, "open a UDP socket");
	if (is_dual)
		set_option(out->fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
	if (shares)
		rc = set_reuse(out->fd, err);
	if (rc == 0)
		rc = bind_socket(out, port, err);
	if (rc != 0) {
		wm_udp_close(out);
	} else {
		set_buffers(out->fd);
		set_network_options(out);
	}
	return rc;
}

static int bound_port(int fd, uint16_t *port, struct wm_err *err)
{
	union wm_linux_address at;
	socklen_t len = sizeof(at);
	if (getsockname(fd, &at.any, &len) != 0)
		return wm_fail_errno(err, errno, "ask for the bound UDP port");
	*port = ntohs(at.any.sa_family == AF_INET6 ? at.v6.sin6_port : at.v4.sin_port);
	return 0;
}

static int open_first(uint16_t *port, struct wm_udp_socket *out, struct wm_err *err)
{
	int rc = open_socket(true, false, *port, out, err);
	if (rc == DUAL_FALLBACK)
		rc = open_socket(false, false, *port, out, err);
	if (rc == 0 && (rc = bound_port(out->fd, port, err)) != 0)
		wm_udp_close(out);
	return rc;
}

int wm_udp_open(uint16_t *port, uint32_t fwmark, bool is_plain, unsigned n,
		struct wm_udp_socket *out, struct wm_err *err)
{
	unsigned opened = 0;
	int rc = open_first(port, &out[0], err);
	if (rc != 0)
		return rc;
	opened = 1;
	if (n > 1)
		rc = set_reuse(out[0].fd, err);
	for (; rc == 0 && opened < n; opened += rc == 0)
		rc = open_socket(out[0].is_dual, true, *port, &out[opened], err);
	for (unsigned i = 0; rc == 0 && fwmark != 0 && i < n; i++)
		rc = wm_udp_set_mark(&out[i], fwmark, err);
	for (unsigned i = 0; rc == 0 && !is_plain && i < n; i++)
		set_trains(&out[i]);
	while (rc != 0 && opened > 0)
		wm_udp_close(&out[--opened]);
	return rc;
}

void wm_udp_close(struct wm_udp_socket *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

int wm_udp_set_mark(const struct wm_udp_socket *s, uint32_t fwmark, struct wm_err *err)
{
	if (setsockopt(s->fd, SOL_SOCKET, SO_MARK, &fwmark, sizeof(fwmark)) == 0)
		return 0;
	if (errno == EPERM)
		return wm_fail(err, WM_PERMISSION_DENIED,
			       "a firewall mark on UDP packets needs CAP_NET_ADMIN");
	return wm_fail_errno(err, errno, "set firewall mark %u", fwmark);
}
