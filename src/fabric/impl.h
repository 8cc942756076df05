#pragma once
/* The reconciler's inside, shared by the files that make it up. Loop thread only. */
#include "fabric/execute.h"
#include "fabric/fabric.h"
#include "fabric/state.h"
#include "loop/loop.h"
#include "platform/link.h"

struct wm_journal;
struct wm_monitor;
struct wm_names;
struct wm_netns;

struct wm_fabric {
	struct wm_loop *loop;
	struct wm_log *log;
	struct wm_wg_device *device;
	struct wm_netns *netns; /* NULL = the interface is where we are */
	struct wm_net *net;     /* where the interface is */
	struct wm_monitor *monitor;
	struct wm_poll *poll;
	/* Where we are, when that is another place; else NULL. */
	struct wm_net *outside;
	struct wm_monitor *outside_monitor;
	struct wm_poll *outside_poll;
	struct wm_journal *journal;
	struct wm_names *names;
	struct wm_timer retry, settle;
	int64_t pause; /* before the next retry */
	struct wm_link initial;
	struct wm_desired *desired; /* NULL until the first apply */
	struct wm_state have;
	struct wm_prefix *local; /* subnets of this host */
	size_t n_local;
	struct wm_failures failures;
	struct wm_executor executor;
	struct wm_fabric_counters counters;
	bool is_left;        /* the interface stays as it is */
	struct wm_err vital; /* the first of this round; code 0 = none */
};

/* One round; the code of the first vital step that failed, which is in @vital. */
int wm_fabric_reconcile(struct wm_fabric *f);
/* Something has changed: looks at what there is in a moment, and mends it. */
void wm_fabric_settle(struct wm_fabric *f);
/* ---- outside.c: for an interface in another network namespace ---- */
WM_MUST_CHECK int wm_fabric_open_outside(struct wm_fabric *f, struct wm_err *err);
/* Also of what was not opened. */
void wm_fabric_close_outside(struct wm_fabric *f);

/* ---- renew.c ---- */
/* Notes the link as one that outlives us, if it does. */
WM_MUST_CHECK int wm_fabric_note_link(struct wm_fabric *f, struct wm_err *err);
