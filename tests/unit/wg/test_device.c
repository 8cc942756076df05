/* Whole devices on their loop, in a network namespace of the test's own; they talk over loopback.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/pulse.h"
#include "crypto/x25519.h"
#include "loop/loop.h"
#include "wg/userspace.h"

#define WAIT_MS 10000

/* A device and what it told its owner. */
struct node {
	struct wm_wg_device *device;
	uint8_t private_key[32], public_key[32];
	unsigned handshakes, foreign, broken;
	uint8_t last_key[32];
	struct wm_endpoint last_from;
	char last_foreign[64];
	bool closes_itself; /* from inside the callback */
	struct node
		*last_words_of; /* sends another datagram to this node before it closes itself */
	struct wm_endpoint at;
};

static struct wm_loop *loop;

static void on_handshake(void *arg, const uint8_t key[WM_WG_KEY], const struct wm_endpoint *from,
			 bool by_peer)
{
	struct node *n = arg;
	n->handshakes++;
	n->last_from = *from;
	memcpy(n->last_key, key, 32);
	if (n->closes_itself) {
		wm_wg_device_close(n->device);
		n->device = NULL;
	}
}

static void on_foreign(void *arg, const struct wm_endpoint *from, const uint8_t *data, size_t len)
{
	struct node *n = arg;
	n->foreign++;
	n->last_from = *from;
	snprintf(n->last_foreign, sizeof(n->last_foreign), "%.*s", (int)len, (const char *)data);
	if (n->last_words_of == NULL)
		return;
	wm_wg_device_send(n->last_words_of->device, &n->at, "second", 6);
	usleep(100000); /* the worker hears it meanwhile */
	wm_wg_device_close(n->device);
	n->device = NULL;
}

static void on_broken(void *arg, const struct wm_err *why)
{
	((struct node *)arg)->broken++;
	assert_int_equal(why->sys, ENODEV);
	assert_non_null(strstr(why->text, "was deleted"));
}

static const struct wm_wg_events events = {
	.on_handshake = on_handshake, .on_foreign = on_foreign, .on_broken = on_broken};

static void configure(struct node *n, const struct wm_wg_config *wish)
{
	struct wm_err err;
	if (wm_wg_device_configure(n->device, wish, &err) != 0)
		fail_msg("%s", err.text);
}

static struct wm_prefix prefix(const char *text)
{
	struct wm_prefix p;
	assert_true(wm_prefix_parse(text, &p));
	return p;
}

static struct node *node_new(const char *name)
{
	struct wm_wg_device_opts opts = {.name = name, .workers = 2};
	struct wm_wg_config wish = {.has_private_key = true};
	struct node *n = wm_alloc(sizeof(*n));
	struct wm_err err;
	if (wm_wg_device_open(loop, NULL, &opts, &events, n, &n->device, &err) != 0)
		fail_msg("%s", err.text);
	wm_x25519_generate(n->private_key);
	wm_x25519_public(n->private_key, n->public_key);
	memcpy(wish.private_key, n->private_key, 32);
	configure(n, &wish); /* binds a port too */
	return n;
}

static void node_free(struct node *n)
{
	wm_wg_device_close(n->device);
	wm_free(n);
}

static uint16_t port_of(struct node *n)
{
	struct wm_wg_config *c = wm_wg_device_get(n->device, false);
	uint16_t port = c->listen_port;
	assert_true(c->has_listen_port && port != 0);
	wm_wg_config_free(c);
	return port;
}

static struct wm_endpoint place_of(struct node *n)
{
	return (struct wm_endpoint){.addr = wm_addr_v4(0x7f000001), .port = port_of(n)};
}

static struct wm_wg_peer_config peer_of(struct node *n, struct wm_wg_allowed *allowed)
{
	struct wm_wg_peer_config p = {.has_endpoint = true,
				      .endpoint = place_of(n),
				      .allowed = allowed,
				      .n_allowed = allowed != NULL};
	memcpy(p.public_key, n->public_key, 32);
	return p;
}

static void add_peer(struct node *n, struct node *other, const char *allowed_text)
{
	struct wm_wg_allowed allowed = {.prefix = prefix(allowed_text)};
	struct wm_wg_peer_config p = peer_of(other, &allowed);
	configure(n, &(struct wm_wg_config){.peers = &p, .n_peers = 1});
}

