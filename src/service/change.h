#pragma once
/*
 * One call that changes the state: wait for its turn, build a transaction from a view, propose it,
 * and build it again from a newer view when somebody was faster. Lives in the call's arena; ends by
 * finishing the call.
 */
#include "rpc/server.h"
#include "service/service.h"
#include "store/store.h"

struct wm_change_op {
	struct wm_list node;       /* private: in the service's line */
	struct wm_propose propose; /* private */
	struct wm_service *service;
	struct wm_rpc_call *call;
	const ProtobufCMessage *request;
	/* *@out NULL: there is nothing to change. */
	int (*build)(struct wm_change_op *c, struct wm_view *v, struct wm_txn **out,
		     struct wm_err *err);
	/* The state contains the change: finishes the call. */
	void (*reply)(struct wm_change_op *c);
	unsigned tries; /* private */
};

void wm_change_start(struct wm_service *s, struct wm_rpc_call *call,
		     const ProtobufCMessage *request,
		     int (*build)(struct wm_change_op *c, struct wm_view *v, struct wm_txn **out,
				  struct wm_err *err),
		     void (*reply)(struct wm_change_op *c));
/* The service's own step: begins the change at the head of the line. */
void wm_change_next(struct wm_defer *d);
