#include "fake_device.h"

#include <stdlib.h>
#include <string.h>

#include "platform/fake/host.h"
#include "wg/device.h"

struct wm_wg_device {
	struct fake_peer peers[64];
	size_t n;
	uint8_t refused;
	unsigned n_configures;
	bool is_kernel;
	bool is_inherited;
};

static struct wm_wg_device device;

struct wm_wg_device *fake_device(void)
{
	return &device;
}

void fake_device_reset(void)
{
	memset(&device, 0, sizeof(device));
}

void fake_device_be_kernel(void)
{
	device.is_kernel = true;
}

static struct fake_peer *find(const uint8_t key[WM_WG_KEY])
{
	for (size_t i = 0; i < device.n; i++)
		if (memcmp(device.peers[i].key, key, WM_WG_KEY) == 0)
			return &device.peers[i];
	return NULL;
}

const struct fake_peer *fake_device_peer(const uint8_t key[WM_WG_KEY])
{
	return find(key);
}

size_t fake_device_n_peers(void)
{
	return device.n;
}

unsigned fake_device_n_configures(void)
{
	return device.n_configures;
}

void fake_device_refuse(uint8_t first_byte)
{
	device.refused = first_byte;
}

void fake_device_inherit(void)
{
	device.is_inherited = true;
}

void fake_device_roam(const uint8_t key[WM_WG_KEY], const char *endpoint)
{
	if (!wm_endpoint_parse(endpoint, &find(key)->endpoint))
		abort();
}

static size_t find_allowed(const struct fake_peer *p, const struct wm_prefix *prefix)
{
	size_t i = 0;

	while (i < p->n_allowed && !wm_prefix_equal(&p->allowed[i], prefix))
		i++;
	return i;
}

bool fake_peer_allows(const struct fake_peer *p, const char *prefix)
{
	struct wm_prefix x;

	return wm_prefix_parse(prefix, &x) && find_allowed(p, &x) < p->n_allowed;
}

static void drop_allowed(struct fake_peer *p, const struct wm_prefix *prefix)
{
	size_t at = find_allowed(p, prefix);

	if (at < p->n_allowed)
		p->allowed[at] = p->allowed[--p->n_allowed];
}

static void apply_allowed(struct fake_peer *p, const struct wm_wg_peer_config *c)
{
	if ((c->flags & WM_WG_PEER_REPLACE_ALLOWED) != 0)
		p->n_allowed = 0;
	for (size_t i = 0; i < c->n_allowed; i++) {
		const struct wm_prefix *prefix = &c->allowed[i].prefix;

		if (c->allowed[i].remove) {
			drop_allowed(p, prefix);
			continue;
		}
		/* A prefix belongs to one peer. */
		for (size_t k = 0; k < device.n; k++)
			drop_allowed(&device.peers[k], prefix);
		p->allowed[p->n_allowed++] = *prefix;
	}
}

static void apply_peer(const struct wm_wg_peer_config *c)
{
	struct fake_peer *p = find(c->public_key);

	if ((c->flags & WM_WG_PEER_REMOVE) != 0) {
		if (p != NULL)
			*p = device.peers[--device.n];
		return;
	}
	if (p == NULL) {
		p = &device.peers[device.n++];
		memset(p, 0, sizeof(*p));
		memcpy(p->key, c->public_key, WM_WG_KEY);
	}
	if (c->has_endpoint) {
		p->endpoint = c->endpoint;
		p->n_endpoint_pushes++;
	}
	if (c->has_keepalive)
		p->keepalive_s = c->keepalive_s;
	apply_allowed(p, c);
}

int wm_wg_device_configure(struct wm_wg_device *d, const struct wm_wg_config *wish,
			   struct wm_err *err)
{
	int code = wm_fake_call(err, "device configure %zu", wish->n_peers);

	if (code != 0)
		return code;
	for (size_t i = 0; i < wish->n_peers; i++)
		if (d->refused != 0 && wish->peers[i].public_key[0] == d->refused)
			return wm_fail(err, WM_INVALID_ARGUMENT, "a key that is refused");
	d->n_configures++;
	if (wish->replace_peers)
		d->n = 0;
	for (size_t i = 0; i < wish->n_peers; i++)
		apply_peer(&wish->peers[i]);
	return 0;
}

bool wm_wg_device_is_inherited(const struct wm_wg_device *d)
{
	return d->is_inherited;
}

const char *wm_wg_device_name(const struct wm_wg_device *d)
{
	return "wm0";
}

bool wm_wg_device_is_kernel(const struct wm_wg_device *d)
{
	return d->is_kernel;
}

unsigned wm_wg_device_ifindex(const struct wm_wg_device *d)
{
	return FAKE_DEVICE_LINK;
}

void wm_wg_device_greet(struct wm_wg_device *d, const uint8_t public_key[WM_WG_KEY])
{
	struct fake_peer *p = find(public_key);

	if (p != NULL)
		p->n_greets++;
}
