/*
 * relay TUN LOCAL:PORT REMOTE:PORT: carries what comes out of a TUN interface to the other end of a
 * UDP path, and back, without a cipher: the upper limit of what a tunnel of our kind can reach on a
 * machine. One thread; all offloads on. A superpacket of the kernel crosses whole, cut by the
 * kernel into datagrams as long as a tunnel's (UDP_SEGMENT) and put together by it (UDP_GRO), so
 * that no byte is touched here. That needs a path which keeps a batch together, as veth does;
 * elsewhere what comes torn is dropped. Prints "ready" when the interface is there.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef TUN_F_USO4 /* kernel 6.2 */
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

#define DATAGRAM  1452  /* what a tunnel of MTU 1420 sends: 32 bytes of WireGuard more */
#define TRAIN     64000 /* bytes in one send; the interface's gso_max_size is to be below */
#define TRAIN_MAX 64    /* datagrams in one send: UDP_MAX_SEGMENTS of older kernels */
#define BATCH     64
#define PACKET    65600
#define BUFFER    (TRAIN + BATCH * 2048 + 2 * PACKET)
#define SOCKBUF   (8 << 20)

/* In front of every packet on the path. */
struct frame {
	uint32_t len; /* of all */
	struct virtio_net_hdr hdr;
} __attribute__((packed));

/* Frames that lie one behind another in the buffer and go out in one send. */
struct train {
	size_t start, end;
	uint32_t frame_len;
	unsigned frames;
};

static uint8_t out[BUFFER], in[PACKET];
static int tun, sock;

static void die(const char *what)
{
	fprintf(stderr, "relay: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* A datagram that finds no room is lost, as datagrams are. */
static void send_bytes(uint8_t *data, size_t len, size_t segment)
{
	struct iovec iov = {.iov_base = data, .iov_len = len};
	char control[CMSG_SPACE(sizeof(uint16_t))] = {0};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	if (len > segment) {
		uint16_t size = (uint16_t)segment;
		m.msg_control = control;
		m.msg_controllen = sizeof(control);
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_UDP;
		c->cmsg_type = UDP_SEGMENT;
		c->cmsg_len = CMSG_LEN(sizeof(size));
		memcpy(CMSG_DATA(c), &size, sizeof(size));
	}
	if (sendmsg(sock, &m, 0) < 0 && errno != ENOBUFS && errno != EAGAIN &&
	    errno != ECONNREFUSED)
		die("send");
}

static void flush_train(struct train *t)
{
	if (t->frames > 0)
		send_bytes(out + t->start, t->end - t->start,
			   t->frame_len < DATAGRAM ? t->frame_len : DATAGRAM);
	t->start = t->end;
	t->frames = 0;
}

/* Small frames of one length share a send; a frame longer than a datagram has one of its own. */
static void add_frame(struct train *t, uint32_t len)
{
	if (t->frames > 0 && (len != t->frame_len || len > DATAGRAM || t->frames == TRAIN_MAX ||
			      t->end - t->start + len > TRAIN))
		flush_train(t);
	t->frame_len = len;
	t->frames++;
	t->end += len;
}

static bool move_out(void)
{
	struct train t = {.start = 0};
	unsigned n = 0;
	for (; n < BATCH && t.end + PACKET <= BUFFER; n++) {
		uint32_t len;
		ssize_t got = read(tun, out + t.end + sizeof(len), PACKET - sizeof(len));
		if (got < 0 && errno == EAGAIN)
			break;
		if (got <= 0)
			die("read the interface");
		len = (uint32_t)((size_t)got + sizeof(len));
		memcpy(out + t.end, &len, sizeof(len));
		add_frame(&t, len);
	}
	flush_train(&t);
	return n > 0;
}

static void write_frames(size_t len)
{
	for (size_t at = 0; len - at > sizeof(struct frame);) {
		struct frame f;
		memcpy(&f, in + at, sizeof(f));
		if (f.len <= sizeof(f) || f.len > len - at)
			return; /* torn on its way */
		/* The interface refuses what it has no room for: lost, too. */
		if (write(tun, in + at + sizeof(f.len), f.len - sizeof(f.len)) < 0 &&
		    errno != EAGAIN && errno != ENOBUFS && errno != EINVAL)
			die("write to the interface");
		at += f.len;
	}
}

static bool move_in(void)
{
	unsigned n = 0;
	for (; n < BATCH; n++) {
		ssize_t got = recv(sock, in, sizeof(in), MSG_DONTWAIT);
		if (got < 0 && (errno == EAGAIN || errno == ECONNREFUSED))
			break;
		if (got < 0)
			die("receive");
		write_frames((size_t)got);
	}
	return n > 0;
}

static void open_tun(const char *name)
{
	struct ifreq r = {.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR};
	unsigned offloads = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;
	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (tun < 0 || ioctl(tun, TUNSETIFF, &r) < 0)
		die("make the interface");
	if (ioctl(tun, TUNSETOFFLOAD, offloads | TUN_F_USO4 | TUN_F_USO6) < 0 &&
	    ioctl(tun, TUNSETOFFLOAD, offloads) < 0)
		die("switch offloads on");
}

static struct sockaddr_in address_of(char *text)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	char *colon = strchr(text, ':');
	if (colon != NULL) {
		*colon = '\0';
		a.sin_port = htons((uint16_t)atoi(colon + 1));
	}
	if (colon == NULL || inet_pton(AF_INET, text, &a.sin_addr) != 1) {
		fprintf(stderr, "relay: %s is no IPv4 address and port\n", text);
		exit(2);
	}
	return a;
}

static void open_socket(char *local, char *remote)
{
	struct sockaddr_in l = address_of(local), r = address_of(remote);
	int one = 1, size = SOCKBUF;
	sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sock < 0 || setsockopt(sock, SOL_UDP, UDP_GRO, &one, sizeof(one)) < 0 ||
	    setsockopt(sock, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0 ||
	    setsockopt(sock, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0 ||
	    bind(sock, (struct sockaddr *)&l, sizeof(l)) < 0 ||
	    connect(sock, (struct sockaddr *)&r, sizeof(r)) < 0)
		die("open the socket");
}

int main(int argc, char **argv)
{
	if (argc != 4) {
		fprintf(stderr, "usage: relay TUN LOCAL:PORT REMOTE:PORT\n");
		return 2;
	}
	open_socket(argv[2], argv[3]);
	open_tun(argv[1]);
	puts("ready");
	fflush(stdout);
	struct pollfd fds[2] = {{.fd = tun, .events = POLLIN}, {.fd = sock, .events = POLLIN}};
	for (;;) {
		bool went_out = move_out(), came_in = move_in();
		if (!went_out && !came_in && poll(fds, 2, -1) < 0 && errno != EINTR)
			die("poll");
	}
}
