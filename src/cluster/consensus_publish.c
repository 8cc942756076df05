/* What the machine says of itself, copied for the loop after each turn. */
#include "base/str.h"
#include "cluster/consensus.h"

static void copy_members(struct wm_cluster_status *to, const struct wm_machine_status *from)
{
	int64_t now = wm_consensus_now();

	to->n_members = from->n_members;
	for (size_t i = 0; i < from->n_members; i++) {
		const struct wm_member_status *m = &from->members[i];
		int64_t at = m->last_contact_ms;

		to->members[i].id = m->id;
		to->members[i].role = m->role;
		to->members[i].match = m->match;
		to->members[i].last_contact_ms = at < 0 ? -1 : at < now ? now - at : 0;
		wm_str_copy(to->members[i].node_id, sizeof(to->members[i].node_id), m->node_id);
	}
}

static void fill(struct wm_consensus *t, struct wm_cluster_status *to,
		 const struct wm_machine_status *from)
{
	to->id = from->id;
	to->state = from->role.state;
	to->term = from->role.term;
	to->vote = from->vote;
	to->leader_id = from->role.leader_id;
	wm_str_copy(to->leader_node, sizeof(to->leader_node), from->role.leader_node);
	to->transferring = from->role.transferring;
	to->changing = from->changing;
	to->fetching = from->fetching;
	to->copying = t->copying.runs;
	to->first = from->first;
	to->last = from->last;
	to->commit = from->commit;
	to->applied = from->applied;
	to->snapshot = from->snapshot;
	to->configuration_index = from->configuration_index;
	to->log_bytes = wm_disk_bytes(t->disk);
	to->snapshot_bytes = t->vault.bytes;
	to->snapshot_wall_ns = t->snapshot_wall_ns;
	copy_members(to, from);
	for (unsigned i = 0; i < WM_COUNTS; i++)
		to->counts[i] = from->counts[i];
	to->lost_frames = t->lost_frames;
	to->persists = t->persists;
}

static void on_news_post(struct wm_post *post)
{
	struct wm_consensus *t = wm_container_of(post, struct wm_consensus, news_post);

	pthread_mutex_lock(&t->lock);
	t->news_posted = false;
	pthread_mutex_unlock(&t->lock);
	t->on_news(t->news_arg);
}

void wm_consensus_publish(struct wm_consensus *t)
{
	struct wm_machine_status now;

	wm_machine_status(t->machine, &now);
	pthread_mutex_lock(&t->lock);
	fill(t, &t->status, &now);
	if (t->news && t->posting && !t->news_posted) {
		t->news_posted = true;
		wm_loop_post(t->loop, &t->news_post, on_news_post);
	}
	if (t->posting)
		t->news = false;
	pthread_mutex_unlock(&t->lock);
}
