/* The reconciler on a host and a device in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "fabric/fabric.h"
#include "fake_device.h"
#include "folder.h"
#include "loop/loop.h"
#include "platform/fake/host.h"

static char folder[64];
static struct wm_loop *loop;

static int setup(void **state)
{
	folder_make(folder);
	loop = wm_loop_new(NULL);
	wm_fake_reset();
	wm_fake_add_link(FAKE_DEVICE_LINK, "wm0", WM_LINK_POINT_TO_POINT);
	fake_device_reset();
	return 0;
}

static int teardown(void **state)
{
	wm_loop_free(loop);
	wm_fake_fini();
	folder_remove(folder);
	return 0;
}

static int open_fabric(struct wm_fabric **out)
{
	struct wm_fabric_opts opts = {.device = fake_device(), .run_dir = folder};

	return wm_fabric_open(loop, NULL, &opts, out, NULL);
}

static struct wm_fabric *must_open(void)
{
	struct wm_fabric *f = NULL;

	assert_int_equal(open_fabric(&f), 0);
	return f;
}

static struct wm_prefix prefix(const char *text)
{
	struct wm_prefix p;

	assert_true(wm_prefix_parse(text, &p));
	return p;
}

static const uint8_t key_b[WM_WG_KEY] = {2}, key_c[WM_WG_KEY] = {3}, key_d[WM_WG_KEY] = {4};

static struct wm_desired *new_desired(void)
{
	struct wm_prefix net4 = prefix("172.16.0.0/12"), net6 = prefix("fd12::/48");
	struct wm_desired *d = wm_desired_new();

	d->addr4 = prefix("172.16.0.1/32");
	d->addr6 = prefix("fd12:0:0:1::/112");
	d->mtu = 1420;
	wm_desired_add_network(d, &net4);
	wm_desired_add_network(d, &net6);
	return d;
}

static void add_peer(struct wm_desired *d, const char *id, const uint8_t key[WM_WG_KEY],
		     const char *endpoint, const char *allowed)
{
	struct wm_desired_peer *p = wm_desired_add_peer(d, id, key);
	struct wm_prefix x = prefix(allowed);

	wm_desired_set_endpoint(d, p, endpoint, "");
	wm_desired_add_allowed(d, p, &x);
}

static struct wm_desired *three_nodes(void)
{
	struct wm_desired *d = new_desired();

	add_peer(d, "b", key_b, "198.51.100.2:51820", "172.16.0.2/32");
	add_peer(d, "c", key_c, "", "172.16.0.3/32");
	return d;
}

static void apply(struct wm_fabric *f, struct wm_desired *d)
{
	struct wm_err err;

	if (wm_fabric_apply(f, d, &err) != 0)
		fail_msg("%s", err.text);
}

static bool is_on(void *arg)
{
	return *(bool *)arg;
}

static void turn_for(int64_t ms)
{
	bool never = false;

	(void)wm_loop_run_until(loop, is_on, &never, ms);
}

static void test_up_and_down(void **state)
{
	char *before = wm_fake_text(), *after;
	struct wm_fabric *f = must_open();
	struct wm_desired *d = three_nodes();
	struct wm_prefix own;
	size_t n;

	assert_string_equal(wm_fake_log(), "");
	d->forwarding = WM_FORWARDING_V4;
	assert_false(wm_fabric_address(f, WM_IPV4, &own));
	apply(f, d);
	assert_string_equal(wm_fake_log(),
			    "device configure 2\nlink mtu 7\nlink quiet 7\nlink up 7\n"
			    "addr add 172.16.0.1/32\naddr add fd12:0:0:1::/112\n"
			    "route add 172.16.0.0/12\nroute add fd12::/48\n"
			    "sysctl net/ipv4/ip_forward=1\n");
	assert_int_equal(fake_device_peer(key_b)->n_greets, 1);
	assert_int_equal(fake_device_peer(key_b)->keepalive_s, 25);
	assert_int_equal(fake_device_peer(key_c)->n_greets, 0);
	assert_int_equal(fake_device_peer(key_c)->keepalive_s, 0);
	assert_true(wm_fabric_address(f, WM_IPV4, &own));
	assert_string_equal(wm_fabric_peer_id(f, key_c), "c");
	assert_null(wm_fabric_peer_id(f, key_d));
	assert_int_equal(wm_fabric_n_peers(f), 2);
	wm_fabric_failures(f, &n);
	assert_int_equal(n, 0);
	assert_int_equal(wm_fabric_close(f, NULL), 0);
	assert_int_equal(fake_device_n_peers(), 0);
	assert_int_equal(wm_fake_open_handles(), 0);
	after = wm_fake_text();
	assert_string_equal(after, before);
	wm_free(before);
	wm_free(after);
}

static void test_only_the_difference(void **state)
{
	struct wm_fabric *f = must_open();
	struct wm_desired *d = three_nodes();
	const struct fake_peer *b;

	apply(f, d);
	wm_fake_clear_log();
	apply(f, three_nodes());
	assert_string_equal(wm_fake_log(), "");
	/* One joins, one address moves; b has roamed and stays where it is. */
	fake_device_roam(key_b, "203.0.113.9:4000");
	d = new_desired();
	add_peer(d, "b", key_b, "198.51.100.2:51820", "172.16.0.3/32");
	add_peer(d, "d", key_d, "198.51.100.4:51820", "172.16.0.4/32");
	apply(f, d);
	assert_string_equal(wm_fake_log(), "device configure 3\n");
	b = fake_device_peer(key_b);
	assert_int_equal(b->endpoint.port, 4000);
	assert_int_equal(b->n_endpoint_pushes, 1);
	assert_int_equal(b->n_greets, 1);
	assert_int_equal(b->n_allowed, 1);
	assert_true(fake_peer_allows(b, "172.16.0.3/32"));
	assert_null(fake_device_peer(key_c));
	assert_int_equal(fake_device_peer(key_d)->n_greets, 1);
	/* What is configured changes: pushed and greeted. */
	d = new_desired();
	add_peer(d, "b", key_b, "198.51.100.22:51820", "172.16.0.3/32");
	apply(f, d);
	b = fake_device_peer(key_b);
	assert_int_equal(b->endpoint.port, 51820);
	assert_int_equal(b->n_greets, 2);
	assert_int_equal(wm_fabric_close(f, NULL), 0);
}

