/* What can be seen from outside, and how a cluster and its members get their first entry and IDs.
 */
#include "base/rand.h"
#include "base/wire.h"
#include "cluster/machine_impl.h"
#include "crypto/hash.h"
#include <string.h>

static void fill_members(const struct wm_machine *m, struct wm_machine_status *out)
{
	out->n_members = m->newest.n;
	for (size_t i = 0; i < m->newest.n; i++) {
		const struct wm_member *member = &m->newest.members[i];
		raft_index match = 0;

		if (wm_machine_leads(m) && raft_match_index(&m->raft, member->id, &match) != 0)
			match = 0;
		out->members[i] = (struct wm_member_status){
			.id = member->id,
			.role = member->role,
			.node_id = member->node_id,
			.match = match,
			.last_contact_ms = m->peers[i].contact,
		};
	}
}

void wm_machine_status(const struct wm_machine *m, struct wm_machine_status *out)
{
	*out = (struct wm_machine_status){
		.id = m->opts.id,
		.role = m->told,
		.vote = m->is_up ? raft_voted_for(&m->raft) : 0,
		.first = m->first,
		.last = m->last,
		.commit = m->cursor,
		.applied = m->applied,
		.snapshot = m->snapshot.index,
		.configuration_index = m->committed.index,
		.changing = m->change.phase != WM_CHANGE_IDLE,
		.fetching = m->is_fetching,
	};
	fill_members(m, out);
	memcpy(out->counts, m->counts, sizeof(out->counts));
}

const struct wm_configuration *wm_machine_configuration(const struct wm_machine *m)
{
	return &m->committed;
}

int wm_machine_bootstrap(const struct wm_configuration *first, const struct wm_machine_io *io,
			 void *arg, struct wm_err *err)
{
	struct wm_machine_disk disk;
	struct wm_buf bytes = {0};
	int rv = io->load(arg, &disk, err);

	if (rv != 0)
		return rv;
	if (disk.term != 0 || disk.last != 0 || disk.snapshot != NULL)
		return wm_fail(err, WM_FAILED_PRECONDITION, "there is a log already");
	if (first->n == 0 || wm_configuration_voters(first) != first->n)
		return wm_fail(err, WM_INVALID_ARGUMENT, "the first members are all voters");
	wm_configuration_encode(first, &bytes);
	struct wm_entry entry = {1, 1, WM_ENTRY_CHANGE, bytes.data, bytes.len};
	struct wm_persist p = {.has_vote = true, .term = 1, .first = 1, .entries = &entry, .n = 1};

	rv = io->persist(arg, &p, err);
	wm_buf_fini(&bytes);
	return rv;
}

uint64_t wm_machine_initial_id(const char *mesh, const char *list, const char *node_id)
{
	struct wm_buf text = {0};
	uint8_t digest[WM_SHA256_SIZE];
	struct wm_wire w;

	wm_buf_add(&text, mesh, strlen(mesh) + 1);
	wm_buf_add(&text, list, strlen(list) + 1);
	wm_buf_add(&text, node_id, strlen(node_id) + 1);
	wm_hash_sha256(text.data, text.len, digest);
	wm_buf_fini(&text);
	wm_wire_init_read(&w, digest, sizeof(digest));
	uint64_t id = wm_wire_get_be64(&w);

	return id != 0 ? id : 1;
}

uint64_t wm_machine_fresh_id(void)
{
	uint64_t id;

	do
		id = wm_rand_u64();
	while (id == 0);
	return id;
}
