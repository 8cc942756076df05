#pragma once
/*
 * Kernel settings by name, and the list of those that make a host forward packets. Names are
 * written with slashes ("net/ipv4/ip_forward"), since an interface's name may hold dots. Any
 * thread.
 *
 * A port chooses names of its own for its settings, of the same form, since the journal holds them:
 * "net/ipv4/" or "net/ipv6/" and what tells it which setting is meant.
 */
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>

struct wm_net;

#define WM_SYSCTL_NAME  80
#define WM_SYSCTL_VALUE 16

/* A change: what a setting was and what it is to be. */
struct wm_sysctl {
	char name[WM_SYSCTL_NAME];
	char old[WM_SYSCTL_VALUE];
	char ours[WM_SYSCTL_VALUE];
};

struct wm_sysctl_list {
	struct wm_sysctl *items;
	size_t n;
};

/*
 * "net/ipv4/..." or "net/ipv6/..." in harmless characters, without "..": what a journal may hold.
 */
bool wm_sysctl_name_is_valid(const char *name);
/* Up to fifteen digits with an optional sign. */
bool wm_sysctl_value_is_valid(const char *value);
/* NOT_FOUND when there is no such setting, OUT_OF_RANGE when its value is no number. */
WM_MUST_CHECK int wm_sysctl_get(const char *name, char out[WM_SYSCTL_VALUE], struct wm_err *err);
/* In force at once, until the next boot. Says, where the host refuses, what somebody with the right
 * can type. */
WM_MUST_CHECK int wm_sysctl_set(const char *name, const char *value, struct wm_err *err);
/* Frees the items; the list is empty then. */
void wm_sysctl_list_fini(struct wm_sysctl_list *l);

enum wm_forwarding { WM_FORWARDING_V4 = 1, WM_FORWARDING_V6 = 2 };
/*
 * Appends to @out what is to be changed for forwarding of one family; nothing when the host
 * forwards already. The first item is the master switch, the rest is what has to be mended around
 * it: what the kernel changes by itself along with the switch, and router advertisements, which a
 * forwarding host would no longer listen to (accept_ra 1 becomes 2). To be applied from last to
 * first and undone from first to last. Reads only. NOT_FOUND when the host lacks the family.
 */
WM_MUST_CHECK int wm_forwarding_plan(struct wm_net *net, enum wm_forwarding family,
				     struct wm_sysctl_list *out, struct wm_err *err);
