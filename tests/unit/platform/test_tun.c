/* TUN interfaces, in a network namespace of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "platform/tun.h"

static bool is_plain;

static struct wm_tun *open_tun(const char *name, unsigned queues)
{
	struct wm_tun_opts opts = {.name = name, .mtu = 1400, .queues = queues};
	struct wm_tun *t = NULL;
	struct wm_err err;
	opts.is_plain = is_plain;
	if (wm_tun_open(&opts, &t, &err) != 0)
		fail_msg("%s", err.text);
	return t;
}

static int try_open(const char *name, struct wm_err *err)
{
	struct wm_tun_opts opts = {.name = name, .mtu = 1400, .queues = 1};
	struct wm_tun *t = NULL;
	int rc = wm_tun_open(&opts, &t, err);
	wm_tun_close(t);
	return rc;
}

static void run(const char *command)
{
	if (system(command) != 0)
		fail_msg("%s", command);
}

static void test_it_comes_and_goes(void **state)
{
	struct wm_err err;
	struct wm_tun *t = open_tun("wmt0", 4);
	assert_string_equal(wm_tun_name(t), "wmt0");
	assert_int_not_equal(wm_tun_ifindex(t), 0);
	assert_int_equal(wm_tun_queues(t), 4);
	run("ip link show wmt0 | grep -q 'mtu 1400'");
	assert_int_equal(try_open("wmt0", &err), WM_ALREADY_EXISTS);
	assert_non_null(strstr(err.text, "wmt0"));
	wm_tun_close(t);
	assert_int_equal(try_open("wmt0", &err), 0);
	assert_int_equal(try_open("lo", &err), WM_ALREADY_EXISTS);
	wm_tun_close(NULL);
}

static void test_the_system_chooses_a_number(void **state)
{
	struct wm_tun *a = open_tun("wmx+", 1), *b = open_tun("wmx+", 2);
	assert_string_equal(wm_tun_name(a), "wmx0");
	assert_string_equal(wm_tun_name(b), "wmx1");
	wm_tun_close(a);
	wm_tun_close(b);
}

/* Copies of all queues, as somebody would keep them who gives them to our successor. */
static unsigned copy_queues(struct wm_tun *t, int fds[WM_TUN_QUEUES])
{
	for (unsigned i = 0; i < wm_tun_queues(t); i++)
		fds[i] = dup(wm_tun_fd(t, i));
	return wm_tun_queues(t);
}

static struct wm_tun *inherit(const char *name, unsigned queues, const int *left, unsigned n_left)
{
	struct wm_tun_opts opts = {
		.name = name, .mtu = 1400, .queues = queues, .left = left, .n_left = n_left};
	struct wm_tun *t = NULL;
	struct wm_err err;
	if (wm_tun_open(&opts, &t, &err) != 0)
		fail_msg("%s", err.text);
	return t;
}

/* With its address, its index and the packets that wait in it. */
static void test_it_is_left_to_a_successor(void **state)
{
	uint8_t room[WM_TUN_ROOM];
	struct wm_tun_packet p = {.data = room, .cap = sizeof(room)};
	int fds[WM_TUN_QUEUES], n = 0;
	struct wm_tun *t = open_tun("wml0", 2);
	unsigned index = wm_tun_ifindex(t), left = copy_queues(t, fds);
	assert_false(wm_tun_is_inherited(t));
	run("ip address add 10.7.0.1/24 dev wml0 && ip link set wml0 up");
	wm_tun_close(t);
	run("ping -q -c 1 -W 0.01 10.7.0.2 >/dev/null; ip -4 address show wml0 | grep -q 10.7.0.1");
	t = inherit("wml0", 3, fds, left);
	assert_true(wm_tun_is_inherited(t));
	assert_int_equal(wm_tun_ifindex(t), index);
	assert_int_equal(wm_tun_queues(t), 3);
	for (unsigned i = 0; i < 3; i++)
		while (wm_tun_read(t, i, &p) == 1)
			n += p.len > 20 && room[0] == 0x45;
	assert_int_equal(n, 1);
	wm_tun_close(t);
	run("! ip link show wml0 2>/dev/null");
}

static void test_a_number_is_left_too(void **state)
{
	int fds[WM_TUN_QUEUES];
	struct wm_tun *t = open_tun("wmn+", 2), *other;
	unsigned left = copy_queues(t, fds);
	wm_tun_close(t);
	t = inherit("wmn+", 1, fds, left);
	assert_string_equal(wm_tun_name(t), "wmn0");
	assert_int_equal(wm_tun_queues(t), 2);
	other = open_tun("wmn+", 1);
	assert_string_equal(wm_tun_name(other), "wmn1");
	wm_tun_close(other);
	wm_tun_close(t);
}

