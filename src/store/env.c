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
#include "base/rand.h"
#include "base/str.h"
#include "base/wire.h"

#define FORMAT      "1"
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

static void remove_private_folder(const char *path)
{
	static const char *const files[] = {"data.mdb", "lock.mdb"};

	for (size_t i = 0; i < WM_ARRAY_LEN(files); i++) {
		char file[4200];

		snprintf(file, sizeof(file), "%s/%s", path, files[i]);
		unlink(file);
	}
	rmdir(path);
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
	int rc = mdb_env_create(&e->mdb);

	if (rc == 0)
		rc = mdb_env_set_maxdbs(e->mdb, 2);
	if (rc == 0)
		rc = mdb_env_set_mapsize(e->mdb,
					 e->map_limit < MAP_START ? e->map_limit : MAP_START);
	if (rc == 0)
		rc = mdb_env_open(e->mdb, e->path, MDB_NOTLS | MDB_NORDAHEAD | flags, 0600);
	if (rc != 0)
		return wm_env_fail(e, rc, "cannot open the state", err);
	return check_length(e, err);
}

static MDB_val val(const void *p, size_t n)
{
	return (MDB_val){.mv_size = n, .mv_data = (void *)(uintptr_t)p};
}

static int put_meta(struct wm_env *e, MDB_txn *txn, const char *name, const void *p, size_t n)
{
	MDB_val k = val(name, strlen(name)), v = val(p, n);

	return mdb_put(txn, e->meta, &k, &v, 0);
}

static int get_meta(struct wm_env *e, MDB_txn *txn, const char *name, MDB_val *v)
{
	MDB_val k = val(name, strlen(name));

	return mdb_get(txn, e->meta, &k, v);
}

int wm_env_put_revision(struct wm_env *e, MDB_txn *txn, uint64_t revision)
{
	uint8_t bytes[8];
	struct wm_wire w;

	wm_wire_init_write(&w, bytes, sizeof(bytes));
	wm_wire_put_be64(&w, revision);
	return put_meta(e, txn, "revision", bytes, sizeof(bytes));
}

static int found_nothing(struct wm_env *e, MDB_txn *txn)
{
	uint8_t id[(WM_INCARNATION_TEXT - 1) / 2];
	int rc;

	wm_rand_bytes(id, sizeof(id));
	wm_hex_format(id, sizeof(id), e->incarnation);
	rc = put_meta(e, txn, "format", FORMAT, strlen(FORMAT));
	if (rc == 0)
		rc = put_meta(e, txn, "incarnation", e->incarnation, strlen(e->incarnation));
	return rc == 0 ? wm_env_put_revision(e, txn, 0) : rc;
}

static int check_format(struct wm_env *e, const MDB_val *format, struct wm_err *err)
{
	if (format->mv_size == strlen(FORMAT) &&
	    memcmp(format->mv_data, FORMAT, strlen(FORMAT)) == 0)
		return 0;
	return wm_fail(err, WM_DATA_LOSS,
		       "%s: the state has format %.*s, this program knows %s: install the version "
		       "that wrote it",
		       e->path, (int)(format->mv_size < 16 ? format->mv_size : 16),
		       (const char *)format->mv_data, FORMAT);
}

static int read_meta(struct wm_env *e, MDB_txn *txn, struct wm_err *err)
{
	MDB_val format, incarnation, revision;
	struct wm_wire w;
	int rc = get_meta(e, txn, "format", &format);

	if (rc == MDB_NOTFOUND)
		rc = found_nothing(e, txn);
	else if (rc == 0 && check_format(e, &format, err) != 0)
		return WM_DATA_LOSS;
	if (rc == 0)
		rc = get_meta(e, txn, "incarnation", &incarnation);
	if (rc == 0)
		rc = get_meta(e, txn, "revision", &revision);
	if (rc == MDB_NOTFOUND || (rc == 0 && (incarnation.mv_size != sizeof(e->incarnation) - 1 ||
					       revision.mv_size != 8)))
		rc = MDB_CORRUPTED;
	if (rc != 0)
		return wm_env_fail(e, rc, "cannot read its identity", err);
	memcpy(e->incarnation, incarnation.mv_data, incarnation.mv_size);
	wm_wire_init_read(&w, revision.mv_data, revision.mv_size);
	e->revision = wm_wire_get_be64(&w);
	return 0;
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
	code = rc == 0 ? read_meta(e, txn, err) : wm_env_fail(e, rc, "cannot open its tables", err);
	if (code != 0) {
		mdb_txn_abort(txn);
		return code;
	}
	rc = mdb_txn_commit(txn);
	return rc == 0 ? 0 : wm_env_fail(e, rc, "cannot write", err);
}

static int open_all(struct wm_env *e, const char *path, struct wm_err *err)
{
	int rc;

	if (path == NULL) {
		e->path = make_private_folder(err);
		if (e->path == NULL)
			return WM_UNAVAILABLE;
		rc = open_mdb(e, MDB_NOSYNC, err);
		remove_private_folder(e->path);
		wm_free(e->path);
		e->path = wm_strdup("state in memory");
		return rc == 0 ? open_tables(e, err) : rc;
	}
	e->path = wm_strdup(path);
	rc = wm_folder_make(path, err);
	if (rc == 0)
		rc = lock_folder(e, err);
	if (rc == 0)
		rc = open_mdb(e, 0, err);
	return rc == 0 ? open_tables(e, err) : rc;
}

int wm_env_open(struct wm_env *e, const char *path, uint64_t map_limit, struct wm_err *err)
{
	uint64_t most = sizeof(size_t) > 4 ? LIMIT_64BIT : LIMIT_32BIT;
	int rc;

	*e = (struct wm_env){.lock_fd = -1};
	if (map_limit == 0 || (sizeof(size_t) == 4 && map_limit > most))
		map_limit = most;
	e->map_limit = (size_t)map_limit & ~(size_t)65535;
	if (path != NULL && *path == '\0')
		return wm_fail(err, WM_INVALID_ARGUMENT, "the folder of the state has no name");
	if (e->map_limit < 1024 * 1024)
		return wm_fail(err, WM_INVALID_ARGUMENT, "a state of less than 1 MiB cannot work");
	rc = open_all(e, path, err);
	if (rc != 0)
		wm_env_close(e);
	return rc;
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
