/* The file: one line "webmesh-view 1 <node ID> <public key>", then the JoinResponse as protojson. */
#include "agent/lastview.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "pb/json.h"

#define VIEW_LIMIT  (64u * 1024 * 1024) /* 10,000 peers need less than a tenth of it */
#define HEADER	    "webmesh-view 1 %s %s\n"
#define HEADER_TEXT 256

static int path_of(const struct wm_last_view *at, const char *suffix, char out[4096],
		   struct wm_err *err)
{
	if (snprintf(out, 4096, "%s/last-view%s", at->folder, suffix) < 4096)
		return 0;
	return wm_fail(err, WM_INVALID_ARGUMENT, "storage.path: the path is too long");
}

/* "/a/b/c": each folder that is missing, the last of them for us alone. */
static int make_folder(const char *folder, struct wm_err *err)
{
	WM_AUTO(wm_autofree) char *path = wm_strdup(folder);
	for (char *p = path + 1; *p != '\0'; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(path, 0755) != 0 && errno != EEXIST)
			return wm_fail_errno(err, errno, "%s", path);
		*p = '/';
	}
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return wm_fail_errno(err, errno, "%s", path);
	return 0;
}

static int write_all(int fd, const struct wm_buf *b)
{
	for (size_t done = 0; done < b->len;) {
		ssize_t n = write(fd, b->data + done, b->len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 ? EIO : errno;
		done += (size_t)n;
	}
	return fdatasync(fd) == 0 ? 0 : errno;
}

/* Under another name first: what is there stays whole until the new one is. */
static int replace_file(const struct wm_last_view *at, const struct wm_buf *content,
			struct wm_err *err)
{
	char path[4096], next[4096];
	if (path_of(at, "", path, err) != 0 || path_of(at, ".next", next, err) != 0)
		return WM_INVALID_ARGUMENT;
	int fd = open(next, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return wm_fail_errno(err, errno, "%s", next);
	int sys = write_all(fd, content);
	if (close(fd) != 0 && sys == 0)
		sys = errno;
	if (sys == 0 && rename(next, path) != 0)
		sys = errno;
	if (sys == 0)
		return 0;
	unlink(next);
	return wm_fail_errno(err, sys, "%s", path);
}

int wm_last_view_save(const struct wm_last_view *at, const V1__JoinResponse *view,
		      struct wm_err *err)
{
	struct wm_buf content = {0};
	wm_buf_printf(&content, HEADER, at->node_id, at->public_key);
	int rc = wm_pb_json_format(&view->base, 0, &content, err);
	if (rc == 0)
		rc = make_folder(at->folder, err);
	if (rc == 0)
		rc = replace_file(at, &content, err);
	wm_buf_fini(&content);
	return rc;
}

static int read_all(int fd, struct wm_buf *out, const char *path, struct wm_err *err)
{
	while (out->len <= VIEW_LIMIT) {
		ssize_t n = read(fd, wm_buf_reserve(out, 65536), 65536);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return wm_fail_errno(err, errno, "%s", path);
		if (n == 0)
			return 0;
		wm_buf_commit(out, (size_t)n);
	}
	return wm_fail(err, WM_RESOURCE_EXHAUSTED, "%s: larger than any view", path);
}

static int read_file(const char *path, struct wm_buf *out, int64_t *age_ns, struct wm_err *err)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return wm_fail_errno(err, errno, "%s", path);
	int rc = read_all(fd, out, path, err);
	*age_ns = fstat(fd, &st) == 0 ? wm_clock_wall() - (int64_t)st.st_mtime * WM_NS_PER_S : 0;
	close(fd);
	return rc;
}

int wm_last_view_load(const struct wm_last_view *at, struct wm_arena *arena, V1__JoinResponse **out,
		      int64_t *age_ns, struct wm_err *err)
{
	char path[4096], header[HEADER_TEXT];
	struct wm_buf content = {0};
	int rc = path_of(at, "", path, err);
	if (rc == 0)
		rc = read_file(path, &content, age_ns, err);
	int len = snprintf(header, sizeof(header), HEADER, at->node_id, at->public_key);
	if (rc == 0 && (content.len < (size_t)len || memcmp(content.data, header, (size_t)len) != 0))
		rc = wm_fail(err, WM_NOT_FOUND, "%s: of another node or key", path);
	ProtobufCMessage *message;
	if (rc == 0)
		rc = wm_pb_json_parse(arena, &v1__join_response__descriptor,
				      (const char *)content.data + len, content.len - (size_t)len,
				      WM_PB_JSON_IGNORE_UNKNOWN, &message, err);
	if (rc == 0)
		*out = (V1__JoinResponse *)message;
	wm_buf_fini(&content);
	return rc;
}

void wm_last_view_forget(const struct wm_last_view *at)
{
	char path[4096];
	if (path_of(at, "", path, NULL) == 0)
		unlink(path);
}
