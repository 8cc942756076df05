/*
 * Before the machine starts: what is on the disk is brought into order.
 *   - nothing: a server that begins ALONE writes what state there is as snapshot 1, of which it is
 *     the only voter, and its log begins behind that; this is also how the state of a single
 *     server, which had no log, becomes one of a cluster. LISTED writes the list as entry 1. JOINS
 *     writes its ID and waits.
 *   - a state that lags behind the snapshot, or that was written since a boot that is over: it is
 *     made again from the snapshot, and the log does the rest. In the second case power may have
 *     gone, so not one page of it is looked at.
 *   - a state that is ahead of the log, or one of a cluster without a log: refused.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/str.h"
#include "cluster/consensus.h"

#define FIRST_INDEX 1
#define FIRST_TERM  1

/* ---- birth ---- */

static void fill_defaults(struct wm_cluster_opts *o)
{
	if (o->commit_ms == 0)
		o->commit_ms = 10000;
	if (o->snapshot_threshold == 0)
		o->snapshot_threshold = 8192;
	if (o->snapshot_ms == 0)
		o->snapshot_ms = 30000;
	if (o->snapshot_retention == 0)
		o->snapshot_retention = 2;
	if (o->reserve == 0)
		o->reserve = 1u << 20;
}

static void init_lock(struct wm_consensus *t)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&t->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&t->wake, &attr);
	pthread_condattr_destroy(&attr);
}

struct wm_consensus *wm_consensus_new(struct wm_log *log, const struct wm_cluster_opts *opts)
{
	struct wm_consensus *t = wm_alloc(sizeof(*t));

	t->log = log;
	t->opts = *opts;
	t->opts.path = opts->path != NULL ? wm_strdup(opts->path) : NULL;
	t->opts.node_id = wm_strdup(opts->node_id);
	fill_defaults(&t->opts);
	t->vault.newest = -1;
	t->copying.fd = -1;
	wm_rand_bytes(t->birth, sizeof(t->birth));
	wm_list_init(&t->waiting);
	wm_list_init(&t->frames);
	wm_list_init(&t->calls);
	wm_list_init(&t->out);
	wm_list_init(&t->answers);
	wm_list_init(&t->asked);
	init_lock(t);
	return t;
}

void wm_consensus_free(struct wm_consensus *t)
{
	wm_vault_close(&t->vault);
	wm_disk_close(t->disk);
	wm_buf_fini(&t->entry);
	pthread_cond_destroy(&t->wake);
	pthread_mutex_destroy(&t->lock);
	wm_free((void *)(uintptr_t)t->opts.path);
	wm_free((void *)(uintptr_t)t->opts.node_id);
	wm_free(t);
}

/* ---- before the state is opened ---- */

/* "" where the system tells none: then only what was synced can be trusted. */
static void read_boot(char out[WM_BOOT_TEXT])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, out, WM_BOOT_TEXT - 1) : -1;

	if (fd >= 0)
		close(fd);
	out[n > 0 ? n : 0] = '\0';
	wm_str_copy(out, WM_BOOT_TEXT, n > 0 ? wm_str_trim(out) : "?");
}

static bool is_empty(const struct wm_machine_disk *d)
{
	return d->term == 0 && d->last == 0 && d->snapshot == NULL;
}

static int note_boot(struct wm_consensus *t, const struct wm_machine_disk *found, bool *discard,
		     struct wm_err *err)
{
	const char *since = wm_disk_unsynced_since(t->disk);
	char boot[WM_BOOT_TEXT];

	read_boot(boot);
	if (*since != '\0' && !is_empty(found) && (!wm_streq(since, boot) || *boot == '?')) {
		*discard = true;
		wm_warn(t->log, "consensus.rebuild", "reason=power_cut snapshot=%llu",
			found->snapshot != NULL ? (unsigned long long)found->snapshot->index : 0);
	}
	return wm_streq(since, boot) ? 0 : wm_disk_put_unsynced_since(t->disk, boot, err);
}

int wm_consensus_prepare(void *arg, bool *discard, struct wm_err *err)
{
	struct wm_consensus *t = arg;
	struct wm_machine_disk found;
	struct wm_disk_opts o = {.map_limit = t->opts.log_limit};
	char folder[WM_PATH_MAX];
	int rc;

	if (t->opts.path != NULL) {
		if ((size_t)snprintf(folder, sizeof(folder), "%s/raft", t->opts.path) >=
		    sizeof(folder))
			return wm_fail(err, WM_INVALID_ARGUMENT, "the path %.100s... is too long",
				       t->opts.path);
		o.path = folder;
	}
	rc = wm_disk_open(&o, &t->disk, err);
	if (rc == 0)
		rc = wm_disk_load(t->disk, &found, err);
	if (rc == 0 && t->opts.path != NULL)
		rc = note_boot(t, &found, discard, err);
	if (rc == 0)
		rc = wm_vault_open(&t->vault, o.path, t->opts.snapshot_retention, found.snapshot,
				   err);
	return rc;
}

/* ---- a server that begins ---- */

/* The state as it is becomes the snapshot that the log begins behind. */
static int write_first(struct wm_consensus *t, const struct wm_snapshot_head *head,
		       struct wm_err *err)
{
	uint64_t bytes;
	MDB_txn *txn;
	int fd, rc = wm_vault_create(&t->vault, "taken", &fd, err);