/* What a process leaves, its successor finds in place and does not touch; only peers are new. */
static void test_the_interface_is_left_to_a_successor(void **state)
{
	struct wm_fabric *f = must_open();
	struct wm_desired *d = three_nodes();
	struct wm_prefix own, old = prefix("172.16.0.9/32");

	d->forwarding = WM_FORWARDING_V4;
	apply(f, d);
	wm_fake_clear_log();
	wm_fabric_leave(f);
	assert_int_equal(wm_fabric_close(f, NULL), 0);
	assert_string_equal(wm_fake_log(), "device configure 0\nsysctl net/ipv4/ip_forward=0\n");
	/* Somebody adds what is not desired: it goes. */
	wm_fake_add_addr(FAKE_DEVICE_LINK, "172.16.0.9/32");
	fake_device_inherit();
	f = must_open();
	assert_true(wm_fabric_address(f, WM_IPV4, &own));
	wm_fake_clear_log();
	d = three_nodes();
	apply(f, d);
	assert_string_equal(wm_fake_log(), "device configure 2\naddr remove 172.16.0.9/32\n");
	assert_true(wm_fabric_address(f, WM_IPV4, &own));
	assert_false(wm_prefix_equal(&own, &old));
	/* Not left again: everything goes. */
	wm_fake_clear_log();
	assert_int_equal(wm_fabric_close(f, NULL), 0);
	assert_string_equal(
		wm_fake_log(),
		"device configure 0\nroute remove 172.16.0.0/12\nroute remove fd12::/48\n"
		"addr remove 172.16.0.1/32\naddr remove fd12:0:0:1::/112\nlink down 7\n");
	assert_int_equal(wm_fake_open_handles(), 0);
}

static const struct wm_endpoint *recall(void *arg, const uint8_t public_key[WM_WG_KEY])
{
	static struct wm_endpoint at;

	assert_true(wm_endpoint_parse("203.0.113.7:7", &at));
	++*(int *)arg;
	return memcmp(public_key, key_c, WM_WG_KEY) == 0 ? &at : NULL;
}

/* Only of peers that are new here and have no endpoint, which is kept by who roams later. */
static void test_where_a_peer_was(void **state)
{
	int asked = 0;
	struct wm_fabric_opts opts = {
		.device = fake_device(), .run_dir = folder, .recall = recall, .arg = &asked};
	struct wm_fabric *f;

	assert_int_equal(wm_fabric_open(loop, NULL, &opts, &f, NULL), 0);
	apply(f, three_nodes());
	assert_int_equal(asked, 1); /* b has an endpoint */
	assert_int_equal(fake_device_peer(key_c)->endpoint.port, 7);
	assert_int_equal(fake_device_peer(key_c)->n_greets, 1);
	assert_int_equal(fake_device_peer(key_b)->endpoint.port, 51820);
	apply(f, three_nodes());
	assert_int_equal(asked, 1);
	assert_int_equal(fake_device_peer(key_c)->n_greets, 1);
	assert_int_equal(wm_fabric_close(f, NULL), 0);
}

