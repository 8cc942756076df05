/* Passes on to what stands behind the device, and finds that. */
#include "wg/device.h"
#include <string.h>
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "loop/loop.h"
#include "wg/backend.h"
#include "wg/policy.h"

/* ---- nobody: what a device has that could not be made anew ---- */

static void nobody_closes(struct wm_wg_backend *b)
{
}

static int nobody_configures(struct wm_wg_backend *b, const struct wm_wg_config *wish,
			     struct wm_err *err)
{
	return wm_fail(err, WM_UNAVAILABLE, "the interface %s is gone", b->name);
}

/* Kept for who comes next, so it has to be one. */
static int nobody_judges(struct wm_wg_backend *b, const struct wm_wg_policy_spec *spec,
			 struct wm_err *err)
{
	struct wm_wg_policy *policy = NULL;
	int rc = spec != NULL ? wm_wg_policy_new(spec, &policy, err) : 0;
	wm_wg_policy_free(policy);
	return rc;
}

static struct wm_wg_config *nobody_gets(struct wm_wg_backend *b, bool with_keys)
{
	return wm_alloc(sizeof(struct wm_wg_config));
}

static void nobody_sets_active(struct wm_wg_backend *b, bool active)
{
}

static void nobody_sets_mtu(struct wm_wg_backend *b, uint32_t mtu)
{
}

static void nobody_greets(struct wm_wg_backend *b, const uint8_t public_key[WM_WG_KEY])
{
}

static void nobody_sends(struct wm_wg_backend *b, const struct wm_endpoint *to, const void *data,
			 size_t len)
{
}

static size_t nobody_is_asked(struct wm_wg_backend *b, struct wm_pulse **out)
{
	return 0;
}

static void no_traffic(struct wm_wg_backend *b, uint64_t *rx, uint64_t *tx)
{
	*rx = 0;
	*tx = 0;
}

static void no_drops(struct wm_wg_backend *b, uint64_t counts[WM_DROP_COUNT])
{
}

static const struct wm_wg_backend_ops nobody = {
	.kind = "none",
	.close = nobody_closes,
	.configure = nobody_configures,
	.set_policy = nobody_judges,
	.get = nobody_gets,
	.set_active = nobody_sets_active,
	.set_mtu = nobody_sets_mtu,
	.greet = nobody_greets,
	.send = nobody_sends,
	.ask = nobody_is_asked,
	.traffic = no_traffic,
	.drops = no_drops,
};

/* ---- opening and closing ---- */

static int open_backend(struct wm_wg_device *d, struct wm_err *err)
{
	struct wm_err why;
	int rc = WM_UNAVAILABLE;
	if (d->opts.netns != NULL && d->opts.uses_kernel)
		wm_info(d->log, "wg.no_kernel", "interface=%s reason=\"%s\"", d->opts.name,
			"it is in another network namespace than its UDP sockets");
	/* What carried the packets before the restart goes on doing so. */
	bool uses_kernel = d->opts.uses_kernel && d->opts.n_left == 0;
	/* The kernel's would not obey the policy that is kept. */
	uses_kernel = uses_kernel && d->policy == NULL && d->opts.netns == NULL;
	if (uses_kernel) {
		rc = wm_wg_kernel_open(d->loop, d->log, &d->opts, &d->events, d->arg, &d->backend,
				       &why);
		/* What is missing for both, the other says with words on how to get it. */
		if (rc != 0 && rc != WM_UNAVAILABLE && rc != WM_PERMISSION_DENIED)
			return wm_err_copy(err, &why);
	}
	if (rc == 0)
		return 0;
	if (uses_kernel)
		wm_info(d->log, "wg.no_kernel", "interface=%s reason=\"%s\"", d->opts.name,
			why.text);
	return wm_wg_userspace_open(d->loop, d->log, &d->opts, &d->events, d->arg, &d->backend,
				    err);
}

