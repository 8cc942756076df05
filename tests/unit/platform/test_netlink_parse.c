/* Messages of the kernel, made by hand, and what is read from them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <linux/netlink.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <cmocka.h>
#include <libmnl/libmnl.h>

#include "base/mem.h"
#include "platform/linux/netlink_parse.h"

#define SEQ 5

struct message {
	_Alignas(8) char bytes[2048];
	size_t used; /* by messages that are finished */
	struct nlmsghdr *nlh;
};

static void *begin(struct message *m, uint16_t type, size_t header)
{
	m->nlh = mnl_nlmsg_put_header(m->bytes + m->used);
	m->nlh->nlmsg_type = type;
	m->nlh->nlmsg_seq = SEQ;
	return mnl_nlmsg_put_extra_header(m->nlh, header);
}

static void end(struct message *m)
{
	m->used += m->nlh->nlmsg_len;
}

static void test_link(void **state)
{
	struct message m = {0};
	struct ifinfomsg *ifi = begin(&m, RTM_NEWLINK, sizeof(*ifi));
	struct nlattr *nest;
	struct wm_link l;

	assert_false(wm_netlink_parse_link(m.nlh, &l)); /* no index */
	ifi->ifi_index = 7;
	ifi->ifi_flags = IFF_UP | IFF_POINTOPOINT;
	assert_false(wm_netlink_parse_link(m.nlh, &l)); /* no name */
	mnl_attr_put_str(m.nlh, IFLA_IFNAME, "wm0");    /* without a NUL */
	mnl_attr_put_u32(m.nlh, IFLA_MTU, 1420);
	nest = mnl_attr_nest_start(m.nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(m.nlh, IFLA_INFO_KIND, "tun");
	mnl_attr_nest_end(m.nlh, nest);
	assert_true(wm_netlink_parse_link(m.nlh, &l));
	assert_int_equal(l.index, 7);
	assert_int_equal(l.flags, WM_LINK_UP | WM_LINK_POINT_TO_POINT);
	assert_int_equal(l.mtu, 1420);
	assert_string_equal(l.name, "wm0");
	assert_string_equal(l.kind, "tun");
	/* Other types are other things. */
	m.nlh->nlmsg_type = RTM_NEWADDR;
	assert_false(wm_netlink_parse_link(m.nlh, &l));
}

static void put_addr(struct message *m, uint16_t type, const char *text)
{
	struct wm_addr a;

	assert_true(wm_addr_parse(text, &a));
	mnl_attr_put(m->nlh, type, wm_addr_bits(&a) / 8, a.bytes);
}

static void test_addr(void **state)
{
	static const struct {
		int family;
		uint8_t bits;
		uint32_t flags;
		const char *address, *local;
		const char *want; /* NULL = none */
		bool fleeting;
	} rows[] = {
		{AF_INET, 24, 0, "192.168.7.2", "192.168.7.2", "192.168.7.2/24", false},
		{AF_INET, 32, 0, "10.0.0.2", "10.0.0.1", "10.0.0.1/32", false},
		{AF_INET, 24, IFA_F_SECONDARY, "192.168.7.3", NULL, "192.168.7.3/24", false},
		{AF_INET6, 64, 0, "2001:db8::1", NULL, "2001:db8::1/64", false},
		{AF_INET6, 64, IFA_F_TEMPORARY, "2001:db8::2", NULL, "2001:db8::2/64", true},
		{AF_INET6, 64, IFA_F_TENTATIVE, "2001:db8::3", NULL, "2001:db8::3/64", true},
		{AF_INET6, 64, IFA_F_DEPRECATED, "2001:db8::4", NULL, "2001:db8::4/64", true},
		{AF_INET, 33, 0, "192.168.7.2", NULL, NULL, false},
		{AF_INET6, 64, 0, "192.168.7.2", NULL, NULL, false},
		{AF_UNIX, 8, 0, "192.168.7.2", NULL, NULL, false},
	};

	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		struct message m = {0};
		struct ifaddrmsg *ifa = begin(&m, RTM_NEWADDR, sizeof(*ifa));
		char text[WM_PREFIX_TEXT];
		struct wm_link_addr a;
		bool found;

		ifa->ifa_family = (uint8_t)rows[i].family;
		ifa->ifa_prefixlen = rows[i].bits;
		ifa->ifa_index = 3;
		put_addr(&m, IFA_ADDRESS, rows[i].address);
		if (rows[i].local != NULL)
			put_addr(&m, IFA_LOCAL, rows[i].local);
		mnl_attr_put_u32(m.nlh, IFA_FLAGS, rows[i].flags);
		found = wm_netlink_parse_addr(m.nlh, &a);
		assert_int_equal(found, rows[i].want != NULL);
		if (!found)
			continue;
		assert_string_equal(wm_prefix_format(&a.prefix, text), rows[i].want);
		assert_int_equal(a.fleeting, rows[i].fleeting);
		assert_int_equal(a.link, 3);
	}
}