static bool both_shook_hands(void *arg)
{
	struct node **n = arg;
	return n[0]->handshakes > 0 && n[1]->handshakes > 0;
}

static void test_a_greeting_makes_a_session(void **state)
{
	struct node *n[] = {node_new("wma"), node_new("wmb")};
	struct wm_endpoint want = place_of(n[1]);
	add_peer(n[0], n[1], "10.1.0.2/32");
	add_peer(n[1], n[0], "10.1.0.1/32");
	wm_wg_device_greet(n[0]->device, n[1]->public_key);
	wm_wg_device_greet(n[0]->device, n[0]->public_key); /* no such peer */
	assert_true(wm_loop_run_until(loop, both_shook_hands, n, WAIT_MS));
	assert_memory_equal(n[0]->last_key, n[1]->public_key, 32);
	assert_memory_equal(n[1]->last_key, n[0]->public_key, 32);
	assert_true(wm_endpoint_equal(&n[0]->last_from, &want));
	struct wm_wg_config *c = wm_wg_device_get(n[0]->device, false);
	assert_true(c->peers[0].last_handshake_wall_ns > 0);
	assert_true(c->peers[0].tx_bytes >= 148 && c->peers[0].rx_bytes >= 92);
	wm_wg_config_free(c);
	/* What was carried with a peer stays counted when it goes. */
	struct wm_wg_config nobody = {.replace_peers = true};
	uint64_t rx, tx, later_rx, later_tx;
	wm_wg_device_traffic(n[0]->device, &rx, &tx);
	assert_true(tx >= 148 && rx >= 92);
	configure(n[0], &nobody);
	wm_wg_device_traffic(n[0]->device, &later_rx, &later_tx);
	assert_true(later_rx >= rx && later_tx >= tx);
	node_free(n[0]);
	node_free(n[1]);
}

static void test_crossing_greetings(void **state)
{
	struct node *n[] = {node_new("wma"), node_new("wmb")};
	add_peer(n[0], n[1], "10.1.0.2/32");
	add_peer(n[1], n[0], "10.1.0.1/32");
	wm_wg_device_greet(n[0]->device, n[1]->public_key);
	wm_wg_device_greet(n[1]->device, n[0]->public_key);
	assert_true(wm_loop_run_until(loop, both_shook_hands, n, 2000));
	node_free(n[0]);
	node_free(n[1]);
}

static bool is_closed(void *arg)
{
	return ((struct node *)arg)->device == NULL;
}

static bool never(void *arg)
{
	return false;
}

static void test_closing_from_inside_a_callback(void **state)
{
	struct node *n[] = {node_new("wma"), node_new("wmb")};
	n[0]->closes_itself = true;
	add_peer(n[0], n[1], "10.1.0.2/32");
	add_peer(n[1], n[0], "10.1.0.1/32");
	wm_wg_device_greet(n[0]->device, n[1]->public_key);
	assert_true(wm_loop_run_until(loop, both_shook_hands, n, WAIT_MS));
	assert_null(n[0]->device);
	node_free(n[0]);
	node_free(n[1]);
}

/* What threads still had to say when the owner closed the device is never told, nor missed. */
static void test_closing_while_more_is_on_its_way(void **state)
{
	struct node *a = node_new("wma"), *b = node_new("wmb");
	struct wm_endpoint to = place_of(b);
	b->last_words_of = a;
	b->at = to;
	wm_wg_device_send(a->device, &to, "first", 5);
	assert_true(wm_loop_run_until(loop, is_closed, b, WAIT_MS));
	wm_loop_run_until(loop, never, NULL, 50);
	assert_int_equal(b->foreign, 1);
	node_free(a);
	node_free(b);
}

struct asked {
	struct wm_pulse *pulses[WM_WG_THREADS_MAX];
	size_t n;
};

static bool all_shown(void *arg)
{
	struct asked *a = arg;
	for (size_t i = 0; i < a->n; i++)
		if (!wm_pulse_is_shown(a->pulses[i]))
			return false;
	return true;
}

/* A pulse wakes nobody, so the loop has to look again and again. */
static bool wait_for_pulses(struct asked *a)
{
	for (unsigned i = 0; i < WAIT_MS / 5; i++)
		if (wm_loop_run_until(loop, all_shown, a, 5))
			return true;
	return false;
}

