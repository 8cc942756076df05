/*
 * Datagrams in and out, a batch in one system call. A train (platform/udp.h) goes to the kernel
 * with the length of its datagrams as ancillary data, and comes from it so. When the kernel refuses
 * a train, because a datagram of it does not fit the path or the device cannot sum, its datagrams
 * are sent one by one, so that nothing is lost that could have been sent; a device that cannot
 * (EIO) is remembered.
 */
#include "platform/udp.h"
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <netinet/udp.h>
#include "platform/linux/address.h"
#include "platform/linux/udp_control.h"

#define SEND_WAIT_MS 10

struct batch {
	struct mmsghdr msgs[WM_UDP_BATCH];
	struct iovec iov[WM_UDP_BATCH];
	union wm_linux_address addrs[WM_UDP_BATCH];
	union wm_udp_control controls[WM_UDP_BATCH];
};

static void fill_header(struct batch *b, unsigned i, uint8_t *data, size_t len)
{
	b->iov[i] = (struct iovec){.iov_base = data, .iov_len = len};
	b->msgs[i].msg_hdr = (struct msghdr){.msg_iov = &b->iov[i],
					     .msg_iovlen = 1,
					     .msg_name = &b->addrs[i],
					     .msg_namelen = sizeof(b->addrs[i])};
}

/* ---- in ---- */

static void take_packet(struct mmsghdr *m, struct wm_udp_packet *p)
{
	p->len = m->msg_len;
	p->is_cut = (m->msg_hdr.msg_flags & MSG_TRUNC) != 0;
	wm_udp_control_read(&m->msg_hdr, p);
	if (!wm_endpoint_from_sockaddr(m->msg_hdr.msg_name, &p->peer))
		p->peer = (struct wm_endpoint){.port = 0};
}

int wm_udp_recv(const struct wm_udp_socket *s, struct wm_udp_packet *p, unsigned n)
{
	struct batch b;
	int got;
	for (unsigned i = 0; i < n; i++) {
		fill_header(&b, i, p[i].data, p[i].cap);
		b.msgs[i].msg_hdr.msg_control = &b.controls[i];
		b.msgs[i].msg_hdr.msg_controllen = sizeof(b.controls[i]);
	}
	do {
		got = recvmmsg(s->fd, b.msgs, n, MSG_DONTWAIT, NULL);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return errno == EAGAIN ? 0 : -errno;
	for (int i = 0; i < got; i++)
		take_packet(&b.msgs[i], &p[i]);
	return got;
}

/* ---- out ---- */

static socklen_t fill_v4(const struct wm_endpoint *e, union wm_linux_address *out)
{
	out->v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(e->port)};
	memcpy(&out->v4.sin_addr, e->addr.bytes, 4);
	return sizeof(out->v4);
}

static socklen_t fill_v6(const struct wm_endpoint *e, union wm_linux_address *out)
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

/* Also for a socket that cannot go there: then the kernel says so. */
static socklen_t fill_address(const struct wm_udp_socket *s, const struct wm_endpoint *e,
			      union wm_linux_address *out)
{
	return s->is_dual || e->addr.family == WM_IPV6 ? fill_v6(e, out) : fill_v4(e, out);
}

static void fill_packet(const struct wm_udp_socket *s, struct batch *b, unsigned i,
			const struct wm_udp_packet *p)
{
	struct msghdr *m = &b->msgs[i].msg_hdr;
	fill_header(b, i, p->data, p->len);
	m->msg_namelen = fill_address(s, &p->peer, &b->addrs[i]);
	wm_udp_control_write(&b->controls[i], m, p, wm_udp_count(p) > 1 ? p->segment : 0, true);
}

/* True when the socket has room again. */
static bool wait_for_room(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	return poll(&p, 1, SEND_WAIT_MS) > 0 && (p.revents & POLLOUT) != 0;
}

/* Sends one message; 0 or an errno. */
static int send_one(int fd, const struct msghdr *m)
{
	for (;;) {
		if (sendmsg(fd, m, 0) >= 0)
			return 0;
		if (errno != EINTR && (errno != EAGAIN || !wait_for_room(fd)))
			return errno;
	}
}

/* Refused because of where it was to leave: the address is gone, or no way leads from there. */
static bool may_be_local(const struct wm_udp_packet *p, int sys)
{
	return wm_addr_is_valid(&p->local.addr) &&
	       (sys == EINVAL || sys == ENODEV || sys == ENETUNREACH || sys == EHOSTUNREACH ||
		sys == EADDRNOTAVAIL);
}

/* Sends @len bytes at @data to the packet's peer, as a train if @segment is not 0, and from
 * anywhere if it cannot leave where it should; 0 or an errno. */
