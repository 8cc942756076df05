/* UDP batches on loopback, and who may have a port. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "platform/udp.h"

#define ROOM 64

static struct wm_udp_socket one_socket(uint16_t *port)
{
	struct wm_udp_socket s;
	struct wm_err err;
	*port = 0;
	assert_int_equal(wm_udp_open(port, 0, false, 1, &s, &err), 0);
	assert_int_not_equal(*port, 0);
	return s;
}

static struct wm_endpoint local(const char *addr, uint16_t port)
{
	struct wm_endpoint e = {.port = port};
	assert_true(wm_addr_parse(addr, &e.addr));
	return e;
}

/* Receives into @n packets of ROOM bytes each, waiting for the first. */
static int receive(const struct wm_udp_socket *s, uint8_t (*room)[ROOM], struct wm_udp_packet *p,
		   unsigned n)
{
	struct pollfd fd = {.fd = s->fd, .events = POLLIN};
	for (unsigned i = 0; i < n; i++)
		p[i] = (struct wm_udp_packet){.data = room[i], .cap = ROOM};
	assert_int_equal(poll(&fd, 1, 5000), 1);
	return wm_udp_recv(s, p, n);
}

static void test_a_batch_arrives(void **state)
{
	uint8_t room[WM_UDP_BATCH][ROOM], content[WM_UDP_BATCH];
	struct wm_udp_packet out[WM_UDP_BATCH], in[WM_UDP_BATCH];
	uint16_t from, to;
	struct wm_udp_socket a = one_socket(&from), b = one_socket(&to);
	for (unsigned i = 0; i < WM_UDP_BATCH; i++) {
		content[i] = (uint8_t)i;
		out[i] = (struct wm_udp_packet){
			.peer = local("127.0.0.1", to), .data = &content[i], .len = 1};
	}
	assert_int_equal(wm_udp_send(&a, out, WM_UDP_BATCH), 0);
	assert_int_equal(receive(&b, room, in, WM_UDP_BATCH), WM_UDP_BATCH);
	for (unsigned i = 0; i < WM_UDP_BATCH; i++) {
		struct wm_endpoint want = local("127.0.0.1", from);
		assert_int_equal(in[i].len, 1);
		assert_int_equal(room[i][0], i);
		assert_false(in[i].is_cut);
		assert_true(wm_endpoint_equal(&in[i].peer, &want));
	}
	assert_int_equal(wm_udp_recv(&b, in, WM_UDP_BATCH), 0);
	wm_udp_close(&a);
	wm_udp_close(&b);
	wm_udp_close(&b); /* harmless */
}

static void test_ipv6_on_the_same_socket(void **state)
{
	uint8_t room[1][ROOM], content = 7;
	struct wm_udp_packet in;
	uint16_t from, to;
	struct wm_udp_socket a = one_socket(&from), b = one_socket(&to);
	struct wm_udp_packet out = {.peer = local("::1", to), .data = &content, .len = 1};
	assert_true(b.is_dual);
	assert_int_equal(wm_udp_send(&a, &out, 1), 0);
	assert_int_equal(receive(&b, room, &in, 1), 1);
	struct wm_endpoint want = local("::1", from);
	assert_true(wm_endpoint_equal(&in.peer, &want));
	wm_udp_close(&a);
	wm_udp_close(&b);
}

static void test_what_is_too_long_is_marked(void **state)
{
	uint8_t room[1][ROOM], content[ROOM + 1] = {0};
	struct wm_udp_packet in;
	uint16_t from, to;
	struct wm_udp_socket a = one_socket(&from), b = one_socket(&to);
	struct wm_udp_packet out = {
		.peer = local("127.0.0.1", to), .data = content, .len = sizeof(content)};
	assert_int_equal(wm_udp_send(&a, &out, 1), 0);
	assert_int_equal(receive(&b, room, &in, 1), 1);
	assert_true(in.is_cut);
	assert_int_equal(in.len, ROOM);
	wm_udp_close(&a);
	wm_udp_close(&b);
}

