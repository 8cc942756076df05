#pragma once
/*
 * The leader proxy: calls that the leader has to answer, on a server that does not lead. Such a
 * call is sent on over the peer port, and what comes back is passed back: messages, status,
 * details. The caller need not know who leads.
 *
 * While nobody is known to lead, calls wait for it: as long as their deadline allows, and at most
 * WM_PROXY_WAIT_NS. So an election costs a pause, not an error. A call whose leader is lost under
 * way is sent to the next one when its method may be repeated and nothing of an answer has come;
 * else it ends with UNAVAILABLE, which says that nobody knows whether it was done.
 *
 * The answer to a change is passed back when our own state contains the change too, or after
 * WM_PROXY_CATCH_UP_NS: whoever has joined by us may handshake with us at once. Loop thread only.
 */
#include "base/clock.h"
#include "service/internal.h"

#define WM_PROXY_WAIT_NS     (10 * WM_NS_PER_S)
#define WM_PROXY_CATCH_UP_NS WM_NS_PER_S
#define WM_PROXY_WAITING     4096 /* calls that wait for a leader; more are refused at once */

/* What one of our servers tells another about the caller of a call that it sends on. */
#define WM_PROXIED_FROM "x-webmesh-proxied-from" /* the server that sends it on */
#define WM_PROXIED_FOR  "x-webmesh-proxied-for"  /* who calls; absent: nobody said */
/* With UNAVAILABLE: the asked server did nothing, since it does not lead. */
#define WM_NOT_LEADER "x-webmesh-not-leader"
/* With the answer to a change: the revision that contains it. */
#define WM_REVISION "x-webmesh-revision"

/* From inside the gate: @call goes to the leader. @repeatable: it may be done twice. */
void wm_proxy_take(struct wm_service *s, struct wm_rpc_call *call, bool repeatable);
/* Who leads may be another now: what waited is sent, what is under way is sent again. */
void wm_proxy_leader_changed(struct wm_service *s);
/* Ends all of them with UNAVAILABLE; the calls that come later are refused by the gate. */
void wm_proxy_stop(struct wm_service *s);
