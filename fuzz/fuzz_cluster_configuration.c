/* Configurations as they stand in log entries and snapshots: what decodes is sound, is encoded to
 * the same bytes again, and libraft's own decoder may be trusted with it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cluster/configuration.h"
#include <raft.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
	if (!ok)
		abort();
}

static void compare_with_raft(const struct wm_configuration *c, const uint8_t *data, size_t size)
{
	struct raft_buffer buf = {wm_memdup(data, size), size};
	struct raft_configuration theirs;

	must(raft_configuration_decode(&buf, &theirs) == 0);
	must(theirs.n == c->n);
	for (unsigned i = 0; i < theirs.n; i++) {
		must(theirs.servers[i].id == c->members[i].id);
		must(strcmp(theirs.servers[i].address, c->members[i].node_id) == 0);
		must((theirs.servers[i].role == RAFT_VOTER) ==
		     (c->members[i].role == WM_MEMBER_VOTER));
	}
	raft_configuration_close(&theirs);
	wm_free(buf.base);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wm_configuration c;

	if (wm_configuration_decode(data, size, &c, NULL) != 0)
		return 0;
	struct wm_buf again = {0};

	must(c.n > 0 && c.n <= WM_MEMBERS_MAX && wm_configuration_voters(&c) <= c.n);
	wm_configuration_encode(&c, &again);
	must(again.len == size && memcmp(again.data, data, size) == 0);
	compare_with_raft(&c, data, size);
	wm_buf_fini(&again);
	wm_configuration_fini(&c);
	return 0;
}