/* Asleep as they are: it wakes them. */
static void test_each_thread_shows_that_it_lives(void **state)
{
	struct node *n = node_new("wma");
	struct asked a;
	for (unsigned round = 0; round < 3; round++) {
		a.n = wm_wg_device_ask(n->device, a.pulses);
		assert_int_equal(a.n, 3); /* the handshakes, and two workers */
		assert_true(wait_for_pulses(&a));
	}
	assert_string_equal(a.pulses[0]->name, "wg-handshakes");
	assert_string_equal(a.pulses[2]->name, "wg-worker-1");
	node_free(n);
}

static void test_an_inactive_device_is_silent(void **state)
{
	struct node *n[] = {node_new("wma"), node_new("wmb")};
	add_peer(n[0], n[1], "10.1.0.2/32");
	add_peer(n[1], n[0], "10.1.0.1/32");
	uint16_t port = port_of(n[1]);
	wm_wg_device_set_active(n[1]->device, false);
	wm_wg_device_greet(n[0]->device, n[1]->public_key);
	wm_loop_run_until(loop, never, NULL, 200);
	assert_int_equal(n[0]->handshakes + n[1]->handshakes, 0);
	assert_int_equal(port_of(n[1]), port);
	wm_wg_device_set_active(n[1]->device, false); /* already */
	wm_wg_device_set_active(n[1]->device, true);
	wm_wg_device_greet(n[1]->device, n[0]->public_key);
	assert_true(wm_loop_run_until(loop, both_shook_hands, n, WAIT_MS));
	node_free(n[0]);
	node_free(n[1]);
}

static bool has_foreign(void *arg)
{
	return ((struct node *)arg)->foreign > 0;
}

static void test_what_is_not_wireguard_goes_to_the_hook(void **state)
{
	struct node *a = node_new("wma"), *b = node_new("wmb");
	struct wm_endpoint to = place_of(b), want = place_of(a);
	wm_wg_device_send(a->device, &to, "probe", 5);
	assert_true(wm_loop_run_until(loop, has_foreign, b, WAIT_MS));
	assert_string_equal(b->last_foreign, "probe");
	assert_true(wm_endpoint_equal(&b->last_from, &want));
	node_free(a);
	node_free(b);
}

static bool has_short(void *arg)
{
	uint64_t counts[WM_DROP_COUNT];
	wm_wg_device_drops(((struct node *)arg)->device, counts);
	return counts[WM_DROP_SHORT] == 1 && counts[WM_DROP_MAC1] == 1 &&
	       counts[WM_DROP_INDEX] == 2 && counts[WM_DROP_FOREIGN] == 1;
}

static void test_drops_are_counted(void **state)
{
	static const uint8_t messages[4][148] = {{1}, {1}, {4}, {3}};
	static const uint8_t large[1600] = {9};
	static const size_t lengths[] = {148, 147, 32, 64};
	struct node *a = node_new("wma"), *b = node_new("wmb");
	struct wm_endpoint to = place_of(b);
	for (unsigned i = 0; i < WM_ARRAY_LEN(lengths); i++)
		wm_wg_device_send(a->device, &to, messages[i], lengths[i]);
	wm_wg_device_send(a->device, &to, large, sizeof(large));
	/* Counting wakes nobody, so ask again and again. */
	for (unsigned i = 0; i < WAIT_MS / 10 && !has_short(b); i++)
		(void)wm_loop_run_until(loop, has_short, b, 10);
	assert_true(has_short(b));
	node_free(a);
	node_free(b);
}

static int try_wish(struct node *n, const struct wm_wg_config *wish)
{
	struct wm_err err = {.text = ""};
	int rc = wm_wg_device_configure(n->device, wish, &err);
	assert_true((rc != 0) == (err.text[0] != '\0'));
	return rc;
}

