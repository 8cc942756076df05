/* The device over the kernel's WireGuard, on a host in memory: what is told, asked and noticed. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "loop/loop.h"
#include "platform/fake/host.h"
#include "platform/net.h"
#include "wg/backend.h"
#include "wg/kernel.h"

#define WAIT_MS 20000

struct news {
	unsigned handshakes, by_us, broken;
	uint8_t last_key[WM_WG_KEY];
	struct wm_endpoint last_from;
	struct wm_wg_backend *closes; /* this, from inside the callback */
};

static struct wm_loop *loop;
static struct wm_wg_backend *dev;
static struct news news;

static const uint8_t key_a[WM_WG_KEY] = {0xa}, key_b[WM_WG_KEY] = {0xb}, key_c[WM_WG_KEY] = {0xc};

static void on_handshake(void *arg, const uint8_t key[WM_WG_KEY], const struct wm_endpoint *from,
			 bool by_peer)
{
	struct news *n = arg;

	n->handshakes++;
	n->by_us += !by_peer;
	memcpy(n->last_key, key, WM_WG_KEY);
	n->last_from = *from;
	if (n->closes != NULL)
		n->closes->ops->close(n->closes);
	n->closes = NULL;
}

static void on_broken(void *arg, const struct wm_err *why)
{
	((struct news *)arg)->broken++;
	assert_int_equal(why->sys, ENODEV);
	assert_non_null(strstr(why->text, "wm0 was deleted"));
}

static const struct wm_wg_events events = {.on_handshake = on_handshake, .on_broken = on_broken};

static int open_device(struct wm_err *err)
{
	const struct wm_wg_device_opts opts = {.name = "wm0", .mtu = 1380};

	return wm_wg_kernel_open(loop, NULL, &opts, &events, &news, &dev, err);
}

static int setup(void **state)
{
	loop = wm_loop_new(NULL);
	wm_fake_reset();
	memset(&news, 0, sizeof(news));
	return open_device(NULL);
}

static int teardown(void **state)
{
	if (dev != NULL)
		dev->ops->close(dev);
	dev = NULL;
	assert_int_equal(wm_fake_open_handles(), 0);
	wm_loop_free(loop);
	wm_fake_fini();
	return 0;
}

static bool never(void *arg)
{
	return false;
}

static void turn(void)
{
	wm_loop_run_until(loop, never, NULL, 20);
}

static bool has_news(void *arg)
{
	return news.handshakes > 0;
}

static int configure(const struct wm_wg_config *wish)
{
	return dev->ops->configure(dev, wish, NULL);
}

static struct wm_wg_allowed allowed(const char *text, bool remove)
{
	struct wm_wg_allowed a = {.remove = remove};

	assert_true(wm_prefix_parse(text, &a.prefix));
	return a;
}

/* A peer with one allowed address. */
static void put_peer(const uint8_t key[WM_WG_KEY], const char *prefix, const char *endpoint)
{
	struct wm_wg_allowed a = allowed(prefix, false);
	struct wm_wg_peer_config p = {.allowed = &a, .n_allowed = 1};
	struct wm_wg_config wish = {.peers = &p, .n_peers = 1};

	memcpy(p.public_key, key, WM_WG_KEY);
	p.has_endpoint = endpoint != NULL;
	if (endpoint != NULL)
		assert_true(wm_endpoint_parse(endpoint, &p.endpoint));
	assert_int_equal(configure(&wish), 0);
}

static struct wm_wg_config *get(void)
{
	return dev->ops->get(dev, false);
}

static const struct wm_wg_peer_config *peer_of(const struct wm_wg_config *c,
					       const uint8_t key[WM_WG_KEY])
{
	for (size_t i = 0; i < c->n_peers; i++)
		if (memcmp(c->peers[i].public_key, key, WM_WG_KEY) == 0)
			return &c->peers[i];
	return NULL;
}

static void assert_allowed(const uint8_t key[WM_WG_KEY], const char *text)
{
	struct wm_wg_config *c = get();
	const struct wm_wg_peer_config *p = peer_of(c, key);
	char joined[200] = "", one[WM_PREFIX_TEXT];

	assert_non_null(p);
	for (size_t i = 0; i < p->n_allowed; i++) {
		strcat(joined, wm_prefix_format(&p->allowed[i].prefix, one));
		strcat(joined, " ");
	}
	assert_string_equal(joined, text);
	wm_wg_config_free(c);
}