/* Of another name, or no interface at all: closed, so the old one goes, and a new one is made. */
static void test_what_is_left_does_not_fit(void **state)
{
	int fds[WM_TUN_QUEUES];
	struct wm_tun *t = open_tun("wml1", 1);
	unsigned left = copy_queues(t, fds);
	wm_tun_close(t);
	fds[left++] = open("/dev/null", O_RDWR);
	fds[left++] = open("/dev/net/tun", O_RDWR);
	t = inherit("wml2", 1, fds, left);
	assert_false(wm_tun_is_inherited(t));
	assert_string_equal(wm_tun_name(t), "wml2");
	assert_int_equal(wm_tun_queues(t), 1);
	run("! ip link show wml1 2>/dev/null");
	for (unsigned i = 0; i < left; i++)
		assert_true(fcntl(fds[i], F_GETFD) < 0 || fds[i] == wm_tun_fd(t, 0));
	wm_tun_close(t);
}

static void test_bad_names(void **state)
{
	static const char *const bad[] = {
		"",    "sixteen-letters!", "a/b", "a b", "%d", "a%d", ".", "..",
		"a:b", "sixteen-letters+"};
	struct wm_err err;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(try_open(bad[i], &err), WM_INVALID_ARGUMENT);
}

/* An echo request from 10.9.0.2 to the interface's own address. */
static const uint8_t echo[] = {
	0x45, 0, 0,    28,   0, 1, 0, 0, 64, 1, 0x66, 0xcc, 10, 9, 0, 2, 10, 9, 0, 1, /* IPv4 */
	8,    0, 0xf7, 0xfd, 0, 1, 0, 1,                                              /* ICMP */
};

/* Reads from both queues until a packet of @protocol has come; it lies in @p. */
static bool read_packet(struct wm_tun *t, uint8_t protocol, struct wm_tun_packet *p)
{
	static uint8_t room[WM_TUN_ROOM];
	struct pollfd fds[2] = {{.fd = wm_tun_fd(t, 0), .events = POLLIN},
				{.fd = wm_tun_fd(t, 1), .events = POLLIN}};
	*p = (struct wm_tun_packet){.data = room, .cap = sizeof(room)};
	while (poll(fds, 2, 5000) > 0) {
		for (unsigned q = 0; q < 2; q++) {
			int n = wm_tun_read(t, q, p);
			assert_true(n >= 0);
			if (n == 1 && p->data[0] >> 4 == 4 && p->data[9] == protocol)
				return true;
		}
	}
	return false;
}

static int write_whole(struct wm_tun *t, uint8_t *data, size_t len)
{
	static const struct wm_offload none;
	struct wm_span whole = {.data = data, .len = len};
	return wm_tun_write(t, 0, &whole, 1, &none);
}

static void test_packets_in_and_out(void **state)
{
	uint8_t copy[sizeof(echo)];
	struct wm_tun_packet p;
	struct wm_tun *t = open_tun("wmt1", 2);
	memcpy(copy, echo, sizeof(echo));
	assert_int_equal(write_whole(t, copy, sizeof(copy)), -EIO); /* it is down */
	run("ip address add 10.9.0.1/24 dev wmt1 && ip link set wmt1 up");
	assert_int_equal(write_whole(t, copy, sizeof(copy)), 0);
	assert_true(read_packet(t, 1, &p));
	assert_int_equal(p.len, sizeof(echo));
	assert_int_equal(p.data[20], 0); /* an echo reply */
	assert_int_equal(p.offload.kind, WM_OFFLOAD_NONE);
	run("ip link delete wmt1");
	assert_int_equal(wm_tun_read(t, 0, &p), -ENODEV);
	wm_tun_close(t);
}

static void test_a_packet_longer_than_its_room_is_said_to_be(void **state)
{
	uint8_t copy[sizeof(echo)], room[20];
	struct wm_tun_packet p = {.data = room, .cap = sizeof(room)};
	struct wm_tun *t = open_tun("wmt1", 1);
	struct pollfd fd = {.fd = wm_tun_fd(t, 0), .events = POLLIN};
	run("sysctl -qw net.ipv6.conf.wmt1.disable_ipv6=1");
	run("ip address add 10.9.0.1/24 dev wmt1 && ip link set wmt1 up");
	memcpy(copy, echo, sizeof(echo));
	assert_int_equal(write_whole(t, copy, sizeof(copy)), 0);
	assert_int_equal(poll(&fd, 1, 5000), 1);
	assert_int_equal(wm_tun_read(t, 0, &p), -EMSGSIZE);
	wm_tun_close(t);
}

/* A packet in pieces is one packet to the host. */
static void test_a_packet_in_pieces(void **state)
{
	static const struct wm_offload none;
	uint8_t copy[sizeof(echo)];
	struct wm_span pieces[] = {{copy, 9}, {copy + 9, 1}, {copy + 10, sizeof(copy) - 10}};
	struct wm_tun_packet p;
	struct wm_tun *t = open_tun("wmt1", 2);
	run("ip address add 10.9.0.1/24 dev wmt1 && ip link set wmt1 up");
	memcpy(copy, echo, sizeof(echo));
	assert_int_equal(wm_tun_write(t, 1, pieces, 3, &none), 0);
	assert_true(read_packet(t, 1, &p));
	assert_int_equal(p.len, sizeof(echo));
	wm_tun_close(t);
}

