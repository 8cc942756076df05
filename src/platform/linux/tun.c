#include "platform/tun.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include "base/mem.h"
#include "base/str.h"

#define DEVICE "/dev/net/tun"

/* Of Linux 6.2; the headers of Debian 12 are older than the kernels that it may run on. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif
#define TUN_F_TCP (TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN)

struct wm_tun {
	char name[WM_TUN_NAME];
	unsigned ifindex;
	unsigned queues;
	int fds[WM_TUN_QUEUES];
	_Atomic unsigned offloads;
	bool is_inherited;
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
	int flags = IFF_TUN | IFF_NO_PI | IFF_MULTI_QUEUE | IFF_VNET_HDR |
		    (is_first ? IFF_TUN_EXCL : 0);
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

/* The kernel keeps one set of offloads for all queues; the first that it takes is the best. */
static unsigned set_offloads(int fd, bool is_plain)
{
	if (is_plain) {
		(void)ioctl(fd, TUNSETOFFLOAD, 0UL); /* whoever had it before may have set some */
		return 0;
	}
	if (ioctl(fd, TUNSETOFFLOAD, (unsigned long)(TUN_F_TCP | TUN_F_USO4 | TUN_F_USO6)) == 0)
		return WM_TUN_TCP | WM_TUN_UDP;
	return ioctl(fd, TUNSETOFFLOAD, (unsigned long)TUN_F_TCP) == 0 ? WM_TUN_TCP : 0;
}

/* @name is @wanted, or a number behind the letters of "wm%d". */
static bool fits(const char *name, const char *wanted)
{
	size_t n = strcspn(wanted, "%");
	if (wanted[n] == '\0')
		return wm_streq(name, wanted);
	return strncmp(name, wanted, n) == 0 && name[n] != '\0' &&
	       strspn(name + n, "0123456789") == strlen(name + n);
}

/* Is its interface in the network namespace of this thread? Names say nothing of another's. A
 * kernel that does not tell (before 5.2) has it that it is. */
static bool is_here(int tun)
{
	struct stat here, there;
	int fd = ioctl(tun, TUNGETDEVNETNS);
	if (fd < 0)
		return true;
	bool is_same = fstat(fd, &there) == 0 && stat("/proc/thread-self/ns/net", &here) == 0 &&
		       here.st_dev == there.st_dev && here.st_ino == there.st_ino;
	close(fd);
	return is_same;
}

/* Is it a queue of an interface that we could have made, and the one of @t if that has a name? */
static bool is_usable(const struct wm_tun *t, int fd, char name[WM_TUN_NAME])
{
	const int needed = IFF_TUN | IFF_NO_PI | IFF_MULTI_QUEUE | IFF_VNET_HDR;
	struct ifreq req = {.ifr_flags = 0};
	if (ioctl(fd, TUNGETIFF, &req) != 0 || (req.ifr_flags & needed) != needed)
		return false;
	memcpy(name, req.ifr_name, WM_TUN_NAME);
	name[WM_TUN_NAME - 1] = '\0';
	return fits(name, t->name) && is_here(fd) && if_nametoindex(name) != 0 &&
	       fcntl(fd, F_SETFL, O_NONBLOCK) == 0;
}

/* Somebody may hold copies of what we close: down it has no routes, and is nobody's rival. */
static void take_down(int tun)
{
	struct ifreq req = {.ifr_flags = 0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && is_here(tun) && ioctl(tun, TUNGETIFF, &req) == 0) {
		req.ifr_flags = 0;
		(void)ioctl(fd, SIOCSIFFLAGS, &req);
	}
	if (fd >= 0)
		close(fd);
}

static void adopt(struct wm_tun *t, const struct wm_tun_opts *opts)
{
	for (unsigned i = 0; i < opts->n_left; i++) {
		char name[WM_TUN_NAME];
		if (t->queues < WM_TUN_QUEUES && is_usable(t, opts->left[i], name)) {
			memcpy(t->name, name, sizeof(name)); /* the others are to be its too */
			t->fds[t->queues++] = opts->left[i];
			t->is_inherited = true;
		} else {
			take_down(opts->left[i]);
			close(opts->left[i]);
		}
	}
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
	adopt(t, opts);
	for (unsigned i = t->queues; rc == 0 && i < queues; i++)
		rc = open_queue(t, i == 0, err);
	if (rc == 0)
		rc = set_mtu(t, opts->mtu, err);
	if (rc != 0) {
		wm_tun_close(t);
		return rc;
	}
	t->ifindex = if_nametoindex(t->name);
	t->offloads = set_offloads(t->fds[0], opts->is_plain);
	*out = t;
	return 0;
}

