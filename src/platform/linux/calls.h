#pragma once
/*
 * The calls that led to a fault, as lines with names and places in files. Safe in a signal handler,
 * as far as the unwinder is, once it was prepared. Internal to platform/linux.
 */
#include <stdint.h>

#include "platform/linux/last_words.h"

/* Where the CPU was; of all registers only these. */
struct wm_calls_place {
	uintptr_t pc, sp, fp;
	uintptr_t caller; /* 0: it is on top of the stack */
};

/* Fetches what the others need; before the fault. */
void wm_calls_prepare(void);
/* Where the fault was: @context is what a handler with SA_SIGINFO is given. */
struct wm_calls_place wm_calls_place(const void *context);
/* Adds the calls, the last one first, and writes them as they are found. */
void wm_calls_add(struct wm_last_words *w, const struct wm_calls_place *at);
