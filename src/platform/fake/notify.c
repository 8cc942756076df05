/* A service manager that hears all and minds nothing: what is told stands in the fake's log. */
#include "base/mem.h"
#include "platform/fake/host_impl.h"
#include "platform/notify.h"

struct wm_notify {
	int64_t watchdog;
};

int wm_notify_open(struct wm_notify **out, struct wm_err *err)
{
	int rc = wm_fake_call(err, "?notify_open");

	if (rc != 0)
		return rc;
	*out = wm_alloc(sizeof(**out));
	(*out)->watchdog = wm_fake_host.watchdog;
	wm_fake_host.handles++;
	return 0;
}

void wm_notify_close(struct wm_notify *n)
{
	if (n == NULL)
		return;
	wm_fake_host.handles--;
	wm_free(n);
}

bool wm_notify_is_heard(const struct wm_notify *n)
{
	return true;
}

int64_t wm_notify_watchdog(const struct wm_notify *n)
{
	return n->watchdog;
}

int wm_notify_tell(struct wm_notify *n, enum wm_notice what, const char *status, int64_t ns,
		   struct wm_err *err)
{
	static const char *const words[] = {
		[WM_NOTICE_READY] = "ready",       [WM_NOTICE_RELOADING] = "reloading",
		[WM_NOTICE_STOPPING] = "stopping", [WM_NOTICE_ALIVE] = "alive",
		[WM_NOTICE_EXTEND] = "extend",
	};

	return wm_fake_call(err, "%s%s%s", words[what], status != NULL ? ": " : "",
			    status != NULL ? status : "");
}

int wm_notify_store(struct wm_notify *n, const char *name, const int *fds, unsigned n_fds,
		    struct wm_err *err)
{
	return wm_fake_call(err, "store %s %u", name, n_fds);
}

int wm_notify_unstore(struct wm_notify *n, const char *name, struct wm_err *err)
{
	return wm_fake_call(err, "unstore %s", name);
}

unsigned wm_notify_take(struct wm_notify *n, const char *name, int *fds, unsigned max)
{
	return 0;
}

bool wm_notify_is_journal(int fd)
{
	return false;
}
