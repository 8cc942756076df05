/*
 * The first socket is bound without SO_REUSEPORT: so a port that anybody holds, sharing or not, is
 * an error. Only then is the option set on it, and the others join.
 */
#include "platform/udp.h"
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/mem.h"

#define BUFFER_BYTES  (4 * 1024 * 1024)
#define SEND_WAIT_MS  10
#define DUAL_FALLBACK 1 /* open_socket: the host has no IPv6 */

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

struct batch {
	struct mmsghdr msgs[WM_UDP_BATCH];
	struct iovec iov[WM_UDP_BATCH];
	union address addrs[WM_UDP_BATCH];
};

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

static int set_reuse(int fd, struct wm_err *err)
{
	int on = 1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0)
		return wm_fail_errno(err, errno, "share a UDP port between threads");
	return 0;
}

static socklen_t any_address(bool is_dual, uint16_t port, union address *out)
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
	union address at;
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
	if (rc != 0)
		wm_udp_close(out);
	else
		set_buffers(out->fd);
	return rc;
}

static int bound_port(int fd, uint16_t *port, struct wm_err *err)
{
	union address at;
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

int wm_udp_open(uint16_t *port, uint32_t fwmark, unsigned n, struct wm_udp_socket *out,
		struct wm_err *err)
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

static void fill_header(struct batch *b, unsigned i, const struct wm_udp_packet *p, size_t len)
{
	b->iov[i] = (struct iovec){.iov_base = p->data, .iov_len = len};
	b->msgs[i].msg_hdr = (struct msghdr){.msg_iov = &b->iov[i],
					     .msg_iovlen = 1,
					     .msg_name = &b->addrs[i],
					     .msg_namelen = sizeof(b->addrs[i])};
}

int wm_udp_recv(const struct wm_udp_socket *s, struct wm_udp_packet *p, unsigned n)
{
	struct batch b;
	int got;
	for (unsigned i = 0; i < n; i++)
		fill_header(&b, i, &p[i], p[i].cap);
	do {
		got = recvmmsg(s->fd, b.msgs, n, MSG_DONTWAIT, NULL);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return errno == EAGAIN ? 0 : -errno;
	for (int i = 0; i < got; i++) {
		p[i].len = b.msgs[i].msg_len;
		p[i].is_cut = (b.msgs[i].msg_hdr.msg_flags & MSG_TRUNC) != 0;
		if (!wm_endpoint_from_sockaddr(&b.addrs[i].any, &p[i].peer))
			p[i].peer = (struct wm_endpoint){.port = 0};
	}
	return got;
}

static socklen_t fill_v4(const struct wm_endpoint *e, union address *out)
{
	out->v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(e->port)};
	memcpy(&out->v4.sin_addr, e->addr.bytes, 4);
	return sizeof(out->v4);
}

static socklen_t fill_v6(const struct wm_endpoint *e, union address *out)
{
	out->v6 = (struct sockaddr_in6){
		.sin6_family = AF_INET6, .sin6_port = htons(e->port), .sin6_scope_id = e->scope};
	if (e->addr.family == WM_IPV6) {
		memcpy(&out->v6.sin6_addr, e->addr.bytes, 16);
	} else {
		memset(&out->v6.sin6_addr.s6_addr[10], 0xff, 2);
		memcpy(&out->v6.sin6_addr.s6_addr[12], e->addr.bytes, 4);
	}
	return sizeof(out->v6);
}

/* True when the socket has room again. */
static bool wait_for_room(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	return poll(&p, 1, SEND_WAIT_MS) > 0 && (p.revents & POLLOUT) != 0;
}

unsigned wm_udp_send(const struct wm_udp_socket *s, const struct wm_udp_packet *p, unsigned n)
{
	struct batch b;
	unsigned done = 0, refused = 0;
	for (unsigned i = 0; i < n; i++) {
		fill_header(&b, i, &p[i], p[i].len);
		b.msgs[i].msg_hdr.msg_namelen = s->is_dual ? fill_v6(&p[i].peer, &b.addrs[i])
							   : fill_v4(&p[i].peer, &b.addrs[i]);
	}
	while (done < n) {
		int put = sendmmsg(s->fd, b.msgs + done, n - done, 0);
		if (put > 0) {
			done += (unsigned)put;
		} else if (errno == EINTR || (errno == EAGAIN && wait_for_room(s->fd))) {
			continue;
		} else if (errno == EAGAIN) { /* the link is stuck: nobody waits for the rest */
			return refused + n - done;
		} else { /* the first of the rest is the one that failed */
			done++;
			refused++;
		}
	}
	return refused;
}
