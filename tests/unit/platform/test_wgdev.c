/*
 * What is said to the kernel's WireGuard and what is heard of it: messages there and back, and a
 * kernel of this test's own that answers, changes its tables, and runs out of memory.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <linux/genetlink.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/wireguard.h>

#include <cmocka.h>
#include <libmnl/libmnl.h>

#include "base/mem.h"
#include "platform/linux/netlink_attr.h"
#include "platform/linux/wgdev_parse.h"
#include "platform/linux/wgdev_put.h"
#include "platform/udp.h"
#include "platform/wgdev.h"

#define FAMILY  31
#define IFINDEX 7
#define SIZE    4096

static struct wm_wg_allowed allowed(const char *text)
{
	struct wm_wg_allowed a = {.remove = false};

	assert_true(wm_prefix_parse(text, &a.prefix));
	return a;
}

/* Reads all messages of a wish as if the kernel had sent them; the caller frees the result. */
static struct wm_wg_config *there_and_back(const struct wm_wg_config *wish, size_t size,
					   bool with_keys, unsigned *n_messages)
{
	struct wm_wgdev_writer w = {.wish = wish, .ifindex = IFINDEX, .family = FAMILY};
	struct wm_wgdev_reading r = {.family = FAMILY, .with_keys = with_keys};
	_Alignas(8) char buf[SIZE];
	struct nlmsghdr *nlh;

	wm_wgdev_parse_reset(&r);
	*n_messages = 0;
	while ((nlh = wm_wgdev_put_next(&w, buf, size)) != NULL) {
		assert_true(nlh->nlmsg_len <= size);
		wm_wgdev_parse(&r, nlh);
		(*n_messages)++;
	}
	return r.config;
}

static void test_device(void **state)
{
	struct wm_wg_config wish = {.has_private_key = true,
				    .private_key = {1, 2},
				    .has_listen_port = true,
				    .listen_port = 51820,
				    .has_fwmark = true,
				    .fwmark = 0xca6c};
	unsigned n;
	struct wm_wg_config *c = there_and_back(&wish, SIZE, true, &n);

	assert_int_equal(n, 1);
	assert_true(c->has_private_key);
	assert_memory_equal(c->private_key, wish.private_key, WM_WG_KEY);
	assert_int_equal(c->listen_port, 51820);
	assert_int_equal(c->fwmark, 0xca6c);
	wm_wg_config_free(c);
	c = there_and_back(&wish, SIZE, false, &n);
	assert_false(c->has_private_key);
	wm_wg_config_free(c);
	/* What is not mentioned stays. */
	wish = (struct wm_wg_config){.has_listen_port = false};
	c = there_and_back(&wish, SIZE, true, &n);
	assert_int_equal(n, 1);
	assert_false(c->has_private_key || c->has_listen_port || c->has_fwmark);
	wm_wg_config_free(c);
}

static void test_peer(void **state)
{
	struct wm_wg_allowed a[3] = {allowed("10.1.0.0/16"), allowed("fd00::/48"),
				     allowed("0.0.0.0/0")};
	struct wm_wg_peer_config p[2] = {{.public_key = {1},
					  .has_psk = true,
					  .psk = {3},
					  .has_keepalive = true,
					  .keepalive_s = 25,
					  .allowed = a,
					  .n_allowed = 3},
					 {.public_key = {2}}};
	struct wm_wg_config wish = {.peers = p, .n_peers = 2}, *c;
	unsigned n;

	p[0].has_endpoint = wm_endpoint_parse("192.0.2.1:51820", &p[0].endpoint);
	p[1].has_endpoint = wm_endpoint_parse("[fe80::1%3]:1", &p[1].endpoint);
	c = there_and_back(&wish, SIZE, true, &n);
	assert_int_equal(c->n_peers, 2);
	assert_memory_equal(c->peers[0].public_key, p[0].public_key, WM_WG_KEY);
	assert_true(c->peers[0].has_psk);
	assert_memory_equal(c->peers[0].psk, p[0].psk, WM_WG_KEY);
	assert_int_equal(c->peers[0].keepalive_s, 25);
	for (unsigned i = 0; i < 2; i++)
		assert_true(c->peers[i].has_endpoint &&
			    wm_endpoint_equal(&c->peers[i].endpoint, &p[i].endpoint));
	assert_int_equal(c->peers[0].n_allowed, 3);
	for (unsigned i = 0; i < 3; i++)
		assert_true(wm_prefix_equal(&c->peers[0].allowed[i].prefix, &a[i].prefix));
	assert_false(c->peers[1].has_psk || c->peers[1].has_keepalive);
	assert_int_equal(c->peers[1].n_allowed, 0);
	wm_wg_config_free(c);
}

