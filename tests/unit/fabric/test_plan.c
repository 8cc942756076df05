/* From what is desired to what is to be: choices, and what is left out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "fabric/plan.h"
#include "platform/sysctl.h"

struct refusals {
	struct wm_buf text;
	unsigned defaults;
};

static void on_refused(void *arg, const char *what, int code, const char *why)
{
	struct refusals *r = arg;

	wm_buf_printf(&r->text, "%s: %s\n", what, why);
	r->defaults += code == WM_UNIMPLEMENTED;
}

static struct wm_prefix prefix(const char *text)
{
	struct wm_prefix p;

	assert_true(wm_prefix_parse(text, &p));
	return p;
}

static struct wm_desired *new_desired(void)
{
	struct wm_prefix net4 = prefix("172.16.0.0/12"), net6 = prefix("fd12::/48");
	struct wm_desired *d = wm_desired_new();

	d->addr4 = prefix("172.16.0.1/32");
	d->addr6 = prefix("fd12:0:0:1::/112");
	wm_desired_add_network(d, &net4);
	wm_desired_add_network(d, &net6);
	return d;
}

static struct wm_desired_peer *add_peer(struct wm_desired *d, const char *id, uint8_t first,
					const char *endpoint)
{
	const uint8_t key[WM_WG_KEY] = {first};
	struct wm_desired_peer *p = wm_desired_add_peer(d, id, key);

	wm_desired_set_endpoint(d, p, endpoint, "");
	return p;
}

static void allow(struct wm_desired *d, struct wm_desired_peer *p, const char *text)
{
	struct wm_prefix x = prefix(text);

	wm_desired_add_allowed(d, p, &x);
}

static void route(struct wm_desired *d, struct wm_desired_peer *p, const char *text)
{
	struct wm_prefix x = prefix(text);

	wm_desired_add_route(d, p, &x);
}

/* Plans, takes @d, and writes the result down. */
static char *plan(struct wm_desired *d, struct refusals *r)
{
	struct wm_prefix local = prefix("192.168.7.2/24");
	struct wm_plan_view view = {.endpoints = {.zone = "", .local = &local, .n_local = 1},
				    .refuse = on_refused,
				    .arg = r};
	struct wm_state s = {0};
	struct wm_buf b = {0};
	char text[WM_ENDPOINT_TEXT];

	wm_plan_make(d, &view, &s);
	for (size_t i = 0; i < s.n_addrs; i++)
		wm_buf_printf(&b, "addr %s\n", wm_prefix_format(&s.addrs[i], text));
	for (size_t i = 0; i < s.n_routes; i++)
		wm_buf_printf(&b, "route %s %u\n", wm_prefix_format(&s.routes[i].dst, text),
			      s.routes[i].metric);
	for (size_t i = 0; i < s.n_peers; i++) {
		const struct wm_state_peer *p = &s.peers[i];

		wm_buf_printf(&b, "peer %s %s %u:", p->id,
			      p->has_endpoint ? wm_endpoint_format(&p->endpoint, text) : "-",
			      p->keepalive_s);
		for (size_t k = 0; k < p->n_allowed; k++)
			wm_buf_printf(&b, " %s", wm_prefix_format(&p->allowed[k], text));
		wm_buf_add_str(&b, "\n");
	}
	wm_buf_printf(&b, "up=%d mtu=%u forwarding=%u\n", s.up, s.mtu, s.forwarding);
	wm_state_fini(&s);
	wm_desired_free(d);
	return wm_buf_take(&b);
}

static void expect(struct wm_desired *d, const char *want, const char *refused)
{
	struct refusals r = {0};
	char *got = plan(d, &r);

	assert_string_equal(got, want);
	assert_string_equal(wm_buf_str(&r.text), refused);
	wm_free(got);
	wm_buf_fini(&r.text);
}

#define LINK                                          \
	"addr 172.16.0.1/32\naddr fd12:0:0:1::/112\n" \
	"route 172.16.0.0/12 0\nroute fd12::/48 0\n"

static void test_plain(void **state)
{
	struct wm_desired *d = new_desired();
	struct wm_desired_peer *p = add_peer(d, "b", 2, "198.51.100.2:51820");

	allow(d, p, "172.16.0.2/32");
	allow(d, p, "fd12:0:0:2::/112");
	d->mtu = 1380;
	expect(d,
	       LINK "peer b 198.51.100.2:51820 25: 172.16.0.2/32 fd12:0:0:2::/112\n"
		    "up=1 mtu=1380 forwarding=0\n",
	       "");
}

