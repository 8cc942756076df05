#include "cluster/request.h"

#include "base/mem.h"

void wm_request_answered(struct wm_post *post)
{
	struct wm_request *r = wm_container_of(post, struct wm_request, call.post);
	struct wm_cluster_ask *a = r->ask;
	struct wm_err err = r->err;
	int code = r->code;

	wm_free(r);
	a->call = NULL;
	a->cb(a, code != 0 ? &err : NULL);
}

static void finish(struct wm_consensus *t, struct wm_request *r, const struct wm_err *err)
{
	wm_list_remove(&r->node);
	if (t->transfer == r)
		t->transfer = NULL;
	r->code = err != NULL ? err->code : 0;
	if (err != NULL)
		r->err = *err;
	wm_consensus_answer(t, &r->call, wm_request_answered);
}

static uint64_t token_of(const struct wm_request *r)
{
	return (uint64_t)(uintptr_t)r;
}

static struct wm_request *request_of(uint64_t token)
{
	return (struct wm_request *)(uintptr_t)token;
}

static int ask(struct wm_consensus *t, struct wm_request *r, struct wm_err *err)
{
	int64_t now = wm_consensus_now();
	int rc = 0;

	if (t->machine == NULL)
		return wm_fail(err, WM_UNAVAILABLE, "this server stops");
	switch (r->kind) {
	case WM_REQUEST_READ:
		rc = wm_machine_read(t->machine, now, token_of(r), err);
		if (rc == WM_FAILED_PRECONDITION) {
			err->code = WM_UNAVAILABLE;
			return WM_UNAVAILABLE;
		}
		break;
	case WM_REQUEST_CHANGE:
		rc = wm_machine_change(t->machine, now, &r->change, token_of(r), err);
		break;
	case WM_REQUEST_TRANSFER:
		if (t->transfer != NULL)
			return wm_fail(err, WM_FAILED_PRECONDITION,
				       "leadership is being handed over already");
		t->transfer = r;
		rc = wm_machine_transfer(t->machine, now, r->to, err);
		if (rc != 0)
			t->transfer = NULL;
		break;
	}
	return rc;
}

/* The machine may answer inside the question: the request is ours again only after an error. */
void wm_request_run(struct wm_consensus *t, struct wm_call *c)
{
	struct wm_request *r = wm_container_of(c, struct wm_request, call);
	struct wm_err err;

	wm_list_push(&t->asked, &r->node);
	if (ask(t, r, &err) != 0)
		finish(t, r, &err);
}

void wm_consensus_readable(void *arg, uint64_t token, const struct wm_err *err)
{
	finish(arg, request_of(token), err);
}

void wm_consensus_changed(void *arg, uint64_t token, const struct wm_err *err)
{
	finish(arg, request_of(token), err);
}

void wm_consensus_transferred(void *arg, const struct wm_err *err)
{
	struct wm_consensus *t = arg;

	if (t->transfer != NULL)
		finish(t, t->transfer, err);
}

void wm_consensus_end_requests(struct wm_consensus *t)
{
	struct wm_list *node;
	struct wm_err err;

	wm_fail(&err, WM_UNAVAILABLE, "this server stops");
	while ((node = wm_list_first(&t->asked)) != NULL)
		finish(t, wm_container_of(node, struct wm_request, node), &err);
}