static void test_a_refused_packet_does_not_hold_up_the_others(void **state)
{
	uint8_t room[3][ROOM], content[] = {1, 2, 3};
	struct wm_udp_packet out[3], in[3];
	uint16_t from, to;
	struct wm_udp_socket a = one_socket(&from), b = one_socket(&to);
	for (unsigned i = 0; i < 3; i++)
		out[i] = (struct wm_udp_packet){
			.peer = local("127.0.0.1", to), .data = &content[i], .len = 1};
	out[1].peer = local("255.255.255.255", to); /* no leave to broadcast */
	assert_int_equal(wm_udp_send(&a, out, 3), 1);
	assert_int_equal(receive(&b, room, in, 3), 2);
	assert_int_equal(room[0][0], 1);
	assert_int_equal(room[1][0], 3);
	wm_udp_close(&a);
	wm_udp_close(&b);
}

static void test_several_sockets_share_a_port(void **state)
{
	struct wm_udp_socket s[4];
	struct wm_err err;
	uint16_t port = 0;
	assert_int_equal(wm_udp_open(&port, 0, false, 4, s, &err), 0);
	struct wm_udp_socket other;
	uint16_t same = port;
	assert_int_equal(wm_udp_open(&same, 0, false, 1, &other, &err), WM_ALREADY_EXISTS);
	assert_non_null(strstr(err.text, "in use"));
	for (unsigned i = 0; i < 4; i++)
		wm_udp_close(&s[i]);
	assert_int_equal(wm_udp_open(&same, 0, false, 1, &other, &err),
			 0); /* nothing was left open */
	wm_udp_close(&other);
}

/* Somebody else holds the port and is ready to share it. */
static void hold_port(int family, const char *addr)
{
	struct sockaddr_storage sa;
	struct wm_udp_socket s[2];
	struct wm_err err;
	int on = 1, fd = socket(family, SOCK_DGRAM, 0);
	struct wm_endpoint at = local(addr, 0);
	socklen_t len = wm_endpoint_to_sockaddr(&at, &sa);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	assert_true(wm_endpoint_from_sockaddr((struct sockaddr *)&sa, &at));
	uint16_t port = at.port;
	assert_int_equal(wm_udp_open(&port, 0, false, 2, s, &err), WM_ALREADY_EXISTS);
	close(fd);
	assert_int_equal(wm_udp_open(&port, 0, false, 2, s, &err), 0);
	wm_udp_close(&s[0]);
	wm_udp_close(&s[1]);
}

static void test_a_port_that_another_shares_is_taken(void **state)
{
	hold_port(AF_INET, "0.0.0.0");
	hold_port(AF_INET, "127.0.0.1");
	hold_port(AF_INET6, "::");
}

static void test_a_mark_needs_privilege_only(void **state)
{
	struct wm_udp_socket s;
	struct wm_err err;
	uint16_t port = 0;
	int mark = 0;
	socklen_t len = sizeof(mark);
	assert_int_equal(wm_udp_open(&port, 77, false, 1, &s, &err), 0);
	assert_int_equal(getsockopt(s.fd, SOL_SOCKET, SO_MARK, &mark, &len), 0);
	assert_int_equal(mark, 77);
	assert_int_equal(wm_udp_set_mark(&s, 0, &err), 0);
	wm_udp_close(&s);
}

/* ---- trains ---- */

#define CAR 1000

static struct wm_udp_packet train_to(const char *addr, uint16_t port, uint8_t *bytes, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(i / CAR + i);
	return (struct wm_udp_packet){
		.peer = local(addr, port), .data = bytes, .len = len, .segment = CAR};
}

/* Receives until @len bytes are there; returns in how many packets and datagrams they came. */
static unsigned collect(const struct wm_udp_socket *s, uint8_t *bytes, uint32_t len,
			unsigned *datagrams)
{
	struct pollfd fd = {.fd = s->fd, .events = POLLIN};
	unsigned packets = 0;
	uint32_t got = 0;
	for (*datagrams = 0; got < len; packets++) {
		struct wm_udp_packet p = {.data = bytes + got, .cap = WM_UDP_ROOM};
		assert_int_equal(poll(&fd, 1, 5000), 1);
		assert_int_equal(wm_udp_recv(s, &p, 1), 1);
		assert_false(p.is_cut);
		*datagrams += wm_udp_count(&p);
		got += p.len;
	}
	assert_int_equal(got, len);
	return packets;
}

