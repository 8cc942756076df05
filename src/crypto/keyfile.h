#pragma once
/*
 * A node key in a file: the private text and a newline, mode 0600. One of the few places of crypto/
 * that touch the disk. Blocks; any thread.
 */
#include "base/err.h"
#include "crypto/key.h"

/*
 * Reads the key from @path (white space around the text is allowed). Fails when the file is
 * missing (NOT_FOUND), is not a key (INVALID_ARGUMENT), or may be read by group or others
 * (PERMISSION_DENIED, with the chmod that mends it).
 */
int wm_keyfile_read(const char *path, struct wm_key *out, struct wm_err *err) WM_MUST_CHECK;
/*
 * Writes a new file and syncs it, under its name only when whole. A file that exists is left alone:
 * ALREADY_EXISTS.
 */
int wm_keyfile_create(const char *path, const struct wm_key *k, struct wm_err *err) WM_MUST_CHECK;
/* Reads @path, or makes a fresh key there when it is missing; *@created (may be NULL) says which.
 */
int wm_keyfile_ensure(const char *path, struct wm_key *out, bool *created, struct wm_err *err)
	WM_MUST_CHECK;
