#include "base/file.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <windows.h>
#include <aclapi.h>
#include <sddl.h>

#include "base/mem.h"
#include "base/rand.h"

#define ONE_READ  4096
#define ONE_WRITE (1u << 20)

/* Nobody but the owner, the system and the administrators; nothing is inherited. */
#define OWNER_ONLY L"D:P(A;OICI;FA;;;OW)(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"

/* ---- errors and names ---- */

static int errno_of(DWORD code)
{
	static const struct {
		DWORD code;
		int sys;
	} rows[] = {
		{ERROR_FILE_NOT_FOUND, ENOENT},
		{ERROR_PATH_NOT_FOUND, ENOENT},
		{ERROR_FILE_EXISTS, EEXIST},
		{ERROR_ALREADY_EXISTS, EEXIST},
		{ERROR_ACCESS_DENIED, EACCES},
		{ERROR_PRIVILEGE_NOT_HELD, EPERM},
		{ERROR_WRITE_PROTECT, EROFS},
		{ERROR_SHARING_VIOLATION, EBUSY},
		{ERROR_DISK_FULL, ENOSPC},
		{ERROR_TOO_MANY_OPEN_FILES, EMFILE},
		{ERROR_NOT_ENOUGH_MEMORY, ENOMEM},
		{ERROR_INVALID_NAME, EINVAL},
		{ERROR_NO_UNICODE_TRANSLATION, EINVAL},
		{ERROR_FILENAME_EXCED_RANGE, ENAMETOOLONG},
		{ERROR_INSUFFICIENT_BUFFER, ENAMETOOLONG},
		{ERROR_DIRECTORY, ENOTDIR},
		{ERROR_DIR_NOT_EMPTY, ENOTEMPTY},
	};

	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		if (rows[i].code == code)
			return rows[i].sys;
	}
	return EIO;
}

static int fail_with(struct wm_err *err, DWORD code, const char *path)
{
	return wm_fail_errno(err, errno_of(code), "%s", path);
}

static int fail_last(struct wm_err *err, const char *path)
{
	return fail_with(err, GetLastError(), path);
}

/* A path as Windows wants it. */
struct wide {
	wchar_t text[WM_PATH_MAX];
};

static int widen(const char *path, struct wide *out, struct wm_err *err)
{
	if (MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, out->text, WM_PATH_MAX) ==
	    0)
		return fail_last(err, path);
	return 0;
}

static bool is_slash(char c)
{
	return c == '/' || c == '\\';
}

/* ---- who may open ---- */

/* What a new file or folder of @mode is made with; the descriptor is to be freed with LocalFree. */
static int describe(mode_t mode, const char *path, SECURITY_ATTRIBUTES *out, struct wm_err *err)
{
	*out = (SECURITY_ATTRIBUTES){.nLength = sizeof(*out)};
	if ((mode & 077) != 0)
		return 0;
	if (!ConvertStringSecurityDescriptorToSecurityDescriptorW(OWNER_ONLY, SDDL_REVISION_1,
								  &out->lpSecurityDescriptor, NULL))
		return fail_last(err, path);
	return 0;
}

static bool may_know(PSID who, PSID owner)
{
	return EqualSid(who, owner) || IsWellKnownSid(who, WinLocalSystemSid) ||
	       IsWellKnownSid(who, WinBuiltinAdministratorsSid) ||
	       IsWellKnownSid(who, WinCreatorOwnerRightsSid);
}

/* True when the list lets in nobody but those who may know; no list at all lets in everybody. */
static bool is_closed(const ACL *list, PSID owner)
{
	ACL *acl = (ACL *)(uintptr_t)list; /* GetAce does not change it */
	void *ace;

	if (list == NULL)
		return false;
	for (DWORD i = 0; i < list->AceCount; i++) {
		const ACE_HEADER *head;

		if (!GetAce(acl, i, &ace))
			return false;
		head = ace;
		if (head->AceType == ACCESS_DENIED_ACE_TYPE)
			continue;
		if (head->AceType != ACCESS_ALLOWED_ACE_TYPE ||
		    !may_know(&((ACCESS_ALLOWED_ACE *)ace)->SidStart, owner))
			return false;
	}
	return true;
}

