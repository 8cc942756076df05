/*
 * idlers [-a CA -C CERT -k KEY] N ADDRESS PORT SOURCE...: opens N connections in turn from the
 * source addresses, each with its handshake done and HTTP/2 settings exchanged, prints "idle N" and
 * keeps them until a signal ends it. It forgets TLS and HTTP/2 of each once that is done, so that
 * ten thousand cost it ten thousand descriptors and nothing else.
 */
#include "h2client.h"
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* At once under way: few enough for the server's queue, enough to keep it busy. */
#define AT_ONCE 100

static struct h2client_target target;
static int epoll_fd, n_idle, n_open;

static void on_ready(void *arg, struct h2client *c)
{
	h2client_leave_idle(c);
	n_idle++;
}

static void on_end(void *arg, struct h2client *c, const char *why)
{
	fprintf(stderr, "idlers: connection %d: %s\n", n_idle, why);
	exit(1);
}

static const struct h2client_events events = {.on_ready = on_ready, .on_end = on_end};

static void open_one(const char *source)
{
	struct in_addr from;
	struct h2client *c = NULL;
	if (inet_pton(AF_INET, source, &from) == 1)
		c = h2client_open(&target, &from, epoll_fd, &events, NULL);
	if (c == NULL) {
		perror(source);
		exit(1);
	}
	n_open++;
}

static void turn(void)
{
	struct epoll_event ready[AT_ONCE];
	int n = epoll_wait(epoll_fd, ready, AT_ONCE, 10000);
	if (n <= 0) {
		fprintf(stderr, "idlers: only %d connections are greeted\n", n_idle);
		exit(1);
	}
	for (int i = 0; i < n; i++)
		h2client_work(ready[i].data.ptr);
}

static int usage(void)
{
	fprintf(stderr, "usage: idlers [-a CA -C CERT -k KEY] N ADDRESS PORT SOURCE...\n");
	return 2;
}

int main(int argc, char **argv)
{
	const char *ca = NULL, *cert = NULL, *key = NULL;
	for (int option; (option = getopt(argc, argv, "a:C:k:")) != -1;) {
		switch (option) {
		case 'a': ca = optarg; break;
		case 'C': cert = optarg; break;
		case 'k': key = optarg; break;
		default: return usage();
		}
	}
	char **words = argv + optind;
	int n_sources = argc - optind - 3, wanted = n_sources > 0 ? atoi(words[0]) : 0;
	if (n_sources < 1 || inet_pton(AF_INET, words[1], &target.at.sin_addr) != 1)
		return usage();
	target.at.sin_family = AF_INET;
	target.at.sin_port = htons((uint16_t)atoi(words[2]));
	target.tls = ca != NULL ? h2client_tls(ca, cert, key) : NULL;
	signal(SIGPIPE, SIG_IGN); /* a server that hangs up is told by the write */
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	while (n_idle < wanted) {
		while (n_open < wanted && n_open - n_idle < AT_ONCE)
			open_one(words[3 + n_open % n_sources]);
		turn();
	}
	printf("idle %d\n", n_idle);
	fflush(stdout);
	pause(); /* until a signal ends us, and the connections with us */
	return 0;
}
