/* Frames of other members: what decodes is encoded to the same bytes again. Then a machine gets it,
 * as the follower that it first is and as the leader that it becomes, and has to survive that. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
	if (!ok)
		abort();
}

/* ---- a disk with one entry, which takes everything ---- */

static struct wm_buf first_entry;
static uint64_t last_index, term_now;

static int load(void *arg, struct wm_machine_disk *out, struct wm_err *err)
{
	*out = (struct wm_machine_disk){.term = 1, .first = 1, .last = 1, .applied = 1};
	return 0;
}

static int persist(void *arg, const struct wm_persist *p, struct wm_err *err)
{
	if (p->has_vote) {
		must(p->term >= term_now);
		term_now = p->term;
	}
	if (p->n > 0) {
		must(p->first > 1 && p->first <= last_index + 1);
		last_index = p->first + p->n - 1;
	}
	return 0;
}

static int read_log(void *arg, uint64_t first, size_t max_bytes, struct wm_entry *out, size_t *n,
		    struct wm_err *err)
{
	if (first != 1)
		return wm_fail(err, WM_UNAVAILABLE, "not kept");
	out[0] = (struct wm_entry){1, 1, WM_ENTRY_CHANGE, first_entry.data, first_entry.len};
	*n = 1;
	return 0;
}

static int apply(void *arg, const struct wm_entry *entries, size_t n, struct wm_err *err)
{
	must(n > 0 && entries[0].index > 1);
	return 0;
}

static int install(void *arg, const struct wm_snapshot_meta *meta, struct wm_err *err)
{
	return wm_fail(err, WM_UNAVAILABLE, "nothing was fetched");
}

static void send_frame(void *arg, const char *node_id, const uint8_t *frame, size_t len)
{
	struct wm_frame f;

	must(wm_frame_decode(frame, len, &f, NULL) == 0);
	wm_frame_fini(&f);
}

static void fetch(void *arg, const char *node_id, const struct wm_snapshot_meta *meta)
{
}

static void on_role(void *arg, const struct wm_machine_role *role)
{
}

static void on_configuration(void *arg, const struct wm_configuration *committed)
{
}

static void lost(void *arg, uint64_t first, uint64_t last, const struct wm_err *why)
{
}

static void ended(void *arg, uint64_t token, const struct wm_err *err)
{
}

static void transferred(void *arg, const struct wm_err *err)
{
}

static void alarm_raised(void *arg, enum wm_machine_alarm alarm, const char *node_id,
			 const struct wm_err *why)
{
}

static const struct wm_machine_io io = {
	.load = load,
	.persist = persist,
	.read = read_log,
	.apply = apply,
	.install = install,
	.send = send_frame,
	.fetch = fetch,
	.on_role = on_role,
	.on_configuration = on_configuration,
	.lost = lost,
	.readable = ended,
	.changed = ended,
	.transferred = transferred,
	.alarm = alarm_raised,
};

static struct wm_machine *open_machine(size_t n_voters)
{
	static const char *const names[] = {"a", "b", "c"};
	struct wm_machine_opts opts = {.id = 1, .node_id = "a", .seed = 7};
	struct wm_configuration c = {0};
	struct wm_machine *m;

	wm_buf_clear(&first_entry);
	for (size_t i = 0; i < 3; i++)
		wm_configuration_add(&c, i + 1, names[i],
				     i < n_voters ? WM_MEMBER_VOTER : WM_MEMBER_OBSERVER);
	wm_configuration_encode(&c, &first_entry);
	wm_configuration_fini(&c);
	last_index = 1;
	term_now = 1;
	must(wm_machine_open(&opts, &io, NULL, 1000, &m, NULL) == 0);
	return m;
}

static void feed(size_t n_voters, const uint8_t *data, size_t size)
{
	struct wm_machine *m = open_machine(n_voters);

	for (int64_t now = 1001; now < 9000; now += 1000) {
		wm_machine_receive(m, now, "b", data, size);
		wm_machine_tick(m, now + 900);
	}
	wm_machine_close(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wm_frame f;
	struct wm_buf again = {0};

	if (wm_frame_decode(data, size, &f, NULL) == 0) {
		must(f.from != 0 && f.to != 0 && f.n_entries <= WM_FRAME_ENTRIES_MAX);
		wm_frame_encode(&f, &again);
		must(again.len == size && memcmp(again.data, data, size) == 0);
		wm_buf_fini(&again);
		wm_frame_fini(&f);
	}
	feed(3, data, size);
	feed(1, data, size);
	wm_buf_fini(&first_entry);
	return 0;
}
