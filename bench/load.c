/*
 * load [options] ADDRESS PORT PATH: calls a unary gRPC method over and over on several connections
 * and prints one line of JSON: calls, how many failed, seconds, the latencies at the median, the
 * 99th percentile and the worst in microseconds, bytes of an answer and our own CPU seconds.
 *
 *   -c N     connections (50)
 *   -d S     seconds that are measured (5), after
 *   -w S     seconds of warming up (1)
 *   -r N     calls a second in all, on a timetable: a call that starts late because the one before
 *            it was slow counts from when it was due. 0: each connection asks again as soon as it
 *            is answered, which shows what the server can do (0)
 *   -b HEX   the request message (empty)
 *   -a FILE  the authority of the server's certificate: TLS; -C and -k: our certificate and key
 *
 * One thread on purpose: what it takes from the server's CPU is known, and it can be pinned.
 */
#include "h2client.h"
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define MAX_BODY    4096
#define FRAME       5                    /* bytes before a gRPC message */
#define PATIENCE_NS INT64_C(10000000000) /* for greetings, and for the last answers */

static int n_clients = 50;
static double seconds = 5, warm_up = 1, rate;
static struct h2client_target target;
static uint8_t body[FRAME + MAX_BODY];

static struct h2client **clients;
static int n_ready, n_under_way, next_client, epoll_fd;
static int64_t measure_from, measure_to, next_due;
static bool running;

static uint32_t *latencies; /* microseconds */
static size_t n_latencies, cap_latencies, n_failed, answer_bytes;