	if (rc != 0)
		return rc;
	rc = mdb_txn_begin(t->env->m.env, NULL, MDB_RDONLY, &txn);
	if (rc == 0) {
		rc = wm_copy_state(t->env, txn, head, fd, NULL, &bytes, err);
		mdb_txn_abort(txn);
	} else {
		rc = wm_env_fail(t->env, rc, "cannot begin to read", err);
	}
	if (rc == 0)
		rc = wm_vault_publish(&t->vault, "taken", fd, &head->meta, err);
	if (rc != 0)
		close(fd);
	return rc;
}

static int put_place(struct wm_consensus *t, uint64_t index, uint64_t term, const char *incarnation,
		     struct wm_err *err)
{
	MDB_txn *txn;
	int rc = mdb_txn_begin(t->env->m.env, NULL, 0, &txn);

	if (rc != 0)
		return wm_env_fail(t->env, rc, "cannot begin to write", err);
	rc = wm_env_put_applied(t->env, txn, index, term);
	if (rc == 0)
		rc = wm_env_put_incarnation(t->env, txn, incarnation);
	if (rc == 0)
		rc = mdb_txn_commit(txn);
	else
		mdb_txn_abort(txn);
	return rc == 0 ? wm_env_reload(t->env, err) : wm_env_fail(t->env, rc, "cannot write", err);
}

static int begin_alone(struct wm_consensus *t, struct wm_err *err)
{
	struct wm_snapshot_head head = {
		.meta = {.index = FIRST_INDEX, .term = FIRST_TERM},
		.revision = t->env->revision,
	};
	uint64_t id = wm_machine_fresh_id();
	int rc;

	wm_str_copy(head.incarnation, sizeof(head.incarnation), t->env->incarnation);
	head.meta.configuration.index = FIRST_INDEX;
	wm_configuration_add(&head.meta.configuration, id, t->opts.node_id, WM_MEMBER_VOTER);
	if (head.revision > 0)
		wm_info(t->log, "consensus.taken_over", "revision=%llu incarnation=%s",
			(unsigned long long)head.revision, head.incarnation);
	rc = write_first(t, &head, err);
	if (rc == 0)
		rc = wm_disk_found(t->disk, id, FIRST_TERM, &head.meta, err);
	if (rc == 0)
		rc = put_place(t, FIRST_INDEX, FIRST_TERM, head.incarnation, err);
	wm_snapshot_head_fini(&head);
	return rc;
}

static int begin_with_others(struct wm_consensus *t, struct wm_err *err)
{
	const struct wm_configuration *first = t->opts.first;
	const struct wm_member *self =
		first != NULL ? wm_configuration_find_node(first, t->opts.node_id) : NULL;
	bool listed = t->opts.begin == WM_CLUSTER_LISTED;
	int rc;

	if (t->env->revision > 0)
		return wm_fail(err, WM_FAILED_PRECONDITION,
			       "%s: holds the state of a mesh of its own: move it away to become "
			       "one of several servers",
			       t->env->m.path);
	if (listed && self == NULL)
		return wm_fail(err, WM_INVALID_ARGUMENT,
			       "%s is not among the servers that begin together", t->opts.node_id);
	rc = wm_disk_put_id(t->disk, listed ? self->id : wm_machine_fresh_id(), err);
	if (rc == 0)
		rc = put_place(t, 0, 0, "", err);
	if (rc == 0 && listed)
		rc = wm_machine_bootstrap(first, &wm_consensus_io, t, err);
	return rc;
}

static int begin(struct wm_consensus *t, struct wm_err *err)
{
	if (t->env->is_applied && t->env->revision > 0)
		return wm_fail(err, WM_DATA_LOSS,
			       "%s: the log of this state is missing (its folder is raft): restore "
			       "a backup, or move the folder away and join again",
			       t->env->m.path);
	return t->opts.begin == WM_CLUSTER_ALONE ? begin_alone(t, err) : begin_with_others(t, err);
}

/* ---- a server that returns ---- */

static int rebuild(struct wm_consensus *t, struct wm_err *err)
{
	int fd, rc = wm_vault_share(&t->vault, &fd, err);

	if (rc != 0)
		return rc;
	rc = wm_load_state(t->env, fd, NULL, err);
	close(fd);
	return rc == 0 ? 0 : wm_wrap(err, "the state cannot be made from its snapshot");
}

static int come_back(struct wm_consensus *t, const struct wm_machine_disk *found,
		     struct wm_err *err)
{
	if (t->env->applied_index > found->last)
		return wm_fail(err, WM_DATA_LOSS,
			       "%s: the state is ahead of its log (entry %llu of %llu): restore "
			       "both from one backup, or move the folder away and join again",
			       t->env->m.path, (unsigned long long)t->env->applied_index,
			       (unsigned long long)found->last);
	if (found->snapshot != NULL && t->env->applied_index < found->snapshot->index)
		return rebuild(t, err);
	if (!t->env->is_applied) /* of several that began together, before the first entry */
		return put_place(t, 0, 0, "", err);
	return 0;
}

/* A start that was cut short before anything but the ID was written begins again. */
int wm_consensus_recover(struct wm_consensus *t, struct wm_err *err)
{
	struct wm_machine_disk found;
	int rc = wm_disk_load(t->disk, &found, err);

	if (rc == 0)
		rc = is_empty(&found) && (wm_disk_id(t->disk) == 0 ||
					  t->opts.begin == WM_CLUSTER_LISTED)
			     ? begin(t, err)
			     : come_back(t, &found, err);
	if (rc == 0)
		wm_env_unsync(t->env);
	return rc;
}
