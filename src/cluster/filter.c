#include "cluster/filter.h"
#include <string.h>

static enum wm_verdict refuse(struct wm_err *err, enum wm_verdict verdict, const char *why)
{
	wm_fail(err, WM_FAILED_PRECONDITION, "%s", why);
	return verdict;
}

static enum wm_verdict check_sender(const struct wm_filter_view *v, const char *node_id,
				    const struct wm_frame *f, struct wm_err *err)
{
	const struct wm_member *m = wm_configuration_find(v->c, f->from);

	/* For an earlier life of our disk, whose ID we had then. */
	if (f->to != v->self)
		return refuse(err, WM_VERDICT_DROP, "not for us");
	if (f->from == v->self)
		return refuse(err, WM_VERDICT_REFUSE, "it has our own ID");
	/* Whom our configuration does not know yet may be in the leader's. */
	if (m != NULL && strcmp(m->node_id, node_id) != 0)
		return refuse(err, WM_VERDICT_REFUSE, "its ID is another node's");
	if (f->term > v->term && f->term - v->term > WM_TERM_JUMP)
		return refuse(err, WM_VERDICT_REFUSE, "its term is out of reach");
	return WM_VERDICT_PASS;
}

static enum wm_verdict check_append(const struct wm_filter_view *v, const struct wm_frame *f,
				    struct wm_err *err)
{
	if (v->state == WM_MACHINE_LEADER && f->term == v->term)
		return refuse(err, WM_VERDICT_TWO_LEADERS, "it leads in our term");
	if (f->index == 0 && f->n_entries > 0 && f->entries[0].kind != WM_ENTRY_CHANGE)
		return refuse(err, WM_VERDICT_REFUSE, "its log begins without a configuration");
	return WM_VERDICT_PASS;
}

static enum wm_verdict check_snapshot(const struct wm_filter_view *v, const struct wm_frame *f,
				      struct wm_err *err)
{
	if (v->state == WM_MACHINE_LEADER && f->term == v->term)
		return refuse(err, WM_VERDICT_TWO_LEADERS, "it leads in our term");
	/* Late: the heartbeats behind it say by themselves that we need none. */
	if (f->term < v->term)
		return refuse(err, WM_VERDICT_DROP, "an offer of an earlier term");
	return WM_VERDICT_PASS;
}

static enum wm_verdict check_append_result(const struct wm_filter_view *v, const struct wm_frame *f,
					   struct wm_err *err)
{
	uint64_t last = f->last;

	if (v->state != WM_MACHINE_LEADER)
		return refuse(err, WM_VERDICT_DROP, "we do not lead");
	if (f->term != v->term || f->rejected == 0)
		return WM_VERDICT_PASS;
	if (last >= f->rejected)
		last = f->rejected - 1;
	if (last >= v->match)
		return WM_VERDICT_PASS;
	/*
	 * Asked before we knew of its success, it may have met our frames in another order. Asked
	 * after, it had all of it when the question came.
	 */
	if (f->number <= v->success)
		return refuse(err, WM_VERDICT_DROP, "a late rejection");
	return refuse(err, WM_VERDICT_LOST_DATA, "it lost what it had synced");
}

static enum wm_verdict check_vote(const struct wm_filter_view *v, const struct wm_frame *f,
				  struct wm_err *err)
{
	if ((f->index == 0) != (f->index_term == 0) || f->index_term > f->term)
		return refuse(err, WM_VERDICT_REFUSE, "its last entry cannot be");
	if (f->pre_vote && f->disrupt)
		return refuse(err, WM_VERDICT_REFUSE, "a trial vote that disrupts");
	/* A leader that hands over has given up its lease. */
	if (v->no_votes && !f->disrupt)
		return refuse(err, WM_VERDICT_DROP, "too early to vote");
	return WM_VERDICT_PASS;
}

static enum wm_verdict check_vote_result(const struct wm_filter_view *v, const struct wm_frame *f,
					 struct wm_err *err)
{
	/*
	 * libraft looks whether this is a trial in memory that means something else unless we are
	 * a candidate, and takes a term over that is only a wish.
	 */
	if (v->state != WM_MACHINE_CANDIDATE || v->in_pre_vote != f->pre_vote)
		return refuse(err, WM_VERDICT_DROP, "we ask no more");
	if (f->pre_vote && f->granted && f->term > v->term + 1)
		return refuse(err, WM_VERDICT_REFUSE, "nobody asked for this term");
	return WM_VERDICT_PASS;
}

static enum wm_verdict check_timeout_now(const struct wm_filter_view *v, const struct wm_frame *f,
					 struct wm_err *err)
{
	if (v->is_sole)
		return refuse(err, WM_VERDICT_REFUSE, "nobody else can have led");
	return WM_VERDICT_PASS;
}

static enum wm_verdict check_answer(const struct wm_filter_view *v, const struct wm_frame *f,
				    struct wm_err *err)
{
	if (v->state != WM_MACHINE_LEADER || f->term != v->term)
		return refuse(err, WM_VERDICT_DROP, "another term");
	return WM_VERDICT_PASS;
}

enum wm_verdict wm_filter_check(const struct wm_filter_view *v, const char *node_id,
				const struct wm_frame *f, struct wm_err *err)
{
	enum wm_verdict verdict = check_sender(v, node_id, f, err);

	if (verdict != WM_VERDICT_PASS)
		return verdict;
	switch (f->kind) {
	case WM_FRAME_APPEND: return check_append(v, f, err);
	case WM_FRAME_APPEND_RESULT: return check_append_result(v, f, err);
	case WM_FRAME_VOTE: return check_vote(v, f, err);
	case WM_FRAME_VOTE_RESULT: return check_vote_result(v, f, err);
	case WM_FRAME_SNAPSHOT: return check_snapshot(v, f, err);
	case WM_FRAME_TIMEOUT_NOW: return check_timeout_now(v, f, err);
	case WM_FRAME_ANSWER: return check_answer(v, f, err);
	case WM_FRAME_ASK: return WM_VERDICT_PASS;
	}
	return refuse(err, WM_VERDICT_REFUSE, "unknown");
}

void wm_filter_trim(const struct wm_filter_view *v, uint64_t base, uint64_t base_term,
		    struct wm_frame *f)
{
	uint64_t end = f->index + f->n_entries;

	if (f->index < base && end < base) {
		f->index = base;
		f->index_term = base_term;
		f->n_entries = 0;
	} else if (f->index < base) {
		size_t gone = (size_t)(base - f->index);

		/* Its own term at that place, so that it is still compared with ours. */
		f->index_term = f->entries[gone - 1].term;
		f->index = base;
		f->n_entries -= gone;
		memmove(f->entries, f->entries + gone, f->n_entries * sizeof(*f->entries));
	}
	if (f->index + f->n_entries < v->commit && f->commit > v->commit)
		f->commit = v->commit;
}
