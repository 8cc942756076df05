#include "conf/file.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "conf/json.h"
#include "conf/toml.h"
#include "conf/yaml.h"
#include <string.h>

#define SECRET_MAX (64u * 1024)

typedef int (*parse_fn)(struct wm_arena *a, const char *name, const void *text, size_t len,
			struct wm_conf_node **out, struct wm_err *err);

/* One row per format. */
static const struct {
	const char *extension;
	parse_fn parse;
} formats[] = {
	{".yaml", wm_conf_yaml_parse},
	{".yml", wm_conf_yaml_parse},
	{".json", wm_conf_json_parse},
	{".toml", wm_conf_toml_parse},
};

/* Appends the file at @path, at most @max bytes of it, to @out; @what names it in errors. */
static int read_text(const char *path, const char *what, unsigned max, struct wm_buf *out,
		     struct wm_err *err)
{
	struct wm_err why;
	int rc = wm_file_read(path, max, false, out, &why);
	if (rc == 0)
		return 0;
	if (why.sys != 0)
		return wm_fail_errno(err, why.sys, "%s: cannot open the %s", path, what);
	if (rc == WM_RESOURCE_EXHAUSTED)
		return wm_fail(err, WM_INVALID_ARGUMENT, "%s: larger than %u bytes", path, max);
	return wm_fail(err, rc, "%s", why.text);
}

static int read_with(struct wm_arena *a, const char *path, parse_fn parse,
		     struct wm_conf_node **out, struct wm_err *err)
{
	struct wm_buf text = {0};
	int rc = read_text(path, "configuration file", WM_CONF_FILE_MAX, &text, err);
	if (rc == 0)
		rc = parse(a, path, text.data, text.len, out, err);
	/* It may have held keys or passwords. */
	if (text.data != NULL)
		wm_wipe(text.data, text.cap);
	wm_buf_fini(&text);
	return rc;
}

int wm_conf_file_read_yaml(struct wm_arena *a, const char *path, struct wm_conf_node **out,
			   struct wm_err *err)
{
	return read_with(a, path, wm_conf_yaml_parse, out, err);
}

int wm_conf_file_read(struct wm_arena *a, const char *path, struct wm_conf_node **out,
		      struct wm_err *err)
{
	for (size_t i = 0; i < WM_ARRAY_LEN(formats); i++) {
		if (wm_str_ends(path, formats[i].extension))
			return read_with(a, path, formats[i].parse, out, err);
	}
	const char *dot = strrchr(path, '.');
	if (dot == NULL || strchr(dot, '/') != NULL)
		return wm_fail(err, WM_INVALID_ARGUMENT,
			       "%s: has no extension; configuration files end in .yaml, .json or "
			       ".toml",
			       path);
	return wm_fail(err, WM_INVALID_ARGUMENT,
		       "%s: files of the kind %s are not read; write it as .yaml, .json or .toml",
		       path, dot);
}

int wm_conf_file_read_secret(const char *path, struct wm_buf *out, struct wm_err *err)
{
	int rc = read_text(path, "file", SECRET_MAX, out, err);
	if (rc != 0)
		return rc;
	if (out->len > 0 && out->data[out->len - 1] == '\n')
		out->data[--out->len] = '\0';
	if (out->len > 0 && out->data[out->len - 1] == '\r')
		out->data[--out->len] = '\0';
	if (out->len == 0)
		return wm_fail(err, WM_INVALID_ARGUMENT, "%s: is empty", path);
	if (memchr(out->data, '\0', out->len) != NULL)
		return wm_fail(err, WM_INVALID_ARGUMENT, "%s: holds a NUL character", path);
	return 0;
}