/* Many peers and a peer of many addresses take many messages, and are one device again. */
static void test_many(void **state)
{
	enum { PEERS = 300, ALLOWED = 500 };
	struct wm_wg_peer_config *p = wm_calloc(PEERS, sizeof(*p));
	struct wm_wg_allowed *a = wm_calloc(ALLOWED, sizeof(*a));
	struct wm_wg_config wish = {.replace_peers = true, .peers = p, .n_peers = PEERS}, *c;
	char text[32];
	unsigned n;

	for (unsigned i = 0; i < ALLOWED; i++) {
		snprintf(text, sizeof(text), "10.%u.%u.0/24", i / 250, i % 250);
		a[i] = allowed(text);
	}
	for (unsigned i = 0; i < PEERS; i++) {
		p[i].public_key[0] = (uint8_t)i;
		p[i].public_key[1] = (uint8_t)(i >> 8);
		p[i].has_psk = true;
		p[i].psk[0] = 1;
		p[i].allowed = a;
		p[i].n_allowed = i % 100 == 7 ? ALLOWED : i % 4;
	}
	c = there_and_back(&wish, WM_WGDEV_MESSAGE_MIN, true, &n);
	assert_true(n > 50);
	assert_int_equal(c->n_peers, PEERS);
	for (unsigned i = 0; i < PEERS; i++) {
		assert_memory_equal(c->peers[i].public_key, p[i].public_key, WM_WG_KEY);
		assert_true(c->peers[i].has_psk);
		assert_int_equal(c->peers[i].n_allowed, p[i].n_allowed);
		for (size_t j = 0; j < p[i].n_allowed; j++)
			assert_true(wm_prefix_equal(&c->peers[i].allowed[j].prefix, &a[j].prefix));
	}
	wm_wg_config_free(c);
	wm_free(a);
	wm_free(p);
}

/* The flags of the first peer of a message without fields of the device. */
static uint32_t flags_in(const struct nlmsghdr *nlh)
{
	struct wm_netlink_attrs attrs = wm_netlink_attrs_of(nlh, sizeof(struct genlmsghdr));
	const struct nlattr *attr;

	/* Into the peers, into the first of them, to its flags. */
	while ((attr = wm_netlink_next_attr(&attrs)) != NULL) {
		if (mnl_attr_get_type(attr) == WGDEVICE_A_PEERS)
			break;
	}
	assert_non_null(attr);
	attrs = wm_netlink_attrs_in(attr);
	attr = wm_netlink_next_attr(&attrs);
	assert_non_null(attr);
	attrs = wm_netlink_attrs_in(attr);
	while ((attr = wm_netlink_next_attr(&attrs)) != NULL)
		if (mnl_attr_get_type(attr) == WGPEER_A_FLAGS)
			return wm_netlink_u32(attr);
	return ~0u;
}

