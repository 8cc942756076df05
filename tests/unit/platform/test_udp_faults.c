/* What becomes of datagrams when the kernel refuses, with its calls replaced by a script. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "platform/udp.h"

/* What the calls do: the errno of trains, of single datagrams of the first byte 'x', and of any. */
static struct {
	int train, bad, any;
	unsigned interrupts; /* calls that end with EINTR first */
	int most;            /* messages that one call takes; 0 = all */
	unsigned calls, datagrams, polls;
	unsigned to_v4, to_v6;
	bool is_stuck, is_v4_only;
	int local;       /* errno of what is to leave from an address of ours */
	bool bad_once;   /* only the first of the bad ones is */
	unsigned locals; /* datagrams and trains that did */
} script;

static bool has_local(const struct msghdr *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL;
	     c = CMSG_NXTHDR((struct msghdr *)(uintptr_t)m, c))
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO)
			return true;
	return false;
}

static bool is_train(const struct msghdr *m)
{
	const struct cmsghdr *c = CMSG_FIRSTHDR(m);
	return c != NULL && c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_SEGMENT;
}

/* 0 or the errno with which this message meets. */
static int verdict(const struct msghdr *m)
{
	sa_family_t family = ((const struct sockaddr *)m->msg_name)->sa_family;
	script.to_v4 += family == AF_INET;
	script.to_v6 += family == AF_INET6;
	if (script.is_v4_only && family == AF_INET6)
		return EAFNOSUPPORT;
	if (script.any != 0)
		return script.any;
	if (script.train != 0 && is_train(m))
		return script.train;
	if (script.local != 0 && has_local(m))
		return script.local;
	script.locals += has_local(m);
	if (*(const char *)m->msg_iov[0].iov_base != 'x' || is_train(m))
		return 0;
	int bad = script.bad;
	script.bad = script.bad_once ? 0 : bad;
	return bad;
}

static bool is_interrupted(void)
{
	script.calls++;
	if (script.interrupts == 0)
		return false;
	script.interrupts--;
	errno = EINTR;
	return true;
}

int sendmmsg(int fd, struct mmsghdr *msgs, unsigned n, int flags)
{
	unsigned done = 0;
	if (is_interrupted())
		return -1;
	while (done < n && (script.most == 0 || done < (unsigned)script.most)) {
		int sys = verdict(&msgs[done].msg_hdr);
		if (sys != 0 && done > 0)
			break;
		if (sys != 0) {
			errno = sys;
			return -1;
		}
		script.datagrams += is_train(&msgs[done].msg_hdr) ? 100 : 1;
		done++;
	}
	return (int)done;
}

ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
	if (is_interrupted())
		return -1;
	errno = verdict(m);
	if (errno != 0)
		return -1;
	script.datagrams++;
	return (ssize_t)m->msg_iov[0].iov_len;
}

int poll(struct pollfd *fds, nfds_t n, int timeout)
{
	script.polls++;
	if (script.is_stuck)
		return 0;
	if (script.any == EAGAIN)
		script.any = 0;
	fds[0].revents = POLLOUT;
	return 1;
}

static uint8_t bytes[4][300];
static struct wm_udp_socket sock;
static struct wm_udp_packet packets[4];

/* Four packets; the second and the third are trains of three and of two. */
static int set_up(void **state)
{
	static const struct {
		uint32_t len, segment;
	} rows[] = {{50, 50}, {250, 100}, {200, 100}, {10, 0}};
	memset(&script, 0, sizeof(script));
	memset(bytes, 'a', sizeof(bytes));
	sock = (struct wm_udp_socket){.fd = 99, .is_dual = true};
	atomic_store(&sock.has_trains, true);
	for (unsigned i = 0; i < 4; i++) {
		packets[i] = (struct wm_udp_packet){
			.data = bytes[i], .len = rows[i].len, .segment = rows[i].segment};
		packets[i].peer.port = 9;
		assert_true(wm_addr_parse("192.0.2.1", &packets[i].peer.addr));
	}
	return 0;
}

