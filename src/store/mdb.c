#include "store/mdb.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

#define MAP_START   (4u * 1024 * 1024)
#define LIMIT_64BIT (8ull * 1024 * 1024 * 1024)
#define LIMIT_32BIT (1024ull * 1024 * 1024)

int wm_mdb_fail(const struct wm_mdb *m, int rc, const char *what, struct wm_err *err)
{
	switch (rc) {
	case MDB_MAP_FULL:
		return wm_fail(err, WM_RESOURCE_EXHAUSTED,
			       "%s: the state has reached its limit of %zu MiB: delete what is not "
			       "needed or raise the limit",
			       m->path, m->map_limit >> 20);
	case MDB_TXN_FULL:
		return wm_fail(err, WM_RESOURCE_EXHAUSTED, "%s: %s: too much in one transaction",
			       m->path, what);
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
	case EIO: /* LMDB's answer to a write that was cut short, as by a full disk */
		return wm_fail(err, WM_RESOURCE_EXHAUSTED,
			       "%s: %s: the disk is full or fails (%s): nothing was changed; make "
			       "room and try again",
			       m->path, what, strerror(rc));
	case MDB_VERSION_MISMATCH:
		return wm_fail(
			err, WM_DATA_LOSS,
			"%s: %s: written by another version of LMDB: open it with the program "
			"that wrote it, or move it away and join again",
			m->path, what);
	case MDB_INVALID:
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
	case MDB_BAD_VALSIZE:
	case MDB_BAD_DBI:
	case MDB_INCOMPATIBLE:
		return wm_fail(err, WM_DATA_LOSS,
			       "%s: %s: the state is damaged (%s): restore a backup, or move the "
			       "folder away and join again",
			       m->path, what, mdb_strerror(rc));
	case MDB_PANIC:
		return wm_fail(err, WM_UNAVAILABLE,
			       "%s: %s: an earlier write failed half-way: restart the program once "
			       "the disk is well",
			       m->path, what);
	default:
		if (rc > 0)
			return wm_fail_errno(err, rc, "%s: %s", m->path, what);
		return wm_fail(err, WM_INTERNAL, "%s: %s: %s", m->path, what, mdb_strerror(rc));
	}
}

static int fail_locked(const struct wm_mdb *m, int fd, struct wm_err *err)
{
	char pid[24] = "";
	ssize_t n = pread(fd, pid, sizeof(pid) - 1, 0);

	pid[n > 0 ? n : 0] = '\0';
	return wm_fail(err, WM_FAILED_PRECONDITION,
		       "the folder %s is in use by another process%s%s: stop it, or choose another "
		       "folder",
		       m->path, n > 0 ? ", number " : "", wm_str_trim(pid));
}

/* The lock lives as long as the descriptor: a process that is killed leaves none behind. */
static int lock_folder(struct wm_mdb *m, const char *name, struct wm_err *err)
{
	char file[4096];
	char pid[24];
	int n;

	if ((size_t)snprintf(file, sizeof(file), "%s/%s", m->path, name) >= sizeof(file))
		return wm_fail(err, WM_INVALID_ARGUMENT, "the path %.100s... is too long", m->path);
	m->lock_fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (m->lock_fd < 0)
		return wm_fail_errno(err, errno, "cannot open %s", file);
	if (flock(m->lock_fd, LOCK_EX | LOCK_NB) != 0)
		return errno == EWOULDBLOCK ? fail_locked(m, m->lock_fd, err)
					    : wm_fail_errno(err, errno, "cannot lock %s", file);
	n = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
	if (ftruncate(m->lock_fd, 0) != 0 || pwrite(m->lock_fd, pid, (size_t)n, 0) != n)
		return wm_fail_errno(err, errno, "cannot write %s", file);
	return 0;
}

/* A fresh private folder in memory, or on the disk where there is no /dev/shm. */
static char *make_private_folder(struct wm_err *err)
{
	const char *tmp = getenv("TMPDIR");
	const char *places[] = {"/dev/shm", tmp != NULL && *tmp == '/' ? tmp : "/tmp", "/tmp"};
	int sys = 0;

	for (size_t i = 0; i < WM_ARRAY_LEN(places); i++) {
		char path[4096];

		if ((size_t)snprintf(path, sizeof(path), "%s/webmesh-XXXXXX", places[i]) >=
		    sizeof(path))
			continue;
		if (mkdtemp(path) != NULL)
			return wm_strdup(path);
		sys = errno;
	}
	wm_fail_errno(err, sys, "cannot make a private folder in /dev/shm, $TMPDIR or /tmp");
	return NULL;
}

/* A file cut short would be a bus error at the first access: found out here instead. */
static int check_length(struct wm_mdb *m, struct wm_err *err)
{
	MDB_envinfo info;
	MDB_stat st;
	struct stat file;
	int fd;

	mdb_env_info(m->env, &info);
	mdb_env_stat(m->env, &st);
	mdb_env_get_fd(m->env, &fd);
	if (fstat(fd, &file) != 0)
		return wm_fail_errno(err, errno, "%s: cannot look at the data", m->path);
	if ((uint64_t)file.st_size / st.ms_psize < info.me_last_pgno + 1)
		return wm_fail(
			err, WM_DATA_LOSS,
			"%s: the state is damaged (data.mdb was cut short): restore a backup, "
			"or move the folder away and join again",
			m->path);
	m->map_size = info.me_mapsize;
	return 0;
}