/* A wish that fails in its last part leaves everything as it was. */
static void test_all_or_nothing(void **state)
{
	struct node *a = node_new("wma"), *b = node_new("wmb");
	struct wm_wg_allowed allowed[2] = {{.prefix = prefix("10.1.0.2/32")}};
	struct wm_wg_peer_config p = peer_of(b, allowed);
	struct wm_wg_config wish = {.has_listen_port = true,
				    .listen_port = port_of(b),
				    .has_private_key = true,
				    .replace_peers = true,
				    .peers = &p,
				    .n_peers = 1};
	uint16_t port = port_of(a);
	assert_int_equal(try_wish(a, &wish), WM_ALREADY_EXISTS);
	wish.has_listen_port = false;
	p.n_allowed = 2; /* the second is no prefix */
	assert_int_equal(try_wish(a, &wish), WM_INVALID_ARGUMENT);
	p.n_allowed = 1;
	p.endpoint.port = 0;
	assert_int_equal(try_wish(a, &wish), WM_INVALID_ARGUMENT);
	p.endpoint = (struct wm_endpoint){.port = 1};
	assert_int_equal(try_wish(a, &wish), WM_INVALID_ARGUMENT);

	struct wm_wg_config *c = wm_wg_device_get(a->device, true);
	assert_int_equal(c->n_peers, 0);
	assert_int_equal(c->listen_port, port);
	assert_memory_equal(c->private_key, a->private_key, 32);
	assert_memory_equal(c->public_key, a->public_key, 32);
	wm_wg_config_free(c);
	node_free(a);
	node_free(b);
}

static bool is_told(void *arg)
{
	const struct wm_wg_userspace *d = arg;
	return d->told_notes == (WM_WG_NOTE_TUN_UDP | WM_WG_NOTE_TRAINS);
}

static unsigned count_lines(FILE *f, const char *what)
{
	char line[500];
	unsigned n = 0;
	rewind(f);
	while (fgets(line, sizeof(line), f) != NULL)
		n += strstr(line, what) != NULL;
	return n;
}

/* However often the threads say it. */
static void test_a_refused_offload_is_logged_once(void **state)
{
	struct wm_wg_device_opts opts = {.name = "wma", .workers = 2};
	FILE *f = tmpfile();
	struct wm_log *log = wm_log_new(fileno(f), WM_LOG_WARN, WM_LOG_TEXT);
	struct wm_wg_device *d;
	struct wm_err err;
	if (wm_wg_device_open(loop, log, &opts, NULL, NULL, &d, &err) != 0)
		fail_msg("%s", err.text);
	struct wm_wg_userspace *u = wm_container_of(d->backend, struct wm_wg_userspace, face);
	for (unsigned i = 0; i < 3; i++) {
		wm_wg_core_note(&u->core, WM_WG_NOTE_TUN_UDP);
		wm_wg_core_note(&u->core, WM_WG_NOTE_TRAINS);
		assert_true(wm_loop_run_until(loop, is_told, u, WAIT_MS));
	}
	wm_loop_run_until(loop, never, NULL, 20);
	wm_wg_device_close(d);
	wm_log_free(log);
	assert_int_equal(count_lines(f, "wg.offload_refused"), 2);
	assert_int_equal(count_lines(f, "joined UDP datagrams"), 1);
	fclose(f);
}

/* There and back, faster than threads let go of sockets. */
static void test_a_port_that_was_left_is_free(void **state)
{
	struct node *n = node_new("wma");
	uint16_t ports[2] = {port_of(n), 0};
	struct wm_wg_config wish = {.has_listen_port = true};
	configure(n, &wish);
	ports[1] = port_of(n);
	for (unsigned i = 0; i < 100; i++) {
		wish.listen_port = ports[i % 2];
		configure(n, &wish);
		assert_int_equal(port_of(n), ports[i % 2]);
	}
	node_free(n);
}

