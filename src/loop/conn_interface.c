/*
 * The interface that brought a connection. The kernel keeps that of the packet which opened it, and
 * shows it to who wants to know what would come with datagrams.
 */
#include "loop/conn.h"

#include <string.h>
#include <netinet/in.h>

#include "loop/loop_impl.h"

union answer {
	struct cmsghdr head;
	char bytes[CMSG_SPACE(sizeof(struct in_pktinfo)) + CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

/* The index in the first message of @a, when it is of this level. */
static unsigned read_index(union answer *a, socklen_t len, int level)
{
	struct in_pktinfo v4;
	struct in6_pktinfo v6;

	if (len < CMSG_LEN(sizeof(v4)) || a->head.cmsg_level != level)
		return 0;
	if (level == IPPROTO_IP) {
		memcpy(&v4, CMSG_DATA(&a->head), sizeof(v4));
		return (unsigned)v4.ipi_ifindex;
	}
	if (len < CMSG_LEN(sizeof(v6)))
		return 0;
	memcpy(&v6, CMSG_DATA(&a->head), sizeof(v6));
	return v6.ipi6_ifindex;
}

static unsigned ask(int fd, int level, int wish, int question)
{
	const int on = 1, off = 0;
	union answer a = {0};
	socklen_t len = sizeof(a);
	unsigned index = 0;

	if (setsockopt(fd, level, wish, &on, sizeof(on)) != 0)
		return 0;
	if (getsockopt(fd, level, question, &a, &len) == 0)
		index = read_index(&a, len, level);
	(void)setsockopt(fd, level, wish, &off, sizeof(off));
	return index;
}

unsigned wm_conn_interface(const struct wm_conn *c)
{
	int family;
	socklen_t len = sizeof(family);
	uv_os_fd_t fd;

	if (!c->is_tcp || uv_fileno(&c->uv.handle, &fd) != 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len) != 0)
		return 0;
	if (family == AF_INET6)
		return ask(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, IPV6_2292PKTOPTIONS);
	return ask(fd, IPPROTO_IP, IP_PKTINFO, IP_PKTOPTIONS);
}
