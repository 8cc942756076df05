/* Passes on to what stands behind the device. */
#include "wg/device.h"
#include <string.h>
#include "base/mem.h"
#include "loop/loop.h"
#include "wg/backend.h"

int wm_wg_device_open(struct wm_loop *loop, struct wm_log *log,
		      const struct wm_wg_device_opts *opts, const struct wm_wg_events *events,
		      void *arg, struct wm_wg_device **out, struct wm_err *err)
{
	static const struct wm_wg_events deaf;
	struct wm_wg_device *d = wm_alloc(sizeof(*d));

	wm_on_loop(loop);
	d->loop = loop;
	int rc = wm_wg_userspace_open(loop, log, opts, events != NULL ? events : &deaf, arg,
				      &d->backend, err);
	if (rc != 0) {
		wm_free(d);
		return rc;
	}
	*out = d;
	return 0;
}

void wm_wg_device_close(struct wm_wg_device *d)
{
	if (d == NULL)
		return;
	d->backend->ops->close(d->backend);
	wm_free(d);
}

const char *wm_wg_device_name(const struct wm_wg_device *d)
{
	return d->backend->name;
}

unsigned wm_wg_device_ifindex(const struct wm_wg_device *d)
{
	return d->backend->ifindex;
}

const char *wm_wg_device_kind(const struct wm_wg_device *d)
{
	return d->backend->ops->kind;
}

int wm_wg_device_configure(struct wm_wg_device *d, const struct wm_wg_config *wish,
			   struct wm_err *err)
{
	wm_on_loop(d->loop);
	return d->backend->ops->configure(d->backend, wish, err);
}

void wm_wg_device_set_active(struct wm_wg_device *d, bool active)
{
	wm_on_loop(d->loop);
	d->backend->ops->set_active(d->backend, active);
}

void wm_wg_device_set_mtu(struct wm_wg_device *d, uint32_t mtu)
{
	wm_on_loop(d->loop);
	d->backend->ops->set_mtu(d->backend, mtu);
}

struct wm_wg_config *wm_wg_device_get(struct wm_wg_device *d, bool with_keys)
{
	wm_on_loop(d->loop);
	return d->backend->ops->get(d->backend, with_keys);
}

void wm_wg_device_greet(struct wm_wg_device *d, const uint8_t public_key[WM_WG_KEY])
{
	wm_on_loop(d->loop);
	d->backend->ops->greet(d->backend, public_key);
}

void wm_wg_device_send(struct wm_wg_device *d, const struct wm_endpoint *to, const void *data,
		       size_t len)
{
	wm_on_loop(d->loop);
	d->backend->ops->send(d->backend, to, data, len);
}

size_t wm_wg_device_ask(struct wm_wg_device *d, struct wm_pulse **out)
{
	wm_on_loop(d->loop);
	return d->backend->ops->ask(d->backend, out);
}

void wm_wg_device_traffic(const struct wm_wg_device *d, uint64_t *rx, uint64_t *tx)
{
	d->backend->ops->traffic(d->backend, rx, tx);
}

void wm_wg_device_drops(struct wm_wg_device *d, uint64_t counts[WM_DROP_COUNT])
{
	memset(counts, 0, WM_DROP_COUNT * sizeof(counts[0]));
	d->backend->ops->drops(d->backend, counts);
}
