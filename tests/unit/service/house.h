#pragma once
/*
 * A small house for the tests of service/: a mesh in memory, founded by "alpha", its API in
 * cleartext on loopback, and a client. Who calls is said by the header x-id; 127.0.0.0/8 counts as
 * the mesh while house.in_mesh is set.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "crypto/key.h"
#include "loop/loop.h"
#include "pb/v1.h"
#include "rpc/client.h"
#include "rpc/server.h"
#include "service/live.h"
#include "service/service.h"
#include "store/store.h"

struct house {
	struct wm_loop *loop;
	struct wm_store *store;
	struct wm_live *live;
	struct wm_rpc_server *server;
	struct wm_service *service;
	struct wm_rpc_channel *channel;
	struct wm_endpoint at;
	struct wm_endpoint silent; /* of the node "silent", if the test has one */
	bool in_mesh;
	bool stopped;
	enum wm_leader leader; /* what alpha says of itself: at first that it leads */
	struct wm_pubkey beta; /* the node key of the other storage member */
};

/* One call and what came of it; fini with wm_rpc_unary_fini(&ask.unary). */
struct ask {
	struct wm_rpc_unary unary;
	struct wm_err err; /* code 0: answered */
	bool done;
};

int house_setup(void **state);
int house_teardown(void **state);
/* Ends service and server as the agent does; teardown copes with either. */
void house_stop(struct house *h);
/* Starts a call as @who (NULL: anonymous). */
void house_ask(struct house *h, struct ask *ask, const char *path, const char *who,
	       const ProtobufCMessage *request);
/* Turns the loop until @flag is set; fails the test after five seconds. */
void house_wait(struct house *h, const bool *flag);
/* The call, waited for: returns its code. */
int house_call(struct house *h, struct ask *ask, const char *path, const char *who,
	       const ProtobufCMessage *request);
/* A join request with a key of its own, which depends on @seed alone. */
void house_join_request(V1__JoinRequest *req, char *id, uint8_t seed, char key[WM_PUBKEY_TEXT]);
/* Joins as itself and expects an address; writes it to @ipv4 (may be NULL). */
void house_join(struct house *h, char *id, uint8_t seed, char ipv4[20]);
