#pragma once
/*
 * A node's life: start, found or join a mesh, follow it, stop. Owns everything below it (device,
 * fabric, store, API) and the loop they run on.
 */
#include "base/err.h"

struct wm_log;
struct wm_node_options;

/*
 * Runs a node from its options until it is told to stop by SIGINT or SIGTERM, or until it cannot go
 * on. Returns 0 after an orderly stop. Errors: what is wrong with key, certificates, privileges,
 * ports or the interface, before the mesh has heard of this node; why it could not join; that it
 * was removed; DEADLINE_EXCEEDED when start-timeout passed before it was a member, with what it
 * waited for; ABORTED when shutdown-timeout passed before it was done: then parts of it still run,
 * and the process has to end at once, without freeing what they may use (_exit). In every case
 * nothing of it is left on the host. @options are borrowed.
 */
WM_MUST_CHECK int wm_agent_run(struct wm_node_options *options, struct wm_log *log,
			       struct wm_err *err);
