#include "platform/linux/netlink.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include "base/mem.h"
#include "platform/linux/netlink_parse.h"
#include "platform/net.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

#define ANSWER_SIZE 32768 /* the most that the kernel puts into one datagram */
#define DUMP_TRIES  8

int wm_netlink_fail(struct wm_err *err, int sys, const char *what, const char *text)
{
	int code = text[0] != '\0' ? wm_fail_errno(err, sys, "%s: %s", what, text)
				   : wm_fail_errno(err, sys, "%s", what);

	if (sys == ENODEV || sys == ESRCH || sys == EADDRNOTAVAIL || sys == ENXIO)
		code = WM_NOT_FOUND;
	if (err != NULL)
		err->code = code;
	return code;
}

/* Cookies are never used twice; where the kernel has none, the inode must do. */
static uint64_t net_id(int fd)
{
	socklen_t size = sizeof(uint64_t);
	uint64_t cookie = 0;
	struct stat st;

	if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) == 0 && cookie != 0)
		return cookie;
	if (stat("/proc/thread-self/ns/net", &st) == 0)
		return (uint64_t)st.st_ino | 1ull << 63;
	return 1ull << 63;
}

int wm_netlink_open(int bus, struct wm_net **out, struct wm_err *err)
{
	struct mnl_socket *sock = mnl_socket_open2(bus, SOCK_CLOEXEC);
	struct wm_net *net;
	int on = 1;

	if (sock == NULL)
		return wm_fail_errno(err, errno, "netlink socket");
	if (mnl_socket_bind(sock, 0, MNL_SOCKET_AUTOPID) != 0) {
		int sys = errno;

		mnl_socket_close(sock);
		return wm_fail_errno(err, sys, "netlink socket");
	}
	/* Niceties that older kernels lack: words with errors, filters in the kernel. */
	(void)mnl_socket_setsockopt(sock, NETLINK_EXT_ACK, &on, sizeof(on));
	(void)mnl_socket_setsockopt(sock, NETLINK_CAP_ACK, &on, sizeof(on));
	(void)mnl_socket_setsockopt(sock, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	net = wm_alloc(sizeof(*net));
	net->sock = sock;
	net->id = net_id(mnl_socket_get_fd(sock));
	*out = net;
	return 0;
}

int wm_net_open(struct wm_net **out, struct wm_err *err)
{
	return wm_netlink_open(NETLINK_ROUTE, out, err);
}

void wm_net_close(struct wm_net *net)
{
	if (net == NULL)
		return;
	mnl_socket_close(net->sock);
	wm_free(net);
}

uint64_t wm_net_id(const struct wm_net *net)
{
	return net->id;
}

struct nlmsghdr *wm_netlink_begin(struct wm_net *net, struct wm_netlink_request *rq, uint16_t type,
				  uint16_t flags)
{
	struct nlmsghdr *nlh;

	memset(rq, 0, sizeof(*rq));
	nlh = mnl_nlmsg_put_header(rq->bytes);
	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	return nlh;
}

/* One request, all datagrams of its answer. */
static int talk(struct wm_net *net, struct nlmsghdr *nlh, const char *what,
		struct wm_netlink_reply *r, void (*item)(void *arg, const struct nlmsghdr *nlh),
		void *arg, struct wm_err *err)
{
	_Alignas(8) char answer[ANSWER_SIZE];
	size_t used = 0;

	memset(r, 0, sizeof(*r));
	nlh->nlmsg_seq = ++net->seq;
	if (mnl_socket_sendto(net->sock, nlh, nlh->nlmsg_len) < 0)
		return wm_netlink_fail(err, errno, what, "netlink");
	while (!r->done) {
		ssize_t n = mnl_socket_recvfrom(net->sock, answer, sizeof(answer));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			r->sys = n < 0 ? errno : EPIPE;
			wm_wipe(answer, used);
			return wm_netlink_fail(err, r->sys, what, "netlink");
		}
		used = (size_t)n > used ? (size_t)n : used;
		wm_netlink_parse_reply(answer, (size_t)n, nlh->nlmsg_seq, r, item, arg);
	}
	wm_wipe(answer, used); /* a device's keys come this way */
	return r->sys == 0 ? 0 : wm_netlink_fail(err, r->sys, what, r->text);
}

int wm_netlink_ask(struct wm_net *net, struct nlmsghdr *nlh, const char *what,
		   void (*item)(void *arg, const struct nlmsghdr *nlh), void *arg,
		   struct wm_err *err)
{
	struct wm_netlink_reply r;

	nlh->nlmsg_flags |= NLM_F_ACK;
	return talk(net, nlh, what, &r, item, arg, err);
}

int wm_netlink_call(struct wm_net *net, struct nlmsghdr *nlh, const char *what, struct wm_err *err)
{
	return wm_netlink_ask(net, nlh, what, NULL, NULL, err);
}

/* What is left of an answer that is given up: the kernel begins no other before its end. */
static void drain(struct wm_net *net)
{
	_Alignas(8) char answer[ANSWER_SIZE];
	ssize_t n;

	do {
		n = recv(mnl_socket_get_fd(net->sock), answer, sizeof(answer), MSG_DONTWAIT);
	} while (n > 0 || (n < 0 && (errno == EINTR || errno == ENOBUFS)));
}

int wm_netlink_dump(struct wm_net *net, struct nlmsghdr *nlh, const char *what,
		    void (*item)(void *arg, const struct nlmsghdr *nlh), void (*again)(void *arg),
		    void *arg, struct wm_err *err)
{
	struct wm_netlink_reply r;
	int code = 0;

	nlh->nlmsg_flags |= NLM_F_DUMP;
	for (unsigned i = 0; i < DUMP_TRIES; i++) {
		if (i > 0 && again != NULL)
			again(arg);
		code = talk(net, nlh, what, &r, item, arg, err);
		if (code != 0 && r.sys == ENOBUFS)
			drain(net);
		else if (code != 0 && r.sys != EINTR)
			return code;
		if (code == 0 && !r.interrupted)
			return 0;
	}
	return wm_fail(err, WM_ABORTED, "%s: the table keeps changing while it is read", what);
}