int wm_wg_device_open(struct wm_loop *loop, struct wm_log *log,
		      const struct wm_wg_device_opts *opts, const struct wm_wg_events *events,
		      void *arg, struct wm_wg_device **out, struct wm_err *err)
{
	static const struct wm_wg_events deaf;
	struct wm_wg_device *d = wm_alloc(sizeof(*d));
	wm_on_loop(loop);
	d->loop = loop;
	d->log = log;
	d->opts = *opts;
	d->events = events != NULL ? *events : deaf;
	d->arg = arg;
	int rc = open_backend(d, err);
	d->opts.n_left = 0; /* taken: for this once */
	if (rc != 0) {
		wm_free(d);
		return rc;
	}
	(void)wm_str_copy(d->name, sizeof(d->name), d->backend->name);
	d->opts.name = d->name;
	*out = d;
	return 0;
}

static void put_nobody(struct wm_wg_device *d)
{
	d->backend->ops->close(d->backend);
	d->nobody = (struct wm_wg_backend){.ops = &nobody, .name = d->name};
	d->backend = &d->nobody;
}

static int tell_policy(struct wm_wg_device *d, const struct wm_wg_policy_spec *spec,
		       struct wm_err *err)
{
	const struct wm_wg_backend_ops *ops = d->backend->ops;
	if (ops->set_policy != NULL)
		return ops->set_policy(d->backend, spec, err);
	if (spec == NULL)
		return 0;
	return wm_fail(err, WM_UNIMPLEMENTED,
		       "%s: a device of kind \"%s\" does not see its packets", d->backend->name,
		       ops->kind);
}

int wm_wg_device_reopen(struct wm_wg_device *d, struct wm_err *err)
{
	uint64_t rx, tx;
	wm_on_loop(d->loop);
	wm_wg_device_traffic(d, &rx, &tx);
	d->gone_rx = rx;
	d->gone_tx = tx;
	d->backend->ops->drops(d->backend, d->gone_drops);
	put_nobody(d);
	int rc = open_backend(d, err);
	if (rc != 0 || d->policy == NULL)
		return rc;
	/* Nobody rather than one that lets everything pass. */
	rc = tell_policy(d, d->policy, err);
	if (rc != 0)
		put_nobody(d);
	return rc;
}

void wm_wg_device_close(struct wm_wg_device *d)
{
	if (d == NULL)
		return;
	d->backend->ops->close(d->backend);
	wm_wg_policy_spec_free(d->policy);
	wm_free(d);
}

/* ---- passing on ---- */

const char *wm_wg_device_name(const struct wm_wg_device *d)
{
	return d->backend->name;
}

unsigned wm_wg_device_ifindex(const struct wm_wg_device *d)
{
	return d->backend->ifindex;
}

bool wm_wg_device_is_inherited(const struct wm_wg_device *d)
{
	return d->backend->is_inherited;
}

unsigned wm_wg_device_fds(const struct wm_wg_device *d, int out[WM_WG_FDS_MAX])
{
	return d->backend->ops->fds != NULL ? d->backend->ops->fds(d->backend, out) : 0;
}

const char *wm_wg_device_kind(const struct wm_wg_device *d)
{
	return d->backend->ops->kind;
}

bool wm_wg_device_is_kernel(const struct wm_wg_device *d)
{
	return d->backend->ops->is_kernel;
}

int wm_wg_device_configure(struct wm_wg_device *d, const struct wm_wg_config *wish,
			   struct wm_err *err)
{
	wm_on_loop(d->loop);
	return d->backend->ops->configure(d->backend, wish, err);
}

int wm_wg_device_set_policy(struct wm_wg_device *d, const struct wm_wg_policy_spec *spec,
			    struct wm_err *err)
{
	wm_on_loop(d->loop);
	int rc = tell_policy(d, spec, err);
	if (rc != 0)
		return rc;
	struct wm_wg_policy_spec *old = d->policy;
	d->policy = spec != NULL ? wm_wg_policy_spec_copy(spec) : NULL;
	wm_wg_policy_spec_free(old);
	return 0;
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
	*rx += d->gone_rx;
	*tx += d->gone_tx;
}

void wm_wg_device_drops(struct wm_wg_device *d, uint64_t counts[WM_DROP_COUNT])
{
	memcpy(counts, d->gone_drops, sizeof(d->gone_drops));
	d->backend->ops->drops(d->backend, counts);
}
