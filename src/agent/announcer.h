#pragma once
/*
 * Tells the mesh what has changed of this node: its endpoints. A node that holds the state writes
 * its own record; a member asks a storage member to (Membership.Update), the next one if the first
 * does not answer, until it is told. What an update cannot say, since what is empty in it does not
 * change, is said by joining again. Loop thread only.
 */
#include "base/err.h"

struct wm_agent;
struct wm_announcer;

/* The endpoints have changed. A node that is no member yet tells them when it is one. */
void wm_announcer_start(struct wm_agent *a);
/* It is a member now. */
void wm_announcer_on_member(struct wm_agent *a);
/* The founder's record is written (@err NULL), or why not. */
void wm_announcer_done(struct wm_agent *a, const struct wm_err *err);
/* NULL is allowed. */
void wm_announcer_free(struct wm_announcer *n);
