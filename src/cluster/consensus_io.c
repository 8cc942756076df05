/* What the machine asks of its surroundings, and what it tells. On the thread, inside its calls. */
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "cluster/consensus.h"

#define OUT_BYTES (64u * 1024 * 1024)
#define ROOM_MS   1000 /* how long an answer of the disk about its room holds */

/* ---- the disk ---- */

static int note_failure(struct wm_consensus *t, int rc, const struct wm_err *err)
{
	if (rc != 0)
		wm_err_copy(&t->disk_err, err);
	return rc;
}

static int io_load(void *arg, struct wm_machine_disk *out, struct wm_err *err)
{
	struct wm_consensus *t = arg;
	int rc = wm_disk_load(t->disk, out, err);

	out->applied = t->applier.index;
	return note_failure(t, rc, err);
}

static int io_persist(void *arg, const struct wm_persist *p, struct wm_err *err)
{
	struct wm_consensus *t = arg;
	int64_t began = wm_clock_now();
	int rc = wm_disk_persist(t->disk, p, err);

	if (rc == 0)
		wm_histogram_add(&t->persists, wm_clock_now() - began);
	return note_failure(t, rc, err);
}

static int io_read(void *arg, uint64_t first, size_t max_bytes, struct wm_entry *out, size_t *n,
		   struct wm_err *err)
{
	struct wm_consensus *t = arg;

	return note_failure(t, wm_disk_read(t->disk, first, max_bytes, out, n, err), err);
}

static int io_apply(void *arg, const struct wm_entry *entries, size_t n, struct wm_err *err)
{
	struct wm_consensus *t = arg;

	return note_failure(t, wm_applier_apply(&t->applier, entries, n, err), err);
}

static int load_newest(struct wm_consensus *t, struct wm_err *err)
{
	int fd, rc = wm_vault_share(&t->vault, &fd, err);

	if (rc != 0)
		return rc;
	rc = wm_load_state(t->env, fd, &t->pulse, err);
	close(fd);
	return rc;
}

/*
 * The file is whole, verified and has its name. First the log stands on it, then the state is made
 * from it: what a crash leaves between the two is made again at the start.
 */
static int io_install(void *arg, const struct wm_snapshot_meta *meta, struct wm_err *err)
{
	struct wm_consensus *t = arg;
	int rc;

	if (t->vault.index != meta->index || t->vault.term != meta->term)
		return wm_fail(err, WM_INTERNAL, "the snapshot at %llu is not here",
			       (unsigned long long)meta->index);
	rc = wm_disk_put_snapshot(t->disk, meta, meta->index + 1, err);
	if (rc == 0)
		rc = load_newest(t, err);
	if (rc != 0)
		return note_failure(t, rc, err);
	wm_applier_replaced(&t->applier);
	wm_vault_tidy(&t->vault);
	t->snapshot_wall_ns = wm_clock_wall();
	wm_info(t->log, "consensus.installed", "index=%llu revision=%llu bytes=%llu",
		(unsigned long long)meta->index, (unsigned long long)t->applier.revision,
		(unsigned long long)t->vault.bytes);
	return 0;
}

static uint64_t io_capacity(void *arg)
{
	struct wm_consensus *t = arg;
	int64_t now = wm_consensus_now();
	struct statvfs fs;

	if (t->opts.path == NULL)
		return UINT64_MAX;
	if (t->room_ms != 0 && now - t->room_ms < ROOM_MS)
		return t->room;
	t->room_ms = now;
	t->room =
		statvfs(t->opts.path, &fs) == 0 ? (uint64_t)fs.f_bavail * fs.f_frsize : UINT64_MAX;
	return t->room;
}

/* ---- others ---- */

static void on_out_post(struct wm_post *post)
{
	struct wm_consensus *t = wm_container_of(post, struct wm_consensus, out_post);
	struct wm_list turn, *node;

	wm_list_init(&turn);
	pthread_mutex_lock(&t->lock);
	while ((node = wm_list_first(&t->out)) != NULL) {
		wm_list_remove(node);
		wm_list_push(&turn, node);
	}
	t->bytes_out = 0;
	t->out_posted = false;
	pthread_mutex_unlock(&t->lock);
	while ((node = wm_list_first(&turn)) != NULL) {
		struct wm_frame_in *f = wm_container_of(node, struct wm_frame_in, node);

		wm_list_remove(node);
		if (t->send != NULL)
			t->send(t->send_arg, f->node_id, f->data, f->len);
		wm_free(f);
	}
}

void wm_consensus_post_out(struct wm_consensus *t)
{
	if (!t->posting || t->out_posted || wm_list_is_empty(&t->out))
		return;
	t->out_posted = true;
	wm_loop_post(t->loop, &t->out_post, on_out_post);
}

