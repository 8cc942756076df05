#pragma once
/* Which build this is: constant texts, made by the build from the project's version and git. */
#include "base/buf.h"
#include <stdbool.h>

/* The project's version: "0.1.0". */
const char *wm_version_text(void);
/* The git commit, cut to 12 digits, or "unknown". */
const char *wm_version_commit(void);
/* When that commit was made (RFC 3339): equal sources build equal programs. Or "unknown". */
const char *wm_version_date(void);
/*
 * Appends what --version prints, with a newline: a block under @title, or with @json an object
 * whose "component" is @component.
 */
void wm_version_format(const char *title, const char *component, bool json, struct wm_buf *out);
