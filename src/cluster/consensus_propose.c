/*
 * Proposals become entries: all that wait, in as few as it fits, each with a pending record that
 * the entry's application finds again.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "cluster/consensus.h"
#include "store/txn_codec.h"
#include "store/txn_ops.h"

#define GROUP_MAX   1024
#define GROUP_BYTES (1024u * 1024)

/* Sets apart some of what waits, as much as goes into one entry, and encodes it. */
static void take_group(struct wm_consensus *t, struct wm_list *from, struct wm_list *group)
{
	struct wm_txn_batch_head head = {.has_incarnation = t->env->incarnation[0] == '\0'};
	struct wm_list *node;

	for (size_t i = 0; i < sizeof(head.incarnation); i++)
		head.incarnation[i] = t->birth[i];
	wm_list_init(group);
	wm_buf_clear(&t->entry);
	wm_txn_batch_encode_head(&t->entry, &head);
	for (unsigned n = 0; n < GROUP_MAX && (node = wm_list_first(from)) != NULL; n++) {
		const struct wm_txn *txn = wm_container_of(node, struct wm_propose, node)->txn;

		if (n > 0 && t->entry.len + wm_txn_batch_size(txn) > GROUP_BYTES)
			break;
		wm_txn_batch_encode(&t->entry, txn);
		wm_list_remove(node);
		wm_list_push(group, node);
	}
}

/* What a growing entry has left behind is not kept for ever. */
static void shrink(struct wm_buf *b)
{
	if (b->cap > 2 * GROUP_BYTES || b->len < b->cap / 64)
		wm_buf_fini(b);
}

/*
 * The disk failed with our entry. When it is not in the log, and there is nobody else who could
 * have it, then it is nowhere; otherwise the log decides, as soon as it can be written again.
 */
static void settle_failure(struct wm_consensus *t, struct wm_pending *p)
{
	struct wm_machine_disk found;
	const struct wm_configuration *c = wm_machine_configuration(t->machine);
	struct wm_err why = t->disk_err, err;

	if (c->n > 1 || wm_disk_load(t->disk, &found, &err) != 0 || found.last >= p->index)
		return;
	if (why.code == 0)
		wm_fail(&why, WM_UNAVAILABLE, "the disk failed: nothing was changed");
	wm_applier_give_up(&t->applier, p, &why);
}

/* We do not lead. Where the disk is the reason and nobody else could, it is the answer too. */
static void explain(struct wm_consensus *t, struct wm_err *err)
{
	if (t->disk_is_ill && wm_machine_configuration(t->machine)->n <= 1) {
		wm_err_copy(err, &t->illness);
		return;
	}
	err->code = WM_UNAVAILABLE;
	wm_wrap(err, "this server does not order changes now");
}

static void propose_group(struct wm_consensus *t, struct wm_list *group)
{
	struct wm_pending *p = wm_applier_expect(&t->applier, group, wm_clock_now());
	struct wm_err err;
	int rc;

	t->disk_err.code = 0;
	rc = wm_machine_propose(t->machine, wm_consensus_now(), t->entry.data, t->entry.len,
				&p->index, &p->term, &err);
	p = t->applier.proposing;
	t->applier.proposing = NULL;
	if (rc == 0 || p == NULL)
		return;
	if (rc == WM_UNAVAILABLE && p->index != 0) {
		settle_failure(t, p);
		return;
	}
	if (rc == WM_FAILED_PRECONDITION)
		explain(t, &err);
	wm_applier_give_up(&t->applier, p, &err);
}

/*
 * What one server cannot write down no server may promise: a change that comes near what the state
 * can hold is refused while there still is room for those that delete.
 */
static bool is_full(struct wm_consensus *t, struct wm_err *err)
{
	const struct wm_mdb *m = &t->env->m;

	if (t->applier.used_bytes < m->map_limit / 4 * 3)
		return false;
	wm_fail(err, WM_RESOURCE_EXHAUSTED,
		"%s: the state has reached its limit of %zu MiB, of which a quarter is kept free: "
		"delete what is not needed",
		m->path, m->map_limit >> 20);
	return true;
}

static bool only_deletes(const struct wm_propose *p)
{
	for (size_t i = 0; i < p->txn->n_ops; i++)
		if (p->txn->ops[i].kind == WM_TXN_PUT)
			return false;
	return true;
}

static void refuse_puts(struct wm_consensus *t, struct wm_list *proposals, const struct wm_err *why)
{
	struct wm_list refused, *it, *next;

	wm_list_init(&refused);
	wm_list_each_safe (it, next, proposals) {
		if (only_deletes(wm_container_of(it, struct wm_propose, node)))
			continue;
		wm_list_remove(it);
		wm_list_push(&refused, it);
	}
	wm_applier_refuse(&t->applier, &refused, why);
}

void wm_consensus_propose(struct wm_consensus *t, struct wm_list *proposals)
{
	struct wm_err why;

	if (wm_list_is_empty(proposals))
		return;
	if (is_full(t, &why))
		refuse_puts(t, proposals, &why);
	while (!wm_list_is_empty(proposals)) {
		struct wm_list group;

		take_group(t, proposals, &group);
		propose_group(t, &group);
		wm_pulse_show(&t->pulse);
	}
	shrink(&t->entry);
}
