/*
 * Snapshots of our own, and those that were fetched: a thread copies or verifies, and comes back by
 * a call. Only one of both at a time.
 */
#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "cluster/consensus.h"

#define STACK_SIZE (256u * 1024)
#define TRAILING   1024                /* entries kept for members that lag a little */
#define LOG_BYTES  (32u * 1024 * 1024) /* of the log, beyond which a snapshot is due at once */

/* ---- our own ---- */

static void close_copy(struct wm_copying *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	wm_snapshot_head_fini(&c->head);
}

static void copied(struct wm_consensus *t, struct wm_err *err)
{
	struct wm_copying *c = &t->copying;
	uint64_t keep = 0;
	int rc = wm_err_copy(err, &c->err);

	if (rc == 0) {
		pthread_mutex_lock(&t->lock);
		rc = wm_vault_publish(&t->vault, "taken", c->fd, &c->head.meta, err);
		pthread_mutex_unlock(&t->lock);
	}
	if (rc != 0)
		return;
	c->fd = -1;
	rc = wm_machine_snapshot_taken(t->machine, wm_consensus_now(), &c->head.meta, TRAILING,
				       &keep, err);
	if (rc == 0)
		rc = wm_disk_put_snapshot(t->disk, &c->head.meta, keep, err);
	if (rc != 0)
		return;
	wm_vault_tidy(&t->vault);
	t->snapshot_wall_ns = wm_clock_wall();
	wm_info(t->log, "consensus.snapshot", "index=%llu revision=%llu bytes=%llu took_ms=%lld",
		(unsigned long long)c->head.meta.index, (unsigned long long)c->head.revision,
		(unsigned long long)t->vault.bytes, (long long)(c->took_ns / WM_NS_PER_MS));
}

static void on_copied(struct wm_consensus *t, struct wm_call *call)
{
	struct wm_copying *c = wm_container_of(call, struct wm_copying, done);
	struct wm_err err = {0};

	pthread_join(c->thread, NULL);
	c->runs = false;
	if (t->machine != NULL)
		copied(t, &err);
	if (err.code != 0 && err.code != WM_CANCELLED)
		wm_warn(t->log, "consensus.snapshot_failed", "error=\"%s\"", err.text);
	close_copy(c);
}

static void *run_copy(void *arg)
{
	struct wm_consensus *t = arg;
	struct wm_copying *c = &t->copying;

	if (wm_copy_state(t->env, c->txn, &c->head, c->fd, &c->stop, &c->bytes, &c->err) == 0)
		c->err.code = 0;
	mdb_txn_abort(c->txn);
	c->took_ns = wm_clock_now() - c->began_ns;
	wm_consensus_call(t, &c->done, on_copied);
	return NULL;
}

static int start_copy(struct wm_consensus *t, struct wm_err *err)
{
	struct wm_copying *c = &t->copying;
	int rc = wm_machine_snapshot_begin(t->machine, &c->head.meta, err);

	if (rc != 0)
		return rc;
	c->head.revision = t->applier.revision;
	wm_str_copy(c->head.incarnation, sizeof(c->head.incarnation), t->env->incarnation);
	rc = wm_vault_create(&t->vault, "taken", &c->fd, err);
	if (rc != 0)
		return rc;
	rc = mdb_txn_begin(t->env->m.env, NULL, MDB_RDONLY, &c->txn);
	if (rc != 0)
		return wm_env_fail(t->env, rc, "cannot begin to read", err);
	c->fetched = false;
	c->err.code = 0;
	c->began_ns = wm_clock_now();
	rc = wm_thread_start(&c->thread, "snapshot", STACK_SIZE, run_copy, t, err);
	if (rc != 0)
		mdb_txn_abort(c->txn);
	c->runs = rc == 0;
	return rc;
}