/* A peer that goes on in the next message must not lose there what the first has given it. */
static void test_flags(void **state)
{
	struct wm_wg_allowed a[40];
	struct wm_wg_peer_config p = {.public_key = {1},
				      .flags = WM_WG_PEER_REPLACE_ALLOWED | WM_WG_PEER_UPDATE_ONLY,
				      .allowed = a,
				      .n_allowed = 40};
	struct wm_wg_config wish = {.peers = &p, .n_peers = 1};
	struct wm_wgdev_writer w = {.wish = &wish, .ifindex = IFINDEX, .family = FAMILY};
	_Alignas(8) char buf[SIZE];
	struct nlmsghdr *nlh;

	for (unsigned i = 0; i < 40; i++)
		a[i] = allowed("10.0.0.0/8");
	nlh = wm_wgdev_put_next(&w, buf, WM_WGDEV_MESSAGE_MIN);
	assert_int_equal(flags_in(nlh), WGPEER_F_REPLACE_ALLOWEDIPS | WGPEER_F_UPDATE_ONLY);
	nlh = wm_wgdev_put_next(&w, buf, WM_WGDEV_MESSAGE_MIN);
	assert_non_null(nlh);
	assert_int_equal(flags_in(nlh), WGPEER_F_UPDATE_ONLY);
	p = (struct wm_wg_peer_config){.public_key = {1}, .flags = WM_WG_PEER_REMOVE};
	w = (struct wm_wgdev_writer){.wish = &wish, .ifindex = IFINDEX, .family = FAMILY};
	assert_int_equal(flags_in(wm_wgdev_put_next(&w, buf, SIZE)), WGPEER_F_REMOVE_ME);
	assert_null(wm_wgdev_put_next(&w, buf, SIZE));
}

static void test_counters(void **state)
{
	_Alignas(8) char buf[SIZE] = {0};
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct rtnl_link_stats64 s = {
		.rx_frame_errors = 1, .rx_length_errors = 2, .tx_errors = 3, .tx_dropped = 4};
	struct wm_wgdev_stats out;

	nlh->nlmsg_type = RTM_NEWLINK;
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	assert_false(wm_wgdev_parse_stats(nlh, &out));
	mnl_attr_put(nlh, IFLA_STATS64, sizeof(s), &s);
	assert_true(wm_wgdev_parse_stats(nlh, &out));
	assert_int_equal(out.bad_source, 1);
	assert_int_equal(out.bad_length, 2);
	assert_int_equal(out.no_peer, 3);
	assert_int_equal(out.staged, 4);
	nlh->nlmsg_type = RTM_NEWADDR;
	assert_false(wm_wgdev_parse_stats(nlh, &out));
}

/* ---- a kernel of our own, in the place of the socket ---- */

enum trouble { NONE, CHANGED, NO_MEMORY, INTERRUPTED };

static struct {
	bool has_wireguard, link_exists;
	enum trouble trouble; /* of the next answer, once */
	uint32_t seq, pid;
	uint16_t type, flags;
	uint8_t cmd;
	unsigned n_dumps, n_sets, part;
	int set_fails;
} kernel;

ssize_t __wrap_mnl_socket_sendto(const struct mnl_socket *nl, const void *buf, size_t len);
ssize_t __wrap_mnl_socket_recvfrom(const struct mnl_socket *nl, void *buf, size_t size);

ssize_t __wrap_mnl_socket_sendto(const struct mnl_socket *nl, const void *buf, size_t len)
{
	const struct nlmsghdr *nlh = buf;

	kernel.seq = nlh->nlmsg_seq;
	kernel.type = nlh->nlmsg_type;
	kernel.flags = nlh->nlmsg_flags;
	kernel.cmd = ((const struct genlmsghdr *)mnl_nlmsg_get_payload(nlh))->cmd;
	kernel.part = 0;
	if (kernel.type == RTM_DELLINK)
		kernel.link_exists = false;
	return (ssize_t)len;
}

static struct nlmsghdr *begin(void *buf, uint16_t type, size_t header)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);

	nlh->nlmsg_type = type;
	nlh->nlmsg_seq = kernel.seq;
	memset(mnl_nlmsg_put_extra_header(nlh, header), 0, header);
	return nlh;
}

static ssize_t answer_with(void *buf, int sys)
{
	struct nlmsghdr *nlh = begin(buf, NLMSG_ERROR, sizeof(struct nlmsgerr));
	struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);

	e->error = -sys;
	e->msg.nlmsg_len = sizeof(e->msg);
	return (ssize_t)nlh->nlmsg_len;
}

static ssize_t answer_family(void *buf)
{
	struct nlmsghdr *nlh;

	if (!kernel.has_wireguard)
		return answer_with(buf, ENOENT);
	if (kernel.part++ > 0)
		return answer_with(buf, 0);
	nlh = begin(buf, GENL_ID_CTRL, sizeof(struct genlmsghdr));
	mnl_attr_put_u16(nlh, CTRL_ATTR_FAMILY_ID, FAMILY);
	return (ssize_t)nlh->nlmsg_len;
}

