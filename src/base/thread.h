#pragma once
/*
 * Threads of ours: each has a name, which top -H and crash reports show, takes no signals but those
 * of its own faults, and has a second stack, on which a fault is reported even when the first one
 * has run over.
 */
#include "base/err.h"
#include <pthread.h>
#include <stddef.h>

#define WM_THREAD_NAME 16 /* with the NUL, as Linux has it */

/*
 * Starts @run(@arg) on a thread called @name (a longer one is cut), with a stack of @stack bytes or
 * the system's size for 0. The caller joins it. RESOURCE_EXHAUSTED when the system has no more.
 */
WM_MUST_CHECK int wm_thread_start(pthread_t *out, const char *name, size_t stack,
				  void *(*run)(void *arg), void *arg, struct wm_err *err);
/* Renames the calling thread; the threads of libraries inherit the name of who makes them. */
void wm_thread_set_name(const char *name);
/* The name of the calling thread; "" where the system tells none. */
void wm_thread_get_name(char out[WM_THREAD_NAME]);
/* The second stack for a thread that was not started here: main's. Once a process. */
void wm_thread_guard_main(void);
