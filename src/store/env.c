#include "store/env.h"

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

int wm_env_fail(const struct wm_env *e, int rc, const char *what, struct wm_err *err)
{
	switch (rc) {
	case MDB_MAP_FULL:
		return wm_fail(err, WM_RESOURCE_EXHAUSTED,
			       "%s: the state has reached its limit of %zu MiB: delete what is not "
			       "needed or raise the limit",
			       e->path, e->map_limit >> 20);
	case MDB_TXN_FULL:
		return wm_fail(err, WM_RESOURCE_EXHAUSTED, "%s: %s: too much in one transaction",
			       e->path, what);
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
	case EIO: /* LMDB's answer to a write that was cut short, as by a full disk */
		return wm_fail(err, WM_RESOURCE_EXHAUSTED,
			       "%s: %s: the disk is full or fails (%s): nothing was changed; make "
			       "room and try again",
			       e->path, what, strerror(rc));
	case MDB_VERSION_MISMATCH:
		return wm_fail(
			err, WM_DATA_LOSS,
			"%s: %s: written by another version of LMDB: open it with the program "
			"that wrote it, or move it away and join again",
			e->path, what);
	case MDB_INVALID:
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
	case MDB_BAD_VALSIZE:
	case MDB_BAD_DBI:
	case MDB_INCOMPATIBLE:
		return wm_fail(err, WM_DATA_LOSS,
			       "%s: %s: the state is damaged (%s): restore a backup, or move the "
			       "folder away and join again",
			       e->path, what, mdb_strerror(rc));
	case MDB_PANIC:
		return wm_fail(err, WM_UNAVAILABLE,
			       "%s: %s: an earlier write failed half-way: restart the program once "
			       "the disk is well",
			       e->path, what);
	default:
		if (rc > 0)
			return wm_fail_errno(err, rc, "%s: %s", e->path, what);
		return wm_fail(err, WM_INTERNAL, "%s: %s: %s", e->path, what, mdb_strerror(rc));
	}
}

static int fail_locked(const struct wm_env *e, int fd, struct wm_err *err)
{
	char pid[24] = "";
	ssize_t n = pread(fd, pid, sizeof(pid) - 1, 0);

	pid[n > 0 ? n : 0] = '\0';
	return wm_fail(err, WM_FAILED_PRECONDITION,
		       "the folder %s is in use by another process%s%s: stop it, or choose another "
		       "folder",
		       e->path, n > 0 ? ", number " : "", wm_str_trim(pid));
}

