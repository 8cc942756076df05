#include <string.h>
#include "base/mem.h"
#include "base/str.h"
#include "base/file.h"
#include "crypto/pki.h"
#include "crypto/tls.h"

bool wm_tls_source_is_empty(const struct wm_tls_source *s)
{
	return wm_str_is_empty(s->file) && wm_str_is_empty(s->data);
}

static size_t copy_visible(const char *s, char *to)
{
	size_t n = 0;

	for (; *s != '\0'; s++) {
		if (strchr(" \t\r\n", *s) == NULL)
			to[n++] = *s;
	}
	return n;
}

/* Configuration files fold long texts: white space in them means nothing. */
static int decode_data(const char *data, const char *what, struct wm_buf *out, struct wm_err *err)
{
	size_t size = strlen(data), n, len = 0;
	char *text;
	bool ok;

	if (size > 2 * WM_PKI_MAX_PEM)
		return wm_fail(err, WM_INVALID_ARGUMENT,
			       "%s: the data is longer than the %u bytes allowed here", what,
			       2 * WM_PKI_MAX_PEM);
	text = wm_alloc(size + 1);
	n = copy_visible(data, text);
	ok = wm_b64_parse(text, n, wm_buf_reserve(out, n + 1), n, &len);
	wm_wipe(text, size);
	wm_free(text);
	if (!ok)
		return wm_fail(err, WM_INVALID_ARGUMENT, "%s: the data is not base64", what);
	wm_buf_commit(out, len);
	return 0;
}

int wm_tls_source_read(const struct wm_tls_source *s, const char *what, struct wm_buf *out,
		       struct wm_err *err)
{
	int rc;

	if (!wm_str_is_empty(s->file) && !wm_str_is_empty(s->data))
		return wm_fail(err, WM_INVALID_ARGUMENT,
			       "%s: both a file and data are given: choose one", what);
	if (wm_tls_source_is_empty(s))
		return wm_fail(err, WM_INVALID_ARGUMENT, "%s: neither a file nor data is given",
			       what);
	if (!wm_str_is_empty(s->data))
		return decode_data(s->data, what, out, err);
	rc = wm_file_read(s->file, WM_PKI_MAX_PEM, false, out, err);
	return rc == 0 ? 0 : wm_wrap(err, "%s", what);
}

int wm_tls_source_cn(const struct wm_tls_source *s, char *out, size_t size, struct wm_err *err)
{
	WM_AUTO(wm_pki_buf_wipe) struct wm_buf pem = {0};
	int rc = wm_tls_source_read(s, "certificate", &pem, err);

	if (rc != 0)
		return rc;
	rc = wm_pki_cn_decode(pem.data, pem.len, out, size, err);
	if (rc == 0)
		return 0;
	return wm_wrap(err, "certificate%s%s", wm_str_is_empty(s->file) ? "" : ": ",
		       wm_str_is_empty(s->file) ? "" : s->file);
}