static void test_family_off(void **state)
{
	struct wm_desired *d = new_desired();
	struct wm_desired_peer *p = add_peer(d, "b", 2, "");

	memset(&d->addr4, 0, sizeof(d->addr4));
	allow(d, p, "172.16.0.2/32");
	allow(d, p, "fd12:0:0:2::/112");
	route(d, p, "10.0.0.0/8");
	d->forwarding = WM_FORWARDING_V4 | WM_FORWARDING_V6;
	expect(d,
	       "addr fd12:0:0:1::/112\nroute fd12::/48 0\npeer b - 0: fd12:0:0:2::/112\n"
	       "up=1 mtu=0 forwarding=2\n",
	       "");
}

static void test_routes(void **state)
{
	struct wm_desired *d = new_desired();
	struct wm_desired_peer *p = add_peer(d, "b", 2, "198.51.100.2:1");

	allow(d, p, "172.16.0.2/32");
	route(d, p, "10.7.1.2/16");   /* host bits are cut */
	route(d, p, "172.20.0.0/16"); /* inside the mesh: has a route already */
	expect(d,
	       "addr 172.16.0.1/32\naddr fd12:0:0:1::/112\nroute 10.7.0.0/16 4096\n"
	       "route 172.16.0.0/12 0\nroute fd12::/48 0\n"
	       "peer b 198.51.100.2:1 25: 10.7.0.0/16 172.16.0.2/32 172.20.0.0/16\n"
	       "up=1 mtu=0 forwarding=0\n",
	       "");
}

static void test_defaults(void **state)
{
	for (int wanted = 0; wanted < 2; wanted++) {
		struct wm_desired *d = new_desired();
		struct wm_desired_peer *p = add_peer(d, "b", 2, "");
		struct refusals r = {0};
		char *got;

		d->no_full_tunnel = !wanted;
		allow(d, p, "0.0.0.0/0");
		route(d, p, "0.0.0.0/0");
		route(d, p, "::/0");
		got = plan(d, &r);
		assert_string_equal(got, LINK "peer b - 0:\nup=1 mtu=0 forwarding=0\n");
		assert_int_equal(r.defaults, wanted ? 3 : 0);
		wm_free(got);
		wm_buf_fini(&r.text);
	}
}

static void test_twice(void **state)
{
	/* The order of the list does not matter: the first by ID has it. */
	for (int turned = 0; turned < 2; turned++) {
		struct wm_desired *d = new_desired();

		for (int i = 0; i < 2; i++) {
			bool first = (i == 0) == (turned == 0);
			struct wm_desired_peer *p =
				add_peer(d, first ? "b" : "c", first ? 2 : 3, "");

			allow(d, p, "10.0.0.0/8");
			allow(d, p, "10.0.0.0/8");
		}
		add_peer(d, "d", 3, "");
		expect(d,
		       "addr 172.16.0.1/32\naddr fd12:0:0:1::/112\nroute 10.0.0.0/8 4096\n"
		       "route 172.16.0.0/12 0\nroute fd12::/48 0\n"
		       "peer b - 0: 10.0.0.0/8\npeer c - 0:\nup=1 mtu=0 forwarding=0\n",
		       "prefix 10.0.0.0/8: offered by c too, but b has it\n"
		       "prefix 10.0.0.0/8: offered by c too, but b has it\n"
		       "peer d: another peer has the same key\n");
	}
}

static void test_nonsense(void **state)
{
	struct wm_desired *d = new_desired();
	struct wm_desired_peer *p = add_peer(d, "b", 2, "");

	allow(d, p, "172.16.0.1/32");
	allow(d, p, "fd12:0:0:1::7/128");
	route(d, p, "127.0.0.0/8");
	route(d, p, "fe80::/64");
	expect(d, LINK "peer b - 0:\nup=1 mtu=0 forwarding=0\n",
	       "prefix 172.16.0.1/32: offered by b, but it is our own address\n"
	       "prefix fd12:0:0:1::7/128: offered by b, but it is our own address\n"
	       "prefix 127.0.0.0/8: offered by b, but such addresses have no meaning beyond one "
	       "host or link\n"
	       "prefix fe80::/64: offered by b, but such addresses have no meaning beyond one host "
	       "or link\n");
}