static void test_new_key_for_a_node(void **state)
{
	struct wm_fabric *f = must_open();
	struct wm_desired *d = new_desired();

	apply(f, three_nodes());
	add_peer(d, "b", key_d, "198.51.100.2:51820", "172.16.0.2/32");
	add_peer(d, "c", key_c, "", "172.16.0.3/32");
	apply(f, d);
	assert_null(fake_device_peer(key_b));
	assert_true(fake_peer_allows(fake_device_peer(key_d), "172.16.0.2/32"));
	assert_int_equal(wm_fabric_close(f, NULL), 0);
}

static void test_one_bad_peer(void **state)
{
	struct wm_fabric *f = must_open();
	const struct wm_fabric_failure *x;
	size_t n;

	fake_device_refuse(key_b[0]);
	apply(f, three_nodes()); /* not vital */
	assert_null(fake_device_peer(key_b));
	assert_non_null(fake_device_peer(key_c));
	x = wm_fabric_failures(f, &n);
	assert_int_equal(n, 1);
	assert_string_equal(x->what, "peer b");
	assert_string_equal(x->why, "a key that is refused");
	assert_int_equal(x->tries, 1);
	assert_int_equal(wm_fabric_counters(f).failed_steps, 1);
	/* It is tried again by itself, after a second. */
	fake_device_refuse(0);
	turn_for(1200);
	assert_non_null(fake_device_peer(key_b));
	assert_int_equal(fake_device_peer(key_b)->n_greets, 1);
	wm_fabric_failures(f, &n);
	assert_int_equal(n, 0);
	assert_int_equal(wm_fabric_close(f, NULL), 0);
}

static void test_vital(void **state)
{
	static const char *const vital[] = {"link up", "addr add 172", "route add 172"};

	for (size_t i = 0; i < WM_ARRAY_LEN(vital); i++) {
		struct wm_fabric *f = must_open();
		struct wm_err err;

		wm_fake_refuse(vital[i]);
		assert_int_equal(wm_fabric_apply(f, three_nodes(), &err), WM_UNAVAILABLE);
		assert_non_null(strstr(err.text, vital[i]));
		wm_fake_refuse(NULL);
		assert_int_equal(wm_fabric_close(f, NULL), 0);
	}
}

/* A host without IPv6 is in the mesh by IPv4, and says what it lacks. */
static void test_no_ipv6(void **state)
{
	struct wm_fabric *f = must_open();
	struct wm_desired *d = three_nodes();
	struct wm_err err;
	size_t n;

	wm_fake_refuse("addr add fd12");
	apply(f, d);
	wm_fabric_failures(f, &n);
	assert_int_equal(n, 1);
	/* Without IPv4 it would be all. */
	d = three_nodes();
	memset(&d->addr4, 0, sizeof(d->addr4));
	assert_int_equal(wm_fabric_apply(f, d, &err), WM_UNAVAILABLE);
	wm_fake_refuse(NULL);
	assert_int_equal(wm_fabric_close(f, NULL), 0);
}

static void test_route_of_others(void **state)
{
	const struct wm_fabric_failure *x;
	struct wm_fabric *f = must_open();
	struct wm_desired *d = three_nodes();
	struct wm_prefix lan = prefix("10.0.0.0/8");
	char *after;
	size_t n;

	wm_fake_add_foreign_route("10.0.0.0/8", 2, 4096);
	wm_desired_add_route(d, &d->peers[0], &lan);
	apply(f, d);
	x = wm_fabric_failures(f, &n);
	assert_int_equal(n, 1);
	assert_string_equal(x->what, "route 10.0.0.0/8");
	assert_int_equal(x->code, WM_ALREADY_EXISTS);
	assert_int_equal(wm_fabric_close(f, NULL), 0);
	after = wm_fake_text();
	assert_non_null(strstr(after, "route 10.0.0.0/8 link=2 metric=4096 foreign=1"));
	wm_free(after);
}

