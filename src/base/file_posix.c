#include "base/file.h"
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/mem.h"
#include "base/rand.h"

static int check_kind(int fd, const char *path, bool is_secret, struct wm_err *err)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return wm_fail_errno(err, errno, "%s", path);
	if (S_ISDIR(st.st_mode))
		return wm_fail(err, WM_INVALID_ARGUMENT, "%s: is a directory, not a file", path);
	if (!is_secret)
		return 0;
	if (!S_ISREG(st.st_mode))
		return wm_fail(err, WM_INVALID_ARGUMENT, "%s: is not a regular file", path);
	if ((st.st_mode & 077) != 0)
		return wm_fail(err, WM_PERMISSION_DENIED,
			       "%s: holds a private key but others may use it too (mode %04o): "
			       "chmod 600 %s",
			       path, (unsigned)(st.st_mode & 07777), path);
	return 0;
}

static int read_all(int fd, const char *path, size_t max, struct wm_buf *out, struct wm_err *err)
{
	size_t start = out->len;

	for (;;) {
		size_t room = max + 1 - (out->len - start);
		ssize_t n;

		if (room > 4096)
			room = 4096;
		n = read(fd, wm_buf_reserve(out, room), room);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return wm_fail_errno(err, errno, "%s", path);
		if (n == 0)
			return 0;
		wm_buf_commit(out, (size_t)n);
		if (out->len - start > max)
			return wm_fail(err, WM_RESOURCE_EXHAUSTED,
				       "%s: longer than the %zu bytes allowed here", path, max);
	}
}