static void test_peers_come_change_and_go(void **state)
{
	struct node *a = node_new("wma"), *b = node_new("wmb"), *x = node_new("wmx");
	struct wm_wg_allowed allowed[] = {{.prefix = prefix("10.1.0.2/32")},
					  {.prefix = prefix("10.2.0.0/16")}};
	struct wm_wg_peer_config p[2] = {peer_of(b, &allowed[0]), peer_of(x, &allowed[1])};
	struct wm_wg_config wish = {.peers = p, .n_peers = 2}, *c;
	p[0].has_psk = p[0].has_keepalive = true;
	p[0].psk[0] = 1;
	p[0].keepalive_s = 25;
	configure(a, &wish);
	c = wm_wg_device_get(a->device, true);
	assert_int_equal(c->n_peers, 2);
	assert_true(c->peers[0].has_psk && c->peers[0].psk[0] == 1);
	assert_int_equal(c->peers[0].keepalive_s, 25);
	assert_true(wm_prefix_equal(&c->peers[1].allowed[0].prefix, &allowed[1].prefix));
	wm_wg_config_free(c);
	c = wm_wg_device_get(a->device, false);
	assert_false(c->has_private_key || c->peers[0].has_psk);
	assert_int_equal(c->private_key[0] | c->private_key[31] | c->peers[0].psk[0], 0);
	wm_wg_config_free(c);

	/* The whole list without the first: it goes; the second loses what it is not given. */
	p[1].n_allowed = 0;
	configure(a, &(struct wm_wg_config){.replace_peers = true, .peers = &p[1], .n_peers = 1});
	c = wm_wg_device_get(a->device, false);
	assert_int_equal(c->n_peers, 1);
	assert_int_equal(c->peers[0].n_allowed, 0);
	assert_memory_equal(c->peers[0].public_key, x->public_key, 32);
	wm_wg_config_free(c);

	/* Ourselves, one that is to be updated only, and one that is to go. */
	memcpy(p[0].public_key, a->public_key, 32);
	configure(a, &(struct wm_wg_config){.peers = p, .n_peers = 1});
	memcpy(p[0].public_key, b->public_key, 32);
	p[0].flags = WM_WG_PEER_UPDATE_ONLY;
	p[1].flags = WM_WG_PEER_REMOVE;
	configure(a, &wish);
	configure(a, &wish); /* again: nothing to remove */
	c = wm_wg_device_get(a->device, false);
	assert_int_equal(c->n_peers, 0);
	wm_wg_config_free(c);
	node_free(a);
	node_free(b);
	node_free(x);
}

static bool is_broken(void *arg)
{
	return ((struct node *)arg)->broken > 0;
}

static void test_a_deleted_interface_is_told(void **state)
{
	struct node *a = node_new("wma");
	assert_int_equal(system("ip link delete wma"), 0);
	assert_true(wm_loop_run_until(loop, is_broken, a, WAIT_MS));
	assert_false(wm_loop_run_until(loop, both_shook_hands, (struct node *[]){a, a}, 50));
	assert_int_equal(a->broken, 1); /* once, though every worker noticed */
	node_free(a);
}

/* Made anew as often as need be: it counts on, and carries on once it is configured. */
static void test_a_deleted_interface_is_made_anew(void **state)
{
	struct node *n[] = {node_new("wma"), node_new("wmb")};
	struct wm_wg_config wish = {.has_private_key = true}, *c;
	uint64_t rx, tx, later_rx, later_tx;
	struct wm_err err;

	add_peer(n[0], n[1], "10.1.0.2/32");
	add_peer(n[1], n[0], "10.1.0.1/32");
	wm_wg_device_greet(n[0]->device, n[1]->public_key);
	assert_true(wm_loop_run_until(loop, both_shook_hands, n, WAIT_MS));
	wm_wg_device_traffic(n[0]->device, &rx, &tx);
	for (unsigned i = 0; i < 2; i++) {
		n[0]->broken = 0;
		assert_int_equal(system("ip link delete wma"), 0);
		assert_true(wm_loop_run_until(loop, is_broken, n[0], WAIT_MS));
		/* Somebody else is quicker: nobody stands behind it then. */
		assert_int_equal(system("ip link add wma type bridge"), 0);
		assert_int_equal(wm_wg_device_reopen(n[0]->device, &err), WM_ALREADY_EXISTS);
		assert_string_equal(wm_wg_device_kind(n[0]->device), "none");
		assert_string_equal(wm_wg_device_name(n[0]->device), "wma");
		assert_int_equal(wm_wg_device_configure(n[0]->device, &wish, &err), WM_UNAVAILABLE);
		wm_wg_device_greet(n[0]->device, n[1]->public_key);
		assert_int_equal(system("ip link delete wma"), 0);
		assert_int_equal(wm_wg_device_reopen(n[0]->device, &err), 0);
		assert_string_equal(wm_wg_device_kind(n[0]->device), "userspace");
		wm_wg_device_traffic(n[0]->device, &later_rx, &later_tx);
		assert_int_equal(later_rx, rx);
		assert_int_equal(later_tx, tx);
	}
	c = wm_wg_device_get(n[0]->device, true);
	assert_false(c->has_private_key || c->n_peers > 0);
	wm_wg_config_free(c);
	memcpy(wish.private_key, n[0]->private_key, 32);
	configure(n[0], &wish);
	add_peer(n[0], n[1], "10.1.0.2/32");
	add_peer(n[1], n[0], "10.1.0.1/32"); /* where it is now */
	n[0]->handshakes = n[1]->handshakes = 0;
	wm_wg_device_greet(n[0]->device, n[1]->public_key);
	assert_true(wm_loop_run_until(loop, both_shook_hands, n, WAIT_MS));
	wm_wg_device_traffic(n[0]->device, &later_rx, &later_tx);
	assert_true(later_rx > rx && later_tx > tx);
	node_free(n[0]);
	node_free(n[1]);
}

