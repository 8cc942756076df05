#pragma once
/* The flags of wmctl as a struct (programs/wmctl/options.def.h). One thread. */
#include "conf/conf.h"

/* Which commands know a flag. */
enum wm_ctl_scope {
	WM_CTL_ONLINE = 1 << 0, /* those that ask a server */
	WM_CTL_OUTPUT = 1 << 1, /* those with -o table|json|yaml */
	WM_CTL_VERSION = 1 << 2,
	WM_CTL_PKI = 1 << 3,
	WM_CTL_PKI_INIT = 1 << 4,
	WM_CTL_PKI_ISSUE = 1 << 5,
	WM_CTL_PKI_CONFIG = 1 << 6,
	WM_CTL_LENIENT = 1 << 7, /* offline, but lets the flags of a connection pass */
};

struct wm_ctl_options {
#define WM_OPT(kind, field, ...) WM_CONF_C_##kind field;
#include "programs/wmctl/options.def.h"
#undef WM_OPT
};

/* All flags of all commands; wm_conf_new picks by scope. */
const struct wm_conf_table *wm_ctl_options_table(void);