int wm_file_read(const char *path, size_t max, bool is_secret, struct wm_buf *out,
		 struct wm_err *err)
{
	/* A pipe that nobody writes to must not hang a program that wants a key. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | (is_secret ? O_NONBLOCK : 0));
	int rc;

	if (fd < 0)
		return wm_fail_errno(err, errno, "%s", path);
	rc = check_kind(fd, path, is_secret, err);
	if (rc == 0)
		rc = read_all(fd, path, max, out, err);
	close(fd);
	return rc;
}

int wm_file_refuse_waiting(const char *path, struct wm_err *err)
{
	struct stat st;

	if (stat(path, &st) != 0 || S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))
		return 0;
	return wm_fail(err, WM_INVALID_ARGUMENT, "%s: is not a regular file", path);
}

static int write_all(int fd, const void *p, size_t n)
{
	const uint8_t *at = p;

	while (n > 0) {
		ssize_t written = write(fd, at, n);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return -1;
		at += written;
		n -= (size_t)written;
	}
	return fsync(fd);
}

int wm_file_create(const char *path, mode_t mode, const void *p, size_t n, struct wm_err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	int rc = 0;

	if (fd < 0)
		return wm_fail_errno(err, errno, "%s", path);
	if (write_all(fd, p, n) != 0)
		rc = wm_fail_errno(err, errno, "%s", path);
	if (close(fd) != 0 && rc == 0)
		rc = wm_fail_errno(err, errno, "%s", path);
	if (rc != 0)
		unlink(path);
	return rc;
}

/* The folder that @path lies in; to be freed. */
static char *parent_of(const char *path)
{
	const char *end = path + strlen(path);
	const char *slash;

	while (end > path + 1 && end[-1] == '/')
		end--;
	for (slash = end; slash > path && slash[-1] != '/';)
		slash--;
	if (slash == path)
		return wm_strdup(".");
	slash--;
	return wm_strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

#ifdef O_TMPFILE
/*
 * Writes a file that has no name and then gives it @path: whoever is killed in between leaves
 * nothing behind. False where the file system or the lack of /proc does not let us; *@rc is the
 * outcome otherwise.
 */
static bool publish_nameless(const char *path, mode_t mode, const void *p, size_t n, int *rc,
			     struct wm_err *err)
{
	WM_AUTO(wm_autofree) char *dir = parent_of(path);
	char self[40];
	bool done;
	int fd = open(dir, O_WRONLY | O_TMPFILE | O_CLOEXEC, mode);

	if (fd < 0)
		return false;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	*rc = write_all(fd, p, n) == 0 ? 0 : wm_fail_errno(err, errno, "%s", path);
	done = *rc != 0 || linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0;
	if (!done && errno == EEXIST) {
		*rc = wm_fail_errno(err, errno, "%s", path);
		done = true;
	}
	close(fd);
	return done;
}
#else
static bool publish_nameless(const char *path, mode_t mode, const void *p, size_t n, int *rc,
			     struct wm_err *err)
{
	return false;
}
#endif

/* Writes under another name first, then puts that in place with @place. */
static int put_in_place(const char *path, mode_t mode, const void *p, size_t n,
			int (*place)(const char *from, const char *to), struct wm_err *err)
{
	char aside[WM_PATH_MAX];
	int rc;

	if (snprintf(aside, sizeof(aside), "%s.%08x", path, wm_rand_u32()) >= (int)sizeof(aside))
		return wm_fail(err, WM_INVALID_ARGUMENT, "%s: path too long", path);
	rc = wm_file_create(aside, mode, p, n, err);
	if (rc != 0)
		return rc;
	if (place(aside, path) != 0)
		rc = wm_fail_errno(err, errno, "%s", path);
	unlink(aside); /* gone already where it was renamed */
	return rc != 0 ? rc : wm_file_sync_parent(path, err);
}

int wm_file_publish(const char *path, mode_t mode, const void *p, size_t n, struct wm_err *err)
{
	int rc;

	if (publish_nameless(path, mode, p, n, &rc, err))
		return rc != 0 ? rc : wm_file_sync_parent(path, err);
	/* Unlike rename, link leaves a file alone that somebody else made meanwhile. */
	return put_in_place(path, mode, p, n, link, err);
}

int wm_file_replace(const char *path, mode_t mode, const void *p, size_t n, struct wm_err *err)
{
	return put_in_place(path, mode, p, n, rename, err);
}

int wm_file_sync_parent(const char *path, struct wm_err *err)
{
	WM_AUTO(wm_autofree) char *dir = parent_of(path);
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = 0;

	if (fd < 0)
		return wm_fail_errno(err, errno, "%s", dir);
	/* EINVAL: a file system that has no notion of syncing a folder. */
	if (fsync(fd) != 0 && errno != EINVAL)
		rc = wm_fail_errno(err, errno, "%s", dir);
	close(fd);
	return rc;
}

bool wm_path_exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

void wm_file_remove(const char *path)
{
	unlink(path);
}

void wm_folder_remove(const char *path)
{
	rmdir(path);
}

int wm_folder_create(const char *path, struct wm_err *err)
{
	return mkdir(path, 0700) == 0 ? 0 : wm_fail_errno(err, errno, "%s", path);
}

int wm_folder_publish(const char *aside, const char *path, struct wm_err *err)
{
	if (rename(aside, path) == 0)
		return wm_file_sync_parent(path, err);
	if (errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR)
		return wm_fail(err, WM_ALREADY_EXISTS, "%s: exists already", path);
	return wm_fail_errno(err, errno, "%s", path);
}

int wm_folder_make(const char *path, struct wm_err *err)
{
	WM_AUTO(wm_autofree) char *part = wm_strdup(path);
	struct stat st;

	if (path[0] == '\0')
		return wm_fail(err, WM_INVALID_ARGUMENT, "the path of a folder is empty");
	for (char *slash = strchr(part + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(part, 0755) != 0 && errno != EEXIST)
			return wm_fail_errno(err, errno, "folder %s", part);
		*slash = '/';
	}
	if (mkdir(part, 0700) != 0 && errno != EEXIST)
		return wm_fail_errno(err, errno, "folder %s", part);
	if (stat(path, &st) != 0)
		return wm_fail_errno(err, errno, "folder %s", path);
	if (!S_ISDIR(st.st_mode))
		return wm_fail(err, WM_FAILED_PRECONDITION, "%s is not a folder", path);
	return 0;
}

void wm_file_guard_stdio(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
			(void)!open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}
