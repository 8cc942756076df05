/*
 * One turn of the thread: wait until something is there or the machine's time has come; take all of
 * it; give the machine the frames first and then its tick, so that a stall does not look like
 * silence; do calls; propose what waits, as few entries as it fits; see to the snapshot; post what
 * came of it. Frames go out from inside the machine's calls, before the disk is waited for.
 */
#include "cluster/consensus.h"

#include "base/clock.h"
#include "base/mem.h"

int64_t wm_consensus_now(void)
{
	return wm_clock_now() / WM_NS_PER_MS;
}

/* ---- one turn ---- */

struct turn {
	struct wm_list proposals, frames, calls;
	bool stop;
};

static bool has_work(const struct wm_consensus *t)
{
	return t->stop || !wm_list_is_empty(&t->frames) || !wm_list_is_empty(&t->calls) ||
	       !wm_list_is_empty(&t->waiting) ||
	       (wm_applier_has_news(&t->applier) && t->snapshots.unused != NULL);
}

static void wait_until(struct wm_consensus *t, int64_t due_ms)
{
	int64_t left = due_ms - wm_consensus_now();
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	if (left > 0) {
		at.tv_sec += (time_t)(left / 1000);
		at.tv_nsec += (long)(left % 1000) * 1000000;
		at.tv_sec += at.tv_nsec / 1000000000;
		at.tv_nsec %= 1000000000;
		pthread_cond_timedwait(&t->wake, &t->lock, &at);
	}
}

static void take_turn(struct wm_consensus *t, struct turn *turn)
{
	int64_t due = wm_machine_due(t->machine);

	wm_list_init(&turn->proposals);
	wm_list_init(&turn->frames);
	wm_list_init(&turn->calls);
	pthread_mutex_lock(&t->lock);
	wm_pulse_show(&t->pulse);
	while (!has_work(t) && wm_consensus_now() < due) {
		wait_until(t, due);
		wm_pulse_show(&t->pulse);
	}
	wm_consensus_move(&t->waiting, &turn->proposals);
	wm_consensus_move(&t->frames, &turn->frames);
	wm_consensus_move(&t->calls, &turn->calls);
	t->n_waiting = t->bytes_waiting = t->n_frames = t->bytes_frames = 0;
	turn->stop = t->stop;
	pthread_mutex_unlock(&t->lock);
}

static void receive_frames(struct wm_consensus *t, struct wm_list *frames)
{
	struct wm_list *node;

	while ((node = wm_list_first(frames)) != NULL) {
		struct wm_frame_in *f = wm_container_of(node, struct wm_frame_in, node);

		wm_list_remove(node);
		wm_machine_receive(t->machine, wm_consensus_now(), f->node_id, f->data, f->len);
		wm_free(f);
		wm_pulse_show(&t->pulse);
	}
}

static void run_calls(struct wm_consensus *t, struct wm_list *calls)
{
	struct wm_list *node;

	while ((node = wm_list_first(calls)) != NULL) {
		struct wm_call *c = wm_container_of(node, struct wm_call, node);

		wm_list_remove(node);
		c->run(t, c);
	}
}

static void on_batch_post(struct wm_post *post)
{
	struct wm_batch *b = wm_container_of(post, struct wm_batch, post);
	struct wm_consensus *t = wm_consensus_of(b->engine);

	t->hooks.on_batch(t->hooks.arg, b);
}

static void post_batch(struct wm_engine *e, struct wm_batch *b)
{
	wm_loop_post(wm_consensus_of(e)->loop, &b->post, on_batch_post);
}

/* Answers follow the batch that they must not be ahead of. */
static void tell(struct wm_consensus *t)
{
	struct wm_list *node;
	bool told;

	pthread_mutex_lock(&t->lock);
	told = wm_applier_flush(&t->applier, &t->snapshots, post_batch);
	pthread_mutex_unlock(&t->lock);
	while (told && (node = wm_list_first(&t->answers)) != NULL) {
		struct wm_call *c = wm_container_of(node, struct wm_call, node);

		wm_list_remove(node);
		wm_loop_post(t->loop, &c->post, c->post.cb);
	}
}

void wm_consensus_answer(struct wm_consensus *t, struct wm_call *c, void (*cb)(struct wm_post *p))
{
	c->post.cb = cb;
	wm_list_push(&t->answers, &c->node);
}

static void take_part(struct wm_consensus *t, struct turn *turn)
{
	int64_t now = wm_consensus_now();

	receive_frames(t, &turn->frames);
	now = wm_consensus_now();
	if (now >= wm_machine_due(t->machine))
		wm_machine_tick(t->machine, now);
	run_calls(t, &turn->calls);
	wm_consensus_propose(t, &turn->proposals);
	wm_applier_expire(&t->applier, wm_clock_now() - (int64_t)t->opts.commit_ms * WM_NS_PER_MS);
	wm_consensus_copy_if_due(t, wm_consensus_now());
	tell(t);
	wm_consensus_publish(t);
}

/* ---- the end ---- */

static void on_stop_post(struct wm_post *post)
{
	struct wm_consensus *t = wm_container_of(post, struct wm_consensus, stop_post);

	pthread_join(t->thread, NULL);
	t->hooks.on_stopped(t->hooks.arg);
}

/* What is on the disk is whole from here on: the state need not be made again. */
static void put_away(struct wm_consensus *t)
{
	struct wm_err err;
	int rc = t->opts.path != NULL ? wm_mdb_sync(&t->env->m, &err) : 0;

	if (rc == 0 && t->opts.path != NULL)
		rc = wm_disk_put_unsynced_since(t->disk, "", &err);
	if (rc != 0)
		wm_warn(t->log, "consensus.not_synced", "error=\"%s\"", err.text);
}

static void end(struct wm_consensus *t, struct turn *turn)
{
	struct wm_err err;

	wm_consensus_copy_stop(t);
	wm_machine_close(wm_steal(t->machine));
	wm_fail(&err, WM_UNAVAILABLE, "the state is being closed");
	wm_applier_refuse(&t->applier, &turn->proposals, &err);
	wm_applier_expire(&t->applier, INT64_MAX);
	pthread_mutex_lock(&t->lock);
	(void)wm_applier_flush(&t->applier, &t->snapshots, post_batch);
	wm_consensus_move(&t->calls, &turn->calls);
	pthread_mutex_unlock(&t->lock);
	run_calls(t, &turn->calls);
	wm_consensus_end_requests(t);
	put_away(t);
}

void *wm_consensus_run(void *arg)
{
	struct wm_consensus *t = arg;
	struct turn turn;

	pthread_mutex_lock(&t->lock);
	t->posting = true;
	wm_consensus_post_out(t);
	pthread_mutex_unlock(&t->lock);
	for (;;) {
		take_turn(t, &turn);
		if (turn.stop)
			break;
		take_part(t, &turn);
	}
	receive_frames(t, &turn.frames);
	run_calls(t, &turn.calls);
	end(t, &turn);
	while (!wm_list_is_empty(&t->answers)) {
		struct wm_call *c =
			wm_container_of(wm_list_first(&t->answers), struct wm_call, node);

		wm_list_remove(&c->node);
		wm_loop_post(t->loop, &c->post, c->post.cb);
	}
	wm_loop_post(t->loop, &t->stop_post, on_stop_post);
	return NULL;
}