static struct rtmsg *begin_route(struct message *m, uint8_t bits)
{
	struct rtmsg *rtm = begin(m, RTM_NEWROUTE, sizeof(*rtm));

	rtm->rtm_family = AF_INET6;
	rtm->rtm_dst_len = bits;
	rtm->rtm_type = RTN_UNICAST;
	rtm->rtm_protocol = WM_ROUTE_ORIGIN;
	rtm->rtm_table = RT_TABLE_MAIN;
	return rtm;
}

static void test_route(void **state)
{
	struct message m = {0};
	struct rtmsg *rtm = begin_route(&m, 48);
	struct wm_route r;
	uint8_t origin;

	put_addr(&m, RTA_DST, "fd12::");
	put_addr(&m, RTA_GATEWAY, "fe80::1");
	mnl_attr_put_u32(m.nlh, RTA_OIF, 9);
	mnl_attr_put_u32(m.nlh, RTA_PRIORITY, 1024);
	assert_true(wm_netlink_parse_route(m.nlh, &r, &origin));
	assert_int_equal(origin, WM_ROUTE_ORIGIN);
	assert_int_equal(r.dst.bits, 48);
	assert_int_equal(r.link, 9);
	assert_int_equal(r.metric, 0); /* what IPv6 writes for "none" */
	assert_true(wm_addr_is_link_local(&r.gateway));
	rtm->rtm_type = RTN_LOCAL;
	assert_false(wm_netlink_parse_route(m.nlh, &r, &origin));
	rtm->rtm_type = RTN_UNICAST;
	rtm->rtm_flags = RTM_F_CLONED;
	assert_false(wm_netlink_parse_route(m.nlh, &r, &origin));
	rtm->rtm_flags = 0;
	mnl_attr_put_u32(m.nlh, RTA_TABLE, 1000);
	assert_false(wm_netlink_parse_route(m.nlh, &r, &origin));
}

static void test_default_route(void **state)
{
	struct message m = {0};
	struct wm_route r;
	uint8_t origin;

	begin_route(&m, 0);
	assert_true(wm_netlink_parse_route(m.nlh, &r, &origin));
	assert_true(wm_prefix_is_default(&r.dst));
	assert_int_equal(r.dst.addr.family, WM_IPV6);
}

static void test_changes(void **state)
{
	struct message m = {0};
	struct wm_monitor_change c;

	begin_route(&m, 48);
	put_addr(&m, RTA_DST, "fd12::");
	m.nlh->nlmsg_type = RTM_DELROUTE;
	assert_true(wm_netlink_parse_change(m.nlh, &c));
	assert_int_equal(c.kind, WM_MONITOR_ROUTE);
	assert_true(c.removed && c.ours);
	m.nlh->nlmsg_type = RTM_NEWNEIGH;
	assert_false(wm_netlink_parse_change(m.nlh, &c));
}

static void count(void *arg, const struct nlmsghdr *nlh)
{
	(*(unsigned *)arg)++;
}

