/*
 * flooder INTERFACE MAC ADDRESS PORT KEY RATE SECONDS: sends so many WireGuard initiations a second
 * to the device with the public key (hex), each random but for the first MAC, which is right, and
 * each from another source address in 10.0.0.0/8. Whole packets, past the host's routing. Prints
 * how many a second it were.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include "base/rand.h"
#include "wg/cookie.h"

#define POOL  32768 /* packets that are made beforehand and sent over and over */
#define BATCH 64
#define TICK  500000 /* ns between bursts */

struct packet {
	struct iphdr ip;
	struct udphdr udp;
	struct wm_wg_initiation msg;
};
_Static_assert(sizeof(struct packet) == 176, "a packet without gaps");

static struct packet pool[POOL];
static struct iovec iovs[BATCH];
static struct mmsghdr msgs[BATCH];
static struct sockaddr_ll to;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "flooder: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static uint16_t header_sum(const struct iphdr *ip)
{
	uint16_t words[sizeof(*ip) / 2];
	uint32_t sum = 0;
	memcpy(words, ip, sizeof(words));
	for (unsigned i = 0; i < sizeof(*ip) / 2; i++)
		sum += words[i];
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)~((sum >> 16) + sum);
}

static void fill_pool(const char *address, int port, const uint8_t key[32])
{
	struct wm_wg_jar jar = {.cookie_at = 0};
	struct in_addr target;
	if (inet_pton(AF_INET, address, &target) != 1)
		die(address);
	wm_wg_jar_set(&jar, key);
	wm_rand_bytes(pool, sizeof(pool));
	for (unsigned i = 0; i < POOL; i++) {
		struct packet *p = &pool[i];
		uint32_t from = 0x0a000000 | (wm_rand_u32() & 0xffffff);
		uint16_t source_port = (uint16_t)(1024 + wm_rand_below(60000));
		p->ip = (struct iphdr){.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP};
		p->ip.tot_len = htons(sizeof(*p));
		p->ip.saddr = htonl(from);
		p->ip.daddr = target.s_addr;
		p->ip.check = header_sum(&p->ip);
		p->udp = (struct udphdr){.source = htons(source_port),
					 .dest = htons((uint16_t)port),
					 .len = htons(sizeof(*p) - sizeof(p->ip))};
		memcpy(p->msg.type, (const uint8_t[4]){WM_WG_INITIATION}, 4);
		wm_wg_jar_stamp(&jar, &p->msg, sizeof(p->msg), 0);
	}
}

static int open_socket(const char *interface, const char *mac)
{
	unsigned char m[6];
	int one = 1, fd = socket(AF_PACKET, SOCK_DGRAM, 0); /* receives nothing */
	if (fd < 0)
		die("open a packet socket");
	if (sscanf(mac, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &m[0], &m[1], &m[2], &m[3], &m[4],
		   &m[5]) != 6)
		die(mac);
	setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one));
	to = (struct sockaddr_ll){.sll_family = AF_PACKET,
				  .sll_protocol = htons(ETH_P_IP),
				  .sll_ifindex = (int)if_nametoindex(interface),
				  .sll_halen = 6};
	memcpy(to.sll_addr, m, sizeof(m));
	if (to.sll_ifindex == 0)
		die(interface);
	for (unsigned i = 0; i < BATCH; i++) {
		iovs[i].iov_len = sizeof(struct packet);
		msgs[i].msg_hdr = (struct msghdr){.msg_name = &to,
						  .msg_namelen = sizeof(to),
						  .msg_iov = &iovs[i],
						  .msg_iovlen = 1};
	}
	return fd;
}

/* Sends at most a batch; what finds no room is tried again. */
static unsigned send_some(int fd, uint64_t first, uint64_t count)
{
	unsigned n = count < BATCH ? (unsigned)count : BATCH;
	for (unsigned i = 0; i < n; i++)
		iovs[i].iov_base = &pool[(first + i) % POOL];
	int sent = sendmmsg(fd, msgs, n, 0);
	if (sent < 0 && errno != ENOBUFS && errno != EAGAIN)
		die("send");
	return sent > 0 ? (unsigned)sent : 0;
}

/* Evenly over time; what was missed is made good, but not more than a burst of a hundredth of a
 * second, lest a pause become a blow. */
static void flood(int fd, double rate, double seconds)
{
	int64_t start = now(), t;
	uint64_t sent = 0, forgiven = 0;
	while ((t = now()) - start < (int64_t)(seconds * 1e9)) {
		uint64_t due = (uint64_t)((double)(t - start) / 1e9 * rate) - forgiven;
		if (due > sent + (uint64_t)(rate / 100)) {
			forgiven += due - sent - (uint64_t)(rate / 100);
			due = sent + (uint64_t)(rate / 100);
		}
		while (sent < due) {
			unsigned n = send_some(fd, sent, due - sent);
			if (n == 0)
				break;
			sent += n;
		}
		nanosleep(&(struct timespec){.tv_nsec = TICK}, NULL);
	}
	printf("%.0f\n", (double)sent / seconds);
}

int main(int argc, char **argv)
{
	uint8_t key[32];
	if (argc != 8 || strlen(argv[5]) != 64) {
		fprintf(stderr, "usage: flooder INTERFACE MAC ADDRESS PORT KEY RATE SECONDS\n");
		return 2;
	}
	for (unsigned i = 0; i < 32; i++)
		if (sscanf(argv[5] + (size_t)2 * i, "%2hhx", &key[i]) != 1)
			die(argv[5]);
	fill_pool(argv[3], atoi(argv[4]), key);
	int fd = open_socket(argv[1], argv[2]);
	puts("ready");
	fflush(stdout);
	flood(fd, atof(argv[6]), atof(argv[7]));
	return 0;
}
