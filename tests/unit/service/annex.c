#include "annex.h"

#include <string.h>

#include "auth/auth.h"
#include "base/mem.h"
#include "base/str.h"

static bool accept_any(void *arg, const struct wm_pubkey *key)
{
	return true; /* the gate looks again */
}

static bool accept_alpha(void *arg, const struct wm_pubkey *key)
{
	const struct annex *x = arg;
	struct wm_pubkey alpha = wm_key_public(&x->alpha_key);
	return wm_pubkey_equal(key, &alpha);
}

static int by_header(const struct wm_auth_call *call, char id[WM_IDENT_TEXT], struct wm_err *err)
{
	const char *who = wm_auth_call_header(call, "x-id");
	if (who == NULL)
		return wm_fail(err, WM_UNAUTHENTICATED, "who are you?");
	wm_str_copy(id, WM_IDENT_TEXT, who);
	return 0;
}

static const struct wm_auth_provider provider = {"test", by_header};

static bool is_mesh_path(void *arg, const struct wm_addr *from, unsigned interface)
{
	return true;
}

static void status(void *arg, struct wm_arena *a, V1__Status *out)
{
	out->id = wm_arena_strdup(a, "beta");
}

static enum wm_leader leader(void *arg, struct wm_rpc_channel **channel)
{
	struct annex *x = arg;
	*channel = x->leader_is_silent ? x->silent : x->way;
	return x->leader;
}

static void open_port(struct annex *x)
{
	const struct wm_tls_node_opts server = {
		.key = &x->alpha_key, .is_server = true, .accept = accept_any};
	struct wm_rpc_server_opts listen = {.gate = wm_service_peer_gate,
					    .gate_arg = x->h->service};
	struct wm_err err;
	x->port_tls = wm_tls_config_new_node(&server);
	listen.tls = x->port_tls;
	assert_true(wm_endpoint_parse("127.0.0.1:0", &listen.at));
	assert_int_equal(wm_rpc_server_listen(x->h->server, &listen, &x->port, &err), 0);
}

/* A way to alpha's peer port for whoever has @key. */
struct wm_rpc_channel *annex_open_way(struct annex *x, const struct wm_key *key,
				      struct wm_tls_config **tls)
{
	const struct wm_tls_node_opts client = {.key = key, .accept = accept_alpha, .arg = x};
	char target[WM_ENDPOINT_TEXT];
	struct wm_rpc_channel_opts opts = {.target = wm_endpoint_format(&x->port, target)};
	struct wm_rpc_channel *out;
	struct wm_err err;
	*tls = wm_tls_config_new_node(&client);
	opts.tls = *tls;
	assert_int_equal(wm_rpc_channel_new(x->h->loop, NULL, &opts, &out, &err), 0);
	return out;
}

static void open_beta(struct annex *x)
{
	struct house *h = x->h;
	struct wm_service_opts opts = {.loop = h->loop,
				       .node_id = "beta",
				       .store = x->store != NULL ? x->store : h->store,
				       .live = h->live,
				       .auth = &provider,
				       .mesh_api = true,
				       .status = status,
				       .is_mesh_path = is_mesh_path,
				       .leader = leader,
				       .arg = x};
	struct wm_rpc_server_opts listen = {.gate = wm_service_gate};
	char target[WM_ENDPOINT_TEXT];
	struct wm_rpc_channel_opts channel = {0};
	struct wm_endpoint at;
	struct wm_err err;
	x->server = wm_rpc_server_new(h->loop, NULL);
	x->service = wm_service_new(x->server, &opts);
	listen.gate_arg = x->service;
	assert_true(wm_endpoint_parse("127.0.0.1:0", &listen.at));
	assert_int_equal(wm_rpc_server_listen(x->server, &listen, &at, &err), 0);
	channel.target = wm_endpoint_format(&at, target);
	assert_int_equal(wm_rpc_channel_new(h->loop, NULL, &channel, &x->api, &err), 0);
}

