/* The file: one line "webmesh-view 1 <node ID> <public key>", then the JoinResponse as protojson.
 */
#include "agent/lastview.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "pb/json.h"

#define VIEW_LIMIT  (64u * 1024 * 1024) /* 10,000 peers need less than a tenth of it */
#define HEADER      "webmesh-view 1 %s %s\n"
#define HEADER_TEXT 256

static int path_of(const struct wm_last_view *at, char out[PATH_MAX], struct wm_err *err)
{
	if (snprintf(out, PATH_MAX, "%s/last-view", at->folder) < PATH_MAX)
		return 0;
	return wm_fail(err, WM_INVALID_ARGUMENT, "storage.path: the path is too long");
}

int wm_last_view_save(const struct wm_last_view *at, const V1__JoinResponse *view,
		      struct wm_err *err)
{
	struct wm_buf content = {0};
	char path[PATH_MAX];
	wm_buf_printf(&content, HEADER, at->node_id, at->public_key);
	int rc = wm_pb_json_format(&view->base, 0, &content, err);
	if (rc == 0)
		rc = path_of(at, path, err);
	if (rc == 0)
		rc = wm_folder_make(at->folder, err);
	if (rc == 0)
		rc = wm_file_replace(path, 0600, content.data, content.len, err);
	wm_buf_fini(&content);
	return rc;
}

int wm_last_view_load(const struct wm_last_view *at, struct wm_arena *arena, V1__JoinResponse **out,
		      int64_t *age_ns, struct wm_err *err)
{
	char path[PATH_MAX], header[HEADER_TEXT];
	struct wm_buf content = {0};
	struct stat st;
	int rc = path_of(at, path, err);
	if (rc == 0)
		rc = wm_file_read(path, VIEW_LIMIT, true, &content, err);
	if (rc == 0 && stat(path, &st) == 0)
		*age_ns = wm_clock_wall() - (int64_t)st.st_mtime * WM_NS_PER_S;
	int len = snprintf(header, sizeof(header), HEADER, at->node_id, at->public_key);
	if (rc == 0 &&
	    (content.len < (size_t)len || memcmp(content.data, header, (size_t)len) != 0))
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
	char path[PATH_MAX];
	if (path_of(at, path, NULL) == 0)
		unlink(path);
}
