#pragma once
/*
 * What the parts of the data plane cost by themselves. Time is the CPU time of the thread, so that
 * others on the machine do not count. Each part measures what it is compared with in turns with
 * itself, and prints lines of a name and a number for bench/micro.py.
 */
#include <stddef.h>
#include <stdint.h>

#define MICRO_SECONDS 0.3 /* of measuring, for one number */

/* CPU seconds of the calling thread. */
double micro_cpu(void);
void micro_print(const char *name, double value);
/* Says why and ends the program: a figure of something that went wrong is none. */
_Noreturn void micro_fail(const char *why);

/* What bare sealing and opening took. */
struct micro_bare {
	double sealing, opening; /* CPU seconds */
	double packets;
};
/* Seals and opens a batch of packets of @len bytes with the library that workers use, and adds. */
void micro_bare(struct micro_bare *b, size_t len);

/* A policy of @n random rules, the caller's (wg/policy.h). */
struct wm_wg_policy;
struct wm_wg_policy *micro_policy_new(unsigned n);

void micro_cipher(void);
void micro_handshake(void);
void micro_offload(void);
void micro_path(void);
void micro_policy(void);
void micro_trie(void);