static void test_default_routes(void **state)
{
	const struct wm_fabric_failure *x;
	struct wm_fabric *f = must_open();
	struct wm_prefix all = prefix("0.0.0.0/0");
	size_t n;

	for (int i = 0; i < 3; i++) {
		struct wm_desired *d = three_nodes();

		wm_desired_add_route(d, &d->peers[0], &all);
		apply(f, d);
	}
	x = wm_fabric_failures(f, &n);
	assert_int_equal(n, 1);
	assert_string_equal(x->what, "route 0.0.0.0/0");
	assert_int_equal(x->tries, 0);
	assert_int_equal(wm_fabric_counters(f).defaults_refused, 1);
	assert_true(wm_fabric_counters(f).last_apply_wall_ns > 0);
	assert_null(strstr(wm_fake_log(), "0.0.0.0/0"));
	assert_int_equal(wm_fabric_close(f, NULL), 0);
}

static void test_forwarding_comes_and_goes(void **state)
{
	struct wm_fabric *f = must_open();
	struct wm_desired *d = three_nodes();

	d->forwarding = WM_FORWARDING_V4 | WM_FORWARDING_V6;
	apply(f, d);
	assert_string_equal(wm_fake_get("net/ipv4/ip_forward"), "1");
	assert_string_equal(wm_fake_get("net/ipv6/conf/all/forwarding"), "1");
	apply(f, three_nodes());
	assert_string_equal(wm_fake_get("net/ipv4/ip_forward"), "0");
	assert_string_equal(wm_fake_get("net/ipv6/conf/all/forwarding"), "0");
	assert_int_equal(wm_fabric_close(f, NULL), 0);
}

/* Somebody takes an address and a route away and the link down: all is put right. */
static void test_disturbed(void **state)
{
	const struct wm_monitor_change link = {.kind = WM_MONITOR_LINK, .link = FAKE_DEVICE_LINK};
	struct wm_fabric *f = must_open();
	char *before, *after;

	apply(f, three_nodes());
	before = wm_fake_text();
	wm_fake_drop_link(FAKE_DEVICE_LINK);
	wm_fake_add_link(FAKE_DEVICE_LINK, "wm0", WM_LINK_POINT_TO_POINT);
	wm_fake_emit(&link);
	turn_for(500);
	after = wm_fake_text();
	assert_string_equal(after, before);
	assert_int_equal(wm_fabric_counters(f).mended, 6);
	assert_int_equal(wm_fabric_close(f, NULL), 0);
	wm_free(before);
	wm_free(after);
}

/* A host moves into the zone's network: the candidate there is taken. */
static void test_new_subnet(void **state)
{
	const struct wm_monitor_change addr = {.kind = WM_MONITOR_ADDR, .link = 2};
	struct wm_fabric *f = must_open();
	struct wm_desired *d = new_desired();
	struct wm_desired_peer *p = wm_desired_add_peer(d, "b", key_b);

	wm_desired_set_zone(d, "home");
	wm_desired_set_endpoint(d, p, "198.51.100.2:51820", "home");
	wm_desired_add_candidate(d, p, "10.5.0.2:51820");
	apply(f, d);
	assert_int_equal(fake_device_peer(key_b)->endpoint.addr.bytes[0], 198);
	wm_fake_add_addr(2, "10.5.0.9/24");
	wm_fake_emit(&addr);
	turn_for(500);
	assert_int_equal(fake_device_peer(key_b)->endpoint.addr.bytes[0], 10);
	assert_int_equal(fake_device_peer(key_b)->n_greets, 2);
	assert_int_equal(wm_fabric_close(f, NULL), 0);
}

static bool has_endpoint(void *arg)
{
	const struct fake_peer *p = fake_device_peer(key_b);

	return p != NULL && p->n_endpoint_pushes == 1;
}

static bool has_failure(void *arg)
{
	size_t n;

	wm_fabric_failures(arg, &n);
	return n > 0;
}

static void test_names(void **state)
{
	struct wm_fabric *f = must_open();
	struct wm_desired *d = new_desired();

	add_peer(d, "b", key_b, "localhost:51820", "172.16.0.2/32");
	apply(f, d);
	/* The peer is there at once; its endpoint follows when the name is known. */
	assert_non_null(fake_device_peer(key_b));
	assert_int_equal(fake_device_peer(key_b)->n_endpoint_pushes, 0);
	assert_true(wm_loop_run_until(loop, has_endpoint, NULL, 5000));
	assert_int_equal(fake_device_peer(key_b)->n_greets, 1);
	assert_int_equal(wm_fabric_close(f, NULL), 0);
	turn_for(1);
}

