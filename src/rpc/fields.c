#include "rpc/fields.h"
#include "base/mem.h"
#include "base/str.h"
#include "rpc/status.h"
#include <string.h>

void wm_rpc_fields_fini(struct wm_rpc_fields *f)
{
	wm_free(f->nv);
	wm_arena_fini(&f->arena);
	*f = (struct wm_rpc_fields){0};
}

/* nghttp2 wants writable pointers and does not write: it copies what it is given. */
static uint8_t *bytes_of(const char *s)
{
	return (uint8_t *)(uintptr_t)s;
}

static void add(struct wm_rpc_fields *f, const char *name, const char *value, size_t value_len)
{
	if (f->n == f->cap) {
		f->cap = f->cap == 0 ? 16 : 2 * f->cap;
		f->nv = wm_realloc(f->nv, f->cap * sizeof(*f->nv));
	}
	f->nv[f->n++] = (nghttp2_nv){
		.name = bytes_of(name),
		.namelen = strlen(name),
		.value = bytes_of(value),
		.valuelen = value_len,
	};
}

void wm_rpc_fields_add(struct wm_rpc_fields *f, const char *name, const char *value)
{
	add(f, name, value, strlen(value));
}

void wm_rpc_fields_add_bin(struct wm_rpc_fields *f, const char *key, const void *value, size_t len)
{
	char *text = wm_arena_alloc(&f->arena, wm_b64_size(len));
	wm_b64_format(value, len, text);
	size_t n = strlen(text);
	while (n > 0 && text[n - 1] == '=')
		n--;
	add(f, key, text, n);
}

void wm_rpc_fields_add_metadata(struct wm_rpc_fields *f, const struct wm_rpc_metadata *m)
{
	const char *key, *value;
	size_t len;
	for (size_t i = 0; wm_rpc_metadata_at(m, i, &key, &value, &len); i++) {
		if (wm_rpc_metadata_is_bin(key))
			wm_rpc_fields_add_bin(f, key, value, len);
		else
			add(f, key, value, len);
	}
}

void wm_rpc_fields_add_status(struct wm_rpc_fields *f, const struct wm_err *err)
{
	unsigned status = err == NULL ? 0 : wm_rpc_status_of_code(err->code);
	wm_rpc_fields_add(f, "grpc-status", wm_arena_printf(&f->arena, "%u", status));
	if (err == NULL || err->text[0] == '\0')
		return;
	struct wm_buf text = {0};
	wm_rpc_percent_encode(err->text, &text);
	wm_rpc_fields_add(f, "grpc-message", wm_arena_strdup(&f->arena, wm_buf_str(&text)));
	wm_buf_fini(&text);
}