static void test_life(void **state)
{
	struct wm_err err;
	struct wm_wg_backend *second = dev;

	assert_string_equal(dev->ops->kind, "kernel");
	assert_string_equal(dev->name, "wm0");
	assert_int_not_equal(dev->ifindex, 0);
	assert_int_equal(open_device(&err), WM_ALREADY_EXISTS);
	dev = second;
	assert_int_equal(dev->ops->ask(dev, NULL), 0);
	/* What the kernel does by itself, or not at all, harms nobody. */
	dev->ops->set_active(dev, false);
	dev->ops->set_mtu(dev, 1300);
	dev->ops->send(dev, &(struct wm_endpoint){.port = 1}, "x", 1);
}

/* The port is bound, or refused, when it is set, although the interface is down. */
static void test_port(void **state)
{
	struct wm_wg_config wish = {.has_listen_port = true, .listen_port = 51820};
	struct wm_wg_config key = {.has_private_key = true, .private_key = {1}};
	struct wm_wg_config *c;

	/* A key alone is a reason for some port. */
	assert_int_equal(configure(&key), 0);
	c = get();
	assert_int_equal(c->listen_port, 40000);
	assert_false(c->has_private_key);
	assert_int_equal(c->public_key[0], 1);
	wm_wg_config_free(c);
	wm_fake_wg_take_port(51820);
	assert_int_equal(configure(&wish), WM_ALREADY_EXISTS);
	wm_fake_wg_take_port(0);
	assert_int_equal(configure(&wish), 0);
	/* Our own port is not somebody else's. */
	wm_fake_wg_take_port(51820);
	assert_int_equal(configure(&wish), 0);
	c = get();
	assert_int_equal(c->listen_port, 51820);
	wm_wg_config_free(c);
}

static void test_a_wrong_wish_changes_nothing(void **state)
{
	struct wm_wg_peer_config p[2] = {{.public_key = {1}},
					 {.public_key = {2}, .has_endpoint = true}};
	struct wm_wg_config wish = {.peers = p, .n_peers = 2}, *c;

	wm_fake_clear_log();
	assert_int_equal(configure(&wish), WM_INVALID_ARGUMENT);
	assert_string_equal(wm_fake_log(), "");
	c = get();
	assert_int_equal(c->n_peers, 0);
	wm_wg_config_free(c);
}

/* Who stays keeps session and endpoint, and loses what the list does not give it. */
static void test_a_list_replaces(void **state)
{
	struct wm_wg_allowed a = allowed("10.0.9.0/24", false);
	struct wm_wg_peer_config p[2] = {{.allowed = &a, .n_allowed = 1},
					 {.flags = WM_WG_PEER_UPDATE_ONLY}};
	struct wm_wg_config wish = {.replace_peers = true, .peers = p, .n_peers = 2}, *c;
	const struct wm_wg_peer_config *kept;

	put_peer(key_a, "10.0.1.0/24", "192.0.2.1:5");
	put_peer(key_b, "10.0.2.0/24", NULL);
	wm_fake_wg_handshake(key_a, "192.0.2.9:9", 77);
	memcpy(p[0].public_key, key_a, WM_WG_KEY);
	memcpy(p[1].public_key, key_c, WM_WG_KEY);
	assert_int_equal(configure(&wish), 0);
	c = get();
	assert_int_equal(c->n_peers, 1);
	kept = peer_of(c, key_a);
	assert_non_null(kept);
	assert_int_equal(kept->last_handshake_wall_ns, 77);
	assert_int_equal(kept->endpoint.port, 9);
	wm_wg_config_free(c);
	assert_allowed(key_a, "10.0.9.0/24 ");
}

/* Only the peer that has an address loses it, and nobody else is left. */
static void test_an_address_is_taken_away(void **state)
{
	struct wm_wg_allowed a[3] = {allowed("10.0.1.0/24", true), allowed("10.0.2.0/24", true),
				     allowed("10.0.3.0/24", false)};
	struct wm_wg_peer_config p = {.allowed = a, .n_allowed = 3};
	struct wm_wg_config wish = {.peers = &p, .n_peers = 1}, *c;

	put_peer(key_a, "10.0.1.0/24", NULL);
	put_peer(key_a, "10.0.4.0/24", NULL);
	put_peer(key_b, "10.0.2.0/24", NULL);
	memcpy(p.public_key, key_a, WM_WG_KEY);
	assert_int_equal(configure(&wish), 0);
	assert_allowed(key_a, "10.0.4.0/24 10.0.3.0/24 ");
	assert_allowed(key_b, "10.0.2.0/24 ");
	c = get();
	assert_int_equal(c->n_peers, 2);
	wm_wg_config_free(c);
}

