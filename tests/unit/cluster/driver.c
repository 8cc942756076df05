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
