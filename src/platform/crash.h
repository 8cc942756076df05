#pragma once
/*
 * The last words of a program that crashes (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP,
 * SIGSYS): a report on standard error and in a file, then the signal's default action. It names
 * program, version, signal, address and thread, lists the calls that led there and the last lines
 * of the log; it holds no memory and no register but those of place, for these may be keys.
 * Whatever a report needs is fetched when this is installed: the handler allocates nothing and
 * takes no lock. The loop's thread, before others exist. With a sanitizer nothing is installed,
 * whose own report says more.
 */
#include "base/log.h"

#define WM_CRASH_KEPT 8 /* reports of one program in a folder */

/* @program is borrowed for good. Reports go to standard error only, until a folder is set. */
void wm_crash_install(const char *program);
/* Where reports are kept too; made when the first one is. NULL or "": nowhere. Copied. */
void wm_crash_set_folder(const char *folder);
/* Whose last lines become part of a report; to be taken back (NULL) before the logger is freed. */
void wm_crash_set_log(const struct wm_log *log);
/*
 * Tells of each report of @program in @folder that was not told before, the oldest first, and
 * removes all but the newest few. A folder that is not there holds none.
 */
void wm_crash_collect(const char *program, const char *folder,
		      void (*told)(void *arg, const char *path), void *arg);
/*
 * From here on no core file is written, nor handed to a program that collects them, and other
 * processes of the same user may not look into this one's memory or environment; who may debug
 * everybody's still can. The sanitizers do that to themselves, so with one the latter is left out.
 */
void wm_crash_forbid_core(void);