static unsigned send_all(void)
{
	return wm_udp_send(&sock, packets, 4);
}

static void test_all_is_well(void **state)
{
	assert_int_equal(send_all(), 0);
	assert_int_equal(script.calls, 1);
	assert_int_equal(script.datagrams, 202);
}

static void test_interrupted_and_partial_calls_go_on(void **state)
{
	script.interrupts = 2;
	script.most = 1;
	assert_int_equal(send_all(), 0);
	assert_int_equal(script.datagrams, 202);
	assert_int_equal(script.calls, 2 + 4);
}

/* A device that cannot sum: remembered, and nothing is lost. */
static void test_eio_ends_trains(void **state)
{
	script.train = EIO;
	assert_int_equal(send_all(), 0);
	assert_int_equal(script.datagrams, 1 + 3 + 2 + 1);
	assert_false(atomic_load(&sock.has_trains));
	script.datagrams = 0;
	script.calls = 0;
	assert_int_equal(send_all(), 0);
	assert_int_equal(script.datagrams, 7);
	assert_int_equal(script.calls, 7); /* no train was tried */
}

static void test_a_train_that_does_not_fit_is_cut_this_time(void **state)
{
	static const int why[] = {EINVAL, EMSGSIZE};
	for (unsigned i = 0; i < 2; i++) {
		set_up(state);
		script.train = why[i];
		assert_int_equal(send_all(), 0);
		assert_int_equal(script.datagrams, 7);
		assert_true(atomic_load(&sock.has_trains));
	}
}

static void test_a_refused_datagram_of_a_train_costs_only_itself(void **state)
{
	script.train = EMSGSIZE;
	script.bad = EMSGSIZE;
	bytes[1][100] = 'x'; /* the second of three */
	assert_int_equal(send_all(), 1);
	assert_int_equal(script.datagrams, 6);
}

/* What would hit each datagram is not tried with each. */
static void test_a_host_without_route_or_memory(void **state)
{
	static const int why[] = {ENETUNREACH, EHOSTUNREACH, ENOBUFS, ENOMEM, EPERM, ENETDOWN};
	for (size_t i = 0; i < sizeof(why) / sizeof(why[0]); i++) {
		set_up(state);
		script.any = why[i];
		assert_int_equal(send_all(), 7);
		assert_int_equal(script.calls, 4);
		assert_true(atomic_load(&sock.has_trains));
	}
}

static void test_a_full_buffer_is_waited_for(void **state)
{
	script.any = EAGAIN;
	assert_int_equal(send_all(), 0);
	assert_int_equal(script.polls, 1);
	assert_int_equal(script.datagrams, 202);
}

static void test_a_stuck_link_is_not_waited_for(void **state)
{
	script.any = EAGAIN;
	script.is_stuck = true;
	assert_int_equal(send_all(), 7);
	assert_int_equal(script.polls, 1);
}

/* Also where each datagram is sent by itself: one wait in all, not one a train. */
static void test_a_stuck_link_without_trains(void **state)
{
	atomic_store(&sock.has_trains, false);
	script.any = EAGAIN;
	script.is_stuck = true;
	assert_int_equal(send_all(), 7);
	assert_int_equal(script.polls, 1);
	assert_int_equal(script.calls, 1);
}

static void test_a_link_that_gets_stuck_inside_a_train(void **state)
{
	script.train = EINVAL;
	script.bad = EAGAIN;
	script.is_stuck = true;
	bytes[1][100] = 'x';
	assert_int_equal(send_all(), 2); /* the rest of that train; the next was sent */
	assert_int_equal(script.datagrams, 5);
}

