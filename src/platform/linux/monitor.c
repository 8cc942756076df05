#include "platform/monitor.h"
#include <errno.h>
#include <sys/socket.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <libmnl/libmnl.h>
#include "base/mem.h"
#include "platform/linux/netlink_parse.h"

#define READ_SIZE  32768
#define READS_MAX  64 /* datagrams per call, so that a storm does not hold up the loop */
#define RECEIVE_KB 1024

struct wm_monitor {
	struct mnl_socket *sock;
};

static unsigned groups_of(enum wm_monitor_scope scope)
{
	const unsigned more =
		RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE;

	return RTMGRP_LINK | (scope == WM_MONITOR_ALL ? more : 0);
}

int wm_monitor_open(enum wm_monitor_scope scope, struct wm_monitor **out, struct wm_err *err)
{
	struct mnl_socket *sock = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int size = RECEIVE_KB * 1024;
	struct wm_monitor *m;

	if (sock == NULL)
		return wm_fail_errno(err, errno, "netlink socket");
	(void)setsockopt(mnl_socket_get_fd(sock), SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (mnl_socket_bind(sock, groups_of(scope), MNL_SOCKET_AUTOPID) != 0) {
		int sys = errno;

		mnl_socket_close(sock);
		return wm_fail_errno(err, sys, "netlink socket for changes");
	}
	m = wm_alloc(sizeof(*m));
	m->sock = sock;
	*out = m;
	return 0;
}

void wm_monitor_close(struct wm_monitor *m)
{
	if (m == NULL)
		return;
	mnl_socket_close(m->sock);
	wm_free(m);
}

int wm_monitor_fd(const struct wm_monitor *m)
{
	return mnl_socket_get_fd(m->sock);
}

/* One datagram, if the kernel sent it and not some process. */
static ssize_t receive(int fd, void *buf, size_t size)
{
	struct sockaddr_nl from = {0};
	struct iovec iov = {.iov_base = buf, .iov_len = size};
	struct msghdr msg = {
		.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n = recvmsg(fd, &msg, MSG_DONTWAIT);

	return n > 0 && from.nl_pid != 0 ? 0 : n;
}

static void report(const void *data, size_t len,
		   void (*cb)(void *arg, const struct wm_monitor_change *c), void *arg)
{
	struct wm_monitor_change change;
	const struct nlmsghdr *nlh;

	while ((nlh = wm_netlink_next(&data, &len)) != NULL)
		if (wm_netlink_parse_change(nlh, &change))
			cb(arg, &change);
}

int wm_monitor_read(struct wm_monitor *m, void (*cb)(void *arg, const struct wm_monitor_change *c),
		    void *arg, struct wm_err *err)
{
	const struct wm_monitor_change resync = {.kind = WM_MONITOR_RESYNC};
	_Alignas(8) char buf[READ_SIZE];

	for (unsigned i = 0; i < READS_MAX; i++) {
		ssize_t n = receive(wm_monitor_fd(m), buf, sizeof(buf));

		if (n >= 0)
			report(buf, (size_t)n, cb, arg);
		else if (errno == ENOBUFS)
			cb(arg, &resync);
		else if (errno == EAGAIN || errno == EWOULDBLOCK)
			return 0;
		else if (errno != EINTR)
			return wm_fail_errno(err, errno, "netlink socket for changes");
	}
	return 0;
}