static void test_names(void **state)
{
	struct wm_wg_device_opts opts = {.name = "wmn+"};
	struct wm_wg_device *d[2], *none = NULL;
	struct wm_err err;
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(wm_wg_device_open(loop, NULL, &opts, NULL, NULL, &d[i], &err), 0);
	assert_string_equal(wm_wg_device_name(d[0]), "wmn0");
	assert_string_equal(wm_wg_device_name(d[1]), "wmn1");
	assert_string_equal(wm_wg_device_kind(d[0]), "userspace");
	assert_int_not_equal(wm_wg_device_ifindex(d[0]), wm_wg_device_ifindex(d[1]));
	opts.name = "wmn1";
	assert_int_equal(wm_wg_device_open(loop, NULL, &opts, NULL, NULL, &none, &err),
			 WM_ALREADY_EXISTS);
	assert_null(none);
	wm_wg_device_close(d[0]);
	wm_wg_device_close(d[1]);
	wm_wg_device_close(NULL);
}

static int set_up(void **state)
{
	if (unshare(CLONE_NEWNET) != 0) {
		fprintf(stderr, "a network namespace needs root: %s\n", strerror(errno));
		return -1;
	}
	loop = wm_loop_new(NULL);
	return system("ip link set lo up");
}

static int tear_down(void **state)
{
	wm_loop_free(loop);
	return 0;
}

/* A policy that cannot be leaves the one that is; none is one, too. */
static void test_a_policy_comes_and_goes(void **state)
{
	struct node *n = node_new("wmp+");
	struct wm_wg_rule rule = {.allows = true}, bad = {.target_ports = {1, 1}};
	struct wm_wg_policy_spec spec = {.rules = &rule, .n_rules = 1};
	struct wm_wg_policy_spec bad_spec = {.rules = &bad, .n_rules = 1};
	struct wm_wg_userspace *u =
		wm_container_of(n->device->backend, struct wm_wg_userspace, face);
	struct wm_err err;
	assert_null(atomic_load(&u->core.judge));
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(wm_wg_device_set_policy(n->device, &spec, &err), 0);
	struct wm_wg_judge *judge = atomic_load(&u->core.judge);
	assert_non_null(judge);
	assert_int_equal(judge->n_workers, u->core.n_workers);
	assert_int_equal(wm_wg_device_set_policy(n->device, &bad_spec, &err), WM_INVALID_ARGUMENT);
	assert_ptr_equal(atomic_load(&u->core.judge), judge);
	assert_int_equal(wm_wg_device_set_policy(n->device, NULL, &err), 0);
	assert_null(atomic_load(&u->core.judge));
	assert_int_equal(wm_wg_device_set_policy(n->device, &spec, &err), 0);
	node_free(n);
}