static ssize_t answer_done(void *buf)
{
	return (ssize_t)begin(buf, NLMSG_DONE, sizeof(int))->nlmsg_len;
}

static ssize_t answer_links(void *buf)
{
	struct nlmsghdr *nlh;
	struct ifinfomsg *ifi;

	if (!kernel.link_exists && (kernel.flags & NLM_F_DUMP) == 0)
		return answer_with(buf, ENODEV);
	if (kernel.part++ > 0 || !kernel.link_exists)
		return kernel.flags & NLM_F_DUMP ? answer_done(buf) : answer_with(buf, 0);
	nlh = begin(buf, RTM_NEWLINK, sizeof(*ifi));
	ifi = mnl_nlmsg_get_payload(nlh);
	ifi->ifi_index = IFINDEX;
	ifi->ifi_flags = 1; /* up */
	mnl_attr_put_strz(nlh, IFLA_IFNAME, "wm0");
	return (ssize_t)nlh->nlmsg_len;
}

/* One peer, whose two addresses come in two messages. */
static ssize_t answer_device(void *buf)
{
	struct nlattr *peers, *peer, *list, *one;
	uint8_t key[WM_WG_KEY] = {9};
	struct nlmsghdr *nlh;

	if (kernel.part == 0)
		kernel.n_dumps++;
	if (kernel.part++ == 2)
		return answer_done(buf);
	nlh = begin(buf, FAMILY, sizeof(struct genlmsghdr));
	nlh->nlmsg_flags = kernel.trouble == CHANGED ? NLM_F_DUMP_INTR : 0;
	if (kernel.trouble == CHANGED)
		kernel.trouble = NONE;
	peers = mnl_attr_nest_start(nlh, WGDEVICE_A_PEERS);
	peer = mnl_attr_nest_start(nlh, 0);
	mnl_attr_put(nlh, WGPEER_A_PUBLIC_KEY, sizeof(key), key);
	list = mnl_attr_nest_start(nlh, WGPEER_A_ALLOWEDIPS);
	one = mnl_attr_nest_start(nlh, 0);
	mnl_attr_put_u16(nlh, WGALLOWEDIP_A_FAMILY, AF_INET);
	mnl_attr_put_u32(nlh, WGALLOWEDIP_A_IPADDR, kernel.part);
	mnl_attr_put_u8(nlh, WGALLOWEDIP_A_CIDR_MASK, 32);
	mnl_attr_nest_end(nlh, one);
	mnl_attr_nest_end(nlh, list);
	mnl_attr_nest_end(nlh, peer);
	mnl_attr_nest_end(nlh, peers);
	return (ssize_t)nlh->nlmsg_len;
}

ssize_t __wrap_mnl_socket_recvfrom(const struct mnl_socket *nl, void *buf, size_t size)
{
	memset(buf, 0, 512);
	if (kernel.trouble == NO_MEMORY || kernel.trouble == INTERRUPTED) {
		errno = kernel.trouble == NO_MEMORY ? ENOBUFS : EINTR;
		kernel.trouble = NONE;
		return -1;
	}
	/* RTM_NEWLINK and GENL_ID_CTRL are one number, on two buses. */
	if (kernel.type == GENL_ID_CTRL && (kernel.flags & NLM_F_CREATE) == 0)
		return answer_family(buf);
	switch (kernel.type) {
	case RTM_GETLINK: return answer_links(buf);
	case FAMILY:
		if (!kernel.link_exists)
			return answer_with(buf, ENODEV);
		if (kernel.cmd == WG_CMD_GET_DEVICE)
			return answer_device(buf);
		kernel.n_sets++;
		return answer_with(buf, kernel.set_fails);
	case RTM_NEWLINK:
		if (!kernel.has_wireguard)
			return answer_with(buf, EOPNOTSUPP);
		if (kernel.link_exists)
			return answer_with(buf, EEXIST);
		kernel.link_exists = true;
		return answer_with(buf, 0);
	default: return answer_with(buf, 0);
	}
}