static void test_a_train_arrives_as_one(void **state)
{
	static uint8_t out[WM_UDP_ROOM], in[2 * WM_UDP_ROOM];
	unsigned datagrams;
	uint16_t from, to;
	struct wm_udp_socket a = one_socket(&from), b = one_socket(&to);
	struct wm_udp_packet p = train_to("127.0.0.1", to, out, 40 * CAR + 1);
	assert_true(a.has_trains);
	assert_int_equal(wm_udp_count(&p), 41);
	assert_int_equal(wm_udp_send(&a, &p, 1), 0);
	assert_int_equal(collect(&b, in, p.len, &datagrams), 1);
	assert_int_equal(datagrams, 41);
	assert_memory_equal(in, out, p.len);
	wm_udp_close(&a);
	wm_udp_close(&b);
}

static void test_a_plain_socket_cuts_and_gets_single_datagrams(void **state)
{
	static uint8_t out[WM_UDP_ROOM], in[2 * WM_UDP_ROOM];
	struct wm_udp_socket a, b;
	struct wm_err err;
	unsigned datagrams;
	uint16_t from = 0, to = 0;
	assert_int_equal(wm_udp_open(&from, 0, true, 1, &a, &err), 0);
	assert_int_equal(wm_udp_open(&to, 0, true, 1, &b, &err), 0);
	struct wm_udp_packet p = train_to("127.0.0.1", to, out, 9 * CAR + 500);
	assert_false(a.has_trains);
	assert_int_equal(wm_udp_send(&a, &p, 1), 0);
	assert_int_equal(collect(&b, in, p.len, &datagrams), 10);
	assert_int_equal(datagrams, 10);
	assert_memory_equal(in, out, p.len);
	wm_udp_close(&a);
	wm_udp_close(&b);
}

/* More datagrams than the kernel takes at once: each is sent by itself and none is lost. */
static void test_a_train_that_is_refused_is_cut(void **state)
{
	static uint8_t out[WM_UDP_ROOM], in[2 * WM_UDP_ROOM];
	unsigned datagrams;
	uint16_t from, to;
	struct wm_udp_socket a = one_socket(&from), b = one_socket(&to);
	struct wm_udp_packet p = train_to("::1", to, out, 300);
	p.segment = 1;
	assert_int_equal(wm_udp_send(&a, &p, 1), 0);
	(void)collect(&b, in, p.len, &datagrams);
	assert_int_equal(datagrams, 300);
	assert_memory_equal(in, out, p.len);
	assert_true(a.has_trains); /* it was this train's fault */
	wm_udp_close(&a);
	wm_udp_close(&b);
}

static void test_a_refused_train_counts_its_datagrams(void **state)
{
	static uint8_t out[WM_UDP_ROOM];
	uint16_t from;
	struct wm_udp_socket a = one_socket(&from);
	struct wm_udp_packet p = train_to("255.255.255.255", 9, out, 3 * CAR);
	assert_int_equal(wm_udp_send(&a, &p, 1), 3);
	wm_udp_close(&a);
}

/* Both ends have the least buffer that there is: what is too much is lost or counted, and when it
 * is over the next datagram arrives. */
static void test_small_buffers_under_a_flood(void **state)
{
	static uint8_t out[WM_UDP_ROOM], in[2 * WM_UDP_ROOM];
	struct wm_udp_socket a, b;
	uint16_t from, to;
	int least = 1;
	unsigned refused = 0, got = 0, datagrams;
	a = one_socket(&from);
	b = one_socket(&to);
	assert_int_equal(setsockopt(a.fd, SOL_SOCKET, SO_SNDBUF, &least, sizeof(least)), 0);
	assert_int_equal(setsockopt(b.fd, SOL_SOCKET, SO_RCVBUF, &least, sizeof(least)), 0);
	for (unsigned i = 0; i < 200; i++) {
		struct wm_udp_packet p = train_to("127.0.0.1", to, out, 40 * CAR + 1);
		for (unsigned k = 0; k < 5; k++)
			refused += wm_udp_send(&a, &p, 1);
		struct wm_udp_packet room = {.data = in, .cap = sizeof(in)};
		while (wm_udp_recv(&b, &room, 1) == 1)
			got += wm_udp_count(&room);
	}
	assert_true(got >= 200 && refused + got < 200 * 5 * 41);
	struct wm_udp_packet p = train_to("127.0.0.1", to, out, 30);
	p.segment = 0;
	assert_int_equal(wm_udp_send(&a, &p, 1), 0);
	assert_int_equal(collect(&b, in, p.len, &datagrams), 1);
	assert_memory_equal(in, out, p.len);
	wm_udp_close(&a);
	wm_udp_close(&b);
}

