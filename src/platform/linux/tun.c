#include "platform/tun.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include "base/mem.h"
#include "base/str.h"

#define DEVICE "/dev/net/tun"

struct wm_tun {
	char name[WM_TUN_NAME];
	unsigned ifindex;
	unsigned queues;
	int fds[WM_TUN_QUEUES];
};

/* "wm+" becomes the kernel's "wm%d". */
static int check_name(const char *name, char out[IFNAMSIZ], struct wm_err *err)
{
	size_t n = strlen(name);
	bool is_template = n > 0 && name[n - 1] == '+';
	size_t room = is_template ? IFNAMSIZ - 3 : IFNAMSIZ - 1;
	if (n == 0 || n > room || strpbrk(name, "/ \t\n%:") != NULL || wm_streq(name, ".") ||
	    wm_streq(name, ".."))
		return wm_fail(
			err, WM_INVALID_ARGUMENT,
			"\"%s\" is no interface name (1 to 15 characters, no / : %% or blank)",
			name);
	snprintf(out, IFNAMSIZ, "%.*s%s", (int)(is_template ? n - 1 : n), name,
		 is_template ? "%d" : "");
	return 0;
}

static int fail_open(int sys, struct wm_err *err)
{
	if (sys == ENOENT || sys == ENODEV || sys == ENXIO)
		return wm_fail(err, WM_UNAVAILABLE,
			       "no TUN support: " DEVICE
			       " is missing; load it with \"modprobe tun\", or "
			       "give the container the device (docker run --device " DEVICE
			       " --cap-add NET_ADMIN)");
	if (sys == EACCES || sys == EPERM)
		return wm_fail(err, WM_PERMISSION_DENIED,
			       "may not open " DEVICE
			       ": run as root, or let this user read and write it; a container "
			       "needs --device " DEVICE " --cap-add NET_ADMIN");
	return wm_fail_errno(err, sys, "open " DEVICE);
}

static int fail_attach(int sys, const char *name, struct wm_err *err)
{
	if (sys == EBUSY)
		return wm_fail(err, WM_ALREADY_EXISTS,
			       "the interface %s exists already; choose another name or remove it "
			       "with \"ip link delete %s\"",
			       name, name);
	if (sys == EPERM)
		return wm_fail(
			err, WM_PERMISSION_DENIED,
			"making the interface %s needs CAP_NET_ADMIN: run as root, grant it with "
			"\"setcap cap_net_admin+ep\" on the program, or start the container with "
			"--cap-add NET_ADMIN",
			name);
	return wm_fail_errno(err, sys, "make the interface %s", name);
}

/* Opens one queue. The first must not meet an interface of that name; the others must. */
static int open_queue(struct wm_tun *t, bool is_first, struct wm_err *err)
{
	struct ifreq req = {.ifr_flags = 0};
	int flags = IFF_TUN | IFF_NO_PI | IFF_MULTI_QUEUE | (is_first ? IFF_TUN_EXCL : 0);
	int fd = open(DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return fail_open(errno, err);
	t->fds[t->queues++] = fd;
	req.ifr_flags = (short)flags;
	memcpy(req.ifr_name, t->name, sizeof(t->name));
	if (ioctl(fd, TUNSETIFF, &req) != 0)
		return fail_attach(errno, t->name, err);
	memcpy(t->name, req.ifr_name, sizeof(t->name));
	t->name[WM_TUN_NAME - 1] = '\0';
	return 0;
}

static int set_mtu(struct wm_tun *t, uint32_t mtu, struct wm_err *err)
{
	struct ifreq req = {.ifr_mtu = (int)mtu};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return wm_fail_errno(err, errno, "open a socket");
	memcpy(req.ifr_name, t->name, sizeof(t->name));
	int rc = ioctl(fd, SIOCSIFMTU, &req) == 0 ? 0 : errno;
	close(fd);
	return rc == 0 ? 0 : wm_fail_errno(err, rc, "set MTU %u on %s", mtu, t->name);
}

int wm_tun_open(const struct wm_tun_opts *opts, struct wm_tun **out, struct wm_err *err)
{
	struct wm_tun *t = wm_alloc(sizeof(*t));
	unsigned queues = opts->queues < 1 ? 1 : opts->queues;
	int rc = check_name(opts->name, t->name, err);
	if (queues > WM_TUN_QUEUES)
		queues = WM_TUN_QUEUES;
	for (unsigned i = 0; rc == 0 && i < queues; i++)
		rc = open_queue(t, i == 0, err);
	if (rc == 0)
		rc = set_mtu(t, opts->mtu, err);
	if (rc != 0) {
		wm_tun_close(t);
		return rc;
	}
	t->ifindex = if_nametoindex(t->name);
	*out = t;
	return 0;
}

void wm_tun_close(struct wm_tun *t)
{
	for (unsigned i = 0; t != NULL && i < t->queues; i++)
		close(t->fds[i]);
	wm_free(t);
}

const char *wm_tun_name(const struct wm_tun *t)
{
	return t->name;
}

unsigned wm_tun_ifindex(const struct wm_tun *t)
{
	return t->ifindex;
}

unsigned wm_tun_queues(const struct wm_tun *t)
{
	return t->queues;
}

int wm_tun_fd(const struct wm_tun *t, unsigned queue)
{
	return t->fds[queue];
}

int wm_tun_read(struct wm_tun *t, unsigned queue, struct wm_tun_packet *p, unsigned n)
{
	unsigned done = 0;
	while (done < n) {
		ssize_t got = read(t->fds[queue], p[done].data, p[done].cap);
		if (got >= 0) {
			p[done++].len = (uint32_t)got;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno == EAGAIN || done > 0)
			break;
		return errno == EBADFD ? -ENODEV : -errno;
	}
	return (int)done;
}

static bool write_packet(int fd, const struct wm_tun_packet *p)
{
	ssize_t put;
	do {
		put = write(fd, p->data, p->len);
	} while (put < 0 && errno == EINTR);
	return put == (ssize_t)p->len;
}

unsigned wm_tun_write(struct wm_tun *t, unsigned queue, const struct wm_tun_packet *p, unsigned n)
{
	unsigned refused = 0;
	for (unsigned i = 0; i < n; i++)
		refused += !write_packet(t->fds[queue], &p[i]);
	return refused;
}