static int open_fresh(struct wm_wgdev **out, struct wm_err *err)
{
	memset(&kernel, 0, sizeof(kernel));
	kernel.has_wireguard = true;
	return wm_wgdev_open("wm0", 1420, out, err);
}

static void test_a_kernel_without(void **state)
{
	struct wm_wgdev *d;
	struct wm_err err;

	memset(&kernel, 0, sizeof(kernel));
	assert_int_equal(wm_wgdev_open("wm0", 1420, &d, &err), WM_UNAVAILABLE);
	assert_string_equal(err.text, "this kernel has no WireGuard");
}

static void test_life(void **state)
{
	struct wm_wg_config wish = {.has_listen_port = true};
	struct wm_wgdev_stats stats;
	struct wm_wg_config *c;
	struct wm_wgdev *d, *second;
	struct wm_err err;
	bool is_up;

	assert_int_equal(open_fresh(&d, &err), 0);
	assert_string_equal(wm_wgdev_name(d), "wm0");
	assert_int_equal(wm_wgdev_ifindex(d), IFINDEX);
	assert_int_equal(wm_wgdev_open("wm0", 1420, &second, &err), WM_ALREADY_EXISTS);
	assert_int_equal(wm_wgdev_set(d, &wish, &err), 0);
	assert_int_equal(kernel.n_sets, 1);
	kernel.set_fails = ENOMEM;
	assert_int_equal(wm_wgdev_set(d, &wish, &err), WM_RESOURCE_EXHAUSTED);
	assert_int_equal(wm_wgdev_is_up(d, &is_up, &err), 0);
	assert_true(is_up);
	assert_int_equal(wm_wgdev_stats(d, &stats, &err), 0);
	/* The interface goes. */
	kernel.link_exists = false;
	assert_int_equal(wm_wgdev_get(d, false, &c, &err), WM_NOT_FOUND);
	assert_int_equal(wm_wgdev_set(d, &wish, &err), WM_NOT_FOUND);
	assert_int_equal(wm_wgdev_is_up(d, &is_up, &err), WM_NOT_FOUND);
	wm_wgdev_close(d);
	wm_wgdev_close(NULL);
}

/* Whatever happens while the device is read: it is read as one, once more if need be. */
static void test_troubles(void **state)
{
	static const struct {
		enum trouble trouble;
		unsigned dumps;
	} rows[] = {{NONE, 1}, {CHANGED, 2}, {NO_MEMORY, 1}, {INTERRUPTED, 1}};
	struct wm_wg_config *c;
	struct wm_wgdev *d;

	assert_int_equal(open_fresh(&d, NULL), 0);
	for (unsigned i = 0; i < WM_ARRAY_LEN(rows); i++) {
		kernel.n_dumps = 0;
		kernel.trouble = rows[i].trouble;
		assert_int_equal(wm_wgdev_get(d, true, &c, NULL), 0);
		assert_int_equal(kernel.n_dumps, rows[i].dumps);
		assert_int_equal(c->n_peers, 1);
		assert_int_equal(c->peers[0].n_allowed, 2);
		wm_wg_config_free(c);
	}
	wm_wgdev_close(d);
	assert_false(kernel.link_exists);
}

static void test_ports(void **state)
{
	uint16_t port = 0, same;
	struct wm_udp_socket holder;
	struct wm_err err;

	assert_int_equal(wm_wgdev_try_port(&port, NULL), 0);
	assert_int_not_equal(port, 0);
	same = port;
	assert_int_equal(wm_wgdev_try_port(&same, NULL), 0); /* it was let go */
	assert_int_equal(same, port);
	assert_int_equal(wm_udp_open(&same, 0, true, 1, &holder, NULL), 0);
	assert_int_equal(wm_wgdev_try_port(&port, &err), WM_ALREADY_EXISTS);
	wm_udp_close(&holder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_device),   cmocka_unit_test(test_peer),
		cmocka_unit_test(test_many),     cmocka_unit_test(test_flags),
		cmocka_unit_test(test_counters), cmocka_unit_test(test_a_kernel_without),
		cmocka_unit_test(test_life),     cmocka_unit_test(test_troubles),
		cmocka_unit_test(test_ports),
	};

	return cmocka_run_group_tests_name("platform/wgdev", tests, NULL, NULL);
}
