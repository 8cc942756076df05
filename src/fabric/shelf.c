#include "fabric/shelf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <sys/file.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

#define LOCK_FILE     "lock"
#define SUFFIX        ".journal"
#define TEMPORARY     "new.tmp"
#define LOCK_TRIES    200 /* of 10 ms */
#define FILE_SIZE_MAX (1024 * 1024)

int wm_shelf_open(struct wm_shelf *s, const char *path, struct wm_err *err)
{
	struct stat st;
	int code = wm_folder_make(path, err);

	s->dir = s->lock = -1;
	if (code != 0)
		return code;
	(void)wm_str_copy(s->path, sizeof(s->path), path);
	s->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (s->dir < 0 || fstat(s->dir, &st) != 0) {
		code = wm_fail_errno(err, errno, "folder %s", path);
		wm_shelf_close(s);
		return code;
	}
	if ((st.st_mode & 022) != 0 || (st.st_uid != geteuid() && st.st_uid != 0)) {
		wm_shelf_close(s);
		return wm_fail(err, WM_FAILED_PRECONDITION,
			       "folder %s: others may write to it; mend with: chmod 0700 %s", path,
			       path);
	}
	return 0;
}

void wm_shelf_close(struct wm_shelf *s)
{
	wm_shelf_unlock(s);
	if (s->dir >= 0)
		close(s->dir);
	s->dir = -1;
}

int wm_shelf_lock(struct wm_shelf *s, struct wm_err *err)
{
	const struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};
	int fd = openat(s->dir, LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return wm_fail_errno(err, errno, "%s/" LOCK_FILE, s->path);
	for (unsigned i = 0; i < LOCK_TRIES; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
			s->lock = fd;
			return 0;
		}
		nanosleep(&pause, NULL);
	}
	close(fd);
	return wm_fail(err, WM_UNAVAILABLE, "%s/" LOCK_FILE ": another process holds it", s->path);
}

void wm_shelf_unlock(struct wm_shelf *s)
{
	if (s->lock >= 0)
		close(s->lock);
	s->lock = -1;
}

void wm_shelf_file_name(const struct wm_notes *n, char out[WM_SHELF_FILE])
{
	snprintf(out, WM_SHELF_FILE, "%llx-%.15s" SUFFIX, (unsigned long long)n->net, n->name);
	/* A name may hold anything but a slash and blanks; be sure about the slash. */
	for (char *c = out; *c != '\0'; c++)
		if (*c == '/')
			*c = '_';
}

static int read_all(int fd, struct wm_buf *out)
{
	for (;;) {
		ssize_t n = read(fd, wm_buf_reserve(out, 4096), 4096);

		if (n < 0)
			return errno;
		if (n == 0)
			return 0;
		wm_buf_commit(out, (size_t)n);
		if (out->len > FILE_SIZE_MAX)
			return EFBIG;
	}
}

/* Reads one journal; false when it makes no sense. */
static bool read_entry(int fd, struct wm_shelf_entry *e)
{
	struct wm_buf text = {0};
	bool is_well = read_all(fd, &text) == 0 &&
		       wm_notes_parse(wm_buf_str(&text), text.len, &e->notes, NULL) == 0;

	wm_buf_fini(&text);
	return is_well;
}

static void set_aside(struct wm_shelf *s, const char *file)
{
	char bad[WM_SHELF_FILE + 8];

	snprintf(bad, sizeof(bad), "%.63s.bad", file);
	(void)renameat(s->dir, file, s->dir, bad);
}

static void list_one(struct wm_shelf *s, const char *file, struct wm_shelf_list *out, unsigned *bad)
{
	struct wm_shelf_entry e = {0};
	int fd;

	if (!wm_str_ends(file, SUFFIX) || !wm_str_copy(e.file, sizeof(e.file), file))
		return;
	fd = openat(s->dir, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return;
	e.is_alive = flock(fd, LOCK_SH | LOCK_NB) != 0;
	if (read_entry(fd, &e)) {
		out->entries = wm_realloc(out->entries, (out->n + 1) * sizeof(e));
		out->entries[out->n++] = e;
	} else {
		(*bad)++;
		set_aside(s, file);
	}
	close(fd);
}

int wm_shelf_list(struct wm_shelf *s, struct wm_shelf_list *out, unsigned *bad, struct wm_err *err)
{
	int fd = openat(s->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	*out = (struct wm_shelf_list){0};
	*bad = 0;
	if (d == NULL) {
		int sys = errno;

		if (fd >= 0)
			close(fd);
		return wm_fail_errno(err, sys, "folder %s", s->path);
	}
	(void)unlinkat(s->dir, TEMPORARY, 0); /* of somebody who died while writing */
	while ((e = readdir(d)) != NULL)
		list_one(s, e->d_name, out, bad);
	closedir(d);
	return 0;
}

void wm_shelf_list_fini(struct wm_shelf_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		wm_notes_fini(&l->entries[i].notes);
	wm_free(l->entries);
	*l = (struct wm_shelf_list){0};
}

/* Writes and syncs all of @text; an errno or 0. */
static int write_all(int fd, const struct wm_buf *text)
{
	size_t done = 0;

	while (done < text->len) {
		ssize_t n = write(fd, text->data + done, text->len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? errno : EIO;
		done += (size_t)n;
	}
	return fsync(fd) != 0 ? errno : 0;
}

static int write_file(struct wm_shelf *s, const struct wm_notes *n, const char *file, int *fd)
{
	int sys, new_fd = openat(s->dir, TEMPORARY,
				 O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct wm_buf text = {0};

	if (new_fd < 0)
		return errno;
	wm_notes_format(n, &text);
	sys = flock(new_fd, LOCK_EX | LOCK_NB) != 0 ? errno : write_all(new_fd, &text);
	wm_buf_fini(&text);
	if (sys == 0 && renameat(s->dir, TEMPORARY, s->dir, file) != 0)
		sys = errno;
	if (sys != 0) {
		(void)unlinkat(s->dir, TEMPORARY, 0);
		close(new_fd);
		return sys;
	}
	if (*fd >= 0)
		close(*fd);
	*fd = new_fd;
	return fsync(s->dir) != 0 ? errno : 0;
}

int wm_shelf_put(struct wm_shelf *s, const struct wm_notes *n, int *fd, struct wm_err *err)
{
	char file[WM_SHELF_FILE];
	int sys = 0;

	wm_shelf_file_name(n, file);
	if (!wm_notes_is_empty(n)) {
		sys = write_file(s, n, file, fd);
	} else {
		if (unlinkat(s->dir, file, 0) != 0 && errno != ENOENT)
			sys = errno;
		if (*fd >= 0)
			close(*fd);
		*fd = -1;
	}
	return sys == 0 ? 0 : wm_fail_errno(err, sys, "journal %s/%s", s->path, file);
}
