/*
 * Listening on a host without IPv6. A filter on this process's system calls makes it such a host:
 * socket(AF_INET6) fails as it does there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "loop/conn.h"
#include "loop/loop.h"

static struct wm_loop *loop;
static unsigned n_accepted, n_dialed;

static void on_accept(void *arg, struct wm_conn *c)
{
	n_accepted++;
	wm_conn_close(c);
}

static void on_dialed(struct wm_dial *d, struct wm_conn *c, const struct wm_err *err)
{
	assert_null(err);
	n_dialed++;
	wm_conn_close(c);
}

static bool are_connected(void *arg)
{
	return n_accepted == 1 && n_dialed == 1;
}

static void test_the_filter_is_at_work(void **state)
{
	assert_int_equal(socket(AF_INET6, SOCK_STREAM, 0), -1);
	assert_int_equal(errno, EAFNOSUPPORT);
}

static void test_any_falls_back_to_v4(void **state)
{
	struct wm_listen_opts opts = {0};
	struct wm_dial dial = {0};
	struct wm_listener *l = NULL;
	struct wm_endpoint at;

	assert_true(wm_endpoint_parse("[::]:0", &opts.at));
	assert_int_equal(wm_listener_open(loop, &opts, on_accept, NULL, &l, NULL), 0);
	wm_listener_endpoint(l, &at);
	assert_int_equal(at.addr.family, WM_IPV4);
	assert_true(wm_addr_is_unspecified(&at.addr));
	at.addr = wm_addr_v4(0x7f000001);
	assert_int_equal(wm_dial_start(loop, &dial, &at, 0, on_dialed, NULL), 0);
	assert_true(wm_loop_run_until(loop, are_connected, NULL, 60000));
	wm_listener_close(l);
}

static void test_what_asks_for_v6_fails(void **state)
{
	struct wm_listen_opts only = {.v6_only = true}, one = {0};
	struct wm_listener *l = NULL;
	struct wm_dial dial = {0};
	struct wm_endpoint to;
	struct wm_err err;

	assert_true(wm_endpoint_parse("[::]:0", &only.at));
	assert_true(wm_endpoint_parse("[::1]:0", &one.at));
	assert_true(wm_endpoint_parse("[::1]:9", &to));
	assert_int_equal(wm_listener_open(loop, &only, on_accept, NULL, &l, &err),
			 WM_UNIMPLEMENTED);
	assert_int_equal(wm_listener_open(loop, &one, on_accept, NULL, &l, &err), WM_UNIMPLEMENTED);
	assert_int_equal(wm_dial_start(loop, &dial, &to, 0, on_dialed, &err), WM_UNIMPLEMENTED);
	assert_null(l);
}

static int setup(void **state)
{
	loop = wm_loop_new(NULL);
	return 0;
}

static int teardown(void **state)
{
	wm_loop_free(loop);
	return 0;
}

static int refuse_ipv6(void **state)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET6, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAFNOSUPPORT),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(test_the_filter_is_at_work),
		T(test_any_falls_back_to_v4),
		T(test_what_asks_for_v6_fails),
	};

	return cmocka_run_group_tests(tests, refuse_ipv6, NULL);
}