static void test_handshakes_are_noticed(void **state)
{
	put_peer(key_a, "10.0.1.0/24", "192.0.2.1:5");
	put_peer(key_b, "10.0.2.0/24", NULL);
	wm_wg_config_free(get()); /* looks, and looks again from now on */
	wm_fake_wg_handshake(key_b, "192.0.2.2:7", 1000);
	assert_true(wm_loop_run_until(loop, has_news, NULL, WAIT_MS));
	assert_int_equal(news.handshakes, 1);
	assert_memory_equal(news.last_key, key_b, WM_WG_KEY);
	assert_int_equal(news.last_from.port, 7);
	assert_int_equal(news.by_us, 0);
	/* Once for each. */
	wm_wg_config_free(get());
	turn();
	assert_int_equal(news.handshakes, 1);
	wm_fake_wg_handshake(key_b, "192.0.2.2:7", 2000);
	wm_fake_wg_handshake(key_a, "192.0.2.1:5", 2000);
	wm_wg_config_free(get());
	assert_int_equal(news.handshakes, 1); /* not from inside our own call */
	turn();
	assert_int_equal(news.handshakes, 3);
}

static void test_closed_from_inside(void **state)
{
	put_peer(key_a, "10.0.1.0/24", NULL);
	put_peer(key_b, "10.0.2.0/24", NULL);
	wm_fake_wg_handshake(key_a, "192.0.2.1:5", 2000);
	wm_fake_wg_handshake(key_b, "192.0.2.2:5", 2000);
	news.closes = dev;
	wm_wg_config_free(get());
	turn();
	assert_int_equal(news.handshakes, 1);
	dev = NULL;
}

/* The interval of keepalives goes there and back, once the interface is up. */
static void test_greeting(void **state)
{
	struct wm_monitor_change up = {.kind = WM_MONITOR_LINK, .link = dev->ifindex};
	struct wm_net *net;

	put_peer(key_a, "10.0.1.0/24", "192.0.2.1:5");
	put_peer(key_b, "10.0.2.0/24", NULL); /* nowhere to greet to */
	wm_fake_clear_log();
	dev->ops->greet(dev, key_a);
	dev->ops->greet(dev, key_b);
	dev->ops->greet(dev, key_c); /* nobody */
	turn();
	assert_string_equal(wm_fake_log(), "");
	assert_int_equal(wm_net_open(&net, NULL), 0);
	assert_int_equal(wm_link_set_up(net, dev->ifindex, true, NULL), 0);
	wm_net_close(net);
	wm_fake_clear_log();
	wm_fake_emit(&up);
	turn();
	assert_string_equal(wm_fake_log(), "wg set peers=2\n");
	/* What comes of it was asked for; and one that is fresh is not asked again. */
	wm_fake_wg_handshake(key_a, "192.0.2.1:5", wm_clock_wall());
	wm_wg_config_free(get());
	turn();
	assert_int_equal(news.by_us, 1);
	wm_fake_clear_log();
	dev->ops->greet(dev, key_a);
	turn();
	assert_string_equal(wm_fake_log(), "");
}

static void assert_traffic(uint64_t rx, uint64_t tx)
{
	uint64_t r, t;

	dev->ops->traffic(dev, &r, &t);
	assert_int_equal(r, rx);
	assert_int_equal(t, tx);
}

static void test_sums_never_fall(void **state)
{
	struct wm_wg_peer_config p = {.flags = WM_WG_PEER_REMOVE};
	struct wm_wg_config wish = {.peers = &p, .n_peers = 1};

	put_peer(key_a, "10.0.1.0/24", NULL);
	put_peer(key_b, "10.0.2.0/24", NULL);
	wm_fake_wg_bytes(key_a, 100, 10);
	wm_fake_wg_bytes(key_b, 200, 20);
	assert_traffic(300, 30);
	/* What it did since the last look counts too. */
	wm_fake_wg_bytes(key_a, 150, 15);
	memcpy(p.public_key, key_a, WM_WG_KEY);
	assert_int_equal(configure(&wish), 0);
	assert_traffic(350, 35);
	/* It goes and comes between two looks, by another's hand. */
	memcpy(p.public_key, key_b, WM_WG_KEY);
	wm_fake_wg_set(&wish);
	p.flags = 0;
	wm_fake_wg_set(&wish);
	wm_fake_wg_bytes(key_b, 1, 1);
	assert_traffic(351, 36);
}