static int send_bytes(const struct wm_udp_socket *s, const struct wm_udp_packet *p, uint8_t *data,
		      size_t len, uint32_t segment)
{
	union wm_linux_address to;
	union wm_udp_control control;
	struct iovec iov = {.iov_base = data, .iov_len = len};
	struct msghdr m = {.msg_name = &to,
			   .msg_namelen = fill_address(s, &p->peer, &to),
			   .msg_iov = &iov,
			   .msg_iovlen = 1};
	wm_udp_control_write(&control, &m, p, segment, true);
	int sys = send_one(s->fd, &m);
	if (!may_be_local(p, sys))
		return sys;
	wm_udp_control_write(&control, &m, p, segment, false);
	int again = send_one(s->fd, &m);
	if (again == 0 && p->refused != NULL)
		atomic_store_explicit(p->refused, true, memory_order_relaxed);
	return again;
}

/* The datagrams of a train, each by itself; returns how many were refused. When the link is stuck
 * nobody waits for the rest. */
static unsigned send_cut(const struct wm_udp_socket *s, const struct wm_udp_packet *p,
			 bool *is_stuck)
{
	unsigned refused = 0, count = wm_udp_count(p);
	for (unsigned i = 0; i < count; i++) {
		size_t at = (size_t)i * p->segment;
		size_t len = i + 1 < count ? p->segment : p->len - at;
		int sys = send_bytes(s, p, p->data + at, len, 0);
		*is_stuck = sys == EAGAIN;
		if (*is_stuck)
			return refused + count - i;
		refused += sys != 0;
	}
	return refused;
}

/* What to do about a packet that was refused for @sys; returns how many datagrams of it are lost.
 */
static unsigned recover(struct wm_udp_socket *s, const struct wm_udp_packet *p, int sys)
{
	unsigned count = wm_udp_count(p);
	bool is_stuck;
	if (may_be_local(p, sys))
		sys = send_bytes(s, p, p->data, p->len, count > 1 ? p->segment : 0);
	if (sys == 0)
		return 0;
	/* EINVAL and EMSGSIZE: too many, or too long for the path. All else, such as a missing
	 * route or memory, would hit each of them as well. */
	bool is_for_cutting = sys == EIO || sys == EINVAL || sys == EMSGSIZE;
	if (count == 1 || !is_for_cutting)
		return count;
	if (sys == EIO)
		atomic_store_explicit(&s->has_trains, false, memory_order_relaxed);
	return send_cut(s, p, &is_stuck);
}

static void set_df(const struct wm_udp_socket *s, int mode)
{
	(void)!setsockopt(s->fd, IPPROTO_IP, IP_MTU_DISCOVER, &mode, sizeof(mode));
}

/* Of IPv6 every datagram is one: routers never fragment those. The option is the socket's, so a
 * datagram of another thread may become a probe as well, which does no harm. */
static unsigned send_probe(const struct wm_udp_socket *s, const struct wm_udp_packet *p)
{
	set_df(s, IP_PMTUDISC_PROBE);
	int sys = send_bytes(s, p, p->data, p->len, 0);
	set_df(s, IP_PMTUDISC_DONT);
	if (sys == EMSGSIZE) /* not even the first link takes it whole */
		sys = send_bytes(s, p, p->data, p->len, 0);
	return sys != 0;
}

static unsigned count_all(const struct wm_udp_packet *p, unsigned n)
{
	unsigned count = 0;
	for (unsigned i = 0; i < n; i++)
		count += wm_udp_count(&p[i]);
	return count;
}

static unsigned send_batch(struct wm_udp_socket *s, struct batch *b, const struct wm_udp_packet *p,
			   unsigned n)
{
	unsigned done = 0, refused = 0;
	while (done < n) {
		int put = sendmmsg(s->fd, b->msgs + done, n - done, 0);
		if (put > 0)
			done += (unsigned)put;
		else if (errno == EINTR || (errno == EAGAIN && wait_for_room(s->fd)))
			continue;
		else if (errno == EAGAIN)
			return refused + count_all(p + done, n - done);
		else { /* the first of the rest is the one that failed */
			refused += recover(s, &p[done], errno);
			done++;
		}
	}
	return refused;
}

static unsigned send_all_cut(const struct wm_udp_socket *s, const struct wm_udp_packet *p,
			     unsigned n)
{
	unsigned refused = 0;
	bool is_stuck = false;
	for (unsigned i = 0; i < n; i++)
		refused += is_stuck ? wm_udp_count(&p[i]) : send_cut(s, &p[i], &is_stuck);
	return refused;
}

static unsigned send_some(struct wm_udp_socket *s, const struct wm_udp_packet *p, unsigned n)
{
	struct batch b;
	if (!atomic_load_explicit(&s->has_trains, memory_order_relaxed) && count_all(p, n) > n)
		return send_all_cut(s, p, n);
	for (unsigned i = 0; i < n; i++)
		fill_packet(s, &b, i, &p[i]);
	return send_batch(s, &b, p, n);
}

unsigned wm_udp_send(struct wm_udp_socket *s, const struct wm_udp_packet *p, unsigned n)
{
	unsigned refused = 0, from = 0;
	for (unsigned i = 0; i < n; i++) {
		if (!p[i].is_probe)
			continue;
		if (i > from)
			refused += send_some(s, p + from, i - from);
		refused += send_probe(s, &p[i]);
		from = i + 1;
	}
	return refused + (n > from ? send_some(s, p + from, n - from) : 0);
}
