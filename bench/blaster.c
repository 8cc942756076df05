/*
 * blaster send ADDRESS PORT BYTES SECONDS: sends datagrams of so many bytes as fast as the host
 * lets it; prints how many a second went out. blaster count PORT SECONDS: prints "ready", and from
 * the first datagram on counts for so many seconds; prints how many a second came. blaster discard
 * PORT: reads and throws away, until it is ended.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH   64
#define BYTES   2048
#define SOCKBUF (4 << 20)

static uint8_t data[BATCH][BYTES];
static struct iovec iovs[BATCH];
static struct mmsghdr msgs[BATCH];

static void die(const char *what)
{
	fprintf(stderr, "blaster: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void prepare(size_t len)
{
	for (unsigned i = 0; i < BATCH; i++) {
		iovs[i] = (struct iovec){.iov_base = data[i], .iov_len = len};
		msgs[i].msg_hdr = (struct msghdr){.msg_iov = &iovs[i], .msg_iovlen = 1};
	}
}

static int blast(const char *address, int port, size_t len, double seconds)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	uint64_t sent = 0;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0 || inet_pton(AF_INET, address, &to.sin_addr) != 1 ||
	    connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		die(address);
	prepare(len);
	double start = now();
	while (now() - start < seconds) {
		int n = sendmmsg(fd, msgs, BATCH, 0);
		if (n < 0 && errno != ENOBUFS && errno != ECONNREFUSED)
			die("send");
		sent += n > 0 ? (uint64_t)n : 0;
	}
	printf("%.0f\n", (double)sent / (now() - start));
	close(fd);
	return 0;
}

static int open_port(int port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	struct timeval patience = {.tv_usec = 100000};
	int size = SOCKBUF, fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		die("open the port");
	prepare(BYTES);
	return fd;
}

static unsigned take(int fd)
{
	int n = recvmmsg(fd, msgs, BATCH, MSG_WAITFORONE, NULL);
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		die("receive");
	return n > 0 ? (unsigned)n : 0;
}

static int count(int port, double seconds)
{
	uint64_t came = 0;
	int fd = open_port(port);
	puts("ready");
	fflush(stdout);
	while (take(fd) == 0)
		;
	double start = now();
	while (now() - start < seconds)
		came += take(fd);
	printf("%.0f\n", (double)came / (now() - start));
	close(fd);
	return 0;
}

static _Noreturn void discard(int port)
{
	int fd = open_port(port);
	puts("ready");
	fflush(stdout);
	for (;;)
		take(fd);
}

int main(int argc, char **argv)
{
	if (argc == 6 && strcmp(argv[1], "send") == 0 && atoi(argv[4]) <= BYTES)
		return blast(argv[2], atoi(argv[3]), (size_t)atoi(argv[4]), atof(argv[5]));
	if (argc == 4 && strcmp(argv[1], "count") == 0)
		return count(atoi(argv[2]), atof(argv[3]));
	if (argc == 3 && strcmp(argv[1], "discard") == 0)
		discard(atoi(argv[2]));
	fprintf(stderr, "usage: blaster send ADDRESS PORT BYTES SECONDS | count PORT SECONDS | "
			"discard PORT\n");
	return 2;
}