static void test_drops(void **state)
{
	uint64_t counts[WM_DROP_COUNT] = {0};

	wm_fake_wg_count(&(struct wm_wgdev_stats){
		.bad_source = 1, .bad_length = 2, .no_peer = 3, .staged = 4});
	dev->ops->drops(dev, counts);
	assert_int_equal(counts[WM_DROP_SOURCE], 1);
	assert_int_equal(counts[WM_DROP_INNER], 2);
	assert_int_equal(counts[WM_DROP_NO_PEER], 3);
	assert_int_equal(counts[WM_DROP_STAGED], 4);
}

static void test_the_interface_goes(void **state)
{
	struct wm_monitor_change gone = {
		.kind = WM_MONITOR_LINK, .link = dev->ifindex, .removed = true};
	struct wm_monitor_change other = {.kind = WM_MONITOR_LINK, .link = 2, .removed = true};
	struct wm_wg_config wish = {.replace_peers = true}, *c;

	put_peer(key_a, "10.0.1.0/24", NULL);
	wm_fake_wg_bytes(key_a, 100, 10);
	assert_traffic(100, 10);
	wm_fake_emit(&other);
	turn();
	assert_int_equal(news.broken, 0);
	wm_fake_drop_link(dev->ifindex);
	wm_fake_emit(&gone);
	turn();
	assert_int_equal(news.broken, 1);
	/* It can be talked to, and does not repeat itself. */
	assert_int_equal(configure(&wish), WM_NOT_FOUND);
	c = get();
	assert_int_equal(c->n_peers, 0);
	wm_wg_config_free(c);
	assert_traffic(100, 10);
	dev->ops->greet(dev, key_a);
	wm_fake_emit(&gone);
	turn();
	assert_int_equal(news.broken, 1);
}

/* Nobody tells, or what was told got lost: the next look finds out. */
static void test_the_interface_goes_unheard(void **state)
{
	struct wm_monitor_change lost = {.kind = WM_MONITOR_RESYNC};

	put_peer(key_a, "10.0.1.0/24", NULL);
	wm_fake_drop_link(dev->ifindex);
	wm_fake_emit(&lost);
	turn();
	assert_int_equal(news.broken, 1);
}

/* A look that fails for want of memory is followed by another. */
static void test_a_failed_look_is_no_end(void **state)
{
	put_peer(key_a, "10.0.1.0/24", NULL);
	wm_wg_config_free(get());
	wm_fake_wg_handshake(key_a, "192.0.2.1:5", 5);
	wm_fake_refuse("?wg get");
	turn();
	wm_wg_config_free(get());
	wm_fake_refuse(NULL);
	assert_true(wm_loop_run_until(loop, has_news, NULL, WAIT_MS));
	assert_int_equal(news.broken, 0);
}

/* Whatever call fails while it is opened and configured: nothing stays. */
static void test_failures(void **state)
{
	struct wm_wg_config wish = {.has_private_key = true, .private_key = {1}};
	unsigned n = 0;
	bool has_failed = true;

	dev->ops->close(dev);
	dev = NULL;
	while (has_failed) {
		wm_fake_fail_at(++n);
		if (open_device(NULL) == 0) {
			(void)configure(&wish);
			dev->ops->close(dev);
		}
		dev = NULL;
		has_failed = wm_fake_has_failed();
		assert_int_equal(wm_fake_open_handles(), 0);
	}
	wm_fake_fail_at(0);
	assert_true(n > 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_life, setup, teardown),
		cmocka_unit_test_setup_teardown(test_port, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_wrong_wish_changes_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_list_replaces, setup, teardown),
		cmocka_unit_test_setup_teardown(test_an_address_is_taken_away, setup, teardown),
		cmocka_unit_test_setup_teardown(test_handshakes_are_noticed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_closed_from_inside, setup, teardown),
		cmocka_unit_test_setup_teardown(test_greeting, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sums_never_fall, setup, teardown),
		cmocka_unit_test_setup_teardown(test_drops, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_interface_goes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_interface_goes_unheard, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_failed_look_is_no_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failures, setup, teardown),
	};

	return cmocka_run_group_tests_name("wg/kernel", tests, NULL, NULL);
}
