/*
 * Name resolution of loop/loop.h. A question to the system cannot be taken back once a thread of
 * the pool asks it; a cancelled request is answered at once, and the thread's answer, when it
 * comes, finds nobody and is dropped.
 */
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "loop/loop.h"
#include "loop/loop_impl.h"

struct asking {
	uv_getaddrinfo_t uv;
	struct wm_resolve *r;   /* NULL once it was answered */
	struct wm_defer answer; /* of a literal, or of a cancelled request */
	bool is_asked, is_cancelled;
};

/* Tells the caller, and releases what the pool does not hold any more. */
static void answer(struct asking *a, const struct wm_err *err)
{
	struct wm_resolve *r = a->r;

	a->r = NULL;
	r->impl = NULL;
	if (!a->is_asked)
		wm_free(a);
	r->cb(r, err);
}

static void on_deferred(struct wm_defer *d)
{
	struct asking *a = wm_container_of(d, struct asking, answer);
	struct wm_err err;

	if (!a->is_cancelled) {
		answer(a, NULL);
		return;
	}
	wm_fail(&err, WM_CANCELLED, "resolve %s: cancelled", a->r->host);
	answer(a, &err);
}

static void fail_status(struct wm_err *err, const char *host, int status)
{
	enum wm_code code = WM_UNAVAILABLE;

	if (status == UV_EAI_NONAME || status == UV_EAI_NODATA || status == UV_EAI_ADDRFAMILY)
		code = WM_NOT_FOUND;
	else if (status == UV_EAI_MEMORY || status == UV_ENOMEM)
		code = WM_RESOURCE_EXHAUSTED;
	wm_fail(err, code, "resolve %s: %s", host,
		code == WM_NOT_FOUND ? "no such host" : uv_strerror(status));
}

static void take_addresses(struct wm_resolve *r, const struct addrinfo *list)
{
	r->n_found = 0;
	for (; list != NULL && r->n_found < WM_RESOLVE_MAX; list = list->ai_next) {
		struct wm_endpoint *e = &r->found[r->n_found];

		if (!wm_endpoint_from_sockaddr(list->ai_addr, e))
			continue;
		e->port = r->port;
		r->n_found++;
	}
}

static void on_asked(uv_getaddrinfo_t *uv, int status, struct addrinfo *list)
{
	struct asking *a = wm_container_of(uv, struct asking, uv);
	struct wm_err err;

	a->is_asked = false;
	if (a->r == NULL) {
		wm_free(a);
	} else if (a->is_cancelled) {
		; /* the deferred answer is on its way and releases it */
	} else if (status != 0) {
		fail_status(&err, a->r->host, status);
		answer(a, &err);
	} else {
		take_addresses(a->r, list);
		if (a->r->n_found == 0) {
			fail_status(&err, a->r->host, UV_EAI_NODATA);
			answer(a, &err);
		} else {
			answer(a, NULL);
		}
	}
	uv_freeaddrinfo(list);
}

static bool parse_literal(const char *host, uint16_t port, struct wm_endpoint *out)
{
	char text[320];

	*out = (struct wm_endpoint){.port = port};
	if (wm_addr_parse(host, &out->addr))
		return true;
	if (strchr(host, '%') == NULL)
		return false;
	snprintf(text, sizeof(text), "[%s]:%u", host, port);
	return wm_endpoint_parse(text, out);
}

static int ask(struct wm_loop *loop, struct asking *a, struct wm_err *err)
{
	const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	int status;

	wm_loop_name_pool();
	status = uv_getaddrinfo(&loop->uv, &a->uv, on_asked, a->r->host, NULL, &hints);
	if (status != 0)
		return wm_fail(err, WM_INVALID_ARGUMENT, "resolve %s: no valid host name",
			       a->r->host);
	a->is_asked = true;
	return 0;
}

int wm_resolve_start(struct wm_loop *loop, struct wm_resolve *r, const char *host, uint16_t port,
		     void (*cb)(struct wm_resolve *r, const struct wm_err *err), struct wm_err *err)
{
	struct asking *a;
	int code;

	wm_on_loop(loop);
	if (host[0] == '\0')
		return wm_fail(err, WM_INVALID_ARGUMENT, "resolve: the host name is empty");
	if (!wm_str_copy(r->host, sizeof(r->host), host))
		return wm_fail(err, WM_INVALID_ARGUMENT,
			       "resolve %.40s...: longer than 255 characters", host);
	a = wm_alloc(sizeof(*a));
	a->r = r;
	r->impl = a;
	r->loop = loop;
	r->cb = cb;
	r->port = port;
	r->n_found = 0;
	if (parse_literal(host, port, &r->found[0])) {
		r->n_found = 1;
		wm_defer(loop, &a->answer, on_deferred);
		return 0;
	}
	code = ask(loop, a, err);
	if (code != 0) {
		r->impl = NULL;
		wm_free(a);
	}
	return code;
}

void wm_resolve_cancel(struct wm_resolve *r)
{
	struct asking *a = r->impl;

	if (a == NULL || a->is_cancelled)
		return;
	a->is_cancelled = true;
	if (a->is_asked)
		uv_cancel((uv_req_t *)&a->uv);
	wm_defer(r->loop, &a->answer, on_deferred);
}