/* Made anew, a device judges by what it was told, also by what was freed since. */
static void test_a_policy_outlives_the_interface(void **state)
{
	struct node *n = node_new("wmq");
	struct wm_addr member = wm_addr_v4(0x0a010001), other = wm_addr_v4(0x0a020001);
	struct wm_prefix from = prefix("10.1.0.0/16"), to = prefix("10.2.0.0/16");
	struct wm_wg_rule rules[] = {
		{.protocol = 6},
		{.sources = &from, .n_sources = 1, .targets = &to, .n_targets = 1, .allows = true}};
	struct wm_wg_policy_spec spec = {
		.rules = rules, .n_rules = 2, .members = &member, .n_members = 1, .peer_port = 9};
	struct wm_wg_flow flow = {.version = 4, .protocol = 17};
	struct wm_wg_userspace *u;
	struct wm_err err;
	memcpy(flow.source, member.bytes, 4);
	memcpy(flow.target, other.bytes, 4);
	assert_int_equal(wm_wg_device_set_policy(n->device, &spec, &err), 0);
	memset(rules, 0, sizeof(rules));
	memset(&from, 0, sizeof(from));
	assert_int_equal(system("ip link delete wmq"), 0);
	assert_true(wm_loop_run_until(loop, is_broken, n, WAIT_MS));
	/* Twice: the first time somebody else has the name. */
	assert_int_equal(system("ip link add wmq type bridge"), 0);
	assert_int_equal(wm_wg_device_reopen(n->device, &err), WM_ALREADY_EXISTS);
	assert_int_equal(system("ip link delete wmq"), 0);
	n->device->opts.uses_kernel = true; /* which would not obey */
	assert_int_equal(wm_wg_device_reopen(n->device, &err), 0);
	assert_string_equal(wm_wg_device_kind(n->device), "userspace");
	u = wm_container_of(n->device->backend, struct wm_wg_userspace, face);
	struct wm_wg_judge *judge = atomic_load(&u->core.judge);
	assert_non_null(judge);
	assert_true(wm_wg_policy_allows(judge->policy, &flow));
	flow.protocol = 6;
	assert_false(wm_wg_policy_allows(judge->policy, &flow));
	/* A newer one, told while there is nobody. */
	assert_int_equal(system("ip link delete wmq"), 0);
	assert_int_equal(system("ip link add wmq type bridge"), 0);
	assert_int_equal(wm_wg_device_reopen(n->device, &err), WM_ALREADY_EXISTS);
	rules[0] = (struct wm_wg_rule){.protocol = 6, .allows = true};
	spec.n_rules = 1;
	assert_int_equal(wm_wg_device_set_policy(n->device, &spec, &err), 0);
	rules[0].only_answers = true;
	rules[0].protocol = 17;
	assert_int_equal(wm_wg_device_set_policy(n->device, &spec, &err), WM_INVALID_ARGUMENT);
	assert_int_equal(system("ip link delete wmq"), 0);
	assert_int_equal(wm_wg_device_reopen(n->device, &err), 0);
	u = wm_container_of(n->device->backend, struct wm_wg_userspace, face);
	assert_true(wm_wg_policy_allows(atomic_load(&u->core.judge)->policy, &flow));
	flow.protocol = 17;
	assert_false(wm_wg_policy_allows(atomic_load(&u->core.judge)->policy, &flow));
	/* One that was taken back does not come back. */
	assert_int_equal(wm_wg_device_set_policy(n->device, NULL, &err), 0);
	n->device->opts.uses_kernel = false;
	assert_int_equal(wm_wg_device_reopen(n->device, &err), 0);
	u = wm_container_of(n->device->backend, struct wm_wg_userspace, face);
	assert_null(atomic_load(&u->core.judge));
	node_free(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_greeting_makes_a_session),
		cmocka_unit_test(test_crossing_greetings),
		cmocka_unit_test(test_closing_from_inside_a_callback),
		cmocka_unit_test(test_closing_while_more_is_on_its_way),
		cmocka_unit_test(test_an_inactive_device_is_silent),
		cmocka_unit_test(test_each_thread_shows_that_it_lives),
		cmocka_unit_test(test_what_is_not_wireguard_goes_to_the_hook),
		cmocka_unit_test(test_drops_are_counted),
		cmocka_unit_test(test_all_or_nothing),
		cmocka_unit_test(test_a_refused_offload_is_logged_once),
		cmocka_unit_test(test_a_port_that_was_left_is_free),
		cmocka_unit_test(test_peers_come_change_and_go),
		cmocka_unit_test(test_a_deleted_interface_is_told),
		cmocka_unit_test(test_a_deleted_interface_is_made_anew),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_a_policy_comes_and_goes),
		cmocka_unit_test(test_a_policy_outlives_the_interface),
	};
	return cmocka_run_group_tests_name("wg/device", tests, set_up, tear_down);
}
