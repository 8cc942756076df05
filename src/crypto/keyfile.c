#include "crypto/keyfile.h"
#include <string.h>
#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/file.h"

#define KEYFILE_MAX 1024 /* the text is 92 characters; the rest may be white space */

static void wipe_buf(struct wm_buf *b)
{
	if (b->data != NULL)
		wm_wipe(b->data, b->cap);
	wm_buf_fini(b);
}

int wm_keyfile_read(const char *path, struct wm_key *out, struct wm_err *err)
{
	WM_AUTO(wipe_buf) struct wm_buf b = {0};
	const char *text;
	size_t n;
	int rc;

	wm_buf_reserve(&b, KEYFILE_MAX + 1); /* at once, so that no copy stays behind in the heap */
	rc = wm_file_read(path, KEYFILE_MAX, true, &b, err);
	if (rc == WM_RESOURCE_EXHAUSTED)
		return wm_fail(err, WM_INVALID_ARGUMENT, "%s: not a webmesh private key: too long",
			       path);
	if (rc != 0)
		return rc;
	text = (const char *)b.data;
	n = b.len;
	while (n > 0 && strchr(" \t\r\n", text[n - 1]) != NULL && text[n - 1] != '\0')
		n--;
	while (n > 0 && strchr(" \t\r\n", *text) != NULL && *text != '\0') {
		text++;
		n--;
	}
	if (n == 0)
		return wm_fail(err, WM_INVALID_ARGUMENT, "%s: not a webmesh private key: empty",
			       path);
	return wm_key_parse(text, n, out, err) == 0 ? 0 : wm_wrap(err, "%s", path);
}

int wm_keyfile_create(const char *path, const struct wm_key *k, struct wm_err *err)
{
	char text[WM_KEY_TEXT];
	int rc;

	wm_key_format_private(k, text);
	text[WM_KEY_TEXT - 1] = '\n';
	rc = wm_file_publish(path, 0600, text, sizeof(text), err);
	wm_wipe(text, sizeof(text));
	return rc;
}

int wm_keyfile_ensure(const char *path, struct wm_key *out, bool *created, struct wm_err *err)
{
	int rc = wm_keyfile_read(path, out, err);

	if (created != NULL)
		*created = false;
	if (rc != WM_NOT_FOUND)
		return rc;
	wm_key_generate(out);
	rc = wm_keyfile_create(path, out, err);
	if (rc == 0 && created != NULL)
		*created = true;
	if (rc != 0)
		wm_key_fini(out);
	/* Another process was quicker: its key counts. */
	return rc == WM_ALREADY_EXISTS ? wm_keyfile_read(path, out, err) : rc;
}
