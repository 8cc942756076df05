#pragma once
/* What a person can do about a call that failed. One thread. */
#include "base/buf.h"
#include "base/err.h"
#include "programs/wmctl/context.h"

/* Appends lines of advice to @notes; none where the error says it all. */
void wm_ctl_advise(const struct wm_ctl_target *t, const char *method, const struct wm_err *err,
		   struct wm_buf *notes);
