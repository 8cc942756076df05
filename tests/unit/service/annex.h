#pragma once
/*
 * An annex to the house: beta, a second server, which has alpha's state and an API of its own. What
 * the leader has to answer goes by alpha's peer port, under both nodes' keys.
 */
#include "house.h"

#include "base/clock.h"
#include "crypto/tls.h"
#include "service/proxy.h"

#define LONG (20 * WM_NS_PER_S)

struct annex { /* beta */
	struct house *h;
	struct wm_key alpha_key, beta_key;
	struct wm_tls_config *port_tls, *way_tls;
	struct wm_endpoint port; /* alpha's peer port */
	struct wm_rpc_channel *way;
	struct wm_rpc_channel *silent; /* a leader that never answers, if the test has one */
	enum wm_leader leader;         /* what beta knows */
	bool leader_is_silent;
	struct wm_store *store; /* of its own, if the test wants it to lag; else alpha's */
	struct wm_rpc_server *server;
	struct wm_service *service;
	struct wm_rpc_channel *api;
};

int annex_setup(void **state);
/* With a state of its own, into which nothing comes: it lags for ever. */
int annex_setup_lagging(void **state);
int annex_teardown(void **state);
/* A way to alpha's peer port for whoever has @key; the caller closes both. */
struct wm_rpc_channel *annex_open_way(struct annex *x, const struct wm_key *key,
				      struct wm_tls_config **tls);
/* A call on @c, with an outcome in @ask; @metadata as in rpc/client.h. */
void annex_start(struct wm_rpc_channel *c, struct ask *ask, const char *path,
		 const ProtobufCMessage *request, const char *const *metadata, int64_t deadline);
/* Joins by beta's API. */
void annex_start_join(struct annex *x, struct ask *ask, char *id, uint8_t seed, int64_t deadline);
void annex_expect_joined(struct annex *x, struct ask *ask);
/* How many calls of the method alpha has had. */
uint64_t annex_at_alpha(struct annex *x, const char *path);
/* Lets what goes on go on: what must not happen would. */
void annex_pass(struct annex *x, int64_t ms);
void annex_set_flag(void *arg);