static int setup_with(void **state, bool lags)
{
	struct annex *x = wm_alloc(sizeof(*x));
	struct wm_store_opts memory = {0};
	struct wm_err err;
	void *house;
	char beta[] = "beta";
	assert_int_equal(house_setup(&house), 0);
	x->h = house;
	wm_key_generate(&x->alpha_key);
	wm_key_generate(&x->beta_key);
	x->h->beta = wm_key_public(&x->beta_key);
	x->leader = WM_LEADER_OTHER;
	house_join(x->h, beta, 2, NULL);
	if (lags)
		assert_int_equal(wm_store_open(x->h->loop, NULL, &memory, &x->store, &err), 0);
	open_port(x);
	x->way = annex_open_way(x, &x->beta_key, &x->way_tls);
	open_beta(x);
	*state = x;
	return 0;
}

int annex_setup(void **state)
{
	return setup_with(state, false);
}

int annex_setup_lagging(void **state)
{
	return setup_with(state, true);
}

void annex_set_flag(void *arg)
{
	*(bool *)arg = true;
}

int annex_teardown(void **state)
{
	struct annex *x = *state;
	void *house = x->h;
	bool drained = false, closed = x->store == NULL;
	wm_rpc_channel_close(x->api);
	wm_service_stop(x->service);
	wm_rpc_server_drain(x->server, WM_NS_PER_S / 10, annex_set_flag, &drained);
	house_wait(x->h, &drained);
	wm_rpc_channel_close(x->way);
	wm_rpc_channel_close(x->silent);
	house_stop(x->h);
	if (x->store != NULL)
		wm_store_close(x->store, annex_set_flag, &closed);
	house_wait(x->h, &closed);
	wm_service_free(x->service);
	wm_rpc_server_free(x->server);
	wm_tls_config_free(x->port_tls);
	wm_tls_config_free(x->way_tls);
	wm_key_fini(&x->alpha_key);
	wm_key_fini(&x->beta_key);
	wm_free(x);
	return house_teardown(&house);
}

/* ---- calls of beta's clients ---- */

static void on_answer(struct wm_rpc_unary *u, const struct wm_err *err)
{
	struct ask *ask = wm_container_of(u, struct ask, unary);
	if (err != NULL)
		ask->err = *err;
	ask->done = true;
}

void annex_start(struct wm_rpc_channel *c, struct ask *ask, const char *path,
		 const ProtobufCMessage *request, const char *const *metadata, int64_t deadline)
{
	struct wm_rpc_call_opts opts = {.deadline_ns = deadline, .metadata = metadata};
	memset(ask, 0, sizeof(*ask));
	assert_int_equal(wm_rpc_unary_start(c, &ask->unary, wm_pb_method_find(path), request, &opts,
					    on_answer, &ask->err),
			 0);
}

void annex_start_join(struct annex *x, struct ask *ask, char *id, uint8_t seed, int64_t deadline)
{
	char key[WM_PUBKEY_TEXT];
	const char *const metadata[] = {"x-id", id, NULL};
	V1__JoinRequest req;
	house_join_request(&req, id, seed, key);
	annex_start(x->api, ask, "/v1.Membership/Join", &req.base, metadata, deadline);
}

void annex_expect_joined(struct annex *x, struct ask *ask)
{
	house_wait(x->h, &ask->done);
	if (ask->err.code != 0)
		fail_msg("%s", ask->err.text);
	assert_true(strlen(((V1__JoinResponse *)ask->unary.response)->addressipv4) > 0);
	wm_rpc_unary_fini(&ask->unary);
}

struct count {
	const char *path;
	uint64_t started;
};

static void count_method(void *arg, const struct wm_pb_method *method,
			 const struct wm_rpc_method_stats *stats)
{
	struct count *c = arg;
	if (wm_streq(method->path, c->path))
		c->started = stats->started;
}

/* How many calls of the method alpha has had. */
uint64_t annex_at_alpha(struct annex *x, const char *path)
{
	struct count c = {path, 0};
	wm_rpc_server_each_method(x->h->server, count_method, &c);
	return c.started;
}

static bool is_never(void *arg)
{
	return false;
}

/* Lets what goes on go on; what must not happen would. */
void annex_pass(struct annex *x, int64_t ms)
{
	(void)wm_loop_run_until(x->h->loop, is_never, NULL, ms);
}