static int open_env(struct wm_mdb *m, const struct wm_mdb_opts *o, unsigned flags,
		    struct wm_err *err)
{
	bool whole = (o->whole_map && sizeof(size_t) > 4) || m->map_limit < MAP_START;
	int rc = mdb_env_create(&m->env);

	if (rc == 0)
		rc = mdb_env_set_maxdbs(m->env, o->tables);
	if (rc == 0)
		rc = mdb_env_set_mapsize(m->env, whole ? m->map_limit : MAP_START);
	if (rc == 0)
		rc = mdb_env_open(m->env, m->path, MDB_NOTLS | MDB_NORDAHEAD | flags, 0600);
	if (rc != 0)
		return wm_mdb_fail(m, rc, "cannot open the state", err);
	return check_length(m, err);
}

static void discard_data(const char *path)
{
	static const char *const files[] = {"data.mdb", "lock.mdb"};

	for (size_t i = 0; i < WM_ARRAY_LEN(files); i++) {
		char file[4200];

		snprintf(file, sizeof(file), "%s/%s", path, files[i]);
		unlink(file);
	}
}

static int prepare(const struct wm_mdb_opts *o, struct wm_err *err)
{
	bool discard = false;
	int rc = o->prepare != NULL ? o->prepare(o->arg, &discard, err) : 0;

	if (rc == 0 && discard && o->path != NULL)
		discard_data(o->path);
	return rc;
}

static int open_in_memory(struct wm_mdb *m, const struct wm_mdb_opts *o, struct wm_err *err)
{
	int rc = prepare(o, err);

	if (rc != 0)
		return rc;
	m->path = make_private_folder(err);
	if (m->path == NULL)
		return WM_UNAVAILABLE;
	rc = open_env(m, o, MDB_NOSYNC, err);
	discard_data(m->path);
	rmdir(m->path);
	wm_free(m->path);
	m->path = wm_strdup("state in memory");
	return rc;
}

static int open_on_disk(struct wm_mdb *m, const struct wm_mdb_opts *o, struct wm_err *err)
{
	int rc;

	m->path = wm_strdup(o->path);
	rc = wm_folder_make(o->path, err);
	if (rc == 0 && o->lock != NULL)
		rc = lock_folder(m, o->lock, err);
	if (rc == 0)
		rc = prepare(o, err);
	return rc == 0 ? open_env(m, o, 0, err) : rc;
}

int wm_mdb_open(struct wm_mdb *m, const struct wm_mdb_opts *o, struct wm_err *err)
{
	uint64_t most = sizeof(size_t) > 4 ? LIMIT_64BIT : LIMIT_32BIT;
	uint64_t limit = o->map_limit;
	int rc;

	*m = (struct wm_mdb){.lock_fd = -1};
	if (limit == 0 || (sizeof(size_t) == 4 && limit > most))
		limit = most;
	m->map_limit = (size_t)limit & ~(size_t)65535;
	if (o->path != NULL && *o->path == '\0')
		return wm_fail(err, WM_INVALID_ARGUMENT, "the folder of the state has no name");
	if (m->map_limit < 1024 * 1024)
		return wm_fail(err, WM_INVALID_ARGUMENT, "a state of less than 1 MiB cannot work");
	rc = o->path == NULL ? open_in_memory(m, o, err) : open_on_disk(m, o, err);
	if (rc != 0)
		wm_mdb_close(m);
	return rc;
}

void wm_mdb_close(struct wm_mdb *m)
{
	if (m->env != NULL)
		mdb_env_close(m->env);
	if (m->path != NULL && m->lock_fd >= 0)
		close(m->lock_fd);
	wm_free(m->path);
	*m = (struct wm_mdb){.lock_fd = -1};
}

int wm_mdb_sync(struct wm_mdb *m, struct wm_err *err)
{
	int rc = mdb_env_sync(m->env, 1);

	return rc == 0 ? 0 : wm_mdb_fail(m, rc, "cannot sync", err);
}

/* The same size again is a new mapping. */
int wm_mdb_forget(struct wm_mdb *m, struct wm_err *err)
{
	int rc = mdb_env_set_mapsize(m->env, m->map_size);

	return rc == 0 ? 0 : wm_mdb_fail(m, rc, "cannot map it again", err);
}

int wm_mdb_grow(struct wm_mdb *m, struct wm_err *err)
{
	size_t size = m->map_size < m->map_limit / 2 ? m->map_size * 2 : m->map_limit;
	int rc;

	if (m->map_size >= m->map_limit)
		return wm_mdb_fail(m, MDB_MAP_FULL, "cannot grow", err);
	rc = mdb_env_set_mapsize(m->env, size);
	if (rc != 0)
		return wm_mdb_fail(m, rc, "cannot grow", err);
	m->map_size = size;
	return 0;
}
