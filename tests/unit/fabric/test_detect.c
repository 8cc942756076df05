/* Which addresses of a host are offered to others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "fabric/detect.h"
#include "platform/fake/host.h"
#include "platform/net.h"

#define UP WM_LINK_UP

static const struct {
	unsigned index;
	const char *name;
	unsigned flags;
} links[] = {
	{1, "lo", UP | WM_LINK_LOOPBACK},
	{2, "eth0", UP | WM_LINK_RUNNING},
	{3, "eth1", 0},
	{4, "ppp0", UP | WM_LINK_POINT_TO_POINT},
	{5, "veth12ab", UP},
	{6, "docker0", UP},
	{7, "virbr0", UP},
	{8, "wlan0", UP},
	{9, "mine", UP},
};

static const struct {
	unsigned link;
	const char *prefix;
	bool fleeting;
} addrs[] = {
	{1, "127.0.0.1/8", false},     {2, "192.168.7.2/24", false},
	{2, "203.0.113.7/24", false},  {2, "203.0.113.6/24", false},
	{2, "2001:db8::7/64", false},  {2, "fe80::1/64", false},
	{2, "2001:db8::8/64", true},   {2, "169.254.3.4/16", false},
	{3, "203.0.113.99/24", false}, {4, "203.0.113.98/32", false},
	{5, "203.0.113.97/24", false}, {6, "203.0.113.96/24", false},
	{7, "203.0.113.95/24", false}, {8, "100.64.3.4/10", false},
	{8, "10.1.1.1/8", false},      {8, "fd00::1/64", false},
	{9, "203.0.113.94/24", false}, {77, "203.0.113.93/24", false},
};

static char *detect(bool with_private, bool with_ipv6)
{
	const char *const skip[] = {"mine", NULL};
	struct wm_detect_opts opts = {
		.with_private = with_private, .with_ipv6 = with_ipv6, .skip = skip};
	struct wm_link_list ll = {wm_calloc(WM_ARRAY_LEN(links), sizeof(struct wm_link)), 0};
	struct wm_link_addr_list al = {wm_calloc(WM_ARRAY_LEN(addrs), sizeof(struct wm_link_addr)),
				       0};
	struct wm_prefix *found;
	struct wm_buf b = {0};
	char text[WM_PREFIX_TEXT];
	size_t n;

	for (size_t i = 0; i < WM_ARRAY_LEN(links); i++) {
		struct wm_link *l = &ll.links[ll.n++];

		l->index = links[i].index;
		l->flags = links[i].flags;
		strcpy(l->name, links[i].name);
	}
	for (size_t i = 0; i < WM_ARRAY_LEN(addrs); i++) {
		struct wm_link_addr *a = &al.addrs[al.n++];

		a->link = addrs[i].link;
		a->fleeting = addrs[i].fleeting;
		assert_true(wm_prefix_parse(addrs[i].prefix, &a->prefix));
	}
	wm_detect_pick(&ll, &al, &opts, &found, &n);
	for (size_t i = 0; i < n; i++)
		wm_buf_printf(&b, "%s%s", i == 0 ? "" : " ", wm_prefix_format(&found[i], text));
	wm_free(found);
	wm_link_list_fini(&ll);
	wm_link_addr_list_fini(&al);
	return wm_buf_take(&b);
}

static void test_table(void **state)
{
	static const struct {
		bool with_private, with_ipv6;
		const char *found;
	} rows[] = {
		{false, false, "203.0.113.6/24 203.0.113.7/24"},
		{false, true, "203.0.113.6/24 203.0.113.7/24 2001:db8::7/64"},
		{true, false,
		 "203.0.113.6/24 203.0.113.7/24 10.1.1.1/8 100.64.3.4/10 192.168.7.2/24"},
		{true, true,
		 "203.0.113.6/24 203.0.113.7/24 2001:db8::7/64 10.1.1.1/8 100.64.3.4/10 "
		 "192.168.7.2/24 fd00::1/64"},
	};

	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		char *found = detect(rows[i].with_private, rows[i].with_ipv6);

		assert_string_equal(found, rows[i].found);
		wm_free(found);
	}
}

static void test_host(void **state)
{
	struct wm_detect_opts opts = {.with_private = true};
	struct wm_prefix *found;
	struct wm_net *net;
	size_t n;

	wm_fake_reset();
	assert_int_equal(wm_net_open(&net, NULL), 0);
	assert_int_equal(wm_detect_endpoints(net, &opts, &found, &n, NULL), 0);
	assert_int_equal(n, 1);
	wm_free(found);
	for (unsigned i = 1; i <= 2; i++) {
		struct wm_err err;

		wm_fake_fail_at(i);
		assert_int_equal(wm_detect_endpoints(net, &opts, &found, &n, &err), WM_UNAVAILABLE);
	}
	wm_net_close(net);
	wm_fake_fini();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