static void io_send(void *arg, const char *node_id, const uint8_t *frame, size_t len)
{
	struct wm_consensus *t = arg;
	struct wm_frame_in *f = wm_try_alloc(sizeof(*f) + len);
	bool fits;

	if (f == NULL)
		return;
	wm_str_copy(f->node_id, sizeof(f->node_id), node_id);
	f->len = len;
	memcpy(f->data, frame, len);
	pthread_mutex_lock(&t->lock);
	fits = t->bytes_out + len <= OUT_BYTES;
	if (fits) {
		wm_list_push(&t->out, &f->node);
		t->bytes_out += len;
	}
	t->lost_frames += !fits;
	if (fits)
		wm_consensus_post_out(t);
	pthread_mutex_unlock(&t->lock);
	if (!fits)
		wm_free(f);
}

static void io_fetch(void *arg, const char *node_id, const struct wm_snapshot_meta *meta)
{
	struct wm_consensus *t = arg;

	wm_info(t->log, "consensus.fetch", "from=%s index=%llu", node_id,
		(unsigned long long)meta->index);
	pthread_mutex_lock(&t->lock);
	wm_str_copy(t->fetch.node_id, sizeof(t->fetch.node_id), node_id);
	t->fetch.index = meta->index;
	t->fetch.term = meta->term;
	t->fetch_wanted = true;
	pthread_mutex_unlock(&t->lock);
	t->news = true;
}

/* ---- news ---- */

static void io_on_role(void *arg, const struct wm_machine_role *r)
{
	static const char *const names[] = {"down", "follower", "candidate", "leader"};
	struct wm_consensus *t = arg;

	wm_info(t->log, "consensus.role", "role=%s term=%llu leader=%s", names[r->state],
		(unsigned long long)r->term, r->leader_node);
	if (r->state != WM_MACHINE_DOWN && t->disk_is_ill) {
		t->disk_is_ill = false;
		wm_info(t->log, "consensus.disk_well", "applied=%llu",
			(unsigned long long)t->applier.index);
	}
	t->news = true;
}

static void io_on_configuration(void *arg, const struct wm_configuration *c)
{
	struct wm_consensus *t = arg;

	wm_info(t->log, "consensus.members", "index=%llu voters=%zu observers=%zu",
		(unsigned long long)c->index, wm_configuration_voters(c),
		c->n - wm_configuration_voters(c));
	t->news = true;
}

/* They wait on: the log says what becomes of them, or their time passes. */
static void io_lost(void *arg, uint64_t first, uint64_t last, const struct wm_err *why)
{
	struct wm_consensus *t = arg;

	wm_debug(t->log, "consensus.undecided", "first=%llu last=%llu why=\"%s\"",
		 (unsigned long long)first, (unsigned long long)last, why->text);
}

static void note_disk(struct wm_consensus *t, const struct wm_err *why)
{
	if (!t->disk_is_ill)
		wm_error(t->log, "consensus.disk_failed", "error=\"%s\"", why->text);
	t->disk_is_ill = true;
	wm_err_copy(&t->illness, why);
}

static void note_histories(struct wm_consensus *t, const char *node_id, const struct wm_err *why)
{
	wm_error(t->log, "consensus.two_histories", "node=%s why=\"%s\"", node_id, why->text);
}

/* What a server can do to us as often as it likes. */
static void note_bad_peer(struct wm_consensus *t, enum wm_machine_alarm alarm, const char *node_id,
			  const struct wm_err *why)
{
	if (!wm_log_limit_allow(&t->alarms, 5, wm_clock_now()))
		return;
	if (alarm == WM_ALARM_REFUSED)
		wm_warn(t->log, "consensus.frame_refused", "node=%s why=\"%s\"", node_id,
			why->text);
	else if (alarm == WM_ALARM_LOST_DATA)
		wm_error(t->log, "consensus.lost_data", "node=%s why=\"%s\"", node_id, why->text);
	else
		wm_error(t->log, "consensus.two_leaders", "node=%s why=\"%s\"", node_id, why->text);
}

static void io_alarm(void *arg, enum wm_machine_alarm alarm, const char *node_id,
		     const struct wm_err *why)
{
	if (alarm == WM_ALARM_DISK)
		note_disk(arg, why);
	else if (alarm == WM_ALARM_TWO_HISTORIES)
		note_histories(arg, node_id, why);
	else
		note_bad_peer(arg, alarm, node_id, why);
}

const struct wm_machine_io wm_consensus_io = {
	.load = io_load,
	.persist = io_persist,
	.read = io_read,
	.apply = io_apply,
	.install = io_install,
	.send = io_send,
	.fetch = io_fetch,
	.on_role = io_on_role,
	.on_configuration = io_on_configuration,
	.lost = io_lost,
	.readable = wm_consensus_readable,
	.changed = wm_consensus_changed,
	.transferred = wm_consensus_transferred,
	.alarm = io_alarm,
	.capacity = io_capacity,
};