/* Sends one train of three datagrams through the interface. */
static void send_train(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
	uint8_t bytes[2500] = {0};
	int segment = 1000, fd = socket(AF_INET, SOCK_DGRAM, 0);
	inet_pton(AF_INET, "10.9.0.7", &to.sin_addr);
	assert_int_equal(setsockopt(fd, SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment)), 0);
	assert_int_equal(sendto(fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&to, sizeof(to)),
			 sizeof(bytes));
	close(fd);
}

static void test_a_train_comes_whole_where_that_was_agreed(void **state)
{
	struct wm_tun_packet p;
	struct wm_tun *t = open_tun("wmt1", 2);
	run("ip address add 10.9.0.1/24 dev wmt1 && ip link set wmt1 up");
	send_train();
	assert_true(read_packet(t, IPPROTO_UDP, &p));
	if (wm_tun_offloads(t) & WM_TUN_UDP) {
		assert_int_equal(p.len, 28 + 2500);
		assert_int_equal(p.offload.kind, WM_OFFLOAD_UDP);
		assert_int_equal(p.offload.segment, 1000);
		assert_true(p.offload.needs_checksum);
		assert_int_equal(p.offload.checksum_start, 20);
		assert_int_equal(p.offload.checksum_offset, 6);
	} else {
		assert_int_equal(p.len, 28 + 1000);
	}
	wm_tun_close(t);
}

static void test_a_plain_interface_gets_single_whole_packets(void **state)
{
	struct wm_tun_packet p;
	is_plain = true;
	struct wm_tun *t = open_tun("wmt1", 2);
	is_plain = false;
	assert_int_equal(wm_tun_offloads(t), 0);
	run("ip address add 10.9.0.1/24 dev wmt1 && ip link set wmt1 up");
	send_train();
	for (unsigned i = 0; i < 3; i++) {
		assert_true(read_packet(t, IPPROTO_UDP, &p));
		assert_int_equal(p.len, 28 + (i < 2 ? 1000 : 500));
		assert_int_equal(p.offload.kind, WM_OFFLOAD_NONE);
		assert_false(p.offload.needs_checksum);
	}
	wm_tun_close(t);
}

static void test_impossible_offloads_are_refused(void **state)
{
	static const struct wm_offload bad[] = {
		{.kind = WM_OFFLOAD_TCP4, .segment = 8, .header_len = 20},
		{.kind = WM_OFFLOAD_TCP6,
		 .segment = 8,
		 .header_len = 60,
		 .needs_checksum = true,
		 .checksum_start = 40,
		 .checksum_offset = 16},
		{.needs_checksum = true, .checksum_start = 60000, .checksum_offset = 2},
	};
	uint8_t copy[sizeof(echo)];
	struct wm_span whole = {.data = copy, .len = sizeof(copy)};
	struct wm_tun *t = open_tun("wmt1", 1);
	run("ip address add 10.9.0.1/24 dev wmt1 && ip link set wmt1 up");
	memcpy(copy, echo, sizeof(echo));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(wm_tun_write(t, 0, &whole, 1, &bad[i]), -EINVAL);
	wm_tun_close(t);
}

static void test_what_is_refused_is_refused_once(void **state)
{
	struct wm_tun *t = open_tun("wmt1", 1);
	unsigned all = wm_tun_offloads(t);
	assert_true(all & WM_TUN_TCP);
	assert_true(wm_tun_refuse(t, WM_TUN_TCP));
	assert_false(wm_tun_refuse(t, WM_TUN_TCP));
	assert_int_equal(wm_tun_offloads(t), all & ~(unsigned)WM_TUN_TCP);
	wm_tun_close(t);
}

static void test_without_privilege_it_says_so(void **state)
{
	int status = 0;
	pid_t child = fork();
	if (child == 0) {
		struct wm_err err;
		if (setgid(65534) != 0 || setuid(65534) != 0)
			_exit(2);
		int rc = try_open("wmt2", &err);
		_exit(rc == WM_PERMISSION_DENIED && strstr(err.text, "run as root") != NULL ? 0
											    : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static int enter_namespace(void **state)
{
	if (unshare(CLONE_NEWNET) == 0)
		return 0;
	fprintf(stderr, "a network namespace needs root: %s\n", strerror(errno));
	return -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_comes_and_goes),
		cmocka_unit_test(test_the_system_chooses_a_number),
		cmocka_unit_test(test_it_is_left_to_a_successor),
		cmocka_unit_test(test_a_number_is_left_too),
		cmocka_unit_test(test_what_is_left_does_not_fit),
		cmocka_unit_test(test_bad_names),
		cmocka_unit_test(test_packets_in_and_out),
		cmocka_unit_test(test_a_packet_longer_than_its_room_is_said_to_be),
		cmocka_unit_test(test_a_packet_in_pieces),
		cmocka_unit_test(test_a_train_comes_whole_where_that_was_agreed),
		cmocka_unit_test(test_a_plain_interface_gets_single_whole_packets),
		cmocka_unit_test(test_impossible_offloads_are_refused),
		cmocka_unit_test(test_what_is_refused_is_refused_once),
		cmocka_unit_test(test_without_privilege_it_says_so),
	};
	return cmocka_run_group_tests_name("platform/tun", tests, enter_namespace, NULL);
}
