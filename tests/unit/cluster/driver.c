#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "driver.h"

struct driver d;

static void act(char what)
{
	size_t n = strlen(d.acts);

	if (n + 1 < sizeof(d.acts))
		d.acts[n] = what;
}

static int load(void *arg, struct wm_machine_disk *out, struct wm_err *err)
{
	*out = (struct wm_machine_disk){
		.term = d.term, .vote = d.vote, .first = 1, .last = d.last, .applied = d.applied};
	return 0;
}

static int persist(void *arg, const struct wm_persist *p, struct wm_err *err)
{
	act('P');
	if (d.fail != 0)
		return wm_fail(err, (enum wm_code)d.fail, "the disk is what it is");
	if (p->has_vote) {
		d.term = p->term;
		d.vote = p->vote;
	}
	for (size_t i = 0; i < p->n; i++) {
		struct wm_entry *e = &d.log[p->entries[i].index];

		wm_free((void *)(uintptr_t)e->data);
		*e = p->entries[i];
		e->data = e->len > 0 ? wm_memdup(e->data, e->len) : NULL;
		d.last = e->index;
	}
	return 0;
}

static int read_log(void *arg, uint64_t first, size_t max_bytes, struct wm_entry *out, size_t *n,
		    struct wm_err *err)
{
	size_t got = 0, bytes = 0;

	for (; got < *n && first + got <= d.last; got++) {
		out[got] = d.log[first + got];
		bytes += out[got].len;
		if (got > 0 && bytes > max_bytes)
			break;
	}
	*n = got;
	return 0;
}

static int apply(void *arg, const struct wm_entry *entries, size_t n, struct wm_err *err)
{
	act('a');
	assert_int_equal(entries[0].index, d.applied + 1);
	d.applied = entries[n - 1].index;
	return 0;
}

static int install(void *arg, const struct wm_snapshot_meta *meta, struct wm_err *err)
{
	return wm_fail(err, WM_INTERNAL, "not here");
}

static void send_frame(void *arg, const char *node_id, const uint8_t *frame, size_t len)
{
	act((char)('0' + frame[1]));
	assert_true(d.n_frames < WM_ARRAY_LEN(d.frames));
	wm_buf_add(&d.frames[d.n_frames++], frame, len);
}

static void fetch(void *arg, const char *node_id, const struct wm_snapshot_meta *meta)
{
}

static void on_role(void *arg, const struct wm_machine_role *role)
{
	d.role = *role;
}

static void on_configuration(void *arg, const struct wm_configuration *committed)
{
	wm_configuration_copy(&d.members, committed);
}

static void lost(void *arg, uint64_t first, uint64_t last, const struct wm_err *why)
{
	d.lost_first = first;
	d.lost_last = last;
}

static void readable(void *arg, uint64_t token, const struct wm_err *err)
{
	d.token = token;
	d.read_code = err != NULL ? err->code : 0;
}

static void changed(void *arg, uint64_t token, const struct wm_err *err)
{
	d.token = token;
	d.change_code = err != NULL ? err->code : 0;
}

static void transferred(void *arg, const struct wm_err *err)
{
	d.transfer_code = err != NULL ? err->code : 0;
}

static void raised(void *arg, enum wm_machine_alarm alarm, const char *node_id,
		   const struct wm_err *why)
{
	d.alarms++;
}

static uint64_t capacity(void *arg)
{
	return d.capacity;
}

const struct wm_machine_io driver_io = {
	load,        persist, read_log,         apply, install,  send_frame,
	fetch,       on_role, on_configuration, lost,  readable, changed,
	transferred, raised,  capacity,
};

/* ---- for tests ---- */

void driver_open_machine(int64_t now)
{
	struct wm_machine_opts opts = {.id = 1, .node_id = "a", .seed = 3, .reserve = 1 << 20};
	struct wm_err err;

	assert_int_equal(wm_machine_open(&opts, &driver_io, NULL, now, &d.m, &err), 0);
}

void driver_bootstrap(size_t n)
{
	static const char *const names[] = {"a", "b", "c"};
	struct wm_configuration c = {0};
	struct wm_err err;

	for (size_t i = 0; i < n; i++)
		wm_configuration_add(&c, i + 1, names[i], WM_MEMBER_VOTER);
	assert_int_equal(wm_machine_bootstrap(&c, &driver_io, NULL, &err), 0);
	assert_int_equal(wm_machine_bootstrap(&c, &driver_io, NULL, &err), WM_FAILED_PRECONDITION);
	wm_configuration_fini(&c);
}

int driver_set_up(void **state)
{
	d = (struct driver){
		.capacity = 1 << 30, .read_code = 1, .change_code = 1, .transfer_code = 1};
	return 0;
}

void driver_forget_frames(void)
{
	while (d.n_frames > 0)
		wm_buf_clear(&d.frames[--d.n_frames]);
	memset(d.acts, 0, sizeof(d.acts));
}

int driver_tear_down(void **state)
{
	wm_machine_close(d.m);
	for (size_t i = 0; i < WM_ARRAY_LEN(d.frames); i++)
		wm_buf_fini(&d.frames[i]);
	for (size_t i = 0; i < WM_ARRAY_LEN(d.log); i++)
		wm_free((void *)(uintptr_t)d.log[i].data);
	wm_configuration_fini(&d.members);
	return 0;
}

struct wm_frame driver_frame_at(size_t i)
{
	struct wm_frame f;
	struct wm_err err;

	assert_true(i < d.n_frames);
	assert_int_equal(wm_frame_decode(d.frames[i].data, d.frames[i].len, &f, &err), 0);
	return f;
}

void driver_receive(int64_t now, uint64_t from, struct wm_frame f)
{
	struct wm_buf bytes = {0};

	f.from = from;
	f.to = 1;
	wm_frame_encode(&f, &bytes);
	wm_machine_receive(d.m, now, from == 2 ? "b" : "c", bytes.data, bytes.len);
	wm_buf_fini(&bytes);
}

/* Until it asks for votes in earnest and gets one. Answers the time. */
int64_t driver_elect(void)
{
	int64_t now = 1000;

	while (d.role.state != WM_MACHINE_CANDIDATE)
		wm_machine_tick(d.m, now = wm_machine_due(d.m));
	driver_receive(now, 2,
		       (struct wm_frame){.kind = WM_FRAME_VOTE_RESULT,
					 .term = d.term + 1,
					 .pre_vote = true,
					 .granted = true});
	driver_receive(
		now, 2,
		(struct wm_frame){.kind = WM_FRAME_VOTE_RESULT, .term = d.term, .granted = true});
	assert_int_equal(d.role.state, WM_MACHINE_LEADER);
	return now;
}
