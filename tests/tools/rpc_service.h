#pragma once
/*
 * A gRPC service for tests: real methods of the v1 API whose request says how to behave. Used by
 * the unit tests of rpc/ and by the program that stock clients talk to. Loop thread only.
 *
 * v1.Node/GetStatus, by id:      "fail:CODE:text", "fail-detailed:CODE:text" (with
 * two details, GetStatusRequests of the id text), "sleep:MS", "sleep-on:MS" (whatever its caller
 * does), "hang" (until cancelled), "busy:MS" (keeps the loop busy, then answers), "mute" (OK
 * without an answer), "size:N" (a description of N bytes), "cancels" (how many calls were cancelled
 * so far, in version), "stats" (the server's counters, a name=value a line, and how many bytes the
 * process has allocated, in description); anything else is answered. version holds the length of
 * the id, currentLeader the client certificate's CN, uptime whether there was a deadline. Metadata
 * x-echo and x-echo-bin come back as headers, x-echo also as trailer x-echo-tail.
 * v1.Membership/SubscribePeers, by id: "count:N", "flood:N:SIZE" (as the reader reads), "hang" (one
 * message, then nothing until cancelled), "fail:CODE:text" (after one message); takes requests of
 * 64 KiB at most. v1.Node/NegotiateDataChannel: each message comes back with src "echo", until the
 * client has sent its last; proto "sum" is only counted, with one answer at the end (its port is
 * the sum); proto "fail" ends the call with ABORTED; proto "pause" stops reading for 50 ms.
 */
#include <stddef.h>

struct wm_rpc_server;

struct rpc_service {
	struct wm_rpc_server *server;
	unsigned cancels;
	unsigned calls;
	unsigned answered;
};

/* Registers all of it; @s is zeroed and outlives the server. */
void rpc_service_register(struct rpc_service *s, struct wm_rpc_server *server);
