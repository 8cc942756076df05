#include "loopback.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void open_tls(struct loopback *b)
{
	struct wm_tls_server_opts server = {0};
	struct wm_tls_client_opts client = {.skip_verify = true};
	struct wm_err err = {0};
	if (wm_tls_config_new_server(&server, &b->server_tls, &err) != 0 ||
	    wm_tls_config_new_client(&client, &b->client_tls, &err) != 0)
		fail_msg("%s", err.text);
}

void loopback_open_channel(struct loopback *b, const struct wm_rpc_channel_opts *opts)
{
	struct wm_rpc_channel_opts o = opts == NULL ? (struct wm_rpc_channel_opts){0} : *opts;
	struct wm_err err = {0};
	if (o.target == NULL && o.targets == NULL)
		o.target = b->target;
	if (o.tls == NULL)
		o.tls = b->client_tls;
	if (wm_rpc_channel_new(b->loop, b->log, &o, &b->channel, &err) != 0)
		fail_msg("%s", err.text);
}

void loopback_open(struct loopback *b, enum mode mode, tune_cb tune)
{
	struct wm_rpc_server_opts opts = {.at = {.addr = wm_addr_v4(0x7f000001)}};
	struct wm_err err = {0};
	char text[WM_ENDPOINT_TEXT];
	*b = (struct loopback){0};
	b->log = wm_log_new(2, WM_LOG_OFF, WM_LOG_TEXT);
	b->loop = wm_loop_new(b->log);
	if (mode == TLS)
		open_tls(b);
	opts.tls = b->server_tls;
	if (mode == LOCAL) {
		(void)snprintf(b->path, sizeof(b->path), "/tmp/webmesh-rpc-test-%d", getpid());
		opts.path = b->path;
	}
	if (tune != NULL)
		tune(&opts);
	b->server = wm_rpc_server_new(b->loop, b->log);
	rpc_service_register(&b->service, b->server);
	if (wm_rpc_server_listen(b->server, &opts, &b->at, &err) != 0)
		fail_msg("%s", err.text);
	if (mode == LOCAL)
		(void)snprintf(b->target, sizeof(b->target), "unix://%s", b->path);
	else
		wm_str_copy(b->target, sizeof(b->target), wm_endpoint_format(&b->at, text));
	loopback_open_channel(b, NULL);
}

static void on_drained(void *arg)
{
	*(bool *)arg = true;
}

static bool is_true(void *arg)
{
	return *(bool *)arg;
}

void loopback_drain(struct loopback *b, int64_t grace_ns)
{
	wm_rpc_server_drain(b->server, grace_ns, on_drained, &b->drained);
	assert_true(wm_loop_run_until(b->loop, is_true, &b->drained, 10000));
}

static bool never(void *arg)
{
	return false;
}

void loopback_pass(struct loopback *b, int64_t ms)
{
	const int64_t slice = 2;
	for (int64_t turns = ms / slice + 10; turns > 0; turns--)
		(void)wm_loop_run_until(b->loop, never, NULL, slice);
}

void loopback_close(struct loopback *b)
{
	wm_rpc_channel_close(b->channel);
	if (!b->drained)
		loopback_drain(b, 0);
	wm_rpc_server_free(b->server);
	wm_tls_config_free(b->server_tls);
	wm_tls_config_free(b->client_tls);
	wm_loop_free(b->loop);
	wm_log_free(b->log);
}

static void on_answer(struct wm_rpc_unary *u, const struct wm_err *err)
{
	struct ask *a = wm_container_of(u, struct ask, u);
	const char *header = wm_rpc_client_call_metadata(u->done, "x-echo", NULL);
	a->n_done++;
	a->took = wm_clock_now() - a->took;
	assert_null(u->call);
	if (err != NULL)
		a->err = *err;
	wm_str_copy(a->header, sizeof(a->header), header == NULL ? "" : header);
}

void ask_start(struct loopback *b, struct ask *a, const char *id,
	       const struct wm_rpc_call_opts *opts)
{
	V1__GetStatusRequest request = V1__GET_STATUS_REQUEST__INIT;
	struct wm_err err = {0};
	char *copy = wm_strdup(id);
	/* As deadlines count: from the loop's time, which may be behind the clock. */
	*a = (struct ask){.took = wm_loop_now(b->loop)};
	request.id = copy;
	if (wm_rpc_unary_start(b->channel, &a->u, wm_pb_method_find("/v1.Node/GetStatus"),
			       &request.base, opts, on_answer, &err) != 0) {
		a->err = err;
		a->n_done = 1;
	}
	wm_free(copy);
}

static bool is_done(void *arg)
{
	return ((struct ask *)arg)->n_done > 0;
}

void ask_wait(struct loopback *b, struct ask *a)
{
	assert_true(wm_loop_run_until(b->loop, is_done, a, 30000));
	assert_int_equal(a->n_done, 1);
}

int ask(struct loopback *b, struct ask *a, const char *id, const struct wm_rpc_call_opts *opts)
{
	ask_start(b, a, id, opts);
	ask_wait(b, a);
	return a->err.code;
}

const V1__Status *ask_status(const struct ask *a)
{
	return (const V1__Status *)a->u.response;
}
