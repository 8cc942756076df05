#include "programs/wmctl/call.h"
#include "base/clock.h"
#include "base/str.h"
#include "crypto/tls.h"
#include "loop/loop.h"
#include "programs/wmctl/advice.h"
#include "programs/wmctl/context.h"
#include "rpc/client.h"

#define GRACE_MS 1000 /* beyond the call's own deadline, which ends it */

struct call {
	struct wm_loop *loop;
	struct wm_tls_config *tls;
	struct wm_rpc_channel *channel;
	struct wm_rpc_unary unary;
	struct wm_err result;
	bool done;
};

static const struct wm_tls_hints hints = {
	.ca = "--certificate-authority (or certificate-authority-data in the configuration file)",
	.names = "--tls-verify-chain-only (or tls-verify-chain-only: true in the configuration "
		 "file)",
};

static int make_tls(struct call *c, const struct wm_ctl_target *t, struct wm_err *err)
{
	struct wm_tls_client_opts opts = {
		.ca = t->ca,
		.cert = t->cert,
		.key = t->key,
		.verify_chain_only = t->verify_chain_only,
		.skip_verify = t->skip_verify,
		.hints = &hints,
	};
	return t->insecure ? 0 : wm_tls_config_new_client(&opts, &c->tls, err);
}

static int open_channel(struct call *c, const struct wm_ctl_target *t, struct wm_err *err)
{
	struct wm_rpc_channel_opts opts = {
		.target = t->server,
		.connect_timeout_ns = t->connect_timeout_ns,
	};
	int rc = make_tls(c, t, err);
	if (rc != 0)
		return rc;
	opts.tls = c->tls;
	if (opts.connect_timeout_ns == 0 || opts.connect_timeout_ns > t->request_timeout_ns)
		opts.connect_timeout_ns = t->request_timeout_ns;
	c->loop = wm_loop_new(NULL);
	return wm_rpc_channel_new(c->loop, NULL, &opts, &c->channel, err);
}

static void on_answer(struct wm_rpc_unary *u, const struct wm_err *err)
{
	struct call *c = wm_container_of(u, struct call, unary);
	wm_err_copy(&c->result, err);
	c->done = true;
}

static bool is_done(void *arg)
{
	return ((const struct call *)arg)->done;
}

static int ask(struct call *c, const struct wm_ctl_target *t, const char *method,
	       const ProtobufCMessage *request, struct wm_err *err)
{
	static const char *const leader[] = {"x-webmesh-prefer-leader", "true", NULL};
	struct wm_rpc_call_opts opts = {
		.deadline_ns = t->request_timeout_ns,
		.metadata = t->prefer_leader ? leader : NULL,
	};
	int64_t wait_ms = t->request_timeout_ns / WM_NS_PER_MS + GRACE_MS;
	int rc = wm_rpc_unary_start(c->channel, &c->unary, wm_pb_method_find(method), request,
				    &opts, on_answer, err);
	if (rc != 0)
		return rc;
	if (!wm_loop_run_until(c->loop, is_done, c, wait_ms)) {
		wm_rpc_unary_cancel(&c->unary);
		(void)wm_loop_run_until(c->loop, is_done, c, GRACE_MS);
		return wm_fail(err, WM_DEADLINE_EXCEEDED, "no answer in time");
	}
	return wm_err_copy(err, &c->result);
}

static void close_call(struct call *c)
{
	if (c->done)
		wm_rpc_unary_fini(&c->unary);
	wm_rpc_channel_close(c->channel);
	if (c->loop != NULL)
		wm_loop_free(c->loop);
	wm_tls_config_free(c->tls);
}

int wm_ctl_call(struct wm_ctl *ctl, const char *method, const ProtobufCMessage *request,
		ProtobufCMessage **out, struct wm_err *err)
{
	struct call c = {0};
	struct wm_ctl_target target;
	int rc = wm_ctl_context_load(&ctl->arena, ctl->conf, ctl->o, &target, &ctl->notes, err);
	if (rc != 0)
		return rc;
	rc = open_channel(&c, &target, err);
	if (rc == 0) {
		rc = ask(&c, &target, method, request, err);
		if (rc == 0)
			*out = wm_pb_copy(&ctl->arena, c.unary.response);
		else
			wm_ctl_advise(&target, method, err, &ctl->notes);
	}
	close_call(&c);
	return rc;
}
