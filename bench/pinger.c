/*
 * pinger SECONDS ADDRESS...: sends an ICMP echo to every IPv4 address each 10 ms until it has
 * answered; prints "<address> <ms since start>" for each answer and ends with 0 when all have
 * answered, with 1 after SECONDS. One process for many targets: starting a ping for each would cost
 * more than what is measured.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_TARGETS 1024
#define PAUSE_MS    10

struct target {
	struct sockaddr_in at;
	const char *text;
	int answered;
};

static struct target targets[MAX_TARGETS];
static unsigned n_targets, n_answered;

static double now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static unsigned short checksum(const void *data, size_t len)
{
	const unsigned char *p = data;
	unsigned sum = 0;
	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (unsigned)(p[i] << 8 | p[i + 1]);
	sum = (sum >> 16) + (sum & 0xffff);
	return htons((unsigned short)~((sum >> 16) + sum));
}

static void send_all(int fd)
{
	for (unsigned i = 0; i < n_targets; i++) {
		struct icmphdr echo = {.type = ICMP_ECHO};
		if (targets[i].answered)
			continue;
		echo.un.echo.id = htons((unsigned short)getpid());
		echo.un.echo.sequence = htons((unsigned short)i);
		echo.checksum = checksum(&echo, sizeof(echo));
		/* No route yet, or no buffer: the next round tries again. */
		(void)!sendto(fd, &echo, sizeof(echo), 0, (struct sockaddr *)&targets[i].at,
			      sizeof(targets[i].at));
	}
}

static void take_answers(int fd, double start)
{
	unsigned char packet[2048];
	ssize_t len;
	while ((len = recv(fd, packet, sizeof(packet), MSG_DONTWAIT)) > 0) {
		size_t header = (size_t)(packet[0] & 15) * 4;
		struct icmphdr reply;
		if ((size_t)len < header + sizeof(reply))
			continue;
		memcpy(&reply, packet + header, sizeof(reply));
		unsigned i = ntohs(reply.un.echo.sequence);
		if (reply.type != ICMP_ECHOREPLY || i >= n_targets || targets[i].answered ||
		    ntohs(reply.un.echo.id) != (unsigned short)getpid())
			continue;
		targets[i].answered = 1;
		n_answered++;
		printf("%s %.1f\n", targets[i].text, now_ms() - start);
		fflush(stdout);
	}
}

int main(int argc, char **argv)
{
	double start = now_ms();
	if (argc < 3 || argc - 2 > MAX_TARGETS) {
		fprintf(stderr, "usage: pinger SECONDS ADDRESS...\n");
		return 2;
	}
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	if (fd < 0) {
		fprintf(stderr, "pinger: no raw socket: %s\n", strerror(errno));
		return 2;
	}
	for (int i = 2; i < argc; i++, n_targets++) {
		targets[n_targets].text = argv[i];
		targets[n_targets].at.sin_family = AF_INET;
		if (inet_pton(AF_INET, argv[i], &targets[n_targets].at.sin_addr) != 1) {
			fprintf(stderr, "pinger: %s is no IPv4 address\n", argv[i]);
			return 2;
		}
	}
	double end = start + atof(argv[1]) * 1e3;
	while (n_answered < n_targets && now_ms() < end) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		double next = now_ms() + PAUSE_MS;
		send_all(fd);
		for (double left; n_answered < n_targets && (left = next - now_ms()) > 0;)
			if (poll(&p, 1, (int)left + 1) > 0)
				take_answers(fd, start);
	}
	close(fd);
	return n_answered == n_targets ? 0 : 1;
}
