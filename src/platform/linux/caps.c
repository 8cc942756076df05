#include "platform/caps.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <cap-ng.h>
#include "base/mem.h"
#include "platform/netns.h"

/* ThreadSanitizer runs a thread of its own. */
#if defined(__SANITIZE_THREAD__)
#define THREADS_ALLOWED 2
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define THREADS_ALLOWED 2
#endif
#endif
#ifndef THREADS_ALLOWED
#define THREADS_ALLOWED 1
#endif

static const struct {
	enum wm_cap cap;
	unsigned number;
	const char *name;
	const char *purpose;
} table[] = {
	{WM_CAP_NET_ADMIN, CAP_NET_ADMIN, "cap_net_admin",
	 "interfaces, addresses and routes to be set"},
	{WM_CAP_NET_BIND, CAP_NET_BIND_SERVICE, "cap_net_bind_service",
	 "ports below 1024 to be opened"},
};

bool wm_caps_has(unsigned caps)
{
	if (capng_get_caps_process() != 0)
		return false;
	for (size_t i = 0; i < WM_ARRAY_LEN(table); i++)
		if ((caps & table[i].cap) != 0 &&
		    !capng_have_capability(CAPNG_EFFECTIVE, table[i].number))
			return false;
	return true;
}

int wm_caps_require(unsigned caps, const char *program, struct wm_err *err)
{
	for (size_t i = 0; i < WM_ARRAY_LEN(table); i++) {
		if ((caps & table[i].cap) == 0 || wm_caps_has(table[i].cap))
			continue;
		return wm_fail(
			err, WM_PERMISSION_DENIED,
			"the privilege %s is missing, without which the system does not allow "
			"%s; start as root (sudo %s ...), or grant it once: sudo setcap %s+ep "
			"%s; a container needs --cap-add %s",
			table[i].name, table[i].purpose, program, table[i].name, program,
			table[i].cap == WM_CAP_NET_ADMIN ? "NET_ADMIN" : "NET_BIND_SERVICE");
	}
	return 0;
}

static unsigned count_threads(void)
{
	DIR *d = opendir("/proc/self/task");
	struct dirent *e;
	unsigned n = 0;

	if (d == NULL)
		return 1; /* without /proc nobody can know; the caller promised */
	while ((e = readdir(d)) != NULL)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

/* Only who may change the bounding set can empty it; without that, no_new_privs does the same. */
static capng_select_t what_to_apply(void)
{
	return capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP) ? CAPNG_SELECT_BOTH
								   : CAPNG_SELECT_CAPS;
}

/* The calling thread's. */
static int restrict_thread(unsigned caps, struct wm_err *err)
{
	const capng_type_t types = (capng_type_t)(CAPNG_EFFECTIVE | CAPNG_PERMITTED);
	bool keep[WM_ARRAY_LEN(table)];
	capng_select_t what;
	int rc;

	if (capng_get_caps_process() != 0)
		return wm_fail_errno(err, errno, "privileges of this process");
	what = what_to_apply();
	for (size_t i = 0; i < WM_ARRAY_LEN(table); i++)
		keep[i] = (caps & table[i].cap) != 0 &&
			  capng_have_capability(CAPNG_PERMITTED, table[i].number);
	capng_clear(CAPNG_SELECT_BOTH);
	for (size_t i = 0; i < WM_ARRAY_LEN(table); i++)
		if (keep[i] && capng_update(CAPNG_ADD, types, table[i].number) != 0)
			return wm_fail(err, WM_INTERNAL, "privileges: %s cannot be kept",
				       table[i].name);
	rc = capng_apply(what);
	if (rc != 0)
		return wm_fail(err, WM_INTERNAL, "privileges: cannot be dropped (step %d)", -rc);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return wm_fail_errno(err, errno, "no_new_privs");
	return 0;
}

static int restrict_other(void *arg, struct wm_err *err)
{
	return restrict_thread(*(const unsigned *)arg, err);
}

int wm_caps_restrict_beside(struct wm_netns *ns, unsigned caps, struct wm_err *err)
{
	int rc = 0;

	if (count_threads() > THREADS_ALLOWED + (ns != NULL))
		return wm_fail(err, WM_FAILED_PRECONDITION,
			       "privileges: too late to drop them, other threads are running");
	if (ns != NULL)
		rc = wm_netns_run(ns, restrict_other, &caps, err);
	return rc != 0 ? rc : restrict_thread(caps, err);
}

int wm_caps_restrict(unsigned caps, struct wm_err *err)
{
	return wm_caps_restrict_beside(NULL, caps, err);
}