void wm_tun_close(struct wm_tun *t)
{
	for (unsigned i = 0; t != NULL && i < t->queues; i++)
		close(t->fds[i]);
	wm_free(t);
}

bool wm_tun_is_inherited(const struct wm_tun *t)
{
	return t->is_inherited;
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

unsigned wm_tun_offloads(const struct wm_tun *t)
{
	return atomic_load_explicit(&t->offloads, memory_order_relaxed);
}

bool wm_tun_refuse(struct wm_tun *t, unsigned offloads)
{
	return (atomic_fetch_and(&t->offloads, ~offloads) & offloads) != 0;
}

/* ---- packets ---- */

static uint8_t kind_of(uint8_t gso_type)
{
	switch (gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_TCPV4: return WM_OFFLOAD_TCP4;
	case VIRTIO_NET_HDR_GSO_TCPV6: return WM_OFFLOAD_TCP6;
	case VIRTIO_NET_HDR_GSO_UDP_L4: return WM_OFFLOAD_UDP;
	default: return WM_OFFLOAD_NONE;
	}
}

static void read_header(const struct virtio_net_hdr *h, struct wm_offload *out)
{
	*out = (struct wm_offload){
		.kind = kind_of(h->gso_type),
		.has_ecn = (h->gso_type & VIRTIO_NET_HDR_GSO_ECN) != 0,
		.needs_checksum = (h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0,
		.header_len = h->hdr_len,
		.segment = h->gso_size,
		.checksum_start = h->csum_start,
		.checksum_offset = h->csum_offset,
	};
}

static void write_header(const struct wm_offload *o, struct virtio_net_hdr *out)
{
	static const uint8_t types[] = {
		[WM_OFFLOAD_NONE] = VIRTIO_NET_HDR_GSO_NONE,
		[WM_OFFLOAD_TCP4] = VIRTIO_NET_HDR_GSO_TCPV4,
		[WM_OFFLOAD_TCP6] = VIRTIO_NET_HDR_GSO_TCPV6,
		[WM_OFFLOAD_UDP] = VIRTIO_NET_HDR_GSO_UDP_L4,
	};
	*out = (struct virtio_net_hdr){.gso_type = types[o->kind]};
	if (o->needs_checksum) {
		out->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		out->csum_start = o->checksum_start;
		out->csum_offset = o->checksum_offset;
	}
	if (o->kind != WM_OFFLOAD_NONE) {
		out->gso_type |= o->has_ecn ? VIRTIO_NET_HDR_GSO_ECN : 0;
		out->gso_size = o->segment;
		out->hdr_len = o->header_len;
	}
}

int wm_tun_read(struct wm_tun *t, unsigned queue, struct wm_tun_packet *p)
{
	struct virtio_net_hdr header;
	struct iovec iov[] = {{.iov_base = &header, .iov_len = sizeof(header)},
			      {.iov_base = p->data, .iov_len = p->cap}};
	ssize_t got;
	do {
		got = readv(t->fds[queue], iov, 2);
	} while (got < 0 && errno == EINTR);
	if (got < 0 && errno == EAGAIN)
		return 0;
	if (got < 0)
		return errno == EBADFD ? -ENODEV : -errno;
	if ((size_t)got < sizeof(header))
		return -EIO;
	p->len = (uint32_t)((size_t)got - sizeof(header));
	read_header(&header, &p->offload);
	/* The kernel cuts in silence: what fills its room may have been longer. */
	return p->len < p->cap ? 1 : -EMSGSIZE;
}

_Static_assert(sizeof(struct wm_span) == sizeof(struct iovec) &&
		       offsetof(struct wm_span, data) == offsetof(struct iovec, iov_base) &&
		       offsetof(struct wm_span, len) == offsetof(struct iovec, iov_len),
	       "a span is an iovec");

int wm_tun_write(struct wm_tun *t, unsigned queue, const struct wm_span *spans, unsigned n,
		 const struct wm_offload *offload)
{
	struct virtio_net_hdr header;
	struct iovec iov[1 + WM_TUN_SPANS];
	ssize_t put;
	assert(n <= WM_TUN_SPANS);
	write_header(offload, &header);
	iov[0] = (struct iovec){.iov_base = &header, .iov_len = sizeof(header)};
	memcpy(&iov[1], spans, n * sizeof(spans[0]));
	do {
		put = writev(t->fds[queue], iov, (int)n + 1);
	} while (put < 0 && errno == EINTR);
	return put >= 0 ? 0 : -errno;
}
