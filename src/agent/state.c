/*
 * The state that this node holds, as one of the servers that keep it together; by itself it is a
 * cluster of one voter. Times of silence follow from the option that the original has for them: a
 * leader is heard of eight times in it.
 */
#include "agent/internal.h"
#include "agent/options.h"
#include "base/clock.h"
#include "cluster/cluster.h"

#define BEATS 8 /* in the time after which a follower misses its leader */

static uint32_t to_ms(int64_t ns)
{
	return (uint32_t)(ns / WM_NS_PER_MS);
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static uint32_t to_purge_ms(int64_t beats, int64_t silence)
{
	int64_t ms = beats * (silence / WM_NS_PER_MS);

	return (uint32_t)least(ms, UINT32_MAX);
}

int wm_agent_open_state(struct wm_agent *a, struct wm_err *err)
{
	const struct wm_node_options *o = a->options;
	int64_t silence = o->storage_raft_heartbeat_timeout;
	int64_t patience = -least(-silence, -o->storage_raft_election_timeout);
	struct wm_cluster_opts opts = {
		.path = o->storage_in_memory ? NULL : o->storage_path,
		.node_id = a->identity.node_id,
		.begin = WM_CLUSTER_ALONE,
		.election_ms = to_ms(patience),
		.heartbeat_ms = to_ms(silence / BEATS),
		.purge_ms = to_purge_ms(o->storage_raft_heartbeat_purge_threshold, silence),
		.commit_ms =
			to_ms(least(o->storage_raft_apply_timeout, o->storage_raft_commit_timeout)),
		.snapshot_threshold = (uint32_t)o->storage_raft_snapshot_threshold,
		.snapshot_ms = to_ms(o->storage_raft_snapshot_interval),
		.snapshot_retention = (uint32_t)o->storage_raft_snapshot_retention,
	};
	struct wm_cluster_hooks hooks;

	wm_quorum_hooks(a, &hooks);
	int rc = wm_cluster_open(a->loop, a->log, &opts, &hooks, &a->cluster, err);

	if (rc == 0)
		a->store = wm_cluster_store(a->cluster);
	return rc;
}