/* The lock lives as long as the descriptor: a process that is killed leaves none behind. */
static int lock_folder(struct wm_env *e, struct wm_err *err)
{
	char file[4096];
	char pid[24];
	int n;

	if ((size_t)snprintf(file, sizeof(file), "%s/store.lock", e->path) >= sizeof(file))
		return wm_fail(err, WM_INVALID_ARGUMENT, "the path %.100s... is too long", e->path);
	e->lock_fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (e->lock_fd < 0)
		return wm_fail_errno(err, errno, "cannot open %s", file);
	if (flock(e->lock_fd, LOCK_EX | LOCK_NB) != 0)
		return errno == EWOULDBLOCK ? fail_locked(e, e->lock_fd, err)
					    : wm_fail_errno(err, errno, "cannot lock %s", file);
	n = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
	if (ftruncate(e->lock_fd, 0) != 0 || pwrite(e->lock_fd, pid, (size_t)n, 0) != n)
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
static int check_length(struct wm_env *e, struct wm_err *err)
{
	MDB_envinfo info;
	MDB_stat st;
	struct stat file;
	int fd;

	mdb_env_info(e->mdb, &info);
	mdb_env_stat(e->mdb, &st);
	mdb_env_get_fd(e->mdb, &fd);
	if (fstat(fd, &file) != 0)
		return wm_fail_errno(err, errno, "%s: cannot look at the data", e->path);
	if ((uint64_t)file.st_size / st.ms_psize < info.me_last_pgno + 1)
		return wm_fail(
			err, WM_DATA_LOSS,
			"%s: the state is damaged (data.mdb was cut short): restore a backup, "
			"or move the folder away and join again",
			e->path);
	e->map_size = info.me_mapsize;
	return 0;
}

static int open_mdb(struct wm_env *e, unsigned flags, struct wm_err *err)
{
	bool whole = e->is_ordered && sizeof(size_t) > 4;
	int rc = mdb_env_create(&e->mdb);

	if (rc == 0)
		rc = mdb_env_set_maxdbs(e->mdb, 2);
	if (rc == 0)
		rc = mdb_env_set_mapsize(e->mdb, whole || e->map_limit < MAP_START ? e->map_limit
										   : MAP_START);
	if (rc == 0)
		rc = mdb_env_open(e->mdb, e->path, MDB_NOTLS | MDB_NORDAHEAD | flags, 0600);
	if (rc != 0)
		return wm_env_fail(e, rc, "cannot open the state", err);
	return check_length(e, err);
}

static int open_tables(struct wm_env *e, struct wm_err *err)
{
	MDB_txn *txn;
	int code;
	int rc = mdb_txn_begin(e->mdb, NULL, 0, &txn);

	if (rc != 0)
		return wm_env_fail(e, rc, "cannot begin to write", err);
	rc = mdb_dbi_open(txn, "kv", MDB_CREATE, &e->kv);
	if (rc == 0)
		rc = mdb_dbi_open(txn, "meta", MDB_CREATE, &e->meta);
	code = rc == 0 ? wm_env_read_meta(e, txn, err)
		       : wm_env_fail(e, rc, "cannot open its tables", err);
	if (code != 0) {
		mdb_txn_abort(txn);
		return code;
	}
	rc = mdb_txn_commit(txn);
	return rc == 0 ? 0 : wm_env_fail(e, rc, "cannot write", err);
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

static int prepare(struct wm_env *e, const struct wm_env_opts *o, struct wm_err *err)
{
	bool discard = false;
	int rc = o->prepare != NULL ? o->prepare(o->arg, &discard, err) : 0;

	if (rc == 0 && discard && o->path != NULL)
		discard_data(o->path);
	return rc;
}

static int open_in_memory(struct wm_env *e, const struct wm_env_opts *o, struct wm_err *err)
{
	int rc = prepare(e, o, err);

	if (rc != 0)
		return rc;
	e->path = make_private_folder(err);
	if (e->path == NULL)
		return WM_UNAVAILABLE;
	rc = open_mdb(e, MDB_NOSYNC, err);
	discard_data(e->path);
	rmdir(e->path);
	wm_free(e->path);
	e->path = wm_strdup("state in memory");
	return rc == 0 ? open_tables(e, err) : rc;
}

static int open_all(struct wm_env *e, const struct wm_env_opts *o, struct wm_err *err)
{
	int rc;

	if (o->path == NULL)
		return open_in_memory(e, o, err);
	e->path = wm_strdup(o->path);
	rc = wm_folder_make(o->path, err);
	if (rc == 0)
		rc = lock_folder(e, err);
	if (rc == 0)
		rc = prepare(e, o, err);
	if (rc == 0)
		rc = open_mdb(e, e->is_ordered ? MDB_NOSYNC : 0, err);
	return rc == 0 ? open_tables(e, err) : rc;
}

int wm_env_open(struct wm_env *e, const struct wm_env_opts *o, struct wm_err *err)
{
	uint64_t most = sizeof(size_t) > 4 ? LIMIT_64BIT : LIMIT_32BIT;
	uint64_t limit = o->map_limit;
	int rc;

	*e = (struct wm_env){.lock_fd = -1, .is_ordered = o->ordered};
	if (limit == 0 || (sizeof(size_t) == 4 && limit > most))
		limit = most;
	e->map_limit = (size_t)limit & ~(size_t)65535;
	if (o->path != NULL && *o->path == '\0')
		return wm_fail(err, WM_INVALID_ARGUMENT, "the folder of the state has no name");
	if (e->map_limit < 1024 * 1024)
		return wm_fail(err, WM_INVALID_ARGUMENT, "a state of less than 1 MiB cannot work");
	rc = open_all(e, o, err);
	if (rc != 0)
		wm_env_close(e);
	return rc;
}

int wm_env_sync(struct wm_env *e, struct wm_err *err)
{
	int rc = mdb_env_sync(e->mdb, 1);

	return rc == 0 ? 0 : wm_env_fail(e, rc, "cannot sync", err);
}

void wm_env_close(struct wm_env *e)
{
	if (e->mdb != NULL)
		mdb_env_close(e->mdb);
	if (e->lock_fd >= 0)
		close(e->lock_fd);
	wm_free(e->path);
	*e = (struct wm_env){.lock_fd = -1};
}

int wm_env_grow(struct wm_env *e, struct wm_err *err)
{
	size_t size = e->map_size < e->map_limit / 2 ? e->map_size * 2 : e->map_limit;
	int rc;

	if (e->map_size >= e->map_limit)
		return wm_env_fail(e, MDB_MAP_FULL, "cannot grow", err);
	rc = mdb_env_set_mapsize(e->mdb, size);
	if (rc != 0)
		return wm_env_fail(e, rc, "cannot grow", err);
	e->map_size = size;
	return 0;
}
