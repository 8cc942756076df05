/*
 * A datagram of generic netlink, as the answer to request 1 of a device (family 31) and of the
 * controller. Whatever the bytes are: prefixes are valid, no key shows that was not asked for, and
 * what was read can be written and read again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <libmnl/libmnl.h>

#include "base/mem.h"
#include "platform/linux/netlink_parse.h"
#include "platform/linux/wgdev_parse.h"
#include "platform/linux/wgdev_put.h"

#define FAMILY 31
#define SIZE   4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
	if (!ok)
		abort();
}

static void on_item(void *arg, const struct nlmsghdr *nlh)
{
	struct wm_wgdev_reading *r = arg;
	struct wm_wgdev_stats stats;
	uint16_t family;

	wm_wgdev_parse(r, nlh);
	must(!wm_wgdev_parse_family(nlh, &family) || family != 0);
	(void)wm_wgdev_parse_stats(nlh, &stats);
}

static void check(const struct wm_wg_config *c, bool with_keys)
{
	must(with_keys || !c->has_private_key);
	for (size_t i = 0; i < c->n_peers; i++) {
		const struct wm_wg_peer_config *p = &c->peers[i];

		must(with_keys || !p->has_psk);
		must(p->last_handshake_wall_ns >= 0);
		must(p->has_keepalive == (p->keepalive_s != 0));
		for (size_t j = 0; j < p->n_allowed; j++)
			must(wm_prefix_is_valid(&p->allowed[j].prefix));
	}
}

static void write_again(const struct wm_wg_config *c)
{
	struct wm_wgdev_writer w = {.wish = c, .ifindex = 1, .family = FAMILY};
	struct wm_wgdev_reading r = {.family = FAMILY, .with_keys = true};
	_Alignas(8) char buf[SIZE];
	struct nlmsghdr *nlh;

	wm_wgdev_parse_reset(&r);
	while ((nlh = wm_wgdev_put_next(&w, buf, sizeof(buf))) != NULL) {
		must(nlh->nlmsg_len <= sizeof(buf));
		wm_wgdev_parse(&r, nlh);
	}
	must(r.config->n_peers == c->n_peers);
	for (size_t i = 0; i < c->n_peers; i++)
		must(r.config->peers[i].n_allowed == c->peers[i].n_allowed);
	wm_wg_config_free(r.config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wm_wgdev_reading r = {.family = FAMILY};
	struct wm_netlink_reply reply = {0};
	void *copy;

	if (size < 2)
		return 0;
	r.with_keys = (data[0] & 1) != 0;
	/* Aligned, and with its end where a sanitizer sees it. */
	copy = wm_memdup(data + 1, size - 1);
	wm_wgdev_parse_reset(&r);
	wm_netlink_parse_reply(copy, size - 1, 1, &reply, on_item, &r);
	check(r.config, r.with_keys);
	write_again(r.config);
	wm_wgdev_parse_reset(&r);
	must(r.config->n_peers == 0);
	wm_wg_config_free(r.config);
	wm_free(copy);
	return 0;
}
