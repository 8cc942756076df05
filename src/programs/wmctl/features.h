#pragma once
/* The features of a node, for people. One thread. */
#include "base/buf.h"
#include "pb/v1.h"
#include <stdbool.h>
#include <stddef.h>

/* Appends "nodes, mesh-api, ..." and, with @ports, "nodes:8443, ...". */
void wm_ctl_features_format(V1__FeaturePort *const *features, size_t n, bool ports,
			    struct wm_buf *out);