/* ---- who gets what ---- */

static unsigned count_waiting(const struct wm_udp_socket *s)
{
	uint8_t room[WM_UDP_BATCH][ROOM];
	struct wm_udp_packet p[WM_UDP_BATCH];
	for (unsigned i = 0; i < WM_UDP_BATCH; i++)
		p[i] = (struct wm_udp_packet){.data = room[i], .cap = ROOM};
	int n = wm_udp_recv(s, p, WM_UDP_BATCH);
	assert_true(n >= 0);
	return (unsigned)n;
}

static void send_bytes(struct wm_udp_socket *from, const char *addr, uint16_t port, uint8_t first,
		       uint8_t fifth, uint32_t len)
{
	uint8_t bytes[8] = {first, 0, 0, 0, fifth};
	struct wm_udp_packet p = {.peer = local(addr, port), .data = bytes, .len = len};
	assert_int_equal(wm_udp_send(from, &p, 1), 0);
}

/* Data goes to the first three by its fifth byte, whoever sends it; all else to the last. */
static void test_datagrams_are_steered(void **state)
{
	struct wm_udp_socket s[4];
	struct wm_err err;
	uint16_t port = 0, from;
	assert_int_equal(wm_udp_open(&port, 0, false, 4, s, &err), 0);
	assert_int_equal(wm_udp_steer(s, 4, 4, 4, &err), 0);
	for (unsigned i = 0; i < 12; i++) {
		struct wm_udp_socket sender = one_socket(&from);
		send_bytes(&sender, i % 2 ? "127.0.0.1" : "::1", port, 4, (uint8_t)(i / 2), 8);
		send_bytes(&sender, i % 2 ? "127.0.0.1" : "::1", port, (uint8_t)(i == 4 ? 5 : i), 1,
			   8);
		send_bytes(&sender, "::1", port, 4, 0, 3); /* too short to be chosen by */
		wm_udp_close(&sender);
	}
	assert_int_equal(count_waiting(&s[0]), 4 + 12);
	assert_int_equal(count_waiting(&s[1]), 4);
	assert_int_equal(count_waiting(&s[2]), 4);
	assert_int_equal(count_waiting(&s[3]), 12);
	for (unsigned i = 0; i < 4; i++)
		wm_udp_close(&s[i]);
}

/* A train that begins with another kind, whatever follows: one by one, to who knows what it is. */
static void test_what_is_not_of_the_kind_comes_one_by_one(void **state)
{
	static uint8_t out[WM_UDP_ROOM], in[2 * WM_UDP_ROOM];
	struct wm_udp_socket s[3], sender;
	unsigned datagrams;
	struct wm_err err;
	uint16_t port = 0, from;
	assert_int_equal(wm_udp_open(&port, 0, false, 3, s, &err), 0);
	assert_int_equal(wm_udp_steer(s, 3, 4, 4, &err), 0);
	sender = one_socket(&from);
	struct wm_udp_packet p = train_to("127.0.0.1", port, out, 2 * CAR + 9);
	out[0] = 1;
	out[CAR] = 4;
	assert_int_equal(wm_udp_send(&sender, &p, 1), 0);
	assert_int_equal(collect(&s[2], in, p.len, &datagrams), 3);
	assert_int_equal(datagrams, 3);
	assert_memory_equal(in, out, p.len);
	for (unsigned i = 0; i < 3; i++)
		wm_udp_close(&s[i]);
	wm_udp_close(&sender);
}

static void test_a_socket_that_shares_nothing_is_not_steered(void **state)
{
	struct wm_err err;
	struct wm_udp_socket closed = {.fd = -1};
	assert_int_equal(wm_udp_steer(&closed, 2, 4, 4, &err), WM_UNIMPLEMENTED);
}

