/* The loop's side of the consensus thread: what a store asks of its engine. */
#include "cluster/consensus.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "store/txn_codec.h"
#include "store/txn_ops.h"

#define WAITING_MAX   8192
#define WAITING_BYTES (96u * 1024 * 1024)
#define FRAMES_MAX    4096
#define FRAMES_BYTES  (64u * 1024 * 1024)
#define STACK_SIZE    (512u * 1024)

struct wm_consensus *wm_consensus_of(struct wm_engine *e)
{
	return wm_container_of(e, struct wm_consensus, engine);
}

void wm_consensus_move(struct wm_list *from, struct wm_list *to)
{
	struct wm_list *node;

	while ((node = wm_list_first(from)) != NULL) {
		wm_list_remove(node);
		wm_list_push(to, node);
	}
}

bool wm_consensus_call(struct wm_consensus *t, struct wm_call *c,
		       void (*run_call)(struct wm_consensus *t, struct wm_call *c))
{
	bool stops;

	c->run = run_call;
	pthread_mutex_lock(&t->lock);
	stops = t->stop;
	if (!stops) {
		wm_list_push(&t->calls, &c->node);
		pthread_cond_signal(&t->wake);
	}
	pthread_mutex_unlock(&t->lock);
	return !stops;
}

void wm_consensus_receive(struct wm_consensus *t, const char *node_id, const uint8_t *frame,
			  size_t len)
{
	struct wm_frame_in *f;
	bool full;

	if (len > WM_MACHINE_FRAME_MAX || strlen(node_id) > WM_IDENT_MAX)
		return;
	f = wm_try_alloc(sizeof(*f) + len);
	if (f == NULL)
		return;
	strcpy(f->node_id, node_id);
	f->len = len;
	memcpy(f->data, frame, len);
	pthread_mutex_lock(&t->lock);
	full = t->n_frames >= FRAMES_MAX || t->bytes_frames + len > FRAMES_BYTES || t->stop;
	if (!full) {
		wm_list_push(&t->frames, &f->node);
		t->n_frames++;
		t->bytes_frames += len;
		pthread_cond_signal(&t->wake);
	}
	t->lost_frames += full;
	pthread_mutex_unlock(&t->lock);
	if (full)
		wm_free(f);
}

static struct wm_pulse *ask(struct wm_engine *e)
{
	struct wm_consensus *t = wm_consensus_of(e);

	pthread_mutex_lock(&t->lock);
	wm_pulse_ask(&t->pulse);
	pthread_cond_signal(&t->wake);
	pthread_mutex_unlock(&t->lock);
	return &t->pulse;
}

static int push(struct wm_engine *e, struct wm_propose *p, struct wm_err *err)
{
	struct wm_consensus *t = wm_consensus_of(e);
	size_t size = wm_txn_size(p->txn);
	bool full;

	if (wm_txn_batch_size(p->txn) + WM_TXN_BATCH_HEAD > WM_MACHINE_ENTRY_MAX)
		return wm_fail(err, WM_INVALID_ARGUMENT,
			       "a change of more than %u MiB: do it in several",
			       WM_MACHINE_ENTRY_MAX >> 20);
	pthread_mutex_lock(&t->lock);
	full = t->n_waiting >= WAITING_MAX || t->bytes_waiting + size > WAITING_BYTES;
	if (!full) {
		wm_list_push(&t->waiting, &p->node);
		t->n_waiting++;
		t->bytes_waiting += size;
		pthread_cond_signal(&t->wake);
	}
	pthread_mutex_unlock(&t->lock);
	if (full)
		return wm_fail(err, WM_RESOURCE_EXHAUSTED,
			       "too many changes wait to be written: try again later");
	return 0;
}

static void release(struct wm_engine *e, struct wm_batch *b, struct wm_snapshot *s)
{
	struct wm_consensus *t = wm_consensus_of(e);

	wm_batch_free(b);
	if (s == NULL)
		return;
	wm_snapshot_release(s);
	pthread_mutex_lock(&t->lock);
	wm_snapshot_pool_give(&t->snapshots, s);
	pthread_cond_signal(&t->wake);
	pthread_mutex_unlock(&t->lock);
}

static void stop(struct wm_engine *e, struct wm_list *unwritten)
{
	struct wm_consensus *t = wm_consensus_of(e);

	pthread_mutex_lock(&t->lock);
	t->stop = true;
	atomic_store(&t->copying.stop, true);
	wm_consensus_move(&t->waiting, unwritten);
	pthread_cond_signal(&t->wake);
	pthread_mutex_unlock(&t->lock);
}

static void free_list_of_frames(struct wm_list *list)
{
	struct wm_list *node;

	while ((node = wm_list_first(list)) != NULL) {
		wm_list_remove(node);
		wm_free(wm_container_of(node, struct wm_frame_in, node));
	}
}

/* The store has everything back; the cluster frees the rest of us. */
static void free_engine(struct wm_engine *e)
{
	struct wm_consensus *t = wm_consensus_of(e);

	free_list_of_frames(&t->frames);
	free_list_of_frames(&t->out);
	wm_applier_fini(&t->applier);
	wm_snapshot_pool_close(&t->snapshots);
}

static const struct wm_engine_ops ops = {
	.push = push,
	.release = release,
	.ask = ask,
	.stop = stop,
	.free = free_engine,
};

/* ---- the start ---- */

static int open_machine(struct wm_consensus *t, struct wm_err *err)
{
	const struct wm_machine_opts o = {
		.id = wm_disk_id(t->disk),
		.node_id = t->opts.node_id,
		.election_ms = t->opts.election_ms,
		.heartbeat_ms = t->opts.heartbeat_ms,
		.reserve = t->opts.path != NULL ? t->opts.reserve : 0,
		.purge_ms = t->opts.purge_ms,
		.seed = wm_machine_fresh_id(),
	};

	return wm_machine_open(&o, &wm_consensus_io, t, wm_consensus_now(), &t->machine, err);
}

static int begin(struct wm_consensus *t, struct wm_err *err)
{
	int rc = wm_consensus_recover(t, err);

	if (rc != 0)
		return rc;
	wm_applier_init(&t->applier, t->env, &t->engine);
	rc = open_machine(t, err);
	if (rc == 0) {
		/* What the log had beyond the state is in it now, and nobody has seen less. */
		t->env->revision = t->applier.revision;
		wm_applier_forget(&t->applier);
		rc = wm_snapshot_pool_open(t->env, &t->snapshots, err);
	}
	if (rc == 0)
		wm_consensus_publish(t);
	return rc;
}

int wm_consensus_start(void *arg, struct wm_loop *loop, struct wm_env *env,
		       const struct wm_engine_hooks *hooks, struct wm_engine **out,
		       struct wm_err *err)
{
	struct wm_consensus *t = arg;
	int rc;

	t->loop = loop;
	t->env = env;
	t->hooks = *hooks;
	t->engine.ops = &ops;
	t->engine.first = &t->snapshots.all[0];
	wm_str_copy(t->pulse.name, sizeof(t->pulse.name), "consensus");
	rc = begin(t, err);
	if (rc == 0)
		rc = wm_thread_start(&t->thread, t->pulse.name, STACK_SIZE, wm_consensus_run, t,
				     err);
	if (rc != 0) {
		wm_machine_close(wm_steal(t->machine));
		if (t->applier.batch != NULL)
			free_engine(&t->engine);
		return rc;
	}
	t->started = true;
	*out = &t->engine;
	return 0;
}