/* The device is another one under its old name: all is done again, to the new link. */
static void test_renewed(void **state)
{
	char *before = wm_fake_text(), *after;
	struct wm_desired *d = three_nodes();
	struct wm_fabric *f;
	struct wm_err err;

	fake_device_be_kernel();
	f = must_open();
	d->forwarding = WM_FORWARDING_V4;
	apply(f, d);
	wm_fake_drop_link(FAKE_DEVICE_LINK);
	fake_device_reset();
	assert_int_equal(wm_fabric_renew(f, &err), WM_NOT_FOUND);
	fake_device_be_kernel();
	wm_fake_add_link(9, "wm0", WM_LINK_POINT_TO_POINT);
	wm_fake_clear_log();
	assert_int_equal(wm_fabric_renew(f, &err), 0);
	assert_string_equal(wm_fake_log(),
			    "device configure 2\nlink mtu 9\nlink quiet 9\nlink up 9\n"
			    "addr add 172.16.0.1/32\naddr add fd12:0:0:1::/112\n"
			    "route add 172.16.0.0/12\nroute add fd12::/48\n");
	assert_int_equal(fake_device_peer(key_b)->n_greets, 1);
	/* A link that outlives us goes with us all the same. */
	wm_fake_clear_log();
	assert_int_equal(wm_fabric_close(f, &err), 0);
	assert_non_null(strstr(wm_fake_log(), "link remove 9\n"));
	wm_fake_add_link(FAKE_DEVICE_LINK, "wm0", WM_LINK_POINT_TO_POINT);
	after = wm_fake_text();
	assert_string_equal(after, before);
	wm_free(before);
	wm_free(after);
}

static void test_close_while_resolving(void **state)
{
	struct wm_fabric *f = must_open();
	struct wm_desired *d = new_desired();

	add_peer(d, "b", key_b, "localhost:51820", "172.16.0.2/32");
	apply(f, d);
	apply(f, three_nodes()); /* the name is forgotten */
	d = new_desired();
	add_peer(d, "b", key_b, "localhost:51821", "172.16.0.2/32");
	apply(f, d);
	assert_int_equal(wm_fabric_close(f, NULL), 0);
	turn_for(50);
}

/* What is not to matter here. */
static void ignore(int code)
{
}

static bool once(unsigned n)
{
	struct wm_desired *d = three_nodes();
	struct wm_prefix lan = prefix("10.7.0.0/16");
	struct wm_fabric *f = NULL;
	bool failed;

	d->forwarding = WM_FORWARDING_V4 | WM_FORWARDING_V6;
	wm_desired_add_route(d, &d->peers[0], &lan);
	wm_fake_fail_at(n);
	if (open_fabric(&f) == 0) {
		struct wm_err err;

		ignore(wm_fabric_apply(f, d, &err));
		(void)wm_fabric_close(f, NULL);
	} else {
		wm_desired_free(d);
	}
	failed = wm_fake_has_failed();
	wm_fake_fail_at(0);
	assert_int_equal(fake_device_n_peers(), 0);
	return failed;
}

/* Whatever call fails, up and down leave the host as it was, at the latest with the next start. */
static void test_fail_at_each_call(void **state)
{
	char *before = wm_fake_text();
	unsigned n = 1;

	while (once(n)) {
		char *after;

		assert_int_equal(wm_fake_open_handles(), 0);
		assert_int_equal(wm_fabric_close(must_open(), NULL), 0);
		after = wm_fake_text();
		if (!wm_streq(after, before))
			fail_msg("after call %u failed:\n%s\nbefore:\n%s", n, after, before);
		wm_free(after);
		n++;
	}
	assert_true(n > 30);
	wm_free(before);
}

/* A failure on the way up is also made good while the node runs. */
static void test_heals_from_each_call(void **state)
{
	for (unsigned n = 6; n < 30; n++) {
		struct wm_desired *d = three_nodes();
		struct wm_fabric *f = must_open();
		struct wm_err err;

		wm_fake_fail_at(n - 5);
		ignore(wm_fabric_apply(f, d, &err));
		wm_fake_fail_at(0);
		if (has_failure(f))
			turn_for(1100);
		assert_false(has_failure(f));
		assert_int_equal(fake_device_n_peers(), 2);
		assert_int_equal(wm_fabric_close(f, NULL), 0);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_up_and_down),
		TEST(test_only_the_difference),
		TEST(test_the_interface_is_left_to_a_successor),
		TEST(test_where_a_peer_was),
		TEST(test_new_key_for_a_node),
		TEST(test_one_bad_peer),
		TEST(test_vital),
		TEST(test_no_ipv6),
		TEST(test_route_of_others),
		TEST(test_default_routes),
		TEST(test_forwarding_comes_and_goes),
		TEST(test_disturbed),
		TEST(test_new_subnet),
		TEST(test_names),
		TEST(test_renewed),
		TEST(test_close_while_resolving),
		TEST(test_fail_at_each_call),
		TEST(test_heals_from_each_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