static void test_own_packets(void **state)
{
	struct wm_desired *d = new_desired();
	struct wm_desired_peer *p = add_peer(d, "b", 2, "10.9.0.1:51820");

	route(d, p, "10.0.0.0/8"); /* would carry the packets to 10.9.0.1 */
	p = add_peer(d, "c", 3, "192.168.7.9:51820");
	route(d, p, "192.168.0.0/16");           /* we are on a narrower subnet with it */
	add_peer(d, "d", 4, "172.16.9.9:51820"); /* inside the mesh */
	expect(d,
	       "addr 172.16.0.1/32\naddr fd12:0:0:1::/112\nroute 172.16.0.0/12 0\n"
	       "route 192.168.0.0/16 4096\nroute fd12::/48 0\n"
	       "peer b 10.9.0.1:51820 25: 10.0.0.0/8\n"
	       "peer c 192.168.7.9:51820 25: 192.168.0.0/16\n"
	       "peer d - 0:\nup=1 mtu=0 forwarding=0\n",
	       "endpoint of peer d: it lies inside the mesh's own network\n"
	       "route 10.0.0.0/8: it would carry the tunnel's own packets to 10.9.0.1:51820, the "
	       "endpoint of b\n");
}

static void test_keepalive(void **state)
{
	static const struct {
		uint16_t configured;
		bool is_public;
		const char *endpoint;
		const char *want;
	} rows[] = {
		{0, false, "198.51.100.2:1", "peer b 198.51.100.2:1 25:\n"},
		{0, true, "198.51.100.2:1", "peer b 198.51.100.2:1 0:\n"},
		{0, false, "", "peer b - 0:\n"},
		{0, true, "", "peer b - 0:\n"},
		{7, false, "", "peer b - 7:\n"},
		{7, true, "198.51.100.2:1", "peer b 198.51.100.2:1 7:\n"},
	};

	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		struct wm_desired *d = new_desired();
		struct refusals r = {0};
		char *got;

		add_peer(d, "b", 2, rows[i].endpoint);
		d->keepalive_s = rows[i].configured;
		d->is_public = rows[i].is_public;
		got = plan(d, &r);
		assert_non_null(strstr(got, rows[i].want));
		wm_free(got);
		wm_buf_fini(&r.text);
	}
}

/* Where else to look for a peer: no names, nothing twice, nothing inside of the tunnel. */
static void test_places(void **state)
{
	static const char *const candidates[] = {
		"198.51.100.1:51820",  "198.51.100.1:51820", "junk",           "peer.example:51820",
		"10.0.0.5:51820",      "172.16.0.9:51820",   "10.9.0.1:51820", "192.168.7.9:51820",
		"[2001:db8::1]:51820", "192.0.2.50:1",
	};
	static const char *const want[] = {"203.0.113.1:51820", "198.51.100.1:51820",
					   "10.0.0.5:51820", "192.168.7.9:51820"};
	struct wm_prefix local = prefix("192.168.7.2/24");
	struct refusals r = {0};
	struct wm_plan_view view = {.endpoints = {.zone = "", .local = &local, .n_local = 1},
				    .refuse = on_refused,
				    .arg = &r};
	struct wm_desired *d = new_desired();
	struct wm_state s = {0};
	struct wm_desired_peer *p = add_peer(d, "a", 1, "203.0.113.1:51820");

	for (size_t i = 0; i < WM_ARRAY_LEN(candidates); i++)
		wm_desired_add_candidate(d, p, candidates[i]);
	p = add_peer(d, "b", 2, "");
	wm_desired_add_candidate(d, p, "198.51.100.7:51820");
	route(d, p, "10.9.0.0/16");
	wm_plan_make(d, &view, &s);
	/* Six are looked at; of those two lie behind our own routes. */
	assert_int_equal(s.peers[0].n_places, WM_ARRAY_LEN(want));
	for (size_t i = 0; i < WM_ARRAY_LEN(want); i++) {
		char text[WM_ENDPOINT_TEXT];

		assert_string_equal(wm_endpoint_format(&s.peers[0].places[i], text), want[i]);
	}
	/* Who tells no endpoint will come to us. */
	assert_int_equal(s.peers[1].n_places, 0);
	wm_state_fini(&s);
	wm_desired_free(d);
	wm_buf_fini(&r.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),       cmocka_unit_test(test_family_off),
		cmocka_unit_test(test_routes),      cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_twice),       cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_own_packets), cmocka_unit_test(test_keepalive),
		cmocka_unit_test(test_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