/* An IPv6 endpoint is never mistaken for the IPv4 address that it begins with. */
static void test_a_host_without_ipv6(void **state)
{
	sock.is_dual = false;
	script.is_v4_only = true;
	for (unsigned i = 1; i < 3; i++)
		assert_true(wm_addr_parse("2001:db8::1", &packets[i].peer.addr));
	assert_int_equal(send_all(), 5);
	assert_int_equal(script.to_v4, 2);
	assert_int_equal(script.datagrams, 2);
	atomic_store(&sock.has_trains, false);
	assert_int_equal(send_all(), 5);
	assert_int_equal(script.to_v4, 4);
	assert_int_equal(script.datagrams, 4);
}

static atomic_bool refused;

static void leave_from_an_address(void)
{
	atomic_store(&refused, false);
	for (unsigned i = 0; i < 4; i++) {
		assert_true(wm_addr_parse("192.0.2.77", &packets[i].local.addr));
		packets[i].local.link = 2;
		packets[i].refused = &refused;
	}
}

static void test_an_address_that_the_host_takes(void **state)
{
	leave_from_an_address();
	assert_int_equal(send_all(), 0);
	assert_int_equal(script.datagrams, 202);
	assert_int_equal(script.locals, 4);
	assert_false(atomic_load(&refused));
}

static void test_an_address_that_is_gone_costs_nothing(void **state)
{
	static const int gone[] = {EINVAL, ENODEV, ENETUNREACH, EHOSTUNREACH, EADDRNOTAVAIL};
	for (unsigned i = 0; i < sizeof(gone) / sizeof(gone[0]); i++) {
		set_up(NULL);
		leave_from_an_address();
		script.local = gone[i];
		assert_int_equal(send_all(), 0);
		assert_int_equal(script.locals, 0);
		assert_int_equal(script.datagrams, 4); /* the trains whole, as single messages */
		assert_true(atomic_load(&refused));
	}
}

/* EINVAL says the same of a train that is too long as of an address that is not ours. */
static void test_a_train_that_does_not_fit_keeps_its_address(void **state)
{
	leave_from_an_address();
	script.train = EINVAL;
	assert_int_equal(send_all(), 0);
	assert_int_equal(script.datagrams, 7);
	assert_int_equal(script.locals, 7);
	assert_false(atomic_load(&refused));
}

static void test_a_host_that_can_reach_nobody(void **state)
{
	leave_from_an_address();
	script.any = ENETUNREACH;
	assert_int_equal(send_all(), 7);
	assert_false(atomic_load(&refused));
}

static void test_a_probe_that_is_too_long_goes_without_being_one(void **state)
{
	packets[0].is_probe = true;
	script.bad = EMSGSIZE;
	script.bad_once = true;
	bytes[0][0] = 'x';
	assert_int_equal(send_all(), 0);
	assert_int_equal(script.datagrams, 202);
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup(test, set_up)
	const struct CMUnitTest tests[] = {
		ROW(test_all_is_well),
		ROW(test_interrupted_and_partial_calls_go_on),
		ROW(test_eio_ends_trains),
		ROW(test_a_train_that_does_not_fit_is_cut_this_time),
		ROW(test_a_refused_datagram_of_a_train_costs_only_itself),
		ROW(test_a_host_without_route_or_memory),
		ROW(test_a_full_buffer_is_waited_for),
		ROW(test_a_stuck_link_is_not_waited_for),
		ROW(test_a_stuck_link_without_trains),
		ROW(test_a_link_that_gets_stuck_inside_a_train),
		ROW(test_a_host_without_ipv6),
		ROW(test_an_address_that_the_host_takes),
		ROW(test_an_address_that_is_gone_costs_nothing),
		ROW(test_a_train_that_does_not_fit_keeps_its_address),
		ROW(test_a_host_that_can_reach_nobody),
		ROW(test_a_probe_that_is_too_long_goes_without_being_one),
	};
	return cmocka_run_group_tests_name("platform/udp_faults", tests, NULL, NULL);
}
