#include "cluster/vault.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

#define PREFIX "snapshot-"

static void path_of(const struct wm_vault *s, const char *name, char out[WM_PATH_MAX])
{
	snprintf(out, WM_PATH_MAX, "%s/%s", s->folder, name);
}

static void name_of(uint64_t index, uint64_t term, char out[64])
{
	snprintf(out, 64, PREFIX "%020" PRIu64 "-%020" PRIu64, index, term);
}

/* True for a name that name_of makes. */
static bool index_of(const char *name, uint64_t *index)
{
	char again[64];
	uint64_t term;

	if (sscanf(name, PREFIX "%20" SCNu64 "-%20" SCNu64, index, &term) != 2)
		return false;
	name_of(*index, term, again);
	return strcmp(again, name) == 0;
}

static void remove_name(const struct wm_vault *s, const char *name)
{
	char path[WM_PATH_MAX];

	path_of(s, name, path);
	wm_file_remove(path);
}

/* Removes snapshots above or below, and, when opening, those that never became whole. */
static void sweep(const struct wm_vault *s, uint64_t above, uint64_t below, bool opening)
{
	DIR *d = opendir(s->folder);
	struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL) {
		uint64_t index;
		bool partial =
			wm_streq(e->d_name, "taken.part") || wm_streq(e->d_name, "fetched.part");

		if ((opening && partial) ||
		    (index_of(e->d_name, &index) && (index > above || index < below)))
			remove_name(s, e->d_name);
	}
	if (d != NULL)
		closedir(d);
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? 1 : x > y ? -1 : 0;
}

void wm_vault_tidy(const struct wm_vault *s)
{
	uint64_t found[256];
	size_t n = 0;
	DIR *d = s->folder != NULL ? opendir(s->folder) : NULL;
	struct dirent *e;

	while (d != NULL && n < WM_ARRAY_LEN(found) && (e = readdir(d)) != NULL)
		n += index_of(e->d_name, &found[n]);
	if (d != NULL)
		closedir(d);
	if (n <= s->most)
		return;
	qsort(found, n, sizeof(found[0]), compare);
	sweep(s, UINT64_MAX, found[s->most - 1], false);
}

static int look_at(struct wm_vault *s, int fd, const struct wm_snapshot_meta *meta)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return -1;
	if (s->newest >= 0)
		close(s->newest);
	s->newest = fd;
	s->index = meta->index;
	s->term = meta->term;
	s->bytes = (uint64_t)st.st_size;
	return 0;
}

static int open_newest(struct wm_vault *s, const struct wm_snapshot_meta *meta, struct wm_err *err)
{
	struct wm_snapshot_head head;
	char name[64], path[WM_PATH_MAX];
	bool is_it;
	int fd;

	name_of(meta->index, meta->term, name);
	path_of(s, name, path);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT)
		return wm_fail(err, WM_DATA_LOSS,
			       "%s is missing, and the log begins behind it: restore a backup, or "
			       "move the folder away and join again",
			       path);
	if (fd < 0)
		return wm_fail_errno(err, errno, "cannot open %s", path);
	if (wm_snapshot_read_head(fd, &head, err) != 0) {
		close(fd);
		return wm_fail(err, WM_DATA_LOSS,
			       "%s is damaged: restore a backup, or move the folder away and join "
			       "again",
			       path);
	}
	is_it = head.meta.index == meta->index && head.meta.term == meta->term;
	wm_snapshot_head_fini(&head);
	if (is_it && look_at(s, fd, meta) == 0)
		return 0;
	close(fd);
	return wm_fail(err, WM_DATA_LOSS, "%s is another snapshot than its name says", path);
}

int wm_vault_open(struct wm_vault *s, const char *folder, unsigned most,
		  const struct wm_snapshot_meta *meta, struct wm_err *err)
{
	int rc = 0;

	*s = (struct wm_vault){.newest = -1, .most = most > 0 ? most : 1};
	if (folder == NULL)
		return 0;
	s->folder = wm_strdup(folder);
	sweep(s, meta != NULL ? meta->index : 0, 0, true);
	if (meta != NULL)
		rc = open_newest(s, meta, err);
	if (rc != 0)
		wm_vault_close(s);
	return rc;
}

void wm_vault_close(struct wm_vault *s)
{
	if (s->newest >= 0)
		close(s->newest);
	wm_free(s->folder);
	*s = (struct wm_vault){.newest = -1};
}

static void part_of(const struct wm_vault *s, const char *kind, char out[WM_PATH_MAX])
{
	snprintf(out, WM_PATH_MAX, "%s/%s.part", s->folder, kind);
}

static int create_in_memory(int *fd, struct wm_err *err)
{
	char path[] = "/dev/shm/webmesh-XXXXXX", other[] = "/tmp/webmesh-XXXXXX", *made = path;

	*fd = mkostemp(path, O_CLOEXEC);
	if (*fd < 0) {
		made = other;
		*fd = mkostemp(other, O_CLOEXEC);
	}
	if (*fd < 0)
		return wm_fail_errno(err, errno, "cannot make a file in /dev/shm or /tmp");
	unlink(made);
	return 0;
}

int wm_vault_create(const struct wm_vault *s, const char *kind, int *fd, struct wm_err *err)
{
	char path[WM_PATH_MAX];

	if (s->folder == NULL)
		return create_in_memory(fd, err);
	part_of(s, kind, path);
	wm_file_remove(path);
	*fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	return *fd >= 0 ? 0 : wm_fail_errno(err, errno, "cannot create %s", path);
}

int wm_vault_publish(struct wm_vault *s, const char *kind, int fd,
		     const struct wm_snapshot_meta *meta, struct wm_err *err)
{
	char part[WM_PATH_MAX], name[64], path[WM_PATH_MAX];
	int rc;

	if (s->folder != NULL) {
		part_of(s, kind, part);
		name_of(meta->index, meta->term, name);
		path_of(s, name, path);
		if (rename(part, path) != 0)
			return wm_fail_errno(err, errno, "cannot rename %s", part);
		rc = wm_file_sync_parent(path, err);
		if (rc != 0)
			return rc;
	}
	if (look_at(s, fd, meta) != 0)
		return wm_fail_errno(err, errno, "cannot look at the snapshot");
	return 0;
}

int wm_vault_share(const struct wm_vault *s, int *fd, struct wm_err *err)
{
	if (s->newest < 0)
		return wm_fail(err, WM_NOT_FOUND, "there is no snapshot");
	*fd = fcntl(s->newest, F_DUPFD_CLOEXEC, 0);
	return *fd >= 0 ? 0 : wm_fail_errno(err, errno, "cannot share the snapshot");
}
