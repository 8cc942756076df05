#pragma once
/*
 * Small files and folders: read whole with a limit, written whole or not at all. Paths are UTF-8 on
 * every system, with / (on Windows \ too) between names. Errors name the path. Blocks; any thread.
 *
 * A mode is POSIX's. Where there are none, one that lets group and others do nothing makes what its
 * owner and the system's administrators alone can open; any other leaves it to the folder.
 */
#include "base/buf.h"
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define WM_PATH_MAX 4096 /* with the NUL */

/*
 * Appends the file's content to @out; RESOURCE_EXHAUSTED when it is longer than @max. With
 * @is_secret the file must be a regular one that nobody but its owner may touch.
 */
int wm_file_read(const char *path, size_t max, bool is_secret, struct wm_buf *out,
		 struct wm_err *err) WM_MUST_CHECK;
/*
 * INVALID_ARGUMENT for what may keep its reader waiting: a pipe, a terminal, another device. All
 * else, and nothing at all, is left to who reads it.
 */
int wm_file_refuse_waiting(const char *path, struct wm_err *err) WM_MUST_CHECK;
/* Makes the file @path, which must not exist, and syncs it. No temporary name: for new folders. */
int wm_file_create(const char *path, mode_t mode, const void *p, size_t n, struct wm_err *err)
	WM_MUST_CHECK;
/* As wm_file_create, but the file appears under its name only when it is whole. */
int wm_file_publish(const char *path, mode_t mode, const void *p, size_t n, struct wm_err *err)
	WM_MUST_CHECK;
/* Syncs the folder that @path lies in, so that the name itself survives a power cut. */
int wm_file_sync_parent(const char *path, struct wm_err *err) WM_MUST_CHECK;
/* As wm_file_publish, but takes the place of a file that exists: readers see the old or the new. */
int wm_file_replace(const char *path, mode_t mode, const void *p, size_t n, struct wm_err *err)
	WM_MUST_CHECK;
/* True when there is something under this name, be it a link to nowhere. */
bool wm_path_exists(const char *path);
/* Removes a file, or a link, if it is there; what cannot be removed stays. */
void wm_file_remove(const char *path);
/* Removes a folder that is empty, if it is there; any other stays. */
void wm_folder_remove(const char *path);
/* Makes the folder @path for its owner alone (0700); ALREADY_EXISTS when the name is taken. */
int wm_folder_create(const char *path, struct wm_err *err) WM_MUST_CHECK;
/*
 * Gives the folder @aside, which was filled there, the name @path beside it, and syncs that;
 * ALREADY_EXISTS when somebody else was first (an empty folder of that name may give way).
 */
int wm_folder_publish(const char *aside, const char *path, struct wm_err *err) WM_MUST_CHECK;
/*
 * Opens something for each of standard input, output and error that is closed, on which reading and
 * writing fail as before; else the next file would take its place, and what is printed go into it.
 */
void wm_file_guard_stdio(void);
/* Makes the folder @path, for its owner alone (0700), and what is missing above it (0755). */
int wm_folder_make(const char *path, struct wm_err *err) WM_MUST_CHECK;