static int check_secret(HANDLE file, const char *path, struct wm_err *err)
{
	PSECURITY_DESCRIPTOR all = NULL;
	PSID owner = NULL;
	ACL *list = NULL;
	DWORD code;
	int rc = 0;

	if (GetFileType(file) != FILE_TYPE_DISK)
		return wm_fail(err, WM_INVALID_ARGUMENT, "%s: is not a regular file", path);
	code = GetSecurityInfo(file, SE_FILE_OBJECT,
			       OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION, &owner, NULL,
			       &list, NULL, &all);
	if (code != ERROR_SUCCESS)
		return fail_with(err, code, path);
	if (!is_closed(list, owner))
		rc = wm_fail(err, WM_PERMISSION_DENIED,
			     "%s: holds a private key but others may use it too: "
			     "icacls %s /inheritance:r /grant:r *S-1-3-4:F",
			     path, path);
	LocalFree(all);
	return rc;
}

/* ---- reading ---- */

static int check_kind(HANDLE file, const char *path, bool is_secret, struct wm_err *err)
{
	BY_HANDLE_FILE_INFORMATION found;

	if (GetFileInformationByHandle(file, &found) &&
	    (found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) != 0)
		return wm_fail(err, WM_INVALID_ARGUMENT, "%s: is a directory, not a file", path);
	return is_secret ? check_secret(file, path, err) : 0;
}

static int read_all(HANDLE file, const char *path, size_t max, struct wm_buf *out,
		    struct wm_err *err)
{
	size_t start = out->len;

	for (;;) {
		size_t room = max + 1 - (out->len - start);
		DWORD n;

		if (room > ONE_READ)
			room = ONE_READ;
		if (!ReadFile(file, wm_buf_reserve(out, room), (DWORD)room, &n, NULL)) {
			if (GetLastError() == ERROR_BROKEN_PIPE)
				return 0; /* the end of a pipe */
			return fail_last(err, path);
		}
		if (n == 0)
			return 0;
		wm_buf_commit(out, n);
		if (out->len - start > max)
			return wm_fail(err, WM_RESOURCE_EXHAUSTED,
				       "%s: longer than the %zu bytes allowed here", path, max);
	}
}

int wm_file_read(const char *path, size_t max, bool is_secret, struct wm_buf *out,
		 struct wm_err *err)
{
	struct wide name;
	HANDLE file;
	int rc = widen(path, &name, err);

	if (rc != 0)
		return rc;
	/* With backup semantics a folder opens too, and is refused by its kind. */
	file = CreateFileW(name.text, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_DELETE, NULL,
			   OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
	if (file == INVALID_HANDLE_VALUE)
		return fail_last(err, path);
	rc = check_kind(file, path, is_secret, err);
	if (rc == 0)
		rc = read_all(file, path, max, out, err);
	CloseHandle(file);
	return rc;
}

/* Devices and pipes have a place of their own among the names. */
int wm_file_refuse_waiting(const char *path, struct wm_err *err)
{
	if (!is_slash(path[0]) || !is_slash(path[1]) || path[2] != '.' || !is_slash(path[3]))
		return 0;
	return wm_fail(err, WM_INVALID_ARGUMENT, "%s: is not a regular file", path);
}

/* ---- writing ---- */

static bool write_all(HANDLE file, const void *p, size_t n)
{
	const uint8_t *at = p;

	while (n > 0) {
		DWORD part = n < ONE_WRITE ? (DWORD)n : ONE_WRITE, written;

		if (!WriteFile(file, at, part, &written, NULL))
			return false;
		at += written;
		n -= written;
	}
	return FlushFileBuffers(file);
}

int wm_file_create(const char *path, mode_t mode, const void *p, size_t n, struct wm_err *err)
{
	SECURITY_ATTRIBUTES who;
	struct wide name;
	HANDLE file;
	int rc = widen(path, &name, err);

	if (rc == 0)
		rc = describe(mode, path, &who, err);
	if (rc != 0)
		return rc;
	file = CreateFileW(name.text, GENERIC_WRITE, 0, &who, CREATE_NEW, FILE_ATTRIBUTE_NORMAL,
			   NULL);
	if (file == INVALID_HANDLE_VALUE)
		rc = fail_last(err, path);
	LocalFree(who.lpSecurityDescriptor);
	if (rc != 0)
		return rc;
	if (!write_all(file, p, n))
		rc = fail_last(err, path);
	CloseHandle(file);
	if (rc != 0)
		DeleteFileW(name.text);
	return rc;
}

/* Renames within a folder; on the disk before it returns. */
static int move(const char *from, const char *to, DWORD how, struct wm_err *err)
{
	struct wide old, new;
	int rc = widen(from, &old, err);

	if (rc == 0)
		rc = widen(to, &new, err);
	if (rc == 0 && !MoveFileExW(old.text, new.text, how | MOVEFILE_WRITE_THROUGH))
		rc = fail_last(err, to);
	return rc;
}

/* Writes under another name first, then gives it its own. */
static int put_in_place(const char *path, mode_t mode, const void *p, size_t n, DWORD how,
			struct wm_err *err)
{
	char aside[WM_PATH_MAX];
	int rc;

