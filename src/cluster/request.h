#pragma once
/*
 * A question to the machine that the loop asked and waits for. Made on the loop, asked and answered
 * on the consensus thread, freed on the loop. Private to cluster/.
 */
#include "cluster/consensus.h"

enum wm_request_kind { WM_REQUEST_READ, WM_REQUEST_CHANGE, WM_REQUEST_TRANSFER };

struct wm_request {
	struct wm_call call;
	struct wm_list node; /* while the machine has it */
	struct wm_cluster_ask *ask;
	enum wm_request_kind kind;
	struct wm_member_change change;
	char node_id[WM_IDENT_TEXT];
	uint64_t to;
	int code; /* 0 = as asked */
	struct wm_err err;
};

/* Consensus thread: asks the machine. */
void wm_request_run(struct wm_consensus *t, struct wm_call *c);
/* On the loop: answers the ask and frees the request. */
void wm_request_answered(struct wm_post *post);
