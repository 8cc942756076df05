#include "rpc/metadata.h"
#include "base/mem.h"
#include "base/str.h"
#include <string.h>

void wm_rpc_metadata_fini(struct wm_rpc_metadata *m)
{
	wm_buf_fini(&m->text);
	wm_free(m->items);
	*m = (struct wm_rpc_metadata){0};
}

static void append(struct wm_rpc_metadata *m, const char *key, size_t key_len, const char *value,
		   size_t value_len)
{
	if (m->n == m->cap) {
		m->cap = m->cap == 0 ? 8 : 2 * m->cap;
		m->items = wm_realloc(m->items, m->cap * sizeof(*m->items));
	}
	struct wm_rpc_metadatum *item = &m->items[m->n++];
	item->key = (uint32_t)m->text.len;
	wm_buf_add(&m->text, key, key_len);
	wm_buf_add(&m->text, "", 1);
	item->value = (uint32_t)m->text.len;
	item->value_len = (uint32_t)value_len;
	wm_buf_add(&m->text, value, value_len);
	wm_buf_add(&m->text, "", 1);
}

static bool is_bin(const char *key, size_t len)
{
	return len > 4 && memcmp(key + len - 4, "-bin", 4) == 0;
}

bool wm_rpc_metadata_is_bin(const char *key)
{
	return is_bin(key, strlen(key));
}

static bool key_is_valid(const char *key, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char c = key[i];
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
		      c == '.'))
			return false;
	}
	return len > 0;
}

/* Names that belong to HTTP/2 or to gRPC itself. */
static bool key_is_reserved(const char *key, size_t len)
{
	static const char *const reserved[] = {
		"content-type",   "te",      "connection", "host",      "transfer-encoding",
		"content-length", "upgrade", "keep-alive", "user-agent"};
	if (len > 5 && memcmp(key, "grpc-", 5) == 0)
		return true;
	for (size_t i = 0; i < WM_ARRAY_LEN(reserved); i++) {
		if (strlen(reserved[i]) == len && memcmp(reserved[i], key, len) == 0)
			return true;
	}
	return false;
}

static bool value_is_ascii(const char *value, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (value[i] < 0x20 || value[i] > 0x7e)
			return false;
	}
	return true;
}

bool wm_rpc_metadata_add(struct wm_rpc_metadata *m, const char *key, const char *value, size_t len)
{
	size_t key_len = strlen(key);
	if (!key_is_valid(key, key_len) || key_is_reserved(key, key_len))
		return false;
	if (!is_bin(key, key_len) && !value_is_ascii(value, len))
		return false;
	append(m, key, key_len, value, len);
	return true;
}

/* One base64 text, with its padding or without, of at most a header block's length. */
static bool add_base64(struct wm_rpc_metadata *m, const char *key, size_t key_len, const char *text,
		       size_t len)
{
	char padded[WM_RPC_HEADER_MAX + 4], bytes[WM_RPC_HEADER_MAX];
	if (len > WM_RPC_HEADER_MAX)
		return false;
	memcpy(padded, text, len);
	bool complete = len > 0 && text[len - 1] == '=';
	while (len % 4 != 0 && !complete)
		padded[len++] = '=';
	size_t n;
	if (!wm_b64_parse(padded, len, bytes, sizeof(bytes), &n))
		return false;
	append(m, key, key_len, bytes, n);
	return true;
}

static bool add_base64_list(struct wm_rpc_metadata *m, const char *key, size_t key_len,
			    const char *text, size_t len)
{
	uint32_t n = m->n;
	size_t text_len = m->text.len;
	for (;;) {
		const char *comma = len == 0 ? NULL : memchr(text, ',', len);
		size_t piece = comma == NULL ? len : (size_t)(comma - text);
		if (!add_base64(m, key, key_len, text, piece)) {
			m->n = n;
			m->text.len = text_len;
			return false;
		}
		if (comma == NULL)
			return true;
		text += piece + 1;
		len -= piece + 1;
	}
}

bool wm_rpc_metadata_decode(struct wm_rpc_metadata *m, const char *key, size_t key_len,
			    const char *value, size_t value_len)
{
	/* Who calls with what program is of interest to a log, the details of an error to who
	 * called; the other names are not metadata. */
	static const char details[] = "grpc-status-details-bin";
	bool read = (key_len == 10 && memcmp(key, "user-agent", 10) == 0) ||
		    (key_len == sizeof(details) - 1 && memcmp(key, details, key_len) == 0);
	if (!key_is_valid(key, key_len) || (key_is_reserved(key, key_len) && !read))
		return false;
	if (is_bin(key, key_len))
		return add_base64_list(m, key, key_len, value, value_len);
	if (!value_is_ascii(value, value_len))
		return false;
	append(m, key, key_len, value, value_len);
	return true;
}

bool wm_rpc_metadata_at(const struct wm_rpc_metadata *m, size_t i, const char **key,
			const char **value, size_t *len)
{
	if (i >= m->n)
		return false;
	const char *text = wm_buf_str(&m->text);
	*key = text + m->items[i].key;
	*value = text + m->items[i].value;
	if (len != NULL)
		*len = m->items[i].value_len;
	return true;
}

const char *wm_rpc_metadata_find(const struct wm_rpc_metadata *m, const char *key, size_t *len)
{
	const char *k, *value;
	for (size_t i = 0; wm_rpc_metadata_at(m, i, &k, &value, len); i++) {
		if (strcmp(k, key) == 0)
			return value;
	}
	return NULL;
}