static int64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static double cpu_seconds(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* ---- calls ---- */

/* When a call began travels with it: a time fits a pointer. */
static void begin(struct h2client *c, int64_t when)
{
	n_under_way++;
	h2client_call(c, (void *)(uintptr_t)when);
}

static void note(int64_t began, int64_t now, int status, size_t bytes)
{
	if (began < measure_from || began >= measure_to)
		return;
	if (status != 0) {
		n_failed++;
		return;
	}
	if (n_latencies == cap_latencies) {
		cap_latencies = cap_latencies == 0 ? 1 << 16 : 2 * cap_latencies;
		latencies = realloc(latencies, cap_latencies * sizeof(*latencies));
	}
	latencies[n_latencies++] = (uint32_t)((now - began) / 1000);
	answer_bytes = bytes;
}

static void on_answer(void *arg, struct h2client *c, void *call, int status, size_t bytes)
{
	int64_t now = now_ns();
	n_under_way--;
	note((int64_t)(uintptr_t)call, now, status, bytes);
	if (rate == 0 && now < measure_to)
		begin(c, now); /* sent when the bytes that came have all been looked at */
}

static void on_ready(void *arg, struct h2client *c)
{
	n_ready++;
}

static void on_end(void *arg, struct h2client *c, const char *why)
{
	fprintf(stderr, "load: a connection is lost: %s\n", why);
	exit(1);
}

static const struct h2client_events events = {
	.on_ready = on_ready, .on_answer = on_answer, .on_end = on_end};

/* ---- the loop ---- */

/* Begins what is due; returns how long the next has time, in milliseconds. */
static int keep_timetable(void)
{
	int64_t now = now_ns();
	if (rate == 0 || !running)
		return 100;
	for (; next_due <= now && next_due < measure_to; next_due += (int64_t)(1e9 / rate)) {
		struct h2client *c = clients[next_client++ % n_clients];
		begin(c, next_due);
		h2client_flush(c);
	}
	int64_t left = (next_due - now) / 1000000;
	return left < 0 || left > 100 ? 100 : (int)left;
}

static void turn(void)
{
	struct epoll_event ready[256];
	int n = epoll_wait(epoll_fd, ready, 256, keep_timetable());
	for (int i = 0; i < n; i++)
		h2client_work(ready[i].data.ptr);
}

static void connect_all(void)
{
	int64_t end = now_ns() + PATIENCE_NS;
	clients = calloc((size_t)n_clients, sizeof(struct h2client *));
	for (int i = 0; i < n_clients; i++) {
		clients[i] = h2client_open(&target, NULL, epoll_fd, &events, NULL);
		if (clients[i] == NULL) {
			perror("load: connect");
			exit(1);
		}
	}
	while (n_ready < n_clients && now_ns() < end)
		turn();
	if (n_ready < n_clients) {
		fprintf(stderr, "load: only %d of %d connections are greeted\n", n_ready,
			n_clients);
		exit(1);
	}
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

static uint32_t at_percentile(double part)
{
	size_t i = (size_t)(part * (double)n_latencies);
	return latencies[i < n_latencies ? i : n_latencies - 1];
}

static void print_result(double cpu)
{
	qsort(latencies, n_latencies, sizeof(*latencies), compare);
	printf("{\"calls\": %zu, \"failed\": %zu, \"seconds\": %.3f, \"per_second\": %.1f, "
	       "\"p50_us\": %u, \"p99_us\": %u, \"max_us\": %u, \"bytes\": %zu, \"cpu\": %.3f}\n",
	       n_latencies, n_failed, seconds, (double)n_latencies / seconds, at_percentile(0.5),
	       at_percentile(0.99), at_percentile(1), answer_bytes, cpu);
}

static void run(void)
{
	int64_t now = now_ns();
	next_due = now;
	measure_from = now + (int64_t)(warm_up * 1e9);
	measure_to = measure_from + (int64_t)(seconds * 1e9);
	running = true;
	for (int i = 0; rate == 0 && i < n_clients; i++) {
		begin(clients[i], now);
		h2client_flush(clients[i]);
	}
	while (now_ns() < measure_from)
		turn();
	double cpu = cpu_seconds();
	while (now_ns() < measure_to)
		turn();
	cpu = cpu_seconds() - cpu;
	/* What was asked in time is waited for: a slow answer is the last that may be left out. */
	while (n_under_way > 0 && now_ns() < measure_to + PATIENCE_NS)
		turn();
	n_failed += (size_t)n_under_way;
	if (n_latencies == 0) {
		fprintf(stderr, "load: no call of %zu succeeded\n", n_failed);
		exit(1);
	}
	print_result(cpu);
}

/* ---- options ---- */

static void take_body(const char *hex)
{
	size_t n = strlen(hex) / 2;
	unsigned byte;
	for (size_t i = 0; i < n && i < MAX_BODY && sscanf(hex + 2 * i, "%2x", &byte) == 1; i++)
		body[FRAME + i] = (uint8_t)byte;
	body[3] = (uint8_t)(n >> 8);
	body[4] = (uint8_t)n;
	target.body_len = FRAME + n;
}

static int usage(void)
{
	fprintf(stderr, "usage: load [-c N] [-d S] [-w S] [-r N] [-b HEX] [-a CA -C CERT -k KEY] "
			"ADDRESS PORT PATH\n");
	return 2;
}

int main(int argc, char **argv)
{
	const char *ca = NULL, *cert = NULL, *key = NULL;
	target.body = body;
	target.body_len = FRAME;
	for (int option; (option = getopt(argc, argv, "c:d:w:r:b:a:C:k:")) != -1;) {
		switch (option) {
		case 'c': n_clients = atoi(optarg); break;
		case 'd': seconds = atof(optarg); break;
		case 'w': warm_up = atof(optarg); break;
		case 'r': rate = atof(optarg); break;
		case 'b': take_body(optarg); break;
		case 'a': ca = optarg; break;
		case 'C': cert = optarg; break;
		case 'k': key = optarg; break;
		default: return usage();
		}
	}
	if (argc - optind != 3 || n_clients < 1 ||
	    inet_pton(AF_INET, argv[optind], &target.at.sin_addr) != 1)
		return usage();
	target.at.sin_family = AF_INET;
	target.at.sin_port = htons((uint16_t)atoi(argv[optind + 1]));
	target.path = argv[optind + 2];
	target.tls = ca != NULL ? h2client_tls(ca, cert, key) : NULL;
	signal(SIGPIPE, SIG_IGN); /* a server that hangs up is told by the write */
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	alarm((unsigned)(seconds + warm_up) + 60); /* whatever goes wrong, it ends */
	connect_all();
	run();
	return 0;
}
