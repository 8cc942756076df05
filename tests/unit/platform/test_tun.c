/* TUN interfaces, in a network namespace of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "platform/tun.h"

#define ROOM 2048

static struct wm_tun *open_tun(const char *name, unsigned queues)
{
	struct wm_tun_opts opts = {.name = name, .mtu = 1400, .queues = queues};
	struct wm_tun *t = NULL;
	struct wm_err err;
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

/* Reads packets from all queues until one is of @protocol. */
static bool read_reply(struct wm_tun *t, uint8_t protocol)
{
	static uint8_t room[8][ROOM];
	struct wm_tun_packet p[8];
	struct pollfd fds[2] = {{.fd = wm_tun_fd(t, 0), .events = POLLIN},
				{.fd = wm_tun_fd(t, 1), .events = POLLIN}};
	while (poll(fds, 2, 5000) > 0) {
		for (unsigned q = 0; q < 2; q++) {
			for (unsigned i = 0; i < 8; i++)
				p[i] = (struct wm_tun_packet){.data = room[i], .cap = ROOM};
			int n = wm_tun_read(t, q, p, 8);
			assert_true(n >= 0);
			for (int i = 0; i < n; i++)
				if (p[i].len == sizeof(echo) && p[i].data[9] == protocol &&
				    p[i].data[20] == 0)
					return true;
		}
	}
	return false;
}

static void test_packets_in_and_out(void **state)
{
	uint8_t copy[sizeof(echo)];
	struct wm_tun_packet p = {.data = copy, .len = sizeof(copy)};
	struct wm_tun *t = open_tun("wmt1", 2);
	memcpy(copy, echo, sizeof(echo));
	assert_int_equal(wm_tun_write(t, 0, &p, 1), 1); /* it is down */
	run("ip address add 10.9.0.1/24 dev wmt1 && ip link set wmt1 up");
	assert_int_equal(wm_tun_write(t, 0, &p, 1), 0);
	assert_true(read_reply(t, 1));
	run("ip link delete wmt1");
	assert_int_equal(wm_tun_read(t, 0, &p, 1), -ENODEV);
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
		cmocka_unit_test(test_bad_names),
		cmocka_unit_test(test_packets_in_and_out),
		cmocka_unit_test(test_without_privilege_it_says_so),
	};
	return cmocka_run_group_tests_name("platform/tun", tests, enter_namespace, NULL);
}