static void test_dump(void **state)
{
	struct wm_netlink_reply r = {0};
	struct message m = {0};
	unsigned n = 0;
	int *code;

	for (int i = 0; i < 3; i++) {
		begin(&m, RTM_NEWLINK, sizeof(struct ifinfomsg));
		m.nlh->nlmsg_flags = i == 2 ? NLM_F_MULTI | NLM_F_DUMP_INTR : NLM_F_MULTI;
		m.nlh->nlmsg_seq = i == 1 ? SEQ - 1 : SEQ; /* a late one of another request */
		end(&m);
	}
	wm_netlink_parse_reply(m.bytes, m.used, SEQ, &r, count, &n);
	assert_int_equal(n, 2);
	assert_true(r.interrupted);
	assert_false(r.done);
	/* The end may carry an error and its words. */
	m.used = 0;
	code = begin(&m, NLMSG_DONE, sizeof(*code));
	*code = -EINVAL;
	m.nlh->nlmsg_flags = NLM_F_ACK_TLVS;
	mnl_attr_put_strz(m.nlh, NLMSGERR_ATTR_MSG, "no such filter");
	end(&m);
	wm_netlink_parse_reply(m.bytes, m.used, SEQ, &r, count, &n);
	assert_true(r.done);
	assert_int_equal(r.sys, EINVAL);
	assert_string_equal(r.text, "no such filter");
}

static void test_errors(void **state)
{
	for (int capped = 0; capped < 2; capped++) {
		struct wm_netlink_reply r = {0};
		struct message m = {0};
		struct nlmsgerr *e = begin(&m, NLMSG_ERROR, sizeof(*e));

		e->error = -EEXIST;
		e->msg.nlmsg_len = sizeof(e->msg) + 8;
		m.nlh->nlmsg_flags = (uint16_t)(NLM_F_ACK_TLVS | (capped ? NLM_F_CAPPED : 0));
		if (!capped)
			mnl_nlmsg_put_extra_header(m.nlh, 8); /* the request's own content */
		mnl_attr_put_strz(m.nlh, NLMSGERR_ATTR_MSG, "route exists");
		end(&m);
		wm_netlink_parse_reply(m.bytes, m.used, SEQ, &r, NULL, NULL);
		assert_true(r.done);
		assert_int_equal(r.sys, EEXIST);
		assert_string_equal(r.text, "route exists");
	}
}

static void test_nonsense(void **state)
{
	struct wm_netlink_reply r = {0};
	struct message m = {0};
	int *code = begin(&m, NLMSG_ERROR, sizeof(*code));

	/* Shorter than an error is. */
	end(&m);
	wm_netlink_parse_reply(m.bytes, m.used, SEQ, &r, NULL, NULL);
	assert_int_equal(r.sys, EPROTO);
	/* An error that says it went well is an acknowledgement; one beyond all errnos is none. */
	for (int i = 0; i < 2; i++) {
		struct nlmsgerr *e;

		memset(&m, 0, sizeof(m));
		memset(&r, 0, sizeof(r));
		e = begin(&m, NLMSG_ERROR, sizeof(*e));
		e->error = i == 0 ? 0 : INT32_MIN;
		end(&m);
		wm_netlink_parse_reply(m.bytes, m.used, SEQ, &r, NULL, NULL);
		assert_true(r.done);
		assert_int_equal(r.sys, i == 0 ? 0 : EPROTO);
	}
	/* A length that would be negative as an int. */
	memset(&r, 0, sizeof(r));
	m.nlh->nlmsg_len = UINT32_MAX - 2;
	wm_netlink_parse_reply(m.bytes, m.used, SEQ, &r, NULL, NULL);
	assert_false(r.done);
	m.nlh->nlmsg_len = (uint32_t)m.used;
	/* Cut anywhere, nothing is read. */
	for (size_t len = 0; len < m.used; len++) {
		memset(&r, 0, sizeof(r));
		wm_netlink_parse_reply(m.bytes, len, SEQ, &r, NULL, NULL);
		assert_false(r.done);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_link),    cmocka_unit_test(test_addr),
		cmocka_unit_test(test_route),   cmocka_unit_test(test_default_route),
		cmocka_unit_test(test_changes), cmocka_unit_test(test_dump),
		cmocka_unit_test(test_errors),  cmocka_unit_test(test_nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