static bool is_due(struct wm_consensus *t, int64_t now_ms)
{
	uint64_t behind = t->applier.index - (t->vault.newest >= 0 ? t->vault.index : 0);

	if (t->wants_snapshot)
		return true;
	if (wm_disk_bytes(t->disk) > LOG_BYTES && behind > TRAILING)
		return true;
	if (now_ms - t->looked_ms < t->opts.snapshot_ms)
		return false;
	t->looked_ms = now_ms;
	return behind >= t->opts.snapshot_threshold;
}

void wm_consensus_copy_if_due(struct wm_consensus *t, int64_t now_ms)
{
	struct wm_copying *c = &t->copying;
	struct wm_err err;
	int rc;

	if (c->runs || c->fd >= 0 || now_ms < t->copy_after_ms || !is_due(t, now_ms))
		return;
	t->wants_snapshot = false;
	rc = start_copy(t, &err);
	if (rc == 0)
		return;
	close_copy(c);
	t->copy_after_ms = now_ms + 1000;
	if (rc != WM_FAILED_PRECONDITION)
		wm_warn(t->log, "consensus.snapshot_failed", "error=\"%s\"", err.text);
}

/* ---- fetched ones ---- */

/* It is good for others too, so it gets its name before the machine decides about it. */
static void keep_fetched(struct wm_consensus *t)
{
	struct wm_copying *c = &t->copying;
	struct wm_err err;
	int rc;

	pthread_mutex_lock(&t->lock);
	rc = wm_vault_publish(&t->vault, "fetched", c->fd, &c->head.meta, &err);
	pthread_mutex_unlock(&t->lock);
	if (rc == 0) {
		c->fd = -1;
		wm_machine_snapshot_ready(t->machine, wm_consensus_now(), &c->head.meta);
		return;
	}
	wm_warn(t->log, "consensus.fetch_failed", "error=\"%s\"", err.text);
	wm_machine_snapshot_failed(t->machine);
}

static void on_verified(struct wm_consensus *t, struct wm_call *call)
{
	struct wm_copying *c = wm_container_of(call, struct wm_copying, done);

	pthread_join(c->thread, NULL);
	c->runs = false;
	if (t->machine == NULL) {
		close_copy(c);
	} else if (c->err.code != 0) {
		wm_warn(t->log, "consensus.fetch_failed", "error=\"%s\"", c->err.text);
		wm_machine_snapshot_failed(t->machine);
		close_copy(c);
	} else {
		keep_fetched(t);
		close_copy(c);
	}
}

static void *run_verify(void *arg)
{
	struct wm_consensus *t = arg;
	struct wm_copying *c = &t->copying;

	if (wm_verify_snapshot(c->fd, &c->head, &c->err) != 0)
		wm_wrap(&c->err, "what was fetched");
	else if (fsync(c->fd) != 0)
		wm_fail_errno(&c->err, errno, "cannot sync what was fetched");
	else
		c->err.code = 0;
	wm_consensus_call(t, &c->done, on_verified);
	return NULL;
}

void wm_consensus_verify(struct wm_consensus *t, int fd)
{
	struct wm_copying *c = &t->copying;
	struct wm_err err;

	wm_consensus_copy_stop(t); /* what we copy now is older than what comes */
	c->fd = fd;
	c->fetched = true;
	c->err.code = 0;
	if (wm_thread_start(&c->thread, "snapshot", STACK_SIZE, run_verify, t, &err) == 0) {
		c->runs = true;
		return;
	}
	wm_warn(t->log, "consensus.fetch_failed", "error=\"%s\"", err.text);
	wm_machine_snapshot_failed(t->machine);
	close_copy(c);
}

/* Its call may be in the inbox already; then it is taken out again. */
void wm_consensus_copy_stop(struct wm_consensus *t)
{
	struct wm_copying *c = &t->copying;

	if (c->runs) {
		atomic_store(&c->stop, true);
		pthread_join(c->thread, NULL);
		c->runs = false;
		pthread_mutex_lock(&t->lock);
		wm_list_remove(&c->done.node);
		pthread_mutex_unlock(&t->lock);
		atomic_store(&c->stop, false);
	}
	close_copy(c);
}