/* Our own address, the interface and the type of service arrive, and leave as they are told to. */
static void check_way(const char *to, const char *from, uint8_t tos)
{
	uint8_t room[1][ROOM], content[] = "hello";
	struct wm_udp_packet in, out = {.data = content, .len = sizeof(content), .tos = tos};
	uint16_t here, there;
	struct wm_udp_socket a = one_socket(&here), b = one_socket(&there);
	struct wm_addr source;
	out.peer = local(to, there);
	assert_true(wm_addr_parse(from, &source));
	out.local.addr = source;
	assert_int_equal(wm_udp_send(&a, &out, 1), 0);
	assert_int_equal(receive(&b, room, &in, 1), 1);
	assert_true(wm_addr_equal(&in.peer.addr, &source));
	assert_true(wm_addr_equal(&in.local.addr, &out.peer.addr));
	assert_int_equal(in.local.link, 1); /* lo */
	assert_int_equal(in.tos, tos);
	/* And back, from there. */
	out.peer = in.peer;
	out.local = in.local;
	assert_int_equal(wm_udp_send(&b, &out, 1), 0);
	assert_int_equal(receive(&a, room, &in, 1), 1);
	assert_true(wm_addr_equal(&in.peer.addr, &out.local.addr));
	wm_udp_close(&a);
	wm_udp_close(&b);
}

static void test_the_way_of_a_datagram(void **state)
{
	check_way("127.0.0.5", "127.0.0.9", 0);
	check_way("127.0.0.5", "127.0.0.9", 0x8b);
	check_way("::1", "::1", 0);
	check_way("::1", "::1", 3);
}

static void test_an_address_that_is_not_ours(void **state)
{
	uint8_t room[1][ROOM], content[] = "hello";
	atomic_bool refused = false;
	struct wm_udp_packet in,
		out = {.data = content, .len = sizeof(content), .refused = &refused};
	uint16_t here, there;
	struct wm_udp_socket a = one_socket(&here), b = one_socket(&there);
	out.peer = local("127.0.0.1", there);
	assert_true(wm_addr_parse("192.0.2.77", &out.local.addr));
	assert_int_equal(wm_udp_send(&a, &out, 1), 0);
	assert_true(atomic_load(&refused));
	assert_int_equal(receive(&b, room, &in, 1), 1);
	wm_udp_close(&a);
	wm_udp_close(&b);
}

/* Half of it is what the kernel keeps for its own records. */
static void test_buffers_are_sized(void **state)
{
	uint16_t port;
	struct wm_udp_socket s = one_socket(&port);
	static const int names[] = {SO_RCVBUF, SO_SNDBUF};
	for (unsigned i = 0; i < 2; i++) {
		int size = 0;
		socklen_t len = sizeof(size);
		assert_int_equal(getsockopt(s.fd, SOL_SOCKET, names[i], &size, &len), 0);
		/* Without the privilege the system's limit holds. */
		assert_true(size == 2 * 4 * 1024 * 1024 || (geteuid() != 0 && size > 0));
	}
	wm_udp_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_batch_arrives),
		cmocka_unit_test(test_ipv6_on_the_same_socket),
		cmocka_unit_test(test_what_is_too_long_is_marked),
		cmocka_unit_test(test_a_refused_packet_does_not_hold_up_the_others),
		cmocka_unit_test(test_several_sockets_share_a_port),
		cmocka_unit_test(test_a_port_that_another_shares_is_taken),
		cmocka_unit_test(test_a_train_arrives_as_one),
		cmocka_unit_test(test_a_plain_socket_cuts_and_gets_single_datagrams),
		cmocka_unit_test(test_a_train_that_is_refused_is_cut),
		cmocka_unit_test(test_a_refused_train_counts_its_datagrams),
		cmocka_unit_test(test_small_buffers_under_a_flood),
		cmocka_unit_test(test_datagrams_are_steered),
		cmocka_unit_test(test_what_is_not_of_the_kind_comes_one_by_one),
		cmocka_unit_test(test_a_socket_that_shares_nothing_is_not_steered),
		cmocka_unit_test(test_a_mark_needs_privilege_only),
		cmocka_unit_test(test_the_way_of_a_datagram),
		cmocka_unit_test(test_an_address_that_is_not_ours),
		cmocka_unit_test(test_buffers_are_sized),
	};
	return cmocka_run_group_tests_name("platform/udp", tests, NULL, NULL);
}