	if (snprintf(aside, sizeof(aside), "%s.%08x", path, wm_rand_u32()) >= (int)sizeof(aside))
		return wm_fail(err, WM_INVALID_ARGUMENT, "%s: path too long", path);
	rc = wm_file_create(aside, mode, p, n, err);
	if (rc != 0)
		return rc;
	rc = move(aside, path, how, err);
	if (rc != 0)
		wm_file_remove(aside);
	return rc;
}

int wm_file_publish(const char *path, mode_t mode, const void *p, size_t n, struct wm_err *err)
{
	return put_in_place(path, mode, p, n, 0, err);
}

int wm_file_replace(const char *path, mode_t mode, const void *p, size_t n, struct wm_err *err)
{
	return put_in_place(path, mode, p, n, MOVEFILE_REPLACE_EXISTING, err);
}

/* NTFS keeps names in its journal, and a folder's handle cannot be flushed. */
int wm_file_sync_parent(const char *path, struct wm_err *err)
{
	return 0;
}

/* ---- names and folders ---- */

static DWORD attributes_of(const char *path)
{
	struct wide name;

	if (widen(path, &name, NULL) != 0)
		return INVALID_FILE_ATTRIBUTES;
	return GetFileAttributesW(name.text);
}

bool wm_path_exists(const char *path)
{
	return attributes_of(path) != INVALID_FILE_ATTRIBUTES;
}

void wm_file_remove(const char *path)
{
	struct wide name;

	if (widen(path, &name, NULL) == 0)
		DeleteFileW(name.text);
}

void wm_folder_remove(const char *path)
{
	struct wide name;

	if (widen(path, &name, NULL) == 0)
		RemoveDirectoryW(name.text);
}

static int create_folder(const char *path, mode_t mode, struct wm_err *err)
{
	SECURITY_ATTRIBUTES who;
	struct wide name;
	int rc = widen(path, &name, err);

	if (rc == 0)
		rc = describe(mode, path, &who, err);
	if (rc != 0)
		return rc;
	if (!CreateDirectoryW(name.text, &who))
		rc = fail_last(err, path);
	LocalFree(who.lpSecurityDescriptor);
	return rc;
}

int wm_folder_create(const char *path, struct wm_err *err)
{
	return create_folder(path, 0700, err);
}

/* Unlike POSIX's rename, this one refuses every name that is taken. */
int wm_folder_publish(const char *aside, const char *path, struct wm_err *err)
{
	if (wm_path_exists(path))
		return wm_fail(err, WM_ALREADY_EXISTS, "%s: exists already", path);
	return move(aside, path, 0, err);
}

static bool is_folder(const char *path)
{
	DWORD found = attributes_of(path);

	return found != INVALID_FILE_ATTRIBUTES && (found & FILE_ATTRIBUTE_DIRECTORY) != 0;
}

/* What is there already need not be ours to make: the root of a drive denies it. */
static int ensure_folder(const char *path, mode_t mode, struct wm_err *err)
{
	int rc;

	if (is_folder(path))
		return 0;
	rc = create_folder(path, mode, err);
	return rc == WM_ALREADY_EXISTS ? 0 : rc;
}

int wm_folder_make(const char *path, struct wm_err *err)
{
	WM_AUTO(wm_autofree) char *part = wm_strdup(path);
	int rc;

	if (path[0] == '\0')
		return wm_fail(err, WM_INVALID_ARGUMENT, "the path of a folder is empty");
	for (char *at = part + 1; *at != '\0'; at++) {
		char slash = *at;

		if (!is_slash(slash) || at[-1] == ':' || is_slash(at[-1]))
			continue;
		*at = '\0';
		rc = ensure_folder(part, 0755, err);
		if (rc != 0)
			return rc;
		*at = slash;
	}
	rc = ensure_folder(part, 0700, err);
	if (rc == 0 && !is_folder(path))
		rc = wm_fail(err, WM_FAILED_PRECONDITION, "%s is not a folder", path);
	return rc;
}

/* Handles are no small numbers here, of which the next file would take the lowest. */
void wm_file_guard_stdio(void)
{
}
